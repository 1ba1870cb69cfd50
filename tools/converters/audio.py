"""What the models of amplifiers and pedals have in common: JSON, the dense layers behind the LSTM,
and the amp.* metadata that examples/amp/amp.h lists."""

import functools
import json
import math
import os

import numpy as np

from . import equations
from .model import ConvertError, shape_text

HEAD_ACTIVATIONS = ("linear", "tanh", "relu", "sigmoid", "elu")
LARGEST_FILE = 1 << 30


def document(path, head):
    """The JSON object of a file, or None if it is something else."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return None
    try:
        return parse(path, os.stat(path).st_mtime_ns)
    except ConvertError:
        return None


@functools.lru_cache(maxsize=1)  # every format looks at it in turn
def parse(path, _changed):
    if os.path.getsize(path) > LARGEST_FILE:
        raise ConvertError("content", f"at most {LARGEST_FILE} bytes", os.path.getsize(path))
    try:
        with open(path, encoding="utf-8-sig") as file:
            found = json.load(file)
    except (ValueError, RecursionError) as error:
        raise ConvertError("content", "JSON", error) from None
    if not isinstance(found, dict):
        raise ConvertError("content", "a JSON object", type(found).__name__)
    return found


def load_document(path):
    return parse(path, os.stat(path).st_mtime_ns)


def get(values, key, kind, where="", default=None):
    """values[key], which must be of this kind; a default stands for a key that is not there."""
    name = f"{where}{key}"
    value = values.get(key)
    if value is None and default is not None:
        return default
    wanted = {int: "a whole number", float: "a number", str: "a text", list: "a list",
              dict: "an object"}[kind]  # fmt: skip
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float and number and math.isfinite(value):
        return float(value)
    if kind is int and number and float(value).is_integer():
        return int(value)
    if kind not in (int, float) and isinstance(value, kind):
        return value
    raise ConvertError(repr(name), wanted, "none" if value is None else repr(value)[:40])


def array(values, name, *shape):
    """Nested lists as fp32 of this shape."""
    try:
        found = np.array(values, np.float32)
    except (TypeError, ValueError, OverflowError):
        raise ConvertError(name, f"numbers of shape {shape_text(shape)}",
                           "something else") from None
    if found.shape != shape:
        raise ConvertError(name, f"shape {shape_text(shape)}", shape_text(found.shape))
    return found


class Head:
    """The dense layers behind the LSTM, as head.h of examples/amp wants them."""

    def __init__(self):
        self.layers = []  # (weight [outputs, inputs], bias [outputs] or None, activation)

    def add(self, weight, bias, activation="linear"):
        activation = activation or "linear"
        if activation not in HEAD_ACTIVATIONS:
            raise ConvertError("activation of a dense layer", "one of " +
                               " ".join(HEAD_ACTIVATIONS), repr(activation))
        self.layers.append((weight, bias, activation))

    def tensors(self):
        """Their names are head.weight, or head.0.weight, head.1.weight ... if there are several."""
        found = {}
        for index, (weight, bias, _) in enumerate(self.layers):
            name = "head" if len(self.layers) == 1 else f"head.{index}"
            found[f"{name}.weight"] = weight
            if bias is not None:
                found[f"{name}.bias"] = bias
        return found

    def finish(self, lstm):
        """Put it into the LSTM's extra tensors and metadata."""
        width = self.layers[-1][0].shape[0] if self.layers else lstm.output
        if width != 1:
            raise ConvertError("outputs of the model", "1", width)
        lstm.extras.update(self.tensors())
        names = [activation for *_, activation in self.layers]
        if set(names) - {"linear"}:
            lstm.about["amp.head_activations"] = ",".join(names)

    def run(self, h):
        """h[..., units] -> [...], in double precision."""
        for weight, bias, activation in self.layers:
            h = h @ weight.T.astype(np.float64) + (0 if bias is None else bias.astype(np.float64))
            h = equations.function(activation, np.float64)(h)
        return h[..., 0]


def about(sample_rate=None, skip=0, prewarm=0, input_gain=1.0, output_gain=1.0, name=None):
    """The amp.* keys, those at their defaults left out."""
    keys = {}
    if name:
        keys["amp.name"] = str(name)
    if sample_rate:
        keys["amp.sample_rate"] = f"{sample_rate:.15g}"
    if skip:
        keys["amp.skip"] = "1"
    if prewarm:
        keys["amp.prewarm"] = str(prewarm)
    for key, gain in (("amp.input_gain", input_gain), ("amp.output_gain", output_gain)):
        if gain != 1:
            keys[key] = f"{gain:.9g}"
    return keys


def knobs_note(lstm):
    count = lstm.input - 1
    return [f"besides the sample it has {count} inputs: --knob of lstm-amp"] if count else []


def unused_note(values, used):
    rest = sorted(set(values) - set(used))
    return [f"not used: {', '.join(rest)}"] if rest else []


def step(sums, c, order):
    """One step of a cell in double precision, the gates in the order of the source: h, c."""
    gates = dict(zip(order, np.split(sums, 4, axis=-1)))
    i, f, o = (equations.FUNCTIONS["sigmoid"](gates[name]) for name in "ifo")
    c = f * c + i * np.tanh(gates["c"])
    return o * np.tanh(c), c
