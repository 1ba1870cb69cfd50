/* Forget the words and leave the region. */
#undef lstm__vf
#undef lstm__vm
#undef lstm__set
#undef lstm__splat
#undef lstm__load
#undef lstm__store
#undef lstm__store_n
#undef lstm__fetch_near
#undef lstm__fetch_far
#undef lstm__add
#undef lstm__sub
#undef lstm__mul
#undef lstm__div
#undef lstm__fma
#undef lstm__fnma
#undef lstm__min
#undef lstm__max
#undef lstm__abs
#undef lstm__lt
#undef lstm__le
#undef lstm__select
#undef lstm__clear
#undef lstm__scale
#undef lstm__vi
#undef lstm__set_i
#undef lstm__splat_i
#undef lstm__load_i
#undef lstm__xor_i
#undef lstm__add_i
#undef lstm__mul_i
#undef lstm__max_i
#undef lstm__max_u
#undef lstm__min_i
#undef lstm__first_i
#undef lstm__most
#undef lstm__bits
#undef lstm__to_float
#undef lstm__round
#undef lstm__low_bf16
#undef lstm__high_bf16
#undef lstm__load_f16
#undef lstm__dot4
#undef lstm__dot4_signed
#undef lstm__ones
#undef lstm__store_codes
#undef LSTM__V
#undef LSTM__FN
#undef LSTM__WEIGHT
#undef LSTM__DTYPE
#undef LSTM__INT8
#undef LSTM__SIGNED
#undef LSTM__HEAD
#undef LSTM__SUMS
#undef LSTM__CELLS
#undef LSTM__APART
#undef LSTM__STORED
#undef LSTM__ISA
#undef LSTM__TARGET
#undef LSTM__LANES
#undef LSTM__UNITS
#undef LSTM__MAKES_HALVES
#undef LSTM__BY_HALVES
#undef LSTM__JOINS
#undef LSTM__SINGLE
#undef LSTM__NARROW
#undef LSTM__LAST
#undef lstm__last_of
#undef lstm__four
#undef lstm__pick
#undef LSTM__STREAMS
#undef LSTM__SLEEF_EXP
#undef LSTM__SLEEF_TANH

#if LSTM__PASS == LSTM__AVX2 || LSTM__PASS == LSTM__AVX512 || defined(LSTM__PUSHED)
#undef LSTM__PUSHED
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
