#!/usr/bin/env python3
"""What tools/matrix makes of the rows of a family: made-up ones, with every kind of ending.

test_matrix.py [PART]     only the cases whose names contain PART
"""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "consume"))

import kit  # noqa: E402

MATRIX = kit.ROOT / "tools" / "matrix.py"

# The row's script, then what the table shows as result and note.
ENDINGS = {
    "good": ("echo note: 12 bytes; echo 7 passed, 0 failed, 2 skipped",
             "passed (7 tests, 2 skipped)", "12 bytes"),
    "all_passed": ("echo 7 passed, 0 failed, 0 skipped", "passed (7 tests)", ""),
    "compiled": ("echo compiled only: an object file", "compiled only", "an object file"),
    "missing": ("echo unavailable: no emulator here; exit 77", "unavailable here",
                "no emulator here"),
    "one_failed": ("echo FAIL this; echo 3 passed, 1 failed, 0 skipped; exit 1", "FAILED",
                   "exit status 1: 3 passed, 1 failed, 0 skipped"),
    "failed_in_silence": ("echo 3 passed, 1 failed, 0 skipped", "FAILED", "exit status 0: "),
    "passed_and_died": ("echo 3 passed, 0 failed, 0 skipped; exit 1", "FAILED", "exit status 1: "),
    "nothing_passed": ("echo 0 passed, 0 failed, 5 skipped", "FAILED", "0 passed"),
    "counts_and_more": ("echo 3 passed, 0 failed, 0 skipped; echo bye", "FAILED", "bye"),
    "silent": ("true", "FAILED", "exit status 0: said nothing"),
    "broken_compiler": ("echo error: no such header; exit 2", "FAILED", "error: no such header"),
    "missing_but_0": ("echo unavailable: no emulator here", "FAILED", "exit status 0"),
    "missing_but_1": ("echo unavailable: no emulator here; exit 1", "FAILED", "exit status 1"),
    "77_without_why": ("echo something went wrong; exit 77", "FAILED", "exit status 77"),
    "compiled_but_1": ("echo compiled only: half of it; exit 1", "FAILED", "exit status 1"),
    "killed": ("kill -9 $$", "FAILED", "exit status -9"),
}


def family(folder, name, scripts, listed=None):
    """A folder of devices with one family, whose rows run the scripts."""
    program = folder / "devices" / name / "run"
    program.parent.mkdir(parents=True)
    if listed is None:
        listed = "".join(f"{row}\thow {row} is run\n" for row in scripts)
    cases = "".join(f"{row})\n{script}\n;;\n" for row, script in scripts.items())
    program.write_text(f"#!/bin/sh\ncase $1 in\n--list) cat <<END\n{listed}END\n;;\n{cases}esac\n")
    program.chmod(0o755)


def matrix(folder, *arguments, fails=False):
    return kit.run([sys.executable, MATRIX, "--devices", folder / "devices", *arguments], folder,
                   fails=fails)


def cells(said, name):
    """The row of the table, without its name."""
    found = [line for line in said.splitlines() if line.startswith(f"| {name} ")]
    kit.expect(len(found) == 1, f"{name}: expected one row, found {len(found)} in\n{said}")
    return [cell.strip() for cell in found[0].strip("|").split("|")][1:]


def ending(folder, name):
    script, result, note = ENDINGS[name]
    family(folder, "one", {name: script})
    said = matrix(folder, "--json", folder / "table.json", fails=result == "FAILED")
    how, found, noted = cells(said, name)
    kit.expect(how == f"how {name} is run", how)
    kit.expect(found == result, f"expected {result}, found {found}")
    kit.expect(note in noted, f"expected {note}, found {noted}")
    (row,) = json.loads((folder / "table.json").read_text("utf-8"))["rows"]
    kit.expect((row["target"], row["result"]) == (name, result), str(row))
    kit.expect((row["failed"] > 0) == (result == "FAILED"), str(row))
    if result == "FAILED":  # what it said is shown, apart from the table
        spoken = [line for line in script.split("; ") if line.startswith("echo ")]
        kit.expect(all(f"\n    {line[5:]}\n" in said for line in spoken), said)


def sums(folder):
    """The last line adds up the tests of all rows; shown output does not look like it."""
    scripts = {name: script for name, (script, _, _) in ENDINGS.items()}
    family(folder, "all", scripts)
    said = matrix(folder, fails=True)
    kit.expect(said.endswith("\n23 passed, 12 failed, 8 skipped\n"), said)
    kit.expect(said.count("\n3 passed") == 0, f"a row's own last line stands alone in\n{said}")
    widths = {len(line) for line in said.splitlines() if line.startswith("| ")}
    kit.expect(len(widths) == 1, "the columns are not aligned")


def json_alone_on_standard_output(folder):
    """What a program reads there is the JSON; people read the table beside it."""
    family(folder, "a", {"one": "echo 1 passed, 0 failed, 0 skipped"})
    for arguments in (["--json"], ["--json", "-", "one"], ["--json", "/dev/stdout"]):
        done = subprocess.run(
            [sys.executable, MATRIX, "--devices", folder / "devices", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", check=True)
        (row,) = json.loads(done.stdout)["rows"]
        kit.expect(row["target"] == "one", str(row))
        kit.expect("| one " in done.stderr, done.stderr)
        kit.expect(done.stderr.endswith("\n1 passed, 0 failed, 0 skipped\n"), done.stderr)


def what_is_no_file_stays(folder):
    """The table goes into a pipe, as it would into a device, and to where a link points."""
    family(folder, "a", {"one": "echo 1 passed, 0 failed, 0 skipped"})
    pipe, link, table = (folder / name for name in ("pipe", "link", "table.json"))
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    matrix(folder, "--json", pipe)
    kit.expect(stat.S_ISFIFO(pipe.stat().st_mode), "the pipe was replaced by a file")
    kit.expect(json.loads(reader.communicate()[0])["rows"][0]["passed"] == 1, "said something else")
    link.symlink_to(table)
    matrix(folder, "--json", link)
    kit.expect(link.is_symlink() and json.loads(table.read_text("ascii"))["rows"], "no link any more")


def only_those_named(folder):
    family(folder, "a", {"one": "echo 1 passed, 0 failed, 0 skipped", "two": "exit 3"})
    family(folder, "b", {"three": "echo 2 passed, 0 failed, 1 skipped"})
    (folder / "devices" / "c").mkdir()
    (folder / "devices" / "c" / "run").write_text("not a program\n")
    said = matrix(folder, "one", "three")
    kit.expect("two" not in said and said.endswith("\n3 passed, 0 failed, 1 skipped\n"), said)
    said = matrix(folder, "--list")
    kit.expect(said == "one\thow one is run\ntwo\thow two is run\nthree\thow three is run\n", said)


def quick(folder):
    """Rows hear of it, when they are listed too."""
    script = "echo note: quick $LSTM_MATRIX_QUICK; echo 1 passed, 0 failed, 0 skipped"
    family(folder, "one", {"row": script}, listed="row\tquick $LSTM_MATRIX_QUICK\n")
    for asked, told in ([], "quick 0"), (["--quick"], "quick 1"):
        said = matrix(folder, *asked)
        kit.expect(cells(said, "row") == [told, "passed (1 tests)", told], said)


def refused(folder, sentence, *arguments):
    said = matrix(folder, *arguments, fails=True)
    kit.expect(said.startswith("matrix: ") and sentence in said and said.count("\n") == 1, said)


def wrong_use(folder):
    (folder / "devices").mkdir()
    refused(folder, "expected families of devices")
    family(folder, "a", {"one": "echo 1 passed, 0 failed, 0 skipped"})
    refused(folder, "none: expected names of --list", "one", "none")
    path = folder / "missing" / "table.json"
    refused(folder, f"{path}: expected a folder", "--json", path)
    family(folder, "b", {"one": "true"})
    refused(folder, "expected names of its own, found one")


def a_family_that_lists_nothing(folder):
    family(folder, "a", {}, listed="")
    refused(folder, "expected NAME<TAB>HOW")


def a_family_without_tabs(folder):
    family(folder, "a", {"one": "true"}, listed="one and how\n")
    refused(folder, "expected NAME<TAB>HOW")


def too_slow(folder):
    """The row ends with all that it started."""
    family(folder, "a", {"slow": f"(sleep 2; touch {folder}/alive) & sleep 60"})
    said = matrix(folder, "--seconds", "1", fails=True)
    kit.expect(cells(said, "slow")[1] == "FAILED" and "not done after 1 seconds" in said, said)
    time.sleep(2)
    kit.expect(not (folder / "alive").exists(), "a process of the row lives on")


for name in ENDINGS:
    kit.case(name, ending, name)
for function in (sums, json_alone_on_standard_output, what_is_no_file_stays, only_those_named,
                 quick, wrong_use, a_family_that_lists_nothing, a_family_without_tabs, too_slow):
    kit.case(function.__name__, function)

if __name__ == "__main__":
    sys.exit(kit.run_all(sys.argv[1] if len(sys.argv) > 1 else ""))
