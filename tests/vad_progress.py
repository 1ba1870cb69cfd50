"""lstm-vad's progress bar: on a terminal alone, and only where the work takes its time."""

import os
import pty
import re
import subprocess
import threading

import vad_kit
import vad_sound
from vad_kit import Vad, weights_path

SECONDS = 1800  # of sound: some seconds of work on the scalar path


class Progress(Vad):
    def on_a_terminal(self, path):
        """What the program, its standard error a terminal, writes there."""
        screen, errors = pty.openpty()
        pieces = []

        def read():
            try:
                while piece := os.read(screen, 4096):
                    pieces.append(piece)
            except OSError:
                pass  # the last one who wrote to it is gone

        reader = threading.Thread(target=read)
        reader.start()
        done = subprocess.run(
            [vad_kit.PROGRAM, "--weights", weights_path(), "--isa", "scalar", "--json", path],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, check=False,
        )  # fmt: skip
        os.close(errors)
        reader.join()
        os.close(screen)
        self.assertEqual(done.returncode, 0)
        return b"".join(pieces).decode()

    def long(self):
        path = self.folder / "long.wav"
        if not path.exists():
            vad_sound.write_wave(path, bytes(2 * vad_sound.RATE * SECONDS))
        return path

    def test_a_long_file_shows_a_bar_that_grows_and_goes(self):
        said = self.on_a_terminal(self.long())
        bars = [len(bar) for bar in re.findall(r"\[(#*) *\]", said)]
        self.assertGreater(len(bars), 1, repr(said))
        self.assertEqual(bars, sorted(bars))
        self.assertLess(bars[0], bars[-1])
        self.assertTrue(said.endswith("\r\033[K"), repr(said[-80:]))

    def test_a_short_file_shows_none(self):
        self.assertEqual(self.on_a_terminal(self.speech), "")

    def test_no_terminal_shows_none(self):
        done = vad_kit.run("--isa", "scalar", "--json", self.long())
        self.assertEqual((done.returncode, done.stderr), (0, b""))
