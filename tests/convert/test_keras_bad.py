"""Keras's files that are broken, changed, or hold what lstm.h cannot do."""

import json
import zipfile

import h5py
import numpy as np
from converters import keras as keras_format
from converters import model
from keras_models import Keras, keras, layers, sequential

REQUIREMENTS = ["h5py==3.16.0", "keras==3.15.1", "jax==0.10.2"]


class Bad(Keras):
    def plain(self, name="model.keras", layer=None):
        return self.save(sequential(layer or layers.LSTM(2, name="voice")), name)

    def edit(self, path, change=lambda config: None, **members):
        """The same file with its configuration changed and members replaced, or None: left out."""
        with zipfile.ZipFile(path) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(content["config.json"])
        change(config)
        content["config.json"] = json.dumps(config).encode()
        content.update({name.replace("__", "."): data for name, data in members.items()})
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in content.items():
                if data is not None:
                    archive.writestr(name, data)
        return path

    def layer(self, **fields):
        return lambda config: config["config"]["layers"][1]["config"].update(fields)

    def refuses(self, path, pattern):
        with self.assertRaisesRegex(model.ConvertError, pattern):
            for lstm in keras_format.load(str(path), None):
                lstm.check()

    def test_npz_inside_is_read(self):
        path = self.plain()
        (expected,) = keras_format.load(str(path), None)
        kernel, recurrent, bias = keras.saving.load_model(path).get_weights()
        with open(self.folder / "weights.npz", "wb") as file:
            np.savez(file, **{"layers/lstm/cell": {"0": kernel, "1": recurrent, "2": bias}})
        self.edit(path, model__weights__h5=None,
                  model__weights__npz=(self.folder / "weights.npz").read_bytes())
        (lstm,) = keras_format.load(str(path), None)
        for stem, array in expected.parts[0].items():
            np.testing.assert_array_equal(lstm.parts[0][stem], array)
        with open(self.folder / "weights.npz", "wb") as file:
            np.savez(file, **{"layers/lstm/cell": {"0": zipfile.ZipFile, "1": recurrent}})
        self.edit(path, model__weights__npz=(self.folder / "weights.npz").read_bytes())
        self.refused(path, "layers/lstm/cell", "expected a dict of arrays", "zipfile.ZipFile")

    def test_what_lstm_h_cannot_do_is_refused(self):
        cases = [
            (layers.LSTM(2, activation="gelu"), "activation: expected one of linear .*'gelu'"),
            (layers.LSTM(2, activation=layers.ReLU(6)), "activation: .*found ReLU"),
            (layers.GRU(2), "content: expected LSTM.*found GRU"),
            (layers.RNN([layers.LSTMCell(2), layers.GRUCell(2)]), "cells: .*LSTMCell, GRUCell"),
            (layers.Bidirectional(layers.RNN([layers.LSTMCell(2)] * 2)), "one LSTM in each"),
            (layers.Bidirectional(layers.LSTM(2, go_backwards=True), backward_layer=layers.LSTM(2)),
             "go_backwards: expected false forward and true backward, found true and false"),
            (layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(3, go_backwards=True)),
             "units: expected the same"),
        ]
        for layer, pattern in cases:
            with self.subTest(pattern):
                self.refuses(self.plain(layer=layer), pattern)

    def test_bad_configurations_are_refused(self):
        cases = [
            (self.layer(units="2"), "layer 'voice': units: expected int, found '2'"),
            (self.layer(units=3), "kernel: expected shape .3, 12., found .3, 8."),
            (self.layer(use_bias=False), "'voice': expected 2 weights, found 3"),
            (self.layer(use_bias=None), "use_bias: expected bool, found none"),
            (self.layer(recurrent_activation=None), "recurrent_activation: .*found none"),
            (self.layer(activation={"class_name": "LeakyReLU", "config": {"alpha": "x"}}),
             "negative_slope: expected a number"),
            (lambda c: c["config"]["layers"][1].pop("class_name"), "class_name: expected str"),
            (lambda c: c["config"]["layers"][1].update(class_name="CuDNNLSTM"), "found CuDNNLSTM"),
            (lambda c: c["config"]["layers"].pop(), "content: expected LSTM"),
            (lambda c: c.pop("config"), "config: expected dict"),
            (lambda c: c["config"]["layers"].insert(1, c["config"]["layers"][1]),
             "group 'layers/lstm_1/cell/vars': expected one in the file, found none"),
        ]
        for change, pattern in cases:
            with self.subTest(pattern):
                self.refuses(self.edit(self.plain(), change), pattern)

    def test_broken_files_are_refused_in_one_sentence(self):
        path = self.plain()
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        self.refused(path, "model.keras: content: expected a whole zip file")
        path.write_bytes(whole)
        self.refused(self.edit(path, model__weights__h5=b"nothing"), "model.weights.h5", "HDF5")
        self.refused(self.edit(path, model__weights__h5=None), "model.weights", "neither")
        self.refused(self.edit(path, metadata__json=b"{"), "metadata.json: expected JSON")
        old = self.plain("old.h5")
        whole = old.read_bytes()
        old.write_bytes(whole[: len(whole) // 2])
        self.refused(old, "old.h5: content: expected a whole HDF5 file")

    def test_no_damage_is_more_than_a_refusal(self):
        random = np.random.default_rng(5)
        refused = 0
        for path in (self.plain("model.h5"), self.plain()):
            whole = path.read_bytes()
            for _ in range(60):
                data = bytearray(whole)
                for place in random.integers(16, len(data), 4):
                    data[place] = random.integers(256)
                path.write_bytes(data)
                try:
                    for lstm in keras_format.load(str(path), None):
                        lstm.check()
                except model.ConvertError:
                    refused += 1
        self.assertGreater(refused, 60, "most damage is seen")

    def test_other_hdf5_files_are_refused(self):
        network = sequential(layers.LSTM(2, name="voice"))
        network.save_weights(self.folder / "only.weights.h5")
        self.refused(self.folder / "only.weights.h5", "whole model", "without a configuration")
        path = self.plain("model.h5")
        with h5py.File(path, "a") as file:
            file.attrs["keras_version"] = "1.2.2"
        self.refused(path, "keras_version: expected 2 or newer, found 1.2.2")
        path = self.plain("model.h5")
        with h5py.File(path, "a") as file:
            name = file["model_weights/voice"].attrs["weight_names"][2]
            del file[f"model_weights/voice/{name}"]
            file[f"model_weights/voice/{name}"] = h5py.ExternalLink("/etc/passwd", "/")
        self.refused(path, "voice'?: .*bias", "data in the file itself", "a link")
        with h5py.File(path, "a") as file:
            del file["model_weights/voice"]
        self.refused(path, "group 'model_weights/voice': expected one in the file, found none")

    def test_infinite_weight_is_refused(self):
        network = sequential(layers.LSTM(2, name="voice"))
        network.set_weights([np.full(w.shape, np.inf) for w in network.get_weights()])
        self.refused(self.save(network), "voice.weight_ih_l0", "finite")
