"""Run the converted file with the lstm command, and the source with its own framework."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

from . import equations
from .model import ConvertError

ROOT = Path(__file__).resolve().parent.parent.parent
STEPS, STREAMS, SEED = 40, 3, 20260101
# Rounding to fp32 in another order, and exp and tanh that are off by a few ulp, do to the result
# what rounding does in the equations themselves, evaluated in fp32 and in fp64; and never less than
# a few roundings of the result.  The factor is for the luck of one instance.
LUCK = 16
ROUNDING = 2.0**-24


class Unavailable(Exception):
    """Why there is nothing to verify with: one phrase, such as "PyTorch is not installed"."""


@dataclass
class Reference:
    """The source in its own framework.  run(x, h0, c0) takes x [T, B, input], h0 [layers *
    directions, B, output] and c0 [..., hidden] in fp32 and gives y, or a tuple y, hn, cn.  Where
    the framework takes no state, states is False and h0 and c0 are None.  Where it gives something
    else than y [T, B, directions * output], view(y, hn, cn) makes that of what lstm gives."""

    name: str
    version: str
    run: Callable
    states: bool = True
    view: Callable | None = None


def command():
    """The lstm command: $LSTM, or built here, or on the PATH; built if it is nowhere."""
    program = os.environ.get("LSTM")
    if program:
        return program
    built = ROOT / "build" / "tools" / "lstm" / "lstm"
    if not built.exists():
        program = shutil.which("lstm")
        if program:
            return program
        build(built)
    return str(built)


def build(program):
    folder = ROOT / "build"
    print(f"convert: building {program}", file=sys.stderr)
    commands = [["ninja", "-C", str(folder), str(program.relative_to(folder))]]
    if not (folder / "build.ninja").exists():
        commands.insert(0, ["meson", "setup", str(folder), str(ROOT)])
    for arguments in commands:
        if shutil.which(arguments[0]) is None:
            raise ConvertError("the lstm command", "one that is built, or --no-verify",
                               f"none, and no {arguments[0]} (Debian: tools/setup build)")
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConvertError("the lstm command", "that it can be built, or --no-verify",
                               f"a failure of {' '.join(arguments)}:\n{done.stdout}{done.stderr}")


def run_command(program, path, prefix, x, h0, c0):
    """y, hn, cn of `lstm run`; prefix is None for the only LSTM of the file."""
    with tempfile.TemporaryDirectory(prefix="convert-") as folder:
        files = {name: os.path.join(folder, f"{name}.npy") for name in ("x", "y", "h0", "c0", "hn",
                                                                       "cn")}
        for name, array in (("x", x), ("h0", h0), ("c0", c0)):
            np.save(files[name], np.ascontiguousarray(array, np.float32))
        arguments = [program, "run", path, "-i", files["x"], "-o", files["y"], "--h0", files["h0"],
                     "--c0", files["c0"], "--hn", files["hn"], "--cn", files["cn"]]
        if prefix is not None:
            arguments += ["--prefix", prefix]
        try:
            done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        except OSError as error:
            raise ConvertError("the lstm command", f"a program {program}",
                               error.strerror) from None
        if done.returncode:
            raise ConvertError("lstm run", "exit status 0",
                               f"{done.returncode}: {done.stderr.strip()}")
        return tuple(np.load(files[name]) for name in ("y", "hn", "cn"))


def inputs(lstm, states):
    random = np.random.default_rng(SEED)
    count = len(lstm.parts)
    x = random.standard_normal((STEPS, STREAMS, lstm.input))
    h0 = 0.5 * random.standard_normal((count, STREAMS, lstm.output)) * states
    c0 = random.standard_normal((count, STREAMS, lstm.hidden)) * states
    return [array.astype(np.float32) for array in (x, h0, c0)]


def viewed(reference, results):
    """What the reference gives of this, as a list of arrays."""
    if reference.view:
        results = reference.view(*results)
    return list(results) if isinstance(results, tuple) else [results]


def worst(found, expected):
    return max((float(np.max(np.abs(a.astype(np.float64) - b))) if a.size else 0.0)
               for a, b in zip(found, expected))


def equations_reference(lstm):
    """The equations themselves in double precision, where the framework is not there."""
    return Reference("the equations", "in fp64", lambda x, h0, c0: equations.run(lstm, x, h0, c0))


def chained(references, lstms):
    """The reference of LSTMs that were joined, the output of each being the input of the next."""

    def run(x, h0, c0):
        hn, cn, at = [], [], 0
        for reference, lstm in zip(references, lstms):
            end = at + len(lstm.parts)
            x, h, c = reference.run(x, h0[at:end], c0[at:end])
            hn.append(h)
            cn.append(c)
            at = end
        return x, np.concatenate(hn), np.concatenate(cn)

    return Reference(references[0].name, references[0].version, run)


def reference_of(lstm, module, path):
    """What the format's module gives, also where it was asked to join several LSTMs."""
    lstms = lstm.source.get("joined")
    if not lstms:
        return module.reference(lstm, path)
    references = [module.reference(part, path) for part in lstms]
    if any(not reference.states or reference.view for reference in references):
        raise Unavailable("its layers cannot be run one after the other")
    return chained(references, lstms)


def compare(lstm, path, reference):
    """Run both on the same random input: the largest error, and the limit it must keep."""
    x, h0, c0 = inputs(lstm, reference.states)
    found = viewed(reference, run_command(command(), path, lstm.prefix, x, h0, c0))
    given = reference.run(x, *((h0, c0) if reference.states else (None, None)))
    expected = [np.asarray(array) for array in (given if isinstance(given, tuple) else (given,))]
    exact = viewed(reference, equations.run(lstm, x, h0, c0))
    rounded = viewed(reference, equations.run(lstm, x, h0, c0, np.float32))
    found, exact, rounded = (arrays[: len(expected)] for arrays in (found, exact, rounded))
    for a, b in zip(found, expected):
        if a.shape != b.shape:
            raise ConvertError(f"{reference.name}: result", f"shape {list(a.shape)}",
                               list(b.shape))
    size = max(1.0, *(float(np.max(np.abs(array), initial=0)) for array in exact))
    limit = LUCK * (worst(rounded, exact) + ROUNDING * size)
    error = worst(found, expected)
    if not error <= limit:
        raise ConvertError(
            f"{lstm.name}: results",
            f"those of {reference.name} {reference.version} within {limit:.1e}",
            f"an error of {error:.1e}: this conversion is wrong, and nothing was written")
    return error, limit
