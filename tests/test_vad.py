#!/usr/bin/env python3
"""test_vad.py [LSTM_VAD [CACHE]]     the example program against ONNX Runtime, and its manners

LSTM_VAD is the program (or the environment variable LSTM_VAD), CACHE the folder that
tools/fetch-vad --golden made (or LSTM_CACHE, or .cache in the repository).  Where LSTM_TEST_DATA
names a folder with jfk.wav and its goldens, those are tested as well.  Nothing is fetched here:
what is not there makes its tests skip by name.
"""

import json
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import unittest
import xml.dom.minidom

import vad_kit
import vad_neon
import vad_progress
import vad_refusals
import vad_sound
from vad_kit import Vad, limits, listen, run, texts, weights_path

FRAME = 512
RATE = 16000
FIELDS = {
    "sample_rate", "frames", "segments", "probabilities", "isa", "activations",
    "frame_us_median", "frame_us_worst", "real_time_factor",
}  # fmt: skip

# ONNX Runtime sums in another order and has its own exp and tanh.
RUNTIME_TOLERANCE = 1e-4
# The scalar path has libm's exp and tanh.  That moves h by no more than 1e-6 (the sum of 256
# products in fp32 is no better), h moves the sum before the sigmoid by the final weights, and the
# sigmoid's slope is at most 1/4.
H_ERROR = 1e-6
# Another rate changes what the network hears near its limit of 8 kHz: a boundary may move by a
# frame.  At 8 kHz everything above 4 kHz is lost, and with it the softest ends of words.
RATE_TOLERANCE = FRAME
NARROW_TOLERANCE = 4 * FRAME

# What fewer bits of the LSTM's weights may change of a probability: 0.023 and 0.0022 were seen, and half
# as much again.
INT8_TOLERANCE = 0.033
BF16_TOLERANCE = 0.0033

DATA = os.environ.get("LSTM_TEST_DATA")


class Golden(Vad):
    def test_probabilities_are_those_of_onnx_runtime(self):
        self.assert_near(
            self.plain["probabilities"], self.golden()["probabilities"], RUNTIME_TOLERANCE
        )

    def test_segments_are_those_of_the_package_sample_for_sample(self):
        for threshold, expected in self.golden()["segments"].items():
            found = listen("--threshold", threshold, self.speech)["segments"]
            self.assertEqual(limits(found), limits(expected), f"threshold {threshold}")

    def test_kennedy_speech_is_found_as_by_onnx_runtime(self):
        if not DATA:
            self.skipTest("LSTM_TEST_DATA is not set")
        data = pathlib.Path(DATA)
        found = listen(data / "jfk.wav")
        numbers = (data / "jfk.silero_v6.probabilities.txt").read_text().split()
        self.assert_near(found["probabilities"], list(map(float, numbers)), RUNTIME_TOLERANCE)
        expected = json.loads((data / "jfk.silero_v6.segments.json").read_text())
        self.assertEqual(limits(found["segments"]), limits(expected))


class FewerBits(Vad):
    """The LSTM with weights of fewer bits decides as with fp32, at every threshold of the record."""

    def decides_as_fp32(self, dtype, tolerance):
        worst = 0
        for threshold in ("0.3", "0.5", "0.7"):
            plain = listen("--threshold", threshold, self.speech)
            found = listen("--threshold", threshold, "--dtype", dtype, self.speech)
            self.assertEqual(limits(found["segments"]), limits(plain["segments"]), threshold)
            worst = max(worst, *(abs(a - b) for a, b in
                                 zip(found["probabilities"], plain["probabilities"])))
        print(f"{dtype}: the largest change of a probability is {worst:.2g}", file=sys.stderr)
        self.assertGreater(worst, 0, "no other weights than fp32's")
        self.assert_near(found["probabilities"], plain["probabilities"], tolerance)

    def test_int8(self):
        self.decides_as_fp32("int8", INT8_TOLERANCE)

    def test_bf16(self):
        self.decides_as_fp32("bf16", BF16_TOLERANCE)

    def test_f16(self):
        self.decides_as_fp32("f16", BF16_TOLERANCE / 4)

    def test_f32_is_what_the_file_has(self):
        found = listen("--dtype", "f32", self.speech)
        self.assertEqual(found["probabilities"], self.plain["probabilities"])


class InstructionSets(Vad):
    def probabilities(self, isa):
        done = run("--json", "--isa", isa, self.speech)
        if done.returncode and f"instruction set {isa}:" in done.stderr.decode():
            self.skipTest(f"{isa}: not in this build or not on this CPU")
        found = json.loads(done.stdout)
        self.assertEqual(found["isa"], isa)
        return found["probabilities"]

    def test_avx512_gives_the_bits_of_avx2(self):
        self.assertEqual(self.probabilities("avx512"), self.probabilities("avx2"))

    def test_best_gives_the_bits_of_the_named_one(self):
        self.assertEqual(self.probabilities(self.plain["isa"]), self.plain["probabilities"])

    def test_scalar_agrees_within_rounding(self):
        data = weights_path().read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        first, end = json.loads(data[8 : 8 + length])["final_conv.weight"]["data_offsets"]
        final = struct.unpack("<128f", data[8 + length + first : 8 + length + end])
        self.assert_near(
            self.probabilities("scalar"),
            self.plain["probabilities"],
            H_ERROR * sum(map(abs, final)) / 4,
        )


class Formats(Vad):
    def library(self, name):
        library = vad_sound.library(name)
        if library is None:
            self.skipTest(f"lib{name} cannot be loaded to make the file")
        return library

    def assert_same(self, *arguments, **keywords):
        found = listen(*arguments, **keywords)
        self.assertEqual(found["probabilities"], self.plain["probabilities"])
        self.assertEqual(found["segments"], self.plain["segments"])

    def assert_close(self, path, tolerance):
        found, expected = limits(listen(path)["segments"]), limits(self.plain["segments"])
        self.assertEqual(len(found), len(expected), f"{found}, expected {expected}")
        for a, b in zip(found, expected):
            self.assertLessEqual(abs(a[0] - b[0]), tolerance, f"start of {a}, expected {b}")
            self.assertLessEqual(abs(a[1] - b[1]), tolerance, f"end of {a}, expected {b}")

    def test_24_bit_gives_the_same(self):
        path = self.folder / "24.wav"
        vad_sound.write_wave24(path, self.samples)
        self.assert_same(path)

    def test_float_gives_the_same(self):
        path = self.folder / "float.wav"
        vad_sound.write_wave_float(path, [sample / 32768 for sample in self.samples])
        self.assert_same(path)

    def test_a_wave_written_to_a_pipe_gives_the_same(self):
        whole = self.speech.read_bytes()
        path = self.folder / "pipe.wav"
        for sizes in ((2**32 - 1, 2**32 - 1), (2**31, 2**31), (0x7FFFF024, 0x7FFFF000), (8, 0)):
            form, data = (struct.pack("<I", size) for size in sizes)
            path.write_bytes(whole[:4] + form + whole[8:40] + data + whole[44:])
            self.assert_same(path)

    def test_flac_gives_the_same(self):
        path = self.folder / "speech.flac"
        vad_sound.write_flac(self.library("sndfile"), path, self.samples)
        self.assert_same(path)

    def test_channels_are_replaced_by_their_mean(self):
        # What is added to one channel is taken from the other.
        path = self.folder / "stereo.wav"
        pairs = []
        for index, sample in enumerate(self.samples):
            other = min(9000, 32767 - abs(sample)) * (1 if index % 7 < 3 else -1)
            pairs += [sample + other, sample - other]
        vad_sound.write_wave(path, pairs, channels=2)
        self.assert_same(path)

    def test_stereo_at_44100_hz_is_converted(self):
        path = self.folder / "44100.wav"
        mono = vad_sound.convert(self.library("samplerate"), self.samples, 44100)
        pairs = [0] * (2 * len(mono))
        pairs[0::2] = pairs[1::2] = mono
        vad_sound.write_wave(path, pairs, rate=44100, channels=2)
        self.assert_close(path, RATE_TOLERANCE)

    def test_48000_hz_is_converted(self):
        path = self.folder / "48000.wav"
        mono = vad_sound.convert(self.library("samplerate"), self.samples, 48000)
        vad_sound.write_wave(path, mono, rate=48000)
        self.assert_close(path, RATE_TOLERANCE)

    def test_8000_hz_is_converted(self):
        path = self.folder / "8000.wav"
        mono = vad_sound.convert(self.library("samplerate"), self.samples, 8000)
        vad_sound.write_wave(path, mono, rate=8000)
        self.assert_close(path, NARROW_TOLERANCE)

    def test_no_sound_at_all_is_no_frame(self):
        path = self.folder / "nothing.wav"
        vad_sound.write_wave(path, [])
        found = listen(path)
        self.assertEqual((found["frames"], found["segments"], found["probabilities"]), (0, [], []))
        self.assertEqual(run(path).returncode, 0)

    def test_a_last_short_frame_is_a_frame(self):
        path = self.folder / "short.wav"
        length = 100 * FRAME + 1
        vad_sound.write_wave(path, self.samples[:length])
        found = listen(path)
        self.assertEqual(found["frames"], 101)
        self.assertEqual(found["probabilities"][:100], self.plain["probabilities"][:100])
        self.assertEqual(found["segments"][-1]["end"], length)

    def test_length_costs_little_memory(self):
        if b"__asan_init" in pathlib.Path(vad_kit.PROGRAM).read_bytes():
            self.skipTest("the address sanitizer reserves memory of its own")
        # Twenty minutes are 77 MB as floats.
        limit = 40_000_000
        path = self.folder / "long.wav"
        vad_sound.write_wave(path, bytes(2 * 1200 * RATE))
        done = subprocess.run(
            [vad_kit.PROGRAM, "--weights", weights_path(), "--json", path],
            capture_output=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(json.loads(done.stdout)["frames"], 1200 * RATE // FRAME)


class Stream(Vad):
    def test_a_stream_gives_the_same_as_the_file(self):
        found = listen("-", stdin=self.samples.tobytes())
        self.assertEqual(found["probabilities"], self.plain["probabilities"])
        self.assertEqual(found["segments"], self.plain["segments"])

    def test_each_segment_is_printed_as_it_ends(self):
        # 250 ms after the first segment its line must be there, while the stream goes on.
        end = self.plain["segments"][0]["end"]
        with subprocess.Popen(
            [vad_kit.PROGRAM, "--weights", weights_path(), "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as child:
            child.stdin.write(self.samples[: end + RATE // 4].tobytes())
            child.stdin.flush()
            text = b""
            while not re.search(rb"^ +1 .*\n", text, re.MULTILINE):
                ready, _, _ = select.select([child.stdout], [], [], 20)
                self.assertTrue(ready, f"no segment printed, only {text!r}")
                text += os.read(child.stdout.fileno(), 4096)
            self.assertIsNone(child.poll(), "the program has not waited for the stream's end")
            child.stdin.close()
            child.stdout.read()
        self.assertEqual(child.returncode, 0)

    def test_an_interrupt_ends_a_stream_with_its_summary(self):
        with subprocess.Popen(
            [vad_kit.PROGRAM, "--weights", weights_path(), "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as child:
            self.assertTrue(child.stdout.readline().startswith(b"standard input"))
            child.stdin.write(bytes(2 * 10 * FRAME))
            child.stdin.flush()
            child.send_signal(signal.SIGINT)
            text, errors = child.stdout.read(), child.stderr.read()
        self.assertEqual((child.returncode, errors), (0, b""))
        self.assertIn(b"activations: ", text)


class Output(Vad):
    def test_json_has_exactly_the_documented_fields(self):
        self.assertEqual(set(self.plain), FIELDS)
        self.assertEqual(self.plain["sample_rate"], RATE)
        self.assertEqual(self.plain["frames"], -(-len(self.samples) // FRAME))
        self.assertEqual(self.plain["frames"], len(self.plain["probabilities"]))
        self.assertLessEqual(self.plain["frame_us_median"], self.plain["frame_us_worst"])
        for segment in self.plain["segments"]:
            self.assertEqual(set(segment), {"start", "end", "start_s", "end_s"})
            self.assertEqual(segment["start"] / RATE, segment["start_s"])
            self.assertEqual(segment["end"] / RATE, segment["end_s"])

    def test_probabilities_have_all_the_digits_of_a_float(self):
        for value in self.plain["probabilities"]:
            (single,) = struct.unpack("f", struct.pack("f", value))
            self.assertEqual(f"{single:.9g}", f"{value:.9g}")

    def test_people_get_a_table_bars_and_a_summary(self):
        done = run(self.speech, env={"LC_ALL": "C"})
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        text = done.stdout.decode("ascii")
        rows = re.findall(r"^ +(\d+) +([\d.]+) +([\d.]+) +([\d.]+)$", text, re.MULTILINE)
        expected = [
            (index, segment["start_s"], segment["end_s"])
            for index, segment in enumerate(self.plain["segments"], 1)
        ]
        self.assertEqual(len(rows), len(expected))
        for (number, start, end, duration), (index, start_s, end_s) in zip(rows, expected):
            self.assertEqual(int(number), index)
            self.assertAlmostEqual(float(start), start_s, delta=0.0006)
            self.assertAlmostEqual(float(end), end_s, delta=0.0006)
            self.assertAlmostEqual(float(duration), end_s - start_s, delta=0.0006)
        self.assertIn(f"{self.plain['frames']} frames of 32 ms", text)
        self.assertIn(f"lstm.h on {self.plain['isa']}, activations: ", text)
        self.assertEqual(max(map(len, text.splitlines()[2:-3])), 79)

    def test_a_utf8_locale_gets_blocks(self):
        done = run(self.speech, env={"LC_ALL": "C.UTF-8"})
        self.assertIn("\N{FULL BLOCK}", done.stdout.decode("utf-8"))

    def test_help_names_every_option(self):
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        for option in ("weights", "isa", "dtype", "threshold", "json", "plot", "help", "version"):
            self.assertIn(f"--{option}", done.stdout.decode())

    def test_plot_draws_an_svg_and_a_png(self):
        if not shutil.which("gnuplot"):
            self.skipTest("gnuplot is not installed")
        name = "it's \"a\" `name`; $(x) %d <&>\n.svg"
        done = run("--plot", self.folder / name, self.speech)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        picture = xml.dom.minidom.parse(str(self.folder / name)).documentElement
        self.assertEqual(picture.tagName, "svg")
        self.assertEqual(picture.getAttribute("width"), "1000")
        text = " ".join(texts(picture))
        self.assertIn(f"speech.wav: {len(self.plain['segments'])} segments", text)
        self.assertIn("probability of speech", text)
        png = self.folder / "picture.png"
        self.assertEqual(run("--plot", png, self.speech).returncode, 0)
        self.assertEqual(png.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">I", png.read_bytes()[16:20]), (1000,))

    def test_plot_titles_survive_hostile_names(self):
        if not shutil.which("gnuplot"):
            self.skipTest("gnuplot is not installed")
        name = "it's \"a\" `touch owned` $(touch owned) <&> \\n \n \x01 \udcff.wav"
        path = self.folder / name
        shutil.copy(self.speech, path)
        picture = self.folder / "hostile.svg"
        done = run("--plot", picture, path, env={"LC_ALL": "C.UTF-8"})
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        title = " ".join(texts(xml.dom.minidom.parse(str(picture))))
        shown = "it's \"a\" `touch owned` $(touch owned) <&> \\n ? ? ?.wav: "
        self.assertIn(f"{shown}{len(self.plain['segments'])} segments", title)


def main():
    arguments = sys.argv[1:]
    program = arguments[0] if arguments else os.environ.get("LSTM_VAD")
    if not program or len(arguments) > 2:
        print(__doc__, file=sys.stderr)
        return 2
    vad_kit.PROGRAM = os.path.abspath(program)
    cache = os.environ.get("LSTM_CACHE", vad_kit.ROOT / ".cache")
    vad_kit.CACHE = pathlib.Path(arguments[1] if len(arguments) > 1 else cache)
    os.environ.pop("LSTM_ISA", None)
    load = unittest.defaultTestLoader.loadTestsFromModule
    modules = sys.modules[__name__], vad_neon, vad_progress, vad_refusals
    result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(map(load, modules)))
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    passed = max(0, result.testsRun - failed - skipped)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
