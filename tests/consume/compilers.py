"""The header under every language standard, level of optimisation and set of -m flags."""

from kit import STRICT, build_and_run, case, expect, run

STANDARDS = {
    "gcc": ["c99", "gnu99", "c11", "c17"],
    "clang": ["c99", "gnu99", "c11", "c17"],
    "g++": ["c++11", "c++14", "c++17", "c++20"],
    "clang++": ["c++11", "c++14", "c++17", "c++20"],
}
# Besides -O0, -O3 and -flto, at which tools/matrix runs suites.
LEVELS = [
    ["-O1"], ["-O2"], ["-Os"], ["-O3", "-march=native"],
    ["-O2", "-mno-avx"], ["-O2", "-mno-sse4.2"], ["-O2", "-fno-math-errno", "-ffp-contract=off"],
    ["-O2", "-fPIC", "-fvisibility=hidden"],
]


def compiles(folder, compiler, options):
    build_and_run(folder, compiler, *STRICT, *options)


def declarations_alone(folder, compiler, standard):
    """A file that only uses the library sees no warning either, even of shadowed names."""
    (folder / "uses.c").write_text('#include "lstm.h"\n#include "lstm.h"\n')
    run([compiler, f"-std={standard}", *STRICT, "-Wshadow", "-fsyntax-only", "-x",
         "c++" if compiler.endswith("++") else "c", "uses.c"], folder)


def fast_math_is_refused(folder, compiler, *options):
    (folder / "app.c").write_text('#define LSTM_IMPLEMENTATION\n#include "lstm.h"\n')
    said = run([compiler, *options, "-c", "app.c"], folder, fails=True)
    expect("-ffast-math" in said and "lstm.h:" in said, f"no sentence about it in:\n{said}")


for compiler, standards in STANDARDS.items():
    for standard in standards:
        case(f"{compiler} -std={standard}", compiles, compiler, [f"-std={standard}"])
        case(f"{compiler} -std={standard} declarations alone", declarations_alone, compiler,
             standard)
for compiler in ("gcc", "clang"):
    for level in LEVELS:
        case(f"{compiler} {' '.join(level)}", compiles, compiler, ["-std=c99", *level])
    case(f"{compiler} -ffast-math is refused", fast_math_is_refused, compiler, "-ffast-math")
    case(f"{compiler} -Ofast is refused", fast_math_is_refused, compiler, "-Ofast")
    case(f"{compiler} -ffinite-math-only is refused", fast_math_is_refused, compiler,
         "-ffinite-math-only")
    for part in (["-funsafe-math-optimizations"], ["-ffast-math", "-fno-finite-math-only"]):
        case(f"{compiler} {' '.join(part)} is refused", fast_math_is_refused, compiler, "-O1", *part)
