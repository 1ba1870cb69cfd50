"""The lstm.* metadata of files converted before: what lstm.h refuses, the converter refuses."""

import subprocess

from converters import verify
from kit import ConvertTest, random_lstm
from safetensors.numpy import save_file

GOOD = (
    ("gates", "ifgo"), ("direction", "forward"), ("direction", "reverse"),
    ("activations", "hardsigmoid(0.2,0.5),tanh,tanh"),
    ("activations", "sigmoid,leakyrelu(-1.25E-3),affine(1,0)"),
    ("activations", "sigmoid,elu,hardsigmoid_keras3"),
    ("activations", "sigmoid,scaledtanh(0,1),relu"),
    ("activations", "sigmoid,scaledtanh(0e99,1),relu"), ("clip", "2.5"), ("clip", "1e+2"),
    ("cell_clip", "0.0001"), ("input_forget", "0"), ("input_forget", "1"),
)  # fmt: skip
BAD = (
    ("gates", "iofg", "expected ifgo, found 'iofg'"),
    ("gates", "", "expected ifgo, found ''"),
    ("walk", "1", "expected a key of gates, direction, activations.* found '1'"),
    ("direction", "bidirectional", "expected forward or reverse, as there are tensors of one"),
    ("direction", "Reverse", "expected forward, reverse or bidirectional, found 'Reverse'"),
    ("activations", "sigmoid,tanh", "expected 3 names, found 'sigmoid,tanh'"),
    ("activations", "sigmoid,tanh,tanh,", "expected 3 names"),
    ("activations", "sigmoid,tanh,tanh,sigmoid,tanh,tanh", "expected 3 names"),
    ("activations", "sigmoid,swish,tanh", r"names such as sigmoid or hardsigmoid\(0.2,0.5\), found "
     "'swish'"),
    ("activations", "sigmoid, tanh,tanh", "names such as .* found ' tanh'"),
    ("activations", "sigmoid,elu(a),tanh", r"found 'elu\(a\)'"),
    ("activations", "sigmoid,elu(),tanh", r"found 'elu\(\)'"),
    ("activations", "sigmoid,elu(1,2),tanh", r"1 numbers, or none, after elu, found 'elu\(1,2\)'"),
    ("activations", "sigmoid,affine(1),tanh", "2 numbers, or none, after affine"),
    ("activations", "sigmoid,tanh(1),tanh", "no numbers, or none, after tanh"),
    ("activations", "sigmoid,elu(1e39),tanh", "1 numbers, or none, after elu"),
    ("activations", "sigmoid,elu(0),tanh", "parameters that are not all zero"),
    ("clip", "abc", "expected a number above 0 in the range of fp32, found 'abc'"),
    ("clip", "0", "a number above 0"), ("clip", "-1", "a number above 0"),
    ("clip", " 1", "a number above 0"), ("clip", "1.", "a number above 0"),
    ("clip", "nan", "a number above 0"), ("clip", "inf", "a number above 0"),
    ("clip", "1e-46", "a number above 0"), ("cell_clip", "1e39", "a number above 0"),
    ("input_forget", "yes", "expected 0 or 1, found 'yes'"),
    ("bias", "double", "expected single, found 'double'"),
)  # fmt: skip


class Settings(ConvertTest):
    def write(self, metadata, lstm=None):
        path = self.folder / "in.safetensors"
        save_file((lstm or random_lstm(1, (3, 5))).tensors(), path, metadata)
        return path

    def library_takes(self, path):
        done = subprocess.run([verify.command(), "info", path], capture_output=True, check=False)
        self.assertIn(done.returncode, (0, 1))
        return done.returncode == 0

    def test_what_the_library_takes_is_taken(self):
        for key, value in GOOD:
            with self.subTest(key, value=value):
                path = self.write({"lstm." + key: value})
                self.assertTrue(self.library_takes(path))
                self.convert(path, "--no-verify")

    def test_what_the_library_refuses_is_refused(self):
        for key, value, sentence in BAD:
            with self.subTest(key, value=value):
                path = self.write({"lstm." + key: value})
                self.assertFalse(self.library_takes(path))
                self.refused(path, f"metadata 'lstm.{key}': .*{sentence}")

    def test_both_directions(self):
        both = random_lstm(1, (3, 5), direction="bidirectional")
        six = "sigmoid,tanh,tanh,hardsigmoid(0.2,0.5),relu,tanh"
        path = self.write({"lstm.direction": "bidirectional", "lstm.activations": six}, both)
        self.assertTrue(self.library_takes(path))
        self.convert(path)
        for key, value, sentence in (
            ("direction", "reverse", "expected bidirectional, as there are tensors of both"),
            ("activations", "sigmoid,tanh", "expected 3 or 6 names"),
        ):
            path = self.write({"lstm." + key: value}, both)
            self.assertFalse(self.library_takes(path))
            self.refused(path, f"metadata 'lstm.{key}': {sentence}")

    def test_a_single_bias_of_two(self):
        path = self.write({"lstm.bias": "single"})
        self.assertFalse(self.library_takes(path))
        self.refused(path, "bias_hh_l0")

    def test_keys_of_others_are_kept(self):
        _, metadata, _ = self.convert(self.write({"lstm_clip": "abc", "made by": "hand"}))
        self.assertEqual((metadata["lstm_clip"], metadata["made by"]), ("abc", "hand"))
