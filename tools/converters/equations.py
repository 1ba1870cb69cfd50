"""The equations of an LSTM in numpy, in any precision: what a conversion is measured with."""

import re

import numpy as np

DEFAULTS = {  # alpha, beta where none are given: the ONNX operator's
    "affine": (1, 0), "leakyrelu": (0.01,), "thresholdedrelu": (1,), "scaledtanh": (1, 1),
    "hardsigmoid": (0.2, 0.5), "elu": (1,),
}  # fmt: skip

FUNCTIONS = {
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
    "affine": lambda x, alpha, beta: alpha * x + beta,
    "leakyrelu": lambda x, alpha: np.where(x >= 0, x, alpha * x),
    "thresholdedrelu": lambda x, alpha: np.where(x > alpha, x, 0),
    "scaledtanh": lambda x, alpha, beta: alpha * np.tanh(beta * x),
    "hardsigmoid": lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1),
    "hardsigmoid_keras3": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "elu": lambda x, alpha: np.where(x >= 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softplus": lambda x: np.logaddexp(x, 0),
}


def function(text, dtype):
    """The function that an activation such as "hardsigmoid(0.2,0.5)" names."""
    name, numbers = re.fullmatch(r"(\w+)(?:\((.*)\))?", text).groups()
    parameters = tuple(map(float, numbers.split(","))) if numbers else DEFAULTS.get(name, ())
    return lambda x: FUNCTIONS[name](x, *map(dtype, parameters))


def limited(x, limit, dtype):
    return np.clip(x, -dtype(limit), dtype(limit)) if limit else x


def direction(lstm, part, names, x, h, c, dtype):
    """One layer in one direction: y [T, B, output] and the last h and c."""
    gate, candidate, output = (function(text, dtype) for text in names)
    part = {stem: array.astype(dtype) for stem, array in part.items()}
    bias = part.get("bias_ih", dtype(0)) + part.get("bias_hh", dtype(0))
    peephole = np.split(part.get("weight_peephole", np.zeros(3 * lstm.hidden, dtype)), 3)
    y = []
    for step in x:
        sums = step @ part["weight_ih"].T + h @ part["weight_hh"].T + bias
        i, f, g, o = np.split(sums, 4, axis=1)
        i = gate(limited(i + peephole[0] * c, lstm.clip, dtype))
        f = 1 - i if lstm.input_forget else gate(limited(f + peephole[1] * c, lstm.clip, dtype))
        c = limited(f * c + i * candidate(limited(g, lstm.clip, dtype)), lstm.cell_clip, dtype)
        h = gate(limited(o + peephole[2] * c, lstm.clip, dtype)) * output(c)
        if "weight_hr" in part:
            h = h @ part["weight_hr"].T
        y.append(h)
    return np.stack(y), h, c


def run(lstm, x, h0, c0, dtype=np.float64):
    """y [T, B, directions * output], hn and cn [layers * directions, B, ...] of x [T, B, input]."""
    x, h0, c0 = (array.astype(dtype) for array in (x, h0, c0))
    hn, cn = [], []
    for index, part in enumerate(lstm.parts):
        backward = index % lstm.directions == 1 or lstm.direction == "reverse"
        if index % lstm.directions == 0:
            sequence, outputs = x, []
        names = lstm.activations[-3:] if index % lstm.directions else lstm.activations[:3]
        y, h, c = direction(lstm, part, names, sequence[::-1] if backward else sequence,
                            h0[index], c0[index], dtype)
        outputs.append(y[::-1] if backward else y)
        hn.append(h)
        cn.append(c)
        x = np.concatenate(outputs, axis=2)
    return x, np.stack(hn), np.stack(cn)
