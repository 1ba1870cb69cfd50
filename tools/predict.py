"""What llvm-mca predicts for the loops of the NEON kernels, where nothing can be timed."""

import os
import re
import shutil
import subprocess
from collections import namedtuple

Core = namedtuple("Core", "name cpu ghz where")
CORES = (
    Core("cortex-a72", "cortex-a72", 1.5, "Raspberry Pi 4"),
    # LLVM has no model of its own for this one; the server core has the same pipelines.
    Core("cortex-a76", "neoverse-n1", 2.4, "Raspberry Pi 5"),
    Core("neoverse-n1", "neoverse-n1", 2.5, "AWS Graviton2"),
)
OLDER = "cortex-a57"  # whose model LLVM uses for cores that have none
ITERATIONS = 1000
LANES = 4
PEAK = [f"fmla v{n}.4s, v30.4s, v31.4s" for n in range(24)]  # nothing waits but for the pipes


def program():
    """LLVM_MCA, or the newest llvm-mca that is installed."""
    if os.environ.get("LLVM_MCA"):
        return os.environ["LLVM_MCA"]
    newest = [f"llvm-mca-{n}" for n in range(40, 13, -1)]
    return next(filter(shutil.which, [*newest, "llvm-mca"]), None)


def listing(loop):
    """The loop as a region that llvm-mca reads: its jumps go to its own start."""
    return [re.sub(r"[0-9a-f]+ <.*>", ".Lstart", i.text) for i in loop.instructions]


def cycles(mca, cpu, regions):
    """Cycles per iteration of each region."""
    source = [".Lstart:"]
    for number, lines in enumerate(regions):
        source += [f"# LLVM-MCA-BEGIN r{number}", *lines, f"# LLVM-MCA-END r{number}"]
    done = subprocess.run(
        [mca, "-mtriple=aarch64-linux-gnu", f"-mcpu={cpu}", f"-iterations={ITERATIONS}",
         "-resource-pressure=false", "-instruction-info=false"],
        input="\n".join(source) + "\n", capture_output=True, text=True)
    found = [int(n) / ITERATIONS for n in re.findall(r"^Total Cycles:\s+(\d+)", done.stdout, re.M)]
    if done.returncode or len(found) != len(regions):
        raise RuntimeError(f"{mca} -mcpu={cpu}: failed\n{done.stderr}")
    return found


def version(mca):
    said = subprocess.run([mca, "--version"], capture_output=True, text=True).stdout
    return re.search(r"LLVM version (\S+)", said)[1]


def model_of(cpu, predicted):
    """Whose model it was: that of another core if all predictions for it are the same."""
    return OLDER if predicted[OLDER] == predicted[cpu] else cpu


def kinds(loops):
    """{(compiler, counts): loops} of all builds: most loops are alike."""
    alike = {}
    for (compiler, _), found in sorted(loops.items()):
        for _, loop in found:
            key = (compiler, loop.streams, loop.vectors, loop.fmas, loop.loads, loop.broadcasts,
                   loop.others)
            alike.setdefault(key, []).append(loop)
    return dict(sorted(alike.items()))


def show(loops):
    """Print the table; False if there is no llvm-mca."""
    mca = program()
    if not mca:
        return False
    alike = kinds(loops)
    regions, places = [PEAK], {}
    for key, members in alike.items():
        places[key] = range(len(regions), len(regions) + len(members))
        regions += map(listing, members)
    predicted = {cpu: cycles(mca, cpu, regions)
                 for cpu in {OLDER, *(core.cpu for core in CORES)}}
    print(f"\nPredicted by llvm-mca of LLVM {version(mca)}, all data in the first cache; of loops "
          "that are alike the slowest\n")
    for core in CORES:
        peak = len(PEAK) / predicted[core.cpu][0]
        print(f"- {core.name} at {core.ghz:g} GHz ({core.where}), by the model of "
              f"{model_of(core.cpu, predicted)}: at most {peak:.2f} FMA per cycle, "
              f"{peak * 2 * LANES * core.ghz:.1f} GFLOP/s")
    print(f"\n| {'loop':11} | FMA | loads | spread | other |", end="")
    for core in CORES:
        print(f" {core.name + ': cycles':>19} | FMA/cycle | GFLOP/s | of peak |", end="")
    print("\n|" + " --- |" * (5 + 4 * len(CORES)))
    for key, places_of in places.items():
        compiler, streams, vectors, fmas, loads, spread, others = key
        print(f"| {compiler:5} {f'{streams}x{vectors}':>5} | {fmas:3} | {loads:5} | {spread:6} | "
              f"{others:5} |", end="")
        for core in CORES:
            times = predicted[core.cpu]
            slowest = max(times[place] for place in places_of)
            rate = fmas / slowest
            print(f" {slowest:19.2f} | {rate:9.2f} | {rate * 2 * LANES * core.ghz:7.1f} | "
                  f"{rate * times[0] / len(PEAK):7.2f} |", end="")
        print()
    print()
    return True
