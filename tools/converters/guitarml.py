"""GuitarML and Proteus: the JSON of the SimpleRNN that Automated-GuitarAmpModelling trains.

The format is that of CoreAudioML/networks.py of github.com/Alec-Wright/Automated-GuitarAmpModelling
and github.com/GuitarML/Proteus (src/RTNeuralLSTM.cpp): model_data {model, unit_type, input_size,
hidden_size, num_layers, output_size, skip} and state_dict, PyTorch's names with nested lists:
rec.weight_ih_l0, rec.weight_hh_l0, rec.bias_ih_l0, rec.bias_hh_l0, lin.weight, lin.bias.  With
skip, the first input is added to the output.  The rate is not in the file: the plug-ins run at
44100 Hz.
"""

from . import audio
from .model import STEMS, ConvertError, Lstm
from .verify import Unavailable

NAME = "GuitarML"
KEY = "guitarml"
REQUIREMENTS = []
VERIFY_REQUIREMENTS = []

RATE = 44100


def matches(path, head):
    return {"model_data", "state_dict"} <= (audio.document(path, head) or {}).keys()


def load(path, _options):
    found = audio.load_document(path)
    data = audio.get(found, "model_data", dict)
    state = audio.get(found, "state_dict", dict)
    for key, expected in (("model", "SimpleRNN"), ("unit_type", "LSTM"), ("output_size", 1)):
        value = audio.get(data, key, type(expected), "model_data.", expected)
        if value != expected:
            raise ConvertError(f"'model_data.{key}'", repr(expected), repr(value))
    width, hidden = (audio.get(data, key, int, "model_data.")
                     for key in ("input_size", "hidden_size"))
    layers, skip = (audio.get(data, key, int, "model_data.", 1) for key in ("num_layers", "skip"))
    if min(width, hidden, layers) < 1:
        raise ConvertError("'model_data'", "sizes above 0",
                           f"input {width}, hidden {hidden}, {layers} layers")
    if skip not in (0, 1):
        raise ConvertError("'model_data.skip'", "0 or 1", skip)

    used = set()

    def tensor(name, *shape):
        used.add(name)
        return audio.array(audio.get(state, name, list, "state_dict."), repr(name), *shape)

    lstm = Lstm(prefix="rec.", about=audio.about(sample_rate=RATE, skip=skip))
    for layer in range(layers):
        shapes = {"weight_ih": (4 * hidden, hidden if layer else width),
                  "weight_hh": (4 * hidden, hidden),
                  "bias_ih": (4 * hidden,), "bias_hh": (4 * hidden,)}
        lstm.parts.append({stem: tensor(f"rec.{stem}_l{layer}", *shape)
                           for stem, shape in shapes.items()})
    head = audio.Head()
    bias = tensor("lin.bias", 1) if "lin.bias" in state else None
    head.add(tensor("lin.weight", 1, hidden), bias)
    head.finish(lstm)
    for name in sorted(set(state) - used):
        if name.startswith(tuple(f"rec.{stem}" for stem in STEMS)):
            raise ConvertError(f"'state_dict.{name}'", "none", "one that nothing uses")
    lstm.notes.append(f"the file does not tell its rate: {RATE} Hz, as GuitarML's plug-ins run")
    lstm.notes += audio.knobs_note(lstm) + audio.unused_note(state, used)
    return [lstm]


def reference(_lstm, _path):
    raise Unavailable("its runtime is a plug-in")
