#!/usr/bin/env python3
"""test_bench.py LSTM_BENCH     what lstm-bench, lstm-bench-threads (beside it), bench/compare
and bench/publish write, and their manners"""

import json
import os
import pathlib
import random
import struct
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "consume"))
import kit  # noqa: E402

KEYS = {
    "mode", "engine", "isa", "dtype", "activations", "input", "hidden", "layers", "batch", "steps",
    "ns_per_step", "ns_min", "limit_ns", "limit", "fraction",
}
MODES = {"step": 1, "block": 64, "sequence": 100, "batch": 50, "stack": 100, "streams": 1,
         "decay": 1, "setup": 1}
SHORT = ["--quick", "--repeat", "3", "--shape", "3x5", "--peers", "plain-c"]
TEAMS = ["--quick", "--repeat", "3", "--shape", "24x40,256x256", "--batch", "3"]
TEAM_KEYS = {
    "mode", "isa", "dtype", "activations", "input", "hidden", "batch", "steps", "threads",
    "neighbour", "ns_per_step", "ns_low", "ns_high", "ns_min", "repetitions", "gain", "gain_low",
    "gain_high",
}
BENCH = TEAM_BENCH = None


def rows_have_their_keys(folder):
    kit.run([BENCH, *SHORT, "--batch", "2,3", "--json", "out.json"], folder)
    report = json.loads((folder / "out.json").read_text("utf-8"))
    kit.expect(report.keys() == {"machine", "limits", "rows"}, f"keys: {list(report)}")
    rows = report["rows"]
    for vector in report["limits"]["vectors"]:
        rates = [vector[key] for key in ("gflops", "gflops_still", "cell_ns", "chain_ns")]
        kit.expect(min(rates) > 0, f"limits of {vector['isa']}: {rates}")
    kit.expect({row["mode"] for row in rows} == set(MODES), "not every mode has a row")
    for row in rows:
        missing = KEYS - row.keys()
        kit.expect(not missing, f"{row['mode']}: without {missing}")
        kit.expect(row["steps"] == MODES[row["mode"]], f"{row['mode']}: {row['steps']} steps")
        kit.expect(0 < row["ns_min"] <= row["ns_per_step"], f"times: {row}")
        kit.expect(row["ns_low"] <= row["ns_per_step"] <= row["ns_high"], f"interval: {row}")
        kit.expect(row["limit"] in ("read", "fma", "chain", "copy", "none"), f"limit: {row}")
        kit.expect((row["limit"] == "copy") == (row["mode"] == "setup"), f"limit: {row}")
        kit.expect(("ratio" in row) == (row["mode"] == "decay"), f"ratio: {row}")
        kit.expect(0 < row.get("ratio_low", 1) <= row.get("ratio", 1) <= row.get("ratio_high", 1),
                   f"ratio: {row}")
        if row["limit"] != "none":
            kit.expect(abs(row["fraction"] * row["ns_per_step"] - row["limit_ns"])
                       <= 0.01 * row["limit_ns"] + 1e-4 * row["ns_per_step"], f"fraction: {row}")
    kit.expect({row["batch"] for row in rows if row["mode"] == "batch"} == {2, 3}, "batches")
    peers = {row["mode"] for row in rows if row["engine"] == "plain-c"}
    kit.expect(peers == set(MODES) - {"setup"}, f"plain-c has rows of {peers}")


def setup_has_one_limit_for_all_builds(folder):
    kit.run([BENCH, "--quick", "--repeat", "3", "--shape", "64x64", "--mode", "setup", "--peers",
             "none", "--json", "out.json"], folder)
    rows = json.loads((folder / "out.json").read_text("utf-8"))["rows"]
    limits = {row["limit_ns"] for row in rows}
    kit.expect(len(limits) == 1, f"expected one limit, found {limits}")


def every_dtype_has_a_row_and_its_own_limit(folder):
    kit.run([BENCH, "--quick", "--repeat", "3", "--mode", "step", "--shape", "64x64", "--peers",
             "none", "--activations", "builtin", "--dtype", "f32,bf16,f16,int8", "--json",
             "out.json"], folder)
    rows = json.loads((folder / "out.json").read_text("utf-8"))["rows"]
    dtypes = [row["dtype"] for row in rows]
    kit.expect(set(dtypes) == {"f32", "bf16", "f16", "int8"}, f"rows of {dtypes}")
    for row in rows:
        exact = row["dtype"] == "f32"
        kit.expect(row["ns_per_step"], f"{row['dtype']}: {row.get('error')}")
        kit.expect((row["difference"] < 1e-6) == exact, f"{row['dtype']}: {row['difference']}")
        bytes_per_ns = {"f32": 4, "bf16": 2, "f16": 2, "int8": 1}[row["dtype"]] * 4 * 64 * 128
        counted = row["gb_per_s"] * row["ns_per_step"] - 4 * 4 * 64
        kit.expect(abs(counted - bytes_per_ns) <= 0.02 * bytes_per_ns,
                   f"{row['dtype']}: {counted} bytes of weights")


def accuracy_is_told(folder):
    said = kit.run([BENCH, "--accuracy", "--shape", "16x16", "--steps", "200", "--peers", "none",
                    "--json", "out.json"], folder)
    rows = json.loads((folder / "out.json").read_text("utf-8"))["errors"]
    kit.expect({row["scale"] for row in rows} == {1, 3}, "not both ranges of weights")
    for scale in (1, 3):
        mean = {row["dtype"]: row["mean"] for row in rows if row["scale"] == scale}
        order = ["f32", "f16", "bf16", "int8", "int4/32"]
        for finer, coarser in zip(order, order[1:]):
            kit.expect(0 < mean[finer] < mean[coarser], f"{finer}, {coarser}: {mean}")
        kit.expect(mean["f32"] < 1e-7 and mean["int8"] < 2e-3, f"means: {mean}")
    kit.expect("simulated int4/64" in said, said)


def save_net(path, hidden=16, inputs=8, layers=1, spoilt=None):
    """A safetensors file of an LSTM under "a.", as PyTorch begins, or with one tensor's last row
    missing."""
    numbers, header, data = random.Random(5), {}, b""
    for layer in range(layers):
        for stem, *shape in (("weight_ih", 4 * hidden, hidden if layer else inputs),
                             ("weight_hh", 4 * hidden, hidden), ("bias_ih", 4 * hidden),
                             ("bias_hh", 4 * hidden)):
            shape[0] -= stem == spoilt
            count = shape[0] * (shape[1] if len(shape) > 1 else 1)
            bound = hidden ** -0.5
            raw = struct.pack(f"<{count}f", *(numbers.uniform(-bound, bound)
                                              for _ in range(count)))
            header[f"a.{stem}_l{layer}"] = {"dtype": "F32", "shape": shape,
                                            "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def save_inputs(path, count, last=0.5):
    """Half of them 0 and the others up to 4, as behind a ReLU."""
    numbers = random.Random(6)
    values = [max(0, numbers.uniform(-4, 4)) for _ in range(count - 1)] + [last]
    path.write_bytes(struct.pack(f"<{count}f", *values))


def accuracy_of_a_file_is_told(folder):
    save_net(folder / "net.safetensors")
    save_inputs(folder / "x.f32", 8 * 300)
    said = kit.run([BENCH, "--accuracy", "--net", "net.safetensors", "--prefix", "a.", "--input",
                    "x.f32", "--peers", "plain-c", "--json", "out.json"], folder)
    rows = json.loads((folder / "out.json").read_text("utf-8"))["errors"]
    for row in rows:
        found = row["input"], row["hidden"], row["steps"], row["scale"]
        kit.expect(found == (8, 16, 300, None), f"row: {row}")
    ours = {row["dtype"]: row for row in rows if row["engine"] == "lstm.h"}
    kit.expect(list(ours) == ["f32", "bf16", "f16", "int8"], f"rows of {list(ours)}")
    kit.expect(0 < ours["f32"]["mean"] < 1e-7 and ours["f32"]["largest"] < 1e-5, f"{ours['f32']}")
    order = ["f32", "f16", "bf16", "int8"]
    for finer, coarser in zip(order, order[1:]):
        kit.expect(ours[finer]["mean"] < ours[coarser]["mean"], f"{finer}, {coarser}: {ours}")
    kit.expect(ours["int8"]["largest"] < 0.1, f"{ours['int8']}")
    plain = next(row for row in rows if row["engine"] == "plain-c")
    kit.expect(plain["largest"] < 1e-5, f"{plain}")
    kit.expect("weights and inputs of the files" in said and "8x16         file    300" in said,
               said)


def accuracy_refuses(folder, net, inputs, sentence):
    save_net(folder / "net.safetensors", **net)
    if inputs:
        save_inputs(folder / "x.f32", *inputs)
    refuses(folder, ["--accuracy", "--net", "net.safetensors", "--input", "x.f32"], sentence)


def picture_is_drawn(folder):
    kit.need("gnuplot")
    kit.run([BENCH, *SHORT, "--mode", "step,setup", "--shape", "4x4,8x8", "--plot", "out.svg"],
            folder)
    picture = (folder / "out.svg").read_text("utf-8")
    for text in ("step: 1 step per call", "setup: the weights made into a model", "plain-c",
                 "fraction of the limit", "ns per model", "ns per step"):
        kit.expect(text in picture, f"the picture is without {text!r}")


def publishes(folder):
    kit.need("gnuplot")
    kit.run([kit.ROOT / "bench" / "publish", "out", *SHORT, "--shape", "8x8"], folder,
            LSTM_BENCH=str(BENCH))
    names = sorted(path.name for path in (folder / "out").iterdir())
    kit.expect(names == ["measured.json", "measured.md", "measured.svg"], f"files: {names}")
    said = (folder / "out" / "measured.md").read_text("utf-8")
    table = [line.split(" | ") for line in said.splitlines() if line.startswith("|")]
    kit.expect(len({len(row) for row in table}) == 1, f"the table is ragged:\n{said}")
    modes = [row[0][2:] for row in table[2:]]
    kit.expect(modes == ["step", "sequence", "batch/8", "batch/32", "setup"], f"rows: {modes}")
    rows = json.loads((folder / "out" / "measured.json").read_text("utf-8"))["rows"]
    for mode, line in zip(("step", "sequence"), table[2:]):
        timed = [row for row in rows if row["mode"] == mode]
        first = min(timed, key=lambda row: row["ns_per_step"])["engine"]
        kit.expect(first in line[-1], f"{mode}: {first} is fastest, the row says {line[-1]}")


def publishes_fewer_bits(folder):
    """A row for each type; every build that the peer is ahead of is named."""
    kit.need("gnuplot")
    kit.run([kit.ROOT / "bench" / "publish", "out", "--preset", "low", "--engines", "plain-c",
             *SHORT, "--shape", "8x8", "--mode", "step"], folder, LSTM_BENCH=str(BENCH))
    said = (folder / "out" / "measured-low.md").read_text("utf-8")
    table = [line.strip("| ").split(" | ") for line in said.splitlines() if line.startswith("|")]
    kit.expect(table[0] == ["mode", "I x H", "type", "limit", "plain-c", "fastest peer", "fastest"],
               f"columns: {table[0]}")
    kit.expect([row[2] for row in table[2:]] == ["f32", "bf16", "f16", "int8"], f"rows:\n{said}")
    report = json.loads((folder / "out" / "measured-low.json").read_text("utf-8"))
    rows = [row for row in report["rows"] if row["dtype"] == "f32"]
    peer = next(row["ns_per_step"] for row in rows if row["engine"] == "plain-c")
    for row in rows:
        if row["engine"] == "lstm.h":
            named = f"{row['isa']} {row['activations']} (" in table[2][-1]
            kit.expect(named == (row["ns_per_step"] > peer), f"{row['isa']}: {table[2][-1]}")


# lstm-bench with one row more, of a peer that goes wrong, if {DTYPE} is a type; the exit status is 1.
WRONG_BENCH = """#!/usr/bin/env python3
import json, pathlib, subprocess, sys
subprocess.run(["{BENCH}", *sys.argv[1:]], check=True)
path = pathlib.Path(sys.argv[sys.argv.index("--json") + 1])
report = json.loads(path.read_text("utf-8"))
wrong = {"ns_per_step": None, "error": "differs by 9.0e-02: not timed", "difference": 9e-2}
if "{DTYPE}":
    report["rows"].append({**report["rows"][-1], "engine": "peer", "dtype": "{DTYPE}", **wrong})
path.write_text(json.dumps(report), "utf-8")
sys.exit(1)
"""


def publishes_beside_a_wrong_peer(folder, dtype, fails):
    """What was measured is kept, and says who was not; where nobody differs, or somebody in fp32,
    the run failed."""
    kit.need("gnuplot")
    bench = folder / "bench"
    bench.write_text(WRONG_BENCH.replace("{BENCH}", str(BENCH)).replace("{DTYPE}", dtype))
    bench.chmod(0o755)
    kit.run([kit.ROOT / "bench" / "publish", "out", *SHORT, "--shape", "8x8", "--mode", "step"],
            folder, fails=fails, LSTM_BENCH=str(bench))
    names = sorted(path.name for path in (folder / "out").iterdir())
    if fails:
        kit.expect(not names, f"files: {names}")
        return
    kit.expect(names == ["measured.json", "measured.md", "measured.svg"], f"files: {names}")
    said = (folder / "out" / "measured.md").read_text("utf-8")
    kit.expect("explains (by up to): peer int8 (9.0e-02)." in said, said)


def publish_refuses(folder, words, sentence):
    said = kit.run([kit.ROOT / "bench" / "publish", "out", *words], folder, fails=True,
                   LSTM_BENCH=str(BENCH))
    kit.expect(sentence in said and "Traceback" not in said, said)


def publishes_nothing_if_it_fails(folder):
    said = kit.run([kit.ROOT / "bench" / "publish", "out", "--mode", "none"], folder, fails=True,
                   LSTM_BENCH=str(BENCH))
    kit.expect("--mode: expected step" in said and "Traceback" not in said, said)
    kit.expect(not list((folder / "out").iterdir()), "something was written")


def compares(folder, old):
    """The builds of one case that bench/compare OLD LSTM-BENCH has ratios of."""
    said = kit.run([kit.ROOT / "bench" / "compare", old, BENCH, "--rounds", "1", "--tolerance",
                    "10000", "--mode", "step", "--shape", "8x8", "--repeat", "3", "--activations",
                    "builtin", "--dtype", "f32,int8"], folder, CFLAGS="-O1")
    return [line.split()[3:6] for line in said.splitlines()[1:-1]]


def compares_each_dtype_with_itself(folder):
    found = compares(folder, BENCH)
    kit.expect(found == [[isa, "builtin", dtype] for isa in sorted({isa for isa, *_ in found})
                         for dtype in ("f32", "int8")], f"builds: {found}")


def compares_with_a_header_without_other_dtypes(folder):
    text = (folder / "lstm.h").read_text("utf-8")
    (folder / "old.h").write_text(text.replace("LSTM_DTYPE_I8", "LSTM_OTHER_I8"), "utf-8")
    found = compares(folder, "old.h")
    kit.expect({dtype for *_, dtype in found} == {"f32"}, f"builds: {found}")


def teams_have_their_rows(folder):
    """One thread is there unasked; a busy neighbour needs a CPU of its own."""
    neighbours = ["quiet", "busy"] if len(os.sched_getaffinity(0)) > 1 else ["quiet"]
    said = kit.run([TEAM_BENCH, *TEAMS, "--threads", "3", "--neighbour", ",".join(neighbours),
                    "--json", "out.json"], folder)
    report = json.loads((folder / "out.json").read_text("utf-8"))
    kit.expect(report.keys() == {"machine", "limits", "rows"}, f"keys: {list(report)}")
    rows = report["rows"]
    found = [(row["mode"], row["hidden"], row["neighbour"], row["threads"]) for row in rows]
    kit.expect(found == [(mode, hidden, neighbour, threads)
                         for mode in ("step", "sequence", "batch") for hidden in (40, 256)
                         for neighbour in neighbours for threads in (1, 3)], f"rows: {found}")
    for row in rows:
        kit.expect(row.keys() == TEAM_KEYS, f"keys: {row.keys() ^ TEAM_KEYS}")
        kit.expect(row["steps"] == MODES[row["mode"]] and row["repetitions"] == 3, f"{row}")
        kit.expect(0 < row["ns_min"] <= row["ns_low"] <= row["ns_per_step"] <= row["ns_high"],
                   f"times: {row}")
        kit.expect(0 < row["gain_low"] <= row["gain"] <= row["gain_high"], f"gain: {row}")
        kit.expect(row["threads"] > 1 or row["gain_low"] == row["gain_high"] == 1, f"gain: {row}")
    table = [line.strip("| ").split("|") for line in said.splitlines() if line.startswith("|")]
    kit.expect({len(cells) for cells in table} == {8}, f"the table is ragged:\n{said}")
    found = [(cells[0].strip().split("/")[0], int(cells[2]), cells[3].strip())
             for cells in table[2:]]
    kit.expect(found == [(row["mode"], row["threads"], row["neighbour"]) for row in rows], said)


def refuses(folder, words, sentence, teams=False):
    said = kit.run([TEAM_BENCH if teams else BENCH, *words], folder, fails=True)
    kit.expect(sentence in said and len(said.splitlines()) == 1, said)


kit.case("rows_have_their_keys", rows_have_their_keys)
kit.case("setup_has_one_limit_for_all_builds", setup_has_one_limit_for_all_builds)
kit.case("every_dtype_has_a_row_and_its_own_limit", every_dtype_has_a_row_and_its_own_limit)
kit.case("accuracy_is_told", accuracy_is_told)
kit.case("accuracy_of_a_file_is_told", accuracy_of_a_file_is_told)
for name, net, inputs, sentence in (
    ("rows", {"spoilt": "weight_hh"}, [8],
     "net.safetensors: tensor 'a.weight_hh_l0': expected shape [64, 16]"),
    ("layers", {"layers": 2}, [8],
     "net.safetensors: expected one plain forward layer, found several layers"),
    ("no_inputs", {}, None, "x.f32: cannot be read: No such file"),
    ("half_a_step", {}, [20], "x.f32: expected steps of 8 float32, 32 bytes each, found 80 bytes"),
    ("nan", {}, [16, float("nan")], "x.f32: step 1, input 7: expected a finite number, found"),
):
    kit.case(f"accuracy_refuses_{name}", accuracy_refuses, net, inputs, sentence)
kit.case("picture_is_drawn", picture_is_drawn)
kit.case("publishes", publishes)
kit.case("publishes_fewer_bits", publishes_fewer_bits)
kit.case("publishes_beside_a_wrong_peer", publishes_beside_a_wrong_peer, "int8", False)
kit.case("publishes_nothing_if_fp32_is_wrong", publishes_beside_a_wrong_peer, "f32", True)
kit.case("publishes_nothing_if_only_the_status_is_wrong", publishes_beside_a_wrong_peer, "", True)
kit.case("publish_refuses_a_preset", publish_refuses, ["--preset", "best"],
         "--preset: expected one of fp32, low, block, found best")
kit.case("publish_refuses_an_engine", publish_refuses,
         ["--engines", "mine", *SHORT, "--shape", "8x8", "--mode", "step"], ", plain-c, found mine")
kit.case("publishes_nothing_if_it_fails", publishes_nothing_if_it_fails)
kit.case("compares_each_dtype_with_itself", compares_each_dtype_with_itself)
kit.case("compares_with_a_header_without_other_dtypes",
         compares_with_a_header_without_other_dtypes)
kit.case("teams_have_their_rows", teams_have_their_rows)
for name, words, sentence in (
    ("number", ["--threads", "1,no"], 'of 1..256, found "1,no"'),
    ("no_number", ["--threads", "2,"], 'of 1..256, found "2,"'),
    ("neighbour", ["--neighbour", "loud"], 'expected quiet or busy, or both, found "loud"'),
    ("mode", ["--mode", "step,setup"], 'expected step, block, sequence or batch, found "setup"'),
    ("isa", ["--isa", "neon,avx2"], 'on this CPU, found "neon,avx2"'),
    ("peers", ["--peers", "none"], "no use here"),
    ("option", ["--fast", "1"], "--fast: unknown option"),
):
    kit.case(f"teams_refuse_{name}", refuses, words, sentence, True)
kit.case("unknown_mode", refuses, ["--mode", "slow"], 'found "slow"')
kit.case("unknown_shape", refuses, ["--shape", "16"], 'expected INPUTxHIDDEN such as 64x64')
kit.case("unknown_peer", refuses, ["--peers", "nobody"], 'found "nobody"')
kit.case("unknown_dtype", refuses, ["--dtype", "int4"], 'found "int4"')
kit.case("accuracy_of_a_mode", refuses, ["--accuracy", "--mode", "step"],
         "--accuracy: expected no --mode")
for name, words, sentence in (
    ("no_net", ["--accuracy", "--net", "gone", "--input", "x"], "gone: "),
    ("alone", ["--accuracy", "--net", "a"], 'expected --accuracy, --net and --input beside each'),
    ("inputs_alone", ["--accuracy", "--input", "x"], "--input: expected --accuracy, --net and"),
    ("timed", ["--net", "a", "--input", "x"], "--net: expected --accuracy, --net and --input"),
    ("shape", ["--accuracy", "--net", "a", "--input", "x", "--steps", "9"],
     "no --shape or --steps"),
    ("prefix", ["--accuracy", "--prefix", "a."], "--prefix: expected --net beside it"),
):
    kit.case(f"net_{name}", refuses, words, sentence)
kit.case("unknown_option", refuses, ["--fast", "1"], "--fast: unknown option")
kit.case("plot_name", refuses, [*SHORT, "--mode", "step", "--json", "/dev/null", "--plot"],
         "its value is missing")

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    BENCH = pathlib.Path(sys.argv[1]).resolve()
    TEAM_BENCH = BENCH.parent / "threads" / "lstm-bench-threads"
    sys.exit(kit.run_all(""))
