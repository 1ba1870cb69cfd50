"""A Python with TensorFlow and its Keras 2, which cannot be installed beside Keras 3."""

import fcntl
import functools
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ["tensorflow-cpu==2.15.1", "numpy==1.26.4"]
PYTHONS = ((3, 9), (3, 11))  # that there are packages of it for
SECONDS = 600  # to download 250 MB
FOLDER = ROOT / ".cache" / "keras2"


def base_python():
    """One that TensorFlow is packaged for, or None."""
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return sys.executable
    names = (f"python3.{minor}" for minor in range(PYTHONS[1][1], PYTHONS[0][1] - 1, -1))
    return next(filter(None, map(shutil.which, names)), None)


def make(base):
    """None, or why it cannot be had."""
    pip = [FOLDER / "bin" / "python", "-m", "pip", "install", "-q", "--no-compile",
           "--disable-pip-version-check", "--no-input", "--only-binary", ":all:", *PACKAGES]
    for command in ([base, "-m", "venv", "--clear", FOLDER], pip):
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"not there after {SECONDS} seconds"
        if done.returncode:
            return ((done.stderr + done.stdout).strip().splitlines() or ["pip failed"])[-1]
    return None


@functools.cache
def find():
    """(the Python, None) or (None, why there is none).  KERAS2 names one that is there already."""
    if os.environ.get("KERAS2"):
        return os.environ["KERAS2"], None
    stamp = FOLDER / "installed"
    FOLDER.parent.mkdir(exist_ok=True)
    with open(FOLDER.parent / "keras2.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text("ascii").split() != PACKAGES:
            base = base_python()
            reason = make(base) if base else "needs Python 3.9 to 3.11"
            if reason:
                return None, f"{PACKAGES[0]}: {reason}"
            stamp.write_text("\n".join(PACKAGES), "ascii")
    return str(FOLDER / "bin" / "python"), None


def run(script, *arguments):
    """Run the script in it, or skip the test."""
    python, reason = find()
    if reason:
        raise unittest.SkipTest(reason)
    done = subprocess.run([python, "-c", script, *map(str, arguments)], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise AssertionError(f"TensorFlow failed:\n{done.stderr}")
