"""The pedal that train.py imitates: a tanh waveshaper with memory, as a diode clipper behind a
coupling capacitor would be.  At 48 kHz, sample by sample:

    v = high-pass(x), one pole at 100 Hz           the coupling capacitor
    s = s + (|v| - s) / 960                        the bias follows the loudness, 20 ms behind
    u = tanh(9 v + 0.2 - 2 s)                      the clipping, lop-sided the more it is played
    w = low-pass(u - tanh(0.2)), one pole at 4 kHz       the tone capacitor
    y = 0.5 w + 0.2 x                              some of the clean sound beside it

What comes out therefore depends on the sample, on those just before it (through the capacitors) and
on how loud it has been for some time: an LSTM has to learn all three."""

import numpy as np

RATE = 48000


def one_pole(hertz):
    """How much of the way to its input a one-pole low-pass goes in one sample."""
    return 1 - np.exp(-2 * np.pi * hertz / RATE)


def pedal(x):
    """x[samples, ...] -> y, float64; starts from silence."""
    low, high = one_pole(100), one_pole(4000)
    mean, bias, tone = (np.zeros(x.shape[1:]) for _ in range(3))
    y = np.empty_like(x)
    for t, now in enumerate(x):
        mean += low * (now - mean)
        v = now - mean
        bias += (np.abs(v) - bias) / 960
        u = np.tanh(9 * v + 0.2 - 2 * bias) - np.tanh(0.2)
        tone += high * (u - tone)
        y[t] = 0.5 * tone + 0.2 * now
    return y
