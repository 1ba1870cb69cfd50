/* ---- what the file's rooms need of memory, sorting and searching ----------------------------- */
#ifndef LSTM_NO_MALLOC
static void *lstm__file_allocate(const lstm__text_log *log, size_t count, size_t size,
                                 lstm_status *status)
{
	size_t bytes;
	void *memory = NULL;

	if (lstm__multiply(count, size, &bytes))
		memory = LSTM_MALLOC(bytes ? bytes : 1);
	else
		bytes = SIZE_MAX;
	*status = memory ? LSTM_OK : lstm__text_no_memory(log, bytes);
	return memory;
}

static void lstm__file_free(const void *memory)
{
	if (memory)
		LSTM_FREE((void *)memory);
}

typedef int lstm__file_compare(const void *a, const void *b);

static void lstm__file_sift(const void **items, size_t root, size_t count,
                            lstm__file_compare *compare)
{
	const void *item = items[root];
	size_t child;

	for (; root < count / 2; root = child) {
		child = 2 * root + 1;
		if (child + 1 < count && compare(items[child], items[child + 1]) < 0)
			child++;
		if (compare(item, items[child]) >= 0)
			break;
		items[root] = items[child];
	}
	items[root] = item;
}

/* Heap sort: in place and never quadratic.  qsort may allocate behind LSTM_MALLOC's back. */
static void lstm__file_sort(const void **items, size_t count, lstm__file_compare *compare)
{
	const void *last;
	size_t k;

	for (k = 1; k < count && compare(items[k - 1], items[k]) <= 0; k++)
		;
	if (k >= count)
		return; /* the usual case */
	for (k = count / 2; k-- > 0;)
		lstm__file_sift(items, k, count, compare);
	for (k = count; k-- > 1;) {
		last = items[k];
		items[k] = items[0];
		items[0] = last;
		lstm__file_sift(items, 0, k, compare);
	}
}

static const void *lstm__file_search(const void *const *items, size_t count, const void *wanted,
                                     lstm__file_compare *compare)
{
	size_t low = 0, middle;
	int order;

	while (low < count) {
		middle = low + (count - low) / 2;
		order = compare(wanted, items[middle]);
		if (order == 0)
			return items[middle];
		if (order < 0)
			count = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
#endif /* LSTM_NO_MALLOC */
