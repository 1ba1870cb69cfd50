"""What lstm-vad says of bad input."""

import json
import os
import shutil
import struct
import subprocess

import vad_kit
import vad_sound
from vad_kit import Vad, listen, run, weights_path


class BadInput(Vad):
    def refused(self, *arguments, says, code=1, **keywords):
        """One sentence on standard error that holds these words, nothing on standard output."""
        done = run(*arguments, **keywords)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, code, text)
        self.assertEqual(done.stdout, b"", text)
        self.assertEqual(len(text.splitlines()), 1, text)
        for words in says:
            self.assertIn(words, text)

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def weights_with(self, change):
        """The weights file after change(header)."""
        data = weights_path().read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        change(header)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        return self.write("w.safetensors", struct.pack("<Q", len(text)) + text + data[8 + length :])

    def test_not_a_sound_file(self):
        path = self.write("text.wav", b"this is not sound\n" * 100)
        self.refused(path, says=[f"{path}: a WAV or FLAC file expected"])

    def test_an_empty_file(self):
        path = self.write("empty.wav", b"")
        self.refused(path, says=[f"{path}: ", "an empty file found"])

    def test_a_truncated_header(self):
        path = self.write("header.wav", self.speech.read_bytes()[:20])
        self.refused(path, says=[f"{path}: a WAV or FLAC file expected"])

    def test_a_wave_that_was_cut(self):
        whole = self.speech.read_bytes()
        promised = struct.unpack("<I", whole[40:44])[0]
        for size in (200001, 44, len(whole) - 1):
            path = self.write("cut.wav", whole[:size])
            says = [f"{path}: cut short: {promised} bytes of samples expected, {size - 44} found"]
            self.refused("--json", path, says=says)

    def test_a_wave_with_sizes_of_64_bits_that_was_cut(self):
        samples = self.samples[:4000].tobytes()
        sizes = struct.pack("<IQQQI", 28, 72 + len(samples), len(samples), 4000, 0)
        form = struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
        whole = (b"RF64\xff\xff\xff\xffWAVEds64" + sizes + b"fmt " + form
                 + b"data\xff\xff\xff\xff" + samples)  # fmt: skip
        self.assertEqual(listen(self.write("long.wav", whole))["frames"], 8)
        path = self.write("long.wav", whole[:-100])
        says = [f"{path}: cut short: 8000 bytes of samples expected, 7900 found"]
        self.refused("--json", path, says=says)

    def test_a_flac_that_was_cut(self):
        sndfile = vad_sound.library("sndfile")
        path = self.folder / "cut.flac"
        vad_sound.write_flac(sndfile, path, self.samples)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 3])
        self.refused("--json", path, says=[f"{path}: damaged after "])
        path.write_bytes(whole[: whole.index(b"\xff\xf8", len(whole) // 3)])  # whole blocks
        says = [f"{path}: cut short: {len(self.samples)} samples of each channel expected, "]
        self.refused("--json", path, says=says)

    def test_a_folder(self):
        self.refused(self.folder, says=[f"{self.folder}: ", "a folder found"])

    def test_a_missing_file(self):
        path = self.folder / "missing.wav"
        self.refused(path, says=[f"{path}: cannot be read: No such file"])

    def test_a_file_without_permission(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        path = self.write("private.wav", self.speech.read_bytes())
        path.chmod(0)
        self.refused(path, says=[f"{path}: cannot be read: Permission denied"])

    def test_a_sample_that_is_no_number(self):
        path = self.folder / "nan.wav"
        vad_sound.write_wave_float(path, [0.0] * 700 + [float("nan")])
        self.refused(path, says=[f"{path}: finite samples expected", "number 700"])

    def test_a_wav_on_standard_input(self):
        sound = self.speech.read_bytes()
        self.refused("--json", "-", stdin=sound, says=["standard input: ", "a WAV file found"])

    def test_half_a_sample_on_standard_input(self):
        self.refused("--json", "-", stdin=bytes(2001), says=["standard input: ", "half a sample"])

    def test_missing_weights(self):
        missing = self.folder / "missing.safetensors"
        self.refused(self.speech, weights=missing, says=[f"{missing}: ", "tools/fetch-vad"])
        self.refused("--weights", missing, self.speech, says=[f"{missing}: ", "tools/fetch-vad"])

    def test_weights_that_are_no_weights(self):
        self.refused(self.speech, weights=self.speech, says=[f"{self.speech}: "])

    def test_weights_without_a_tensor(self):
        path = self.weights_with(lambda header: header.update(other=header.pop("conv2.weight")))
        self.refused(
            self.speech,
            weights=path,
            says=[f"{path}: tensor conv2.weight [64, 128, 3] expected, not in the file"],
        )

    def test_weights_of_another_shape(self):
        path = self.weights_with(lambda header: header["conv1.weight"].update(shape=[129, 128, 3]))
        self.refused(
            self.speech,
            weights=path,
            says=[f"{path}: tensor conv1.weight: [128, 129, 3] expected, [129, 128, 3] found"],
        )

    def test_weights_of_another_type(self):
        path = self.weights_with(lambda header: header["conv3.bias"].update(dtype="I32"))
        says = [f"{path}: tensor conv3.bias: ", "another type found"]
        self.refused(self.speech, weights=path, says=says)

    def test_weights_of_another_transform(self):
        data = bytearray(weights_path().read_bytes())
        (length,) = struct.unpack("<Q", data[:8])
        first, _ = json.loads(data[8 : 8 + length])["stft_conv.weight"]["data_offsets"]
        struct.pack_into("<f", data, 8 + length + first + 4 * (256 + 100), 0.75)
        path = self.write("transform.safetensors", data)
        says = [f"{path}: tensor stft_conv.weight: 129 windowed cosines"]
        self.refused(self.speech, weights=path, says=says)

    def test_weights_without_the_lstm(self):
        def rename(header):
            for name in [name for name in header if name.startswith("lstm_cell.")]:
                header["x" + name] = header.pop(name)

        path = self.weights_with(rename)
        self.refused(self.speech, weights=path, says=[f"{path}: ", "lstm_cell."])

    def test_an_lstm_of_another_size(self):
        def halve(header):
            for name in [name for name in header if name.startswith("lstm_cell.")]:
                entry = header[name]
                first, end = entry["data_offsets"]
                middle = (first + end) // 2
                entry["shape"][0] //= 2
                if name.endswith("weight_hh"):
                    entry["shape"][1] //= 2
                    middle = first + (end - first) // 4
                entry["data_offsets"] = [first, middle]
                header["rest." + name] = {
                    "dtype": "U8",
                    "shape": [end - middle],
                    "data_offsets": [middle, end],
                }

        path = self.weights_with(halve)
        self.refused(self.speech, weights=path, says=[f"{path}: lstm_cell: ", "hidden 64 found"])

    def test_an_instruction_set_that_cannot_run(self):
        other = "avx2" if self.plain["isa"] == "neon" else "neon"
        self.refused("--isa", other, self.speech, says=[f"instruction set {other}: "])
        self.refused(self.speech, env={"LSTM_ISA": "sse9"}, says=["LSTM_ISA=sse9"])

    def test_wrong_use(self):
        self.refused("--nonsense", self.speech, code=2, says=["--nonsense"])
        self.refused(code=2, says=["usage: lstm-vad"])
        self.refused(self.speech, self.speech, code=2, says=["usage: lstm-vad"])
        self.refused("--isa", "sse9", self.speech, code=2, says=["--isa: ", "sse9 found"])
        self.refused("--dtype", "i4", self.speech, code=2, says=["--dtype: ", "i4 found"])
        for threshold in ("0", "1", "-1", "nan", "0.5x", ""):
            self.refused("--threshold", threshold, self.speech, code=2, says=["--threshold: "])
        self.refused("--plot", "a.pdf", self.speech, code=2, says=["--plot: ", ".svg or .png"])

    def refused_plot(self, path, says, **keywords):
        before = sorted(self.folder.iterdir())
        done = run("--plot", path, self.speech, **keywords)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 1, text)
        self.assertEqual(len(text.splitlines()), 1, text)
        self.assertIn(says, text)
        self.assertEqual(sorted(self.folder.iterdir()), before, "files left behind")

    def test_a_plot_that_cannot_be_written(self):
        path = self.folder / "missing" / "picture.svg"
        self.refused_plot(path, f"{path}: cannot be written: No such file")
        folder = self.folder / "folder.svg"
        folder.mkdir(exist_ok=True)
        if shutil.which("gnuplot"):
            self.refused_plot(folder, f"{folder}: cannot be written: ")

    def test_no_gnuplot(self):
        path = self.write("old.svg", b"old")
        self.refused_plot(path, "gnuplot", env={"PATH": str(self.folder)})
        self.assertEqual(path.read_bytes(), b"old")

    def test_output_that_cannot_be_written(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("this system has no /dev/full")
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [vad_kit.PROGRAM, "--weights", weights_path(), self.speech],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output: ", done.stderr.decode())
