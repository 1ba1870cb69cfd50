"""The stages of tools/check, which is the command to run; this needs everything installed."""

import contextlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "check"
JOBS = os.cpu_count() or 1
STAGE_SECONDS = 3600  # for one command: the matrix is one
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)
TAP = re.compile(r"^(not ok|ok)\b(.*)$", re.MULTILINE)
UNCOUNTED = {"header_is_fresh"}  # programs that are one test each

QUICK = {"LSTM_TEST_QUICK": "1"}
NATIVE = ["-Ddebug=false"]  # which compiles in two thirds of the time
SUITES_ALONE = ["-Dbench=disabled", "-Dexamples=disabled"]
# Without -Werror: sanitizers make gcc see uninitialised variables where there are none.  The kernels
# are long functions, and gcc takes minutes for each if it writes the checks out in place, as it does
# by default, or keeps track of variables in them: a tenth of that so.
SANITIZED = ["-Dwerror=false", "-Db_sanitize=address,undefined", "-Doptimization=1",
             "-Dc_args=--param=asan-instrumentation-with-call-threshold=0 -fno-var-tracking",
             "-Dharness=plain", *SUITES_ALONE]
WITHOUT_CLI = ["--no-suite", "cli"]  # which has stages
SANITIZER_RULES = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1",
}
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

running = set()  # process groups, to be ended with this program
talking = threading.Lock()
building = threading.Lock()  # stages that run side by side share a build folder


class Stage:
    """One stage's counts, and what its commands said."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.log = []

    def say(self, text):
        self.failures.append(text.rstrip())

    def add(self, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def fail(self, text):
        self.failed += 1
        self.say(text)

    def command(self, *arguments, **environment):
        """Run one command in the repository; its exit status and output."""
        arguments = [str(argument) for argument in arguments]
        process = subprocess.Popen(
            arguments, cwd=ROOT, env={**os.environ, **environment}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace",
        )
        running.add(process.pid)
        try:
            output, _ = process.communicate(timeout=STAGE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0] + f"\nnot done after {STAGE_SECONDS} seconds"
        running.discard(process.pid)
        output = f"$ {' '.join(arguments)}\n{output}"
        self.log.append(output)
        return process.returncode, output

    def must(self, *arguments, **environment):
        """A command that is no test itself: True if it succeeds, else one failure."""
        status, output = self.command(*arguments, **environment)
        if status:
            self.fail(output)
        return status == 0

    def one(self, *arguments, **environment):
        """A command that is one test."""
        if self.must(*arguments, **environment):
            self.add(1, 0, 0)

    def counted(self, *arguments, **environment):
        """A command that ends with its own counts."""
        status, output = self.command(*arguments, **environment)
        self.add_counts(output, status, arguments[0])

    def add_counts(self, output, status, name):
        found = SUMMARY.findall(output)
        for passed, failed, skipped in found:
            self.add(int(passed), int(failed), int(skipped or 0))
        reported = [(verdict, "# SKIP" in rest) for verdict, rest in TAP.findall(output)]
        failed = sum(verdict == "not ok" for verdict, _ in reported)
        skipped = sum(skip for _, skip in reported)
        self.add(len(reported) - failed - skipped, failed, skipped)
        failed += sum(int(counts[1]) for counts in found)
        if not found and not reported:
            if status == 0 and name in UNCOUNTED:
                self.add(1, 0, 0)
            else:
                self.fail(f"{name}: ran no test, exit status {status}\n{output}")
        elif status and not failed:
            self.fail(f"{name}: exit status {status}\n{output}")
        elif failed:
            self.say(f"{name}:\n{output}")

    # ---- meson ---------------------------------------------------------------------------------
    def build(self, folder, options, *targets, **environment):
        """A build folder with these options, and all of it, or the targets, built."""
        with building:
            folder = BUILD / folder
            return (self.configure(folder, ["-Dwerror=true", *options], environment)
                    and self.must("ninja", "-C", folder, "-j", JOBS, *targets))

    def configure(self, folder, options, environment):
        if (folder / "build.ninja").exists():
            status, _ = self.command("meson", "setup", "--reconfigure", folder, *options)
            if status == 0:
                return True
            shutil.rmtree(folder)
        return self.must("meson", "setup", folder, *options, **environment)

    def native(self, *targets):
        """The folder of the stage native, which others use too."""
        return self.build("native", NATIVE, *targets, CC="gcc")

    def sanitized(self, *targets):
        """The folder of the stage sanitize."""
        return self.build("sanitize", SANITIZED, *targets, CC="gcc")

    def suites(self, folder, *names, **environment):
        """Run the suites of a build folder, all or those named, and count what each reports."""
        log = BUILD / folder / "meson-logs" / "testlog.json"
        log.unlink(missing_ok=True)
        _, output = self.command(
            "meson", "test", "-C", BUILD / folder, "--no-rebuild", "--num-processes", JOBS, *names,
            CRITERION_OUTPUTS="tap:-", **SANITIZER_RULES, **environment,
        )
        if not log.exists():
            self.fail(output)
            return
        for line in log.read_text("utf-8", "replace").splitlines():
            test = json.loads(line)
            said = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
            status = test["returncode"] or (0 if test["result"] == "OK" else 1)
            name = test["name"].split(" / ")[-1]
            self.log.append(f"{name}: exit status {status}\n{said}")
            self.add_counts(said, status, name)


def header(stage):
    """lstm.h is what its rooms make, and compiles without a warning"""
    stage.one("tools/amalgamate.py", "--check")
    for compiler, language, standard in (
        ("gcc", "c", "c99"), ("clang", "c", "c99"), ("g++", "c++", "c++11"),
        ("clang++", "c++", "c++11"),
    ):
        for knobs in ([], ["-DLSTM_NO_SLEEF"]):
            stage.one(compiler, "-x", language, f"-std={standard}", "-O2", *STRICT, *knobs, "-I.",
                      "-c", "tests/implementation.c", "-o", BUILD / "header.o")


def native(stage):
    """suites, benchmarks and examples, gcc"""
    if stage.native():
        stage.suites("native", *WITHOUT_CLI)


def clang(stage):
    """suites, clang"""
    if stage.build("clang", [*NATIVE, *SUITES_ALONE], CC="clang"):
        stage.suites("clang", *WITHOUT_CLI)


def sanitize(stage):
    """suites, gcc with the address and undefined behaviour sanitizers"""
    if stage.sanitized():
        stage.suites("sanitize", *WITHOUT_CLI, **QUICK)


def threads(stage):
    """the suites of threads and teams, clang with the thread sanitizer"""
    options = ["-Db_sanitize=thread", "-Db_lundef=false", "-Doptimization=1", "-Dharness=plain",
               *SUITES_ALONE]
    names = [f"{suite}-{build}" for suite in ("threads", "team") for build in ("sleef", "builtin")]
    if stage.build("threads", options, *(f"tests/{name}" for name in names), CC="clang"):
        stage.suites("threads", *names, **QUICK)


def matrix(stage):
    """every device that emulators and compilers reach, with fewer suites than tools/matrix alone"""
    stage.counted("tests/test_matrix.py")
    stage.counted("tools/matrix", "--quick")


def avx512(stage):
    """AVX-512 on an emulated CPU, as this one has none"""
    options = [*NATIVE, *SUITES_ALONE, "-Dharness=plain"]
    if not stage.build("avx512", options, *(f"tests/{suite}" for suite in EMULATED), CC="gcc"):
        return

    def emulate(suite):
        program = BUILD / "avx512" / "tests" / suite
        return stage.command("tests/emulate/avx512", program, EMULATED[suite], **QUICK)

    with ThreadPoolExecutor(JOBS) as pool:
        for suite, (status, output) in zip(EMULATED, pool.map(emulate, EMULATED)):
            stage.add_counts(output, status, suite)


def hotloops(stage):
    """the machine code of the kernels: no spills, one multiply-add per weight and stream"""
    stage.counted("tests/test_hotloops.py")
    if platform.machine() == "x86_64":
        stage.counted("tools/hotloops", "--x86")
    stage.counted("tools/hotloops", "--arm")


def consume(stage):
    """how users take the header in, and set up: compilers, knobs, build systems, old CPUs"""
    stage.counted("tests/test_setup.py")
    stage.counted("tests/consume/run")


def cli(stage):
    """the lstm command as it is installed"""
    if not stage.native():
        return
    shutil.rmtree(BUILD / "installed", ignore_errors=True)
    if stage.must("meson", "install", "-C", BUILD / "native", "--no-rebuild", "--destdir",
                  BUILD / "installed"):
        (program,) = (BUILD / "installed").glob("**/bin/lstm")
        stage.counted("tests/test_cli.py", program)


def cli_sanitize(stage):
    """the lstm command, with the sanitizers"""
    if stage.sanitized():
        stage.counted("tests/test_cli.py", BUILD / "sanitize" / "tools" / "lstm" / "lstm",
                      **QUICK, **SANITIZER_RULES)


def bench(stage):
    """what the benchmark prints, and what is published of it"""
    if stage.native("bench/lstm-bench", "bench/threads/lstm-bench-threads"):
        stage.counted("tests/test_bench.py", BUILD / "native" / "bench" / "lstm-bench")


def vad(stage):
    """the voice activity example against ONNX Runtime"""
    if (stage.native("examples/lstm-vad")
            and stage.must("tools/fetch-vad", "--golden")):
        stage.counted("tests/test_vad.py", BUILD / "native" / "examples" / "lstm-vad")


def amp(stage):
    """the amplifier example against its equations"""
    if stage.native("examples/lstm-amp"):
        stage.counted("tests/test_amp.py", BUILD / "native" / "examples" / "lstm-amp")


def convert(stage):
    """the converters, on models that the frameworks make"""
    programs = {"LSTM": "tools/lstm/lstm", "LSTM_AMP": "examples/lstm-amp"}
    if stage.native(*programs.values()):
        built = {name: str(BUILD / "native" / path) for name, path in programs.items()}
        stage.counted("tests/convert/run", **built)


def onnx(stage):
    """random instances of the ONNX operator against ONNX Runtime and the oracle"""
    stage.counted("tests/differential/run")


def fuzz(stage):
    """half a minute of fuzzing the file reader"""
    stage.one("tests/fuzz/run", 30)


# Which suites run in emulation, and which of their tests: what shows within minutes that the AVX-512
# kernels give the bits on record, as AVX2 does, which every suite holds against the oracle, and keep
# the laws.
EMULATED = {
    "digest-sleef": "avx512",
    "digest-builtin": "avx512",
    "laws-builtin": "avx512",
    "states-builtin": "avx512",
    "environment-builtin": "avx512",
    "equations-sleef": "avx512",
    "allocation-sleef": "avx512",
    "memory-sleef": "avx512",
}
# Those that keep all CPUs busy by themselves come one after another, the others side by side,
# the longest first.
WIDE = [native, clang, sanitize, threads, matrix, avx512, consume]
NARROW = [convert, hotloops, cli_sanitize, fuzz, header, cli, vad, bench, onnx, amp]
STAGES = [*WIDE, *NARROW]


def inapplicable(stage):
    """Why a stage makes no sense on this machine, or None."""
    if stage is avx512:
        if platform.machine() != "x86_64":
            return "the host is not x86-64"
        if re.search(r"^flags.*\bavx512f\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE):
            return "this CPU has AVX-512: the other stages ran it"
    return None


def say(stage, text):
    with talking:
        print(f"{stage.name:<12} {text}", flush=True)


def run(function):
    stage = Stage(function.__name__)
    reason = inapplicable(function)
    started = time.monotonic()
    if reason:
        stage.skipped = 1
        say(stage, f"SKIP: {reason}")
        return stage
    say(stage, f"{function.__doc__} ...")
    function(stage)
    if stage.passed == 0 and stage.failed == 0:
        stage.fail(f"{stage.name}: no test passed, {stage.skipped} were skipped")
    say(stage, "\n".join([f"{stage.passed} passed, {stage.failed} failed, {stage.skipped} skipped, "
                          f"{time.monotonic() - started:.0f} s", *stage.failures]))
    (BUILD / f"{stage.name}.log").write_text("\n".join(stage.log), "utf-8")
    return stage


def run_all(functions):
    done = [run(function) for function in functions if function in WIDE]
    with ThreadPoolExecutor(JOBS) as pool:
        done += pool.map(run, (function for function in functions if function in NARROW))
    return done


def end_at_once(*_):
    """What was started has sessions of its own, that the terminal's signals do not reach; tools/matrix
    again has some, which it ends when it is interrupted."""
    for how, seconds in (signal.SIGINT, 2), (signal.SIGKILL, 0):
        for group in list(running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, how)
        time.sleep(seconds)
    os._exit(130)


def main():
    by_name = {stage.__name__: stage for stage in STAGES}
    wanted = sys.argv[1:]
    if wanted == ["--list"]:
        for name, stage in by_name.items():
            print(f"{name:<12} {stage.__doc__}")
        return 0
    if wanted == ["--quick"]:
        wanted = ["native"]
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        print("usage: tools/check [--list | --quick | STAGE...], where STAGE is one of "
              f"{' '.join(by_name)}; found {' '.join(unknown)}", file=sys.stderr)
        return 2
    BUILD.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGINT, end_at_once)
    done = run_all([by_name[name] for name in wanted or by_name])
    passed, failed, skipped = (sum(getattr(stage, what) for stage in done)
                               for what in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
