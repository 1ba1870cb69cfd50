"""Keras itself as the reference: the loaded model's own layer on the same input."""

import os

import numpy as np

from .verify import Reference, Unavailable

PURE = ("float32", "float64")
DROPPED = ("time_major", "implementation", "batch_input_shape", "build_config")


def reference(lstm, path):
    keras = import_keras()
    layer, how = layer_of(keras, lstm, path)
    layer = prepared(keras, layer, lstm)
    version = f"{keras.__version__} on {keras.backend.backend()}{how}"
    return Reference("Keras", version, runner(layer), view=viewer(lstm, layer))


def import_keras():
    # On the backend that is smallest to install; Keras's numpy backend needs jax as well.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        import keras
    except ImportError as error:
        raise Unavailable(f"Keras is not installed ({error})") from None
    return keras


def layer_of(keras, lstm, path):
    """Keras's layer, and how it was made.  Keras 3 loads few models of Keras 2 as a whole, and none
    with classes that it does not know; the layer by itself it does."""
    try:
        try:
            return layer_in(keras.saving.load_model(path, compile=False), lstm), ""
        except Exception:  # of any kind: it runs what the model's own classes run
            return layer_alone(keras, lstm), ", the layer by itself"
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unavailable(f"Keras {keras.__version__} does not load it: {reason[:160]}") from None


def layer_in(model, lstm):
    for step in lstm.source["steps"]:
        model = model.layer if step is None else model.get_layer(step)
    return model


def layer_alone(keras, lstm):
    layer = lstm.source["layer"]
    alone = getattr(keras.layers, layer.kind).from_config(modern(layer.config))
    alone.build((None, None, lstm.source["arrays"][0].shape[0]))
    alone.set_weights(lstm.source["arrays"])
    return alone


def modern(config):
    """A configuration as Keras 3 takes it, without what makes no difference to the results."""
    if isinstance(config, list):
        return [modern(each) for each in config]
    if not isinstance(config, dict):
        return config
    kept = {key: modern(value) for key, value in config.items()
            if key not in DROPPED and not key.endswith(("_initializer", "_regularizer"))}
    return {"module": "keras.layers", **kept} if "class_name" in kept else kept


def prepared(keras, layer, lstm):
    """The layer as it is to be run: it gives its states too, and keeps none."""
    if layer.dtype_policy.compute_dtype not in PURE:
        raise Unavailable(f"Keras computes it in {layer.dtype_policy.compute_dtype}")
    directions = [layer]
    if lstm.direction == "bidirectional":
        directions = [layer.forward_layer, layer.backward_layer]
    if lstm.source["major"] == 2:
        for each in directions:
            restore_hard_sigmoid(keras, each.cell)
    if "cell" in lstm.source:
        cell = layer.cell.cells[lstm.source["cell"]]
        layer = keras.layers.RNN(cell, return_sequences=True, go_backwards=layer.go_backwards)
    for each in (layer, *directions):
        each.stateful = False  # which is bound to a batch size
        each.return_state = True
    return layer


def runner(layer):
    stacked = hasattr(getattr(layer, "cell", None), "cells")

    def run(x, h0, c0):
        states = [list(pair) for pair in zip(h0, c0)]
        states = states if stacked else [state for pair in states for state in pair]
        given = list(layer(x.swapaxes(0, 1), initial_state=states))
        outputs, states = given[: -len(states)], given[-len(states) :]
        if stacked:
            states = [state for pair in states for state in pair]
        outputs = [np.asarray(each) for each in outputs]
        if layer.return_sequences:
            outputs = [each.swapaxes(0, 1) for each in outputs]
        return (*outputs, np.stack(states[::2]), np.stack(states[1::2]))

    return run


def viewer(lstm, layer):
    """What Keras's layer makes of y, or None if that is y itself."""
    merge = getattr(layer, "merge_mode", "concat")
    if layer.return_sequences and merge == "concat" and lstm.direction != "reverse":
        return None

    def view(y, hn, cn):
        if layer.return_sequences:
            halves = np.split(y[::-1] if lstm.direction == "reverse" else y, lstm.directions, 2)
        else:
            halves = list(hn[-lstm.directions :])
        if lstm.directions == 1 or merge is None:
            return (*halves, hn, cn)
        forward, backward = halves
        merged = {"concat": lambda: np.concatenate(halves, -1), "sum": lambda: forward + backward,
                  "mul": lambda: forward * backward,
                  "ave": lambda: (forward + backward) / 2}[merge]()  # fmt: skip
        return merged, hn, cn

    return view


def restore_hard_sigmoid(keras, cell):
    """Keras 3 takes its own x / 6 + 0.5 for a model of Keras 2, whose own is 0.2 x + 0.5."""
    for each in getattr(cell, "cells", [cell]):
        for key in ("activation", "recurrent_activation"):
            if getattr(each, key) is keras.activations.hard_sigmoid:
                setattr(each, key, lambda x: keras.ops.clip(0.2 * x + 0.5, 0, 1))
