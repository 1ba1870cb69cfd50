/* lstm digest: the bits of this machine, to compare with another's. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "common.h"
#include "digest_builds.h"

static const char help[] =
	"usage: lstm digest\n"
	"Run some hundred networks of all kinds and print one number for the bits of their "
        "outputs,\n"
	"for each build of the activations, instruction set of this machine and type of weights.\n"
	"\n"
	"  --help           this\n"
	"\n"
	"AVX2, AVX-512 and NEON give the same number on every machine, for one build of the\n"
	"activations and one version of SLEEF.  The scalar path has the exp and tanh of the C\n"
	"library, so its number is the machine's own.  Exit status 1: two that should agree do "
        "not.\n";

static const struct {
	const char *name;
	lstm_status (*digest)(lstm_isa isa, lstm_dtype dtype, uint64_t *digest);
} builds[] = {
	{"builtin", digest_of_builtin},
#ifndef LSTM_NO_SLEEF
	{"sleef", digest_of_sleef},
#endif
};

static int print_type(size_t build, lstm_dtype dtype)
{
	const char *type = cli_dtype_name(dtype);
	uint64_t digest, first = 0;
	int isa, vectors = 0;
	lstm_status status;

	for (isa = LSTM_ISA_SCALAR; isa < LSTM_ISA_COUNT; isa++) {
		const char *name = lstm_isa_name((lstm_isa)isa);

		if (!lstm_isa_supported((lstm_isa)isa))
			continue;
		status = builds[build].digest((lstm_isa)isa, dtype, &digest);
		if (status != LSTM_OK) {
			cli_complain("%s %s %s: %s", builds[build].name, name, type,
			             lstm_strerror(status));
			return CLI_FAILED;
		}
		printf("%-8s %-8s %-5s %016" PRIx64 "\n", builds[build].name, name, type, digest);
		fflush(stdout);
		if (isa == LSTM_ISA_SCALAR)
			continue;
		if (vectors++ && digest != first) {
			cli_complain("%s %s %s: expected the digest %016" PRIx64
			             " of the instruction set before, found %016" PRIx64,
			             builds[build].name, name, type, first, digest);
			return CLI_FAILED;
		}
		first = digest;
	}
	return CLI_DONE;
}

int command_digest(int argc, char **argv)
{
	static const struct cli_option none[] = {{NULL, NULL, NULL}};
	static const lstm_dtype types[] = {LSTM_DTYPE_F32, LSTM_DTYPE_BF16, LSTM_DTYPE_F16,
	                                   LSTM_DTYPE_I8};
	const size_t all = sizeof(types) / sizeof(types[0]);
	int status = cli_options(argc, argv, none, help, NULL, NULL);
	size_t k;

	if (status != CLI_GO_ON)
		return status;
	status = CLI_DONE;
	for (k = 0; k < sizeof(builds) / sizeof(builds[0]) * all && status == CLI_DONE; k++)
		status = print_type(k / all, types[k % all]);
	return status == CLI_DONE ? cli_finish() : status;
}
