"""Each knob of the header alone under two compilers, and all of them together under four."""

import re
import shutil

from kit import ROOT, STRICT, build_and_run, case, expect

# The options by which app.c is built with the knob.
KNOBS = {
    "LSTM_API": ["-DLSTM_API=static"],
    "LSTM_SELF": ["-DAPP_RENAMED"],
    "LSTM_NO_MALLOC": ["-DLSTM_NO_MALLOC"],
    "LSTM_NO_STDIO": ["-DLSTM_NO_STDIO"],
    "LSTM_NO_GETENV": ["-DLSTM_NO_GETENV"],
    "LSTM_MALLOC": ["-DAPP_HOOKS"],
    "LSTM_THREADS": ["-DLSTM_THREADS", "-pthread"],
    "LSTM_NO_SLEEF": ["-DLSTM_NO_SLEEF"],
    "LSTM_NO_AVX2": ["-DLSTM_NO_AVX2"],
    "LSTM_NO_AVX512": ["-DLSTM_NO_AVX512"],
    "LSTM_NO_AVXVNNI": ["-DLSTM_NO_AVXVNNI"],
    "LSTM_NO_AMX": ["-DLSTM_NO_AMX"],
    "LSTM_NO_NEON": ["-DLSTM_NO_NEON"],
    "LSTM_F32_ONLY": ["-DLSTM_F32_ONLY"],
    "LSTM_NO_SIMD128": ["-DLSTM_NO_SIMD128"],
    "LSTM_WASM_EXACT": ["-DLSTM_WASM_EXACT"],
}
EACH_ALONE = ["gcc -std=c99", "clang++ -std=c++11"]  # each compiler and each language once
COMPILERS = [*EACH_ALONE, "clang -std=c99", "g++ -std=c++11"]


def works(folder, compiler, options):
    if "-DAPP_RENAMED" in options:
        (folder / "lstm.h").rename(folder / "renamed.h")
    libraries = ["-lm"] if "-DLSTM_NO_SLEEF" in options else None
    line = build_and_run(folder, compiler, *STRICT, *options, libraries=libraries)
    wanted = "builtin" if "-DLSTM_NO_SLEEF" in options else "sleef"
    expect(line.endswith(wanted), f"expected {wanted}, found: {line}")


def a_kernel_left_out_is_not_used(folder, options):
    line = build_and_run(folder, "gcc", *options)
    expect(line.split()[1] == "scalar", f"expected scalar, found: {line}")


def every_documented_knob_is_tried(_folder):
    """The knobs are those that the manual at the head of lstm.h lists, one or more to a line."""
    manual = (ROOT / "lstm.h").read_text("ascii").split("KNOBS", 1)[1].split("*/", 1)[0]
    documented = set()
    for line in re.findall(r"^ \*   (LSTM_[^ ].*)", manual, re.MULTILINE):
        words = re.match(r"LSTM_\w+(\(\w*\))?(, LSTM_\w+)*", line)[0]
        documented.update(re.findall(r"LSTM_\w+", words))
    expect(documented == set(KNOBS), f"documented but not tried, or tried but not documented: "
                                     f"{sorted(documented ^ set(KNOBS))}")


case("every documented knob is tried", every_documented_knob_is_tried)
case("no kernels", a_kernel_left_out_is_not_used,
     ["-DLSTM_NO_AVX2", "-DLSTM_NO_AVX512", "-DLSTM_NO_NEON"])
for compiler in COMPILERS:
    if compiler in EACH_ALONE:
        for knob, options in KNOBS.items():
            case(f"{compiler} {knob}", works, compiler, options)
    together = [option for options in KNOBS.values() for option in options]
    for left_out in ("LSTM_NO_AVX2", "LSTM_NO_AVX512"):
        case(f"{compiler} LSTM_F32_ONLY {left_out}", works, compiler,
             KNOBS["LSTM_F32_ONLY"] + KNOBS[left_out])
    case(f"{compiler} all knobs", works, compiler, together)
    case(f"{compiler} all knobs but LSTM_NO_MALLOC", works, compiler,
         [option for option in together if option != "-DLSTM_NO_MALLOC"])
