"""The rows of tools/matrix, which is the command to run; this needs everything installed.

Every executable tests/devices/*/run is a family of targets.  `run --list` prints its rows, one a
line, NAME<TAB>HOW; `run NAME` builds and runs one, and its last line of output decides:

    N passed, N failed, N skipped    with exit status 0 where none failed
    compiled only: WHAT              with exit status 0
    unavailable: WHY                 with exit status 77: no emulator or compiler on this system

Anything else has failed.  A line `note: TEXT` before it is shown in the table.  LSTM_MATRIX_QUICK=1
in the environment asks the rows for less, which their HOW then says.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 2  # the emulators and compilers of one row keep a core busy
ROW_SECONDS = 3000  # many times what a row takes: machines that are shared are slow
UNAVAILABLE = 77
COUNTS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")
COLUMNS = ("target", "how it was run", "result", "note")

STANDARD_OUTPUT = "-"

running = set()  # process groups, to be ended with this program
talking = threading.Lock()
told = sys.stdout  # where all but the JSON goes


class Wrong(Exception):
    """Wrong use, or a family that cannot say what it has."""


class Row:
    """One target: what it is, and in the end what became of it."""

    def __init__(self, program, name, how):
        self.program, self.name, self.how = program, name, how
        self.result, self.note, self.output = "FAILED", "", ""
        self.passed = self.failed = self.skipped = 0
        self.seconds = 0.0

    def judge(self, status, output):
        """What exit status and output say; whatever they do not say clearly has failed."""
        self.output = output
        lines = output.split("\n") if output else [""]
        while len(lines) > 1 and not lines[-1].strip():
            lines.pop()
        notes = [line[6:].strip() for line in lines if line.startswith("note: ")]
        self.note = "; ".join(notes)
        counts = COUNTS.fullmatch(lines[-1])
        what, _, rest = lines[-1].partition(": ")
        if counts:
            self.passed, self.failed, self.skipped = map(int, counts.groups())
            if status == 0 and self.passed and not self.failed:
                less = f", {self.skipped} skipped" if self.skipped else ""
                self.result = f"passed ({self.passed} tests{less})"
        elif what == "compiled only" and rest and status == 0:
            self.result, self.note = what, "; ".join([rest, *notes])
        elif what == "unavailable" and rest and status == UNAVAILABLE:
            self.result, self.note = "unavailable here", rest
            self.skipped = 1
        if self.result == "FAILED":
            self.note = f"exit status {status}: {lines[-1].strip() or 'said nothing'}"
            self.failed = self.failed or 1

    def line(self):
        return self.name, self.how, self.result, self.note

    def data(self):
        return {
            "target": self.name, "how": self.how, "result": self.result, "note": self.note,
            "passed": self.passed, "failed": self.failed, "skipped": self.skipped,
            "seconds": round(self.seconds, 1),
        }


def say(text):
    with talking:
        print(text, file=told, flush=True)


def execute(arguments, seconds):
    """Exit status and output of a command; what it started ends with it."""
    process = subprocess.Popen(
        arguments, cwd=ROOT, start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
    )
    running.add(process.pid)
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return -signal.SIGKILL, process.communicate()[0] + f"\nnot done after {seconds} seconds"
    finally:
        running.discard(process.pid)


def rows_of(program):
    status, output = execute([program, "--list"], 60)
    lines = [line.split("\t") for line in output.splitlines()]
    if status or not lines or any(len(line) != 2 or not all(line) for line in lines):
        raise Wrong(f"{program}: expected NAME<TAB>HOW in each line of --list and exit status 0, "
                    f"found exit status {status} and {output!r}")
    return [Row(program, *line) for line in lines]


def all_rows(devices):
    programs = [path for path in sorted(devices.glob("*/run")) if os.access(path, os.X_OK)]
    if not programs:
        raise Wrong(f"{devices}: expected families of devices */run, found none")
    rows = {}
    for program in programs:
        for row in rows_of(program):
            other = rows.setdefault(row.name, row)
            if other is not row:
                raise Wrong(f"{program}: expected names of its own, "
                            f"found {row.name} of {other.program}")
    return rows


def run(row, seconds):
    say(f"{row.name}: {row.how} ...")
    started = time.monotonic()
    try:
        row.judge(*execute([row.program, row.name], seconds))
    except OSError as reason:
        row.judge(1, str(reason))
    row.seconds = time.monotonic() - started
    said = "".join(f"    {line}\n" for line in row.output.splitlines())
    say(f"{row.name}: {row.result}, {row.seconds:.0f} s"
        + (f"\n{said.rstrip()}" if row.result == "FAILED" else ""))


def table(rows):
    """Aligned, and Markdown too."""
    lines = [COLUMNS, *(row.line() for row in rows)]
    lines = [[cell.replace("|", "/") for cell in line] for line in lines]
    widths = [max(len(line[k]) for line in lines) for k in range(len(COLUMNS))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths)) + " |"
        for line in lines)


def write(path, rows):
    """All of it, or nothing, where that is a file; into devices and pipes it is written."""
    text = json.dumps({"rows": [row.data() for row in rows]}, indent=1) + "\n"
    if path == STANDARD_OUTPUT:
        print(text, end="", flush=True)
        return
    path = Path(path)
    name = None
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, "ascii")
            return
        path = path.resolve()  # a link stays one
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            name = file.name
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as reason:
        if name and os.path.exists(name):
            os.unlink(name)
        raise Wrong(f"{path}: expected to write the table, found {reason.strerror}") from None


def options():
    parser = argparse.ArgumentParser(
        prog="matrix", description="Run every device that this machine can emulate.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only the rows of these names")
    parser.add_argument("--list", action="store_true", help="name the rows")
    parser.add_argument("--quick", action="store_true",
                        help="every row, but with fewer suites, levels or targets in most of them")
    parser.add_argument("--json", metavar="FILE", nargs="?", const=STANDARD_OUTPUT,
                        help="write the table to FILE too; to standard output, all else to standard "
                             "error, if that is - or nothing")
    parser.add_argument("--devices", metavar="FOLDER", type=Path, default=ROOT / "tests/devices",
                        help="where the families */run are (tests/devices)")
    parser.add_argument("--seconds", metavar="N", type=int, default=ROW_SECONDS,
                        help=f"what one row may take ({ROW_SECONDS})")
    return parser.parse_args()


def wanted_rows(names, rows):
    unknown = [name for name in names if name not in rows]
    if unknown:
        raise Wrong(f"{', '.join(unknown)}: expected names of --list, found none such; "
                    f"there are {' '.join(rows)}")
    return [rows[name] for name in dict.fromkeys(names or rows)]


def main():
    global told
    arguments = options()
    if arguments.json == "/dev/stdout":
        arguments.json = STANDARD_OUTPUT  # which may be a file, that is not to be replaced
    if arguments.json == STANDARD_OUTPUT:
        told = sys.stderr
    os.environ["LSTM_MATRIX_QUICK"] = str(int(arguments.quick))
    rows = all_rows(arguments.devices.resolve())
    if arguments.list:
        print("\n".join(f"{row.name}\t{row.how}" for row in rows.values()))
        return 0
    rows = wanted_rows(arguments.rows, rows)
    if (arguments.json and arguments.json != STANDARD_OUTPUT
            and not Path(arguments.json).resolve().parent.is_dir()):
        raise Wrong(f"{arguments.json}: expected a folder to write the table in, found none")
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        list(pool.map(lambda row: run(row, arguments.seconds), rows))
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for group in list(running):
            os.killpg(group, signal.SIGKILL)
        return 130
    say(f"\n{table(rows)}\n")
    if arguments.json:
        write(arguments.json, rows)
    passed, failed, skipped = (sum(getattr(row, what) for row in rows)
                               for what in ("passed", "failed", "skipped"))
    say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if any(row.result == "FAILED" for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as reason:
        print(f"matrix: {reason}", file=sys.stderr)
        sys.exit(2)
