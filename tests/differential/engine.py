"""lstm.h and the oracle, as the shared library that shim.c makes."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import instance as onnx_instance

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache" / "differential"
KINDS = {"sleef": (["-lsleef"], []), "builtin": ([], ["-DLSTM_NO_SLEEF"])}
ISAS = {"scalar": 1, "neon": 2, "avx2": 3, "avx512": 4, "simd128": 5}  # lstm_isa


class Refused(Exception):
    """The library answered another status than LSTM_OK."""


class Shim(ctypes.Structure):
    """struct instance of shim.c."""
    _fields_ = [
        *((name, ctypes.c_int) for name in ("isa", "input", "hidden", "batch", "direction",
                                            "batch_major", "input_forget")),
        ("functions", ctypes.c_int * 6), ("alpha", ctypes.c_float * 6),
        ("beta", ctypes.c_float * 6), ("clip", ctypes.c_float),
        *((name, ctypes.c_size_t) for name in ("steps", "max_steps")),
        *((name, ctypes.c_void_p) for name in ("x", "w", "r", "b", "p", "h0", "c0", "lengths", "y",
                                               "hn", "cn")),
    ]


def address(array):
    return None if array is None else array.ctypes.data


def time_major(array, layout):
    return array if array is None or not layout else np.ascontiguousarray(array.swapaxes(0, 1))


class Engine:
    def __init__(self, kind):
        self.kind = kind
        libraries, options = KINDS[kind]
        CACHE.mkdir(parents=True, exist_ok=True)
        path = CACHE / f"shim-{kind}-{os.getpid()}.so"
        header = CACHE / f"header-{kind}-{os.getpid()}"
        header.mkdir(exist_ok=True)
        try:
            subprocess.run([ROOT / "tools" / "amalgamate.py", "-o", header / "lstm.h"], check=True)
            subprocess.run(
                [os.environ.get("CC", "cc"), "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O2", "-Wall",
                 "-Wextra", "-Werror", "-shared", "-fPIC", *options, f"-I{header}",
                 f"-I{HERE.parent}", HERE / "shim.c", HERE.parent / "oracle.c",
                 HERE.parent / "oracle_functions.c", "-o", path, *libraries, "-lm"], check=True)
            self.library = ctypes.CDLL(str(path))
        except subprocess.CalledProcessError as error:
            sys.exit(f"engine.py: {error}")
        finally:
            path.unlink(missing_ok=True)
            (header / "lstm.h").unlink(missing_ok=True)
            header.rmdir()
        self.library.lstm_strerror.restype = ctypes.c_char_p

    def supports(self, isa):
        return bool(self.library.lstm_isa_supported(ISAS[isa]))

    def describe(self, one, tensors):
        """The Shim of an instance, and what must stay alive as long as it is used."""
        shim = Shim()
        for k, (function, alpha, beta) in enumerate(one.functions()):
            shim.functions[k], shim.alpha[k], shim.beta[k] = function, alpha, beta
        shim.input, shim.hidden, shim.batch = one.input, one.hidden, one.batch
        shim.direction = onnx_instance.DIRECTIONS.index(one.direction)
        shim.batch_major, shim.input_forget = one.layout, one.input_forget
        shim.clip = one.clip or 0.0
        shim.steps = shim.max_steps = one.steps
        lengths = tensors["sequence_lens"]
        if lengths is not None:
            lengths = lengths.astype(np.uintp)
        shim.x, shim.w, shim.r = (address(tensors[name]) for name in "XWR")
        shim.b, shim.p = address(tensors["B"]), address(tensors["P"])
        shim.h0, shim.c0 = address(tensors["initial_h"]), address(tensors["initial_c"])
        shim.lengths = address(lengths)
        return shim, lengths

    def run(self, one, isa, max_steps):
        """The outputs asked for, by name, on one instruction set; float64 has one path."""
        shim, _lengths = self.describe(one, one.tensors)
        # NaN, so that what is not written is seen
        outputs = {name: np.full(one.shapes()[name], np.nan, one.dtype) for name in one.outputs}
        shim.isa, shim.max_steps = ISAS[isa], max_steps
        shim.y, shim.hn, shim.cn = (address(outputs.get(name)) for name in onnx_instance.OUTPUTS)
        call = self.library.shim_f64 if one.dtype == np.float64 else self.library.shim_f32
        status = call(ctypes.byref(shim))
        if status:
            raise Refused(self.library.lstm_strerror(status).decode())
        return outputs

    def oracle(self, one):
        """(expected, tolerance) of Y, Y_h and Y_c in the instance's layout."""
        tensors = dict(one.tensors)
        for name in ("X", "initial_h", "initial_c"):
            tensors[name] = time_major(tensors[name], one.layout)
        shim, _lengths = self.describe(one, tensors)
        y = np.empty((one.steps, one.batch, one.directions, one.hidden, 2))
        h, c = (np.empty((one.directions, one.batch, one.hidden, 2)) for _ in "hc")
        self.library.shim_oracle(ctypes.byref(shim), int(one.dtype == np.float64),
                                 *(ctypes.c_void_p(a.ctypes.data) for a in (y, h, c)))
        if one.layout:
            y, h, c = y.swapaxes(0, 1), h.swapaxes(0, 1), c.swapaxes(0, 1)
        else:
            y = y.swapaxes(1, 2)
        return {name: (a[..., 0], a[..., 1]) for name, a in zip(onnx_instance.OUTPUTS, (y, h, c))}
