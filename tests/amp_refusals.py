"""What lstm-amp says of bad input."""

import math

import amp_model
from amp_kit import AmpTest, run


class BadInput(AmpTest):
    def refused(self, *arguments, says, code=1):
        """One sentence on standard error that holds these words, and no file written."""
        before = sorted(self.folder.iterdir())
        done = run("-o", self.folder / "out.wav", *arguments)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, code, text)
        self.assertEqual(done.stdout, b"", text)
        self.assertEqual(len(text.splitlines()), 1, text)
        for words in says:
            self.assertIn(words, text)
        self.assertEqual(sorted(self.folder.iterdir()), before, "files left behind")

    def refused_model(self, *says, change=lambda tensors: None, **options):
        amp = amp_model.Amp(50, 6, **options)
        change(amp.tensors)
        path = self.model(amp)
        self.refused(path, self.sound([0.0]), says=[f"lstm-amp: {path}: ", *says])

    def test_a_model_that_is_none(self):
        path = self.sound([0.0])
        self.refused(path, path, says=[f"lstm-amp: {path}: "])
        self.refused(self.folder / "missing", path, says=[f"{self.folder / 'missing'}: "])

    def test_a_model_without_a_head(self):
        self.refused_model("tensor head.weight [1, 6] expected, not in the file",
                           change=lambda tensors: tensors.pop("head.weight"))  # fmt: skip

    def test_a_head_of_another_shape(self):
        def shorten(tensors):
            tensors["head.weight"][0].pop()

        self.refused_model("tensor head.weight: [1, 6] expected, [1, 5] found", change=shorten)

    def test_a_stack_of_another_shape(self):
        def shorten(tensors):
            for row in tensors["head.1.weight"]:
                row.pop()

        self.refused_model("tensor head.1.weight: [any, 4] expected, [1, 3] found", change=shorten,
                           head=[4, 1])  # fmt: skip
        self.refused_model("tensor head.1.weight: 1 output of the last layer expected, 2 found",
                           head=[4, 2])  # fmt: skip

    def test_a_start_of_another_shape(self):
        def double(tensors):
            tensors["initial_c"] *= 2

        self.refused_model("tensor initial_c: [1, 6] expected, [2, 6] found", change=double,
                           initial=True)  # fmt: skip

    def test_an_lstm_that_needs_the_future(self):
        def add_reverse(tensors):
            for name in [name for name in tensors if name.endswith("_l0")]:
                tensors[f"{name}_reverse"] = tensors[name]

        self.refused_model("runs forward expected, a bidirectional one", change=add_reverse)

    def test_metadata_that_is_nonsense(self):
        self.refused_model("metadata amp.skip: a number from 0 to 1 expected, 2", skip=2)
        self.refused_model("amp.skip", "whole numbers expected, 0.5", skip=0.5)
        self.refused_model("metadata amp.sample_rate: a number ", "fast found", sample_rate="fast")
        self.refused_model("metadata amp.prewarm: ", "-1 found", prewarm=-1)
        self.refused_model("metadata amp.input_gain: ", "nan found", input_gain="nan")
        self.refused_model("metadata amp.head_activations: ", "softmax found",
                           head_activations="softmax")  # fmt: skip
        self.refused_model("a name for each of 1 layers expected", "tanh,tanh found",
                           head_activations="tanh,tanh")  # fmt: skip

    def test_knobs_are_counted(self):
        self.refused_model("2 inputs besides the sample need 2 times --knob V, 0 found", inputs=3)
        path = self.model(amp_model.Amp(51, 4))
        self.refused("--knob", 1, path, self.sound([0.0]), says=["0 times --knob V, 1 found"])

    def test_a_sound_that_is_none(self):
        model = self.model(amp_model.Amp(52, 4))
        text = self.folder / "text.wav"
        text.write_bytes(b"this is not sound\n" * 100)
        self.refused(model, text, says=[f"{text}: a WAV or FLAC file expected"])
        text.write_bytes(b"")
        self.refused(model, text, says=[f"{text}: ", "an empty file found"])
        self.refused(model, self.folder, says=[f"{self.folder}: ", "a folder found"])
        missing = self.folder / "missing.wav"
        self.refused(model, missing, says=[f"{missing}: ", "No such file"])

    def test_a_sound_that_was_cut(self):
        path = self.sound([0.0] * 700)
        path.write_bytes(path.read_bytes()[:-3])
        self.refused(self.model(amp_model.Amp(58, 4)), path,
                     says=[f"{path}: cut short: 2800 bytes of samples expected, 2797 found"])

    def test_a_sample_that_is_no_number(self):
        model = self.model(amp_model.Amp(53, 4))
        path = self.sound([0.0] * 700 + [math.nan, 0.0], channels=2)
        self.refused(model, path, says=[f"{path}: finite samples expected", "frame 350"])

    def test_a_failure_leaves_an_old_output_alone(self):
        path = self.sound([0.0] * 700 + [math.nan])
        old = self.folder / "old.wav"
        old.write_bytes(b"old")
        done = run("-o", old, self.model(amp_model.Amp(54, 4)), path)
        self.assertEqual((done.returncode, old.read_bytes()), (1, b"old"))

    def test_an_output_that_cannot_be_written(self):
        out = self.folder / "missing" / "out.wav"
        done = run("-o", out, self.model(amp_model.Amp(55, 4)), self.sound([0.0]))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{out}: cannot be written: No such file", done.stderr.decode())

    def test_an_instruction_set_that_cannot_run(self):
        path = self.model(amp_model.Amp(56, 4)), self.sound([0.0])
        _, report = self.play(*path)
        other = "avx2" if report["isa"] == "neon" else "neon"
        (self.folder / "out.wav").unlink()
        self.refused("--isa", other, *path, says=[f"instruction set {other}: "])

    def test_wrong_use(self):
        path = self.model(amp_model.Amp(57, 4)), self.sound([0.0])
        self.refused("--nonsense", *path, code=2, says=["--nonsense"])
        self.refused(code=2, says=["usage: lstm-amp"])
        self.refused(path[0], code=2, says=["usage: lstm-amp"])
        self.refused("--isa", "sse9", *path, code=2, says=["--isa: ", "sse9 found"])
        for block in ("0", "4097", "1.5", "x", ""):
            self.refused("--block", block, *path, code=2, says=["--block: "])
        self.refused("--knob", "loud", *path, code=2, says=["--knob: ", "loud found"])
        self.refused("--input-gain", "nan", *path, code=2, says=["--input-gain: "])
        self.refused("--output-gain", "1e9", *path, code=2, says=["--output-gain: "])
