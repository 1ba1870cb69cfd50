/* ONNX Runtime through its C interface, from the shared library that the PyPI package carries: an
 * LSTM operator per layer, with int8 a DynamicQuantizeLSTM, one thread, its graph optimizations on.
 *
 * The package has no header.  What is needed of the interface is declared here: a table of
 * functions whose order never changes and whose end alone grows, which the library promises to
 * whoever asks for a version of it, here 1. */
#define _DEFAULT_SOURCE
#include <dlfcn.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx_model.h"
#include "peers.h"

typedef struct status status; /* NULL: success */
typedef struct value value;
typedef void (*other)(void); /* an entry that is not used */

struct api {
	other entry0[2];
	const char *(*message)(const status *);
	status *(*create_env)(int level, const char *name, void **env);
	other entry4[4];
	status *(*create_session)(void *env, const void *model, size_t size, void *options,
	                          void **session);
	status *(*run)(void *session, void *options, const char *const *inputs,
	               const value *const *in, size_t in_count, const char *const *outputs,
	               size_t out_count, value **out);
	status *(*create_options)(void **options);
	other entry11[12];
	status *(*set_optimization)(void *options, int level);
	status *(*set_threads)(void *options, int count);
	status *(*set_graph_threads)(void *options, int count);
	other entry26[23];
	status *(*create_tensor)(void *memory, void *data, size_t size, const int64_t *dims,
	                         size_t rank, int type, value **tensor);
	other entry50[19];
	status *(*create_cpu_memory)(int allocator, int kind, void **memory);
	other entry70[23];
	void (*release_status)(status *);
	void (*release_memory)(void *);
	void (*release_session)(void *);
	void (*release_value)(value *);
	other entry97[3];
	void (*release_options)(void *);
};

struct api_base {
	const struct api *(*api)(uint32_t version);
	const char *(*version)(void);
};

enum { LOG_ERROR = 3, OPTIMIZE_ALL = 99, ARENA = 1, DEFAULT_MEMORY = 0, FLOATS = 1 };

static const struct api *ort;
static const struct api_base *ort_base;
static void *env, *memory;

struct peer {
	struct bench_case shape;
	void *session;
	float *x, *y, *states; /* states[stream][phase][h, c][batch][hidden] */
	size_t x_size, y_size;
	value *in, *out, **carried; /* tensors over x, y and the states, in their order */
	int *phase;
	char error[200];
};

/* 1 if all is well; else the message is in why. */
static int good(status *s, char *why, size_t size)
{
	if (!s)
		return 1;
	snprintf(why, size, "%s", ort->message(s));
	ort->release_status(s);
	return 0;
}

static void *open_library(void)
{
	const char *named = getenv("LSTM_BENCH_ONNXRUNTIME");
	void *library = NULL;
	glob_t found;

	if (named)
		return dlopen(named, RTLD_NOW | RTLD_LOCAL);
	if (glob(BENCH_PEER_FOLDER
	         "/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*",
	         0, NULL, &found) == 0) {
		library = dlopen(found.gl_pathv[0], RTLD_NOW | RTLD_LOCAL);
		globfree(&found);
	}
	return library ? library : dlopen("libonnxruntime.so.1", RTLD_NOW | RTLD_LOCAL);
}

static int ort_present(char *why, size_t size)
{
	const struct api_base *(*base)(void);
	void *library, *symbol;

	if (ort)
		return 1;
	library = open_library();
	symbol = library ? dlsym(library, "OrtGetApiBase") : NULL;
	if (!symbol) {
		snprintf(why, size, "not found: bench/peers/setup installs it");
		return 0;
	}
	memcpy(&base, &symbol, sizeof(base));
	ort_base = base();
	ort = ort_base->api(1);
	if (ort && good(ort->create_env(LOG_ERROR, "bench", &env), why, size) &&
	    good(ort->create_cpu_memory(ARENA, DEFAULT_MEMORY, &memory), why, size))
		return 1;
	ort = NULL;
	return 0;
}

static const char *ort_version(void)
{
	return ort_base->version();
}

static void ort_destroy(void *handle)
{
	struct peer *p = handle;
	int k;

	for (k = 0; p->carried && k < 4 * p->shape.streams; k++)
		if (p->carried[k])
			ort->release_value(p->carried[k]);
	if (p->in)
		ort->release_value(p->in);
	if (p->out)
		ort->release_value(p->out);
	if (p->session)
		ort->release_session(p->session);
	free(p->carried);
	free(p->phase);
	free(p->states);
	free(p->x);
	free(p->y);
	free(p);
}

static int tensor(float *data, long long a, long long b, long long c, value **v, char *why,
                  size_t size)
{
	const int64_t dims[3] = {a, b, c};

	return good(ort->create_tensor(memory, data, (size_t)(a * b * c) * sizeof(float), dims, 3,
	                               FLOATS, v),
	            why, size);
}

static int session(struct peer *p, const struct bench_net *net, int int8, char *why, size_t size)
{
	struct onnx_bytes model;
	void *options = NULL;
	int made = onnx_model(&p->shape, net, int8, &model);

	if (!made)
		snprintf(why, size, "out of memory");
	made = made && good(ort->create_options(&options), why, size) &&
	       good(ort->set_optimization(options, OPTIMIZE_ALL), why, size) &&
	       good(ort->set_threads(options, 1), why, size) &&
	       good(ort->set_graph_threads(options, 1), why, size) &&
	       good(ort->create_session(env, model.data, model.size, options, &p->session), why,
	            size);
	if (options)
		ort->release_options(options);
	free(model.data);
	return made;
}

static int tensors(struct peer *p, char *why, size_t size)
{
	const struct bench_case *c = &p->shape;
	size_t each = (size_t)c->batch * (size_t)c->hidden;
	int k, made;

	p->x_size = (size_t)c->steps * (size_t)c->batch * (size_t)c->input * sizeof(float);
	p->y_size = (size_t)c->steps * (size_t)c->batch * (size_t)bench_output(c) * sizeof(float);
	p->x = bench_alloc(p->x_size);
	p->y = bench_alloc(p->y_size);
	p->states = bench_alloc(4 * (size_t)c->streams * each * sizeof(float));
	p->phase = calloc((size_t)c->streams, sizeof(*p->phase));
	p->carried = calloc(4 * (size_t)c->streams, sizeof(value *));
	if (!p->x || !p->y || !p->states || !p->phase || !p->carried) {
		snprintf(why, size, "out of memory");
		return 0;
	}
	made = tensor(p->x, c->steps, c->batch, c->input, &p->in, why, size) &&
	       tensor(p->y, c->steps, c->batch, bench_output(c), &p->out, why, size);
	for (k = 0; made && k < 4 * c->streams; k++)
		made = tensor(p->states + (size_t)k * each, 1, c->batch, c->hidden, &p->carried[k],
		              why, size);
	return made;
}

static void *ort_create(const struct bench_engine *engine, const struct bench_case *shape,
                        const struct bench_net *net, char *why, size_t size)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	p->shape = *shape;
	if (session(p, net, strcmp(engine->dtype, "int8") == 0, why, size) && tensors(p, why, size))
		return p;
	ort_destroy(p);
	return NULL;
}

static void ort_run(void *handle, const float *x, float *y, int stream)
{
	static const char *const inputs[] = {"x", "h", "c"}, *const outputs[] = {"y", "hn", "cn"};
	struct peer *p = handle;
	size_t count = p->shape.mode == BENCH_STACK ? 1 : 3;
	value **from = p->carried + 4 * stream + 2 * p->phase[stream];
	value **to = p->carried + 4 * stream + 2 * (p->phase[stream] ^ 1);
	const value *in[3];
	value *out[3];

	in[0] = p->in;
	in[1] = from[0];
	in[2] = from[1];
	out[0] = p->out;
	out[1] = to[0];
	out[2] = to[1];
	memcpy(p->x, x, p->x_size);
	if (!good(ort->run(p->session, NULL, inputs, in, count, outputs, count, out), p->error,
	          sizeof(p->error)))
		memset(p->y, 0xff, p->y_size); /* NaN: the comparison will tell */
	memcpy(y, p->y, p->y_size);
	p->phase[stream] ^= 1;
}

const struct bench_peer bench_peer_onnxruntime = {
	"onnxruntime", "ONNX Runtime's LSTM operator, through its C interface",
	ort_present,   ort_version,
	ort_create,    ort_run,
	ort_destroy,   NULL,
	"f32,int8",
};
