#!/usr/bin/env python3
"""Write the goldens that Keras answers, on its numpy backend: LSTM and Bidirectional(LSTM) layers.

Needs the packages of requirements.txt (that backend of Keras imports JAX).  Keras keeps kernels as [I, 4H] and [H, 4H] with the gates in
PyTorch's order; they are transposed for the file.  A layer with go_backwards puts its outputs out in
the order in which it computes them: they are turned back to the order of x.

Left out, where Keras's own backends differ: with a mask whose outputs are held and an initial state,
TensorFlow's (and any backend with unroll=True) puts out zero before the first step that counts; numpy,
JAX and PyTorch repeat the initial h, which is the rule here.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "numpy"
try:
    import keras
    import numpy as np
except ImportError as error:
    sys.exit("make_keras.py: %s: the packages of requirements.txt are needed" % error)

import common
import equations

STEPS, BATCH, INPUTS = 7, 4, 3
KERAS_NAMES = {"hardsigmoid_keras3": "hard_sigmoid", "linear": "linear"}


def build(case, hidden, layers=1, bias=True, gain=1.5):
    inputs = INPUTS
    for _ in range(layers):
        case.layers.append([equations.Cell(
            case.uniform(4 * hidden, inputs, scale=gain / np.sqrt(hidden)),
            case.uniform(4 * hidden, hidden, scale=gain / np.sqrt(hidden)),
            case.uniform(4 * hidden, scale=0.5) if bias else None)
            for _ in range(case.directions)])
        inputs = hidden * case.directions
    case.x = case.uniform(STEPS, BATCH, INPUTS, scale=1.5)
    if bias:
        case.metadata["lstm.bias"] = "single"


def weights(cell):
    return [a.T for a in (cell.w, cell.u)] + ([] if cell.b is None else [cell.b])


def keras_layer(case, layer):
    """The layer of Keras, and its weights in Keras's order."""
    cells = case.layers[layer]
    gates, candidate, output = (f[0] for f in case.functions[0])
    assert candidate == output, "Keras has one activation for both"
    made = keras.layers.LSTM(
        cells[0].u.shape[1], activation=KERAS_NAMES.get(candidate, candidate),
        recurrent_activation=KERAS_NAMES.get(gates, gates), use_bias=cells[0].b is not None,
        return_sequences=True, return_state=True, go_backwards=case.direction == "reverse",
        zero_output_for_mask=case.masked == "zero")
    if case.directions == 2:
        made = keras.layers.Bidirectional(made, merge_mode="concat")
    return made, [w for cell in cells for w in weights(cell)]


def finish(case):
    x = case.x.swapaxes(0, 1)
    mask = None if case.mask is None else case.mask.swapaxes(0, 1)
    hn, cn = [], []
    for layer in range(len(case.layers)):
        made, values = keras_layer(case, layer)
        made.build(x.shape)
        made.set_weights(values)
        rows = range(layer * case.directions, (layer + 1) * case.directions)
        state = None
        if case.h0 is not None:
            state = [s[row] for row in rows for s in (case.h0, case.c0)]
        x, *final = (np.asarray(a) for a in made(x, mask=mask, initial_state=state))
        if case.direction == "reverse":
            x = x[:, ::-1]
        hn += final[0::2]
        cn += final[1::2]
    case.batch_first = True
    return common.write(case, "keras", keras.__version__, x.swapaxes(0, 1), np.stack(hn),
                        np.stack(cn))


def masks():
    """[T, B] each, with what they are."""
    left = np.arange(STEPS)[:, None] >= np.array([0, 2, 6, 4])
    right = np.arange(STEPS)[:, None] < np.array([7, 3, 1, 5])
    holes = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 1],
                      [1, 1, 1, 0], [0, 1, 1, 1]], bool)
    some = holes.copy()
    some[:, 1] = False
    some[:, 3] = True
    return [("left", "padding in front", left), ("right", "padding at the end", right),
            ("holes", "holes", holes), ("some_all", "one stream all masked, one not at all", some),
            ("all", "every step masked", np.zeros((STEPS, BATCH), bool))]


# name, what the case has, arguments of build
NETS = [
    ("lstm", {}, dict(hidden=5)),
    ("backwards", dict(direction="reverse"), dict(hidden=9)),
    ("bidirectional", dict(direction="bidirectional"), dict(hidden=6)),
    ("layers2", {}, dict(hidden=7, layers=2)),
]
TANH = ("tanh", 0, 0)
KERAS3 = ("hardsigmoid_keras3", 1 / 6, 0.5)
FUNCTIONS = [
    ("hard_sigmoid", [[KERAS3, TANH, TANH]], 4),
    ("softsign", [[("sigmoid", 0, 0), ("softsign", 0, 0), ("softsign", 0, 0)]], 1.5),
    ("relu", [[KERAS3, ("relu", 0, 0), ("relu", 0, 0)]], 0.8),
    ("linear", [[("sigmoid", 0, 0), ("linear", 0, 0), ("linear", 0, 0)]], 0.8),
]


def new_case(name, sentence, has, **built):
    case = common.Case(name, sentence)
    for key, value in has.items():
        setattr(case, key, value)
    build(case, **built)
    return case


def give_states(case):
    shape = case.initial("h0").shape
    case.h0, case.c0 = case.uniform(*shape), case.uniform(*shape)


def mask_cases():
    for net, has, built in NETS:
        # Bidirectional sets zero_output_for_mask by itself when it returns sequences
        for masked in ("zero",) if "bidirectional" in net else ("hold", "zero"):
            for name, sentence, mask in masks():
                for initial in (False, True):
                    case = new_case(
                        "mask_%s_%s_%s%s" % (net, name, masked, "_initial" * initial),
                        "%s, mask: %s, outputs: %s%s" % (
                            net, sentence, masked, ", initial states" * initial),
                        dict(has, mask=mask, masked=masked), **built)
                    if initial:
                        give_states(case)
                    yield finish(case)


def plain_cases():
    for net, has, built in NETS:
        case = new_case(net, "%s without a mask, initial states" % net, has, **built)
        give_states(case)
        yield finish(case)
    for name, functions, gain in FUNCTIONS:
        yield finish(new_case("f_" + name, "activations " + name, dict(functions=functions),
                              hidden=6, gain=gain))
    yield finish(new_case("no_bias", "use_bias=False", {}, hidden=4, bias=False))


def make():
    return [name for cases in (mask_cases, plain_cases) for name in cases()]


if __name__ == "__main__":
    common.replace_goldens("keras", make)
