#!/usr/bin/env python3
"""Write the goldens that ONNX Runtime answers: models of one LSTM operator, opset 14.

Needs the packages of requirements.txt.  Gate blocks are i f g o in the file and are put into the
operator's order, i o f c (peepholes i o f), for the model.  ONNX Runtime computes in fp32 with
approximations of its own for sigmoid and tanh; golden.error tells how far that takes it from the
equations.

Left out, where ONNX Runtime and the rules of this repository differ and the operator's text is
silent or says otherwise:
  - a stream of length 0 that has an initial state: ONNX Runtime answers zero for Y_h and Y_c; here
    the state stays.  (With a zero initial state, or none, the two agree, and there are cases.)
  - ThresholdedRelu, Affine and ScaledTanh without alpha and beta: ONNX Runtime takes 0, the
    operator's text the defaults of the operators of those names.
  - layout 1: ONNX Runtime's CPU provider refuses it.
"""

import sys

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper
except ImportError as error:
    sys.exit("make_onnx.py: %s: the packages of requirements.txt are needed" % error)

import common
import equations

NAMES = {name.lower(): name for name in (
    "Sigmoid", "Tanh", "Relu", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh",
    "HardSigmoid", "Elu", "Softsign", "Softplus")}
# two that have no name of their own in ONNX
NAMES["linear"] = "Affine"                   # alpha = 1, beta = 0
NAMES["hardsigmoid_keras3"] = "HardSigmoid"  # alpha = 1/6, beta = 0.5
WITH_BETA = ("Affine", "ScaledTanh", "HardSigmoid")
WITH_ALPHA = WITH_BETA + ("LeakyRelu", "ThresholdedRelu", "Elu")
ONNX_GATES, ONNX_PEEPHOLES = (0, 3, 1, 2), (0, 2, 1)  # i o f c from i f g o; i o f from i f o


def blocks(array, order):
    parts = np.split(array, len(order) if len(order) == 3 else 4)
    return np.concatenate([parts[k] for k in order])


def build(case, inputs, hidden, bias="both", peephole=False, gain=1.5):
    scale = gain / np.sqrt(hidden)
    cells = []
    for _ in range(case.directions):
        cells.append(equations.Cell(
            case.uniform(4 * hidden, inputs, scale=scale),
            case.uniform(4 * hidden, hidden, scale=scale),
            case.uniform(4 * hidden, scale=0.5) if bias != "none" else None,
            case.uniform(4 * hidden, scale=0.5) if bias == "both" else None,
            case.uniform(3 * hidden, scale=0.7) if peephole else None))
    case.layers = [cells]
    if bias == "single":
        case.metadata["lstm.bias"] = "single"


def feed(case, steps, batch, inputs, initial="", lengths=None, scale=1.5, cell_scale=2):
    case.x = case.uniform(steps, batch, inputs, scale=scale)
    case.lengths = lengths
    if "h" in initial:
        case.h0 = case.uniform(*case.initial("h0").shape)
    if "c" in initial:
        case.c0 = case.uniform(*case.initial("c0").shape, scale=cell_scale)
    for state in (case.h0, case.c0):
        if state is not None and lengths is not None:
            state[:, np.asarray(lengths) == 0] = 0


def operator_inputs(case):
    """The operator's inputs in its own order; None where the case has none."""
    cells = case.layers[0]
    hidden = cells[0].u.shape[1]

    def stack(part, order):
        return np.stack([blocks(getattr(cell, part), order) for cell in cells])

    bias = None
    if cells[0].b is not None:
        first = stack("b", ONNX_GATES)
        second = np.zeros_like(first) if cells[0].b2 is None else stack("b2", ONNX_GATES)
        bias = np.concatenate([first, second], 1)
        assert bias.shape == (case.directions, 8 * hidden)
    return {
        "X": case.x, "W": stack("w", ONNX_GATES), "R": stack("u", ONNX_GATES), "B": bias,
        "sequence_lens": None if case.lengths is None else np.array(case.lengths, np.int32),
        "initial_h": case.h0, "initial_c": case.c0,
        "P": None if cells[0].peephole is None else stack("peephole", ONNX_PEEPHOLES)}


def operator_attributes(case, explicit):
    functions = [f for d in range(case.directions)
                 for f in case.functions[d if len(case.functions) > 1 else 0]]
    attributes = {"hidden_size": case.layers[0][0].u.shape[1], "direction": case.direction}
    if case.functions != common.default_functions():
        attributes["activations"] = [NAMES[name] for name, _, _ in functions]
        alphas = [float(alpha) for name, alpha, _ in functions
                  if NAMES[name] in WITH_ALPHA]
        betas = [float(beta) for name, _, beta in functions
                 if NAMES[name] in WITH_BETA]
        if explicit and alphas:
            attributes["activation_alpha"] = alphas
        if explicit and betas:
            attributes["activation_beta"] = betas
    if case.clip:
        attributes["clip"] = float(case.clip)
    if case.input_forget:
        attributes["input_forget"] = 1
    return attributes


def finish(case, explicit=True):
    """explicit: tell ONNX Runtime alpha and beta, where they are its own defaults too."""
    inputs = operator_inputs(case)
    present = {name: value for name, value in inputs.items() if value is not None}
    node = helper.make_node("LSTM", [name if name in present else "" for name in inputs],
                            ["Y", "Y_h", "Y_c"], **operator_attributes(case, explicit))
    graph = helper.make_graph(
        [node], "lstm",
        [helper.make_tensor_value_info(
            name, TensorProto.INT32 if value.dtype == np.int32 else TensorProto.FLOAT,
            value.shape) for name, value in present.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in
         (("Y", ("T", "D", "B", "H")), ("Y_h", ("D", "B", "H")), ("Y_c", ("D", "B", "H")))])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    y, hn, cn = session.run(None, present)
    y = y.transpose(0, 2, 1, 3).reshape(y.shape[0], y.shape[2], -1)
    return common.write(case, "onnxruntime", onnxruntime.__version__, y, hn, cn)


SIGMOID, TANH = ("sigmoid", 0, 0), ("tanh", 0, 0)
FUNCTIONS = [
    SIGMOID, TANH, ("relu", 0, 0), ("linear", 1, 0), ("affine", 0.3, 0.4), ("leakyrelu", 0.1, 0),
    ("thresholdedrelu", 0.25, 0), ("scaledtanh", 0.8, 1.3), ("hardsigmoid", 0.6, 0.4),
    ("elu", 0.7, 0), ("softsign", 0, 0), ("softplus", 0, 0)]
BOUNDED = ("sigmoid", "tanh", "scaledtanh", "hardsigmoid", "softsign")
# with the scale of x: enough to reach both ends of the hard sigmoid, but not to let Elu's grow
OWN_DEFAULTS = [(("leakyrelu", 0.01, 0), 2), (("hardsigmoid", 0.2, 0.5), 8), (("elu", 1, 0), 1)]


def function_cases():
    for function in FUNCTIONS:
        for place, letter in enumerate("fgh"):
            functions = [SIGMOID, TANH, TANH]
            functions[place] = function
            case = common.Case("%s_%s" % (letter, function[0]),
                               "activation %s = %s" % (letter, common.function_text(*function)))
            case.functions = [functions]
            # gates beyond 1 make cells grow, and rounding errors with them
            build(case, 3, 5, gain=1.5 if function[0] in BOUNDED else 0.8)
            feed(case, 6, 3, 3, initial="c", scale=2, cell_scale=3)
            if functions == common.default_functions()[0]:
                case.metadata["lstm.activations"] = "sigmoid,tanh,tanh"
            yield finish(case)
    for function, scale in OWN_DEFAULTS:
        case = common.Case("default_" + function[0],
                           "%s for f, g and h, alpha and beta left to ONNX Runtime" % function[0])
        case.functions = [[function] * 3]
        case.metadata["lstm.activations"] = ",".join([function[0]] * 3)
        build(case, 2, 4)
        feed(case, 5, 3, 2, initial="c", scale=scale, cell_scale=scale)
        yield finish(case, explicit=False)


MIXTURES = [
    ("keras2", "forward", [[("hardsigmoid", 0.2, 0.5), TANH, ("softsign", 0, 0)]]),
    ("keras3", "forward", [[("hardsigmoid_keras3", 1 / 6, 0.5), TANH, TANH]]),
    ("parameters", "forward",
     [[("hardsigmoid", 0.25, 0.4), ("scaledtanh", 1.2, 0.7), ("elu", 0.8, 0)]]),
    ("no_parameters", "reverse", [[SIGMOID, ("softsign", 0, 0), ("relu", 0, 0)]]),
    ("same", "bidirectional", [[("hardsigmoid", 0.2, 0.5), ("leakyrelu", 0.2, 0), TANH]]),
    ("differ", "bidirectional",
     [[SIGMOID, TANH, TANH], [("hardsigmoid", 0.2, 0.5), ("softsign", 0, 0), ("elu", 0.5, 0)]]),
    ("differ_parameters", "bidirectional",
     [[("hardsigmoid", 0.3, 0.5), ("affine", 0.7, -0.1), ("scaledtanh", 0.9, 1.1)],
      [("hardsigmoid", 0.2, 0.4), ("leakyrelu", 0.3, 0), ("thresholdedrelu", 0.05, 0)]]),
]


def mixture_cases():
    for name, direction, functions in MIXTURES:
        case = common.Case("mixture_" + name, "activations mixed, direction " + direction)
        case.direction, case.functions = direction, functions
        build(case, 3, 6)
        feed(case, 7, 2, 3, initial="hc", scale=5)
        yield finish(case)


def size_cases():
    for hidden in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40):
        case = common.Case("hidden%d" % hidden, "hidden_size %d" % hidden)
        inputs = 1 + hidden % 3
        build(case, inputs, hidden)
        feed(case, 4, 2, inputs)
        yield finish(case)


# name, sentence, what the case has, arguments of build, arguments of feed
OPTIONS = [
    ("reverse", "direction reverse", dict(direction="reverse"), {}, {}),
    ("bidirectional", "direction bidirectional", dict(direction="bidirectional"), {}, {}),
    ("initial_states", "initial_h and initial_c", {}, {}, dict(initial="hc")),
    ("initial_h_only", "initial_h without initial_c", {}, {}, dict(initial="h")),
    ("initial_c_only", "initial_c without initial_h", {}, {}, dict(initial="c")),
    ("initial_states_bidirectional", "initial states, bidirectional",
     dict(direction="bidirectional"), {}, dict(initial="hc")),
    ("no_bias", "no B", {}, dict(bias="none"), {}),
    ("single_bias", "B whose second half is zero, stored as one vector", {}, dict(bias="single"),
     {}),
    ("single_bias_bidirectional", "one bias vector for each direction",
     dict(direction="bidirectional"), dict(bias="single"), {}),
    ("peephole", "P", {}, dict(peephole=True), dict(initial="c")),
    ("peephole_no_bias", "P without B", {}, dict(peephole=True, bias="none"), {}),
    ("peephole_reverse", "P, reverse", dict(direction="reverse"), dict(peephole=True),
     dict(initial="hc")),
    ("peephole_bidirectional_lengths", "P, bidirectional, sequence_lens",
     dict(direction="bidirectional"), dict(peephole=True),
     dict(initial="hc", lengths=[3, 7, 1, 5])),
    ("clip", "clip 0.6, which also limits some pre-activations of every gate", dict(clip=0.6), {},
     {}),
    ("clip_no_bias", "clip 0.5 without B", dict(clip=0.5), dict(bias="none"), {}),
    ("clip_leaves_cell", "clip 0.4 while cells are up to 2: ONNX Runtime does not clip h's input",
     dict(clip=0.4), {}, dict(initial="c")),
    ("clip_peephole", "clip 0.5 after bias and peephole", dict(clip=0.5), dict(peephole=True),
     dict(initial="c")),
    ("clip_bidirectional", "clip 0.7, bidirectional", dict(clip=0.7, direction="bidirectional"), {},
     {}),
    ("clip_relu", "clip 0.5 before unbounded activations",
     dict(clip=0.5, functions=[[SIGMOID, ("relu", 0, 0), ("affine", 0.5, 0.1)]]), {},
     dict(scale=6)),
    ("input_forget", "input_forget", dict(input_forget=True), {}, {}),
    ("input_forget_initial_states", "input_forget with initial states", dict(input_forget=True), {},
     dict(initial="hc")),
    ("input_forget_peephole", "input_forget, P and clip", dict(input_forget=True, clip=0.8),
     dict(peephole=True), dict(initial="hc")),
    ("input_forget_bidirectional", "input_forget, bidirectional, hard sigmoid",
     dict(input_forget=True, direction="bidirectional",
          functions=[[("hardsigmoid", 0.2, 0.5), TANH, TANH]]), {},
     dict(lengths=[2, 7, 6, 3], scale=4)),
    ("lengths", "sequence_lens", {}, {}, dict(lengths=[5, 7, 1, 3], initial="hc")),
    ("lengths_all_short", "sequence_lens all less than the padded length", {}, {},
     dict(lengths=[2, 4, 1, 3])),
    ("lengths_zero", "sequence_lens with zeros", {}, {}, dict(lengths=[0, 7, 0, 3])),
    ("lengths_zero_initial_states",
     "sequence_lens with zeros; the streams of length 0 have a zero initial state", {}, {},
     dict(lengths=[4, 0, 7, 0], initial="hc")),
    ("lengths_all_zero", "sequence_lens all zero", {}, {}, dict(lengths=[0, 0, 0, 0])),
    ("lengths_reverse", "sequence_lens, reverse", dict(direction="reverse"), {},
     dict(lengths=[5, 7, 1, 3], initial="hc")),
    ("lengths_zero_reverse", "sequence_lens with a zero, reverse", dict(direction="reverse"), {},
     dict(lengths=[5, 0, 7, 2])),
    ("lengths_bidirectional", "sequence_lens, bidirectional", dict(direction="bidirectional"), {},
     dict(lengths=[1, 6, 7, 2], initial="hc")),
    ("lengths_zero_bidirectional", "sequence_lens with a zero, bidirectional",
     dict(direction="bidirectional"), {}, dict(lengths=[3, 6, 0, 4])),
    ("lengths_all_zero_bidirectional", "sequence_lens all zero, bidirectional",
     dict(direction="bidirectional"), {}, dict(lengths=[0, 0, 0, 0])),
    ("everything", "every input and attribute at once",
     dict(direction="bidirectional", clip=0.9,
          functions=[[SIGMOID, TANH, ("softsign", 0, 0)],
                     [("hardsigmoid", 0.25, 0.5), ("scaledtanh", 1.1, 0.9), TANH]]),
     dict(peephole=True), dict(lengths=[7, 3, 0, 5], initial="hc")),
]


def option_cases():
    for name, sentence, has, built, fed in OPTIONS:
        case = common.Case(name, sentence)
        for key, value in has.items():
            setattr(case, key, value)
        build(case, 3, 7, **built)
        feed(case, 7, 4, 3, **fed)
        yield finish(case)


def make():
    return [name for cases in (function_cases, mixture_cases, size_cases, option_cases)
            for name in cases()]


if __name__ == "__main__":
    common.replace_goldens("onnxruntime", make)
