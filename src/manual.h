/* lstm.h -- LSTM inference on the CPU, at the speed of the machine.  MIT licence, see the end.
 *
 * In exactly one C or C++ file:        #define LSTM_IMPLEMENTATION
 *                                      #include "lstm.h"
 * Everywhere else:                     #include "lstm.h"
 * Link with:                           -lsleef -lm      (or define LSTM_NO_SLEEF: -lm alone)
 *
 * No -m flag is needed or wanted: the kernels for AVX-512, AVX2 with FMA, NEON and plain C are all
 * in the one binary, and the best that the CPU and the operating system support is chosen when a
 * model is packed.  (WebAssembly wants one, -msimd128: see below.)
 *
 *     i = sigmoid(Wi x + Ui h + bi)      g = tanh(Wg x + Ug h + bg)      c' = f * c + i * g
 *     f = sigmoid(Wf x + Uf h + bf)      o = sigmoid(Wo x + Uo h + bo)   h' = o * tanh(c')
 *
 *     lstm_model *model;                              error handling left out
 *     lstm_state *state;
 *     lstm_model_load(&model, "model.safetensors", NULL, NULL);
 *     lstm_state_new(&state, model, 1, 0);            one stream
 *     lstm_run(state, x, y, steps);                   continues where the last call stopped
 *     lstm_state_free(state);
 *     lstm_model_free(model);
 *
 * Shapes are written slowest dimension first: x[steps][batch][input] is contiguous in input.
 *
 * THREADS.  A model never changes once made: share it between any number of threads.  A state
 * belongs to one stream, or to one batch of streams in lockstep, and to one thread at a time.
 *
 * FAILURE.  Everything that can fail fails while a model or a state is made, and answers an
 * lstm_status.  lstm_run cannot fail.  After set-up nothing allocates, locks, prints, aborts, makes
 * a system call or touches errno.  (A team of threads, if you ask for one, wakes those that sleep.)
 *
 * ARITHMETIC.  Every gate pre-activation is one chain of fused multiply-adds in fp32: the bias
 * (b + b2, rounded once), then x in ascending order, then h in ascending order, then the peephole.
 * No sum is ever split, so AVX2, AVX-512 and NEON give the same bits, and so do all ways to cut a
 * sequence into calls or to batch streams.  The scalar path is a reference of its own (plain loops
 * and libm) and agrees within rounding.  (NEON on 32-bit ARM has no denormal numbers: a partial sum
 * below 2^-126 counts as zero there.)  Three choices belong to this contract:
 *   - Magnitudes below 2^-96 (1.3e-29) in x, h, c, weights and biases count as zero.  So states
 *     that decay never reach the denormal range, where many CPUs are a hundred times slower.
 *   - Each run works in the default floating-point environment (round to nearest, no flush to
 *     zero, no traps) and gives the caller's back when it returns, on x86-64, AArch64 and 32-bit
 *     ARM; elsewhere the caller's stays in force.  A call of one step of one stream enters it after
 *     W x, which it repeats if it has to: traps that the caller enabled can spring there.
 *   - NaN and infinity propagate as IEEE 754 says; the bits inside a NaN are the CPU's.
 *
 * INT8.  With LSTM_DTYPE_I8 each row of W, U and the projection is kept as codes q = round(w / s),
 * ties to even, cut to -127 .. 127, with a scale s of its own (lstm_int8_scale).  x, h and what is
 * projected are encoded at every step, each stream for itself: q = round(x * (1 / s)), ties to even,
 * with s = max(x, 0) / n - min(x, 0) / n, each operation rounded to fp32, and n = 255, or 254 where
 * the two are as far from zero.  Where rounding puts the codes of the greatest and of the least 256 apart,
 * that of the greatest is one less.  Sums of products of codes are exact in 32 bits, and a
 * pre-activation is b + float(sum of x) * (s * scale of x) + float(sum of h) * (s * scale of h) in
 * that order in fp32, with fused multiply-adds (on the scalar path they may be two operations, as
 * the compiler likes): so all that is said above holds for int8 too, whatever instruction a CPU has
 * for it.  Infinity and NaN in a row of x make all of that step NaN.  bf16 and f16 weights are
 * widened, and every bit is that of an fp32 model whose weights were rounded before.
 *
 * Kernels: bf16 and int8 have their own for AVX2, AVX-512 (int8: with VNNI, else AVX2's) and NEON of
 * AArch64 (int8 with the dot product, where there is one, and without); f16 for AVX2 and NEON, and for
 * AVX-512 of Intel's CPUs from Ice Lake on: others get AVX2's, as converting is faster there.
 * Elsewhere there are none: to ask for that instruction set by name is LSTM_ERR_ISA, and where none is
 * named they run on the scalar path.
 *
 * WEBASSEMBLY.  SIMD128 has no fused multiply-add.  By default products and sums are rounded one
 * after the other there, still in the one order: bits that are the same in every engine, however a
 * sequence is cut or batched, and that differ from those of AVX2, AVX-512 and NEON within rounding.
 * With LSTM_WASM_EXACT each fused multiply-add is made in double precision and rounded correctly:
 * the bits of AVX2, AVX-512 and NEON, many times slower.  With -mrelaxed-simd (Clang 16 and newer)
 * the engine's multiply-add is used: the bits are up to the engine, those of AVX2 where the CPU
 * fuses, else those of the default.  Without -msimd128 there is the scalar path: a module runs or is
 * refused as a whole.  SLEEF does not exist there, and the built-in activations are used.
 *
 * OTHER TARGETS.  32-bit ARM has NEON with fused multiply-add from VFPv4 on: built by GCC the library
 * asks Linux for it at run time; Clang needs -mfpu=neon-vfpv4 for the implementing file.  SVE, the
 * vectors of RISC-V and Helium (MVE) are not used: how many lanes those of the first two have, only
 * the CPU knows, while weights are packed for a number of them.  MSVC gets the plain C path, which has
 * never been tried there.
 *
 * KNOBS, all to be defined before the header is included, the same way in every file:
 *   LSTM_API            prefix of every declaration; "static" keeps all symbols in one file
 *   LSTM_SELF           the header's own name if you renamed it: "my_lstm.h"
 *   LSTM_NO_MALLOC      no heap: removes the _new, _free, _load and lstm_file functions
 *   LSTM_NO_STDIO       no file access: removes what takes a path
 *   LSTM_NO_GETENV      do not read the environment variable LSTM_ISA
 *   LSTM_MALLOC(n)      allocation, with LSTM_FREE(p): both or neither; malloc and free otherwise.
 *                       Must be aligned as malloc is; the header aligns further by itself.
 *   LSTM_THREADS        adds lstm_team: threads that share the work of one state
 * and these, which matter in the implementing file alone:
 *   LSTM_NO_SLEEF       built-in polynomials for exp and tanh instead of SLEEF
 *   LSTM_NO_AVX2, LSTM_NO_AVX512, LSTM_NO_NEON, LSTM_NO_SIMD128      leave these kernels out
 *   LSTM_NO_AVXVNNI     likewise int8's for CPUs with AVX-VNNI: for GCC 11 and newer with an assembler
 *                       (binutils) before 2.36, which does not know {vex} vpdpbusd
 *   LSTM_NO_AMX         likewise int8's for CPUs with AMX under Linux.  They make a state of several
 *                       streams or steps ask the kernel, for the whole process, whether AMX's registers
 *                       may be used (arch_prctl): a signal needs 12 KiB of stack from then on, and
 *                       sigaltstack refuses less.  The kernel makes room for them in the first run of
 *                       each thread.
 *   LSTM_WASM_EXACT     fused multiply-adds also on WebAssembly: see there
 *   LSTM_F32_ONLY       leave bf16, f16 and int8 out: three fifths of the code and of the time to
 *                       compile
 */
