"""lstm embed: the header compiles as C99 and C++11 without a warning, passes its self-test on every
instruction set in the memory that it names, and holds the weights to the bit."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import kit
import numpy as np
import oracle

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
DEVICE = ["-DLSTM_NO_SLEEF", "-DLSTM_NO_MALLOC", "-DLSTM_NO_STDIO"]
LANGUAGES = {"gcc -std=c99": ["gcc", "-std=c99"], "g++ -std=c++11": ["g++", "-x", "c++",
                                                                    "-std=c++11"]}
ARRAY = re.compile(r"static const (?:float|uint16_t|signed char) (net_\w+)\[(\d+)\] = \{")
MEMORY = re.compile(r"^ \*     (\w+) +model (\d+), state (\d+)$", re.MULTILINE)
STATE = re.compile(r"lstm_state_init\(&state, model, 1, (\d+), ")
VALUES = r"net_{}\[\d+\] = \{{([^}}]*)\}}"


class Embed(kit.Case):
    @classmethod
    def setUpClass(cls):
        cls.library = Path(tempfile.mkdtemp(prefix="test_cli."))
        cls.addClassCleanup(shutil.rmtree, cls.library)
        (cls.library / "lstm.c").write_text('#define LSTM_IMPLEMENTATION\n#include "lstm.h"\n')
        subprocess.run(["gcc", "-O1", *DEVICE, f"-I{kit.ROOT}", "-c", "lstm.c"], cwd=cls.library,
                       check=True)

    def embed(self, model, *options):
        header = self.path("net.h")
        self.assertEqual(self.does("embed", model, "-o", header, *options), "")
        return header.read_text()

    def compile(self, text, *options, language="gcc -std=c99", source=None):
        """The program that runs net.h."""
        if source is None:
            source = kit.ROOT / "tests" / "cli" / "embedded.c"
        arrays = " ".join(f"DUMP({name})" for name, _ in ARRAY.findall(text))
        done = subprocess.run(
            [*LANGUAGES[language], *STRICT, *DEVICE, f"-I{kit.ROOT}", f"-I{self.folder}",
             f"-DARRAYS={arrays}", f"-DSTATE_STEPS={STATE.search(text)[1]}", *options, source,
             "-x", "none", self.library / "lstm.o", "-lm", "-o", self.path("program")],
            capture_output=True, check=False,
        )
        self.assertEqual(done.stderr.decode(), "")
        return self.path("program")

    def whole(self, shape, metadata=None, language="gcc -std=c99", options=()):
        """Embed a model, compile and run it on every instruction set, and check all it says."""
        model, tensors = self.model(metadata=metadata, **shape)
        text = self.embed(model, *options)
        program = self.compile(text, language=language)
        steps = int(STATE.search(text)[1])
        x = np.random.default_rng(1).normal(size=(steps if steps > 1 else 30, 3)).astype("f4")
        memory = MEMORY.findall(text)
        self.assertIn("scalar", [isa for isa, _, _ in memory])
        for isa, *figures in memory:
            done = subprocess.run([program, isa, *figures], input=x.tobytes(), capture_output=True,
                                  check=False)
            self.assertEqual(done.returncode, 0, isa)
            found = np.frombuffer(done.stdout, "f4")
            self.check_outputs(found, model, tensors, x, isa, options)
        return tensors, text, found

    def check_outputs(self, found, model, tensors, x, isa, options=()):
        self.does("run", model, "-i", self.array("x.npy", x), "-o", self.path("y.npy"), "--isa",
                  "scalar", *options)
        y = np.load(self.path("y.npy"))
        # The program has the built-in activations, whatever the command has.
        self.assert_near(found[: y.size].reshape(y.shape), y)
        weights = b"".join(self.encoded(a, options) for a in self.in_order(tensors))
        self.assertEqual(found[y.size :].tobytes()[: len(weights)], weights, isa)

    def encoded(self, array, options):
        if array.ndim < 2 or not options:
            return array.astype("f4").tobytes()
        if "f16" in options:
            return array.astype("<f2").tobytes()
        bits = array.astype("<f4").view("<u4").astype("u8")
        return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()

    def in_order(self, tensors):
        """The arrays as the header has them: by layer, direction, and field of lstm_weights."""
        layer = 0
        while f"weight_ih_l{layer}" in tensors:
            for suffix in ("", "_reverse"):
                for stem in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_peephole",
                             "weight_hr"):
                    name = f"{stem}_l{layer}{suffix}"
                    if name in tensors:
                        yield tensors[name]
            layer += 1

    def test_c(self):
        self.whole({})

    def test_cxx(self):
        self.whole({"layers": 2, "projection": 5}, language="g++ -std=c++11")

    def test_stack_of_both_directions(self):
        self.whole({"layers": 2, "both": True, "dtype": "float64"})

    def test_options(self):
        metadata = {
            "lstm.activations": "hardsigmoid(0.25,0.5),softsign,tanh,hardsigmoid(0.1,0.5),tanh,tanh",
            "lstm.clip": "0.7", "lstm.cell_clip": "1.1", "lstm.input_forget": "1",
        }  # fmt: skip
        for language in LANGUAGES:
            self.whole({"peephole": True, "bias": False, "both": True}, metadata, language)

    def test_halves(self):
        for dtype, language in zip(("bf16", "f16"), LANGUAGES):
            tensors, text, _ = self.whole({"layers": 2}, language=language,
                                          options=("--dtype", dtype))
            self.assertIn(f"desc.dtype = LSTM_DTYPE_{dtype.upper()};", text)
            taken = sum((2 if a.ndim == 2 else 4) * a.size for a in tensors.values())
            self.assertIn(f"take {taken} bytes\n", text)

    def test_halves_without_a_number_are_infinite(self):
        """What f16 cannot hold, as when the library rounds it."""
        model, tensors = self.model()
        tensors["weight_ih_l0"][0, 0] = 65520
        kit.save_model(model, tensors)
        text = self.embed(model, "--dtype", "f16")
        self.assertIn("{\n\t0x7c00, ", text)
        self.assertEqual(self.status_of_test(text), 0)

    def test_codes(self):
        """int8 takes a byte for each weight, and gives what lstm run does."""
        shape = {"hidden": 16, "layers": 2, "both": True, "projection": 5, "peephole": True}
        model, tensors = self.model(**shape)
        x = np.random.default_rng(1).normal(size=(8, 3)).astype("f4")
        for language in LANGUAGES:
            text = self.embed(model, "--dtype", "int8")
            taken = sum(a.size + 4 * len(a) if a.ndim == 2 else 4 * a.size for a in tensors.values())
            self.assertIn(f"take {taken} bytes\n", text)
            program = self.compile(text, language=language)
            for isa, *figures in MEMORY.findall(text):
                done = subprocess.run([program, isa, *figures], input=x.tobytes(),
                                      capture_output=True, check=False)
                self.assertEqual(done.returncode, 0, isa)
                self.does("run", model, "-i", self.array("x.npy", x), "-o", self.path("y.npy"),
                          "--isa", isa, "--dtype", "int8")
                y = np.load(self.path("y.npy"))
                found = np.frombuffer(done.stdout[: 4 * y.size], "f4").reshape(y.shape)
                # Other activations may move a value of h to the next code.
                self.assert_near(found, y, 2e-3)

    def test_reverse(self):
        self.whole({}, {"lstm.direction": "reverse"})

    def test_the_test_on_record_is_the_equations(self):
        tensors, text, _ = self.whole({"layers": 2, "both": True})
        x, last = ([float(v.strip().rstrip("f")) for v in re.search(VALUES.format(name), text)[1].split(",")]
                   for name in ("test_x", "test_last"))
        y, h, _ = oracle.lstm(tensors, np.array(x).reshape(8, 1, 3))
        self.assert_near(np.array(last), np.concatenate([h[2, 0], h[3, 0]]), 1e-6)
        self.assertGreater(np.ptp(x), 1)
        tolerance = float(re.search(r"tolerance = (\S+)f;", text)[1])
        self.assertTrue(2**-21 < tolerance < 1e-5, tolerance)

    def status_of_test(self, text):
        """0, or 3 if the self-test fails."""
        self.path("net.h").write_text(text)
        isa, *figures = MEMORY.findall(text)[0]
        done = subprocess.run([self.compile(text), isa, *figures], stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
        return done.returncode

    def test_a_weight_that_changed_fails_the_test(self):
        model, _ = self.model(hidden=32)
        for dtype, changed in (("f32", "0.2f"), ("bf16", "0x3e4d"), ("f16", "0x3266"), ("int8", "99")):
            with self.subTest(dtype):
                text = self.embed(model, "--dtype", dtype)
                begin = re.search(VALUES.format("w_l0"), text).start(1)
                first = text[begin:].split(",")[0]
                self.assertEqual(self.status_of_test(text), 0)
                text = text[:begin] + text[begin:].replace(first, f"\n\t{changed}", 1)
                self.assertEqual(self.status_of_test(text), 3)

    def test_outputs_of_full_precision_fail_the_test_of_less(self):
        """The tolerance is that of rounding in fp32, not of rounding weights to fewer bits."""
        model, _ = self.model()
        x, last = (re.compile(VALUES.format(name)) for name in ("test_x", "test_last"))
        full = self.embed(model)
        for dtype in ("bf16", "f16", "int8"):
            with self.subTest(dtype):
                text = self.embed(model, "--dtype", dtype)
                self.assertEqual(x.search(text)[0], x.search(full)[0])
                self.assertEqual(self.status_of_test(text), 0)
                text = text.replace(last.search(text)[0], last.search(full)[0])
                self.assertEqual(self.status_of_test(text), 3)

    def test_layers_of_different_types(self):
        _, tensors = self.model(layers=3, both=True)
        coded, _ = kit.with_codes(tensors, 1)
        for name, values in tensors.items():
            if values.ndim == 2 and "_l2" in name:
                coded[name] = values.astype("f2")
        model = kit.save_model(self.path("mixed"), coded)
        x = np.random.default_rng(1).normal(size=(8, 3)).astype("f4")
        for language in LANGUAGES:
            text = self.embed(model)
            self.assertIn("net_dtypes[3] = {\n\tLSTM_DTYPE_F32, LSTM_DTYPE_I8, LSTM_DTYPE_F16\n};",
                          text)
            program = self.compile(text, language=language)
            for isa, *figures in MEMORY.findall(text):
                done = subprocess.run([program, isa, *figures], input=x.tobytes(),
                                      capture_output=True, check=False)
                self.assertEqual(done.returncode, 0, isa)
                self.does("run", model, "-i", self.array("x.npy", x), "-o", self.path("y.npy"),
                          "--isa", isa)
                y = np.load(self.path("y.npy"))
                found = np.frombuffer(done.stdout[: 4 * y.size], "f4").reshape(y.shape)
                self.assert_near(found, y, 2e-3)

    def test_special_numbers_keep_their_bits(self):
        tensors = kit.random_model(1, 3, 8)
        special = np.array([0.0, -0.0, 1.0, -2.0, 1e-45, 1.1754942e-38, -1.1754944e-38, 3.4028235e38,
                            16777216, 1e10, np.inf, -np.inf, 1 / 3, 1e-5], "f4")
        tensors["bias_ih_l0"][: len(special)] = special
        kit.save_model(self.path("model.safetensors"), tensors)
        text = self.embed(self.path("model.safetensors"))
        isa, *figures = MEMORY.findall(text)[0]
        for language in LANGUAGES:
            done = subprocess.run([self.compile(text, language=language), isa, *figures],
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False)
            self.assertEqual(done.returncode, 0)
            weights = np.concatenate([a.ravel() for a in self.in_order(tensors)])
            self.assertEqual(done.stdout[: weights.nbytes], weights.tobytes())

    def test_section_and_alignment(self):
        if not shutil.which("objdump"):
            self.skipTest("objdump is not installed")
        model, tensors = self.model()
        text = self.embed(model)
        program = self.compile(text, '-DLSTM_EMBED_SECTION=__attribute__((section("net_flash")))')
        said = subprocess.run(["objdump", "-h", program], capture_output=True, check=True)
        row = re.search(r"net_flash +([0-9a-f]+) .* 2\*\*(\d)", said.stdout.decode())
        self.assertGreaterEqual(int(row[1], 16), 4 * sum(a.size for a in tensors.values()))
        self.assertGreaterEqual(int(row[2]), 4)

    def test_names(self):
        model, _ = self.model()
        for path, name in (("guitar_amp.h", "guitar_amp"), ("my-net.v2.h", "my_net_v2"),
                           ("2nets.h", "model"), ("lstm_net.h", "model"), ("net", "net")):
            self.does("embed", model, "-o", self.path(path))
            self.assertIn(f"lstm_status {name}_init(", self.path(path).read_text())
            self.assertIn(f"#ifndef {name.upper()}_H\n", self.path(path).read_text())
        self.assertIn("lstm_status Wah_9_init(", self.does("embed", model, "-o", "-", "--name",
                                                           "Wah_9"))
        for name in ("", "9", "a-b", "lstm", "LSTM", "Lstm", "lstm_net", "LSTM_net", "_a", "a" * 61,
                     "a b"):
            self.refuses("--name: expected letters, digits and underscores", "embed", model, "-o",
                         self.path("x.h"), "--name", name, status=2)

    def test_names_of_the_library_are_left_to_it(self):
        """Its guard is LSTM_H; a header of its file's name would include itself."""
        model, _ = self.model()
        for name in ("LSTM_A.h", "lstm_a.h", "LSTM.hpp"):
            header = self.path(name)
            self.does("embed", model, "-o", header)
            self.assertIn("\n#ifndef MODEL_H\n", header.read_text())
        for name in ("lstm.h", "LSTM.h", "Lstm.H"):
            self.refuses((name, "expected another name than lstm.h"), "embed", model, "-o",
                         self.path(name), status=2)
            self.refuses(name, "embed", model, "-o", self.path(name), "--name", "net", status=2)

    def test_two_in_one_program(self):
        self.embed(self.model()[0])
        self.does("embed", self.model(hidden=5)[0], "-o", self.path("other.h"))
        source = self.path("two.c")
        source.write_text('#include "net.h"\n#include "other.h"\n#include "net.h"\n'
                          "int main(void)\n{\n\treturn net_desc().hidden != 8 || "
                          "other_desc().hidden != 5;\n}\n")
        for language in LANGUAGES:
            program = self.compile(self.path("net.h").read_text(), language=language, source=source)
            self.assertEqual(subprocess.run([program], check=False).returncode, 0)

    def test_prefix(self):
        tensors = {**kit.random_model(1, 3, 8, prefix="a."), **kit.random_model(2, 3, 5, prefix="b.")}
        model = kit.save_model(self.path("two"), tensors)
        header = self.path("net.h")
        self.assertIn("desc.hidden = 5;", self.embed(model, "--prefix", "b."))
        header.unlink()
        self.refuses((model, "expected one LSTM, or a --prefix that chooses one, found 2"), "embed",
                     model, "-o", header)
        self.refuses((model, "'c.'"), "embed", model, "-o", header, "--prefix", "c.")

    def test_same_model_same_header(self):
        model, _ = self.model()
        self.assertEqual(self.embed(model), self.embed(model))
        self.assertNotIn(str(self.folder), self.embed(model))
        self.assertLessEqual(max(map(len, self.embed(model).splitlines())), 100)

    def test_names_that_would_end_the_comment(self):
        tensors = kit.random_model(1, 3, 8, prefix="*/ int x; /*")
        text = self.embed(kit.save_model(self.path("*_?\\"), tensors))
        self.compile(text)

    def test_refused(self):
        model, tensors = self.model()
        self.refuses("embed: expected -o model.h, found no -o", "embed", model, status=2)
        self.refuses("--dtype: expected one of f32, bf16, f16, int8", "embed", model, "-o", "x",
                     "--dtype", "i4", status=2)
        lost = self.path("missing") / "net.h"
        self.refuses((lost, "cannot be written"), "embed", model, "-o", lost)
        self.refuses(self.path("none"), "embed", self.path("none"), "-o", self.path("net.h"))
        self.refuses("/dev/full: cannot be written", "embed", model, "-o", "/dev/full")
        tensors["weight_ih_l0"][3, 1] = np.nan
        kit.save_model(model, tensors)
        self.refuses((model, "self-test: expected finite outputs, found others"), "embed", model,
                     "-o", self.path("net.h"))
