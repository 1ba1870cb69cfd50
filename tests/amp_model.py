"""The amplifier of examples/amp/amp.h in plain Python and double precision, with random weights,
and a reader of what lstm-amp writes."""

import json
import math
import random
import struct

FUNCTIONS = {
    "linear": lambda x: x,
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "elu": lambda x: x if x > 0 else math.expm1(x),
}


def single(value):
    """The nearest fp32."""
    return struct.unpack("f", struct.pack("f", value))[0]


def product(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


class Amp:
    """tensors: name -> nested lists of fp32 values; metadata: key -> text."""

    def __init__(self, seed, hidden, layers=1, inputs=1, head=None, initial=False, **metadata):
        """head: None is one layer, a list of widths a stack.  Metadata keys without their amp."""
        self.random = random.Random(seed)
        self.hidden, self.layers, self.inputs = hidden, layers, inputs
        self.metadata = {f"amp.{key}": str(value) for key, value in metadata.items()}
        self.tensors = {}
        for layer in range(layers):
            width = inputs if layer == 0 else hidden
            self.draw(f"weight_ih_l{layer}", 4 * hidden, width)
            self.draw(f"weight_hh_l{layer}", 4 * hidden, hidden)
            self.draw(f"bias_ih_l{layer}", 4 * hidden)
            self.draw(f"bias_hh_l{layer}", 4 * hidden)
        for name, inner, outer in self.dense(head):
            self.draw(f"{name}.weight", outer, inner)
            self.draw(f"{name}.bias", outer)
        if initial:
            self.draw("initial_h", layers, hidden)
            self.draw("initial_c", layers, hidden)

    def dense(self, head):
        if head is None:
            return [("head", self.hidden, 1)]
        widths = [self.hidden, *head]
        return [(f"head.{i}", widths[i], widths[i + 1]) for i in range(len(head))]

    def draw(self, name, *shape):
        def values(sizes):
            if not sizes:
                return single(self.random.gauss(0, 1 / math.sqrt(shape[-1] + 1)))
            return [values(sizes[1:]) for _ in range(sizes[0])]

        self.tensors[name] = values(shape)

    def save(self, path):
        """A safetensors file."""
        header, data = {"__metadata__": self.metadata}, b""
        for name, tensor in self.tensors.items():
            shape, values = [], tensor
            while isinstance(values, list):
                shape.append(len(values))
                values = values[0]
            flat = tensor
            for _ in shape[1:]:
                flat = [value for row in flat for value in row]
            raw = struct.pack(f"<{len(flat)}f", *flat)
            offsets = [len(data), len(data) + len(raw)]
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
            data += raw
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        path.write_bytes(struct.pack("<Q", len(text)) + text + data)
        return path

    def step(self, x):
        """One step of the LSTM: the last layer's output; self.state goes on."""
        for layer, (h, c) in enumerate(self.state):
            w, u, b, b2 = (self.tensors[f"{stem}_l{layer}"] for stem in
                           ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))  # fmt: skip
            sums = [sum(four) for four in zip(product(w, x), product(u, h), b, b2)]
            size = self.hidden
            i, f, g, o = (sums[k * size : (k + 1) * size] for k in range(4))
            sigmoid = FUNCTIONS["sigmoid"]
            c = [sigmoid(f[k]) * c[k] + sigmoid(i[k]) * math.tanh(g[k]) for k in range(size)]
            x = [sigmoid(o[k]) * math.tanh(c[k]) for k in range(size)]
            self.state[layer] = (x, c)
        return x

    def run(self, samples, knobs=()):
        """One channel."""
        get = self.metadata.get
        zero = [[0.0] * self.hidden] * self.layers
        self.state = list(zip(self.tensors.get("initial_h", zero),
                              self.tensors.get("initial_c", zero)))  # fmt: skip
        layers = [name[: -len(".weight")] for name in self.tensors if name.endswith(".weight")]
        activations = get("amp.head_activations", ",".join(["linear"] * len(layers))).split(",")
        result = []
        for sample in [0.0] * int(get("amp.prewarm", 0)) + list(samples):
            v = float(get("amp.input_gain", 1)) * sample
            y = self.step([v, *knobs])
            for name, activation in zip(layers, activations):
                bias = self.tensors.get(f"{name}.bias", [0.0] * len(self.tensors[f"{name}.weight"]))
                y = [FUNCTIONS[activation](a + b)
                     for a, b in zip(product(self.tensors[f"{name}.weight"], y), bias)]  # fmt: skip
            out = y[0] + (v if get("amp.skip") == "1" else 0)
            result.append(float(get("amp.output_gain", 1)) * out)
        return result[int(get("amp.prewarm", 0)) :]


def read_float(path):
    """(rate, channels, interleaved values) of a WAV file of 32-bit floats."""
    data = path.read_bytes()
    assert data[:4] == b"RIFF" and data[8:16] == b"WAVEfmt ", data[:16]
    chunks, at = {}, 12
    while at < len(data):
        name, (size,) = data[at : at + 4], struct.unpack("<I", data[at + 4 : at + 8])
        chunks[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunks[b"fmt "][:16])
    assert (code, bits) == (3, 32), (code, bits)
    raw = chunks[b"data"]
    return rate, channels, list(struct.unpack(f"<{len(raw) // 4}f", raw))
