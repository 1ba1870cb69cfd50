"""Help, version, and wrong uses of the lstm command: one sentence and exit status 2."""

import os
import re

import kit
import numpy as np


def commands():
    said = kit.run("--help").stdout.decode()
    return re.findall(r"^  (\w+) ", said, re.MULTILINE)


class Usage(kit.Case):
    def test_help(self):
        said = self.does("--help")
        self.assertTrue(said.startswith("usage: lstm COMMAND"))
        self.assertEqual(self.does("-h"), said)
        self.assertIn("run", commands())

    def test_help_of_each_command(self):
        for command in commands():
            said = self.does(command, "--help")
            self.assertTrue(said.startswith(f"usage: lstm {command}"), said)
            self.assertLessEqual(max(map(len, said.splitlines())), 100)
            self.assertIn("--help", said)

    def test_version(self):
        self.assertRegex(self.does("--version"), r"^lstm \d+\.\d+\.\d+\n$")

    def test_no_such_command(self):
        self.refuses("expected a command, found none", status=2)
        self.refuses("walk: expected a command that lstm --help lists", "walk", status=2)

    def test_operands(self):
        self.refuses("run: expected MODEL, found none", "run", status=2)
        self.refuses('run: expected one operand, found "b" too', "run", "a", "b", status=2)

    def test_options(self):
        self.refuses("--walk: expected an option that lstm run --help lists", "run", "--walk", "a",
                     status=2)
        self.refuses("-z: expected an option", "run", "-z", "a", status=2)
        self.refuses("--prefix: expected a value, found the end", "run", "a", "--prefix", status=2)
        self.refuses("-i: expected it once", "run", "a", "-i", "b", "-i", "c", status=2)
        self.refuses('--layout: expected one of time, batch, found "wide"', "run", "a", "-i", "x",
                     "-o", "y", "--layout", "wide", status=2)
        self.refuses('--isa: expected one of auto, scalar, neon, avx2, avx512, simd128, found "sse"',
                     "run", "a", "-i", "x", "-o", "y", "--isa", "sse", status=2)
        self.refuses('--dtype: expected one of f32, bf16, f16, int8, found "i4"', "run", "a", "-i", "x", "-o", "y",
                     "--dtype", "i4", status=2)

    def test_what_run_needs(self):
        self.refuses("expected -i X.npy and -o Y.npy, found no -i", "run", "a", "-o", "y", status=2)
        self.refuses("expected -i X.npy and -o Y.npy, found no -o", "run", "a", "-i", "x", status=2)

    def test_files_used_twice(self):
        self.refuses("y: expected one use of this file", "run", "a", "-i", "x", "-o", "y", "--hn",
                     "y", status=2)
        self.refuses("-: expected one use of this file", "run", "a", "-i", "-", "--h0", "-", "-o",
                     "y", status=2)

    def test_files_used_twice_under_two_names(self):
        """Both of files that are there, hard links among them, and of files yet to be written."""
        model, _ = self.model()
        x = self.array("x.npy", np.zeros((4, 3), "f4"))
        folder, link = self.path("a"), self.path("link")
        folder.mkdir()
        link.symlink_to(self.folder)
        spellings = (folder / ".." / "y.npy", link / "y.npy", f"{self.folder}//y.npy",
                     self.folder / "." / "y.npy")
        for there in (False, True):
            if there:
                self.path("y.npy").write_bytes(b"old")
            for other in spellings:
                self.refuses((f"{self.path('y.npy')}: expected one use of this file",), "run",
                             model, "-i", x, "-o", other, "--hn", self.path("y.npy"), status=2)
            self.refuses("y.npy: expected one use", "run", model, "-i", x, "-o", "a/../y.npy",
                         "--hn", "y.npy", status=2, cwd=self.folder)
        os.link(self.path("y.npy"), self.path("hard.npy"))
        self.refuses("expected one use", "run", model, "-i", x, "-o", self.path("hard.npy"), "--cn",
                     self.path("y.npy"), status=2)
        self.refuses("expected one use", "quantize", model, f"{self.folder}/./{model.name}",
                     "--dtype", "bf16", status=2)
        self.does("run", model, "-i", x, "-o", folder / "y.npy", "--hn", self.path("y.npy"), "--cn",
                  self.path("z.npy"))

    def test_forms_of_options(self):
        model, _ = self.model()
        x, y = self.array("x.npy", np.zeros((4, 3), "f4")), self.path("-y.npy")
        self.does("run", "-i" + str(x), "-o", y, "--layout=time", "--", model)
        self.assertEqual(np.load(y).shape, (4, 8))
