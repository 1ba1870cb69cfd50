"""lstm bench: the benchmark, of a model's shape."""

import json
import re

import kit

QUICK = ("--quick", "--repeat", "3", "--mode", "step", "--isa", "scalar", "--cpu", "any")


class Bench(kit.Case):
    def setUp(self):
        super().setUp()
        done = kit.run("bench", "--list")
        if b"found one without" in done.stderr:
            self.assertEqual(done.returncode, 1)
            self.skipTest("this build is without the benchmark")

    def rows(self, *arguments):
        return json.loads(self.does("bench", *arguments, *QUICK, "--json", self.path("r.json"))
                          and self.path("r.json").read_text())["rows"]

    def shapes(self, *arguments):
        return {(row["input"], row["hidden"]) for row in self.rows(*arguments)}

    def test_model(self):
        model, _ = self.model(hidden=24, layers=2)
        self.assertEqual(self.shapes(model), {(3, 24)})

    def test_prefix(self):
        tensors = {**kit.random_model(1, 3, 8, prefix="a."), **kit.random_model(2, 5, 7, prefix="b.")}
        model = kit.save_model(self.path("two"), tensors)
        self.assertEqual(self.shapes(model, "--prefix", "b."), {(5, 7)})
        self.refuses((model, "a prefix"), "bench", model, *QUICK)

    def test_shape(self):
        self.assertEqual(self.shapes("--shape", "2x3"), {(2, 3)})

    def test_dtypes(self):
        model, _ = self.model()
        for asked in ("int8", "f32,bf16,f16"):
            found = {(row["dtype"], row["input"], row["hidden"])
                     for row in self.rows(model, "--dtype", asked)}
            self.assertEqual(found, {(dtype, 3, 8) for dtype in asked.split(",")})
        done = kit.run("bench", model, *QUICK, "--dtype", "int4")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--dtype", done.stderr.decode())

    def test_refused(self):
        model, _ = self.model()
        self.refuses("--shape: expected none beside a model", "bench", model, "--shape", "2x3",
                     status=2)
        self.refuses(self.path("missing"), "bench", self.path("missing"))
        done = kit.run("bench", model, "--walk", "1")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr.decode(), r"^lstm bench: --walk: unknown option")

    def test_help_names_models(self):
        said = self.does("bench", "--help")
        self.assertIn("lstm bench MODEL [--prefix P]", said)
        self.assertTrue(re.search(r"^  --shape ", said, re.MULTILINE))
