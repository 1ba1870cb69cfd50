/* A layer's arrays, from the framework's to what the kernels read. */
static void lstm__pack_bias(float *to, const struct lstm__source *s, const float *b,
                            const float *b2, size_t rows)
{
	const size_t lanes = (size_t)s->lanes;
	size_t r, i, row, real;
	for (r = 0; r < rows; r += lanes) {
		real = lstm__gate_row(s, r, &row);
		for (i = 0; i < lanes; i++, row++)
			to[r + i] = i < real ? lstm__flush((b ? b[row] : 0) + (b2 ? b2[row] : 0))
			                     : 0;
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

/* A matrix as the layer keeps it; scale: of its rows, or NULL. */
static void lstm__pack_matrix(const struct lstm__matrix *to, const struct lstm__source *s,
                              lstm__row_fn find, size_t rows,
                              size_t block, const float *scale)
{
#if LSTM__LOW
	if (s->dtype != LSTM_DTYPE_F32) {
		lstm__pack_low(to, s, find, rows, block, scale);
		return;
	}
#else
	(void)scale;
#endif
	lstm__pack((float *)to->words, s, find, rows, block);
}

/* Fill what the layer points to. */
static void lstm__pack_layer(const struct lstm__layer *l, const lstm_weights *from,
                             const lstm_model *model)
{
	lstm_layout layout = model->desc.layout;
	size_t lanes = (size_t)l->kernels->lanes, rows = l->vectors * 4 * lanes;
	size_t block = l->units * 4 * lanes;
	size_t x_words = lstm__words(l->dtype, l->width);
	struct lstm__source s;

	memcpy(s.gate, lstm__gate_blocks(layout), 4);
	s.hidden = l->hidden;
	s.lanes = (int)lanes;
	s.dtype = l->dtype;
	s.from = from->type == LSTM_DTYPE_OTHER ? LSTM_DTYPE_F32 : from->type;

	lstm__pack_bias(l->bias, &s, from->b, from->b2, rows);
	s.data = from->w;
	s.row = layout == LSTM_LAYOUT_KERAS ? 1 : l->width;
	s.column = layout == LSTM_LAYOUT_KERAS ? 4 * l->hidden : 1;
	s.columns = l->width;
	s.before = 0;
	s.all = x_words + lstm__words(l->dtype, l->output);
	lstm__pack_matrix(&l->w, &s, lstm__gate_row, rows, lanes == 1 ? 1 : block, from->w_scale);
	s.data = from->u;
	s.row = layout == LSTM_LAYOUT_KERAS ? 1 : l->output;
	s.columns = l->output;
	s.before = x_words;
	lstm__pack_matrix(&l->u, &s, lstm__gate_row, rows, lanes == 1 ? 1 : block, from->u_scale);
	if (l->peephole)
		lstm__pack_peephole(l->peephole, from->peephole, l->hidden, l->vectors * lanes,
		                    layout);
	if (from->projection) {
		s.data = from->projection;
		s.row = l->hidden;
		s.column = 1;
		s.hidden = l->output;
		s.columns = l->hidden;
		s.before = 0;
		s.all = lstm__words(l->dtype, l->hidden);
		lstm__pack_matrix(&l->projection, &s, lstm__plain_row,
		                  (l->output + lanes - 1) / lanes * lanes,
		                  lanes == 1 ? 1 : 4 * lanes, from->projection_scale);
	}
}
