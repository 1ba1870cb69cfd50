"""The LSTM's equations in numpy: no golden comes from here, it only judges those of frameworks.

In double precision it tells how far a framework's result is from the equations, so that a case
where a framework means something else is noticed when it is made.  In single precision, with the
terms of every sum added in a random order, it tells what fp32 costs that very network.
"""

import numpy as np


def _affine(x, alpha, beta):
    return alpha * x + beta


def _sigmoid(x, alpha, beta):
    return 1 / (1 + np.exp(-x))


def _hard_sigmoid(x, alpha, beta):
    return np.clip(_affine(x, alpha, beta), 0, 1)


FUNCTIONS = {
    "sigmoid": _sigmoid,
    "tanh": lambda x, alpha, beta: np.tanh(x),
    "relu": lambda x, alpha, beta: np.maximum(x, 0),
    "linear": lambda x, alpha, beta: x,
    "affine": _affine,
    "leakyrelu": lambda x, alpha, beta: np.where(x >= 0, x, alpha * x),
    "thresholdedrelu": lambda x, alpha, beta: np.where(x > alpha, x, 0),
    "scaledtanh": lambda x, alpha, beta: alpha * np.tanh(beta * x),
    "hardsigmoid": _hard_sigmoid,
    "hardsigmoid_keras3": _hard_sigmoid,
    "elu": lambda x, alpha, beta: np.where(x >= 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "softsign": lambda x, alpha, beta: x / (1 + np.abs(x)),
    "softplus": lambda x, alpha, beta: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
}


class Cell:
    """One layer in one direction; weights as PyTorch orders them (i f g o), absent parts None."""

    def __init__(self, w, u, b=None, b2=None, peephole=None, projection=None):
        self.w, self.u, self.b, self.b2 = w, u, b, b2
        self.peephole, self.projection = peephole, projection


def _product(rows, matrix, start, dtype, order):
    """start + rows @ matrix.T, its terms added one by one in a random order if there is one."""
    if order is None:
        return start + rows @ matrix.T
    total = start
    for k in order.permutation(matrix.shape[1]):
        total = total + rows[:, k, None] * matrix[None, :, k]
    return total.astype(dtype)


def _run_cell(cell, case, functions, reverse, x, h, c, dtype, order):
    def cast(a):
        return None if a is None else np.asarray(a).astype(dtype)

    w, u, b, b2 = cast(cell.w), cast(cell.u), cast(cell.b), cast(cell.b2)
    peephole, projection = cast(cell.peephole), cast(cell.projection)
    hidden = u.shape[0] // 4
    bias = np.zeros(4 * hidden, dtype)
    for part in (b, b2):
        bias = bias if part is None else bias + part
    clip = dtype(case.clip) if case.clip else None

    def activate(which, pre):
        name, alpha, beta = functions[which]
        if clip is not None and which < 2:
            pre = np.clip(pre, -clip, clip)
        return FUNCTIONS[name](pre, dtype(alpha), dtype(beta))

    steps, batch = x.shape[:2]
    lengths = np.full(batch, steps) if case.lengths is None else np.asarray(case.lengths)
    y = np.zeros((steps, batch, h.shape[1]), dtype)
    for t in reversed(range(steps)) if reverse else range(steps):
        counts = t < lengths
        if case.mask is not None:
            if case.masked == "hold":
                y[t, counts] = h[counts]
            counts = counts & case.mask[t]
        live = np.nonzero(counts)[0]
        hx = np.concatenate([x[t, live], h[live]], 1)
        pre = _product(hx, np.concatenate([w, u], 1), np.tile(bias, (len(live), 1)), dtype, order)
        i, f, g, o = np.split(pre, 4, 1)
        old = c[live]
        if peephole is not None:
            pi, pf, po = np.split(peephole, 3)
            i, f = i + pi * old, f + pf * old
        i = activate(0, i)
        f = dtype(1) - i if case.input_forget else activate(0, f)
        new = f * old + i * activate(1, g)
        if peephole is not None:
            o = o + po * new
        out = activate(0, o) * activate(2, new)
        if projection is not None:
            out = _product(out, projection, np.zeros((len(live), h.shape[1]), dtype), dtype, order)
        h[live], c[live], y[t, live] = out, new, out
    return y


def run(case, dtype=np.float64, order=None):
    """y [T, B, D * out], hn [L * D, B, out], cn [L * D, B, H] of a common.Case."""
    x = np.asarray(case.x).astype(dtype)
    h = np.array(case.initial("h0")).astype(dtype)
    c = np.array(case.initial("c0")).astype(dtype)
    directions = case.directions
    for layer, cells in enumerate(case.layers):
        ys = []
        for d, cell in enumerate(cells):
            row = layer * directions + d
            reverse = case.direction == "reverse" or d == 1
            functions = case.functions[d if len(case.functions) > 1 else 0]
            ys.append(_run_cell(cell, case, functions, reverse, x, h[row], c[row], dtype, order))
        x = np.concatenate(ys, 2)
    return x, h, c


def fp32_cost(case, exact, tries=8):
    """The largest difference from the exact results among several evaluations in fp32."""
    worst = 0.0
    for seed in range(tries):
        results = run(case, np.float32, np.random.RandomState(seed))
        worst = max([worst] + [distance(a, b) for a, b in zip(results, exact)])
    return worst


def distance(a, b):
    """Largest |a - b|, relative to b where b is larger than 1."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b)), initial=0))
