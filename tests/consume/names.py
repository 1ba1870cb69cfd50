"""The header keeps to its own names, and asks of the C library only what it says."""

import re

from kit import case, expect, run

LIB = '#define LSTM_IMPLEMENTATION\n#include "lstm.h"\n'
OWN_MACRO = re.compile(r"lstm__|LSTM_")
# Linkers and debuggers add nothing to an object, compilers a few: clang's and gcc's constants, and
# what their own libraries know of an x86 processor.
COMPILERS_OWN = re.compile(
    r"\.L|\.C|__PRETTY|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail"
    r"|__cpu_(model|features2|indicator_init)$"
)

# What a build without heap, files and environment may need: devices have little more.
FREESTANDING = {"memcpy", "memset", "memmove", "memcmp", "strcmp"}
# libm's functions may set errno, which the scalar path gives back as it was.
MATHS = re.compile(r"(exp|expm1|tanh|log|log1p|fma|fabs|fmax|fmin)f?$|Sleef_|__errno_location$")
FORBIDDEN = re.compile(
    r"(v?f?printf|puts|putc|putchar|fputs|fwrite|perror|abort|_?exit|__assert_fail|signal|raise"
    r"|pthread_\w+|mtx_\w+|time|clock\w*|rand|srand|setlocale|atexit|setenv|longjmp)$"
)


def object_of(folder, compiler, *options):
    (folder / "lib.c").write_text(LIB)
    run([compiler, "-c", "lib.c", *options], folder)


def symbols(folder, *options):
    for line in run(["nm", *options, "lib.o"], folder).splitlines():
        *_, kind, name = line.split()
        yield kind, name


def exported(folder, compiler):
    object_of(folder, compiler)
    found = [name for _, name in symbols(folder, "-g", "--defined-only")]
    expect("lstm_run" in found, f"lstm_run is not exported, only {found}")
    foreign = [name for name in found if not re.match(r"lstm_[a-z]", name)]
    expect(not foreign, f"exported under another name: {foreign}")
    private = [name for name in found if name.startswith("lstm__")]
    expect(not private, f"private, but exported: {private}")


def local(folder, compiler):
    """At -O0, where every function of the system headers that is used has a symbol too: those are
    the inline ones of the intrinsics, which all begin with an underscore."""
    object_of(folder, compiler, "-O0")
    foreign = {
        name for _, name in symbols(folder, "--defined-only")
        if not re.match(r"lstm_|_mm|_cvt|lib\.c", name)
        and not COMPILERS_OWN.match(name)
    }
    # gcc numbers the static variables inside functions, clang puts the function's name first.
    foreign = {name for name in foreign if not re.search(r"\.\d+$", name)}
    expect(not foreign, f"file-scope names of the header that do not begin with lstm_: {foreign}")


def nothing_writable(folder, compiler):
    """No variable, no constructor: nothing to race for, nothing that runs before main."""
    object_of(folder, compiler, "-fno-pic", "-fno-pie", "-O2")
    found = [name for kind, name in symbols(folder, "--defined-only") if kind in "bBdDcC"]
    expect(not found, f"writable: {found}")
    sections = run(["readelf", "-SW", "lib.o"], folder)
    expect(not re.search(r"init_array|\.ctors", sections), "something runs before main")


def asks_the_processor_little(folder, compiler):
    """On a virtual machine a question takes microseconds.  GCC's library has asked already."""
    object_of(folder, compiler, "-O1", "-fno-inline")
    said = run(["objdump", "-d", "--no-show-raw-insn", "lib.o"], folder)
    expect("lstm_isa_supported" in said, "the disassembly is empty")
    found, most = len(re.findall(r"\scpuid\b", said)), 0 if compiler == "gcc" else 4
    expect(found <= most, f"the library asks {found} times what the processor is, {most} expected")


def needed(folder, compiler):
    object_of(folder, compiler, "-O2")
    found = [name for name in (n for _, n in symbols(folder, "-u")) if FORBIDDEN.match(name)]
    expect(not found, f"the header prints, aborts, locks or asks the time: {found}")


def needed_by_the_smallest(folder, compiler):
    object_of(folder, compiler, "-O2", "-DLSTM_NO_MALLOC", "-DLSTM_NO_STDIO", "-DLSTM_NO_GETENV",
              "-fno-stack-protector")
    foreign = {
        name for _, name in symbols(folder, "-u")
        if name not in FREESTANDING and not MATHS.match(name) and not COMPILERS_OWN.match(name)
    }
    expect(not foreign, f"without heap, files and environment it still needs: {foreign}")


def macros(folder, compiler, text):
    """Every macro that a line of lstm.h defines and none undefines.  -dD keeps both in place,
    between markers that say which file a line is from."""
    (folder / "lib.c").write_text(text)
    left = set()
    inside = False
    for line in run([compiler, "-E", "-dD", "lib.c"], folder).splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        directive = re.match(r"#(define|undef) (\w+)", line)
        if marker:
            inside = marker[1].endswith("lstm.h")
        elif directive and directive[1] == "define" and inside:
            left.add(directive[2])
        elif directive and directive[1] == "undef":
            left.discard(directive[2])
    expect("LSTM_H" in left, "LSTM_H is not among the macros: the markers were misread")
    foreign = {name for name in left if not OWN_MACRO.match(name)}
    expect(not foreign, f"macros left behind: {sorted(foreign)}")


for compiler in ("gcc", "clang"):
    case(f"exported symbols, {compiler}", exported, compiler)
    case(f"local symbols, {compiler}", local, compiler)
    case(f"asks the processor little, {compiler}", asks_the_processor_little, compiler)
    case(f"nothing writable, {compiler}", nothing_writable, compiler)
    case(f"needed symbols, {compiler}", needed, compiler)
    case(f"needed symbols of the smallest build, {compiler}", needed_by_the_smallest, compiler)
    case(f"macros of the declarations, {compiler}", macros, compiler, '#include "lstm.h"\n')
    case(f"macros of the implementation, {compiler}", macros, compiler, LIB)
