"""What the tests of the converters share: the tool as a command, its results, random LSTMs."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from converters import equations, verify
from converters.model import Lstm

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CONVERT = ROOT / "tools" / "convert"
ENVIRONMENT = ROOT / "tools" / "converters" / "environment"
SECONDS = 300


def install(requirements):
    """None, or why the packages cannot be had."""
    if not requirements:
        return None
    done = subprocess.run([ENVIRONMENT, *requirements], capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


def random_lstm(seed, sizes, layers=1, direction="forward", projection=0, biases=2, scale=0.5,
                **options):
    """An Lstm of random fp32 weights; sizes are input and hidden."""
    random = np.random.default_rng(seed)
    width, hidden = sizes
    output = projection or hidden
    peephole = options.pop("peephole", False)
    lstm = Lstm(direction=direction, **options)

    def draw(*shape):
        return (scale * random.standard_normal(shape)).astype(np.float32)

    for _ in range(layers):
        for _ in range(lstm.directions):
            part = {"weight_ih": draw(4 * hidden, width), "weight_hh": draw(4 * hidden, output)}
            for stem in ("bias_ih", "bias_hh")[:biases]:
                part[stem] = draw(4 * hidden)
            if projection:
                part["weight_hr"] = draw(projection, hidden)
            if peephole:
                part["weight_peephole"] = draw(3 * hidden)
            lstm.parts.append(part)
        width = lstm.directions * output
    return lstm


class ConvertTest(unittest.TestCase):
    """self.folder is an empty folder of the test."""

    longMessage = True

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="convert-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def tool(self, *arguments, **environment):
        """The finished tools/convert."""
        return subprocess.run(
            [CONVERT, *map(str, arguments)], cwd=self.folder, env={**os.environ, **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)

    def convert(self, source, *options, output="out.safetensors", against=None):
        """Convert with verification, against what `against` names; tensors, metadata, report."""
        target = self.folder / output
        done = self.tool(source, "-o", target, *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        if against:
            self.assertRegex(done.stdout, rf"verified +largest error \S+ \(limit \S+\) against "
                             rf"{against}")
        return *read(target), done.stdout

    def refused(self, source, *patterns, options=()):
        """The tool fails with one sentence that has these patterns in order, and writes nothing."""
        before = sorted(self.folder.iterdir())
        done = self.tool(source, "-o", self.folder / "refused.safetensors", *options)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stderr, r"^convert: [^\n]+\n$")
        self.assertRegex(done.stderr, ".*".join(patterns))
        self.assertEqual(sorted(self.folder.iterdir()), before, "nothing is written")
        return done.stderr

    def assert_runs_as(self, path, x, h0, c0, expected, prefix=None, limit=2e-6):
        """The lstm command gives the expected y, hn, cn of the file."""
        found = verify.run_command(verify.command(), path, prefix, x, h0, c0)
        for name, ours, theirs in zip(("y", "hn", "cn"), found, expected):
            self.assertEqual(ours.shape, theirs.shape, name)
            self.assertLessEqual(np.max(np.abs(ours - theirs)), limit, name)

    def assert_tensors(self, found, lstm):
        """The tensors of the file are exactly those of the LSTM."""
        expected = lstm.tensors()
        self.assertEqual(sorted(found), sorted(expected))
        for name, array in expected.items():
            self.assertEqual(found[name].dtype, array.dtype, name)
            np.testing.assert_array_equal(found[name], array, name)


def read(path):
    """Tensors and metadata of a safetensors file."""
    from safetensors.numpy import load_file

    data = Path(path).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return load_file(path), header.get("__metadata__", {})


def oracle(lstm, x, h0, c0):
    """y, hn, cn in double precision, straight from the equations."""
    return equations.run(lstm, x, h0, c0)


def main(part):
    """Run the tests of every test_*.py whose names contain part."""
    os.environ["LSTM"] = os.path.abspath(verify.command())
    suite = unittest.TestSuite()
    unavailable = 0
    for path in sorted(HERE.glob("test_*.py")):
        requirements = requirements_of(path)
        reason = install(requirements)
        if reason:
            unavailable += 1
            print(f"SKIP {path.stem}: {' '.join(requirements)}: {reason}", flush=True)
            continue
        module = importlib.import_module(path.stem)
        for group in unittest.defaultTestLoader.loadTestsFromModule(module):
            suite.addTests(test for test in group if part in test.id())
    result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(suite)
    # A test counts once, however many of its subtests fail.
    broken = result.failures + result.errors
    failed = len({getattr(test, "test_case", test).id() for test, _ in broken})
    skipped = len(result.skipped)
    passed = result.testsRun - failed - skipped
    print(f"{passed} passed, {failed} failed, {skipped + unavailable} skipped")
    return 0 if passed and not failed else 1


def requirements_of(path):
    """REQUIREMENTS of a test module that may not be importable without them."""
    import ast

    for statement in ast.parse(path.read_text("utf-8")).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "REQUIREMENTS":
            return ast.literal_eval(statement.value)
    return []
