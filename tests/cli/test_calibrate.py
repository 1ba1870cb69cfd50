"""lstm quantize --calibrate: the errors that it prints are those of lstm run, layer by layer, it
chooses by them, and what it writes runs to the bit as the layers one behind the other."""

import json
import re

import kit
import numpy as np

SHAPES = (
    {"layers": 3},
    {"layers": 2, "both": True, "projection": 5, "peephole": True},
    {"layers": 2, "dtype": "float64", "bias": False},
)
LIMIT = 0.001  # between the errors of int8 and bf16 of some layers


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def raw_tensors(path):
    """Types and bytes by name."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], data[slice(*entry["data_offsets"])])
            for name, entry in header.items()}


class Calibrate(kit.Case):
    def calibrate(self, model, x, *options):
        """The printed object, and the file."""
        out = self.path("out.safetensors")
        said = self.does("quantize", model, out, "--calibrate", x, "--json", *options)
        return json.loads(said), out

    def outputs(self, model, x, *options):
        self.does("run", model, "-i", x, "-o", self.path("y.npy"), *options)
        return np.load(self.path("y.npy"))

    def layer_file(self, tensors, layer):
        """A model of this layer alone."""
        part = {name.replace(f"_l{layer}", "_l0"): values for name, values in tensors.items()
                if re.search(rf"_l{layer}(_|$)", name)}
        return kit.save_model(self.path(f"layer{layer}"), part)

    def check_layer(self, found, tensors, layer, x, limit):
        """Against lstm run with each type; the outputs of the file's own, the type's name and bytes."""
        alone = self.layer_file(tensors, layer)
        own = self.outputs(alone, x, "--dtype", "f32")
        size = sum(a.size for name, a in tensors.items() if a.ndim == 2 and f"_l{layer}" in name)
        rows = sum(len(a) for name, a in tensors.items() if a.ndim == 2 and f"_l{layer}" in name)
        bytes_of = {"f32": 4 * size, "bf16": 2 * size, "int8": size + 4 * rows}
        self.assertEqual([entry["dtype"] for entry in found["types"]], ["f32", "int8", "bf16"])
        wanted = "f32"
        for entry in reversed(found["types"]):
            error = np.abs(self.outputs(alone, x, "--dtype", entry["dtype"]).astype("f8") - own)
            self.assertAlmostEqual(entry["max_error"], error.max(), delta=1e-9)
            self.assertAlmostEqual(entry["mean_error"], error.mean(), delta=1e-9)
            self.assertEqual(entry["bytes"], bytes_of[entry["dtype"]])
            self.assertTrue(0 < entry["seconds_per_step"] < 1)
            if entry["dtype"] != "f32" and error.max() <= limit:
                wanted = entry["dtype"]
        self.assertEqual(found["chosen"], wanted)
        return own, wanted, bytes_of

    def check(self, shape, x, limit, *options):
        model, tensors = self.model(hidden=16, **shape)
        found, out = self.calibrate(model, self.array("x.npy", x), "--error", limit, *options)
        self.assertEqual((found["limit"], found["steps"], found["batch"]), (limit, *x.shape[:2]))
        self.assertEqual(len(found["layers"]), shape["layers"])
        at, chained, sizes = self.path("x.npy"), self.path("x.npy"), [0, 0]
        for layer, entry in enumerate(found["layers"]):
            own, chosen, bytes_of = self.check_layer(entry, tensors, layer, at, limit)
            sizes = [sizes[0] + bytes_of["f32"], sizes[1] + bytes_of[chosen]]
            mixed = self.outputs(self.path(f"layer{layer}"), chained, "--dtype", chosen)
            at = self.array(f"own{layer}.npy", own)
            chained = self.array(f"mixed{layer}.npy", mixed)
        y = self.outputs(out, self.path("x.npy"))
        self.assertEqual(y.tobytes(), mixed.tobytes())
        error = np.abs(y.astype("f8") - own)
        self.assertAlmostEqual(found["all"]["out"]["max_error"], error.max(), delta=1e-9)
        self.assertAlmostEqual(found["all"]["out"]["mean_error"], error.mean(), delta=1e-9)
        self.assertEqual([found["all"][k]["bytes"] for k in ("as_is", "out")], sizes)
        return [entry["chosen"] for entry in found["layers"]]

    def test_measures_chooses_and_writes(self):
        chosen = set()
        for number, shape in enumerate(SHAPES):
            for limit in (1e-6, LIMIT, 0.5):
                with self.subTest(shape=shape, limit=limit):
                    chosen.update(self.check(shape, normal(number, 40, 2, 3), limit))
        self.assertEqual(chosen, {"f32", "bf16", "int8"})

    def test_each_layer_has_a_type_of_its_own(self):
        """One that is sensitive keeps more bits than the others."""
        model, tensors = self.model(hidden=16, layers=3)
        tensors["weight_ih_l1"] *= 12
        tensors["weight_hh_l1"] *= 3
        kit.save_model(model, tensors)
        found, out = self.calibrate(model, self.array("x.npy", normal(1, 60, 3)))
        self.assertEqual(found["limit"], 0.01)
        self.assertEqual([entry["chosen"] for entry in found["layers"]], ["int8", "bf16", "int8"])
        info = json.loads(self.does("info", "--json", out))["lstms"][0]
        self.assertEqual(info["layer_dtypes"], ["int8", "bf16", "int8"])
        before, after = raw_tensors(model), raw_tensors(out)
        for dtype, layers in (("int8", "02"), ("bf16", "1")):
            self.does("quantize", model, self.path("all"), "--dtype", dtype)
            for name, entry in raw_tensors(self.path("all")).items():
                if name.split(".")[0][-1] in layers:
                    self.assertEqual(after[name], entry, name)
        self.assertEqual(set(after) - set(before),
                         {f"weight_{m}_l{k}.scale" for m in ("ih", "hh") for k in (0, 2)})
        self.runs_everywhere(out)

    def runs_everywhere(self, model):
        y = self.array("recorded.npy", self.outputs(model, self.path("x.npy")))
        compare = ["compare", model, "-i", self.path("x.npy"), "-y", y]
        self.refuses((model, "expected a --tolerance for weights of mixed"), *compare)
        self.assertIn("tolerance 0.01", self.does(*compare, "--tolerance", 0.01))
        self.assertIn("LSTM_DTYPE_I8, LSTM_DTYPE_BF16, LSTM_DTYPE_I8",
                      self.does("embed", model, "-o", "-"))
        done = kit.run("bench", model, "--quick", "--repeat", "3", "--mode", "step", "--isa", "scalar",
                       "--cpu", "any")
        self.assertIn(done.returncode, (0, 1))
        if done.returncode:
            self.assertIn(b"found one without", done.stderr)

    def test_what_stays_keeps_its_bytes(self):
        for dtype in ("float32", "float64"):
            model, _ = self.model(layers=2, dtype=dtype)
            found, out = self.calibrate(model, self.array("x.npy", normal(1, 9, 3)), "--error", 1e-9)
            self.assertEqual([entry["chosen"] for entry in found["layers"]], ["f32", "f32"])
            self.assertEqual(raw_tensors(out), raw_tensors(model))
            self.assertEqual(found["all"]["out"]["max_error"], 0)

    def test_halves_become_int8_or_stay(self):
        model, _ = self.model(layers=2, dtype="float16")
        x = self.array("x.npy", normal(1, 9, 3))
        for limit, wanted in ((0.5, "int8"), (1e-9, "f16")):
            found, out = self.calibrate(model, x, "--error", limit)
            for entry in found["layers"]:
                self.assertEqual([t["dtype"] for t in entry["types"]], ["f16", "int8"])
                self.assertEqual(entry["chosen"], wanted)
        self.assertEqual(raw_tensors(out), raw_tensors(model))

    def test_layout_and_pipes_change_nothing(self):
        model, _ = self.model(layers=2)
        x = normal(1, 30, 4, 3)
        plain, _ = self.calibrate(model, self.array("x.npy", x))
        swapped = self.array("swapped.npy", np.ascontiguousarray(x.swapaxes(0, 1)))
        found, _ = self.calibrate(model, swapped, "--layout", "batch")
        piped = json.loads(self.does("quantize", model, self.path("piped"), "--calibrate", "-",
                                     "--json", stdin=self.path("x.npy").read_bytes()))
        for other in (found, piped):
            self.assertEqual([e["chosen"] for e in other["layers"]],
                             [e["chosen"] for e in plain["layers"]])
            for mine, its in zip(plain["layers"], other["layers"]):
                for a, b in zip(mine["types"], its["types"]):
                    self.assertEqual(a["max_error"], b["max_error"])
                    self.assertAlmostEqual(a["mean_error"], b["mean_error"], delta=1e-12)

    def test_pieces_are_one_sequence(self):
        model, _ = self.model(hidden=4)
        x = self.array("x.npy", normal(1, 400000, 3))  # 11 MB of x and y: pieces are of 8
        found, out = self.calibrate(model, x)
        error = np.abs(self.outputs(out, x).astype("f8") - self.outputs(model, x))
        self.assertEqual(found["layers"][0]["chosen"], "int8")
        for entry in (found["layers"][0]["types"][1], found["all"]["out"]):
            self.assertAlmostEqual(entry["max_error"], error.max(), delta=1e-9)
            self.assertAlmostEqual(entry["mean_error"], error.mean(), delta=1e-9)

    def test_prefix(self):
        tensors = {**kit.random_model(1, 3, 8, prefix="a."), **kit.random_model(2, 5, 8, prefix="b."),
                   "head": np.ones((2, 8), "f4")}  # fmt: skip
        model = kit.save_model(self.path("two"), tensors)
        x = self.array("x.npy", normal(1, 20, 5))
        out = self.path("out.safetensors")
        self.refuses((model, "expected one LSTM, or a --prefix that chooses one, found 2"),
                     "quantize", model, out, "--calibrate", x)
        _, out = self.calibrate(model, x, "--prefix", "b.")
        before, after = raw_tensors(model), raw_tensors(out)
        for name, entry in before.items():
            self.assertEqual(after[name] == entry, not name.startswith("b.weight"), name)

    def test_table_says_what_the_object_says(self):
        model, _ = self.model(layers=2)
        x = self.array("x.npy", normal(1, 20, 3))
        found, out = self.calibrate(model, x, "--error", LIMIT)
        lines = self.does("quantize", model, out, "--calibrate", x, "--error", LIMIT).splitlines()
        self.assertEqual(lines[0], f"{x}: 20 steps, batch 1; int8 where the error of h is at most "
                                   f"{LIMIT}, else bf16, else as it is")
        self.assertEqual(lines[1].split(), ["layer", "type", "bytes", "max", "error", "mean",
                                            "error", "us/step"])
        rows = [line.split() for line in lines[2:]]
        self.assertEqual(len({len(line.split("  chosen")[0].split("  beyond")[0]) for line in lines[1:]}),
                         1, "aligned")
        expected = [(str(layer), entry) for layer, found_layer in enumerate(found["layers"])
                    for entry in found_layer["types"]]
        for row, (layer, entry) in zip(rows, expected):
            self.assertEqual(row[:3], [layer, entry["dtype"], str(entry["bytes"])])
            chosen = found["layers"][int(layer)]["chosen"] == entry["dtype"]
            self.assertEqual("chosen" in row, chosen)
            self.assertEqual("beyond" in row, entry["max_error"] > LIMIT)
            if entry["dtype"] != "f32":
                self.assertEqual(row[3:5], [f"{entry['max_error']:.3g}", f"{entry['mean_error']:.3g}"])
        self.assertEqual(rows[-2][:4], ["all", "as", "is", str(found["all"]["as_is"]["bytes"])])
        self.assertEqual(rows[-1][:4], ["all", "OUT", str(found["all"]["out"]["bytes"]),
                                        f"{found['all']['out']['max_error']:.3g}"])

    def test_refused(self):
        model, _ = self.model()
        out = self.path("out")
        x = self.array("x.npy", normal(1, 9, 2, 3))
        command = ("quantize", model, out, "--calibrate", x)
        for value in ("0", "-1", "nan", "inf", "1x", ""):
            self.refuses(f'--error: expected a number above 0, found "{value}"', *command, "--error",
                         value, status=2)
        for option in (("--error", "0.1"), ("--json",), ("--layout", "time")):
            self.refuses(f"expected --calibrate X.npy beside {option[0]}, found none", "quantize",
                         model, out, "--dtype", "int8", *option, status=2)
        self.refuses("expected --dtype int8 or none beside --calibrate, found bf16", *command,
                     "--dtype", "bf16", status=2)
        self.refuses("expected a file as OUT", "quantize", model, "-", "--calibrate", x, status=2)
        self.refuses("expected one use of this file, found two", "quantize", model, x,
                     "--calibrate", x, status=2)
        self.refuses(self.path("none"), "quantize", model, out, "--calibrate", self.path("none"))
        wide = self.array("wide.npy", normal(1, 9, 2, 4))
        self.refuses((wide, "shape: expected [steps, batch, 3] or [steps, 3]", "found [9, 2, 4]"),
                     "quantize", model, out, "--calibrate", wide)
        empty = self.array("empty.npy", np.zeros((0, 3), "f4"))
        self.refuses((empty, "expected at least one step, found [0, 3]"), "quantize", model, out,
                     "--calibrate", empty)
        for value in (np.nan, np.inf):
            bad = normal(1, 9, 2, 3)
            bad[4, 1, 2] = value
            bad = self.array("bad.npy", bad)
            self.refuses((bad, "element 29: expected a finite number, found"), "quantize", model, out,
                         "--calibrate", bad)
        self.does("quantize", model, self.path("codes"), "--dtype", "int8")
        self.refuses((self.path("codes"), "expected matrices of F32, F64, F16 or BF16, found I8"),
                     "quantize", self.path("codes"), out, "--calibrate", x)
        self.refuses("/dev/full: cannot be written", "quantize", model, "/dev/full", "--calibrate", x)
