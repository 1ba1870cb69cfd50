/* In which order a layer's weights lie and are read: what caches and registers want. */

/* Weights of so many bytes outgrow the second cache, and one of usual size several times over. */
#define LSTM__SECOND_CACHE ((size_t)1 << 20)
#define LSTM__FETCHED ((size_t)256 << 10) /* and so many that tiles of several streams wait for them */
#define LSTM__FETCHED_BY_FEW ((size_t)1536 << 10)
#define LSTM__FAR ((size_t)4 << 20)

#define LSTM__SMALL_CACHE ((size_t)30 << 10) /* of 32 KiB, not the weights' alone */

/* Weights of more bytes outgrow the first cache. */
static size_t lstm__first_cache(void)
{
#ifdef LSTM__X86
	if (lstm__cpu() & LSTM__CPU_ICE_LAKE)
		return (size_t)40 << 10;
#endif
	return LSTM__SMALL_CACHE;
}

/* Vectors of units per block.  A tile of several streams reads a block once for each of its vectors
 * and skips the others, which from far away takes twice as long (8 streams of 1024x1024). */
static size_t lstm__block_units(const struct lstm__layer *l)
{
	return l->kernels->lanes > 4 && lstm__layer_bytes(l) >= LSTM__FAR
	               ? 1
	               : (size_t)l->kernels->units;
}

/* Whether blocks that are read in turn are of one vector of units: those from far away, and of long
 * vectors, that need few sums in flight while they wait for their weights: the smaller what is read at
 * a time, the more of what the last step read is still near.  bf16 spends its time unpacking, and CPUs
 * with a large first cache multiply two vectors a cycle, for which four sums are too few. */
static int lstm__layer_narrow(const struct lstm__layer *l, size_t first_cache)
{
	const size_t bytes = lstm__layer_bytes(l);
	if (l->kernels->lanes > 4 && bytes >= LSTM__FAR)
		return 1;
	return l->kernels->lanes > 8 &&
	       (l->dtype == LSTM_DTYPE_F32 ||
	        (l->dtype == LSTM_DTYPE_I8 && bytes <= LSTM__SECOND_CACHE &&
	         first_cache <= LSTM__SMALL_CACHE));
}

/* Which tiles fetch weights ahead; u: bytes that a step reads where x was projected ahead.  AVX-512's of few
 * streams, which take them in turn, lose a tenth by it while weights come from the second cache, where
 * AVX2 gains as much (8 streams of 128x128 on a Xeon). */
static unsigned char lstm__layer_fetches(const struct lstm__layer *l, size_t u)
{
	const size_t bytes = lstm__layer_bytes(l);
	const size_t few = l->kernels->lanes == 16 ? LSTM__FETCHED_BY_FEW : LSTM__FETCHED;
	int fetches = bytes >= LSTM__FETCHED ? LSTM__FETCH_MANY : 0;
	fetches |= bytes >= few ? LSTM__FETCH_FEW : 0;
	return (unsigned char)(fetches | (u >= few ? LSTM__FETCH_FEW_AHEAD : 0));
}

/* Whether blocks are read from front to back and back again: where they outgrow the first cache, a
 * step finds there what the one before it read last.  One whose x was projected ahead reads U alone, and
 * the projected rows, which matter more to long vectors: they lose nothing by turning. */
static void lstm__layer_turns(struct lstm__layer *l, size_t first_cache)
{
	const size_t rows = l->kernels->lanes > 8 ? (size_t)6 << 10 : 0;
	const size_t u = 4 * l->hidden * lstm__word_bytes(l->dtype) * lstm__words(l->dtype, l->output);
	l->narrow = (unsigned char)lstm__layer_narrow(l, first_cache);
	l->turns = lstm__layer_bytes(l) > first_cache;
	l->fetches = lstm__layer_fetches(l, u);
	l->turns_ahead = u + rows > first_cache || l->units != (size_t)l->kernels->units;
}

/* How a step of one stream makes the last vector of units, see simd/last.h: the lower half alone of
 * AVX-512's, and in small layers AVX2's odd one and that half with the block before. */
static void lstm__layer_end(struct lstm__layer *l)
{
	const size_t lanes = (size_t)l->kernels->lanes;
	const int can = l->plain && l->dtype == LSTM_DTYPE_F32;
	l->half = can && lanes == 16 && l->hidden + lanes / 2 <= l->vectors * lanes;
	l->joins = can && !(l->turns && l->turns_ahead) && (l->half || (lanes == 8 && l->vectors % 2));
}
