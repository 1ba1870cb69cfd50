"""The builds of the suites that the rows run: each is made once and serves several CPUs."""

import kit

SETUP = ["-Dharness=plain", "-Dbench=disabled", "-Dcli=disabled", "-Dexamples=disabled",
         "-Doptimization=2", "-Ddebug=false", "-Dwerror=true"]


def every(activations):
    """Every suite of one build of the activations."""
    return [f"{suite}-{activations}" for suite in kit.suites()]


class Build:
    """One folder of build/devices, configured by a meson cross file or for this machine."""

    def __init__(self, name, cross, tools, activations, options=()):
        self.folder = kit.BUILD / name
        self.cross, self.tools, self.activations = cross, tools, activations
        self.options = [*SETUP, *options]

    def configure(self):
        options = [*self.options]
        if self.cross:
            options += ["--cross-file", kit.ROOT / "cross" / f"{self.cross}.ini"]
        kit.configure(self.folder, *options)

    def programs(self, names=None):
        """Build suites such as laws-builtin, all or those named; their names and paths."""
        for program, package in self.tools.items():
            kit.need(program, package)
        names = names or [name for kind in self.activations for name in every(kind)]
        with kit.locked(self.folder):
            self.configure()
            kit.must("ninja", "-C", self.folder, "-j", kit.JOBS,
                     *(f"tests/{name}" for name in names))
        return [(name, self.folder / "tests" / name) for name in names]


def cross_gcc(triple, package, activations, options=()):
    return Build(triple, triple, {f"{triple}-gcc": package}, activations, options)


BOTH = ["builtin", "sleef"]
BUILDS = {
    "x86_64": Build("x86_64", None, {"gcc": "gcc"}, BOTH),
    "aarch64": cross_gcc("aarch64-linux-gnu", "gcc-aarch64-linux-gnu", BOTH),
    "aarch64-clang": Build("aarch64-linux-gnu-clang", "aarch64-linux-gnu-clang",
                           {"clang": "clang", "aarch64-linux-gnu-ar": "gcc-aarch64-linux-gnu"},
                           BOTH),
    "armhf": cross_gcc("arm-linux-gnueabihf", "gcc-arm-linux-gnueabihf", BOTH),
    # As Clang has to be told, the whole file for NEON with fused multiply-add.
    "armhf-clang": Build("arm-linux-gnueabihf-clang", "arm-linux-gnueabihf-clang",
                         {"clang": "clang", "arm-linux-gnueabihf-ar": "gcc-arm-linux-gnueabihf"},
                         BOTH),
    "riscv64": cross_gcc("riscv64-linux-gnu", "gcc-riscv64-linux-gnu", ["builtin"]),
    "s390x": cross_gcc("s390x-linux-gnu", "gcc-s390x-linux-gnu", ["builtin"]),
    "powerpc64": cross_gcc("powerpc64-linux-gnu", "gcc-powerpc64-linux-gnu", ["builtin"]),
    "i686": cross_gcc("i686-linux-gnu", "gcc-i686-linux-gnu", ["builtin"]),
}
