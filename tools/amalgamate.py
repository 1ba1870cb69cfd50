#!/usr/bin/env python3
"""Make lstm.h from its rooms: src/lstm.in.h, where a line "//@room FILE" stands for that file.

amalgamate.py [--check] [-o FILE]     FILE: lstm.h at the root of the repository by default

--check writes nothing: it compares FILE with what would be written, and exits with 1 if they
differ.  FILE is left alone if it is up to date, so that its users are not built again.
"""

import argparse
import itertools
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "src/lstm.in.h"
ROOM = re.compile(rb"^//@room (\S+)$")
COLUMNS = 100


def fail(message):
    sys.exit(f"amalgamate.py: {message}")


def lines_of(name):
    """The lines of a file of the repository, refused unless plain ASCII without loose ends."""
    try:
        text = (ROOT / name).read_bytes()
    except OSError as error:
        fail(f"{name}: {error.strerror}")
    if not text.endswith(b"\n"):
        fail(f"{name}: expected a newline at the end, found none")
    lines = text[:-1].split(b"\n")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            fail(f"{name}:{number}: expected text to the end, found white space (or CRLF)")
        if re.search(rb"[^\t -~]", line):
            fail(f"{name}:{number}: expected ASCII, found {ascii(line.decode('latin-1'))}")
    return lines


def amalgamate():
    out = []
    for line in lines_of(TEMPLATE):
        room = ROOM.match(line)
        if room:
            out.append(f"/* ==== {room[1].decode()} ".ljust(COLUMNS - 3, "=").encode() + b" */")
            out += lines_of(room[1].decode())
        else:
            out.append(line)
    return b"\n".join(out) + b"\n"


def check(path, fresh):
    """None if path holds fresh, else the sentence that says where they part."""
    try:
        found = path.read_bytes()
    except OSError as error:
        return f"{path}: {error.strerror}"
    if found == fresh:
        return None
    pairs = itertools.zip_longest(found.split(b"\n"), fresh.split(b"\n"), fillvalue=b"(the end)")
    number, (old, new) = next((n, p) for n, p in enumerate(pairs, 1) if p[0] != p[1])
    old, new = ascii(old.decode("latin-1")), ascii(new.decode("latin-1"))
    return f"{path}:{number}: not what the rooms make (run tools/amalgamate.py), expected {new}, found {old}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare instead of write")
    parser.add_argument("-o", dest="file", type=Path, default=ROOT / "lstm.h")
    args = parser.parse_args()
    fresh = amalgamate()
    difference = check(args.file, fresh)
    if args.check and difference:
        fail(difference)
    if difference and not args.check:
        temporary = args.file.with_name(args.file.name + ".new")
        try:
            temporary.write_bytes(fresh)
            os.replace(temporary, args.file)
        except OSError as error:
            fail(f"{args.file}: {error.strerror}")


if __name__ == "__main__":
    main()
