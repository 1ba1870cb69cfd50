/* ---- the header of a safetensors file: read, and checked against itself and the data --------- */
#ifndef LSTM_NO_MALLOC
/* Memory that lives as long as the file: converted weights and the like.  The bytes follow. */
struct lstm__file_block {
	struct lstm__file_block *next;
};

struct lstm_file {
	char *name;
	void *owned;                      /* the whole file if it was read here, else NULL */
	const unsigned char *data;        /* what the offsets of tensors count from */
	size_t bytes;                     /* of data */
	char *strings;                    /* every string of the header, decoded */
	const char *metadata;             /* in it: key, value, key, value ... */
	lstm_tensor *entries;             /* in the order of the header */
	const void **by_name;             /* const lstm_tensor * */
	const void **keys;                /* const char *, sorted; each one's value follows it */
	size_t count, key_count;
	struct lstm__file_block *blocks;
};

/* The types of the format, with their sizes in bits. */
static const struct lstm__file_type {
	const char *name;
	unsigned bits;
	lstm_dtype dtype;
} lstm__file_types[] = {
	{"F32", 32, LSTM_DTYPE_F32},          {"F64", 64, LSTM_DTYPE_F64},
	{"F16", 16, LSTM_DTYPE_F16},          {"BF16", 16, LSTM_DTYPE_BF16},
	{"I64", 64, LSTM_DTYPE_OTHER},        {"U64", 64, LSTM_DTYPE_OTHER},
	{"I32", 32, LSTM_DTYPE_OTHER},        {"U32", 32, LSTM_DTYPE_OTHER},
	{"I16", 16, LSTM_DTYPE_OTHER},        {"U16", 16, LSTM_DTYPE_OTHER},
	{"I8", 8, LSTM_DTYPE_I8},             {"U8", 8, LSTM_DTYPE_OTHER},
	{"BOOL", 8, LSTM_DTYPE_OTHER},        {"C64", 64, LSTM_DTYPE_OTHER},
	{"F8_E4M3", 8, LSTM_DTYPE_OTHER},     {"F8_E5M2", 8, LSTM_DTYPE_OTHER},
	{"F8_E8M0", 8, LSTM_DTYPE_OTHER},     {"F8_E4M3FNUZ", 8, LSTM_DTYPE_OTHER},
	{"F8_E5M2FNUZ", 8, LSTM_DTYPE_OTHER}, {"F6_E2M3", 6, LSTM_DTYPE_OTHER},
	{"F6_E3M2", 6, LSTM_DTYPE_OTHER},     {"F4", 4, LSTM_DTYPE_OTHER},
};

/* The reference implementation's own limit on headers. */
#define LSTM__FILE_HEADER 100000000

/* Bytes of the shortest entry, "":{"dtype":"I8","shape":[],"data_offsets":[0,1]}: so the size of a
 * header bounds its number of tensors. */
#define LSTM__FILE_ENTRY 49

static int lstm__file_by_name(const void *a, const void *b)
{
	return strcmp(((const lstm_tensor *)a)->name, ((const lstm_tensor *)b)->name);
}

static int lstm__file_by_key(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b);
}

static int lstm__file_by_place(const void *a, const void *b)
{
	const lstm_tensor *s = (const lstm_tensor *)a, *t = (const lstm_tensor *)b;
	const unsigned char *p = (const unsigned char *)s->data;
	const unsigned char *q = (const unsigned char *)t->data;

	if (p != q)
		return p < q ? -1 : 1;
	return s->bytes < t->bytes ? -1 : s->bytes > t->bytes;
}

static lstm_status lstm__file_read_type(lstm__json *json, lstm_tensor *entry,
                                        unsigned *bits)
{
	char *strings = json->strings;
	const char *name;
	size_t k;
	lstm_status status = lstm__json_string(json, "a string as dtype", 1, &name);

	if (status != LSTM_OK)
		return status;
	json->strings = strings; /* not kept */
	for (k = 0; k < sizeof(lstm__file_types) / sizeof(lstm__file_types[0]); k++) {
		if (strcmp(name, lstm__file_types[k].name) == 0) {
			entry->type = lstm__file_types[k].name;
			entry->dtype = lstm__file_types[k].dtype;
			*bits = lstm__file_types[k].bits;
			return LSTM_OK;
		}
	}
	return lstm__text_fail(json->log, LSTM_ERR_FORMAT,
	                       "tensor %q: expected a dtype of the format such as F32, found %q",
	                       entry->name, name);
}

static lstm_status lstm__file_read_shape(lstm__json *json, lstm_tensor *tensor)
{
	const int limit = (int)(sizeof(tensor->shape) / sizeof(tensor->shape[0]));
	int first = 1, more = 0;
	uint64_t size;

	if (lstm__json_mark(json, '[', "a list as shape") != LSTM_OK)
		return LSTM_ERR_FORMAT;
	for (;;) {
		if (lstm__json_more(json, ']', &first, &more) != LSTM_OK)
			return LSTM_ERR_FORMAT;
		if (!more)
			return LSTM_OK;
		if (tensor->rank == limit)
			return lstm__json_bad(json, "a shape of at most 8 dimensions");
		if (lstm__json_whole(json, &size) != LSTM_OK)
			return LSTM_ERR_FORMAT;
		if ((size_t)size != size)
			return lstm__text_fail(
				json->log, LSTM_ERR_FORMAT,
				"tensor %q: expected a shape that memory can hold, found %u",
				tensor->name, size);
		tensor->shape[tensor->rank++] = (size_t)size;
	}
}

static lstm_status lstm__file_read_offsets(lstm__json *json, uint64_t offsets[2])
{
	if (lstm__json_mark(json, '[', "a list as data_offsets") != LSTM_OK ||
	    lstm__json_whole(json, &offsets[0]) != LSTM_OK ||
	    lstm__json_mark(json, ',', "',' and a second data offset") != LSTM_OK ||
	    lstm__json_whole(json, &offsets[1]) != LSTM_OK)
		return LSTM_ERR_FORMAT;
	return lstm__json_mark(json, ']', "']' after two data offsets");
}

/* Type, shape and place of a tensor agree with each other and with the data. */
static lstm_status lstm__file_place(const lstm_file *file, const lstm__text_log *log,
                                    lstm_tensor *tensor, unsigned bits,
                                    const uint64_t offsets[2])
{
	size_t size = bits;
	int k, fits = 1;

	for (k = 0; k < tensor->rank && fits; k++)
		fits = lstm__multiply(size, tensor->shape[k], &size);
	if (!fits)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected a shape that memory can hold, found %t of %s",
			tensor->name, tensor, tensor->type);
	if (size % 8)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected a whole number of bytes, found %t of %s", tensor->name,
			tensor, tensor->type);
	if (offsets[0] > offsets[1])
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected data_offsets in ascending order, found [%u, %u]",
			tensor->name, offsets[0], offsets[1]);
	if (offsets[1] > file->bytes)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected data_offsets up to %u, where the data end, "
			"found [%u, %u]",
			tensor->name, (uint64_t)file->bytes, offsets[0], offsets[1]);
	if (offsets[1] - offsets[0] != size / 8)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected %u bytes for %t of %s, found %u in [%u, %u]",
			tensor->name, (uint64_t)(size / 8), tensor, tensor->type,
			offsets[1] - offsets[0], offsets[0], offsets[1]);
	tensor->data = file->data + offsets[0];
	tensor->bytes = size / 8;
	return LSTM_OK;
}

static lstm_status lstm__file_read_entry(const lstm_file *file, lstm__json *json,
                                         lstm_tensor *entry)
{
	static const char *const fields[3] = {"dtype", "shape", "data_offsets"};
	uint64_t offsets[2] = {0, 0};
	unsigned bits = 0, seen = 0;
	int first = 1, more = 0, k;
	const char *field;
	char *strings = json->strings;
	lstm_status status = lstm__json_mark(json, '{', "'{' and the description of a tensor");

	while (status == LSTM_OK) {
		status = lstm__json_more(json, '}', &first, &more);
		if (status != LSTM_OK || !more)
			break;
		status = lstm__json_string(json, "a field's name in quotes", 1, &field);
		if (status != LSTM_OK)
			break;
		json->strings = strings; /* not kept */
		for (k = 0; k < 3 && strcmp(field, fields[k]) != 0; k++)
			;
		if (k == 3)
			return lstm__text_fail(json->log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected dtype, shape and data_offsets, "
			                       "found a field %q",
			                       entry->name, field);
		if (seen & 1u << k)
			return lstm__text_fail(json->log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected one %s, found two",
			                       entry->name, fields[k]);
		seen |= 1u << k;
		status = lstm__json_mark(json, ':', "':' after a field's name");
		if (status != LSTM_OK)
			break;
		if (k == 0)
			status = lstm__file_read_type(json, entry, &bits);
		else if (k == 1)
			status = lstm__file_read_shape(json, entry);
		else
			status = lstm__file_read_offsets(json, offsets);
	}
	for (k = 0; k < 3 && status == LSTM_OK; k++)
		if (!(seen & 1u << k))
			status = lstm__text_fail(json->log, LSTM_ERR_FORMAT,
			                         "tensor %q: expected a field %s, found none",
			                         entry->name, fields[k]);
	if (status == LSTM_OK)
		status = lstm__file_place(file, json->log, entry, bits, offsets);
	return status;
}

/* __metadata__: an object of strings, kept as they come in file->strings. */
static lstm_status lstm__file_read_metadata(lstm_file *file, lstm__json *json)
{
	int first = 1, more = 0;
	const char *key, *value;
	lstm_status status;

	if (file->metadata)
		return lstm__json_bad(json, "one '__metadata__' only");
	file->metadata = json->strings;
	status = lstm__json_mark(json, '{', "'{' and an object of strings as __metadata__");
	while (status == LSTM_OK) {
		status = lstm__json_more(json, '}', &first, &more);
		if (status != LSTM_OK || !more)
			break;
		status = lstm__json_string(json, "a metadata key in quotes", 1, &key);
		if (status == LSTM_OK)
			status = lstm__json_mark(json, ':', "':' after a metadata key");
		if (status == LSTM_OK)
			status = lstm__json_string(json, "a string as metadata value", 0, &value);
		file->key_count += status == LSTM_OK;
	}
	return status;
}

static lstm_status lstm__file_read_members(lstm_file *file, lstm__json *json)
{
	int first = 1, more = 0;
	char *strings;
	const char *name;
	lstm_tensor *entry;
	lstm_status status = LSTM_OK;

	if (json->size == 0 || json->text[0] != '{')
		return lstm__json_bad(json, "'{' at the start of the header");
	json->used = 1;
	while (status == LSTM_OK) {
		json->tensor = NULL;
		status = lstm__json_more(json, '}', &first, &more);
		if (status != LSTM_OK || !more)
			break;
		strings = json->strings;
		status = lstm__json_string(json, "a tensor's name in quotes", 1, &name);
		if (status == LSTM_OK)
			status = lstm__json_mark(json, ':', "':' after a name");
		if (status != LSTM_OK)
			break;
		if (strcmp(name, "__metadata__") == 0) {
			json->strings = strings; /* not kept */
			status = lstm__file_read_metadata(file, json);
			continue;
		}
		json->tensor = name;
		entry = &file->entries[file->count];
		memset(entry, 0, sizeof(*entry));
		entry->name = name;
		status = lstm__file_read_entry(file, json, entry);
		file->count += status == LSTM_OK;
	}
	for (; status == LSTM_OK && json->used < json->size; json->used++)
		if (json->text[json->used] != ' ')
			return lstm__json_bad(json, "nothing but spaces after the header's object");
	return status;
}

/* The data are covered from end to end, and no byte twice. */
static lstm_status lstm__file_check_places(const lstm_file *file, const lstm__text_log *log,
                                           const void **places)
{
	const lstm_tensor *tensor, *before = NULL;
	size_t k, begin, end = 0;

	for (k = 0; k < file->count; k++)
		places[k] = &file->entries[k];
	lstm__file_sort(places, file->count, lstm__file_by_place);
	for (k = 0; k < file->count; k++, before = tensor) {
		tensor = (const lstm_tensor *)places[k];
		begin = (size_t)((const unsigned char *)tensor->data - file->data);
		if (begin < end)
			return lstm__text_fail(
				log, LSTM_ERR_FORMAT,
				"tensor %q: expected data that begin at %u, after tensor %q, "
				"found them to overlap it from %u",
				tensor->name, (uint64_t)end, before->name, (uint64_t)begin);
		if (begin > end)
			return lstm__text_fail(
				log, LSTM_ERR_FORMAT,
				"tensor %q: expected data that begin at %u, found a hole up to %u",
				tensor->name, (uint64_t)end, (uint64_t)begin);
		end = begin + tensor->bytes;
	}
	if (end < file->bytes)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "expected %u bytes of data, as the tensors say, found %u",
		                       (uint64_t)end, (uint64_t)file->bytes);
	return LSTM_OK;
}

/* Sort names and keys for look-ups, and refuse what stands there twice. */
static lstm_status lstm__file_index(lstm_file *file, const lstm__text_log *log)
{
	const char *key = file->metadata;
	size_t k;

	for (k = 0; k < file->count; k++)
		file->by_name[k] = &file->entries[k];
	lstm__file_sort(file->by_name, file->count, lstm__file_by_name);
	for (k = 1; k < file->count; k++)
		if (lstm__file_by_name(file->by_name[k - 1], file->by_name[k]) == 0)
			return lstm__text_fail(log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected one of this name, found two",
			                       ((const lstm_tensor *)file->by_name[k])->name);
	for (k = 0; k < file->key_count; k++) {
		file->keys[k] = key;
		key += strlen(key) + 1;
		key += strlen(key) + 1;
	}
	lstm__file_sort(file->keys, file->key_count, lstm__file_by_key);
	for (k = 1; k < file->key_count; k++)
		if (lstm__file_by_key(file->keys[k - 1], file->keys[k]) == 0)
			return lstm__text_fail(log, LSTM_ERR_FORMAT,
			                       "metadata %q: expected one of this name, found two",
			                       (const char *)file->keys[k]);
	return LSTM_OK;
}

/* Read the header of size bytes at text.  What is allocated stays below four times its size: the
 * strings once, an entry and two pointers for each LSTM__FILE_ENTRY bytes at the most, and a
 * pointer for each pair of metadata, which takes six bytes or more. */
static lstm_status lstm__file_read_header(lstm_file *file, const lstm__text_log *log,
                                          const unsigned char *text, size_t size)
{
	lstm__json json;
	lstm_status status;
	const void **places;
	size_t k, room = 0;

	/* Every tensor read to its end has a brace and so many bytes of its own, and the header one
	 * brace more: there is room for them and for one that turns out to be broken. */
	for (k = 0; k < size; k++)
		room += text[k] == '{';
	if (room > size / LSTM__FILE_ENTRY + 1)
		room = size / LSTM__FILE_ENTRY + 1;
	file->strings = (char *)lstm__file_allocate(log, size, 1, &status);
	if (status == LSTM_OK)
		file->entries = (lstm_tensor *)lstm__file_allocate(
			log, room, sizeof(*file->entries), &status);
	if (status != LSTM_OK)
		return status;
	memset(&json, 0, sizeof(json));
	json.log = log;
	json.text = text;
	json.size = size;
	json.strings = file->strings;
	status = lstm__file_read_members(file, &json);
	if (status == LSTM_OK)
		file->by_name = (const void **)lstm__file_allocate(log, file->count, sizeof(void *),
		                                                   &status);
	if (status == LSTM_OK)
		file->keys = (const void **)lstm__file_allocate(log, file->key_count,
		                                                sizeof(void *), &status);
	if (status == LSTM_OK)
		status = lstm__file_index(file, log);
	if (status != LSTM_OK)
		return status;
	places = (const void **)lstm__file_allocate(log, file->count, sizeof(void *), &status);
	if (status == LSTM_OK)
		status = lstm__file_check_places(file, log, places);
	lstm__file_free(places);
	return status;
}
#endif /* LSTM_NO_MALLOC */
