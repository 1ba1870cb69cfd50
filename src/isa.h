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
                                                            "avx512"};

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
/* Vector state that the operating system saves (XCR0); 0 if it does not say. */
static unsigned lstm__xcr0(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27)) /* OSXSAVE */
		return 0;
	__asm__ __volatile__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static int lstm__cpu_has(lstm_isa isa)
{
	const unsigned fma_avx_f16c = 1u << 12 | 1u << 28 | 1u << 29;
	const unsigned avx2 = 1u << 5, avx512f = 1u << 16;
	const unsigned ymm = 0x06, zmm = 0xe6;
	unsigned a = 0, b = 0, c = 0, d = 0, xcr0 = lstm__xcr0();

	if ((xcr0 & ymm) != ymm)
		return 0;
	__get_cpuid(1, &a, &b, &c, &d);
	if ((c & fma_avx_f16c) != fma_avx_f16c)
		return 0;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & avx2))
		return 0;
	return isa == LSTM_ISA_AVX2 || ((b & avx512f) && (xcr0 & zmm) == zmm);
}
#endif

/* Whether there is an instruction for sums of four products of int8, where there is not always. */
static int lstm__cpu_has_int8(lstm_isa isa)
{
#if defined(LSTM__X86)
	const unsigned vnni = 1u << 11;
	unsigned a, b, c = 0, d;
	return isa == LSTM_ISA_AVX512 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & vnni);
#elif defined(LSTM__ARM64) && defined(__linux__)
	return isa == LSTM_ISA_NEON && (getauxval(AT_HWCAP) & 1ul << 20) != 0; /* ASIMDDP */
#elif defined(LSTM__ARM64) && defined(__ARM_FEATURE_DOTPROD)
	return isa == LSTM_ISA_NEON;
#else
	(void)isa;
	return 0;
#endif
}

LSTM__DEF int lstm_isa_supported(lstm_isa isa)
{
	switch (isa) {
	case LSTM_ISA_AUTO:
	case LSTM_ISA_SCALAR: return 1;
#ifdef LSTM__HAVE_NEON
	case LSTM_ISA_NEON: return 1; /* part of the AArch64 ABI */
#endif
#ifdef LSTM__HAVE_AVX2
	case LSTM_ISA_AVX2: return lstm__cpu_has(isa);
#endif
#ifdef LSTM__HAVE_AVX512
	case LSTM_ISA_AVX512: return lstm__cpu_has(isa);
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
