/* What a good C programmer writes over a BLAS: the input of all steps projected by one sgemm, the
 * recurrence by sgemv (one stream) or sgemm (several). */
#include <cblas.h>
#include <string.h>

#include "byhand.h"

/* out[rows][4 * hidden] += in[rows][width] times the transposed weights[4 * hidden][width]. */
static void multiply(const float *weights, const float *in, float *out, int rows, int width,
                     int hidden)
{
	if (rows == 1)
		cblas_sgemv(CblasRowMajor, CblasNoTrans, 4 * hidden, width, 1, weights, width, in,
		            1, 1, out, 1);
	else
		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, 4 * hidden, width, 1, in,
		            width, weights, width, 1, out, 4 * hidden);
}

static void openblas_layer(const struct byhand_run *r)
{
	size_t h = (size_t)r->hidden, batch = (size_t)r->batch, row = 4 * h, k;
	int i;

	for (k = 0; k < (size_t)r->steps * batch; k++)
		memcpy(r->gates + k * row, r->b, row * sizeof(float));
	multiply(r->w, r->x, r->gates, r->steps * r->batch, r->width, r->hidden);
	for (i = 0; i < r->steps; i++) {
		size_t t = (size_t)(r->reverse ? r->steps - 1 - i : i);
		float *gates = r->gates + t * batch * row;

		multiply(r->u, r->h, gates, r->batch, r->hidden, r->hidden);
		for (k = 0; k < batch; k++) {
			byhand_cell(gates + k * row, r->c + k * h, r->h + k * h, r->hidden);
			memcpy(r->y + (t * batch + k) * (size_t)r->y_stride, r->h + k * h,
			       h * sizeof(float));
		}
	}
}

static void *openblas_create(const struct bench_engine *engine, const struct bench_case *shape,
                             const struct bench_net *net, char *why, size_t size)
{
	(void)engine;
	openblas_set_num_threads(1);
	return byhand_create(shape, net, openblas_layer, why, size);
}

static int openblas_present(char *why, size_t size)
{
	(void)why;
	(void)size;
	return 1;
}

static const char *openblas_version(void)
{
	return openblas_get_config();
}

const struct bench_peer bench_peer_openblas = {
	"openblas",       "by hand over OpenBLAS: sgemm for the input, sgemv for the recurrence",
	openblas_present, openblas_version,
	openblas_create,  byhand_run,
	byhand_destroy,   NULL,
	"f32",
};
