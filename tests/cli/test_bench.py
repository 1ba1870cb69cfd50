"""lstm bench: the benchmark, of shapes or of a model's network."""

import json
import stat
import subprocess

import kit

QUICK = ("--quick", "--repeat", "3", "--mode", "step", "--isa", "scalar", "--cpu", "any")
SIZES = ("input", "hidden", "layers", "directions", "projection", "dtype")


class Bench(kit.Case):
    def setUp(self):
        super().setUp()
        done = kit.run("bench", "--list")
        if b"found one without" in done.stderr:
            self.assertEqual(done.returncode, 1)
            self.skipTest("this build is without the benchmark")

    def rows(self, *arguments, quick=QUICK):
        """What it writes as JSON, and what it says."""
        path = self.path("r.json")
        said = self.does("bench", *arguments, *quick, "--json", path)
        rows = json.loads(path.read_text())["rows"]
        self.assertEqual([row["error"] for row in rows if "error" in row], [])
        return rows, said

    def networks(self, *arguments):
        return {tuple(row[size] for size in SIZES) for row in self.rows(*arguments)[0]}

    def test_the_models_own_network(self):
        for shape, expected in (
            ({"hidden": 24}, (3, 24, 1, 1, 0)),
            ({"hidden": 24, "layers": 3}, (3, 24, 3, 1, 0)),
            ({"layers": 2, "both": True}, (3, 8, 2, 2, 0)),
            ({"layers": 2, "both": True, "projection": 5}, (3, 8, 2, 2, 5)),
        ):
            model, _ = self.model(**shape)
            self.assertEqual(self.networks(model), {(*expected, "f32")})

    def test_operations_of_a_stack_with_projections(self):
        """8 for each element of the gates' matrices by unit and 2 for each of the projection's."""
        model, tensors = self.model(layers=2, both=True, projection=5)
        operations = sum(2 * a.size for a in tensors.values() if a.ndim == 2)
        for row in self.rows(model)[0]:
            self.assertLess(abs(row["gflops"] * row["ns_per_step"] / operations - 1), 0.05)

    def test_modes_of_a_model(self):
        model, _ = self.model(layers=2, both=True, projection=5)
        quick = ("--quick", "--repeat", "3", "--activations", "builtin", "--cpu", "any")
        rows, _ = self.rows(model, quick=quick)
        self.assertEqual({row["mode"] for row in rows},
                         {"step", "block", "sequence", "batch", "streams", "setup"})
        self.assertEqual({row["layers"] for row in rows}, {2})
        for row in rows:
            self.assertLess(row["difference"], 1e-5)

    def test_dtype_is_the_files(self):
        model, _ = self.model()
        self.does("quantize", model, self.path("codes"), "--dtype", "int8")
        self.assertEqual(self.networks(self.path("codes")), {(3, 8, 1, 1, 0, "int8")})
        self.assertEqual(self.networks(self.path("codes"), "--dtype=bf16"),
                         {(3, 8, 1, 1, 0, "bf16")})

    def test_what_is_left_out_is_said(self):
        for metadata, shape in (({"lstm.clip": "1"}, {}), ({"lstm.input_forget": "1"}, {}),
                                ({"lstm.activations": "sigmoid,relu,tanh"}, {}),
                                (None, {"peephole": True})):
            _, said = self.rows(self.model(metadata=metadata, **shape)[0])
            self.assertIn("note: without the model's activations, clips", said)
        _, said = self.rows(self.model(layers=2)[0])
        self.assertNotIn("note:", said)
        self.assertIn("model: 2 layers in 1 direction, f32", said)

    def test_prefix(self):
        tensors = {**kit.random_model(1, 3, 8, prefix="a."), **kit.random_model(2, 5, 7, prefix="b.")}
        model = kit.save_model(self.path("two"), tensors)
        for words in (("--prefix", "b.", model), ("--prefix=b.", model), (model, "--prefix=b.")):
            self.assertEqual(self.networks(*words), {(5, 7, 1, 1, 0, "f32")})
        self.refuses((model, "a prefix"), "bench", model, *QUICK)

    def test_any_order(self):
        model, _ = self.model(hidden=9)
        self.does("bench", *QUICK, "--json=" + str(self.path("a.json")), model)
        self.assertEqual(json.loads(self.path("a.json").read_text())["rows"][0]["hidden"], 9)
        self.does("bench", *QUICK, "--", model)

    def test_shape(self):
        self.assertEqual(self.networks("--shape", "2x3"), {(2, 3, 1, 1, 0, "f32")})

    def test_json_on_standard_output(self):
        done = kit.run("bench", "--shape", "2x3", *QUICK, "--json", "-")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout)["rows"][0]["input"], 2)

    def test_json_appears_whole_or_not_at_all(self):
        words = ("bench", "--shape", "2x3", *QUICK, "--json")
        path = self.path("r.json")
        self.does(*words, path, umask=0o027)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640)
        self.does(*words, "/dev/null")
        path.write_text("old")
        for lost, why in ((self.path("missing") / "r.json", "No such file"),
                          (self.folder, "Is a directory")):
            self.refuses((f"lstm: {lost}: cannot be written: {why}",), *words, lost)
        self.assertEqual(list(self.folder.iterdir()), [path])

    def test_dtypes(self):
        model, _ = self.model()
        for asked in ("int8", "f32,bf16,f16"):
            self.assertEqual(self.networks(model, "--dtype", asked),
                             {(3, 8, 1, 1, 0, dtype) for dtype in asked.split(",")})
        self.refuses("--dtype", "bench", model, *QUICK, "--dtype", "int4", status=2)

    def test_refused(self):
        model, _ = self.model()
        for option, value in (("--shape", "2x3"), ("--accuracy", None)):
            self.refuses(f"{option}: expected none beside a model, found one", "bench", option,
                         *([value] if value else []), model, status=2)
        self.refuses("--mode: expected another than stack", "bench", model, "--mode", "step,stack",
                     status=2)
        self.refuses("--prefix: expected a model beside it", "bench", "--prefix", "a.", status=2)
        self.refuses('bench: expected one model, found "b"', "bench", model, "b", status=2)
        self.refuses(self.path("missing"), "bench", self.path("missing"))
        self.refuses("--walk: unknown option", "bench", model, "--walk", "1", status=2)
        self.refuses("--isa: expected scalar,neon,avx2,avx512", "bench", "--isa", "auto", status=2)
        deep, _ = self.model(layers=33, both=True, hidden=1)
        self.refuses((deep, "layers: expected at most 64 in all directions, found 66"), "bench",
                     deep)

    def test_help(self):
        said = self.does("bench", "--help")
        self.assertEqual(self.does("bench", "model", "-h"), said)
        self.assertTrue(said.startswith("usage: lstm bench [OPTION]... [MODEL]\n"))

    def test_standard_output_that_is_full(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([kit.PROGRAM, "bench", "--help"], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output: cannot be written", done.stderr)
