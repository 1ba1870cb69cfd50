"""The C in README.md: each block compiles and runs as the README tells its readers to."""

import json
import re
import struct

from kit import ROOT, STRICT, Skipped, case, expect, run

BLOCK = re.compile(r"^```c\n(.*?)^```", re.MULTILINE | re.DOTALL)
README = ROOT / "README.md"

# What makes a program of a block that is none, by words in it: text before and text behind.  The
# model is one of input 1 and hidden 2.
CALL = ("", """
#include <stdio.h>

int main(void)
{
	const float x[3] = {1, 0, -1};
	float y[3][2];

	if (!detect(x, y[0], 3))
		return 1;
	printf("%g %g\\n", (double)y[2][0], (double)y[2][1]);
	return y[0][0] == 0 || y[2][1] == 0;
}
""")
BEFORE_ARGS = """
#define LSTM_IMPLEMENTATION
#include "lstm.h"

static float x[3 * 40], y[3 * 40 * 2], h0[3 * 2], hn[3 * 2];
static unsigned char mask[3 * 40];

int main(void)
{
	lstm_model *model;
	lstm_state *state;
	lstm_status status;
	int k;

	if (lstm_model_load(&model, "model.safetensors", NULL, NULL) != LSTM_OK ||
	    lstm_state_new(&state, model, 3, 0) != LSTM_OK)
		return 1;
	for (k = 0; k < 3 * 40; k++) {
		x[k] = 1;
		y[2 * k] = y[2 * k + 1] = 7;
		mask[k] = k % 40 < 30;
	}
	{
"""
AFTER_ARGS = """
	}
	(void)h0, (void)hn, (void)mask;
	lstm_state_free(state);
	lstm_model_free(model);
	return status != LSTM_OK || %s;
}
"""
WHOLE_ARGS = (BEFORE_ARGS, AFTER_ARGS % "y[2 * 39] == 0 || y[2 * (40 + 11)] == 0 || "
              "y[2 * (40 + 12)] != 0 || y[2 * 80] != 0")
MORE_ARGS = (
    BEFORE_ARGS + """
	lstm_run_args args = {0};
	args.x = x;
	args.y = y;
	args.steps = 40;
	args.order = LSTM_BATCH_MAJOR;
""",
    "	status = lstm_run_with(state, &args);\n"
    + AFTER_ARGS % "y[2 * 29] == 0 || y[2 * 30] != 0 || hn[0] != y[2 * 29]",
)
MODEL = """
#define LSTM_THREADS
#define LSTM_IMPLEMENTATION
#include "lstm.h"

int main(void)
{
	lstm_model *model = NULL;
	lstm_status status = LSTM_OK;
"""
FEWER_BITS = (MODEL + "	{\n", """
	}
	status = (lstm_status)(status != LSTM_OK || lstm_model_desc(model)->dtype != LSTM_DTYPE_I8);
	lstm_model_free(model);
	return (int)status;
}
""")
TEAM = (MODEL + """
	const float x[3] = {1, 0, -1};
	float y[6] = {0};
	lstm_state *state;
	if (lstm_model_load(&model, "model.safetensors", NULL, NULL) != LSTM_OK ||
	    lstm_state_new(&state, model, 1, 0) != LSTM_OK)
		return 1;
	{
""", """
	lstm_run(state, x, y, 3);
	lstm_state_free(state);
	lstm_team_free(team);
	}
	lstm_model_free(model);
	return status != LSTM_OK || y[0] == 0;
}
""")
WRAPPERS = {
    "int main(": ("", ""),
    "int detect(": CALL,
    "lstm_run_args args": WHOLE_ARGS,
    "args.mask = mask;": MORE_ARGS,
    "lstm_load_args load": FEWER_BITS,
    "lstm_team *team": TEAM,
}


def blocks():
    return BLOCK.findall(README.read_text("utf-8")) if README.exists() else []


def every_wrapper_has_its_block(_folder):
    if not README.exists():
        raise Skipped("there is no README.md")
    for words in WRAPPERS:
        expect(any(words in block for block in blocks()), f"README.md holds no block with {words}")


def write_model(path):
    """A small network as PyTorch names it."""
    shapes = {"weight_ih_l0": [8, 1], "weight_hh_l0": [8, 2], "bias_ih_l0": [8], "bias_hh_l0": [8]}
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * shape[0] * (shape[1] if shape[1:] else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    values = [k % 5 / 4 - 0.4 for k in range(end // 4)]
    path.write_bytes(struct.pack("<Q", len(text)) + text + struct.pack(f"<{end // 4}f", *values))


def block_runs(folder, text, compiler):
    wrappers = [wrapper for words, wrapper in WRAPPERS.items() if words in text]
    expect(len(wrappers) == 1, f"expected one wrapper that knows this block, found "
                               f"{len(wrappers)}:\n{text}")
    (before, behind), = wrappers
    (folder / "program.c").write_text(before + text + behind)
    write_model(folder / "model.safetensors")
    run([compiler, "-std=c99", "-O2", *STRICT, "program.c", "-o", "program", "-lsleef", "-lm", "-pthread"],
        folder)
    run([folder / "program"], folder)


case("README.md holds what the wrappers are for", every_wrapper_has_its_block)
for number, block in enumerate(blocks(), 1):
    for compiler in ("gcc", "clang"):
        case(f"README.md, block {number}, {compiler}", block_runs, block, compiler)
