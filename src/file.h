/* ---- the safetensors file: open, look up, read ----------------------------------------------- */
#ifndef LSTM_NO_MALLOC
#ifndef LSTM_NO_STDIO
#include <errno.h>
#include <stdio.h>
#endif

static lstm_status lstm__file_check(lstm_file *file, const lstm__text_log *log, const void *data,
                                    size_t bytes)
{
	const unsigned char *s = (const unsigned char *)data;
	uint64_t header = 0;
	int k;

	if (bytes == 0)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "expected a safetensors file, found it empty");
	if (bytes < 8)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"expected at least 8 bytes, found %u: not a safetensors file",
			(uint64_t)bytes);
	for (k = 7; k >= 0; k--)
		header = header << 8 | s[k];
	if (header > LSTM__FILE_HEADER)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "expected a header of at most %u bytes, found one of %u: "
		                       "not a safetensors file",
		                       (uint64_t)LSTM__FILE_HEADER, header);
	if (header > bytes - 8)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"expected a header of %u bytes after the first 8, found only %u: "
			"the file is cut short, or not a safetensors file",
			header, (uint64_t)(bytes - 8));
	file->data = s + 8 + header;
	file->bytes = bytes - 8 - (size_t)header;
	return lstm__file_read_header(file, log, s + 8, (size_t)header);
}

/* Takes owned, which is data if it was read here, also where it fails. */
static lstm_status lstm__file_new(lstm_file **result, void *owned, const void *data, size_t bytes,
                                  const lstm__text_log *log)
{
	lstm_status status;
	size_t size = strlen(log->file) + 1;
	lstm_file *file = (lstm_file *)lstm__file_allocate(log, 1, sizeof(*file), &status);

	if (status != LSTM_OK) {
		lstm__file_free(owned);
		return status;
	}
	memset(file, 0, sizeof(*file));
	file->owned = owned;
	file->name = (char *)lstm__file_allocate(log, size, 1, &status);
	if (status == LSTM_OK) {
		memcpy(file->name, log->file, size);
		status = lstm__file_check(file, log, data, bytes);
	}
	if (status == LSTM_OK)
		*result = file;
	else
		lstm_file_close(file);
	return status;
}

LSTM__DEF lstm_status lstm_file_open_memory(lstm_file **file, const void *data, size_t bytes,
                                            const char *name, lstm_error *error)
{
	lstm__text_log log;

	lstm__text_clear(error);
	log.error = error;
	log.file = name ? name : "memory";
	if (file)
		*file = NULL;
	if (!file || (!data && bytes))
		return lstm__text_fail(&log, LSTM_ERR_ARG, "expected %s, found a null pointer",
		                       file ? "data" : "a place for the lstm_file");
	return lstm__file_new(file, NULL, data, bytes, &log);
}

#ifndef LSTM_NO_STDIO
/* Why a call of stdio failed, where errno tells. */
static const char *lstm__file_reason(int number, const char *otherwise)
{
#ifdef ENOENT
	if (number == ENOENT)
		return "found no file";
#endif
#ifdef EACCES
	if (number == EACCES)
		return "permission was denied";
#endif
#ifdef EISDIR
	if (number == EISDIR)
		return "found a directory";
#endif
	return otherwise;
}

static lstm_status lstm__file_slurp(FILE *stream, void **data, size_t *bytes,
                                    const lstm__text_log *log)
{
	unsigned char probe;
	lstm_status status;
	long size;

	errno = 0; /* a directory can be opened and told a size, but not be read */
	if (fread(&probe, 1, 1, stream) != 1 && ferror(stream))
		return lstm__text_fail(log, LSTM_ERR_FILE, "expected a file that can be read, %s",
		                       lstm__file_reason(errno, "reading failed"));
	if (fseek(stream, 0, SEEK_END) != 0 || (size = ftell(stream)) < 0 ||
	    (size_t)size != (unsigned long)size || fseek(stream, 0, SEEK_SET) != 0)
		return lstm__text_fail(log, LSTM_ERR_FILE,
		                       "expected a file of known size, found a pipe or the like, or "
		                       "more bytes than ftell can tell here");
	*bytes = (size_t)size;
	*data = lstm__file_allocate(log, *bytes, 1, &status);
	if (status != LSTM_OK)
		return status;
	if (fread(*data, 1, *bytes, stream) != *bytes) {
		LSTM_FREE(*data);
		return lstm__text_fail(log, LSTM_ERR_FILE,
		                       "expected to read %u bytes, reading failed before the end",
		                       (uint64_t)*bytes);
	}
	return LSTM_OK;
}

LSTM__DEF lstm_status lstm_file_open(lstm_file **file, const char *path, lstm_error *error)
{
	lstm__text_log log;
	lstm_status status;
	FILE *stream;
	void *data = NULL;
	size_t bytes = 0;

	lstm__text_clear(error);
	log.error = error;
	log.file = path ? path : "path";
	if (file)
		*file = NULL;
	if (!file || !path)
		return lstm__text_fail(&log, LSTM_ERR_ARG, "expected %s, found a null pointer",
		                       path ? "a place for the lstm_file" : "a file's name");
	errno = 0;
	stream = fopen(path, "rb");
	if (!stream)
		return lstm__text_fail(&log, LSTM_ERR_FILE,
		                       "expected a file that can be opened, %s",
		                       lstm__file_reason(errno, "opening failed"));
	status = lstm__file_slurp(stream, &data, &bytes, &log);
	fclose(stream);
	return status == LSTM_OK ? lstm__file_new(file, data, data, bytes, &log) : status;
}
#endif

/* Memory of the file's, until it is closed. */
static void *lstm__file_keep(lstm_file *file, const lstm__text_log *log, size_t count, size_t size,
                             lstm_status *status)
{
	struct lstm__file_block *block;
	size_t bytes;

	if (!lstm__multiply(count, size, &bytes) || bytes > SIZE_MAX - sizeof(*block))
		bytes = SIZE_MAX - sizeof(*block);
	block = (struct lstm__file_block *)lstm__file_allocate(log, bytes + sizeof(*block), 1,
	                                                       status);
	if (!block)
		return NULL;
	block->next = file->blocks;
	file->blocks = block;
	return block + 1;
}

/* Give back what was kept since first was the latest. */
static void lstm__file_forget(lstm_file *file, const struct lstm__file_block *first)
{
	struct lstm__file_block *block;

	while ((block = file->blocks) != first) {
		file->blocks = block->next;
		LSTM_FREE(block);
	}
}

LSTM__DEF void lstm_file_close(lstm_file *file)
{
	if (!file)
		return;
	lstm__file_forget(file, NULL);
	lstm__file_free(file->by_name);
	lstm__file_free(file->keys);
	lstm__file_free(file->entries);
	lstm__file_free(file->strings);
	lstm__file_free(file->owned);
	lstm__file_free(file->name);
	LSTM_FREE(file);
}

LSTM__DEF size_t lstm_file_count(const lstm_file *file)
{
	return file->count;
}

LSTM__DEF const lstm_tensor *lstm_file_tensor(const lstm_file *file, size_t index)
{
	return index < file->count ? &file->entries[index] : NULL;
}

LSTM__DEF const lstm_tensor *lstm_file_find(const lstm_file *file, const char *name)
{
	lstm_tensor wanted;

	memset(&wanted, 0, sizeof(wanted));
	wanted.name = name;
	return (const lstm_tensor *)lstm__file_search(file->by_name, file->count, &wanted,
	                                              lstm__file_by_name);
}

LSTM__DEF const char *lstm_file_metadata(const lstm_file *file, const char *key)
{
	const char *found = (const char *)lstm__file_search(file->keys, file->key_count, key,
	                                                    lstm__file_by_key);

	return found ? found + strlen(found) + 1 : NULL;
}

LSTM__DEF const char *lstm_file_key(const lstm_file *file, size_t index)
{
	return index < file->key_count ? (const char *)file->keys[index] : NULL;
}

/* ---- elements to fp32 ------------------------------------------------------------------------ */
static uint64_t lstm__file_little(const unsigned char *s, int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | s[bytes];
	return value;
}

/* Rounded to nearest, ties to even. */
static float lstm__file_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return (float)value;
}

LSTM__DEF lstm_status lstm_tensor_read(const lstm_tensor *tensor, float *values, size_t count)
{
	const unsigned char *s;
	size_t k, elements = 1;
	int d;

	if (!tensor || (!values && count))
		return LSTM_ERR_ARG;
	for (d = 0; d < tensor->rank; d++)
		elements *= tensor->shape[d]; /* cannot overflow, see lstm__file_place */
	if (count != elements)
		return LSTM_ERR_ARG;
	s = (const unsigned char *)tensor->data;
	switch (tensor->dtype) {
	case LSTM_DTYPE_F32:
		for (k = 0; k < count; k++)
			values[k] = lstm__float_of((uint32_t)lstm__file_little(s + 4 * k, 4));
		return LSTM_OK;
	case LSTM_DTYPE_F64:
		for (k = 0; k < count; k++)
			values[k] = lstm__file_double(lstm__file_little(s + 8 * k, 8));
		return LSTM_OK;
	case LSTM_DTYPE_F16:
		for (k = 0; k < count; k++)
			values[k] = lstm__float_of_f16((uint32_t)lstm__file_little(s + 2 * k, 2));
		return LSTM_OK;
	case LSTM_DTYPE_BF16:
		for (k = 0; k < count; k++)
			values[k] =
				lstm__float_of((uint32_t)lstm__file_little(s + 2 * k, 2) << 16);
		return LSTM_OK;
	default:
		return LSTM_ERR_FORMAT;
	}
}
#endif /* LSTM_NO_MALLOC */
