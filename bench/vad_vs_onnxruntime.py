#!/usr/bin/env python3
"""vad_vs_onnxruntime.py [options] LSTM_VAD     voice activity: lstm.h against ONNX Runtime

Both run the same network over the same recording, frame by frame, one thread, pinned to one core,
in turns; every figure is measured in the run that prints it.  lstm-vad's time per frame is taken
around the whole network in C.  ONNX Runtime is called from Python, so its time is given twice: as
the caller sees it, and less the time of a model with the same inputs and outputs that only copies
them.  The latter is a lower bound: what it takes off includes ONNX Runtime's own cost per call,
which a caller from C pays too.

Run it with the environment that tools/fetch-vad --golden made: .cache/venv/bin/python bench/...
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples" / "vad"))
import golden  # noqa: E402


def copying_session():
    """The network's inputs and outputs with nothing between them but copies."""
    helper, kind = onnx.helper, onnx.TensorProto
    frame = [1, golden.CONTEXT + golden.FRAME]
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["state"], ["stateN"]),
            helper.make_node("ReduceMax", ["input"], ["output"], axes=[1], keepdims=1),
        ],
        "copy",
        [
            helper.make_tensor_value_info("input", kind.FLOAT, frame),
            helper.make_tensor_value_info("state", kind.FLOAT, [2, 1, 128]),
            helper.make_tensor_value_info("sr", kind.INT64, []),
        ],
        [
            helper.make_tensor_value_info("output", kind.FLOAT, [1, 1]),
            helper.make_tensor_value_info("stateN", kind.FLOAT, [2, 1, 128]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    return golden.make_session(model.SerializeToString())


def time_runtime(network, frames):
    """Microseconds per frame, median."""
    state = numpy.zeros((2, 1, 128), numpy.float32)
    rate = numpy.array(golden.RATE, numpy.int64)
    times = []
    for frame in frames:
        feed = {"input": frame, "state": state, "sr": rate}
        begun = time.perf_counter_ns()
        _, state = network.run(None, feed)
        times.append(time.perf_counter_ns() - begun)
    return statistics.median(times) / 1000


def time_ours(program, weights, recording, isa):
    arguments = [program, "--json", "--weights", weights, recording]
    if isa:
        arguments += ["--isa", isa]
    done = subprocess.run(arguments, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.decode().strip())
    return json.loads(done.stdout)


def row(name, times, ours):
    ratios = [a / b for a, b in zip(times, ours)]
    print(
        f"{name:<44} {statistics.median(times):8.1f} {min(times):8.1f}"
        f" {statistics.median(ratios):9.2f}"
    )
    return statistics.median(ratios)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", metavar="LSTM_VAD")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / ".cache")
    parser.add_argument("--recording", type=pathlib.Path, help="default: speech.wav in the cache")
    parser.add_argument("--isa", help="instruction set for lstm.h; default: the best")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument(
        "--at-least", type=float, default=0, metavar="RATIO", help="exit 1 if the bound is less"
    )
    options = parser.parse_args()
    recording = options.recording or options.cache / "speech.wav"
    packages = sorted(options.cache.glob("silero-vad-*"))
    if not packages or not recording.exists():
        sys.exit(f"{options.cache}: no package or recording: run tools/fetch-vad --golden")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    frames = list(golden.frames(golden.read(recording)))
    network, copying = golden.session(packages[-1]), copying_session()
    ours, theirs, empty = [], [], []
    for _ in range(options.repeat):
        found = time_ours(
            options.program, options.cache / "silero_vad_v6_16k.safetensors", recording, options.isa
        )
        ours.append(found["frame_us_median"])
        theirs.append(time_runtime(network, frames))
        empty.append(time_runtime(copying, frames))

    print(
        f"{recording.name}: {len(frames)} frames of 32 ms, {options.repeat} runs each in turns,"
        " one thread\n"
    )
    print(f"{'':<44} {'us/frame':>8} {'best':>8} {'/ lstm.h':>9}")
    row(f"lstm.h, whole network ({found['isa']}, {found['activations']})", ours, ours)
    version = onnxruntime.__version__
    row(f"ONNX Runtime {version}, as called from Python", theirs, ours)
    row("  of that: a model that only copies", empty, ours)
    net = [a - b for a, b in zip(theirs, empty)]
    bound = row("ONNX Runtime less that: lower bound", net, ours)
    if bound < options.at_least:
        sys.exit(f"lstm.h is {bound:.2f} times as fast, {options.at_least:g} expected")


if __name__ == "__main__":
    main()
