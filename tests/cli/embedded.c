/* A device: no heap, no files, and memory of exactly the size that the header's comment says.  The
 * arguments are an instruction set and the bytes of model and state; standard input is x, floats of
 * one stream, standard output is y, then every
 * constant.  Exit status 3: the self-test failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lstm.h"
#include "net.h"

static char model_room[1 << 20], state_room[1 << 20];
static float x[1000 * NET_INPUT], y[1000 * NET_OUTPUT];

static void *aligned(char *room)
{
	size_t at = (size_t)room % LSTM_ALIGN;

	return room + (at ? LSTM_ALIGN - at : 0);
}

int main(int argc, char **argv)
{
	size_t model_bytes = argc == 4 ? (size_t)atol(argv[2]) : 0;
	size_t state_bytes = argc == 4 ? (size_t)atol(argv[3]) : 0;
	size_t steps = fread(x, sizeof(float) * NET_INPUT, 1000, stdin);
	lstm_model *model;
	lstm_state *state;
	lstm_isa isa = LSTM_ISA_SCALAR;

	while (argc == 4 && isa < LSTM_ISA_COUNT && strcmp(lstm_isa_name(isa), argv[1]) != 0)
		isa = (lstm_isa)(isa + 1);
	if (net_init(&model, isa, aligned(model_room), model_bytes - 1) != LSTM_ERR_MEMORY ||
	    net_init(&model, isa, aligned(model_room), model_bytes) != LSTM_OK)
		return 1;
	if (lstm_state_init(&state, model, 1, STATE_STEPS, aligned(state_room), state_bytes - 1) !=
	            LSTM_ERR_MEMORY ||
	    lstm_state_init(&state, model, 1, STATE_STEPS, aligned(state_room), state_bytes) !=
	            LSTM_OK)
		return 2;
	if (net_self_test(state) != LSTM_OK)
		return 3;
	lstm_run(state, x, y, steps);
	fwrite(y, sizeof(float) * NET_OUTPUT, steps, stdout);
#define DUMP(array) fwrite(array, 1, sizeof(array), stdout);
	ARRAYS
	return ferror(stdout) ? 4 : 0;
}
