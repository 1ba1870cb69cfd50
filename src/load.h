/* ---- an LSTM from a file: find it, infer its sizes, check every tensor ----------------------- */
#ifndef LSTM_NO_MALLOC
enum { /* the tensors of one layer and direction, in the order of lstm_weights */
       LSTM__LOAD_IH,
       LSTM__LOAD_HH,
       LSTM__LOAD_BIAS,
       LSTM__LOAD_BIAS2,
       LSTM__LOAD_PEEPHOLE,
       LSTM__LOAD_HR,
       LSTM__LOAD_STEMS
};

static const char *const lstm__load_stems[LSTM__LOAD_STEMS] = {
	"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_peephole", "weight_hr",
};

#define LSTM__LOAD_LISTED 4           /* names in a message that lists what there is */
#define LSTM__LOAD_LARGEST 0x7fffffff /* sizes are ints in lstm_desc */
#define LSTM__LOAD_NAME 64            /* weight_peephole_l2147483647_reverse, and longer */

typedef struct lstm__load {
	lstm_file *file;
	lstm__text_log log;
	lstm_desc *desc;
	char *name;          /* the prefix, then room for the rest of a tensor's name */
	size_t prefix;       /* its length */
	unsigned char *used; /* [tensors of the file]: belongs to the LSTM */
	int cell;            /* names are an LSTMCell's, without _l0 */
	int directions, single_bias;
	unsigned types;     /* of a layer's matrices: a bit for each lstm_dtype */
	lstm_dtype *dtypes; /* [layers] */
} lstm__load;

static int lstm__load_ends(const char *name, const char *end)
{
	size_t size = strlen(name), tail = strlen(end);

	return size >= tail && strcmp(name + size - tail, end) == 0;
}

/* Put a tensor's name together in load->name. */
static const char *lstm__load_name(const lstm__load *load, int stem, int layer, int reverse)
{
	char digits[12], *d = digits + sizeof(digits) - 1, *out = load->name + load->prefix;

	strcpy(out, lstm__load_stems[stem]);
	if (!load->cell) {
		*d = '\0';
		do
			*--d = (char)('0' + layer % 10);
		while (layer /= 10);
		strcat(out, "_l");
		strcat(out, d);
	}
	if (reverse)
		strcat(out, "_reverse");
	return load->name;
}

static const lstm_tensor *lstm__load_find(const lstm__load *load, int stem, int layer, int reverse)
{
	return lstm_file_find(load->file, lstm__load_name(load, stem, layer, reverse));
}

/* 1 if the tensor is the first of an LSTM, and how long its prefix is. */
static int lstm__load_is_first(const lstm_tensor *tensor, size_t *prefix)
{
	size_t size = strlen(tensor->name);

	if (lstm__load_ends(tensor->name, "weight_ih_l0"))
		*prefix = size - strlen("weight_ih_l0");
	else if (lstm__load_ends(tensor->name, "weight_ih"))
		*prefix = size - strlen("weight_ih");
	else
		return 0;
	return 1;
}

/* Refuse a file in which the prefix wanted, or any if that is NULL, has not one LSTM: list the
 * LSTMs there are or, where there are none, the tensors. */
static lstm_status lstm__load_fail_prefix(const lstm__load *load, const char *wanted, size_t firsts)
{
	const lstm_tensor *tensor;
	size_t k, prefix, count = 0, total = firsts ? firsts : load->file->count;
	lstm__text t;

	if (!load->log.error)
		return LSTM_ERR_FORMAT;
	lstm__text_begin(&t, &load->log, LSTM_ERR_FORMAT);
	if (wanted)
		lstm__text_say(&t, "expected weight_ih_l0 or weight_ih under prefix %q", wanted);
	else if (firsts)
		lstm__text_say(&t, "expected one LSTM, or a prefix that chooses one");
	else
		lstm__text_say(&t, "expected a tensor weight_ih_l0 or weight_ih, of any prefix");
	for (k = 0; k < load->file->count && count < LSTM__LOAD_LISTED; k++) {
		tensor = (const lstm_tensor *)load->file->by_name[k];
		if (firsts && !lstm__load_is_first(tensor, &prefix))
			continue;
		lstm__text_say(&t, count++ ? ", %q" : ", found %q", tensor->name);
	}
	if (total > count)
		lstm__text_say(&t, " and %u more", (uint64_t)(total - count));
	lstm__text_say(&t, total ? "" : ", found no tensor at all");
	return LSTM_ERR_FORMAT;
}

/* Settle prefix and cell: by what is wanted, or by the only LSTM there is. */
static lstm_status lstm__load_prefix(lstm__load *load, const char *wanted)
{
	const lstm_tensor *tensor, *first = NULL;
	const char *prefix = wanted;
	size_t k, size, firsts = 0;
	int differ = 0, layers, cell;
	lstm_status status;

	load->prefix = wanted ? strlen(wanted) : 0;
	for (k = 0; k < load->file->count; k++) {
		tensor = (const lstm_tensor *)load->file->by_name[k];
		if (!lstm__load_is_first(tensor, &size))
			continue;
		firsts++;
		if (wanted)
			continue;
		if (!first) {
			first = tensor;
			prefix = tensor->name;
			load->prefix = size;
		} else if (size != load->prefix || memcmp(prefix, tensor->name, size) != 0) {
			differ = 1;
		}
	}
	if (!prefix || differ)
		return lstm__load_fail_prefix(load, wanted, firsts);
	load->name =
		(char *)lstm__file_allocate(&load->log, load->prefix + LSTM__LOAD_NAME, 1, &status);
	if (status != LSTM_OK)
		return status;
	memcpy(load->name, prefix, load->prefix);
	layers = lstm__load_find(load, LSTM__LOAD_IH, 0, 0) != NULL;
	load->cell = 1;
	cell = lstm__load_find(load, LSTM__LOAD_IH, 0, 0) != NULL;
	load->cell = !layers;
	if (!layers && !cell)
		return lstm__load_fail_prefix(load, wanted, firsts);
	if (layers && cell)
		return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected this or one without _l0, found both",
		                       lstm__load_name(load, LSTM__LOAD_IH, 0, 0));
	return LSTM_OK;
}

static void lstm__load_use(lstm__load *load, const lstm_tensor *tensor)
{
	load->used[tensor - load->file->entries] = 1;
}

/* A matrix of codes under the name in load->name, with its scales. */
static lstm_status lstm__load_take_codes(lstm__load *load, const lstm_tensor *tensor,
                                         const float **values, const float **scales)
{
	lstm_status status;

	strcat(load->name, LSTM__LOAD_SCALE);
	status = lstm__load_scales(load->file, &load->log, load->name, tensor->name,
	                           tensor->shape[0], scales);
	if (status != LSTM_OK)
		return status;
	lstm__load_use(load, lstm_file_find(load->file, load->name));
	return lstm__load_codes(load->file, &load->log, tensor, *scales, values);
}

/* The tensor under the name in load->name is used as values[rows][columns], where columns = 0
 * stands for a vector; *values is NULL if there is no such tensor.  Codes have *scales, which is
 * NULL where they cannot be. */
static lstm_status lstm__load_take(lstm__load *load, size_t rows, size_t columns,
                                   const float **values, const float **scales)
{
	const lstm_tensor *tensor = lstm_file_find(load->file, load->name);
	const uint16_t one = 1;
	lstm_tensor wanted;
	lstm_status status;
	float *copy;

	*values = NULL;
	if (!tensor)
		return LSTM_OK;
	memset(&wanted, 0, sizeof(wanted));
	wanted.rank = columns ? 2 : 1;
	wanted.shape[0] = rows;
	wanted.shape[1] = columns;
	if (tensor->dtype == LSTM_DTYPE_OTHER || (tensor->dtype == LSTM_DTYPE_I8 && !scales))
		return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected F32, F64, F16%s, found %s",
		                       tensor->name, scales ? ", BF16 or I8" : " or BF16",
		                       tensor->type);
	if (tensor->rank != wanted.rank || tensor->shape[0] != rows ||
	    (columns && tensor->shape[1] != columns))
		return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected shape %t, found %t", tensor->name,
		                       &wanted, tensor);
	lstm__load_use(load, tensor);
	if (scales)
		load->types |= 1u << tensor->dtype;
	if (tensor->dtype == LSTM_DTYPE_I8)
		return lstm__load_take_codes(load, tensor, values, scales);
	if (tensor->dtype == LSTM_DTYPE_F32 && (uintptr_t)tensor->data % sizeof(float) == 0 &&
	    *(const unsigned char *)&one == 1) {
		*values = (const float *)tensor->data; /* in place: as this machine writes fp32 */
		return LSTM_OK;
	}
	rows *= columns ? columns : 1;
	copy = (float *)lstm__file_keep(load->file, &load->log, rows, sizeof(float), &status);
	if (copy)
		status = lstm_tensor_read(tensor, copy, rows);
	*values = copy;
	return status;
}

/* Infer the sizes from the first layer's matrices, and layers and direction from what is there. */
static lstm_status lstm__load_sizes(lstm__load *load)
{
	lstm_desc *desc = load->desc;
	const lstm_tensor *first = lstm__load_find(load, LSTM__LOAD_IH, 0, 0), *projection;

	if (first->rank != 2 || first->shape[0] % 4 || first->shape[0] == 0 ||
	    first->shape[1] == 0 || first->shape[0] > LSTM__LOAD_LARGEST ||
	    first->shape[1] > LSTM__LOAD_LARGEST)
		return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected shape [4 * hidden, input], found %t",
		                       first->name, first);
	desc->hidden = (int)(first->shape[0] / 4);
	desc->input = (int)first->shape[1];
	projection = lstm__load_find(load, LSTM__LOAD_HR, 0, 0);
	if (projection) {
		if (projection->rank != 2 || projection->shape[1] != (size_t)desc->hidden ||
		    projection->shape[0] == 0 || projection->shape[0] > LSTM__LOAD_LARGEST)
			return lstm__text_fail(
				&load->log, LSTM_ERR_FORMAT,
				"tensor %q: expected shape [projection, %u], found %t",
				projection->name, (uint64_t)desc->hidden, projection);
		desc->projection = (int)projection->shape[0];
	}
	desc->layers = 1;
	load->directions = 1;
	if (load->cell)
		return LSTM_OK;
	while (lstm__load_find(load, LSTM__LOAD_IH, desc->layers, 0))
		desc->layers++;
	if (lstm__load_find(load, LSTM__LOAD_IH, 0, 1)) {
		load->directions = 2;
		desc->direction = LSTM_BIDIRECTIONAL;
	}
	return LSTM_OK;
}

static lstm_status lstm__load_layer(lstm__load *load, int layer, int reverse, lstm_weights *weights)
{
	const float **fields[LSTM__LOAD_STEMS], **scales[LSTM__LOAD_STEMS];
	const lstm_desc *desc = load->desc;
	size_t hidden = (size_t)desc->hidden;
	size_t output = (size_t)(desc->projection ? desc->projection : desc->hidden);
	size_t rows[LSTM__LOAD_STEMS], columns[LSTM__LOAD_STEMS];
	int stem, other;
	lstm_status status;

	memset(columns, 0, sizeof(columns));
	for (stem = 0; stem < LSTM__LOAD_STEMS; stem++) {
		rows[stem] = 4 * hidden;
		scales[stem] = NULL;
	}
	columns[LSTM__LOAD_IH] = layer ? (size_t)load->directions * output : (size_t)desc->input;
	columns[LSTM__LOAD_HH] = output;
	rows[LSTM__LOAD_PEEPHOLE] = 3 * hidden;
	rows[LSTM__LOAD_HR] = output;
	columns[LSTM__LOAD_HR] = hidden;
	fields[LSTM__LOAD_IH] = &weights->w;
	fields[LSTM__LOAD_HH] = &weights->u;
	fields[LSTM__LOAD_BIAS] = &weights->b;
	fields[LSTM__LOAD_BIAS2] = &weights->b2;
	fields[LSTM__LOAD_PEEPHOLE] = &weights->peephole;
	fields[LSTM__LOAD_HR] = &weights->projection;
	scales[LSTM__LOAD_IH] = &weights->w_scale;
	scales[LSTM__LOAD_HH] = &weights->u_scale;
	scales[LSTM__LOAD_HR] = &weights->projection_scale;
	for (stem = 0; stem < LSTM__LOAD_STEMS; stem++) {
		if (stem == LSTM__LOAD_HR && !desc->projection)
			break; /* if there is one in this layer, it is left over */
		lstm__load_name(load, stem, layer, reverse);
		status = lstm__load_take(load, rows[stem], columns[stem], fields[stem],
		                         scales[stem]);
		if (status != LSTM_OK)
			return status;
		if (columns[stem] && !*fields[stem])
			return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected one of this name, found none",
			                       load->name);
	}
	if (load->single_bias && weights->b2)
		return lstm__text_fail(
			&load->log, LSTM_ERR_FORMAT,
			"tensor %q: expected none, as metadata 'lstm.bias' is 'single'",
			lstm__load_name(load, LSTM__LOAD_BIAS2, layer, reverse));
	if (!load->single_bias && !weights->b != !weights->b2) {
		other = weights->b ? LSTM__LOAD_BIAS2 : LSTM__LOAD_BIAS;
		return lstm__text_fail(
			&load->log, LSTM_ERR_FORMAT,
			"tensor %q: expected it beside %s, found none%s",
			lstm__load_name(load, other, layer, reverse),
			lstm__load_stems[LSTM__LOAD_BIAS + LSTM__LOAD_BIAS2 - other],
			weights->b ? " (one bias alone needs metadata lstm.bias = single)" : "");
	}
	return LSTM_OK;
}

/* Nothing of the LSTM's own may be left unused: it would mean that the model is another one than was
 * loaded.  Its own are its names with any layer and direction and, where the prefix is a module's
 * ("rnn."), all that stands directly in it but the two tensors of where it starts, which the caller
 * reads; "rnn.head.weight" is another module's. */
static lstm_status lstm__load_check_rest(const lstm__load *load)
{
	const lstm_tensor *tensor;
	const char *rest;
	size_t k, stem;

	load->name[load->prefix] = '\0';
	for (k = 0; k < load->file->count; k++) {
		tensor = &load->file->entries[k];
		if (load->used[k] || strncmp(tensor->name, load->name, load->prefix) != 0)
			continue;
		rest = tensor->name + load->prefix;
		for (stem = 0; stem < LSTM__LOAD_STEMS; stem++)
			if (strncmp(rest, lstm__load_stems[stem],
			            strlen(lstm__load_stems[stem])) == 0)
				return lstm__text_fail(
					&load->log, LSTM_ERR_FORMAT,
					"tensor %q: expected none beyond the layers found "
					"(%u, in %s)",
					tensor->name, (uint64_t)load->desc->layers,
					load->directions == 2 ? "both directions"
							      : "one direction");
		if (lstm__load_ends(load->name, ".") && !strchr(rest, '.') &&
		    strcmp(rest, "initial_h") != 0 && strcmp(rest, "initial_c") != 0)
			return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected only the LSTM's own directly "
			                       "under prefix %q, found this one too",
			                       tensor->name, load->name);
	}
	return LSTM_OK;
}

/* What a layer's weights are to be, where nobody says: what all its matrices are, if models of this
 * build can keep that. */
static lstm_dtype lstm__load_dtype(unsigned types)
{
	if (!LSTM__LOW)
		return LSTM_DTYPE_F32;
	if (types == 1u << LSTM_DTYPE_F16)
		return LSTM_DTYPE_F16;
	if (types == 1u << LSTM_DTYPE_BF16)
		return LSTM_DTYPE_BF16;
	return types == 1u << LSTM_DTYPE_I8 ? LSTM_DTYPE_I8 : LSTM_DTYPE_F32;
}

static lstm_status lstm__load_all(lstm__load *load, const char *prefix, const lstm_weights **result)
{
	lstm_weights *weights;
	size_t count;
	int layer, reverse;
	lstm_status status = lstm__load_prefix(load, prefix);

	if (status == LSTM_OK)
		status = lstm__load_sizes(load);
	if (status == LSTM_OK)
		status =
			lstm__settings_load(load->file, &load->log, load->desc, &load->single_bias);
	if (status == LSTM_OK)
		load->used = (unsigned char *)lstm__file_allocate(&load->log, load->file->count, 1,
		                                                  &status);
	if (status != LSTM_OK)
		return status;
	memset(load->used, 0, load->file->count);
	count = (size_t)load->desc->layers * (size_t)load->directions;
	weights = (lstm_weights *)lstm__file_keep(load->file, &load->log, count, sizeof(*weights),
	                                          &status);
	if (status != LSTM_OK)
		return status;
	memset(weights, 0, count * sizeof(*weights));
	*result = weights;
	load->dtypes = (lstm_dtype *)lstm__file_keep(
		load->file, &load->log, (size_t)load->desc->layers, sizeof(*load->dtypes), &status);
	for (layer = 0; layer < load->desc->layers && status == LSTM_OK; layer++) {
		load->types = 0;
		for (reverse = 0; reverse < load->directions && status == LSTM_OK; reverse++)
			status = lstm__load_layer(load, layer, reverse, weights++);
		load->dtypes[layer] = lstm__load_dtype(load->types);
	}
	return status == LSTM_OK ? lstm__load_check_rest(load) : status;
}
#endif /* LSTM_NO_MALLOC */
