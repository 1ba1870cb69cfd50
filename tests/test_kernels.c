/* Which kernels a model gets.  Their bits are the same, by law, so that nothing else shows whether a
 * CPU's own instruction for int8 is what runs. */
#include "harness.h"
#include "inside.h"

#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

static const char *kernels_of(lstm_isa isa, lstm_dtype dtype)
{
	static const float zero[4] = {0};
	const lstm_weights weights = {.w = zero, .u = zero};
	const lstm_desc desc = {.input = 1, .hidden = 1, .isa = isa, .dtype = dtype};
	const char *found;
	lstm_model *model;

	cr_assert_eq(lstm_model_new(&model, &desc, &weights), LSTM_OK, "refused");
	found = inside_kernels(model);
	lstm_model_free(model);
	return found;
}

#ifdef __x86_64__
static void need(lstm_isa isa)
{
	if (!lstm_isa_supported(isa))
		cr_skip_test("%s: not in this build or not on this CPU", lstm_isa_name(isa));
}

/* A bit of CPUID's leaf 7. */
static int cpu_has(unsigned part, int reg, int bit)
{
	unsigned r[4] = {0};

	if (part && (!__get_cpuid_count(7, 0, &r[0], &r[1], &r[2], &r[3]) || r[0] < part))
		return 0;
	return __get_cpuid_count(7, part, &r[0], &r[1], &r[2], &r[3]) && r[reg] >> bit & 1;
}

static int has_avx_vnni(void)
{
	return cpu_has(1, 0, 4);
}

static int has_avx512_vnni(void)
{
	return cpu_has(0, 2, 11);
}

Test(kernels, int8_takes_avx_vnni_where_it_is)
{
	need(LSTM_ISA_AVX2);
	if (inside_has_kernels("i8dot_avx2") && has_avx_vnni()) {
		cr_assert_str_eq(kernels_of(LSTM_ISA_AVX2, LSTM_DTYPE_I8), "i8dot_avx2",
		                 "AVX-VNNI is there and not used");
		return;
	}
	cr_assert_str_eq(kernels_of(LSTM_ISA_AVX2, LSTM_DTYPE_I8), "i8_avx2",
	                 "AVX-VNNI is used, and CPUID says %d", has_avx_vnni());
}

Test(kernels, int8_takes_avx512_vnni_where_it_is)
{
	need(LSTM_ISA_AVX512);
	if (has_avx512_vnni())
		cr_assert_str_eq(kernels_of(LSTM_ISA_AVX512, LSTM_DTYPE_I8), "i8_avx512",
		                 "VNNI is there and not used");
	else
		cr_assert_str_eq(kernels_of(LSTM_ISA_AVX512, LSTM_DTYPE_I8),
		                 kernels_of(LSTM_ISA_AVX2, LSTM_DTYPE_I8), "VNNI is not there");
}

/* Intel's with AVX512-VBMI2, or as the build says: see meson.build. */
static int converts_f16_wide(void)
{
#ifdef LSTM__F16_WIDE
	return 1;
#else
	unsigned r[4] = {0};

	return __get_cpuid(0, &r[0], &r[1], &r[2], &r[3]) && memcmp(&r[1], "Genu", 4) == 0 &&
	       cpu_has(0, 2, 6);
#endif
}

Test(kernels, avx512_asks_for_avx2_with_f16_at_most)
{
	need(LSTM_ISA_AVX512);
	cr_assert_str_eq(kernels_of(LSTM_ISA_AVX512, LSTM_DTYPE_F32), "avx512", "f32");
	cr_assert_str_eq(kernels_of(LSTM_ISA_AVX512, LSTM_DTYPE_BF16), "bf16_avx512", "bf16");
	cr_assert_str_eq(kernels_of(LSTM_ISA_AVX512, LSTM_DTYPE_F16),
	                 converts_f16_wide() ? "f16_avx512" : "f16_avx2", "f16");
}
#elif defined(__aarch64__)
/* LSTM_TEST_DOT in the environment, 1 or 0: whether the CPU has the dot product, from who chose it. */
Test(kernels, int8_takes_the_dot_product_where_it_is)
{
	const char *told = getenv("LSTM_TEST_DOT");

	harness_need(LSTM_ISA_NEON, LSTM_DTYPE_I8);
	if (!told)
		cr_skip_test("LSTM_TEST_DOT does not tell whether the CPU has the dot product");
	cr_assert_str_eq(kernels_of(LSTM_ISA_NEON, LSTM_DTYPE_I8),
	                 strcmp(told, "1") ? "i8_neon" : "i8dot_neon",
	                 "LSTM_TEST_DOT=%s, and the other kernels", told);
}
#endif

Test(kernels, the_scalar_path_serves_all_types_where_it_is_asked_for)
{
	static const lstm_dtype dtypes[] = {LSTM_DTYPE_F32, LSTM_DTYPE_BF16, LSTM_DTYPE_F16,
	                                    LSTM_DTYPE_I8};
	int k;

	for (k = 0; k < 4; k++)
		cr_assert_str_eq(kernels_of(LSTM_ISA_SCALAR, dtypes[k]), "scalar", "type %d",
		                 (int)dtypes[k]);
}
