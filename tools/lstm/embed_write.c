#include <ctype.h>
#include <string.h>

#include "embed.h"
#include "embed_constants.h"

/* Text in which @ stands for the name and ^ for the name in capitals. */
static void put(FILE *f, const char *name, const char *text)
{
	const char *s;

	for (; *text; text++)
		if (*text == '@')
			fputs(name, f);
		else if (*text == '^')
			for (s = name; *s; s++)
				putc(toupper((unsigned char)*s), f);
		else
			putc(*text, f);
}

/* ---- the comment at the top ------------------------------------------------------------------ */
/* A file's name inside a comment, which nothing in it may end, nor begin another. */
static void put_comment(FILE *f, const char *text)
{
	for (; *text; text++)
		putc(*text < ' ' || *text > '~' || *text == '*' ? '_' : *text, f);
}

static void put_memory(FILE *f, const struct model_facts *m)
{
	const struct model_memory *packed = model_packed(m);
	int isa;

	fprintf(f,
	        " * MEMORY, in bytes at multiples of LSTM_ALIGN, as lstm_model_size and "
	        "lstm_state_size(model, 1,\n * %zu, ...) answered on the machine that wrote this, "
	        "whose pointers have %zu bytes:\n *\n",
	        m->state_steps, sizeof(void *));
	for (isa = 0; isa < LSTM_ISA_COUNT; isa++)
		if (packed[isa].model_bytes)
			fprintf(f, " *     %-8s model %zu, state %zu\n",
			        lstm_isa_name((lstm_isa)isa), packed[isa].model_bytes,
			        packed[isa].state_bytes);
	fprintf(f,
	        " *\n * Where pointers are shorter it is a little less: ask there.  The constants "
	        "below take %zu bytes\n * for the weights and %zu for the self-test, which needs "
	        "%zu bytes of stack.\n",
	        embed_constant_bytes(m),
	        4 * (EMBED_STEPS * (size_t)m->desc.input + (size_t)m->output),
	        4 * (size_t)m->output);
}

static void put_top(FILE *f, const struct embed *e)
{
	const lstm_desc *d = &e->facts->desc;
	const char *slash = strrchr(e->source, '/');

	fputs("/* The LSTM of ", f);
	put_comment(f, slash ? slash + 1 : e->source);
	if (*e->facts->prefix) {
		fputs(", prefix ", f);
		put_comment(f, e->facts->prefix);
	}
	fprintf(f, ", written by lstm embed %d.%d.%d.\n *\n", LSTM_VERSION / 10000,
	        LSTM_VERSION / 100 % 100, LSTM_VERSION % 100);
	fprintf(f, " * input %d, hidden %d, ", d->input, d->hidden);
	if (d->projection)
		fprintf(f, "projection %d, ", d->projection);
	fprintf(f, "layers %d, %s; %zu parameters.\n *\n", d->layers, model_direction(d->direction),
	        e->facts->parameters);
	put(f, e->name,
	    " * Include this in one file.  model_memory and state_memory are yours, as large as "
	    "below:\n"
	    " *\n"
	    " *     lstm_model *model;\n"
	    " *     lstm_state *state;\n"
	    " *     status = @_init(&model, LSTM_ISA_AUTO, model_memory, model_bytes);\n"
	    " *     status = lstm_state_init(&state, model, 1, ");
	fprintf(f, "%zu, state_memory, state_bytes);\n", e->facts->state_steps);
	put(f, e->name, " *     status = @_self_test(state);\n *\n");
	put_memory(f, e->facts);
	fputs(" */\n", f);
}

/* ---- functions ------------------------------------------------------------------------------- */
static void put_activations(FILE *f, const lstm_desc *d)
{
	int direction, gate;

	for (direction = 0; direction < model_directions(d); direction++)
		for (gate = 0; gate < 3; gate++) {
			const lstm_activation *a = &d->activations[direction][gate];
			char field[60];

			snprintf(field, sizeof(field), "\tdesc.activations[%d][%d]", direction,
			         gate);
			fprintf(f, "%s.function = %s;\n", field, model_function(a->function));
			if (a->alpha != 0 || a->beta != 0) {
				fprintf(f, "%s.alpha = ", field);
				embed_float(f, a->alpha);
				fprintf(f, ";\n%s.beta = ", field);
				embed_float(f, a->beta);
				fputs(";\n", f);
			}
		}
}

/* The types of the layers, where they differ. */
static void put_dtypes(FILE *f, const struct embed *e)
{
	const lstm_desc *d = &e->facts->desc;
	int layer;

	for (layer = 0; d->dtypes && layer < d->layers; layer++) {
		if (layer == 0)
			fprintf(f, "\nstatic const lstm_dtype %s_dtypes[%d] = {", e->name,
			        d->layers);
		fprintf(f, "%sLSTM_DTYPE_%s%s", layer % 4 ? " " : "\n\t",
		        model_type(d->dtypes[layer]),
		        layer + 1 < d->layers ? "," : "\n};\n");
	}
}

static void put_desc(FILE *f, const struct embed *e)
{
	static const char *const directions[] = {"LSTM_FORWARD", "LSTM_REVERSE",
	                                         "LSTM_BIDIRECTIONAL"};
	const lstm_desc *d = &e->facts->desc;

	put_dtypes(f, e);
	put(f, e->name,
	    "\n/* What lstm_model_init wants to know; the instruction set is chosen there. */\n"
	    "static inline lstm_desc @_desc(void)\n{\n\tlstm_desc desc;\n\n"
	    "\tmemset(&desc, 0, sizeof(desc));\n\tdesc.input = ^_INPUT;\n");
	fprintf(f, "\tdesc.hidden = %d;\n\tdesc.layers = %d;\n\tdesc.direction = %s;\n", d->hidden,
	        d->layers, directions[d->direction]);
	if (d->projection)
		fprintf(f, "\tdesc.projection = %d;\n", d->projection);
	if (d->dtypes)
		put(f, e->name, "\tdesc.dtypes = @_dtypes;\n");
	if (d->dtype != LSTM_DTYPE_F32)
		fprintf(f, "\tdesc.dtype = LSTM_DTYPE_%s;\n", model_type(d->dtype));
	put_activations(f, d);
	if (d->input_forget)
		fputs("\tdesc.input_forget = 1;\n", f);
	if (d->clip > 0) {
		fputs("\tdesc.clip = ", f);
		embed_float(f, d->clip);
		fputs(";\n", f);
	}
	if (d->cell_clip > 0) {
		fputs("\tdesc.cell_clip = ", f);
		embed_float(f, d->cell_clip);
		fputs(";\n", f);
	}
	fputs("\treturn desc;\n}\n", f);
}

static void put_fields(FILE *f, const struct embed *e)
{
	const struct model_facts *m = e->facts;
	struct model_array arrays[MODEL_ARRAYS];
	char name[MODEL_TEXT];
	int cell, k;

	for (cell = 0; cell < model_cells(&m->desc); cell++) {
		model_arrays(&m->desc, m->weights, cell, arrays);
		for (k = 0; k < MODEL_ARRAYS; k++) {
			embed_array_name(name, &m->desc, cell, k);
			if (!arrays[k].values)
				continue;
			fprintf(f, "\tweights[%d].%s = %s%s_%s;\n", cell, embed_field(k),
			        arrays[k].kept == LSTM_DTYPE_F32 ? ""
			                                         : "(const float *)(const void *)",
			        e->name, name);
			if (arrays[k].kept == LSTM_DTYPE_I8)
				fprintf(f, "\tweights[%d].%s_scale = %s_%s_scale;\n", cell,
				        embed_field(k), e->name, name);
		}
		if (arrays[MODEL_W].kept != LSTM_DTYPE_F32)
			fprintf(f, "\tweights[%d].type = LSTM_DTYPE_%s;\n", cell,
			        model_type(arrays[MODEL_W].kept));
	}
}

static void put_init(FILE *f, const struct embed *e)
{
	put(f, e->name,
	    "\n/* And its weights: weights[^_CELLS], which point to the constants. */\n"
	    "static inline void @_weights(lstm_weights *weights)\n{\n"
	    "\tmemset(weights, 0, ^_CELLS * sizeof(*weights));\n");
	put_fields(f, e);
	put(f, e->name,
	    "}\n\n"
	    "/* lstm_model_init of both. */\n"
	    "static inline lstm_status @_init(lstm_model **model, lstm_isa isa, void *memory, "
	    "size_t "
	    "bytes)\n{\n"
	    "\tlstm_desc desc = @_desc();\n"
	    "\tlstm_weights weights[^_CELLS];\n\n"
	    "\tdesc.isa = isa;\n"
	    "\t@_weights(weights);\n"
	    "\treturn lstm_model_init(model, &desc, weights, memory, bytes);\n}\n");
}

static void put_self_test(FILE *f, const struct embed *e)
{
	put(f, e->name,
	    "\n/* Whether a state of this model and one stream gives the outputs on record: "
	    "LSTM_OK, or\n"
	    " * LSTM_ERR_FORMAT if not.  The tolerance is what rounding in fp32 may come to, "
	    "whatever\n"
	    " * the instruction set and the activations, codes of int8 on an edge included.  The state "
	    "is\n * reset before and after. */\n"
	    "static inline lstm_status @_self_test(lstm_state *state)\n{\n"
	    "\tconst float tolerance = ");
	embed_float(f, (float)e->tolerance);
	put(f, e->name,
	    ";\n"
	    "\tfloat last[^_OUTPUT], error;\n"
	    "\tlstm_run_args args;\n"
	    "\tlstm_status status;\n"
	    "\tint k;\n\n"
	    "\tmemset(&args, 0, sizeof(args));\n"
	    "\targs.x = @_test_x;\n"
	    "\targs.last = last;\n"
	    "\targs.steps = ^_TEST_STEPS;\n"
	    "\tlstm_state_reset(state);\n"
	    "\tstatus = lstm_run_with(state, &args);\n"
	    "\tlstm_state_reset(state);\n"
	    "\tfor (k = 0; k < ^_OUTPUT && status == LSTM_OK; k++) {\n"
	    "\t\terror = last[k] - @_test_last[k];\n"
	    "\t\tif (!(error <= tolerance && error >= -tolerance))\n"
	    "\t\t\tstatus = LSTM_ERR_FORMAT;\n"
	    "\t}\n"
	    "\treturn status;\n}\n");
}

static void put_constants(FILE *f, const struct embed *e)
{
	const struct model_facts *m = e->facts;

	embed_constants(f, e->name, m);
	fputs("\n/* The self-test: these inputs, one stream, and its last outputs. */\n", f);
	embed_floats(f, e->name, "test_x", e->x, EMBED_STEPS * (size_t)m->desc.input);
	embed_floats(f, e->name, "test_last", e->last, (size_t)m->output);
}

int embed_write(FILE *f, const struct embed *e)
{
	const struct model_facts *m = e->facts;

	put_top(f, e);
	put(f, e->name, "#ifndef ^_H\n#define ^_H\n\n");
	if (embed_needs_math(m))
		fputs("#include <math.h>\n", f);
	if (embed_needs_stdint(m))
		fputs("#include <stdint.h>\n", f);
	put(f, e->name,
	    "#include <string.h>\n\n"
	    "#include \"lstm.h\"\n\n"
	    "/* Where the constants go, to be defined before: "
	    "__attribute__((section(\".flash\"))), say. */\n"
	    "#ifndef LSTM_EMBED_SECTION\n"
	    "#define LSTM_EMBED_SECTION\n"
	    "#endif\n"
	    "#ifndef LSTM_EMBED_ALIGN\n"
	    "#ifdef __GNUC__\n"
	    "#define LSTM_EMBED_ALIGN __attribute__((aligned(16)))\n"
	    "#else\n"
	    "#define LSTM_EMBED_ALIGN\n"
	    "#endif\n"
	    "#endif\n\n"
	    "#define ^_INPUT ");
	fprintf(f, "%d\n", m->desc.input);
	put(f, e->name, "#define ^_OUTPUT ");
	fprintf(f, "%d /* of all directions */\n", m->output);
	put(f, e->name, "#define ^_CELLS ");
	fprintf(f, "%d /* layers * directions */\n", model_cells(&m->desc));
	put(f, e->name, "#define ^_TEST_STEPS ");
	fprintf(f, "%d\n\n", EMBED_STEPS);
	put_constants(f, e);
	put_desc(f, e);
	put_init(f, e);
	put_self_test(f, e);
	fputs("\n#endif\n", f);
	return fflush(f) == 0 && !ferror(f);
}
