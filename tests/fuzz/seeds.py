#!/usr/bin/env python3
"""Write seeds for the fuzzer: seeds.py FOLDER

Small models of every shape that lstm_file_lstm knows, and files that just miss being one.
"""

import itertools
import json
import struct
import sys
from pathlib import Path

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1, "I8": 1}


def safetensors(tensors, metadata=None, pad=8):
    """tensors: name -> (dtype, shape)."""
    header, end = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape) in tensors.items():
        begin = end
        size = SIZES[dtype]
        for dimension in shape:
            size *= dimension
        end += size
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % pad)
    return struct.pack("<Q", len(text)) + text + bytes(37 * k % 64 for k in range(end))


def of_codes(tensors):
    """The network with its matrices as int8 codes, and the scales of their rows beside them."""
    for name, (dtype, shape) in list(tensors.items()):
        if len(shape) == 2:
            tensors[name] = "I8", shape
            tensors[name + ".scale"] = "F32", shape[:1]
    return tensors


def network(input=1, hidden=1, layers=1, both=False, projection=0, bias=2, peephole=False,
            cell=False, dtype="F32", prefix=""):
    output = projection or hidden
    tensors = {}
    for layer, reverse in itertools.product(range(layers), range(2 if both else 1)):
        end = "" if cell else f"_l{layer}"
        end += "_reverse" if reverse else ""
        width = (2 if both else 1) * output if layer else input
        tensors[prefix + "weight_ih" + end] = dtype, [4 * hidden, width]
        tensors[prefix + "weight_hh" + end] = dtype, [4 * hidden, output]
        if bias:
            tensors[prefix + "bias_ih" + end] = dtype, [4 * hidden]
        if bias == 2:
            tensors[prefix + "bias_hh" + end] = dtype, [4 * hidden]
        if peephole:
            tensors[prefix + "weight_peephole" + end] = dtype, [3 * hidden]
        if projection:
            tensors[prefix + "weight_hr" + end] = dtype, [projection, hidden]
    return tensors


def models():
    for dtype in ("F32", "F64", "F16", "BF16"):
        yield safetensors(network(dtype=dtype))
        yield safetensors(network(dtype=dtype), pad=1)
    yield safetensors(network(input=3, hidden=2))
    yield safetensors(network(cell=True, prefix="vad.cell."))
    yield safetensors(network(layers=2))
    yield safetensors({**network(layers=2, dtype="BF16"), **network(dtype="F16")})
    yield safetensors(network(both=True))
    yield safetensors(network(layers=2, both=True, projection=1, hidden=2))
    yield safetensors(network(hidden=2, projection=1, peephole=True))
    yield safetensors(network(bias=0))
    yield safetensors(of_codes(network(input=3, hidden=2)))
    yield safetensors(of_codes(network(bias=0, dtype="F16", cell=True, prefix="a.")), pad=1)
    yield safetensors(of_codes(network(layers=2, both=True, projection=1, hidden=2)))
    yield safetensors({**of_codes(network()), "code": ("I8", [3])})
    yield safetensors(network(bias=1), {"lstm.bias": "single"})
    yield safetensors({**network(), "other": ("I64", [2]), "none": ("U8", [0])})
    yield safetensors({**network(prefix="a."), **network(prefix="b.", cell=True)})
    yield safetensors(network(), {"lstm.gates": "ifgo", "lstm.direction": "reverse",
                                  "lstm.clip": "2.5", "lstm.cell_clip": "1e1",
                                  "lstm.input_forget": "1", "format": "pt\n\u00e9\U0001f600"})
    for names in ("sigmoid,tanh,tanh", "relu,linear,affine(2,-0.5)",
                  "leakyrelu(0.1),thresholdedrelu,scaledtanh(1.7,0.6)",
                  "hardsigmoid(0.2,0.5),hardsigmoid_keras3,elu", "softsign,softplus,elu(2)"):
        yield safetensors(network(), {"lstm.activations": names})
    yield safetensors(network(both=True), {"lstm.activations": "relu,tanh,tanh,tanh,elu,linear",
                                           "lstm.direction": "bidirectional"})


def near_misses():
    good = safetensors(network())
    for size in (0, 7, 8, 9, len(good) // 2, len(good) - 1):
        yield good[:size]
    yield good + b"\0"
    yield safetensors(of_codes(network())).replace(b".scale", b".shale")
    yield safetensors({**of_codes(network(bias=0)), "weight_hh_l0.scale": ("F16", [4])})
    for old, new in ((b"F32", b"I32"), (b"[0,16]", b"[8,24]"), (b"[4,1]", b"[1,4]"),
                     (b"weight_hh", b"weight_ih"), (b"bias_hh", b"bias_ih"), (b"_l0", b"_l1"),
                     (b'"shape"', b'"dtype"'), (b"},", b"} "), (b"[4,1]", b"[-4]"),
                     (b"bias_ih_l0", b"b\\u0069ah_l"), (b"weight_ih", b"\xc3\xa9ght_ih")):
        yield good.replace(old, new, 1)
    for length in (0, 1, 2**32, 2**63, 2**64 - 1, 100_000_000, 100_000_001):
        yield struct.pack("<Q", length) + good[8:]
    for text in (b"{}", b"[]", b"null", b'{"a":' * 50, b'{"a":{"shape":' + b"[" * 50,
                 b'{"__metadata__":{}}', b'{"\\ud83d\\ude00":{}}', b'{"a":{"dtype":"F32"}} x'):
        yield struct.pack("<Q", len(text)) + text


def main():
    if len(sys.argv) != 2:
        print("seeds.py: expected one folder, as in: seeds.py FOLDER", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(itertools.chain(models(), near_misses())):
            (folder / f"seed{number:03}").write_bytes(seed)
    except OSError as error:
        print(f"seeds.py: {folder}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
