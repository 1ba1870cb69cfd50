"""lstm compare: takes what the equations in double precision give, and finds what is wrong."""

import math
import re

import kit
import numpy as np
import oracle

LINE = re.compile(r"(?P<what>\S.*?) +(?P<isa>\w+) +max (?P<max>\S+), mean (?P<mean>\S+); worst at "
                  r"(?P<place>.*): expected (?P<expected>\S+), found (?P<found>\S+)")


class Compare(kit.Case):
    def setUp(self):
        super().setUp()
        self.x = np.random.default_rng(1).normal(size=(9, 4, 3)).astype("f4")

    def record(self, shape=None, **more):
        """A model and arguments that compare it with the oracle's outputs, which are returned."""
        model, tensors = self.model(**(shape or {}))
        y, h, c = (a.astype("f4") for a in oracle.lstm(tensors, self.x, **more))
        arguments = ["compare", model, "-i", self.array("x.npy", self.x), "-y",
                     self.array("y.npy", y), "--hn", self.array("h.npy", h), "--cn",
                     self.array("c.npy", c)]
        return arguments, y, h, c

    def lines(self, arguments, status=0):
        done = kit.run(*arguments)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        found = [LINE.fullmatch(line) for line in done.stdout.decode().splitlines()[:-1]]
        self.assertNotIn(None, found)
        last = re.fullmatch(r"tolerance (\S+?)(, what rounding may come to)?",
                            done.stdout.decode().splitlines()[-1])
        return found, float(last[1]), done.stderr.decode()

    def test_takes_the_oracle_for_every_instruction_set(self):
        arguments, *_ = self.record()
        found, tolerance, said = self.lines(arguments)
        isas = [match["isa"] for match in found if match["what"] == "y"]
        self.assertIn("scalar", isas)
        self.assertEqual(len(set(isas)), len(isas))
        for isa in ("neon", "avx2", "avx512"):
            runs = kit.run("run", arguments[1], "-i", arguments[3], "-o", self.path("o.npy"),
                           "--isa", isa).returncode == 0
            self.assertEqual(isa in isas, runs, isa)
        self.assertEqual(said, "")
        # What fp32 may come to for such networks is known to be below 1e-4.
        self.assertLess(tolerance, 1e-4)
        self.assertLess(max(float(match["max"]) for match in found), tolerance / 5)

    def test_takes_networks_of_all_kinds(self):
        lengths = np.array([9, 0, 4, 7])
        for shape, more, metadata in (
            ({"layers": 3}, {}, None),
            ({"layers": 2, "both": True, "projection": 5}, {"lengths": lengths}, None),
            ({"bias": False}, {}, None),
            ({}, {"direction": "reverse"}, {"lstm.direction": "reverse"}),
            ({"peephole": True}, {"clip": 0.5}, {"lstm.clip": "0.5"}),
        ):
            with self.subTest(**shape):
                arguments, *_ = self.record({**shape, "metadata": metadata}, **more)
                if "lengths" in more:
                    arguments += ["--lengths", self.array("l.npy", lengths)]
                self.lines(arguments)

    def test_saturated_gates(self):
        """Nothing moves such outputs, but the last bits of the activations."""
        model, tensors = self.model()
        tensors["bias_ih_l0"] = np.repeat(np.array([40, -40, 1, 40], "f4"), 8)
        kit.save_model(model, tensors)
        y, _, _ = oracle.lstm(tensors, self.x)
        self.lines(["compare", model, "-i", self.array("x.npy", self.x), "-y",
                    self.array("y.npy", y)])

    def test_finds_the_worst_element(self):
        arguments, y, h, c = self.record({"layers": 2, "both": True})
        y[5, 1, 3] += 0.25
        self.array("y.npy", y)
        found, _, said = self.lines(arguments, status=1)
        self.assertRegex(said, r"^lstm: .*y\.npy: expected differences up to \S+, found 0\.25\n$")
        for match in found:
            if match["what"] == "y":
                self.assertEqual(match["place"], "step 5, stream 1, unit 3")
                self.assertAlmostEqual(float(match["max"]), 0.25, 5)
                self.assertAlmostEqual(float(match["expected"]), float(y[5, 1, 3]), 6)
                self.assertAlmostEqual(float(match["mean"]), 0.25 / y.size, 6)
            else:
                self.assertLess(float(match["max"]), 1e-5)

    def test_finds_it_in_layout_batch(self):
        arguments, y, _, _ = self.record()
        y[7, 2, 6] += 0.25
        self.array("y.npy", y.transpose(1, 0, 2).copy())
        self.array("x.npy", self.x.transpose(1, 0, 2).copy())
        found, *_ = self.lines([*arguments, "--layout", "batch"], status=1)
        self.assertEqual(found[0]["place"], "step 7, stream 2, unit 6")

    def test_finds_it_in_the_states(self):
        arguments, _, h, c = self.record({"layers": 2, "both": True, "projection": 5})
        c[3, 2, 7] = 9
        self.array("c.npy", c)
        found, *_ = self.lines(arguments, status=1)
        worst = [match for match in found if float(match["max"]) > 1]
        self.assertGreaterEqual(len(worst), 1)
        for match in worst:
            self.assertEqual((match["what"], match["place"]),
                             ("cn, layer 1 reverse", "stream 2, unit 7"))
        c[3, 2, 7] = 0
        h[0, 3, 4] = -9
        self.array("h.npy", h)
        found, *_ = self.lines(arguments, status=1)
        self.assertIn(("hn, layer 0", "stream 3, unit 4"),
                      [(match["what"], match["place"]) for match in found])

    def record_layers(self, **shape):
        """Arguments with the outputs of every layer, those of stacks of growing depth."""
        arguments, y, *_ = self.record(shape)
        _, tensors = self.model(**shape)
        layers = []
        for layer in range(shape["layers"] - 1):
            stack = {name: a for name, a in tensors.items()
                     if int(name.split("_l")[1].split("_")[0]) <= layer}
            layers.append(oracle.lstm(stack, self.x)[0].astype("f4"))
            self.array(f"layer{layer}.npy", layers[-1])
        return [*arguments, "--layer-y", self.path("layer%.npy")], [*layers, y]

    def test_every_layer(self):
        for shape in ({"layers": 2, "both": True}, {"layers": 3, "projection": 5}):
            arguments, _ = self.record_layers(**shape)
            found, tolerance, _ = self.lines(arguments)
            self.assertLess(tolerance, 1e-4)
            isas = {match["isa"] for match in found}
            for what in (*(f"y, layer {k}" for k in range(shape["layers"] - 1)), "y"):
                self.assertEqual({m["isa"] for m in found if m["what"] == what}, isas, what)

    def test_finds_the_layer_that_is_wrong(self):
        """Both directions' outputs of the first of two layers, and nothing else."""
        arguments, layers = self.record_layers(layers=2, both=True)
        layers[0][4, 2, 11] += 0.25
        self.array("layer0.npy", layers[0])
        found, _, said = self.lines(arguments, status=1)
        self.assertRegex(said, r"^lstm: .*layer0\.npy: expected differences up to \S+, found 0\.25")
        for match in found:
            if match["what"] == "y, layer 0":
                self.assertEqual(match["place"], "step 4, stream 2, unit 11")
                self.assertAlmostEqual(float(match["mean"]), 0.25 / layers[0].size, 6)
            else:
                self.assertLess(float(match["max"]), 1e-5)

    def test_layers_that_are_not_recorded(self):
        arguments, layers = self.record_layers(layers=2, both=True)
        for pattern in ("layer0.npy", "%%.npy", ""):
            self.refuses("--layer-y: expected a name with one % for the layer's number",
                         *arguments[:-1], pattern, status=2)
        self.refuses((self.path("no0.npy"), "No such file"), *arguments[:-1],
                     self.path("no%.npy"))
        self.array("layer0.npy", layers[0][:, :, :8])
        self.refuses((self.path("layer0.npy"), "shape: expected [9, 4, 16]", "found [9, 4, 8]"),
                     *arguments)
        single, *_ = self.record()
        self.refuses("--layer-y: expected a model of more than one layer, found one", *single,
                     "--layer-y", self.path("layer%.npy"))

    def test_finds_wrong_exports(self):
        """Gates in another order, a lost bias, another sigmoid: the errors that people make."""
        arguments, *_ = self.record()
        good = kit.random_model(1, 3, 8)

        def swapped(name):
            i, f, g, o = np.split(good[name], 4)
            return np.concatenate([i, g, f, o])

        for wrong, metadata in (
            ({name: swapped(name) for name in good}, None),
            ({**good, "bias_hh_l0": np.zeros(32, "f4")}, None),
            (good, {"lstm.activations": "hardsigmoid,tanh,tanh"}),
            (good, {"lstm.direction": "reverse"}),
        ):
            kit.save_model(arguments[1], wrong, metadata)
            self.lines(arguments, status=1)
        kit.save_model(arguments[1], good)
        self.lines(arguments)

    def test_tolerance(self):
        arguments, y, _, _ = self.record()
        self.array("y.npy", y + np.float32(0.125))
        found, tolerance, _ = self.lines([*arguments, "--tolerance", "0.126"])
        self.assertEqual(tolerance, 0.126)
        self.assertAlmostEqual(float(found[0]["mean"]), 0.125, 5)
        self.lines([*arguments, "--tolerance", "0.124"], status=1)
        self.lines([*arguments, "--tolerance", "0"], status=1)

    def test_what_is_not_finite(self):
        arguments, y, _, _ = self.record()
        for value in (np.nan, np.inf):
            y[2, 2, 2] = value
            self.array("y.npy", y)
            found, _, said = self.lines(arguments, status=1)
            self.assertEqual(found[0]["place"], "step 2, stream 2, unit 2")
            self.assertTrue(math.isinf(float(found[0]["max"])))
        self.x[3, 1, 1] = np.nan
        model, tensors = self.model()
        y = oracle.lstm(tensors, self.x)[0]
        self.assertTrue(np.isnan(y).any())
        self.lines(["compare", model, "-i", self.array("x.npy", self.x), "-y",
                    self.array("y.npy", y)])

    def test_long_sequences_in_pieces(self):
        model, _ = self.model()
        x = np.random.default_rng(2).normal(size=(200000, 2, 3)).astype("f4")
        source, target = self.array("x.npy", x), self.path("y.npy")
        self.does("run", model, "-i", source, "-o", target)
        y = np.load(target)
        arguments = ["compare", model, "-i", source, "-y", target]
        self.lines(arguments)
        y[190000, 1, 2] += 0.25
        self.array("y.npy", y)
        found, *_ = self.lines(arguments, status=1)
        self.assertEqual(found[0]["place"], "step 190000, stream 1, unit 2")

    def test_rank_2_and_standard_input(self):
        model, tensors = self.model()
        x = self.x[:, 0]
        y = oracle.lstm(tensors, x[:, None])[0][:, 0]
        arguments = ["compare", model, "-i", "-", "-y", self.array("y.npy", y)]
        self.does(*arguments, stdin=self.array("x.npy", x).read_bytes())

    def test_refused(self):
        arguments, y, _, _ = self.record()
        for shape in ((9, 4, 7), (4, 9, 8), (36, 8)):
            self.array("y.npy", np.zeros(shape, "f4"))
            self.refuses((self.path("y.npy"), "shape: expected [9, 4, 8]", f"found {list(shape)}"),
                         *arguments)
        self.array("y.npy", y)
        self.array("h.npy", np.zeros((2, 4, 8), "f4"))
        self.refuses((self.path("h.npy"), "shape: expected [1, 4, 8], found [2, 4, 8]"), *arguments)
        empty = self.array("x.npy", np.zeros((0, 4, 3), "f4"))
        self.refuses("expected at least one step, found [0, 4, 3]", "compare", arguments[1], "-i",
                     empty, "-y", empty)
        missing = self.path("missing")
        self.refuses((missing, "No such file"), "compare", arguments[1], "-i",
                     self.array("x.npy", self.x), "-y", missing)
        self.refuses(missing, "compare", missing, "-i", "x", "-y", "y")
        for tolerance in ("-1", "nan", "inf", "1e", ""):
            self.refuses("--tolerance: expected a number of 0 or more", *arguments, "--tolerance",
                         tolerance, status=2)
        self.refuses("found no -y", "compare", "m", "-i", "x", status=2)
