"""LSTM nodes of ONNX: what is found is held against ONNX Runtime by the tool itself, and against
the weights that went in here."""

import numpy as np
import onnx
from converters import onnx_model
from kit import oracle, random_lstm
from onnx import TensorProto, helper
from onnx_kit import OnnxTest, constants, lstm_node, operator_weights, value_info

REQUIREMENTS = ["onnx==1.19.1", "onnxruntime==1.30.0"]


class Nodes(OnnxTest):
    """One LSTM node: every attribute and input."""

    def one(self, lstm, inputs=None, weights=None, graph_inputs=None, **attributes):
        weights = weights or operator_weights(lstm)
        node = lstm_node({key: None for key in weights if key in onnx_model.INPUTS},
                         inputs=inputs, hidden_size=lstm.hidden, direction=lstm.direction,
                         **attributes)
        return self.save([node], weights, graph_inputs)

    def test_plain(self):
        lstm = random_lstm(1, (3, 5))
        said = self.assert_found(self.one(lstm), lstm)
        self.assertIn("gates        i f g o (were i o f c)", said)

    def test_the_file_runs_as_the_equations_say(self):
        lstm = random_lstm(1, (3, 5), direction="bidirectional", peephole=True)
        self.assert_found(self.one(lstm), lstm)
        random = np.random.default_rng(4)
        x, h0, c0 = (random.standard_normal(shape).astype("f4")
                     for shape in ((9, 2, 3), (2, 2, 5), (2, 2, 5)))
        self.assert_runs_as(self.folder / "out.safetensors", x, h0, c0, oracle(lstm, x, h0, c0))

    def test_without_biases(self):
        lstm = random_lstm(1, (3, 5), biases=0)
        self.assertRegex(self.assert_found(self.one(lstm), lstm), "biases +none")

    def test_directions(self):
        for direction in ("reverse", "bidirectional"):
            lstm = random_lstm(2, (3, 5), direction=direction)
            self.assert_found(self.one(lstm), lstm)

    def test_peepholes(self):
        lstm = random_lstm(3, (3, 5), peephole=True)
        self.assert_found(self.one(lstm), lstm)

    def test_clip_and_coupled_gates(self):
        lstm = random_lstm(4, (3, 5), clip=0.75, input_forget=True)
        self.assert_found(self.one(lstm, clip=0.75, input_forget=1), lstm)

    def test_activations_with_their_parameters(self):
        lstm = random_lstm(5, (3, 5), activations=(
            "hardsigmoid(2.5e-1,4e-1)", "scaledtanh(8e-1,1.5e0)", "elu(5e-1)"))
        path = self.one(lstm, activations=["HardSigmoid", "ScaledTanh", "Elu"],
                        activation_alpha=[0.25, 0.8, 0.5], activation_beta=[0.4, 1.5])
        tensors, metadata, _ = self.convert(path, against="ONNX Runtime")
        self.assert_tensors(tensors, lstm)
        self.assertEqual(metadata["lstm.activations"],
                         "hardsigmoid(2.5e-1,4e-1),scaledtanh(8e-1,1.5e0),elu(5e-1)")

    def test_parameters_belong_to_the_functions_that_have_some(self):
        lstm = random_lstm(6, (3, 5))
        path = self.one(lstm, activations=["Sigmoid", "LeakyRelu", "Affine"],
                        activation_alpha=[0.125, 0.5], activation_beta=[0.25])
        _, metadata, _ = self.convert(path, against="ONNX Runtime")
        self.assertEqual(metadata["lstm.activations"], "sigmoid,leakyrelu(1.25e-1),"
                         "affine(5e-1,2.5e-1)")

    def test_parameters_left_out_are_the_operators(self):
        lstm = random_lstm(6, (3, 5))
        path = self.one(lstm, activations=["HardSigmoid", "Softsign", "ThresholdedRelu"])
        _, metadata, _ = self.convert(path, against="ONNX Runtime")
        self.assertEqual(metadata["lstm.activations"],
                         "hardsigmoid(2e-1,5e-1),softsign,thresholdedrelu(1e0)")

    def test_zeros_spelled_out_are_the_functions_that_they_make(self):
        """Zeros in the file would stand for defaults: it has what gives the same under another name."""
        zero = "scaledtanh(0e0,1e0)"
        for function, has_beta, ours in (
            ("LeakyRelu", False, "relu"), ("ThresholdedRelu", False, "relu"), ("Elu", False, "relu"),
            ("Affine", True, zero), ("HardSigmoid", True, zero), ("ScaledTanh", True, zero),
        ):  # fmt: skip
            with self.subTest(function):
                betas = {"activation_beta": [0.0]} if has_beta else {}
                path = self.one(random_lstm(6, (3, 5)), activations=["Sigmoid", function, "Tanh"],
                                activation_alpha=[0.0], **betas)
                _, metadata, _ = self.convert(path, against="ONNX Runtime")
                self.assertEqual(metadata["lstm.activations"], f"sigmoid,{ours},tanh")

    def test_a_zero_beside_another_parameter_stays(self):
        path = self.one(random_lstm(6, (3, 5)), activations=["HardSigmoid", "ScaledTanh", "Affine"],
                        activation_alpha=[0.25, 0.5, 0.0], activation_beta=[0.0, 0.0, 0.125])
        _, metadata, _ = self.convert(path, against="ONNX Runtime")
        self.assertEqual(metadata["lstm.activations"], "hardsigmoid(2.5e-1,0e0),"
                         "scaledtanh(5e-1,0e0),affine(0e0,1.25e-1)")

    def test_activations_of_each_direction(self):
        lstm = random_lstm(7, (3, 5), direction="bidirectional", activations=(
            "sigmoid", "relu", "tanh", "hardsigmoid(3e-1,5e-1)", "softplus", "linear"))
        self.assert_found(self.one(
            lstm, activations=["Sigmoid", "Relu", "Tanh", "HardSigmoid", "Softplus", "Affine"],
            activation_alpha=[0.3, 1.0], activation_beta=[0.5, 0.0]), lstm)

    def test_layout_1(self):
        lstm = random_lstm(8, (3, 5))
        self.assertIn("lstm run --layout batch", self.assert_found(self.one(lstm, layout=1), lstm))

    def test_initial_state_is_kept(self):
        lstm = random_lstm(9, (3, 5), direction="bidirectional")
        state = np.arange(20, dtype="f4").reshape(2, 2, 5)
        state[:, 1] = state[:, 0]
        path = self.one(lstm, {"initial_h": "h", "initial_c": "c"},
                        {**operator_weights(lstm), "h": state, "c": 0 * state})
        tensors, _, said = self.convert(path, against="ONNX Runtime")
        np.testing.assert_array_equal(tensors.pop("initial_h"), state[:, 0])
        self.assert_tensors(tensors, lstm)
        self.assertIn("initial_h is a tensor of that name", said)

    def test_initial_state_that_differs_is_left_out(self):
        lstm = random_lstm(9, (3, 5))
        state = np.arange(10, dtype="f4").reshape(1, 2, 5)
        path = self.one(lstm, {"initial_c": "c"}, {**operator_weights(lstm), "c": state})
        self.assertIn("left out: initial_c, which differs", self.assert_found(path, lstm))

    def test_lengths_and_states_that_are_data(self):
        lstm = random_lstm(9, (3, 5))
        path = self.one(
            lstm, {"sequence_lens": "n", "initial_h": "h"}, graph_inputs=[
                value_info("X", 3), value_info("n", 1, TensorProto.INT32), value_info("h", 3)])
        said = self.assert_found(path, lstm)
        self.assertIn("lstm run --lengths", said)
        self.assertIn("initial_h is computed by the graph", said)

    def test_float16_and_float64(self):
        for dtype in (np.float16, np.float64):
            lstm = random_lstm(10, (3, 5))
            for part in lstm.parts:
                part.update({stem: array.astype(dtype) for stem, array in part.items()})
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            weights = operator_weights(lstm)
            path = self.save([lstm_node(weights, hidden_size=5)], weights,
                             [value_info("X", 3, kind)], [value_info("Y", 4, kind)])
            self.assert_found(path, lstm)


class Refused(OnnxTest):
    def test_shapes(self):
        lstm = random_lstm(40, (3, 5))
        for key, value, sentence in (
            ("R", np.zeros((1, 20, 6), "f4"), "hidden_size: expected 6, found 5"),
            ("W", np.zeros((1, 19, 3), "f4"), r"W: expected shape \[1, 20, any\], found \[1, 19"),
            ("B", np.zeros((1, 20), "f4"), r"B: expected shape \[1, 40\], found \[1, 20\]"),
            ("R", np.zeros((2, 20, 5), "f4"), r"R: expected shape \[1, any, any\]"),
        ):
            weights = {**operator_weights(lstm), key: value}
            graph = helper.make_graph([lstm_node(weights, hidden_size=5)], "test",
                                      [value_info("X", 3)], [value_info("Y", 4)],
                                      constants(weights))
            path = self.folder / "model.onnx"
            onnx.save(helper.make_model(graph), path)
            self.refused(path, "LSTM node 'Y': " + sentence)

    def test_values(self):
        lstm = random_lstm(41, (3, 5))
        lstm.parts[0]["weight_hh"][2, 2] = np.inf
        weights = operator_weights(lstm)
        self.refused(self.save([lstm_node(weights, hidden_size=5)], weights),
                     "weight_hh_l0': expected finite numbers, found 1 that are not")

    def test_activations(self):
        weights = operator_weights(random_lstm(42, (3, 5)))
        for names, sentence in (
            (["Sigmoid", "Tanh"], "expected 3, found 2"),
            (["Sigmoid", "Tanh", "Gelu"], "functions of the operator, found 'Gelu'"),
        ):
            node = lstm_node(weights, hidden_size=5, activations=names)
            self.refused(self.save([node], weights), "LSTM node 'Y': activations: ", sentence)

    def test_no_lstm(self):
        path = self.save([helper.make_node("Relu", ["X"], ["Y"])], {}, outputs=[value_info("Y", 3)])
        self.refused(path, "graph: expected a node LSTM", "found none among 1 nodes")

    def test_broken_files(self):
        weights = operator_weights(random_lstm(43, (3, 5)))
        path = self.save([lstm_node(weights, hidden_size=5)], weights)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        self.refused(path, "content: expected a whole ONNX model")
        path.write_bytes(b"no model")
        self.refused(path, "content: expected")
        path.write_bytes(b"")
        self.refused(path, "content: expected")

    def test_changed_bytes_are_a_sentence_at_worst(self):
        weights = operator_weights(random_lstm(44, (3, 5)))
        path = self.save([lstm_node(weights, hidden_size=5)], weights)
        data = path.read_bytes()
        random = np.random.default_rng(5)
        outcomes = set()
        for _ in range(400):
            changed = bytearray(data)
            for at in random.integers(0, 300, 2):
                changed[at] = random.integers(0, 256)
            path.write_bytes(changed)
            try:
                for lstm in onnx_model.load(path, None):
                    lstm.check()
                outcomes.add("read")
            except onnx_model.ConvertError:
                outcomes.add("refused")
        self.assertEqual(outcomes, {"read", "refused"})

    def test_external_data_that_is_missing(self):
        weights = operator_weights(random_lstm(45, (30, 50)))
        model = onnx.load(self.save([lstm_node(weights, hidden_size=50)], weights))
        path = self.folder / "model.onnx"
        onnx.save(model, path, save_as_external_data=True, location="weights.bin",
                  size_threshold=0)
        self.assert_found(path, random_lstm(45, (30, 50)))
        (self.folder / "weights.bin").unlink()
        self.refused(path, "content: expected an ONNX model with its external data")
