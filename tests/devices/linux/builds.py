"""The builds of the suites that the rows run: each is made once and serves several CPUs."""

import kit

SETUP = ["-Dharness=plain", "-Dbench=disabled", "-Dcli=disabled", "-Dexamples=disabled",
         "-Doptimization=2", "-Ddebug=false", "-Dwerror=true"]


def every(activations):
    """Every suite of one build of the activations."""
    return [f"{suite}-{activations}" for suite in kit.suites()]


class Build:
    """One folder of build/devices, configured by a meson cross file or for this machine."""

    def __init__(self, name, cross, tools):
        self.folder = kit.BUILD / name
        self.cross, self.tools = cross, tools

    def configure(self):
        cross = ["--cross-file", kit.ROOT / "cross" / f"{self.cross}.ini"] if self.cross else []
        kit.configure(self.folder, *SETUP, *cross)

    def programs(self, names):
        """Build suites such as laws-builtin; their names and paths."""
        for program, package in self.tools.items():
            kit.need(program, package)
        with kit.locked(self.folder):
            self.configure()
            kit.must("ninja", "-C", self.folder, "-j", kit.JOBS,
                     *(f"tests/{name}" for name in names))
        return [(name, self.folder / "tests" / name) for name in names]


def cross_gcc(triple, package):
    return Build(triple, triple, {f"{triple}-gcc": package})


BUILDS = {
    "x86_64": Build("x86_64", None, {"gcc": "gcc"}),
    "aarch64": cross_gcc("aarch64-linux-gnu", "gcc-aarch64-linux-gnu"),
    "aarch64-clang": Build("aarch64-linux-gnu-clang", "aarch64-linux-gnu-clang",
                           {"clang": "clang", "aarch64-linux-gnu-ar": "gcc-aarch64-linux-gnu"}),
    "armhf": cross_gcc("arm-linux-gnueabihf", "gcc-arm-linux-gnueabihf"),
    # As Clang has to be told, the whole file for NEON with fused multiply-add.
    "armhf-clang": Build("arm-linux-gnueabihf-clang", "arm-linux-gnueabihf-clang",
                         {"clang": "clang", "arm-linux-gnueabihf-ar": "gcc-arm-linux-gnueabihf"}),
    "riscv64": cross_gcc("riscv64-linux-gnu", "gcc-riscv64-linux-gnu"),
    "s390x": cross_gcc("s390x-linux-gnu", "gcc-s390x-linux-gnu"),
    "powerpc64": cross_gcc("powerpc64-linux-gnu", "gcc-powerpc64-linux-gnu"),
    "i686": cross_gcc("i686-linux-gnu", "gcc-i686-linux-gnu"),
}
