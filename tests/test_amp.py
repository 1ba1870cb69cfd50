#!/usr/bin/env python3
"""test_amp.py [LSTM_AMP]     the amplifier example against its equations, and its manners

LSTM_AMP is the program (or the environment variable LSTM_AMP).  Models and sounds are made here;
what cannot be made on this machine has its tests skipped by name.
"""

import ctypes
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import unittest
import wave

import amp_model
import amp_refusals
from amp_kit import RATE, AmpTest, interleave, noise, run

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "amp"
FIELDS = {
    "sample_rate", "input_sample_rate", "channels", "frames", "hidden", "layers", "isa",
    "activations", "prewarm", "block", "blocks", "blocks_late", "block_us_available",
    "block_us_median", "block_us_p999", "block_us_worst", "real_time_factor", "peak",
}  # fmt: skip


class Equations(AmpTest):
    def test_one_layer_and_a_dense_head(self):
        self.assert_plays(amp_model.Amp(1, 12))

    def test_skip_adds_the_input(self):
        self.assert_plays(amp_model.Amp(2, 8, skip=1))

    def test_gains_scale_before_and_after(self):
        self.assert_plays(amp_model.Amp(3, 8, skip=1, input_gain=2.5, output_gain=0.25))

    def test_knobs_are_inputs(self):
        self.assert_plays(amp_model.Amp(4, 8, inputs=3, skip=1), knobs=(0.75, -0.5))

    def test_two_layers(self):
        self.assert_plays(amp_model.Amp(5, 9, layers=2))

    def test_a_stack_of_dense_layers(self):
        amp = amp_model.Amp(6, 8, head=[11, 5, 1], head_activations="tanh,elu,linear")
        self.assert_plays(amp)

    def test_every_activation_of_the_head(self):
        for name in amp_model.FUNCTIONS:
            with self.subTest(name):
                self.assert_plays(amp_model.Amp(7, 4, head_activations=name), count=300)

    def test_a_head_without_a_bias(self):
        amp = amp_model.Amp(8, 8)
        del amp.tensors["head.bias"]
        self.assert_plays(amp)

    def test_an_lstm_of_one_unit_needs_no_head(self):
        self.assert_plays(amp_model.Amp(9, 1, head=[]))

    def test_a_learned_start(self):
        self.assert_plays(amp_model.Amp(10, 8, layers=2, initial=True))

    def test_prewarm_runs_silence_first(self):
        amp = amp_model.Amp(11, 8, inputs=2, initial=True, prewarm=3)
        self.assert_plays(amp, knobs=(0.5,))
        warm = amp.run([0.0] * 3, (0.5,))
        amp.metadata["amp.prewarm"] = "0"
        self.assertGreater(abs(warm[0] - amp.run([0.0] * 3, (0.5,))[0]), 1e-3)

    def test_gain_options_are_decibels(self):
        amp = amp_model.Amp(12, 8, skip=1, input_gain=0.5)
        samples = noise(300)
        path = self.model(amp), self.sound(samples)
        found, _ = self.play("--input-gain", 20, "--output-gain", -40, *path)
        amp.metadata.update({"amp.input_gain": "5", "amp.output_gain": "0.01"})
        self.assert_near(found, amp.run(samples))


class Blocks(AmpTest):
    def test_the_block_changes_no_bit(self):
        amp = amp_model.Amp(20, 20, layers=2, head=[9, 1], head_activations="tanh,linear", skip=1,
                            initial=True, prewarm=10)  # fmt: skip
        path = self.model(amp), self.sound(interleave(noise(9000, 1), noise(9000, 2)), channels=2)
        expected, _ = self.play("--block", 64, *path)
        for block in (1, 7, 1000, 4096):
            found, report = self.play("--block", block, *path)
            self.assertEqual(found, expected, f"block {block}")
            self.assertEqual(report["blocks"], -(-9000 // block))
            self.assertAlmostEqual(report["block_us_available"], block * 1e6 / RATE, delta=1e-3)

    def test_each_channel_is_a_stream_of_its_own(self):
        path = self.model(amp_model.Amp(21, 16, layers=2, skip=1, initial=True))
        channels = [noise(2000, seed) for seed in range(3)]
        found, _ = self.play(path, self.sound(interleave(*channels), channels=3))
        for index, samples in enumerate(channels):
            alone, _ = self.play(path, self.sound(samples))
            self.assertEqual(found[index::3], alone, f"channel {index}")

    def test_instruction_sets_agree(self):
        amp = amp_model.Amp(22, 16, layers=2, skip=1)
        samples = noise(1500)
        path = self.model(amp), self.sound(samples)
        expected = amp.run(samples)
        bits = {}
        for isa in ("scalar", "neon", "avx2", "avx512"):
            done = run("--isa", isa, *path)
            if done.returncode and f"instruction set {isa}:" in done.stderr.decode():
                continue
            found, report = self.play("--isa", isa, *path)
            self.assertEqual(report["isa"], isa)
            self.assert_near(found, expected)
            bits[isa] = found
        self.assertIn("scalar", bits)
        vectors = [found for isa, found in bits.items() if isa != "scalar"]
        for found in vectors:
            self.assertEqual(found, vectors[0])

    def test_length_costs_no_allocation(self):
        # What the blocks took from the heap would show: there are a hundred times as many of them.
        if b"__asan_init" in pathlib.Path(os.environ["LSTM_AMP"]).read_bytes():
            self.skipTest("the address sanitizer has a heap of its own")
        if not sys.platform.startswith("linux"):
            self.skipTest("needs glibc to count calls of malloc")
        source = self.folder / "count.c"
        source.write_text(COUNT_ALLOCATIONS)
        library = self.shared_library(source)
        model = self.model(amp_model.Amp(23, 8, skip=1, prewarm=100))
        counts = []
        for length in (1000, 100000):
            path = self.sound([0.25] * length)
            done = run("-o", self.folder / "out.wav", model, path, env={"LD_PRELOAD": str(library)})
            self.assertEqual(done.returncode, 0, done.stderr)
            counts.append(int(done.stderr.split()[-1]))
        self.assertGreater(counts[0], 10)
        self.assertEqual(counts[1], counts[0])


COUNT_ALLOCATIONS = """
#include <stdio.h>
#include <stddef.h>
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static long calls;
void *malloc(size_t n) { calls++; return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { calls++; return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { calls++; return __libc_realloc(p, n); }
__attribute__((destructor)) static void tell(void) { fprintf(stderr, "%ld\\n", calls); }
"""


class Timing(AmpTest):
    def test_quantiles_are_kept_to_a_percent(self):
        library = ctypes.CDLL(str(self.shared_library(EXAMPLE / "timing.c")))
        library.timing_quantile.argtypes = ctypes.c_void_p, ctypes.c_double
        library.timing_quantile.restype = ctypes.c_uint64
        generator = random.Random(1)
        for most in (1, 3, 9, 13):  # decimal digits of nanoseconds
            timing = (ctypes.c_uint64 * 10000)()
            self.assertEqual(library.timing_quantile(timing, 0.5), 0)
            times = sorted(int(10 ** generator.uniform(0, most)) for _ in range(2001))
            for time in generator.sample(times, len(times)):
                library.timing_add(timing, ctypes.c_uint64(time))
            self.assertEqual(list(timing[:3]), [len(times), sum(times), times[-1]])
            for part in (0.001, 0.25, 0.5, 0.999, 1):
                expected = times[math.ceil(part * len(times)) - 1]
                found = library.timing_quantile(timing, part)
                self.assertAlmostEqual(found, expected, delta=expected / 100, msg=f"{part} {most}")


class Rates(AmpTest):
    def identity(self, **metadata):
        """Gives out what comes in."""
        amp = amp_model.Amp(30, 2, skip=1, **metadata)
        amp.tensors["head.weight"], amp.tensors["head.bias"] = [[0.0, 0.0]], [0.0]
        return self.model(amp)

    def tone(self, rate, seconds=0.5):
        return [0.5 * math.sin(2 * math.pi * 440 * t / rate) for t in range(round(rate * seconds))]

    def test_another_rate_is_converted_and_told(self):
        for rate in (44100, 96000):
            pair = interleave(self.tone(rate), [-sample for sample in self.tone(rate)])
            path = self.identity(sample_rate=RATE), self.sound(pair, rate=rate, channels=2)
            for block in (64, 1000):
                found, report = self.play("--block", block, *path)
                self.assertEqual((report["input_sample_rate"], report["sample_rate"]),
                                 (rate, RATE))  # fmt: skip
                expected = self.tone(RATE)
                left, right = found[::2], found[1::2]
                self.assertAlmostEqual(len(left), len(expected), delta=2)
                self.assert_near(left[2000:20000], expected[2000:20000], 1e-4)
                self.assert_near(left, [-sample for sample in right], 1e-6)
            text = run(*path).stdout.decode()
            self.assertIn(f"the sound has {rate} Hz: converted to the model's {RATE} Hz", text)

    def test_the_right_rate_is_not_touched(self):
        samples = noise(500)
        found, _ = self.play(self.identity(sample_rate=RATE), self.sound(samples))
        self.assertEqual(found, samples)

    def test_a_model_that_does_not_tell_its_rate(self):
        path = self.identity(), self.sound(self.tone(22050), rate=22050)
        _, report = self.play(*path)
        self.assertEqual(report["sample_rate"], 22050)
        self.assertIn("the model does not tell its rate: that of the sound, 22050 Hz",
                      run(*path).stdout.decode())  # fmt: skip


class Pedal(AmpTest):
    """The model that is part of the example."""

    def python(self, module, *arguments):
        """What the first Python that has this module prints."""
        for python in ("python3", "/usr/bin/python3"):
            has = [python, "-c", f"import {module}"]
            if shutil.which(python) and subprocess.run(has, capture_output=True).returncode == 0:
                done = subprocess.run([python, "-B", *map(str, arguments)], check=True,
                                      capture_output=True, text=True)  # fmt: skip
                return done.stdout
        self.skipTest(f"no python3 with {module}")

    def error(self, model, seconds, seed):
        """The error-to-signal ratio of a model on a guitar, against the pedal itself."""
        dry, wet = self.folder / "dry.wav", self.folder / "wet.wav"
        self.python("numpy", EXAMPLE / "guitar.py", dry, "--seconds", seconds, "--seed", seed)
        self.python("numpy", EXAMPLE / "pedal.py", dry, wet)
        found, report = self.play(model, dry)
        self.assertEqual((report["hidden"], report["sample_rate"]), (16, RATE))
        with wave.open(str(wet)) as sound:
            expected = [v / 32768 for v in memoryview(sound.readframes(10**9)).cast("h")]
        self.assertEqual(len(found), len(expected))
        return sum((a - b) ** 2 for a, b in zip(found, expected)) / sum(b * b for b in expected)

    def test_it_imitates_the_pedal_it_was_trained_on(self):
        self.assertLess(self.error(EXAMPLE / "pedal.safetensors", 3, 77), 0.03)

    def test_training_again_comes_near(self):
        # A tenth of the training.  What PyTorch says of the model holds for the program too.
        model = self.folder / "again.safetensors"
        said = self.python("torch", EXAMPLE / "train.py", model, "--updates", 200)
        told = float(re.search(r"error-to-signal ratio ([\d.]+) ", said)[1])
        self.assertLess(told, 0.2)
        self.assertAlmostEqual(self.error(model, 4, 5), told, delta=told / 20)


class Output(AmpTest):
    def test_json_has_exactly_the_documented_fields(self):
        amp = amp_model.Amp(40, 6, layers=2, sample_rate=RATE, prewarm=5)
        samples = noise(1000)
        found, report = self.play(self.model(amp), self.sound(samples))
        self.assertEqual(set(report), FIELDS)
        self.assertEqual(
            [report[key] for key in ("frames", "hidden", "layers", "prewarm", "block", "blocks")],
            [1000, 6, 2, 5, 64, 16],
        )
        self.assertAlmostEqual(report["peak"], max(map(abs, found)), delta=1e-6)
        self.assertLessEqual(report["block_us_median"], report["block_us_p999"])
        self.assertLessEqual(report["block_us_p999"], report["block_us_worst"])
        self.assertGreater(report["real_time_factor"], 0)
        self.assertLessEqual(report["blocks_late"], report["blocks"])

    def test_people_get_the_numbers(self):
        done = run(self.model(amp_model.Amp(41, 6)), self.sound(noise(1000)))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        text = done.stdout.decode("ascii")
        self.assertRegex(text, r"16 blocks of 64 samples, each in [\d.]+ us \(median; 99.9 % "
                         r"within [\d.]+ us, worst [\d.]+ us\) "
                         r"of 1333.3 us; \d+ late\n")  # fmt: skip
        self.assertRegex(text, r"real-time factor [\d.]+: \d+ times faster than played")

    def test_the_same_sound_is_the_same_file(self):
        path = self.model(amp_model.Amp(42, 6)), self.sound(noise(500))
        files = []
        for name in ("a.wav", "b.wav"):
            run("-o", self.folder / name, *path)
            files.append((self.folder / name).read_bytes())
        self.assertEqual(files[0], files[1])

    def test_loud_is_not_clipped(self):
        amp = amp_model.Amp(43, 4, skip=1, output_gain=20)
        found, _ = self.play(self.model(amp), self.sound(noise(500)))
        self.assertGreater(max(map(abs, found)), 5)

    def test_no_sound_at_all(self):
        found, report = self.play(self.model(amp_model.Amp(44, 4)), self.sound([]))
        self.assertEqual((found, report["frames"], report["blocks"]), ([], 0, 0))
        self.assertEqual(run(self.folder / "model.safetensors", self.folder / "in.wav").returncode,
                         0)  # fmt: skip

    def test_the_output_may_be_the_input(self):
        amp = amp_model.Amp(45, 4)
        samples = noise(300)
        path = self.sound(samples)
        self.assertEqual(run("-o", path, self.model(amp), path).returncode, 0)
        self.assert_near(amp_model.read_float(path)[2], amp.run(samples))

    def test_help_names_every_option(self):
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        for option in ("output", "block", "knob", "input-gain", "output-gain", "isa", "json",
                       "help", "version"):  # fmt: skip
            self.assertIn(f"--{option}", done.stdout.decode())


def main():
    if len(sys.argv) == 2:
        os.environ["LSTM_AMP"] = os.path.abspath(sys.argv[1])
    if not os.environ.get("LSTM_AMP") or len(sys.argv) > 2:
        print(__doc__, file=sys.stderr)
        return 2
    os.environ.pop("LSTM_ISA", None)
    load = unittest.defaultTestLoader.loadTestsFromModule
    modules = sys.modules[__name__], amp_refusals
    result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(map(load, modules)))
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"{result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
