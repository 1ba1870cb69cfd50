"""What the makers of goldens share: the case, its random numbers, its file, and the list of cases.

A golden is a safetensors file: the network under the prefix "lstm.", what goes in (x, and where
the case has them h0, c0, lengths, mask) and what the framework answered (y, hn, cn).  Its __metadata__
holds the lstm.* options that shapes cannot say, and

    golden.framework    name and version
    golden.case         a sentence
    golden.seed         of the random numbers
    golden.error        how far the framework's results are from the equations in double precision
    golden.fp32         how far fp32 arithmetic is, the worst of several orders of summation
    golden.batch_first  "1" if x, y and mask are [B, T, ...] instead of [T, B, ...]
    golden.masked       with a mask: "hold" or "zero", what y is in a step left out

the two distances relative to the expected value where it is larger than 1.
"""

import json
import os
import struct
import sys
import zlib

import numpy as np

import equations

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "data")
LIST = os.path.join(HERE, "cases.txt")

# A framework whose result is farther from the equations means something else by the case: one that
# answers in fp32 is off by some 2^-24 = 6e-8, and ONNX Runtime, which also computes in it, by a few
# times that.  A case where fp32 arithmetic alone is off by more than this is too sensitive to show
# anything.
LARGEST_ERROR = 1e-6

DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "uint16": "BF16", "int64": "I64",
          "uint8": "U8"}


def default_functions():
    return [[("sigmoid", 0, 0), ("tanh", 0, 0), ("tanh", 0, 0)]]


class Case:
    """One network with one input.  layers: for each layer, an equations.Cell per direction."""

    def __init__(self, name, sentence):
        self.name, self.sentence = name, sentence
        self.seed = zlib.crc32(name.encode())
        # numpy keeps the numbers of this generator the same in all its versions
        self.random = np.random.RandomState(self.seed)
        self.direction = "forward"
        self.functions = default_functions()
        self.clip = 0.0
        self.input_forget = False
        self.layers = []
        self.x = self.h0 = self.c0 = self.lengths = self.mask = None
        self.masked = "hold"
        self.metadata = {}
        self.cell_names = False
        self.bfloat16 = False  # store the weights, which bfloat16 can hold, in that type
        self.batch_first = False

    def uniform(self, *shape, scale=1.0):
        return self.random.uniform(-scale, scale, shape).astype(np.float32)

    @property
    def directions(self):
        return 2 if self.direction == "bidirectional" else 1

    def initial(self, name):
        value = getattr(self, name)
        if value is not None:
            return value
        cell = self.layers[0][0]
        hidden = cell.u.shape[0] // 4
        size = cell.u.shape[1] if name == "h0" else hidden
        return np.zeros((len(self.layers) * self.directions, self.x.shape[1], size), np.float32)

    def tensors(self):
        """The network under PyTorch's names, without the prefix."""
        named = {}
        for layer, cells in enumerate(self.layers):
            for d, cell in enumerate(cells):
                suffix = "" if self.cell_names else "_l%d%s" % (layer, "_reverse" * d)
                for name, value in (("weight_ih", cell.w), ("weight_hh", cell.u),
                                    ("bias_ih", cell.b), ("bias_hh", cell.b2),
                                    ("weight_hr", cell.projection),
                                    ("weight_peephole", cell.peephole)):
                    if value is not None:
                        named[name + suffix] = value
        return named

    def options(self):
        """The lstm.* keys of what is not the default."""
        keys = {}
        if self.direction == "reverse":
            keys["lstm.direction"] = "reverse"
        if self.functions != default_functions():
            keys["lstm.activations"] = ",".join(
                function_text(*f) for functions in self.functions for f in functions)
        if self.clip:
            keys["lstm.clip"] = "%.9g" % self.clip
        if self.input_forget:
            keys["lstm.input_forget"] = "1"
        return keys


PARAMETERS = {"affine": 2, "scaledtanh": 2, "hardsigmoid": 2, "leakyrelu": 1,
              "thresholdedrelu": 1, "elu": 1}


def function_text(name, alpha, beta):
    count = PARAMETERS.get(name, 0)
    return name + ("(%s)" % ",".join("%.9g" % v for v in (alpha, beta)[:count]) if count else "")


def bfloat16_bits(array):
    """The upper halves of fp32 values whose lower halves are zero."""
    bits = array.view(np.uint32)
    if np.any(bits & 0xffff):
        sys.exit("bfloat16 cannot hold every value of a tensor")
    return (bits >> 16).astype(np.uint16)


def write_safetensors(path, tensors, metadata):
    header, blobs, offset = {"__metadata__": metadata}, [], 0
    for name, array in tensors.items():
        blob = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        header[name] = {"dtype": DTYPES[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def write(case, framework, version, y, hn, cn):
    """Judge what the framework answered and write the golden; returns the name in cases.txt."""
    name = "%s_%s" % (framework, case.name)
    y, hn, cn = (np.asarray(a, np.float32) for a in (y, hn, cn))
    exact = equations.run(case)
    error = max(equations.distance(a, b) for a, b in zip((y, hn, cn), exact))
    fp32 = equations.fp32_cost(case, exact)
    print("%-52s error %.1e  fp32 %.1e" % (name, error, fp32))
    if not error <= LARGEST_ERROR:
        sys.exit("%s: results, expected the equations within %g, found %g: %s"
                 % (name, LARGEST_ERROR, error, case.sentence))
    if not fp32 <= LARGEST_ERROR:
        sys.exit("%s: cost of fp32, expected at most %g, found %g" % (name, LARGEST_ERROR, fp32))
    tensors = {"lstm." + key: bfloat16_bits(value) if case.bfloat16 else value
               for key, value in case.tensors().items()}
    x, mask = case.x, case.mask
    if case.batch_first:
        x, y = x.swapaxes(0, 1), y.swapaxes(0, 1)
        mask = None if mask is None else mask.swapaxes(0, 1)
    tensors["x"] = x
    for key in ("h0", "c0"):
        if getattr(case, key) is not None:
            tensors[key] = getattr(case, key)
    if case.lengths is not None:
        tensors["lengths"] = np.asarray(case.lengths, np.int64)
    if mask is not None:
        tensors["mask"] = mask.astype(np.uint8)
    tensors.update(y=y, hn=hn, cn=cn)
    metadata = dict(case.options(), **case.metadata)
    metadata.update({"golden.framework": "%s %s" % (framework, version),
                     "golden.case": case.sentence, "golden.seed": str(case.seed),
                     "golden.error": "%.2e" % error, "golden.fp32": "%.2e" % fp32})
    if case.batch_first:
        metadata["golden.batch_first"] = "1"
    if mask is not None:
        metadata["golden.masked"] = case.masked
    write_safetensors(os.path.join(DATA, name + ".safetensors"), tensors, metadata)
    return name


def replace_goldens(framework, make):
    """Drop the framework's goldens, call make() for the names of the new ones, and list them."""
    os.makedirs(DATA, exist_ok=True)
    mine = framework + "_"
    for file in os.listdir(DATA):
        if file.startswith(mine):
            os.remove(os.path.join(DATA, file))
    names = make()
    if len(names) != len(set(names)):
        sys.exit("%s: two cases of one name" % framework)
    others = []
    if os.path.exists(LIST):
        with open(LIST, encoding="ascii") as file:
            others = [line for line in file.read().split() if not line.startswith(mine)]
    with open(LIST, "w", encoding="ascii") as file:
        file.write("".join(name + "\n" for name in sorted(others + names)))
    print("%s: %d cases" % (framework, len(names)))
