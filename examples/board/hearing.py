"""What the example hears: a recording at 8 kHz, and the numbers of bands.c, made by numpy."""

import sys
import wave

import numpy as np

RATE = 8000
FRAME = 256  # samples: 32 ms
BANDS = 6


def read(path):
    """(samples as int16, Hz) of a WAV file of one channel and 16 bits."""
    try:
        with wave.open(str(path)) as sound:
            form = sound.getnchannels(), 8 * sound.getsampwidth()
            if form != (1, 16):
                sys.exit(f"{path}: expected (channels, bits) (1, 16), found {form}")
            return np.frombuffer(sound.readframes(sound.getnframes()), "<i2"), sound.getframerate()
    except (OSError, EOFError, wave.Error) as reason:
        sys.exit(f"{path}: expected a WAV file, found: {reason}")


def halve(samples):
    """Half the sampling rate: a low-pass at 3.6 kHz of 16 kHz, then every second sample."""
    taps = np.arange(-63, 64)
    low = 0.45 * np.sinc(0.45 * taps) * np.hamming(len(taps))
    return np.clip(np.round(np.convolve(samples, low, "same")[::2]), -32768, 32767)


def frames(samples):
    """[frames, FRAME] of integers; what is left at the end is filled up with silence."""
    count = -(-len(samples) // FRAME)
    padded = np.zeros(count * FRAME, np.int64)
    padded[: len(samples)] = samples
    return padded.reshape(count, FRAME)


def level(energy):
    """log2 of 1 + energy in 256ths, the fraction by straight lines: whole numbers all the way."""
    value = energy.astype(np.uint64) + np.uint64(1)
    exponent = np.zeros(value.shape, np.uint64)
    for bit in (32, 16, 8, 4, 2, 1):
        more = (value >> exponent) >> np.uint64(bit) > 0
        exponent += np.where(more, np.uint64(bit), np.uint64(0))
    below = value - (np.uint64(1) << exponent)
    small = exponent < 8
    up = np.where(small, np.uint64(8) - exponent, np.uint64(0))
    down = np.where(small, np.uint64(0), exponent - np.where(small, exponent, np.uint64(8)))
    return (exponent * np.uint64(256) + ((below << up) >> down)).astype(np.int64)


def bands(samples):
    """x[frames, BANDS]: the levels of five octaves from the highest down, and of what is below."""
    low = frames(samples)
    levels = []
    for _ in range(BANDS - 1):
        a, b = low[:, ::2], low[:, 1::2]
        levels.append(level(((a - b) ** 2).sum(1)))
        low = a + b
    levels.append(level((low**2).sum(1)))
    return ((np.stack(levels, 1) - 6144) / 2048).astype(np.float32)
