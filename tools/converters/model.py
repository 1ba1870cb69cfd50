"""What every format is converted to: LSTMs in PyTorch's names, order and orientation."""

import os
import re
import tempfile
from dataclasses import dataclass, field

import numpy as np

GATES = "ifgo"  # the order of the blocks here and in the file
STEMS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "weight_peephole")
LARGEST = 1 << 24  # LSTM_MAX_SIZE
DEFAULT_ACTIVATIONS = ("sigmoid", "tanh", "tanh")

# name -> number of parameters; the list is that of src/settings.h
FUNCTIONS = {
    "sigmoid": 0, "tanh": 0, "relu": 0, "linear": 0, "affine": 2, "leakyrelu": 1,
    "thresholdedrelu": 1, "scaledtanh": 2, "hardsigmoid": 2, "hardsigmoid_keras3": 0, "elu": 1,
    "softsign": 0, "softplus": 0,
}  # fmt: skip


class ConvertError(Exception):
    """A bad input: what was looked at, what was expected there, what was found."""

    def __init__(self, what, expected, found):
        super().__init__(f"{what}: expected {expected}, found {found}")


def shape_text(shape):
    return "[" + ", ".join(map(str, shape)) + "]"


def number_text(value):
    """The shortest decimal that reads back as the same fp32, in the form of src/settings.h."""
    return np.format_float_scientific(np.float32(value), trim="-", exp_digits=1).replace("e+", "e")


def activation(name, *parameters):
    """activation("hardsigmoid", 0.2, 0.5) is "hardsigmoid(2e-1,5e-1)".  Zeros alone would stand for
    the defaults: the function that they make is there under another name."""
    if name not in FUNCTIONS:
        raise ConvertError("activation", "one of " + " ".join(FUNCTIONS), repr(name))
    if parameters and len(parameters) != FUNCTIONS[name]:
        raise ConvertError(f"activation {name}", f"{FUNCTIONS[name]} parameters", len(parameters))
    if parameters and not np.any(np.float32(parameters)):
        return "relu" if len(parameters) == 1 else activation("scaledtanh", 0, 1)
    return f"{name}({','.join(map(number_text, parameters))})" if parameters else name


def to_ifgo(array, order, axis=0):
    """Bring the gate blocks along an axis from an order such as "iofg" (or "iofc") to i f g o."""
    blocks = dict(zip(order.replace("c", "g"), np.split(array, 4, axis)))
    return np.concatenate([blocks[gate] for gate in GATES], axis)


@dataclass
class Lstm:
    """One LSTM.  parts holds a dict for each layer and direction: layer 0 forward, layer 0 reverse,
    layer 1 forward, and so on.  Its keys are

        weight_ih [4H, I]   weight_hh [4H, R]   weight_hr [R, H] with a projection only
        bias_ih, bias_hh [4H]: both, or bias_ih alone, or none; alike in all parts
        weight_peephole [3H] in the order i f o, or none

    and the gates are in the order i f g o.  Activations are three strings of activation(), for the
    gates, the candidate and the output, or six if the two directions differ.
    """

    prefix: str = ""  # of the tensors in the file: "encoder.rnn."
    parts: list = field(default_factory=list)
    direction: str = "forward"  # or reverse, bidirectional
    cell: bool = False  # names without _l0, as an LSTMCell's
    activations: tuple = DEFAULT_ACTIVATIONS
    clip: float | None = None
    cell_clip: float | None = None
    input_forget: bool = False
    extras: dict = field(default_factory=dict)  # full name -> array: other tensors to keep
    about: dict = field(default_factory=dict)  # further metadata, key -> text; no lstm.* keys
    # For the report: how the source has the gates and matrices, and sentences on what was found,
    # done, and ignored.
    gates: str = "i f g o"
    matrices: str = "rows are gates, as in PyTorch"
    notes: list = field(default_factory=list)
    # For the format's own use, such as what its reference() needs.
    source: dict = field(default_factory=dict)

    @property
    def name(self):
        """The prefix as a person would say it; what --name is matched with."""
        return self.prefix.rstrip("./") or "LSTM"

    @property
    def directions(self):
        return 2 if self.direction == "bidirectional" else 1

    @property
    def layers(self):
        return len(self.parts) // self.directions

    @property
    def input(self):
        return self.parts[0]["weight_ih"].shape[1]

    @property
    def hidden(self):
        return self.parts[0]["weight_ih"].shape[0] // 4

    @property
    def projection(self):
        """Its size, or 0."""
        return self.parts[0]["weight_hr"].shape[0] if "weight_hr" in self.parts[0] else 0

    @property
    def output(self):
        """Size of h in one direction."""
        return self.projection or self.hidden

    @property
    def biases(self):
        """0, 1 or 2."""
        return sum(stem in self.parts[0] for stem in ("bias_ih", "bias_hh"))

    def tensor_name(self, stem, layer, reverse):
        place = "" if self.cell else f"_l{layer}"
        return f"{self.prefix}{stem}{place}{'_reverse' if reverse else ''}"

    def tensors(self):
        """Full name -> array, the extra tensors not included."""
        return {
            self.tensor_name(stem, *divmod(index, self.directions)): part[stem]
            for index, part in enumerate(self.parts)
            for stem in STEMS
            if stem in part
        }

    def metadata(self):
        """The lstm.* keys that shapes cannot say."""
        keys = {"lstm.gates": GATES}
        if self.direction == "reverse":
            keys["lstm.direction"] = "reverse"
        if tuple(self.activations) != DEFAULT_ACTIVATIONS:
            keys["lstm.activations"] = ",".join(self.activations)
        if self.clip:
            keys["lstm.clip"] = number_text(self.clip)
        if self.cell_clip:
            keys["lstm.cell_clip"] = number_text(self.cell_clip)
        if self.input_forget:
            keys["lstm.input_forget"] = "1"
        if self.biases == 1:
            keys["lstm.bias"] = "single"
        return keys

    def second_bias(self):
        """Add a second bias of zeros to one alone, for a file in which others have two."""
        for part in self.parts:
            if "bias_ih" in part and "bias_hh" not in part:
                part["bias_hh"] = np.zeros_like(part["bias_ih"])

    def check(self):
        """Refuse what the header would refuse, and numbers that are none."""
        if not self.parts or len(self.parts) % self.directions:
            raise ConvertError(self.name, f"layers of {self.directions} directions",
                               f"{len(self.parts)} parts")
        if self.cell and len(self.parts) > 1:
            raise ConvertError(self.name, "one part in a cell", len(self.parts))
        hidden, output = self.hidden, self.output
        if min(hidden, self.input, output) < 1 or max(hidden, self.input, output) > LARGEST:
            raise ConvertError(self.name, f"sizes of 1 to {LARGEST}",
                               f"input {self.input}, hidden {hidden}, output {output}")
        for index, part in enumerate(self.parts):
            width = self.input if index < self.directions else self.directions * output
            expected = {"weight_ih": (4 * hidden, width), "weight_hh": (4 * hidden, output)}
            if self.projection:
                expected["weight_hr"] = (output, hidden)
            for stem in ("bias_ih", "bias_hh"):
                if stem in self.parts[0]:
                    expected[stem] = (4 * hidden,)
            if "weight_peephole" in part:
                expected["weight_peephole"] = (3 * hidden,)
            self._check_part(part, expected, *divmod(index, self.directions))
        self._check_options()

    def _check_part(self, part, expected, layer, reverse):
        for stem, shape in expected.items():
            what = f"tensor {self.tensor_name(stem, layer, reverse)!r}"
            if stem not in part:
                raise ConvertError(what, f"shape {shape_text(shape)}", "none")
            array = part[stem]
            if array.shape != shape:
                raise ConvertError(what, f"shape {shape_text(shape)}", shape_text(array.shape))
            if array.dtype.kind != "f":
                raise ConvertError(what, "floating-point numbers", array.dtype)
            if not np.isfinite(array).all():
                raise ConvertError(what, "finite numbers",
                                   f"{np.count_nonzero(~np.isfinite(array))} that are not")
        for stem in part.keys() - expected.keys():
            raise ConvertError(f"tensor {self.tensor_name(stem, layer, reverse)!r}", "none",
                               shape_text(part[stem].shape))

    def _check_options(self):
        if len(self.activations) not in (3, 3 * self.directions):
            raise ConvertError(self.name, f"{3 * self.directions} activations",
                               len(self.activations))
        for text in self.activations:
            if text.partition("(")[0] not in FUNCTIONS:
                raise ConvertError(self.name, "a known activation", repr(text))
        for what in ("clip", "cell_clip"):
            limit = getattr(self, what)
            if limit is not None and not 0 < np.float32(limit) < np.inf:
                raise ConvertError(f"{self.name}: {what}", "a number above 0", limit)
        for key in self.about:
            if key.startswith("lstm."):
                raise ConvertError(f"metadata {key!r}", "no lstm.* key", "one")


OPTIONS = ("direction", "activations", "clip", "cell_clip", "input_forget", "hidden", "projection",
           "biases")


def join(lstms, prefix=None):
    """One LSTM of all the layers, each LSTM's output being the next one's input."""
    first = lstms[0]
    for lstm in lstms[1:]:
        for option in OPTIONS:
            ours, theirs = getattr(first, option), getattr(lstm, option)
            if ours != theirs:
                raise ConvertError(f"{lstm.name}: {option}", f"{ours} as in {first.name}", theirs)
        if lstm.input != first.directions * first.output:
            raise ConvertError(f"{lstm.name}: input", f"{first.directions * first.output}, the "
                               f"output of {first.name}", lstm.input)
    both = dict(vars(first))
    both.update(
        prefix=first.prefix if prefix is None else prefix,
        cell=False,
        parts=[part for lstm in lstms for part in lstm.parts],
        extras={name: array for lstm in lstms for name, array in lstm.extras.items()},
        about={key: text for lstm in lstms for key, text in lstm.about.items()},
        notes=list(dict.fromkeys(note for lstm in lstms for note in lstm.notes)),
        source={"joined": lstms},
    )
    return Lstm(**both)


def together(lstms):
    """Tensors and metadata of one file that holds them all."""
    biases = max(lstm.biases for lstm in lstms)
    tensors, metadata, options = {}, {}, []
    for lstm in lstms:
        if biases == 2:
            lstm.second_bias()
        lstm.check()
        metadata.update(lstm.about)
        options.append({**lstm.metadata(), "lstm.bias": "single" if biases == 1 else None})
        for name, array in lstm.tensors().items():
            if name in tensors:
                raise ConvertError(f"tensor {name!r}", "one of this name", "two")
            tensors[name] = array
    for key in sorted(set().union(*options)):
        values = [keys.get(key) for keys in options]
        if len(set(values)) > 1:
            found = ", ".join(f"{lstm.name}: {value}" for lstm, value in zip(lstms, values))
            raise ConvertError("several LSTMs", f"one {key} for all of them in a file (choose with "
                               "--name)", found)
        if values[0] is not None:
            metadata[key] = values[0]
    ours = set(tensors)
    for lstm in lstms:
        for name, array in lstm.extras.items():
            if name in ours:
                raise ConvertError(f"tensor {name!r}", "one of this name", "two")
            tensors[name] = array
    for name in tensors:
        check_name(name)
    return tensors, metadata


def check_name(name):
    """Refuse what a safetensors file cannot call a tensor."""
    plain = name.encode("utf-8", "ignore").decode("utf-8") == name
    if not plain or "\0" in name or name == "__metadata__":
        raise ConvertError("tensor", "a name that safetensors can have", repr(name))


def write(path, tensors, metadata):
    """Write a safetensors file."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path,
              metadata)
    os.chmod(path, 0o666 & ~_umask())  # safetensors makes its files private


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


class Draft:
    """A file beside path that gets its name with keep(), and otherwise goes away."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        folder = os.path.dirname(os.path.abspath(self.path))
        handle, self.temporary = tempfile.mkstemp(".safetensors", ".convert-", folder)
        os.close(handle)
        return self

    def keep(self):
        os.replace(self.temporary, self.path)

    def __exit__(self, *_):
        if os.path.exists(self.temporary):
            os.unlink(self.temporary)


def natural(name):
    """A key that sorts l2 before l10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
