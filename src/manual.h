/* lstm.h -- LSTM inference on the CPU, at the speed of the machine.  MIT licence, see the end.
 *
 * In exactly one C or C++ file:        #define LSTM_IMPLEMENTATION
 *                                      #include "lstm.h"
 * Everywhere else:                     #include "lstm.h"
 * Link with:                           -lsleef -lm      (or define LSTM_NO_SLEEF: -lm alone)
 *
 * No -m flag is needed or wanted: the kernels for AVX-512, AVX2 with FMA, NEON and plain C are all
 * in the one binary, and the best that the CPU and the operating system support is chosen when a
 * model is packed.
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
 * a system call or touches errno.
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
 *   LSTM_NO_AVX2, LSTM_NO_AVX512, LSTM_NO_NEON      leave these kernels out
 */
