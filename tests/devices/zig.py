"""zig, a cross compiler with the headers and libraries of other systems, in .cache/zig."""

import sys

import kit

VERSION = "0.17.0"
FOLDER = kit.ROOT / ".cache" / "zig"


def compiler():
    """The beginning of a command line; installed when first asked for."""
    python = FOLDER / "bin" / "python"
    with kit.locked(FOLDER.parent / "zig-setup"):
        status, said = (kit.execute([python, "-m", "ziglang", "version"]) if python.exists()
                        else (1, ""))
        if status or said.strip() != VERSION:
            kit.must(sys.executable, "-m", "venv", "--clear", FOLDER)
            kit.must(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                     f"ziglang=={VERSION}")
    return [python, "-m", "ziglang", "cc"]
