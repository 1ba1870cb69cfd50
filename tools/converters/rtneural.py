"""RTNeural and AIDA-X: a JSON list of Keras layers.

The format is that of github.com/jatinchowdhury18/RTNeural (RTNeural/model_loader.h and
python/model_utils.py): in_shape [..., inputs] and layers, each with type, activation, shape
[..., units] and weights as Keras has them: of an lstm [kernel [inputs][4 units], recurrent
[units][4 units], bias], gates in the order i f c o; of a dense layer [kernel [inputs][units],
bias].  An lstm's activation says nothing there: it is tanh, the gates' sigmoid.

AIDA-X (github.com/AidaDSP/AIDA-X, src/aidadsp-plugin.cpp, and AidaDSP/aidadsp-lv2) adds in_skip,
in_gain and out_gain in decibels (-90 and below: silence), samplerate there or under metadata (else
48000), and input_batch and output_batch, a recorded test from a fresh start with all knobs at 0:
y = out_gain * (in_skip * in_gain * x + model(in_gain * x)).  Before the first sample, 2048 samples
of silence are run.
"""

from pathlib import Path

import numpy as np

from . import audio
from .model import ConvertError, Lstm, to_ifgo
from .verify import Reference

NAME = "RTNeural or AIDA-X"
KEY = "rtneural"
REQUIREMENTS = []
VERIFY_REQUIREMENTS = []

DENSE = ("dense", "time-distributed-dense")
AIDA_KEYS = ("in_skip", "in_gain", "out_gain", "samplerate", "metadata", "input_batch",
             "output_batch")
AIDA_RATE, AIDA_PREWARM = 48000, 2048
BATCH_TOLERANCE = 1e-4  # relative to the loudest sample, as fp32 by several frameworks


def matches(path, head):
    found = audio.document(path, head)
    if found is None:
        return head.lstrip()[:1] == b"{" and Path(path).suffix.lower() in (".aidax", ".json")
    return {"in_shape", "layers"} <= found.keys()


class Model:
    """The layers as the file has them."""

    def __init__(self, found):
        self.inputs = self.width = size(found, "in_shape", "")
        self.lstms = []  # (kernel [inputs, 4 units], recurrent [units, 4 units], bias [4 units])
        self.front = None  # what stands before the first: (kernel, bias)
        self.head = audio.Head()
        self.notes = []
        for index, layer in enumerate(audio.get(found, "layers", list)):
            where = f"layers[{index}]."
            if not isinstance(layer, dict):
                raise ConvertError(f"'layers[{index}]'", "an object", repr(layer)[:40])
            kind = audio.get(layer, "type", str, where)
            if kind == "lstm":
                self.add_lstm(layer, where)
            elif kind in DENSE:
                self.add_dense(layer, where)
            elif kind == "activation":
                self.add_activation(layer, where)
            else:
                raise ConvertError(f"'{where}type'", "lstm, dense or activation", repr(kind))
        if not self.lstms:
            raise ConvertError("'layers'", "an lstm", "none")

    def weights(self, layer, where, *shapes):
        """The arrays of a layer; the last one, the bias, may be missing: None."""
        found = audio.get(layer, "weights", list, where)
        if len(found) not in (len(shapes), len(shapes) - 1):
            raise ConvertError(f"'{where}weights'", f"{len(shapes)} arrays", len(found))
        arrays = [audio.array(values, f"'{where}weights[{index}]'", *shape)
                  for index, (values, shape) in enumerate(zip(found, shapes))]
        return arrays + [None] * (len(shapes) - len(arrays))

    def add_lstm(self, layer, where):
        units = size(layer, "shape", where)
        activation = layer.get("activation") or "tanh"
        if activation != "tanh":
            raise ConvertError(f"'{where}activation'", "'tanh' or ''", repr(activation))
        if self.head.layers:
            raise ConvertError(f"'{where}type'", "a dense layer behind the last lstm", "'lstm'")
        if self.lstms and units != self.lstms[0][1].shape[0]:
            raise ConvertError(f"'{where}shape'", f"{self.lstms[0][1].shape[0]} units as in the "
                               "lstm before", units)
        kernel, recurrent, bias = self.weights(
            layer, where, (self.width, 4 * units), (units, 4 * units), (4 * units,))
        if bias is None:
            bias = np.zeros(4 * units, np.float32)
        self.lstms.append((kernel, recurrent, bias))
        self.width = units

    def add_dense(self, layer, where):
        units = size(layer, "shape", where)
        activation = layer.get("activation") or "linear"
        kernel, bias = self.weights(layer, where, (self.width, units), (units,))
        self.width = units
        if self.lstms:
            self.head.add(np.ascontiguousarray(kernel.T), bias, activation)
            return
        if activation != "linear":
            raise ConvertError(f"'{where}activation'", "none before the lstm", repr(activation))
        bias = np.zeros(units) if bias is None else bias.astype(np.float64)
        before = self.front or (np.eye(self.inputs), np.zeros(self.inputs))
        self.front = before[0] @ kernel, before[1] @ kernel + bias

    def add_activation(self, layer, where):
        activation = audio.get(layer, "activation", str, where)
        if not self.head.layers or self.head.layers[-1][2] != "linear":
            raise ConvertError(f"'{where}type'", "an activation behind a dense layer without one",
                               repr(activation))
        weight, bias, _ = self.head.layers.pop()
        self.head.add(weight, bias, activation)

    def fold(self):
        """The first lstm's kernel and bias with the dense layers before it multiplied in."""
        kernel, recurrent, bias = self.lstms[0]
        if self.front is None:
            return self.lstms
        matrix, offset = self.front
        self.notes.append("the dense layers before the LSTM are multiplied into its input matrix")
        first = matrix @ kernel, recurrent, bias + offset @ kernel
        return [tuple(part.astype(np.float32) for part in first), *self.lstms[1:]]

    def run(self, x, h0=None, c0=None):
        """x[T, B, inputs] -> the last lstm's outputs [T, B, units] and the last h and c of each, in
        double precision and the file's own order."""
        x = x.astype(np.float64)
        if self.front:
            x = x @ self.front[0] + self.front[1]
        hn, cn = [], []
        for index, (kernel, recurrent, bias) in enumerate(self.lstms):
            zero = np.zeros((x.shape[1], len(recurrent)))
            h, c = (zero, zero) if h0 is None else (h0[index], c0[index])
            kernel, recurrent = kernel.astype(np.float64), recurrent.astype(np.float64)
            y = []
            for now in x:
                h, c = audio.step(now @ kernel + h @ recurrent + bias, c, "ifco")
                y.append(h)
            hn.append(h)
            cn.append(c)
            x = np.stack(y)
        return x, np.stack(hn), np.stack(cn)


def size(values, key, where):
    shape = audio.get(values, key, list, where)
    if not shape or isinstance(shape[-1], bool) or not isinstance(shape[-1], int) or shape[-1] < 1:
        raise ConvertError(f"'{where}{key}'", "a list that ends with a size", repr(shape)[:40])
    return shape[-1]


def gain(found, key):
    """A factor from decibels."""
    decibels = audio.get(found, key, float, default=0.0)
    return 10 ** (decibels / 20) if decibels > -90 else 0.0


def sample_rate(found):
    """In the files that AIDA-X brings along it is a text."""
    metadata = found.get("metadata") if isinstance(found.get("metadata"), dict) else {}
    value = metadata.get("samplerate", found.get("samplerate"))
    if value is None:
        return AIDA_RATE
    try:
        return audio.get({"samplerate": float(value)}, "samplerate", float)
    except (TypeError, ValueError):
        raise ConvertError("'samplerate'", "a number", repr(value)[:40]) from None


def check_batch(found, model, settings):
    """Play the file's own recorded test, which may be older than its gains: a note on it."""
    x, y = (audio.get(found, key, list) for key in ("input_batch", "output_batch"))
    x, y = (audio.array(values, repr(key), len(x)).astype(np.float64)
            for key, values in (("input_batch", x), ("output_batch", y)))
    errors = []
    for before, after in ((settings["input_gain"], settings["output_gain"]), (1, 1)):
        frames = np.zeros((len(x), 1, model.inputs))
        frames[:, 0, 0] = before * x
        out = model.head.run(model.run(frames)[0])[:, 0] + settings["skip"] * frames[:, 0, 0]
        errors.append(np.max(np.abs(after * out - y), initial=0))
    error, limit = min(errors), BATCH_TOLERANCE * max(1, np.max(np.abs(y), initial=0))
    if not error <= limit:
        raise ConvertError("'output_batch'", "what these layers make of 'input_batch', within "
                           f"{limit:.1e} (--no-verify: never mind)", f"an error of {error:.1e}")
    return [f"the file's recorded test of {len(x)} samples is met: largest error {error:.1e}"]


def load(path, options):
    found = audio.load_document(path)
    model = Model(found)
    settings = {"skip": audio.get(found, "in_skip", int, default=0),
                "input_gain": gain(found, "in_gain"), "output_gain": gain(found, "out_gain")}
    if settings["skip"] not in (0, 1):
        raise ConvertError("'in_skip'", "0 or 1", settings["skip"])
    aida = any(key in found for key in AIDA_KEYS)
    lstm = Lstm(
        prefix="lstm.", gates="i f c o", matrices="columns were gates, as in Keras",
        about=audio.about(sample_rate=sample_rate(found) if aida else None,
                          prewarm=AIDA_PREWARM if aida else 0, **settings),
        source={"model": model})
    for kernel, recurrent, bias in model.fold():
        lstm.parts.append({"weight_ih": to_ifgo(np.ascontiguousarray(kernel.T), "ifco"),
                           "weight_hh": to_ifgo(np.ascontiguousarray(recurrent.T), "ifco"),
                           "bias_ih": to_ifgo(bias, "ifco")})
    model.head.finish(lstm)
    lstm.notes += model.notes + audio.knobs_note(lstm)
    if not options.no_verify and {"input_batch", "output_batch"} <= found.keys():
        lstm.notes += check_batch(found, model, settings)
    lstm.notes += audio.unused_note(found, ("in_shape", "layers", *AIDA_KEYS))
    return [lstm]


def reference(lstm, _path):
    """The file's own layers, in double precision."""
    return Reference("the file's own layers", "in fp64", lstm.source["model"].run)
