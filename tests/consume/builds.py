"""The ways into a build: one copied file, a meson subproject, an installed header."""

import json

from kit import HERE, LIBRARIES, ROOT, build_and_run, case, expect, need, run

PROJECT = """project('consumer', 'c', default_options: ['c_std=c99', 'warning_level=3', 'werror=true'])
lstm = dependency('lstm'{fallback})
executable('app', 'app.c', dependencies: lstm)
"""


def copied_file(folder, compiler, options, libraries):
    build_and_run(folder, compiler, *options, libraries=libraries)


def write_project(folder, fallback=""):
    project = folder / "project"
    project.mkdir()
    (project / "app.c").write_bytes((HERE / "app.c").read_bytes())
    (project / "meson.build").write_text(PROJECT.format(fallback=fallback))
    return project


def build_project(project, *options, **environment):
    """Set up, build and run; the line that the program prints."""
    run(["meson", "setup", "build", *options], project, **environment)
    run(["ninja", "-C", "build"], project)
    return run([project / "build" / "app"], project).strip()


def subproject(folder, option, activations):
    need("meson")
    options = f", default_options: ['sleef={option}']" if option else ""
    project = write_project(folder, f", fallback: ['lstm', 'lstm_dep']{options}")
    (project / "subprojects").mkdir()
    (project / "subprojects" / "lstm").symlink_to(ROOT)
    line = build_project(project)
    expect(line.startswith("ok ") and line.endswith(activations), f"the program says: {line}")
    targets = json.loads(run(["meson", "introspect", "--targets", "build"], project))
    built = [target["name"] for target in targets if target["build_by_default"]]
    expect(built == ["app"], f"a user's build also makes {built}")


def install(folder, *options):
    need("meson")
    run(["meson", "setup", folder / "build", ROOT, "--prefix", folder / "prefix", "--libdir",
         "lib", "-Dtests=disabled", "-Dexamples=disabled", "-Dbench=disabled", "-Dcli=disabled",
         *options], folder)
    run(["meson", "install", "-C", folder / "build"], folder)
    installed = sorted(
        str(path.relative_to(folder / "prefix"))
        for path in (folder / "prefix").rglob("*") if path.is_file()
    )
    expect(installed == ["include/lstm.h", "lib/pkgconfig/lstm.pc"], f"installed: {installed}")
    (folder / "lstm.h").unlink()
    return {"PKG_CONFIG_PATH": str(folder / "prefix" / "lib" / "pkgconfig")}


def pkg_config(folder, option, activations):
    environment = install(folder, f"-Dsleef={option}")
    flags = run(["pkg-config", "--cflags", "--libs", "lstm"], folder, **environment).split()
    expect("-lm" in flags, f"no -lm in {flags}")
    expect(("-lsleef" in flags) == (option == "enabled"), f"-lsleef or not: {flags}")
    expect(("-DLSTM_NO_SLEEF" in flags) == (option == "disabled"), f"LSTM_NO_SLEEF: {flags}")
    line = run(["pkg-config", "--modversion", "lstm"], folder, **environment).strip()
    expect(line.count(".") == 2, f"version: {line}")
    run(["cc", HERE / "app.c", "-o", "app", *flags], folder)
    line = run([folder / "app"], folder).strip()
    expect(line.startswith("ok ") and line.endswith(activations), f"the program says: {line}")


def installed_dependency(folder):
    line = build_project(write_project(folder), **install(folder))
    expect(line.startswith("ok "), f"the program says: {line}")


case("one file copied, cc", copied_file, "cc", [], LIBRARIES)
case("one file copied, cc, LSTM_NO_SLEEF", copied_file, "cc", ["-DLSTM_NO_SLEEF"], ["-lm"])
case("one file copied, clang", copied_file, "clang", [], LIBRARIES)
case("one file copied, c++", copied_file, "c++", [], LIBRARIES)
case("one file copied, static", copied_file, "cc", ["-static", "-DLSTM_NO_SLEEF"],
     ["-lm"])
case("meson subproject", subproject, "", "sleef")
case("meson subproject, sleef=disabled", subproject, "disabled", "builtin")
case("installed, pkg-config", pkg_config, "enabled", "sleef")
case("installed, pkg-config, sleef=disabled", pkg_config, "disabled", "builtin")
case("installed, meson dependency", installed_dependency)
