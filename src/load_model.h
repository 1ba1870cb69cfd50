/* ---- the calls: describe the LSTM of a file, make its model ------------------------------------ */
#ifndef LSTM_NO_MALLOC
/* What the model keeps: what is asked for, or what each layer of the file is. */
static void lstm__load_types(const lstm__load *load, lstm_dtype asked)
{
	lstm_desc *desc = load->desc;
	int layer;

	desc->dtype = asked != LSTM_DTYPE_OTHER ? asked : load->dtypes[0];
	for (layer = 1; layer < desc->layers && asked == LSTM_DTYPE_OTHER; layer++)
		if (load->dtypes[layer] != load->dtypes[0]) {
			desc->dtype = LSTM_DTYPE_F32;
			desc->dtypes = load->dtypes;
		}
}

LSTM__DEF lstm_status lstm_file_lstm(lstm_file *file, const lstm_load_args *args, lstm_desc *desc,
                                     const lstm_weights **weights, lstm_error *error)
{
	const struct lstm__file_block *kept;
	lstm__load load;
	lstm_status status;

	lstm__text_clear(error);
	memset(&load, 0, sizeof(load));
	load.log.error = error;
	load.log.file = file ? file->name : "file";
	if (!file || !desc || !weights)
		return lstm__text_fail(
			&load.log, LSTM_ERR_ARG,
			"expected a file, a description and weights, found a null pointer");
	memset(desc, 0, sizeof(*desc));
	*weights = NULL;
	load.file = file;
	load.desc = desc;
	kept = file->blocks;
	status = lstm__load_all(&load, args ? args->prefix : NULL, weights);
	lstm__file_free(load.name);
	lstm__file_free(load.used);
	if (status == LSTM_OK) {
		desc->isa = args ? args->isa : LSTM_ISA_AUTO;
		lstm__load_types(&load, args ? args->dtype : LSTM_DTYPE_OTHER);
	} else {
		lstm__file_forget(file, kept);
		memset(desc, 0, sizeof(*desc));
		*weights = NULL;
	}
	return status;
}

/* The rest of loading in one call, after the file was opened with this status. */
static lstm_status lstm__load_model(lstm_model **model, lstm_file *file, lstm_status status,
                                    const lstm_load_args *args, lstm_error *error)
{
	const lstm_weights *weights;
	lstm_desc desc;
	lstm__text_log log;

	if (status != LSTM_OK)
		return status;
	status = lstm_file_lstm(file, args, &desc, &weights, error);
	if (status == LSTM_OK) {
		status = lstm_model_new(model, &desc, weights);
		log.error = error;
		log.file = file->name;
		if (status != LSTM_OK)
			lstm__text_fail(&log, status, "model of input %u, hidden %u, layers %u: %s",
			                (uint64_t)desc.input, (uint64_t)desc.hidden,
			                (uint64_t)desc.layers, lstm_strerror(status));
	}
	lstm_file_close(file);
	return status;
}

static lstm_status lstm__load_no_model(const char *name, lstm_error *error)
{
	lstm__text_log log;

	log.error = error;
	log.file = name ? name : "model";
	return lstm__text_fail(&log, LSTM_ERR_ARG,
	                       "expected a place for the lstm_model, found a null pointer");
}

#ifndef LSTM_NO_STDIO
LSTM__DEF lstm_status lstm_model_load(lstm_model **model, const char *path,
                                      const lstm_load_args *args, lstm_error *error)
{
	lstm_file *file;
	lstm_status status;

	if (!model)
		return lstm__load_no_model(path, error);
	*model = NULL;
	status = lstm_file_open(&file, path, error);
	return lstm__load_model(model, file, status, args, error);
}
#endif

LSTM__DEF lstm_status lstm_model_load_memory(lstm_model **model, const void *data, size_t bytes,
                                             const char *name, const lstm_load_args *args,
                                             lstm_error *error)
{
	lstm_file *file;
	lstm_status status;

	if (!model)
		return lstm__load_no_model(name, error);
	*model = NULL;
	status = lstm_file_open_memory(&file, data, bytes, name, error);
	return lstm__load_model(model, file, status, args, error);
}
#endif /* LSTM_NO_MALLOC */
