"""Models of amplifiers and pedals: what lstm-amp makes of the converted file."""

import json
import os
import subprocess
import sys
import wave

import kit
import numpy as np
from audio_models import STEPS, GuitarMl, Keras, Nam, sound
from converters import verify

sys.path.insert(0, str(kit.HERE.parent))
import amp_model  # noqa: E402 (beside the folder of these tests)
import vad_sound  # noqa: E402

TOLERANCE = 5e-6  # as in tests/amp_kit.py


def player():
    """lstm-amp: $LSTM_AMP, or built here."""
    program = os.environ.get("LSTM_AMP")
    if not program:
        program = kit.ROOT / "build" / "examples" / "lstm-amp"
        if not program.exists():
            verify.build(program)
    return str(program)


class AudioTest(kit.ConvertTest):
    def write(self, document, name):
        path = self.folder / name
        path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
        return path

    def play(self, model, x, *options, rate=48000):
        """What lstm-amp makes of the samples."""
        source, target = self.folder / "in.wav", self.folder / "out.wav"
        vad_sound.write_wave_float(source, list(map(float, x)), rate)
        done = subprocess.run([player(), "-o", target, *map(str, options), model, source],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return np.array(amp_model.read_float(target)[2])

    def assert_sounds(self, document, name, expected, *options, x=None, rate=48000, against):
        """The converted file plays as expected; tensors, metadata and report of the conversion."""
        result = self.convert(self.write(document, name), against=against)
        found = self.play(self.folder / "out.safetensors", sound() if x is None else x, *options,
                          rate=rate)
        self.assertEqual(found.shape, expected.shape)
        self.assertLessEqual(np.max(np.abs(found - expected)), TOLERANCE)
        return result


class TestNam(AudioTest):
    AGAINST = "the file's own matrices"

    def test_an_lstm_sounds_the_same(self):
        model = Nam()
        tensors, metadata, report = self.assert_sounds(
            model.document(), "amp.nam", model.run(sound()), against=self.AGAINST)
        self.assertEqual(metadata["amp.sample_rate"], "48000")
        self.assertEqual(metadata["amp.prewarm"], "24000")
        self.assertEqual(metadata["amp.name"], "made up")
        self.assertEqual(metadata["lstm.bias"], "single")
        self.assertIn("Neural Amp Modeler", report)
        np.testing.assert_array_equal(tensors["initial_h"][0], model.layers[0][2])
        np.testing.assert_array_equal(tensors["initial_c"][0], model.layers[0][3])

    def test_layers_and_no_rate(self):
        model = Nam(2, layers=3, hidden=5, rate=None)
        tensors, metadata, _ = self.assert_sounds(
            model.document(), "model.json", model.run(sound()), against=self.AGAINST)
        self.assertEqual(tensors["initial_c"].shape, (3, 5))
        self.assertNotIn("amp.sample_rate", metadata)
        self.assertEqual(metadata["amp.prewarm"], "1")

    def test_more_inputs_are_knobs(self):
        model = Nam(3, inputs=3, rate=2000.0)
        expected = model.run(sound(), (0.5, -0.25))
        *_, report = self.assert_sounds(model.document(), "amp.nam", expected, "--knob", 0.5,
                                        "--knob", -0.25, rate=2000, against=self.AGAINST)
        self.assertIn("2 inputs: --knob", report)

    def test_an_order_of_its_own_would_be_noticed(self):
        # The test above must be able to fail: with f and g exchanged it sounds different.
        model = Nam(4)
        before = model.run(sound())
        for array in model.layers[0][:2]:
            i, f, g, o = np.split(array.copy(), 4)
            array[:] = np.concatenate([i, g, f, o])
        self.assertGreater(np.max(np.abs(model.run(sound()) - before)), 1e-2)

    def test_bad_files_are_refused(self):
        model = Nam(5)
        good = model.document()
        path = self.write(good, "bad.nam")
        for patterns, changes in (
            ((r"'architecture'", "'LSTM'", "'WaveNet'"), {"architecture": "WaveNet"}),
            (("'weights'", r"expected \d+ numbers", "found 3"),
             {"weights": [0, 0, 0]}),
            (("'config.hidden_size'", "a whole number", "none"),
             {"config": {"num_layers": 1, "input_size": 1}}),
            (("'config.out_channels'", "expected 1", "found 2"),
             {"config": {**model.config, "out_channels": 2}}),
            (("'config.num_layers'", "1 to", "found -1"),
             {"config": {**model.config, "num_layers": -1}}),
            (("'weights'", "numbers"), {"weights": ["x"] * len(good["weights"])}),
            (("finite numbers",), {"weights": [float("nan")] * len(good["weights"])}),
            (("'sample_rate'", "a number", "'fast'"), {"sample_rate": "fast"}),
        ):
            with self.subTest(patterns):
                self.write(model.document(**changes), "bad.nam")
                self.refused(path, *patterns)
        self.write('{"architecture": "LSTM", "config": {', "bad.nam")
        self.refused(path, "JSON", "line 1")
        self.write("[1, 2]", "bad.nam")
        self.refused(path, "a JSON object", "list")


class TestGuitarMl(AudioTest):
    AGAINST = "the equations"

    def assert_converts(self, model, *options, knobs=()):
        return self.assert_sounds(model.document(), "pedal.json", model.run(sound(), knobs),
                                  *options, rate=44100, against=self.AGAINST)

    def test_a_pedal_sounds_the_same(self):
        model = GuitarMl()
        tensors, metadata, report = self.assert_converts(model)
        self.assertEqual((metadata["amp.skip"], metadata["amp.sample_rate"]), ("1", "44100"))
        self.assertIn("44100 Hz", report)
        np.testing.assert_array_equal(tensors["rec.weight_ih_l0"], model.state["rec.weight_ih_l0"])

    def test_without_skip_and_bias_and_with_layers(self):
        _, metadata, _ = self.assert_converts(GuitarMl(2, layers=2, skip=0, bias=False))
        self.assertNotIn("amp.skip", metadata)

    def test_a_knob_is_an_input(self):
        self.assert_converts(GuitarMl(3, inputs=2), "--knob", 0.75, knobs=(0.75,))

    def test_bad_files_are_refused(self):
        path = self.folder / "bad.json"

        def refused(*patterns, state=None, **data):
            document = GuitarMl(4).document()
            document["model_data"].update(data)
            for name, values in (state or {}).items():
                if values is None:
                    del document["state_dict"][name]
                else:
                    document["state_dict"][name] = values
            self.write(document, "bad.json")
            self.refused(path, *patterns)

        refused("'model_data.unit_type'", "'LSTM'", "'GRU'", unit_type="GRU")
        refused("'model_data.output_size'", "expected 1", "found 2", output_size=2)
        refused("'model_data.skip'", "0 or 1", "found 2", skip=2)
        refused("'rec.weight_ih_l0'", r"shape \[32, 1\]", r"found \[28, 1\]", hidden_size=8)
        refused("'state_dict.rec.bias_hh_l0'", "a list", "none", state={"rec.bias_hh_l0": None})
        refused("'lin.weight'", "numbers", state={"lin.weight": [["x"] * 7]})
        refused("'state_dict.rec.weight_ih_l1'", "one that nothing uses",
                state={"rec.weight_ih_l1": [[0]]})


class TestRtNeural(AudioTest):
    AGAINST = "the file's own layers"

    def test_an_rtneural_model_sounds_the_same(self):
        model = Keras(1, ("lstm", 8, ""), ("dense", 1, ""))
        tensors, metadata, report = self.assert_sounds(
            model.document(), "model.json", model.run(sound()), against=self.AGAINST)
        self.assertFalse([key for key in metadata if key.startswith("amp.")])
        self.assertRegex(report, "were i f c o")
        i, f, g, o = np.split(model.layers[0][3][2], 4)
        np.testing.assert_array_equal(tensors["lstm.bias_ih_l0"], np.concatenate([i, f, g, o]))

    def test_layers_around_the_lstm(self):
        model = Keras(2, ("dense", 3, ""), ("time-distributed-dense", 2, ""), ("lstm", 6, "tanh"),
                      ("lstm", 6, ""), ("dense", 7, "tanh"), ("dense", 5, "elu"), ("dense", 4, ""),
                      ("activation", 4, "sigmoid"), ("dense", 3, "relu"), ("dense", 1, ""),
                      inputs=2)
        tensors, metadata, report = self.assert_sounds(
            model.document(), "model.json", model.run(sound(), (0.3,)), "--knob", 0.3,
            against=self.AGAINST)
        self.assertEqual(metadata["amp.head_activations"], "tanh,elu,sigmoid,relu,linear")
        self.assertEqual(tensors["head.0.weight"].shape, (7, 6))
        self.assertIn("multiplied into its input matrix", report)

    def test_aida_x(self):
        model = Keras(3, ("lstm", 12, ""), ("dense", 1, ""), in_skip=1, in_gain=6.0,
                      out_gain=-3.5, metadata={"name": "amp", "samplerate": "44100"})
        _, metadata, _ = self.assert_sounds(
            model.document(), "amp.aidax", model.run(sound(), prewarm=2048), rate=44100,
            against=self.AGAINST)
        self.assertEqual([metadata[f"amp.{key}"] for key in ("skip", "sample_rate", "prewarm")],
                         ["1", "44100", "2048"])

    def test_aida_x_defaults(self):
        model = Keras(4, ("lstm", 4, ""), ("dense", 1, ""), in_skip=0, out_gain=-90)
        _, metadata, _ = self.assert_sounds(model.document(), "amp.json", np.zeros(STEPS),
                                            against=self.AGAINST)
        self.assertEqual((metadata["amp.sample_rate"], metadata["amp.output_gain"]),
                         ("48000", "0"))

    def test_the_recorded_test_is_played(self):
        x = sound(count=100)
        layers = ("lstm", 6, ""), ("dense", 1, "")
        model = Keras(5, *layers, inputs=2, in_skip=1, in_gain=2)
        ungained = Keras(5, *layers, inputs=2, in_skip=1)
        path = self.folder / "amp.json"
        for recorder in (model, ungained):  # of which some are older than their gains
            y = recorder.run(x, (0,))
            recorded = {"input_batch": x.tolist(), "output_batch": y.tolist()}
            self.write(model.document(**recorded), path.name)
            *_, report = self.convert(path, against=self.AGAINST)
            self.assertIn("recorded test of 100 samples is met", report)
        recorded["output_batch"][50] += 0.01
        self.write(model.document(**recorded), path.name)
        self.refused(path, "'output_batch'", "an error of 1.0e-02")
        *_, report = self.convert(path, "--no-verify")
        self.assertNotIn("recorded test", report)

    def test_bad_files_are_refused(self):
        path = self.folder / "bad.json"

        def refused(model, *patterns, **changes):
            self.write(model if isinstance(model, str) else model.document(**changes), "bad.json")
            self.refused(path, *patterns)

        lstm, dense = ("lstm", 4, ""), ("dense", 1, "")
        good = Keras(6, lstm, dense)
        refused(Keras(6, ("gru", 4, ""), dense), r"'layers\[0\].type'", "lstm, dense", "'gru'")
        refused(Keras(6, dense), "'layers'", "an lstm", "none")
        refused(Keras(6, lstm, ("dense", 2, "")), "outputs of the model", "expected 1", "found 2")
        refused(Keras(6, lstm), "outputs of the model", "expected 1", "found 4")
        refused(Keras(6, lstm, ("lstm", 3, ""), dense), r"'layers\[1\].shape'", "4 units")
        refused(Keras(6, lstm, dense, lstm, dense), r"'layers\[2\].type'", "behind the last lstm")
        refused(Keras(6, ("dense", 2, "tanh"), lstm, dense), r"'layers\[0\].activation'",
                "none before the lstm")
        refused(Keras(6, lstm, ("dense", 1, "softmax")), "activation", "linear tanh", "'softmax'")
        refused(Keras(6, ("lstm", 4, "relu"), dense), r"'layers\[0\].activation'", "'tanh' or ''")
        refused(good, "'in_skip'", "0 or 1", "found 2", in_skip=2)
        refused(good, "'in_gain'", "a number", "'loud'", in_gain="loud")
        refused(good, "'samplerate'", "a number", "'fast'", samplerate="fast")
        refused(good, r"'layers\[0\].weights\[0\]'", r"shape \[3, 16\]", r"found \[1, 16\]",
                in_shape=[None, None, 3])
        refused(good, "'in_shape'", "ends with a size", in_shape=[None])
        refused(good, "'layers'", "a list", layers={})
        refused(good, r"'layers\[0\]'", "an object", layers=[1])
        refused('{"in_shape": [', "JSON", "line 1")
        self.write("{}", "bad.aidax")
        self.refused(self.folder / "bad.aidax", "expected a model of")


class TestAmpFiles(AudioTest):
    def test_the_models_of_others_are_played_at_their_rate(self):
        # A 16-bit file at another rate, as people have them.
        model = Nam(9, rate=16000.0)
        self.convert(self.write(model.document(), "amp.nam"))
        source = self.folder / "in.wav"
        with wave.open(str(source), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(2 * 800))
        done = subprocess.run([player(), "--json", self.folder / "out.safetensors", source],
                              capture_output=True, text=True, check=True)
        report = json.loads(done.stdout)
        self.assertEqual((report["input_sample_rate"], report["sample_rate"]), (8000, 16000))
        self.assertAlmostEqual(report["frames"], 1600, delta=2)
