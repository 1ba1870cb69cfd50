"""What the families of tests/devices share: rows, commands, suites of the plain harness."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "devices"
JOBS = 2
SECONDS = 1200  # for one command
UNAVAILABLE = 77
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")
MISSING = re.compile(r": (\w+): not in this build or not on this CPU$", re.MULTILINE)
DIGEST = re.compile(r"^digest (\w+) f32 (\w+) ([0-9a-f]{16})$", re.MULTILINE)


def quick():
    """Whether tools/matrix was asked for less: every row, with fewer suites, levels or targets."""
    return os.environ.get("LSTM_MATRIX_QUICK", "0") != "0"


class Failed(Exception):
    """What had to work did not."""


class Unavailable(Exception):
    """A compiler or emulator that this system does not have."""


def suites():
    """The names of all suites but WebAssembly's own."""
    return sorted(path.stem[5:] for path in (ROOT / "tests").glob("test_*.c")
                  if path.stem != "test_wasm")


def need(program, package):
    if shutil.which(program) is None:
        raise Unavailable(f"{program} is not installed (Debian: {package})")


def execute(arguments, **environment):
    """Exit status and output of a command in the repository."""
    process = subprocess.Popen(
        [str(argument) for argument in arguments], cwd=ROOT, env={**os.environ, **environment},
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return -signal.SIGKILL, process.communicate()[0] + f"\nnot done after {SECONDS} seconds"
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, output


def must(*arguments, **environment):
    """The output of a command that has to succeed."""
    status, output = execute(arguments, **environment)
    if status:
        raise Failed(f"$ {' '.join(map(str, arguments))}\n{output}\nexit status {status}")
    return output


def configure(folder, *options):
    """Meson's build folder with these options, whatever it was made with before."""
    if (folder / "build.ninja").exists():
        status, _ = execute(["meson", "setup", "--reconfigure", folder, *options])
        if status == 0:
            return
    shutil.rmtree(folder, ignore_errors=True)
    must("meson", "setup", folder, *options)


@contextlib.contextmanager
def locked(folder):
    """Rows that share a build wait for each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Counts:
    """The tests of a row, and the digests that they computed."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.digests = {}  # of (instruction set, activations)
        self.none = "scalar"  # what the table says where there are none
        self.missing = set()  # the instruction sets for which tests were skipped

    def expect(self, condition, sentence):
        """A test of the row's own."""
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL {sentence}", flush=True)

    def suite(self, name, *arguments, **environment):
        """A program on the plain harness: its counts; what it says if anything is wrong."""
        self.judge(name, *execute(arguments, LSTM_TEST_QUICK="1", **environment))

    def judge(self, name, status, output):
        lines = output.strip().splitlines() or [""]
        found = SUMMARY.match(lines[-1])
        passed, failed, skipped = map(int, found.groups()) if found else (0, 0, 0)
        for isa, activations, digest in DIGEST.findall(output):
            self.digests[isa, activations] = digest
        self.missing.update(MISSING.findall(output))
        self.passed += passed
        self.skipped += skipped
        if failed or status or not found:
            self.failed += failed or 1
            print(f"FAIL {name}: exit status {status}\n{output}", flush=True)

    def isas(self):
        return {isa for isa, _ in self.digests}

    def expect_kernels(self, isas):
        """Those whose digests there are: so these kernels ran, not the scalar path in their place."""
        found = self.isas()
        self.expect(found == set(isas), f"expected the kernels {sorted(isas)} to run, "
                                        f"found {sorted(found)}")

    def expect_present(self, isas):
        """Those for which suites without a digest ran, as others were skipped."""
        self.none = f"{' and '.join(sorted(isas))}, digest not computed"
        self.expect(self.missing and not self.missing & set(isas),
                    f"expected the kernels {sorted(isas)} to run and others not to, found that these "
                    f"did not: {sorted(self.missing)}")

    def note(self):
        """The instruction sets that ran vectors, and the digest that each build of the activations
        gave on them; test_digest.c holds it against the one on record."""
        if not self.digests:
            return self.none
        known = sorted({(act, digest) for (_, act), digest in self.digests.items()})
        return (" and ".join(sorted(self.isas())) + ", digest "
                + ", ".join(f"{digest} ({act})" for act, digest in known))


def main(rows):
    """rows: {name: (how, function)}, where the function answers Counts; or what it compiled, as a
    sentence, where nothing was run."""
    arguments = sys.argv[1:]
    if arguments == ["--list"]:
        print("\n".join(f"{name}\t{how}" for name, (how, _) in rows.items()))
        return 0
    if len(arguments) != 1 or arguments[0] not in rows:
        print(f"usage: {sys.argv[0]} --list | NAME", file=sys.stderr)
        return 2
    os.environ.pop("LSTM_ISA", None)
    try:
        counts = rows[arguments[0]][1]()
    except Unavailable as reason:
        print(f"unavailable: {reason}")
        return UNAVAILABLE
    except Failed as reason:
        print(reason)
        return 1
    if isinstance(counts, str):
        print(f"compiled only: {counts}")
        return 0
    print(f"note: {counts.note()}")
    print(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return 1 if counts.failed or not counts.passed else 0
