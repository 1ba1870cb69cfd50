"""lstm quantize: a file of fewer bits that runs to the bit as the library's own rounding, keeps all
else, and says what it cannot do."""

import json
import struct

import kit
import numpy as np

MATRICES = ("weight_ih", "weight_hh", "weight_hr")
EVERYTHING = {"layers": 2, "both": True, "projection": 5, "peephole": True}


def read(path):
    """Tensors as (type, shape, bytes) by name, and the metadata."""
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    metadata = header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
            for name, entry in header.items()}, metadata


def bf16(values):
    """To nearest, ties to even, as bytes."""
    bits = values.astype("<f4").view("<u4").astype("u8")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()


class Quantize(kit.Case):
    def quantize(self, model, dtype, *options):
        out = self.path(f"{dtype}.safetensors")
        self.assertEqual(self.does("quantize", model, out, "--dtype", dtype, *options), "")
        return out

    def outputs(self, model, *options):
        x = np.random.default_rng(3).normal(size=(40, 2, 3)).astype("f4")
        self.does("run", model, "-i", self.array("x.npy", x), "-o", self.path("y.npy"), *options)
        return np.load(self.path("y.npy"))

    def test_runs_to_the_bit_as_rounded_by_the_library(self):
        for shape in ({"hidden": 17}, EVERYTHING):
            model, _ = self.model(**shape)
            for dtype in ("bf16", "f16", "int8"):
                with self.subTest(dtype):
                    out = self.quantize(model, dtype)
                    found = self.outputs(out)
                    expected = self.outputs(model, "--dtype", dtype)
                    self.assertEqual(found.tobytes(), expected.tobytes())
                    self.assertNotEqual(found.tobytes(), self.outputs(model).tobytes())
                    self.assertEqual(self.outputs(out, "--dtype", dtype).tobytes(), found.tobytes())

    def test_halves_are_those_of_numpy(self):
        model, tensors = self.model(hidden=33)
        rows = tensors["weight_ih_l0"]
        rows.ravel()[:8] = [65519, -3e-8, 2**-14 * 1.2345, 6e-8, 0, 1 + 2**-11, 1 + 3 * 2**-11, -1e-3]
        kit.save_model(model, tensors)
        for dtype, encode in (("f16", lambda a: a.astype("<f2").tobytes()), ("bf16", bf16)):
            found, _ = read(self.quantize(model, dtype))
            for name, values in tensors.items():
                if name.startswith(MATRICES):
                    self.assertEqual(found[name],
                                     (dtype.upper(), list(values.shape), encode(values)), name)

    def test_codes_are_the_nearest_of_their_row(self):
        model, tensors = self.model(**EVERYTHING)
        tensors["weight_hh_l1"][3] = 0
        kit.save_model(model, tensors)
        found, _ = read(self.quantize(model, "int8"))
        for name, values in tensors.items():
            if not name.startswith(MATRICES):
                continue
            kind, shape, raw = found[name]
            self.assertEqual((kind, shape), ("I8", list(values.shape)), name)
            kind, shape, scale = found[name + ".scale"]
            self.assertEqual((kind, shape), ("F32", [len(values)]), name)
            codes = np.frombuffer(raw, "i1").reshape(values.shape).astype("f8")
            scale = np.frombuffer(scale, "<f4").astype("f8")[:, None]
            largest = np.abs(values).max(1, keepdims=True)
            rows = largest[:, 0] > 0
            self.assertTrue((codes[~rows] == 0).all(), name)
            self.assertTrue((np.abs(codes * scale - values) <= 0.5001 * scale).all(), name)
            scales = largest[rows] / (127.5 - 0.5 * np.arange(8))  # what the row has to choose from
            chosen = np.abs(scales / scale[rows] - 1) < 2e-7
            self.assertTrue((chosen.sum(1) == 1).all(), name)
            steps = values[rows, :, None].astype("f8") / scales[:, None, :]
            missed = (steps - np.clip(np.rint(steps), -127, 127)) * scales[:, None, :]
            missed = (missed**2).sum(1)
            np.testing.assert_array_less(missed[chosen], 1.01 * missed.min(1), err_msg=name)

    def test_keeps_all_else(self):
        tensors = {**kit.random_model(1, 3, 8, prefix="a."), **kit.random_model(2, 4, 5, prefix="b."),
                   "head.weight": np.ones((2, 8), "f4"), "steps": np.arange(3)}  # fmt: skip
        metadata = {"lstm.clip": "2.5", 'quote " \\': "\u00e9 \n\x01"}
        model = kit.save_model(self.path("model"), tensors, metadata)
        before, _ = read(model)
        found, kept = read(self.quantize(model, "int8", "--prefix", "b."))
        self.assertEqual(kept, metadata)
        for name, entry in before.items():
            changed = name.startswith(("b.weight_ih", "b.weight_hh"))
            self.assertEqual(found[name] == entry, not changed, name)
        self.assertEqual(set(found) - set(before),
                         {"b.weight_ih_l0.scale", "b.weight_hh_l0.scale"})
        both, _ = read(self.quantize(model, "bf16"))
        self.assertEqual({name for name in both if both[name][0] == "BF16"},
                         {p + w for p in "ab" for w in (".weight_ih_l0", ".weight_hh_l0")})

    def test_takes_a_quarter(self):
        model, _ = self.model(inputs=64, hidden=64)
        size = model.stat().st_size
        self.assertLess(self.quantize(model, "bf16").stat().st_size, 0.52 * size)
        self.assertLess(self.quantize(model, "int8").stat().st_size, 0.28 * size)
        said = self.does("info", self.path("int8.safetensors"))
        self.assertIn("in the file (F32, I8)", said)
        self.assertRegex(said, r"int8 scalar +model of \d+ bytes")

    def test_refused(self):
        model, tensors = self.model()
        out = self.path("out")
        self.refuses("expected --dtype bf16, f16 or int8, found none", "quantize", model, out,
                     status=2)
        self.refuses("expected --dtype bf16, f16 or int8, found f32", "quantize", model, out,
                     "--dtype", "f32", status=2)
        self.refuses("quantize: expected IN OUT, found one", "quantize", model, status=2)
        self.refuses('expected two operands, found "c" too', "quantize", "a", "b", "c", status=2)
        self.refuses("expected one use of this file, found two", "quantize", model, model,
                     "--dtype", "int8", status=2)
        lost = self.path("missing") / "net"
        self.refuses((lost, "cannot be written"), "quantize", model, lost, "--dtype", "int8")
        codes = self.quantize(model, "int8")
        self.refuses((codes, "weight_ih_l0", "expected F32, F64, F16 or BF16, found I8"),
                     "quantize", codes, out, "--dtype", "bf16")
        for value, dtype in ((65520, "f16"), (3.4e38, "bf16"), (np.inf, "int8"), (np.nan, "f16")):
            tensors["weight_hh_l0"][2, 1] = value
            kit.save_model(model, tensors)
            self.refuses((model, "tensor weight_hh_l0: expected magnitudes below", "at [2, 1]"),
                         "quantize", model, out, "--dtype", dtype)

    def test_compare_needs_a_tolerance(self):
        model, _ = self.model()
        y = self.outputs(model)
        arguments = ["-i", self.path("x.npy"), "-y", self.array("recorded.npy", y)]
        codes = self.quantize(model, "int8")
        self.refuses((codes, "expected a --tolerance for weights of int8, found none"), "compare",
                     codes, *arguments)
        self.assertIn("tolerance 0.02", self.does("compare", codes, *arguments, "--tolerance", 0.02))
        self.does("compare", model, *arguments, "--dtype", "f32")
        done = kit.run("compare", model, *arguments, "--dtype", "int8", "--tolerance", 1e-7)
        self.assertEqual(done.returncode, 1)
