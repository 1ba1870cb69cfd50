"""The programs in README.md: each compiles and runs as the README tells its readers to."""

import re

from kit import ROOT, STRICT, Skipped, case, expect, run

PROGRAM = re.compile(r"^```c\n(.*?)^```", re.MULTILINE | re.DOTALL)
README = ROOT / "README.md"


def programs():
    text = README.read_text("utf-8") if README.exists() else ""
    return [block for block in PROGRAM.findall(text) if "int main" in block]


def there_are_programs(_folder):
    if not README.exists():
        raise Skipped("there is no README.md")
    expect(programs(), "README.md holds no program")


def program_runs(folder, text, compiler):
    (folder / "program.c").write_text(text)
    run([compiler, "-std=c99", "-O2", *STRICT, "program.c", "-o", "program", "-lsleef", "-lm"],
        folder)
    run([folder / "program"], folder)


case("README.md holds programs", there_are_programs)
for number, block in enumerate(programs(), 1):
    for compiler in ("gcc", "clang"):
        case(f"README.md, program {number}, {compiler}", program_runs, block, compiler)
