"""lstm info: what it says of a file is what the test put into it."""

import json

import kit
import numpy as np


BYTES = {"f32": 4, "bf16": 2, "f16": 2, "int8": 1}  # of a weight


def code_bytes(tensors):
    """A byte for each weight of a matrix and a float for each of its rows; floats for all else."""
    return sum(a.size + 4 * a.shape[0] if a.ndim == 2 else 4 * a.size for a in tensors.values())


class Info(kit.Case):
    def info(self, path, *options):
        found = json.loads(self.does("info", "--json", path, *options))
        self.assertEqual(found["file"], str(path))
        return found

    def test_sizes(self):
        path, tensors = self.model(layers=2, both=True, projection=5)
        (found,) = self.info(path)["lstms"]
        parameters = sum(array.size for array in tensors.values())
        expected = {
            "prefix": "", "input": 3, "hidden": 8, "projection": 5, "output": 10, "layers": 2,
            "direction": "bidirectional", "parameters": parameters, "dtypes": ["F32"],
            "bytes": {"file": 4 * parameters, "f32": 4 * parameters, "f16": 2 * parameters,
                      "bf16": 2 * parameters, "int8": code_bytes(tensors)},
            "dtype": "f32",
            "activations": [["sigmoid", "tanh", "tanh"]] * 2, "biases": "two", "peepholes": False,
            "input_forget": False, "clip": 0, "cell_clip": 0,
        }  # fmt: skip
        for key, value in expected.items():
            self.assertEqual(found[key], value, key)
        self.assertEqual(self.info(path)["other_tensors"], [])

    def test_options(self):
        activations = ("hardsigmoid(0.25,0.5),relu,softsign,sigmoid,scaledtanh(1.5,0.75),"
                       "leakyrelu(0.125)")
        path, tensors = self.model(
            both=True, peephole=True, dtype="float16",
            metadata={"lstm.activations": activations, "lstm.clip": "2.5", "lstm.cell_clip": "1e3",
                      "lstm.input_forget": "1"},
        )
        (found,) = self.info(path)["lstms"]
        parameters = sum(array.size for array in tensors.values())
        self.assertEqual(found["activations"], [
            ["hardsigmoid(0.25,0.5)", "relu", "softsign"],
            ["sigmoid", "scaledtanh(1.5,0.75)", "leakyrelu(0.125)"],
        ])  # fmt: skip
        self.assertEqual(found["bytes"]["file"], 2 * parameters)
        self.assertEqual((found["dtypes"], found["clip"], found["cell_clip"]), (["F16"], 2.5, 1000))
        self.assertEqual((found["peepholes"], found["input_forget"]), (True, True))

    def test_every_activation_has_its_name(self):
        for name in ("sigmoid", "tanh", "relu", "linear", "softsign", "softplus", "affine(2,3)",
                     "hardsigmoid_keras3", "leakyrelu(2)", "thresholdedrelu(2)", "elu(2)",
                     "scaledtanh(2,3)", "hardsigmoid(2,3)"):  # fmt: skip
            path, _ = self.model(metadata={"lstm.activations": f"{name},tanh,tanh"})
            self.assertEqual(self.info(path)["lstms"][0]["activations"][0][0], name)

    def test_biases(self):
        path, tensors = self.model()
        single = {name: a for name, a in tensors.items() if "bias_hh" not in name}
        kit.save_model(self.path("one"), single, {"lstm.bias": "single"})
        self.assertEqual(self.info(self.path("one"))["lstms"][0]["biases"], "one")
        self.assertEqual(self.info(path)["lstms"][0]["biases"], "two")
        self.assertEqual(self.info(self.model(bias=False)[0])["lstms"][0]["biases"], "none")

    def test_int8_bytes_are_those_of_the_quantized_file(self):
        shape = {"layers": 2, "both": True, "projection": 5, "peephole": True}
        path, tensors = self.model(**shape)
        self.does("quantize", path, self.path("codes"), "--dtype", "int8")
        (before,), (after,) = self.info(path)["lstms"], self.info(self.path("codes"))["lstms"]
        self.assertEqual(before["bytes"]["int8"], code_bytes(tensors))
        self.assertEqual(after["bytes"]["file"], before["bytes"]["int8"])
        self.assertEqual(after["bytes"], {**before["bytes"], "file": after["bytes"]["file"]})
        self.assertEqual((before["dtype"], after["dtype"]), ("f32", "int8"))
        self.assertEqual(before["packed"], after["packed"])

    def test_packed_bytes(self):
        """Padded to lanes a model holds at least its parameters, and the scalar path is smallest."""
        path, tensors = self.model(hidden=24)
        (found,) = self.info(path)["lstms"]
        weights = tensors["weight_ih_l0"].size + tensors["weight_hh_l0"].size
        packed = {(entry["dtype"], entry["isa"]): entry for entry in found["packed"]}
        isas = {isa for _, isa in packed}
        self.assertIn("scalar", isas)
        self.assertEqual(len(packed), len(found["packed"]))
        self.assertEqual(set(packed), {(dtype, isa) for dtype in ("f32", "bf16", "f16", "int8")
                                       for isa in isas})
        for (dtype, isa), entry in packed.items():
            self.assertGreater(entry["model_bytes"], BYTES[dtype] * weights)
            self.assertGreaterEqual(entry["state_bytes"], 4 * 3 * 24)
            self.assertLessEqual(packed[dtype, "scalar"]["model_bytes"], entry["model_bytes"])
            if isa != "scalar" and dtype != "f32":
                self.assertLess(entry["model_bytes"], packed["f32", isa]["model_bytes"])

    def test_types_of_layers(self):
        path, tensors = self.model(layers=3)
        self.assertEqual(self.info(path)["lstms"][0]["layer_dtypes"], ["f32"] * 3)
        self.assertNotIn("  dtypes  ", self.does("info", path))
        coded, _ = kit.with_codes(tensors, 1)
        for name, values in tensors.items():
            if values.ndim == 2 and "_l2" in name:
                coded[name] = values.astype("f2")
        mixed = kit.save_model(self.path("mixed"), coded)
        (found,) = self.info(mixed)["lstms"]
        self.assertEqual(found["layer_dtypes"], ["f32", "int8", "f16"])
        self.assertEqual({entry["dtype"] for entry in found["packed"]},
                         {"f32", "bf16", "f16", "int8", "mixed"})
        self.assertEqual(found["dtypes"], ["F32", "F16", "I8"])
        said = self.does("info", mixed)
        self.assertIn("\n  dtypes        f32, int8, f16\n", said)
        self.assertRegex(said, r"\n  mixed scalar +model of \d+ bytes")
        packed = {(e["dtype"], e["isa"]): e["model_bytes"] for e in found["packed"]}
        for (dtype, isa), size in packed.items():
            if dtype == "f32":
                self.assertLess(packed["mixed", isa], size)

    def test_several_and_other_tensors(self):
        tensors = {
            **kit.random_model(1, 3, 8, prefix="encoder.rnn."),
            **kit.random_model(2, 8, 5, layers=2, prefix='a"b\\c.'),
            "head.weight": np.zeros((2, 5), "f4"), "encoder.scale": np.zeros((), "f8"),
            "steps": np.zeros(1, "i8"),
        }  # fmt: skip
        path = kit.save_model(self.path("many"), tensors)
        found = self.info(path)
        self.assertEqual([lstm["prefix"] for lstm in found["lstms"]], ["encoder.rnn.", 'a"b\\c.'])
        self.assertEqual(found["other_tensors"], [
            {"name": "head.weight", "dtype": "F32", "shape": [2, 5]},
            {"name": "encoder.scale", "dtype": "F64", "shape": []},
            {"name": "steps", "dtype": None, "shape": [1]},
        ])  # fmt: skip
        one = self.info(path, "--prefix", "encoder.rnn.")
        self.assertEqual([lstm["hidden"] for lstm in one["lstms"]], [8])
        self.assertEqual(len(one["other_tensors"]), 3 + 8)
        said = self.does("info", path)
        for part in ('LSTM of prefix "encoder.rnn."', "layers        2, forward",
                     'other tensor "head.weight", F32 [2, 5]', 'other tensor "steps", another type'):
            self.assertIn(part, said)

    def test_text_says_what_json_says(self):
        path, tensors = self.model(layers=2, projection=5)
        said = self.does("info", path)
        parameters = sum(array.size for array in tensors.values())
        for line in ("input         3", "hidden        8", "projection    5", "output        5",
                     "layers        2, forward", f"parameters    {parameters}",
                     f"bytes         {4 * parameters} in the file (F32)",
                     "activations   sigmoid tanh tanh", "biases        two", "peepholes     no",
                     "f gate        of its own", "f32  scalar   model of",
                     "int8 scalar   model of"):  # fmt: skip
            self.assertIn(f"\n  {line}", said)
        self.assertIn(f", {code_bytes(tensors)} as int8\n", said)

    def test_cells(self):
        _, tensors = self.model()
        cell = {name.replace("_l0", ""): a for name, a in tensors.items()}
        path = kit.save_model(self.path("cell"), {"cell." + name: a for name, a in cell.items()})
        (found,) = self.info(path)["lstms"]
        self.assertEqual((found["prefix"], found["layers"]), ("cell.", 1))

    def test_refused(self):
        _, tensors = self.model()
        tensors["weight_hh_l0"] = tensors["weight_hh_l0"][:, :5]
        broken = kit.save_model(self.path("broken"), tensors)
        self.refuses((broken, "'weight_hh_l0': expected shape [32, 8], found [32, 5]"), "info",
                     broken)
        none = kit.save_model(self.path("none"), {"head": np.zeros(3, "f4")})
        self.refuses((none, "weight_ih_l0", "found 'head'"), "info", none)
        self.refuses(self.path("missing"), "info", self.path("missing"))
        self.refuses(("'x.'",), "info", self.model()[0], "--prefix", "x.")
        text = self.path("text")
        text.write_text("no safetensors at all")
        self.refuses(text, "info", text)
