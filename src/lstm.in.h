//@room src/manual.h
#ifndef LSTM__PASS

//@room src/api.h

#if defined(LSTM_IMPLEMENTATION) && !defined(LSTM__IMPLEMENTED)
#define LSTM__IMPLEMENTED
//@room src/platform.h
//@room src/isa.h
//@room src/precision.h
//@room src/types.h
//@room src/reference.h
//@room src/passes.h
//@room src/pack.h
//@room src/pack_low.h
//@room src/pack_layer.h
//@room src/plan.h
//@room src/model.h
//@room src/args.h
//@room src/state.h
//@room src/team.h
//@room src/split.h
//@room src/bands.h
//@room src/run.h
//@room src/teamwork.h
//@room src/double.h
//@room src/text.h
//@room src/sort.h
//@room src/json.h
//@room src/entries.h
//@room src/file.h
//@room src/settings.h
//@room src/load_codes.h
//@room src/load.h
//@room src/load_model.h
//@room src/end.h
#endif

#else /* LSTM__PASS: the header includes itself here, for each vector instruction set and kind of
       * weights */

//@room simd/avx2.h
//@room simd/avx512.h
//@room simd/neon32.h
//@room simd/neon.h
//@room simd/wasm.h
#if LSTM__WEIGHTS == LSTM__F32
//@room simd/activations.h
//@room simd/cell.h
#endif
//@room simd/weights.h
//@room simd/encode.h
//@room simd/tile.h
//@room simd/last.h
//@room simd/streams.h
//@room simd/amx.h
//@room simd/layer.h
//@room simd/end.h
#endif

//@room src/licence.h
