#!/usr/bin/env python3
"""recording.py IN.wav OUT.h     a recording (8 kHz, mono, 16 bit) as a constant of C"""

import array
import os
import sys
import wave

FORMAT = 8000, 1, 16
PER_LINE = 12


def read(path):
    try:
        with wave.open(path) as sound:
            found = sound.getframerate(), sound.getnchannels(), 8 * sound.getsampwidth()
            samples = array.array("h", sound.readframes(sound.getnframes()))
    except (OSError, EOFError, ValueError, wave.Error) as reason:
        sys.exit(f"recording.py: {path}: expected a WAV file, found: {reason}")
    if found != FORMAT:
        sys.exit(f"recording.py: {path}: expected (Hz, channels, bits) {FORMAT}, found {found}")
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    samples = read(sys.argv[1])
    rows = (samples[k : k + PER_LINE] for k in range(0, len(samples), PER_LINE))
    lines = ["\t" + ", ".join(map(str, row)) + "," for row in rows]
    count = len(samples)
    head = [f"enum {{ RECORDED = {count} }};", f"static const int16_t recording[{count}] = {{"]
    text = "\n".join([*head, *lines, "};", ""])
    temporary = f"{sys.argv[2]}.{os.getpid()}"
    try:
        with open(temporary, "w", encoding="ascii") as file:
            file.write(text)
        os.replace(temporary, sys.argv[2])
    except OSError as reason:
        if os.path.exists(temporary):
            os.remove(temporary)
        sys.exit(f"recording.py: {sys.argv[2]}: cannot be written: {reason.strerror}")


if __name__ == "__main__":
    main()
