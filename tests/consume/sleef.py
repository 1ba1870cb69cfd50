"""Without SLEEF: a sentence that says what to do, at each point where it can be missing."""

from pathlib import Path

from kit import HERE, ROOT, build_and_run, case, expect, need, run


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


def library_is_missing(folder, compiler):
    """The linker names the functions; the manual, whose words the sentence is, the library."""
    said = run([compiler, "-I.", HERE / "app.c", "-o", "app", "-lm"], folder, fails=True)
    expect("Sleef_" in said, f"the linker names no function of SLEEF:\n{said}")
    manual = (ROOT / "lstm.h").read_text("ascii").split("*/", 2)
    manual = " ".join(manual[:2])
    expect("-lsleef" in manual and "LSTM_NO_SLEEF" in manual, "the manual does not say what to do")


for compiler in ("gcc", "clang"):
    case(f"sleef.h is missing, {compiler}", header_is_missing, compiler)
    case(f"-lsleef is missing, {compiler}", library_is_missing, compiler)
