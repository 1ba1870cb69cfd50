/* ---- matrices of int8 codes: a scale for each row in a tensor beside them -------------------- */
#ifndef LSTM_NO_MALLOC
#define LSTM__LOAD_SCALE ".scale"

/* The scales [rows] under this name, checked: each finite and above 0. */
static lstm_status lstm__load_scales(lstm_file *file, const lstm__text_log *log, const char *name,
                                     const char *beside, size_t rows, const float **scales)
{
	const lstm_tensor *tensor = lstm_file_find(file, name);
	lstm_tensor wanted;
	lstm_status status;
	float *values;
	size_t k;

	memset(&wanted, 0, sizeof(wanted));
	wanted.rank = 1;
	wanted.shape[0] = rows;
	if (!tensor)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected it beside %q of I8, found none", name,
		                       beside);
	if (tensor->dtype != LSTM_DTYPE_F32)
		return lstm__text_fail(log, LSTM_ERR_FORMAT, "tensor %q: expected F32, found %s",
		                       name, tensor->type);
	if (tensor->rank != 1 || tensor->shape[0] != rows)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected shape %t, found %t", name, &wanted,
		                       tensor);
	values = (float *)lstm__file_keep(file, log, rows, sizeof(float), &status);
	if (values)
		status = lstm_tensor_read(tensor, values, rows);
	for (k = 0; k < rows && status == LSTM_OK; k++)
		if (!(values[k] > 0 && values[k] < INFINITY))
			return lstm__text_fail(log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected finite scales above 0, found "
			                       "another one of row %u",
			                       name, (uint64_t)k);
	*scales = values;
	return status;
}

/* The weights that these codes stand for, from which the codes follow again. */
static lstm_status lstm__load_codes(lstm_file *file, const lstm__text_log *log,
                                    const lstm_tensor *tensor, const float *scales,
                                    const float **weights)
{
	const signed char *codes = (const signed char *)tensor->data;
	size_t rows = tensor->shape[0], columns = tensor->shape[1], row, k;
	lstm_status status;
	float *values = (float *)lstm__file_keep(file, log, rows * columns, sizeof(float), &status);

	*weights = values;
	for (row = 0; row < rows && values; row++)
		for (k = 0; k < columns; k++, values++) {
			const int code = codes[row * columns + k];

			if (code == -128)
				return lstm__text_fail(
					log, LSTM_ERR_FORMAT,
					"tensor %q: expected codes of -127 to 127, found -128 at "
					"[%u, %u]",
					tensor->name, (uint64_t)row, (uint64_t)k);
			*values = (float)code * scales[row];
		}
	return status;
}
#endif /* LSTM_NO_MALLOC */
