#if LSTM__PASS == LSTM__NEON && defined(LSTM__ARM32)
/* The words of NEON that differ on 32-bit ARM: 16 registers.  There is no division: it is VFP's, lane
 * by lane, as IEEE 754 says.  What is below 2^-126 becomes zero, whatever the mode.  A file that is
 * compiled for all of it needs no region, and may be for more than the region has. */
#ifndef LSTM__NEON_FMA
#pragma GCC push_options
#define LSTM__PUSHED
#pragma GCC target("fpu=neon-vfpv4")
#define LSTM__TARGET __attribute__((target("fpu=neon-vfpv4")))
#else
#define LSTM__TARGET
#endif

#define LSTM__UNITS 2
#define LSTM__STREAMS 3
#define lstm__div(a, b) ((a) / (b))
#define LSTM__SLEEF_EXP "Sleef_finz_expf4_u10neonvfpv4"
#define LSTM__SLEEF_TANH "Sleef_finz_tanhf4_u35neonvfpv4"
#endif
