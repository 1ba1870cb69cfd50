"""ONNX: LSTM nodes in the graph and in the bodies of If, Loop and Scan, and decomposed LSTMs."""

import re

import numpy as np

from . import onnx_cells, onnx_graph
from .model import (ConvertError, Lstm, activation, join, natural, shape_text,
                    to_ifgo)
from .verify import Reference, Unavailable

NAME = "ONNX"
KEY = "onnx"
REQUIREMENTS = ["onnx==1.19.1"]
VERIFY_REQUIREMENTS = ["onnxruntime==1.30.0"]

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
GATES = "iofc"
# name of the operator -> ours, with the defaults of alpha and beta
FUNCTIONS = {
    "sigmoid": ("sigmoid",), "tanh": ("tanh",), "relu": ("relu",), "softsign": ("softsign",),
    "softplus": ("softplus",), "affine": ("affine", 1, 0), "leakyrelu": ("leakyrelu", 0.01),
    "thresholdedrelu": ("thresholdedrelu", 1), "scaledtanh": ("scaledtanh", 1, 1),
    "hardsigmoid": ("hardsigmoid", 0.2, 0.5), "elu": ("elu", 1),
}  # fmt: skip


def matches(path, head):
    # A model begins with its ir_version and, if there is one, the producer's name.
    return str(path).lower().endswith(".onnx") or (head[:1] == b"\x08" and head[2:3] == b"\x12")


# ---- one node -----------------------------------------------------------------------------------
def read_activations(attributes, directions, what):
    """(names, alphas, betas): ours, and what the operator was given with defaults filled in."""
    names = [name.decode() for name in attributes.get("activations", ())]
    names = names or ["Sigmoid", "Tanh", "Tanh"] * directions
    if len(names) != 3 * directions:
        raise ConvertError(f"{what}: activations", f"{3 * directions}", len(names))
    given = [iter(attributes.get("activation_" + key, ())) for key in ("alpha", "beta")]
    ours, lists = [], ([], [])
    for name in names:
        if name.lower() not in FUNCTIONS:
            raise ConvertError(f"{what}: activations", "functions of the operator", repr(name))
        function, *defaults = FUNCTIONS[name.lower()]
        # The lists hold values for those functions alone that have a parameter.
        values = [next(numbers, default) for numbers, default in zip(given, defaults)]
        for numbers, value in zip(lists, values):
            numbers.append(float(value))
        linear = function == "affine" and tuple(values) == (1, 0)
        ours.append("linear" if linear else activation(function, *values))
    if directions == 2 and ours[:3] == ours[3:]:
        ours = ours[:3]
    return tuple(ours), *lists


class Node:
    """An LSTM node, its constant inputs, and the initializers that they come from."""

    def __init__(self, node, scope):
        self.node, self.scope, self.used = node, scope, set()
        self.what = f"LSTM node {node.name or node.output[0]!r}"
        self.attributes = onnx_graph.attributes(node)
        self.names = dict(zip(INPUTS, node.input))
        self.values = {key: scope.constant(name, self.used)
                       for key, name in self.names.items() if name and key != "X"}

    def matrix(self, key, *shape):
        """A constant input of this shape, None standing for any size; or None if it is absent."""
        if not self.names.get(key):
            return None
        value = self.values[key]
        if value is None:
            producer = self.scope.producer(self.names[key])
            raise ConvertError(
                f"{self.what}: {key}", "a constant, or what is computed from constants",
                f"the result of {producer.op_type}" if producer else "an input of the graph")
        if value.ndim != len(shape) or any(want not in (None, have)
                                           for want, have in zip(shape, value.shape)):
            wanted = shape_text("any" if size is None else size for size in shape)
            raise ConvertError(f"{self.what}: {key}", f"shape {wanted}", shape_text(value.shape))
        return value

    def convert(self):
        direction = self.attributes.get("direction", b"forward").decode()
        if direction not in ("forward", "reverse", "bidirectional"):
            raise ConvertError(f"{self.what}: direction", "forward, reverse or bidirectional",
                               repr(direction))
        lstm = Lstm(direction=direction, gates="i o f c",
                    matrices="rows are gates, as in PyTorch; directions taken apart")
        directions = lstm.directions
        r = self.matrix("R", directions, None, None)
        if r is None or self.matrix("W", directions, None, None) is None:
            raise ConvertError(self.what, "inputs W and R", "none")
        hidden = r.shape[2]
        if self.attributes.get("hidden_size", hidden) != hidden:
            raise ConvertError(f"{self.what}: hidden_size", hidden, self.attributes["hidden_size"])
        w = self.matrix("W", directions, 4 * hidden, None)
        r = self.matrix("R", directions, 4 * hidden, hidden)
        b = self.matrix("B", directions, 8 * hidden)
        p = self.matrix("P", directions, 3 * hidden)
        for d in range(directions):
            part = {"weight_ih": to_ifgo(w[d], GATES), "weight_hh": to_ifgo(r[d], GATES)}
            if b is not None:
                part["bias_ih"], part["bias_hh"] = (to_ifgo(half, GATES)
                                                    for half in np.split(b[d], 2))
            if p is not None:
                i, o, f = np.split(p[d], 3)
                part["weight_peephole"] = np.concatenate([i, f, o])
            lstm.parts.append(part)
        lstm.activations, self.alphas, self.betas = read_activations(self.attributes, directions,
                                                                     self.what)
        lstm.clip = self.attributes.get("clip") or None
        lstm.input_forget = bool(self.attributes.get("input_forget", 0))
        lstm.source = {"node": self}
        self._notes(lstm)
        return lstm

    def _notes(self, lstm):
        place = " in " + ".".join(self.scope.path) if self.scope.path else ""
        lstm.notes.append(f"found as {self.what}{place}")
        if self.attributes.get("layout", 0):
            lstm.notes.append("layout 1 is a matter of the data: lstm run --layout batch")
        if self.names.get("sequence_lens"):
            lstm.notes.append("sequence_lens is a matter of the data: lstm run --lengths")
        for key in ("initial_h", "initial_c"):
            if self.names.get(key):
                self._initial(lstm, key)

    def _initial(self, lstm, key):
        value = self.values[key]
        if value is None:
            lstm.notes.append(f"{key} is computed by the graph: give it to lstm run")
            return
        if self.attributes.get("layout", 0):
            value = value.swapaxes(0, 1)
        if value.ndim != 3 or value.shape[::2] != (lstm.directions, lstm.hidden):
            raise ConvertError(f"{self.what}: {key}",
                               f"shape [{lstm.directions}, batch, {lstm.hidden}]",
                               shape_text(value.shape))
        if not value.any():
            return
        if (value != value[:, :1]).any():
            lstm.notes.append(f"left out: {key}, which differs between the streams")
            return
        lstm.extras[key] = value[:, 0]  # under the prefix, when there is one
        lstm.notes.append(f"{key} is a tensor of that name: give it to lstm run")

    def alone(self):
        """The node in a model of its own, with x, h0 and c0 as its data."""
        from onnx import TensorProto, helper, numpy_helper

        kept = {key: value for key, value in self.attributes.items()
                if key in ("clip", "direction", "hidden_size", "input_forget", "activations")}
        # Without layout, which ONNX Runtime refuses and the data does not have here, and with alpha
        # and beta spelled out, where it takes 0 for what the operator says is 1.
        for key, numbers in (("alpha", self.alphas), ("beta", self.betas)):
            if numbers:
                kept["activation_" + key] = numbers
        weights = {key: self.values[key].astype(np.float32) for key in ("W", "R", "B", "P")
                   if self.names.get(key)}
        inputs = ["X", "W", "R", "B" if "B" in weights else "", "", "h0", "c0",
                  *(["P"] if "P" in weights else [])]
        graph = helper.make_graph(
            [helper.make_node("LSTM", inputs, ["Y", "hn", "cn"], **kept)], "alone",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3)
             for name in ("X", "h0", "c0")],
            [helper.make_tensor_value_info("Y", TensorProto.FLOAT, [None] * 4),
             *(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3)
               for name in ("hn", "cn"))],
            [numpy_helper.from_array(value, key) for key, value in weights.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


# ---- names --------------------------------------------------------------------------------------
def prefix_of(text):
    """A prefix from a node's name: "/encoder/rnn/LSTM" gives "encoder.rnn."."""
    parts = [re.sub(r"[^\w.-]", "_", part) for part in re.split(r"[/:]+", text) if part]
    if parts and re.fullmatch(r"(?i)lstm(_\d+)?(__\d+)?|Y(_\d+)?|lstm_output_\d+", parts[-1]):
        parts.pop()
    return "".join(part + "." for part in parts)


def name_them(lstms):
    """Give the prefixes: they are told apart by where they are, and then by a number."""
    wanted = []
    for lstm in lstms:
        place = lstm.source["place"]
        prefix = lstm.prefix or prefix_of(lstm.source["said"])
        wanted.append((prefix, "".join(part + "." for part in place) + prefix))
    short = [prefix for prefix, _ in wanted]
    taken = set()
    for lstm, (prefix, longer) in zip(lstms, wanted):
        name = prefix if short.count(prefix) == 1 else longer
        number = 0
        while name in taken or (name == "" and len(lstms) > 1):
            number += 1
            name = f"{longer}lstm{number}."
        taken.add(name)
        lstm.prefix = name
        lstm.extras = {name + key: value for key, value in lstm.extras.items()}


# ---- stacks -------------------------------------------------------------------------------------
def feeds(first, second):
    """Whether the sequence that one node gives is what the other takes, and nobody else does."""
    scope, y, x = second.scope, first.node.output[0], second.names["X"]
    if not y or first.scope is not scope or len(scope.consumers(y)) != 1:
        return False
    if any(value.name == y for value in scope.graph.output):
        return False
    directions, _, hidden = first.values["R"].shape
    batch_first = first.attributes.get("layout", 0)
    if batch_first != second.attributes.get("layout", 0):
        return False
    for steps, batch in ((5, 3), (5, 1), (1, 1)):  # some exporters fix the batch
        shape = (directions, batch, hidden)
        data = np.arange(steps * batch * directions * hidden, dtype=np.float32)
        if batch_first:
            sequence = data.reshape(batch, steps, directions, hidden)
            expected = sequence.reshape(batch, steps, directions * hidden)
        else:
            sequence = data.reshape(steps, *shape)
            expected = sequence.transpose(0, 2, 1, 3).reshape(steps, batch, directions * hidden)
        found = scope.evaluate_from(x, {y: sequence})
        if found is not None and found.shape == expected.shape:
            return bool((found == expected).all())
    return False


def stacked(lstms):
    """The LSTMs with every chain of nodes that are alike joined to one."""
    chains = []
    for lstm in lstms:
        node = lstm.source["node"]
        before = [chain for chain in chains if feeds(chain[-1].source["node"], node)]
        if before and joinable([*before[0], lstm]):
            before[0].append(lstm)
        else:
            chains.append([lstm])
    return [joined(chain) for chain in chains]


def joinable(chain):
    try:
        join(chain)
    except ConvertError:
        return False
    return True


def joined(chain):
    if len(chain) == 1:
        return chain[0]
    whole = join(chain)
    whole.source.update({key: chain[0].source[key] for key in ("said", "place")})
    whole.extras = {}
    for key in ("initial_h", "initial_c"):
        size = (chain[0].directions, chain[0].hidden)
        values = [lstm.extras.get(key) for lstm in chain]
        if any(value is not None for value in values):
            whole.extras[key] = np.concatenate(
                [np.zeros(size, np.float32) if value is None else value for value in values])
    whole.notes.append("nodes that follow each other are its layers: "
                       + ", ".join(lstm.source["said"] for lstm in chain))
    return whole


# ---- the file -----------------------------------------------------------------------------------
def same(a, b):
    """Whether two nodes have one and the same LSTM, as in both branches of an If."""
    return (a.metadata() == b.metadata() and len(a.parts) == len(b.parts)
            and all(p.keys() == q.keys() and all(np.array_equal(p[key], q[key]) for key in p)
                    for p, q in zip(a.parts, b.parts)))


def load(path, options):
    model = onnx_graph.read(path)
    try:
        return find(model)
    except ConvertError:
        raise
    except Exception:
        wrong = onnx_graph.complaint(model)
        if wrong is None:
            raise
        raise ConvertError("content", "a valid ONNX model", wrong) from None


def nodes(scopes, problems):
    """The LSTMs of LSTM nodes, and the initializers that they use."""
    lstms, used = [], set()
    for scope in scopes:
        for node in scope.graph.node:
            if node.op_type != "LSTM" or node.domain not in ("", "ai.onnx"):
                continue
            reader = Node(node, scope)
            used |= reader.used
            try:
                lstm = reader.convert()
            except ConvertError as problem:
                problems.append(problem)
                continue
            lstm.source.update(said=node.name or node.output[0] or "", place=scope.path)
            lstms.append(lstm)
    return lstms, used


def find(model):
    scopes, problems = list(onnx_graph.Scope(model).scopes()), []
    found, used = nodes(scopes, problems)
    distinct = []
    for lstm in stacked(found) + onnx_cells.load(scopes, used, problems):
        if not any(same(lstm, other) for other in distinct):
            distinct.append(lstm)
    if not distinct:
        if problems:
            raise problems[0]
        raise ConvertError("graph", "a node LSTM, or one that was decomposed",
                           f"none among {sum(len(s.graph.node) for s in scopes)} nodes")
    for lstm in distinct:
        lstm.notes += [f"left out: {problem}" for problem in problems]
    name_them(distinct)
    return sorted(distinct, key=lambda lstm: natural(lstm.prefix))


def reference(lstm, path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    alone = lstm.source["node"].alone()
    try:
        session = onnxruntime.InferenceSession(alone.SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
    except Exception as error:  # its own classes, which are no module's interface
        raise Unavailable(f"ONNX Runtime refuses the node: {error}".replace("\n", " ")) from None
    cell = isinstance(lstm.source["node"], onnx_cells.Cell)

    def run(x, h0, c0):
        if cell:
            return onnx_cells.run(session, x, h0, c0)
        y, hn, cn = session.run(None, {"X": x, "h0": h0, "c0": c0})
        return y.transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1), hn, cn

    return Reference("ONNX Runtime", onnxruntime.__version__, run)
