/* Which instruction sets this build holds and this CPU runs. */
LSTM__DEF const char *lstm_strerror(lstm_status status)
{
	switch (status) {
	case LSTM_OK: return "success";
	case LSTM_ERR_ARG: return "an argument is NULL, out of range or not a known enumerator";
	case LSTM_ERR_SIZE:
		return "the dimensions are beyond the limits, or need more bytes than an address can "
		       "count";
	case LSTM_ERR_MEMORY: return "the memory is too small, misaligned or could not be allocated";
	case LSTM_ERR_ISA:
		return "the instruction set asked for is not in this build or on this CPU, or has no "
		       "kernels for this type of weights";
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
enum {
	LSTM__CPU_AVX2 = 1,
	LSTM__CPU_AVX512 = 2,
	LSTM__CPU_VNNI = 4,
	LSTM__CPU_AVXVNNI = 8,
	LSTM__CPU_AMX = 16,
	LSTM__CPU_ICE_LAKE = 32 /* Intel's from there on, those with AVX512-VBMI2: a first cache of 48 KiB */
};

#ifdef __clang__
/* CPUID's answer in eax, ebx, ecx, edx. */
static void lstm__cpuid(unsigned leaf, unsigned part, unsigned answer[4])
{
	__asm__ __volatile__("cpuid"
	                     : "=a"(answer[0]), "=b"(answer[1]), "=c"(answer[2]), "=d"(answer[3])
	                     : "a"(leaf), "c"(part));
}

/* What the processor has and the operating system saves (XCR0).  Clang's library knows, but zig's,
 * which is Clang too, does not. */
static unsigned lstm__cpu(void)
{
	const unsigned needed = 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29; /* FMA OSXSAVE AVX F16C */
	unsigned answer[4], saved, high, intel, found = LSTM__CPU_AVX2;

	lstm__cpuid(0, 0, answer);
	if (answer[0] < 7)
		return 0;
	intel = answer[1] == 0x756e6547; /* "Genu" */
	lstm__cpuid(1, 0, answer);
	if ((answer[2] & needed) != needed)
		return 0;
	__asm__ __volatile__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
	lstm__cpuid(7, 0, answer);
	if ((saved & 0x06) != 0x06 || !(answer[1] & 1u << 5))
		return 0;
	if ((saved & 0xe6) == 0xe6 && (answer[1] & 1u << 16))
		found |= LSTM__CPU_AVX512 | (answer[2] & 1u << 11 ? LSTM__CPU_VNNI : 0) |
		         (intel && answer[2] & 1u << 6 ? LSTM__CPU_ICE_LAKE : 0);
	if ((saved & 0x60000) == 0x60000 && (answer[3] & 3u << 24) == 3u << 24)
		found |= LSTM__CPU_AMX;
	if (answer[0] > 0) {
		lstm__cpuid(7, 1, answer);
		found |= answer[0] & 1u << 4 ? LSTM__CPU_AVXVNNI : 0;
	}
	return found;
}
#else
/* GCC's library has asked the processor and the operating system, once, before main.  Asking anew
 * leaves the guest on a virtual machine: 2 us a question. */
static unsigned lstm__cpu(void)
{
	unsigned found = LSTM__CPU_AVX2;

	__builtin_cpu_init(); /* for who comes before main */
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return 0;
#if __GNUC__ >= 11 /* others cannot ask; no CPU has the two without it */
	if (!__builtin_cpu_supports("f16c"))
		return 0;
#endif
	if (__builtin_cpu_supports("avx512f"))
		found |= LSTM__CPU_AVX512;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"))
		found |= LSTM__CPU_VNNI;
	if (__builtin_cpu_is("intel") && __builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512vbmi2"))
		found |= LSTM__CPU_ICE_LAKE;
#ifdef LSTM__AVXVNNI
	if (__builtin_cpu_supports("avxvnni"))
		found |= LSTM__CPU_AVXVNNI;
#endif
#ifdef LSTM__AMX
	if (__builtin_cpu_supports("amx-int8"))
		found |= LSTM__CPU_AMX;
#endif
	return found;
}
#endif

#ifdef LSTM__AMX
/* Whether AMX's products of int8 may be used.  Linux wants to be asked by each process before it makes
 * room for their registers: arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA), for which C libraries have no
 * function.  An older kernel says no. */
static int lstm__amx_allowed(void)
{
#ifdef LSTM__AMX_MODEL
	return (lstm__cpu() & LSTM__CPU_VNNI) != 0;
#else
	long answer;

	if ((lstm__cpu() & (LSTM__CPU_AMX | LSTM__CPU_VNNI)) != (LSTM__CPU_AMX | LSTM__CPU_VNNI))
		return 0;
	__asm__ __volatile__("syscall"
	                     : "=a"(answer)
	                     : "0"(158L), "D"(0x1023L), "S"(18L)
	                     : "rcx", "r11", "memory");
	return answer == 0;
#endif
}
#endif
#endif

#if defined(LSTM__X86) || defined(LSTM__ARM64)
/* Whether there is an instruction for sums of four products of int8, where there is not always. */
static int lstm__cpu_has_int8(lstm_isa isa)
{
#if defined(LSTM__X86)
	return (lstm__cpu() & (isa == LSTM_ISA_AVX512 ? LSTM__CPU_VNNI : LSTM__CPU_AVXVNNI)) != 0;
#elif defined(LSTM__ARM64) && defined(__linux__)
	return isa == LSTM_ISA_NEON && (getauxval(AT_HWCAP) & 1ul << 20) != 0; /* ASIMDDP */
#elif defined(LSTM__ARM64) && defined(__ARM_FEATURE_DOTPROD)
	return isa == LSTM_ISA_NEON;
#else
	(void)isa;
	return 0;
#endif
}
#endif

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
	case LSTM_ISA_AVX2: return (lstm__cpu() & LSTM__CPU_AVX2) != 0;
#endif
#ifdef LSTM__HAVE_AVX512
	case LSTM_ISA_AVX512: return (lstm__cpu() & LSTM__CPU_AVX512) != 0;
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

/* Make AUTO definite if the environment speaks, and check what then has a name. */
static lstm_status lstm__isa_resolve(lstm_isa *isa)
{
#ifndef LSTM_NO_GETENV
	if (*isa == LSTM_ISA_AUTO) {
		const char *name = getenv("LSTM_ISA");
		int i;
		for (i = LSTM_ISA_SCALAR; name && *name && i < LSTM_ISA_COUNT; i++)
			if (!strcmp(name, lstm__isa_names[i])) {
				*isa = (lstm_isa)i;
				break;
			}
		if (name && *name && i == LSTM_ISA_COUNT && strcmp(name, "auto"))
			return LSTM_ERR_ISA;
	}
#endif
	if ((unsigned)*isa >= LSTM_ISA_COUNT)
		return LSTM_ERR_ARG;
	return lstm_isa_supported(*isa) ? LSTM_OK : LSTM_ERR_ISA;
}
