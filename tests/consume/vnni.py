"""AVX-VNNI's kernels on CPUs that have the same instruction in AVX-512's encoding: as the encoding is
all that differs, a copy of the header without it shows what the others would compute."""

import re
import subprocess
from pathlib import Path

from kit import ROOT, Skipped, case, expect, need, run

TESTS = ROOT / "tests"
FOUND = "found = LSTM__CPU_AVX2;"
ENCODED = "%{vex%} vpdpbusd "
STRICT = ["-std=c99", "-O1", "-D_POSIX_C_SOURCE=200809L", "-DLSTM_TEST_PLAIN", "-DLSTM_NO_SLEEF",
          "-DLSTM_THREADS", "-I."]


def need_cpu():
    flags = Path("/proc/cpuinfo").read_text("ascii", "replace").partition("\nflags")[2].split()
    if not {"avx512vl", "avx512_vnni"} <= set(flags):
        raise Skipped("this CPU has no VNNI for vectors of 256 bits")


def suite(folder, compiler, name, instruction, *options):
    """A suite with `instruction` in the place of AVX-VNNI's, which every CPU is said to have."""
    need(compiler)
    header = (ROOT / "lstm.h").read_text()
    expect(header.count(FOUND) == 2 and header.count(ENCODED) == 1,
           "the header no longer says what this test replaces")
    header = header.replace(FOUND, "found = LSTM__CPU_AVX2 | LSTM__CPU_AVXVNNI;")
    (folder / "lstm.h").write_text(header.replace(ENCODED, instruction + " "))
    sources = [path for path in sorted(TESTS.glob("*.c")) if not path.stem.startswith("test_")]
    run([compiler, *STRICT, *options, *sources, TESTS / f"test_{name}.c", "-pthread", "-lm", "-o", name],
        folder)
    return subprocess.run([folder / name], capture_output=True, text=True, check=False)


def gives_the_bits(folder, compiler, *options):
    need_cpu()
    done = suite(folder, compiler, "digest", "vpdpbusd", *options)
    expect(done.returncode == 0 and re.search("^digest avx2 int8 ", done.stdout, re.MULTILINE),
           f"exit status {done.returncode}\n{done.stdout}{done.stderr}")


def is_what_runs(folder):
    """With an instruction that computes something else the digest must differ."""
    need_cpu()
    done = suite(folder, "gcc", "digest", "vpdpwssd")
    expect(done.returncode and re.search("avx2 int8.*expected", done.stdout + done.stderr),
           f"exit status {done.returncode}\n{done.stdout}{done.stderr}")


def encoded(folder, compiler):
    """For a CPU without AVX-512 it has to be VEX's encoding, C4 E2 .. 50, of vectors of 256 bits."""
    (folder / "lib.c").write_text('#define LSTM_IMPLEMENTATION\n#include "lstm.h"\n')
    run([compiler, "-O2", "-c", "lib.c"], folder)
    said = run(["objdump", "-d", "lib.o"], folder)
    lines = [line for line in said.splitlines() if "vpdpbusd" in line and "%ymm" in line]
    expect(len(lines) > 20, f"only {len(lines)} of them")
    for line in lines:
        expect(re.search(r":\s+c4 (\w\w ){2}50 ", line), line)


for COMPILER in ("gcc", "clang"):
    case(f"AVX-VNNI gives int8's bits, {COMPILER}", gives_the_bits, COMPILER)
    case(f"int8's bits in Intel's syntax of assembly, {COMPILER}", gives_the_bits, COMPILER,
         "-masm=intel")
    case(f"AVX-VNNI is encoded for CPUs without AVX-512, {COMPILER}", encoded, COMPILER)
case("AVX-VNNI is what runs", is_what_runs)
