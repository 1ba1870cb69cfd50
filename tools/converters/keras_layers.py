"""Keras's configuration of a model: where its LSTMs are and what they are."""

from dataclasses import dataclass, field

from .keras_files import numbered
from .model import ConvertError, activation

MERGES = ("concat", "sum", "mul", "ave", None)
PLAIN = {
    "linear": "linear", "relu": "relu", "sigmoid": "sigmoid", "softplus": "softplus",
    "softsign": "softsign", "tanh": "tanh", "elu": "elu",
}  # fmt: skip
KNOWN = " ".join((*PLAIN, "hard_sigmoid leaky_relu LeakyReLU ReLU ELU ThresholdedReLU"))


def value_of(config, key, kind, what, default=None):
    """A field of a configuration, of the kind that it must be."""
    value = config.get(key, default)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        found = "none" if value is None else repr(value)
        raise ConvertError(f"{what}: {key}", kind.__name__, found)
    return value


def node_of(config, key, what):
    """A layer in a configuration: its class and its own configuration."""
    node = value_of(config, key, dict, what)
    return value_of(node, "class_name", str, what), value_of(node, "config", dict, what)


@dataclass
class Cell:
    """One LSTM cell of a layer."""

    config: dict
    folder: str  # where its variables are under the layer's, in .keras
    what: str
    reverse: bool = False

    def __post_init__(self):
        self.units = value_of(self.config, "units", int, self.what)
        self.use_bias = value_of(self.config, "use_bias", bool, self.what, True)

    def activations(self, major):
        """Of the gates, the candidate and the output."""
        gates, others = (activation_text(self.config, key, f"{self.what}: {key}", major)
                         for key in ("recurrent_activation", "activation"))
        return gates, others, others


@dataclass
class Layer:
    """One recurrent layer, with its place in the model."""

    kind: str
    config: dict
    names: tuple  # of the models and wrappers around it and its own
    steps: tuple  # how to get to it from the loaded model: a layer's name, or None for .layer
    folder: str  # where its variables are in .keras
    reverse: bool = False
    cells: list = field(default_factory=list)

    @property
    def name(self):
        return ".".join(self.names)

    own_name = property(lambda self: self.names[-1])
    outermost = property(lambda self: self.names[0])
    nested = property(lambda self: len(self.names) > 1)


def walk(node, names=(), steps=(), folder=""):
    """Every layer of a model, outermost first, in the order of the model; the first is itself."""
    kind = value_of(node, "class_name", str, "layer")
    config = node.get("config")
    inner = config if isinstance(config, list) else None  # Sequential before Keras 2.2.3
    config = {} if inner is not None else value_of(node, "config", dict, f"layer of class {kind}")
    inner = config.get("layers", inner)
    yield Layer(kind, config, names, steps, folder)
    if isinstance(inner, list):
        children = [child for child in inner if isinstance(child, dict)]
        places = numbered(str(child.get("class_name")) for child in children)
        base = f"{folder}/layers" if folder else "layers"
        for child, place in zip(children, places):
            name = name_of(child, place)
            yield from walk(child, (*names, name), (*steps, name), f"{base}/{place}")
    elif isinstance(config.get("layer"), dict) and kind != "Bidirectional":
        name = name_of(config["layer"], "layer")
        yield from walk(config["layer"], (*names, name), (*steps, None), f"{folder}/layer")


def name_of(node, place):
    config = node.get("config")
    own = config.get("name") if isinstance(config, dict) else None
    return str(own or node.get("name") or place)


def cells_of(kind, config, folder, what):
    """The LSTM cells of an LSTM or RNN layer; none if its cells are others."""
    if kind == "LSTM":
        return [Cell(config, folder + "cell", what)]
    if kind != "RNN":
        return []
    kind, inner = node_of(config, "cell", what)
    if kind == "LSTMCell":
        return [Cell(inner, folder + "cell", what)]
    if kind != "StackedRNNCells":
        return []
    nodes = [node_of({"cell": node}, "cell", what)
             for node in value_of(inner, "cells", list, what)]
    kinds = [kind for kind, _ in nodes]
    if "LSTMCell" not in kinds:
        return []
    if set(kinds) != {"LSTMCell"}:
        raise ConvertError(f"{what}: cells", "LSTMCell alone in a stack", ", ".join(kinds))
    return [Cell(own, f"{folder}cell/cells/{place}", f"{what}: cell {index}")
            for index, ((_, own), place) in enumerate(zip(nodes, numbered(kinds)))]


def recurrent(layer):
    """Fill in the cells of a layer, if it is made of LSTM cells: true then."""
    what = f"layer {layer.name!r}"
    if layer.kind == "CuDNNLSTM":
        raise ConvertError(what, "LSTM (a model loaded and saved again by Keras 2.0 or newer of "
                           "TensorFlow has it)", "CuDNNLSTM")
    if layer.kind == "Bidirectional":
        bidirectional(layer, what)
    else:
        layer.cells = cells_of(layer.kind, layer.config, "", what)
        if layer.cells:
            layer.reverse = value_of(layer.config, "go_backwards", bool, what, False)
    return bool(layer.cells)


def bidirectional(layer, what):
    kind, config = node_of(layer.config, "layer", what)
    forward = cells_of(kind, config, "forward_layer/", what)
    if not forward:
        return
    backward_config = dict(config, go_backwards=True)
    if layer.config.get("backward_layer") is not None:
        kind, backward_config = node_of(layer.config, "backward_layer", what)
    backward = cells_of(kind, backward_config, "backward_layer/", what)
    if len(forward) != 1 or len(backward) != 1:
        raise ConvertError(what, "one LSTM in each direction: the two directions of a stack of "
                           "cells do not meet after each layer, as they do in lstm.h",
                           f"{len(forward)} and {len(backward)} cells")
    directions = [value_of(each, "go_backwards", bool, what, False)
                  for each in (config, backward_config)]
    if directions != [False, True]:
        raise ConvertError(f"{what}: go_backwards", "false forward and true backward",
                           " and ".join(str(each).lower() for each in directions))
    if forward[0].units != backward[0].units:
        raise ConvertError(f"{what}: units", "the same number in both directions",
                           f"{forward[0].units} and {backward[0].units}")
    if layer.config.get("merge_mode", "concat") not in MERGES:
        raise ConvertError(f"{what}: merge_mode", "concat, sum, mul, ave or null",
                           repr(layer.config["merge_mode"]))
    backward[0].reverse = True
    layer.cells = forward + backward


# ---- activations ----


def activation_text(config, key, what, major):
    value = config.get(key, "linear" if key == "activation" else None)
    if isinstance(value, dict):
        return activation_object(value, what, major)
    if value is None and key == "activation":
        return "linear"
    if value == "hard_sigmoid":
        if major is None:
            raise ConvertError(what, "the version of Keras beside hard_sigmoid, as 2 and 3 differ "
                               "in it", "none in the file")
        return "hardsigmoid_keras3" if major >= 3 else activation("hardsigmoid", 0.2, 0.5)
    if value == "leaky_relu":
        return activation("leakyrelu", 0.2)
    if value not in PLAIN:
        raise ConvertError(what, f"one of {KNOWN}", "none" if value is None else repr(value))
    return PLAIN[value]


def activation_object(node, what, major):
    """An activation that is a layer with parameters of its own."""
    kind, config = node.get("class_name"), node.get("config")
    if not isinstance(config, dict):
        raise ConvertError(what, f"one of {KNOWN}", f"{kind} {config!r}")

    def number(*keys, default=0):
        value = next((config[key] for key in keys if config.get(key) is not None), default)
        if isinstance(value, dict):  # a numpy number in Keras 2's JSON
            value = value.get("value")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConvertError(f"{what}: {keys[0]}", "a number", repr(value))
        return value

    if kind == "Activation":
        return activation_text(config, "activation", what, major)
    if kind == "LeakyReLU":
        slope = number("negative_slope", "alpha", default=0.3)
        return activation("leakyrelu", slope) if slope else "relu"
    if kind == "ELU":
        alpha = number("alpha", default=1)
        return activation("elu", alpha) if alpha else "relu"
    if kind == "ThresholdedReLU":
        theta = number("theta", default=1)
        return activation("thresholdedrelu", theta) if theta else "relu"
    if kind == "ReLU" and config.get("max_value") is None and number("threshold") == 0:
        slope = number("negative_slope")
        return activation("leakyrelu", slope) if slope else "relu"
    raise ConvertError(what, f"one of {KNOWN} (ReLU without a maximum or threshold)",
                       f"{kind} {config}")
