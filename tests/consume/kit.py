"""What the tests of this folder share: cases, commands, and empty folders with lstm.h in them."""

import os
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
LIBRARIES = ["-lsleef", "-lm"]
SECONDS = 300  # for one command

_cases = []


class Failed(Exception):
    """A claim does not hold."""


class Skipped(Exception):
    """This machine cannot tell."""


def case(name, function, *arguments):
    """A test: function(folder, *arguments), where folder is empty but for lstm.h."""
    _cases.append((name, function, arguments))


def expect(condition, message):
    if not condition:
        raise Failed(message)


def need(program):
    if shutil.which(program) is None:
        raise Skipped(f"{program} is not installed")


def run(arguments, folder, fails=False, **environment):
    """Output and errors of a command that is expected to succeed, or with fails=True to fail."""
    arguments = [str(argument) for argument in arguments]
    need(arguments[0])
    process = subprocess.Popen(
        arguments, cwd=folder, env={**os.environ, **environment}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace",
    )
    try:
        said, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # a compiler's own children too
        process.wait()
        raise Failed(f"{' '.join(arguments)}\nnot done after {SECONDS} seconds") from None
    expect(
        (process.returncode != 0) == fails,
        f"{' '.join(arguments)}\nexit status {process.returncode}\n{said}",
    )
    return said


def language(compiler):
    """Options by which a compiler takes a file named .c as its own language."""
    return ["-x", "c++"] if compiler.endswith("++") else []


def build(folder, compiler, *options, source=HERE / "app.c", libraries=None, program="app"):
    """Compile and link one file in the folder."""
    run(
        [*compiler.split(), *language(compiler.split()[0]), *options, "-I.", source, "-x", "none",
         "-o", program, *(LIBRARIES if libraries is None else libraries)],
        folder,
    )
    return Path(folder) / program


def build_and_run(folder, compiler, *options, **more):
    """The line that the program prints; it must begin with "ok"."""
    line = run([build(folder, compiler, *options, **more)], folder).strip()
    expect(line.startswith("ok "), f"the program says: {line}")
    return line


def _run_case(entry):
    name, function, arguments = entry
    with tempfile.TemporaryDirectory(prefix="lstm-consume-") as folder:
        try:
            shutil.copy(ROOT / "lstm.h", folder)
            function(Path(folder), *arguments)
        except Skipped as reason:
            return name, "skipped", str(reason)
        except (Failed, OSError) as reason:
            return name, "failed", str(reason)
    return name, "passed", ""


def run_all(part):
    """Run the cases whose name contains part; 0 if none failed and one passed."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    wanted = [entry for entry in _cases if part in entry[0]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in as_completed([pool.submit(_run_case, entry) for entry in wanted]):
            name, outcome, reason = done.result()
            counts[outcome] += 1
            if outcome == "failed":
                print(f"FAIL {name}: {reason}", flush=True)
            elif outcome == "skipped":
                print(f"SKIP {name}: {reason}", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 0 if counts["passed"] and not counts["failed"] else 1
