/* Check a description, lay a model out in memory, fill it. */

/* Memory handed out front to back in multiples of LSTM_ALIGN.  With base NULL it only counts, so
 * the size query and the layout are one piece of code and cannot disagree. */
struct lstm__arena {
	unsigned char *base;
	size_t used;
	int overflow;
};

static void *lstm__take(struct lstm__arena *arena, size_t count, size_t size)
{
	size_t bytes, start = arena->used;
	if (!lstm__multiply(count, size, &bytes) || bytes > SIZE_MAX - (LSTM_ALIGN - 1) - start) {
		arena->overflow = 1;
		return NULL;
	}
	arena->used += (bytes + (LSTM_ALIGN - 1)) / LSTM_ALIGN * LSTM_ALIGN;
	return arena->base ? arena->base + start : NULL;
}

/* count * more elements of size bytes each. */
static void *lstm__take2(struct lstm__arena *arena, size_t count, size_t more, size_t size)
{
	if (!lstm__multiply(count, more, &count))
		count = SIZE_MAX;
	return lstm__take(arena, count, size);
}

static float *lstm__take_floats(struct lstm__arena *arena, size_t rows, size_t columns)
{
	return (float *)lstm__take2(arena, rows, columns, sizeof(float));
}

static lstm_status lstm__arena_check(const void *memory, size_t bytes, size_t need)
{
	if (!memory)
		return LSTM_ERR_ARG;
	return bytes < need || (uintptr_t)memory % LSTM_ALIGN ? LSTM_ERR_MEMORY : LSTM_OK;
}

/* ---- description ----------------------------------------------------------------------------- */
static int lstm__activation_complete(lstm_activation *a, lstm_function fallback)
{
	if (a->function == LSTM_DEFAULT)
		a->function = fallback;
	if ((unsigned)a->function > LSTM_SOFTPLUS || a->alpha != a->alpha || a->beta != a->beta)
		return 0;
	if (a->alpha == 0 && a->beta == 0)
		switch (a->function) {
		case LSTM_AFFINE:
		case LSTM_THRESHOLDED_RELU:
		case LSTM_ELU: a->alpha = 1; break;
		case LSTM_SCALED_TANH: a->alpha = a->beta = 1; break;
		case LSTM_LEAKY_RELU: a->alpha = 0.01f; break;
		case LSTM_HARD_SIGMOID:
			a->alpha = 0.2f;
			a->beta = 0.5f;
			break;
		default: break;
		}
	if (a->function == LSTM_HARD_SIGMOID_KERAS3) {
		a->alpha = 1.0f / 6;
		a->beta = 0.5f;
	}
	return 1;
}

static lstm_status lstm__dtype_check(const lstm_desc *d, lstm_dtype dtype)
{
	switch (dtype) {
	case LSTM_DTYPE_F32: return LSTM_OK;
	case LSTM_DTYPE_I8:
		if (d->input > LSTM_MAX_SIZE_I8 || d->hidden > LSTM_MAX_SIZE_I8 / 2 ||
		    d->projection > LSTM_MAX_SIZE_I8 / 2)
			return LSTM_ERR_SIZE;
		break;
	case LSTM_DTYPE_BF16:
	case LSTM_DTYPE_F16: break;
	default: return LSTM_ERR_ARG;
	}
	return LSTM__LOW ? LSTM_OK : LSTM_ERR_ISA;
}

static lstm_dtype lstm__dtype_of(const lstm_desc *d, int layer)
{
	return d->dtypes && d->dtypes[layer] != LSTM_DTYPE_OTHER ? d->dtypes[layer] : d->dtype;
}

static lstm_status lstm__dtypes_complete(lstm_desc *d)
{
	lstm_status status;
	int i;

	if (d->dtype == LSTM_DTYPE_OTHER)
		d->dtype = LSTM_DTYPE_F32;
	status = lstm__dtype_check(d, d->dtype);
	for (i = 0; d->dtypes && i < d->layers && status == LSTM_OK; i++)
		status = lstm__dtype_check(d, lstm__dtype_of(d, i));
	return status;
}

static lstm_status lstm__desc_complete(lstm_desc *d)
{
	lstm_status status;
	int i, k;
	if (d->layers == 0)
		d->layers = 1;
	if (d->input <= 0 || d->hidden <= 0 || d->projection < 0 || d->layers < 0)
		return LSTM_ERR_ARG;
	if (d->input > LSTM_MAX_SIZE || d->hidden > LSTM_MAX_SIZE ||
	    d->projection > LSTM_MAX_SIZE || d->layers > LSTM_MAX_LAYERS)
		return LSTM_ERR_SIZE;
	if ((unsigned)d->direction > LSTM_BIDIRECTIONAL || (unsigned)d->layout > LSTM_LAYOUT_KERAS)
		return LSTM_ERR_ARG;
	if (!(d->clip >= 0) || !(d->cell_clip >= 0))
		return LSTM_ERR_ARG;
	status = lstm__dtypes_complete(d);
	if (status != LSTM_OK)
		return status;
	d->input_forget = !!d->input_forget;
	for (k = 0; k < 3; k++) {
		if (d->activations[1][k].function == LSTM_DEFAULT)
			d->activations[1][k] = d->activations[0][k];
		for (i = 0; i < 2; i++)
			if (!lstm__activation_complete(&d->activations[i][k],
			                               k ? LSTM_TANH : LSTM_SIGMOID))
				return LSTM_ERR_ARG;
	}
	return lstm__isa_resolve(&d->isa);
}

/* ---- layout ---------------------------------------------------------------------------------- */
static void *lstm__take_words(struct lstm__arena *arena, size_t rows, size_t words, lstm_dtype dtype)
{
	return lstm__take2(arena, rows, words, lstm__word_bytes(dtype));
}

static void lstm__matrix_scales(struct lstm__matrix *m, struct lstm__arena *arena, size_t rows)
{
	m->scale = lstm__take_floats(arena, rows, 1);
	m->sum = (int32_t *)lstm__take(arena, rows, sizeof(*m->sum));
}

/* Where the packed arrays of one layer go. */
static void lstm__layer_lay_out(struct lstm__layer *l, struct lstm__arena *arena,
                                const lstm_model *m)
{
	size_t lanes = (size_t)l->kernels->lanes, rows = 0;
	size_t outputs = (l->output + lanes - 1) / lanes * lanes;

	if (!lstm__multiply(l->vectors, 4 * lanes, &rows))
		arena->overflow = 1;
	l->bias = lstm__take_floats(arena, rows, 1);
	l->w.words = l->u.words = lstm__take_words(
		arena, rows, lstm__words(l->dtype, l->width) + lstm__words(l->dtype, l->output),
		l->dtype);
	l->peephole = lstm__take_floats(arena, 3 * lanes, l->vectors);
	if (m->desc.projection)
		l->projection.words = lstm__take_words(arena, outputs,
		                                       lstm__words(l->dtype, l->hidden), l->dtype);
	if (l->dtype == LSTM_DTYPE_I8) {
		lstm__matrix_scales(&l->w, arena, rows);
		lstm__matrix_scales(&l->u, arena, rows);
		if (m->desc.projection)
			lstm__matrix_scales(&l->projection, arena, outputs);
	}
}

/* Whose kernels run weights of this type, or NULL.  The scalar path stands in for kernels that the
 * instruction set does not have only if nobody asked for one by name. */
static const struct lstm__kernels *lstm__kernels_of(const lstm_model *m, lstm_dtype dtype)
{
	const struct lstm__kernels *found = lstm__kernels_for(m->isa, dtype);
	return found || m->desc.isa != LSTM_ISA_AUTO ? found : &lstm__kernels_scalar;
}

static void lstm__layer_describe(struct lstm__layer *l, const lstm_model *m, int index)
{
	const lstm_desc *d = &m->desc;
	const lstm_activation *a = d->activations[index % m->directions];
	size_t lanes;

	l->dtype = lstm__dtype_of(d, index / m->directions);
	l->kernels = lstm__kernels_of(m, l->dtype);
	lanes = (size_t)l->kernels->lanes;
	l->hidden = (size_t)d->hidden;
	l->output = (size_t)(d->projection ? d->projection : d->hidden);
	l->width = index < m->directions ? (size_t)d->input : (size_t)m->directions * l->output;
	l->vectors = (l->hidden + lanes - 1) / lanes;
	l->units = lstm__block_units(l);
	l->gates = a[0];
	l->candidate = a[1];
	l->out = a[2];
	l->input_forget = (unsigned char)d->input_forget;
	l->clip = d->clip > 0 ? d->clip : (float)INFINITY;
	l->cell_clip = d->cell_clip > 0 ? d->cell_clip : (float)INFINITY;
	l->plain = a[0].function == LSTM_SIGMOID && a[1].function == LSTM_TANH &&
	           a[2].function == LSTM_TANH && !d->input_forget && !(d->clip > 0) &&
	           !(d->cell_clip > 0);
}

/* Lay the model out, and fill it if the arena has memory and weights are given.  m is a draft of
 * the model; the finished one is written at the front of the arena.  Whether a layer has peepholes is known
 * from its weights alone, which the size query does not see: room for them is always left. */
static lstm_model *lstm__model_build(struct lstm__arena *arena, lstm_model *m,
                                     const lstm_weights *weights)
{
	const int n = m->desc.layers * m->directions;
	const size_t types = m->desc.dtypes ? (size_t)m->desc.layers : 0;
	const size_t first_cache = weights ? lstm__first_cache() : 0;
	int i;
	lstm_model *model = (lstm_model *)lstm__take(arena, 1, sizeof(*model));
	lstm_dtype *dtypes = (lstm_dtype *)lstm__take(arena, types, sizeof(*dtypes));

	m->layers = (struct lstm__layer *)lstm__take(arena, (size_t)n, sizeof(*m->layers));
	for (i = 0; i < n && !arena->overflow; i++) {
		struct lstm__layer layer;
		memset(&layer, 0, sizeof(layer));
		lstm__layer_describe(&layer, m, i);
		lstm__layer_lay_out(&layer, arena, m);
		if (!weights)
			continue;
		if (!weights[i].peephole)
			layer.peephole = NULL;
		layer.plain = layer.plain && !layer.peephole;
		lstm__layer_turns(&layer, first_cache);
		lstm__layer_end(&layer);
		lstm__pack_layer(&layer, &weights[i], m);
		m->layers[i] = layer;
	}
	if (model) {
		*model = *m;
		model->desc.isa = m->layers[0].kernels->isa;
		for (i = 0; types && i < m->desc.layers; i++)
			dtypes[i] = lstm__dtype_of(&m->desc, i);
		model->desc.dtypes = types ? dtypes : NULL;
	}
	return model;
}

/* Complete the description: everything but memory. */
static lstm_status lstm__model_draft(lstm_model *m, const lstm_desc *desc)
{
	lstm_status status;
	int i;
	memset(m, 0, sizeof(*m));
	m->desc = *desc;
	status = lstm__desc_complete(&m->desc);
	if (status != LSTM_OK)
		return status;
	m->directions = m->desc.direction == LSTM_BIDIRECTIONAL ? 2 : 1;
	m->isa = m->desc.isa == LSTM_ISA_AUTO ? lstm_isa_best() : m->desc.isa;
	for (i = 0; i < (m->desc.dtypes ? m->desc.layers : 1); i++)
		if (!lstm__kernels_of(m, lstm__dtype_of(&m->desc, i)))
			return LSTM_ERR_ISA;
	return LSTM_OK;
}

static lstm_status lstm__model_measure(lstm_model *draft, const lstm_desc *desc, size_t *bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	lstm_status status = lstm__model_draft(draft, desc);
	if (status != LSTM_OK)
		return status;
	lstm__model_build(&arena, draft, NULL);
	if (arena.overflow)
		return LSTM_ERR_SIZE;
	*bytes = arena.used;
	return LSTM_OK;
}

/* Whether the arrays are of a type from which the layer's can be made. */
static int lstm__type_fits(const lstm_weights *w, lstm_dtype dtype)
{
	if (w->type == LSTM_DTYPE_OTHER || w->type == LSTM_DTYPE_F32)
		return 1;
	return w->type == dtype &&
	       (dtype != LSTM_DTYPE_I8 || (w->w_scale && w->u_scale &&
	                                   (!w->projection || w->projection_scale)));
}

static int lstm__weights_usable(const lstm_model *draft, const lstm_weights *weights)
{
	const lstm_desc *d = &draft->desc;
	const size_t rows = 4 * (size_t)d->hidden;
	int i, n = d->layers * draft->directions;
	for (i = 0; i < n; i++) {
		const lstm_weights *w = &weights[i];
		const lstm_dtype dtype = lstm__dtype_of(d, i / draft->directions);
		if (!w->w || !w->u || !w->projection != !d->projection ||
		    !lstm__type_fits(w, dtype))
			return 0;
		if (dtype == LSTM_DTYPE_I8 &&
		    !(lstm__scales_usable(w->w_scale, rows) &&
		      lstm__scales_usable(w->u_scale, rows) &&
		      lstm__scales_usable(w->projection_scale, (size_t)d->projection)))
			return 0;
	}
	return 1;
}

LSTM__DEF lstm_status lstm_model_size(const lstm_desc *desc, size_t *bytes)
{
	lstm_model draft;
	if (!desc || !bytes)
		return LSTM_ERR_ARG;
	return lstm__model_measure(&draft, desc, bytes);
}

LSTM__DEF lstm_status lstm_model_init(lstm_model **model, const lstm_desc *desc,
                                      const lstm_weights *weights, void *memory, size_t bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	lstm_model draft;
	lstm_status status;
	unsigned environment;
	size_t need;

	if (!model)
		return LSTM_ERR_ARG;
	*model = NULL;
	if (!desc || !weights)
		return LSTM_ERR_ARG;
	status = lstm__model_measure(&draft, desc, &need);
	if (status == LSTM_OK && !lstm__weights_usable(&draft, weights))
		status = LSTM_ERR_ARG;
	if (status == LSTM_OK)
		status = lstm__arena_check(memory, bytes, need);
	if (status != LSTM_OK)
		return status;
	arena.base = (unsigned char *)memory;
	lstm__fp_enter(&environment); /* the sum of two biases is rounded */
	*model = lstm__model_build(&arena, &draft, weights);
	lstm__fp_leave(environment);
	return LSTM_OK;
}

LSTM__DEF const lstm_desc *lstm_model_desc(const lstm_model *model)
{
	return &model->desc;
}

LSTM__DEF int lstm_model_directions(const lstm_model *model)
{
	return model->directions;
}

LSTM__DEF int lstm_model_output(const lstm_model *model)
{
	return model->directions *
	       (model->desc.projection ? model->desc.projection : model->desc.hidden);
}

#ifndef LSTM_NO_MALLOC
/* ---- heap ------------------------------------------------------------------------------------ */
/* LSTM_ALIGN bytes aligned; what LSTM_MALLOC gave stands just before. */
static void *lstm__new(size_t bytes)
{
	unsigned char *raw, *aligned;
	if (bytes > SIZE_MAX - LSTM_ALIGN - sizeof(void *))
		return NULL;
	raw = (unsigned char *)LSTM_MALLOC(bytes + LSTM_ALIGN + sizeof(void *));
	if (!raw)
		return NULL;
	aligned = raw + sizeof(void *);
	aligned += (LSTM_ALIGN - (uintptr_t)aligned % LSTM_ALIGN) % LSTM_ALIGN;
	memcpy(aligned - sizeof(void *), &raw, sizeof(void *));
	return aligned;
}

static void lstm__delete(const void *aligned)
{
	void *raw;
	memcpy(&raw, (const unsigned char *)aligned - sizeof(void *), sizeof(void *));
	LSTM_FREE(raw);
}

LSTM__DEF lstm_status lstm_model_new(lstm_model **model, const lstm_desc *desc,
                                     const lstm_weights *weights)
{
	size_t bytes;
	void *memory;
	lstm_status status;

	if (!model)
		return LSTM_ERR_ARG;
	*model = NULL;
	status = lstm_model_size(desc, &bytes);
	if (status != LSTM_OK)
		return status;
	memory = lstm__new(bytes);
	if (!memory)
		return LSTM_ERR_MEMORY;
	status = lstm_model_init(model, desc, weights, memory, bytes);
	if (status == LSTM_OK)
		(*model)->owned = 1;
	else
		lstm__delete(memory);
	return status;
}

LSTM__DEF void lstm_model_free(lstm_model *model)
{
	if (model && model->owned)
		lstm__delete(model);
}
#endif
