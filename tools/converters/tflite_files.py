"""TensorFlow Lite's files: operators and constants of a flatbuffer."""

import struct

import numpy as np

from .model import ConvertError

# What the accessors of a damaged flatbuffer raise, at any time: they trust its offsets.
DAMAGED = (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError,
           UnicodeDecodeError, RecursionError)  # fmt: skip
OPTIONS = {"UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
           "BIDIRECTIONAL_SEQUENCE_LSTM": "BidirectionalSequenceLSTMOptions",
           "LSTM": "LSTMOptions"}  # fmt: skip


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    return Model(data)


class Model:
    def __init__(self, data):
        import tflite

        self.schema = tflite
        self.root = tflite.Model.GetRootAs(data, 0)
        self.size = len(data)
        self.activations = names_of(tflite.ActivationFunctionType)
        self.types = names_of(tflite.TensorType)
        self.operators = []
        for graph_index in range(self.root.SubgraphsLength()):
            graph = self.root.Subgraphs(graph_index)
            for index in range(graph.OperatorsLength()):
                self.operators.append(Operator(self, graph_index, graph, index))
        self.producers = {(op.graph_index, tensor.index): op
                          for op in self.operators for tensor in op.outputs}

    def activation_name(self, value):
        return self.activations.get(value, str(value))

    def operator_name(self, code):
        # The old field is of 8 bits, and holds 127 where the number is larger.
        value = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        return self.schema.utils.BUILTIN_OPCODE2NAME.get(value, f"operator code {value}")

    def producer(self, tensor):
        return self.producers.get((tensor.graph_index, tensor.index)) if tensor else None

    def reversal(self, op):
        """The REVERSE_V2 along the time before an LSTM operator, or None."""
        before = self.producer(op.tensor(0))
        if before is None or before.name != "REVERSE_V2" or op.name == "LSTM":
            return None
        time = 0 if op.options.TimeMajor() else 1
        axes = before.tensor(1)
        along = axes and axes.array("REVERSE_V2").tolist() in ([time], [time - 3])
        return before if along else None

    def backward(self, op):
        """Whether an LSTM operator gets the last step first: an odd number of REVERSE_V2 is before
        it, with other LSTM operators in between."""
        reversal = self.reversal(op)
        before = self.producer((reversal or op).tensor(0))
        between = before is not None and before.name in OPTIONS and self.backward(before)
        return between != (reversal is not None)

    def both(self, op, other):
        """Whether the two are the directions of one LSTM: the same x, y side by side."""
        first, second = sorted((op, other), key=self.backward)
        if self.backward(first) or self.reversal(second) is None:
            return False
        x, y = self.reversal(second).tensor(0), second.outputs[0]
        if first.tensor(0) != x or not alike(first, second):
            return False
        back = [each.outputs[0] for each in self.operators
                if each.name == "REVERSE_V2" and each.tensor(0) == y]
        joins = [each for each in self.operators if each.name == "CONCATENATION"]
        return any([each.tensor(0), each.tensor(1)] == [first.outputs[0], tensor]
                   for each in joins for tensor in back)


def alike(first, second):
    """Whether two operators have the same options and sizes."""
    def options(op):
        return (op.name, op.options.FusedActivationFunction(), op.options.CellClip(),
                op.options.ProjClip(), op.options.TimeMajor(),
                [tensor and tensor.shape for tensor in map(op.tensor, range(1, 18))])
    return options(first) == options(second)


def names_of(enumeration):
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


class Operator:
    def __init__(self, model, graph_index, graph, index):
        self.model, self.graph_index, self.index = model, graph_index, index
        table = graph.Operators(index)
        self.name = model.operator_name(model.root.OperatorCodes(table.OpcodeIndex()))
        self.inputs = [self.at(graph, table.Inputs(k)) for k in range(table.InputsLength())]
        self.outputs = [self.at(graph, table.Outputs(k)) for k in range(table.OutputsLength())]
        self.options = None
        if self.name in OPTIONS:
            stored = table.BuiltinOptions()
            kind = getattr(model.schema, OPTIONS[self.name])
            if stored is not None:
                self.options = kind()
                self.options.Init(stored.Bytes, stored.Pos)

    def at(self, graph, index):
        if index < 0:
            return None
        if index >= graph.TensorsLength():
            raise ValueError(f"no tensor {index}")
        return Tensor(self.model, self.graph_index, graph, index)

    def tensor(self, index):
        """The input of this index, or None."""
        return self.inputs[index] if index < len(self.inputs) else None


class Tensor:
    def __init__(self, model, graph_index, graph, index):
        self.model, self.graph_index, self.index = model, graph_index, index
        self.table = graph.Tensors(index)
        self.name = (self.table.Name() or b"").decode("utf-8", "replace")
        self.shape = [self.table.Shape(k) for k in range(self.table.ShapeLength())]

    def __eq__(self, other):
        return (isinstance(other, Tensor) and self.graph_index == other.graph_index
                and self.index == other.index)

    def array(self, what):
        """Its numbers, of which it must have been made a constant."""
        producer = self.model.producer(self)
        if producer is not None and producer.name == "DEQUANTIZE":
            return producer.tensor(0).array(what).astype(np.float32)
        what = f"{what}: tensor {self.name!r}"
        kind = self.model.types.get(self.table.Type(), str(self.table.Type()))
        types = {"FLOAT32": "<f4", "FLOAT16": "<f2", "INT32": "<i4"}
        if kind not in types:
            raise ConvertError(what, "float32 or float16 (the models that are not quantized)", kind)
        if self.table.Sparsity() is not None:
            raise ConvertError(what, "a dense tensor", "a sparse one")
        buffer = self.model.root.Buffers(self.table.Buffer())
        data = np.empty(0) if buffer.DataLength() == 0 else buffer.DataAsNumpy()
        dtype = np.dtype(types[kind])
        expected = int(np.prod(self.shape, dtype=np.int64)) * dtype.itemsize
        if data.size == 0 and (producer is not None or expected):
            raise ConvertError(what, "a constant", "a result of the model itself"
                               if producer else "no numbers in this file")
        if data.size != expected:
            raise ConvertError(what, f"{expected} bytes for {self.shape}", data.size)
        return data.view(dtype).reshape(self.shape)
