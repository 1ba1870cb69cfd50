#!/usr/bin/python3
"""Write the goldens that PyTorch answers, from Debian's python3-torch.

PyTorch runs in double precision on the numbers in the file, and its results are rounded to fp32
when written: so they carry no rounding of PyTorch's own beyond that.  Every case also runs in
fp32, as users run it, and has to agree.
"""

import subprocess
import sys

try:
    import numpy as np
    import torch
except ImportError as error:
    sys.exit("make_pytorch.py: %s: the Debian packages python3-torch and python3-numpy are needed"
             % error)

import common
import equations

# PyTorch's fp32 is one more order of summation: it may be a few times as far from its double
# precision as fp32 is allowed to be in a case at all
FP32_AGREES = 4 * common.LARGEST_ERROR


def build(case, inputs, hidden, layers=1, bidirectional=False, projection=0, bias=True, gain=1.5,
          remember=0):
    """Fill case.layers.  A gain above 1 makes the gates work harder than PyTorch's own first values
    do; remember is added to the forget gates' biases."""
    if bidirectional:
        case.direction = "bidirectional"
    scale = gain / np.sqrt(hidden)
    out, width = projection or hidden, inputs
    for _ in range(layers):
        cells = []
        for _ in range(case.directions):
            cells.append(equations.Cell(
                case.uniform(4 * hidden, width, scale=scale),
                case.uniform(4 * hidden, out, scale=scale),
                case.uniform(4 * hidden, scale=0.5) if bias else None,
                case.uniform(4 * hidden, scale=0.5) if bias else None,
                None,
                case.uniform(projection, hidden, scale=scale) if projection else None))
            if remember:
                cells[-1].b[hidden:2 * hidden] += np.float32(remember)
        case.layers.append(cells)
        width = case.directions * out


def feed(case, steps, batch, inputs, initial=False, lengths=None, scale=1.5):
    case.x = case.uniform(steps, batch, inputs, scale=scale)
    case.lengths = lengths
    if initial:
        case.h0 = case.uniform(*case.initial("h0").shape)
        case.c0 = case.uniform(*case.initial("c0").shape, scale=2)


def _load(module, case):
    parameters = dict(module.named_parameters())
    named = case.tensors()
    if set(parameters) != set(named):
        sys.exit("%s: tensors, PyTorch has %s, the case %s"
                 % (case.name, sorted(parameters), sorted(named)))
    with torch.no_grad():
        for key, value in named.items():
            if parameters[key].shape != value.shape:
                sys.exit("%s: %s has the shape %s in PyTorch and %s in the case" % (
                    case.name, key, tuple(parameters[key].shape), value.shape))
            parameters[key].copy_(torch.from_numpy(np.asarray(value, np.float64)))


def run_module(case, dtype):
    cell = case.layers[0][0]
    module = torch.nn.LSTM(
        cell.w.shape[1], cell.u.shape[0] // 4, len(case.layers), bias=cell.b is not None,
        batch_first=case.batch_first, bidirectional=case.direction == "bidirectional",
        proj_size=cell.projection.shape[0] if cell.projection is not None else 0).to(dtype)
    _load(module, case)
    x = torch.from_numpy(case.x).to(dtype)
    if case.direction == "reverse":
        x = x.flip(0)
    if case.batch_first:
        x = x.transpose(0, 1)
    state = None
    if case.h0 is not None:
        state = torch.from_numpy(case.h0).to(dtype), torch.from_numpy(case.c0).to(dtype)
    if case.lengths is not None:
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(case.lengths), batch_first=case.batch_first, enforce_sorted=False)
        y, (hn, cn) = module(packed, state)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(
            y, batch_first=case.batch_first, total_length=case.x.shape[0])
    else:
        y, (hn, cn) = module(x, state)
    if case.batch_first:
        y = y.transpose(0, 1)
    if case.direction == "reverse":
        y = y.flip(0)
    return y, hn, cn


def run_cell(case, dtype):
    cell = case.layers[0][0]
    module = torch.nn.LSTMCell(cell.w.shape[1], cell.u.shape[1], bias=cell.b is not None).to(dtype)
    _load(module, case)
    x = torch.from_numpy(case.x).to(dtype)
    h, c = (torch.from_numpy(case.initial(name)[0]).to(dtype) for name in ("h0", "c0"))
    y = []
    for row in x:
        h, c = module(row, (h, c))
        y.append(h)
    return torch.stack(y), h[None], c[None]


def finish(case, runner=run_module):
    with torch.no_grad():
        double = [a.numpy() for a in runner(case, torch.float64)]
        single = [a.numpy() for a in runner(case, torch.float32)]
    apart = max(equations.distance(a, b) for a, b in zip(single, double))
    if not apart <= FP32_AGREES:
        sys.exit("%s: PyTorch's fp32 and double, expected within %g, found %g"
                 % (case.name, FP32_AGREES, apart))
    return common.write(case, "pytorch", version(), *double)


def version():
    """Debian's version of the package says more than the module's own, which is of a snapshot."""
    found = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "python3-torch"],
                           capture_output=True, text=True, check=False)
    return found.stdout if found.returncode == 0 else torch.__version__


# name, sentence, arguments of build, arguments of feed
LAYERS = [
    ("hidden1", "nn.LSTM with one unit", dict(inputs=1, hidden=1), dict(steps=20, batch=1)),
    ("hidden3", "nn.LSTM with 3 units", dict(inputs=2, hidden=3), dict(steps=9, batch=3)),
    ("hidden8", "nn.LSTM with 8 units", dict(inputs=3, hidden=8), dict(steps=7, batch=2)),
    ("hidden17", "nn.LSTM with 17 units", dict(inputs=5, hidden=17), dict(steps=11, batch=2)),
    ("hidden33", "nn.LSTM with 33 units", dict(inputs=4, hidden=33), dict(steps=8, batch=2)),
    ("hidden50", "nn.LSTM with 50 units", dict(inputs=13, hidden=50), dict(steps=10, batch=1)),
    ("hidden64", "nn.LSTM with 64 units", dict(inputs=40, hidden=64), dict(steps=6, batch=2)),
    ("one_step", "nn.LSTM over a single step with initial states", dict(inputs=3, hidden=6),
     dict(steps=1, batch=2, initial=True)),
    ("batch19", "nn.LSTM on 19 streams", dict(inputs=3, hidden=5), dict(steps=5, batch=19)),
    ("long", "nn.LSTM over 300 steps that forgets slowly",
     dict(inputs=1, hidden=4, remember=4), dict(steps=300, batch=1)),
    ("saturated", "nn.LSTM whose inputs drive the gates into saturation",
     dict(inputs=4, hidden=10), dict(steps=12, batch=2, scale=30)),
    ("layers2", "nn.LSTM of 2 layers", dict(inputs=4, hidden=9, layers=2),
     dict(steps=8, batch=2)),
    ("layers3", "nn.LSTM of 3 layers with initial states", dict(inputs=6, hidden=5, layers=3),
     dict(steps=10, batch=3, initial=True)),
    ("no_bias", "nn.LSTM without bias", dict(inputs=3, hidden=7, bias=False),
     dict(steps=8, batch=2)),
    ("initial_states", "nn.LSTM with h_0 and c_0", dict(inputs=3, hidden=7),
     dict(steps=6, batch=3, initial=True)),
    ("bidirectional", "nn.LSTM in both directions", dict(inputs=3, hidden=7, bidirectional=True),
     dict(steps=9, batch=2)),
    ("bidirectional_hidden33", "nn.LSTM in both directions with 33 units",
     dict(inputs=2, hidden=33, bidirectional=True), dict(steps=5, batch=1)),
    ("bidirectional_layers2", "nn.LSTM of 2 layers in both directions with initial states",
     dict(inputs=4, hidden=6, layers=2, bidirectional=True),
     dict(steps=7, batch=3, initial=True)),
    ("bidirectional_layers3_no_bias", "nn.LSTM of 3 layers in both directions without bias",
     dict(inputs=3, hidden=5, layers=3, bidirectional=True, bias=False), dict(steps=8, batch=2)),
    ("projection", "nn.LSTM with a projection of 12 units to 5",
     dict(inputs=3, hidden=12, projection=5), dict(steps=9, batch=2)),
    ("projection_to_one", "nn.LSTM with a projection of 17 units to 1 and initial states",
     dict(inputs=2, hidden=17, projection=1), dict(steps=9, batch=2, initial=True)),
    ("projection_layers2", "nn.LSTM of 2 layers with projections of 11 units to 4",
     dict(inputs=5, hidden=11, projection=4, layers=2), dict(steps=8, batch=2)),
    ("projection_bidirectional", "nn.LSTM in both directions with projections of 9 units to 8",
     dict(inputs=3, hidden=9, projection=8, bidirectional=True), dict(steps=7, batch=2)),
    ("projection_bidirectional_layers2",
     "nn.LSTM of 2 layers in both directions with projections, without bias",
     dict(inputs=4, hidden=10, projection=3, layers=2, bidirectional=True, bias=False),
     dict(steps=6, batch=2, initial=True)),
    ("lengths", "packed sequences of unsorted lengths",
     dict(inputs=3, hidden=8), dict(steps=9, batch=4, lengths=[4, 9, 1, 7])),
    ("lengths_all_short", "packed sequences that all end before the padding does, initial states",
     dict(inputs=3, hidden=8), dict(steps=8, batch=3, lengths=[2, 5, 3], initial=True)),
    ("lengths_projection_layers2", "packed sequences through 2 layers with projections",
     dict(inputs=3, hidden=9, projection=4, layers=2),
     dict(steps=7, batch=3, lengths=[3, 1, 7], initial=True)),
    ("lengths_bidirectional", "packed sequences in both directions with initial states",
     dict(inputs=3, hidden=6, bidirectional=True),
     dict(steps=8, batch=4, lengths=[1, 8, 5, 2], initial=True)),
    ("lengths_bidirectional_layers3", "packed sequences through 3 layers in both directions",
     dict(inputs=4, hidden=5, layers=3, bidirectional=True),
     dict(steps=9, batch=3, lengths=[6, 2, 9], initial=True)),
    ("everything", "packed sequences through 2 layers in both directions with projections",
     dict(inputs=5, hidden=13, projection=7, layers=2, bidirectional=True),
     dict(steps=8, batch=3, lengths=[3, 8, 6], initial=True)),
]


def layer_cases():
    for name, sentence, built, fed in LAYERS:
        case = common.Case(name, sentence)
        build(case, **built)
        feed(case, inputs=built["inputs"], **fed)
        yield finish(case)


def order_cases():
    for name, direction, lengths in (("batch_first", False, None),
                                     ("batch_first_lengths_bidirectional", True, [2, 6, 5])):
        case = common.Case(name, "nn.LSTM with batch_first")
        case.batch_first = True
        build(case, 4, 7, bidirectional=direction)
        feed(case, 6, 3, 4, lengths=lengths, initial=True)
        yield finish(case)
    for name, sizes in (("reverse_layers2", dict(inputs=3, hidden=8, layers=2)),
                        ("reverse_projection", dict(inputs=3, hidden=9, projection=5))):
        case = common.Case(name, "nn.LSTM on a sequence flipped in time, its outputs flipped back")
        case.direction = "reverse"
        build(case, **sizes)
        feed(case, 7, 2, 3, initial=True)
        yield finish(case)


def cell_cases():
    for name, bias, initial, hidden in (("cell", True, False, 6), ("cell_no_bias", False, True, 9),
                                        ("cell_initial_states", True, True, 17)):
        case = common.Case(name, "nn.LSTMCell called for each step")
        case.cell_names = True
        build(case, 4, hidden, bias=bias)
        feed(case, 8, 2, 4, initial=initial)
        yield finish(case, run_cell)


def dtype_cases():
    """Weights stored in another type; PyTorch runs on the values that stand in the file."""
    for name, convert in (
            ("f16", lambda a: a.astype(np.float16)),
            ("bf16", lambda a: torch.from_numpy(a).bfloat16().float().numpy()),
            ("f64", lambda a: a.astype(np.float64) * (1 + 2.0 ** -26))):  # between two fp32
        case = common.Case("weights_" + name,
                           "nn.LSTM of 2 layers, its weights stored as " + name.upper())
        case.bfloat16 = name == "bf16"
        build(case, 4, 10, layers=2)
        for (cell,) in case.layers:
            for part in ("w", "u", "b", "b2"):
                setattr(cell, part, convert(getattr(cell, part)))
        feed(case, 6, 2, 4)
        yield finish(case)


def make():
    return [name for cases in (layer_cases, order_cases, cell_cases, dtype_cases)
            for name in cases()]


if __name__ == "__main__":
    torch.set_num_threads(1)
    common.replace_goldens("pytorch", make)
