"""Without SLEEF: a sentence that says what to do, at each point where it can be missing."""

import re
from pathlib import Path

from kit import HERE, build_and_run, case, expect, need, run


def farm(folder, compiler):
    """Options by which a compiler sees all of the system's headers except sleef.h."""
    triple = run([compiler, "-print-multiarch"], folder).strip() if compiler == "gcc" else ""
    if not triple:
        triple = run(["gcc", "-print-multiarch"], folder).strip()
    options = ["-nostdinc", "-isystem", run([compiler, "-print-file-name=include"], folder).strip()]
    for number, origin in enumerate((Path("/usr/include") / triple, Path("/usr/include"))):
        copy = folder / f"include{number}"
        copy.mkdir()
        for entry in origin.iterdir():
            if entry.name != "sleef.h":
                (copy / entry.name).symlink_to(entry)
        options += ["-isystem", copy]
    return options


def header_is_missing(folder, compiler):
    need("gcc")
    options = farm(folder, compiler)
    said = run([compiler, *options, "-I.", "-c", HERE / "app.c"], folder, fails=True)
    expect("#error" in said or "error:" in said, said)
    for word in ("SLEEF", "libsleef-dev", "-lsleef", "LSTM_NO_SLEEF"):
        expect(word in said, f"the sentence does not name {word}:\n{said}")
    line = build_and_run(folder, compiler, *options, "-DLSTM_NO_SLEEF", libraries=["-lm"])
    expect(line.endswith("builtin"), line)


def library_is_missing(folder, compiler, *options):
    """The linker names SLEEF's functions, and one of the header's whose name says what to do."""
    said = run([compiler, *options, "-I.", HERE / "app.c", "-o", "app", "-lm"], folder, fails=True)
    expect(re.search("undefined reference to .Sleef_", said), said[-4000:])
    sentence = "lstm__SLEEF_is_missing_link_with_lsleef_or_define_LSTM_NO_SLEEF"
    expect(re.search(f"in function .{sentence}", said), f"no {sentence} in:\n{said[-4000:]}")
    line = build_and_run(folder, compiler, *options, "-DLSTM_NO_SLEEF", libraries=["-lm"])
    expect(line.endswith("builtin"), line)


for compiler in ("gcc", "clang"):
    case(f"sleef.h is missing, {compiler}", header_is_missing, compiler)
    for options in (["-O2", "-g"], ["-O2", "-flto"]):
        case(f"-lsleef is missing, {' '.join([compiler, *options])}", library_is_missing, compiler,
             *options)
