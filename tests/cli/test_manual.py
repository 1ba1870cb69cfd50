"""The man page and the completion know every command and every option that --help lists."""

import re
import shutil
import subprocess
from pathlib import Path

import kit

FOLDER = kit.ROOT / "tools" / "lstm"
OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")


def commands():
    said = kit.run("--help").stdout.decode()
    return re.findall(r"^  (\w+) ", said, re.MULTILINE)


def options(command):
    """Options that begin a line of the help, or follow there after a comma."""
    lines = kit.run(command, "--help").stdout.decode().splitlines()
    listed = [line for line in lines if re.match(r"  -", line)]
    return {option for line in listed for option in OPTION.findall(re.split(r"  +", line[2:])[0])}


class Manual(kit.Case):
    def sections(self):
        text = (FOLDER / "lstm.1").read_text().replace("\\-", "-")
        parts = re.split(r"^\.SS (\w+)\n", text.split(".SH EXIT STATUS")[0], flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2]))

    def test_has_every_command_and_option(self):
        sections = self.sections()
        self.assertEqual(set(sections), set(commands()))
        for command in commands():
            if command == "bench" and "--shape" not in options("bench"):
                continue  # built without, so its help has none
            found = set(OPTION.findall(sections[command]))
            self.assertEqual(options(command) - {"--help"}, found, command)

    def test_is_well_formed(self):
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        done = subprocess.run(["groff", "-man", "-ww", "-z", FOLDER / "lstm.1"],
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))


class Completion(kit.Case):
    def complete(self, *words):
        if not shutil.which("bash"):
            self.skipTest("bash is not installed")
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lstm; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(
            ["bash", "--norc", "-c", script, "bash", FOLDER / "completion.bash", "lstm", *words],
            capture_output=True, check=True,
        )
        self.assertEqual(done.stderr, b"")
        return set(done.stdout.decode().split())

    def test_commands(self):
        self.assertEqual(self.complete(""), {*commands(), "--help", "--version"})
        self.assertEqual(self.complete("co"), {"compare"})

    def test_options(self):
        for command in commands():
            if command == "bench" and "--shape" not in options("bench"):
                continue  # built without, so its help has none
            found = self.complete(command, "m", "-")
            self.assertEqual(found, options(command) | {"--help"}, command)

    def test_values(self):
        self.assertEqual(self.complete("run", "--layout", ""), {"time", "batch"})
        self.assertEqual(self.complete("run", "m", "--isa", "avx"), {"avx2", "avx512"})
        self.assertEqual(self.complete("run", "m", "-i", "-"), set())
        self.assertEqual(self.complete("embed", "m", "--name", ""), set())
        self.assertEqual(self.complete("quantize", "a", "b", "--dtype", ""), {"bf16", "f16", "int8"})
        self.assertEqual(self.complete("quantize", "a", "b", "--calibrate", "x", "--error", ""),
                         set())

    def test_values_are_those_that_the_command_takes(self):
        """Each that is offered is not refused for its name, and no other is known."""
        model, _ = self.model()
        quick = ("bench", "--quick", "--list", "--shape", "2x2")
        runs = ("run", model, "-i", "x", "-o", "y")
        for command, option in (
            (runs, "--layout"), (runs, "--isa"), (runs, "--dtype"),
            (("quantize", model, self.path("out")), "--dtype"), (quick, "--isa"),
            (quick, "--dtype"), (quick, "--mode"), (quick, "--activations"), (quick, "--peers"),
            (quick, "--cpu"),
        ):  # fmt: skip
            if command == quick and "--shape" not in options("bench"):
                continue
            words = self.complete(command[0], "m", option, "")
            self.assertGreaterEqual(len(words), 1)
            refused = kit.run(*command, option, "walk").stderr.decode()
            self.assertIn(f"{option}: expected", refused)
            for word in words:
                said = kit.run(*command, option, word).stderr.decode()
                self.assertNotIn(f"{option}: expected one of", said, word)
                self.assertNotRegex(said, rf'{option}: expected (?!an instruction set).*found "', word)
                if not re.search(r"number|names", refused):
                    self.assertIn(word, refused)


class Installed(kit.Case):
    """Beside a program in bin, what a person finds without it."""

    def test_man_page_and_completion(self):
        folder = Path(kit.PROGRAM).parent
        if folder.name != "bin":
            self.skipTest("the program is not installed")
        share = folder.parent / "share"
        for installed, source in (
            (share / "man" / "man1" / "lstm.1", "lstm.1"),
            (share / "bash-completion" / "completions" / "lstm", "completion.bash"),
        ):
            self.assertEqual(installed.read_bytes(), (FOLDER / source).read_bytes())
