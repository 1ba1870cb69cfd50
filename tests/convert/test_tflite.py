"""TensorFlow Lite's LSTM operators, in models that the test writes and LiteRT runs.

TensorFlow's own converter runs in an environment of its own (keras2.py).
"""

import keras2
import numpy as np
from converters import model, report, tflite, verify
from converters.model import ConvertError
from kit import ConvertTest, random_lstm, read
from tflite_models import STEPS, STREAMS, Builder, one, options_of

REQUIREMENTS = ["tflite==2.18.0", "ai-edge-litert==2.3.0"]
LIMIT = 2e-6
BIDIRECTIONAL = "BIDIRECTIONAL_SEQUENCE_LSTM"
TENSORFLOW = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
L = tf.keras.layers
x = L.Input((17, 3), batch_size=2)
y = L.LSTM(4, return_sequences=True)(x)
y = L.Bidirectional(L.LSTM(5, return_sequences=True))(y)
y = L.LSTM(3, return_sequences=True)(y)
m = tf.keras.Model(x, y)
r = np.random.default_rng(3)
m.set_weights([0.5 * r.standard_normal(w.shape) for w in m.get_weights()])
with open(sys.argv[1], "wb") as file:
    file.write(tf.lite.TFLiteConverter.from_keras_model(m).convert())
x = r.standard_normal((2, 17, 3)).astype("f4")
np.savez(sys.argv[2], x, m(x).numpy())
"""


def some_x(width, seed=2):
    random = np.random.default_rng(seed)
    return random.standard_normal((STEPS, STREAMS, width)).astype(np.float32)


def litert(data, x, single=False):
    """The outputs, side by side, of a whole model for the x that it takes."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    runtime = Interpreter(model_content=data, experimental_op_resolver_type=plain)
    runtime.allocate_tensors()
    results = []
    for given in x if single else [x]:
        runtime.set_tensor(runtime.get_input_details()[0]["index"], np.ascontiguousarray(given))
        runtime.invoke()
        results.append(np.concatenate([runtime.get_tensor(each["index"])
                                       for each in runtime.get_output_details()], axis=-1))
    return np.stack(results) if single else results[0]


class TfLite(ConvertTest):
    def save(self, data, name="model.tflite"):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def lstm_of(self, data):
        """The only Lstm of a model, verified, and its safetensors file."""
        path = self.save(data)
        (lstm,) = tflite.load(str(path), None)
        target = self.folder / "out.safetensors"
        model.write(target, *model.together([lstm]))
        verify.compare(lstm, target, tflite.reference(lstm, str(path)))
        return lstm, target

    def y_of(self, target, lstm, x):
        zeros = [np.zeros((len(lstm.parts), STREAMS, size)) for size in (lstm.output, lstm.hidden)]
        return verify.run_command(verify.command(), target, lstm.prefix, x, *zeros)[0]

    def assert_runs(self, data, width=3, batch_major=True, single=False):
        """The command gives what LiteRT gives for the whole model; the Lstm and the metadata."""
        lstm, target = self.lstm_of(data)
        x = some_x(width)
        expected = litert(data, x.swapaxes(0, 1) if batch_major else x, single)
        expected = expected.swapaxes(0, 1) if batch_major else expected
        found = self.y_of(target, lstm, x)
        self.assertEqual(found.shape, expected.shape)
        self.assertLessEqual(np.max(np.abs(found - expected)), LIMIT)
        return lstm, read(target)[1], "\n".join([*report.describe(lstm, [lstm]), *lstm.notes])


class Operators(TfLite):
    def test_gates_are_stacked_in_pytorchs_order(self):
        lstm = random_lstm(1, (3, 4), biases=1, prefix="lstm.")
        tensors, metadata, text = self.convert(self.save(one(lstm)), against="LiteRT")
        self.assert_tensors(tensors, lstm)
        self.assertEqual(metadata, {"lstm.gates": "ifgo", "lstm.bias": "single"})
        for sentence in ("were i f c o", "--layout batch", "a matrix for each gate", "output 'y'"):
            self.assertIn(sentence, text)

    def test_options_give_litert_results(self):
        cases = {
            "peephole": ({"peephole": True}, {}),
            "projection": ({"projection": 2}, {}),
            "peephole, projection, limit": ({"peephole": True, "projection": 2},
                                            {"cell_clip": 0.25}),
            "cell limit": ({"scale": 1}, {"cell_clip": 0.5}),
            "relu": ({"scale": 0.25}, {"activation": "RELU"}),
            "coupled": ({}, {"coupled": True}),
            "coupled, peephole": ({"peephole": True}, {"coupled": True, "cell_clip": 0.75}),
        }
        for name, (weights, options) in cases.items():
            with self.subTest(name):
                given = random_lstm(2, (3, 5), biases=1, **weights)
                lstm, metadata, text = self.assert_runs(one(given, **options))
                self.assertEqual(metadata.get("lstm.input_forget"),
                                 "1" if options.get("coupled") else None)
                self.assertEqual("lstm.cell_clip" in metadata, "cell_clip" in options)
                self.assertEqual("peepholes" in text, "peephole" in weights)
                self.assertEqual(lstm.projection, weights.get("projection", 0))
                wanted = options.get("activation", "TANH").lower()
                self.assertEqual(lstm.activations, ("sigmoid", wanted, wanted))

    def test_time_major_is_noted(self):
        data = one(random_lstm(3, (3, 4), biases=1), time_major=True)
        self.assertIn("time major", self.assert_runs(data, batch_major=False)[2])

    def test_bidirectional_operator_gives_both_directions(self):
        # Merged in time major alone: in batch major LiteRT 2.3 mixes up the streams of a batch.
        for merged in (True, False):
            given = random_lstm(4, (3, 4), direction="bidirectional", biases=1, peephole=True)
            data = one(given, BIDIRECTIONAL, mergeOutputs=merged, time_major=merged)
            lstm, _, text = self.assert_runs(data, batch_major=not merged)
            self.assertEqual(lstm.direction, "bidirectional")
            self.assertEqual("two outputs" in text, not merged)

    def test_operator_of_one_step_is_run_step_by_step(self):
        given = random_lstm(5, (3, 4), biases=1, projection=2)
        text = self.assert_runs(one(given, "LSTM"), batch_major=False, single=True)[2]
        self.assertIn("one step in a call", text)

    def test_half_precision_weights_are_read(self):
        given = random_lstm(6, (3, 4), biases=1)
        lstm, *_ = self.assert_runs(one(given, stored=np.float16))
        np.testing.assert_array_equal(lstm.parts[0]["weight_hh"],
                                      given.parts[0]["weight_hh"].astype(np.float16))

    def test_zero_bias_of_a_projection_is_left_out(self):
        given = random_lstm(7, (3, 4), biases=1, projection=2)
        given.parts[0]["projection_bias"] = np.zeros(2)
        self.assertIn("bias of the projection is zero", self.assert_runs(one(given))[2])


class Graphs(TfLite):
    def two(self, paired):
        """A forward and a reversed operator, joined as Keras's Bidirectional is, or in a row."""
        builder = Builder()
        given = random_lstm(8, (3, 4) if paired else (4, 4), biases=1, direction="bidirectional")
        time = builder.tensor("time", value=np.array([1], np.int32))
        x = builder.tensor("x", [STREAMS, STEPS, given.input])

        def reverse(index, width):
            turned = builder.tensor("turned", [STREAMS, STEPS, width])
            builder.operator("REVERSE_V2", [index, time], [turned])
            return turned

        def lstm(index, part):
            y = builder.tensor("y", [STREAMS, STEPS, 4])
            states = [builder.tensor(name, [STREAMS, 4], variable=True) for name in "hc"]
            builder.operator("UNIDIRECTIONAL_SEQUENCE_LSTM",
                             [index, *builder.weights(part), *states, -1, -1, -1, -1], [y],
                             options_of("UNIDIRECTIONAL_SEQUENCE_LSTM"))
            return y

        backward = lstm(reverse(x, given.input), given.parts[1])
        turned = reverse(backward, 4)
        if not paired:
            return given, builder.finish([x], [lstm(turned, given.parts[0])])
        forward = lstm(x, given.parts[0])
        both = builder.tensor("both", [STREAMS, STEPS, 8])
        from ai_edge_litert import schema_py_generated as schema

        options = schema.ConcatenationOptionsT()
        options.axis = 2
        builder.operator("CONCATENATION", [forward, turned], [both], options)
        return given, builder.finish([x], [both])

    def test_reversed_pair_is_one_bidirectional_lstm(self):
        given, data = self.two(True)
        lstm, *_ = self.assert_runs(data)
        self.assertEqual(lstm.direction, "bidirectional")
        for part, expected in zip(lstm.parts, given.parts):
            np.testing.assert_array_equal(part["weight_ih"], expected["weight_ih"])

    def test_reversed_operator_alone_is_a_reverse_lstm(self):
        _, data = self.two(False)
        path = self.save(data)
        done = self.tool(path, "-o", "first.safetensors", "--name", "lstm_0")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lstms = tflite.load(str(path), None)
        self.assertEqual([lstm.direction for lstm in lstms], ["reverse", "forward"])
        y = some_x(4)
        for lstm in lstms:
            target = self.folder / f"{lstm.name}.safetensors"
            model.write(target, *model.together([lstm]))
            verify.compare(lstm, target, tflite.reference(lstm, str(path)))
            y = self.y_of(target, lstm, y)
        expected = litert(data, some_x(4).swapaxes(0, 1)).swapaxes(0, 1)
        self.assertLessEqual(np.max(np.abs(y - expected)), LIMIT)

    def test_model_of_tensorflows_own_converter(self):
        path, results = self.folder / "model.tflite", self.folder / "results.npz"
        keras2.run(TENSORFLOW, path, results)
        y, expected = (array.swapaxes(0, 1) for array in np.load(results).values())
        self.convert(path, against="LiteRT")
        lstms = tflite.load(str(path), None)
        self.assertEqual([lstm.directions for lstm in lstms], [1, 2, 1])
        for lstm in lstms:
            y = self.y_of(self.folder / "out.safetensors", lstm, y)
        self.assertLessEqual(np.max(np.abs(y - expected)), LIMIT)


class Bad(TfLite):
    def test_what_lstm_h_cannot_do_is_refused(self):
        plain = random_lstm(9, (3, 4), biases=1)
        projected = random_lstm(9, (3, 4), biases=1, projection=2)
        four, zeros = np.ones(4, np.float32), np.zeros((4, 3), np.float32)
        both = random_lstm(9, (3, 4), biases=1, direction="bidirectional")
        cases = [
            (one(plain, extra={21: four}), "expected no layer normalization, found tensor 'extra'"),
            (one(both, BIDIRECTIONAL, extra={39: zeros}), "expected no auxiliary input"),
            (one(plain, activation="RELU6"), "activation: expected RELU, TANH, found RELU6"),
            (one(plain, activation="NONE"), "activation: expected RELU, TANH, found NONE"),
            (one(projected, proj_clip=0.5), "limit of the projection: expected 0, .*found 0.5"),
            (one(projected, extra={17: four[:2]}), "bias of the projection: expected none"),
            (one(plain, extra={6: np.ones((4, 4), np.int8)}), "expected float32 or .*found INT8"),
            (one(plain, diagonalRecurrentTensors=True), "expected matrices, found diagonals"),
            (one(plain, "LSTM", kernelType=1), "kernel type: expected FULL, found BASIC"),
            (one(plain, extra={2: zeros[:3]}), "inputs 1 to 4: expected one shape"),
            (one(plain, extra={6: four}), "expected 2 dimensions, found .4."),
        ]
        for data, pattern in cases:
            with self.subTest(pattern):
                with self.assertRaisesRegex(ConvertError, pattern):
                    for lstm in tflite.load(str(self.save(data)), None):
                        lstm.check()

    def test_weights_that_are_computed_are_refused(self):
        builder = Builder()
        x = builder.tensor("x", [STREAMS, STEPS, 3])
        states = [builder.tensor(name, [STREAMS, 4], variable=True) for name in "hc"]
        inputs = [x, *builder.weights(random_lstm(1, (3, 4), biases=1).parts[0]), *states]
        weight = builder.tensor("computed", [4, 3])
        builder.operator("NEG", [inputs[2]], [weight])
        inputs[2] = weight
        y = builder.tensor("y", [STREAMS, STEPS, 4])
        builder.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", [*inputs, -1, -1, -1, -1], [y],
                         options_of("UNIDIRECTIONAL_SEQUENCE_LSTM"))
        self.refused(self.save(builder.finish([x], [y])), "'computed'", "expected a constant",
                     "a result of the model itself")

    def test_model_without_lstm_is_refused(self):
        builder = Builder()
        x, y = builder.tensor("x", [2]), builder.tensor("y", [2])
        builder.operator("NEG", [x], [y])
        self.refused(self.save(builder.finish([x], [y])), "operators: expected", "found NEG")

    def test_damaged_files_are_refused_in_one_sentence(self):
        whole = one(random_lstm(9, (3, 4), biases=1))
        self.refused(self.save(whole[:200]), "model.tflite: content: expected a whole")
        random = np.random.default_rng(5)
        refused = 0
        for _ in range(200):
            data = bytearray(whole)
            for place in random.integers(8, len(data), 3):
                data[place] = random.integers(256)
            try:
                for lstm in tflite.load(str(self.save(bytes(data))), None):
                    lstm.check()
            except ConvertError:
                refused += 1
        self.assertGreater(refused, 20, "much damage is seen")
