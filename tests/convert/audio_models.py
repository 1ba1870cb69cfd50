"""Random models of amplifiers and pedals: document() after the published format, run() in double
precision from the equations of its own runtime.  None of it knows the converters."""

import numpy as np

STEPS = 400


def draw(random, *shape):
    return (0.4 * random.standard_normal(shape)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(i, f, g, o, c):
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def sound(seed=5, count=STEPS):
    random = np.random.default_rng(seed)
    swell = np.sin(np.arange(count) / 60)
    return (0.7 * swell * random.uniform(-1, 1, count)).astype(np.float32)


class Nam:
    """A random .nam model: document() after the format, run() from its equations."""

    def __init__(self, seed=1, layers=1, inputs=1, hidden=6, rate=48000.0):
        random = np.random.default_rng(seed)
        self.config = {"num_layers": layers, "input_size": inputs, "hidden_size": hidden}
        self.rate = rate
        self.layers = []
        for layer in range(layers):
            width = hidden if layer else inputs
            self.layers.append([draw(random, 4 * hidden, width + hidden), draw(random, 4 * hidden),
                                draw(random, hidden), draw(random, hidden)])
        self.head = draw(random, 1, hidden), draw(random, 1)

    def document(self, **changes):
        weights = [array for layer in self.layers for array in layer] + list(self.head)
        document = {
            "version": "0.5.4", "metadata": {"name": "made up", "gear_type": "amp"},
            "architecture": "LSTM", "config": dict(self.config),
            "weights": [float(value) for array in weights for value in array.ravel()],
            "sample_rate": self.rate,
        }  # fmt: skip
        document.update(changes)
        return document

    def run(self, x, knobs=()):
        state = [(h.astype(np.float64), c.astype(np.float64)) for _, _, h, c in self.layers]
        prewarm = max(1, int(0.5 * (self.rate or -1)))
        result = []
        for sample in np.concatenate([np.zeros(prewarm), x]):
            now = np.array([sample, *knobs])
            for index, (matrix, bias, _, _) in enumerate(self.layers):
                h, c = state[index]
                sums = matrix.astype(np.float64) @ np.concatenate([now, h]) + bias
                state[index] = cell(*np.split(sums, 4), c)
                now = state[index][0]
            result.append(float((self.head[0].astype(np.float64) @ now + self.head[1])[0]))
        return np.array(result[prewarm:])


class GuitarMl:
    """A random model of Automated-GuitarAmpModelling."""

    def __init__(self, seed=1, inputs=1, hidden=7, layers=1, skip=1, bias=True):
        random = np.random.default_rng(seed)
        self.data = {"model": "SimpleRNN", "input_size": inputs, "skip": skip, "output_size": 1,
                     "unit_type": "LSTM", "num_layers": layers, "hidden_size": hidden,
                     "bias_fl": bias}  # fmt: skip
        self.state = {}
        for layer in range(layers):
            self.state[f"rec.weight_ih_l{layer}"] = draw(random, 4 * hidden,
                                                         hidden if layer else inputs)
            self.state[f"rec.weight_hh_l{layer}"] = draw(random, 4 * hidden, hidden)
            self.state[f"rec.bias_ih_l{layer}"] = draw(random, 4 * hidden)
            self.state[f"rec.bias_hh_l{layer}"] = draw(random, 4 * hidden)
        self.state["lin.weight"] = draw(random, 1, hidden)
        if bias:
            self.state["lin.bias"] = draw(random, 1)

    def document(self):
        return {"model_data": dict(self.data),
                "state_dict": {name: array.tolist() for name, array in self.state.items()}}

    def run(self, x, knobs=()):
        hidden, layers = self.data["hidden_size"], self.data["num_layers"]
        state = [(np.zeros(hidden), np.zeros(hidden))] * layers
        get = {name: array.astype(np.float64) for name, array in self.state.items()}
        result = []
        for sample in x.astype(np.float64):
            now = np.array([sample, *knobs])
            for layer, (h, c) in enumerate(state):
                sums = (get[f"rec.weight_ih_l{layer}"] @ now + get[f"rec.bias_ih_l{layer}"]
                        + get[f"rec.weight_hh_l{layer}"] @ h + get[f"rec.bias_hh_l{layer}"])
                state[layer] = cell(*np.split(sums, 4), c)
                now = state[layer][0]
            y = (get["lin.weight"] @ now + get.get("lin.bias", 0))[0]
            result.append(y + (sample if self.data["skip"] else 0))
        return np.array(result)


class Keras:
    """A random model of RTNeural's JSON: layers of (kind, units, activation)."""

    def __init__(self, seed, *layers, inputs=1, **keys):
        random = np.random.default_rng(seed)
        self.inputs, self.layers, self.keys = inputs, [], keys
        width = inputs
        for kind, units, activation in layers:
            shapes = {"lstm": [(width, 4 * units), (units, 4 * units), (4 * units,)],
                      "activation": []}.get(kind, [(width, units), (units,)])
            self.layers.append((kind, units, activation, [draw(random, *s) for s in shapes]))
            width = units

    def document(self, **changes):
        layers = [{"type": kind, "activation": activation, "shape": [None, None, units],
                   "weights": [array.tolist() for array in arrays]}
                  for kind, units, activation, arrays in self.layers]
        return {"in_shape": [None, None, self.inputs], "layers": layers, **self.keys, **changes}

    def run(self, x, knobs=(), prewarm=0):
        functions = {"": lambda v: v, "tanh": np.tanh, "sigmoid": sigmoid,
                     "relu": lambda v: np.maximum(v, 0),
                     "elu": lambda v: np.where(v > 0, v, np.expm1(v))}
        gains = [10 ** (g / 20) if g > -90 else 0 for g in
                 (self.keys.get("in_gain", 0), self.keys.get("out_gain", 0))]
        state = [(np.zeros(units), np.zeros(units)) for _, units, *_ in self.layers]
        result = []
        for sample in gains[0] * np.concatenate([np.zeros(prewarm), x]):
            now = np.array([sample, *knobs])
            for index, (kind, _, activation, arrays) in enumerate(self.layers):
                arrays = [array.astype(np.float64) for array in arrays]
                if kind == "lstm":
                    h, c = state[index]
                    i, f, g, o = np.split(now @ arrays[0] + h @ arrays[1] + arrays[2], 4)
                    state[index] = cell(i, f, g, o, c)
                    now = state[index][0]
                else:
                    if arrays:
                        now = now @ arrays[0] + arrays[1]
                    now = functions[activation](now)
            result.append(gains[1] * (now[0] + self.keys.get("in_skip", 0) * sample))
        return np.array(result[prewarm:])
