#!/usr/bin/env python3
"""pedal.py IN.wav OUT.wav     the pedal that train.py imitates: a tanh waveshaper with memory

As a diode clipper behind a coupling capacitor would be.  At 48 kHz, sample by sample:

    v = high-pass(x), one pole at 150 Hz           the coupling capacitor
    s = s + (|v| - s) / 480                        the bias follows the loudness, 10 ms behind
    u = tanh(5 v + 0.2 - 2 s)                      the clipping, lop-sided the more it is played
    w = low-pass(u - tanh(0.2)), one pole at 4 kHz       the tone capacitor
    y = 0.5 w + 0.2 x                              some of the clean sound beside it

What comes out depends on the sample, on those just before it (through the capacitors) and on how
loud it has been for some time: an LSTM has to learn all three.  IN.wav has 48 kHz and 16 bit.
Needs numpy.
"""

import sys
import wave

import numpy as np

import guitar

RATE = guitar.RATE


def one_pole(hertz):
    """How much of the way to its input a one-pole low-pass goes in one sample."""
    return 1 - np.exp(-2 * np.pi * hertz / RATE)


def pedal(x):
    """x[samples, ...] -> y, float64; starts from silence."""
    low, high = one_pole(150), one_pole(4000)
    mean, bias, tone = (np.zeros(x.shape[1:]) for _ in range(3))
    y = np.empty_like(x)
    for t, now in enumerate(x):
        mean += low * (now - mean)
        v = now - mean
        bias += (np.abs(v) - bias) / 480
        u = np.tanh(5 * v + 0.2 - 2 * bias) - np.tanh(0.2)
        tone += high * (u - tone)
        y[t] = 0.5 * tone + 0.2 * now
    return y


def main(source, target):
    with wave.open(source) as sound:
        found = sound.getframerate(), 8 * sound.getsampwidth()
        if found != (RATE, 16):
            sys.exit(f"pedal.py: {source}: (Hz, bits) {(RATE, 16)} expected, {found} found")
        frames = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        channels = sound.getnchannels()
    y = pedal(frames.reshape(-1, channels) / 32768)
    guitar.write(target, list(y.T), RATE)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    main(*sys.argv[1:])
