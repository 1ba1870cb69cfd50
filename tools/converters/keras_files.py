"""Keras's files: .keras (a zip with HDF5 or npz inside) and .h5.  Read without Keras."""

import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .model import ConvertError

HDF5 = b"\x89HDF\r\n\x1a\n"
# What h5py raises, at any time, of a file whose inner addresses are wrong.
DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError)
ZIP = b"PK\x03\x04"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights"


def is_archive(path, head):
    if not head.startswith(ZIP):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return CONFIG in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return path.endswith(".keras")


@dataclass
class Model:
    """What a file holds: the configuration as Keras has it, the version of Keras that wrote it or
    None, and weights(layer, cells), the arrays of each cell of a layer (keras_layers.Layer)."""

    config: dict
    version: str | None
    weights: object

    def major(self):
        """The major version of Keras, or None."""
        match = re.match(r"\d+", self.version or "")
        return int(match[0]) if match else None


def survive(path):
    """The HDF5 library can crash on a damaged file: so another process reads it first."""
    code = "import sys; from converters import keras; keras.load_here(sys.argv[1])"
    tools = str(Path(__file__).resolve().parent.parent)
    done = subprocess.run([sys.executable, "-B", "-c", code, path], capture_output=True,
                          env={**os.environ, "PYTHONPATH": tools}, check=False)
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ConvertError("content", "a whole HDF5 file", f"damage that ends its library: {name}")


def read(path):
    with open(path, "rb") as file:
        archived = file.read(4) == ZIP
    return read_archive(path) if archived else read_legacy(path)


def parse(text, what):
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConvertError(what, "JSON", str(error)) from None
    if not isinstance(value, dict):
        raise ConvertError(what, "a JSON object", f"{type(value).__name__}")
    return value


def snake_case(name):
    """A class's name in the paths of Keras's files: TimeDistributed, time_distributed."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def numbered(class_names):
    """Keras's names for the members of a list: lstm, dense, lstm_1."""
    seen = {}
    for name in map(snake_case, class_names):
        seen[name] = seen.get(name, -1) + 1
        yield f"{name}_{seen[name]}" if seen[name] else name


# ---- .keras ----


def read_archive(path):
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if CONFIG not in names:
                raise ConvertError(CONFIG, "one in the zip", "none")
            config = parse(archive.read(CONFIG), CONFIG)
            about = parse(archive.read(METADATA), METADATA) if METADATA in names else {}
            if f"{WEIGHTS}.h5" in names:
                store = Hdf5(io.BytesIO(archive.read(f"{WEIGHTS}.h5")), f"{WEIGHTS}.h5")
            elif f"{WEIGHTS}.npz" in names:
                store = Npz(io.BytesIO(archive.read(f"{WEIGHTS}.npz")), f"{WEIGHTS}.npz")
            else:
                raise ConvertError(WEIGHTS, f"{WEIGHTS}.h5 or {WEIGHTS}.npz in the zip", "neither")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ConvertError("content", "a whole zip file", str(error)) from None
    except (NotImplementedError, RuntimeError) as error:
        raise ConvertError("content", "a zip that can be unpacked", str(error)) from None

    def weights(layer, cells):
        return [store.variables(f"{layer.folder}/{cell.folder}") for cell in cells]

    version = about.get("keras_version")
    return Model(config, version if isinstance(version, str) else None, weights)


class Hdf5:
    """Groups such as layers/lstm/cell/vars, with the variables 0, 1, 2 of a cell."""

    def __init__(self, file, name):
        self.root = open_hdf5(file, name)
        self.name = name

    def variables(self, folder):
        what = f"{self.name}: group {folder + '/vars'!r}"
        group = self.root
        for part in (*folder.split("/"), "vars"):
            group = member(group, part, what)
        keys = sorted(group, key=lambda key: (len(key), key))
        return [array_of(member(group, key, what), f"{what}: {key!r}") for key in keys]


def open_hdf5(file, name):
    import h5py

    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise ConvertError(name, "a whole HDF5 file", str(error)) from None


def member(group, key, what):
    """A member of a group that stands in this very file: a link could name any file there is."""
    import h5py

    if not isinstance(group, h5py.Group) or key not in group:
        raise ConvertError(what, "one in the file", "none")
    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
        raise ConvertError(what, "data in the file itself", "a link")
    return group[key]


def array_of(dataset, what):
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ConvertError(what, "an array in the file itself", "none")
    array = dataset[()]
    if dataset.attrs.get("dtype") in ("bfloat16", b"bfloat16") and array.itemsize == 2:
        array = (array.view("<u2").astype("<u4") << 16).view("<f4")
    return array


class Npz:
    """Entries such as layers/lstm/cell, each a pickled dict of the variables 0, 1, 2."""

    def __init__(self, file, name):
        self.name = name
        try:
            self.archive = zipfile.ZipFile(file)
        except zipfile.BadZipFile as error:
            raise ConvertError(name, "an npz file", str(error)) from None

    def variables(self, folder):
        what = f"{self.name}: {folder!r}"
        if f"{folder}.npy" not in self.archive.namelist():
            raise ConvertError(what, "one in the file", "none")
        with self.archive.open(f"{folder}.npy") as file:
            try:
                shape, _, dtype = read_npy_header(file)
                if shape == () and dtype.hasobject:
                    value = Unpickler(file).load().item()
                    return [np.asarray(value[key]) for key in sorted(value, key=int)]
            except (*DAMAGED, AttributeError, EOFError, pickle.UnpicklingError) as error:
                raise ConvertError(what, "a dict of arrays", str(error)) from None
        raise ConvertError(what, "a dict of arrays", f"{dtype} {list(shape)}")


def read_npy_header(file):
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


class Unpickler(pickle.Unpickler):
    """A pickle is a program: this one can do nothing but make numpy's arrays."""

    def find_class(self, module, name):
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"a pickle of {module}.{name}")


# ---- .h5 ----


def read_legacy(path):
    root = open_hdf5(path, "content")
    if "model_config" not in root.attrs:
        raise ConvertError("content", "a whole model, as model.save() writes it: the weights alone "
                           "do not tell the activations", "an HDF5 file without a configuration")
    config = parse(text_of(root.attrs["model_config"]), "model_config")
    groups = member(root, "model_weights", "group 'model_weights'")
    version = root.attrs.get("keras_version", groups.attrs.get("keras_version"))

    def weights(layer, cells):
        """The arrays have an order alone: kernel, recurrent kernel, bias, cell by cell."""
        what = f"layer {layer.name!r}"
        group = member(groups, layer.outermost, f"group 'model_weights/{layer.outermost}'")
        names = [text_of(name) for name in group.attrs.get("weight_names", ())]
        if layer.nested:
            names = [name for name in names if layer.own_name in name.split("/")[:-1]]
        counts = [3 if cell.use_bias else 2 for cell in cells]
        if len(names) != sum(counts):
            raise ConvertError(what, f"{sum(counts)} weights", f"{len(names)}: {', '.join(names)}")
        arrays = iter([array_of(by_path(group, name, what), name) for name in names])
        return [[next(arrays) for _ in range(count)] for count in counts]

    return Model(config, None if version is None else text_of(version), weights)


def by_path(group, path, what):
    for part in path.split("/"):
        group = member(group, part, f"{what}: {path!r}")
    return group


def text_of(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
