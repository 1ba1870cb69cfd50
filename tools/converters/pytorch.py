"""PyTorch: state dicts, whole modules and TorchScript in .pt and .pth files, and safetensors."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from . import pytorch_file, settings
from .model import DEFAULT_ACTIVATIONS, STEMS, ConvertError, Lstm, natural, shape_text
from .verify import Reference, Unavailable

NAME = "PyTorch"
KEY = "pytorch"
REQUIREMENTS = []
VERIFY_REQUIREMENTS = []  # PyTorch is large: it is used where it is installed

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".tar", ".th", ".pkl")
PARAMETER = re.compile(r"(.*?)(weight|bias)_(ih|hh|hr)(?:_l(\d+))?(_reverse)?", re.DOTALL)
RUNNER = Path(__file__).with_name("pytorch_run.py")


def is_safetensors(head):
    return len(head) > 9 and int.from_bytes(head[:8], "little") < 1 << 32 and head[8:9] == b"{"


def matches(path, head):
    suffix = Path(path).suffix.lower()
    if head[:2] == b"PK":
        found = pytorch_file.is_zip_of_pytorch(path)
        return suffix in SUFFIXES if found is None else found
    if is_safetensors(head):
        return True
    return (head[:1] == b"\x80" and suffix in SUFFIXES) or suffix == ".safetensors"


class SafeTensor:
    """A tensor of a safetensors file, as array() of pytorch_file.Tensor."""

    DTYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "BF16": pytorch_file.BF16, "I64": "i8",
              "I32": "i4", "I16": "i2", "I8": "i1", "U64": "u8", "U32": "u4", "U16": "u2",
              "U8": "u1", "BOOL": "?"}  # fmt: skip

    def __init__(self, entry):
        self.dtype, self.data = self.DTYPES.get(entry["dtype"]), entry["data"]
        self.type, self.shape = entry["dtype"], tuple(entry["shape"])

    def array(self, name):
        if self.dtype is None:
            raise ConvertError(f"tensor {name!r}", "numbers of a type that numpy has", self.type)
        if self.dtype == pytorch_file.BF16:
            return pytorch_file.widened(np.frombuffer(self.data, "<u2")).reshape(self.shape)
        return np.frombuffer(self.data, "<" + self.dtype).reshape(self.shape)


def read_safetensors(path):
    """Tensors by name, and metadata."""
    import safetensors

    data = Path(path).read_bytes()
    try:
        tensors = {name: SafeTensor(entry) for name, entry in safetensors.deserialize(data)}
    except safetensors.SafetensorError as error:
        raise ConvertError("content", "a whole safetensors file", str(error)) from None
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return tensors, header.get("__metadata__") or {}


# ---- from the object in a checkpoint to named tensors -------------------------------------------
def children(value):
    """(key, value) of what can hold tensors, else nothing."""
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, (list, tuple)):
        return enumerate(value)
    if isinstance(value, pytorch_file.Inert):
        state = value.state
        if isinstance(state, dict) and "_parameters" in state:  # a whole nn.Module
            parts = (state.get(part) for part in ("_parameters", "_buffers", "_modules"))
            return [pair for part in parts if isinstance(part, dict) for pair in part.items()]
        if isinstance(state, dict):
            return [*state.items(), *value.items.items()]
        return value.items.items()
    return ()


def flatten(value, prefix="", depth=0):
    """name -> Tensor of everything below value."""
    found = {}
    for key, child in children(value):
        name = f"{prefix}{key}"
        if key == "_flat_weights":  # the same tensors again
            continue
        if isinstance(child, pytorch_file.Tensor):
            found[name] = child
        elif depth < 64:
            found.update(flatten(child, name + ".", depth + 1))
    return found


def is_recurrent(name, value):
    """Whether there are weights of an LSTM, a GRU or the like under this name."""
    if isinstance(value, pytorch_file.Tensor):
        return PARAMETER.fullmatch(str(name)) is not None
    return any(PARAMETER.fullmatch(below) for below in flatten(value))


def model_of(value):
    """What holds the model's tensors, and the keys on the way, as in {"state_dict": ...}."""
    keys = []
    while isinstance(value, dict):
        inner = [(key, child) for key, child in value.items() if is_recurrent(key, child)]
        # A module's parts are its names, not its wrapping.
        if len(inner) != 1 or isinstance(inner[0][1], pytorch_file.Tensor):
            break
        keys.append(inner[0][0])
        value = inner[0][1]
    return value, keys


def read(path):
    """Tensors by name, metadata, kind, and for the framework where in the file they were."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if is_safetensors(head) or Path(path).suffix.lower() == ".safetensors":
        tensors, metadata = read_safetensors(path)
        return tensors, metadata, "safetensors file", []
    zipped = head[:2] == b"PK"
    value, script = (pytorch_file.read_zip if zipped else pytorch_file.read_legacy)(path)
    if script:
        return flatten(value), {}, "TorchScript", []
    value, keys = model_of(value)
    whole = isinstance(value, pytorch_file.Inert)
    kind = "whole module" if whole else "state dict"
    return flatten(value), {}, kind if zipped else f"{kind}, legacy file", keys


# ---- from named tensors to LSTMs ----------------------------------------------------------------
def group(tensors):
    """prefix -> {(stem, layer or None, reverse): name}."""
    groups = {}
    for name in tensors:
        match = PARAMETER.fullmatch(name) or re.fullmatch(
            r"(.*?)(weight)_(peephole)(?:_l(\d+))?(_reverse)?", name, re.DOTALL)
        if match:
            prefix, kind, which, layer, reverse = match.groups()
            layer = int(layer) if layer else None
            groups.setdefault(prefix, {})[f"{kind}_{which}", layer, bool(reverse)] = name
    return groups


def kind_of(members, tensors):
    """LSTM, GRU or RNN, by the first layer's shapes, or None."""
    first = 0 if ("weight_hh", 0, False) in members else None
    name = members.get(("weight_hh", first, False))
    if name is None or len(tensors[name].shape) != 2:
        return None
    rows, columns = tensors[name].shape
    projection = members.get(("weight_hr", first, False))
    hidden = tensors[projection].shape[-1] if projection else columns
    return {4: "LSTM", 3: "GRU", 1: "RNN"}.get(rows / hidden if hidden else 0, "LSTM")


def gather(prefix, members, tensors):
    """The Lstm of these tensors."""
    layers = [layer for _, layer, _ in members]
    cell = layers[0] is None
    if any((layer is None) != cell for layer in layers):
        raise ConvertError(prefix.rstrip(".") or "LSTM", "names with _l0, or names without",
                           ", ".join(sorted(members.values())[:4]))
    both = any(reverse for _, _, reverse in members)
    lstm = Lstm(prefix=prefix, cell=cell, direction="bidirectional" if both else "forward")
    for layer in range(1 if cell else max(layers) + 1):
        for reverse in (False, True)[: lstm.directions]:
            found = ((stem, members.get((stem, None if cell else layer, reverse)))
                     for stem in STEMS)
            part = {stem: tensors[name].array(name) for stem, name in found if name}
            for stem in ("weight_ih", "weight_hh"):
                if stem not in part:
                    raise ConvertError(f"tensor {lstm.tensor_name(stem, layer, reverse)!r}",
                                       "one of this name", "none")
            lstm.parts.append(part)
    return lstm


def check_biases(lstm, single):
    """bias_ih and bias_hh come together, unless metadata says that there is one."""
    for index, part in enumerate(lstm.parts):
        if single and "bias_hh" in part:
            name = lstm.tensor_name("bias_hh", *divmod(index, lstm.directions))
            raise ConvertError(f"tensor {name!r}", "none, as metadata 'lstm.bias' is 'single'",
                               "one")
        for stem, other in (("bias_ih", "bias_hh"), ("bias_hh", "bias_ih")):
            if other in part and stem not in part and not (single and other == "bias_ih"):
                name = lstm.tensor_name(stem, *divmod(index, lstm.directions))
                raise ConvertError(f"tensor {name!r}", f"it beside {other}", "none")


def load(path, options):
    tensors, metadata, kind, keys = read(path)
    groups = group(tensors)
    kinds = {prefix: kind_of(members, tensors) for prefix, members in groups.items()}
    lstms, left_out = [], []
    for prefix in sorted(groups, key=natural):
        if kinds[prefix] != "LSTM":
            left_out.append(f"{prefix}* ({kinds[prefix] or 'no recurrent weights'})")
            continue
        lstm = gather(prefix, groups[prefix], tensors)
        check_biases(lstm, settings.apply(lstm, metadata))
        lstm.source = {"keys": keys, "kind": kind}
        lstms.append(lstm)
    if not lstms:
        raise ConvertError(f"{kind} of {len(tensors)} tensors",
                           "weight_ih_l0 [4H, I] or weight_ih, of any prefix",
                           ", ".join(left_out or sorted(tensors)[:4]) or "no tensor")
    around(lstms, tensors, {name for members in groups.values() for name in members.values()})
    where = f" under {'.'.join(map(str, keys))!r}" if keys else ""
    for lstm in lstms:
        lstm.about.update({key: value for key, value in metadata.items()
                           if not key.startswith("lstm.")})
        lstm.notes.append(f"found in a {kind}{where}")
        if left_out:
            lstm.notes.append("left out: " + ", ".join(left_out))
    return lstms


def around(lstms, tensors, recurrent):
    """Keep the other tensors, but for those that would be taken for the LSTM's, and refused."""
    def owns(prefix, name):
        rest = name[len(prefix) :]
        return name.startswith(prefix) and (
            rest.startswith(STEMS) or prefix.endswith(".") and "." not in rest)

    for name in sorted(tensors.keys() - recurrent, key=natural):
        owners = [lstm for lstm in lstms if owns(lstm.prefix, name)]
        dtype = getattr(tensors[name], "dtype", None) or getattr(
            getattr(tensors[name], "storage", None), "dtype", None)
        for lstm in owners or (lstms if dtype is None else ()):
            lstm.notes.append(f"left out: {name} {shape_text(tensors[name].shape)}")
        if not owners and dtype is not None:
            array = tensors[name].array(name)
            for lstm in lstms:
                lstm.extras[name] = array


# ---- PyTorch itself -----------------------------------------------------------------------------
def python_with_torch():
    """A Python that has PyTorch: to import it takes seconds, so it is only looked for."""
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    for python in dict.fromkeys((sys.executable, "python3", "/usr/bin/python3")):
        try:
            if subprocess.run([python, "-c", look], check=False).returncode == 0:
                return python
        except OSError:
            pass
    raise Unavailable("PyTorch is not installed (Debian: python3-torch)")


def reference(lstm, path):
    plain = (tuple(lstm.activations) == DEFAULT_ACTIVATIONS and lstm.direction != "reverse"
             and lstm.biases != 1 and not (lstm.clip or lstm.cell_clip or lstm.input_forget)
             and "weight_peephole" not in lstm.parts[0])
    if not plain:
        raise Unavailable("PyTorch has no LSTM of these options")
    python = python_with_torch()
    spec = {"path": str(path), "prefix": lstm.prefix, "cell": lstm.cell, "layers": lstm.layers,
            "both": lstm.directions == 2, "projection": lstm.projection, "input": lstm.input,
            "hidden": lstm.hidden, "bias": lstm.biases > 0, **lstm.source}

    def run(x, h0, c0):
        with tempfile.TemporaryDirectory(prefix="convert-") as folder:
            given, results = Path(folder, "in.npz"), Path(folder, "out.npz")
            read = {"tensor " + name: array for name, array in lstm.tensors().items()}
            np.savez(given, x=x, h0=h0, c0=c0, **read)
            done = subprocess.run([python, "-B", RUNNER, json.dumps(spec), given, results],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                raise Unavailable((done.stderr.strip().splitlines() or ["PyTorch failed"])[-1])
            made.version = done.stdout.strip()
            with np.load(results) as arrays:
                return arrays["y"], arrays["hn"], arrays["cn"]

    made = Reference("PyTorch", "", run)
    return made
