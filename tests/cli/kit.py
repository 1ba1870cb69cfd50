"""What the tests of the lstm command share: running it, models, and files that are wrong."""

import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np

# fp32 against double: a sum of n <= 80 products, each sum below 16 in magnitude, is wrong by
# 6 deviations of sqrt(n) roundings of 2^-24 of it, 5e-5, and the slope of a sigmoid is 1/4.  What the
# forget gate carries on makes up for the sums being mostly far smaller.
TOLERANCE = 2e-5

ROOT = Path(__file__).resolve().parent.parent.parent
DTYPES = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64", "int8": "I8"}
PROGRAM = None
SECONDS = 300


def run(*arguments, stdin=b"", env=None, **more):
    """The finished process, output as bytes."""
    environment = {**os.environ, **(env or {})}
    return subprocess.run(
        [PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, env=environment,
        timeout=SECONDS, check=False, **more,
    )


def save_model(path, tensors, metadata=None):
    """A safetensors file."""
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": DTYPES[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def random_model(seed, inputs, hidden, layers=1, both=False, projection=0, prefix="", bias=True,
                 peephole=False, dtype="float32"):
    """Tensors under PyTorch's names, uniform as PyTorch begins."""
    rng = np.random.default_rng(seed)
    bound = 1 / np.sqrt(hidden)
    tensors = {}

    def add(name, *shape):
        tensors[prefix + name] = rng.uniform(-bound, bound, shape).astype(dtype)

    output = projection or hidden
    for layer in range(layers):
        width = output * (1 + both) if layer else inputs
        for suffix in ("", "_reverse")[: 1 + both]:
            end = f"l{layer}{suffix}"
            add(f"weight_ih_{end}", 4 * hidden, width)
            add(f"weight_hh_{end}", 4 * hidden, output)
            if bias:
                add(f"bias_ih_{end}", 4 * hidden)
                add(f"bias_hh_{end}", 4 * hidden)
            if peephole:
                add(f"weight_peephole_{end}", 3 * hidden)
            if projection:
                add(f"weight_hr_{end}", projection, hidden)
    return tensors


def with_codes(tensors, layer):
    """The same with int8 codes for the matrices of a layer, and what they stand for as float32."""
    coded, meant = dict(tensors), dict(tensors)
    for name, values in tensors.items():
        if values.ndim == 2 and f"_l{layer}" in name:
            scale = (np.abs(values).max(1) / 127).astype("f4")
            coded[name] = np.rint(values / scale[:, None]).astype("i1")
            coded[name + ".scale"] = scale
            meant[name] = coded[name].astype("f4") * scale[:, None]
    return coded, meant


class Case(unittest.TestCase):
    """A test with a folder of its own, which has to hold nothing but what was meant to be there."""

    longMessage = True

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="test_cli."))
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return self.folder / name

    def model(self, name="model.safetensors", metadata=None, **shape):
        tensors = random_model(**{"seed": 1, "inputs": 3, "hidden": 8, **shape})
        return save_model(self.path(name), tensors, metadata), tensors

    def array(self, name, values):
        np.save(self.path(name), values)
        return self.path(name)

    def does(self, *arguments, **more):
        """Run it; it succeeds, and says nothing on standard error.  What it prints."""
        done = run(*arguments, **more)
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))
        return done.stdout.decode("utf-8", "surrogateescape")

    def refuses(self, expected, *arguments, status=1, **more):
        """Run it; it fails with one line that has every part expected, and leaves no file."""
        before = sorted(self.folder.iterdir())
        done = run(*arguments, **more)
        said = done.stderr.decode("utf-8", "replace")
        self.assertEqual(done.returncode, status, said)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertTrue(said.startswith("lstm: "), said)
        for part in [expected] if isinstance(expected, (str, Path)) else expected:
            self.assertIn(str(part), said)
        self.assertEqual(sorted(self.folder.iterdir()), before, "files left behind")
        return said

    def assert_near(self, found, expected, tolerance=TOLERANCE):
        self.assertEqual(found.shape, expected.shape)
        worst = float(np.max(np.abs(found - expected), initial=0))
        self.assertLessEqual(worst, tolerance)
