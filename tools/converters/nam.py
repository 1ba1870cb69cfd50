"""Neural Amp Modeler: .nam files of the architecture LSTM.

The format is that of the project's own writer and reader, nam/models/recurrent.py of
github.com/sdatkinson/neural-amp-modeler and NAM/lstm.cpp of
github.com/sdatkinson/NeuralAmpModelerCore (up to version 0.5.4 of the file): JSON with
architecture, config {num_layers, input_size, hidden_size, in_channels 1, out_channels 1},
sample_rate, and one flat list of weights.  For each layer, this holds the rows [x, h] of one matrix,
gates in the order i f g o, one bias, the first h and the first c; then the head's row and bias.
Before the first sample, half a second of silence is run.
"""

from pathlib import Path

import numpy as np

from . import audio
from .model import ConvertError, Lstm
from .verify import Reference

NAME = "Neural Amp Modeler"
KEY = "nam"
REQUIREMENTS = []
VERIFY_REQUIREMENTS = []

LARGEST = 1 << 16


def matches(path, head):
    found = audio.document(path, head)
    if found is None:
        return Path(path).suffix.lower() == ".nam"
    return {"architecture", "config", "weights"} <= found.keys()


def size(config, key, default=None):
    value = audio.get(config, key, int, "config.", default)
    if not 1 <= value <= LARGEST:
        raise ConvertError(f"'config.{key}'", f"1 to {LARGEST}", value)
    return value


def cut(found):
    """What the flat list holds: a dict of arrays for each layer, and the head."""
    config = audio.get(found, "config", dict)
    layers, width, hidden = (size(config, key) for key in
                             ("num_layers", "input_size", "hidden_size"))
    for key in ("in_channels", "out_channels"):
        if size(config, key, 1) != 1:
            raise ConvertError(f"'config.{key}'", "1", config[key])
    widths = [width] + [hidden] * (layers - 1)
    shapes = [{"matrix": (4 * hidden, width + hidden), "bias": (4 * hidden,), "h": (hidden,),
               "c": (hidden,)} for width in widths]
    shapes.append({"weight": (1, hidden), "bias": (1,)})
    expected = sum(int(np.prod(shape)) for part in shapes for shape in part.values())
    weights = audio.get(found, "weights", list)
    if len(weights) != expected:
        raise ConvertError("'weights'", f"{expected} numbers for {layers} layers, input {width}, "
                           f"hidden {hidden}", len(weights))
    weights = audio.array(weights, "'weights'", expected)
    at = 0
    for part in shapes:
        for name, shape in part.items():
            end = at + int(np.prod(shape))
            part[name] = weights[at:end].reshape(shape)
            at = end
    return shapes[:-1], shapes[-1]


def load(path, _options):
    found = audio.load_document(path)
    architecture = audio.get(found, "architecture", str)
    if architecture != "LSTM":
        raise ConvertError("'architecture'", "'LSTM'", repr(architecture))
    layers, last = cut(found)
    rate = audio.get(found, "sample_rate", float, default=-1.0)
    metadata = audio.get(found, "metadata", dict, default={})
    hidden = len(layers[0]["h"])
    lstm = Lstm(
        prefix="lstm.",
        parts=[{"weight_ih": np.ascontiguousarray(layer["matrix"][:, :-hidden]),
                "weight_hh": np.ascontiguousarray(layer["matrix"][:, -hidden:]),
                "bias_ih": layer["bias"]} for layer in layers],
        matrices="rows are gates, input and recurrent matrix side by side",
        extras={f"initial_{name}": np.stack([layer[name] for layer in layers]) for name in "hc"},
        about=audio.about(sample_rate=max(rate, 0), prewarm=max(1, int(0.5 * rate)),
                          name=metadata.get("name")),
        source={"layers": layers})
    head = audio.Head()
    head.add(last["weight"], last["bias"])
    head.finish(lstm)
    lstm.notes += audio.knobs_note(lstm)
    lstm.notes += audio.unused_note(found, ("version", "architecture", "config", "weights",
                                            "sample_rate", "metadata"))
    return [lstm]


def reference(lstm, _path):
    """The file's own matrices, in double precision."""

    def run(x, h0, c0):
        hn, cn = [], []
        for layer, h, c in zip(lstm.source["layers"], h0, c0):
            matrix = layer["matrix"].astype(np.float64)
            y = []
            for now in x:
                both = np.concatenate([now, h], axis=1)
                h, c = audio.step(both @ matrix.T + layer["bias"], c, "ifco")
                y.append(h)
            hn.append(h)
            cn.append(c)
            x = np.stack(y)
        return x, np.stack(hn), np.stack(cn)

    return Reference("the file's own matrices", "in fp64", run)
