"""What the tests of lstm-vad share: the program, its weights, a recording in an empty folder."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import vad_sound

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = None  # lstm-vad, and the folder that tools/fetch-vad --golden made: set by test_vad.py
CACHE = None


def weights_path():
    return CACHE / "silero_vad_v6_16k.safetensors"


def run(*arguments, env=None, stdin=None, weights=None):
    """The finished process, output as text."""
    environment = {**os.environ, "LSTM_VAD_WEIGHTS": str(weights or weights_path()), **(env or {})}
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=stdin or b"",
        capture_output=True,
        env=environment,
        timeout=120,
        check=False,
    )


def listen(*arguments, **keywords):
    """The JSON object that the program prints."""
    done = run("--json", *arguments, **keywords)
    if done.returncode != 0:
        raise AssertionError(f"exit {done.returncode}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def texts(node):
    """Every piece of text under an XML node."""
    if node.nodeType == node.TEXT_NODE:
        yield node.data.strip()
    for child in node.childNodes:
        yield from texts(child)


def limits(segments):
    return [(segment["start"], segment["end"]) for segment in segments]


class Vad(unittest.TestCase):
    longMessage = True

    @classmethod
    def setUpClass(cls):
        if not weights_path().exists():
            raise unittest.SkipTest(f"no {weights_path()}: run tools/fetch-vad --golden")
        cls.speech = CACHE / "speech.wav"
        if not cls.speech.exists():
            raise unittest.SkipTest(f"no {cls.speech}: run tools/fetch-vad --golden")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="test_vad."))
        cls.samples = vad_sound.read_wave(cls.speech)
        cls.plain = listen(cls.speech)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def golden(self):
        path = CACHE / "speech.golden.json"
        if not path.exists():
            self.skipTest(f"no {path}: run tools/fetch-vad --golden")
        return json.loads(path.read_text())

    def assert_near(self, found, expected, tolerance):
        self.assertEqual(len(found), len(expected), "number of frames")
        for index, (a, b) in enumerate(zip(found, expected)):
            self.assertLessEqual(abs(a - b), tolerance, f"frame {index}: {a}, expected {b}")
