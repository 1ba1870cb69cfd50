#!/usr/bin/env python3
"""How tools/setup becomes root and takes a failing registry, with programs that only pretend.

test_setup.py [PART]     only the cases whose names contain PART
"""

import os
import pty
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "consume"))

import kit  # noqa: E402

SETUP = kit.ROOT / "tools" / "setup"
PACKAGE = "python3-torch"  # the group frameworks

# sudo knows a password that only a terminal can give, and stays content once it was given.
SUDO = """
case $1 in
-n) [ -e given ] || [ -e no_password ] || exit 1; shift ;;
-v) [ -e no_rights ] && exit 1; : >given; exit ;;
*) [ -e given ] || exit 1 ;;
esac
[ "$1" = true ] && exit
[ "$1" = -E ] && shift
echo "$*" >>did
"$@"
"""
APT_GET = """
case "$*" in
*" update") [ ! -e no_lists ] ;;
*" install "*) [ ! -e no_packages ] && : >installed ;;
esac
"""
FAKES = {
    "id": "echo ${FAKE_ID:-1000}",
    "sudo": SUDO,
    "apt-get": APT_GET,
    "sleep": "",
    "dpkg": "echo amd64",
    "dpkg-query": "[ -e installed ] && echo amd64 installed",
}


def setup(folder, *states, terminal=False, code=0, identity=1000):
    """What it says, and the commands that ran as root."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name, script in FAKES.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    for state in states:
        (folder / state).touch()
    keyboard, screen = pty.openpty()
    done = subprocess.run(
        [SETUP, "frameworks"], cwd=folder, check=False, stdout=subprocess.PIPE,
        stdin=screen if terminal else subprocess.DEVNULL,
        stderr=screen if terminal else subprocess.STDOUT,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "FAKE_ID": str(identity)},
    )  # fmt: skip
    os.close(screen)
    said = done.stdout.decode() + (os.read(keyboard, 9999).decode() if terminal else "")
    os.close(keyboard)
    kit.expect(done.returncode == code, f"exit status {done.returncode}:\n{said}")
    did = folder / "did"
    return said, did.read_text() if did.exists() else ""


def expect_installed(said, did):
    kit.expect(f"setup: installed {PACKAGE}" in said, said)
    kit.expect("update\n" in did and f"install --no-install-recommends {PACKAGE}\n" in did, did)


def a_password_is_asked_for_on_a_terminal(folder):
    said, did = setup(folder, terminal=True)
    kit.expect(f"to be installed: {PACKAGE}" in said, said)
    expect_installed(said, did)


def nobody_is_asked_without_a_terminal(folder):
    said, did = setup(folder, code=1)
    kit.expect("administrator to run: apt-get update && apt-get install" in said, said)
    kit.expect(not did, did)


def sudo_without_password_needs_no_terminal(folder):
    expect_installed(*setup(folder, "no_password"))


def who_may_not_is_told_what_to_ask_for(folder):
    said, did = setup(folder, "no_rights", terminal=True, code=1)
    kit.expect(f"apt-get install -y {PACKAGE}" in said, said)
    kit.expect(not did, did)


def root_needs_no_sudo(folder):
    said, did = setup(folder, identity=0)
    kit.expect("setup: installed" in said and not did, said + did)


def old_lists_will_do(folder):
    expect_installed(*setup(folder, "no_password", "no_lists"))


def what_cannot_be_installed_is_a_failure(folder):
    said, _ = setup(folder, "no_password", "no_packages", code=1)
    kit.expect("apt-get failed, see above.  By hand: apt-get update" in said, said)


def what_is_there_is_left_alone(folder):
    said, did = setup(folder, "installed")
    kit.expect(not said and not did, said + did)


for claim in (
    a_password_is_asked_for_on_a_terminal, nobody_is_asked_without_a_terminal,
    sudo_without_password_needs_no_terminal, who_may_not_is_told_what_to_ask_for,
    root_needs_no_sudo, old_lists_will_do, what_cannot_be_installed_is_a_failure,
    what_is_there_is_left_alone,
):  # fmt: skip
    kit.case(claim.__name__, claim)

if __name__ == "__main__":
    sys.exit(kit.run_all(sys.argv[1] if len(sys.argv) > 1 else ""))
