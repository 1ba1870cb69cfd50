"""The equations of the LSTM in double precision, straightforward, for the tests of the command."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def _run_one(tensors, end, x, h, c, lengths, reverse, activations, clip, coupled):
    """One layer and direction over x [steps, batch, width]; y, h and c."""
    get = lambda name: tensors.get(f"{name}_{end}")  # noqa: E731
    w, u = get("weight_ih").astype(float), get("weight_hh").astype(float)
    bias = 0.0 if get("bias_ih") is None else get("bias_ih").astype(float)
    bias = bias + (0.0 if get("bias_hh") is None else get("bias_hh").astype(float))
    peephole = get("weight_peephole")
    pi, pf, po = np.zeros(3) if peephole is None else np.split(peephole.astype(float), 3)
    gate, candidate, out = activations
    limit = (lambda v: np.clip(v, -clip, clip)) if clip else (lambda v: v)
    steps, batch, _ = x.shape
    y = np.zeros((steps, batch, u.shape[1]))
    h, c = h.copy(), c.copy()
    for stream in range(batch):
        valid = range(steps if lengths is None else lengths[stream])
        for t in reversed(valid) if reverse else valid:
            i, f, g, o = np.split(w @ x[t, stream] + u @ h[stream] + bias, 4)
            i = gate(limit(i + pi * c[stream]))
            f = 1 - i if coupled else gate(limit(f + pf * c[stream]))
            c[stream] = f * c[stream] + i * candidate(limit(g))
            o = gate(limit(o + po * c[stream]))
            cell = o * out(c[stream])
            if get("weight_hr") is not None:
                cell = get("weight_hr").astype(float) @ cell
            h[stream] = y[t, stream] = cell
    return y, h, c


def lstm(tensors, x, h0=None, c0=None, lengths=None, prefix="", direction=None,
         activations=(sigmoid, np.tanh, np.tanh), clip=0, coupled=False):
    """y, hn and cn of x [steps, batch, input], as PyTorch shapes them."""
    tensors = {name[len(prefix):]: a for name, a in tensors.items() if name.startswith(prefix)}
    suffixes = [("", direction == "reverse")]
    if "weight_ih_l0_reverse" in tensors:
        suffixes = [("", False), ("_reverse", True)]
    x = x.astype(float)
    hn, cn = [], []
    layer = 0
    while f"weight_ih_l{layer}" in tensors:
        outputs = []
        for suffix, reverse in suffixes:
            end = f"l{layer}{suffix}"
            rows, units = tensors[f"weight_hh_{end}"].shape
            zero_h, zero_c = np.zeros((x.shape[1], units)), np.zeros((x.shape[1], rows // 4))
            h = zero_h if h0 is None else h0[len(hn)].astype(float)
            c = zero_c if c0 is None else c0[len(cn)].astype(float)
            y, h, c = _run_one(tensors, end, x, h, c, lengths, reverse, activations, clip, coupled)
            outputs.append(y)
            hn.append(h)
            cn.append(c)
        x = np.concatenate(outputs, axis=2)
        layer += 1
    return x, np.stack(hn), np.stack(cn)
