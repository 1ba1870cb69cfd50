/* The scalar path: the equations as they stand, from unpacked weights, with libm.  It is what the
 * kernels are held against, and what runs where there are none. */
static float lstm__reference_activation(const lstm_activation *a, float x)
{
	switch (a->function) {
	case LSTM_SIGMOID: return 1 / (1 + expf(-x));
	case LSTM_TANH: return tanhf(x);
	case LSTM_RELU: return x < 0 ? 0 : x;
	case LSTM_LINEAR: return x;
	case LSTM_AFFINE: return a->alpha * x + a->beta;
	case LSTM_LEAKY_RELU: return x < 0 ? a->alpha * x : x;
	case LSTM_THRESHOLDED_RELU: return x <= a->alpha ? 0 : x;
	case LSTM_SCALED_TANH: return a->alpha * tanhf(a->beta * x);
	case LSTM_HARD_SIGMOID:
	case LSTM_HARD_SIGMOID_KERAS3:
		x = a->alpha * x + a->beta;
		return x < 0 ? 0 : x > 1 ? 1 : x;
	case LSTM_ELU: return x < 0 ? a->alpha * expm1f(x) : x;
	case LSTM_SOFTSIGN: return x / (1 + fabsf(x));
	case LSTM_SOFTPLUS: return (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x)));
	case LSTM_DEFAULT: break;
	}
	return x;
}

static float lstm__limit(float x, float limit)
{
	return x > limit ? limit : x < -limit ? -limit : x; /* NaN stays NaN */
}

#if LSTM__LOW
static float lstm__reference_weight(lstm_dtype dtype, const void *words, size_t k)
{
	if (dtype == LSTM_DTYPE_F16)
		return lstm__float_of_f16(((const uint16_t *)words)[k]);
	return lstm__float_of(((const uint32_t *)words)[k / 2] << (k % 2 ? 0 : 16) & 0xffff0000);
}

/* x: a row of codes, and so is w. */
static float lstm__reference_codes(const struct lstm__matrix *m, size_t row, const signed char *w,
                                   const float *x, size_t n)
{
	const signed char *codes = (const signed char *)(x + LSTM__CODES);
	int32_t sum, offset;
	size_t k;
	memcpy(&offset, x + 1, sizeof(offset));
	sum = offset * m->sum[row];
	for (k = 0; k < n; k++)
		sum += w[k] * codes[k];
	return (float)sum * (x[0] * m->scale[row]);
}
#endif

/* In a loop: one step at a time.  A compiler that may fuse a product with a sum, and takes several steps
 * at once where it can, would fuse for one kind of weights and not for another, but all have to give
 * the same bits. */
#if LSTM__LOW && defined(__GNUC__)
#define LSTM__IN_STEPS __asm__ __volatile__("")
#else
#define LSTM__IN_STEPS (void)0
#endif

/* sum + a row of m times x, which is flushed here, or for int8 encoded already.  word: where it is. */
static float lstm__reference_dot(float sum, lstm_dtype dtype, const struct lstm__matrix *m,
                                 size_t row, size_t word, const float *x, size_t n)
{
	const unsigned char *at = (const unsigned char *)m->words + word * lstm__word_bytes(dtype);
	const float *w = (const float *)(const void *)at;
	size_t k;
#if LSTM__LOW
	if (dtype == LSTM_DTYPE_I8)
		return sum + lstm__reference_codes(m, row, (const signed char *)at, x, n);
	if (dtype != LSTM_DTYPE_F32) {
		for (k = 0; k < n; k++) {
			sum += lstm__reference_weight(dtype, at, k) * lstm__flush(x[k]);
			LSTM__IN_STEPS;
		}
		return sum;
	}
#else
	(void)row;
#endif
	for (k = 0; k < n; k++) {
		sum += w[k] * lstm__flush(x[k]);
		LSTM__IN_STEPS;
	}
	return sum;
}

/* One stream, one step.  Unit j's four rows lie together: [j][gate][k of x, then of h]. */
static void lstm__reference_step(const struct lstm__layer *l, const float *x, const float *h,
                                 float *c, float *out)
{
	const size_t x_words = lstm__words(l->dtype, l->width);
	const size_t words = x_words + lstm__words(l->dtype, l->output);
	size_t j, n = l->hidden;
	for (j = 0; j < n; j++) {
		float a[4], i, f, g, o;
		int gate;
		for (gate = 0; gate < 4; gate++) {
			size_t row = 4 * j + (size_t)gate;
			a[gate] = lstm__reference_dot(l->bias[row], l->dtype, &l->w, row,
			                              row * words, x, l->width);
			a[gate] = lstm__reference_dot(a[gate], l->dtype, &l->u, row,
			                              row * words + x_words, h, l->output);
		}
		if (l->peephole) {
			a[LSTM__I] += l->peephole[j] * c[j];
			a[LSTM__F] += l->peephole[n + j] * c[j];
		}
		i = lstm__reference_activation(&l->gates, lstm__limit(a[LSTM__I], l->clip));
		f = l->input_forget
		        ? 1 - i
		        : lstm__reference_activation(&l->gates, lstm__limit(a[LSTM__F], l->clip));
		g = lstm__reference_activation(&l->candidate, lstm__limit(a[LSTM__G], l->clip));
		c[j] = lstm__flush(lstm__limit(f * c[j] + i * g, l->cell_clip));
		if (l->peephole)
			a[LSTM__O] += l->peephole[2 * n + j] * c[j];
		o = lstm__reference_activation(&l->gates, lstm__limit(a[LSTM__O], l->clip));
		out[j] = lstm__flush(o * lstm__reference_activation(&l->out, c[j]));
	}
}

/* What the dot products of this layer take of x: x itself, or its codes. */
static const float *lstm__reference_row(const struct lstm__layer *l, const float *x, size_t n,
                                        float *codes)
{
#if LSTM__LOW
	if (l->dtype == LSTM_DTYPE_I8) {
		lstm__encode(codes, x, n);
		return codes;
	}
#else
	(void)l, (void)n, (void)codes;
#endif
	return x;
}

static void lstm__run_scalar(const struct lstm__job *job)
{
	const struct lstm__layer *l = job->layer;
	const int found = errno; /* expf and tanhf may set it */
	size_t s, j;
	int n, a;

	for (s = 0; s < job->steps; s++) {
		size_t t = job->reverse ? job->steps - 1 - s : s;
		n = lstm__streams_alive(job, t);
		for (a = 0; a < n; a++) {
			int b = job->active[a];
			size_t stream = (size_t)b;
			const float *x = job->x + t * job->x_step + stream * job->x_stream;
			float *c = job->c + stream * job->c_row;
			const float *h = lstm__job_h(job, b, 0);
			float *next = lstm__job_h(job, b, 1);
			float *out = l->projection.words ? job->cells : next;
			const float *cells = out;

			x = lstm__reference_row(l, x, l->width, job->codes);
			h = lstm__reference_row(l, h, l->output, job->h_codes);
			lstm__reference_step(l, x, h, c, out);
			if (l->projection.words)
				cells = lstm__reference_row(l, out, l->hidden, job->h_codes);
			for (j = 0; l->projection.words && j < l->output; j++)
				next[j] = lstm__flush(lstm__reference_dot(
				        0, l->dtype, &l->projection, j,
				        j * lstm__words(l->dtype, l->hidden), cells, l->hidden));
			if (job->y)
				memcpy(job->y + t * job->y_step + stream * job->y_stream, next,
				       l->output * sizeof(float));
			job->phase[b] ^= 1;
		}
		lstm__streams_silence(job, t, l->output);
	}
	errno = found;
}

static const struct lstm__kernels lstm__kernels_scalar = {
	LSTM_ISA_SCALAR, 1, 1, 0, lstm__run_scalar, NULL, NULL, NULL};
