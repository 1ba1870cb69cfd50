"""TensorFlow Lite models of one or two LSTM operators, written with LiteRT's own schema."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

STEPS, STREAMS = 17, 2
ORDER = "ifgo"
TYPES = {"float32": schema.TensorType.FLOAT32, "float16": schema.TensorType.FLOAT16,
         "int8": schema.TensorType.INT8, "int32": schema.TensorType.INT32}


class Builder:
    """A model under construction; tensors are added by value, or by shape where they are not
    constants.  Gates are in the order i f c o, which is that of an Lstm's i f g o."""

    def __init__(self):
        self.model = schema.ModelT()
        self.graph = schema.SubGraphT()
        self.model.version, self.model.subgraphs, self.model.operatorCodes = 3, [self.graph], []
        self.model.buffers = [schema.BufferT()]
        self.graph.tensors, self.graph.operators = [], []

    def tensor(self, name, shape=None, value=None, variable=False):
        tensor = schema.TensorT()
        tensor.name, tensor.isVariable, tensor.buffer = name, variable, 0
        tensor.shape = list(value.shape if shape is None else shape)
        tensor.type = TYPES[str(value.dtype)] if value is not None else schema.TensorType.FLOAT32
        if value is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, name, inputs, outputs, options=None, version=1):
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, outputs
        if options is not None:
            kind = type(options).__name__[:-1]
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self.graph.operators.append(operator)

    def weights(self, part, coupled=False, stored=np.float32):
        """The 17 inputs of one direction, of a part of an Lstm; -1 where there is none."""
        def constant(name, value):
            if value is None:
                return -1
            index = self.tensor(name, value=value.astype(stored))
            if stored is np.float16:
                whole = self.tensor(f"{name}/whole", value.shape)
                self.operator("DEQUANTIZE", [index], [whole], schema.DequantizeOptionsT())
                return whole
            return index

        def gates(name, count, order=ORDER):
            blocks = np.split(part[name], count) if name in part else [None] * count
            if coupled:
                blocks[0] = None
            return [constant(f"{name}_{gate}", block) for gate, block in zip(order, blocks)]

        return [*gates("weight_ih", 4), *gates("weight_hh", 4), *gates("weight_peephole", 3, "ifo"),
                *gates("bias_ih", 4), constant("projection", part.get("weight_hr")),
                constant("projection_bias", part.get("projection_bias"))]

    def finish(self, inputs, outputs):
        self.graph.inputs, self.graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def options_of(name, activation="TANH", cell_clip=0.0, proj_clip=0.0, time_major=False, **more):
    options = getattr(schema, {"UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptionsT",
                               "BIDIRECTIONAL_SEQUENCE_LSTM": "BidirectionalSequenceLSTMOptionsT",
                               "LSTM": "LSTMOptionsT"}[name])()
    options.fusedActivationFunction = getattr(schema.ActivationFunctionType, activation)
    options.cellClip, options.projClip = cell_clip, proj_clip
    if name != "LSTM":
        options.timeMajor = time_major
    for key, value in more.items():
        setattr(options, key, value)
    return options


def one(lstm, name="UNIDIRECTIONAL_SEQUENCE_LSTM", coupled=False, stored=np.float32, extra=None,
        **options):
    """A model of one operator with the weights of an Lstm; extra replaces inputs by index."""
    builder = Builder()
    options = options_of(name, **options)
    lead = [STREAMS] if name == "LSTM" else (
        [STEPS, STREAMS] if options.timeMajor else [STREAMS, STEPS])
    x = builder.tensor("x", [*lead, lstm.input])
    inputs = [x]
    for part in lstm.parts:
        inputs += builder.weights(part, coupled, stored)
    for _ in lstm.parts:
        inputs += [builder.tensor("h", [STREAMS, lstm.output], variable=True),
                   builder.tensor("c", [STREAMS, lstm.hidden], variable=True)]
    inputs += [-1] * ((48 if lstm.directions == 2 else 24) - len(inputs))
    for index, value in (extra or {}).items():
        inputs[index] = builder.tensor("extra", value=value)
    merged = getattr(options, "mergeOutputs", True)
    widths = [lstm.directions * lstm.output] if merged else [lstm.output] * 2
    y = [builder.tensor("y", [*lead, width]) for width in widths]
    builder.operator(name, inputs, y, options)
    return builder.finish([x], y)
