#include "bands.h"

/* log2 of 1 + energy in 256ths, the fraction by straight lines. */
static int32_t level(uint64_t energy)
{
	uint64_t value = energy + 1;
	int exponent = 0;

	while (value >> exponent > 1)
		exponent++;
	value -= (uint64_t)1 << exponent;
	value = exponent < 8 ? value << (8 - exponent) : value >> (exponent - 8);
	return 256 * exponent + (int32_t)value;
}

void bands_of(float levels[BANDS], const int16_t samples[FRAME])
{
	int32_t low[FRAME];
	int band, count, k;

	for (k = 0; k < FRAME; k++)
		low[k] = samples[k];
	for (band = 0, count = FRAME; band < BANDS; band++, count /= 2) {
		uint64_t energy = 0;

		for (k = 0; k + 1 < count && band < BANDS - 1; k += 2) {
			int32_t high = low[k] - low[k + 1];
			low[k / 2] = low[k] + low[k + 1];
			energy += (uint64_t)((int64_t)high * high);
		}
		for (k = 0; k < count && band == BANDS - 1; k++)
			energy += (uint64_t)((int64_t)low[k] * low[k]);
		levels[band] = (float)(level(energy) - 6144) / 2048;
	}
}
