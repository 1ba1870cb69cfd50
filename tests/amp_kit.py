"""What the tests of lstm-amp share: the program, sounds and models in an empty folder."""

import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

import amp_model
import vad_sound

RATE = 48000

# Sums of some ten products in fp32, exp and tanh of a few ulp: h is off by no more than 1e-6, and
# the models' heads and gains make at most some five times that of it.
TOLERANCE = 5e-6

def run(*arguments, env=None):
    """The finished program: $LSTM_AMP with these arguments."""
    return subprocess.run(
        [os.environ["LSTM_AMP"], *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, **(env or {})},
        timeout=600,
        check=False,
    )


def noise(count, seed=1, loudness=0.8):
    """Samples of a noise that swells, in fp32."""
    generator = random.Random(seed)
    return [
        amp_model.single(loudness * math.sin(i / 150) ** 2 * generator.uniform(-1, 1))
        for i in range(count)
    ]


def interleave(*channels):
    return [sample for frame in zip(*channels) for sample in frame]


class AmpTest(unittest.TestCase):
    longMessage = True

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="test_amp."))
        self.addCleanup(shutil.rmtree, self.folder)

    def sound(self, values, name="in.wav", rate=RATE, channels=1):
        path = self.folder / name
        vad_sound.write_wave_float(path, values, rate, channels)
        return path

    def model(self, amp):
        return amp.save(self.folder / "model.safetensors")

    def play(self, *arguments, env=None):
        """What the program writes, and the JSON object that it prints."""
        out = self.folder / "out.wav"
        done = run("--json", "-o", out, *arguments, env=env)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        rate, channels, values = amp_model.read_float(out)
        report = json.loads(done.stdout)
        self.assertEqual((report["sample_rate"], report["channels"]), (rate, channels))
        self.assertEqual(report["frames"] * channels, len(values))
        return values, report

    def shared_library(self, source):
        """A C file as a library to load."""
        if not shutil.which("cc"):
            self.skipTest("cc is not installed")
        library = self.folder / f"{source.stem}.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        return library

    def assert_near(self, found, expected, tolerance=TOLERANCE):
        self.assertEqual(len(found), len(expected), "number of samples")
        for index, (a, b) in enumerate(zip(found, expected)):
            self.assertLessEqual(abs(a - b), tolerance, f"sample {index}: {a}, expected {b}")

    def assert_plays(self, amp, knobs=(), count=700):
        """The program agrees with the equations."""
        samples = noise(count)
        arguments = [word for knob in knobs for word in ("--knob", knob)]
        found, _ = self.play(*arguments, self.model(amp), self.sound(samples))
        self.assert_near(found, amp.run(samples, knobs))
