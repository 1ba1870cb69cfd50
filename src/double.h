/* The equations in double precision: no model and no state, the framework's arrays as they are. */
struct lstm__f64_cell { /* one layer in one direction */
	const lstm_desc *desc;
	const lstm_activation *activations; /* gates, candidate, output */
	const lstm_weights_f64 *weights;
	size_t width, hidden, output;
};

struct lstm__f64_work {       /* what the workspace holds */
	double *h, *next, *c; /* of the stream at hand */
	double *full;         /* o * tanh(c) before projection, or NULL */
	double *between[2];   /* outputs of a layer for the next: [steps][batch][width] */
};

struct lstm__f64_stream { /* one stream's way through one layer in one direction */
	const double *x;
	double *y; /* or NULL */
	size_t x_step, y_step;
	size_t index;
	int reverse;
};

static double lstm__f64_activation(const lstm_activation *a, double x)
{
	const double alpha = (double)a->alpha, beta = (double)a->beta;
	switch (a->function) {
	case LSTM_SIGMOID: return 1 / (1 + exp(-x));
	case LSTM_TANH: return tanh(x);
	case LSTM_RELU: return x < 0 ? 0 : x;
	case LSTM_LINEAR: return x;
	case LSTM_AFFINE: return alpha * x + beta;
	case LSTM_LEAKY_RELU: return x < 0 ? alpha * x : x;
	case LSTM_THRESHOLDED_RELU: return x <= alpha ? 0 : x;
	case LSTM_SCALED_TANH: return alpha * tanh(beta * x);
	case LSTM_HARD_SIGMOID: x = alpha * x + beta; return x < 0 ? 0 : x > 1 ? 1 : x;
	case LSTM_HARD_SIGMOID_KERAS3: x = x / 6 + 0.5; return x < 0 ? 0 : x > 1 ? 1 : x;
	case LSTM_ELU: return x < 0 ? alpha * expm1(x) : x;
	case LSTM_SOFTSIGN: return x / (1 + fabs(x));
	case LSTM_SOFTPLUS: return (x < 0 ? 0 : x) + log1p(exp(-fabs(x)));
	case LSTM_DEFAULT: break;
	}
	return x;
}

/* limit 0 is none; NaN stays NaN. */
static double lstm__f64_limit(double x, float limit)
{
	const double most = limit > 0 ? (double)limit : (double)INFINITY;
	return x > most ? most : x < -most ? -most : x;
}

static double lstm__f64_dot(double sum, const double *w, size_t column, const double *x, size_t n)
{
	size_t k;
	for (k = 0; k < n; k++)
		sum += w[k * column] * x[k];
	return sum;
}

/* W x + U h + b of one gate of unit j. */
static double lstm__f64_sum(const struct lstm__f64_cell *l, int gate, size_t j, const double *x,
                            const double *h)
{
	const lstm_weights_f64 *from = l->weights;
	const lstm_layout layout = l->desc->layout;
	const int turned = layout == LSTM_LAYOUT_KERAS;
	const size_t row = lstm__gate_blocks(layout)[gate] * l->hidden + j;
	const size_t column = turned ? 4 * l->hidden : 1;
	double sum = (from->b ? from->b[row] : 0) + (from->b2 ? from->b2[row] : 0);

	sum = lstm__f64_dot(sum, from->w + (turned ? row : row * l->width), column, x, l->width);
	return lstm__f64_dot(sum, from->u + (turned ? row : row * l->output), column, h, l->output);
}

/* Unit j's peephole of i, f or o (which = 0, 1, 2) times what it sees of the cell. */
static double lstm__f64_peep(const struct lstm__f64_cell *l, int which, size_t j, double c)
{
	const double *p = l->weights->peephole;
	return p ? p[lstm__peephole_blocks(l->desc->layout)[which] * l->hidden + j] * c : 0;
}

/* One step of the stream in the workspace. */
static void lstm__f64_step(const struct lstm__f64_cell *l, struct lstm__f64_work *w,
                           const double *x)
{
	const lstm_activation *a = l->activations;
	const float clip = l->desc->clip;
	double *out = w->full ? w->full : w->next, *before = w->h;
	size_t j;

	for (j = 0; j < l->hidden; j++) {
		double c = w->c[j];
		double i = lstm__f64_sum(l, LSTM__I, j, x, before) + lstm__f64_peep(l, 0, j, c);
		double f = lstm__f64_sum(l, LSTM__F, j, x, before) + lstm__f64_peep(l, 1, j, c);
		double g = lstm__f64_sum(l, LSTM__G, j, x, before);
		double o = lstm__f64_sum(l, LSTM__O, j, x, before);

		i = lstm__f64_activation(&a[0], lstm__f64_limit(i, clip));
		f = l->desc->input_forget ? 1 - i
		                          : lstm__f64_activation(&a[0], lstm__f64_limit(f, clip));
		g = lstm__f64_activation(&a[1], lstm__f64_limit(g, clip));
		c = lstm__f64_limit(f * c + i * g, l->desc->cell_clip);
		o += lstm__f64_peep(l, 2, j, c);
		o = lstm__f64_activation(&a[0], lstm__f64_limit(o, clip));
		w->c[j] = c;
		out[j] = o * lstm__f64_activation(&a[2], c);
	}
	for (j = 0; w->full && j < l->output; j++)
		w->next[j] = lstm__f64_dot(0, l->weights->projection + j * l->hidden, 1, w->full,
		                           l->hidden);
	w->h = w->next;
	w->next = before;
}

static void lstm__f64_begin(double *to, const double *from, size_t n)
{
	if (from)
		memcpy(to, from, n * sizeof(double));
	else
		memset(to, 0, n * sizeof(double));
}

/* All steps of stream b, from its initial state to its final one. */
static void lstm__f64_run_stream(const struct lstm__f64_cell *l, struct lstm__f64_work *w,
                                 const struct lstm__args *a, const lstm_run_args_f64 *args,
                                 const struct lstm__f64_stream *s, size_t b)
{
	const struct lstm__mask *mask = a->mask.at ? &a->mask : NULL;
	const size_t row = lstm__args_row(a->order, a->cells, a->batch, s->index, b);
	const size_t bytes = l->output * sizeof(double);
	size_t n, t;

	lstm__f64_begin(w->h, args->h0 ? args->h0 + row * l->output : NULL, l->output);
	lstm__f64_begin(w->c, args->c0 ? args->c0 + row * l->hidden : NULL, l->hidden);
	for (n = 0; n < a->steps; n++) {
		int zero = 0;
		t = s->reverse ? a->steps - 1 - n : n;
		if (lstm__counts(a->lengths, mask, t, b))
			lstm__f64_step(l, w, s->x + t * s->x_step);
		else
			zero = !lstm__within(a->lengths, t, b) || !a->mask.hold;
		if (s->y && zero)
			memset(s->y + t * s->y_step, 0, bytes);
		else if (s->y)
			memcpy(s->y + t * s->y_step, w->h, bytes);
	}
	if (args->hn)
		memcpy(args->hn + row * l->output, w->h, bytes);
	if (args->cn)
		memcpy(args->cn + row * l->hidden, w->c, l->hidden * sizeof(double));
	if (args->last && s->index + a->directions >= a->cells)
		memcpy(args->last + (b * a->directions + s->index % a->directions) * l->output,
		       w->h, bytes);
}

/* Layer by layer, direction by direction, stream by stream. */
static void lstm__f64_run_all(const lstm_desc *d, const lstm_weights_f64 *weights,
                              struct lstm__f64_work *w, const struct lstm__args *a,
                              const lstm_run_args_f64 *args)
{
	const size_t width = a->directions * a->output;
	struct lstm__f64_cell l;
	struct lstm__f64_stream s;
	size_t i, b;

	l.desc = d;
	l.hidden = a->hidden;
	l.output = a->output;
	for (i = 0; i < a->cells; i++) {
		const size_t layer = i / a->directions, direction = i % a->directions;
		const int first = layer == 0, last = i + a->directions >= a->cells;
		double *y = last ? args->y : w->between[layer & 1];

		l.weights = &weights[i];
		l.activations = d->activations[direction];
		l.width = first ? a->input : width;
		s.index = i;
		s.reverse = d->direction == LSTM_REVERSE || direction == 1;
		s.x_step = first ? a->x_step : a->batch * width;
		s.y_step = last ? a->y_step : a->batch * width;
		if (y)
			y += direction * (last ? a->y_direction : a->output);
		for (b = 0; b < a->batch; b++) {
			s.x = first ? args->x + b * a->x_stream
			            : w->between[(layer - 1) & 1] + b * width;
			s.y = y ? y + b * (last ? a->y_stream : width) : NULL;
			lstm__f64_run_stream(&l, w, a, args, &s, b);
		}
	}
}

/* The description with its defaults, and what follows from it. */
static lstm_status lstm__f64_complete(lstm_desc *d, struct lstm__args *a, int batch, size_t steps)
{
	lstm_status status;

	if (d->isa == LSTM_ISA_AUTO)
		d->isa = LSTM_ISA_SCALAR;
	if (d->dtypes || (d->dtype != LSTM_DTYPE_OTHER && d->dtype != LSTM_DTYPE_F64))
		return LSTM_ERR_ARG;
	d->dtype = LSTM_DTYPE_F32; /* of no meaning here */
	status = lstm__desc_complete(d);
	if (status == LSTM_OK && d->isa != LSTM_ISA_SCALAR)
		status = LSTM_ERR_ISA;
	if (status == LSTM_OK && batch <= 0)
		status = LSTM_ERR_ARG;
	if (status != LSTM_OK)
		return status;
	memset(a, 0, sizeof(*a));
	a->number = sizeof(double);
	a->batch = (size_t)batch;
	a->steps = steps;
	a->directions = d->direction == LSTM_BIDIRECTIONAL ? 2 : 1;
	a->cells = (size_t)d->layers * a->directions;
	a->input = (size_t)d->input;
	a->hidden = (size_t)d->hidden;
	a->output = (size_t)(d->projection ? d->projection : d->hidden);
	return LSTM_OK;
}

static double *lstm__f64_take(struct lstm__arena *arena, size_t rows, size_t columns)
{
	return (double *)lstm__take2(arena, rows, columns, sizeof(double));
}

static void lstm__f64_build(struct lstm__arena *arena, struct lstm__f64_work *w, const lstm_desc *d,
                            const struct lstm__args *a)
{
	size_t rows = 0, layer;

	w->h = lstm__f64_take(arena, a->output, 1);
	w->next = lstm__f64_take(arena, a->output, 1);
	w->c = lstm__f64_take(arena, a->hidden, 1);
	w->full = d->projection ? lstm__f64_take(arena, a->hidden, 1) : NULL;
	if (!lstm__multiply(a->steps, a->batch, &rows))
		arena->overflow = 1;
	for (layer = 0; layer < 2; layer++)
		w->between[layer] = (size_t)d->layers > layer + 1
		                            ? lstm__f64_take(arena, rows, a->directions * a->output)
		                            : NULL;
}

static int lstm__f64_weights_complete(const lstm_desc *d, const lstm_weights_f64 *weights, size_t n)
{
	size_t i;
	for (i = 0; i < n; i++)
		if (!weights[i].w || !weights[i].u || !weights[i].projection != !d->projection)
			return 0;
	return 1;
}

LSTM__DEF lstm_status lstm_f64_size(const lstm_desc *desc, int batch, size_t steps, size_t *bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	struct lstm__f64_work work;
	struct lstm__args a;
	lstm_status status;
	lstm_desc d;

	if (!desc || !bytes)
		return LSTM_ERR_ARG;
	d = *desc;
	status = lstm__f64_complete(&d, &a, batch, steps);
	if (status != LSTM_OK)
		return status;
	lstm__f64_build(&arena, &work, &d, &a);
	if (arena.overflow)
		return LSTM_ERR_SIZE;
	*bytes = arena.used;
	return LSTM_OK;
}

/* The fields that are the caller's. */
static lstm_status lstm__f64_args(struct lstm__args *a, const lstm_run_args_f64 *from)
{
	a->x = from->x;
	a->y = from->y;
	a->last = from->last;
	a->h0 = from->h0;
	a->c0 = from->c0;
	a->hn = from->hn;
	a->cn = from->cn;
	a->lengths = from->lengths;
	a->order = from->order;
	a->x_step = from->x_step;
	a->x_stream = from->x_stream;
	a->y_step = from->y_step;
	a->y_stream = from->y_stream;
	a->y_direction = from->y_direction;
	a->mask.at = from->mask;
	a->mask.step = from->mask_step;
	a->mask.stream = from->mask_stream;
	a->masked = from->masked;
	return lstm__args_complete(a);
}

LSTM__DEF lstm_status lstm_f64_run(const lstm_desc *desc, const lstm_weights_f64 *weights,
                                   const lstm_run_args_f64 *args, void *workspace, size_t bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	struct lstm__f64_work work;
	struct lstm__args a;
	lstm_status status;
	lstm_desc d;
	unsigned environment;
	size_t need;
	const int found = errno; /* exp may set it */

	if (!desc || !weights || !args)
		return LSTM_ERR_ARG;
	status = lstm_f64_size(desc, args->batch, args->steps, &need);
	if (status != LSTM_OK)
		return status;
	d = *desc;
	status = lstm__f64_complete(&d, &a, args->batch, args->steps);
	if (status == LSTM_OK && !lstm__f64_weights_complete(&d, weights, a.cells))
		status = LSTM_ERR_ARG;
	if (status == LSTM_OK)
		status = lstm__f64_args(&a, args);
	if (status == LSTM_OK)
		status = lstm__arena_check(workspace, bytes, need);
	if (status != LSTM_OK)
		return status;
	arena.base = (unsigned char *)workspace;
	lstm__f64_build(&arena, &work, &d, &a);
	lstm__fp_enter(&environment);
	lstm__f64_run_all(&d, weights, &work, &a, args);
	lstm__fp_leave(environment);
	errno = found;
	return LSTM_OK;
}
