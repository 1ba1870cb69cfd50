#!/usr/bin/env python3
"""Run a Linux program in Bochs. Called by the script avx512, which says how."""
import argparse
import os
import pty
import re
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

IMAGE, MAGIC = 0xFE0000, 0x3154534C  # as in boot.S
KERNEL = 0x1000000                   # as in kernel.py
PAGE = 4096
FAILED, TIMED_OUT = 125, 124  # exit statuses, as timeout(1) and env(1) use them
IPS = 50_000_000  # instructions a second: makes the guest's clock run about as fast as ours

# nokaslr, mitigations, cryptomgr, initcall_blacklist: a start 1.1e9 instructions shorter.
# clearcpuid: Bochs 2.7 misreports the size of the compacted state and the place of PKRU; the
# standard form, which is left, has all of AVX-512. tsc_early_khz: one cycle an instruction.
COMMAND_LINE = (
    "console=ttyS0,115200 quiet nokaslr mitigations=off clearcpuid=xsaves,xsavec,pku,ospke "
    f"tsc_early_khz={IPS // 1000} tsc=reliable acpi=off pci=off noapic panic=-1 reboot=t "
    "cryptomgr.notests initcall_blacklist=trace_eval_init")

BOCHS_RC = """\
config_interface: textconfig
display_library: term
romimage: file={cache}/boot.bin, address=0xffff0000
optramimage1: file={scratch}/image, address={image:#x}
cpu: model={cpu}, ips={ips}, reset_on_triple_fault=0
clock: sync=none
memory: guest={memory}, host={memory}
pci: enabled=0
com1: enabled=1, mode=file, dev={scratch}/console
com2: enabled=1, mode=file, dev={scratch}/stdout
com3: enabled=1, mode=file, dev={scratch}/stderr
com4: enabled=1, mode=file, dev={scratch}/status
log: {scratch}/log
panic: action=fatal
error: action=ignore
info: action=ignore
"""


class Failure(Exception):
    """The emulator, not the program, failed: the reason, and the exit status."""

    def __init__(self, reason, status=FAILED):
        super().__init__(reason)
        self.status = status


class Archive:
    """An initramfs: cpio in the format newc (Documentation/driver-api/early-userspace)."""

    def __init__(self):
        self.parts, self.names = [], set()

    def add(self, path, mode, content=b"", device=(0, 0)):
        name = path.strip("/")
        if not name or name in self.names:
            return
        parent = os.path.dirname(name)
        if parent:
            self.add(parent, stat.S_IFDIR | 0o755)
        self.names.add(name)
        fields = (len(self.names), mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        for part in head, content:
            self.parts += [part, bytes(-len(part) % 4)]

    def add_file(self, source, path):
        """A file, or a folder with all that is in it."""
        if os.path.isdir(source):
            self.add(path, stat.S_IFDIR | 0o755)
            for name in sorted(os.listdir(source)):
                self.add_file(os.path.join(source, name), os.path.join(path, name))
            return
        with open(source, "rb") as file:
            self.add(path, stat.S_IFREG | stat.S_IMODE(os.stat(source).st_mode), file.read())

    def finish(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def libraries(program):
    """The loader and the shared libraries of a dynamically linked program, if it is one."""
    if not os.access(program, os.X_OK) or os.path.isdir(program):
        return []
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    if "not found" in done.stdout:
        raise Failure(f"{program}: a library is missing:\n{done.stdout.rstrip()}")
    return re.findall(r"(/\S+) \(0x", done.stdout) if done.returncode == 0 else []


def initramfs(args):
    archive = Archive()
    program = os.path.abspath(args.program[0])
    archive.add_file(os.path.join(args.cache, "init"), "init")
    for name, device in (("null", (1, 3)), ("zero", (1, 5)), ("full", (1, 7)), ("random", (1, 8)),
                         ("urandom", (1, 9)), ("console", (5, 1)), ("ttyS1", (4, 65)),
                         ("ttyS2", (4, 66)), ("ttyS3", (4, 67))):
        archive.add("dev/" + name, stat.S_IFCHR | 0o666, device=device)
    for folder in "proc", "sys", os.getcwd():
        archive.add(folder, stat.S_IFDIR | 0o755)
    archive.add("tmp", stat.S_IFDIR | 0o1777)
    extra = [pair.partition(":") for pair in args.file]
    for source, _, target in [(program, "", "")] + extra:
        archive.add_file(source, os.path.abspath(target or source))
        for library in libraries(source):
            archive.add_file(library, library)
    environment = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("LSTM_")]
    # Bochs 2.7 refuses (XRSTOR) what it saved itself (XSAVEC), as the dynamic loader does around
    # each late binding.
    environment += ["LD_BIND_NOW=1", "PATH=/usr/bin:/bin", "HOME=/tmp", "LC_ALL=C"]
    job = [os.getcwd(), str(len(args.program)), program] + args.program[1:] + environment
    if len(job) > 10000 or sum(map(len, job)) > 500_000:
        raise Failure("too many arguments")
    archive.add("emulate.job", stat.S_IFREG | 0o644, "".join(s + "\0" for s in job).encode())
    return archive.finish()


def memory_image(args, files):
    """The machine's memory from IMAGE on: what boot.S and the kernel's PVH entry read (struct
    hvm_start_info and what it points to), the kernel, the initramfs."""
    with open(os.path.join(args.cache, "kernel.img.entry"), encoding="ascii") as file:
        entry = int(file.read(), 16)
    with open(os.path.join(args.cache, "kernel.img"), "rb") as file:
        kernel = file.read()
    kernel += bytes(-len(kernel) % PAGE)
    begin = KERNEL + len(kernel)
    memory = args.memory << 20
    info, module, areas, line = (IMAGE + n for n in (0x40, 0x80, 0xC0, 0x100))
    head = bytearray(KERNEL - IMAGE)
    struct.pack_into("<IIII", head, 0, MAGIC, begin + len(files), entry, info)
    struct.pack_into("<IIIIQQQQII", head, 0x40, 0x336EC578, 1, 0, 1, module, line, 0, areas, 2, 0)
    struct.pack_into("<QQQQ", head, 0x80, begin, len(files), 0, 0)
    struct.pack_into("<QQIIQQII", head, 0xC0, 0, 0xA0000, 1, 0, 1 << 20, memory - (1 << 20), 1, 0)
    struct.pack_into(f"{PAGE}s", head, 0x100, COMMAND_LINE.encode())
    return [head, kernel, files]


def read(scratch, name):
    """What the machine wrote to this port so far."""
    try:
        with open(os.path.join(scratch, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


class Stream:
    """Copies a port's file to one of our own descriptors while it grows, by whole lines, because
    both descriptors may lead to the same place."""

    def __init__(self, scratch, name, descriptor):
        self.path, self.descriptor = os.path.join(scratch, name), descriptor
        self.file, self.waiting = None, b""

    def pump(self, last=False):
        if self.file is None and os.path.exists(self.path):
            self.file = open(self.path, "rb")
        self.waiting += self.file.read() if self.file else b""
        end = len(self.waiting) if last else self.waiting.rfind(b"\n") + 1
        lines, self.waiting = self.waiting[:end], self.waiting[end:]
        while lines:
            lines = lines[os.write(self.descriptor, lines):]


def drain(terminal):
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # what Linux answers when the other side has closed
        pass


def trouble(scratch):
    """What the kernel and Bochs had to complain about."""
    console = read(scratch, "console").decode(errors="replace").splitlines()
    log = read(scratch, "log").decode(errors="replace").splitlines()
    return console[-20:] + [line for line in log if "PANIC" in line]


def run_bochs(scratch, timeout):
    """Bochs draws its screen on a terminal; give it one that nobody looks at."""
    with open(os.path.join(scratch, "debugger"), "w", encoding="ascii") as file:
        print("continue", file=file)
    streams = [Stream(scratch, "stdout", 1), Stream(scratch, "stderr", 2)]
    ours, theirs = pty.openpty()
    bochs = subprocess.Popen(
        ["bochs-bin", "-q", "-f", f"{scratch}/bochsrc", "-rc", f"{scratch}/debugger"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=scratch, start_new_session=True,
        env={**os.environ, "TERM": "xterm", "LINES": "40", "COLUMNS": "132"})
    os.close(theirs)
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    end = time.monotonic() + timeout
    try:
        while bochs.poll() is None:
            if time.monotonic() > end:
                reason = [f"no end after {timeout:g} seconds"] + trouble(scratch)
                raise Failure("\n".join(reason), TIMED_OUT)
            time.sleep(0.05)
            for stream in streams:
                stream.pump()
    finally:
        bochs.kill()
        bochs.wait()
        for stream in streams:
            stream.pump(last=True)


def judge(scratch, program):
    """The program's exit status."""
    word, _, rest = read(scratch, "status").decode(errors="replace").strip().partition(" ")
    if word == "exit":
        return int(rest)
    if word == "signal":
        print(f"avx512: {program}: killed by signal {rest}: {signal.strsignal(int(rest))}",
              file=sys.stderr)
        return 128 + int(rest)
    if word == "error":
        raise Failure(f"in the emulated machine: {rest}")
    raise Failure("\n".join(["the emulated machine stopped without a result"] + trouble(scratch)))


def main():
    parser = argparse.ArgumentParser(prog="avx512")
    parser.add_argument("--cache", required=True)
    parser.add_argument("--cpu", default="corei7_skylake_x")
    parser.add_argument("--file", action="append", default=[], metavar="SRC[:DEST]")
    parser.add_argument("--memory", type=int, default=512)
    parser.add_argument("--timeout", type=float, default=900)
    parser.add_argument("program", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    # Bochs is killed in a finally; let these signals reach it.
    for number in signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        with tempfile.TemporaryDirectory(prefix="emulate.") as scratch:
            files = initramfs(args)
            if 3 * len(files) + (256 << 20) > args.memory << 20:
                raise Failure(f"{len(files) >> 20} MiB of files do not fit into --memory "
                              f"{args.memory}, which needs 256 more than three times that")
            with open(os.path.join(scratch, "image"), "wb") as file:
                file.writelines(memory_image(args, files))
            with open(os.path.join(scratch, "bochsrc"), "w", encoding="utf-8") as file:
                file.write(BOCHS_RC.format(
                    cache=args.cache, scratch=scratch, cpu=args.cpu, memory=args.memory, ips=IPS,
                    image=IMAGE))
            run_bochs(scratch, args.timeout)
            return judge(scratch, args.program[0])
    except (Failure, OSError) as failure:
        print(f"avx512: {failure}", file=sys.stderr)
        return getattr(failure, "status", FAILED)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


sys.exit(main())
