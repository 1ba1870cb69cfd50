"""lstm digest: the digests that the suites have on record."""

import re
import subprocess

import kit

SUITE = kit.ROOT / "tests" / "test_digest.c"


class Digest(kit.Case):
    found = None  # by all tests, as it takes a while

    def digests(self):
        if not Digest.found:
            lines = [line.split() for line in self.does("digest").splitlines()]
            Digest.found = {(build, isa, dtype): digest for build, isa, dtype, digest in lines}
        return Digest.found

    def test_digests_are_those_on_record(self):
        """First those of the built-in activations, then SLEEF's; of each, one for every type."""
        records = re.findall(r"known\[DTYPES\] = \{(0x[^}]*)\}", SUITE.read_text())
        known = {build: re.findall("0x([0-9a-f]{16})", record)
                 for build, record in zip(("builtin", "sleef"), records)}
        found = self.digests()
        self.assertIn(("builtin", "scalar", "f32"), found)
        vectors = {key: digest for key, digest in found.items() if key[1] != "scalar"}
        version = subprocess.run(["pkg-config", "--modversion", "sleef"], capture_output=True,
                                 check=False).stdout.decode()
        if not version.startswith("3.5"):  # the version on record
            vectors = {key: digest for key, digest in vectors.items() if key[0] == "builtin"}
        if not vectors:
            self.skipTest("no vector instruction set on this machine")
        for (build, isa, dtype), digest in vectors.items():
            expected = known[build][("f32", "bf16", "f16", "int8").index(dtype)]
            self.assertEqual(digest, expected, f"{build} {isa} {dtype}")

    def test_instruction_sets_are_those_that_run(self):
        model, _ = self.model()
        x = self.array("x.npy", kit.np.zeros((2, 3), "f4"))
        found = {isa for _, isa, _ in self.digests()}
        for isa in ("scalar", "neon", "avx2", "avx512"):
            done = kit.run("run", model, "-i", x, "-o", self.path("y.npy"), "--isa", isa)
            self.assertEqual(isa in found, done.returncode == 0, isa)

    def test_takes_nothing(self):
        self.refuses('digest: expected options only, found "x"', "digest", "x", status=2)
