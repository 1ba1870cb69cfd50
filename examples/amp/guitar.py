#!/usr/bin/env python3
"""guitar.py OUT.wav [--seconds S] [--rate R] [--seed N] [--stereo]     an electric guitar, made up

Plucked strings after Karplus and Strong: a burst of noise goes round a delay line of one period,
and each round takes some of its treble.  Chords, single notes and palm mutes follow each other.
The same seed always gives the same samples.  16 bit.  Needs numpy.
"""

import argparse
import wave

import numpy as np

RATE = 48000
PEAK = 0.7
OPEN_STRINGS = (82.41, 110.0, 146.83, 196.0, 246.94, 329.63)  # Hz
CHORDS = ((0, 2, 2, 1, 0, 0), (0, 0, 2, 2, 2, 0), (3, 2, 0, 0, 0, 3), (0, 2, 2, 0, 0, 0))  # frets
BEAT = 0.25  # seconds


def pluck(random, frequency, seconds, damping, rate):
    """One string.  damping: 0 rings on, 1 is muted by the palm."""
    period = max(2, round(rate / frequency))
    count = round(seconds * rate)
    sound = np.zeros(count + 2 * period + 1)
    burst = random.uniform(-1, 1, period)
    # The pick's own softness: a mean over some neighbours.
    sound[1 : period + 1] = np.convolve(np.tile(burst, 2), np.ones(5) / 5)[period : 2 * period]
    loss = 0.996 - 0.05 * damping
    for start in range(period + 1, count + period + 1, period):
        before = sound[start - period - 1 : start]
        sound[start : start + period] = loss * 0.5 * (before[1:] + before[:-1])
    return sound[1 : count + 1]


def play(seconds, rate=RATE, seed=1):
    """A riff as float64 samples, its loudest one at PEAK."""
    random = np.random.default_rng(seed)
    count = round(seconds * rate)
    sound = np.zeros(count)
    at = 0.1
    while at < seconds:
        start = round(at * rate)
        kind = random.integers(3)
        beats = int(random.integers(1, 5))
        loudness = random.uniform(0.3, 1)
        if kind == 0:
            frets = CHORDS[random.integers(len(CHORDS))]
            notes = [base * 2 ** (fret / 12) for base, fret in zip(OPEN_STRINGS, frets)]
        else:
            notes = [OPEN_STRINGS[random.integers(6)] * 2 ** (random.integers(13) / 12)]
        for index, frequency in enumerate(notes):
            begin = start + round(index * 0.012 * rate)  # the strum
            note = pluck(random, frequency, 4 * BEAT, float(kind == 2), rate)[: count - begin]
            if begin < count:
                sound[begin : begin + len(note)] += loudness * note
        at += beats * BEAT
    return sound * (PEAK / np.abs(sound).max())


def write(path, channels, rate):
    """channels: a list of arrays, one per channel."""
    frames = np.rint(np.stack(channels, 1) * 32767).astype("<i2")
    with wave.open(path, "wb") as sound:
        sound.setnchannels(len(channels))
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(frames.tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stereo", action="store_true", help="two guitars, one on each side")
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + 1 + given.stereo)
    write(given.out, [play(given.seconds, given.rate, seed) for seed in seeds], given.rate)


if __name__ == "__main__":
    main()
