"""lstm-vad's network on NEON, under qemu-user, against the same sources on this machine."""

import shutil
import subprocess
import unittest

import vad_kit
from vad_kit import Vad, weights_path

EXAMPLE = vad_kit.ROOT / "examples" / "vad"
SOURCES = [vad_kit.ROOT / "tests" / "vad" / "frames.c",
           *(EXAMPLE / name for name in ("network.c", "multiply.c", "lstm.c"))]
FRAMES = 300
# Two kinds of exp and tanh of a few ulp: see H_ERROR of test_vad.py.
ACTIVATIONS = 1e-4


class Neon(Vad):
    def probabilities(self, compiler, *emulator):
        """The instruction set, and a probability for each frame."""
        for program in (compiler, *emulator):
            if not shutil.which(program):
                self.skipTest(f"{program} is not installed")
        program = self.folder / compiler
        subprocess.run(
            [compiler, "-std=c99", "-O2", "-ffp-contract=off", "-static", "-DLSTM_NO_SLEEF",
             "-I", vad_kit.ROOT, *SOURCES, "-o", program, "-lm"], check=True)  # fmt: skip
        done = subprocess.run(
            [*emulator, program, weights_path()], check=True, stdout=subprocess.PIPE,
            input=self.samples[: FRAMES * 512].tobytes(), timeout=600)  # fmt: skip
        isa, *numbers = done.stdout.decode().split()
        return isa, list(map(float.fromhex, numbers))

    def test_neon_gives_the_bits_of_this_machine(self):
        isa, found = self.probabilities("aarch64-linux-gnu-gcc", "qemu-aarch64")
        self.assertEqual((isa, len(found)), ("neon", FRAMES))
        here, expected = self.probabilities("gcc")
        if here == "scalar":
            raise unittest.SkipTest("this machine has no vectors to compare with")
        self.assertEqual(found, expected)
        self.assert_near(found, self.plain["probabilities"][:FRAMES], ACTIVATIONS)
