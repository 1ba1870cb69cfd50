"""Keras: .keras and .h5 files of versions 2 and 3; LSTM, Bidirectional and RNN of LSTMCells."""

import numpy as np

from . import keras_files, keras_layers, keras_reference
from .model import ConvertError, Lstm, join, shape_text, to_ifgo

NAME = "Keras"
KEY = "keras"
REQUIREMENTS = ["h5py==3.16.0"]
VERIFY_REQUIREMENTS = ["keras==3.15.1", "jax==0.10.2"]
reference = keras_reference.reference
# Of no weight, or nothing that a reader of the report would miss.
SILENT = {"InputLayer", "Sequential", "Functional", "Model", "Dropout"}
MERGED = {"concat": "h of both directions side by side", "sum": "forward + backward",
          "mul": "forward * backward", "ave": "(forward + backward) / 2",
          None: "two outputs, forward and backward"}  # fmt: skip


def matches(path, head):
    return head.startswith(keras_files.HDF5) or keras_files.is_archive(path, head)


def load(path, options):
    keras_files.survive(path)
    return load_here(path)


def load_here(path):
    try:
        return lstms_in(keras_files.read(path))
    except keras_files.DAMAGED as error:
        raise ConvertError("content", "a whole Keras model",
                           f"damage ({' '.join(str(error).split())})") from None


def lstms_in(model):
    major = model.major()
    if major is not None and major < 2:
        raise ConvertError("keras_version", "2 or newer", model.version)
    layers = list(keras_layers.walk(model.config))
    found = [layer for layer in layers[1:] if keras_layers.recurrent(layer)]
    if not found:
        kinds = dict.fromkeys(layer.kind for layer in layers[1:] if layer.kind not in SILENT)
        raise ConvertError("content", "LSTM, Bidirectional of it, or RNN of LSTMCells",
                           ", ".join(kinds) or "no layers")
    notes = list(notes_on_model(layers, found, model))
    return [lstm for layer in found for lstm in lstms_of(layer, model, notes)]


def notes_on_model(layers, found, model):
    wrote = f"Keras {model.version}" if model.version else "a Keras that does not say its version"
    yield f"written by {wrote}; its x and y are [batch, steps, size]: lstm run --layout batch"
    places = tuple(layer.folder + "/" for layer in found)
    others = [f"{layer.name} ({layer.kind})" for layer in layers[1:]
              if layer not in found and layer.kind not in SILENT
              and not layer.folder.startswith(places)]
    if others:
        yield f"left out: {', '.join(others)}"
    masks = [layer for layer in layers[1:]
             if layer.kind == "Masking" or layer.config.get("mask_zero")]
    for layer in masks:
        value = layer.config.get("mask_value", 0)
        yield (f"{layer.name} ({layer.kind}) masks the steps whose input is {value}: Keras's "
               "states skip them; the mask is not in the file, so the run must be told of it")


def lstms_of(layer, model, notes):
    """One Lstm; or one for each cell, where a stack's cells do not make one."""
    what = f"layer {layer.name!r}"
    major = model.major()
    weights = model.weights(layer, layer.cells)
    parts = [part_of(cell, arrays) for cell, arrays in zip(layer.cells, weights)]
    activations = [cell.activations(major) for cell in layer.cells]
    notes = [*notes, *notes_on_layer(layer, what)]
    common = {"gates": "i f c o", "matrices": "columns were gates: transposed"}
    source = {"steps": layer.steps, "layer": layer, "major": major, "arrays": sum(weights, [])}
    if layer.kind == "Bidirectional":
        same_biases(parts)
        if activations[0] == activations[1]:
            activations.pop()
        merge = layer.config.get("merge_mode", "concat")
        about = {} if merge == "concat" else {f"keras.{layer.name}.merge_mode": str(merge).lower()}
        return [Lstm(layer.name + ".", parts, "bidirectional", activations=sum(activations, ()),
                     about=about, notes=notes, source=source, **common)]
    direction = "reverse" if layer.reverse else "forward"
    cells = [Lstm(f"{layer.name}.{cell.folder.rpartition('/')[2]}.", [part], direction,
                  activations=own, notes=list(notes), source={**source, "cell": index}, **common)
             for index, (cell, part, own) in enumerate(zip(layer.cells, parts, activations))]
    alike = {(cell.units, cell.use_bias, own) for cell, own in zip(layer.cells, activations)}
    if len(alike) == 1:
        stack = join(cells, layer.name + ".")
        stack.source = source
        return [stack]
    for index, lstm in enumerate(cells):
        lstm.notes.append(f"cell {index} of {len(cells)} in {layer.name}, which differ: each is an "
                          "LSTM of its own, and the next one's input")
    return cells


def part_of(cell, arrays):
    """Keras's kernel [I, 4H], recurrent kernel [H, 4H] and bias [4H] in PyTorch's ways."""
    expected = 3 if cell.use_bias else 2
    if len(arrays) != expected:
        raise ConvertError(cell.what, f"{expected} weights", len(arrays))
    part = dict(zip(("weight_ih", "weight_hh", "bias_ih"), arrays))
    width = part["weight_ih"].shape[0] if part["weight_ih"].ndim == 2 else "I"
    shapes = {"weight_ih": (width, 4 * cell.units), "weight_hh": (cell.units, 4 * cell.units),
              "bias_ih": (4 * cell.units,)}
    names = {"weight_ih": "kernel", "weight_hh": "recurrent_kernel", "bias_ih": "bias"}
    for stem, array in part.items():
        if array.shape != shapes[stem]:
            raise ConvertError(f"{cell.what}: {names[stem]}", f"shape {shape_text(shapes[stem])}",
                               shape_text(array.shape))
        if array.dtype not in (np.float16, np.float32, np.float64):
            raise ConvertError(f"{cell.what}: {names[stem]}", "float16, float32 or float64",
                               array.dtype)
        part[stem] = to_ifgo(array.T, "ifco")
    return part


def same_biases(parts):
    """Zeros for the direction without a bias, where the other has one."""
    for part, other in (parts, parts[::-1]):
        if "bias_ih" in other and "bias_ih" not in part:
            part["bias_ih"] = np.zeros_like(other["bias_ih"])


def notes_on_layer(layer, what):
    config = layer.config
    if layer.kind == "Bidirectional":
        config = config["layer"]["config"]
        merge = layer.config.get("merge_mode", "concat")
        yield f"merge_mode {merge}: {MERGED[merge]}" + (
            "" if merge == "concat" else "; lstm.h gives them side by side, merge them after it")
    if layer.reverse:
        yield ("go_backwards: Keras gives y with the last step first; here y is in the order of x")
    if not config.get("return_sequences"):
        yield "return_sequences false: Keras gives the last h alone" + (
            ", the backward one that of the first step" if layer.kind == "Bidirectional" else "")
    if config.get("return_state"):
        yield "return_state: Keras gives the last h and c too"
    if config.get("stateful"):
        yield "stateful: the state goes on from call to call, as in lstm_run"
    if config.get("zero_output_for_mask") and layer.kind != "Bidirectional":
        yield "zero_output_for_mask: y is 0 where the mask leaves a step out"
    if config.get("time_major"):
        yield "time_major: this layer's x and y are [steps, batch, size]"
    for key in ("dropout", "recurrent_dropout"):
        if any(cell.config.get(key) for cell in layer.cells):
            yield f"{key} is of training alone"
    policy = dtype_of(config)
    if policy not in ("float32", None):
        yield f"Keras computes it in {policy}, lstm.h in float32"


def dtype_of(config):
    """The name of a layer's dtype or policy, or None."""
    dtype = config.get("dtype")
    if isinstance(dtype, dict):
        dtype = (dtype.get("config") or {}).get("name")
    return dtype if isinstance(dtype, str) else None
