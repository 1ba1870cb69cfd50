/* Forget the words and leave the region. */
#undef lstm__vf
#undef lstm__vm
#undef lstm__set
#undef lstm__splat
#undef lstm__load
#undef lstm__store
#undef lstm__store_n
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
#undef LSTM__FN
#undef LSTM__ISA
#undef LSTM__TARGET
#undef LSTM__LANES
#undef LSTM__UNITS
#undef LSTM__STREAMS
#undef LSTM__SLEEF_EXP
#undef LSTM__SLEEF_TANH

#if LSTM__PASS == LSTM__NEON
#if defined(LSTM__ARM32) && !defined(__clang__)
#pragma GCC pop_options
#endif
#elif defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
