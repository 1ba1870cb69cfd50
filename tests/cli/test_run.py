"""lstm run: its outputs are those of the equations in double precision, however it is asked."""

import fcntl
import os
import pty
import subprocess
import time

import kit
import numpy as np
import oracle

ISAS = ("scalar", "neon", "avx2", "avx512")


def normal(seed, *shape, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


class Run(kit.Case):
    def run_files(self, model, x, *options):
        """y, hn and cn."""
        names = [self.path(name) for name in ("y.npy", "hn.npy", "cn.npy")]
        source = x if not isinstance(x, np.ndarray) else self.array("x.npy", x)
        self.does("run", model, "-i", source, "-o", names[0], "--hn", names[1], "--cn", names[2],
                  *options)
        arrays = [np.load(name) for name in names]
        for array in arrays:
            self.assertEqual(array.dtype, np.dtype("<f4"))
        return arrays

    def against_oracle(self, x, shape, *options, metadata=None, **more):
        model, tensors = self.model(metadata=metadata, **shape)
        found = self.run_files(model, x, *options)
        for array, expected in zip(found, oracle.lstm(tensors, x, **more)):
            self.assert_near(array, expected)

    def test_forward(self):
        self.against_oracle(normal(1, 30, 4, 3), {})

    def test_stacked(self):
        self.against_oracle(normal(2, 12, 2, 3), {"layers": 3})

    def test_bidirectional_and_stacked(self):
        self.against_oracle(normal(3, 12, 2, 3), {"layers": 2, "both": True})

    def test_reverse(self):
        self.against_oracle(normal(4, 12, 2, 3), {"layers": 2}, direction="reverse",
                            metadata={"lstm.direction": "reverse"})

    def test_projection(self):
        self.against_oracle(normal(5, 12, 2, 3), {"projection": 5, "layers": 2})

    def test_no_bias(self):
        self.against_oracle(normal(6, 12, 2, 3), {"bias": False})

    def test_options_of_metadata(self):
        self.against_oracle(
            normal(7, 12, 2, 3), {"peephole": True},
            metadata={"lstm.activations": "hardsigmoid,tanh,tanh", "lstm.clip": "0.75",
                      "lstm.input_forget": "1"},
            activations=(oracle.hard_sigmoid, np.tanh, np.tanh), clip=0.75, coupled=True,
        )

    def test_weights_in_half_and_double_precision(self):
        for dtype in ("float16", "float64"):
            with self.subTest(dtype):
                self.against_oracle(normal(8, 12, 2, 3), {"dtype": dtype})

    def test_initial_states(self):
        h0, c0 = normal(9, 4, 2, 5), normal(10, 4, 2, 8, dtype="float64")
        self.against_oracle(normal(11, 9, 2, 3), {"layers": 2, "both": True, "projection": 5},
                            "--h0", self.array("h0.npy", h0), "--c0", self.array("c0.npy", c0),
                            h0=h0, c0=c0)

    def test_lengths(self):
        for dtype in ("int32", "int64"):
            lengths = np.array([3, 0, 9, 7], dtype=dtype)
            with self.subTest(dtype):
                self.against_oracle(normal(12, 9, 4, 3), {"both": True, "layers": 2}, "--lengths",
                                    self.array("lengths.npy", lengths), lengths=lengths)

    def test_double_input_is_rounded_to_float(self):
        model, _ = self.model()
        x = normal(13, 9, 2, 3, dtype="float64")
        wide = self.run_files(model, x)
        narrow = self.run_files(model, x.astype("float32"))
        for a, b in zip(wide, narrow):
            np.testing.assert_array_equal(a, b)

    def test_layout_batch_is_the_transposed_run(self):
        model, _ = self.model(layers=2, both=True)
        x, lengths = normal(14, 9, 4, 3), self.array("l.npy", np.array([9, 1, 5, 0]))
        y, hn, cn = self.run_files(model, x, "--lengths", lengths)
        other = self.run_files(model, x.transpose(1, 0, 2).copy(), "--lengths", lengths,
                               "--layout", "batch")
        np.testing.assert_array_equal(other[0], y.transpose(1, 0, 2))
        np.testing.assert_array_equal(other[1], hn)
        np.testing.assert_array_equal(other[2], cn)

    def test_rank_2_is_a_batch_of_one(self):
        model, _ = self.model(layers=2)
        x, h0, c0 = normal(15, 9, 3), normal(16, 2, 8), normal(17, 2, 8)
        states = ("--h0", self.array("h0.npy", h0), "--c0", self.array("c0.npy", c0))
        for layout in ("time", "batch"):
            y, hn, cn = self.run_files(model, x, *states, "--layout", layout)
            self.assertEqual(y.shape, (9, 8))
            states3 = ("--h0", self.array("h3.npy", h0[:, None]),
                       "--c0", self.array("c3.npy", c0[:, None]))
            expected = self.run_files(model, x[:, None], *states3)
            np.testing.assert_array_equal(y, expected[0][:, 0])
            np.testing.assert_array_equal(hn, expected[1])
            np.testing.assert_array_equal(cn, expected[2])

    def test_no_steps(self):
        for shape in ({}, {"both": True, "layers": 2}):
            model, _ = self.model(**shape)
            h0 = normal(18, 4 if shape else 1, 2, 8)
            y, hn, _ = self.run_files(model, np.zeros((0, 2, 3), "f4"), "--h0",
                                      self.array("h0.npy", h0))
            self.assertEqual(y.shape, (0, 2, 16 if shape else 8))
            np.testing.assert_array_equal(hn, h0)

    def test_prefix(self):
        first = kit.random_model(1, 3, 8, prefix="encoder.rnn.")
        second = kit.random_model(2, 3, 5, prefix="decoder.")
        model = kit.save_model(self.path("two"), {**first, **second})
        x = normal(19, 9, 2, 3)
        for prefix, tensors in (("encoder.rnn.", first), ("decoder.", second)):
            y, _, _ = self.run_files(model, x, "--prefix", prefix)
            self.assert_near(y, oracle.lstm(tensors, x, prefix=prefix)[0])
        source, target = self.path("x.npy"), self.path("n.npy")
        self.refuses(("two: ", "prefix", "encoder.rnn.weight_ih_l0"), "run", model, "-i", source,
                     "-o", target)
        self.refuses(("two: ", "'other.'"), "run", model, "--prefix", "other.", "-i", source, "-o",
                     target)

    def test_each_instruction_set(self):
        model, tensors = self.model(layers=2)
        x = normal(20, 30, 4, 3)
        expected = oracle.lstm(tensors, x)[0]
        source, target = self.array("x.npy", x), self.path("y.npy")
        ran = 0
        for isa in ISAS:
            done = kit.run("run", model, "-i", source, "-o", target, "--isa", isa)
            if done.returncode:
                self.assertIn(f"--isa: expected an instruction set of this build and this CPU, "
                              f"found {isa}", done.stderr.decode())
                continue
            ran += 1
            self.assert_near(np.load(target), expected)
        self.assertGreaterEqual(ran, 1)

    def test_environment_chooses_the_instruction_set(self):
        model, _ = self.model()
        source, target = self.array("x.npy", normal(21, 9, 2, 3)), self.path("y.npy")
        arguments = ("run", model, "-i", source, "-o", target)
        self.does(*arguments, env={"LSTM_ISA": "scalar"})
        self.refuses("LSTM_ISA: expected one of auto, scalar", *arguments, status=2,
                     env={"LSTM_ISA": "sse9"})


class Streaming(kit.Case):
    """Pieces hold 8 MiB of x and y: these files are larger, and the bits are those of one piece."""

    STEPS, BATCH = 140000, 2

    def peak(self, *arguments):
        """The most memory that a successful run has in use, in KiB."""
        with subprocess.Popen([kit.PROGRAM, *map(str, arguments)]) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss

    def test_memory_does_not_grow_with_the_steps(self):
        model, _ = self.model(layers=2)
        peaks = {}
        for layout, shape in (("time", (8, 1, 1)), ("batch", (1, 8, 1))):
            x = normal(22, self.STEPS, self.BATCH, 3)
            x = x if layout == "time" else x.transpose(1, 0, 2)
            options = ("--layout", layout, "-o", self.path("y.npy"))
            short, long = self.array("s.npy", x), self.array("l.npy", np.tile(x, shape))
            peaks["short"] = self.peak("run", model, "-i", short, *options)
            peaks["long"] = self.peak("run", model, "-i", long, *options)
            with self.subTest(layout):
                size = (self.path("l.npy").stat().st_size + self.path("y.npy").stat().st_size) >> 10
                self.assertGreater(size, 90 << 10)
                self.assertLess(peaks["long"] - peaks["short"], 8 << 10)

    def test_pieces_give_the_bits_of_shorter_files(self):
        model, _ = self.model(layers=2)
        x = normal(23, self.STEPS, self.BATCH, 3)
        lengths = self.array("lengths.npy", np.array([self.STEPS, self.STEPS - 30000]))
        self.does("run", model, "-i", self.array("x.npy", x), "-o", self.path("y.npy"),
                  "--lengths", lengths)
        self.does("run", model, "-i", self.array("xb.npy", x.transpose(1, 0, 2).copy()), "-o",
                  self.path("yb.npy"), "--lengths", lengths, "--layout", "batch")
        y = np.load(self.path("y.npy"))
        np.testing.assert_array_equal(np.load(self.path("yb.npy")), y.transpose(1, 0, 2))
        self.assertFalse(y[-30000:, 1].any())
        state = ()
        for begin in range(0, self.STEPS - 30000, 55000):
            part = x[begin : begin + 55000]
            self.does("run", model, "-i", self.array("part.npy", part), "-o",
                      self.path("part_y.npy"), "--hn", self.path("h.npy"), "--cn",
                      self.path("c.npy"), *state)
            state = ("--h0", self.path("h.npy"), "--c0", self.path("c.npy"))
            np.testing.assert_array_equal(np.load(self.path("part_y.npy")),
                                          y[begin : begin + 55000])

    def test_pipes(self):
        """Standard input and output, in both layouts, in more than one piece."""
        model, _ = self.model()
        x = normal(24, self.STEPS, self.BATCH, 3)
        self.does("run", model, "-i", self.array("x.npy", x), "-o", self.path("y.npy"))
        y = np.load(self.path("y.npy"))
        for layout in ("time", "batch"):
            turned = x if layout == "time" else x.transpose(1, 0, 2).copy()
            self.array("turned.npy", turned)
            done = kit.run("run", model, "-i", "-", "-o", "-", "--layout", layout,
                           stdin=self.path("turned.npy").read_bytes())
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.path("out.npy").write_bytes(done.stdout)
            out = np.load(self.path("out.npy"))
            np.testing.assert_array_equal(out if layout == "time" else out.transpose(1, 0, 2), y)

    def test_whole_sequences_from_a_pipe(self):
        model, tensors = self.model(both=True, layers=2)
        x = normal(25, 9, 2, 3)
        raw = self.array("x.npy", x).read_bytes()
        done = kit.run("run", model, "-i", "-", "-o", self.path("y.npy"), stdin=raw)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assert_near(np.load(self.path("y.npy")), oracle.lstm(tensors, x)[0])

    def on_terminal(self, parts, pause):
        """What a run says on a terminal, whose input arrives in parts with a pause between."""
        model, _ = self.model()
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [kit.PROGRAM, "run", model, "-i", "-", "-o", self.path("y.npy")],
            stdin=subprocess.PIPE, stderr=theirs,
        )
        os.close(theirs)
        for part in parts:
            process.stdin.write(part)
            process.stdin.flush()
            time.sleep(pause)
        process.stdin.close()
        self.assertEqual(process.wait(kit.SECONDS), 0)
        fcntl.fcntl(ours, fcntl.F_SETFL, os.O_NONBLOCK)
        try:
            said = os.read(ours, 65536)
        except OSError:
            said = b""
        os.close(ours)
        return said.decode()

    def test_progress_is_for_long_runs_on_terminals(self):
        raw = self.array("x.npy", normal(26, 4 * self.STEPS, self.BATCH, 3)).read_bytes()
        said = self.on_terminal([raw[: len(raw) // 2], raw[len(raw) // 2 :]], 1.2)
        self.assertRegex(said, r"lstm run: \d+ of 560000 steps, \d+ %")
        self.assertTrue(said.endswith("\r\033[K"), repr(said))
        raw = self.array("x.npy", normal(27, 4, 2, 3)).read_bytes()
        self.assertEqual(self.on_terminal([raw], 0), "")
