#!/usr/bin/env python3
"""tools/hotloops passes good loops and refuses bad ones: those of tests/hotloops."""

import pathlib
import platform
import re
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "consume"))
import kit  # noqa: E402

SAYS = {  # what the sentence about a bad loop has to name; of the others: the stack
    "bad_scalar": "computes with scalars",
    "bad_store": "stores",
    "bad_pointer": "loads what is neither weights nor x",
    "bad_twice": "loads an address twice",
    "bad_idle_weights": "does not use each vector of weights once per stream",
    "bad_idle_matrices": "does not use each vector of weights once per stream",
    "bad_int8_without_signs": "does not use each vector of weights once per stream",
    "bad_int8_idle_weights": "does not use each vector of weights once per stream",
}
SHAPES = {"good_two_streams": "2", "good_unrolled": "1", "good_int8": "2",
          "good_int8_of_magnitudes": "1", "good_matrices": "2"}  # the column of streams


def judge(_folder, compiler, source, options):
    """Every function of the file is judged by its name."""
    if "--arm" in options and platform.machine() == "x86_64":
        kit.need("aarch64-linux-gnu-gcc")
    said = kit.run([kit.ROOT / "tools" / "hotloops", *options, "--source", source, compiler],
                   HERE, fails=True)
    names = re.findall(r"(?:void |FUNCTION\()((?:good|bad)_\w+)", source.read_text("utf-8"))
    kit.expect(len(names) > 10, f"{source}: only {len(names)} functions were found")
    for name in names:
        rows = [line.split() for line in said.splitlines() if f" {name} " in line]
        kit.expect(len(rows) == 1, f"{name}: expected one row, found {len(rows)}\n{said}")
        bad = rows[0][-1] == "WRONG"
        kit.expect(bad == name.startswith("bad"), f"{name}: {' '.join(rows[0])}")
        if bad:
            kit.expect(re.search(rf"{name}: .*{SAYS.get(name, 'touches the stack')}", said),
                       f"{name}: the sentence is wrong\n{said}")
        kit.expect(SHAPES.get(name, rows[0][5]) == rows[0][5],
                   f"{name}: {rows[0][5]} streams\n{said}")
    bad = sum(name.startswith("bad") for name in names)
    kit.expect(f"\n{len(names) - bad} passed, {bad} failed, 0 skipped" in said, said)


def refuse(_folder, words, sentence):
    said = kit.run([kit.ROOT / "tools" / "hotloops", *words], HERE, fails=True)
    kit.expect(sentence in said and "Traceback" not in said, said)


for compiler in ("gcc", "clang"):
    if platform.machine() == "x86_64":
        kit.case(f"x86_64_{compiler}", judge, compiler, HERE / "hotloops" / "x86_64.c", [])
    kit.case(f"aarch64_{compiler}", judge, compiler, HERE / "hotloops" / "aarch64.c", ["--arm"])
kit.case("no_such_source", refuse, ["--source", "none.c"], "--source: expected a C file")
kit.case("no_such_compiler", refuse, ["tcc"], "usage: tools/hotloops")

if __name__ == "__main__":
    sys.exit(kit.run_all(sys.argv[1] if len(sys.argv) > 1 else ""))
