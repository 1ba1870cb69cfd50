/* From the framework's arrays to the order in which the kernels read.
 *
 * A matrix of rows is cut into blocks of V vectors of rows (V = units * 4 for gates, where the four
 * gates of a vector of units lie together; 4 for a projection), the last block holding what is
 * left.  Within a block the order is [k][vector][lane], for gates first all k of x, then all of h: a
 * kernel reads it from front to back, in one stream that the processor can fetch ahead, and
 * needs one broadcast of x[k] or h[k] for V vectors.  Rows past the last are zero.  At one lane and
 * one vector per block this is the plain matrix, which is what the reference path reads. */
struct lstm__source {
	const float *data;
	size_t row, column; /* strides in floats */
	size_t columns;     /* of this matrix */
	size_t before, all; /* columns of a block before this matrix's, and altogether */
	size_t hidden;
	int lanes;
	unsigned char gate[4]; /* position in the framework's order of i, f, g, o */
};

/* Where row r of the packed order (unit vector, gate, lane) comes from; 0 for padding. */
static int lstm__gate_row(const struct lstm__source *s, size_t r, size_t *row)
{
	size_t lanes = (size_t)s->lanes;
	size_t unit = r / (4 * lanes) * lanes + r % lanes;
	*row = s->gate[r / lanes % 4] * s->hidden + unit;
	return unit < s->hidden;
}

static int lstm__plain_row(const struct lstm__source *s, size_t r, size_t *row)
{
	*row = r;
	return r < s->hidden;
}

typedef int (*lstm__row_fn)(const struct lstm__source *s, size_t r, size_t *row);

/* rows (padded) x columns, in blocks of at most block rows. */
static void lstm__pack(float *all, const struct lstm__source *s, lstm__row_fn find, size_t rows,
                       size_t block)
{
	size_t first, r, k, tile, row;
	for (first = 0; first < rows; first += block) {
		size_t n = rows - first < block ? rows - first : block;
		float *to = all + first * s->all + n * s->before;
		for (tile = 0; tile < s->columns; tile += 16) { /* one cache line of each row */
			size_t end = s->columns - tile < 16 ? s->columns : tile + 16;
			for (r = 0; r < n; r++) {
				int real = find(s, first + r, &row);
				for (k = tile; k < end; k++)
					to[k * n + r] = real ? lstm__flush(s->data[row * s->row +
					                                           k * s->column])
					                     : 0;
			}
		}
	}
}

static void lstm__pack_bias(float *to, const struct lstm__source *s, const float *b,
                            const float *b2, size_t rows)
{
	size_t r, row;
	for (r = 0; r < rows; r++) {
		int real = lstm__gate_row(s, r, &row);
		to[r] = real ? lstm__flush((b ? b[row] : 0) + (b2 ? b2[row] : 0)) : 0;
	}
}

/* Which of the framework's blocks is that of i, f, g and o; and of the peepholes' i, f and o. */
static const unsigned char *lstm__gate_blocks(lstm_layout layout)
{
	static const unsigned char ifgo[4] = {0, 1, 2, 3}, iofg[4] = {0, 2, 3, 1};
	return layout == LSTM_LAYOUT_ONNX ? iofg : ifgo;
}

static const unsigned char *lstm__peephole_blocks(lstm_layout layout)
{
	static const unsigned char ifo[3] = {0, 1, 2}, iof[3] = {0, 2, 1};
	return layout == LSTM_LAYOUT_ONNX ? iof : ifo;
}

/* [i f o][padded] from the framework's order. */
static void lstm__pack_peephole(float *to, const float *from, size_t hidden, size_t padded,
                                lstm_layout layout)
{
	const unsigned char *order = lstm__peephole_blocks(layout);
	size_t g, j;
	for (g = 0; g < 3; g++)
		for (j = 0; j < padded; j++)
			to[g * padded + j] =
				j < hidden ? lstm__flush(from[order[g] * hidden + j]) : 0;
}

/* The same with room for it taken from the model's arena; see model.h for the destinations. */
static void lstm__pack_layer(const struct lstm__layer *l, const lstm_weights *from,
                             const lstm_model *model, float *const to[4])
{
	lstm_layout layout = model->desc.layout;
	size_t lanes = (size_t)model->kernels->lanes, rows = l->vectors * 4 * lanes;
	size_t block = (size_t)model->kernels->units * 4 * lanes;
	struct lstm__source s;

	memcpy(s.gate, lstm__gate_blocks(layout), 4);
	s.hidden = l->hidden;
	s.lanes = (int)lanes;

	lstm__pack_bias(to[0], &s, from->b, from->b2, rows);
	s.data = from->w;
	s.row = layout == LSTM_LAYOUT_KERAS ? 1 : l->width;
	s.column = layout == LSTM_LAYOUT_KERAS ? 4 * l->hidden : 1;
	s.columns = l->width;
	s.before = 0;
	s.all = l->width + l->output;
	lstm__pack(to[1], &s, lstm__gate_row, rows, lanes == 1 ? 1 : block);
	s.data = from->u;
	s.row = layout == LSTM_LAYOUT_KERAS ? 1 : l->output;
	s.columns = l->output;
	s.before = l->width;
	lstm__pack(to[1], &s, lstm__gate_row, rows, lanes == 1 ? 1 : block);
	if (from->peephole)
		lstm__pack_peephole(to[2], from->peephole, l->hidden, l->vectors * lanes, layout);
	if (from->projection) {
		s.data = from->projection;
		s.row = l->hidden;
		s.column = 1;
		s.hidden = l->output;
		s.columns = s.all = l->hidden;
		s.before = 0;
		lstm__pack(to[3], &s, lstm__plain_row, (l->output + lanes - 1) / lanes * lanes,
		           lanes == 1 ? 1 : 4 * lanes);
	}
}
