"""Random instances of the ONNX LSTM operator, and what they are called in lstm.h."""

import numpy as np

# name: lstm_function, the operator's default alpha and beta (None: the function has none)
FUNCTIONS = {
    "Sigmoid": (1, None, None), "Tanh": (2, None, None), "Relu": (3, None, None),
    "Affine": (5, 1.0, 0.0), "LeakyRelu": (6, 0.01, None), "ThresholdedRelu": (7, 1.0, None),
    "ScaledTanh": (8, 1.0, 1.0), "HardSigmoid": (9, 0.2, 0.5), "Elu": (11, 1.0, None),
    "Softsign": (12, None, None), "Softplus": (13, None, None),
}
RELU, SCALED_TANH = 3, 8
BOUNDED = ("Sigmoid", "Tanh", "HardSigmoid", "Softsign", "ScaledTanh")
DIRECTIONS = ("forward", "reverse", "bidirectional")  # in the order of lstm_direction
USUAL = ("Sigmoid", "Tanh", "Tanh")
OUTPUTS = ("Y", "Y_h", "Y_c")
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")


class Instance:
    """One operator with its tensors as ONNX lays them out; what is absent is None."""

    def __init__(self, seed, number):
        self.seed, self.number = seed, number
        self.random = np.random.Generator(np.random.PCG64([seed, number]))
        self.dtype = np.float64 if self.chance(0.2) else np.float32
        self.layout = int(self.chance(0.2))
        self.steps = self.between(11, 70) if self.chance(0.05) else self.between(1, 10)
        self.batch = self.between(7, 20) if self.chance(0.1) else self.between(1, 6)
        self.input = self.between(13, 40) if self.chance(0.1) else self.between(1, 12)
        self.hidden = self.between(21, 70) if self.chance(0.1) else self.between(1, 20)
        self.direction = self.one_of(DIRECTIONS)
        self.directions = 2 if self.direction == "bidirectional" else 1
        self.activations = self.alphas = self.betas = None
        if self.chance(0.5):
            self.choose_activations()
        self.clip = None
        if self.unbounded():
            self.steps = min(self.steps, 10)  # cells may grow, and errors with them
        if self.unbounded() or self.chance(0.3):
            self.clip = float(np.float32(self.random.uniform(0.2, 2.0)))
        self.input_forget = int(self.chance(0.2))
        self.make_tensors()
        wanted = [name for name in OUTPUTS if self.chance(0.8)]
        self.outputs = tuple(wanted) or ("Y_h",)

    def chance(self, probability):
        return self.random.random() < probability

    def between(self, low, high):
        return int(self.random.integers(low, high + 1))

    def one_of(self, values):
        return values[self.between(0, len(values) - 1)]

    def uniform(self, scale, *shape):
        return self.random.uniform(-scale, scale, shape).astype(self.dtype)

    # ---- activations ---------------------------------------------------------------------------
    def choose_activations(self):
        self.activations = []
        for _ in range(self.directions):
            gate = self.one_of(list(FUNCTIONS)) if self.chance(0.2) else self.one_of(BOUNDED)
            self.activations += [gate, self.one_of(list(FUNCTIONS)), self.one_of(list(FUNCTIONS))]
        if self.chance(0.8):
            self.alphas = self.parameters(1, 0.1, 1.2)
            self.betas = self.parameters(2, -0.5, 1.0)

    def parameters(self, column, low, high):
        """alpha (column 1) or beta (2) of the functions that have one; sometimes fewer."""
        count = sum(FUNCTIONS[name][column] is not None for name in self.activations)
        if self.chance(0.1):
            count = self.between(0, count)
        values = [0.0 if self.chance(0.05) else float(np.float32(self.random.uniform(low, high)))
                  for _ in range(count)]
        return values or None

    def unbounded(self):
        return self.activations is not None and any(
            name not in BOUNDED for name in self.activations)

    def resolved(self):
        """(name, alpha, beta, given) of each activation in turn: None for a parameter that the function
        does not have, and how many the instance gives; the rest are the operator's defaults.  Both
        lists are consumed in order by the functions that have such a parameter."""
        lists = iter(self.alphas or ()), iter(self.betas or ())
        found = []
        for name in self.activations or USUAL * self.directions:
            values, given = [], 0
            for default, numbers in zip(FUNCTIONS[name][1:], lists):
                value = None if default is None else next(numbers, None)
                given += value is not None
                values.append(default if value is None else value)
            found.append((name, *values, given))
        return found

    def functions(self):
        """(lstm_function, alpha, beta) of each activation."""
        return [self.function(*one) for one in self.resolved()]

    @staticmethod
    def function(name, alpha, beta, given):
        """alpha = beta = 0 asks lstm.h for its defaults.  Where the instance gives them as zeros, it is
        the function that they make, instead."""
        function = FUNCTIONS[name][0]
        if not given:
            return function, 0.0, 0.0
        if alpha == 0 and beta is None:
            return RELU, 0.0, 0.0
        if alpha == 0 and (beta == 0 or function == SCALED_TANH):
            return SCALED_TANH, 0.0, 1.0
        return function, alpha or 0.0, beta or 0.0

    # ---- tensors -------------------------------------------------------------------------------
    def make_tensors(self):
        hidden, directions = self.hidden, self.directions
        scale = (0.7 if self.unbounded() else 1.5) / np.sqrt(hidden)
        states = (directions, self.batch, hidden)
        self.tensors = {
            "X": self.uniform(1.5, self.steps, self.batch, self.input),
            "W": self.uniform(scale, directions, 4 * hidden, self.input),
            "R": self.uniform(scale, directions, 4 * hidden, hidden),
            "B": self.uniform(0.5, directions, 8 * hidden) if self.chance(0.7) else None,
            "sequence_lens": self.lengths() if self.chance(0.4) else None,
            "initial_h": self.uniform(1.0, *states) if self.chance(0.5) else None,
            "initial_c": self.uniform(1.5, *states) if self.chance(0.5) else None,
            "P": self.uniform(0.7, directions, 3 * hidden) if self.chance(0.3) else None,
        }
        if self.layout:
            for name in ("X", "initial_h", "initial_c"):
                if self.tensors[name] is not None:
                    self.tensors[name] = np.ascontiguousarray(self.tensors[name].swapaxes(0, 1))

    def lengths(self):
        lengths = self.random.integers(0, self.steps + 1, self.batch)
        if self.chance(0.5):
            lengths = np.maximum(lengths, 1)
        return lengths.astype(np.int32)

    def shapes(self):
        """Of Y, Y_h and Y_c, in the instance's layout."""
        state = (self.directions, self.batch, self.hidden)
        y = (self.steps, *state)
        if self.layout:
            state = (self.batch, self.directions, self.hidden)
            y = (self.batch, self.steps, self.directions, self.hidden)
        return {"Y": y, "Y_h": state, "Y_c": state}

    def __str__(self):
        parts = [name for name, tensor in self.tensors.items() if tensor is not None]
        return (f"--seed {self.seed} --instance {self.number}: {np.dtype(self.dtype).name}, "
                f"layout {self.layout}, steps {self.steps}, batch {self.batch}, input {self.input}, "
                f"hidden {self.hidden}, {self.direction}, activations {self.activations}, "
                f"alpha {self.alphas}, beta {self.betas}, clip {self.clip}, "
                f"input_forget {self.input_forget}, inputs {' '.join(parts)}, "
                f"outputs {' '.join(self.outputs)}")
