"""Checkpoints of PyTorch.  They are made by make_pytorch.py, run by a Python that has PyTorch."""

import json
import pickle
import shutil
import struct
import subprocess
import tempfile
import unittest
import zipfile
from pathlib import Path

import numpy as np
from converters import pytorch, verify
from kit import HERE, ConvertTest, oracle, random_lstm
from safetensors.numpy import save_file

REQUIREMENTS = []


class Checkpoints(ConvertTest):
    """What PyTorch wrote gives the numbers that PyTorch computes when it writes it."""

    @classmethod
    def setUpClass(cls):
        try:
            python = pytorch.python_with_torch()
        except verify.Unavailable as reason:
            raise unittest.SkipTest(str(reason)) from None
        cls.models = Path(tempfile.mkdtemp(prefix="convert-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.models)
        subprocess.run([python, "-B", HERE / "make_pytorch.py", cls.models], check=True)

    def make(self, name):
        """The file of this name, and PyTorch's x, h0, c0, y, hn, cn of each LSTM's prefix."""
        with np.load(self.models / f"{name}.npz") as arrays:
            expected = {}
            for key in arrays.files:
                prefix, _, array = key.partition("/")
                expected.setdefault(prefix, {})[array] = arrays[key]
        return self.models / name, expected

    def assert_converts(self, name, *options, limit=2e-6):
        path, expected = self.make(name)
        tensors, metadata, said = self.convert(path, *options, against="PyTorch")
        self.assertEqual(metadata, {"lstm.gates": "ifgo"})
        for prefix, arrays in expected.items():
            if prefix == "chain":
                continue
            self.assert_runs_as(
                self.folder / "out.safetensors", arrays["x"], arrays["h0"], arrays["c0"],
                [arrays[key] for key in ("y", "hn", "cn")], prefix, limit)
        return tensors, said

    def test_state_dict_of_an_lstm(self):
        tensors, said = self.assert_converts("plain.pt")
        self.assertEqual(sorted(tensors), ["bias_hh_l0", "bias_ih_l0", "weight_hh_l0",
                                           "weight_ih_l0"])
        self.assertIn("found in a state dict", said)
        self.assertIn("two (bias_ih, bias_hh)", said)

    def test_stacked_and_bidirectional(self):
        self.assert_converts("stacked.pth")

    def test_projection(self):
        self.assert_converts("projected.pt")

    def test_cell(self):
        tensors, _ = self.assert_converts("cell.pt")
        self.assertIn("weight_ih", tensors)

    def test_without_biases(self):
        tensors, said = self.assert_converts("unbiased.pt")
        self.assertEqual(sorted(tensors), ["weight_hh_l0", "weight_ih_l0"])
        self.assertRegex(said, "biases +none")

    def test_bfloat16_is_widened_exactly(self):
        tensors, _ = self.assert_converts("bfloat16.pt")
        self.assertEqual(tensors["weight_ih_l0"].dtype, np.float32)

    def test_float16_and_float64_stay(self):
        for what, dtype in (("float16", np.float16), ("float64", np.float64)):
            tensors, _ = self.assert_converts(f"{what}.pt")
            self.assertEqual(tensors["weight_ih_l0"].dtype, dtype)

    def test_state_dict_among_other_things(self):
        tensors, said = self.assert_converts("nested.ckpt")
        self.assertIn("found in a state dict under 'state_dict'", said)
        self.assertIn("rnn.weight_ih_l0", tensors)
        self.assertIn("head.weight", tensors)

    def test_whole_module(self):
        _, said = self.assert_converts("whole.pt", "--framework", "pytorch")
        self.assertIn("found in a whole module", said)

    def test_whole_module_of_an_unknown_class_is_read_but_not_run(self):
        path, expected = self.make("custom.pt")
        tensors, _, said = self.convert(path, against="PyTorch")
        self.assertIn("given the weights that were read here", said)
        arrays = expected["rnn."]
        self.assert_runs_as(self.folder / "out.safetensors", arrays["x"], arrays["h0"],
                            arrays["c0"], [arrays[key] for key in ("y", "hn", "cn")])
        self.assertIn("head.weight", tensors)

    def test_legacy_file(self):
        _, said = self.assert_converts("legacy.pth")
        self.assertIn("legacy file", said)

    def test_torchscript(self):
        tensors, said = self.assert_converts("script.pt")
        self.assertIn("found in a TorchScript", said)
        self.assertEqual(len([name for name in tensors if "weight_ih" in name]), 4)

    def test_several_lstms_keep_their_prefixes(self):
        tensors, said = self.assert_converts("several.pt")
        self.assertEqual({name for name in tensors if "weight_ih" in name},
                         {"decoder.weight_ih_l0", "encoder.weight_ih_l0"})
        self.assertIn("left out: other.* (GRU)", said)

    def test_list_names_them(self):
        path, _ = self.make("several.pt")
        done = self.tool("--list", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertEqual([line.partition(":")[0] for line in lines], ["decoder", "encoder"])
        self.assertIn("input 3, hidden 6", lines[1])

    def test_one_of_several_is_chosen(self):
        path, expected = self.make("several.pt")
        for option in (["--name", "enc*"], ["--prefix", "encoder."]):
            tensors, _, _ = self.convert(path, *option, "--only", against="PyTorch")
            self.assertEqual({name.partition(".")[0] for name in tensors}, {"encoder"})
        self.refused(path, "expected a name like 'x', found decoder, encoder",
                     options=["--name", "x"])
        arrays = expected["encoder."]
        self.assert_runs_as(self.folder / "out.safetensors", arrays["x"], arrays["h0"],
                            arrays["c0"], [arrays[key] for key in ("y", "hn", "cn")])

    def test_stack_joins_a_chain(self):
        path, expected = self.make("several.pt")
        tensors, _, _ = self.convert(path, "--stack", "encoder,decoder", "--only",
                                     against="PyTorch")
        self.assertIn("encoder.weight_ih_l1", tensors)
        arrays = expected["chain"]
        self.assert_runs_as(self.folder / "out.safetensors", arrays["x"], arrays["h0"],
                            arrays["c0"], [arrays[key] for key in ("y", "hn", "cn")])

    def test_stack_of_what_does_not_fit_is_refused(self):
        path, _ = self.make("several.pt")
        self.refused(path, "encoder: input: expected 6, the output of decoder, found 3",
                     options=["--stack", "decoder,encoder"])


class Safetensors(ConvertTest):
    """safetensors in, also without PyTorch: what is wrong is said."""

    def write(self, lstm, extra=None, metadata=None, drop=()):
        path = self.folder / "in.safetensors"
        tensors = {**lstm.tensors(), **(extra or {})}
        save_file({name: array for name, array in tensors.items() if name not in drop}, path,
                  metadata)
        return path

    def test_metadata_of_an_earlier_conversion_stays(self):
        lstm = random_lstm(1, (3, 5), biases=1, direction="reverse", clip=1.5, cell_clip=0.7,
                           input_forget=True, peephole=True,
                           activations=("hardsigmoid(2e-1,5e-1)", "softsign", "tanh"))
        path = self.write(lstm, metadata={**lstm.metadata(), "made by": "hand"})
        tensors, metadata, _ = self.convert(path, against="the equations")
        self.assert_tensors(tensors, lstm)
        self.assertEqual(metadata, {**lstm.metadata(), "made by": "hand"})
        random = np.random.default_rng(2)
        x, h0, c0 = (random.standard_normal(shape).astype("f4")
                     for shape in ((9, 2, 3), (1, 2, 5), (1, 2, 5)))
        self.assert_runs_as(self.folder / "out.safetensors", x, h0, c0, oracle(lstm, x, h0, c0))

    def test_wrong_shape(self):
        lstm = random_lstm(1, (3, 5))
        lstm.parts[0]["bias_ih"] = np.zeros(19, "f4")
        self.refused(self.write(lstm), "tensor 'bias_ih_l0': expected shape",
                     r"\[20\], found \[19\]")

    def test_missing_second_bias(self):
        path = self.write(random_lstm(1, (3, 5)), drop=["bias_hh_l0"])
        self.refused(path, "tensor 'bias_hh_l0': expected it beside bias_ih, found none")

    def test_missing_biases_of_one_layer(self):
        path = self.write(random_lstm(1, (3, 5), layers=2), drop=["bias_hh_l1", "bias_ih_l1"])
        self.refused(path, r"tensor 'bias_ih_l1': expected shape \[20\], found none")

    def test_missing_matrix(self):
        path = self.write(random_lstm(1, (3, 5), layers=2), drop=["weight_hh_l1"])
        self.refused(path, "tensor 'weight_hh_l1': expected one of this name, found none")

    def test_nan(self):
        lstm = random_lstm(1, (3, 5))
        lstm.parts[0]["weight_hh"][3, 2] = np.nan
        self.refused(self.write(lstm), "tensor 'weight_hh_l0': expected finite numbers, found 1")

    def test_integers(self):
        lstm = random_lstm(1, (3, 5))
        lstm.parts[0]["weight_ih"] = lstm.parts[0]["weight_ih"].astype("i4")
        self.refused(self.write(lstm), "tensor 'weight_ih_l0': expected floating-point numbers")

    def test_types_that_numpy_lacks(self):
        path = self.folder / "in.safetensors"
        bits = np.arange(0x3F00, 0x3F00 + 60, dtype="<u2")  # BF16: the upper halves of fp32
        data = bits.tobytes()
        for kind, size in (("BF16", 120), ("F8_E4M3", 60)):
            header = json.dumps({
                "weight_ih_l0": {"dtype": kind, "shape": [20, 3], "data_offsets": [0, size]},
                "weight_hh_l0": {"dtype": "F32", "shape": [20, 5],
                                 "data_offsets": [size, size + 400]}}).encode()
            path.write_bytes(len(header).to_bytes(8, "little") + header + data[:size] + bytes(400))
            if kind == "BF16":
                tensors, _, _ = self.convert(path)
                widened = (bits.astype("u4") << 16).view("f4").reshape(20, 3)
                np.testing.assert_array_equal(tensors["weight_ih_l0"], widened)
            else:
                self.refused(path, "tensor 'weight_ih_l0': expected numbers of a type", "F8_E4M3")

    def test_gru_is_no_lstm(self):
        path = self.folder / "gru.safetensors"
        save_file({"rnn.weight_ih_l0": np.zeros((15, 3), "f4"),
                   "rnn.weight_hh_l0": np.zeros((15, 5), "f4")}, path)
        self.refused(path, "expected weight_ih_l0", r"found rnn\.\* \(GRU\)")

    def test_what_is_wrong_in_another_lstm_does_not_matter(self):
        good, bad = (random_lstm(seed, (3, 5), prefix=f"{name}.") for seed, name in
                     ((1, "good"), (2, "bad")))
        bad.parts[0]["bias_ih"][0] = np.inf
        path = self.write(good, bad.tensors())
        tensors, _, _ = self.convert(path, "--name", "good")
        self.assert_tensors(tensors, good)
        self.refused(path, "tensor 'bad.bias_ih_l0': expected finite numbers")

    def test_pruned_weights_beside_are_left_out(self):
        lstm = random_lstm(1, (3, 5))
        path = self.write(lstm, {"weight_ih_l0_mask": np.ones((20, 3), "f4")})
        tensors, _, said = self.convert(path)
        self.assert_tensors(tensors, lstm)
        self.assertIn("left out: weight_ih_l0_mask [20, 3]", said)

    def test_other_parameters_of_the_lstm_are_left_out(self):
        lstm = random_lstm(1, (3, 5), prefix="rnn.")
        beside = {"rnn.gamma": np.ones(5, "f4"), "rnn.norm.weight": np.ones(5, "f4")}
        tensors, _, said = self.convert(self.write(lstm, beside))
        np.testing.assert_array_equal(tensors.pop("rnn.norm.weight"), beside["rnn.norm.weight"])
        self.assert_tensors(tensors, lstm)
        self.assertIn("left out: rnn.gamma [5]", said)

    def test_truncated(self):
        path = self.write(random_lstm(1, (3, 5)))
        path.write_bytes(path.read_bytes()[:-7])
        self.refused(path, "content: expected a whole safetensors file")

    def test_output_is_kept_if_the_conversion_fails(self):
        path = self.write(random_lstm(1, (3, 5)), drop=["bias_hh_l0"])
        target = self.folder / "out.safetensors"
        target.write_text("before")
        self.assertEqual(self.tool(path, "-o", target).returncode, 1)
        self.assertEqual(target.read_text(), "before")


class Hostile(ConvertTest):
    """Checkpoints that are broken, or want to run something."""

    def archive(self, data, name="model.pt", **files):
        path = self.folder / name
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            for key, content in files.items():
                archive.writestr(f"archive/data/{key.lstrip('_')}", content)
        return path

    @staticmethod
    def tensor(count, offset, shape, strides, stored):
        """A pickle of {"weight_ih_l0": tensor}, written by hand."""
        def ints(values):
            return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

        return (b"\x80\x02}X\x0c\0\0\0weight_ih_l0ctorch._utils\n_rebuild_tensor_v2\n("
                b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + b"0"
                + b"X\x03\0\0\0cpuJ" + struct.pack("<i", stored) + b"tQJ"
                + struct.pack("<i", offset) + ints(shape) + ints(strides)
                + b"\x89ccollections\nOrderedDict\n)RtRs.")

    def test_a_pickle_that_runs_a_command_does_not(self):
        class Evil:
            def __reduce__(self):
                import os
                return os.system, (f"touch {target}",)

        target = self.folder / "executed"
        path = self.archive(pickle.dumps({"weight_ih_l0": Evil()}, 2))
        self.refused(path, "pickle: expected tensors and plain containers",
                     "a call of posix.system, which was not run")
        self.assertFalse(target.exists())

    def test_nor_by_way_of_what_is_known(self):
        target = self.folder / "executed"
        code = f"__import__('os').system('touch {target}')".encode()
        for call in (b"cbuiltins\neval\n", b"c__builtin__\nexec\n", b"ctorch\nload\n",
                     b"ctorch._utils\n_rebuild_qtensor\n", b"ccollections\nOrderedDict.fromkeys\n"):
            path = self.archive(b"\x80\x02" + call + b"X" + struct.pack("<I", len(code)) + code
                                + b"\x85R.")
            self.refused(path, "which was not run")
        path = self.archive(b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(cposix\nsystem\nN"
                            b"X" + struct.pack("<I", len(code)) + code + b"\x85NtR.")
        self.refused(path, "which was not run")
        self.assertFalse(target.exists())

    def test_tensor_beyond_its_storage(self):
        for case in ((20, 0, (20, 3), (3, 1), 20), (60, 1, (20, 3), (3, 1), 60),
                     (60, -1, (20, 3), (3, 1), 60), (60, 0, (20, 3), (-3, 1), 60),
                     (60, 0, (20, 3), (3,), 60)):
            path = self.archive(self.tensor(*case), _0=bytes(4 * case[0]))
            self.refused(path, "tensor 'weight_ih_l0'|pickle|state dict")

    def test_storage_shorter_than_said(self):
        path = self.archive(self.tensor(60, 0, (20, 3), (3, 1), 60), _0=bytes(239))
        self.refused(path, ".")

    def test_huge_view_of_one_number(self):
        path = self.archive(self.tensor(1, 0, (2**30, 2**30), (0, 0), 1), _0=bytes(4))
        self.refused(path, ".")

    def test_storage_that_is_not_there(self):
        path = self.archive(self.tensor(60, 0, (20, 3), (3, 1), 60))
        self.refused(path, "zip archive: expected a file archive/data/0, found none")

    def test_broken_pickles(self):
        whole = pickle.dumps({"weight_ih_l0": [1, 2, (3, 4)], "a": {"b": b"c"}}, 2)
        for end in range(2, len(whole), 3):
            self.archive(whole[:end], f"{end}.pt")
        for path in self.folder.glob("*.pt"):
            with self.subTest(path.name), self.assertRaises(pytorch.ConvertError):
                pytorch.load(path, None)

    def test_truncated_archive(self):
        path = self.archive(self.tensor(60, 0, (20, 3), (3, 1), 60), _0=bytes(240))
        data = path.read_bytes()
        for size in (len(data) - 1, len(data) // 2, 30):
            path.write_bytes(data[:size])
            self.refused(path, "zip archive: expected a whole one")

    def test_changed_bytes_are_a_sentence_at_worst(self):
        path = self.archive(self.tensor(60, 0, (20, 3), (3, 1), 60), _0=bytes(240))
        data = path.read_bytes()
        random = np.random.default_rng(3)
        refused = 0
        for _ in range(600):
            changed = bytearray(data)
            for at in random.integers(0, len(data), 3):
                changed[at] = random.integers(0, 256)
            path.write_bytes(changed)
            try:
                pytorch.load(path, None)
            except pytorch.ConvertError:
                refused += 1
        self.assertGreater(refused, 500)

    def test_empty_file_and_unknown_content(self):
        path = self.folder / "model.pt"
        path.write_bytes(b"")
        self.refused(path, "content: expected a model of", "found an empty file")
        path.write_bytes(b"#!/bin/sh\n")
        self.refused(path, "content: expected a model of", "found b'#!/bin/s'")

    def test_names_that_are_no_text(self):
        path = self.archive(self.tensor(60, 0, (20, 3), (3, 1), 60).replace(
            b"X\x0c\0\0\0weight_ih_l0", b"X\x0f\0\0\0\xed\xa0\x80weight_ih_l0"), _0=bytes(240))
        self.refused(path, "weight_ih_l0|pickle")

    def test_pickle_that_is_no_checkpoint(self):
        path = self.folder / "model.pkl"
        path.write_bytes(pickle.dumps({"weight": 1}, 2))
        self.refused(path, "pickle: expected PyTorch's magic number")

    def test_usage(self):
        path = self.archive(b"")
        for arguments in ([path], [path, "-o", "x", "--nosuch"], [],
                          [path, "-o", "x", "--framework", "nosuch"],
                          [path, "-o", "x", "--name", "a", "--prefix", "b"]):
            done = self.tool(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("usage: tools/convert", done.stderr)

    def test_no_file_and_no_folder(self):
        self.refused(self.folder / "nosuch.pt", "nosuch.pt: expected a file, found: No such file")
        path = self.folder / "in.safetensors"
        save_file(random_lstm(1, (2, 3)).tensors(), path)
        done = self.tool(path, "-o", self.folder / "nosuch" / "out")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^convert: [^\n]*nosuch[^\n]*No such file or directory\n$")


class Verification(ConvertTest):
    """A conversion that is wrong is found, and nothing is written."""

    def test_a_command_that_computes_something_else_is_found(self):
        lstm = random_lstm(1, (3, 5))
        path = self.folder / "in.safetensors"
        save_file(lstm.tensors(), path)
        other = self.folder / "other.safetensors"
        lstm.parts[0]["weight_ih"][7, 1] += 0.001
        save_file(lstm.tensors(), other)
        liar = self.folder / "lstm"
        liar.write_text(f'#!/bin/sh\nshift 2\nexec "{verify.command()}" run {other} "$@"\n')
        liar.chmod(0o755)
        done = self.tool(path, "-o", self.folder / "out.safetensors", LSTM=str(liar))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^convert: .*LSTM: results: expected those of .* within "
                         r".*found an error of \d.*nothing was written\n$")
        self.assertFalse((self.folder / "out.safetensors").exists())

    def test_no_verify_runs_nothing(self):
        path = self.folder / "in.safetensors"
        save_file(random_lstm(1, (3, 5)).tensors(), path)
        done = self.tool(path, "-o", self.folder / "out.safetensors", "--no-verify",
                         LSTM="/nosuch/lstm")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertNotIn("verified", done.stdout)
        header = (self.folder / "out.safetensors").read_bytes()
        size = int.from_bytes(header[:8], "little")
        self.assertEqual(json.loads(header[8 : 8 + size])["__metadata__"], {"lstm.gates": "ifgo"})
