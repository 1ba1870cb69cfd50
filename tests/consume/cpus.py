"""One binary on CPUs of every age: it takes the best kernels there are and meets no illegal
instruction.  qemu-user emulates the CPUs, up to AVX2 and FMA from version 7.2 on."""

import platform
import re
import subprocess

from kit import HERE, Failed, Skipped, build, case, expect, need, run

# Each must be able to run what is expected, and all that is newer is switched off piece by piece.
CPUS = {
    "core2duo": "scalar",
    "Nehalem": "scalar",
    "SandyBridge": "scalar",
    "Haswell": "avx2",
    "Haswell,-avx2": "scalar",
    "Haswell,-fma": "scalar",
    "Haswell,-avx": "scalar",
    "Haswell,-xsave": "scalar",
}
BUILDS = {
    "gcc -O0": ["gcc", "-O0"],
    "gcc -O3": ["gcc", "-O3"],
    "gcc -O2 -flto": ["gcc", "-O2", "-flto"],
    "clang -O3": ["clang", "-O3"],
}


def emulate(program, cpu, folder, **environment):
    return run(["qemu-x86_64", "-cpu", cpu, program], folder, **environment)


def need_emulator():
    if platform.machine() != "x86_64":
        raise Skipped("the host is not x86-64")
    need("qemu-x86_64")
    said = subprocess.run(["qemu-x86_64", "--version"], capture_output=True, text=True, check=True)
    version = tuple(int(part) for part in re.search(r"(\d+)\.(\d+)", said.stdout).groups())
    if version < (7, 2):
        raise Skipped("qemu before 7.2 knows no AVX")


def the_emulator_refuses(folder):
    """The tests below mean nothing if old CPUs run AVX: a program made of it must die there."""
    need_emulator()
    (folder / "avx.c").write_text(
        "#include <immintrin.h>\n"
        "int main(int n, char **v) { __m256 a = _mm256_set1_ps((float)n); (void)v;\n"
        "a = _mm256_fmadd_ps(a, a, a); return _mm256_movemask_ps(a) != 0; }\n"
    )
    run(["gcc", "-O0", "-mavx2", "-mfma", "avx.c", "-o", "avx"], folder)
    emulate(folder / "avx", "Haswell", folder)
    for cpu in ("Nehalem", "core2duo", "Haswell,-avx"):
        done = subprocess.run(["qemu-x86_64", "-cpu", cpu, folder / "avx"], check=False,
                              capture_output=True, text=True)
        expect("signal 4" in done.stderr, f"{cpu} runs AVX: {done.returncode} {done.stderr}")


def every_cpu(folder, command, options, activations):
    need_emulator()
    program = build(folder, command[0], *command[1:], *options)
    problems = []
    for cpu, isa in CPUS.items():
        try:
            said = emulate(program, cpu, folder)
            if f"ok {isa} {activations}" not in said:
                problems.append(f"{cpu}: expected ok {isa} {activations}, found: {said}")
        except Failed as reason:
            problems.append(f"{cpu}: {reason}")
    expect(not problems, "\n".join(problems))


def two_files(folder):
    """The kernels in one file, the program in another, both optimised as one."""
    need_emulator()
    (folder / "lib.c").write_text('#define LSTM_IMPLEMENTATION\n#include "lstm.h"\n')
    run(["gcc", "-O3", "-flto", "-I.", "-DAPP_USES", HERE / "app.c", "lib.c", "-o", "app",
         "-lsleef", "-lm"], folder)
    for cpu, isa in CPUS.items():
        said = emulate(folder / "app", cpu, folder)
        expect(f"ok {isa} sleef" in said, f"{cpu}: expected {isa}, found: {said}")


def asked_for_too_much(folder):
    need_emulator()
    program = build(folder, "gcc")
    said = run(["qemu-x86_64", "-cpu", "Nehalem", program], folder, fails=True, LSTM_ISA="avx2")
    expect("refused: the instruction set" in said, f"expected a refusal, found: {said}")
    said = run(["qemu-x86_64", "-cpu", "Haswell", program], folder, fails=True, LSTM_ISA="avx512")
    expect("refused: the instruction set" in said, f"expected a refusal, found: {said}")
    said = emulate(program, "Haswell", folder, LSTM_ISA="scalar")
    expect("ok scalar" in said, f"expected scalar, found: {said}")


case("old CPUs refuse AVX", the_emulator_refuses)
for name, command in BUILDS.items():
    case(f"every CPU, {name}", every_cpu, command, [], "sleef")
case("every CPU, gcc -O2, built-in activations", every_cpu, ["gcc", "-O2"], ["-DLSTM_NO_SLEEF"],
     "builtin")
case("every CPU, two files, -flto", two_files)
case("LSTM_ISA beyond the CPU", asked_for_too_much)
