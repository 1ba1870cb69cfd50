/* int8 by AMX, for the streams of a batch and the rows of x that are projected ahead: the same whole
 * numbers as `dot` makes, in matrices of 16 streams times 16 units.  Its unsigned bytes are the codes, its
 * signed ones the weights, which lie as the instruction wants them: a row of 64 bytes has the codes of
 * four k for each of 16 units.
 *
 * Registers 0 to 3 are sums.  Of up to 16 streams those of the four gates, with 4 for the codes and 5 to 7
 * for the weights; of more those of two gates of each half of the streams, with 4 and 5 for the
 * codes and 6 and 7 for the weights, which serve both. */
#if defined(LSTM__AMX) && LSTM__PASS == LSTM__AVX512 && LSTM__WEIGHTS == LSTM__I8
#define LSTM__AMX_ROWS ((size_t)16)    /* of a register: streams, or words of codes */
#define LSTM__AMX_STREAMS ((size_t)32) /* at a time */
#define LSTM__AMX_GATES ((size_t)4 * LSTM__LANES)

/* What the registers hold, for the instruction ldtilecfg: palette 1. */
struct lstm__amx_shape {
	unsigned char palette, start_row, zero[14];
	uint16_t bytes[16]; /* of a row */
	unsigned char rows[16];
};

/* For how many streams, and products of how many words at a time, they are set; 0: they are not. */
struct lstm__amx {
	size_t streams, words;
};

LSTM__INLINE void lstm__amx_hold(struct lstm__amx_shape *a, int number, size_t rows, size_t words)
{
	a->rows[number] = (unsigned char)rows;
	a->bytes[number] = (uint16_t)(4 * words);
}

/* Set the registers for `streams` and products of `words` at a time, unless they are. */
LSTM__INLINE void lstm__amx_set(struct lstm__amx *a, size_t streams, size_t words)
{
	const size_t lower = streams > LSTM__AMX_ROWS ? streams / 2 : 0, upper = streams - lower;
	struct lstm__amx_shape shape;
	int i;

	if (a->streams == streams && a->words == words)
		return;
	a->streams = streams;
	a->words = words;
	memset(&shape, 0, sizeof(shape));
	shape.palette = 1;
	for (i = 0; i < 4; i++)
		lstm__amx_hold(&shape, i, i < 2 || !lower ? upper : lower, LSTM__LANES);
	lstm__amx_hold(&shape, 4, upper, words);
	if (lower)
		lstm__amx_hold(&shape, 5, lower, words);
	for (i = lower ? 6 : 5; i < 8; i++)
		lstm__amx_hold(&shape, i, words, LSTM__LANES);
	lstm__amx_config(&shape);
}

/* The codes that some streams are multiplied by: rows of x or h. */
struct lstm__amx_codes {
	const float *row; /* of the first stream */
	size_t apart;     /* floats */
	size_t words;     /* of codes in a row */
	size_t at_once;   /* words: as many as a register's rows have */
	float last[LSTM__AMX_STREAMS * LSTM__AMX_ROWS]; /* those that are left over, behind zeros */
};

/* The codes of streams from `row` on.  The last words that fill no register are multiplied together with
 * those before them, which count as zero then: nothing is read beyond a matrix's end. */
static void lstm__amx_take(struct lstm__amx_codes *c, const float *row, size_t streams)
{
	const size_t left = c->words % c->at_once;
	size_t s;

	c->row = row;
	for (s = 0; left && s < streams; s++, row += c->apart) {
		float *to = c->last + s * LSTM__AMX_ROWS;
		memset(to, 0, LSTM__AMX_ROWS * sizeof(float));
		memcpy(to + LSTM__AMX_ROWS - left, row + LSTM__CODES + c->words - left,
		       left * sizeof(float));
	}
}

static void lstm__amx_row(struct lstm__amx_codes *c, size_t words, size_t apart)
{
	c->words = words;
	c->apart = apart;
	c->at_once = words < LSTM__AMX_ROWS ? words : LSTM__AMX_ROWS;
}

/* Four gates of up to 16 streams. */
LSTM__INLINE void lstm__amx_four(const float *codes, size_t apart, const int32_t *w)
{
	const size_t pitch = LSTM__AMX_GATES * sizeof(*w);
	lstm__amx_load(4, codes, apart);
	lstm__amx_load(5, w, pitch);
	lstm__amx_dot(0, 4, 5);
	lstm__amx_load(6, w + LSTM__LANES, pitch);
	lstm__amx_dot(1, 4, 6);
	lstm__amx_load(7, w + 2 * LSTM__LANES, pitch);
	lstm__amx_dot(2, 4, 7);
	lstm__amx_load(5, w + 3 * LSTM__LANES, pitch);
	lstm__amx_dot(3, 4, 5);
}

/* Two gates of two times as many. */
LSTM__INLINE void lstm__amx_two(const float *upper, const float *lower, size_t apart,
                                const int32_t *w)
{
	const size_t pitch = LSTM__AMX_GATES * sizeof(*w);
	lstm__amx_load(4, upper, apart);
	lstm__amx_load(6, w, pitch);
	lstm__amx_dot(0, 4, 6);
	lstm__amx_load(7, w + LSTM__LANES, pitch);
	lstm__amx_dot(1, 4, 7);
	lstm__amx_load(5, lower, apart);
	lstm__amx_dot(2, 5, 6);
	lstm__amx_dot(3, 5, 7);
}

/* total[stream][gate][lane] = sums of codes times the weights w of one vector of units. */
LSTM__NOINLINE void LSTM__FN(amx_sums)(int32_t *total, const struct lstm__amx_codes *c,
                                       size_t streams, const int32_t *w)
{
	const size_t lower = streams > LSTM__AMX_ROWS ? streams / 2 : 0, upper = streams - lower;
	const size_t pitch = LSTM__AMX_GATES * sizeof(*total), apart = c->apart * sizeof(float);
	const size_t at_once = c->at_once, left = c->words % at_once, whole = c->words - left;
	const float *row = c->row + LSTM__CODES, *below = row + upper * c->apart;
	const size_t others = lower ? upper * LSTM__AMX_GATES : (size_t)2 * LSTM__LANES;
	const int32_t *end = w + (left ? c->words - LSTM__AMX_ROWS : 0) * LSTM__AMX_GATES;
	int gate;
	size_t k;

	for (gate = 0; gate < 4; gate += lower ? 2 : 4, w += 2 * LSTM__LANES, end += 2 * LSTM__LANES) {
		lstm__amx_zero(0);
		lstm__amx_zero(1);
		lstm__amx_zero(2);
		lstm__amx_zero(3);
		for (k = 0; lower && k < whole; k += at_once)
			lstm__amx_two(row + k, below + k, apart, w + k * LSTM__AMX_GATES);
		for (k = 0; !lower && k < whole; k += at_once)
			lstm__amx_four(row + k, apart, w + k * LSTM__AMX_GATES);
		if (left && lower)
			lstm__amx_two(c->last, c->last + upper * LSTM__AMX_ROWS, LSTM__LINE, end);
		else if (left)
			lstm__amx_four(c->last, LSTM__LINE, end);
		lstm__amx_store(0, total, pitch);
		lstm__amx_store(1, total + LSTM__LANES, pitch);
		lstm__amx_store(2, total + others, pitch);
		lstm__amx_store(3, total + others + LSTM__LANES, pitch);
		total += 2 * LSTM__LANES;
	}
}

/* out[stream][gate][lane] = start + the numbers that the sums of codes stand for, as `dot` ends. */
LSTM__NOINLINE void LSTM__FN(amx_numbers)(const int32_t *total, const struct lstm__amx_codes *c,
                                          size_t streams, const struct LSTM__FN(rows) *w,
                                          const float *start, size_t start_row, float *out,
                                          size_t out_row)
{
	const float *row = c->row;
	lstm__vi sum[4];
	lstm__vf scale[4];
	size_t s;
	int v;

	LSTM__UNROLL
	for (v = 0; v < 4; v++) {
		sum[v] = lstm__load_i(w->sum + v * LSTM__LANES);
		scale[v] = lstm__load(w->scale + v * LSTM__LANES);
	}
	for (s = 0; s < streams; s++, row += c->apart, total += LSTM__AMX_GATES) {
		LSTM__UNROLL
		for (v = 0; v < 4; v++) {
			const lstm__vi all = lstm__add_i(lstm__load_i(total + v * LSTM__LANES),
			                                 lstm__mul_i(lstm__splat_i(row + 1), sum[v]));
			lstm__store(out + v * LSTM__LANES,
			            lstm__fma(lstm__to_float(all),
			                      lstm__mul(lstm__splat(row), scale[v]),
			                      lstm__load(start + v * LSTM__LANES)));
		}
		start += start_row;
		out += out_row;
	}
}

/* Streams or rows at a time. */
LSTM__INLINE size_t lstm__amx_group(size_t left)
{
	return left < LSTM__AMX_STREAMS ? left : LSTM__AMX_STREAMS;
}

/* `project_ahead` of rows that follow each other. */
static void LSTM__FN(amx_ahead)(const struct lstm__job *job, size_t rows)
{
	const struct lstm__layer *l = job->layer;
	const size_t gates = 4 * job->c_row;
	int32_t total[LSTM__AMX_STREAMS * LSTM__AMX_GATES];
	struct lstm__amx_codes x;
	struct lstm__amx amx;
	size_t r, v, m;

	amx.streams = amx.words = 0;
	lstm__amx_row(&x, lstm__words(LSTM__DTYPE, l->width), job->code_row);
	for (r = 0; r < rows; r += m) {
		m = lstm__amx_group(rows - r);
		lstm__amx_set(&amx, m, x.at_once);
		lstm__amx_take(&x, job->codes + r * job->code_row, m);
		for (v = job->from; v < job->to; v++) {
			const size_t block = v * LSTM__AMX_GATES;
			const struct LSTM__FN(rows) w = LSTM__FN(rows_of_x)(l, block, 0);
			LSTM__FN(amx_sums)(total, &x, m, w.at);
			LSTM__FN(amx_numbers)(total, &x, m, &w, l->bias + block, 0,
			                      job->pre + r * gates + block, gates);
		}
	}
	lstm__amx_release();
}

/* gates of m streams from x and h, of the vector of units v. */
static void LSTM__FN(amx_gates)(const struct lstm__job *job, struct lstm__amx *amx,
                                const struct lstm__amx_codes *x, const struct lstm__amx_codes *h,
                                size_t m, size_t v, const float *pre, float *gates)
{
	const struct lstm__layer *l = job->layer;
	const size_t block = v * LSTM__AMX_GATES;
	const float *start = pre ? pre + block : gates;
	const size_t start_row = pre ? 4 * job->c_row : LSTM__AMX_GATES;
	int32_t total[LSTM__AMX_STREAMS * LSTM__AMX_GATES];
	struct LSTM__FN(rows) w;

	if (!pre) {
		w = LSTM__FN(rows_of_x)(l, block, 0);
		lstm__amx_set(amx, m, x->at_once);
		LSTM__FN(amx_sums)(total, x, m, w.at);
		LSTM__FN(amx_numbers)(total, x, m, &w, l->bias + block, 0, gates, LSTM__AMX_GATES);
	}
	w = LSTM__FN(rows_of_h)(l, block, 0, LSTM__AMX_GATES);
	lstm__amx_set(amx, m, h->at_once);
	LSTM__FN(amx_sums)(total, h, m, w.at);
	LSTM__FN(amx_numbers)(total, h, m, &w, start, start_row, gates, LSTM__AMX_GATES);
}

/* `step` of the first n streams of a batch. */
static void LSTM__FN(amx_step)(const struct lstm__job *job, size_t first, size_t t, size_t n,
                               int ahead)
{
	const struct lstm__layer *l = job->layer;
	const int back = LSTM__FN(backwards)(job, job->active[0]);
	const size_t row = (t - first) * (size_t)job->batch;
	float gates[LSTM__AMX_STREAMS * LSTM__AMX_GATES];
	struct lstm__amx_codes x, h;
	struct lstm__amx amx;
	size_t i, v, from, m;

	amx.streams = amx.words = 0;
	LSTM__FN(own_all)(job, n);
	lstm__amx_row(&x, lstm__words(LSTM__DTYPE, l->width), job->code_row);
	lstm__amx_row(&h, lstm__words(LSTM__DTYPE, l->output), job->code_row);
	for (i = 0; i < l->vectors; i++) {
		v = back ? l->vectors - 1 - i : i;
		for (from = 0; from < n; from += m) {
			m = lstm__amx_group(n - from);
			if (i == 0 || n > LSTM__AMX_STREAMS) {
				lstm__amx_take(&x, job->codes + (row + from) * job->code_row, m);
				lstm__amx_take(&h, job->h_codes + from * job->code_row, m);
			}
			LSTM__FN(amx_gates)(job, &amx, &x, &h, m, v,
			                    ahead ? job->pre + (row + from) * 4 * job->c_row : NULL,
			                    gates);
			LSTM__FN(cells)(job, t, from, m, gates, v * LSTM__LANES);
		}
	}
	lstm__amx_release();
}

#endif
