"""TensorFlow Lite: the float LSTM operators of a .tflite file."""

import numpy as np

from . import tflite_files, tflite_reference
from .model import ConvertError, Lstm, shape_text

NAME = "TensorFlow Lite"
KEY = "tflite"
REQUIREMENTS = ["tflite==2.18.0"]
VERIFY_REQUIREMENTS = ["ai-edge-litert==2.3.0"]
reference = tflite_reference.reference
OPERATORS = ("UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "LSTM")
# Where an operator's inputs of one direction are, from the first of them, in the order i f c o.
INPUT, RECURRENT, PEEPHOLE, BIAS, PROJECTION, PROJECTION_BIAS = 0, 4, 8, 11, 15, 16
FORWARD, BACKWARD = 1, 18
LAYER_NORM = range(20, 24)  # of the operators of one direction
AUXILIARY = range(39, 48)  # of the bidirectional one
# Not NONE, for which the runtime takes memory that it has not written as the output of the cell.
ACTIVATIONS = {"RELU": "relu", "TANH": "tanh"}


def matches(path, head):
    return head[4:8] == b"TFL3"


def load(path, options):
    try:
        return list(lstms_in(tflite_files.read(path)))
    except tflite_files.DAMAGED as error:
        raise ConvertError("content", "a whole TensorFlow Lite model",
                           f"damage ({error})") from None


def lstms_in(model):
    found = [op for op in model.operators if op.name in OPERATORS]
    if not found:
        names = dict.fromkeys(op.name for op in model.operators)
        hint = " (an LSTM that was not fused is a WHILE loop)" if "WHILE" in names else ""
        raise ConvertError("operators", " or ".join(OPERATORS), ", ".join(names) + hint)
    groups = grouped(model, found)
    single = len(groups) == 1
    for index, ops in enumerate(groups):
        yield lstm_of(model, "lstm." if single else f"lstm_{index}.", ops)


def grouped(model, found):
    """The operators that make one LSTM each: Keras's Bidirectional is two of them, the second
    between two REVERSE_V2, and a CONCATENATION."""
    groups, taken = [], set()
    for op in found:
        if op in taken:
            continue
        pair = [op, *(other for other in found if other not in taken and model.both(op, other))]
        if len(pair) == 2:
            pair.sort(key=model.backward)
        taken.update(pair)
        groups.append(pair if len(pair) == 2 else [op])
    return groups


def lstm_of(model, prefix, ops):
    op = ops[0]
    what = f"operator {op.index} ({op.name})"
    if op.options is None:
        raise ConvertError(f"{what}: options", "those of the operator", "none")
    if op.name == "LSTM" and op.options.KernelType() != 0:
        raise ConvertError(f"{what}: kernel type", "FULL", "BASIC")
    if getattr(op.options, "DiagonalRecurrentTensors", bool)():
        raise ConvertError(f"{what}: recurrent weights", "matrices", "diagonals")
    refuse(op, LAYER_NORM if op.name != OPERATORS[1] else AUXILIARY, what,
           "no layer normalization" if op.name != OPERATORS[1] else "no auxiliary input")
    if op.name == OPERATORS[1]:
        bases, direction = [(op, FORWARD), (op, BACKWARD)], "bidirectional"
    elif len(ops) == 2:
        bases, direction = [(each, FORWARD) for each in ops], "bidirectional"
    else:
        bases = [(op, FORWARD)]
        direction = "reverse" if model.backward(op) else "forward"
    notes = list(notes_of(model, ops, what))
    parts, coupled = [], set()
    for each, base in bases:
        parts.append(part_of(each, base, f"operator {each.index} ({each.name})", notes))
        coupled.add(each.tensor(base + INPUT) is None)
    if len(coupled) == 2:
        raise ConvertError(f"{what}: input gate", "in both directions or in none", "in one")
    if coupled == {True}:
        notes.append("no input gate: i = 1 - f, so the gate i is the gate f negated, and f = 1 - i")
    activation = activation_of(op, what)
    clip = op.options.CellClip()
    return Lstm(prefix, parts, direction, activations=("sigmoid", activation, activation),
                cell_clip=clip or None, input_forget=coupled == {True}, gates="i f c o",
                matrices="a matrix for each gate: put one below the other", notes=notes,
                source={"ops": ops, "bidirectional": op.name == OPERATORS[1]})


def refuse(op, indices, what, expected):
    for index in indices:
        if op.tensor(index) is not None:
            raise ConvertError(what, expected, f"tensor {op.tensor(index).name!r}")


def activation_of(op, what):
    name = op.model.activation_name(op.options.FusedActivationFunction())
    if name not in ACTIVATIONS:
        raise ConvertError(f"{what}: activation", ", ".join(ACTIVATIONS), name)
    return ACTIVATIONS[name]


def part_of(op, base, what, notes):
    """The tensors of one direction in PyTorch's order i f g o, which is TensorFlow Lite's."""

    def matrix(first, gate, rank=2):
        tensor = op.tensor(base + first + gate)
        if tensor is None:
            raise ConvertError(f"{what}: input {base + first + gate}", "a tensor", "none")
        array = tensor.array(what)
        if array.ndim != rank:
            raise ConvertError(f"{what}: {tensor.name!r}", f"{rank} dimensions",
                               shape_text(array.shape))
        return array

    def together(first, rank):
        """The blocks i f g o; without an input gate, i is -f as 1 - sigmoid(a) = sigmoid(-a)."""
        forget = matrix(first, 1, rank)
        blocks = [matrix(first, 0, rank) if not coupled else -forget, forget,
                  matrix(first, 2, rank), matrix(first, 3, rank)]
        if len({block.shape for block in blocks}) > 1:
            raise ConvertError(f"{what}: inputs {base + first} to {base + first + 3}",
                               "one shape", " ".join(shape_text(block.shape) for block in blocks))
        return np.concatenate(blocks)

    coupled = op.tensor(base + INPUT) is None
    part = {"weight_ih": together(INPUT, 2), "weight_hh": together(RECURRENT, 2),
            "bias_ih": together(BIAS, 1)}
    if op.tensor(base + PEEPHOLE + 1) is not None:
        forget = matrix(PEEPHOLE, 1, 1)
        first = -forget if coupled else matrix(PEEPHOLE, 0, 1)
        part["weight_peephole"] = np.concatenate([first, forget, matrix(PEEPHOLE, 2, 1)])
    if op.tensor(base + PROJECTION) is not None:
        part["weight_hr"] = matrix(PROJECTION, 0)
        if op.options.ProjClip():
            raise ConvertError(f"{what}: limit of the projection", "0, which is none",
                               f"{op.options.ProjClip():g}")
    bias = op.tensor(base + PROJECTION_BIAS)
    if bias is not None:
        if bias.array(what).any():
            raise ConvertError(f"{what}: bias of the projection", "none, or zeros", repr(bias.name))
        notes.append("the bias of the projection is zero: left out")
    return part


def notes_of(model, ops, what):
    op = ops[0]
    yield f"{what}, output {op.outputs[0].name!r}"
    for other in ops[1:]:
        yield f"backward: operator {other.index} ({other.name}) on x reversed in time"
    if op.name == "LSTM":
        yield "one step in a call: x and y are [batch, size]"
    elif op.options.TimeMajor():
        yield "time major: x and y are [steps, batch, size], as in lstm run"
    else:
        yield "batch major: x and y are [batch, steps, size]: lstm run --layout batch"
    if len(ops) == 1 and model.backward(op):
        yield "the model reverses x in time before it: here a reverse LSTM, y in the order of x"
    yield "the state goes on from call to call, as in lstm_run"
    if op.name == OPERATORS[1] and not op.options.MergeOutputs():
        yield "two outputs, forward and backward: here side by side"
    if op.options.ProjClip() and op.tensor(FORWARD + PROJECTION) is None:
        yield "a limit of the projection, which it has not: left out"
