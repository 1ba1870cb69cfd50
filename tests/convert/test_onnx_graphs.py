"""LSTMs wherever an ONNX model has them: behind computed weights, in the bodies of other nodes, in
chains, and taken apart by the exporter."""

import subprocess
import unittest

import numpy as np
from converters import onnx_graph, pytorch, verify
from kit import HERE, random_lstm
from onnx import TensorProto, helper, numpy_helper
from onnx_kit import (FLOAT, OnnxTest, blocks, constants, lstm_node, operator_weights, value_info)

REQUIREMENTS = ["onnx==1.19.1", "onnxruntime==1.30.0"]


class Weights(OnnxTest):
    """Weights that the graph computes from initializers."""

    def test_as_silero_computes_them(self):
        # Initializers in PyTorch's order are sliced, joined in the operator's, and given an axis,
        # inside a branch of an If.
        lstm = random_lstm(11, (4, 6))
        part, nodes = lstm.parts[0], []
        ends = {name: np.array([row], "i8") for name, row in
                (("r0", 0), ("r1", 6), ("r3", 18), ("r4", 24), ("axis", 0))}

        def reorder(name):
            for k, (first, end) in enumerate((("r0", "r1"), ("r3", "r4"), ("r1", "r3"))):
                nodes.append(helper.make_node("Slice", [name, first, end, "axis"], [f"{name}{k}"]))
            nodes.append(helper.make_node("Concat", [f"{name}{k}" for k in range(3)], [f"{name}j"],
                                          axis=0))
            return f"{name}j"

        names = {stem: f"decoder.rnn.{stem}" for stem in part}
        for key, name in (("W", reorder(names["weight_ih"])), ("R", reorder(names["weight_hh"]))):
            nodes.append(helper.make_node("Unsqueeze", [name, "axis"], [key]))
        nodes.append(helper.make_node(
            "Concat", [reorder(names["bias_ih"]), reorder(names["bias_hh"])], ["flat"], axis=0))
        nodes.append(helper.make_node("Unsqueeze", ["flat", "axis"], ["B"]))
        nodes.append(lstm_node({"W": 0, "R": 0, "B": 0}, name="/decoder/rnn/LSTM", hidden_size=6))
        then = helper.make_graph(nodes, "then", [], [value_info("Y", 4)])
        other = helper.make_graph([helper.make_node("Identity", ["zero"], ["other"])], "else", [],
                                  [value_info("other", 4)])
        path = self.save(
            [helper.make_node("If", ["rate"], ["out"], then_branch=then, else_branch=other)],
            {**{names[stem]: array for stem, array in part.items()}, **ends,
             "zero": np.zeros((1, 1, 1, 6), "f4")},
            [value_info("X", 3), helper.make_tensor_value_info("rate", TensorProto.BOOL, [])],
            [value_info("out", 4)])
        lstm.prefix = "decoder.rnn."
        said = self.assert_found(path, lstm)
        self.assertIn("in then_branch", said)

    def test_other_operations(self):
        lstm = random_lstm(12, (3, 5))
        weights = operator_weights(lstm)
        nodes = [
            helper.make_node("Transpose", ["w"], ["w1"], perm=[1, 0]),
            helper.make_node("Unsqueeze", ["w1", "axis"], ["W"]),
            helper.make_node("Reshape", ["r", "shape"], ["r1"]),
            helper.make_node("Cast", ["r1"], ["R"], to=FLOAT),
            helper.make_node("Constant", [], ["b"], value=numpy_helper.from_array(weights["B"][0])),
            helper.make_node("Identity", ["b"], ["b1"]),
            helper.make_node("Split", ["b1"], ["b2", "b3"], axis=0),
            helper.make_node("Concat", ["b2", "b3"], ["b4"], axis=0),
            helper.make_node("Unsqueeze", ["b4", "axis"], ["B"]),
            lstm_node({"W": 0, "R": 0, "B": 0}, hidden_size=5)]
        path = self.save(nodes, {
            "w": weights["W"][0].T, "r": weights["R"].astype("f8").reshape(-1),
            "axis": np.array([0], "i8"), "shape": np.array([1, 20, 5], "i8")})
        self.assert_found(path, lstm)

    def test_what_the_data_computes_is_refused(self):
        lstm = random_lstm(13, (3, 5))
        weights = operator_weights(lstm)
        path = self.save([lstm_node(weights, hidden_size=5)],
                         {key: weights[key] for key in "WB"},
                         [value_info("X", 3), value_info("R", 3)])
        self.refused(path, "LSTM node 'Y': R: expected a constant", "found an input of the graph")
        nodes = [helper.make_node("Mul", ["W0", "k"], ["W"]), lstm_node(weights, hidden_size=5)]
        path = self.save(nodes, {"W0": weights["W"], "R": weights["R"], "B": weights["B"]},
                         [value_info("X", 3), value_info("k", 0)])
        self.refused(path, "LSTM node 'Y': W: expected a constant", "found the result of Mul")


class Bodies(OnnxTest):
    """LSTM nodes inside other nodes."""

    def test_loop(self):
        lstm = random_lstm(14, (3, 5))
        weights = operator_weights(lstm)
        boolean = TensorProto.BOOL
        body = helper.make_graph(
            [helper.make_node("Identity", ["go"], ["go_on"]),
             lstm_node(weights, hidden_size=5, name="inner/LSTM"),
             helper.make_node("Identity", ["Y_h"], ["h1"])], "body",
            [helper.make_tensor_value_info("k", TensorProto.INT64, []),
             helper.make_tensor_value_info("go", boolean, []), value_info("h", 3)],
            [helper.make_tensor_value_info("go_on", boolean, []), value_info("h1", 3)])
        path = self.save(
            [helper.make_node("Loop", ["count", "", "zero"], ["out"], body=body)],
            {**weights, "count": np.array(3, "i8"), "zero": np.zeros((1, 1, 5), "f4")},
            outputs=[value_info("out", 3)])
        lstm.prefix = "inner."
        self.assertIn("in body", self.assert_found(path, lstm))

    def test_scan_with_weights_inside(self):
        lstm = random_lstm(15, (3, 5))
        weights = operator_weights(lstm)
        body = helper.make_graph(
            [lstm_node(weights, x="part", hidden_size=5),
             helper.make_node("Identity", ["Y_h"], ["h1"])], "body",
            [value_info("h", 3), value_info("part", 3)], [value_info("h1", 3), value_info("Y", 4)],
            constants(weights))
        path = self.save(
            [helper.make_node("Scan", ["zero", "X"], ["last", "all"], body=body,
                              num_scan_inputs=1)],
            {"zero": np.zeros((1, 1, 5), "f4")}, [value_info("X", 4)], [value_info("all", 5)])
        self.assert_found(path, lstm)

    def test_branches_with_different_networks(self):
        pair = [random_lstm(16 + k, (3, 5)) for k in range(2)]
        graphs = []
        for k, lstm in enumerate(pair):
            weights = operator_weights(lstm)
            graphs.append(helper.make_graph(
                [lstm_node(weights, y=f"Y{k}", name="/rnn/LSTM", hidden_size=5)], f"g{k}", [],
                [value_info(f"Y{k}", 4)], constants(weights)))
        path = self.save(
            [helper.make_node("If", ["rate"], ["Y"], then_branch=graphs[0], else_branch=graphs[1])],
            {}, [value_info("X", 3), helper.make_tensor_value_info("rate", TensorProto.BOOL, [])])
        tensors, _, _ = self.convert(path, against="ONNX Runtime")
        for prefix, lstm in zip(("then_branch.rnn.", "else_branch.rnn."), pair):
            np.testing.assert_array_equal(tensors[prefix + "weight_ih_l0"],
                                          lstm.parts[0]["weight_ih"])
        pair[1].prefix = "else_branch.rnn."
        self.assert_found(path, pair[1], "--prefix", "else_branch.rnn.")

    def test_function_of_the_model(self):
        lstm = random_lstm(18, (3, 5))
        weights = operator_weights(lstm)
        opset = helper.make_opsetid("", 14)
        function = helper.make_function(
            "own", "Layer", ["X", "W", "R", "B"], ["Y"],
            [helper.make_node("LSTM", ["X", "W", "R", "B"], ["Y"], hidden_size=5)], [opset])
        path = self.save([helper.make_node("Layer", ["X", "W", "R", "B"], ["Y"], domain="own")],
                         weights, opset_imports=[opset, helper.make_opsetid("own", 1)],
                         functions=[function])
        self.assert_found(path, lstm)


class Stacks(OnnxTest):
    """Nodes that follow each other are the layers of one LSTM, if they are alike."""

    def chain(self, lstm, between, layout=0, extra=(), outputs=None, **attributes):
        weights, nodes, x = {}, [], "X"
        for layer in range(lstm.layers):
            mine = operator_weights(lstm, layer)
            weights.update({f"{key}{layer}": value for key, value in mine.items()})
            nodes.append(lstm_node(mine, x, f"Y{layer}", f"/rnn/LSTM_{layer}", str(layer),
                                   hidden_size=lstm.hidden, direction=lstm.direction,
                                   layout=layout, **attributes))
            x = f"X{layer + 1}"
            nodes += between(f"Y{layer}", x)
        weights.update({"one": np.array([1], "i8"), "two": np.array([2], "i8"),
                        "flat": np.array([0, 0, -1], "i8")})
        return self.save([*nodes, *extra], weights,
                         outputs=outputs or [value_info(x, 3)])

    @staticmethod
    def both(y, x):
        return [helper.make_node("Transpose", [y], [f"{y}t"], perm=[0, 2, 1, 3]),
                helper.make_node("Reshape", [f"{y}t", "flat"], [x])]

    @staticmethod
    def squeeze(y, x):
        return [helper.make_node("Squeeze", [y, "one"], [f"{x}d"]),
                helper.make_node("Dropout", [f"{x}d"], [x])]

    def test_forward(self):
        lstm = random_lstm(20, (3, 5), layers=3, prefix="rnn.")
        said = self.assert_found(self.chain(lstm, self.squeeze), lstm)
        self.assertIn("LSTM, 3 layers", said)

    def test_bidirectional(self):
        lstm = random_lstm(21, (3, 5), layers=2, direction="bidirectional", prefix="rnn.")
        self.assert_found(self.chain(lstm, self.both), lstm)

    def test_batch_first(self):
        lstm = random_lstm(22, (3, 5), layers=2, direction="bidirectional", prefix="rnn.")

        def between(y, x):
            return [helper.make_node("Reshape", [y, "flat"], [x])]

        self.assert_found(self.chain(lstm, between, layout=1), lstm)

    def test_directions_interleaved_otherwise_are_no_stack(self):
        lstm = random_lstm(23, (3, 5), layers=2, direction="bidirectional")

        def wrong(y, x):
            return [helper.make_node("Transpose", [y], [f"{y}t"], perm=[0, 2, 3, 1]),
                    helper.make_node("Reshape", [f"{y}t", "flat"], [x])]

        tensors, _, said = self.convert(self.chain(lstm, wrong), against="ONNX Runtime")
        self.assertEqual(said.count("LSTM, 1 layer"), 2)
        self.assertEqual(sum("weight_ih_l0" in name for name in tensors), 4)

    def test_output_that_is_used_elsewhere_too_is_no_stack(self):
        lstm = random_lstm(24, (3, 5), layers=2)
        path = self.chain(lstm, self.squeeze,
                          extra=[helper.make_node("Relu", ["Y0"], ["extra"])],
                          outputs=[value_info("X2", 3), value_info("extra", 4)])
        _, _, said = self.convert(path, against="ONNX Runtime")
        self.assertEqual(said.count("LSTM, 1 layer"), 2)


class Several(OnnxTest):
    """LSTMs of one file share its metadata."""

    def two(self, second, **attributes):
        first = random_lstm(25, (3, 5), prefix="one.")
        second.prefix = "two."
        nodes, weights = [], {}
        for lstm, more in ((first, {}), (second, attributes)):
            mine = operator_weights(lstm)
            weights.update({key + lstm.prefix: value for key, value in mine.items()})
            nodes.append(lstm_node(mine, y=f"Y{lstm.prefix}", name=f"/{lstm.name}/LSTM",
                                   mark=lstm.prefix, hidden_size=5, direction=lstm.direction,
                                   **more))
        return self.save(nodes, weights, outputs=[value_info("Yone.", 4), value_info("Ytwo.", 4)])

    def test_biases_in_one_alone(self):
        second = random_lstm(26, (3, 5), direction="bidirectional", biases=0)
        tensors, metadata, said = self.convert(self.two(second), against="ONNX Runtime")
        self.assertEqual(metadata, {"lstm.gates": "ifgo"})
        self.assertEqual(said.count("verified"), 2)
        self.assertIn("one.bias_hh_l0", tensors)
        self.assertNotIn("two.bias_hh_l0", tensors)

    def test_options_that_differ_are_refused_together(self):
        path = self.two(random_lstm(27, (3, 5), clip=0.5), clip=0.5)
        self.refused(path, "several LSTMs: expected one lstm.clip for all",
                     "found one: None, two: 5e-1")
        _, metadata, _ = self.convert(path, "--name", "two", against="ONNX Runtime")
        self.assertEqual(metadata["lstm.clip"], "5e-1")


class Decomposed(OnnxTest):
    """LSTM steps in single operations."""

    def step(self, lstm, order=(0, 1, 2, 3), gemm=True, sliced=False, names=True,
             functions=("Sigmoid", "Tanh", "Tanh"), inputs=("h", "c")):
        """Nodes and weights of one step, its gate blocks in this order of i f g o."""
        part, size = lstm.parts[0], lstm.hidden
        known = {stem: f"net.rnn.{stem}" if names else f"t{k}" for k, stem in enumerate(part)}
        weights = {}
        for stem, array in part.items():
            array = blocks(array, order)
            weights[known[stem]] = array if gemm or stem.startswith("bias") else array.T
        nodes = []
        for operand, which in (("X", "ih"), (inputs[0], "hh")):
            matrix, bias = known[f"weight_{which}"], known[f"bias_{which}"]
            if gemm:
                nodes.append(helper.make_node("Gemm", [operand, matrix, bias], [f"s{which}"],
                                              transB=1))
            else:
                nodes.append(helper.make_node("MatMul", [operand, matrix], [f"p{which}"]))
                nodes.append(helper.make_node("Add", [bias, f"p{which}"], [f"s{which}"]))
        nodes.append(helper.make_node("Add", ["shh", "sih"], ["sums"]))
        if sliced:
            for k in range(4):
                weights.update({f"b{k}": np.array([k * size], "i8"),
                                f"e{k}": np.array([(k + 1) * size if k < 3 else 2**62], "i8")})
                nodes.append(helper.make_node("Slice", ["sums", f"b{k}", f"e{k}", "axis"],
                                              [f"k{k}"]))
            weights["axis"] = np.array([1], "i8")
        else:
            nodes.append(helper.make_node("Split", ["sums"], [f"k{k}" for k in range(4)], axis=1))
        for k, which in enumerate(order):
            nodes.append(helper.make_node(functions[1] if which == 2 else functions[0], [f"k{k}"],
                                          ["ifgo"[which]]))
        nodes += [helper.make_node("Mul", [inputs[1], "f"], ["fc"]),
                  helper.make_node("Mul", ["g", "i"], ["ig"]),
                  helper.make_node("Add", ["ig", "fc"], ["c1"], name="/net/rnn/Add"),
                  helper.make_node(functions[2], ["c1"], ["tc"]),
                  helper.make_node("Mul", ["o", "tc"], ["h1"])]
        return nodes, weights

    def write(self, nodes, weights):
        return self.save(nodes, weights, [value_info(name, 2) for name in ("X", "h", "c")],
                         [value_info(name, 2) for name in ("h1", "c1")])

    def test_every_order_of_the_gates_is_told(self):
        for seed, order in enumerate(((0, 1, 2, 3), (0, 3, 1, 2), (0, 2, 1, 3), (3, 2, 1, 0))):
            lstm = random_lstm(30 + seed, (3, 5), cell=True, prefix="net.rnn.")
            said = self.assert_found(self.write(*self.step(lstm, order)), lstm)
            was = " ".join("ifgo"[k] for k in order)
            self.assertIn("as they were" if order == (0, 1, 2, 3) else f"were {was}", said)

    def test_products_and_sums_and_slices(self):
        lstm = random_lstm(35, (3, 5), cell=True, prefix="net.rnn.")
        self.assert_found(self.write(*self.step(lstm, gemm=False, sliced=True)), lstm)

    def test_names_that_say_nothing(self):
        lstm = random_lstm(36, (3, 5), cell=True, prefix="net.rnn.")
        tensors, _, _ = self.convert(self.write(*self.step(lstm, names=False)),
                                     against="ONNX Runtime")
        part = lstm.parts[0]  # of two biases there is nothing that tells which is which
        part["bias_ih"], part["bias_hh"] = part["bias_hh"], part["bias_ih"]
        self.assert_tensors(tensors, lstm)

    def test_square_matrices_without_names_are_refused(self):
        lstm = random_lstm(37, (5, 5), cell=True)
        self.refused(self.write(*self.step(lstm, names=False)),
                     "expected a matrix that is told to be that of h")

    def test_unrolled_steps_are_one_and_tell_h_from_x(self):
        lstm = random_lstm(39, (5, 5), cell=True, prefix="net.rnn.")
        nodes, weights = self.step(lstm, names=False)
        again = {"h": "h1", "c": "c1"}
        second = []
        for node in nodes:
            copy = helper.make_node(
                node.op_type, [again.get(name, name if name in weights else name + "2")
                               for name in node.input], [name + "2" for name in node.output],
                name=node.name)
            copy.attribute.extend(node.attribute)
            second.append(copy)
        path = self.save(nodes + second, weights,
                         [value_info(name, 2) for name in ("X", "X2", "h", "c")],
                         [value_info("h12", 2)])
        tensors, _, said = self.convert(path, against="ONNX Runtime")
        np.testing.assert_array_equal(tensors["net.rnn.weight_hh"], lstm.parts[0]["weight_hh"])
        self.assertEqual(said.count("verified"), 1)
        self.assertNotIn("left out", said)

    def test_square_matrices_with_names(self):
        lstm = random_lstm(37, (5, 5), cell=True, prefix="net.rnn.")
        self.assert_found(self.write(*self.step(lstm)), lstm)

    def test_other_functions(self):
        lstm = random_lstm(38, (3, 5), cell=True, prefix="net.rnn.", activations=(
            "hardsigmoid(2e-1,5e-1)", "relu", "softsign"))
        self.assert_found(self.write(*self.step(
            lstm, functions=("HardSigmoid", "Relu", "Softsign"))), lstm)

    def test_named_weights_that_are_used_otherwise_are_refused(self):
        weights = {"rnn.weight_hh": np.zeros((20, 5), "f4")}
        path = self.save([helper.make_node("Gemm", ["X", "rnn.weight_hh"], ["Y"], transB=1)],
                         weights, [value_info("X", 2)], [value_info("Y", 2)])
        self.refused(path, "tensor 'rnn.weight_hh': expected an LSTM node",
                     "does not tell the order of the gates")


class Exporter(OnnxTest):
    """What PyTorch's own exporter writes."""

    @classmethod
    def setUpClass(cls):
        try:
            cls.python = pytorch.python_with_torch()
        except verify.Unavailable as reason:
            raise unittest.SkipTest(str(reason)) from None

    def export(self, what):
        path = self.folder / f"{what}.onnx"
        subprocess.run([self.python, "-B", HERE / "export_pytorch.py", what, path], check=True,
                       capture_output=True)
        with np.load(f"{path}.npz") as arrays:
            return path, dict(arrays)

    def assert_exported(self, what):
        path, expected = self.export(what)
        tensors, _, said = self.convert(path, against="ONNX Runtime")
        self.assertEqual(sorted(tensors), sorted(expected))
        for name, array in expected.items():
            np.testing.assert_array_equal(tensors[name], array)
        return said

    def test_stacked_lstm(self):
        self.assertIn("nodes that follow each other", self.assert_exported("stacked"))

    def test_weights_that_were_not_folded(self):
        self.assert_exported("unfolded")

    def test_cell_is_decomposed(self):
        self.assertIn("found as single operations", self.assert_exported("cell"))


class Chains(unittest.TestCase):
    def test_what_depends_on_itself_is_no_constant(self):
        graph = helper.make_graph(
            [helper.make_node("Identity", [name], [other]) for name, other in ("ba", "ab")],
            "test", [], [])
        scope = onnx_graph.Scope(helper.make_model(graph))
        self.assertIsNone(scope.constant("a"))
