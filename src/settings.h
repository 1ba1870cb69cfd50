/* ---- lstm.* in __metadata__: what the shapes of an LSTM cannot say --------------------------- */
/* All are optional; a key that is not listed, or a value that is not of its form, is refused.
 *
 *     lstm.gates         ifgo, the order of the gate blocks: PyTorch's, and no other
 *     lstm.direction     forward, reverse or bidirectional.  Needed for a model that only runs in
 *                        reverse; otherwise it must agree with the tensors
 *     lstm.activations   of the gates, the candidate and the output: three names, or six for a
 *                        bidirectional model whose directions differ.  Default: sigmoid,tanh,tanh.
 *                        A name can have parameters, all of them: hardsigmoid(0.2,0.5),tanh,tanh
 *     lstm.clip          limit of the pre-activations, a number above 0
 *     lstm.cell_clip     limit of the cell state, a number above 0
 *     lstm.input_forget  1: the gates are coupled, f = 1 - i.  0: they are not
 *     lstm.bias          single: there is one bias, bias_ih, and no bias_hh
 *
 * Activations: sigmoid tanh relu linear softsign softplus hardsigmoid_keras3, with one parameter
 * leakyrelu(alpha) thresholdedrelu(alpha) elu(alpha), with two affine(alpha,beta)
 * scaledtanh(alpha,beta) hardsigmoid(alpha,beta).  Without them the ONNX operator's defaults hold.
 * Numbers have the form -1.25e-3, in every locale; there are no spaces. */
#ifndef LSTM_NO_MALLOC
static const struct lstm__settings_function {
	const char *name;
	lstm_function function;
	int parameters;
} lstm__settings_functions[] = {
	{"sigmoid", LSTM_SIGMOID, 0},
	{"tanh", LSTM_TANH, 0},
	{"relu", LSTM_RELU, 0},
	{"linear", LSTM_LINEAR, 0},
	{"affine", LSTM_AFFINE, 2},
	{"leakyrelu", LSTM_LEAKY_RELU, 1},
	{"thresholdedrelu", LSTM_THRESHOLDED_RELU, 1},
	{"scaledtanh", LSTM_SCALED_TANH, 2},
	{"hardsigmoid", LSTM_HARD_SIGMOID, 2},
	{"hardsigmoid_keras3", LSTM_HARD_SIGMOID_KERAS3, 0},
	{"elu", LSTM_ELU, 1},
	{"softsign", LSTM_SOFTSIGN, 0},
	{"softplus", LSTM_SOFTPLUS, 0},
};

/* Each of the settings below reads a value and answers NULL, or what was expected instead. */
static const char *lstm__settings_activation(const char **text, lstm_activation *activation)
{
	const struct lstm__settings_function *f = lstm__settings_functions;
	const struct lstm__settings_function *end =
		f + sizeof(lstm__settings_functions) / sizeof(lstm__settings_functions[0]);
	const char *s = *text;
	size_t size = strcspn(s, "(),");

	while (f < end && (strlen(f->name) != size || memcmp(f->name, s, size) != 0))
		f++;
	if (f == end)
		return "names such as sigmoid or hardsigmoid(0.2,0.5)";
	activation->function = f->function;
	activation->alpha = activation->beta = 0;
	s += size;
	if (*s == '(') {
		s++;
		if (f->parameters == 0)
			return "no parameters where a function has none";
		if (!lstm__text_decimal(&s, &activation->alpha) ||
		    (f->parameters == 2 &&
		     (*s++ != ',' || !lstm__text_decimal(&s, &activation->beta))) ||
		    *s++ != ')')
			return f->parameters == 2 ? "two numbers in parentheses, or none"
			                          : "one number in parentheses, or none";
		if (activation->alpha == 0 && activation->beta == 0)
			return "parameters that are not all zero, which stands for the defaults";
	}
	*text = s;
	return NULL;
}

static const char *lstm__settings_activations(const char *value, lstm_desc *desc)
{
	int count = 0, most = desc->direction == LSTM_BIDIRECTIONAL ? 6 : 3;
	const char *expected;

	do {
		if (count == most)
			return most == 6 ? "three or six activations" : "three activations";
		expected =
			lstm__settings_activation(&value, &desc->activations[count / 3][count % 3]);
		if (expected)
			return expected;
		count++;
	} while (*value == ',' && *++value);
	if (*value != '\0' || value[-1] == ',')
		return "names with a comma in between";
	if (count % 3)
		return most == 6 ? "three or six activations" : "three activations";
	return NULL;
}

static const char *lstm__settings_direction(const char *value, lstm_desc *desc)
{
	int both = desc->direction == LSTM_BIDIRECTIONAL;

	if (strcmp(value, "bidirectional") == 0)
		return both ? NULL : "forward or reverse, as there are tensors of one direction";
	if (strcmp(value, "forward") != 0 && strcmp(value, "reverse") != 0)
		return "forward, reverse or bidirectional";
	if (both)
		return "bidirectional, as there are tensors of both directions";
	desc->direction = *value == 'r' ? LSTM_REVERSE : LSTM_FORWARD;
	return NULL;
}

static const char *lstm__settings_limit(const char *value, float *limit)
{
	return lstm__text_decimal(&value, limit) && *value == '\0' && *limit > 0
	               ? NULL
	               : "a number above 0 in the range of fp32";
}

static const char *lstm__settings_read(const char *name, const char *value, lstm_desc *desc,
                                       int *single_bias)
{
	if (strcmp(name, "gates") == 0)
		return strcmp(value, "ifgo") == 0 ? NULL : "ifgo";
	if (strcmp(name, "direction") == 0)
		return lstm__settings_direction(value, desc);
	if (strcmp(name, "activations") == 0)
		return lstm__settings_activations(value, desc);
	if (strcmp(name, "clip") == 0)
		return lstm__settings_limit(value, &desc->clip);
	if (strcmp(name, "cell_clip") == 0)
		return lstm__settings_limit(value, &desc->cell_clip);
	if (strcmp(name, "input_forget") == 0) {
		desc->input_forget = *value == '1';
		return strcmp(value, "0") == 0 || strcmp(value, "1") == 0 ? NULL : "0 or 1";
	}
	if (strcmp(name, "bias") == 0) {
		*single_bias = 1;
		return strcmp(value, "single") == 0 ? NULL : "single";
	}
	return "a key of gates, direction, activations, clip, cell_clip, input_forget, bias";
}

/* desc->direction says of which directions there are tensors. */
static lstm_status lstm__settings_load(const lstm_file *file, const lstm__text_log *log,
                                       lstm_desc *desc, int *single_bias)
{
	size_t k;

	for (k = 0; k < file->key_count; k++) {
		const char *key = (const char *)file->keys[k], *value = key + strlen(key) + 1;
		const char *expected;

		if (strncmp(key, "lstm.", 5) != 0)
			continue;
		expected = lstm__settings_read(key + 5, value, desc, single_bias);
		if (expected)
			return lstm__text_fail(log, LSTM_ERR_FORMAT,
			                       "metadata %q: expected %s, found %q", key, expected,
			                       value);
	}
	return LSTM_OK;
}
#endif /* LSTM_NO_MALLOC */
