/* Which instruction sets this build holds and this CPU runs. */
LSTM__DEF const char *lstm_strerror(lstm_status status)
{
	switch (status) {
	case LSTM_OK: return "success";
	case LSTM_ERR_ARG: return "an argument is NULL, out of range or not a known enumerator";
	case LSTM_ERR_SIZE: return "the dimensions need more bytes than an address can count";
	case LSTM_ERR_MEMORY: return "the memory is too small, misaligned or could not be allocated";
	case LSTM_ERR_ISA: return "the instruction set asked for is not in this build or on this CPU";
	case LSTM_ERR_FILE: return "the file cannot be opened or read";
	case LSTM_ERR_FORMAT: return "the file is not valid or does not hold the model asked for";
	}
	return "unknown status";
}

static const char *const lstm__isa_names[LSTM_ISA_COUNT] = {"auto", "scalar", "neon", "avx2",
                                                            "avx512", "simd128"};

LSTM__DEF const char *lstm_isa_name(lstm_isa isa)
{
	return (unsigned)isa < LSTM_ISA_COUNT ? lstm__isa_names[isa] : "?";
}

LSTM__DEF const char *lstm_activations_name(void)
{
#ifdef LSTM_NO_SLEEF
	return "builtin";
#else
	return "sleef";
#endif
}

#ifdef LSTM__X86
/* The compiler's own library has asked the processor and the operating system, once, before main.
 * Asking anew leaves the guest on a virtual machine: 2 us a question. */
static int lstm__cpu_has(lstm_isa isa)
{
	__builtin_cpu_init(); /* for who comes before main */
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return 0;
#if !defined(__clang__) && __GNUC__ >= 11 /* others cannot ask; no CPU has the two without it */
	if (!__builtin_cpu_supports("f16c"))
		return 0;
#endif
	return isa == LSTM_ISA_AVX2 || __builtin_cpu_supports("avx512f");
}
#endif

/* Whether there is an instruction for sums of four products of int8, where there is not always. */
static int lstm__cpu_has_int8(lstm_isa isa)
{
#if defined(LSTM__X86)
	return isa == LSTM_ISA_AVX512 && __builtin_cpu_supports("avx512vnni");
#elif defined(LSTM__ARM64) && defined(__linux__)
	return isa == LSTM_ISA_NEON && (getauxval(AT_HWCAP) & 1ul << 20) != 0; /* ASIMDDP */
#elif defined(LSTM__ARM64) && defined(__ARM_FEATURE_DOTPROD)
	return isa == LSTM_ISA_NEON;
#else
	(void)isa;
	return 0;
#endif
}

#ifdef LSTM__HAVE_NEON
static int lstm__cpu_has_neon(void)
{
#if defined(LSTM__ARM64) || defined(LSTM__NEON_FMA)
	return 1; /* part of the ABI, or of what the whole file is compiled for */
#else
	const unsigned long neon = 1ul << 12, vfpv4 = 1ul << 16; /* as Linux counts them */
	return (getauxval(AT_HWCAP) & (neon | vfpv4)) == (neon | vfpv4);
#endif
}
#endif

LSTM__DEF int lstm_isa_supported(lstm_isa isa)
{
	switch (isa) {
	case LSTM_ISA_AUTO:
	case LSTM_ISA_SCALAR: return 1;
#ifdef LSTM__HAVE_NEON
	case LSTM_ISA_NEON: return lstm__cpu_has_neon();
#endif
#ifdef LSTM__HAVE_AVX2
	case LSTM_ISA_AVX2: return lstm__cpu_has(isa);
#endif
#ifdef LSTM__HAVE_AVX512
	case LSTM_ISA_AVX512: return lstm__cpu_has(isa);
#endif
#ifdef LSTM__HAVE_SIMD128
	case LSTM_ISA_SIMD128: return 1; /* or this module would not have been loaded */
#endif
	default: return 0;
	}
}

LSTM__DEF lstm_isa lstm_isa_best(void)
{
	int isa = LSTM_ISA_COUNT - 1;
	while (!lstm_isa_supported((lstm_isa)isa))
		isa--;
	return (lstm_isa)isa;
}

/* Make AUTO definite: the environment if it speaks, else the best. */
static lstm_status lstm__isa_resolve(lstm_isa *isa)
{
	if (*isa == LSTM_ISA_AUTO) {
#ifndef LSTM_NO_GETENV
		const char *name = getenv("LSTM_ISA");
		int i;
		for (i = LSTM_ISA_SCALAR; name && *name && i < LSTM_ISA_COUNT; i++)
			if (!strcmp(name, lstm__isa_names[i])) {
				*isa = (lstm_isa)i;
				break;
			}
		if (name && *name && i == LSTM_ISA_COUNT && strcmp(name, "auto"))
			return LSTM_ERR_ISA;
#endif
		if (*isa == LSTM_ISA_AUTO)
			*isa = lstm_isa_best();
	}
	if ((unsigned)*isa >= LSTM_ISA_COUNT)
		return LSTM_ERR_ARG;
	return lstm_isa_supported(*isa) ? LSTM_OK : LSTM_ERR_ISA;
}
