"""What the tests of Keras's files share: models of Keras 3, their results, their conversion."""

import logging
import os

import numpy as np
from converters import keras as keras_format
from converters import model, verify
from kit import ConvertTest, read

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
import keras
from keras import layers

logging.getLogger("absl").setLevel(logging.ERROR)  # that .h5 is old
STEPS, STREAMS, WIDTH = 17, 2, 3
LIMIT = 2e-6


def randomize(network, seed=1):
    """All weights of their own: Keras starts with biases of 0 and 1, which hide their order."""
    random = np.random.default_rng(seed)
    network.set_weights([0.5 * random.standard_normal(w.shape) for w in network.get_weights()])


def sequential(*members, width=WIDTH):
    network = keras.Sequential([keras.Input((None, width)), *members])
    randomize(network)
    return network


def some_x(width=WIDTH, seed=2):
    random = np.random.default_rng(seed)
    return random.standard_normal((STEPS, STREAMS, width)).astype(np.float32)


def of_keras(network, x):
    """Keras's y of x [T, B, I], also [T, B, ...], or [B, ...] of one step."""
    y = np.asarray(network(x.swapaxes(0, 1)))
    return y.swapaxes(0, 1) if y.ndim == 3 else y


class Keras(ConvertTest):
    def save(self, network, name="model.keras"):
        path = self.folder / name
        network.save(path)
        return path

    def converted(self, path):
        """The Lstms of a file, verified one by one, and the safetensors file."""
        lstms = keras_format.load(str(path), None)
        target = self.folder / "converted.safetensors"
        model.write(target, *model.together(lstms))
        for lstm in lstms:
            verify.compare(lstm, target, keras_format.reference(lstm, str(path)))
        return lstms, target

    def run_it(self, target, lstm, x):
        zeros = [np.zeros((len(lstm.parts), x.shape[1], size), np.float32)
                 for size in (lstm.output, lstm.hidden)]
        return verify.run_command(verify.command(), target, lstm.prefix, x, *zeros)

    def assert_close(self, found, expected):
        self.assertEqual(found.shape, expected.shape)
        self.assertLessEqual(np.max(np.abs(found - expected)), LIMIT)

    def only(self, layer, name="model.keras"):
        """Of a model of one layer: Keras's y, the command's y and hn, the Lstm, the metadata."""
        network = sequential(layer)
        path = self.save(network, name)
        (lstm,), target = self.converted(path)
        y, hn, _ = self.run_it(target, lstm, some_x())
        return of_keras(network, some_x()), y, hn, lstm, read(target)[1]
