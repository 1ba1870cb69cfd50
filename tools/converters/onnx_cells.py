"""LSTMs that an exporter decomposed: products, a split in four, sigmoids and hyperbolic tangents.

One step is looked for by its structure, c' = f * c + i * g and h = o * tanh(c'), which tells the
order of the gates whatever it is.  Names of PyTorch, such as rnn.weight_ih, tell the prefix.
"""

import re
from dataclasses import dataclass, field

import numpy as np

from . import onnx_graph
from .model import ConvertError, Lstm, activation, to_ifgo
from .pytorch import PARAMETER

FUNCTIONS = {"Sigmoid": (), "Tanh": (), "Relu": (), "Softsign": (), "HardSigmoid": (0.2, 0.5)}
RECURRENT = re.compile(r"(?i)(weight|bias)_hh|recurrent")


def act(scope, name):
    """(our activation, the name it is applied to), or None."""
    node = scope.producer(name)
    if node is None or node.op_type not in FUNCTIONS:
        return None
    given = onnx_graph.attributes(node)
    parameters = [given.get(key, default)
                  for key, default in zip(("alpha", "beta"), FUNCTIONS[node.op_type])]
    return activation(node.op_type.lower(), *parameters), node.input[0]


def block(scope, name):
    """(what is split, where the block begins: its number, or its first column as a float)."""
    node = scope.producer(name)
    if node is None or node.op_type not in ("Split", "Slice"):
        return None
    if node.op_type == "Split":
        sizes = onnx_graph.attributes(node).get("split")
        if len(node.input) > 1 and node.input[1]:
            sizes = scope.constant(node.input[1])
        if len(node.output) != 4 or (sizes is not None and len(set(map(int, sizes))) != 1):
            return None
        return node.input[0], list(node.output).index(name)
    given = onnx_graph.attributes(node)
    starts = given.get("starts") or (scope.constant(node.input[1]) if len(node.input) > 1 else None)
    if starts is None or len(starts) != 1 or starts[0] < 0:
        return None
    return node.input[0], float(starts[0])


@dataclass
class Terms:
    """A sum of products with constant matrices, and of constant biases."""

    products: list = field(default_factory=list)  # (operand, matrix [4H, K], initializers)
    biases: list = field(default_factory=list)  # (vector, initializers)

    def product(self, scope, operand, matrix, turn):
        used = set()
        value = scope.constant(matrix, used)
        if value is None or value.ndim != 2:
            return False
        self.products.append((operand, value.T if turn else value, used))
        return True

    def add(self, scope, name):
        """Whether the value of this name is understood."""
        used = set()
        value = scope.constant(name, used)
        if value is not None:
            self.biases.append((value.reshape(-1), used))
            return value.size == max(value.shape, default=0)
        node = scope.producer(name)
        if node is None:
            return False
        if node.op_type == "Identity":
            return self.add(scope, node.input[0])
        if node.op_type == "Add":
            return all([self.add(scope, term) for term in node.input])
        if node.op_type == "MatMul":
            return self.product(scope, *node.input, turn=True)
        given = onnx_graph.attributes(node)
        if node.op_type != "Gemm" or given.get("transA", 0) or given.get("alpha", 1) != 1:
            return False
        known = self.product(scope, node.input[0], node.input[1], not given.get("transB", 0))
        if len(node.input) > 2 and node.input[2]:
            known = known and given.get("beta", 1) == 1 and self.add(scope, node.input[2])
        return known


class Cell:
    """One step as the graph has it: the names between which it stands, and its weights."""

    def __init__(self, scope, gates, positions, acts, names, terms):
        self.scope, self.acts, self.names, self.terms = scope, acts, names, terms
        self.used = set().union(*(used for *_, used in (*terms.products, *terms.biases)))
        self.what = f"decomposed LSTM of {', '.join(sorted(self.used)) or gates!r}"
        self.hidden = terms.products[0][1].shape[0] // 4
        place = {gate: int(at // self.hidden if isinstance(at, float) else at)
                 for gate, at in positions.items()}
        self.order = "".join(sorted(place, key=place.get))
        self.whole = sorted(place.values()) == [0, 1, 2, 3]

    def recurrent(self):
        """Which of the two products is that of h."""
        said = [any(RECURRENT.search(name) for name in used) for *_, used in self.terms.products]
        if sum(said) == 1:
            return said.index(True)
        square = [matrix.shape[1] == self.hidden for _, matrix, _ in self.terms.products]
        if sum(square) == 1:
            return square.index(True)
        outputs = [operand == self.names["h'"] or self.scope.producer(operand) is not None
                   and self.scope.producer(operand).op_type == "Mul"
                   for operand, *_ in self.terms.products]
        if sum(outputs) == 1:  # in an unrolled loop, what the step before gave
            return outputs.index(True)
        raise ConvertError(self.what, "a matrix that is told to be that of h",
                           "two of one shape, and names that do not tell")

    def convert(self):
        if not self.whole:
            raise ConvertError(self.what, "four blocks of gates", "others")
        at = self.recurrent()
        (self.names["h"], hh, _), (self.names["x"], ih, _) = (self.terms.products[at],
                                                             self.terms.products[1 - at])
        if hh.shape != (4 * self.hidden, self.hidden) or ih.shape[0] != 4 * self.hidden:
            raise ConvertError(self.what, "matrices [4H, H] and [4H, I]",
                               f"{list(hh.shape)} and {list(ih.shape)}")
        part = {"weight_ih": to_ifgo(ih, self.order), "weight_hh": to_ifgo(hh, self.order)}
        biases = sorted(self.terms.biases, key=lambda bias: any(map(RECURRENT.search, bias[1])))
        if any(vector.shape != (4 * self.hidden,) for vector, _ in biases):
            raise ConvertError(self.what, f"biases [{4 * self.hidden}]",
                               ", ".join(str(list(vector.shape)) for vector, _ in biases))
        if len(biases) > 2:
            total = sum(vector.astype(np.float64) for vector, _ in biases)
            biases = [(total.astype(np.float32), set())]
        for stem, (vector, _) in zip(("bias_ih", "bias_hh"), biases):
            part[stem] = to_ifgo(vector, self.order)
        prefixes = {match[1] for name in self.used if (match := PARAMETER.fullmatch(name))}
        lstm = Lstm(prefix=min(prefixes, default=""), parts=[part], cell=True,
                    gates=" ".join(self.order), activations=self.acts,
                    source={"node": self, "place": self.scope.path,
                            "said": self.scope.producer(self.names["c'"]).name.rpartition("/")[0]})
        lstm.notes.append("found as single operations: products, a split, "
                          + " ".join(dict.fromkeys(self.acts)))
        return lstm

    def alone(self):
        """The step in a model of its own, from x, h and c to h' and c'."""
        from onnx import TensorProto, helper, numpy_helper

        known = {self.names[key] for key in "xhc"}
        nodes, constants = [], {}

        def gather(name):
            if not name or name in known:
                return
            known.add(name)
            value = self.scope.constant(name)
            if value is not None:
                constants[name] = value
                return
            node = self.scope.producer(name)
            for other in node.input:
                gather(other)
            if node not in nodes:
                nodes.append(node)

        for key in ("h'", "c'"):
            gather(self.names[key])
        graph = helper.make_graph(
            nodes, "alone",
            [helper.make_tensor_value_info(self.names[key], TensorProto.FLOAT, [None] * 2)
             for key in "xhc"],
            [helper.make_tensor_value_info(self.names[key], TensorProto.FLOAT, [None] * 2)
             for key in ("h'", "c'")],
            [numpy_helper.from_array(np.ascontiguousarray(value), name)
             for name, value in constants.items()])
        return helper.make_model(graph, opset_imports=self.scope.model.opset_import, ir_version=8)


def run(session, x, h0, c0):
    """A model of alone(), step after step."""
    h, c, y = h0[0], c0[0], []
    names = [value.name for value in session.get_inputs()]
    for step in x:
        h, c = session.run(None, dict(zip(names, (step, h, c))))
        y.append(h)
    return np.stack(y), h[None], c[None]


def gate(scope, name):
    """(activation, split tensor, place) of a gate, or None."""
    applied = act(scope, name)
    part = applied and block(scope, applied[1])
    return part and (applied[0], *part)


def find(scope, add):
    """The Cell whose c' this Add computes, or None."""
    products = [scope.producer(name) for name in add.input]
    if any(node is None or node.op_type != "Mul" for node in products):
        return None
    for keep, new in (products, products[::-1]):
        kept = [(gate(scope, name), other) for name, other in (keep.input, keep.input[::-1])]
        kept = [(found, other) for found, other in kept if found]
        fresh = [gate(scope, name) for name in new.input]
        last = output_gate(scope, add.output[0])
        if len(kept) != 1 or not all(fresh) or not last:
            continue
        (f, c), (o, out, h) = kept[0], last
        fresh.sort(key=lambda found: found[0] != f[0])  # i has the function of f and o
        i, g = fresh
        if not (i[0] == f[0] == o[0] != g[0]) or len({i[1], f[1], g[1], o[1]}) != 1:
            continue
        terms = Terms()
        if not terms.add(scope, i[1]) or len(terms.products) != 2:
            continue
        return Cell(scope, i[1], {"i": i[2], "f": f[2], "g": g[2], "o": o[2]},
                    (f[0], g[0], out), {"c": c, "c'": add.output[0], "h'": h}, terms)
    return None


def output_gate(scope, c):
    """(gate o, activation of c, name of h) of h = o * tanh(c), or None."""
    for node in scope.consumers(c):
        applied = act(scope, node.output[0])
        for product in scope.consumers(node.output[0]) if applied else ():
            if product.op_type == "Mul":
                other = [name for name in product.input if name != node.output[0]]
                found = gate(scope, other[0]) if len(other) == 1 else None
                if found:
                    return found, applied[0], product.output[0]
    return None


def load(scopes, used, problems):
    """The decomposed LSTMs, one for each set of weights; used are those of LSTM nodes."""
    lstms, seen, failed = [], [], []
    for scope in scopes:
        for node in scope.graph.node:
            cell = find(scope, node) if node.op_type == "Add" else None
            if cell is None or cell.used in seen:
                continue
            try:
                lstms.append(cell.convert())
                seen.append(cell.used)
            except ConvertError as problem:
                failed.append((cell.used, problem))
    # The first step of an unrolled loop may not tell what a later one does.
    problems += [problem for names, problem in failed if names not in seen]
    named(scopes, used.union(*seen, *(names for names, _ in failed)), problems)
    return lstms


def named(scopes, used, problems):
    """Say of weights that are named as an LSTM's, but whose use is not understood."""
    for scope in scopes:
        for name, tensor in scope.initializers.items():
            match = PARAMETER.fullmatch(name)
            if (match and match[2] == "weight" and match[3] == "hh" and name not in used
                    and len(tensor.dims) == 2 and tensor.dims[0] == 4 * tensor.dims[1]):
                problems.append(ConvertError(
                    f"tensor {name!r}", "an LSTM node, or a step of an LSTM in single operations",
                    "another use, which does not tell the order of the gates"))
