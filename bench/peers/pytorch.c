/* PyTorch in a process of its own, a Python interpreter, which waits while others are measured and
 * takes its own time while it is: see pytorch.py for what is said. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "peers.h"

/* One child serves all cases, one after the other: to start PyTorch takes seconds. */
static FILE *to, *from;
static char version[60];

struct peer {
	const char *dtype;
	size_t x_count, y_count;
};

static void child(const int *in, const int *out)
{
	const char *named = getenv("LSTM_BENCH_PYTHON");
	const char *python = named ? named : "/usr/bin/python3";
	FILE *quiet;

	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
	quiet = freopen("/dev/null", "w", stderr);
	if (quiet)
		/* It finds its modules by its own name, so that has to be the whole path. */
		execlp(python, python, BENCH_PYTORCH_SCRIPT, (char *)0);
	_exit(127);
}

static int answered(const char *expected)
{
	char line[64];

	return fgets(line, sizeof(line), from) && strcmp(line, expected) == 0;
}

static int start(void)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe(in) != 0)
		return 0;
	if (pipe(out) != 0) {
		close(in[0]);
		close(in[1]);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN); /* if the child is gone, reading says so */
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child(in, out);
	close(in[0]);
	close(out[1]);
	to = fdopen(in[1], "w");
	from = fdopen(out[0], "r");
	return pid > 0 && to && from && fscanf(from, "ready %50[^\n]", version) == 1 &&
	       getc(from) == '\n';
}

static int pytorch_present(char *why, size_t size)
{
	static int tried, started;

	if (!tried++)
		started = start();
	if (!started)
		snprintf(why, size, "not found: bench/peers/setup installs it");
	return started;
}

static const char *pytorch_version(void)
{
	return version;
}

static void *pytorch_create(const struct bench_engine *engine, const struct bench_case *c,
                            const struct bench_net *net, char *why, size_t size)
{
	struct peer *p = malloc(sizeof(*p));
	size_t h = (size_t)c->hidden;
	int part;

	if (!p) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	p->dtype = engine->dtype;
	p->x_count = (size_t)c->steps * (size_t)c->batch * (size_t)c->input;
	p->y_count = (size_t)c->steps * (size_t)c->batch * (size_t)bench_output(c);
	fprintf(to, "create %s %s %d %d %d %d %d %d %d\n",
	        c->mode == BENCH_STACK ? "stack" : "carry", engine->dtype, c->input, c->hidden,
	        c->layers, c->directions, c->batch, c->steps, c->streams);
	for (part = 0; part < c->layers * c->directions; part++) {
		size_t width = (size_t)bench_width(c, part / c->directions);

		fwrite(net->w[part], sizeof(float), 4 * h * width, to);
		fwrite(net->u[part], sizeof(float), 4 * h * h, to);
		fwrite(net->b[part], sizeof(float), 4 * h, to);
	}
	fflush(to);
	if (answered("ok\n"))
		return p;
	snprintf(why, size, "the process is gone");
	free(p);
	return NULL;
}

static void pytorch_run(void *handle, const float *x, float *y, int stream)
{
	struct peer *p = handle;

	fprintf(to, "run %s %d\n", p->dtype, stream);
	fwrite(x, sizeof(float), p->x_count, to);
	fflush(to);
	if (fread(y, sizeof(float), p->y_count, from) != p->y_count)
		memset(y, 0xff, p->y_count * sizeof(float)); /* NaN: the comparison will tell */
}

static double pytorch_calls(void *handle, long count, double *ns)
{
	const struct peer *p = handle;
	char line[64];

	fprintf(to, "%s %s %ld\n", ns ? "each" : "time", p->dtype, count);
	fflush(to);
	if (ns)
		return fread(ns, sizeof(*ns), (size_t)count, from) == (size_t)count ? 0 : -1;
	return fgets(line, sizeof(line), from) ? atof(line) : -1;
}

static void pytorch_destroy(void *handle)
{
	free(handle); /* the child forgets its model when it is given the next of the type */
}

const struct bench_peer bench_peer_pytorch = {
	"pytorch",
	"PyTorch's torch.lstm, or its dynamically quantized LSTM, called from Python",
	pytorch_present,
	pytorch_version,
	pytorch_create,
	pytorch_run,
	pytorch_destroy,
	pytorch_calls,
	"f32,int8",
};
