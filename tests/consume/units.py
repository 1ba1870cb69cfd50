"""Programs of several files: one implementation anywhere, inclusion in any order, C with C++."""

from kit import HERE, LIBRARIES, STRICT, build_and_run, case, expect, run

USES = """#include "lstm.h"
#include "lstm.h"
int {name}(void);
int {name}(void) {{ return lstm_isa_supported(LSTM_ISA_SCALAR) ? 0 : 1; }}
"""
IMPLEMENTS = {
    "implementation first": '#define LSTM_IMPLEMENTATION\n#include "lstm.h"\n#include "lstm.h"\n',
    "declarations first": '#include "lstm.h"\n#define LSTM_IMPLEMENTATION\n#include "lstm.h"\n',
    "implementation twice": '#define LSTM_IMPLEMENTATION\n#include "lstm.h"\n'
                            '#define LSTM_IMPLEMENTATION\n#include "lstm.h"\n',
}
MAIN = """int first(void); int second(void); int main(void) { return first() || second(); }\n"""
C_FUNCTIONS = '#ifdef __cplusplus\nextern "C" {{\n#endif\n{}\n#ifdef __cplusplus\n}}\n#endif\n'
WRAPPED = C_FUNCTIONS.format("int first(void); int second(void);")


def link(folder, linker, objects, *options):
    run([linker, *options, *objects, "-o", "program", *LIBRARIES], folder)
    run([folder / "program"], folder)


def compile_text(folder, compiler, name, text, *options):
    source = folder / name
    source.write_text(text)
    run([compiler, *STRICT, *options, "-I.", "-c", source, "-o", f"{name}.o"], folder)
    return f"{name}.o"


def three_files(folder, compiler, linker, implementation, options):
    """Objects in both orders on the command line of the linker."""
    suffix = ".cpp" if compiler.endswith("++") else ".c"
    objects = [
        compile_text(folder, compiler, "first" + suffix, USES.format(name="first"), *options),
        compile_text(folder, compiler, "lib" + suffix, implementation, *options),
        compile_text(folder, compiler, "second" + suffix, USES.format(name="second"), *options),
        compile_text(folder, compiler, "main" + suffix, MAIN, *options),
    ]
    link(folder, linker, objects, *options)
    link(folder, linker, objects[::-1], *options)


def c_and_cpp(folder, implementing):
    """The implementation in one language, users in both."""
    names = {"lib": implementing, "first": "c", "second": "cpp", "main": "cpp"}
    objects = []
    for name, suffix in names.items():
        text = WRAPPED
        if name == "lib":
            text = IMPLEMENTS["implementation first"]
        elif name == "main":
            text += "int main(void) { return first() || second(); }\n"
        else:
            text += (f'#include "lstm.h"\nint {name}(void)\n'
                     "{ return lstm_strerror(LSTM_OK) == 0; }\n")
        compiler = "g++" if suffix == "cpp" else "gcc"
        objects.append(compile_text(folder, compiler, f"{name}.{suffix}", text))
    link(folder, "g++", objects)


def static_in_several_files(folder, compiler, options):
    """LSTM_API=static: a library in each file, none in the symbol table."""
    text = ('#define LSTM_API static\n#define LSTM_IMPLEMENTATION\n' + USES)
    objects = [
        compile_text(folder, compiler, f"{name}.c", text.format(name=name), *options)
        for name in ("first", "second")
    ]
    if "-flto" not in options:
        for name in objects:
            symbols = run(["nm", "-g", "--defined-only", name], folder)
            expect("lstm_" not in symbols, f"{name} exports:\n{symbols}")
    objects.append(compile_text(folder, compiler, "main.c", MAIN, *options))
    link(folder, compiler, objects, *options)


def renamed_without_saying_so(folder, compiler):
    (folder / "lstm.h").rename(folder / "other.h")
    (folder / "lib.c").write_text('#define LSTM_IMPLEMENTATION\n#include "other.h"\n')
    said = run([compiler, "-c", "lib.c"], folder, fails=True)
    expect("LSTM_SELF" in said and "error" in said, f"no sentence about LSTM_SELF in:\n{said}")


def in_another_folder(folder, compiler):
    """Included by a path, with no -I: the header must find itself."""
    (folder / "third_party").mkdir()
    (folder / "lstm.h").rename(folder / "third_party" / "lstm.h")
    source = folder / "app.c"
    app = (HERE / "app.c").read_text()
    source.write_text(app.replace('"lstm.h"', '"third_party/lstm.h"'))
    build_and_run(folder, compiler, source=source)


for compiler, linker in (("gcc", "gcc"), ("clang", "clang"), ("g++", "g++")):
    for name, text in IMPLEMENTS.items():
        case(f"three files, {compiler}, {name}", three_files, compiler, linker, text, [])
for compiler in ("gcc", "clang"):
    case(f"three files, {compiler}, -flto", three_files, compiler, compiler,
         IMPLEMENTS["declarations first"], ["-O2", "-flto"])
    case(f"static in several files, {compiler}", static_in_several_files, compiler, ["-O0"])
    case(f"static in several files, {compiler} -flto", static_in_several_files, compiler,
         ["-O2", "-flto"])
    case(f"renamed without LSTM_SELF, {compiler}", renamed_without_saying_so, compiler)
    case(f"in another folder, {compiler}", in_another_folder, compiler)
case("C and C++, implementation in C", c_and_cpp, "c")
case("C and C++, implementation in C++", c_and_cpp, "cpp")
