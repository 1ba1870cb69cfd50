#include "sequence.h"

#include <stdlib.h>
#include <string.h>

#include "common.h"

enum { PIECE_BYTES = 1 << 23 }; /* of x and y together, if a step is not larger */

int sequence_options(struct sequence_files *files)
{
	static const char *const layouts[] = {"time", "batch", NULL};
	const char *inputs[4] = {files->x, files->h0, files->c0, files->lengths};
	int layout = files->layout ? cli_choice("--layout", files->layout, layouts) : 0;

	if (layout < 0)
		return CLI_MISUSED;
	files->order = layout ? LSTM_BATCH_MAJOR : LSTM_TIME_MAJOR;
	return cli_different(inputs, 4, "-");
}

/* ---- the files ------------------------------------------------------------------------------- */
static int complain_shape(const struct npy_reader *r, const char *expected)
{
	char found[NPY_SHAPE_TEXT];

	cli_complain("%s: shape: expected %s, found %s", r->path, expected,
	             npy_shape(found, r->rank, r->shape));
	return 0;
}

static int check_input(struct sequence *s, const lstm_desc *desc)
{
	const struct npy_reader *r = &s->reader;
	char expected[120];
	int stream = s->order == LSTM_BATCH_MAJOR ? 0 : 1;

	s->rank = r->rank;
	s->input = (size_t)desc->input;
	if ((r->rank != 2 && r->rank != 3) || r->shape[r->rank - 1] != s->input) {
		snprintf(expected, sizeof(expected),
		         "[%s, %d] or [steps, %d], as the model's input is %d wide",
		         stream ? "steps, batch" : "batch, steps", desc->input, desc->input,
		         desc->input);
		return complain_shape(r, expected);
	}
	s->batch = r->rank == 3 ? r->shape[stream] : 1;
	s->steps = r->rank == 3 ? r->shape[1 - stream] : r->shape[0];
	if (s->batch == 0 || s->batch > 0x7fffffff)
		return complain_shape(r, "a batch of 1 to 2147483647");
	if (s->batch == 1)
		s->order = LSTM_TIME_MAJOR; /* the same memory, and read in order */
	return 1;
}

/* A whole array of states: [states][batch][size], or without the batch where x is. */
float *sequence_states(const struct sequence *s, const char *path, size_t size)
{
	struct npy_reader r;
	char expected[120];
	size_t shape[3] = {s->states, s->batch, size};
	float *values = NULL;
	int good;

	if (!npy_open(&r, path, NPY_FLOATS))
		return NULL;
	good = r.rank == 3 && memcmp(r.shape, shape, sizeof(shape)) == 0;
	if (s->rank == 2 && r.rank == 2)
		good = r.shape[0] == s->states && r.shape[1] == size;
	if (!good) {
		complain_shape(&r, npy_shape(expected, 3, shape));
	} else {
		values = malloc(r.count * sizeof(*values));
		if (!values)
			cli_no_memory(r.path, "its values");
		else if (!npy_read_floats(&r, 0, r.count, values)) {
			free(values);
			values = NULL;
		}
	}
	npy_close(&r);
	return values;
}

static int check_lengths(const struct sequence *s, const struct npy_reader *r)
{
	size_t b;

	for (b = 0; b < s->batch; b++)
		if (s->lengths[b] < 0 || (uint64_t)s->lengths[b] > s->steps) {
			cli_complain("%s: element %zu: expected a length of 0 to %zu steps, "
			             "found %lld",
			             r->path, b, s->steps, (long long)s->lengths[b]);
			return 0;
		}
	return 1;
}

static int read_lengths(struct sequence *s, const char *path)
{
	struct npy_reader r;
	char expected[120];
	int good = 0;

	if (!npy_open(&r, path, NPY_WHOLES))
		return 0;
	s->lengths = malloc(s->batch * sizeof(*s->lengths));
	s->left = malloc(s->batch * sizeof(*s->left));
	if (r.rank != 1 || r.shape[0] != s->batch)
		complain_shape(&r, npy_shape(expected, 1, &s->batch));
	else if (!s->lengths || !s->left)
		cli_no_memory(path, "the lengths");
	else
		good = npy_read_wholes(&r, 0, s->batch, s->lengths) && check_lengths(s, &r);
	npy_close(&r);
	return good;
}

static int read_files(struct sequence *s, const struct sequence_files *files)
{
	if (files->h0) {
		s->h0 = sequence_states(s, files->h0, s->h_size);
		if (!s->h0)
			return 0;
	}
	if (files->c0) {
		s->c0 = sequence_states(s, files->c0, s->c_size);
		if (!s->c0)
			return 0;
	}
	return !files->lengths || read_lengths(s, files->lengths);
}

/* ---- pieces ---------------------------------------------------------------------------------- */
/* A reverse direction begins at the last step, so it needs all of them. */
static int plan_pieces(struct sequence *s, const lstm_desc *desc)
{
	size_t row = s->batch * (s->input + s->output);

	s->piece = PIECE_BYTES / sizeof(float) / row;
	if (s->piece == 0)
		s->piece = 1;
	if (s->piece > s->steps || desc->direction != LSTM_FORWARD)
		s->piece = s->steps;
	if (s->order == LSTM_BATCH_MAJOR && s->piece < s->steps && !npy_spool(&s->reader))
		return 0;
	if (s->piece <= SIZE_MAX / sizeof(float) / row)
		s->x = malloc(s->piece * s->batch * s->input * sizeof(float) + 1);
	if (!s->x)
		cli_no_memory(s->reader.path,
		              desc->direction == LSTM_FORWARD
		                      ? "a step of it"
		                      : "all of it, as the model has a reverse direction");
	return s->x != NULL;
}

int sequence_open(struct sequence *s, const struct sequence_files *files, const lstm_model *model)
{
	const lstm_desc *desc = lstm_model_desc(model);
	int directions = lstm_model_directions(model);

	memset(s, 0, sizeof(*s));
	s->reader.file = -1;
	s->order = files->order;
	s->output = (size_t)lstm_model_output(model);
	s->states = (size_t)desc->layers * (size_t)directions;
	s->h_size = s->output / (size_t)directions;
	s->c_size = (size_t)desc->hidden;
	if (npy_open(&s->reader, files->x, NPY_FLOATS) && check_input(s, desc) &&
	    read_files(s, files) && plan_pieces(s, desc))
		return 1;
	sequence_close(s);
	return 0;
}

void sequence_close(struct sequence *s)
{
	npy_close(&s->reader);
	free(s->x);
	free(s->h0);
	free(s->c0);
	free(s->lengths);
	free(s->left);
	memset(s, 0, sizeof(*s));
	s->reader.file = -1;
}

lstm_state *sequence_state(const struct sequence *s, const lstm_model *model)
{
	const lstm_desc *desc = lstm_model_desc(model);
	lstm_state *state;
	size_t most = 0; /* the library's choice */

	if (desc->direction != LSTM_FORWARD && desc->layers > 1)
		most = s->steps ? s->steps : 1;
	if (lstm_state_new(&state, model, (int)s->batch, most) != LSTM_OK)
		cli_no_memory(s->reader.path, "the model's state");
	else
		lstm_state_set(state, s->h0, s->c0);
	return state;
}

float *sequence_room(const struct sequence *s)
{
	float *y = malloc(s->piece * s->batch * s->output * sizeof(float) + 1);

	if (!y)
		cli_no_memory(s->reader.path, "its outputs");
	return y;
}

size_t sequence_runs(const struct sequence *s)
{
	return s->order == LSTM_BATCH_MAJOR ? s->batch : 1;
}

size_t sequence_run(const struct sequence *s, size_t run, size_t row, size_t *count)
{
	size_t each = s->order == LSTM_BATCH_MAJOR ? row : s->batch * row;

	*count = s->args.steps * each;
	return (run * s->steps + s->done) * each;
}

void sequence_again(struct sequence *s)
{
	s->done = 0;
	s->args.steps = 0;
}

int sequence_next(struct sequence *s)
{
	size_t run, count, first, b, left;
	float *x = s->x;

	s->done += s->args.steps;
	s->args.steps = s->steps - s->done < s->piece ? s->steps - s->done : s->piece;
	if (s->args.steps == 0)
		return 0;
	for (run = 0; run < sequence_runs(s); run++, x += count) {
		first = sequence_run(s, run, s->input, &count);
		if (!npy_read_floats(&s->reader, first, count, x))
			return -1;
	}
	for (b = 0; s->lengths && b < s->batch; b++) {
		left = (size_t)s->lengths[b] > s->done ? (size_t)s->lengths[b] - s->done : 0;
		s->left[b] = left < s->args.steps ? left : s->args.steps;
	}
	s->args.x = s->x;
	s->args.lengths = s->left;
	s->args.order = s->order;
	return 1;
}

void sequence_output_shape(const struct sequence *s, size_t *shape)
{
	memcpy(shape, s->reader.shape, 3 * sizeof(*shape));
	shape[s->rank - 1] = s->output;
}
