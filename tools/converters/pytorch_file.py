"""Read what torch.save and torch.jit.save write, without PyTorch and without running any of it.

A checkpoint is a pickle, which may name any function of any module and have it called.  Here a
name stands for one of ours, or for an inert class that keeps what it is given: objects of unknown
classes become plain trees of their attributes.  To call anything else is refused.
"""

import math
import pickle
import zipfile
from collections import OrderedDict

import numpy as np

from .model import ConvertError, shape_text

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
BF16 = "bfloat16"  # numpy has none: its 16 bits are widened to fp32
DTYPES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": BF16,
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1",
    "ByteStorage": "u1", "BoolStorage": "?", "UntypedStorage": "u1",
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": BF16,
    "int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1", "uint8": "u1", "bool": "?",
}  # fmt: skip

# What checkpoints hold beside tensors, and what converting does not need: never called.
UNUSED_CALLS = {
    "_codecs.encode", "argparse.Namespace", "builtins.set", "builtins.frozenset", "builtins.slice",
    "builtins.bytearray", "builtins.complex", "builtins.range", "collections.Counter",
    "collections.defaultdict", "collections.deque", "copyreg._reconstructor",
    "datetime.date", "datetime.datetime", "datetime.timedelta",
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype",
    "pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath", "torch.device", "torch.serialization._get_layout",
}  # fmt: skip


def item_size(dtype):
    return 2 if dtype == BF16 else np.dtype(dtype).itemsize


class Storage:
    """Numbers in the file, which read() gets when they are wanted."""

    def __init__(self, dtype, count, read):
        self.dtype, self.count, self.read = dtype, count, read

    def array(self, what):
        if self.dtype is None:
            raise ConvertError(what, "numbers of a type that numpy has", "another one")
        item = np.dtype("u2" if self.dtype == BF16 else "<" + self.dtype)
        data = self.read()
        if len(data) != self.count * item.itemsize:
            raise ConvertError(what, f"{self.count * item.itemsize} bytes", len(data))
        return np.frombuffer(data, item)


class Tensor:
    """A view of a storage; array() makes it one of numpy's."""

    def __init__(self, storage, offset, shape, strides, dtype=None):
        if isinstance(dtype, str) and dtype != storage.dtype:  # an untyped storage counts bytes
            storage = Storage(dtype, storage.count // item_size(dtype), storage.read)
        self.storage, self.offset = storage, int(offset)
        self.shape, self.strides = tuple(map(int, shape)), tuple(map(int, strides))

    @property
    def size(self):
        return math.prod(self.shape)

    def array(self, name):
        what = f"tensor {name!r}"
        fits = len(self.shape) == len(self.strides) and min((*self.shape, *self.strides, 0)) == 0
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides))
        if not fits or self.offset < 0 or (self.size and last >= self.storage.count):
            raise ConvertError(what, f"a part of its {self.storage.count} numbers",
                               f"shape {shape_text(self.shape)}, strides "
                               f"{shape_text(self.strides)} from {self.offset}")
        if self.size > self.storage.count:
            raise ConvertError(what, f"at most {self.storage.count} numbers as stored", self.size)
        if not self.size:
            return np.zeros(self.shape, "f4")
        numbers = self.storage.array(what)
        strides = [step * numbers.itemsize for step in self.strides]
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides)
        return widened(view) if self.storage.dtype == BF16 else np.array(view)


def widened(bits):
    """bfloat16, given as 16-bit integers, in fp32."""
    return (bits.astype("u4") << 16).view("f4")


class Closed(type):
    """Classes that stand for a name in the pickle: instances can be filled, nothing is called."""

    def __call__(cls, *args, **keywords):
        raise ConvertError("pickle", "tensors and plain containers",
                           f"a call of {cls.name}, which was not run (save the model's "
                           "state_dict() instead)")


class Inert(metaclass=Closed):
    """An object of the checkpoint, with its state if it has one."""

    def __new__(cls, *_, **__):
        self = object.__new__(cls)
        self.state, self.items = None, {}
        return self

    def __setstate__(self, state):
        self.state = state

    def __setitem__(self, key, value):
        self.items[key] = value

    def append(self, value):
        self.items[len(self.items)] = value

    extend = __setstate__
    add = append


def unused(*_):
    return Inert.__new__(Inert)


def rebuild(storage, offset, shape, strides, *_):
    return Tensor(storage, offset, shape, strides)


def rebuild_typed(storage, offset, shape, strides, _gradient, _hooks, dtype, *_):
    return Tensor(storage, offset, shape, strides, dtype)


def first(value, *_):
    return value


OURS = {
    "collections.OrderedDict": OrderedDict,
    "torch.Size": tuple,
    "torch._utils._rebuild_tensor": rebuild,
    "torch._utils._rebuild_tensor_v2": rebuild,
    "torch._utils._rebuild_tensor_v3": rebuild_typed,
    "torch._utils._rebuild_parameter": first,
    "torch._utils._rebuild_parameter_with_state": first,
    "torch._tensor._rebuild_from_type_v2": lambda call, _type, arguments, _state: call(*arguments),
    "torch.jit._pickle.build_intlist": first,
    "torch.jit._pickle.build_doublelist": first,
    "torch.jit._pickle.build_boollist": first,
    "torch.jit._pickle.build_tensorlist": first,
    "torch.jit._pickle.restore_type_tag": first,
}


class Unpickler(pickle.Unpickler):
    def __init__(self, file, storage):
        super().__init__(file, encoding="utf-8")
        self.storage = storage

    def find_class(self, module, name):
        # Protocols below 3 have the names of Python 2.
        module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
        full = f"{module}.{name}"
        if full in OURS:
            return OURS[full]
        if module in ("torch", "torch.storage") and name in DTYPES:
            return DTYPES[name]
        if full in UNUSED_CALLS:
            return unused
        return Closed(name, (Inert,), {"name": full})

    def persistent_load(self, key):
        if not isinstance(key, tuple) or len(key) < 5 or key[0] not in ("storage", b"storage"):
            raise ConvertError("pickle", "storages as PyTorch names them", repr(key)[:80])
        return self.storage(*key[1:])


def unpickle(file, storage=None):
    try:
        return Unpickler(file, storage).load()
    except (ConvertError, MemoryError):
        raise
    except Exception as error:  # a broken pickle can raise anything
        raise ConvertError("pickle", "a whole checkpoint", f"{type(error).__name__}: {error}"
                           .replace("\n", " ")) from None


def is_zip_of_pytorch(path):
    """Whether there is a data.pkl in an archive; None if the archive cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.rpartition("/")[2] == "data.pkl" for name in archive.namelist())
    except Exception:  # as below
        return None


def read_zip(path):
    """The object in a zip archive, and whether it is a TorchScript."""
    try:
        with zipfile.ZipFile(path) as archive:
            return read_archive(archive)
    except (ConvertError, MemoryError):
        raise
    except Exception as error:  # a broken archive too
        raise ConvertError("zip archive", "a whole one", str(error)) from None


def read_archive(archive):
    names = archive.namelist()
    pickles = [name for name in names if name.endswith("/data.pkl") or name == "data.pkl"]
    if len(pickles) != 1:
        raise ConvertError("zip archive", "one data.pkl", f"{len(pickles)} of {len(names)} files")
    root = pickles[0][: -len("data.pkl")]
    if root + "byteorder" in names and archive.read(root + "byteorder") != b"little":
        raise ConvertError("byteorder", "little", archive.read(root + "byteorder").decode())
    content = {}

    def storage(kind, key, _location, count, *_):
        name = f"{root}data/{key}"
        if name not in names:
            raise ConvertError("zip archive", f"a file {name}", "none")
        if name not in content:
            content[name] = archive.read(name)
        return Storage(kind if isinstance(kind, str) else None, count, lambda: content[name])

    with archive.open(pickles[0]) as file:
        value = unpickle(file, storage)
    return value, root + "constants.pkl" in names


def read_legacy(path):
    """The object in a file as PyTorch wrote them before 1.6."""
    with open(path, "rb") as file:
        if unpickle(file) != LEGACY_MAGIC or unpickle(file) != LEGACY_PROTOCOL:
            raise ConvertError("pickle", "PyTorch's magic number and protocol 1001", "another one")
        system = unpickle(file)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise ConvertError("byte order", "little endian", "another one")
        content, sizes = {}, {}

        def storage(kind, key, _location, count, view=None):
            if not isinstance(kind, str):
                raise ConvertError(f"storage {key}", "numbers of a known type", kind.name)
            sizes[key] = size = item_size(kind)
            begin, count = (view[1], view[2]) if view else (0, count)
            return Storage(kind, count, lambda: content[key][begin * size : (begin + count) * size])

        value = unpickle(file, storage)
        for key in unpickle(file):
            count = int.from_bytes(file.read(8), "little")
            if key not in sizes:
                raise ConvertError(f"storage {key}", "one that a tensor uses", "none")
            content[key] = file.read(count * sizes[key])
            if len(content[key]) != count * sizes[key]:
                raise ConvertError(f"storage {key}", f"{count * sizes[key]} bytes",
                                   len(content[key]))
        if content.keys() != sizes.keys():
            raise ConvertError("storages", f"{len(sizes)}", len(content))
    return value, False
