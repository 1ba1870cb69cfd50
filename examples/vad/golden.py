#!/usr/bin/env python3
"""golden.py PACKAGE RECORDING.wav OUT.json     what lstm-vad is tested against

PACKAGE is the folder that tools/silero.py unpacked.  The probabilities are ONNX Runtime's, from the
package's ONNX file, one per 512 samples; the segments are made of them by the package's own
get_speech_timestamps_from_probs, with its defaults and at other thresholds.  The recording must be
16 kHz, mono, 16 bit.  Needs numpy and onnxruntime: tools/fetch-vad --golden makes an environment
with both.
"""

import ast
import json
import pathlib
import sys
import typing
import wave

import numpy
import onnxruntime

RATE = 16000
FORMAT = RATE, 1, 16
FRAME = 512
CONTEXT = 64
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)  # the first one meets the lower limit of 0.01
FUNCTION = "get_speech_timestamps_from_probs"


def read(path):
    """int16 samples -> float32 in [-1, 1)."""
    with wave.open(str(path)) as sound:
        found = sound.getframerate(), sound.getnchannels(), 8 * sound.getsampwidth()
        if found != FORMAT:
            sys.exit(f"golden.py: {path}: (Hz, channels, bits) {FORMAT} expected, {found} found")
        samples = numpy.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    return samples.astype(numpy.float32) / 32768


def make_session(model):
    """A model as a path or as bytes, on one thread, as lstm-vad has."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def session(package):
    return make_session(str(pathlib.Path(package) / "silero_vad_16k_op15.onnx"))


def frames(samples):
    """The network's inputs [1, CONTEXT + FRAME]: 64 samples of the frame before, 512 new ones."""
    padded = numpy.pad(samples, (CONTEXT, -len(samples) % FRAME))
    for start in range(0, len(padded) - CONTEXT, FRAME):
        yield padded[None, start : start + CONTEXT + FRAME]


def probabilities(network, samples):
    state = numpy.zeros((2, 1, 128), numpy.float32)
    rate = numpy.array(RATE, numpy.int64)
    result = []
    for frame in frames(samples):
        output, state = network.run(None, {"input": frame, "state": state, "sr": rate})
        result.append(float(output.item()))
    return result


def segmenter(package):
    """The package's function alone: it is plain Python, but its module imports PyTorch."""
    path = pathlib.Path(package) / "utils_vad.py"
    functions = [
        node
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == FUNCTION
    ]
    if len(functions) != 1:
        sys.exit(f"golden.py: {path}: one function {FUNCTION} expected, {len(functions)} found")
    names = {"List": typing.List}
    exec(compile(ast.Module(functions, []), str(path), "exec"), names)
    return names[FUNCTION]


def main(package, recording, target):
    samples = read(recording)
    values = probabilities(session(package), samples)
    segments = segmenter(package)
    golden = {
        "made_by": f"ONNX Runtime {onnxruntime.__version__}, {pathlib.Path(package).name}",
        "probabilities": values,
        "segments": {
            str(threshold): segments(values, threshold=threshold, audio_length_samples=len(samples))
            for threshold in THRESHOLDS
        },
    }
    pathlib.Path(target).write_text(json.dumps(golden) + "\n", "ascii")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    main(*sys.argv[1:])
