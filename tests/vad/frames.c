/* The network of lstm-vad without its libraries of sound, for machines that have none: frames
 * WEIGHTS reads raw 16 kHz 16-bit mono from standard input, and prints the instruction set and each
 * whole frame's probability, exactly. */
#include <stdint.h>
#include <stdio.h>

#include "../../examples/vad/network.h"

int main(int count, char **arguments)
{
	unsigned char bytes[2 * NETWORK_FRAME];
	float samples[NETWORK_FRAME];
	char error[1200];
	struct network *network;

	if (count != 2) {
		fputs("usage: frames WEIGHTS\n", stderr);
		return 2;
	}
	network = network_new(arguments[1], LSTM_ISA_AUTO, LSTM_DTYPE_OTHER, error, sizeof(error));
	if (!network) {
		fprintf(stderr, "frames: %s\n", error);
		return 1;
	}
	puts(lstm_isa_name(network_isa(network)));
	while (fread(bytes, sizeof(bytes), 1, stdin) == 1) {
		for (int i = 0; i < NETWORK_FRAME; i++)
			samples[i] = (float)(int16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8) / 32768;
		printf("%a\n", (double)network_frame(network, samples));
	}
	network_free(network);
	return 0;
}
