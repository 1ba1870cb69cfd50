/* What the extended calls are given, in fp32 and in double: completed and checked in one place. */
struct lstm__args {
	size_t number;                                          /* bytes of one */
	size_t batch, directions, cells, input, hidden, output; /* cells = layers * directions */
	const void *x, *y, *last, *h0, *c0, *hn, *cn;
	size_t steps;
	const size_t *lengths;
	lstm_order order;
	size_t x_step, x_stream, y_step, y_stream, y_direction;
	struct lstm__mask mask;
	lstm_masked masked;
};

struct lstm__range {
	const void *at;
	size_t bytes;
};

/* Row of cell i (a layer and direction) and stream b in an array of states. */
static size_t lstm__args_row(lstm_order order, size_t cells, size_t batch, size_t i, size_t b)
{
	return order == LSTM_TIME_MAJOR ? i * batch + b : b * cells + i;
}

/* Fill in dense strides where there are none, for rows that are width apart; 0 if what they span
 * overflows size_t.  A row reaches over `reach` numbers; *bytes is from the first to past the last. */
static int lstm__args_strides(const struct lstm__args *a, size_t width, size_t reach, size_t number,
                              size_t *step, size_t *stream, size_t *bytes)
{
	const int time_major = a->order == LSTM_TIME_MAJOR;
	size_t rows = time_major ? a->batch : a->steps, i = 0, j = 0;
	size_t *outer = time_major ? step : stream, *inner = time_major ? stream : step;

	if (!*inner)
		*inner = width;
	if (!*outer && !lstm__multiply(rows, *inner, outer))
		return 0;
	if (a->steps && !lstm__multiply(a->steps - 1, *step, &i))
		return 0;
	if (!lstm__multiply(a->batch - 1, *stream, &j) || j > SIZE_MAX - i ||
	    reach > SIZE_MAX - i - j)
		return 0;
	return lstm__multiply(a->steps ? i + j + reach : 0, number, bytes);
}

static int lstm__overlap(const struct lstm__range *p, const struct lstm__range *q)
{
	uintptr_t a = (uintptr_t)p->at, b = (uintptr_t)q->at;
	if (!p->at || !q->at || !p->bytes || !q->bytes)
		return 0;
	return a < b ? b - a < p->bytes : a - b < q->bytes;
}

/* No array that is written meets another one, except hn in the place of h0, and cn of c0. */
static int lstm__args_apart(const struct lstm__args *a, size_t x, size_t y, size_t mask, size_t h,
                            size_t c)
{
	enum { LAST = 1, HN, CN, WRITTEN, H0 = WRITTEN, C0, X, MASK, LENGTHS, ALL };
	struct lstm__range all[ALL];
	int i, j, in_place;

	all[0].at = a->y;
	all[0].bytes = y;
	all[LAST].at = a->last;
	all[LAST].bytes = h / a->cells * a->directions;
	all[HN].at = a->hn;
	all[H0].at = a->h0;
	all[HN].bytes = all[H0].bytes = h;
	all[CN].at = a->cn;
	all[C0].at = a->c0;
	all[CN].bytes = all[C0].bytes = c;
	all[X].at = a->x;
	all[X].bytes = x;
	all[MASK].at = a->mask.at;
	all[MASK].bytes = mask;
	all[LENGTHS].at = a->lengths;
	all[LENGTHS].bytes = a->batch * sizeof(*a->lengths);
	for (i = 0; i < WRITTEN; i++)
		for (j = i + 1; j < ALL; j++) {
			in_place = (i == HN && j == H0) || (i == CN && j == C0);
			if (lstm__overlap(&all[i], &all[j]) &&
			    !(in_place && all[i].at == all[j].at))
				return 0;
		}
	return 1;
}

static lstm_status lstm__args_complete(struct lstm__args *a)
{
	const size_t width = a->directions * a->output;
	size_t reach = 0, x, y, mask, h, c, rows, b;

	if ((unsigned)a->order > LSTM_BATCH_MAJOR || (unsigned)a->masked > LSTM_MASKED_ZERO ||
	    (a->steps && !a->x))
		return LSTM_ERR_ARG;
	for (b = 0; a->lengths && b < a->batch; b++)
		if (a->lengths[b] > a->steps)
			return LSTM_ERR_ARG;
	a->mask.hold = a->masked == LSTM_MASKED_HOLD;
	if (!a->y_direction)
		a->y_direction = a->output;
	if (a->directions == 2)
		reach = a->y_direction;
	if (reach > SIZE_MAX - a->output)
		return LSTM_ERR_SIZE;
	if (!lstm__args_strides(a, a->input, a->input, a->number, &a->x_step, &a->x_stream, &x) ||
	    !lstm__args_strides(a, width, reach + a->output, a->number, &a->y_step, &a->y_stream,
	                        &y) ||
	    !lstm__args_strides(a, 1, 1, 1, &a->mask.step, &a->mask.stream, &mask) ||
	    !lstm__multiply(a->cells * a->number, a->batch, &rows) ||
	    !lstm__multiply(rows, a->output, &h) || !lstm__multiply(rows, a->hidden, &c))
		return LSTM_ERR_SIZE;
	return lstm__args_apart(a, x, y, mask, h, c) ? LSTM_OK : LSTM_ERR_ARG;
}
