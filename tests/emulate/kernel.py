#!/usr/bin/env python3
"""kernel.py VMLINUZ IMAGE: unpack a Linux kernel into the memory image that boot.S starts.

IMAGE is the kernel as it lies in memory from BASE on; IMAGE.entry holds the address of its PVH
entry point as text. Unpacking it here, once, spares the emulated CPU the work at every start.
"""
import struct
import subprocess
import sys

BASE = 0x1000000  # where Debian's kernels are linked to run
LIMIT = 0x8000000  # more would be a mistake
PT_LOAD, PT_NOTE = 1, 4
XEN_ELFNOTE_PHYS32_ENTRY = 18
LZ4_LEGACY = b"\x02\x21\x4c\x18"
BTF = b"\x9f\xeb\x01\x00\x18\x00\x00\x00"


def fail(text):
    sys.exit(f"kernel.py: {sys.argv[1]}: {text}")


def unpack(vmlinuz):
    """The ELF file inside a bzImage (Documentation/x86/boot.rst: setup header)."""
    if vmlinuz[0x202:0x206] != b"HdrS":
        fail("not a Linux kernel, expected HdrS at 0x202")
    start = ((vmlinuz[0x1F1] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", vmlinuz, 0x248)
    packed = vmlinuz[start + offset:start + offset + length]
    if packed[:4] != LZ4_LEGACY:
        fail(f"compressed with something else than LZ4, found {packed[:4].hex()}")
    # The last four bytes are the unpacked size, which lz4 would take for another block.
    size, = struct.unpack_from("<I", packed, length - 4)
    elf = subprocess.run(["lz4", "-dc"], input=packed[:-4], stdout=subprocess.PIPE, check=True)
    if len(elf.stdout) != size or elf.stdout[:4] != b"\x7fELF":
        fail(f"expected an ELF file of {size} bytes, found {len(elf.stdout)} bytes")
    return elf.stdout


def segments(elf):
    """(type, file offset, physical address, bytes in the file, bytes in memory) of each."""
    table, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    for i in range(count):
        kind, _, offset, _, address, stored, memory, _ = struct.unpack_from(
            "<IIQQQQQQ", elf, table + i * size)
        yield kind, offset, address, stored, memory


def pvh_entry(notes):
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        at += 12
        name = notes[at:at + name_size]
        at += (name_size + 3) & ~3
        if kind == XEN_ELFNOTE_PHYS32_ENTRY and name == b"Xen\0":
            return int.from_bytes(notes[at:at + size], "little")
        at += (size + 3) & ~3
    return None


def main():
    if len(sys.argv) != 3:
        print(__doc__.split("\n", 1)[0], file=sys.stderr)
        sys.exit(2)
    with open(sys.argv[1], "rb") as file:
        elf = unpack(file.read())
    image, entry = bytearray(), None
    for kind, offset, address, stored, memory in segments(elf):
        content = elf[offset:offset + stored]
        if kind == PT_NOTE:
            entry = pvh_entry(content) or entry
        if kind == PT_LOAD:
            if address < BASE or address + memory > LIMIT:
                fail(f"a segment at {address:#x}, expected all in {BASE:#x}..{LIMIT:#x}")
            image.extend(bytes(max(0, address + memory - BASE - len(image))))
            image[address - BASE:address - BASE + stored] = content
    # The description of its own types, which only BPF needs, but which the kernel would check at
    # every start (5e7 instructions). Without the first byte of its header it does without.
    if image.count(BTF) == 1:
        image[image.index(BTF)] = 0
    if entry is None:
        fail("no PVH entry point, expected a kernel built with CONFIG_PVH")
    with open(sys.argv[2], "wb") as file:
        file.write(image)
    with open(sys.argv[2] + ".entry", "w", encoding="ascii") as file:
        print(hex(entry), file=file)


main()
