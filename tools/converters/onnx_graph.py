"""An ONNX model as nested scopes of names, and the values that follow from its constants."""

import numpy as np

from .model import ConvertError

# What is evaluated when its inputs are known: exporters compute weights with these.
FOLDED = {
    "Add", "Cast", "Concat", "Constant", "ConstantOfShape", "DequantizeLinear", "Div", "Expand",
    "Flatten", "Gather", "Identity", "Mul", "Neg", "QuantizeLinear", "Reshape", "Shape", "Slice",
    "Split", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze",
}  # fmt: skip
# Where a sequence goes from one layer to the next; Dropout does nothing in inference.
LAYOUT = FOLDED | {"Dropout"}


def read(path):
    """The model, its own functions inlined."""
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import inliner

    try:
        model = onnx.load(path)
        if not model.graph.node:
            raise ConvertError("content", "an ONNX model", "no node in it")
        if model.functions:
            model = inliner.inline_local_functions(model)
    except DecodeError as error:
        raise ConvertError("content", "a whole ONNX model", str(error)) from None
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise ConvertError("content", "an ONNX model with its external data",
                           str(error).replace("\n", " ")) from None
    return model


def complaint(model):
    """What the ONNX package finds wrong in a model, or None."""
    from onnx import checker

    try:
        checker.check_model(model)
    except Exception as error:  # also what is no ValidationError says that it is not valid
        return str(error).strip().partition("\n")[0] or type(error).__name__
    return None


def attributes(node):
    """name -> value of a node's attributes."""
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


class Scope:
    """The names of one graph; what is not there is looked for in the graph around it."""

    def __init__(self, model, graph=None, parent=None, path=()):
        self.model, self.parent, self.path = model, parent, path
        self.graph = graph if graph is not None else model.graph
        self.initializers = {tensor.name: tensor for tensor in self.graph.initializer}
        self.producers = {name: node for node in self.graph.node for name in node.output if name}
        self.inputs = {value.name for value in self.graph.input} - self.initializers.keys()
        self.values = {}  # what constant() found

    def scopes(self):
        """This one, and those of the graphs in its nodes: If, Loop, Scan."""
        yield self
        for node in self.graph.node:
            for name, value in attributes(node).items():
                if hasattr(value, "node") and hasattr(value, "initializer"):
                    yield from Scope(self.model, value, self, (*self.path, name)).scopes()

    def owner(self, name):
        """The scope that a name belongs to, or None."""
        if name in self.initializers or name in self.producers or name in self.inputs:
            return self
        return self.parent.owner(name) if self.parent else None

    def producer(self, name):
        """The node that computes a name, or None for an input or an initializer."""
        owner = self.owner(name)
        return owner.producers.get(name) if owner else None

    def consumers(self, name):
        """The nodes of this graph that take a name, themselves or inside their own graphs."""
        def takes(node):
            inner = (value for value in attributes(node).values() if hasattr(value, "initializer"))
            return name in node.input or any(takes(n) for graph in inner for n in graph.node)

        return [node for node in self.graph.node if takes(node)]

    def constant(self, name, used=None):
        """The value of a name if it follows from constants, else None.  The initializers that it
        follows from are added to the set used."""
        owner = self.owner(name)
        if owner is None:
            return None
        if name not in owner.values:
            owner.values[name] = (None, frozenset())  # what depends on itself is no constant
            owner.values[name] = owner._fold(name)
        value, names = owner.values[name]
        if used is not None:
            used.update(names)
        return value

    def _fold(self, name):
        if name in self.initializers:
            return array_of(self.initializers[name]), {name}
        node, used = self.producers.get(name), set()
        if node is None or node.op_type not in FOLDED or node.domain not in ("", "ai.onnx"):
            return None, used
        inputs = {key: self.constant(key, used) for key in node.input if key}
        if any(value is None for value in inputs.values()):
            return None, used
        return evaluate(self.model, node, inputs).get(name), used

    def evaluate_from(self, name, known):
        """The value of a name, given those of others, by nodes that only lay numbers out anew."""
        if name in known:
            return known[name]
        value = self.constant(name)
        if value is not None:
            return value
        node = self.producer(name)
        if node is None or node.op_type not in LAYOUT:
            return None
        if node.op_type == "Dropout":
            return self.evaluate_from(node.input[0], known)
        inputs = {key: self.evaluate_from(key, known) for key in node.input if key}
        if any(value is None for value in inputs.values()):
            return None
        return evaluate(self.model, node, inputs).get(name)


def array_of(tensor):
    """A tensor as an array; bfloat16, which numpy lacks, is exact in fp32."""
    from onnx import TensorProto, numpy_helper

    try:
        array = np.asarray(numpy_helper.to_array(tensor))
    except Exception as error:  # whatever it makes of a damaged one
        raise ConvertError(f"tensor {tensor.name!r}", "numbers of its type and shape",
                           str(error).replace("\n", " ")) from None
    return array.astype(np.float32) if tensor.data_type == TensorProto.BFLOAT16 else array


def evaluate(model, node, inputs):
    """name -> value of the outputs of one node, or nothing if it cannot be run."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    graph = helper.make_graph(
        [node], "one", [helper.make_tensor_value_info(
            key, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for key, value in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for name in node.output if name])
    try:
        single = helper.make_model(graph, opset_imports=model.opset_import)
        found = ReferenceEvaluator(single).run(None, inputs)
    except Exception:  # whatever the operator makes of odd inputs: then it is no constant
        return {}
    return dict(zip((name for name in node.output if name), map(np.asarray, found)))
