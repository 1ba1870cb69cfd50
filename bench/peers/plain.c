/* The plain loop, which the compiler may turn into vectors as it likes: built with -O3
 * -march=native -ffast-math. */
#include "../compiler.h"
#include "byhand.h"

#include <string.h>

static float dot(const float *restrict a, const float *restrict b, int count)
{
	float sum = 0;
	int k;

	for (k = 0; k < count; k++)
		sum += a[k] * b[k];
	return sum;
}

static void plain_layer(const struct byhand_run *r)
{
	int i, s, row, h = r->hidden;

	for (i = 0; i < r->steps; i++) {
		int t = r->reverse ? r->steps - 1 - i : i;
		for (s = 0; s < r->batch; s++) {
			const float *x = r->x + ((size_t)t * (size_t)r->batch + (size_t)s) *
			                                (size_t)r->width;
			float *state = r->h + (size_t)s * (size_t)h;
			for (row = 0; row < 4 * h; row++)
				r->gates[row] =
					r->b[row] +
					dot(r->w + (size_t)row * (size_t)r->width, x, r->width) +
					dot(r->u + (size_t)row * (size_t)h, state, h);
			byhand_cell(r->gates, r->c + (size_t)s * (size_t)h, state, h);
			memcpy(r->y + (size_t)(t * r->batch + s) * (size_t)r->y_stride, state,
			       (size_t)h * sizeof(float));
		}
	}
}

static void *plain_create(const struct bench_engine *engine, const struct bench_case *shape,
                          const struct bench_net *net, char *why, size_t size)
{
	(void)engine;
	return byhand_create(shape, net, plain_layer, why, size);
}

static int plain_present(char *why, size_t size)
{
	(void)why;
	(void)size;
	return 1;
}

static const char *plain_version(void)
{
	return BENCH_COMPILER;
}

const struct bench_peer bench_peer_plain = {
	"plain-c",      "the plain loop, -O3 -march=native -ffast-math",
	plain_present,  plain_version,
	plain_create,   byhand_run,
	byhand_destroy, NULL,
	"f32",
};
