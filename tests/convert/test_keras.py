"""Keras's files, made by Keras 3 itself; each result is compared with the model's own output.

Keras 2 makes its own files in an environment of its own (keras2.py).
"""

import keras2
import numpy as np
from converters import keras as keras_format
from converters import model, verify
from keras_models import LIMIT, STEPS, STREAMS, WIDTH, Keras, keras, layers, of_keras, randomize
from keras_models import sequential, some_x
from kit import oracle, read

REQUIREMENTS = ["h5py==3.16.0", "keras==3.15.1", "jax==0.10.2"]
KERAS2 = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
from tensorflow import keras
L = keras.layers
m = keras.Sequential([
    L.LSTM(4, recurrent_activation="hard_sigmoid", return_sequences=True, input_shape=(None, 3)),
    keras.Sequential([L.Bidirectional(L.LSTM(3, return_sequences=True, activation="softsign"))],
                     name="inner"),
    L.RNN([L.LSTMCell(5), L.LSTMCell(5)], return_sequences=True)])
r = np.random.default_rng(7)
m.set_weights([0.5 * r.standard_normal(w.shape) for w in m.get_weights()])
m.save(sys.argv[1])
x = r.standard_normal((2, 17, 3)).astype("f4")
stages = [x]
for layer in m.layers:
    stages.append(layer(stages[-1]).numpy())
np.savez(sys.argv[2], *stages)
"""


class Layers(Keras):
    def test_lstm_has_its_gates_and_matrices_in_pytorchs_ways(self):
        network = sequential(layers.LSTM(2, return_sequences=True, name="voice"), width=1)
        network.set_weights([np.array([[1, 2, 3, 4, 5, 6, 7, 8]]) / 8,  # i i f f c c o o
                             np.arange(16).reshape(2, 8) / 16, np.arange(8) / 4])
        path = self.save(network)
        tensors, metadata, _ = self.convert(path, against="Keras 3")
        self.assertEqual(metadata, {"lstm.gates": "ifgo", "lstm.bias": "single"})
        self.assertEqual(sorted(tensors), ["voice.bias_ih_l0", "voice.weight_hh_l0",
                                           "voice.weight_ih_l0"])
        np.testing.assert_array_equal(tensors["voice.weight_ih_l0"][:, 0] * 8, range(1, 9))
        np.testing.assert_array_equal(tensors["voice.weight_hh_l0"][3] * 16, [3, 11])
        np.testing.assert_array_equal(tensors["voice.bias_ih_l0"] * 4, range(8))

    def test_every_way_to_write_a_layer_gives_keras_results(self):
        cases = {
            "plain": layers.LSTM(4, return_sequences=True),
            "no bias": layers.LSTM(4, return_sequences=True, use_bias=False),
            "a cell": layers.RNN(layers.LSTMCell(4), return_sequences=True),
            "a stack": layers.RNN([layers.LSTMCell(4), layers.LSTMCell(4)], return_sequences=True),
            "a state": layers.LSTM(4, return_sequences=True, unit_forget_bias=False, unroll=False),
        }
        for name, layer in cases.items():
            with self.subTest(name):
                expected, y, *_, lstm, _ = self.only(layer)
                self.assert_close(y, expected)
                self.assertEqual(lstm.layers, 2 if name == "a stack" else 1)
                self.assertEqual(lstm.biases, 0 if name == "no bias" else 1)

    def test_old_h5_gives_the_same_tensors_as_keras_file(self):
        network = sequential(layers.LSTM(4, return_sequences=True),
                             layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
                             layers.RNN([layers.LSTMCell(2), layers.LSTMCell(2)]))
        results = []
        for name in ("model.keras", "model.h5"):
            _, target = self.converted(self.save(network, name))
            results.append(read(target))
        self.assertEqual(results[0][1], results[1][1])
        self.assertEqual(sorted(results[0][0]), sorted(results[1][0]))
        for name, array in results[0][0].items():
            np.testing.assert_array_equal(array, results[1][0][name], name)

    def test_go_backwards_is_reverse_in_the_order_of_x(self):
        stack = [layers.LSTMCell(4), layers.LSTMCell(4)]
        for layer in (layers.LSTM(4, return_sequences=True, go_backwards=True),
                      layers.RNN(stack, return_sequences=True, go_backwards=True)):
            expected, y, _, lstm, metadata = self.only(layer)
            self.assertEqual(metadata["lstm.direction"], "reverse")
            self.assert_close(y[::-1], expected)
            self.assertIn("last step first", "\n".join(lstm.notes))

    def test_last_output_alone_is_the_last_h(self):
        expected, _, hn, lstm, _ = self.only(layers.LSTM(4))
        self.assert_close(hn[0], expected)
        self.assertIn("return_sequences false", "\n".join(lstm.notes))
        expected, _, hn, _, _ = self.only(layers.Bidirectional(layers.LSTM(4)))
        self.assert_close(np.concatenate(list(hn), -1), expected)

    def test_merge_modes_are_noted_and_verified(self):
        merges = {"concat": lambda f, b: np.concatenate([f, b], 2), "sum": np.add,
                  "mul": np.multiply, "ave": lambda f, b: (f + b) / 2}
        for merge, function in merges.items():
            with self.subTest(merge):
                layer = layers.Bidirectional(layers.LSTM(4, return_sequences=True),
                                             merge_mode=merge, name="both")
                expected, y, _, lstm, metadata = self.only(layer)
                self.assert_close(function(y[:, :, :4], y[:, :, 4:]), expected)
                self.assertEqual(metadata.get("keras.both.merge_mode"),
                                 None if merge == "concat" else merge)
                self.assertIn(f"merge_mode {merge}:", "\n".join(lstm.notes))

    def test_two_outputs_are_verified(self):
        x = keras.Input((None, WIDTH))
        layer = layers.Bidirectional(layers.LSTM(4, return_sequences=True), merge_mode=None)
        network = keras.Model(x, layer(x))
        randomize(network)
        (lstm,), target = self.converted(self.save(network))
        self.assertIn("two outputs", "\n".join(lstm.notes))
        y, *_ = self.run_it(target, lstm, some_x())
        for half, expected in zip(np.split(y, 2, 2), network(some_x().swapaxes(0, 1))):
            self.assert_close(half, np.asarray(expected).swapaxes(0, 1))

    def test_directions_may_have_other_activations_and_biases(self):
        layer = layers.Bidirectional(
            layers.LSTM(4, return_sequences=True, use_bias=False),
            backward_layer=layers.LSTM(4, return_sequences=True, go_backwards=True,
                                       activation="relu", recurrent_activation="hard_sigmoid"))
        expected, y, _, _, metadata = self.only(layer)
        self.assert_close(y, expected)
        self.assertEqual(metadata["lstm.activations"],
                         "sigmoid,tanh,tanh,hardsigmoid_keras3,relu,relu")

    def test_activations_are_keras_own(self):
        for activation in ("linear", "relu", "elu", "softplus", "softsign", "sigmoid",
                           "hard_sigmoid", "leaky_relu", layers.LeakyReLU(0.2),
                           layers.ReLU(), layers.ReLU(negative_slope=0.1), layers.ELU(0.5)):
            with self.subTest(str(activation)):
                expected, y, *_ = self.only(layers.LSTM(
                    3, activation=activation, recurrent_activation="hard_sigmoid",
                    return_sequences=True))
                self.assertLessEqual(np.max(np.abs(y - expected) / np.maximum(1, abs(expected))),
                                     LIMIT)

    def test_stack_of_unlike_cells_is_a_chain_of_lstms(self):
        cells = [layers.LSTMCell(5), layers.LSTMCell(2, use_bias=False)]
        network = sequential(layers.RNN(cells, return_sequences=True, name="deep"))
        lstms = keras_format.load(str(self.save(network)), None)
        self.assertEqual([lstm.prefix for lstm in lstms], ["deep.lstm_cell.", "deep.lstm_cell_1."])
        y = some_x()
        for lstm in lstms:
            target = self.folder / f"{lstm.name}.safetensors"
            model.write(target, *model.together([lstm]))
            y, *_ = self.run_it(target, lstm, y)
        self.assert_close(y, of_keras(network, some_x()))

    def test_stack_option_joins_layers(self):
        network = sequential(layers.LSTM(4, return_sequences=True, name="a"),
                             layers.LSTM(4, return_sequences=True, name="b"))
        tensors, metadata, _ = self.convert(self.save(network), "--stack", "a,b", against="Keras 3")
        self.assertEqual(tensors["a.weight_ih_l1"].shape, (16, 4))
        y, *_ = verify.run_command(verify.command(), self.folder / "out.safetensors", "a.",
                                   some_x(), np.zeros((2, STREAMS, 4)), np.zeros((2, STREAMS, 4)))
        self.assert_close(y, of_keras(network, some_x()))


class Models(Keras):
    def nested(self):
        inner = keras.Sequential([
            keras.Input((None, 4)), layers.Dropout(0.1),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")], name="inner")
        x = keras.Input((None, WIDTH))
        y = layers.LSTM(4, return_sequences=True, name="first")(x)
        y = layers.Dense(4, activation="tanh")(inner(y))
        y = layers.LSTM(2, return_sequences=True, name="last")(y)
        network = keras.Model(x, y)
        randomize(network)
        return network

    def test_layers_of_nested_models_are_found_by_name(self):
        network = self.nested()
        for name in ("model.keras", "model.h5"):
            lstms, target = self.converted(self.save(network, name))
            self.assertEqual([lstm.name for lstm in lstms], ["first", "inner.both", "last"])
            y, *_ = self.run_it(target, lstms[0], some_x())
            y, *_ = self.run_it(target, lstms[1], y)
            kernel, bias = network.layers[3].get_weights()
            y, *_ = self.run_it(target, lstms[2], np.tanh(y @ kernel + bias))
            self.assert_close(y, of_keras(network, some_x()))

    def test_report_says_what_stays_outside(self):
        x = keras.Input((None, WIDTH))
        y = layers.Masking(-1.0, name="hole")(x)
        y = layers.LSTM(2, dropout=0.25, return_sequences=True, zero_output_for_mask=True)(y)
        text = self.convert(self.save(keras.Model(x, layers.Dense(1, name="head")(y))),
                            against="Keras 3")[2]
        for sentence in ("written by Keras 3", r"\[batch, steps, size\]",
                         r"left out: .*head \(Dense",
                         r"hole \(Masking\) masks the steps whose input is -1.0",
                         "zero_output_for_mask", "dropout is of training", "were i f c o",
                         "columns were gates: transposed", "biases +one"):
            self.assertRegex(text, sentence)

    def test_layer_inside_time_distributed_is_found(self):
        deep = layers.LSTM(4, name="deep")
        inner = keras.Sequential([keras.Input((None, WIDTH)), deep], name="i")
        x = keras.Input((2, STEPS, WIDTH))
        network = keras.Model(x, layers.TimeDistributed(inner, name="each")(x))
        randomize(network)
        (lstm,), target = self.converted(self.save(network))
        self.assertEqual(lstm.prefix, "each.i.deep.")
        _, hn, _ = self.run_it(target, lstm, some_x())
        y = np.asarray(network(np.stack([some_x().swapaxes(0, 1)] * 2, 1)))
        self.assert_close(hn[0], y[:, 0])

    def test_stateful_model_of_one_stream_is_verified(self):
        network = keras.Sequential([keras.Input((None, WIDTH), batch_size=1),
                                    layers.LSTM(4, stateful=True, return_sequences=True)])
        randomize(network)
        (lstm,), _ = self.converted(self.save(network))
        self.assertIn("stateful", "\n".join(lstm.notes))

    def test_custom_class_does_not_hinder_the_layer(self):
        @keras.saving.register_keras_serializable("mine")
        class Mine(layers.Layer):
            def call(self, x):
                return 2 * x

        network = sequential(Mine(), layers.LSTM(4, return_sequences=True, name="rnn"))
        text = self.convert(self.save(network), against="Keras .*the layer by itself")[2]
        self.assertIn("(Mine)", text)

    def test_numbers_of_other_types_are_read(self):
        for dtype, stored in (("float16", "float16"), ("bfloat16", "float32"),
                              ("mixed_bfloat16", "float32")):
            with self.subTest(dtype):
                # Keras cannot draw its own start of the recurrent kernel in these types.
                layer = layers.LSTM(2, dtype=dtype, recurrent_initializer="zeros")
                network = sequential(layer)
                (lstm,) = keras_format.load(str(self.save(network)), None)
                self.assertEqual(lstm.parts[0]["weight_ih"].dtype, stored)
                for stem, array in zip(("weight_ih", "weight_hh", "bias_ih"),
                                       network.get_weights()):
                    np.testing.assert_array_equal(lstm.parts[0][stem][:4],
                                                  array.astype(np.float32).T[:4])
                self.assertIn(dtype, "\n".join(lstm.notes))


class Versions(Keras):
    def hard(self, version):
        """A file with hard sigmoids, said to be of this version."""
        import h5py

        network = sequential(layers.LSTM(4, recurrent_activation="hard_sigmoid",
                                         return_sequences=True))
        path = self.save(network, "model.h5")
        with h5py.File(path, "a") as file:
            for attributes in (file.attrs, file["model_weights"].attrs):
                del attributes["keras_version"]
                if version:
                    attributes["keras_version"] = version
        return path

    def test_hard_sigmoid_is_that_of_the_version(self):
        limits = []
        for version, name in (("2.2.4-tf", "hardsigmoid(2e-1,5e-1)"),
                              ("3.0.0", "hardsigmoid_keras3")):
            path = self.hard(version)
            (lstm,), target = self.converted(path)
            self.assertEqual(read(target)[1]["lstm.activations"], f"{name},tanh,tanh")
            zeros = np.zeros((1, STREAMS, 4), np.float32)
            y, *_ = self.run_it(target, lstm, some_x())
            self.assert_close(y, oracle(lstm, some_x(), zeros, zeros)[0])
            limits.append(y)
        self.assertGreater(np.max(np.abs(limits[0] - limits[1])), 1e-3)

    def test_hard_sigmoid_of_unknown_version_is_refused(self):
        self.refused(self.hard(None), "recurrent_activation", "version of Keras", "none")

    def test_files_of_keras_2(self):
        for name in ("old.h5", "old.keras"):
            results = self.folder / "stages.npz"
            keras2.run(KERAS2, self.folder / name, results)
            stages = [stage.swapaxes(0, 1) for stage in np.load(results).values()]
            lstms = keras_format.load(str(self.folder / name), None)
            self.assertEqual(len(lstms), 3)
            for lstm, x, expected in zip(lstms, stages, stages[1:]):
                target = self.folder / f"{lstm.name}.safetensors"
                model.write(target, *model.together([lstm]))
                verify.compare(lstm, target, keras_format.reference(lstm, str(self.folder / name)))
                self.assert_close(self.run_it(target, lstm, x)[0], expected)
