#!/usr/bin/python3
"""train.py OUT.safetensors EXPECTED.h [--updates N]     teach a small LSTM to hear speech

6 bands -> 12 units, of which the first is the answer: above 0 is speech.  It learns from half a
minute of read speech and from the first 5.2 s of speech.wav beside this file (President Kennedy in
1961, in the public domain), cut up, filtered, made louder and softer and mixed with noise; the
teacher is lstm-vad, the project's own example.  Run tools/demo first: it builds the teacher and
fetches the other recording.  Judged by the rest of speech.wav, which it has not learned; all
outputs for it, computed in double precision, go to EXPECTED.h.  One thread; some minutes.  Needs
PyTorch and numpy (Debian: python3-torch, which belongs to /usr/bin/python3).
"""

import argparse
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

import hearing

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TEACHER = ROOT / "build" / "demo" / "examples" / "lstm-vad"
LESSON = ROOT / ".cache" / "speech.wav"
EXAM = HERE / "speech.wav"
# What lstm-vad hears in that one at 16 kHz, in seconds.
EXAM_SPEECH = [(0.322, 2.270), (3.266, 4.446), (5.378, 7.678), (8.162, 10.622)]

LEARNED = 164  # frames of the exam that are learned too, 5.2 s; the rest is not
AGAIN = 6  # times: to be as long as the other lesson
HIDDEN = 12
STREAMS = 256  # variations of the lesson side by side
FRAMES = 500  # of each
LOUD = 2000  # of 32767, on average
SWELL = 20000  # samples of one loudness
PIECE = 100  # frames between updates
RATE_FIRST, RATE_LAST = 0.02, 0.0005  # of learning


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(hearing.BANDS, HIDDEN)

    def forward(self, x, state=None):
        """x[frames, streams, BANDS] -> answer[frames, streams] in -1..1"""
        h, state = self.lstm(x, state)
        return h[:, :, 0], state


def teacher(path):
    """1 for frames inside the segments that lstm-vad finds, else 0."""
    done = subprocess.run([TEACHER, "--json", path], check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    speech = np.zeros(found["frames"], np.float32)
    for segment in found["segments"]:
        speech[round(segment["start_s"] / 0.032) : round(segment["end_s"] / 0.032)] = 1
    return speech


def colour(random, sound):
    """The sound through a tone control: some decibels more or less in every octave, and a slope."""
    spectrum = np.fft.rfft(sound)
    octaves = np.log2(np.arange(len(spectrum)) / len(spectrum) + 1e-4)
    knobs = random.normal(0, 3, 8) + random.uniform(-3, 3) * np.arange(8)
    spectrum *= 10 ** (np.interp(octaves, np.arange(-7, 1), knobs) / 20)
    return np.fft.irfft(spectrum, len(sound))


def noise(random, count):
    """Of another loudness, at most about 1, every few seconds, as an audience is."""
    wave = colour(random, random.normal(size=count))
    swell = np.repeat(10 ** random.uniform(-1.5, 0, 2 * count // SWELL), SWELL)
    return wave / wave.std() * np.roll(swell, random.integers(SWELL))[:count]


def shuffle(random, lesson, speech):
    """Pieces of the lesson in any order, often with a pause between them, and what is speech."""
    sound, labels = [], []
    while len(labels) < FRAMES:
        count = int(random.integers(10, 100))
        first = int(random.integers(len(speech) - count))
        sound.append(lesson[first : first + count].ravel())
        labels += list(speech[first : first + count])
        if random.random() < 0.6:
            pause = int(random.integers(6, 40))
            sound.append(np.zeros(pause * hearing.FRAME))
            labels += [0.0] * pause
    return np.concatenate(sound)[: FRAMES * hearing.FRAME], np.array(labels[:FRAMES], np.float32)


def echo(random, sound):
    """The sound in a hall."""
    taps = np.arange(2400)
    decay = random.normal(size=len(taps)) * np.exp(-taps / random.uniform(200, 1000))
    decay *= random.uniform(0, 0.7) / np.sqrt((decay**2).sum())
    decay[0] = 1
    size = len(sound) + len(taps)
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(decay, size), size)[: len(sound)]


def variation(random, lesson, speech):
    """(what is heard, what is speech) of a shuffled lesson in a random hall, with a random tone
    control, loudness and noise."""
    sound, labels = shuffle(random, lesson, speech)
    sound = echo(random, sound)
    sound = colour(random, sound)
    sound *= LOUD / np.sqrt((sound**2).mean())
    sound += LOUD * 10 ** (random.uniform(-55, -10) / 20) * noise(random, len(sound))
    sound *= 10 ** (random.uniform(-24, 12) / 20)
    return hearing.bands(np.round(np.clip(sound, -32768, 32767))), labels


def train(updates):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    random = np.random.default_rng(1)
    samples, rate = hearing.read(LESSON)
    if rate != 2 * hearing.RATE:
        sys.exit(f"train.py: {LESSON}: expected {2 * hearing.RATE} Hz, found {rate}")
    lesson, speech = hearing.halve(samples), teacher(LESSON)
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), RATE_FIRST)
    decay = (RATE_LAST / RATE_FIRST) ** (1 / updates)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
    lesson = hearing.frames(lesson)[: len(speech)]
    first = hearing.frames(hearing.read(EXAM)[0])[:LEARNED]
    lesson = np.concatenate([lesson, *[first] * AGAIN])
    speech = np.concatenate([speech, *[exam_speech()[:LEARNED]] * AGAIN])
    pairs = [variation(random, lesson, speech) for _ in range(STREAMS)]
    x = torch.tensor(np.stack([x for x, _ in pairs], 1))
    y = torch.tensor(np.stack([y for _, y in pairs], 1))
    pieces = FRAMES // PIECE
    for update in range(updates):
        if update % pieces == 0:
            state = None
        piece = slice(update % pieces * PIECE, (update % pieces + 1) * PIECE)
        answer, state = model(x[piece], state)
        state = tuple(part.detach() for part in state)
        loss = torch.nn.functional.binary_cross_entropy((1 + 0.98 * answer) / 2, y[piece])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (update + 1) % 100 == 0:
            print(f"{update + 1:5d} updates, loss {loss.item():.4f}, exam {judge(model):.3f}",
                  flush=True)
    return model


def answers(model):
    """What the model, in double precision, says to the exam."""
    samples, _ = hearing.read(EXAM)
    x = torch.tensor(hearing.bands(samples)).double()
    with torch.no_grad():
        answer, _ = Model.forward(model.double(), x[:, None])
    model.float()
    return answer[:, 0].numpy()


def exam_speech():
    """1 for the frames of the exam in which lstm-vad hears speech."""
    centre = (np.arange(len(hearing.frames(hearing.read(EXAM)[0]))) + 0.5) * 0.032
    return np.any([(centre > a) & (centre < b) for a, b in EXAM_SPEECH], 0).astype(np.float32)


def judge(model):
    """The part of the exam's frames, of those that were not learned, that are heard as lstm-vad
    does."""
    right = (answers(model) > 0) == (exam_speech() > 0)
    return float(right[LEARNED:].mean())


def write(path, data):
    """Whole or not at all."""
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as reason:
        if os.path.exists(temporary):
            os.remove(temporary)
        sys.exit(f"train.py: {path}: cannot be written: {reason.strerror}")


def safetensors(tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        values = np.ascontiguousarray(tensor.numpy(), "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def expected(values):
    lines = ["/* What speech.safetensors answers to speech.wav, frame by frame: by train.py,",
             f" * PyTorch {torch.__version__} in double precision. */",
             f"static const float expected[{len(values)}] = {{"]
    texts = [f"{np.float32(value):.9g}" for value in values]
    texts = [text + ("f" if "." in text or "e" in text else ".0f") for text in texts]
    for k in range(0, len(texts), 6):
        lines.append("\t" + ", ".join(texts[k : k + 6]) + ",")
    return ("\n".join([*lines, "};"]) + "\n").encode("ascii")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("expected")
    parser.add_argument("--updates", type=int, default=2500)
    given = parser.parse_args()
    for need in (TEACHER, LESSON):
        if not need.exists():
            sys.exit(f"train.py: {need}: expected what tools/demo makes, found no such file")
    model = train(given.updates)
    write(given.out, safetensors(model.state_dict()))
    write(given.expected, expected(answers(model)))
    print(f"{100 * judge(model):.1f} % of the frames of {EXAM.name} that were not learned, as "
          f"lstm-vad hears them: {given.out}")


if __name__ == "__main__":
    main()
