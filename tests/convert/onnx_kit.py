"""ONNX models, put together node by node, for the tests of their converter."""

import numpy as np
import onnx
from converters import onnx_model
from kit import ConvertTest
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
IOFC = (0, 3, 1, 2)  # the operator's blocks, from i f g o


def blocks(array, order):
    """The blocks of rows in another order."""
    size = array.shape[0] // (3 if len(order) == 3 else 4)
    return np.concatenate([array[k * size : (k + 1) * size] for k in order])


def operator_weights(lstm, layer=0):
    """W, R, B, P of the operator for one layer."""
    parts = lstm.parts[layer * lstm.directions : (layer + 1) * lstm.directions]
    weights = {"W": np.stack([blocks(part["weight_ih"], IOFC) for part in parts]),
               "R": np.stack([blocks(part["weight_hh"], IOFC) for part in parts])}
    if lstm.biases:
        weights["B"] = np.stack([np.concatenate([blocks(part["bias_ih"], IOFC),
                                                 blocks(part["bias_hh"], IOFC)])
                                 for part in parts])
    if "weight_peephole" in parts[0]:
        weights["P"] = np.stack([blocks(part["weight_peephole"], (0, 2, 1)) for part in parts])
    return weights


def constants(values):
    return [numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in values.items()]


def value_info(name, rank, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, [None] * rank)


def lstm_node(weights, x="X", y="Y", name="", mark="", inputs=None, **attributes):
    """An LSTM node whose weights have these names, each followed by mark."""
    names = {"X": x, **{key: key + mark for key in weights}, **(inputs or {})}
    order = [names.get(key, "") for key in onnx_model.INPUTS]
    while not order[-1]:
        order.pop()
    return helper.make_node("LSTM", order, [y, f"{y}_h", f"{y}_c"], name=name, **attributes)


class OnnxTest(ConvertTest):
    def save(self, nodes, weights, inputs=None, outputs=None, **more):
        """A model of these nodes; data goes in as X and out as Y, unless they are named."""
        graph = helper.make_graph(
            nodes, "test", inputs or [value_info("X", 3)], outputs or [value_info("Y", 4)],
            constants(weights))
        opsets = more.pop("opset_imports", [helper.make_opsetid("", 14)])
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)
        onnx.checker.check_model(model)
        path = self.folder / "model.onnx"
        onnx.save(model, path)
        return path

    def assert_found(self, path, lstm, *options, against="ONNX Runtime"):
        """The tool finds exactly this LSTM, and says that the results agree."""
        tensors, metadata, said = self.convert(path, *options, against=against)
        self.assert_tensors(tensors, lstm)
        self.assertEqual(metadata, lstm.metadata())
        return said
