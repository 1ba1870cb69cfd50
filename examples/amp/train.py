#!/usr/bin/python3
"""train.py OUT.safetensors [--updates N]     fit an LSTM to the pedal of pedal.py

1 -> 16 units, a dense layer to 1 and the skip connection x + f(x), trained on made-up guitars (see
guitar.py) and noise of many levels by truncated backpropagation through time: the state goes on
from piece to piece of each recording, the gradient does not.  Prints the error-to-signal ratio on a
guitar that was not trained on.  One thread; about two minutes with the 2000 updates of the default.
Needs PyTorch and numpy (Debian: python3-torch, which belongs to /usr/bin/python3).
"""

import argparse
import json
import os
import struct
import sys
import time

import numpy as np
import torch

import guitar
from pedal import RATE, pedal

HIDDEN = 16
STREAMS = 64  # recordings side by side
SECONDS = 2  # of each
PIECE = 256  # samples between updates
RATE_FIRST, RATE_LAST = 0.01, 0.0003  # of learning


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(1, HIDDEN)
        self.head = torch.nn.Linear(HIDDEN, 1)
        with torch.no_grad():
            self.lstm.bias_ih_l0[HIDDEN : 2 * HIDDEN] += 1  # remember, to begin with

    def forward(self, x, state=None):
        """x[samples, streams, 1]"""
        h, state = self.lstm(x, state)
        return x + self.head(h), state


def recordings():
    """x[samples, streams, 1] of guitars, the last quarter noise in swells, all of many levels."""
    random = np.random.default_rng(7)
    count = SECONDS * RATE
    streams = [guitar.play(SECONDS, RATE, 100 + i) for i in range(STREAMS * 3 // 4)]
    swell = np.sin(np.linspace(0, 6 * np.pi, count)) ** 2
    streams += [swell * random.uniform(-1, 1, count) for _ in range(STREAMS - len(streams))]
    levels = np.geomspace(0.1, 1.2, STREAMS)
    random.shuffle(levels)
    return np.stack(streams, 1)[:, :, None] * levels[:, None]


def error_to_signal(found, expected):
    return float(((found - expected) ** 2).sum() / (expected**2).sum())


def train(updates):
    torch.manual_seed(3)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    model = Model()
    inputs = recordings()
    x = torch.tensor(inputs, dtype=torch.float32)
    y = torch.tensor(pedal(inputs), dtype=torch.float32)
    optimizer = torch.optim.Adam(model.parameters(), RATE_FIRST)
    decay = (RATE_LAST / RATE_FIRST) ** (1 / max(updates, 1))
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
    state = None
    pieces = len(x) // PIECE
    started = time.monotonic()
    for update in range(updates):
        first = update % pieces * PIECE
        if first == 0:
            state = None
        piece = slice(first, first + PIECE)
        found, state = model(x[piece], state)
        state = tuple(part.detach() for part in state)
        # Quiet streams count nearly as much as loud ones.
        power = (y[piece] ** 2).mean(0, keepdim=True) + 4e-3
        loss = ((found - y[piece]) ** 2 / power).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (update + 1) % 200 == 0:
            seconds = time.monotonic() - started
            print(f"{update + 1:5d} updates, {seconds:4.0f} s, loss {loss.item():.5f}", flush=True)
    return model


def judge(model):
    """The error-to-signal ratio on a guitar of its own."""
    inputs = guitar.play(4, RATE, 5)[:, None, None]
    with torch.no_grad():
        found, _ = model(torch.tensor(inputs, dtype=torch.float32))
    return error_to_signal(found.numpy(), pedal(inputs))


def save(path, tensors, metadata):
    """A safetensors file, written whole or not at all."""
    header, data = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        values = np.ascontiguousarray(tensor.numpy(), "<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(values)],
        }
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + data)
        os.replace(temporary, path)
    except OSError as reason:
        if os.path.exists(temporary):
            os.remove(temporary)
        sys.exit(f"train.py: {path}: cannot be written: {reason.strerror}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--updates", type=int, default=2000)
    given = parser.parse_args()
    model = train(given.updates)
    error = judge(model)
    metadata = {
        "amp.name": "tanh waveshaper with memory (examples/amp/pedal.py)",
        "amp.sample_rate": str(RATE),
        "amp.skip": "1",
        "amp.prewarm": str(RATE // 10),
        "amp.error_to_signal": f"{error:.3g}",
    }
    save(given.out, model.state_dict(), metadata)
    print(f"error-to-signal ratio {error:.5f} ({10 * np.log10(error):.1f} dB) after "
          f"{given.updates} updates: {given.out}")


if __name__ == "__main__":
    main()
