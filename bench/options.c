#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: %s\n"
	"Measure lstm.h against the limits of this machine and against its peers.\n"
	"\n"
	"  --mode LIST          of step,block,sequence,batch,stack,streams,decay,setup (all)\n"
	"  --shape LIST         INPUTxHIDDEN, such as 1x16,64x64 (the usual nine)\n"
	"  --isa LIST           of scalar,neon,avx2,avx512 (the vectors that can run)\n"
	"  --activations LIST   of builtin,sleef (those that were built)\n"
	"  --dtype LIST         of " BENCH_DTYPES
	": of the weights, also of peers (f32; all for --accuracy)\n"
	"  --peers LIST         names, all or none (all that are installed)\n"
	"  --batch LIST         streams in lockstep, mode batch (8,32,64)\n"
	"  --steps N            steps per call, all modes but step, streams and decay\n"
	"  --accuracy           measure no times, but how far h is from the exact one over 1000 "
        "steps\n"
	"  --net FILE           with --accuracy: the LSTM of a safetensors file instead of random "
        "ones\n"
	"  --input FILE         and its x, float32, little endian, [steps][input]\n"
	"  --prefix P           of the LSTM's names in its file, where there is more than one\n"
	"  --quick              fewer shapes and shorter: under a minute\n"
	"  --repeat N           repetitions of each measurement, 3 to 201 (as the time allows)\n"
	"  --cpu N|any          pin to this CPU, or do not pin (pin to the present one)\n"
	"  --json FILE          write the results as JSON; - for standard output\n"
	"  --plot FILE          draw them with gnuplot; the name ends in .svg or .png\n"
	"  --list               say what can be measured here, and measure nothing\n"
	"  --help               this\n";

static const char host_help[] =
	"\n"
	"With a MODEL it is its network that is measured, with other weights: its layers, directions,\n"
	"projection and, unless --dtype says otherwise, the type of its weights; in all modes but\n"
	"stack, and without --shape and --accuracy.  lstm-bench, built beside this, has the peers.\n";

static const struct bench_effort thorough = {4e6, 6e8, 7, 101, 0, 100000};
static const struct bench_effort quick = {1e6, 1.2e7, 7, 15, 0, 4000};

int bench_listed(const char *list, const char *name)
{
	size_t size = strlen(name);

	for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL)
		if (strcspn(list, ",") == size && strncmp(list, name, size) == 0)
			return 1;
	return 0;
}

static int wrong(const struct bench_options *o, const char *option, const char *expected,
                 const char *found)
{
	fprintf(stderr, "%s: %s: expected %s, found \"%s\"\n", o->program, option, expected, found);
	return 2;
}

static int unknown(const struct bench_options *o, const char *option)
{
	fprintf(stderr, "%s: %s: unknown option, see --help\n", o->program, option);
	return 2;
}

/* Every name of the list is one of the known ones. */
static int check_list(const struct bench_options *o, const char *option, const char *list,
                      const char *known)
{
	char name[32];
	size_t size;

	for (;; list += size + 1) {
		size = strcspn(list, ",");
		snprintf(name, sizeof(name), "%.*s", (int)size, list);
		if (!bench_listed(known, name))
			return wrong(o, option, known, name);
		if (list[size] == '\0')
			return -1;
	}
}

static int whole(const struct bench_options *o, const char *option, const char *text, int low,
                 int high, int *value)
{
	char expected[60], *end;
	long n = strtol(text, &end, 10);

	snprintf(expected, sizeof(expected), "a number of %d..%d", low, high);
	if (*text == '\0' || *end != '\0' || n < low || n > high)
		return wrong(o, option, expected, text);
	*value = (int)n;
	return -1;
}

static int read_value(struct bench_options *o, const char *option, const char *value)
{
	if (strcmp(option, "--mode") == 0)
		o->grid.modes = value;
	else if (strcmp(option, "--shape") == 0)
		o->grid.shapes = value;
	else if (strcmp(option, "--batch") == 0)
		o->grid.batches = value;
	else if (strcmp(option, "--peers") == 0)
		o->peers = value;
	else if (strcmp(option, "--net") == 0)
		o->net = value;
	else if (strcmp(option, "--input") == 0)
		o->input = value;
	else if (strcmp(option, "--prefix") == 0)
		o->prefix = value;
	else if (strcmp(option, "--json") == 0)
		o->json = value;
	else if (strcmp(option, "--plot") == 0)
		o->plot = value;
	else if (strcmp(option, "--steps") == 0)
		return whole(o, option, value, 2, 100000, &o->grid.steps);
	else if (strcmp(option, "--repeat") == 0)
		return whole(o, option, value, 3, 201, &o->effort.fixed);
	else if (strcmp(option, "--cpu") == 0 && strcmp(value, "any") == 0)
		o->cpu = -2;
	else if (strcmp(option, "--cpu") == 0)
		return whole(o, option, value, 0, 1023, &o->cpu);
	else if (strcmp(option, "--isa") == 0) {
		o->isas = value;
		return check_list(o, option, value, "scalar,neon,avx2,avx512");
	} else if (strcmp(option, "--activations") == 0) {
		o->activations = value;
		return check_list(o, option, value, "builtin,sleef");
	} else if (strcmp(option, "--dtype") == 0) {
		o->dtypes = value;
		return check_list(o, option, value, BENCH_DTYPES);
	} else {
		return unknown(o, option);
	}
	return -1;
}

/* An option without a value; 0 if it is none. */
static int read_flag(struct bench_options *o, const char *option)
{
	const int fixed = o->effort.fixed;

	if (strcmp(option, "--list") == 0) {
		o->list = 1;
	} else if (strcmp(option, "--accuracy") == 0) {
		o->accuracy = 1;
	} else if (strcmp(option, "--quick") == 0) {
		o->effort = quick;
		o->effort.fixed = fixed;
		o->grid.quick = 1;
	} else {
		return 0;
	}
	return 1;
}

/* "--name=value" or two arguments; how many in *taken. */
static int read_option(struct bench_options *o, char **argv, int *taken)
{
	char name[24];
	size_t size = strcspn(argv[0], "=");
	const char *value = argv[0][size] ? argv[0] + size + 1 : argv[1];

	*taken = argv[0][size] || read_flag(o, argv[0]) ? 1 : 2;
	if (*taken == 1 && !argv[0][size])
		return -1;
	if (size >= sizeof(name))
		return unknown(o, argv[0]);
	memcpy(name, argv[0], size);
	name[size] = '\0';
	if (!value) {
		fprintf(stderr, "%s: %s: unknown option, or its value is missing, see --help\n",
		        o->program, name);
		return 2;
	}
	return read_value(o, name, value);
}

static int read_operand(struct bench_options *o, const char *argument,
                        const struct bench_host *host)
{
	if (!host)
		return wrong(o, "argument", "options only, see --help", argument);
	if (o->path)
		return wrong(o, "bench", "one model", argument);
	o->path = argument;
	return -1;
}

static int read_all(struct bench_options *o, int argc, char **argv, const struct bench_host *host)
{
	int i, taken, only_operands = 0, status = -1;

	for (i = 1; i < argc && status < 0; i += taken) {
		taken = 1;
		if (only_operands || argv[i][0] != '-' || !argv[i][1]) {
			status = read_operand(o, argv[i], host);
		} else if (strcmp(argv[i], "--") == 0) {
			only_operands = 1;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			printf(help, host ? host->usage : "lstm-bench [OPTION]...");
			printf("%s", host ? host_help : "");
			return 0;
		} else {
			status = read_option(o, argv + i, &taken);
		}
	}
	return status;
}

/* What a model takes the place of. */
static int take_model(struct bench_options *o, const struct bench_host *host)
{
	int status;

	if (!o->path && !o->net && o->prefix)
		return wrong(o, "--prefix", host ? "a model beside it" : "--net beside it",
		             o->prefix);
	if (!o->path)
		return -1;
	if (o->grid.shapes || o->accuracy) {
		fprintf(stderr, "%s: %s: expected none beside a model, found one\n", o->program,
		        o->accuracy ? "--accuracy" : "--shape");
		return 2;
	}
	if (!o->grid.modes)
		o->grid.modes = "step,block,sequence,batch,streams,setup";
	if (bench_listed(o->grid.modes, "stack"))
		return wrong(o, "--mode", "another than stack beside a model, which has its own layers",
		             o->grid.modes);
	status = host->find(o->path, o->prefix, &o->model);
	if (status >= 0)
		return status;
	if (o->model.layers > BENCH_PARTS / o->model.directions) {
		fprintf(stderr, "%s: %s: layers: expected at most %d in all directions, found %d\n",
		        o->program, o->path, BENCH_PARTS, o->model.layers * o->model.directions);
		return 1;
	}
	o->grid.model = &o->model;
	if (!o->dtypes)
		o->dtypes = o->model.dtype;
	return -1;
}

/* What a net from a file takes the place of, and what it needs. */
static int take_net(const struct bench_options *o)
{
	const char *option = o->net ? "--net" : "--input", *found = o->net ? o->net : o->input;

	if (!found)
		return -1;
	if (!o->accuracy || !o->net || !o->input)
		return wrong(o, option, "--accuracy, --net and --input beside each other", found);
	if (o->grid.shapes || o->grid.steps)
		return wrong(o, option, "no --shape or --steps beside it, which the files have",
		             found);
	return -1;
}

int bench_options_read(struct bench_options *o, int argc, char **argv,
                       const struct bench_host *host)
{
	int status;

	memset(o, 0, sizeof(*o));
	o->program = argv[0];
	o->cpu = -1;
	o->effort = thorough;
	status = read_all(o, argc, argv, host);
	if (status < 0)
		status = take_model(o, host);
	if (status < 0)
		status = take_net(o);
	if (status >= 0)
		return status;
	if (!o->dtypes)
		o->dtypes = o->accuracy ? BENCH_DTYPES : "f32";
	if (!o->accuracy)
		return -1;
	if (o->grid.modes || o->grid.batches || o->plot) {
		fprintf(stderr, "%s: --accuracy: expected no --mode, --batch or --plot beside it\n",
		        o->program);
		return 2;
	}
	if (!o->activations)
		o->activations = "builtin";
	return -1;
}
