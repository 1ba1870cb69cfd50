#!/usr/bin/python3
"""test_cli.py LSTM [PART]     the lstm command: what it computes, what it refuses, what it leaves

LSTM is the program; with PART only the tests whose names contain it run.  Needs numpy.
"""

import os
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
FOLDER = Path(__file__).resolve().parent / "cli"
sys.path.insert(0, str(FOLDER))

import kit  # noqa: E402


def main():
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    kit.PROGRAM = os.path.abspath(sys.argv[1])
    os.environ.pop("LSTM_ISA", None)
    loader = unittest.TestLoader()
    if len(sys.argv) == 3:
        loader.testNamePatterns = [f"*{sys.argv[2]}*"]
    suite = loader.discover(str(FOLDER), "test_*.py")
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"{max(0, result.testsRun - failed - skipped)} passed, {failed} failed, "
          f"{skipped} skipped")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
