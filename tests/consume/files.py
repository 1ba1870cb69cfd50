"""Files of any type of weights under LSTM_F32_ONLY, which has no kernels but those of fp32."""

import json
import struct

from kit import STRICT, build, case, expect, run

SOURCE = """#define LSTM_IMPLEMENTATION
#include "lstm.h"
#include <stdio.h>

int main(int argc, char **argv)
{
	int k;

	for (k = 1; k < argc; k++) {
		lstm_load_args args = {NULL, LSTM_ISA_AUTO, LSTM_DTYPE_OTHER};
		lstm_model *model;
		lstm_error error;

		if (lstm_model_load(&model, argv[k], &args, &error) != LSTM_OK) {
			printf("%s\\n", error.text);
			return 1;
		}
		printf("%d %d\\n", (int)lstm_model_desc(model)->dtype,
		       lstm_model_desc(model)->dtypes != NULL);
		lstm_model_free(model);
		args.dtype = LSTM_DTYPE_BF16;
		printf("%d\\n", (int)lstm_model_load(&model, argv[k], &args, NULL));
		lstm_model_free(model);
	}
	return 0;
}
"""
SIZES = {"F32": 4, "F16": 2, "BF16": 2, "I8": 1}


def save(path, types):
    """A network of input 1 and hidden 1 with a layer for each type."""
    header, end = {}, 0

    def add(name, kind, *shape):
        nonlocal end
        begin = end
        end += 4 * SIZES[kind]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}

    for layer, kind in enumerate(types):
        for name in (f"weight_ih_l{layer}", f"weight_hh_l{layer}"):
            add(name, kind, 4, 1)
            if kind == "I8":
                add(name + ".scale", "F32", 4)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\x3c" * end)
    return path


def load_as_f32(folder, compiler):
    """dtype 0 is fp32 (1), and a type asked for is LSTM_ERR_ISA (-4)."""
    (folder / "files.c").write_text(SOURCE)
    program = build(folder, compiler, *STRICT, "-DLSTM_F32_ONLY", "-DLSTM_NO_SLEEF",
                    source=folder / "files.c", libraries=["-lm"])
    files = [save(folder / "-".join(types), types)
             for types in (["F16"], ["BF16"], ["I8"], ["I8", "BF16"], ["F32"])]
    said = run([program, *files], folder)
    expect(said == "1 0\n-4\n" * len(files), f"expected models of fp32, found:\n{said}")


for compiler in ("gcc -std=c99", "g++ -std=c++11"):
    case(f"files of any type with LSTM_F32_ONLY, {compiler}", load_as_f32, compiler)
