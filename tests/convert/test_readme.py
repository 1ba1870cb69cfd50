"""The three commands of the README, in a fresh copy of the repository."""

import os
import re
import shutil
import subprocess
import unittest

import numpy as np
from converters import pytorch, verify
from kit import HERE, ROOT, SECONDS, ConvertTest

REQUIREMENTS = []


class Readme(ConvertTest):
    def copy(self):
        """The files that git knows, as a clone has them."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached"], cwd=ROOT, check=True,
                                capture_output=True).stdout
        for name in filter(None, listed.decode().split("\0")):
            target = self.folder / "clone" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
        return self.folder / "clone"

    def test_from_a_checkpoint_to_verified_results_in_three_commands(self):
        try:
            python = pytorch.python_with_torch()
        except verify.Unavailable as reason:
            raise unittest.SkipTest(str(reason)) from None
        section = (ROOT / "README.md").read_text().partition("\n## Converting a model\n")[2]
        commands = re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1]
        self.assertEqual(len(commands.splitlines()), 3)
        clone = self.copy()
        subprocess.run([python, "-B", HERE / "make_pytorch.py", self.folder], check=True)
        shutil.copy(self.folder / "stacked.pth", clone / "model.pt")
        with np.load(self.folder / "stacked.pth.npz") as arrays:
            x = arrays["/x"]
        np.save(clone / "x.npy", x)
        environment = {key: value for key, value in os.environ.items() if key != "LSTM"}
        done = subprocess.run(["sh", "-ec", commands], cwd=clone, env=environment, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"verified +largest error \S+ \(limit \S+\) against PyTorch")
        y = np.load(clone / "y.npy")
        expected = verify.run_command(verify.command(), clone / "model.safetensors", None, x,
                                      *(np.zeros((6, 2, 9), "f4") for _ in range(2)))[0]
        np.testing.assert_array_equal(y, expected)
