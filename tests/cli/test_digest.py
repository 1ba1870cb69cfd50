"""lstm digest: the digests that the suites have on record."""

import re
import subprocess

import kit

SUITE = kit.ROOT / "tests" / "test_digest.c"


class Digest(kit.Case):
    def digests(self):
        lines = [line.split() for line in self.does("digest").splitlines()]
        return {(build, isa): digest for build, isa, digest in lines}

    def test_digests_are_those_on_record(self):
        """The first number on record is that of the built-in activations, the second SLEEF's."""
        known = re.findall(r"known = 0x([0-9a-f]{16});", SUITE.read_text())
        found = self.digests()
        self.assertIn(("builtin", "scalar"), found)
        vectors = {key: digest for key, digest in found.items() if key[1] != "scalar"}
        version = subprocess.run(["pkg-config", "--modversion", "sleef"], capture_output=True,
                                 check=False).stdout.decode()
        if not version.startswith("3.5"):  # the version on record
            vectors = {key: digest for key, digest in vectors.items() if key[0] == "builtin"}
        if not vectors:
            self.skipTest("no vector instruction set on this machine")
        for (build, isa), digest in vectors.items():
            expected = known[0] if build == "builtin" else known[1]
            self.assertEqual(digest, expected, f"{build} {isa}")

    def test_instruction_sets_are_those_that_run(self):
        model, _ = self.model()
        x = self.array("x.npy", kit.np.zeros((2, 3), "f4"))
        found = {isa for _, isa in self.digests()}
        for isa in ("scalar", "neon", "avx2", "avx512"):
            done = kit.run("run", model, "-i", x, "-o", self.path("y.npy"), "--isa", isa)
            self.assertEqual(isa in found, done.returncode == 0, isa)

    def test_takes_nothing(self):
        self.refuses('digest: expected options only, found "x"', "digest", "x", status=2)
