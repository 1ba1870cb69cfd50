#!/usr/bin/env python3
"""speech.py OUT.wav SENTENCE.wav...     join recorded sentences into one recording

All 16 kHz, mono, 16 bit.  Pauses stand between the sentences, and a burst of noise as loud as the
voice after the second, so that the result shows what a detector of speech must tell apart.  The
same input always gives the same bytes.
"""

import array
import random
import sys
import wave

RATE = 16000
FORMAT = RATE, 1, 16
PAUSES = (0.6, 1.0, 0.6, 0.8, 1.5)  # seconds before each sentence, taken in turn
NOISE_AFTER = 2  # sentences
NOISE_SECONDS = 1.5
NOISE_PEAK = 6000  # of 32767: about the loudness of the recorded voice


def read(path):
    with wave.open(path) as sound:
        found = sound.getframerate(), sound.getnchannels(), 8 * sound.getsampwidth()
        if found != FORMAT:
            sys.exit(f"speech.py: {path}: (Hz, channels, bits) {FORMAT} expected, {found} found")
        samples = array.array("h", sound.readframes(sound.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def silence(seconds):
    return array.array("h", bytes(2 * round(seconds * RATE)))


def noise(seconds):
    generator = random.Random(1)
    count = round(seconds * RATE)
    values = (generator.uniform(-NOISE_PEAK, NOISE_PEAK) for _ in range(count))
    return array.array("h", map(round, values))


def main(target, *sources):
    recording = array.array("h")
    for index, source in enumerate(sources):
        if index == NOISE_AFTER:
            recording += noise(NOISE_SECONDS)
        recording += silence(PAUSES[index % len(PAUSES)])
        recording += read(source)
    recording += silence(PAUSES[0])
    if sys.byteorder == "big":
        recording.byteswap()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(recording.tobytes())


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    main(*sys.argv[1:])
