/* ==== src/manual.h ============================================================================ */
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
#ifndef LSTM__PASS

/* ==== src/api.h =============================================================================== */
#ifndef LSTM_H
#define LSTM_H

#include <stddef.h>

#define LSTM_VERSION 100 /* 10000 * major + 100 * minor + patch */

#ifndef LSTM_API
#define LSTM_API extern
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is success; the rest are negative and stable across versions. */
typedef enum lstm_status {
	LSTM_OK = 0,
	LSTM_ERR_ARG = -1,    /* a null pointer, a bad dimension, an unknown enumerator */
	LSTM_ERR_SIZE = -2,   /* dimensions beyond the limits below, or too many bytes for size_t */
	LSTM_ERR_MEMORY = -3, /* arena too small or misaligned, or LSTM_MALLOC returned NULL */
	LSTM_ERR_ISA = -4,    /* the instruction set asked for, the dtype, or kernels of the one for the
	                       * other are not in this build or not on this CPU */
	LSTM_ERR_FILE = -5,   /* the file cannot be opened or read */
	LSTM_ERR_FORMAT = -6  /* the file is not valid, or does not hold the model asked for */
} lstm_status;

/* One static English sentence, never NULL, also for values not listed above. */
LSTM_API const char *lstm_strerror(lstm_status status);

/* ---- instruction sets ------------------------------------------------------------------------ */
typedef enum lstm_isa {
	LSTM_ISA_AUTO = 0, /* LSTM_ISA in the environment if set, else lstm_isa_best() */
	LSTM_ISA_SCALAR,   /* plain C, the reference: always there */
	LSTM_ISA_NEON,     /* AArch64 Advanced SIMD; on 32-bit ARM, NEON with VFPv4 */
	LSTM_ISA_AVX2,     /* with FMA */
	LSTM_ISA_AVX512,   /* AVX-512F */
	LSTM_ISA_SIMD128   /* WebAssembly, where the compiler was given -msimd128 */
} lstm_isa;
#define LSTM_ISA_COUNT 6

/* The best instruction set that this build, this CPU and its operating system support.  The
 * environment variable LSTM_ISA=scalar|neon|avx2|avx512|simd128 overrides it wherever AUTO is asked
 * for; a value that is unknown or cannot run makes lstm_model_size and _init answer LSTM_ERR_ISA
 * rather than fall back in silence.
 *
 * So does one, there or in lstm_desc, that has no kernels for the type of a layer's weights: NEON on
 * 32-bit ARM and SIMD128 have them for fp32 alone.  Where nobody names one, each layer gets the best
 * that there are for its type, on the scalar path if there are none.  (See the manual, INT8, for
 * when AVX512 takes AVX2's.) */
LSTM_API lstm_isa lstm_isa_best(void);
LSTM_API int lstm_isa_supported(lstm_isa isa);    /* 1 if usable here, 0 if not; AUTO is usable */
LSTM_API const char *lstm_isa_name(lstm_isa isa); /* "avx2"; "?" if unknown; never NULL */

/* Which exp and tanh the vector kernels use: "sleef" or "builtin". */
LSTM_API const char *lstm_activations_name(void);

/* ---- description ----------------------------------------------------------------------------- */
typedef enum lstm_direction {
	LSTM_FORWARD = 0,
	LSTM_REVERSE,      /* last step first; y stays in the order of x */
	LSTM_BIDIRECTIONAL /* both, y = [forward, reverse] concatenated in the last dimension */
} lstm_direction;

/* How a framework wrote the four gate blocks: their order, and rows or columns. */
typedef enum lstm_layout {
	LSTM_LAYOUT_PYTORCH = 0, /* i f g o, w[4*hidden][input], u[4*hidden][output], peephole i f o */
	LSTM_LAYOUT_ONNX,        /* i o f g, w[4*hidden][input], u[4*hidden][output], peephole i o f */
	LSTM_LAYOUT_KERAS        /* i f g o, w[input][4*hidden], u[output][4*hidden], peephole i f o */
} lstm_layout;

/* Types of numbers in files, and what the weights of a packed model can be. */
typedef enum lstm_dtype {
	LSTM_DTYPE_OTHER = 0, /* any type of the file format that is not named here */
	LSTM_DTYPE_F32,
	LSTM_DTYPE_F64,       /* not for models: see lstm_f64_run */
	LSTM_DTYPE_F16,
	LSTM_DTYPE_BF16,
	LSTM_DTYPE_I8
} lstm_dtype;

/* The activation functions of the ONNX LSTM operator, and two more. */
typedef enum lstm_function {
	LSTM_DEFAULT = 0,       /* sigmoid for the gates, tanh for g and h */
	LSTM_SIGMOID,           /* 1 / (1 + e^-x) */
	LSTM_TANH,
	LSTM_RELU,              /* max(0, x) */
	LSTM_LINEAR,            /* x */
	LSTM_AFFINE,            /* alpha * x + beta                                  1     0    */
	LSTM_LEAKY_RELU,        /* x >= 0 ? x : alpha * x                            0.01       */
	LSTM_THRESHOLDED_RELU,  /* x > alpha ? x : 0                                 1          */
	LSTM_SCALED_TANH,       /* alpha * tanh(beta * x)                            1     1    */
	LSTM_HARD_SIGMOID,      /* min(1, max(0, alpha * x + beta))                  0.2   0.5  */
	LSTM_HARD_SIGMOID_KERAS3, /* min(1, max(0, x / 6 + 0.5)) */
	LSTM_ELU,               /* x >= 0 ? x : alpha * (e^x - 1)                    1          */
	LSTM_SOFTSIGN,          /* x / (1 + |x|), so NaN at +-infinity */
	LSTM_SOFTPLUS           /* log(1 + e^x) */
} lstm_function;

/* alpha = beta = 0 stands for the defaults in the two columns above (the operator's own).  Every
 * function answers NaN with NaN. */
typedef struct lstm_activation {
	lstm_function function;
	float alpha, beta;
} lstm_activation;

#define LSTM_MAX_SIZE (1 << 24) /* of input, hidden and projection; LSTM_ERR_SIZE beyond */
/* Where the type of a layer is LSTM_DTYPE_I8, so that its sums fit in 32 bits: of input; and half of
 * it of hidden and projection, as both directions of those may be the next layer's input. */
#define LSTM_MAX_SIZE_I8 (1 << 16)
#define LSTM_MAX_LAYERS 1024

/* Start from {0}: fields will be added at the end, and zero will keep its meaning. */
typedef struct lstm_desc {
	int input;                /* features per step, > 0 */
	int hidden;               /* units per layer and direction, > 0 */
	int projection;           /* > 0: h is projected to this many outputs (LSTMP); 0: none */
	int layers;               /* stacked layers; 0 means 1 */
	lstm_direction direction; /* of every layer */
	lstm_layout layout;       /* of every array in lstm_weights */
	lstm_isa isa;             /* whose kernels the model is packed for; AUTO unless testing */
	/* activations[d] = { gates i f o, candidate g, output h } of direction d, where a model of one
	 * direction, reverse included, uses d = 0.  LSTM_DEFAULT in d = 1 means as in d = 0. */
	lstm_activation activations[2][3];
	int input_forget; /* not 0: coupled gates, f = 1 - i; the arrays keep their f blocks, unused */
	/* Limits; 0 is none, and what is negative or NaN is refused. */
	float clip;       /* of the pre-activations, bias and peephole included, to +-clip */
	float cell_clip;  /* of c', to +-cell_clip before the output is computed from it */
	/* What W, U and the projection are kept as; bias, peephole and all arithmetic of the cell are
	 * fp32.  0 or LSTM_DTYPE_F32; LSTM_DTYPE_BF16 or _F16: rounded to nearest even when packed, and
	 * from then on as if they had been fp32 (what f16 cannot hold, from 65520 on, is infinite);
	 * LSTM_DTYPE_I8: codes (see the manual, INT8). */
	lstm_dtype dtype;
	/* [layers] The same for each layer, both directions of it, where 0 stands for dtype; borrowed
	 * until the model is made.  NULL: dtype for all. */
	const lstm_dtype *dtypes;
} lstm_desc;

/* The weights of one layer and direction as the framework wrote them; borrowed until the model is
 * made.  Start from {0}.  output = projection if there is one, else hidden; width = input for the
 * first layer, else directions * output.  Shapes in PyTorch and ONNX layout (see lstm_layout for
 * Keras'): */
typedef struct lstm_weights {
	const float *w;          /* [4 * hidden][width]    input kernel */
	const float *u;          /* [4 * hidden][output]   recurrent kernel */
	const float *b;          /* [4 * hidden]           bias, or NULL for zero */
	const float *b2;         /* [4 * hidden]           second bias (PyTorch's b_hh), or NULL */
	const float *peephole;   /* [3 * hidden]           cell to gates, element-wise, or NULL */
	const float *projection; /* [projection][hidden]   PyTorch's weight_hr, any layout; NULL if none */
	/* Scales to use for the rows of a layer of LSTM_DTYPE_I8, each finite and above 0, else
	 * LSTM_ERR_ARG, where the weights are such multiples of them already: -127 .. 127.  NULL:
	 * lstm_int8_scale of each row.  Other types leave them unread. */
	const float *w_scale;          /* [4 * hidden], in the order of w's rows */
	const float *u_scale;          /* [4 * hidden] */
	const float *projection_scale; /* [projection] */
	/* What w, u and projection point to, if not floats (0 or LSTM_DTYPE_F32): the layer's own type
	 * in lstm_desc, else LSTM_ERR_ARG.  LSTM_DTYPE_BF16, _F16: the bits of each in a uint16_t;
	 * LSTM_DTYPE_I8: the codes in signed chars, where scales must be given and -128 counts as -127.
	 * The model is the same to the bit as of the floats that they stand for. */
	lstm_dtype type;
} lstm_weights;

typedef struct lstm_model lstm_model;
typedef struct lstm_state lstm_state;
#define LSTM_ALIGN 64 /* bytes: the alignment of every arena below */

/* ---- model: size, then init in your memory --------------------------------------------------- */
/* Bytes that lstm_model_init needs for this description, on this machine: exactly.  The packed
 * form is private to one instruction set and one version: keep the weights, never the arena. */
LSTM_API lstm_status lstm_model_size(const lstm_desc *desc, size_t *bytes);

/* Pack weights into arena (aligned to LSTM_ALIGN, at least as large as the query said) and set
 * *model to it.  weights[layers * directions]: layer 0 forward, layer 0 reverse, layer 1 forward,
 * and so on; the arrays are not needed afterwards.  Nothing to release: free the arena when no
 * state uses the model.  On failure *model is NULL. */
LSTM_API lstm_status lstm_model_init(lstm_model **model, const lstm_desc *desc,
                                     const lstm_weights *weights, void *arena, size_t bytes);

/* The scale of LSTM_DTYPE_I8 for a row of weights, stride floats apart: that under which the codes
 * round(w / scale), -127 .. 127, miss least, of eight near the largest magnitude / 127.  0 if all are
 * zero, NaN if one is infinite or NaN. */
LSTM_API float lstm_int8_scale(const float *row, size_t count, size_t stride);

/* The description with every default filled in: never LSTM_DEFAULT.  isa: whose kernels run the first
 * layer, never AUTO.  dtypes: the model's own, if there were any. */
LSTM_API const lstm_desc *lstm_model_desc(const lstm_model *model);
LSTM_API int lstm_model_directions(const lstm_model *model); /* 1 or 2 */
LSTM_API int lstm_model_output(const lstm_model *model); /* floats per row of y, all directions */

/* ---- state: size, then init in your memory --------------------------------------------------- */
/* batch > 0 streams advance in lockstep, each with its own h and c.
 *
 * max_steps sizes the scratch memory.  For most models it is advice: longer runs are processed in
 * pieces of that many steps with the same result to the bit, 1 is the smallest state (one step per
 * call), and 0 asks for a good value.  Only a reverse or bidirectional model of more than one layer
 * needs a whole sequence at once: there max_steps > 0 is the longest that will be run.
 *
 * The model must outlive the state.  _init also resets.  For int8 on a CPU with AMX it may ask Linux
 * for the use of its registers, see LSTM_NO_AMX. */
LSTM_API lstm_status lstm_state_size(const lstm_model *model, int batch, size_t max_steps,
                                     size_t *bytes);
LSTM_API lstm_status lstm_state_init(lstm_state **state, const lstm_model *model, int batch,
                                     size_t max_steps, void *arena, size_t bytes);

LSTM_API void lstm_state_reset(lstm_state *state); /* h = c = 0 in every stream */

/* The same for one stream of the batch, 0 <= stream < batch; any other number does nothing. */
LSTM_API void lstm_state_reset_stream(lstm_state *state, int stream);

/* Copy out, or in, h[layers * directions][batch][output] and c[layers * directions][batch][hidden]
 * (PyTorch's h_n and c_n); NULL skips one.  The layout is the same for every instruction set, so a
 * state saved on one machine continues on another. */
LSTM_API void lstm_state_get(const lstm_state *state, float *h, float *c);
LSTM_API void lstm_state_set(lstm_state *state, const float *h, const float *c);

/* ---- running --------------------------------------------------------------------------------- */
/* Advance by steps time steps: x[steps][batch][input] in, y[steps][batch][directions * output] out;
 * y may be NULL if only the final state matters.  x and y must not overlap.
 *
 * Successive calls continue the stream: a forward model gives the same bits however a sequence is
 * cut.  A reverse direction starts at the last step of this call, from the h and c that the state
 * holds: give it whole sequences, and reset or set the state in between.
 *
 * If steps is more than a state with a hard max_steps was made for, nothing is run, and y is filled
 * with NaN; lstm_run_with answers LSTM_ERR_ARG instead. */
LSTM_API void lstm_run(lstm_state *state, const float *x, float *y, size_t steps);

typedef enum lstm_order {
	LSTM_TIME_MAJOR = 0, /* x[steps][batch][input], y[steps][batch][width] */
	LSTM_BATCH_MAJOR     /* x[batch][steps][input], y[batch][steps][width] */
} lstm_order;

/* What y gets in a step that a mask leaves out. */
typedef enum lstm_masked {
	LSTM_MASKED_HOLD = 0, /* h as it stands: the direction's previous output, or before its first
	                       * step that counts the h it began with.  Keras's default */
	LSTM_MASKED_ZERO      /* zero: Keras's zero_output_for_mask, which its Bidirectional turns on */
} lstm_masked;

/* Start from {0}: fields will be added at the end, and zero will keep its meaning. */
typedef struct lstm_run_args {
	const float *x;        /* may be NULL if steps is 0 */
	float *y;              /* every output, or NULL */
	float *last;           /* [batch][directions * output]: the top layer's final h of each
	                        * direction, for the reverse one that of the first step; or NULL */
	size_t steps;
	const size_t *lengths; /* [batch], each 0..steps, or NULL for all of them.  A stream ends after
	                        * its length: y is zero from there, h and c stay, and a reverse
	                        * direction begins at its last valid step.  x past it is not used. */
	lstm_order order;
	size_t x_step, x_stream; /* floats between steps and between streams of x; 0: dense, given
	                          * the other one */
	size_t y_step, y_stream; /* likewise of y */
	size_t y_direction; /* floats from the forward direction's outputs to the reverse one's; 0:
	                     * output, which concatenates them.  For ONNX's Y[steps][2][batch][hidden]:
	                     * batch * hidden, with y_stream = hidden, y_step = 2 * batch * hidden */
	/* [steps][batch], or [batch][steps] in batch-major order; 0: the step is left out for this
	 * stream, in every layer and direction, as if it were not there: h and c stay, x is not used,
	 * and y is what masked says.  Holes, padding in front, and streams without any step that
	 * counts are all fine.  With lengths, a step counts if both say so; y is zero past the length.
	 * NULL: every step counts. */
	const unsigned char *mask;
	size_t mask_step, mask_stream; /* bytes between steps and between streams; 0 as above */
	lstm_masked masked;
	/* The state to begin with and where it ends, [layers * directions][batch][output] for h and
	 * ...[hidden] for c; in batch-major order [batch][layers * directions][...], as ONNX's layout 1
	 * has it.  (PyTorch's batch_first keeps the former: use lstm_state_set and _get.)  NULL h0 or
	 * c0: continue with the state's; NULL hn or cn: not wanted. */
	const float *h0, *c0;
	float *hn, *cn; /* hn may be h0, and cn may be c0 */
} lstm_run_args;

/* As lstm_run, with data that can be wrong: everything is checked before anything is touched.
 * LSTM_ERR_ARG: a null pointer, a length beyond steps, an unknown enumerator, an array that is
 * written and overlaps another one, or more steps than a hard max_steps allows.  LSTM_ERR_SIZE:
 * strides that overflow. */
LSTM_API lstm_status lstm_run_with(lstm_state *state, const lstm_run_args *args);

/* ---- double ---------------------------------------------------------------------------------- */
/* The same equations in double precision from double weights, for ONNX models of tensor(double) and
 * for references: plain C on every machine, one thread, in a call that keeps nothing.  Nothing is
 * flushed: magnitudes below 2^-96 count as what they are, denormal ones too.  The order of sums is
 * that of fp32, but whether a product and a sum are fused is the compiler's choice. */
typedef struct lstm_weights_f64 { /* shapes as in lstm_weights */
	const double *w, *u, *b, *b2, *peephole, *projection;
} lstm_weights_f64;

/* Start from {0}.  Shapes, strides (in doubles) and defaults as in lstm_run_args, with one
 * difference: NULL h0 or c0 is zero, as there is no state to continue. */
typedef struct lstm_run_args_f64 {
	int batch; /* > 0 */
	const double *x;
	double *y, *last;
	size_t steps;
	const size_t *lengths;
	lstm_order order;
	size_t x_step, x_stream, y_step, y_stream, y_direction;
	const unsigned char *mask;
	size_t mask_step, mask_stream;
	lstm_masked masked;
	const double *h0, *c0;
	double *hn, *cn;
} lstm_run_args_f64;

/* Bytes of workspace that lstm_f64_run needs for so many streams and steps: exactly.  It grows with
 * steps only if there is more than one layer. */
LSTM_API lstm_status lstm_f64_size(const lstm_desc *desc, int batch, size_t steps, size_t *bytes);

/* Run weights[layers * directions] over whole sequences.  workspace is aligned to LSTM_ALIGN; what
 * is in it before and after means nothing.  Everything is checked before anything is written, and
 * the statuses are those of lstm_model_init and lstm_run_with.  desc->isa is AUTO or SCALAR, else
 * LSTM_ERR_ISA; the environment is not asked. */
LSTM_API lstm_status lstm_f64_run(const lstm_desc *desc, const lstm_weights_f64 *weights,
                                  const lstm_run_args_f64 *args, void *workspace, size_t bytes);

#ifndef LSTM_NO_MALLOC
/* ---- the same on the heap -------------------------------------------------------------------- */
/* On failure the pointer is set to NULL.  Freeing NULL does nothing; so does freeing what was made
 * by _init, whose memory is yours. */
LSTM_API lstm_status lstm_model_new(lstm_model **model, const lstm_desc *desc,
                                    const lstm_weights *weights);
LSTM_API lstm_status lstm_state_new(lstm_state **state, const lstm_model *model, int batch,
                                    size_t max_steps);
LSTM_API void lstm_model_free(lstm_model *model);
LSTM_API void lstm_state_free(lstm_state *state);

#ifdef LSTM_THREADS
/* ---- threads, where asked for ---------------------------------------------------------------- */
/* A team of threads, the caller of lstm_run among them, that shares the work of one state: units of
 * a large model (hidden and input of about 256 and more) if it is one stream, else streams of the
 * batch.  The bits do not depend on the team.  What is too small to gain from it, layers with a
 * projection, and calls with lengths or masks are run by the caller alone, and so is the share of a
 * worker that does not come back in time, as when other programs use its CPU.
 *
 * Workers wait for the next call by spinning, for 0.1 ms and twice as long as their last share took,
 * then sleep; waking one is the only system call, and no call waits for a lock.  Link with
 * -pthread. */
typedef struct lstm_team lstm_team;
#define LSTM_MAX_THREADS 256

/* threads in 1..LSTM_MAX_THREADS, the caller's included: one less is started.  LSTM_ERR_MEMORY: the
 * system has no more.  Free it after the states that use it have been freed or given another. */
LSTM_API lstm_status lstm_team_new(lstm_team **team, int threads);
LSTM_API void lstm_team_free(lstm_team *team); /* NULL is fine */

/* From now on run this state by the team; NULL: by the caller alone, as at first, and so after a
 * failure.  Needs memory of its own, on the heap, some megabytes for a batch (of a reverse or
 * bidirectional model: as much as x and y of max_steps, and longer calls are run by the caller
 * alone), and none if there is nothing to share: lstm_state_free gives it back, and for a state in an
 * arena this function with NULL does.  Several states may use one team; when two are run at
 * the same time, by two callers, one of them has the team and the other runs alone. */
LSTM_API lstm_status lstm_state_use_team(lstm_state *state, lstm_team *team);
#endif

/* ---- safetensors ----------------------------------------------------------------------------- */
/* What went wrong, as one English sentence that names the file, the tensor, what was expected and
 * what was found.  Every function below takes NULL instead. */
typedef struct lstm_error {
	lstm_status status;
	char text[500];
} lstm_error;

/* Load an LSTM that PyTorch's names describe: weight_ih_l0 [4H, I], weight_hh_l0 [4H, R],
 * bias_ih_l0, bias_hh_l0 [4H], weight_hr_l0 [P, H], with _reverse for the second direction and l1,
 * l2 ... for further layers; an LSTMCell has no _l0.  F32, F64, F16 and BF16 are read, and matrices
 * of I8 codes -127 .. 127 with the F32 scales of their rows beside them, weight_ih_l0.scale [4H] and
 * so on: a weight is code * scale.  Sizes, layers, direction and projection follow from the shapes;
 * what shapes cannot say is read from __metadata__ (see the README, formats).  A tensor of these names
 * that no layer takes is refused, and with a prefix that ends in "." so is any other one directly
 * under it: rnn.gamma beside rnn.weight_ih_l0, but neither rnn.head.weight, which is another module's,
 * nor rnn.initial_h and rnn.initial_c, which are the caller's to read and to hand to lstm_run_with. */
typedef struct lstm_load_args {
	const char *prefix; /* what stands before weight_ih_l0: "encoder.rnn."; NULL: the only one */
	lstm_isa isa;
	/* For lstm_desc.  0: as the file has it, layer by layer: F16, BF16 or I8 where all matrices of a
	 * layer are, in both directions, else F32; F32 alone with LSTM_F32_ONLY. */
	lstm_dtype dtype;
} lstm_load_args;

#ifndef LSTM_NO_STDIO
LSTM_API lstm_status lstm_model_load(lstm_model **model, const char *path,
                                     const lstm_load_args *args, lstm_error *error);
#endif
/* name stands for the path in messages; data is not needed afterwards. */
LSTM_API lstm_status lstm_model_load_memory(lstm_model **model, const void *data, size_t bytes,
                                            const char *name, const lstm_load_args *args,
                                            lstm_error *error);

/* The same in pieces, for files that hold other tensors too, and to pack into your own memory. */
typedef struct lstm_file lstm_file;

typedef struct lstm_tensor {
	const char *name;   /* NUL-terminated UTF-8 */
	const char *type;   /* the format's name of its type: "F32", "U16" */
	lstm_dtype dtype;
	int rank;
	size_t shape[8];
	const void *data;   /* little endian, as in the file; aligned only if the file aligned it */
	size_t bytes;
} lstm_tensor;

#ifndef LSTM_NO_STDIO
LSTM_API lstm_status lstm_file_open(lstm_file **file, const char *path, lstm_error *error);
#endif
/* data is borrowed until the file is closed. */
LSTM_API lstm_status lstm_file_open_memory(lstm_file **file, const void *data, size_t bytes,
                                           const char *name, lstm_error *error);
LSTM_API void lstm_file_close(lstm_file *file); /* NULL is fine */

LSTM_API size_t lstm_file_count(const lstm_file *file);
LSTM_API const lstm_tensor *lstm_file_tensor(const lstm_file *file, size_t index); /* NULL past end */
LSTM_API const lstm_tensor *lstm_file_find(const lstm_file *file, const char *name); /* or NULL */
LSTM_API const char *lstm_file_metadata(const lstm_file *file, const char *key);     /* or NULL */
/* The keys of the metadata, sorted; NULL past the last. */
LSTM_API const char *lstm_file_key(const lstm_file *file, size_t index);

/* Fill values[count] with the tensor's elements as fp32.  LSTM_ERR_ARG: count is not the tensor's
 * number of elements; LSTM_ERR_FORMAT: its type is LSTM_DTYPE_OTHER, or LSTM_DTYPE_I8, whose codes say
 * nothing without scales. */
LSTM_API lstm_status lstm_tensor_read(const lstm_tensor *tensor, float *values, size_t count);

/* Describe the LSTM under args->prefix: desc for lstm_model_init, and in *weights its array of
 * lstm_weights, which belongs to the file and lives until it is closed; so does desc->dtypes, which
 * is NULL unless layers differ in type: desc->dtype is F32 then. */
LSTM_API lstm_status lstm_file_lstm(lstm_file *file, const lstm_load_args *args, lstm_desc *desc,
                                    const lstm_weights **weights, lstm_error *error);
#endif /* LSTM_NO_MALLOC */

#ifdef __cplusplus
}
#endif
#endif /* LSTM_H */

#if defined(LSTM_IMPLEMENTATION) && !defined(LSTM__IMPLEMENTED)
#define LSTM__IMPLEMENTED
/* ==== src/platform.h ========================================================================== */
/* What the implementation needs from the compiler and the C library. */
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) ||            \
        defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(_M_FP_FAST)
#error "lstm.h: compile the file that defines LSTM_IMPLEMENTATION without -ffast-math and its parts: they would reorder sums and drop NaN"
#elif defined(__GNUC__) && (defined(__clang__) || __GNUC__ < 12)
/* These compilers tell of no other part of it, except by what they take for a constant. */
#if defined(__clang__) && __clang_major__ < 14
#define LSTM__ERROR(sentence) /* the linker finds no such function */
#else
#define LSTM__ERROR(sentence) __attribute__((error(sentence)))
#endif
void lstm__compiled_with_fast_math(void) LSTM__ERROR(
        "lstm.h: compile the file that defines LSTM_IMPLEMENTATION without -ffast-math and its parts");
__attribute__((noinline, used)) static void lstm__refuse_fast_math(float x)
{
	if (__builtin_constant_p(x + 1 - x))
		lstm__compiled_with_fast_math();
}
#endif

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(LSTM_MALLOC) != defined(LSTM_FREE)
#error "lstm.h: define both LSTM_MALLOC and LSTM_FREE, or neither"
#endif
#if !defined(LSTM_NO_MALLOC) && !defined(LSTM_MALLOC)
#include <stdlib.h>
#define LSTM_MALLOC(n) malloc(n)
#define LSTM_FREE(p) free(p)
#endif
#ifndef LSTM_NO_GETENV
#include <stdlib.h>
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define LSTM__X86 1
#include <immintrin.h>
#ifndef LSTM_NO_AVX2
#define LSTM__HAVE_AVX2 1
#endif
#ifndef LSTM_NO_AVX512
#define LSTM__HAVE_AVX512 1
#endif
/* GCC asks an assembler that is not its own: one that is as old as the compilers left out here does
 * not know the instruction. */
#if !defined(LSTM_NO_AVXVNNI) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define LSTM__AVXVNNI 1
#endif
#if !defined(LSTM_NO_AMX) && defined(LSTM__HAVE_AVX512) && !defined(LSTM_F32_ONLY) &&                 \
	defined(__linux__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define LSTM__AMX 1
#endif
#if defined(_WIN32) && !defined(__clang__)
/* Windows aligns the stack to 16 bytes, and GCC moves wider vectors there with instructions that trap
 * if they are not at a multiple of their size (its bug 54412, which some distributions patch).  From
 * here on the assembler takes these instructions for the ones that do not, and are as fast. */
__asm__(".ifndef lstm__moves\n"
        ".set lstm__moves, 1\n"
        ".macro vmovaps operands:vararg\n vmovups \\operands\n.endm\n"
        ".macro vmovapd operands:vararg\n vmovupd \\operands\n.endm\n"
        ".macro vmovdqa operands:vararg\n vmovdqu \\operands\n.endm\n"
        ".macro vmovdqa32 operands:vararg\n vmovdqu32 \\operands\n.endm\n"
        ".macro vmovdqa64 operands:vararg\n vmovdqu64 \\operands\n.endm\n"
        ".endif");
#endif
#endif

#if defined(__GNUC__) && defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define LSTM__ARM64 1
#include <arm_neon.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#ifndef LSTM_NO_NEON
#define LSTM__HAVE_NEON 1
#endif
#endif

/* 32-bit ARM.  Its NEON has fused multiply-add from VFPv4 on (Cortex-A7, A15 and later), which is no
 * part of the ABI: GCC compiles single functions for it, to be used where Linux says that it is
 * there; Clang needs the whole file to be compiled for it (-mfpu=neon-vfpv4).  A file for that unit or
 * a newer one, but without NEON, has none: which region would have all of the file's, no macro says. */
#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP)
#define LSTM__ARM32 1
#if defined(__ARM_NEON) && defined(__ARM_FEATURE_FMA)
#define LSTM__NEON_FMA 1
#endif
#if defined(__ARM_PCS_VFP) && defined(__ARMEL__) && __ARM_ARCH >= 7 &&                             \
        __ARM_ARCH_PROFILE == 'A' &&                                                               \
        (defined(LSTM__NEON_FMA) ||                                                                \
         (defined(__linux__) && !defined(__clang__) && !defined(__ARM_FEATURE_FMA)))
#include <arm_neon.h>
#ifndef LSTM_NO_NEON
#define LSTM__HAVE_NEON 1
#ifndef LSTM__NEON_FMA
#include <sys/auxv.h>
#endif
#endif
#endif
#endif

#ifdef __wasm__
#ifndef LSTM_NO_SLEEF
#define LSTM_NO_SLEEF /* there is none */
#endif
#if defined(__wasm_simd128__) && !defined(LSTM_NO_SIMD128)
#include <wasm_simd128.h>
#define LSTM__HAVE_SIMD128 1
#endif
#endif

#if defined(LSTM__HAVE_AVX2) || defined(LSTM__HAVE_AVX512) || defined(LSTM__HAVE_NEON) || \
        defined(LSTM__HAVE_SIMD128)
#define LSTM__VECTORS 1
#endif

/* Where byte i of a word in memory is in the word. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LSTM__BYTE(i) (24 - 8 * (i))
#else
#define LSTM__BYTE(i) (8 * (i))
#endif

#if !defined(LSTM_NO_SLEEF) && defined(__has_include) && defined(LSTM__VECTORS)
#if !__has_include(<sleef.h>)
#error "lstm.h: SLEEF is missing: install it (Debian: libsleef-dev) and link with -lsleef, or define LSTM_NO_SLEEF to use the built-in polynomials"
#endif
#endif

#ifdef __GNUC__
#ifdef __OPTIMIZE__
#define LSTM__INLINE static inline __attribute__((always_inline))
#else
#define LSTM__INLINE static inline
#endif
#define LSTM__NOINLINE static __attribute__((noinline))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function" /* for LSTM_API = static */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed" /* loops that are gone before they are unrolled */
#else
#pragma GCC diagnostic ignored "-Wuninitialized" /* g++ on its own avx512fintrin.h */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#else
#define LSTM__INLINE static inline
#define LSTM__NOINLINE static
#endif
#define LSTM__DEF LSTM_API

#if defined(LSTM_THREADS) && !defined(LSTM_NO_MALLOC)
#ifndef __GNUC__
#error "lstm.h: LSTM_THREADS needs GCC or Clang, for their atomic operations"
#endif
#define LSTM__TEAMS 1
#endif

/* Fully unroll the next loop, whose count is a constant once its function is inlined. */
#if defined(__clang__)
#define LSTM__UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define LSTM__UNROLL _Pragma("GCC unroll 32")
#else
#define LSTM__UNROLL
#endif

/* Keep a vector in one register.  GCC on x86 would rather load one again for each of its uses, as an
 * operand of the multiply-add (7 to 11 % slower, with two or three streams), and of twelve zeros it
 * keeps some on the stack.  Not for a vector with one use, whose load as an operand is free. */
#if defined(LSTM__X86) && !defined(__clang__)
#define LSTM__HOLD(v) __asm__("" : "+v"(v))
#else
#define LSTM__HOLD(v) (void)0
#endif

/* Of a sum to which unpacked weights were added: let it be made before the next weights are loaded.
 * Else compilers for ARM load all those of a turn first, and what they unpack to does not fit in the
 * registers.  The processor does not wait for it. */
#if defined(LSTM__ARM64) && !defined(__clang__)
#define LSTM__IN_TURN(v) __asm__ __volatile__("" : "+w"(v))
#elif defined(LSTM__ARM64)
#define LSTM__IN_TURN(v) __asm__ __volatile__("" : "+w"(v) : : "memory")
#else
#define LSTM__IN_TURN(v) (void)0
#endif

/* A float that is rounded to one before it is used further, and never part of a fused operation: in
 * memory, if not by the compiler's word for a register. */
#if (defined(LSTM__X86) || defined(LSTM__ARM64)) && defined(__GNUC__)
#define LSTM__ROUNDED
#ifdef LSTM__X86
#define LSTM__ROUND(x) __asm__("" : "+x"(x))
#else
#define LSTM__ROUND(x) __asm__("" : "+w"(x))
#endif
#else
#define LSTM__ROUNDED volatile
#define LSTM__ROUND(x) (void)0
#endif

/* Let what was stored at p be loaded from there.  Else GCC keeps some of it in registers until after
 * the calls of SLEEF, before which it has to go to the stack, and leaves it there in the loop. */
#if defined(LSTM__X86) && !defined(__clang__)
#define LSTM__SETTLE(p) __asm__ __volatile__("" : : "r"(p) : "memory")
#else
#define LSTM__SETTLE(p) (void)0
#endif

/* What the platform puts before the name of a C symbol ("_" on macOS), as a string. */
#ifdef __USER_LABEL_PREFIX__
#define LSTM__STRING2(x) #x
#define LSTM__STRING(x) LSTM__STRING2(x)
#define LSTM__LABEL LSTM__STRING(__USER_LABEL_PREFIX__)
#endif

/* Below this magnitude a number counts as zero (see the manual, ARITHMETIC).  Far enough above the
 * smallest normal number, 2^-126, that a product with any sane weight is still normal.  The cast
 * makes it exact where the compiler keeps more digits of a constant than fp32 has. */
#define LSTM__TINY ((float)1.262177448353619e-29) /* 2^-96 */

static float lstm__flush(float x)
{
	return (x < 0 ? -x : x) < LSTM__TINY ? 0 : x; /* NaN stays NaN */
}

/* lstm__flush of the bits of a float: compilers make vectors of this, and not of a comparison of
 * floats, which could trap. */
#define LSTM__TINY_BITS 0x0f800000 /* of LSTM__TINY */

static int32_t lstm__flush_bits(int32_t bits)
{
	return (bits & 0x7fffffff) < LSTM__TINY_BITS ? 0 : bits;
}

/* *product = a * b; 0 if that overflows. */
static int lstm__multiply(size_t a, size_t b, size_t *product)
{
	if (b && a > SIZE_MAX / b)
		return 0;
	*product = a * b;
	return 1;
}

/* ---- the floating-point environment ---------------------------------------------------------- */
#if defined(LSTM__X86) && defined(_WIN32)
/* There the C library computes exp and tanh on the x87, whose control word has the rounding, too. */
#define LSTM__FP_DEFAULT 0x037f1f80u

static unsigned lstm__fp_control(void)
{
	unsigned short x87;
	__asm__ __volatile__("fnstcw %0" : "=m"(x87));
	return (unsigned)x87 << 16 | (_mm_getcsr() & 0xffffu);
}

static void lstm__fp_set_control(unsigned control)
{
	unsigned short x87 = (unsigned short)(control >> 16);
	__asm__ __volatile__("fldcw %0" : : "m"(x87));
	_mm_setcsr(control & 0xffffu);
}
#elif defined(LSTM__X86)
#define LSTM__FP_DEFAULT 0x1f80u
#define lstm__fp_control() _mm_getcsr()
#define lstm__fp_set_control(control) _mm_setcsr(control)
#elif defined(LSTM__ARM32)
#define LSTM__FPSCR 0x07c09f00u /* half precision, NaN, flush to zero, rounding, traps */
#endif

/* A caller may have set flush-to-zero, another rounding or traps (audio programs do the first);
 * each run takes the default environment and restores the caller's, which *found keeps.  In the
 * usual case, where it is the default already, that costs one read.  Answers whether it was not:
 * what was computed before, or could be moved there by the compiler, must be computed again. */
static int lstm__fp_enter(unsigned *found)
{
#if defined(LSTM__X86)
	*found = lstm__fp_control();
	if ((*found & ~0x3fu) == LSTM__FP_DEFAULT) /* all but the sticky flags */
		return 0;
	lstm__fp_set_control(LSTM__FP_DEFAULT);
	__asm__ __volatile__("" : : : "memory");
	return 1;
#elif defined(LSTM__ARM64)
	uint64_t control;
	__asm__ __volatile__("mrs %0, fpcr" : "=r"(control));
	*found = (unsigned)control;
	if (!control)
		return 0;
	__asm__ __volatile__("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
	return 1;
#elif defined(LSTM__ARM32)
	__asm__ __volatile__("vmrs %0, fpscr" : "=r"(*found));
	if (!(*found & LSTM__FPSCR))
		return 0;
	__asm__ __volatile__("vmsr fpscr, %0" : : "r"(*found & ~LSTM__FPSCR) : "memory");
	return 1;
#else
	*found = 0;
	return 0;
#endif
}

/* Once, late: reading the control register waits for all arithmetic before it, so the one step of a
 * call does so where it has to wait anyway.  *environment is NULL where somebody else did. */
LSTM__INLINE int lstm__fp_enter_late(unsigned **environment)
{
	unsigned *found = *environment;
	*environment = NULL;
	return found && lstm__fp_enter(found);
}

static void lstm__fp_leave(unsigned found)
{
#if defined(LSTM__X86)
	if ((found & ~0x3fu) != LSTM__FP_DEFAULT)
		lstm__fp_set_control(found);
#elif defined(LSTM__ARM64)
	if (found)
		__asm__ __volatile__("msr fpcr, %0" : : "r"((uint64_t)found));
#elif defined(LSTM__ARM32)
	if (found & LSTM__FPSCR)
		__asm__ __volatile__("vmsr fpscr, %0" : : "r"(found));
#else
	(void)found;
#endif
}
/* ==== src/isa.h =============================================================================== */
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
/* ==== src/precision.h ========================================================================= */
/* How the weights of a model are kept: fp32, bf16, f16, or int8 codes with a scale for each row. */
#ifdef LSTM_F32_ONLY
#define LSTM__LOW 0
#else
#define LSTM__LOW 1
#endif

/* Words that k = 0 .. n - 1 of a row take, and the bytes of one.  Pairs of bf16 and fours of int8 lie
 * in words of 32 bits, as that is what a lane is. */
LSTM__INLINE size_t lstm__words(lstm_dtype dtype, size_t n)
{
	return dtype == LSTM_DTYPE_BF16 ? (n + 1) / 2 : dtype == LSTM_DTYPE_I8 ? (n + 3) / 4 : n;
}

static size_t lstm__word_bytes(lstm_dtype dtype)
{
	return dtype == LSTM_DTYPE_F16 ? 2 : 4;
}

/* A row of x, of h or of what is projected for int8: its scale, its offset (an int32), then the codes
 * from float LSTM__CODES on.  A number is scale * (code + offset).  Where kernels take
 * magnitudes and signs apart, the sum of the negative codes' magnitudes stands behind the offset, and
 * from float LSTM__SIGNED_CODES on the magnitudes of four codes, then their signs, bytes of 0 or -1. */
enum { LSTM__CODES = 2, LSTM__SIGNED_CODES = 4 };

/* Floats of memory that it takes, with what storing whole vectors writes more. */
static size_t lstm__code_row(size_t n, int signed_codes)
{
	if (signed_codes)
		return LSTM__SIGNED_CODES + (n + 15) / 16 * 8;
	return LSTM__CODES + (n + 15) / 16 * 4;
}

static float lstm__float_of(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static uint32_t lstm__bits_of(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static float lstm__float_of_f16(uint32_t half)
{
	const uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, rest = half & 0x3ff;
	float value;

	if (exponent == 31)
		return lstm__float_of(sign | 0x7f800000 | rest << 13); /* infinity, NaN */
	if (exponent)
		return lstm__float_of(sign | (exponent + 127 - 15) << 23 | rest << 13);
	value = (float)rest / 16777216; /* subnormal: steps of 2^-24 */
	return sign ? -value : value;
}

/* The next whole number, ties to even, to a float that no product has made and that is far below 2^22:
 * from 1.5 * 2^23 on fp32 has no fractions. */
LSTM__INLINE float lstm__whole(float x)
{
#if FLT_EVAL_METHOD == 0
	const float whole = x + 12582912;
#else
	volatile float whole = x;
	whole = whole + 12582912;
#endif
	return whole - 12582912;
}

/* Rows of weights are worked on in pieces of constant length, in loops that become vectors without
 * any flag. */
enum { LSTM__CHUNK = 64 };

/* How many numbers of the next chunk are left. */
LSTM__INLINE size_t lstm__chunk_of(size_t left)
{
	const size_t most = LSTM__CHUNK;
	return left < most ? left : most;
}

/* n numbers, at most a chunk of them, flushed; zeros behind them. */
LSTM__INLINE void lstm__chunk(float *to, const float *from, size_t n, size_t stride)
{
	size_t k;
	int i;
	if (stride == 1)
		memcpy(to, from, n * sizeof(float));
	else
		for (k = 0; k < n; k++)
			to[k] = from[k * stride];
	memset(to + n, 0, (LSTM__CHUNK - n) * sizeof(float));
	for (i = 0; i < LSTM__CHUNK; i++)
		to[i] = lstm__float_of((uint32_t)lstm__flush_bits((int32_t)lstm__bits_of(to[i])));
}

/* The sum of the squares of what the codes of a chunk miss, in units of (scale / 2^12)^2: a whole
 * number, so that no compiler's order or fusing matters.  Less than 2^29, as none misses more than
 * half a step and what rounding the scale adds.  beyond: whether some may have more than 127 steps. */
LSTM__INLINE int32_t lstm__chunk_error(const float *x, float scale, const int beyond)
{
	int16_t units[LSTM__CHUNK];
	int32_t sum = 0;
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) {
		const float quotient = x[i] / scale;
		int32_t code = (int32_t)lstm__whole(quotient);
		float missed;
		if (beyond) {
			code = code > 127 ? 127 : code;
			code = code < -127 ? -127 : code;
		}
		missed = quotient - (float)code; /* exact */
		units[i] = (int16_t)(missed * 4096);
	}
	for (i = 0; i < LSTM__CHUNK; i++)
		sum += (int32_t)units[i] * units[i];
	return sum;
}

/* The largest magnitude's bits. */
LSTM__INLINE int32_t lstm__chunk_most(const float *x)
{
	int32_t most = 0;
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) {
		const int32_t magnitude = (int32_t)(lstm__bits_of(x[i]) & 0x7fffffff);
		most = magnitude > most ? magnitude : most;
	}
	return most;
}

/* The scale of a row of weights: of the eight that take the largest to 127.5, 127, ... 124 steps the
 * one whose codes miss least, which misses a twentieth less than the second of them for 100 weights,
 * and finds out if all weights are multiples of the largest's 127th. */
LSTM__INLINE float lstm__weight_scale(const float *row, size_t n, size_t stride)
{
	uint64_t missed[8] = {0};
	float x[LSTM__CHUNK], scale[8], best = 0;
	int32_t bits = 0;
	double least = 0;
	size_t k;
	int half;

	for (k = 0; k < n; k += LSTM__CHUNK) {
		int32_t most;
		lstm__chunk(x, row + k * stride, lstm__chunk_of(n - k), stride);
		most = lstm__chunk_most(x);
		bits = most > bits ? most : bits;
	}
	if (bits >= 0x7f800000)
		return NAN;
	for (half = 0; half < 8; half++)
		scale[half] = lstm__float_of((uint32_t)bits) / (127.5f - 0.5f * (float)half);
	for (k = 0; bits && k < n; k += LSTM__CHUNK) {
		lstm__chunk(x, row + k * stride, lstm__chunk_of(n - k), stride);
		missed[0] += (uint64_t)lstm__chunk_error(x, scale[0], 1);
		for (half = 1; half < 8; half++)
			missed[half] += (uint64_t)lstm__chunk_error(x, scale[half], 0);
	}
	for (half = 0; bits && half < 8; half++) {
		const double unit = (double)scale[half];
		const double error = unit * unit * (double)missed[half];
		if (half == 0 || error < least) {
			best = scale[half];
			least = error;
		}
	}
	return best;
}

/* Whether rows can have these scales, which NULL leaves open. */
static int lstm__scales_usable(const float *scale, size_t rows)
{
	size_t r;
	for (r = 0; scale && r < rows; r++)
		if (!(scale[r] > 0 && scale[r] < INFINITY))
			return 0;
	return 1;
}

LSTM__DEF float lstm_int8_scale(const float *row, size_t count, size_t stride)
{
	unsigned environment;
	float scale;
	lstm__fp_enter(&environment);
	scale = lstm__weight_scale(row, count, stride);
	lstm__fp_leave(environment);
	return scale;
}

#if LSTM__LOW
/* The codes of weights, -127 .. 127, from weight / scale; 0 where that has no number. */
LSTM__INLINE void lstm__chunk_codes(float *codes, const float *quotients)
{
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) {
		const uint32_t bits = lstm__bits_of(quotients[i]), sign = bits & 0x80000000;
		const int32_t most = 0x42fe0000; /* 127 */
		int32_t magnitude = (int32_t)(bits & 0x7fffffff);
		magnitude = magnitude > 0x7f800000 ? 0 : magnitude;
		magnitude = magnitude > most ? most : magnitude;
		codes[i] = lstm__whole(lstm__float_of((uint32_t)magnitude | sign));
	}
}

/* To bf16, to nearest, ties to even; beyond the largest infinity, as IEEE 754 wants. */
LSTM__INLINE void lstm__chunk_bf16(uint32_t *to, const float *x)
{
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) {
		const uint32_t bits = lstm__bits_of(x[i]);
		const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
		const int nan = (int32_t)(bits & 0x7fffffff) > 0x7f800000;
		to[i] = nan ? bits >> 16 | 0x40 : rounded;
	}
}

/* To f16, likewise.  The last bit of its subnormals is 2^-24, which is that of fp32 from 0.5 on. */
LSTM__INLINE void lstm__chunk_f16(uint32_t *to, const float *x)
{
	uint32_t subnormal[LSTM__CHUNK];
	int i;
	for (i = 0; i < LSTM__CHUNK; i++) /* a loop by itself, as compilers make no vectors of sums that an if
	                                   * below may not need */
		subnormal[i] = lstm__bits_of(lstm__float_of(lstm__bits_of(x[i]) & 0x7fffffff) + 0.5f);
	for (i = 0; i < LSTM__CHUNK; i++) {
		const uint32_t all = lstm__bits_of(x[i]), bits = all & 0x7fffffff, sign = all >> 16 & 0x8000;
		const int32_t magnitude = (int32_t)bits;
		uint32_t half = (bits + 0xfff + (bits >> 13 & 1) - ((127 - 15) << 23)) >> 13;
		half = magnitude < (127 - 14) << 23 ? subnormal[i] - 0x3f000000 : half;
		half = magnitude >= 0x477ff000 ? 0x7c00 : half; /* from 65520 on */
		half = magnitude > 0x7f800000 ? 0x7e00 : half;
		to[i] = half | sign;
	}
}

/* The next whole number to any float far below 2^22, ties to even. */
static int lstm__nearest(float x)
{
	LSTM__ROUNDED float rounded = x; /* lest a compiler fuses what is added with how x was made */
	LSTM__ROUND(rounded);
	return (int)lstm__whole(rounded);
}

/* How the numbers of a row become codes: its largest number and its least, given as their magnitudes
 * and 0 if there is none beyond zero, are 255 steps apart, or 254 if they are each other's negative.
 * So zero has a code of its own, of +-1 alone both are exact, and without negative numbers all codes
 * are there for the others.  Infinity and NaN make the scale NaN: so is everything then that is
 * computed from the row. */
struct lstm__coding {
	float scale, inverse;
	int zero; /* steps from the least number up to 0 */
};

LSTM__INLINE struct lstm__coding lstm__coding_of(float high, float low)
{
	struct lstm__coding coding = {0, 0, 0};
	high = lstm__flush(high);
	low = lstm__flush(low);
	if (!(high < INFINITY && low < INFINITY)) {
		coding.scale = NAN;
	} else if (high > 0 || low > 0) {
		const float steps = high == low ? 254 : 255;
		coding.scale = high / steps + low / steps;
		coding.inverse = 1 / coding.scale;
		coding.zero = lstm__nearest(low * coding.inverse);
	}
	return coding;
}

/* What codes stand for that count from the least number and are kept as `stored` less. */
LSTM__INLINE void lstm__code_head(float *row, const struct lstm__coding *coding, int stored)
{
	const int32_t offset = stored - coding->zero;
	row[0] = coding->scale;
	memcpy(row + 1, &offset, sizeof(offset));
}

/* The row of n numbers, as the scalar path reads it; the kernels have their own. */
static void lstm__encode(float *row, const float *x, size_t n)
{
	signed char *codes = (signed char *)(row + LSTM__CODES);
	struct lstm__coding coding;
	int32_t above = 0, below = 0;
	size_t k;

	for (k = 0; k < n; k++) {
		const int32_t bits = (int32_t)(lstm__bits_of(x[k]) & 0x7fffffff);
		if (lstm__bits_of(x[k]) >> 31)
			below = bits > below ? bits : below;
		else
			above = bits > above ? bits : above;
	}
	coding = lstm__coding_of(lstm__float_of((uint32_t)above), lstm__float_of((uint32_t)below));
	lstm__code_head(row, &coding, 128);
	for (k = 0; k < n; k++) {
		const float steps = lstm__flush(x[k]) * coding.inverse;
		const int code = (steps == steps ? lstm__nearest(steps) : 0) + coding.zero;
		codes[k] = (signed char)((code < 255 ? code : 255) - 128); /* 256: of a tie */
	}
}
#endif
/* ==== src/types.h ============================================================================= */
/* The model, the state, and the job that connects them to a set of kernels. */
enum { LSTM__I, LSTM__F, LSTM__G, LSTM__O }; /* the order of gates in everything packed */
#define LSTM__LINE 64 /* bytes of a line of the caches */

/* Weights as they are packed (see pack.h), and of int8 the scale of each row and the sum of its
 * codes. */
struct lstm__matrix {
	void *words;
	float *scale; /* or NULL */
	int32_t *sum; /* or NULL */
};

/* One layer in one direction.  Shapes are those of the packed form; the reference path keeps
 * lanes = 1 and reads the same arrays as plain [unit][k] matrices (see pack.h). */
struct lstm__layer {
	const struct lstm__kernels *kernels;
	size_t width, hidden, output; /* output = projection or hidden */
	size_t vectors;               /* ceil(hidden / lanes) */
	size_t units;                 /* vectors of units per block of weights */
	/* Small, as a microcontroller keeps a layer too.  Blocks are read from front to back and back
	 * again in steps, and in those whose x was projected ahead; then of one vector of units each. */
	unsigned char turns, turns_ahead, narrow;
	unsigned char half;           /* AVX-512 with AVX2: half of the last vector is padding */
	float *bias;                  /* [vectors][gate][lane] */
	lstm_dtype dtype;
	struct lstm__matrix w, u;     /* in blocks: [k of x, then of h][unit vector][gate][lane] */
	struct lstm__matrix projection; /* in blocks: [k][output vector][lane], or NULL */
	float *peephole;              /* [i f o][vectors][lane], or NULL */
	lstm_activation gates, candidate, out;
	unsigned char input_forget;
	unsigned char plain;          /* nothing but the equations in the manual */
	unsigned char joins;          /* the last vector of units is made together with those before */
	unsigned char fetches;        /* which tiles of several streams fetch weights ahead */
	float clip, cell_clip;        /* +infinity if none */
};

/* Tiles of more than four streams; of up to four; and these where x was projected ahead. */
enum { LSTM__FETCH_MANY = 1, LSTM__FETCH_FEW = 2, LSTM__FETCH_FEW_AHEAD = 4 };

/* Where vector v of a row of gates lies: the four of a unit's `pitch` apart, the next unit's `apart`. */
LSTM__INLINE size_t lstm__place(int v, size_t apart, int pitch)
{
	return (size_t)(v / 4) * apart + (size_t)(v % 4 * pitch);
}

/* Bytes of W and U, padding aside. */
static size_t lstm__layer_bytes(const struct lstm__layer *l)
{
	return 4 * l->hidden * lstm__word_bytes(l->dtype) *
	       (lstm__words(l->dtype, l->width) + lstm__words(l->dtype, l->output));
}

/* Which steps count (see lstm_run_args), and what y gets in the others. */
struct lstm__mask {
	const unsigned char *at; /* step 0, stream 0; NULL: all count */
	size_t step, stream;
	int hold;
};

/* Run one layer in one direction over some steps of a batch, counted from 0 here.  A state keeps
 * one job for each; a run fills in the first part. */
struct lstm__job {
	const float *x;          /* step 0, stream 0 */
	size_t x_step, x_stream; /* strides in floats */
	float *y;                /* likewise, or NULL */
	size_t y_step, y_stream;
	const size_t *lengths;   /* [batch] or NULL */
	const struct lstm__mask *mask; /* or NULL */
	size_t first, steps;     /* step 0 is step first of the sequence that both speak of */
	size_t from, to;         /* vectors of units: all, or what one thread of several makes */

	const struct lstm__layer *layer;
	int batch, reverse;
	int foreign;             /* x comes from the caller: flush what counts as zero */
	float *h;                /* [2][batch][h_row]: now and next, swapped per stream by phase */
	float *c;                /* [batch][c_row] */
	unsigned char *phase;    /* [batch] */
	size_t h_row, c_row;
	/* scratch of the state, shared by all layers */
	size_t piece;            /* steps staged, and projected ahead, at a time */
	float *stage;            /* [piece][batch][width of layer 0] */
	float *pre;              /* [piece][batch][4 * c_row], or NULL */
	float *codes;            /* [piece][batch][code_row]: int8 alone, x */
	float *h_codes;          /* [batch][code_row]: h, or what is projected */
	size_t code_row;
	float *cells;            /* [batch][c_row]: o * tanh(c) before projection, or NULL */
	int *active;             /* [batch] */
#ifdef LSTM__AMX
	int amx;                 /* whether AMX may be used */
#endif
};

/* What a step of one stream alone works on. */
struct lstm__alone {
	const float *x, *h, *start;
	float *c, *out, *y;
	int projected;         /* start includes W x */
	unsigned *environment; /* to be entered during the first tile, or NULL */
};

/* One call's view of x and y, with dense strides filled in. */
struct lstm__call {
	const float *x;
	float *y;
	size_t steps, x_step, x_stream, y_step, y_stream, y_direction;
	const size_t *lengths;
};

struct lstm__kernels {
	lstm_isa isa;
	int lanes; /* fp32 per vector */
	int units; /* most vectors of units per block of weights */
	int signed_codes; /* int8: x and h are kept as magnitudes and signs */
	void (*run)(const struct lstm__job *job);
	/* The rest is NULL where run does it all, and is about a state of one stream.  One step, whose
	 * rows of x (the caller's) and y are given.  h is the next then: flip the phase.  Enters the
	 * default floating-point environment if there is a place to keep the caller's. */
	void (*once)(const struct lstm__job *job, const float *x, float *y, unsigned *environment);
	/* The same from a flushed x, for the vectors of units from .. to; start NULL: the bias. */
	void (*part)(const struct lstm__job *job, const float *x, const float *start, float *y,
	             unsigned *environment);
	/* pre = bias + W x of steps [first, first + n), for the vectors of units from .. to. */
	void (*ahead)(const struct lstm__job *job, size_t first, size_t n);
};

struct lstm_model {
	lstm_desc desc; /* complete */
	lstm_isa isa;   /* asked for, or where desc.isa is AUTO the best */
	struct lstm__layer *layers; /* [layers * directions] */
	int directions, owned;
};

struct lstm_state {
	const lstm_model *model;
	struct lstm__job *jobs; /* [layers * directions] */
	size_t max_steps;       /* longest run if whole sequences are needed, else that of a piece */
	float *between[2];      /* outputs of a layer for the next: [max_steps][batch][width] */
	int batch, owned;
	int once;               /* one stream of one direction: a single step goes the short way */
	struct lstm__split *split; /* how threads share the work, or NULL */
};

/* Whether stream b is within its length at step t, and whether that step counts. */
static int lstm__within(const size_t *lengths, size_t t, size_t b)
{
	return !lengths || t < lengths[b];
}

static int lstm__counts(const size_t *lengths, const struct lstm__mask *mask, size_t t, size_t b)
{
	return lstm__within(lengths, t, b) &&
	       (!mask || mask->at[t * mask->step + b * mask->stream]);
}

/* Whether some streams may stand still in some steps. */
static int lstm__streams_vary(const struct lstm__job *job)
{
	return job->lengths || job->mask;
}

#ifdef LSTM__AMX
/* Whether AMX is faster at products of so many rows, streams or steps, and so many words of codes: below
 * that its registers take longer to be set and read than it saves. */
static int lstm__amx_pays(const struct lstm__layer *l, size_t rows, size_t words)
{
	return rows * l->hidden >= 512 && words >= 16;
}
#endif

/* The streams of a batch for which step t counts, in active; returns how many. */
static int lstm__streams_alive(const struct lstm__job *job, size_t t)
{
	int b, n = 0;
	for (b = 0; b < job->batch; b++)
		if (lstm__counts(job->lengths, job->mask, job->first + t, (size_t)b))
			job->active[n++] = b;
	return n;
}

/* Stream b's h: which = 0 as it stands, 1 where the next one is written. */
LSTM__INLINE float *lstm__job_h(const struct lstm__job *job, int b, int which)
{
	size_t half = job->phase[b] ^ (size_t)which;
	return job->h + (half * (size_t)job->batch + (size_t)b) * job->h_row;
}

/* What the others put out: zero past their length, else what the mask wants. */
static void lstm__streams_silence(const struct lstm__job *job, size_t t, size_t width)
{
	const size_t at = job->first + t;
	int b;
	if (!lstm__streams_vary(job) || !job->y)
		return;
	for (b = 0; b < job->batch; b++) {
		float *y = job->y + t * job->y_step + (size_t)b * job->y_stream;
		if (lstm__counts(job->lengths, job->mask, at, (size_t)b))
			continue;
		if (job->mask && job->mask->hold && lstm__within(job->lengths, at, (size_t)b))
			memcpy(y, lstm__job_h(job, b, 0), width * sizeof(float));
		else
			memset(y, 0, width * sizeof(float));
	}
}

/* Whether layers must see the whole sequence one after the other. */
static int lstm__whole_sequences(const lstm_model *model)
{
	return model->desc.layers > 1 && model->desc.direction != LSTM_FORWARD;
}
/* ==== src/reference.h ========================================================================= */
/* The scalar path: the equations as they stand, from unpacked weights, with libm.  It is what the
 * kernels are held against, and what runs where there are none. */
static float lstm__reference_activation(const lstm_activation *a, float x)
{
	switch (a->function) {
	case LSTM_SIGMOID: return 1 / (1 + expf(-x));
	case LSTM_TANH: return tanhf(x);
	case LSTM_RELU: return x < 0 ? 0 : x;
	case LSTM_LINEAR: return x;
	case LSTM_AFFINE: return a->alpha * x + a->beta;
	case LSTM_LEAKY_RELU: return x < 0 ? a->alpha * x : x;
	case LSTM_THRESHOLDED_RELU: return x <= a->alpha ? 0 : x;
	case LSTM_SCALED_TANH: return a->alpha * tanhf(a->beta * x);
	case LSTM_HARD_SIGMOID:
	case LSTM_HARD_SIGMOID_KERAS3:
		x = a->alpha * x + a->beta;
		return x < 0 ? 0 : x > 1 ? 1 : x;
	case LSTM_ELU: return x < 0 ? a->alpha * expm1f(x) : x;
	case LSTM_SOFTSIGN: return x / (1 + fabsf(x));
	case LSTM_SOFTPLUS: return (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x)));
	case LSTM_DEFAULT: break;
	}
	return x;
}

static float lstm__limit(float x, float limit)
{
	return x > limit ? limit : x < -limit ? -limit : x; /* NaN stays NaN */
}

#if LSTM__LOW
static float lstm__reference_weight(lstm_dtype dtype, const void *words, size_t k)
{
	if (dtype == LSTM_DTYPE_F16)
		return lstm__float_of_f16(((const uint16_t *)words)[k]);
	return lstm__float_of(((const uint32_t *)words)[k / 2] << (k % 2 ? 0 : 16) & 0xffff0000);
}

/* x: a row of codes, and so is w. */
static float lstm__reference_codes(const struct lstm__matrix *m, size_t row, const signed char *w,
                                   const float *x, size_t n)
{
	const signed char *codes = (const signed char *)(x + LSTM__CODES);
	int32_t sum, offset;
	size_t k;
	memcpy(&offset, x + 1, sizeof(offset));
	sum = offset * m->sum[row];
	for (k = 0; k < n; k++)
		sum += w[k] * codes[k];
	return (float)sum * (x[0] * m->scale[row]);
}
#endif

/* In a loop: one step at a time.  A compiler that may fuse a product with a sum, and takes several steps
 * at once where it can, would fuse for one kind of weights and not for another, but all have to give
 * the same bits. */
#if LSTM__LOW && defined(__GNUC__)
#define LSTM__IN_STEPS __asm__ __volatile__("")
#else
#define LSTM__IN_STEPS (void)0
#endif

/* sum + a row of m times x, which is flushed here, or for int8 encoded already.  word: where it is. */
static float lstm__reference_dot(float sum, lstm_dtype dtype, const struct lstm__matrix *m,
                                 size_t row, size_t word, const float *x, size_t n)
{
	const unsigned char *at = (const unsigned char *)m->words + word * lstm__word_bytes(dtype);
	const float *w = (const float *)(const void *)at;
	size_t k;
#if LSTM__LOW
	if (dtype == LSTM_DTYPE_I8)
		return sum + lstm__reference_codes(m, row, (const signed char *)at, x, n);
	if (dtype != LSTM_DTYPE_F32) {
		for (k = 0; k < n; k++) {
			sum += lstm__reference_weight(dtype, at, k) * lstm__flush(x[k]);
			LSTM__IN_STEPS;
		}
		return sum;
	}
#else
	(void)row;
#endif
	for (k = 0; k < n; k++) {
		sum += w[k] * lstm__flush(x[k]);
		LSTM__IN_STEPS;
	}
	return sum;
}

/* One stream, one step.  Unit j's four rows lie together: [j][gate][k of x, then of h]. */
static void lstm__reference_step(const struct lstm__layer *l, const float *x, const float *h,
                                 float *c, float *out)
{
	const size_t x_words = lstm__words(l->dtype, l->width);
	const size_t words = x_words + lstm__words(l->dtype, l->output);
	size_t j, n = l->hidden;
	for (j = 0; j < n; j++) {
		float a[4], i, f, g, o;
		int gate;
		for (gate = 0; gate < 4; gate++) {
			size_t row = 4 * j + (size_t)gate;
			a[gate] = lstm__reference_dot(l->bias[row], l->dtype, &l->w, row,
			                              row * words, x, l->width);
			a[gate] = lstm__reference_dot(a[gate], l->dtype, &l->u, row,
			                              row * words + x_words, h, l->output);
		}
		if (l->peephole) {
			a[LSTM__I] += l->peephole[j] * c[j];
			a[LSTM__F] += l->peephole[n + j] * c[j];
		}
		i = lstm__reference_activation(&l->gates, lstm__limit(a[LSTM__I], l->clip));
		f = l->input_forget
		        ? 1 - i
		        : lstm__reference_activation(&l->gates, lstm__limit(a[LSTM__F], l->clip));
		g = lstm__reference_activation(&l->candidate, lstm__limit(a[LSTM__G], l->clip));
		c[j] = lstm__flush(lstm__limit(f * c[j] + i * g, l->cell_clip));
		if (l->peephole)
			a[LSTM__O] += l->peephole[2 * n + j] * c[j];
		o = lstm__reference_activation(&l->gates, lstm__limit(a[LSTM__O], l->clip));
		out[j] = lstm__flush(o * lstm__reference_activation(&l->out, c[j]));
	}
}

/* What the dot products of this layer take of x: x itself, or its codes. */
static const float *lstm__reference_row(const struct lstm__layer *l, const float *x, size_t n,
                                        float *codes)
{
#if LSTM__LOW
	if (l->dtype == LSTM_DTYPE_I8) {
		lstm__encode(codes, x, n);
		return codes;
	}
#else
	(void)l, (void)n, (void)codes;
#endif
	return x;
}

static void lstm__run_scalar(const struct lstm__job *job)
{
	const struct lstm__layer *l = job->layer;
	const int found = errno; /* expf and tanhf may set it */
	size_t s, j;
	int n, a;

	for (s = 0; s < job->steps; s++) {
		size_t t = job->reverse ? job->steps - 1 - s : s;
		n = lstm__streams_alive(job, t);
		for (a = 0; a < n; a++) {
			int b = job->active[a];
			size_t stream = (size_t)b;
			const float *x = job->x + t * job->x_step + stream * job->x_stream;
			float *c = job->c + stream * job->c_row;
			const float *h = lstm__job_h(job, b, 0);
			float *next = lstm__job_h(job, b, 1);
			float *out = l->projection.words ? job->cells : next;
			const float *cells = out;

			x = lstm__reference_row(l, x, l->width, job->codes);
			h = lstm__reference_row(l, h, l->output, job->h_codes);
			lstm__reference_step(l, x, h, c, out);
			if (l->projection.words)
				cells = lstm__reference_row(l, out, l->hidden, job->h_codes);
			for (j = 0; l->projection.words && j < l->output; j++)
				next[j] = lstm__flush(lstm__reference_dot(
				        0, l->dtype, &l->projection, j,
				        j * lstm__words(l->dtype, l->hidden), cells, l->hidden));
			if (job->y)
				memcpy(job->y + t * job->y_step + stream * job->y_stream, next,
				       l->output * sizeof(float));
			job->phase[b] ^= 1;
		}
		lstm__streams_silence(job, t, l->output);
	}
	errno = found;
}

static const struct lstm__kernels lstm__kernels_scalar = {
	LSTM_ISA_SCALAR, 1, 1, 0, lstm__run_scalar, NULL, NULL, NULL};
/* ==== src/passes.h ============================================================================ */
/* Passes of the header over itself, for each vector instruction set and kind of weights: see
 * LSTM__PASS below. */
#ifndef LSTM_SELF
#define LSTM_SELF "lstm.h"
#endif
#if defined(__has_include) && defined(LSTM__VECTORS)
#if !__has_include(LSTM_SELF)
#error "lstm.h: the header includes itself; if you renamed it, define LSTM_SELF as its new name: #define LSTM_SELF \"name.h\""
#endif
#endif

#define LSTM__AVX2 1
#define LSTM__AVX512 2
#define LSTM__NEON 3
#define LSTM__SIMD128 4

#define LSTM__F32 1
#define LSTM__BF16 2
#define LSTM__F16 3
#define LSTM__I8 4
#define LSTM__I8_DOT 5 /* with instructions that not every CPU of the instruction set has */

#ifdef LSTM__HAVE_AVX2
#define LSTM__PASS LSTM__AVX2
#define LSTM__WEIGHTS LSTM__F32
#include LSTM_SELF
#undef LSTM__WEIGHTS
#if LSTM__LOW
#define LSTM__WEIGHTS LSTM__BF16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__F16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__I8
#include LSTM_SELF
#undef LSTM__WEIGHTS
#ifdef LSTM__AVXVNNI
#define LSTM__WEIGHTS LSTM__I8_DOT
#include LSTM_SELF
#undef LSTM__WEIGHTS
#endif
#endif
#undef LSTM__PASS
#endif
#ifdef LSTM__HAVE_AVX512
#define LSTM__PASS LSTM__AVX512
#define LSTM__WEIGHTS LSTM__F32
#include LSTM_SELF
#undef LSTM__WEIGHTS
#if LSTM__LOW
#define LSTM__WEIGHTS LSTM__BF16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__F16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__I8
#include LSTM_SELF
#undef LSTM__WEIGHTS
#endif
#undef LSTM__PASS
#endif
#ifdef LSTM__HAVE_NEON
#define LSTM__PASS LSTM__NEON
#define LSTM__WEIGHTS LSTM__F32
#include LSTM_SELF
#undef LSTM__WEIGHTS
#if LSTM__LOW && defined(LSTM__ARM64)
#define LSTM__WEIGHTS LSTM__BF16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__F16
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__I8
#include LSTM_SELF
#undef LSTM__WEIGHTS
#define LSTM__WEIGHTS LSTM__I8_DOT
#include LSTM_SELF
#undef LSTM__WEIGHTS
#endif
#undef LSTM__PASS
#endif
#ifdef LSTM__HAVE_SIMD128
#define LSTM__PASS LSTM__SIMD128
#define LSTM__WEIGHTS LSTM__F32
#include LSTM_SELF
#undef LSTM__WEIGHTS
#undef LSTM__PASS
#endif

/* The kernels of one instruction set: those of fp32, bf16, f16 and int8. */
#if LSTM__LOW
#define LSTM__CHOOSE(dtype, f32, bf16, f16, i8)                                                    \
	((dtype) == LSTM_DTYPE_BF16  ? &(bf16)                                                     \
	 : (dtype) == LSTM_DTYPE_F16 ? &(f16)                                                      \
	 : (dtype) == LSTM_DTYPE_I8  ? (i8)                                                        \
	                             : &(f32))
#else
#define LSTM__CHOOSE(dtype, f32, bf16, f16, i8) ((void)(dtype), &(f32))
#endif

/* Whether f16 takes AVX-512: CPUs whose units are as wide as its vectors multiply twice as much at a time
 * (.55 to .83 of the time on a Xeon); others convert faster in halves of them.  Tests say yes for these. */
#ifndef LSTM__F16_WIDE
#define LSTM__F16_WIDE (lstm__cpu() & LSTM__CPU_ICE_LAKE)
#endif

/* NULL: this instruction set has none for this type, nor has a narrower one that it stands for. */
static const struct lstm__kernels *lstm__kernels_for(lstm_isa isa, lstm_dtype dtype)
{
	switch (isa) {
	case LSTM_ISA_SCALAR: return &lstm__kernels_scalar;
#ifdef LSTM__HAVE_AVX2
	case LSTM_ISA_AVX2:
#if LSTM__LOW && defined(LSTM__AVXVNNI)
		if (dtype == LSTM_DTYPE_I8 && lstm__cpu_has_int8(isa))
			return &lstm__kernels_i8dot_avx2;
#endif
		return LSTM__CHOOSE(dtype, lstm__kernels_avx2, lstm__kernels_bf16_avx2,
		                    lstm__kernels_f16_avx2, &lstm__kernels_i8_avx2);
#endif
#ifdef LSTM__HAVE_AVX512
	case LSTM_ISA_AVX512:
		if ((dtype == LSTM_DTYPE_F16 && !LSTM__F16_WIDE) ||
		    (dtype == LSTM_DTYPE_I8 && !lstm__cpu_has_int8(isa)))
			return lstm__kernels_for(LSTM_ISA_AVX2, dtype);
		return LSTM__CHOOSE(dtype, lstm__kernels_avx512, lstm__kernels_bf16_avx512,
		                    lstm__kernels_f16_avx512, &lstm__kernels_i8_avx512);
#endif
#if defined(LSTM__HAVE_NEON) && defined(LSTM__ARM64)
	case LSTM_ISA_NEON:
		return LSTM__CHOOSE(dtype, lstm__kernels_neon, lstm__kernels_bf16_neon,
		                    lstm__kernels_f16_neon,
		                    lstm__cpu_has_int8(isa) ? &lstm__kernels_i8dot_neon
		                                            : &lstm__kernels_i8_neon);
#endif
#if defined(LSTM__HAVE_NEON) && !defined(LSTM__ARM64)
	case LSTM_ISA_NEON:
		return dtype == LSTM_DTYPE_F32 ? &lstm__kernels_neon : NULL;
#endif
#ifdef LSTM__HAVE_SIMD128
	case LSTM_ISA_SIMD128:
		return dtype == LSTM_DTYPE_F32 ? &lstm__kernels_simd128 : NULL;
#endif
	default: (void)dtype; return NULL;
	}
}
/* ==== src/pack.h ============================================================================== */
/* From the framework's arrays to the order in which the kernels read.
 *
 * A matrix of rows is cut into blocks of V vectors of rows (V = units * 4 for gates, where the four
 * gates of a vector of units lie together; 4 for a projection), the last block holding what is
 * left.  Within a block the order is [k][vector][lane], for gates first all k of x, then all of h: a
 * kernel reads it from front to back, in one stream that the processor can fetch ahead, and
 * needs one broadcast of x[k] or h[k] for V vectors.  Rows past the last are zero.  At one lane and
 * one vector per block this is the plain matrix, which is what the reference path reads. */
struct lstm__source {
	const float *data;
	size_t row, column; /* strides in elements */
	size_t columns;     /* of this matrix */
	size_t before, all; /* words of a row of a block before this matrix's, and altogether */
	size_t hidden;
	int lanes;
	unsigned char gate[4]; /* position in the framework's order of i, f, g, o */
	lstm_dtype dtype;      /* what it becomes */
	lstm_dtype from;       /* what data points to: F32, or the same */
};

/* Where row r of the packed order (unit vector, gate, lane) comes from, and how many units there are
 * from its own on: the lanes beyond are padding. */
static size_t lstm__gate_row(const struct lstm__source *s, size_t r, size_t *row)
{
	size_t lanes = (size_t)s->lanes;
	size_t unit = r / (4 * lanes) * lanes + r % lanes;
	*row = s->gate[r / lanes % 4] * s->hidden + unit;
	return unit < s->hidden ? s->hidden - unit : 0;
}

static size_t lstm__plain_row(const struct lstm__source *s, size_t r, size_t *row)
{
	*row = r;
	return r < s->hidden ? s->hidden - r : 0;
}

typedef size_t (*lstm__row_fn)(const struct lstm__source *s, size_t r, size_t *row);

#ifdef LSTM__VECTORS /* else each block is a row */
/* Packing is moving: tiles of 4 rows and 16 columns, a cache line of each row, whose loops are of
 * constant length so that they become vectors without any flag. */
#define LSTM__TILE_ROWS 4
#define LSTM__TILE_COLUMNS 16

/* The lines that are written lie a block's row apart, which processors do not guess: fetching them
 * ahead makes a model that outgrows the caches a third faster. */
#if defined(__GNUC__)
#define LSTM__WILL_WRITE(p) __builtin_prefetch(p, 1)
#else
#define LSTM__WILL_WRITE(p) ((void)(p))
#endif

/* The tile from rows that lie one behind the other; what is not real becomes zero. */
static void lstm__tile_rows(float tile[LSTM__TILE_COLUMNS][LSTM__TILE_ROWS], const float *from,
                            size_t stride, size_t real, size_t columns)
{
	float part[LSTM__TILE_ROWS * LSTM__TILE_COLUMNS];
	size_t r;
	int k;
	if (real < LSTM__TILE_ROWS || columns < LSTM__TILE_COLUMNS) {
		memset(part, 0, sizeof(part));
		for (r = 0; r < real; r++)
			memcpy(part + r * LSTM__TILE_COLUMNS, from + r * stride,
			       columns * sizeof(float));
		from = part;
		stride = LSTM__TILE_COLUMNS;
	}
	for (k = 0; k < LSTM__TILE_COLUMNS; k++) {
		tile[k][0] = from[k];
		tile[k][1] = from[stride + (size_t)k];
		tile[k][2] = from[2 * stride + (size_t)k];
		tile[k][3] = from[3 * stride + (size_t)k];
	}
}

/* The same from columns that lie one behind the other. */
static void lstm__tile_columns(float tile[LSTM__TILE_COLUMNS][LSTM__TILE_ROWS],
                               const float *from, size_t stride, size_t real, size_t columns)
{
	size_t k;
	if (real < LSTM__TILE_ROWS)
		memset(tile, 0, sizeof(tile[0]) * LSTM__TILE_COLUMNS);
	for (k = 0; k < columns; k++, from += stride)
		if (real == LSTM__TILE_ROWS)
			memcpy(tile[k], from, sizeof(tile[k]));
		else
			memcpy(tile[k], from, real * sizeof(float));
}

static void lstm__tile_put(float *to, size_t stride,
                           float tile[LSTM__TILE_COLUMNS][LSTM__TILE_ROWS], size_t columns)
{
	size_t k;
	int r;
	for (k = 0; k < columns; k++, to += stride) {
		int32_t bits[LSTM__TILE_ROWS];
		memcpy(bits, tile[k], sizeof(bits));
		for (r = 0; r < LSTM__TILE_ROWS; r++)
			bits[r] = lstm__flush_bits(bits[r]);
		memcpy(to, bits, sizeof(bits));
	}
}

/* A tile whose rows' columns lie one behind the other, turned in registers, by what every CPU of the kind
 * has. */
#ifdef LSTM__X86
static __m128 lstm__flush_four(__m128 x)
{
	const __m128i bits = _mm_castps_si128(x);
	const __m128i size = _mm_and_si128(bits, _mm_set1_epi32(0x7fffffff));
	const __m128i tiny = _mm_cmplt_epi32(size, _mm_set1_epi32(LSTM__TINY_BITS));
	return _mm_castsi128_ps(_mm_andnot_si128(tiny, bits));
}

static int lstm__turn_tile(float *to, size_t stride, const float *from, size_t row, size_t columns)
{
	for (; columns >= 4; columns -= 4, from += 4, to += 4 * stride) {
		__m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + row);
		__m128 c = _mm_loadu_ps(from + 2 * row), d = _mm_loadu_ps(from + 3 * row);
		_MM_TRANSPOSE4_PS(a, b, c, d);
		_mm_storeu_ps(to, lstm__flush_four(a));
		_mm_storeu_ps(to + stride, lstm__flush_four(b));
		_mm_storeu_ps(to + 2 * stride, lstm__flush_four(c));
		_mm_storeu_ps(to + 3 * stride, lstm__flush_four(d));
	}
	for (; columns; columns--, from++, to += stride)
		_mm_storeu_ps(to, lstm__flush_four(_mm_setr_ps(from[0], from[row], from[2 * row],
		                                               from[3 * row])));
	return 1;
}
#else
static int lstm__turn_tile(float *to, size_t stride, const float *from, size_t row, size_t columns)
{
	(void)to, (void)stride, (void)from, (void)row, (void)columns;
	return 0;
}
#endif

#ifdef LSTM__HAVE_AVX2
/* Two tiles at a time, as each instruction moves twice as much.  The model's kernels say whether AVX2 may
 * be used, as they can run here: asking the processor may take longer than packing. */
#define LSTM__AVX2_INLINE static inline __attribute__((target("avx2")))
LSTM__AVX2_INLINE __m256 lstm__two_rows(const float *low, const float *high)
{
	return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}

LSTM__AVX2_INLINE void lstm__put_eight(float *to, __m256 x)
{
	const __m256i bits = _mm256_castps_si256(x);
	const __m256i size = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
	const __m256i tiny = _mm256_cmpgt_epi32(_mm256_set1_epi32(LSTM__TINY_BITS), size);
	_mm256_storeu_ps(to, _mm256_castsi256_ps(_mm256_andnot_si256(tiny, bits)));
}

/* For columns by four: 0 if there are others. */
LSTM__AVX2_INLINE int lstm__turn_two_tiles(float *to, size_t stride, const float *low,
                                           const float *high, size_t row, size_t columns)
{
	if (columns % 4)
		return 0;
	for (; columns; columns -= 4, low += 4, high += 4, to += 4 * stride) {
		const __m256 a = lstm__two_rows(low, high), b = lstm__two_rows(low + row, high + row);
		const __m256 c = lstm__two_rows(low + 2 * row, high + 2 * row);
		const __m256 d = lstm__two_rows(low + 3 * row, high + 3 * row);
		const __m256d ab = _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
		const __m256d cd = _mm256_castps_pd(_mm256_unpacklo_ps(c, d));
		const __m256d ab2 = _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
		const __m256d cd2 = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
		lstm__put_eight(to, _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)));
		lstm__put_eight(to + stride, _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)));
		lstm__put_eight(to + 2 * stride, _mm256_castpd_ps(_mm256_unpacklo_pd(ab2, cd2)));
		lstm__put_eight(to + 3 * stride, _mm256_castpd_ps(_mm256_unpackhi_pd(ab2, cd2)));
	}
	return 1;
}
#endif

/* Up to 16 rows from row `at` of all on, from column `first` to `end`: whole cache lines of what is written,
 * [column][`stride`]. */
static void lstm__pack_tiles(float *to, size_t stride, const struct lstm__source *s, lstm__row_fn find,
                             size_t at, size_t rows, size_t first, size_t end)
{
	float tile[LSTM__TILE_COLUMNS][LSTM__TILE_ROWS];
	const float *from[4];
	size_t real[4], tiles, t, k, row;
	for (tiles = 0; tiles < 4 && tiles * LSTM__TILE_ROWS < rows; tiles++) {
		real[tiles] = find(s, at + tiles * LSTM__TILE_ROWS, &row);
		if (real[tiles] > LSTM__TILE_ROWS)
			real[tiles] = LSTM__TILE_ROWS;
		from[tiles] = s->data + (real[tiles] ? row * s->row : 0);
	}
	for (k = first; k < end; k += LSTM__TILE_COLUMNS, to += LSTM__TILE_COLUMNS * stride) {
		size_t columns = end - k < LSTM__TILE_COLUMNS ? end - k : LSTM__TILE_COLUMNS;
		for (t = 0; end - k >= 4 * LSTM__TILE_COLUMNS && t < LSTM__TILE_COLUMNS; t++)
			LSTM__WILL_WRITE(to + (3 * LSTM__TILE_COLUMNS + t) * stride);
		for (t = 0; t < tiles; t++) {
			const float *x = from[t] + k * s->column;
			float *y = to + t * LSTM__TILE_ROWS;
			const int whole = s->column == 1 && real[t] == LSTM__TILE_ROWS;
#ifdef LSTM__HAVE_AVX2
			if (whole && s->lanes >= 8 && t + 1 < tiles &&
			    real[t + 1] == LSTM__TILE_ROWS &&
			    lstm__turn_two_tiles(y, stride, x, from[t + 1] + k, s->row, columns)) {
				t++;
				continue;
			}
#endif
			if (whole && lstm__turn_tile(y, stride, x, s->row, columns))
				continue;
			if (s->column == 1)
				lstm__tile_rows(tile, x, s->row, real[t], columns);
			else
				lstm__tile_columns(tile, x, s->column, real[t], columns);
			lstm__tile_put(y, stride, tile, columns);
		}
	}
}

/* Rows are read to their end, 16 at a time, as the processor fetches ahead.  Of columns some at a time, as the
 * lines that this touches are touched again by the next rows. */
static void lstm__pack_block(float *to, const struct lstm__source *s, lstm__row_fn find, size_t first,
                             size_t n)
{
	const size_t ahead = s->column == 1 ? s->columns : 2 * LSTM__TILE_COLUMNS;
	size_t r, k;
	for (k = 0; k < s->columns; k += ahead)
		for (r = 0; r < n; r += 4 * LSTM__TILE_ROWS)
			lstm__pack_tiles(to + k * n + r, n, s, find, first + r, n - r, k,
			                 s->columns - k < ahead ? s->columns : k + ahead);
}
#endif

/* rows (padded) x columns, in blocks of at most block rows. */
static void lstm__pack(float *all, const struct lstm__source *s, lstm__row_fn find, size_t rows,
                       size_t block)
{
	size_t first, k, row;
	for (first = 0; first < rows; first += block) {
		size_t n = rows - first < block ? rows - first : block;
		float *to = all + first * s->all + n * s->before;
#ifdef LSTM__VECTORS
		if (n > 1) {
			lstm__pack_block(to, s, find, first, n);
			continue;
		}
#endif
		find(s, first, &row);
		for (k = 0; k < s->columns; k++)
			to[k] = lstm__flush(s->data[row * s->row + k * s->column]);
	}
}
/* ==== src/pack_low.h ========================================================================== */
/* The same order for bf16, f16 and int8, rounded on the way: words instead of floats.  A chunk of numbers
 * is [column][`rows`] here, of one row or, turned, of 16; rows is a literal at every call. */
#if LSTM__LOW
union lstm__low {
	uint32_t word[LSTM__CHUNK / 2];
	uint16_t half[LSTM__CHUNK];
};

/* Floats become halves, or codes; scale: of each row. */
LSTM__INLINE void lstm__low_round(uint32_t *halves, float *x, lstm_dtype dtype, const float *scale,
                                  const int rows)
{
	int at, i;
	if (dtype == LSTM_DTYPE_BF16) {
		lstm__chunk_bf16(halves, x);
	} else if (dtype == LSTM_DTYPE_F16) {
		lstm__chunk_f16(halves, x);
	} else {
		for (at = 0; at < LSTM__CHUNK; at += rows)
			for (i = 0; i < rows; i++)
				x[at + i] /= scale[i];
		lstm__chunk_codes(x, x);
	}
}

/* The same, of one row, from its halves or codes: `count` of them from element `from` on, and zeros. */
static void lstm__low_same(uint32_t *halves, float *x, const struct lstm__source *s, size_t from,
                           size_t count, float scale)
{
	const signed char *codes = (const signed char *)(const void *)s->data;
	const uint16_t *data = (const uint16_t *)(const void *)s->data;
	size_t k;
	for (k = 0; k < LSTM__CHUNK; k++) {
		const size_t at = from + k * s->column;
		if (s->dtype == LSTM_DTYPE_I8) {
			const int code = k >= count ? 0 : codes[at] < -127 ? -127 : codes[at];
			x[k] = lstm__flush((float)code * scale) != 0 ? (float)code : 0;
			continue;
		}
		halves[k] = k < count ? data[at] : 0;
		if (s->dtype == LSTM_DTYPE_BF16 && (halves[k] & 0x7fff) < LSTM__TINY_BITS >> 16)
			halves[k] = 0;
	}
}

/* Either becomes words as the kernels read them; of int8 the first byte in memory is the first column's.
 * sum: each row's codes are added to it. */
LSTM__INLINE void lstm__low_words(union lstm__low *to, const uint32_t *halves, const float *codes,
                                  lstm_dtype dtype, int32_t *sum, const int rows)
{
	int at, i;
	if (dtype == LSTM_DTYPE_BF16) {
		for (at = 0; at < LSTM__CHUNK / 2; at += rows)
			for (i = 0; i < rows; i++)
				to->word[at + i] = halves[2 * at + i] | halves[2 * at + rows + i] << 16;
	} else if (dtype == LSTM_DTYPE_F16) {
		for (i = 0; i < LSTM__CHUNK; i++)
			to->half[i] = (uint16_t)halves[i];
	} else {
		for (at = 0; at < LSTM__CHUNK / 4; at += rows)
			for (i = 0; i < rows; i++) {
				const float *x = codes + 4 * at + i;
				const int32_t a = (int32_t)x[0], b = (int32_t)x[rows];
				const int32_t c = (int32_t)x[2 * rows], d = (int32_t)x[3 * rows];
				sum[i] += a + b + c + d;
				to->word[at + i] = ((uint32_t)a & 255) << LSTM__BYTE(0) |
				                   ((uint32_t)b & 255) << LSTM__BYTE(1) |
				                   ((uint32_t)c & 255) << LSTM__BYTE(2) |
				                   ((uint32_t)d & 255) << LSTM__BYTE(3);
			}
	}
}

/* A row, which begins at element `from`: its words, `apart` bytes apart.  scale, sum: of int8. */
static void lstm__low_row(char *words, size_t apart, const struct lstm__source *s, size_t from, float scale,
                          int32_t *sum)
{
	const size_t bytes = lstm__word_bytes(s->dtype);
	uint32_t halves[LSTM__CHUNK];
	union lstm__low low;
	float x[LSTM__CHUNK];
	size_t k, i, count;
	for (k = 0; k < s->columns; k += LSTM__CHUNK, from += LSTM__CHUNK * s->column) {
		count = lstm__chunk_of(s->columns - k);
		if (s->from == LSTM_DTYPE_F32) {
			lstm__chunk(x, s->data + from, count, s->column);
			lstm__low_round(halves, x, s->dtype, &scale, 1);
		} else {
			lstm__low_same(halves, x, s, from, count, scale);
		}
		lstm__low_words(&low, halves, x, s->dtype, sum, 1);
		for (i = 0; i < lstm__words(s->dtype, count); i++, words += apart)
			memcpy(words, (const char *)&low + i * bytes, bytes);
	}
}

#ifdef LSTM__VECTORS
#define LSTM__TURNED 16

/* memcpy, whose call would take as long as rounding does: whole rows of words have one of two sizes. */
LSTM__INLINE void lstm__low_put(char *to, const char *from, size_t bytes)
{
	if (bytes == LSTM__TURNED * sizeof(uint32_t))
		memcpy(to, from, LSTM__TURNED * sizeof(uint32_t));
	else if (bytes == LSTM__TURNED * sizeof(uint16_t))
		memcpy(to, from, LSTM__TURNED * sizeof(uint16_t));
	else
		memcpy(to, from, bytes);
}

/* The rows of a block of n, which begins with row `first` of all, from number r on, at most 16 of them: from
 * floats, turned like those that stay floats. */
LSTM__INLINE void lstm__low_turned(const struct lstm__matrix *to, char *words,
                                   const struct lstm__source *s, lstm__row_fn find, size_t first,
                                   size_t n, size_t r)
{
	const size_t rows = n - r < LSTM__TURNED ? n - r : LSTM__TURNED;
	const size_t bytes = lstm__word_bytes(s->dtype), four = LSTM__CHUNK / LSTM__TURNED;
	float x[LSTM__CHUNK * LSTM__TURNED], scale[LSTM__TURNED] = {0};
	int32_t sum[LSTM__TURNED] = {0};
	uint32_t halves[LSTM__CHUNK];
	union lstm__low low;
	size_t k, j, i, columns, count;

	if (s->dtype == LSTM_DTYPE_I8)
		memcpy(scale, to->scale + first + r, rows * sizeof(float));
	words += r * bytes;
	for (k = 0; k < s->columns; k += LSTM__CHUNK) {
		columns = lstm__chunk_of(s->columns - k);
		if (rows < LSTM__TURNED || columns < LSTM__CHUNK)
			memset(x, 0, sizeof(x));
		lstm__pack_tiles(x, LSTM__TURNED, s, find, first + r, rows, k, k + columns);
		for (j = 0; j < columns; j += four) {
			float *part = x + j * LSTM__TURNED;
			lstm__low_round(halves, part, s->dtype, scale, LSTM__TURNED);
			lstm__low_words(&low, halves, part, s->dtype, sum, LSTM__TURNED);
			count = columns - j < four ? columns - j : four;
			for (i = 0; i < lstm__words(s->dtype, count); i++, words += n * bytes)
				lstm__low_put(words, (const char *)&low + i * LSTM__TURNED * bytes,
				              rows * bytes);
		}
	}
	if (s->dtype == LSTM_DTYPE_I8)
		memcpy(to->sum + first + r, sum, rows * sizeof(int32_t));
}
#endif

/* Rows [first, first + n), a block.  scale: of each of the framework's rows, or NULL. */
LSTM__INLINE void lstm__low_block(const struct lstm__matrix *to, const struct lstm__source *s,
                                  lstm__row_fn find, size_t first, size_t n, const float *scale)
{
	const size_t bytes = lstm__word_bytes(s->dtype);
	char *words = (char *)to->words + (first * s->all + n * s->before) * bytes;
	const int int8 = s->dtype == LSTM_DTYPE_I8;
	int padded = 0;
	size_t r, row;

	for (r = 0; r < n; r++) {
		const int real = find(s, first + r, &row) > 0;
		padded |= !real;
		if (!int8)
			continue;
		to->sum[first + r] = 0;
		to->scale[first + r] = 0;
		if (real && scale)
			to->scale[first + r] = scale[row];
		else if (real)
			to->scale[first + r] =
				lstm__weight_scale(s->data + row * s->row, s->columns, s->column);
	}
#ifdef LSTM__VECTORS
	if (n > 1 && s->from == LSTM_DTYPE_F32) {
		for (r = 0; r < n; r += LSTM__TURNED)
			lstm__low_turned(to, words, s, find, first, n, r);
		return;
	}
#endif
	if (padded)
		memset(words, 0, lstm__words(s->dtype, s->columns) * n * bytes);
	for (r = 0; r < n; r++)
		if (find(s, first + r, &row))
			lstm__low_row(words + r * bytes, n * bytes, s, row * s->row,
			              int8 ? to->scale[first + r] : 0,
			              int8 ? to->sum + first + r : NULL);
}

LSTM__INLINE void lstm__pack_low_by(const struct lstm__matrix *to, const struct lstm__source *s,
                                    lstm__row_fn find, size_t rows, size_t block, const float *scale)
{
	size_t first;
	for (first = 0; first < rows; first += block)
		lstm__low_block(to, s, find, first, rows - first < block ? rows - first : block, scale);
}

#ifdef LSTM__HAVE_AVX2
/* The same loops, which the compiler makes longer vectors of. */
static __attribute__((target("avx2"))) void
lstm__pack_low_avx2(const struct lstm__matrix *to, const struct lstm__source *s, lstm__row_fn find,
                    size_t rows, size_t block, const float *scale)
{
	lstm__pack_low_by(to, s, find, rows, block, scale);
}
#endif

static void lstm__pack_low(const struct lstm__matrix *to, const struct lstm__source *s,
                           lstm__row_fn find, size_t rows, size_t block, const float *scale)
{
#ifdef LSTM__HAVE_AVX2
	if (s->lanes >= 8) { /* as in lstm__pack_tiles */
		lstm__pack_low_avx2(to, s, find, rows, block, scale);
		return;
	}
#endif
	lstm__pack_low_by(to, s, find, rows, block, scale);
}
#endif
/* ==== src/pack_layer.h ======================================================================== */
/* A layer's arrays, from the framework's to what the kernels read. */
static void lstm__pack_bias(float *to, const struct lstm__source *s, const float *b,
                            const float *b2, size_t rows)
{
	const size_t lanes = (size_t)s->lanes;
	size_t r, i, row, real;
	for (r = 0; r < rows; r += lanes) {
		real = lstm__gate_row(s, r, &row);
		for (i = 0; i < lanes; i++, row++)
			to[r + i] = i < real ? lstm__flush((b ? b[row] : 0) + (b2 ? b2[row] : 0))
			                     : 0;
	}
}

/* Which of the framework's blocks is that of i, f, g and o; and of the peepholes' i, f and o. */
static const unsigned char *lstm__gate_blocks(lstm_layout layout)
{
	static const unsigned char ifgo[4] = {0, 1, 2, 3}, iofg[4] = {0, 2, 3, 1};
	return layout == LSTM_LAYOUT_ONNX ? iofg : ifgo;
}

static const unsigned char *lstm__peephole_blocks(lstm_layout layout)
{
	static const unsigned char ifo[3] = {0, 1, 2}, iof[3] = {0, 2, 1};
	return layout == LSTM_LAYOUT_ONNX ? iof : ifo;
}

/* [i f o][padded] from the framework's order. */
static void lstm__pack_peephole(float *to, const float *from, size_t hidden, size_t padded,
                                lstm_layout layout)
{
	const unsigned char *order = lstm__peephole_blocks(layout);
	size_t g, j;
	for (g = 0; g < 3; g++)
		for (j = 0; j < padded; j++)
			to[g * padded + j] =
				j < hidden ? lstm__flush(from[order[g] * hidden + j]) : 0;
}

/* A matrix as the layer keeps it; scale: of its rows, or NULL. */
static void lstm__pack_matrix(const struct lstm__matrix *to, const struct lstm__source *s,
                              lstm__row_fn find, size_t rows,
                              size_t block, const float *scale)
{
#if LSTM__LOW
	if (s->dtype != LSTM_DTYPE_F32) {
		lstm__pack_low(to, s, find, rows, block, scale);
		return;
	}
#else
	(void)scale;
#endif
	lstm__pack((float *)to->words, s, find, rows, block);
}

/* Fill what the layer points to. */
static void lstm__pack_layer(const struct lstm__layer *l, const lstm_weights *from,
                             const lstm_model *model)
{
	lstm_layout layout = model->desc.layout;
	size_t lanes = (size_t)l->kernels->lanes, rows = l->vectors * 4 * lanes;
	size_t block = l->units * 4 * lanes;
	size_t x_words = lstm__words(l->dtype, l->width);
	struct lstm__source s;

	memcpy(s.gate, lstm__gate_blocks(layout), 4);
	s.hidden = l->hidden;
	s.lanes = (int)lanes;
	s.dtype = l->dtype;
	s.from = from->type == LSTM_DTYPE_OTHER ? LSTM_DTYPE_F32 : from->type;

	lstm__pack_bias(l->bias, &s, from->b, from->b2, rows);
	s.data = from->w;
	s.row = layout == LSTM_LAYOUT_KERAS ? 1 : l->width;
	s.column = layout == LSTM_LAYOUT_KERAS ? 4 * l->hidden : 1;
	s.columns = l->width;
	s.before = 0;
	s.all = x_words + lstm__words(l->dtype, l->output);
	lstm__pack_matrix(&l->w, &s, lstm__gate_row, rows, lanes == 1 ? 1 : block, from->w_scale);
	s.data = from->u;
	s.row = layout == LSTM_LAYOUT_KERAS ? 1 : l->output;
	s.columns = l->output;
	s.before = x_words;
	lstm__pack_matrix(&l->u, &s, lstm__gate_row, rows, lanes == 1 ? 1 : block, from->u_scale);
	if (l->peephole)
		lstm__pack_peephole(l->peephole, from->peephole, l->hidden, l->vectors * lanes,
		                    layout);
	if (from->projection) {
		s.data = from->projection;
		s.row = l->hidden;
		s.column = 1;
		s.hidden = l->output;
		s.columns = l->hidden;
		s.before = 0;
		s.all = lstm__words(l->dtype, l->hidden);
		lstm__pack_matrix(&l->projection, &s, lstm__plain_row,
		                  (l->output + lanes - 1) / lanes * lanes,
		                  lanes == 1 ? 1 : 4 * lanes, from->projection_scale);
	}
}
/* ==== src/plan.h ============================================================================== */
/* In which order a layer's weights lie and are read: what caches and registers want. */

/* Weights of so many bytes outgrow the second cache, and one of usual size several times over. */
#define LSTM__SECOND_CACHE ((size_t)1 << 20)
#define LSTM__FETCHED ((size_t)256 << 10) /* and so many that tiles of several streams wait for them */
#define LSTM__FETCHED_BY_FEW ((size_t)1536 << 10)
#define LSTM__FAR ((size_t)4 << 20)

#define LSTM__SMALL_CACHE ((size_t)30 << 10) /* of 32 KiB, not the weights' alone */

/* Weights of more bytes outgrow the first cache. */
static size_t lstm__first_cache(void)
{
#ifdef LSTM__X86
	if (lstm__cpu() & LSTM__CPU_ICE_LAKE)
		return (size_t)40 << 10;
#endif
	return LSTM__SMALL_CACHE;
}

/* Vectors of units per block.  A tile of several streams reads a block once for each of its vectors
 * and skips the others, which from far away takes twice as long (8 streams of 1024x1024). */
static size_t lstm__block_units(const struct lstm__layer *l)
{
	return l->kernels->lanes > 4 && lstm__layer_bytes(l) >= LSTM__FAR
	               ? 1
	               : (size_t)l->kernels->units;
}

/* Whether blocks that are read in turn are of one vector of units: those from far away, and of long
 * vectors, that need few sums in flight while they wait for their weights: the smaller what is read at
 * a time, the more of what the last step read is still near.  bf16 spends its time unpacking, and CPUs
 * with a large first cache multiply two vectors a cycle, for which four sums are too few. */
static int lstm__layer_narrow(const struct lstm__layer *l, size_t first_cache)
{
	const size_t bytes = lstm__layer_bytes(l);
	if (l->kernels->lanes > 4 && bytes >= LSTM__FAR)
		return 1;
	return l->kernels->lanes > 8 &&
	       (l->dtype == LSTM_DTYPE_F32 ||
	        (l->dtype == LSTM_DTYPE_I8 && bytes <= LSTM__SECOND_CACHE &&
	         first_cache <= LSTM__SMALL_CACHE));
}

/* Which tiles fetch weights ahead; u: bytes that a step reads where x was projected ahead.  AVX-512's of few
 * streams, which take them in turn, lose a tenth by it while weights come from the second cache, where
 * AVX2 gains as much (8 streams of 128x128 on a Xeon). */
static unsigned char lstm__layer_fetches(const struct lstm__layer *l, size_t u)
{
	const size_t bytes = lstm__layer_bytes(l);
	const size_t few = l->kernels->lanes == 16 ? LSTM__FETCHED_BY_FEW : LSTM__FETCHED;
	int fetches = bytes >= LSTM__FETCHED ? LSTM__FETCH_MANY : 0;
	fetches |= bytes >= few ? LSTM__FETCH_FEW : 0;
	return (unsigned char)(fetches | (u >= few ? LSTM__FETCH_FEW_AHEAD : 0));
}

/* Whether blocks are read from front to back and back again: where they outgrow the first cache, a
 * step finds there what the one before it read last.  One whose x was projected ahead reads U alone, and
 * the projected rows, which matter more to long vectors: they lose nothing by turning. */
static void lstm__layer_turns(struct lstm__layer *l, size_t first_cache)
{
	const size_t rows = l->kernels->lanes > 8 ? (size_t)6 << 10 : 0;
	const size_t u = 4 * l->hidden * lstm__word_bytes(l->dtype) * lstm__words(l->dtype, l->output);
	l->narrow = (unsigned char)lstm__layer_narrow(l, first_cache);
	l->turns = lstm__layer_bytes(l) > first_cache;
	l->fetches = lstm__layer_fetches(l, u);
	l->turns_ahead = u + rows > first_cache || l->units != (size_t)l->kernels->units;
}

/* How a step of one stream makes the last vector of units, see simd/last.h: the lower half alone of
 * AVX-512's, and in small layers AVX2's odd one and that half with the block before. */
static void lstm__layer_end(struct lstm__layer *l)
{
	const size_t lanes = (size_t)l->kernels->lanes;
	const int can = l->plain && l->dtype == LSTM_DTYPE_F32;
	l->half = can && lanes == 16 && l->hidden + lanes / 2 <= l->vectors * lanes;
	l->joins = can && !(l->turns && l->turns_ahead) && (l->half || (lanes == 8 && l->vectors % 2));
}
/* ==== src/model.h ============================================================================= */
/* Check a description, lay a model out in memory, fill it. */

/* Memory handed out front to back in multiples of LSTM_ALIGN.  With base NULL it only counts, so
 * the size query and the layout are one piece of code and cannot disagree. */
struct lstm__arena {
	unsigned char *base;
	size_t used;
	int overflow;
};

static void *lstm__take(struct lstm__arena *arena, size_t count, size_t size)
{
	size_t bytes, start = arena->used;
	if (!lstm__multiply(count, size, &bytes) || bytes > SIZE_MAX - (LSTM_ALIGN - 1) - start) {
		arena->overflow = 1;
		return NULL;
	}
	arena->used += (bytes + (LSTM_ALIGN - 1)) / LSTM_ALIGN * LSTM_ALIGN;
	return arena->base ? arena->base + start : NULL;
}

/* count * more elements of size bytes each. */
static void *lstm__take2(struct lstm__arena *arena, size_t count, size_t more, size_t size)
{
	if (!lstm__multiply(count, more, &count))
		count = SIZE_MAX;
	return lstm__take(arena, count, size);
}

static float *lstm__take_floats(struct lstm__arena *arena, size_t rows, size_t columns)
{
	return (float *)lstm__take2(arena, rows, columns, sizeof(float));
}

static lstm_status lstm__arena_check(const void *memory, size_t bytes, size_t need)
{
	if (!memory)
		return LSTM_ERR_ARG;
	return bytes < need || (uintptr_t)memory % LSTM_ALIGN ? LSTM_ERR_MEMORY : LSTM_OK;
}

/* ---- description ----------------------------------------------------------------------------- */
static int lstm__activation_complete(lstm_activation *a, lstm_function fallback)
{
	if (a->function == LSTM_DEFAULT)
		a->function = fallback;
	if ((unsigned)a->function > LSTM_SOFTPLUS || a->alpha != a->alpha || a->beta != a->beta)
		return 0;
	if (a->alpha == 0 && a->beta == 0)
		switch (a->function) {
		case LSTM_AFFINE:
		case LSTM_THRESHOLDED_RELU:
		case LSTM_ELU: a->alpha = 1; break;
		case LSTM_SCALED_TANH: a->alpha = a->beta = 1; break;
		case LSTM_LEAKY_RELU: a->alpha = 0.01f; break;
		case LSTM_HARD_SIGMOID:
			a->alpha = 0.2f;
			a->beta = 0.5f;
			break;
		default: break;
		}
	if (a->function == LSTM_HARD_SIGMOID_KERAS3) {
		a->alpha = 1.0f / 6;
		a->beta = 0.5f;
	}
	return 1;
}

static lstm_status lstm__dtype_check(const lstm_desc *d, lstm_dtype dtype)
{
	switch (dtype) {
	case LSTM_DTYPE_F32: return LSTM_OK;
	case LSTM_DTYPE_I8:
		if (d->input > LSTM_MAX_SIZE_I8 || d->hidden > LSTM_MAX_SIZE_I8 / 2 ||
		    d->projection > LSTM_MAX_SIZE_I8 / 2)
			return LSTM_ERR_SIZE;
		break;
	case LSTM_DTYPE_BF16:
	case LSTM_DTYPE_F16: break;
	default: return LSTM_ERR_ARG;
	}
	return LSTM__LOW ? LSTM_OK : LSTM_ERR_ISA;
}

static lstm_dtype lstm__dtype_of(const lstm_desc *d, int layer)
{
	return d->dtypes && d->dtypes[layer] != LSTM_DTYPE_OTHER ? d->dtypes[layer] : d->dtype;
}

static lstm_status lstm__dtypes_complete(lstm_desc *d)
{
	lstm_status status;
	int i;

	if (d->dtype == LSTM_DTYPE_OTHER)
		d->dtype = LSTM_DTYPE_F32;
	status = lstm__dtype_check(d, d->dtype);
	for (i = 0; d->dtypes && i < d->layers && status == LSTM_OK; i++)
		status = lstm__dtype_check(d, lstm__dtype_of(d, i));
	return status;
}

static lstm_status lstm__desc_complete(lstm_desc *d)
{
	lstm_status status;
	int i, k;
	if (d->layers == 0)
		d->layers = 1;
	if (d->input <= 0 || d->hidden <= 0 || d->projection < 0 || d->layers < 0)
		return LSTM_ERR_ARG;
	if (d->input > LSTM_MAX_SIZE || d->hidden > LSTM_MAX_SIZE ||
	    d->projection > LSTM_MAX_SIZE || d->layers > LSTM_MAX_LAYERS)
		return LSTM_ERR_SIZE;
	if ((unsigned)d->direction > LSTM_BIDIRECTIONAL || (unsigned)d->layout > LSTM_LAYOUT_KERAS)
		return LSTM_ERR_ARG;
	if (!(d->clip >= 0) || !(d->cell_clip >= 0))
		return LSTM_ERR_ARG;
	status = lstm__dtypes_complete(d);
	if (status != LSTM_OK)
		return status;
	d->input_forget = !!d->input_forget;
	for (k = 0; k < 3; k++) {
		if (d->activations[1][k].function == LSTM_DEFAULT)
			d->activations[1][k] = d->activations[0][k];
		for (i = 0; i < 2; i++)
			if (!lstm__activation_complete(&d->activations[i][k],
			                               k ? LSTM_TANH : LSTM_SIGMOID))
				return LSTM_ERR_ARG;
	}
	return lstm__isa_resolve(&d->isa);
}

/* ---- layout ---------------------------------------------------------------------------------- */
static void *lstm__take_words(struct lstm__arena *arena, size_t rows, size_t words, lstm_dtype dtype)
{
	return lstm__take2(arena, rows, words, lstm__word_bytes(dtype));
}

static void lstm__matrix_scales(struct lstm__matrix *m, struct lstm__arena *arena, size_t rows)
{
	m->scale = lstm__take_floats(arena, rows, 1);
	m->sum = (int32_t *)lstm__take(arena, rows, sizeof(*m->sum));
}

/* Where the packed arrays of one layer go. */
static void lstm__layer_lay_out(struct lstm__layer *l, struct lstm__arena *arena,
                                const lstm_model *m)
{
	size_t lanes = (size_t)l->kernels->lanes, rows = 0;
	size_t outputs = (l->output + lanes - 1) / lanes * lanes;

	if (!lstm__multiply(l->vectors, 4 * lanes, &rows))
		arena->overflow = 1;
	l->bias = lstm__take_floats(arena, rows, 1);
	l->w.words = l->u.words = lstm__take_words(
		arena, rows, lstm__words(l->dtype, l->width) + lstm__words(l->dtype, l->output),
		l->dtype);
	l->peephole = lstm__take_floats(arena, 3 * lanes, l->vectors);
	if (m->desc.projection)
		l->projection.words = lstm__take_words(arena, outputs,
		                                       lstm__words(l->dtype, l->hidden), l->dtype);
	if (l->dtype == LSTM_DTYPE_I8) {
		lstm__matrix_scales(&l->w, arena, rows);
		lstm__matrix_scales(&l->u, arena, rows);
		if (m->desc.projection)
			lstm__matrix_scales(&l->projection, arena, outputs);
	}
}

/* Whose kernels run weights of this type, or NULL.  The scalar path stands in for kernels that the
 * instruction set does not have only if nobody asked for one by name. */
static const struct lstm__kernels *lstm__kernels_of(const lstm_model *m, lstm_dtype dtype)
{
	const struct lstm__kernels *found = lstm__kernels_for(m->isa, dtype);
	return found || m->desc.isa != LSTM_ISA_AUTO ? found : &lstm__kernels_scalar;
}

static void lstm__layer_describe(struct lstm__layer *l, const lstm_model *m, int index)
{
	const lstm_desc *d = &m->desc;
	const lstm_activation *a = d->activations[index % m->directions];
	size_t lanes;

	l->dtype = lstm__dtype_of(d, index / m->directions);
	l->kernels = lstm__kernels_of(m, l->dtype);
	lanes = (size_t)l->kernels->lanes;
	l->hidden = (size_t)d->hidden;
	l->output = (size_t)(d->projection ? d->projection : d->hidden);
	l->width = index < m->directions ? (size_t)d->input : (size_t)m->directions * l->output;
	l->vectors = (l->hidden + lanes - 1) / lanes;
	l->units = lstm__block_units(l);
	l->gates = a[0];
	l->candidate = a[1];
	l->out = a[2];
	l->input_forget = (unsigned char)d->input_forget;
	l->clip = d->clip > 0 ? d->clip : (float)INFINITY;
	l->cell_clip = d->cell_clip > 0 ? d->cell_clip : (float)INFINITY;
	l->plain = a[0].function == LSTM_SIGMOID && a[1].function == LSTM_TANH &&
	           a[2].function == LSTM_TANH && !d->input_forget && !(d->clip > 0) &&
	           !(d->cell_clip > 0);
}

/* Lay the model out, and fill it if the arena has memory and weights are given.  m is a draft of
 * the model; the finished one is written at the front of the arena.  Whether a layer has peepholes is known
 * from its weights alone, which the size query does not see: room for them is always left. */
static lstm_model *lstm__model_build(struct lstm__arena *arena, lstm_model *m,
                                     const lstm_weights *weights)
{
	const int n = m->desc.layers * m->directions;
	const size_t types = m->desc.dtypes ? (size_t)m->desc.layers : 0;
	const size_t first_cache = weights ? lstm__first_cache() : 0;
	int i;
	lstm_model *model = (lstm_model *)lstm__take(arena, 1, sizeof(*model));
	lstm_dtype *dtypes = (lstm_dtype *)lstm__take(arena, types, sizeof(*dtypes));

	m->layers = (struct lstm__layer *)lstm__take(arena, (size_t)n, sizeof(*m->layers));
	for (i = 0; i < n && !arena->overflow; i++) {
		struct lstm__layer layer;
		memset(&layer, 0, sizeof(layer));
		lstm__layer_describe(&layer, m, i);
		lstm__layer_lay_out(&layer, arena, m);
		if (!weights)
			continue;
		if (!weights[i].peephole)
			layer.peephole = NULL;
		layer.plain = layer.plain && !layer.peephole;
		lstm__layer_turns(&layer, first_cache);
		lstm__layer_end(&layer);
		lstm__pack_layer(&layer, &weights[i], m);
		m->layers[i] = layer;
	}
	if (model) {
		*model = *m;
		model->desc.isa = m->layers[0].kernels->isa;
		for (i = 0; types && i < m->desc.layers; i++)
			dtypes[i] = lstm__dtype_of(&m->desc, i);
		model->desc.dtypes = types ? dtypes : NULL;
	}
	return model;
}

/* Complete the description: everything but memory. */
static lstm_status lstm__model_draft(lstm_model *m, const lstm_desc *desc)
{
	lstm_status status;
	int i;
	memset(m, 0, sizeof(*m));
	m->desc = *desc;
	status = lstm__desc_complete(&m->desc);
	if (status != LSTM_OK)
		return status;
	m->directions = m->desc.direction == LSTM_BIDIRECTIONAL ? 2 : 1;
	m->isa = m->desc.isa == LSTM_ISA_AUTO ? lstm_isa_best() : m->desc.isa;
	for (i = 0; i < (m->desc.dtypes ? m->desc.layers : 1); i++)
		if (!lstm__kernels_of(m, lstm__dtype_of(&m->desc, i)))
			return LSTM_ERR_ISA;
	return LSTM_OK;
}

static lstm_status lstm__model_measure(lstm_model *draft, const lstm_desc *desc, size_t *bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	lstm_status status = lstm__model_draft(draft, desc);
	if (status != LSTM_OK)
		return status;
	lstm__model_build(&arena, draft, NULL);
	if (arena.overflow)
		return LSTM_ERR_SIZE;
	*bytes = arena.used;
	return LSTM_OK;
}

/* Whether the arrays are of a type from which the layer's can be made. */
static int lstm__type_fits(const lstm_weights *w, lstm_dtype dtype)
{
	if (w->type == LSTM_DTYPE_OTHER || w->type == LSTM_DTYPE_F32)
		return 1;
	return w->type == dtype &&
	       (dtype != LSTM_DTYPE_I8 || (w->w_scale && w->u_scale &&
	                                   (!w->projection || w->projection_scale)));
}

static int lstm__weights_usable(const lstm_model *draft, const lstm_weights *weights)
{
	const lstm_desc *d = &draft->desc;
	const size_t rows = 4 * (size_t)d->hidden;
	int i, n = d->layers * draft->directions;
	for (i = 0; i < n; i++) {
		const lstm_weights *w = &weights[i];
		const lstm_dtype dtype = lstm__dtype_of(d, i / draft->directions);
		if (!w->w || !w->u || !w->projection != !d->projection ||
		    !lstm__type_fits(w, dtype))
			return 0;
		if (dtype == LSTM_DTYPE_I8 &&
		    !(lstm__scales_usable(w->w_scale, rows) &&
		      lstm__scales_usable(w->u_scale, rows) &&
		      lstm__scales_usable(w->projection_scale, (size_t)d->projection)))
			return 0;
	}
	return 1;
}

LSTM__DEF lstm_status lstm_model_size(const lstm_desc *desc, size_t *bytes)
{
	lstm_model draft;
	if (!desc || !bytes)
		return LSTM_ERR_ARG;
	return lstm__model_measure(&draft, desc, bytes);
}

LSTM__DEF lstm_status lstm_model_init(lstm_model **model, const lstm_desc *desc,
                                      const lstm_weights *weights, void *memory, size_t bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	lstm_model draft;
	lstm_status status;
	unsigned environment;
	size_t need;

	if (!model)
		return LSTM_ERR_ARG;
	*model = NULL;
	if (!desc || !weights)
		return LSTM_ERR_ARG;
	status = lstm__model_measure(&draft, desc, &need);
	if (status == LSTM_OK && !lstm__weights_usable(&draft, weights))
		status = LSTM_ERR_ARG;
	if (status == LSTM_OK)
		status = lstm__arena_check(memory, bytes, need);
	if (status != LSTM_OK)
		return status;
	arena.base = (unsigned char *)memory;
	lstm__fp_enter(&environment); /* the sum of two biases is rounded */
	*model = lstm__model_build(&arena, &draft, weights);
	lstm__fp_leave(environment);
	return LSTM_OK;
}

LSTM__DEF const lstm_desc *lstm_model_desc(const lstm_model *model)
{
	return &model->desc;
}

LSTM__DEF int lstm_model_directions(const lstm_model *model)
{
	return model->directions;
}

LSTM__DEF int lstm_model_output(const lstm_model *model)
{
	return model->directions *
	       (model->desc.projection ? model->desc.projection : model->desc.hidden);
}

#ifndef LSTM_NO_MALLOC
/* ---- heap ------------------------------------------------------------------------------------ */
/* LSTM_ALIGN bytes aligned; what LSTM_MALLOC gave stands just before. */
static void *lstm__new(size_t bytes)
{
	unsigned char *raw, *aligned;
	if (bytes > SIZE_MAX - LSTM_ALIGN - sizeof(void *))
		return NULL;
	raw = (unsigned char *)LSTM_MALLOC(bytes + LSTM_ALIGN + sizeof(void *));
	if (!raw)
		return NULL;
	aligned = raw + sizeof(void *);
	aligned += (LSTM_ALIGN - (uintptr_t)aligned % LSTM_ALIGN) % LSTM_ALIGN;
	memcpy(aligned - sizeof(void *), &raw, sizeof(void *));
	return aligned;
}

static void lstm__delete(const void *aligned)
{
	void *raw;
	memcpy(&raw, (const unsigned char *)aligned - sizeof(void *), sizeof(void *));
	LSTM_FREE(raw);
}

LSTM__DEF lstm_status lstm_model_new(lstm_model **model, const lstm_desc *desc,
                                     const lstm_weights *weights)
{
	size_t bytes;
	void *memory;
	lstm_status status;

	if (!model)
		return LSTM_ERR_ARG;
	*model = NULL;
	status = lstm_model_size(desc, &bytes);
	if (status != LSTM_OK)
		return status;
	memory = lstm__new(bytes);
	if (!memory)
		return LSTM_ERR_MEMORY;
	status = lstm_model_init(model, desc, weights, memory, bytes);
	if (status == LSTM_OK)
		(*model)->owned = 1;
	else
		lstm__delete(memory);
	return status;
}

LSTM__DEF void lstm_model_free(lstm_model *model)
{
	if (model && model->owned)
		lstm__delete(model);
}
#endif
/* ==== src/args.h ============================================================================== */
/* What the extended calls are given, in fp32 and in double: completed and checked in one place. */
struct lstm__args {
	size_t number;                                          /* bytes of one */
	size_t batch, directions, cells, input, hidden, output; /* cells = layers * directions */
	const void *x, *y, *last, *h0, *c0, *hn, *cn;
	size_t steps;
	const size_t *lengths;
	lstm_order order;
	size_t x_step, x_stream, y_step, y_stream, y_direction;
	struct lstm__mask mask;
	lstm_masked masked;
};

struct lstm__range {
	const void *at;
	size_t bytes;
};

/* Row of cell i (a layer and direction) and stream b in an array of states. */
static size_t lstm__args_row(lstm_order order, size_t cells, size_t batch, size_t i, size_t b)
{
	return order == LSTM_TIME_MAJOR ? i * batch + b : b * cells + i;
}

/* Fill in dense strides where there are none, for rows that are width apart; 0 if what they span
 * overflows size_t.  A row reaches over `reach` numbers; *bytes is from the first to past the last. */
static int lstm__args_strides(const struct lstm__args *a, size_t width, size_t reach, size_t number,
                              size_t *step, size_t *stream, size_t *bytes)
{
	const int time_major = a->order == LSTM_TIME_MAJOR;
	size_t rows = time_major ? a->batch : a->steps, i = 0, j = 0;
	size_t *outer = time_major ? step : stream, *inner = time_major ? stream : step;

	if (!*inner)
		*inner = width;
	if (!*outer && !lstm__multiply(rows, *inner, outer))
		return 0;
	if (a->steps && !lstm__multiply(a->steps - 1, *step, &i))
		return 0;
	if (!lstm__multiply(a->batch - 1, *stream, &j) || j > SIZE_MAX - i ||
	    reach > SIZE_MAX - i - j)
		return 0;
	return lstm__multiply(a->steps ? i + j + reach : 0, number, bytes);
}

static int lstm__overlap(const struct lstm__range *p, const struct lstm__range *q)
{
	uintptr_t a = (uintptr_t)p->at, b = (uintptr_t)q->at;
	if (!p->at || !q->at || !p->bytes || !q->bytes)
		return 0;
	return a < b ? b - a < p->bytes : a - b < q->bytes;
}

/* No array that is written meets another one, except hn in the place of h0, and cn of c0. */
static int lstm__args_apart(const struct lstm__args *a, size_t x, size_t y, size_t mask, size_t h,
                            size_t c)
{
	enum { LAST = 1, HN, CN, WRITTEN, H0 = WRITTEN, C0, X, MASK, LENGTHS, ALL };
	struct lstm__range all[ALL];
	int i, j, in_place;

	all[0].at = a->y;
	all[0].bytes = y;
	all[LAST].at = a->last;
	all[LAST].bytes = h / a->cells * a->directions;
	all[HN].at = a->hn;
	all[H0].at = a->h0;
	all[HN].bytes = all[H0].bytes = h;
	all[CN].at = a->cn;
	all[C0].at = a->c0;
	all[CN].bytes = all[C0].bytes = c;
	all[X].at = a->x;
	all[X].bytes = x;
	all[MASK].at = a->mask.at;
	all[MASK].bytes = mask;
	all[LENGTHS].at = a->lengths;
	all[LENGTHS].bytes = a->batch * sizeof(*a->lengths);
	for (i = 0; i < WRITTEN; i++)
		for (j = i + 1; j < ALL; j++) {
			in_place = (i == HN && j == H0) || (i == CN && j == C0);
			if (lstm__overlap(&all[i], &all[j]) &&
			    !(in_place && all[i].at == all[j].at))
				return 0;
		}
	return 1;
}

static lstm_status lstm__args_complete(struct lstm__args *a)
{
	const size_t width = a->directions * a->output;
	size_t reach = 0, x, y, mask, h, c, rows, b;

	if ((unsigned)a->order > LSTM_BATCH_MAJOR || (unsigned)a->masked > LSTM_MASKED_ZERO ||
	    (a->steps && !a->x))
		return LSTM_ERR_ARG;
	for (b = 0; a->lengths && b < a->batch; b++)
		if (a->lengths[b] > a->steps)
			return LSTM_ERR_ARG;
	a->mask.hold = a->masked == LSTM_MASKED_HOLD;
	if (!a->y_direction)
		a->y_direction = a->output;
	if (a->directions == 2)
		reach = a->y_direction;
	if (reach > SIZE_MAX - a->output)
		return LSTM_ERR_SIZE;
	if (!lstm__args_strides(a, a->input, a->input, a->number, &a->x_step, &a->x_stream, &x) ||
	    !lstm__args_strides(a, width, reach + a->output, a->number, &a->y_step, &a->y_stream,
	                        &y) ||
	    !lstm__args_strides(a, 1, 1, 1, &a->mask.step, &a->mask.stream, &mask) ||
	    !lstm__multiply(a->cells * a->number, a->batch, &rows) ||
	    !lstm__multiply(rows, a->output, &h) || !lstm__multiply(rows, a->hidden, &c))
		return LSTM_ERR_SIZE;
	return lstm__args_apart(a, x, y, mask, h, c) ? LSTM_OK : LSTM_ERR_ARG;
}
/* ==== src/state.h ============================================================================= */
/* The state: h and c of every layer, direction and stream, and the scratch memory of a run. */

/* x is staged, and for small batches projected, for up to lstm__piece steps before the recurrence
 * runs over them.  From LSTM__HOIST_BATCH streams on that gains nothing, as each weight is reused
 * across streams already: then stacks alone work in pieces, shorter ones, and x goes step by step.
 * But weights beyond the second cache are worth reading once for some steps where streams are too few to
 * be busy meanwhile: from so many bytes for each of them on (8 streams of 320x320 or 512x512: a seventh
 * to a quarter on a Xeon), and below LSTM__LARGE_BATCH. */
static const size_t lstm__piece = 64, lstm__piece_batched = 16;
static const size_t lstm__far_of_stream = (size_t)256 << 10;
enum { LSTM__HOIST_BATCH = 8, LSTM__LARGE_BATCH = 32 };

static size_t lstm__state_piece(const lstm_state *s, const struct lstm__layer *l)
{
	const size_t batch = (size_t)s->batch;
	size_t most = lstm__piece;
	if (batch >= LSTM__HOIST_BATCH)
		most = batch < LSTM__LARGE_BATCH &&
		                       lstm__layer_bytes(l) >= batch * lstm__far_of_stream
		               ? lstm__piece_batched
		               : 1;
	return s->max_steps < most ? s->max_steps : most;
}

/* The rows of h and c, wide enough for the vectors of every layer; whether all layers take the
 * reference path; whether one has int8 weights, and keeps the signs of codes apart. */
static void lstm__state_rows(const lstm_model *m, struct lstm__job *job, int *reference, int *codes,
                             int *signs)
{
	int i;
	*reference = 1;
	*codes = *signs = 0;
	for (i = 0; i < m->desc.layers * m->directions; i++) {
		const struct lstm__layer *l = &m->layers[i];
		const size_t lanes = (size_t)l->kernels->lanes;
		const size_t h_row = (l->output + lanes - 1) / lanes * lanes;
		job->h_row = h_row > job->h_row ? h_row : job->h_row;
		job->c_row = l->vectors * lanes > job->c_row ? l->vectors * lanes : job->c_row;
		*reference &= lanes == 1;
		*codes |= l->dtype == LSTM_DTYPE_I8;
		*signs |= l->kernels->signed_codes;
	}
}

/* The scratch that all jobs of a state share: as large as the first layer needs, whose x alone is
 * staged, and whose outputs are as wide as any other's. */
static void lstm__state_scratch(struct lstm__arena *arena, const lstm_state *s,
                                struct lstm__job *job)
{
	const lstm_model *m = s->model;
	const struct lstm__layer *l = &m->layers[0];
	size_t batch = (size_t)s->batch, rows = 0;
	int reference, codes, signs;

	memset(job, 0, sizeof(*job));
	job->batch = s->batch;
	lstm__state_rows(m, job, &reference, &codes, &signs);
	job->piece = reference ? 0 : lstm__state_piece(s, l); /* that path needs none */
	if (!lstm__multiply(job->piece, batch, &rows))
		arena->overflow = 1;
	job->active = (int *)lstm__take(arena, batch, sizeof(int));
	if (job->active)
		job->active[0] = 0; /* for good, if there is but one stream */
	job->stage = lstm__take_floats(arena, rows, l->width);
	if (job->piece > 1)
		job->pre = lstm__take_floats(arena, rows, 4 * job->c_row);
	if (l->projection.words)
		job->cells = lstm__take_floats(arena, batch, job->c_row);
	if (codes) {
		size_t longest = (size_t)m->directions * l->output;
		longest = longest > l->width ? longest : l->width;
		longest = longest > l->hidden ? longest : l->hidden;
		job->code_row = lstm__code_row(longest, signs);
		job->codes = lstm__take_floats(arena, rows ? rows : 1, job->code_row);
		job->h_codes = lstm__take_floats(arena, batch, job->code_row);
	}
}

/* What job i of a layer and direction does not share. */
static void lstm__state_job(struct lstm__arena *arena, const lstm_state *s, size_t i,
                            struct lstm__job *job)
{
	const lstm_model *m = s->model;
	size_t batch = (size_t)s->batch, directions = (size_t)m->directions;
	size_t width = directions * m->layers[0].output;

	job->layer = &m->layers[i];
	job->reverse = m->desc.direction == LSTM_REVERSE || i % directions == 1;
	job->foreign = i < directions;
	job->from = 0;
	job->to = job->layer->vectors;
	job->h = lstm__take_floats(arena, batch, 2 * job->h_row);
	job->c = lstm__take_floats(arena, batch, job->c_row);
	job->phase = (unsigned char *)lstm__take(arena, batch, 1);
	job->x_step = job->y_step = batch * width; /* between layers; a run knows those of x, y */
	job->x_stream = job->y_stream = width;
}

/* Lay out as model.h does: with memory in the arena, or only to count. */
static lstm_state *lstm__state_build(struct lstm__arena *arena, lstm_state *s)
{
	const lstm_model *m = s->model;
	size_t layers = (size_t)m->desc.layers, jobs = layers * (size_t)m->directions, steps = 0, i;
	lstm_state *state = (lstm_state *)lstm__take(arena, 1, sizeof(*state));
	struct lstm__job job;

	s->jobs = (struct lstm__job *)lstm__take(arena, jobs, sizeof(*s->jobs));
	lstm__state_scratch(arena, s, &job);
	for (i = 0; i < jobs; i++) {
		lstm__state_job(arena, s, i, &job);
		if (state)
			s->jobs[i] = job;
	}
	if (!lstm__multiply(s->max_steps, (size_t)s->batch, &steps))
		arena->overflow = 1;
	for (i = 0; i < 2; i++)
		s->between[i] =
			layers > i + 1 ? lstm__take_floats(arena, steps, job.x_stream) : NULL;
	if (state)
		*state = *s;
	return state;
}

static lstm_status lstm__state_measure(lstm_state *draft, const lstm_model *model, int batch,
                                       size_t max_steps, size_t *bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	int i;
	if (!model || batch <= 0)
		return LSTM_ERR_ARG;
	memset(draft, 0, sizeof(*draft));
	draft->model = model;
	draft->batch = batch;
	if (max_steps == 0) {
		if (lstm__whole_sequences(model))
			return LSTM_ERR_ARG;
		max_steps = batch < LSTM__HOIST_BATCH ? lstm__piece : lstm__piece_batched;
	}
	draft->max_steps = max_steps;
	draft->once = batch == 1 && model->directions == 1;
	for (i = 0; i < model->desc.layers; i++)
		draft->once = draft->once && model->layers[i].kernels->once;
	lstm__state_build(&arena, draft);
	if (arena.overflow)
		return LSTM_ERR_SIZE;
	*bytes = arena.used;
	return LSTM_OK;
}

LSTM__DEF lstm_status lstm_state_size(const lstm_model *model, int batch, size_t max_steps,
                                      size_t *bytes)
{
	lstm_state draft;
	return bytes ? lstm__state_measure(&draft, model, batch, max_steps, bytes) : LSTM_ERR_ARG;
}

#ifdef LSTM__AMX
/* Whether the job's steps, or the rows of x that it projects ahead, are faster by AMX. */
static int lstm__job_gains(const struct lstm__job *job)
{
	const struct lstm__layer *l = job->layer;
	const size_t x = lstm__words(l->dtype, l->width), h = lstm__words(l->dtype, l->output);
	const size_t batch = (size_t)job->batch;

	return l->dtype == LSTM_DTYPE_I8 && l->kernels->isa == LSTM_ISA_AVX512 &&
	       ((batch > 1 && lstm__amx_pays(l, batch, (x + h) / 2)) ||
	        (job->piece > 1 && lstm__amx_pays(l, job->piece * batch, x)));
}

/* Nobody is asked for what no job would use. */
static void lstm__state_amx(lstm_state *s)
{
	const size_t jobs = (size_t)s->model->desc.layers * (size_t)s->model->directions;
	int wanted = 0;
	size_t i;

	for (i = 0; i < jobs; i++)
		wanted |= lstm__job_gains(&s->jobs[i]);
	wanted = wanted && lstm__amx_allowed();
	for (i = 0; i < jobs; i++)
		s->jobs[i].amx = wanted;
}
#endif

LSTM__DEF lstm_status lstm_state_init(lstm_state **state, const lstm_model *model, int batch,
                                      size_t max_steps, void *memory, size_t bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	lstm_state draft;
	lstm_status status;
	size_t need;

	if (!state)
		return LSTM_ERR_ARG;
	*state = NULL;
	status = lstm__state_measure(&draft, model, batch, max_steps, &need);
	if (status == LSTM_OK)
		status = lstm__arena_check(memory, bytes, need);
	if (status != LSTM_OK)
		return status;
	arena.base = (unsigned char *)memory;
	*state = lstm__state_build(&arena, &draft);
#ifdef LSTM__AMX
	lstm__state_amx(*state);
#endif
	lstm_state_reset(*state);
	return LSTM_OK;
}

static size_t lstm__state_layers(const lstm_state *s)
{
	return (size_t)s->model->desc.layers * (size_t)s->model->directions;
}

LSTM__DEF void lstm_state_reset_stream(lstm_state *state, int stream)
{
	size_t i, layers = lstm__state_layers(state);
	if (stream < 0 || stream >= state->batch)
		return;
	for (i = 0; i < layers; i++) {
		struct lstm__job *job = &state->jobs[i];
		memset(lstm__job_h(job, stream, 0), 0, job->h_row * sizeof(float));
		memset(job->c + (size_t)stream * job->c_row, 0, job->c_row * sizeof(float));
	}
}

LSTM__DEF void lstm_state_reset(lstm_state *state)
{
	size_t i, layers = lstm__state_layers(state);
	int b;
	for (i = 0; i < layers; i++)
		memset(state->jobs[i].phase, 0, (size_t)state->batch);
	for (b = 0; b < state->batch; b++)
		lstm_state_reset_stream(state, b);
}

static void lstm__state_read(const lstm_state *state, float *h, float *c, lstm_order order)
{
	size_t i, row, layers = lstm__state_layers(state);
	int b;
	for (i = 0; i < layers; i++) {
		const struct lstm__job *job = &state->jobs[i];
		const size_t output = job->layer->output, hidden = job->layer->hidden;
		for (b = 0; b < state->batch; b++) {
			row = lstm__args_row(order, layers, (size_t)state->batch, i, (size_t)b);
			if (h)
				memcpy(h + row * output, lstm__job_h(job, b, 0),
				       output * sizeof(float));
			if (c)
				memcpy(c + row * hidden, job->c + (size_t)b * job->c_row,
				       hidden * sizeof(float));
		}
	}
}

LSTM__DEF void lstm_state_get(const lstm_state *state, float *h, float *c)
{
	lstm__state_read(state, h, c, LSTM_TIME_MAJOR);
}

static void lstm__copy_flushed(float *to, const float *from, size_t n)
{
	size_t k;
	for (k = 0; k < n; k++)
		to[k] = lstm__flush(from[k]);
}

static void lstm__state_write(lstm_state *state, const float *h, const float *c, lstm_order order)
{
	size_t i, row, layers = lstm__state_layers(state);
	int b;
	for (i = 0; i < layers; i++) {
		const struct lstm__job *job = &state->jobs[i];
		const size_t output = job->layer->output, hidden = job->layer->hidden;
		for (b = 0; b < state->batch; b++) {
			row = lstm__args_row(order, layers, (size_t)state->batch, i, (size_t)b);
			if (h)
				lstm__copy_flushed(lstm__job_h(job, b, 0), h + row * output,
				                   output);
			if (c)
				lstm__copy_flushed(job->c + (size_t)b * job->c_row,
				                   c + row * hidden, hidden);
		}
	}
}

LSTM__DEF void lstm_state_set(lstm_state *state, const float *h, const float *c)
{
	lstm__state_write(state, h, c, LSTM_TIME_MAJOR);
}

#ifndef LSTM_NO_MALLOC
LSTM__DEF lstm_status lstm_state_new(lstm_state **state, const lstm_model *model, int batch,
                                     size_t max_steps)
{
	size_t bytes;
	void *memory;
	lstm_status status;

	if (!state)
		return LSTM_ERR_ARG;
	*state = NULL;
	status = lstm_state_size(model, batch, max_steps, &bytes);
	if (status != LSTM_OK)
		return status;
	memory = lstm__new(bytes);
	if (!memory)
		return LSTM_ERR_MEMORY;
	status = lstm_state_init(state, model, batch, max_steps, memory, bytes);
	if (status == LSTM_OK)
		(*state)->owned = 1;
	else
		lstm__delete(memory);
	return status;
}

LSTM__DEF void lstm_state_free(lstm_state *state)
{
	if (!state)
		return;
#ifdef LSTM__TEAMS
	lstm_state_use_team(state, NULL);
#endif
	if (state->owned)
		lstm__delete(state);
}
#endif
/* ==== src/team.h ============================================================================== */
/* ---- a team of threads (LSTM_THREADS) -------------------------------------------------------- */
/* Workers that wait for a piece of work, by spinning for a while and then asleep.  A piece of work
 * and all that it touches belongs to one side at a time, as `turn` says: so a run never waits for a
 * lock, and a worker that the system has taken off its CPU can be left behind with what it was
 * given.  See split.h for what is done with that. */
#ifdef LSTM__TEAMS
#include <pthread.h>
#include <sched.h>

enum { LSTM__TURN_CALLER, LSTM__TURN_WORKER, LSTM__TURN_END };
enum { LSTM__AWAKE, LSTM__ASLEEP, LSTM__WAKING };

struct lstm__worker {
	int turn;  /* atomic */
	int sleep; /* atomic */
	void (*work)(void *argument);
	void *argument;
	pthread_t thread;
	pthread_mutex_t lock; /* for falling asleep alone */
	pthread_cond_t wake;
	char apart[LSTM_ALIGN]; /* no two workers in a cache line */
};

struct lstm_team {
	int workers;
	int taken; /* atomic: a run is using them */
	struct lstm__worker worker[1]; /* [workers] */
};

/* Ticks of a clock that costs next to nothing, and about 100 us in them. */
#if defined(LSTM__X86)
static uint64_t lstm__ticks(void) { return __rdtsc(); }
static uint64_t lstm__patience(void) { return 300000; }
static void lstm__relax(void) { _mm_pause(); }
#elif defined(LSTM__ARM64)
static uint64_t lstm__ticks(void)
{
	uint64_t t;
	__asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(t));
	return t;
}
static uint64_t lstm__patience(void)
{
	uint64_t hertz;
	__asm__ __volatile__("mrs %0, cntfrq_el0" : "=r"(hertz));
	return hertz / 10000;
}
static void lstm__relax(void) { __asm__ __volatile__("yield"); }
#else
#include <time.h>
#ifndef CLOCK_MONOTONIC
#error "lstm.h: LSTM_THREADS needs clock_gettime on this CPU: compile with -std=gnu99 or -D_POSIX_C_SOURCE=200809L"
#endif
static uint64_t lstm__ticks(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
static uint64_t lstm__patience(void) { return 100000; }
static void lstm__relax(void) {}
#endif

static int lstm__turn(struct lstm__worker *w)
{
	return __atomic_load_n(&w->turn, __ATOMIC_SEQ_CST);
}

static void lstm__worker_sleep(struct lstm__worker *w)
{
	pthread_mutex_lock(&w->lock);
	__atomic_store_n(&w->sleep, LSTM__ASLEEP, __ATOMIC_SEQ_CST);
	while (lstm__turn(w) == LSTM__TURN_CALLER &&
	       __atomic_load_n(&w->sleep, __ATOMIC_SEQ_CST) == LSTM__ASLEEP)
		pthread_cond_wait(&w->wake, &w->lock);
	__atomic_store_n(&w->sleep, LSTM__AWAKE, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&w->lock);
}

static void *lstm__worker_main(void *argument)
{
	struct lstm__worker *w = (struct lstm__worker *)argument;
	const uint64_t least = lstm__patience();
	uint64_t since = lstm__ticks(), patience = least;
	int turn;

	while ((turn = lstm__turn(w)) != LSTM__TURN_END) {
		if (turn == LSTM__TURN_WORKER) {
			since = lstm__ticks();
			w->work(w->argument);
			patience = least + 2 * (lstm__ticks() - since);
			since = lstm__ticks();
			__atomic_store_n(&w->turn, LSTM__TURN_CALLER, __ATOMIC_SEQ_CST);
		} else if (lstm__ticks() - since < patience) {
			lstm__relax();
		} else {
			lstm__worker_sleep(w);
			since = lstm__ticks();
			patience = 10 * least; /* for the next step, which may be long */
		}
	}
	return NULL;
}

/* Lets go of the lock. */
static void lstm__worker_wake_locked(struct lstm__worker *w)
{
	if (__atomic_load_n(&w->sleep, __ATOMIC_SEQ_CST) == LSTM__ASLEEP)
		__atomic_store_n(&w->sleep, LSTM__WAKING, __ATOMIC_SEQ_CST);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static int lstm__worker_asleep(struct lstm__worker *w)
{
	return __atomic_load_n(&w->sleep, __ATOMIC_SEQ_CST) == LSTM__ASLEEP;
}

/* Wake a worker that is asleep, unless it has the lock now, as it is about to fall asleep or has just
 * been woken: a run does not wait for that, and tries again. */
static void lstm__worker_nudge(struct lstm__worker *w)
{
	if (lstm__worker_asleep(w) && !pthread_mutex_trylock(&w->lock))
		lstm__worker_wake_locked(w);
}

/* Tell a worker that belongs to the caller to end.  Either it sees that before it falls asleep, or
 * this sees it asleep. */
static void lstm__worker_end(struct lstm__worker *w)
{
	__atomic_store_n(&w->turn, LSTM__TURN_END, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&w->lock);
	lstm__worker_wake_locked(w);
}

static void lstm__worker_await(struct lstm__worker *w)
{
	while (lstm__turn(w) == LSTM__TURN_WORKER) {
		lstm__worker_nudge(w);
		sched_yield();
	}
}

static int lstm__worker_start(struct lstm__worker *w)
{
	memset(w, 0, sizeof(*w));
	if (pthread_mutex_init(&w->lock, NULL))
		return 0;
	if (!pthread_cond_init(&w->wake, NULL)) {
		if (!pthread_create(&w->thread, NULL, lstm__worker_main, w))
			return 1;
		pthread_cond_destroy(&w->wake);
	}
	pthread_mutex_destroy(&w->lock);
	return 0;
}

LSTM__DEF void lstm_team_free(lstm_team *team)
{
	int i;
	if (!team)
		return;
	for (i = 0; i < team->workers; i++) {
		struct lstm__worker *w = &team->worker[i];
		lstm__worker_await(w);
		lstm__worker_end(w);
		pthread_join(w->thread, NULL);
		pthread_cond_destroy(&w->wake);
		pthread_mutex_destroy(&w->lock);
	}
	lstm__delete(team);
}

LSTM__DEF lstm_status lstm_team_new(lstm_team **team, int threads)
{
	if (!team)
		return LSTM_ERR_ARG;
	*team = NULL;
	if (threads < 1 || threads > LSTM_MAX_THREADS)
		return LSTM_ERR_ARG;
	*team = (lstm_team *)lstm__new(sizeof(**team) +
	                               (size_t)threads * sizeof((*team)->worker[0]));
	if (!*team)
		return LSTM_ERR_MEMORY;
	(*team)->taken = 0;
	for ((*team)->workers = 0; (*team)->workers < threads - 1; (*team)->workers++)
		if (!lstm__worker_start(&(*team)->worker[(*team)->workers])) {
			lstm_team_free(*team);
			*team = NULL;
			return LSTM_ERR_MEMORY;
		}
	return LSTM_OK;
}
#endif
/* ==== src/split.h ============================================================================= */
/* ---- how a team shares the work of a state (LSTM_THREADS) ------------------------------------ */
/* One stream: each thread makes some of the units of a layer, always the same ones, so that their
 * weights stay in its own caches.  A batch: each thread runs some of the streams.  Either way a
 * worker gets copies of what it needs and its results are copied back: some kilobytes a step, and
 * the caller need not wait for a worker whose CPU was taken away.  It makes that share itself, from
 * its own copy of the state, and asks the worker again some time later, ever more rarely as long as
 * that fails.  The bits are the same whoever makes a share. */
#ifdef LSTM__TEAMS
struct lstm__share {
	struct lstm__worker *worker; /* NULL: the caller's own */
	int given, late;             /* now; and since when it was not back in time */
	int misses;                  /* in a row */
	int pause, penalty;          /* times to pass it over, and how many the next time */
	int nap, doze;               /* times to let it sleep, likewise */
};

/* A layer's units for one worker. */
struct lstm__slice {
	struct lstm__job job; /* with h, c, x and pre of its own */
	const struct lstm__kernels *kernels;
	float *x;             /* [piece][width] */
	size_t rows, row;     /* to be projected first, or 0; the step's */
	size_t piece;         /* whose x this has; 0: none */
	size_t projected;     /* the piece whose x the caller has projected for these units; 0: none */
	int ahead;            /* pre is to be used */
	int borrows;          /* what the caller has projected, row by row */
	int current;          /* c is that of the step before */
};

/* Some streams of a batch, for one worker or for the caller. */
struct lstm__band {
	lstm_state *state, *spare; /* the worker's, and for the caller in its stead */
	float *x, *y;              /* [steps][count][width] */
	float *spare_y;
	struct lstm__call call;
	int first, count;
};

struct lstm__split {
	lstm_team *team;
	int shares;
	struct lstm__share *share; /* [shares]; the first is the caller's */
	struct lstm__slice *slice; /* [jobs][shares], or NULL; job.to == 0: that layer is not split */
	struct lstm__band *band;   /* [shares], or NULL */
	size_t piece;              /* counts pieces of x from 1 */
	size_t steps;              /* capacity of a band */
	int takes_long;            /* the last share of units: longer than waking a worker up */
};

static void lstm__run_call(lstm_state *s, const struct lstm__call *call);

/* The split if the team is not at work for another state, else NULL: all is done by the caller. */
static struct lstm__split *lstm__split_take(const lstm_state *s)
{
	if (s->split && !__atomic_exchange_n(&s->split->team->taken, 1, __ATOMIC_ACQUIRE))
		return s->split;
	return NULL;
}

static void lstm__split_release(struct lstm__split *split)
{
	if (split)
		__atomic_store_n(&split->team->taken, 0, __ATOMIC_RELEASE);
}

/* ---- sharing out ----------------------------------------------------------------------------- */
/* Whether the worker can be given something.  If it is asleep it is told to wake up for the next
 * time, or, if a share takes so long that this makes no difference, for this one. */
static int lstm__share_free(struct lstm__share *s, int takes_long)
{
	if (s->late && lstm__turn(s->worker) == LSTM__TURN_CALLER)
		s->late = 0;
	if (s->late || lstm__turn(s->worker) != LSTM__TURN_CALLER) {
		lstm__worker_nudge(s->worker); /* lest it sleeps with what it was given */
		return 0;
	}
	if (s->pause > 0) {
		s->pause--;
		return 0;
	}
	if (takes_long || __atomic_load_n(&s->worker->sleep, __ATOMIC_SEQ_CST) == LSTM__AWAKE)
		return 1;
	if (s->nap > 0) {
		s->nap--;
		return 0;
	}
	s->doze = s->doze < 32 ? 2 * s->doze + 2 : 64;
	s->nap = s->doze;
	lstm__worker_nudge(s->worker);
	return 0;
}

static void lstm__share_give(struct lstm__share *s, void (*work)(void *), void *argument)
{
	s->worker->work = work;
	s->worker->argument = argument;
	s->given = 1;
	__atomic_store_n(&s->worker->turn, LSTM__TURN_WORKER, __ATOMIC_SEQ_CST);
	lstm__worker_nudge(s->worker);
}

/* Whether the worker's share is done, a quarter of the caller's own time later at most, or 8 us, as
 * what a share costs to hand over does not shrink with it. */
static int lstm__share_back(struct lstm__share *s, uint64_t began)
{
	const uint64_t done = lstm__ticks(), least = lstm__patience() / 12;
	uint64_t wait = (done - began) / 4;
	int back;

	if (wait < least)
		wait = least;
	if (!s->given)
		return 0;
	s->given = 0;
	while (!(back = lstm__turn(s->worker) == LSTM__TURN_CALLER) &&
	       lstm__ticks() - done < wait) {
		lstm__worker_nudge(s->worker);
		lstm__relax();
	}
	if (back) {
		s->penalty /= 2;
		s->misses = s->nap = s->doze = 0;
		return 1;
	}
	s->late = 1;
	if (++s->misses > 3) { /* the first may be due to cold caches */
		s->penalty = s->penalty < 8 ? 2 * s->penalty + 4 : 16;
		s->pause = s->penalty;
		s->misses = 2; /* it begins again asleep, and with cold caches: two chances */
	}
	return 0;
}

/* ---- units ----------------------------------------------------------------------------------- */
static void lstm__slice_work(void *argument)
{
	struct lstm__slice *s = (struct lstm__slice *)argument;
	const struct lstm__job *job = &s->job;
	unsigned environment;

	lstm__fp_enter(&environment);
	if (s->rows)
		s->kernels->ahead(job, 0, s->rows);
	s->rows = 0;
	s->kernels->part(job, s->x + s->row * job->layer->width,
	                 s->ahead ? job->pre + s->row * 4 * job->c_row : NULL, NULL, NULL);
	lstm__fp_leave(environment);
}

/* A piece of a layer's steps, from step `first` on, whose rows of x lie at x, x_step apart. */
struct lstm__stretch {
	const float *x;
	size_t x_step, first, steps;
	int ahead;
};

static void lstm__slice_prepare(struct lstm__slice *s, const struct lstm__split *split,
                                const struct lstm__job *job, const struct lstm__stretch *stretch,
                                size_t row)
{
	const size_t width = job->layer->width, lanes = (size_t)s->kernels->lanes;
	const size_t from = s->job.from * lanes, to = s->job.to * lanes, pre = row * 4 * job->c_row;
	size_t k;

	if (s->piece != split->piece) {
		s->piece = split->piece;
		s->ahead = stretch->ahead;
		s->borrows = stretch->ahead && s->projected == split->piece;
		s->rows = stretch->ahead && !s->borrows ? stretch->steps : 0;
		for (k = 0; !s->borrows && k < stretch->steps; k++)
			memcpy(s->x + k * width, stretch->x + k * stretch->x_step,
			       width * sizeof(float));
	}
	if (s->borrows)
		memcpy(s->job.pre + pre + 4 * from, job->pre + pre + 4 * from,
		       4 * (to - from) * sizeof(float));
	s->row = row;
	memcpy(lstm__job_h(&s->job, 0, 0), lstm__job_h(job, 0, 0), job->h_row * sizeof(float));
	if (!s->current)
		memcpy(s->job.c + from, job->c + from, (to - from) * sizeof(float));
	s->current = 0;
}

static void lstm__slice_collect(struct lstm__slice *s, struct lstm__job *job, float *y)
{
	const size_t lanes = (size_t)s->kernels->lanes, hidden = job->layer->hidden;
	const size_t from = s->job.from * lanes, to = s->job.to * lanes;
	const float *h = lstm__job_h(&s->job, 0, 1);

	memcpy(lstm__job_h(job, 0, 1) + from, h + from, (to - from) * sizeof(float));
	memcpy(job->c + from, s->job.c + from, (to - from) * sizeof(float));
	if (y)
		memcpy(y + from, h + from, ((to < hidden ? to : hidden) - from) * sizeof(float));
	s->current = 1;
}

/* The caller makes one share of a step itself. */
static void lstm__slice_stand_in(const struct lstm__split *split, struct lstm__slice *s,
                                 struct lstm__job *job, const struct lstm__stretch *stretch,
                                 size_t row, float *y)
{
	const size_t left = job->reverse ? row + 1 : stretch->steps - row;
	const float *start = NULL;

	s->current = 0; /* the worker's c is not */
	job->from = s->job.from;
	job->to = s->job.to;
	if (stretch->ahead && s->projected != split->piece && 2 * left >= stretch->steps) {
		s->kernels->ahead(job, stretch->first, stretch->steps);
		s->projected = split->piece;
	}
	if (s->projected == split->piece)
		start = job->pre + row * 4 * job->c_row;
	s->kernels->part(job, stretch->x + row * stretch->x_step, start, y, NULL);
	job->from = 0;
	job->to = job->layer->vectors;
}

static void lstm__split_step(struct lstm__split *split, struct lstm__slice *slice,
                             struct lstm__job *job, const struct lstm__stretch *stretch, size_t row)
{
	float *y = job->y ? job->y + (stretch->first + row) * job->y_step : NULL;
	uint64_t began;
	int i;

	for (i = 1; i < split->shares; i++)
		if (lstm__share_free(&split->share[i], split->takes_long)) {
			lstm__slice_prepare(&slice[i], split, job, stretch, row);
			lstm__share_give(&split->share[i], lstm__slice_work, &slice[i]);
		}
	began = lstm__ticks();
	lstm__slice_stand_in(split, &slice[0], job, stretch, row, y);
	split->takes_long = lstm__ticks() - began > 3 * lstm__patience();
	for (i = 1; i < split->shares; i++)
		if (!lstm__share_back(&split->share[i], began))
			lstm__slice_stand_in(split, &slice[i], job, stretch, row, y);
		else
			lstm__slice_collect(&slice[i], job, y);
	job->phase[0] ^= 1;
}

/* Whether a worker is there for a piece, or on its way: it would be asleep again after a whole one.
 * Without one, what a step costs to share out is wasted. */
static int lstm__split_worth(struct lstm__split *split)
{
	int i, there = 0;

	for (i = 1; i < split->shares; i++) {
		struct lstm__share *s = &split->share[i];
		there |= lstm__share_free(s, split->takes_long) ||
		         __atomic_load_n(&s->worker->sleep, __ATOMIC_SEQ_CST) == LSTM__WAKING;
	}
	return there;
}

static int lstm__less(int count, size_t by)
{
	return (size_t)count > by ? count - (int)by : 0;
}

/* A piece by the caller alone. */
static void lstm__split_alone(struct lstm__split *split, struct lstm__slice *slice,
                              const struct lstm__job *job, size_t first, size_t steps)
{
	struct lstm__job piece = *job;
	int i;

	for (i = 1; i < split->shares; i++) { /* asked once for all these steps */
		struct lstm__share *s = &split->share[i];
		s->pause = lstm__less(s->pause, steps - 1);
		s->nap = lstm__less(s->nap, steps - 1);
	}
	piece.x += first * job->x_step;
	piece.y = job->y ? job->y + first * job->y_step : NULL;
	piece.steps = steps;
	slice[0].kernels->run(&piece);
	for (; slice->job.to < job->layer->vectors; slice++)
		slice[1].current = 0;
}

/* A layer's job as the kernels' run does it, each step shared out; 0 if this layer is not. */
static int lstm__split_units(struct lstm__split *split, const lstm_state *state,
                             struct lstm__job *job)
{
	const size_t width = job->layer->width;
	struct lstm__slice *slice = split->slice;
	struct lstm__stretch stretch;
	size_t done, s, k;
	int i;

	if (!slice)
		return 0;
	slice += (job - state->jobs) * split->shares;
	if (!slice->job.to || lstm__streams_vary(job))
		return 0;
	for (i = 0; i < split->shares; i++)
		slice[i].current = 0;
	for (done = 0; done < job->steps; done += stretch.steps) {
		size_t left = job->steps - done;
		stretch.steps = left < job->piece ? left : job->piece;
		stretch.first = job->reverse ? left - stretch.steps : done;
		stretch.x = job->x + stretch.first * job->x_step;
		stretch.x_step = job->x_step;
		if (job->foreign) {
			for (s = 0; s < stretch.steps; s++)
				for (k = 0; k < width; k++)
					job->stage[s * width + k] =
						lstm__flush(stretch.x[s * job->x_step + k]);
			stretch.x = job->stage;
			stretch.x_step = width;
		}
		stretch.ahead = job->pre && stretch.steps >= 4 && width > 3;
		split->piece++;
		if (!lstm__split_worth(split)) {
			lstm__split_alone(split, slice, job, stretch.first, stretch.steps);
			continue;
		}
		for (s = 0; s < stretch.steps; s++)
			lstm__split_step(split, slice, job, &stretch,
			                 job->reverse ? stretch.steps - 1 - s : s);
	}
	return 1;
}
#endif
/* ==== src/bands.h ============================================================================= */
/* ---- bands: each thread runs some of the streams of a batch (LSTM_THREADS) -------------------- */
#ifdef LSTM__TEAMS
static void lstm__band_work(void *argument)
{
	struct lstm__band *b = (struct lstm__band *)argument;
	lstm__run_call(b->state, &b->call);
}

/* Copy h and c of `count` streams. */
static void lstm__streams_copy(lstm_state *to, int to_first, const lstm_state *from, int from_first,
                               int count)
{
	const int jobs = from->model->desc.layers * from->model->directions;
	int i, b;

	for (i = 0; i < jobs; i++) {
		const struct lstm__job *t = &to->jobs[i], *f = &from->jobs[i];
		for (b = 0; b < count; b++) {
			memcpy(lstm__job_h(t, to_first + b, 0), lstm__job_h(f, from_first + b, 0),
			       f->h_row * sizeof(float));
			memcpy(t->c + (size_t)(to_first + b) * t->c_row,
			       f->c + (size_t)(from_first + b) * f->c_row,
			       f->c_row * sizeof(float));
		}
	}
}

/* The call over steps [first, first + steps) of the band's streams, with y in memory of its own. */
static void lstm__band_call(const struct lstm__band *b, const struct lstm__call *whole,
                            size_t first, size_t steps, const float *x, float *y,
                            struct lstm__call *call)
{
	*call = *whole;
	call->steps = steps;
	call->x = whole->x + first * whole->x_step + (size_t)b->first * whole->x_stream;
	if (x) {
		call->x = x;
		call->x_stream = b->spare->model->layers[0].width;
		call->x_step = (size_t)b->count * call->x_stream;
	}
	call->y = whole->y ? y : NULL;
	call->y_stream = b->spare->jobs[0].y_stream;
	call->y_step = (size_t)b->count * call->y_stream;
}

static void lstm__band_copy_y(const struct lstm__band *b, const struct lstm__call *whole,
                              size_t first, size_t steps, const float *y)
{
	const size_t width = b->spare->jobs[0].y_stream;
	size_t s;
	int n;

	for (s = 0; whole->y && s < steps; s++)
		for (n = 0; n < b->count; n++, y += width)
			memcpy(whole->y + (first + s) * whole->y_step +
			               (size_t)(b->first + n) * whole->y_stream,
			       y, width * sizeof(float));
}

static void lstm__band_give(struct lstm__band *b, struct lstm__share *share, const lstm_state *state,
                            const struct lstm__call *whole, size_t first, size_t steps)
{
	const size_t width = state->model->layers[0].width;
	float *x = b->x;
	size_t s;
	int n;

	lstm__streams_copy(b->state, 0, state, b->first, b->count);
	for (s = first; s < first + steps; s++)
		for (n = 0; n < b->count; n++, x += width)
			memcpy(x, whole->x + s * whole->x_step +
			                  (size_t)(b->first + n) * whole->x_stream,
			       width * sizeof(float));
	lstm__band_call(b, whole, first, steps, b->x, b->y, &b->call);
	lstm__share_give(share, lstm__band_work, b);
}

/* The caller's own band, or one whose worker is late. */
static void lstm__band_stand_in(struct lstm__band *b, lstm_state *state,
                                const struct lstm__call *whole, size_t first, size_t steps)
{
	struct lstm__call call;

	lstm__streams_copy(b->spare, 0, state, b->first, b->count);
	lstm__band_call(b, whole, first, steps, NULL, b->spare_y, &call);
	lstm__run_call(b->spare, &call);
	lstm__streams_copy(state, b->first, b->spare, 0, b->count);
	lstm__band_copy_y(b, whole, first, steps, b->spare_y);
}

/* Steps of all streams by the caller, of whom the team is taken. */
static void lstm__band_none(lstm_state *state, const struct lstm__call *whole, size_t first,
                            size_t steps)
{
	struct lstm__call call = *whole;

	call.steps = steps;
	call.x += first * call.x_step;
	call.y = call.y ? call.y + first * call.y_step : NULL;
	lstm__run_call(state, &call);
}

/* The call by bands; 0 if it cannot be done so. */
static int lstm__split_streams(lstm_state *state, const struct lstm__call *whole)
{
	struct lstm__split *split = state->split;
	size_t first, steps;
	int i;

	if (!split->band || whole->lengths || state->jobs[0].mask ||
	    whole->y_direction != state->jobs[0].layer->output ||
	    (state->model->desc.direction != LSTM_FORWARD && whole->steps > split->steps))
		return 0;
	for (first = 0; first < whole->steps; first += steps) {
		size_t left = whole->steps - first;
		uint64_t began;
		int given = 0;
		steps = left < split->steps ? left : split->steps;
		for (i = 1; i < split->shares; i++)
			if (lstm__share_free(&split->share[i], 1)) {
				lstm__band_give(&split->band[i], &split->share[i], state, whole,
				                first, steps);
				given = 1;
			}
		if (!given) {
			lstm__band_none(state, whole, first, steps);
			continue;
		}
		began = lstm__ticks();
		lstm__band_stand_in(&split->band[0], state, whole, first, steps);
		for (i = 1; i < split->shares; i++) {
			struct lstm__band *b = &split->band[i];
			if (!lstm__share_back(&split->share[i], began)) {
				lstm__band_stand_in(b, state, whole, first, steps);
				continue;
			}
			lstm__streams_copy(state, b->first, b->state, 0, b->count);
			lstm__band_copy_y(b, whole, first, steps, b->y);
		}
	}
	return 1;
}
#endif
/* ==== src/run.h =============================================================================== */
/* From the public calls to jobs: pieces, layers, directions. */

static void lstm__run_job(const lstm_state *s, struct lstm__job *job, struct lstm__split *split)
{
#ifdef LSTM__TEAMS
	if (split && lstm__split_units(split, s, job))
		return;
#else
	(void)s, (void)split;
#endif
	job->layer->kernels->run(job);
}

/* Layer by layer over steps [first, first + steps). */
static void lstm__run_piece(lstm_state *s, const struct lstm__call *call, size_t first,
                            size_t steps, struct lstm__split *split)
{
	const lstm_model *m = s->model;
	const int layers = m->desc.layers;
	struct lstm__job *job = s->jobs;
	int layer, d;

	for (layer = 0; layer < layers; layer++)
		for (d = 0; d < m->directions; d++, job++) {
			job->lengths = call->lengths;
			job->first = first;
			job->steps = steps;
			if (layer == 0) {
				job->x = call->x + first * call->x_step;
				job->x_step = call->x_step;
				job->x_stream = call->x_stream;
			} else {
				job->x = s->between[(layer - 1) & 1];
			}
			if (layer == layers - 1) {
				job->y = call->y ? call->y + first * call->y_step : NULL;
				job->y_step = call->y_step;
				job->y_stream = call->y_stream;
			} else {
				job->y = s->between[layer & 1];
			}
			if (d == 1 && job->y)
				job->y += layer == layers - 1 ? call->y_direction
				                              : job->layer->output;
			lstm__run_job(s, job, split);
		}
}

static void lstm__run_call(lstm_state *s, const struct lstm__call *call)
{
	struct lstm__split *split = NULL;
	size_t first, piece = call->steps;
	unsigned environment;

#ifdef LSTM__TEAMS
	split = lstm__split_take(s);
	if (split && lstm__split_streams(s, call)) {
		lstm__split_release(split);
		return;
	}
#endif
	lstm__fp_enter(&environment);
	if (s->model->desc.layers > 1 && piece > s->max_steps)
		piece = s->max_steps;
	for (first = 0; first < call->steps; first += piece) {
		size_t left = call->steps - first;
		lstm__run_piece(s, call, first, left < piece ? left : piece, split);
	}
	lstm__fp_leave(environment);
#ifdef LSTM__TEAMS
	lstm__split_release(split);
#endif
}

/* One step of one stream through forward layers: each reads its x where the one below left h. */
static void lstm__run_once(lstm_state *s, const float *x, float *y)
{
	const int layers = s->model->desc.layers;
	unsigned environment;
	int layer;

	for (layer = 0; layer < layers; layer++) {
		struct lstm__job *job = &s->jobs[layer];
		job->layer->kernels->once(job, x, layer == layers - 1 ? y : NULL,
		                          layer == 0 ? &environment : NULL);
		job->phase[0] ^= 1;
		x = lstm__job_h(job, 0, 0);
	}
	lstm__fp_leave(environment);
}

LSTM__DEF void lstm_run(lstm_state *state, const float *x, float *y, size_t steps)
{
	const lstm_model *m = state->model;
	size_t batch = (size_t)state->batch, k;
	struct lstm__call call;

	if (steps == 1 && state->once && !state->split) {
		lstm__run_once(state, x, y);
		return;
	}
	call.x = x;
	call.y = y;
	call.steps = steps;
	call.x_stream = m->layers[0].width;
	call.x_step = batch * call.x_stream;
	call.y_stream = (size_t)m->directions * m->layers[0].output;
	call.y_step = batch * call.y_stream;
	call.y_direction = m->layers[0].output;
	call.lengths = NULL;
	if (steps <= state->max_steps || !lstm__whole_sequences(m))
		lstm__run_call(state, &call);
	else
		for (k = 0; y && k < steps * call.y_step; k++)
			y[k] = NAN;
}

/* The top layer's final h of each direction. */
static void lstm__copy_last(const lstm_state *s, float *last)
{
	const lstm_model *m = s->model;
	const struct lstm__job *top = s->jobs + (m->desc.layers - 1) * m->directions;
	const size_t output = top->layer->output;
	int b, d;
	for (b = 0; b < s->batch; b++)
		for (d = 0; d < m->directions; d++, last += output)
			memcpy(last, lstm__job_h(&top[d], b, 0), output * sizeof(float));
}

static struct lstm__args lstm__args_of(const lstm_state *s, const lstm_run_args *from)
{
	const struct lstm__layer *l = &s->model->layers[0];
	struct lstm__args a;

	a.number = sizeof(float);
	a.batch = (size_t)s->batch;
	a.directions = (size_t)s->model->directions;
	a.cells = lstm__state_layers(s);
	a.input = l->width;
	a.hidden = l->hidden;
	a.output = l->output;
	a.x = from->x;
	a.y = from->y;
	a.last = from->last;
	a.h0 = from->h0;
	a.c0 = from->c0;
	a.hn = from->hn;
	a.cn = from->cn;
	a.steps = from->steps;
	a.lengths = from->lengths;
	a.order = from->order;
	a.x_step = from->x_step;
	a.x_stream = from->x_stream;
	a.y_step = from->y_step;
	a.y_stream = from->y_stream;
	a.y_direction = from->y_direction;
	a.mask.at = from->mask;
	a.mask.step = from->mask_step;
	a.mask.stream = from->mask_stream;
	a.masked = from->masked;
	return a;
}

/* Only an extended call has a mask: it is set before and taken away afterwards. */
static void lstm__state_mask(lstm_state *s, const struct lstm__mask *mask)
{
	size_t i, jobs = lstm__state_layers(s);
	for (i = 0; i < jobs; i++)
		s->jobs[i].mask = mask;
}

LSTM__DEF lstm_status lstm_run_with(lstm_state *state, const lstm_run_args *args)
{
	struct lstm__args a;
	struct lstm__call call;
	lstm_status status;

	if (!state || !args)
		return LSTM_ERR_ARG;
	a = lstm__args_of(state, args);
	if (a.steps > state->max_steps && lstm__whole_sequences(state->model))
		return LSTM_ERR_ARG;
	status = lstm__args_complete(&a);
	if (status != LSTM_OK)
		return status;
	call.x = args->x;
	call.y = args->y;
	call.steps = a.steps;
	call.lengths = a.lengths;
	call.x_step = a.x_step;
	call.x_stream = a.x_stream;
	call.y_step = a.y_step;
	call.y_stream = a.y_stream;
	call.y_direction = a.y_direction;
	lstm__state_write(state, args->h0, args->c0, a.order);
	if (a.mask.at)
		lstm__state_mask(state, &a.mask);
	lstm__run_call(state, &call);
	if (a.mask.at)
		lstm__state_mask(state, NULL);
	if (args->last)
		lstm__copy_last(state, args->last);
	lstm__state_read(state, args->hn, args->cn, a.order);
	return LSTM_OK;
}
/* ==== src/teamwork.h ========================================================================== */
/* ---- a state and a team: what is shared out, and the memory for it (LSTM_THREADS) ------------- */
#ifdef LSTM__TEAMS
/* Below these a thread costs more than it brings: bytes of weights of a layer that is split by
 * units, and multiply-adds of a band's piece. */
static const size_t lstm__split_bytes = (size_t)1 << 20, lstm__split_work = (size_t)2 << 20;
/* Enough of multiply-adds and of rows for one piece of a band. */
static const size_t lstm__split_piece = (size_t)24 << 20, lstm__split_rows = 32;

/* Whether a layer is split by units. */
static int lstm__splits(const struct lstm__layer *l, size_t shares)
{
	return l->kernels->part && !l->projection.words &&
	       (l->vectors + l->units - 1) / l->units >= shares &&
	       lstm__layer_bytes(l) >= lstm__split_bytes;
}

/* Whether a team of so many could share anything of what this state does. */
static int lstm__split_gains(const lstm_state *s, const struct lstm__split *draft)
{
	int layer;

	if (s->batch > 1)
		return draft->steps > 0;
	for (layer = 0; layer < s->model->desc.layers; layer++)
		if (lstm__splits(&s->model->layers[layer * s->model->directions],
		                 (size_t)draft->shares))
			return 1;
	return 0;
}

/* Lay out the slices of one job: with memory in the arena, or only to count. */
static void lstm__slices_lay_out(struct lstm__arena *arena, const lstm_state *s, size_t index,
                                 size_t shares, struct lstm__slice *slices)
{
	const struct lstm__job *job = &s->jobs[index];
	const struct lstm__layer *l = job->layer;
	const size_t units = l->units, blocks = (l->vectors + units - 1) / units;
	const int wanted = lstm__splits(l, shares);
	size_t i;

	for (i = 0; i < shares; i++) {
		struct lstm__slice slice;
		memset(&slice, 0, sizeof(slice));
		slice.kernels = l->kernels;
		if (wanted) {
			slice.job = *job;
			slice.job.foreign = 0;
			slice.job.from = blocks * i / shares * units;
			slice.job.to = i == shares - 1 ? l->vectors
			                               : blocks * (i + 1) / shares * units;
			slice.job.h = lstm__take_floats(arena, 2, job->h_row);
			slice.job.c = lstm__take_floats(arena, 1, job->c_row);
			slice.job.phase = (unsigned char *)lstm__take(arena, 1, 1);
			if (job->pre)
				slice.job.pre =
					lstm__take_floats(arena, job->piece, 4 * job->c_row);
			if (job->codes) {
				slice.job.codes = lstm__take_floats(arena, job->piece,
				                                    job->code_row);
				slice.job.h_codes = lstm__take_floats(arena, 1, job->code_row);
			}
			slice.x = lstm__take_floats(arena, job->piece, l->width);
			slice.job.x = slice.x;
			slice.job.x_step = l->width;
		}
		if (slices) {
			slices[i] = slice;
			if (slice.job.phase)
				slice.job.phase[0] = 0;
		}
	}
}

static struct lstm__split *lstm__split_build(struct lstm__arena *arena, const lstm_state *s,
                                             const struct lstm__split *draft)
{
	const size_t shares = (size_t)draft->shares;
	const size_t jobs = (size_t)s->model->desc.layers * (size_t)s->model->directions;
	const size_t rows = draft->steps * (((size_t)s->batch + shares - 1) / shares);
	struct lstm__split *split = (struct lstm__split *)lstm__take(arena, 1, sizeof(*split));
	struct lstm__share *share = (struct lstm__share *)lstm__take(arena, shares, sizeof(*share));
	struct lstm__slice *slice = NULL;
	struct lstm__band *band = NULL, draft_band;
	size_t i;

	if (s->batch == 1) {
		slice = (struct lstm__slice *)lstm__take(arena, jobs * shares, sizeof(*slice));
		for (i = 0; i < jobs; i++)
			lstm__slices_lay_out(arena, s, i, shares, split ? slice + i * shares : NULL);
	} else {
		band = (struct lstm__band *)lstm__take(arena, shares, sizeof(*band));
		memset(&draft_band, 0, sizeof(draft_band));
		for (i = 0; i < shares; i++) {
			draft_band.x = lstm__take_floats(arena, rows, s->model->layers[0].width);
			draft_band.y = lstm__take_floats(arena, rows, s->jobs[0].y_stream);
			draft_band.spare_y = lstm__take_floats(arena, rows, s->jobs[0].y_stream);
			draft_band.first = (int)((size_t)s->batch * i / shares);
			draft_band.count =
				(int)((size_t)s->batch * (i + 1) / shares) - draft_band.first;
			if (split)
				band[i] = draft_band;
		}
	}
	if (!split)
		return NULL;
	*split = *draft;
	split->share = share;
	split->slice = slice;
	split->band = band;
	memset(share, 0, shares * sizeof(*share));
	for (i = 1; i < shares; i++)
		share[i].worker = &draft->team->worker[i - 1];
	return split;
}

/* Steps of a band at a time; 0 if bands are not worth it.  No more than make it worth its copies and
 * each weight of the input's part serve enough rows: a worker that is interrupted takes what it was
 * given away with it, and all that took so long is to be made again. */
static size_t lstm__band_steps(const lstm_state *s, int shares)
{
	const struct lstm__layer *l = &s->model->layers[0];
	const size_t streams = (size_t)(s->batch / shares);
	const size_t work = 4 * l->hidden * (l->width + l->output) * streams;
	size_t steps = lstm__piece;

	if (s->model->desc.direction != LSTM_FORWARD)
		return work * s->max_steps < lstm__split_work ? 0 : s->max_steps;
	if (s->max_steps < steps)
		steps = s->max_steps;
	if (work * steps < lstm__split_work)
		return 0;
	while (steps > 1 && work * (steps / 2) >= lstm__split_piece &&
	       streams * (steps / 2) >= lstm__split_rows)
		steps /= 2;
	return steps;
}

static void lstm__split_free(struct lstm__split *split)
{
	int i;

	if (!split)
		return;
	while (__atomic_exchange_n(&split->team->taken, 1, __ATOMIC_ACQUIRE))
		sched_yield();
	for (i = 1; i < split->shares; i++)
		lstm__worker_await(split->share[i].worker);
	lstm__split_release(split);
	for (i = 0; split->band && i < split->shares; i++) {
		lstm_state_free(split->band[i].state);
		lstm_state_free(split->band[i].spare);
	}
	lstm__delete(split);
}

static lstm_status lstm__bands_fill(struct lstm__split *split, const lstm_model *model)
{
	lstm_status status = LSTM_OK;
	int i;

	for (i = 0; split->band && status == LSTM_OK && i < split->shares; i++) {
		struct lstm__band *b = &split->band[i];
		status = lstm_state_new(&b->spare, model, b->count, split->steps);
		if (status == LSTM_OK && i > 0)
			status = lstm_state_new(&b->state, model, b->count, split->steps);
	}
	return status;
}

LSTM__DEF lstm_status lstm_state_use_team(lstm_state *state, lstm_team *team)
{
	struct lstm__arena arena = {NULL, 0, 0};
	struct lstm__split draft, *split;
	lstm_status status;

	if (!state)
		return LSTM_ERR_ARG;
	lstm__split_free(state->split);
	state->split = NULL;
	if (!team || team->workers == 0)
		return LSTM_OK;
	memset(&draft, 0, sizeof(draft));
	draft.team = team;
	draft.shares = team->workers + 1;
	if (state->batch > 1) {
		if (state->batch < draft.shares)
			draft.shares = state->batch;
		draft.steps = lstm__band_steps(state, draft.shares);
	}
	if (!lstm__split_gains(state, &draft))
		return LSTM_OK;
	lstm__split_build(&arena, state, &draft);
	if (arena.overflow)
		return LSTM_ERR_SIZE;
	arena.base = (unsigned char *)lstm__new(arena.used);
	if (!arena.base)
		return LSTM_ERR_MEMORY;
	arena.used = 0;
	split = lstm__split_build(&arena, state, &draft);
	status = lstm__bands_fill(split, state->model);
	if (status == LSTM_OK)
		state->split = split;
	else
		lstm__split_free(split);
	return status;
}
#endif
/* ==== src/double.h ============================================================================ */
/* The equations in double precision: no model and no state, the framework's arrays as they are. */
struct lstm__f64_cell { /* one layer in one direction */
	const lstm_desc *desc;
	const lstm_activation *activations; /* gates, candidate, output */
	const lstm_weights_f64 *weights;
	size_t width, hidden, output;
};

struct lstm__f64_work {       /* what the workspace holds */
	double *h, *next, *c; /* of the stream at hand */
	double *full;         /* o * tanh(c) before projection, or NULL */
	double *between[2];   /* outputs of a layer for the next: [steps][batch][width] */
};

struct lstm__f64_stream { /* one stream's way through one layer in one direction */
	const double *x;
	double *y; /* or NULL */
	size_t x_step, y_step;
	size_t index;
	int reverse;
};

static double lstm__f64_activation(const lstm_activation *a, double x)
{
	const double alpha = (double)a->alpha, beta = (double)a->beta;
	switch (a->function) {
	case LSTM_SIGMOID: return 1 / (1 + exp(-x));
	case LSTM_TANH: return tanh(x);
	case LSTM_RELU: return x < 0 ? 0 : x;
	case LSTM_LINEAR: return x;
	case LSTM_AFFINE: return alpha * x + beta;
	case LSTM_LEAKY_RELU: return x < 0 ? alpha * x : x;
	case LSTM_THRESHOLDED_RELU: return x <= alpha ? 0 : x;
	case LSTM_SCALED_TANH: return alpha * tanh(beta * x);
	case LSTM_HARD_SIGMOID: x = alpha * x + beta; return x < 0 ? 0 : x > 1 ? 1 : x;
	case LSTM_HARD_SIGMOID_KERAS3: x = x / 6 + 0.5; return x < 0 ? 0 : x > 1 ? 1 : x;
	case LSTM_ELU: return x < 0 ? alpha * expm1(x) : x;
	case LSTM_SOFTSIGN: return x / (1 + fabs(x));
	case LSTM_SOFTPLUS: return (x < 0 ? 0 : x) + log1p(exp(-fabs(x)));
	case LSTM_DEFAULT: break;
	}
	return x;
}

/* limit 0 is none; NaN stays NaN. */
static double lstm__f64_limit(double x, float limit)
{
	const double most = limit > 0 ? (double)limit : (double)INFINITY;
	return x > most ? most : x < -most ? -most : x;
}

static double lstm__f64_dot(double sum, const double *w, size_t column, const double *x, size_t n)
{
	size_t k;
	for (k = 0; k < n; k++)
		sum += w[k * column] * x[k];
	return sum;
}

/* W x + U h + b of one gate of unit j. */
static double lstm__f64_sum(const struct lstm__f64_cell *l, int gate, size_t j, const double *x,
                            const double *h)
{
	const lstm_weights_f64 *from = l->weights;
	const lstm_layout layout = l->desc->layout;
	const int turned = layout == LSTM_LAYOUT_KERAS;
	const size_t row = lstm__gate_blocks(layout)[gate] * l->hidden + j;
	const size_t column = turned ? 4 * l->hidden : 1;
	double sum = (from->b ? from->b[row] : 0) + (from->b2 ? from->b2[row] : 0);

	sum = lstm__f64_dot(sum, from->w + (turned ? row : row * l->width), column, x, l->width);
	return lstm__f64_dot(sum, from->u + (turned ? row : row * l->output), column, h, l->output);
}

/* Unit j's peephole of i, f or o (which = 0, 1, 2) times what it sees of the cell. */
static double lstm__f64_peep(const struct lstm__f64_cell *l, int which, size_t j, double c)
{
	const double *p = l->weights->peephole;
	return p ? p[lstm__peephole_blocks(l->desc->layout)[which] * l->hidden + j] * c : 0;
}

/* One step of the stream in the workspace. */
static void lstm__f64_step(const struct lstm__f64_cell *l, struct lstm__f64_work *w,
                           const double *x)
{
	const lstm_activation *a = l->activations;
	const float clip = l->desc->clip;
	double *out = w->full ? w->full : w->next, *before = w->h;
	size_t j;

	for (j = 0; j < l->hidden; j++) {
		double c = w->c[j];
		double i = lstm__f64_sum(l, LSTM__I, j, x, before) + lstm__f64_peep(l, 0, j, c);
		double f = lstm__f64_sum(l, LSTM__F, j, x, before) + lstm__f64_peep(l, 1, j, c);
		double g = lstm__f64_sum(l, LSTM__G, j, x, before);
		double o = lstm__f64_sum(l, LSTM__O, j, x, before);

		i = lstm__f64_activation(&a[0], lstm__f64_limit(i, clip));
		f = l->desc->input_forget ? 1 - i
		                          : lstm__f64_activation(&a[0], lstm__f64_limit(f, clip));
		g = lstm__f64_activation(&a[1], lstm__f64_limit(g, clip));
		c = lstm__f64_limit(f * c + i * g, l->desc->cell_clip);
		o += lstm__f64_peep(l, 2, j, c);
		o = lstm__f64_activation(&a[0], lstm__f64_limit(o, clip));
		w->c[j] = c;
		out[j] = o * lstm__f64_activation(&a[2], c);
	}
	for (j = 0; w->full && j < l->output; j++)
		w->next[j] = lstm__f64_dot(0, l->weights->projection + j * l->hidden, 1, w->full,
		                           l->hidden);
	w->h = w->next;
	w->next = before;
}

static void lstm__f64_begin(double *to, const double *from, size_t n)
{
	if (from)
		memcpy(to, from, n * sizeof(double));
	else
		memset(to, 0, n * sizeof(double));
}

/* All steps of stream b, from its initial state to its final one. */
static void lstm__f64_run_stream(const struct lstm__f64_cell *l, struct lstm__f64_work *w,
                                 const struct lstm__args *a, const lstm_run_args_f64 *args,
                                 const struct lstm__f64_stream *s, size_t b)
{
	const struct lstm__mask *mask = a->mask.at ? &a->mask : NULL;
	const size_t row = lstm__args_row(a->order, a->cells, a->batch, s->index, b);
	const size_t bytes = l->output * sizeof(double);
	size_t n, t;

	lstm__f64_begin(w->h, args->h0 ? args->h0 + row * l->output : NULL, l->output);
	lstm__f64_begin(w->c, args->c0 ? args->c0 + row * l->hidden : NULL, l->hidden);
	for (n = 0; n < a->steps; n++) {
		int zero = 0;
		t = s->reverse ? a->steps - 1 - n : n;
		if (lstm__counts(a->lengths, mask, t, b))
			lstm__f64_step(l, w, s->x + t * s->x_step);
		else
			zero = !lstm__within(a->lengths, t, b) || !a->mask.hold;
		if (s->y && zero)
			memset(s->y + t * s->y_step, 0, bytes);
		else if (s->y)
			memcpy(s->y + t * s->y_step, w->h, bytes);
	}
	if (args->hn)
		memcpy(args->hn + row * l->output, w->h, bytes);
	if (args->cn)
		memcpy(args->cn + row * l->hidden, w->c, l->hidden * sizeof(double));
	if (args->last && s->index + a->directions >= a->cells)
		memcpy(args->last + (b * a->directions + s->index % a->directions) * l->output,
		       w->h, bytes);
}

/* Layer by layer, direction by direction, stream by stream. */
static void lstm__f64_run_all(const lstm_desc *d, const lstm_weights_f64 *weights,
                              struct lstm__f64_work *w, const struct lstm__args *a,
                              const lstm_run_args_f64 *args)
{
	const size_t width = a->directions * a->output;
	struct lstm__f64_cell l;
	struct lstm__f64_stream s;
	size_t i, b;

	l.desc = d;
	l.hidden = a->hidden;
	l.output = a->output;
	for (i = 0; i < a->cells; i++) {
		const size_t layer = i / a->directions, direction = i % a->directions;
		const int first = layer == 0, last = i + a->directions >= a->cells;
		double *y = last ? args->y : w->between[layer & 1];

		l.weights = &weights[i];
		l.activations = d->activations[direction];
		l.width = first ? a->input : width;
		s.index = i;
		s.reverse = d->direction == LSTM_REVERSE || direction == 1;
		s.x_step = first ? a->x_step : a->batch * width;
		s.y_step = last ? a->y_step : a->batch * width;
		if (y)
			y += direction * (last ? a->y_direction : a->output);
		for (b = 0; b < a->batch; b++) {
			s.x = first ? args->x + b * a->x_stream
			            : w->between[(layer - 1) & 1] + b * width;
			s.y = y ? y + b * (last ? a->y_stream : width) : NULL;
			lstm__f64_run_stream(&l, w, a, args, &s, b);
		}
	}
}

/* The description with its defaults, and what follows from it. */
static lstm_status lstm__f64_complete(lstm_desc *d, struct lstm__args *a, int batch, size_t steps)
{
	lstm_status status;

	if (d->isa == LSTM_ISA_AUTO)
		d->isa = LSTM_ISA_SCALAR;
	if (d->dtypes || (d->dtype != LSTM_DTYPE_OTHER && d->dtype != LSTM_DTYPE_F64))
		return LSTM_ERR_ARG;
	d->dtype = LSTM_DTYPE_F32; /* of no meaning here */
	status = lstm__desc_complete(d);
	if (status == LSTM_OK && d->isa != LSTM_ISA_SCALAR)
		status = LSTM_ERR_ISA;
	if (status == LSTM_OK && batch <= 0)
		status = LSTM_ERR_ARG;
	if (status != LSTM_OK)
		return status;
	memset(a, 0, sizeof(*a));
	a->number = sizeof(double);
	a->batch = (size_t)batch;
	a->steps = steps;
	a->directions = d->direction == LSTM_BIDIRECTIONAL ? 2 : 1;
	a->cells = (size_t)d->layers * a->directions;
	a->input = (size_t)d->input;
	a->hidden = (size_t)d->hidden;
	a->output = (size_t)(d->projection ? d->projection : d->hidden);
	return LSTM_OK;
}

static double *lstm__f64_take(struct lstm__arena *arena, size_t rows, size_t columns)
{
	return (double *)lstm__take2(arena, rows, columns, sizeof(double));
}

static void lstm__f64_build(struct lstm__arena *arena, struct lstm__f64_work *w, const lstm_desc *d,
                            const struct lstm__args *a)
{
	size_t rows = 0, layer;

	w->h = lstm__f64_take(arena, a->output, 1);
	w->next = lstm__f64_take(arena, a->output, 1);
	w->c = lstm__f64_take(arena, a->hidden, 1);
	w->full = d->projection ? lstm__f64_take(arena, a->hidden, 1) : NULL;
	if (!lstm__multiply(a->steps, a->batch, &rows))
		arena->overflow = 1;
	for (layer = 0; layer < 2; layer++)
		w->between[layer] = (size_t)d->layers > layer + 1
		                            ? lstm__f64_take(arena, rows, a->directions * a->output)
		                            : NULL;
}

static int lstm__f64_weights_complete(const lstm_desc *d, const lstm_weights_f64 *weights, size_t n)
{
	size_t i;
	for (i = 0; i < n; i++)
		if (!weights[i].w || !weights[i].u || !weights[i].projection != !d->projection)
			return 0;
	return 1;
}

LSTM__DEF lstm_status lstm_f64_size(const lstm_desc *desc, int batch, size_t steps, size_t *bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	struct lstm__f64_work work;
	struct lstm__args a;
	lstm_status status;
	lstm_desc d;

	if (!desc || !bytes)
		return LSTM_ERR_ARG;
	d = *desc;
	status = lstm__f64_complete(&d, &a, batch, steps);
	if (status != LSTM_OK)
		return status;
	lstm__f64_build(&arena, &work, &d, &a);
	if (arena.overflow)
		return LSTM_ERR_SIZE;
	*bytes = arena.used;
	return LSTM_OK;
}

/* The fields that are the caller's. */
static lstm_status lstm__f64_args(struct lstm__args *a, const lstm_run_args_f64 *from)
{
	a->x = from->x;
	a->y = from->y;
	a->last = from->last;
	a->h0 = from->h0;
	a->c0 = from->c0;
	a->hn = from->hn;
	a->cn = from->cn;
	a->lengths = from->lengths;
	a->order = from->order;
	a->x_step = from->x_step;
	a->x_stream = from->x_stream;
	a->y_step = from->y_step;
	a->y_stream = from->y_stream;
	a->y_direction = from->y_direction;
	a->mask.at = from->mask;
	a->mask.step = from->mask_step;
	a->mask.stream = from->mask_stream;
	a->masked = from->masked;
	return lstm__args_complete(a);
}

LSTM__DEF lstm_status lstm_f64_run(const lstm_desc *desc, const lstm_weights_f64 *weights,
                                   const lstm_run_args_f64 *args, void *workspace, size_t bytes)
{
	struct lstm__arena arena = {NULL, 0, 0};
	struct lstm__f64_work work;
	struct lstm__args a;
	lstm_status status;
	lstm_desc d;
	unsigned environment;
	size_t need;
	const int found = errno; /* exp may set it */

	if (!desc || !weights || !args)
		return LSTM_ERR_ARG;
	status = lstm_f64_size(desc, args->batch, args->steps, &need);
	if (status != LSTM_OK)
		return status;
	d = *desc;
	status = lstm__f64_complete(&d, &a, args->batch, args->steps);
	if (status == LSTM_OK && !lstm__f64_weights_complete(&d, weights, a.cells))
		status = LSTM_ERR_ARG;
	if (status == LSTM_OK)
		status = lstm__f64_args(&a, args);
	if (status == LSTM_OK)
		status = lstm__arena_check(workspace, bytes, need);
	if (status != LSTM_OK)
		return status;
	arena.base = (unsigned char *)workspace;
	lstm__f64_build(&arena, &work, &d, &a);
	lstm__fp_enter(&environment);
	lstm__f64_run_all(&d, weights, &work, &a, args);
	lstm__fp_leave(environment);
	errno = found;
	return LSTM_OK;
}
/* ==== src/text.h ============================================================================== */
/* ---- text: UTF-8, error sentences, decimals -------------------------------------------------- */
#ifndef LSTM_NO_MALLOC
#include <stdarg.h>

/* Bytes of the UTF-8 character at s, where size bytes are left; 0 if it is malformed. */
static size_t lstm__text_utf8(const unsigned char *s, size_t size)
{
	size_t length, k;

	if (size == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (size < length)
		return 0;
	for (k = 1; k < length; k++)
		if ((s[k] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90))
		return 0; /* longer than it need be */
	if ((s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0; /* half of a surrogate pair, or beyond U+10FFFF */
	return length;
}

/* 1 if the well-formed character at s is a control character: C0, DEL or C1. */
static int lstm__text_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

/* One sentence in lstm_error.text.  Written here and not by snprintf, which LSTM_NO_STDIO removes
 * and which would cut a name in the middle of a character. */
typedef struct lstm__text {
	char *text;
	size_t used;
	int full;
} lstm__text;

/* Whom to tell, and the name of the file that every sentence begins with. */
typedef struct lstm__text_log {
	lstm_error *error; /* or NULL */
	const char *file;
} lstm__text_log;

#define LSTM__TEXT_SIZE sizeof(((lstm_error *)0)->text)
#define LSTM__TEXT_NAME 120 /* bytes shown of one name: a path and two tensors fit in a sentence */

/* All of the bytes or, where they do not fit, three dots and nothing ever after. */
static void lstm__text_put(lstm__text *t, const void *bytes, size_t size)
{
	if (t->full)
		return;
	if (t->used + size + sizeof("...") > LSTM__TEXT_SIZE) {
		bytes = "...";
		size = 3;
		t->full = 1;
	}
	memcpy(t->text + t->used, bytes, size);
	t->used += size;
	t->text[t->used] = '\0';
}

/* Bytes from outside, with every control character and every malformed byte as \xNN. */
static void lstm__text_put_foreign(lstm__text *t, const unsigned char *s, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t length, k;
	char escape[4];

	for (; size; s += length, size -= length) {
		length = lstm__text_utf8(s, size);
		if (length && !lstm__text_control(s)) {
			lstm__text_put(t, s, length);
			continue;
		}
		length = length ? length : 1;
		for (k = 0; k < length; k++) {
			escape[0] = '\\';
			escape[1] = 'x';
			escape[2] = digits[s[k] >> 4];
			escape[3] = digits[s[k] & 15];
			lstm__text_put(t, escape, 4);
		}
	}
}

/* A name from outside; of a long one the end, since names differ there. */
static void lstm__text_put_name(lstm__text *t, const char *name)
{
	const unsigned char *s = (const unsigned char *)name;
	size_t size = strlen(name);

	if (size > LSTM__TEXT_NAME) {
		s += size - LSTM__TEXT_NAME;
		for (size = LSTM__TEXT_NAME; size && (s[0] & 0xc0) == 0x80; size--)
			s++;
		lstm__text_put(t, "...", 3);
	}
	lstm__text_put_foreign(t, s, size);
}

static void lstm__text_put_number(lstm__text *t, uint64_t number)
{
	char digits[20];
	size_t k = sizeof(digits);

	do {
		digits[--k] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	lstm__text_put(t, digits + k, sizeof(digits) - k);
}

/* %s our own text, %q a name from outside in quotes, %u a uint64_t, %t the shape of a const
 * lstm_tensor *. */
static void lstm__text_say_list(lstm__text *t, const char *format, va_list list)
{
	const lstm_tensor *tensor;
	const char *s;
	int k;

	for (; *format; format++) {
		if (*format != '%') {
			lstm__text_put(t, format, 1);
			continue;
		}
		switch (*++format) {
		case 's':
			for (s = va_arg(list, const char *); *s; s++)
				lstm__text_put(t, s, 1);
			break;
		case 'q':
			lstm__text_put(t, "'", 1);
			lstm__text_put_name(t, va_arg(list, const char *));
			lstm__text_put(t, "'", 1);
			break;
		case 'u':
			lstm__text_put_number(t, va_arg(list, uint64_t));
			break;
		default:
			tensor = va_arg(list, const lstm_tensor *);
			lstm__text_put(t, "[", 1);
			for (k = 0; k < tensor->rank; k++) {
				if (k)
					lstm__text_put(t, ", ", 2);
				lstm__text_put_number(t, tensor->shape[k]);
			}
			lstm__text_put(t, "]", 1);
		}
	}
}

static void lstm__text_say(lstm__text *t, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	lstm__text_say_list(t, format, list);
	va_end(list);
}

/* Set the error's status and begin its sentence with the file's name; log->error is not NULL. */
static void lstm__text_begin(lstm__text *t, const lstm__text_log *log, lstm_status status)
{
	log->error->status = status;
	t->text = log->error->text;
	t->used = 0;
	t->full = 0;
	lstm__text_put_name(t, log->file);
	lstm__text_put(t, ": ", 2);
}

static lstm_status lstm__text_fail(const lstm__text_log *log, lstm_status status,
                                   const char *format, ...)
{
	lstm__text t;
	va_list list;

	if (log->error) {
		lstm__text_begin(&t, log, status);
		va_start(list, format);
		lstm__text_say_list(&t, format, list);
		va_end(list);
	}
	return status;
}

static lstm_status lstm__text_no_memory(const lstm__text_log *log, size_t bytes)
{
	return lstm__text_fail(log, LSTM_ERR_MEMORY, "expected %u bytes of memory, found less",
	                       (uint64_t)bytes);
}

static void lstm__text_clear(lstm_error *error)
{
	if (error) {
		error->status = LSTM_OK;
		error->text[0] = '\0';
	}
}

/* Read [-]digits[.digits][e[+-]digits] at *text and step over it; 0 if there is no such number, or
 * it is beyond fp32's normal range.  Not strtof: its decimal point is the locale's. */
static int lstm__text_decimal(const char **text, float *value)
{
	const char *s = *text;
	double number, scale = 1;
	uint64_t digits = 0;
	int negative = *s == '-', exponent = 0, point = 0, power = 0, sign = 1;

	s += negative;
	if (*s < '0' || *s > '9')
		return 0;
	for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++) {
		if (*s == '.') {
			point = 1;
			if (s[1] < '0' || s[1] > '9')
				return 0;
		} else if (digits < 100000000000000000) {
			digits = digits * 10 + (uint64_t)(*s - '0');
			exponent -= point;
		} else if (!point) {
			exponent++; /* the 18th digit and on are far below one step of fp32 */
		}
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '+' || *s == '-')
			sign = *s++ == '-' ? -1 : 1;
		if (*s < '0' || *s > '9')
			return 0;
		for (; *s >= '0' && *s <= '9'; s++)
			power = power < 100000000 ? power * 10 + (*s - '0') : power;
		exponent += sign * power;
	}
	for (power = exponent < 0 ? -exponent : exponent; power > 0 && scale < 1e300; power--)
		scale *= 10;
	number = exponent < 0 ? (double)digits / scale : (double)digits * scale;
	/* half a step above the largest fp32, and the smallest normal one */
	if (number >= 3.4028235677973366e38 || (digits && number < 1.1754943508222875e-38))
		return 0;
	*value = (float)(negative ? -number : number);
	*text = s;
	return 1;
}
#endif /* LSTM_NO_MALLOC */
/* ==== src/sort.h ============================================================================== */
/* ---- what the file's rooms need of memory, sorting and searching ----------------------------- */
#ifndef LSTM_NO_MALLOC
static void *lstm__file_allocate(const lstm__text_log *log, size_t count, size_t size,
                                 lstm_status *status)
{
	size_t bytes;
	void *memory = NULL;

	if (lstm__multiply(count, size, &bytes))
		memory = LSTM_MALLOC(bytes ? bytes : 1);
	else
		bytes = SIZE_MAX;
	*status = memory ? LSTM_OK : lstm__text_no_memory(log, bytes);
	return memory;
}

static void lstm__file_free(const void *memory)
{
	if (memory)
		LSTM_FREE((void *)memory);
}

typedef int lstm__file_compare(const void *a, const void *b);

static void lstm__file_sift(const void **items, size_t root, size_t count,
                            lstm__file_compare *compare)
{
	const void *item = items[root];
	size_t child;

	for (; root < count / 2; root = child) {
		child = 2 * root + 1;
		if (child + 1 < count && compare(items[child], items[child + 1]) < 0)
			child++;
		if (compare(item, items[child]) >= 0)
			break;
		items[root] = items[child];
	}
	items[root] = item;
}

/* Heap sort: in place and never quadratic.  qsort may allocate behind LSTM_MALLOC's back. */
static void lstm__file_sort(const void **items, size_t count, lstm__file_compare *compare)
{
	const void *last;
	size_t k;

	for (k = 1; k < count && compare(items[k - 1], items[k]) <= 0; k++)
		;
	if (k >= count)
		return; /* the usual case */
	for (k = count / 2; k-- > 0;)
		lstm__file_sift(items, k, count, compare);
	for (k = count; k-- > 1;) {
		last = items[k];
		items[k] = items[0];
		items[0] = last;
		lstm__file_sift(items, 0, k, compare);
	}
}

static const void *lstm__file_search(const void *const *items, size_t count, const void *wanted,
                                     lstm__file_compare *compare)
{
	size_t low = 0, middle;
	int order;

	while (low < count) {
		middle = low + (count - low) / 2;
		order = compare(wanted, items[middle]);
		if (order == 0)
			return items[middle];
		if (order < 0)
			count = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
#endif /* LSTM_NO_MALLOC */
/* ==== src/json.h ============================================================================== */
/* ---- JSON, as much of it as a safetensors header has: no recursion, so no depth to limit ----- */
#ifndef LSTM_NO_MALLOC
typedef struct lstm__json {
	const lstm__text_log *log;
	const char *tensor;        /* whose entry is being read, or NULL */
	const unsigned char *text; /* the header */
	size_t used, size;
	char *strings; /* where the next string goes; decoded, each is shorter than its JSON */
} lstm__json;

#define LSTM__JSON_FIRST 8 /* the header's first byte in the file: messages count from its start */

/* Refuse what stands at json->used. */
static lstm_status lstm__json_bad(const lstm__json *json, const char *expected)
{
	const unsigned char *s = json->text + json->used;
	size_t left = json->size - json->used, size = 0;
	lstm__text t;

	if (!json->log->error)
		return LSTM_ERR_FORMAT;
	lstm__text_begin(&t, json->log, LSTM_ERR_FORMAT);
	if (json->tensor)
		lstm__text_say(&t, "tensor %q, ", json->tensor);
	lstm__text_say(&t, "byte %u: expected %s, found ", LSTM__JSON_FIRST + (uint64_t)json->used,
	               expected);
	while (size < left && size < 24 &&
	       (s[size] == '-' || s[size] == '+' || s[size] == '.' || s[size] == '_' ||
	        (s[size] >= '0' && s[size] <= '9') || (s[size] >= 'A' && s[size] <= 'Z') ||
	        (s[size] >= 'a' && s[size] <= 'z')))
		size++; /* a word or a number in full, anything else as one character */
	if (size == 0)
		size = lstm__text_utf8(s, left);
	if (size == 0 && left)
		size = 1;
	lstm__text_put(&t, "'", size ? 1 : 0);
	lstm__text_put_foreign(&t, s, size);
	lstm__text_say(&t, size ? "'" : "the end of the header");
	return LSTM_ERR_FORMAT;
}

/* Step over white space; the next byte, or -1 at the end. */
static int lstm__json_peek(lstm__json *json)
{
	while (json->used < json->size) {
		switch (json->text[json->used]) {
		case ' ':
		case '\t':
		case '\n':
		case '\r':
			json->used++;
			break;
		default:
			return json->text[json->used];
		}
	}
	return -1;
}

static lstm_status lstm__json_mark(lstm__json *json, char mark, const char *expected)
{
	if (lstm__json_peek(json) != mark)
		return lstm__json_bad(json, expected);
	json->used++;
	return LSTM_OK;
}

/* In a list or an object, before each member: *more is 0 once the closing mark is passed. */
static lstm_status lstm__json_more(lstm__json *json, char close, int *first, int *more)
{
	*more = 0;
	if (lstm__json_peek(json) == close) {
		json->used++;
		return LSTM_OK;
	}
	*more = 1;
	if (*first) {
		*first = 0;
		return LSTM_OK;
	}
	return lstm__json_mark(json, ',', close == ']' ? "',' or ']'" : "',' or '}'");
}

static int lstm__json_hex(const unsigned char *s, size_t left, unsigned *value)
{
	int k;

	*value = 0;
	if (left < 4)
		return 0;
	for (k = 0; k < 4; k++) {
		*value <<= 4;
		if (s[k] >= '0' && s[k] <= '9')
			*value += (unsigned)(s[k] - '0');
		else if (s[k] >= 'a' && s[k] <= 'f')
			*value += (unsigned)(s[k] - 'a' + 10);
		else if (s[k] >= 'A' && s[k] <= 'F')
			*value += (unsigned)(s[k] - 'A' + 10);
		else
			return 0;
	}
	return 1;
}

/* Decode the escape at s into piece; the bytes read, or 0 if it is none of JSON's. */
static size_t lstm__json_escape(const unsigned char *s, size_t left, unsigned char piece[4],
                                size_t *length)
{
	static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* each before its meaning */
	unsigned value, low;
	size_t read = 6, k;

	if (left < 2)
		return 0;
	*length = 1;
	for (k = 0; k < sizeof(letters) - 1; k += 2) {
		piece[0] = (unsigned char)letters[k + 1];
		if (s[1] == letters[k])
			return 2;
	}
	if (s[1] != 'u' || !lstm__json_hex(s + 2, left - 2, &value))
		return 0;
	if (value >= 0xd800 && value < 0xe000) {
		if (value >= 0xdc00 || left < 12 || s[6] != '\\' || s[7] != 'u' ||
		    !lstm__json_hex(s + 8, left - 8, &low) || low < 0xdc00 || low > 0xdfff)
			return 0; /* half a pair */
		value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
		read = 12;
	}
	*length = value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
	for (k = *length - 1; k > 0; k--, value >>= 6)
		piece[k] = (unsigned char)(0x80 | (value & 0x3f));
	piece[0] = (unsigned char)(value | (*length == 1 ? 0 : (0xf00u >> *length) & 0xff));
	return read;
}

/* Decode a string into json->strings and point *string to it.  No U+0000 ever, because *string is
 * NUL-terminated, and no control character at all where the string is a name. */
static lstm_status lstm__json_string(lstm__json *json, const char *expected, int is_name,
                                     const char **string)
{
	unsigned char piece[4];
	char *out = json->strings;
	size_t length, read;
	int c;

	if (lstm__json_mark(json, '"', expected) != LSTM_OK)
		return LSTM_ERR_FORMAT;
	for (;;) {
		const unsigned char *s = json->text + json->used;
		size_t left = json->size - json->used;

		c = left ? s[0] : -1;
		if (c == -1)
			return lstm__json_bad(json, "a closing quote");
		if (c == '"')
			break;
		if (c < 0x20)
			return lstm__json_bad(json, "no bare control character in a string");
		if (c == '\\') {
			read = lstm__json_escape(s, left, piece, &length);
			if (read == 0)
				return lstm__json_bad(json, "one of JSON's escapes");
		} else {
			read = length = lstm__text_utf8(s, left);
			if (read == 0)
				return lstm__json_bad(json, "UTF-8");
			memcpy(piece, s, length);
		}
		if (piece[0] == '\0')
			return lstm__json_bad(json, "no character U+0000");
		if (is_name && lstm__text_control(piece))
			return lstm__json_bad(json, "no control character in a name");
		memcpy(out, piece, length);
		out += length;
		json->used += read;
	}
	json->used++;
	*out++ = '\0';
	*string = json->strings;
	json->strings = out;
	return LSTM_OK;
}

static lstm_status lstm__json_whole(lstm__json *json, uint64_t *number)
{
	static const char expected[] = "a whole number from 0 to 18446744073709551615";
	size_t start;
	int c = lstm__json_peek(json);

	start = json->used;
	*number = 0;
	for (; c >= '0' && c <= '9'; c = json->used < json->size ? json->text[json->used] : -1) {
		unsigned digit = (unsigned)(c - '0');

		if (*number > (UINT64_MAX - digit) / 10 || (*number == 0 && json->used > start))
			break; /* too large, or a leading zero: a digit is left, refused below */
		*number = *number * 10 + digit;
		json->used++;
	}
	if (json->used == start || c == '.' || c == 'e' || c == 'E' || (c >= '0' && c <= '9')) {
		json->used = start;
		return lstm__json_bad(json, expected);
	}
	return LSTM_OK;
}
#endif /* LSTM_NO_MALLOC */
/* ==== src/entries.h =========================================================================== */
/* ---- the header of a safetensors file: read, and checked against itself and the data --------- */
#ifndef LSTM_NO_MALLOC
/* Memory that lives as long as the file: converted weights and the like.  The bytes follow. */
struct lstm__file_block {
	struct lstm__file_block *next;
};

struct lstm_file {
	char *name;
	void *owned;                      /* the whole file if it was read here, else NULL */
	const unsigned char *data;        /* what the offsets of tensors count from */
	size_t bytes;                     /* of data */
	char *strings;                    /* every string of the header, decoded */
	const char *metadata;             /* in it: key, value, key, value ... */
	lstm_tensor *entries;             /* in the order of the header */
	const void **by_name;             /* const lstm_tensor * */
	const void **keys;                /* const char *, sorted; each one's value follows it */
	size_t count, key_count;
	struct lstm__file_block *blocks;
};

/* The types of the format, with their sizes in bits. */
static const struct lstm__file_type {
	const char *name;
	unsigned bits;
	lstm_dtype dtype;
} lstm__file_types[] = {
	{"F32", 32, LSTM_DTYPE_F32},          {"F64", 64, LSTM_DTYPE_F64},
	{"F16", 16, LSTM_DTYPE_F16},          {"BF16", 16, LSTM_DTYPE_BF16},
	{"I64", 64, LSTM_DTYPE_OTHER},        {"U64", 64, LSTM_DTYPE_OTHER},
	{"I32", 32, LSTM_DTYPE_OTHER},        {"U32", 32, LSTM_DTYPE_OTHER},
	{"I16", 16, LSTM_DTYPE_OTHER},        {"U16", 16, LSTM_DTYPE_OTHER},
	{"I8", 8, LSTM_DTYPE_I8},             {"U8", 8, LSTM_DTYPE_OTHER},
	{"BOOL", 8, LSTM_DTYPE_OTHER},        {"C64", 64, LSTM_DTYPE_OTHER},
	{"F8_E4M3", 8, LSTM_DTYPE_OTHER},     {"F8_E5M2", 8, LSTM_DTYPE_OTHER},
	{"F8_E8M0", 8, LSTM_DTYPE_OTHER},     {"F8_E4M3FNUZ", 8, LSTM_DTYPE_OTHER},
	{"F8_E5M2FNUZ", 8, LSTM_DTYPE_OTHER}, {"F6_E2M3", 6, LSTM_DTYPE_OTHER},
	{"F6_E3M2", 6, LSTM_DTYPE_OTHER},     {"F4", 4, LSTM_DTYPE_OTHER},
};

/* The reference implementation's own limit on headers. */
#define LSTM__FILE_HEADER 100000000

/* Bytes of the shortest entry, "":{"dtype":"I8","shape":[],"data_offsets":[0,1]}: so the size of a
 * header bounds its number of tensors. */
#define LSTM__FILE_ENTRY 49

static int lstm__file_by_name(const void *a, const void *b)
{
	return strcmp(((const lstm_tensor *)a)->name, ((const lstm_tensor *)b)->name);
}

static int lstm__file_by_key(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b);
}

static int lstm__file_by_place(const void *a, const void *b)
{
	const lstm_tensor *s = (const lstm_tensor *)a, *t = (const lstm_tensor *)b;
	const unsigned char *p = (const unsigned char *)s->data;
	const unsigned char *q = (const unsigned char *)t->data;

	if (p != q)
		return p < q ? -1 : 1;
	return s->bytes < t->bytes ? -1 : s->bytes > t->bytes;
}

static lstm_status lstm__file_read_type(lstm__json *json, lstm_tensor *entry,
                                        unsigned *bits)
{
	char *strings = json->strings;
	const char *name;
	size_t k;
	lstm_status status = lstm__json_string(json, "a string as dtype", 1, &name);

	if (status != LSTM_OK)
		return status;
	json->strings = strings; /* not kept */
	for (k = 0; k < sizeof(lstm__file_types) / sizeof(lstm__file_types[0]); k++) {
		if (strcmp(name, lstm__file_types[k].name) == 0) {
			entry->type = lstm__file_types[k].name;
			entry->dtype = lstm__file_types[k].dtype;
			*bits = lstm__file_types[k].bits;
			return LSTM_OK;
		}
	}
	return lstm__text_fail(json->log, LSTM_ERR_FORMAT,
	                       "tensor %q: expected a dtype of the format such as F32, found %q",
	                       entry->name, name);
}

static lstm_status lstm__file_read_shape(lstm__json *json, lstm_tensor *tensor)
{
	const int limit = (int)(sizeof(tensor->shape) / sizeof(tensor->shape[0]));
	int first = 1, more = 0;
	uint64_t size;

	if (lstm__json_mark(json, '[', "a list as shape") != LSTM_OK)
		return LSTM_ERR_FORMAT;
	for (;;) {
		if (lstm__json_more(json, ']', &first, &more) != LSTM_OK)
			return LSTM_ERR_FORMAT;
		if (!more)
			return LSTM_OK;
		if (tensor->rank == limit)
			return lstm__json_bad(json, "a shape of at most 8 dimensions");
		if (lstm__json_whole(json, &size) != LSTM_OK)
			return LSTM_ERR_FORMAT;
		if ((size_t)size != size)
			return lstm__text_fail(
				json->log, LSTM_ERR_FORMAT,
				"tensor %q: expected a shape that memory can hold, found %u",
				tensor->name, size);
		tensor->shape[tensor->rank++] = (size_t)size;
	}
}

static lstm_status lstm__file_read_offsets(lstm__json *json, uint64_t offsets[2])
{
	if (lstm__json_mark(json, '[', "a list as data_offsets") != LSTM_OK ||
	    lstm__json_whole(json, &offsets[0]) != LSTM_OK ||
	    lstm__json_mark(json, ',', "',' and a second data offset") != LSTM_OK ||
	    lstm__json_whole(json, &offsets[1]) != LSTM_OK)
		return LSTM_ERR_FORMAT;
	return lstm__json_mark(json, ']', "']' after two data offsets");
}

/* Type, shape and place of a tensor agree with each other and with the data. */
static lstm_status lstm__file_place(const lstm_file *file, const lstm__text_log *log,
                                    lstm_tensor *tensor, unsigned bits,
                                    const uint64_t offsets[2])
{
	size_t size = bits;
	int k, fits = 1;

	for (k = 0; k < tensor->rank && fits; k++)
		fits = lstm__multiply(size, tensor->shape[k], &size);
	if (!fits)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected a shape that memory can hold, found %t of %s",
			tensor->name, tensor, tensor->type);
	if (size % 8)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected a whole number of bytes, found %t of %s", tensor->name,
			tensor, tensor->type);
	if (offsets[0] > offsets[1])
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected data_offsets in ascending order, found [%u, %u]",
			tensor->name, offsets[0], offsets[1]);
	if (offsets[1] > file->bytes)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected data_offsets up to %u, where the data end, "
			"found [%u, %u]",
			tensor->name, (uint64_t)file->bytes, offsets[0], offsets[1]);
	if (offsets[1] - offsets[0] != size / 8)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"tensor %q: expected %u bytes for %t of %s, found %u in [%u, %u]",
			tensor->name, (uint64_t)(size / 8), tensor, tensor->type,
			offsets[1] - offsets[0], offsets[0], offsets[1]);
	tensor->data = file->data + offsets[0];
	tensor->bytes = size / 8;
	return LSTM_OK;
}

static lstm_status lstm__file_read_entry(const lstm_file *file, lstm__json *json,
                                         lstm_tensor *entry)
{
	static const char *const fields[3] = {"dtype", "shape", "data_offsets"};
	uint64_t offsets[2] = {0, 0};
	unsigned bits = 0, seen = 0;
	int first = 1, more = 0, k;
	const char *field;
	char *strings = json->strings;
	lstm_status status = lstm__json_mark(json, '{', "'{' and the description of a tensor");

	while (status == LSTM_OK) {
		status = lstm__json_more(json, '}', &first, &more);
		if (status != LSTM_OK || !more)
			break;
		status = lstm__json_string(json, "a field's name in quotes", 1, &field);
		if (status != LSTM_OK)
			break;
		json->strings = strings; /* not kept */
		for (k = 0; k < 3 && strcmp(field, fields[k]) != 0; k++)
			;
		if (k == 3)
			return lstm__text_fail(json->log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected dtype, shape and data_offsets, "
			                       "found a field %q",
			                       entry->name, field);
		if (seen & 1u << k)
			return lstm__text_fail(json->log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected one %s, found two",
			                       entry->name, fields[k]);
		seen |= 1u << k;
		status = lstm__json_mark(json, ':', "':' after a field's name");
		if (status != LSTM_OK)
			break;
		if (k == 0)
			status = lstm__file_read_type(json, entry, &bits);
		else if (k == 1)
			status = lstm__file_read_shape(json, entry);
		else
			status = lstm__file_read_offsets(json, offsets);
	}
	for (k = 0; k < 3 && status == LSTM_OK; k++)
		if (!(seen & 1u << k))
			status = lstm__text_fail(json->log, LSTM_ERR_FORMAT,
			                         "tensor %q: expected a field %s, found none",
			                         entry->name, fields[k]);
	if (status == LSTM_OK)
		status = lstm__file_place(file, json->log, entry, bits, offsets);
	return status;
}

/* __metadata__: an object of strings, kept as they come in file->strings. */
static lstm_status lstm__file_read_metadata(lstm_file *file, lstm__json *json)
{
	int first = 1, more = 0;
	const char *key, *value;
	lstm_status status;

	if (file->metadata)
		return lstm__json_bad(json, "one '__metadata__' only");
	file->metadata = json->strings;
	status = lstm__json_mark(json, '{', "'{' and an object of strings as __metadata__");
	while (status == LSTM_OK) {
		status = lstm__json_more(json, '}', &first, &more);
		if (status != LSTM_OK || !more)
			break;
		status = lstm__json_string(json, "a metadata key in quotes", 1, &key);
		if (status == LSTM_OK)
			status = lstm__json_mark(json, ':', "':' after a metadata key");
		if (status == LSTM_OK)
			status = lstm__json_string(json, "a string as metadata value", 0, &value);
		file->key_count += status == LSTM_OK;
	}
	return status;
}

static lstm_status lstm__file_read_members(lstm_file *file, lstm__json *json)
{
	int first = 1, more = 0;
	char *strings;
	const char *name;
	lstm_tensor *entry;
	lstm_status status = LSTM_OK;

	if (json->size == 0 || json->text[0] != '{')
		return lstm__json_bad(json, "'{' at the start of the header");
	json->used = 1;
	while (status == LSTM_OK) {
		json->tensor = NULL;
		status = lstm__json_more(json, '}', &first, &more);
		if (status != LSTM_OK || !more)
			break;
		strings = json->strings;
		status = lstm__json_string(json, "a tensor's name in quotes", 1, &name);
		if (status == LSTM_OK)
			status = lstm__json_mark(json, ':', "':' after a name");
		if (status != LSTM_OK)
			break;
		if (strcmp(name, "__metadata__") == 0) {
			json->strings = strings; /* not kept */
			status = lstm__file_read_metadata(file, json);
			continue;
		}
		json->tensor = name;
		entry = &file->entries[file->count];
		memset(entry, 0, sizeof(*entry));
		entry->name = name;
		status = lstm__file_read_entry(file, json, entry);
		file->count += status == LSTM_OK;
	}
	for (; status == LSTM_OK && json->used < json->size; json->used++)
		if (json->text[json->used] != ' ')
			return lstm__json_bad(json, "nothing but spaces after the header's object");
	return status;
}

/* The data are covered from end to end, and no byte twice. */
static lstm_status lstm__file_check_places(const lstm_file *file, const lstm__text_log *log,
                                           const void **places)
{
	const lstm_tensor *tensor, *before = NULL;
	size_t k, begin, end = 0;

	for (k = 0; k < file->count; k++)
		places[k] = &file->entries[k];
	lstm__file_sort(places, file->count, lstm__file_by_place);
	for (k = 0; k < file->count; k++, before = tensor) {
		tensor = (const lstm_tensor *)places[k];
		begin = (size_t)((const unsigned char *)tensor->data - file->data);
		if (begin < end)
			return lstm__text_fail(
				log, LSTM_ERR_FORMAT,
				"tensor %q: expected data that begin at %u, after tensor %q, "
				"found them to overlap it from %u",
				tensor->name, (uint64_t)end, before->name, (uint64_t)begin);
		if (begin > end)
			return lstm__text_fail(
				log, LSTM_ERR_FORMAT,
				"tensor %q: expected data that begin at %u, found a hole up to %u",
				tensor->name, (uint64_t)end, (uint64_t)begin);
		end = begin + tensor->bytes;
	}
	if (end < file->bytes)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "expected %u bytes of data, as the tensors say, found %u",
		                       (uint64_t)end, (uint64_t)file->bytes);
	return LSTM_OK;
}

/* Sort names and keys for look-ups, and refuse what stands there twice. */
static lstm_status lstm__file_index(lstm_file *file, const lstm__text_log *log)
{
	const char *key = file->metadata;
	size_t k;

	for (k = 0; k < file->count; k++)
		file->by_name[k] = &file->entries[k];
	lstm__file_sort(file->by_name, file->count, lstm__file_by_name);
	for (k = 1; k < file->count; k++)
		if (lstm__file_by_name(file->by_name[k - 1], file->by_name[k]) == 0)
			return lstm__text_fail(log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected one of this name, found two",
			                       ((const lstm_tensor *)file->by_name[k])->name);
	for (k = 0; k < file->key_count; k++) {
		file->keys[k] = key;
		key += strlen(key) + 1;
		key += strlen(key) + 1;
	}
	lstm__file_sort(file->keys, file->key_count, lstm__file_by_key);
	for (k = 1; k < file->key_count; k++)
		if (lstm__file_by_key(file->keys[k - 1], file->keys[k]) == 0)
			return lstm__text_fail(log, LSTM_ERR_FORMAT,
			                       "metadata %q: expected one of this name, found two",
			                       (const char *)file->keys[k]);
	return LSTM_OK;
}

/* Read the header of size bytes at text.  What is allocated stays below four times its size: the
 * strings once, an entry and two pointers for each LSTM__FILE_ENTRY bytes at the most, and a
 * pointer for each pair of metadata, which takes six bytes or more. */
static lstm_status lstm__file_read_header(lstm_file *file, const lstm__text_log *log,
                                          const unsigned char *text, size_t size)
{
	lstm__json json;
	lstm_status status;
	const void **places;
	size_t k, room = 0;

	/* Every tensor read to its end has a brace and so many bytes of its own, and the header one
	 * brace more: there is room for them and for one that turns out to be broken. */
	for (k = 0; k < size; k++)
		room += text[k] == '{';
	if (room > size / LSTM__FILE_ENTRY + 1)
		room = size / LSTM__FILE_ENTRY + 1;
	file->strings = (char *)lstm__file_allocate(log, size, 1, &status);
	if (status == LSTM_OK)
		file->entries = (lstm_tensor *)lstm__file_allocate(
			log, room, sizeof(*file->entries), &status);
	if (status != LSTM_OK)
		return status;
	memset(&json, 0, sizeof(json));
	json.log = log;
	json.text = text;
	json.size = size;
	json.strings = file->strings;
	status = lstm__file_read_members(file, &json);
	if (status == LSTM_OK)
		file->by_name = (const void **)lstm__file_allocate(log, file->count, sizeof(void *),
		                                                   &status);
	if (status == LSTM_OK)
		file->keys = (const void **)lstm__file_allocate(log, file->key_count,
		                                                sizeof(void *), &status);
	if (status == LSTM_OK)
		status = lstm__file_index(file, log);
	if (status != LSTM_OK)
		return status;
	places = (const void **)lstm__file_allocate(log, file->count, sizeof(void *), &status);
	if (status == LSTM_OK)
		status = lstm__file_check_places(file, log, places);
	lstm__file_free(places);
	return status;
}
#endif /* LSTM_NO_MALLOC */
/* ==== src/file.h ============================================================================== */
/* ---- the safetensors file: open, look up, read ----------------------------------------------- */
#ifndef LSTM_NO_MALLOC
#ifndef LSTM_NO_STDIO
#include <errno.h>
#include <stdio.h>
#endif

static lstm_status lstm__file_check(lstm_file *file, const lstm__text_log *log, const void *data,
                                    size_t bytes)
{
	const unsigned char *s = (const unsigned char *)data;
	uint64_t header = 0;
	int k;

	if (bytes == 0)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "expected a safetensors file, found it empty");
	if (bytes < 8)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"expected at least 8 bytes, found %u: not a safetensors file",
			(uint64_t)bytes);
	for (k = 7; k >= 0; k--)
		header = header << 8 | s[k];
	if (header > LSTM__FILE_HEADER)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "expected a header of at most %u bytes, found one of %u: "
		                       "not a safetensors file",
		                       (uint64_t)LSTM__FILE_HEADER, header);
	if (header > bytes - 8)
		return lstm__text_fail(
			log, LSTM_ERR_FORMAT,
			"expected a header of %u bytes after the first 8, found only %u: "
			"the file is cut short, or not a safetensors file",
			header, (uint64_t)(bytes - 8));
	file->data = s + 8 + header;
	file->bytes = bytes - 8 - (size_t)header;
	return lstm__file_read_header(file, log, s + 8, (size_t)header);
}

/* Takes owned, which is data if it was read here, also where it fails. */
static lstm_status lstm__file_new(lstm_file **result, void *owned, const void *data, size_t bytes,
                                  const lstm__text_log *log)
{
	lstm_status status;
	size_t size = strlen(log->file) + 1;
	lstm_file *file = (lstm_file *)lstm__file_allocate(log, 1, sizeof(*file), &status);

	if (status != LSTM_OK) {
		lstm__file_free(owned);
		return status;
	}
	memset(file, 0, sizeof(*file));
	file->owned = owned;
	file->name = (char *)lstm__file_allocate(log, size, 1, &status);
	if (status == LSTM_OK) {
		memcpy(file->name, log->file, size);
		status = lstm__file_check(file, log, data, bytes);
	}
	if (status == LSTM_OK)
		*result = file;
	else
		lstm_file_close(file);
	return status;
}

LSTM__DEF lstm_status lstm_file_open_memory(lstm_file **file, const void *data, size_t bytes,
                                            const char *name, lstm_error *error)
{
	lstm__text_log log;

	lstm__text_clear(error);
	log.error = error;
	log.file = name ? name : "memory";
	if (file)
		*file = NULL;
	if (!file || (!data && bytes))
		return lstm__text_fail(&log, LSTM_ERR_ARG, "expected %s, found a null pointer",
		                       file ? "data" : "a place for the lstm_file");
	return lstm__file_new(file, NULL, data, bytes, &log);
}

#ifndef LSTM_NO_STDIO
/* Why a call of stdio failed, where errno tells. */
static const char *lstm__file_reason(int number, const char *otherwise)
{
#ifdef ENOENT
	if (number == ENOENT)
		return "found no file";
#endif
#ifdef EACCES
	if (number == EACCES)
		return "permission was denied";
#endif
#ifdef EISDIR
	if (number == EISDIR)
		return "found a directory";
#endif
	return otherwise;
}

static lstm_status lstm__file_slurp(FILE *stream, void **data, size_t *bytes,
                                    const lstm__text_log *log)
{
	unsigned char probe;
	lstm_status status;
	long size;

	errno = 0; /* a directory can be opened and told a size, but not be read */
	if (fread(&probe, 1, 1, stream) != 1 && ferror(stream))
		return lstm__text_fail(log, LSTM_ERR_FILE, "expected a file that can be read, %s",
		                       lstm__file_reason(errno, "reading failed"));
	if (fseek(stream, 0, SEEK_END) != 0 || (size = ftell(stream)) < 0 ||
	    (size_t)size != (unsigned long)size || fseek(stream, 0, SEEK_SET) != 0)
		return lstm__text_fail(log, LSTM_ERR_FILE,
		                       "expected a file of known size, found a pipe or the like, or "
		                       "more bytes than ftell can tell here");
	*bytes = (size_t)size;
	*data = lstm__file_allocate(log, *bytes, 1, &status);
	if (status != LSTM_OK)
		return status;
	if (fread(*data, 1, *bytes, stream) != *bytes) {
		LSTM_FREE(*data);
		return lstm__text_fail(log, LSTM_ERR_FILE,
		                       "expected to read %u bytes, reading failed before the end",
		                       (uint64_t)*bytes);
	}
	return LSTM_OK;
}

LSTM__DEF lstm_status lstm_file_open(lstm_file **file, const char *path, lstm_error *error)
{
	lstm__text_log log;
	lstm_status status;
	FILE *stream;
	void *data = NULL;
	size_t bytes = 0;

	lstm__text_clear(error);
	log.error = error;
	log.file = path ? path : "path";
	if (file)
		*file = NULL;
	if (!file || !path)
		return lstm__text_fail(&log, LSTM_ERR_ARG, "expected %s, found a null pointer",
		                       path ? "a place for the lstm_file" : "a file's name");
	errno = 0;
	stream = fopen(path, "rb");
	if (!stream)
		return lstm__text_fail(&log, LSTM_ERR_FILE,
		                       "expected a file that can be opened, %s",
		                       lstm__file_reason(errno, "opening failed"));
	status = lstm__file_slurp(stream, &data, &bytes, &log);
	fclose(stream);
	return status == LSTM_OK ? lstm__file_new(file, data, data, bytes, &log) : status;
}
#endif

/* Memory of the file's, until it is closed. */
static void *lstm__file_keep(lstm_file *file, const lstm__text_log *log, size_t count, size_t size,
                             lstm_status *status)
{
	struct lstm__file_block *block;
	size_t bytes;

	if (!lstm__multiply(count, size, &bytes) || bytes > SIZE_MAX - sizeof(*block))
		bytes = SIZE_MAX - sizeof(*block);
	block = (struct lstm__file_block *)lstm__file_allocate(log, bytes + sizeof(*block), 1,
	                                                       status);
	if (!block)
		return NULL;
	block->next = file->blocks;
	file->blocks = block;
	return block + 1;
}

/* Give back what was kept since first was the latest. */
static void lstm__file_forget(lstm_file *file, const struct lstm__file_block *first)
{
	struct lstm__file_block *block;

	while ((block = file->blocks) != first) {
		file->blocks = block->next;
		LSTM_FREE(block);
	}
}

LSTM__DEF void lstm_file_close(lstm_file *file)
{
	if (!file)
		return;
	lstm__file_forget(file, NULL);
	lstm__file_free(file->by_name);
	lstm__file_free(file->keys);
	lstm__file_free(file->entries);
	lstm__file_free(file->strings);
	lstm__file_free(file->owned);
	lstm__file_free(file->name);
	LSTM_FREE(file);
}

LSTM__DEF size_t lstm_file_count(const lstm_file *file)
{
	return file->count;
}

LSTM__DEF const lstm_tensor *lstm_file_tensor(const lstm_file *file, size_t index)
{
	return index < file->count ? &file->entries[index] : NULL;
}

LSTM__DEF const lstm_tensor *lstm_file_find(const lstm_file *file, const char *name)
{
	lstm_tensor wanted;

	memset(&wanted, 0, sizeof(wanted));
	wanted.name = name;
	return (const lstm_tensor *)lstm__file_search(file->by_name, file->count, &wanted,
	                                              lstm__file_by_name);
}

LSTM__DEF const char *lstm_file_metadata(const lstm_file *file, const char *key)
{
	const char *found = (const char *)lstm__file_search(file->keys, file->key_count, key,
	                                                    lstm__file_by_key);

	return found ? found + strlen(found) + 1 : NULL;
}

LSTM__DEF const char *lstm_file_key(const lstm_file *file, size_t index)
{
	return index < file->key_count ? (const char *)file->keys[index] : NULL;
}

/* ---- elements to fp32 ------------------------------------------------------------------------ */
static uint64_t lstm__file_little(const unsigned char *s, int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | s[bytes];
	return value;
}

/* Rounded to nearest, ties to even. */
static float lstm__file_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return (float)value;
}

LSTM__DEF lstm_status lstm_tensor_read(const lstm_tensor *tensor, float *values, size_t count)
{
	const unsigned char *s;
	size_t k, elements = 1;
	int d;

	if (!tensor || (!values && count))
		return LSTM_ERR_ARG;
	for (d = 0; d < tensor->rank; d++)
		elements *= tensor->shape[d]; /* cannot overflow, see lstm__file_place */
	if (count != elements)
		return LSTM_ERR_ARG;
	s = (const unsigned char *)tensor->data;
	switch (tensor->dtype) {
	case LSTM_DTYPE_F32:
		for (k = 0; k < count; k++)
			values[k] = lstm__float_of((uint32_t)lstm__file_little(s + 4 * k, 4));
		return LSTM_OK;
	case LSTM_DTYPE_F64:
		for (k = 0; k < count; k++)
			values[k] = lstm__file_double(lstm__file_little(s + 8 * k, 8));
		return LSTM_OK;
	case LSTM_DTYPE_F16:
		for (k = 0; k < count; k++)
			values[k] = lstm__float_of_f16((uint32_t)lstm__file_little(s + 2 * k, 2));
		return LSTM_OK;
	case LSTM_DTYPE_BF16:
		for (k = 0; k < count; k++)
			values[k] =
				lstm__float_of((uint32_t)lstm__file_little(s + 2 * k, 2) << 16);
		return LSTM_OK;
	default:
		return LSTM_ERR_FORMAT;
	}
}
#endif /* LSTM_NO_MALLOC */
/* ==== src/settings.h ========================================================================== */
/* ---- lstm.* in __metadata__: what the shapes of an LSTM cannot say --------------------------- */
/* All are optional; a key that is not listed, or a value that is not of its form, is refused.
 *
 *     lstm.gates         ifgo, the order of the gate blocks: PyTorch's, and no other
 *     lstm.direction     forward, reverse or bidirectional.  Needed for a model that only runs in
 *                        reverse; otherwise it must agree with the tensors
 *     lstm.activations   of the gates, the candidate and the output: three names, or six for a
 *                        bidirectional model whose directions differ.  Default: sigmoid,tanh,tanh.
 *                        A name can have parameters, all of them: hardsigmoid(0.2,0.5),tanh,tanh
 *     lstm.clip          limit of the pre-activations, a number above 0
 *     lstm.cell_clip     limit of the cell state, a number above 0
 *     lstm.input_forget  1: the gates are coupled, f = 1 - i.  0: they are not
 *     lstm.bias          single: there is one bias, bias_ih, and no bias_hh
 *
 * Activations: sigmoid tanh relu linear softsign softplus hardsigmoid_keras3, with one parameter
 * leakyrelu(alpha) thresholdedrelu(alpha) elu(alpha), with two affine(alpha,beta)
 * scaledtanh(alpha,beta) hardsigmoid(alpha,beta).  Without them the ONNX operator's defaults hold.
 * Numbers have the form -1.25e-3, in every locale; there are no spaces. */
#ifndef LSTM_NO_MALLOC
static const struct lstm__settings_function {
	const char *name;
	lstm_function function;
	int parameters;
} lstm__settings_functions[] = {
	{"sigmoid", LSTM_SIGMOID, 0},
	{"tanh", LSTM_TANH, 0},
	{"relu", LSTM_RELU, 0},
	{"linear", LSTM_LINEAR, 0},
	{"affine", LSTM_AFFINE, 2},
	{"leakyrelu", LSTM_LEAKY_RELU, 1},
	{"thresholdedrelu", LSTM_THRESHOLDED_RELU, 1},
	{"scaledtanh", LSTM_SCALED_TANH, 2},
	{"hardsigmoid", LSTM_HARD_SIGMOID, 2},
	{"hardsigmoid_keras3", LSTM_HARD_SIGMOID_KERAS3, 0},
	{"elu", LSTM_ELU, 1},
	{"softsign", LSTM_SOFTSIGN, 0},
	{"softplus", LSTM_SOFTPLUS, 0},
};

/* Each of the settings below reads a value and answers NULL, or what was expected instead. */
static const char *lstm__settings_activation(const char **text, lstm_activation *activation)
{
	const struct lstm__settings_function *f = lstm__settings_functions;
	const struct lstm__settings_function *end =
		f + sizeof(lstm__settings_functions) / sizeof(lstm__settings_functions[0]);
	const char *s = *text;
	size_t size = strcspn(s, "(),");

	while (f < end && (strlen(f->name) != size || memcmp(f->name, s, size) != 0))
		f++;
	if (f == end)
		return "names such as sigmoid or hardsigmoid(0.2,0.5)";
	activation->function = f->function;
	activation->alpha = activation->beta = 0;
	s += size;
	if (*s == '(') {
		s++;
		if (f->parameters == 0)
			return "no parameters where a function has none";
		if (!lstm__text_decimal(&s, &activation->alpha) ||
		    (f->parameters == 2 &&
		     (*s++ != ',' || !lstm__text_decimal(&s, &activation->beta))) ||
		    *s++ != ')')
			return f->parameters == 2 ? "two numbers in parentheses, or none"
			                          : "one number in parentheses, or none";
		if (activation->alpha == 0 && activation->beta == 0)
			return "parameters that are not all zero, which stands for the defaults";
	}
	*text = s;
	return NULL;
}

static const char *lstm__settings_activations(const char *value, lstm_desc *desc)
{
	int count = 0, most = desc->direction == LSTM_BIDIRECTIONAL ? 6 : 3;
	const char *expected;

	do {
		if (count == most)
			return most == 6 ? "three or six activations" : "three activations";
		expected =
			lstm__settings_activation(&value, &desc->activations[count / 3][count % 3]);
		if (expected)
			return expected;
		count++;
	} while (*value == ',' && *++value);
	if (*value != '\0' || value[-1] == ',')
		return "names with a comma in between";
	if (count % 3)
		return most == 6 ? "three or six activations" : "three activations";
	return NULL;
}

static const char *lstm__settings_direction(const char *value, lstm_desc *desc)
{
	int both = desc->direction == LSTM_BIDIRECTIONAL;

	if (strcmp(value, "bidirectional") == 0)
		return both ? NULL : "forward or reverse, as there are tensors of one direction";
	if (strcmp(value, "forward") != 0 && strcmp(value, "reverse") != 0)
		return "forward, reverse or bidirectional";
	if (both)
		return "bidirectional, as there are tensors of both directions";
	desc->direction = *value == 'r' ? LSTM_REVERSE : LSTM_FORWARD;
	return NULL;
}

static const char *lstm__settings_limit(const char *value, float *limit)
{
	return lstm__text_decimal(&value, limit) && *value == '\0' && *limit > 0
	               ? NULL
	               : "a number above 0 in the range of fp32";
}

static const char *lstm__settings_read(const char *name, const char *value, lstm_desc *desc,
                                       int *single_bias)
{
	if (strcmp(name, "gates") == 0)
		return strcmp(value, "ifgo") == 0 ? NULL : "ifgo";
	if (strcmp(name, "direction") == 0)
		return lstm__settings_direction(value, desc);
	if (strcmp(name, "activations") == 0)
		return lstm__settings_activations(value, desc);
	if (strcmp(name, "clip") == 0)
		return lstm__settings_limit(value, &desc->clip);
	if (strcmp(name, "cell_clip") == 0)
		return lstm__settings_limit(value, &desc->cell_clip);
	if (strcmp(name, "input_forget") == 0) {
		desc->input_forget = *value == '1';
		return strcmp(value, "0") == 0 || strcmp(value, "1") == 0 ? NULL : "0 or 1";
	}
	if (strcmp(name, "bias") == 0) {
		*single_bias = 1;
		return strcmp(value, "single") == 0 ? NULL : "single";
	}
	return "a key of gates, direction, activations, clip, cell_clip, input_forget, bias";
}

/* desc->direction says of which directions there are tensors. */
static lstm_status lstm__settings_load(const lstm_file *file, const lstm__text_log *log,
                                       lstm_desc *desc, int *single_bias)
{
	size_t k;

	for (k = 0; k < file->key_count; k++) {
		const char *key = (const char *)file->keys[k], *value = key + strlen(key) + 1;
		const char *expected;

		if (strncmp(key, "lstm.", 5) != 0)
			continue;
		expected = lstm__settings_read(key + 5, value, desc, single_bias);
		if (expected)
			return lstm__text_fail(log, LSTM_ERR_FORMAT,
			                       "metadata %q: expected %s, found %q", key, expected,
			                       value);
	}
	return LSTM_OK;
}
#endif /* LSTM_NO_MALLOC */
/* ==== src/load_codes.h ======================================================================== */
/* ---- matrices of int8 codes: a scale for each row in a tensor beside them -------------------- */
#ifndef LSTM_NO_MALLOC
#define LSTM__LOAD_SCALE ".scale"

/* The scales [rows] under this name, checked: each finite and above 0. */
static lstm_status lstm__load_scales(lstm_file *file, const lstm__text_log *log, const char *name,
                                     const char *beside, size_t rows, const float **scales)
{
	const lstm_tensor *tensor = lstm_file_find(file, name);
	lstm_tensor wanted;
	lstm_status status;
	float *values;
	size_t k;

	memset(&wanted, 0, sizeof(wanted));
	wanted.rank = 1;
	wanted.shape[0] = rows;
	if (!tensor)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected it beside %q of I8, found none", name,
		                       beside);
	if (tensor->dtype != LSTM_DTYPE_F32)
		return lstm__text_fail(log, LSTM_ERR_FORMAT, "tensor %q: expected F32, found %s",
		                       name, tensor->type);
	if (tensor->rank != 1 || tensor->shape[0] != rows)
		return lstm__text_fail(log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected shape %t, found %t", name, &wanted,
		                       tensor);
	values = (float *)lstm__file_keep(file, log, rows, sizeof(float), &status);
	if (values)
		status = lstm_tensor_read(tensor, values, rows);
	for (k = 0; k < rows && status == LSTM_OK; k++)
		if (!(values[k] > 0 && values[k] < INFINITY))
			return lstm__text_fail(log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected finite scales above 0, found "
			                       "another one of row %u",
			                       name, (uint64_t)k);
	*scales = values;
	return status;
}

/* The weights that these codes stand for, from which the codes follow again. */
static lstm_status lstm__load_codes(lstm_file *file, const lstm__text_log *log,
                                    const lstm_tensor *tensor, const float *scales,
                                    const float **weights)
{
	const signed char *codes = (const signed char *)tensor->data;
	size_t rows = tensor->shape[0], columns = tensor->shape[1], row, k;
	lstm_status status;
	float *values = (float *)lstm__file_keep(file, log, rows * columns, sizeof(float), &status);

	*weights = values;
	for (row = 0; row < rows && values; row++)
		for (k = 0; k < columns; k++, values++) {
			const int code = codes[row * columns + k];

			if (code == -128)
				return lstm__text_fail(
					log, LSTM_ERR_FORMAT,
					"tensor %q: expected codes of -127 to 127, found -128 at "
					"[%u, %u]",
					tensor->name, (uint64_t)row, (uint64_t)k);
			*values = (float)code * scales[row];
		}
	return status;
}
#endif /* LSTM_NO_MALLOC */
/* ==== src/load.h ============================================================================== */
/* ---- an LSTM from a file: find it, infer its sizes, check every tensor ----------------------- */
#ifndef LSTM_NO_MALLOC
enum { /* the tensors of one layer and direction, in the order of lstm_weights */
       LSTM__LOAD_IH,
       LSTM__LOAD_HH,
       LSTM__LOAD_BIAS,
       LSTM__LOAD_BIAS2,
       LSTM__LOAD_PEEPHOLE,
       LSTM__LOAD_HR,
       LSTM__LOAD_STEMS
};

static const char *const lstm__load_stems[LSTM__LOAD_STEMS] = {
	"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_peephole", "weight_hr",
};

#define LSTM__LOAD_LISTED 4           /* names in a message that lists what there is */
#define LSTM__LOAD_LARGEST 0x7fffffff /* sizes are ints in lstm_desc */
#define LSTM__LOAD_NAME 64            /* weight_peephole_l2147483647_reverse, and longer */

typedef struct lstm__load {
	lstm_file *file;
	lstm__text_log log;
	lstm_desc *desc;
	char *name;          /* the prefix, then room for the rest of a tensor's name */
	size_t prefix;       /* its length */
	unsigned char *used; /* [tensors of the file]: belongs to the LSTM */
	int cell;            /* names are an LSTMCell's, without _l0 */
	int directions, single_bias;
	unsigned types;     /* of a layer's matrices: a bit for each lstm_dtype */
	lstm_dtype *dtypes; /* [layers] */
} lstm__load;

static int lstm__load_ends(const char *name, const char *end)
{
	size_t size = strlen(name), tail = strlen(end);

	return size >= tail && strcmp(name + size - tail, end) == 0;
}

/* Put a tensor's name together in load->name. */
static const char *lstm__load_name(const lstm__load *load, int stem, int layer, int reverse)
{
	char digits[12], *d = digits + sizeof(digits) - 1, *out = load->name + load->prefix;

	strcpy(out, lstm__load_stems[stem]);
	if (!load->cell) {
		*d = '\0';
		do
			*--d = (char)('0' + layer % 10);
		while (layer /= 10);
		strcat(out, "_l");
		strcat(out, d);
	}
	if (reverse)
		strcat(out, "_reverse");
	return load->name;
}

static const lstm_tensor *lstm__load_find(const lstm__load *load, int stem, int layer, int reverse)
{
	return lstm_file_find(load->file, lstm__load_name(load, stem, layer, reverse));
}

/* 1 if the tensor is the first of an LSTM, and how long its prefix is. */
static int lstm__load_is_first(const lstm_tensor *tensor, size_t *prefix)
{
	size_t size = strlen(tensor->name);

	if (lstm__load_ends(tensor->name, "weight_ih_l0"))
		*prefix = size - strlen("weight_ih_l0");
	else if (lstm__load_ends(tensor->name, "weight_ih"))
		*prefix = size - strlen("weight_ih");
	else
		return 0;
	return 1;
}

/* Refuse a file in which the prefix wanted, or any if that is NULL, has not one LSTM: list the
 * LSTMs there are or, where there are none, the tensors. */
static lstm_status lstm__load_fail_prefix(const lstm__load *load, const char *wanted, size_t firsts)
{
	const lstm_tensor *tensor;
	size_t k, prefix, count = 0, total = firsts ? firsts : load->file->count;
	lstm__text t;

	if (!load->log.error)
		return LSTM_ERR_FORMAT;
	lstm__text_begin(&t, &load->log, LSTM_ERR_FORMAT);
	if (wanted)
		lstm__text_say(&t, "expected weight_ih_l0 or weight_ih under prefix %q", wanted);
	else if (firsts)
		lstm__text_say(&t, "expected one LSTM, or a prefix that chooses one");
	else
		lstm__text_say(&t, "expected a tensor weight_ih_l0 or weight_ih, of any prefix");
	for (k = 0; k < load->file->count && count < LSTM__LOAD_LISTED; k++) {
		tensor = (const lstm_tensor *)load->file->by_name[k];
		if (firsts && !lstm__load_is_first(tensor, &prefix))
			continue;
		lstm__text_say(&t, count++ ? ", %q" : ", found %q", tensor->name);
	}
	if (total > count)
		lstm__text_say(&t, " and %u more", (uint64_t)(total - count));
	lstm__text_say(&t, total ? "" : ", found no tensor at all");
	return LSTM_ERR_FORMAT;
}

/* Settle prefix and cell: by what is wanted, or by the only LSTM there is. */
static lstm_status lstm__load_prefix(lstm__load *load, const char *wanted)
{
	const lstm_tensor *tensor, *first = NULL;
	const char *prefix = wanted;
	size_t k, size, firsts = 0;
	int differ = 0, layers, cell;
	lstm_status status;

	load->prefix = wanted ? strlen(wanted) : 0;
	for (k = 0; k < load->file->count; k++) {
		tensor = (const lstm_tensor *)load->file->by_name[k];
		if (!lstm__load_is_first(tensor, &size))
			continue;
		firsts++;
		if (wanted)
			continue;
		if (!first) {
			first = tensor;
			prefix = tensor->name;
			load->prefix = size;
		} else if (size != load->prefix || memcmp(prefix, tensor->name, size) != 0) {
			differ = 1;
		}
	}
	if (!prefix || differ)
		return lstm__load_fail_prefix(load, wanted, firsts);
	load->name =
		(char *)lstm__file_allocate(&load->log, load->prefix + LSTM__LOAD_NAME, 1, &status);
	if (status != LSTM_OK)
		return status;
	memcpy(load->name, prefix, load->prefix);
	layers = lstm__load_find(load, LSTM__LOAD_IH, 0, 0) != NULL;
	load->cell = 1;
	cell = lstm__load_find(load, LSTM__LOAD_IH, 0, 0) != NULL;
	load->cell = !layers;
	if (!layers && !cell)
		return lstm__load_fail_prefix(load, wanted, firsts);
	if (layers && cell)
		return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected this or one without _l0, found both",
		                       lstm__load_name(load, LSTM__LOAD_IH, 0, 0));
	return LSTM_OK;
}

static void lstm__load_use(lstm__load *load, const lstm_tensor *tensor)
{
	load->used[tensor - load->file->entries] = 1;
}

/* A matrix of codes under the name in load->name, with its scales. */
static lstm_status lstm__load_take_codes(lstm__load *load, const lstm_tensor *tensor,
                                         const float **values, const float **scales)
{
	lstm_status status;

	strcat(load->name, LSTM__LOAD_SCALE);
	status = lstm__load_scales(load->file, &load->log, load->name, tensor->name,
	                           tensor->shape[0], scales);
	if (status != LSTM_OK)
		return status;
	lstm__load_use(load, lstm_file_find(load->file, load->name));
	return lstm__load_codes(load->file, &load->log, tensor, *scales, values);
}

/* The tensor under the name in load->name is used as values[rows][columns], where columns = 0
 * stands for a vector; *values is NULL if there is no such tensor.  Codes have *scales, which is
 * NULL where they cannot be. */
static lstm_status lstm__load_take(lstm__load *load, size_t rows, size_t columns,
                                   const float **values, const float **scales)
{
	const lstm_tensor *tensor = lstm_file_find(load->file, load->name);
	const uint16_t one = 1;
	lstm_tensor wanted;
	lstm_status status;
	float *copy;

	*values = NULL;
	if (!tensor)
		return LSTM_OK;
	memset(&wanted, 0, sizeof(wanted));
	wanted.rank = columns ? 2 : 1;
	wanted.shape[0] = rows;
	wanted.shape[1] = columns;
	if (tensor->dtype == LSTM_DTYPE_OTHER || (tensor->dtype == LSTM_DTYPE_I8 && !scales))
		return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected F32, F64, F16%s, found %s",
		                       tensor->name, scales ? ", BF16 or I8" : " or BF16",
		                       tensor->type);
	if (tensor->rank != wanted.rank || tensor->shape[0] != rows ||
	    (columns && tensor->shape[1] != columns))
		return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected shape %t, found %t", tensor->name,
		                       &wanted, tensor);
	lstm__load_use(load, tensor);
	if (scales)
		load->types |= 1u << tensor->dtype;
	if (tensor->dtype == LSTM_DTYPE_I8)
		return lstm__load_take_codes(load, tensor, values, scales);
	if (tensor->dtype == LSTM_DTYPE_F32 && (uintptr_t)tensor->data % sizeof(float) == 0 &&
	    *(const unsigned char *)&one == 1) {
		*values = (const float *)tensor->data; /* in place: as this machine writes fp32 */
		return LSTM_OK;
	}
	rows *= columns ? columns : 1;
	copy = (float *)lstm__file_keep(load->file, &load->log, rows, sizeof(float), &status);
	if (copy)
		status = lstm_tensor_read(tensor, copy, rows);
	*values = copy;
	return status;
}

/* Infer the sizes from the first layer's matrices, and layers and direction from what is there. */
static lstm_status lstm__load_sizes(lstm__load *load)
{
	lstm_desc *desc = load->desc;
	const lstm_tensor *first = lstm__load_find(load, LSTM__LOAD_IH, 0, 0), *projection;

	if (first->rank != 2 || first->shape[0] % 4 || first->shape[0] == 0 ||
	    first->shape[1] == 0 || first->shape[0] > LSTM__LOAD_LARGEST ||
	    first->shape[1] > LSTM__LOAD_LARGEST)
		return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
		                       "tensor %q: expected shape [4 * hidden, input], found %t",
		                       first->name, first);
	desc->hidden = (int)(first->shape[0] / 4);
	desc->input = (int)first->shape[1];
	projection = lstm__load_find(load, LSTM__LOAD_HR, 0, 0);
	if (projection) {
		if (projection->rank != 2 || projection->shape[1] != (size_t)desc->hidden ||
		    projection->shape[0] == 0 || projection->shape[0] > LSTM__LOAD_LARGEST)
			return lstm__text_fail(
				&load->log, LSTM_ERR_FORMAT,
				"tensor %q: expected shape [projection, %u], found %t",
				projection->name, (uint64_t)desc->hidden, projection);
		desc->projection = (int)projection->shape[0];
	}
	desc->layers = 1;
	load->directions = 1;
	if (load->cell)
		return LSTM_OK;
	while (lstm__load_find(load, LSTM__LOAD_IH, desc->layers, 0))
		desc->layers++;
	if (lstm__load_find(load, LSTM__LOAD_IH, 0, 1)) {
		load->directions = 2;
		desc->direction = LSTM_BIDIRECTIONAL;
	}
	return LSTM_OK;
}

static lstm_status lstm__load_layer(lstm__load *load, int layer, int reverse, lstm_weights *weights)
{
	const float **fields[LSTM__LOAD_STEMS], **scales[LSTM__LOAD_STEMS];
	const lstm_desc *desc = load->desc;
	size_t hidden = (size_t)desc->hidden;
	size_t output = (size_t)(desc->projection ? desc->projection : desc->hidden);
	size_t rows[LSTM__LOAD_STEMS], columns[LSTM__LOAD_STEMS];
	int stem, other;
	lstm_status status;

	memset(columns, 0, sizeof(columns));
	for (stem = 0; stem < LSTM__LOAD_STEMS; stem++) {
		rows[stem] = 4 * hidden;
		scales[stem] = NULL;
	}
	columns[LSTM__LOAD_IH] = layer ? (size_t)load->directions * output : (size_t)desc->input;
	columns[LSTM__LOAD_HH] = output;
	rows[LSTM__LOAD_PEEPHOLE] = 3 * hidden;
	rows[LSTM__LOAD_HR] = output;
	columns[LSTM__LOAD_HR] = hidden;
	fields[LSTM__LOAD_IH] = &weights->w;
	fields[LSTM__LOAD_HH] = &weights->u;
	fields[LSTM__LOAD_BIAS] = &weights->b;
	fields[LSTM__LOAD_BIAS2] = &weights->b2;
	fields[LSTM__LOAD_PEEPHOLE] = &weights->peephole;
	fields[LSTM__LOAD_HR] = &weights->projection;
	scales[LSTM__LOAD_IH] = &weights->w_scale;
	scales[LSTM__LOAD_HH] = &weights->u_scale;
	scales[LSTM__LOAD_HR] = &weights->projection_scale;
	for (stem = 0; stem < LSTM__LOAD_STEMS; stem++) {
		if (stem == LSTM__LOAD_HR && !desc->projection)
			break; /* if there is one in this layer, it is left over */
		lstm__load_name(load, stem, layer, reverse);
		status = lstm__load_take(load, rows[stem], columns[stem], fields[stem],
		                         scales[stem]);
		if (status != LSTM_OK)
			return status;
		if (columns[stem] && !*fields[stem])
			return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected one of this name, found none",
			                       load->name);
	}
	if (load->single_bias && weights->b2)
		return lstm__text_fail(
			&load->log, LSTM_ERR_FORMAT,
			"tensor %q: expected none, as metadata 'lstm.bias' is 'single'",
			lstm__load_name(load, LSTM__LOAD_BIAS2, layer, reverse));
	if (!load->single_bias && !weights->b != !weights->b2) {
		other = weights->b ? LSTM__LOAD_BIAS2 : LSTM__LOAD_BIAS;
		return lstm__text_fail(
			&load->log, LSTM_ERR_FORMAT,
			"tensor %q: expected it beside %s, found none%s",
			lstm__load_name(load, other, layer, reverse),
			lstm__load_stems[LSTM__LOAD_BIAS + LSTM__LOAD_BIAS2 - other],
			weights->b ? " (one bias alone needs metadata lstm.bias = single)" : "");
	}
	return LSTM_OK;
}

/* Nothing of the LSTM's own may be left unused: it would mean that the model is another one than was
 * loaded.  Its own are its names with any layer and direction and, where the prefix is a module's
 * ("rnn."), all that stands directly in it but the two tensors of where it starts, which the caller
 * reads; "rnn.head.weight" is another module's. */
static lstm_status lstm__load_check_rest(const lstm__load *load)
{
	const lstm_tensor *tensor;
	const char *rest;
	size_t k, stem;

	load->name[load->prefix] = '\0';
	for (k = 0; k < load->file->count; k++) {
		tensor = &load->file->entries[k];
		if (load->used[k] || strncmp(tensor->name, load->name, load->prefix) != 0)
			continue;
		rest = tensor->name + load->prefix;
		for (stem = 0; stem < LSTM__LOAD_STEMS; stem++)
			if (strncmp(rest, lstm__load_stems[stem],
			            strlen(lstm__load_stems[stem])) == 0)
				return lstm__text_fail(
					&load->log, LSTM_ERR_FORMAT,
					"tensor %q: expected none beyond the layers found "
					"(%u, in %s)",
					tensor->name, (uint64_t)load->desc->layers,
					load->directions == 2 ? "both directions"
							      : "one direction");
		if (lstm__load_ends(load->name, ".") && !strchr(rest, '.') &&
		    strcmp(rest, "initial_h") != 0 && strcmp(rest, "initial_c") != 0)
			return lstm__text_fail(&load->log, LSTM_ERR_FORMAT,
			                       "tensor %q: expected only the LSTM's own directly "
			                       "under prefix %q, found this one too",
			                       tensor->name, load->name);
	}
	return LSTM_OK;
}

/* What a layer's weights are to be, where nobody says: what all its matrices are, if models of this
 * build can keep that. */
static lstm_dtype lstm__load_dtype(unsigned types)
{
	if (!LSTM__LOW)
		return LSTM_DTYPE_F32;
	if (types == 1u << LSTM_DTYPE_F16)
		return LSTM_DTYPE_F16;
	if (types == 1u << LSTM_DTYPE_BF16)
		return LSTM_DTYPE_BF16;
	return types == 1u << LSTM_DTYPE_I8 ? LSTM_DTYPE_I8 : LSTM_DTYPE_F32;
}

static lstm_status lstm__load_all(lstm__load *load, const char *prefix, const lstm_weights **result)
{
	lstm_weights *weights;
	size_t count;
	int layer, reverse;
	lstm_status status = lstm__load_prefix(load, prefix);

	if (status == LSTM_OK)
		status = lstm__load_sizes(load);
	if (status == LSTM_OK)
		status =
			lstm__settings_load(load->file, &load->log, load->desc, &load->single_bias);
	if (status == LSTM_OK)
		load->used = (unsigned char *)lstm__file_allocate(&load->log, load->file->count, 1,
		                                                  &status);
	if (status != LSTM_OK)
		return status;
	memset(load->used, 0, load->file->count);
	count = (size_t)load->desc->layers * (size_t)load->directions;
	weights = (lstm_weights *)lstm__file_keep(load->file, &load->log, count, sizeof(*weights),
	                                          &status);
	if (status != LSTM_OK)
		return status;
	memset(weights, 0, count * sizeof(*weights));
	*result = weights;
	load->dtypes = (lstm_dtype *)lstm__file_keep(
		load->file, &load->log, (size_t)load->desc->layers, sizeof(*load->dtypes), &status);
	for (layer = 0; layer < load->desc->layers && status == LSTM_OK; layer++) {
		load->types = 0;
		for (reverse = 0; reverse < load->directions && status == LSTM_OK; reverse++)
			status = lstm__load_layer(load, layer, reverse, weights++);
		load->dtypes[layer] = lstm__load_dtype(load->types);
	}
	return status == LSTM_OK ? lstm__load_check_rest(load) : status;
}
#endif /* LSTM_NO_MALLOC */
/* ==== src/load_model.h ======================================================================== */
/* ---- the calls: describe the LSTM of a file, make its model ------------------------------------ */
#ifndef LSTM_NO_MALLOC
/* What the model keeps: what is asked for, or what each layer of the file is. */
static void lstm__load_types(const lstm__load *load, lstm_dtype asked)
{
	lstm_desc *desc = load->desc;
	int layer;

	desc->dtype = asked != LSTM_DTYPE_OTHER ? asked : load->dtypes[0];
	for (layer = 1; layer < desc->layers && asked == LSTM_DTYPE_OTHER; layer++)
		if (load->dtypes[layer] != load->dtypes[0]) {
			desc->dtype = LSTM_DTYPE_F32;
			desc->dtypes = load->dtypes;
		}
}

LSTM__DEF lstm_status lstm_file_lstm(lstm_file *file, const lstm_load_args *args, lstm_desc *desc,
                                     const lstm_weights **weights, lstm_error *error)
{
	const struct lstm__file_block *kept;
	lstm__load load;
	lstm_status status;

	lstm__text_clear(error);
	memset(&load, 0, sizeof(load));
	load.log.error = error;
	load.log.file = file ? file->name : "file";
	if (!file || !desc || !weights)
		return lstm__text_fail(
			&load.log, LSTM_ERR_ARG,
			"expected a file, a description and weights, found a null pointer");
	memset(desc, 0, sizeof(*desc));
	*weights = NULL;
	load.file = file;
	load.desc = desc;
	kept = file->blocks;
	status = lstm__load_all(&load, args ? args->prefix : NULL, weights);
	lstm__file_free(load.name);
	lstm__file_free(load.used);
	if (status == LSTM_OK) {
		desc->isa = args ? args->isa : LSTM_ISA_AUTO;
		lstm__load_types(&load, args ? args->dtype : LSTM_DTYPE_OTHER);
	} else {
		lstm__file_forget(file, kept);
		memset(desc, 0, sizeof(*desc));
		*weights = NULL;
	}
	return status;
}

/* The rest of loading in one call, after the file was opened with this status. */
static lstm_status lstm__load_model(lstm_model **model, lstm_file *file, lstm_status status,
                                    const lstm_load_args *args, lstm_error *error)
{
	const lstm_weights *weights;
	lstm_desc desc;
	lstm__text_log log;

	if (status != LSTM_OK)
		return status;
	status = lstm_file_lstm(file, args, &desc, &weights, error);
	if (status == LSTM_OK) {
		status = lstm_model_new(model, &desc, weights);
		log.error = error;
		log.file = file->name;
		if (status != LSTM_OK)
			lstm__text_fail(&log, status, "model of input %u, hidden %u, layers %u: %s",
			                (uint64_t)desc.input, (uint64_t)desc.hidden,
			                (uint64_t)desc.layers, lstm_strerror(status));
	}
	lstm_file_close(file);
	return status;
}

static lstm_status lstm__load_no_model(const char *name, lstm_error *error)
{
	lstm__text_log log;

	log.error = error;
	log.file = name ? name : "model";
	return lstm__text_fail(&log, LSTM_ERR_ARG,
	                       "expected a place for the lstm_model, found a null pointer");
}

#ifndef LSTM_NO_STDIO
LSTM__DEF lstm_status lstm_model_load(lstm_model **model, const char *path,
                                      const lstm_load_args *args, lstm_error *error)
{
	lstm_file *file;
	lstm_status status;

	if (!model)
		return lstm__load_no_model(path, error);
	*model = NULL;
	status = lstm_file_open(&file, path, error);
	return lstm__load_model(model, file, status, args, error);
}
#endif

LSTM__DEF lstm_status lstm_model_load_memory(lstm_model **model, const void *data, size_t bytes,
                                             const char *name, const lstm_load_args *args,
                                             lstm_error *error)
{
	lstm_file *file;
	lstm_status status;

	if (!model)
		return lstm__load_no_model(name, error);
	*model = NULL;
	status = lstm_file_open_memory(&file, data, bytes, name, error);
	return lstm__load_model(model, file, status, args, error);
}
#endif /* LSTM_NO_MALLOC */
/* ==== src/end.h =============================================================================== */
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif
#endif

#else /* LSTM__PASS: the header includes itself here, for each vector instruction set and kind of
       * weights */

/* ==== simd/avx2.h ============================================================================= */
#if LSTM__PASS == LSTM__AVX2
/* The words of AVX2 with FMA and F16C: 8 lanes, 16 registers. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#define LSTM__V(name) lstm__##name##_avx2
#define LSTM__ISA LSTM_ISA_AVX2
#define LSTM__TARGET __attribute__((target("avx2,fma,f16c")))
#define LSTM__LANES 8
#define LSTM__UNITS 2
/* fp32 has a function for either kind of blocks: its loops do nothing but load, and take 1.08 to 1.15 times
 * as long (64x64 to 256x256 on a Xeon) where the distances are no constants. */
#define LSTM__WIDE (LSTM__WEIGHTS != LSTM__F32)
#if LSTM__WEIGHTS == LSTM__F32
#ifdef LSTM__HAVE_AVX512
#define LSTM__MAKES_HALVES 1
#endif
#define LSTM__JOINS 1
#define lstm__last_of(v) (v)
#define lstm__four(p) _mm256_broadcast_ps((const __m128 *)(const void *)(p)) /* in both halves */
#define lstm__pick(v, i) _mm256_permute_ps(v, 0x55 * (i))
#endif
#ifdef __clang__ /* which has f16 on the stack with three */
#define LSTM__STREAMS (LSTM__WEIGHTS == LSTM__F32 || LSTM__WEIGHTS == LSTM__I8_DOT ? 3 : 2)
#else
#define LSTM__STREAMS (LSTM__WEIGHTS == LSTM__I8 || LSTM__WEIGHTS == LSTM__BF16 ? 2 : 3)
#endif
#define lstm__vf __m256
#define lstm__vm __m256

#define lstm__set(x) _mm256_set1_ps(x)
#define lstm__splat(p) _mm256_broadcast_ss(p)
#define lstm__load(p) _mm256_loadu_ps(p)
#define lstm__store(p, v) _mm256_storeu_ps(p, v)
#if LSTM__WEIGHTS == LSTM__F32 || LSTM__WEIGHTS == LSTM__BF16
#define lstm__fetch_near(p) _mm_prefetch(p, _MM_HINT_T0)
#define lstm__fetch_far(p) _mm_prefetch(p, _MM_HINT_T1)
#endif
#define lstm__store_n(p, v, n)                                                                     \
	_mm256_maskstore_ps(p,                                                                     \
	                    _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)),                        \
	                                       _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),         \
	                    v)
#define lstm__add(a, b) _mm256_add_ps(a, b)
#define lstm__sub(a, b) _mm256_sub_ps(a, b)
#define lstm__mul(a, b) _mm256_mul_ps(a, b)
#define lstm__div(a, b) _mm256_div_ps(a, b)
#define lstm__fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define lstm__fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define lstm__min(limit, x) _mm256_min_ps(limit, x)
#define lstm__max(limit, x) _mm256_max_ps(limit, x)
#define lstm__abs(x) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x)
#define lstm__lt(a, b) _mm256_cmp_ps(a, b, _CMP_LT_OQ)
#define lstm__le(a, b) _mm256_cmp_ps(a, b, _CMP_LE_OQ)
#define lstm__select(m, a, b) _mm256_blendv_ps(b, a, m)
#define lstm__clear(m, x) _mm256_andnot_ps(m, x)
#define lstm__scale(x, t)                                                                          \
	_mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(t), 23),        \
	                                     _mm256_castps_si256(x)))

#define lstm__vi __m256i
#define lstm__set_i(x) _mm256_set1_epi32(x)
#define lstm__splat_i(p) _mm256_castps_si256(_mm256_broadcast_ss(p))
#define lstm__load_i(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define lstm__xor_i(a, b) _mm256_xor_si256(a, b)
#define lstm__add_i(a, b) _mm256_add_epi32(a, b)
#define lstm__mul_i(a, b) _mm256_mullo_epi32(a, b)
#define lstm__max_i(a, b) _mm256_max_epi32(a, b)
#define lstm__max_u(a, b) _mm256_max_epu32(a, b)
#define lstm__most(above, below, high, low) lstm__most_avx2(above, below, high, low)
#define lstm__bits(v) _mm256_castps_si256(v)
#define lstm__to_float(v) _mm256_cvtepi32_ps(v)
#define lstm__round(v) _mm256_cvtps_epi32(v)
#define lstm__low_bf16(v) _mm256_castsi256_ps(_mm256_slli_epi32(v, 16))
#define lstm__high_bf16(v)                                                                         \
	_mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32((int)0xffff0000)))
#define lstm__load_f16(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#if LSTM__WEIGHTS == LSTM__I8_DOT
#define LSTM__STORED 0 /* AVX-VNNI's instruction takes one side unsigned */
#define lstm__dot4(sum, w, x) lstm__dot4_i8dot_avx2(sum, w, x)
#define lstm__store_codes(p, v) lstm__store_codes_i8dot_avx2(p, v)
#else
/* Two products fit in 16 bits: magnitudes are 128 at most, w ^ m is -128 .. 127. */
#define LSTM__STORED 128
#define LSTM__SIGNED (LSTM__WEIGHTS == LSTM__I8)
#define lstm__min_i(a, b) _mm256_min_epi32(a, b)
#define lstm__first_i(v, n)                                                                        \
	_mm256_and_si256(v, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)),                        \
	                                       _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)))
#define lstm__store_codes(p, v) lstm__store_codes_avx2(p, v)
#define lstm__ones() lstm__ones_i8_avx2()
#define lstm__dot4_signed(sum, w, x, signs, ones) lstm__dot4_i8_avx2(sum, w, x, signs, ones)
#endif
#define LSTM__SLEEF_EXP "Sleef_finz_expf8_u10avx2"
#define LSTM__SLEEF_TANH "Sleef_finz_tanhf8_u35avx2"

#if LSTM__WEIGHTS == LSTM__I8
/* The largest lane of each, as a float. */
LSTM__INLINE void lstm__most_avx2(__m256i above, __m256i below, float *high, float *low)
{
	const __m256i both = _mm256_max_epi32(_mm256_permute2x128_si256(above, below, 0x20),
	                                      _mm256_permute2x128_si256(above, below, 0x31));
	const __m256i pair = _mm256_max_epi32(both, _mm256_shuffle_epi32(both, 0x4e));
	const __m256i one = _mm256_max_epi32(pair, _mm256_shuffle_epi32(pair, 0xb1));
	*high = _mm256_cvtss_f32(_mm256_castsi256_ps(one));
	*low = _mm_cvtss_f32(_mm_castsi128_ps(_mm256_extracti128_si256(one, 1)));
}

/* Two words of magnitudes, each with its signs behind it. */
LSTM__INLINE void lstm__store_codes_avx2(unsigned char *p, __m256i v)
{
	const __m128i pairs = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
	const __m128i codes = _mm_packs_epi16(pairs, pairs);
	const __m128i signs = _mm_cmpgt_epi8(_mm_setzero_si128(), codes);
	_mm_storeu_si128((__m128i *)(void *)p, _mm_unpacklo_epi32(_mm_abs_epi8(codes), signs));
}

/* In a register: Clang would load them at every use. */
LSTM__INLINE __m256i lstm__ones_i8_avx2(void)
{
	__m256i ones = _mm256_set1_epi16(1);
	__asm__("" : "+x"(ones));
	return ones;
}

LSTM__INLINE __m256i lstm__dot4_i8_avx2(__m256i sum, __m256i w, __m256i x, __m256i signs,
                                        __m256i ones)
{
	const __m256i pairs = _mm256_maddubs_epi16(x, _mm256_xor_si256(w, signs));
	sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
#ifndef __clang__ /* GCC 12 keeps sums on the stack if it may make all pairs first */
	__asm__ __volatile__("" : "+x"(sum));
#endif
	return sum;
}

/* What the row says of its negative codes, whose sums these are. */
LSTM__INLINE void lstm__code_sum_i8_avx2(float *to, __m256i negative)
{
	__m128i sum = _mm_add_epi32(_mm256_castsi256_si128(negative),
	                            _mm256_extracti128_si256(negative, 1));
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
	_mm_store_ss(to, _mm_castsi128_ps(_mm_sub_epi32(_mm_setzero_si128(), sum)));
}
#endif
#if LSTM__WEIGHTS == LSTM__I8_DOT
/* By its name: see AVX-512's. */
LSTM__INLINE __m256i lstm__dot4_i8dot_avx2(__m256i sum, __m256i w, __m256i x)
{
	__asm__("%{vex%} vpdpbusd {%2, %1, %0|%0, %1, %2}" : "+x"(sum) : "x"(x), "x"(w));
	return sum;
}

LSTM__INLINE void lstm__store_codes_i8dot_avx2(unsigned char *p, __m256i v)
{
	const __m128i pairs = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
	_mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(pairs, pairs));
}
#endif
#endif
/* ==== simd/avx512.h =========================================================================== */
#if LSTM__PASS == LSTM__AVX512
/* The words of AVX-512F, and VNNI for int8: 16 lanes, 32 registers.  FMA and F16C are for halves, which
 * are vectors of AVX2. */
#if LSTM__WEIGHTS == LSTM__I8
#if defined(__clang__) && defined(LSTM__AMX)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vnni,amx-int8,fma,f16c"))), apply_to = function)
#elif defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vnni,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vnni,fma,f16c")
#endif
#else
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,fma,f16c")
#endif
#endif

#define LSTM__V(name) lstm__##name##_avx512
#define LSTM__ISA LSTM_ISA_AVX512
#define LSTM__TARGET __attribute__((target("avx512f")))
#define LSTM__LANES 16
#define LSTM__UNITS 2
#define LSTM__STREAMS (LSTM__WEIGHTS == LSTM__F32 || LSTM__WEIGHTS == LSTM__F16 ? 6 : 4)
#define LSTM__SINGLE (LSTM__WEIGHTS != LSTM__BF16)
#define LSTM__BY_STREAM 1
#define LSTM__NARROW (LSTM__WEIGHTS == LSTM__F32) /* in turn always one at a time */
#if LSTM__WEIGHTS == LSTM__F32 && defined(LSTM__HAVE_AVX2)
#define LSTM__BY_HALVES 1
#define LSTM__JOINS 1
#define lstm__last_of(v) _mm512_castps512_ps256(v)
#endif
#define lstm__vf __m512
#define lstm__vm __mmask16

#define lstm__set(x) _mm512_set1_ps(x)
#define lstm__splat(p) _mm512_set1_ps(*(p))
#define lstm__load(p) _mm512_loadu_ps(p)
#define lstm__store(p, v) _mm512_storeu_ps(p, v)
#if LSTM__WEIGHTS == LSTM__F32
#define lstm__fetch_near(p) _mm_prefetch(p, _MM_HINT_T0)
#define lstm__fetch_far(p) _mm_prefetch(p, _MM_HINT_T1)
#endif
#define lstm__store_n(p, v, n) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), v)
#define lstm__add(a, b) _mm512_add_ps(a, b)
#define lstm__sub(a, b) _mm512_sub_ps(a, b)
#define lstm__mul(a, b) _mm512_mul_ps(a, b)
#define lstm__div(a, b) _mm512_div_ps(a, b)
#define lstm__fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define lstm__fma_held(a, b, c) lstm__fma_held_avx512(a, b, c)
#define lstm__fnma(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define lstm__min(limit, x) _mm512_min_ps(limit, x)
#define lstm__max(limit, x) _mm512_max_ps(limit, x)
#define lstm__abs(x) _mm512_abs_ps(x)
#define lstm__lt(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)
#define lstm__le(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ)
#define lstm__select(m, a, b) _mm512_mask_mov_ps(b, m, a)
#define lstm__clear(m, x) _mm512_mask_mov_ps(x, m, _mm512_setzero_ps())
#define lstm__scale(x, t)                                                                          \
	_mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(t), 23),        \
	                                     _mm512_castps_si512(x)))

#define lstm__vi __m512i
#define lstm__set_i(x) _mm512_set1_epi32(x)
#define lstm__splat_i(p) _mm512_castps_si512(_mm512_set1_ps(*(p)))
#define lstm__load_i(p) _mm512_loadu_si512(p)
#define lstm__xor_i(a, b) _mm512_xor_si512(a, b)
#define lstm__add_i(a, b) _mm512_add_epi32(a, b)
#define lstm__mul_i(a, b) _mm512_mullo_epi32(a, b)
#define lstm__max_i(a, b) _mm512_max_epi32(a, b)
#define lstm__max_u(a, b) _mm512_max_epu32(a, b)
#define lstm__most(above, below, high, low) lstm__most_avx512(above, below, high, low)
#define lstm__bits(v) _mm512_castps_si512(v)
#define lstm__to_float(v) _mm512_cvtepi32_ps(v)
#define lstm__round(v) _mm512_cvtps_epi32(v)
#define lstm__low_bf16(v) _mm512_castsi512_ps(_mm512_slli_epi32(v, 16))
#define lstm__load_f16(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define lstm__high_bf16(v)                                                                         \
	_mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32((int)0xffff0000)))
#define LSTM__STORED 0 /* the instruction takes one side unsigned */
#define lstm__dot4(sum, w, x) lstm__dot4_avx512(sum, w, x)
#define lstm__store_codes(p, v)                                                                    \
	_mm_storeu_si128((__m128i *)(void *)(p), _mm512_cvtusepi32_epi8(v))
#define LSTM__SLEEF_EXP "Sleef_finz_expf16_u10avx512f"
#define LSTM__SLEEF_TANH "Sleef_finz_tanhf16_u35avx512f"

#if LSTM__WEIGHTS == LSTM__F32
/* By its name, in either syntax of assembly: for the intrinsic GCC 12 copies sums to other registers and
 * back, and where many are in use to the stack. */
LSTM__INLINE __m512 lstm__fma_held_avx512(__m512 a, __m512 b, __m512 sum)
{
	__asm__("vfmadd231ps {%2, %1, %0|%0, %1, %2}" : "+v"(sum) : "v"(a), "v"(b));
	return sum;
}
#endif

#if LSTM__WEIGHTS == LSTM__I8
/* The largest lane of each, as a float. */
LSTM__INLINE void lstm__most_avx512(__m512i above, __m512i below, float *high, float *low)
{
	const __m512i half = _mm512_max_epi32(_mm512_shuffle_i32x4(above, below, 0x44),
	                                      _mm512_shuffle_i32x4(above, below, 0xee));
	const __m512i four = _mm512_max_epi32(half, _mm512_shuffle_i32x4(half, half, 0xb1));
	const __m512i pair = _mm512_max_epi32(four, _mm512_shuffle_epi32(four, (_MM_PERM_ENUM)0x4e));
	const __m512i one = _mm512_max_epi32(pair, _mm512_shuffle_epi32(pair, (_MM_PERM_ENUM)0xb1));
	*high = _mm512_cvtss_f32(_mm512_castsi512_ps(one));
	*low = _mm_cvtss_f32(_mm_castsi128_ps(_mm512_extracti32x4_epi32(one, 2)));
}

/* By its name: see above. */
LSTM__INLINE __m512i lstm__dot4_avx512(__m512i sum, __m512i w, __m512i x)
{
	__asm__("vpdpbusd {%2, %1, %0|%0, %1, %2}" : "+v"(sum) : "v"(x), "v"(w));
	return sum;
}
#endif

/* AMX by its names: GCC asks for no target then.  The tests have a model of it, for other CPUs. */
#if LSTM__WEIGHTS == LSTM__I8 && defined(LSTM__AMX_MODEL)
#define lstm__amx_config(p) lstm__amx_model_config(p)
#define lstm__amx_release() lstm__amx_model_config(NULL)
#define lstm__amx_zero(t) lstm__amx_model_zero(t)
#define lstm__amx_load(t, p, apart) lstm__amx_model_load(t, p, apart)
#define lstm__amx_store(t, p, apart) lstm__amx_model_store(t, p, apart)
#define lstm__amx_dot(sum, x, w) lstm__amx_model_dot(sum, x, w)
#elif LSTM__WEIGHTS == LSTM__I8 && defined(LSTM__AMX)
#define lstm__amx_config(p) __asm__ __volatile__("ldtilecfg %0" : : "m"(*(p)))
#define lstm__amx_release() __asm__ __volatile__("tilerelease")
#define lstm__amx_zero(t) __asm__ __volatile__("{tilezero %%tmm" #t "|tilezero tmm" #t "}" : :)
#define lstm__amx_load(t, p, apart)                                                                \
	__asm__ __volatile__("{tileloadd (%0,%1), %%tmm" #t "|tileloadd tmm" #t ", [%0+%1]}"       \
	                     : : "r"(p), "r"((size_t)(apart)) : "memory")
#define lstm__amx_store(t, p, apart)                                                               \
	__asm__ __volatile__("{tilestored %%tmm" #t ", (%0,%1)|tilestored [%0+%1], tmm" #t "}"     \
	                     : : "r"(p), "r"((size_t)(apart)) : "memory")
#define lstm__amx_dot(sum, x, w)                                                                   \
	__asm__ __volatile__("{tdpbusd %%tmm" #w ", %%tmm" #x ", %%tmm" #sum                       \
	                     "|tdpbusd tmm" #sum ", tmm" #x ", tmm" #w "}" : :)
#endif
#endif
/* ==== simd/neon32.h =========================================================================== */
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
/* ==== simd/neon.h ============================================================================= */
#if LSTM__PASS == LSTM__NEON
/* The words of NEON: 4 lanes.  AArch64 has 32 registers; only its dot product needs a region, and that
 * of Clang alone (see below). */
#ifdef LSTM__ARM64
#if LSTM__WEIGHTS == LSTM__I8_DOT && defined(__clang__)
#define LSTM__PUSHED
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#endif

#define LSTM__TARGET
#define LSTM__UNITS 4
#define LSTM__STREAMS 4
#define lstm__div(a, b) vdivq_f32(a, b)
#define LSTM__SLEEF_EXP "Sleef_finz_expf4_u10advsimd"
#define LSTM__SLEEF_TANH "Sleef_finz_tanhf4_u35advsimd"

#define lstm__vi int32x4_t
#define lstm__set_i(x) vdupq_n_s32(x)
#define lstm__splat_i(p) vreinterpretq_s32_f32(vld1q_dup_f32(p))
#define lstm__load_i(p) vld1q_s32((const int32_t *)(p))
#define lstm__xor_i(a, b) veorq_s32(a, b)
#define lstm__add_i(a, b) vaddq_s32(a, b)
#define lstm__mul_i(a, b) vmulq_s32(a, b)
#define lstm__max_i(a, b) vmaxq_s32(a, b)
#define lstm__max_u(a, b)                                                                          \
	vreinterpretq_s32_u32(vmaxq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b)))
#define lstm__most(above, below, high, low)                                                        \
	(*(high) = lstm__float_of((uint32_t)vmaxvq_s32(above)),                                    \
	 *(low) = lstm__float_of((uint32_t)vmaxvq_s32(below)))
#define lstm__bits(v) vreinterpretq_s32_f32(v)
#define lstm__to_float(v) vcvtq_f32_s32(v)
#define lstm__round(v) vcvtnq_s32_f32(v)
#define lstm__low_bf16(v) vreinterpretq_f32_s32(vshlq_n_s32(v, 16))
#define lstm__high_bf16(v) vreinterpretq_f32_s32(vandq_s32(v, vdupq_n_s32((int)0xffff0000)))
#define lstm__load_f16(p) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))
#define LSTM__STORED 128
#define lstm__dot4(sum, w, x) LSTM__FN(dot4)(sum, w, x)
#define lstm__store_codes(p, v) lstm__store_codes_neon(p, v)
#endif

#define LSTM__V(name) lstm__##name##_neon
#define LSTM__ISA LSTM_ISA_NEON
#define LSTM__LANES 4
#define lstm__vf float32x4_t
#define lstm__vm uint32x4_t

#define lstm__set(x) vdupq_n_f32(x)
#define lstm__splat(p) vld1q_dup_f32(p)
#define lstm__load(p) vld1q_f32(p)
#define lstm__store(p, v) vst1q_f32(p, v)
#define lstm__store_n(p, v, n) lstm__store_n_neon(p, v, n)
#define lstm__add(a, b) vaddq_f32(a, b)
#define lstm__sub(a, b) vsubq_f32(a, b)
#define lstm__mul(a, b) vmulq_f32(a, b)
#define lstm__fma(a, b, c) vfmaq_f32(c, a, b)
#define lstm__fnma(a, b, c) vfmsq_f32(c, a, b)
#define lstm__min(limit, x) vminq_f32(limit, x)
#define lstm__max(limit, x) vmaxq_f32(limit, x)
#define lstm__abs(x) vabsq_f32(x)
#define lstm__lt(a, b) vcltq_f32(a, b)
#define lstm__le(a, b) vcleq_f32(a, b)
#define lstm__select(m, a, b) vbslq_f32(m, a, b)
#define lstm__clear(m, x) vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), m))
#define lstm__scale(x, t)                                                                          \
	vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(t), 23),                 \
	                                vreinterpretq_s32_f32(x)))

#if LSTM__WEIGHTS == LSTM__F32
LSTM__INLINE void lstm__store_n_neon(float *p, float32x4_t v, size_t n)
{
	float all[4];
	vst1q_f32(all, v);
	memcpy(p, all, n * sizeof(float));
}
#endif
#if LSTM__WEIGHTS == LSTM__I8
/* Two products of codes fit in 16 bits: 2 * 127 * 128 < 2^15. */
LSTM__INLINE int32x4_t lstm__dot4_i8_neon(int32x4_t sum, int32x4_t w, int32x4_t x)
{
	const int8x16_t a = vreinterpretq_s8_s32(w), b = vreinterpretq_s8_s32(x);
	const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
	return vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(a, b)));
}

LSTM__INLINE void lstm__store_codes_neon(unsigned char *p, int32x4_t v)
{
	const int16x4_t pairs = vqmovn_s32(v);
	const int8x8_t codes = vqmovn_s16(vcombine_s16(pairs, pairs));
	const uint32_t four = vget_lane_u32(vreinterpret_u32_s8(codes), 0);
	memcpy(p, &four, sizeof(four));
}
#endif
#if LSTM__WEIGHTS == LSTM__I8_DOT
/* In assembly: Clang hides the intrinsic from files that are not compiled for it, and GCC has no region
 * that adds the instruction to any file's target (it wants ARMv8.2, named, which loses what the file
 * has more, so that nothing can be inlined).  Its assembler gets the number, not the name. */
#if defined(__clang__) || defined(__ARM_FEATURE_DOTPROD)
#define LSTM__SDOT "sdot %0.4s, %1.16b, %2.16b"
#else
#define LSTM__SDOT                                                                                 \
	".ifndef .Llstm_v0\n"                                                                      \
	".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29," \
	"30,31\n"                                                                                  \
	".equ .Llstm_v\\n, \\n\n"                                                                   \
	".endr\n"                                                                                  \
	".endif\n"                                                                                 \
	".inst 0x4e809400 + .Llstm_%0 + (.Llstm_%1 << 5) + (.Llstm_%2 << 16)"
#endif
LSTM__INLINE int32x4_t lstm__dot4_i8dot_neon(int32x4_t sum, int32x4_t w, int32x4_t x)
{
	__asm__(LSTM__SDOT
	        : "+w"(sum)
	        : "w"(vreinterpretq_s8_s32(w)), "w"(vreinterpretq_s8_s32(x)));
	return sum;
}
#undef LSTM__SDOT
#endif
#endif
/* ==== simd/wasm.h ============================================================================= */
#if LSTM__PASS == LSTM__SIMD128
/* The words of WebAssembly's SIMD128: 4 lanes, and the registers of the CPU below (16 on x86-64,
 * where one stream takes a third longer with 4 vectors of units).  No region: a module that says
 * SIMD128 anywhere is refused as a whole where there is none. */
#define LSTM__V(name) lstm__##name##_simd128
#define LSTM__ISA LSTM_ISA_SIMD128
#define LSTM__TARGET
#define LSTM__LANES 4
#define LSTM__UNITS 2
#define LSTM__STREAMS 4
#define lstm__vf v128_t
#define lstm__vm v128_t

#define lstm__set(x) wasm_f32x4_splat(x)
#define lstm__splat(p) wasm_v128_load32_splat(p)
#define lstm__load(p) wasm_v128_load(p)
#define lstm__store(p, v) wasm_v128_store(p, v)
#define lstm__store_n(p, v, n) lstm__store_n_simd128(p, v, n)
#define lstm__add(a, b) wasm_f32x4_add(a, b)
#define lstm__sub(a, b) wasm_f32x4_sub(a, b)
#define lstm__mul(a, b) wasm_f32x4_mul(a, b)
#define lstm__div(a, b) wasm_f32x4_div(a, b)
#define lstm__fma(a, b, c) lstm__fma_simd128(a, b, c)
#define lstm__fnma(a, b, c) lstm__fnma_simd128(a, b, c)
#define lstm__min(limit, x) wasm_f32x4_pmin(x, limit)
#define lstm__max(limit, x) wasm_f32x4_pmax(x, limit)
#define lstm__abs(x) wasm_f32x4_abs(x)
#define lstm__lt(a, b) wasm_f32x4_lt(a, b)
#define lstm__le(a, b) wasm_f32x4_le(a, b)
#define lstm__select(m, a, b) wasm_v128_bitselect(a, b, m)
#define lstm__clear(m, x) wasm_v128_andnot(x, m)
#define lstm__scale(x, t) wasm_i32x4_add(wasm_i32x4_shl(t, 23), x)

LSTM__INLINE void lstm__store_n_simd128(float *p, v128_t v, size_t n)
{
	float all[4];
	wasm_v128_store(all, v);
	memcpy(p, all, n * sizeof(float));
}

#ifdef LSTM_WASM_EXACT
/* a b + c of two lanes in double precision, where the product is exact, rounded to odd: a sum that
 * had to be rounded gets an odd last bit, and then rounding it to fp32 is right (53 >= 24 + 2).
 * What the sum lost is exact too (Knuth's TwoSum); with NaN or infinity it is NaN, and neither
 * below nor above zero. */
LSTM__INLINE v128_t lstm__fma_odd_simd128(v128_t a, v128_t b, v128_t c)
{
	const v128_t p = wasm_f64x2_mul(a, b), sum = wasm_f64x2_add(p, c);
	const v128_t part = wasm_f64x2_sub(sum, p), zero = wasm_f64x2_splat(0);
	const v128_t lost = wasm_f64x2_add(wasm_f64x2_sub(p, wasm_f64x2_sub(sum, part)),
	                                   wasm_f64x2_sub(c, part));
	const v128_t below = wasm_f64x2_lt(lost, zero), above = wasm_f64x2_gt(lost, zero);
	const v128_t negative = wasm_f64x2_lt(sum, zero), one = wasm_i64x2_splat(1);
	/* One less in magnitude where it was rounded away from zero; that is odd where sum is even. */
	const v128_t away = wasm_v128_bitselect(above, below, negative);
	const v128_t even = wasm_i64x2_eq(wasm_v128_and(sum, one), zero);
	const v128_t moved = wasm_v128_bitselect(wasm_i64x2_sub(sum, one), wasm_i64x2_add(sum, one),
	                                         away);
	const v128_t inexact = wasm_v128_or(below, above);
	return wasm_v128_bitselect(moved, sum, wasm_v128_and(even, inexact));
}

#define LSTM__LOWER(x) wasm_f64x2_promote_low_f32x4(x)
#define LSTM__UPPER(x) wasm_f64x2_promote_low_f32x4(wasm_i32x4_shuffle(x, x, 2, 3, 2, 3))
#define LSTM__JOIN(low, high)                                                                      \
	wasm_i32x4_shuffle(wasm_f32x4_demote_f64x2_zero(low), wasm_f32x4_demote_f64x2_zero(high),  \
	                   0, 1, 4, 5)

LSTM__NOINLINE v128_t lstm__fma_hard_simd128(v128_t a, v128_t b, v128_t c)
{
	return LSTM__JOIN(lstm__fma_odd_simd128(LSTM__LOWER(a), LSTM__LOWER(b), LSTM__LOWER(c)),
	                  lstm__fma_odd_simd128(LSTM__UPPER(a), LSTM__UPPER(b), LSTM__UPPER(c)));
}

/* The product is exact in double precision, and rounding the sum a second time, to fp32, is right
 * in nearly all cases.  In doubt are sums halfway between two numbers of fp32, and results up to the
 * smallest normal one, below which those lie farther apart: these are made again. */
LSTM__INLINE v128_t lstm__fma_simd128(v128_t a, v128_t b, v128_t c)
{
	const v128_t low = wasm_f64x2_add(wasm_f64x2_mul(LSTM__LOWER(a), LSTM__LOWER(b)), LSTM__LOWER(c));
	const v128_t high =
		wasm_f64x2_add(wasm_f64x2_mul(LSTM__UPPER(a), LSTM__UPPER(b)), LSTM__UPPER(c));
	const v128_t sum = LSTM__JOIN(low, high);
	const v128_t tail = wasm_v128_and(wasm_i32x4_shuffle(low, high, 0, 2, 4, 6),
	                                  wasm_i32x4_splat(0x1fffffff));
	const v128_t halfway = wasm_i32x4_eq(tail, wasm_i32x4_splat(0x10000000));
	const v128_t small = wasm_u32x4_lt(
		wasm_i32x4_sub(wasm_i32x4_shl(sum, 1), wasm_i32x4_splat(1)), /* zero is not */
		wasm_i32x4_splat(0x01000000));
	if (wasm_v128_any_true(wasm_v128_or(halfway, small)))
		return lstm__fma_hard_simd128(a, b, c);
	return sum;
}
#undef LSTM__LOWER
#undef LSTM__UPPER
#undef LSTM__JOIN

LSTM__INLINE v128_t lstm__fnma_simd128(v128_t a, v128_t b, v128_t c)
{
	return lstm__fma_simd128(wasm_f32x4_neg(a), b, c);
}
#else
/* Relaxed SIMD's multiply-add is a fused one where the CPU has that.  Clang 15 and older know other
 * numbers of these instructions than engines do. */
#if defined(__wasm_relaxed_simd__) && defined(__clang__) && __clang_major__ >= 16
LSTM__INLINE v128_t lstm__fma_simd128(v128_t a, v128_t b, v128_t c)
{
	return (v128_t)__builtin_wasm_relaxed_madd_f32x4((__f32x4)a, (__f32x4)b, (__f32x4)c);
}
#else
LSTM__INLINE v128_t lstm__fma_simd128(v128_t a, v128_t b, v128_t c)
{
	return wasm_f32x4_add(wasm_f32x4_mul(a, b), c);
}
#endif

/* c - a b, where a is a whole number below 2^8 in magnitude and c near a b, as exp_part needs it:
 * a times the upper 16 bits of b is exact, and so is its difference from c and a times the rest.
 * Rounding all of a b first would cost e^-80 thirty ulp. */
LSTM__INLINE v128_t lstm__fnma_simd128(v128_t a, v128_t b, v128_t c)
{
	const v128_t upper = wasm_v128_and(b, wasm_i32x4_splat(-256));
	const v128_t rest = wasm_f32x4_sub(c, wasm_f32x4_mul(a, upper));
	return wasm_f32x4_sub(rest, wasm_f32x4_mul(a, wasm_f32x4_sub(b, upper)));
}
#endif
#endif
#if LSTM__WEIGHTS == LSTM__F32
/* ==== simd/activations.h ====================================================================== */
/* exp, tanh and what is made of them.  The same operations in the same order on every instruction
 * set: fused multiply-adds by name, true division, and never a product that feeds a plain sum,
 * which a compiler might fuse on one target and not on another.
 *
 * The built-in ones go through e^(k y) = 2^n (1 + p): n = round(k y / log 2), r = k y - n log 2 and
 * p = e^r - 1 = r + r^2 (q0 + q1 r + ... + q4 r^4) (tools/polynomials.py).  k is 1 or 2 and costs
 * nothing, as r / k is computed instead of r.  Adding 1.5 * 2^23 rounds to an integer and leaves it
 * in the low bits, ready to be shifted into the exponent.  The part of log 2 that fp32 cannot hold
 * is left out: it is 1.9e-9 n of the result, lost in rounding where |n| < 30.
 *
 * Two of these, one after the other, are most of a small model's step, and wait for each other: so
 * the terms are paired to keep the chain short, and e^x, e^x + 1 and the like are each one fused
 * multiply-add away from p. */
LSTM__INLINE lstm__vf LSTM__V(exp_part)(lstm__vf y, const float k, lstm__vf *power)
{
	const lstm__vf magic = lstm__set(12582912.0f);
	const lstm__vf t = lstm__fma(y, lstm__set(k * 1.44269504f), magic); /* 1 / log 2 */
	const lstm__vf r = lstm__fnma(lstm__sub(t, magic), lstm__set(0.693147182f / k), y);
	const lstm__vf r2 = lstm__mul(r, r), r3 = lstm__mul(r2, r);
	const lstm__vf low = lstm__fma(lstm__set(k * k * 0.5f), r2, k == 1 ? r : lstm__add(r, r));
	const lstm__vf middle = lstm__fma(lstm__set(k * k * k * k * 0.0416663848f), r,
	                                  lstm__set(k * k * k * 0.166665211f));
	const lstm__vf high = lstm__fma(lstm__set(k * k * k * k * k * k * 0.0013942204f), r,
	                                lstm__set(k * k * k * k * k * 0.00836867746f));
	*power = lstm__scale(lstm__set(1), t);
	return lstm__fma(lstm__fma(high, r2, middle), r3, low);
}

/* e^y - 1 for |y| <= 87: exact to about an ulp also near zero. */
LSTM__INLINE lstm__vf LSTM__V(expm1)(lstm__vf y)
{
	lstm__vf power, p = LSTM__V(exp_part)(y, 1, &power);
	return lstm__fma(power, p, lstm__sub(power, lstm__set(1)));
}

/* x limited to [low, high]; NaN stays NaN. */
LSTM__INLINE lstm__vf LSTM__V(limit)(lstm__vf x, float low, float high)
{
	return lstm__max(lstm__set(low), lstm__min(lstm__set(high), x));
}

#ifdef LSTM_NO_SLEEF
/* e^y for |y| <= 87, and *more = 1 + e^y. */
LSTM__INLINE lstm__vf LSTM__V(exp)(lstm__vf y, lstm__vf *more)
{
	lstm__vf power, p = LSTM__V(exp_part)(y, 1, &power);
	*more = lstm__fma(power, p, lstm__add(power, lstm__set(1)));
	return lstm__fma(power, p, power);
}

/* tanh(x) = m / (m + 2) with m = e^2x - 1: answers m, *more = m + 2.  1 in fp32 from 9.02 on. */
LSTM__INLINE lstm__vf LSTM__V(tanh_part)(lstm__vf x, lstm__vf *more)
{
	lstm__vf power, p = LSTM__V(exp_part)(LSTM__V(limit)(x, -10, 10), 2, &power);
	*more = lstm__fma(power, p, lstm__add(power, lstm__set(1)));
	return lstm__fma(power, p, lstm__sub(power, lstm__set(1)));
}

LSTM__INLINE lstm__vf LSTM__V(tanh)(lstm__vf x)
{
	lstm__vf more, m = LSTM__V(tanh_part)(x, &more);
	return lstm__div(m, more);
}
#else
/* SLEEF's functions of the finz family, whose bits are the same on all targets with FMA: exp within
 * 1.0 ulp, tanh within 3.5 (the 1.0 one takes three times as long, for an error that the rounding
 * of the gates' sums hides).  Declared here because sleef.h declares them only if the whole file is
 * compiled for the instruction set. */
#ifdef __cplusplus
extern "C" {
#endif
LSTM__TARGET lstm__vf LSTM__V(sleef_exp)(lstm__vf) __asm__(LSTM__LABEL LSTM__SLEEF_EXP);
LSTM__TARGET lstm__vf LSTM__V(sleef_tanh)(lstm__vf) __asm__(LSTM__LABEL LSTM__SLEEF_TANH);
#ifdef __cplusplus
}
#endif

/* Nobody calls this.  A linker that misses SLEEF names the functions that want it: here is one whose
 * name says what to do. */
LSTM__TARGET __attribute__((used)) static lstm__vf
	LSTM__V(SLEEF_is_missing_link_with_lsleef_or_define_LSTM_NO_SLEEF)(lstm__vf y)
{
	return LSTM__V(sleef_exp)(y);
}

LSTM__INLINE lstm__vf LSTM__V(exp)(lstm__vf y, lstm__vf *more)
{
	const lstm__vf e = LSTM__V(sleef_exp)(y);
	*more = lstm__add(e, lstm__set(1));
	return e;
}

LSTM__INLINE lstm__vf LSTM__V(tanh)(lstm__vf x)
{
	return LSTM__V(sleef_tanh)(x);
}
#endif

/* sigmoid(x) = e / (1 + e) with e = e^x: answers e, *more = 1 + e.  1 in fp32 from 17 on, and 1.6e-38
 * from -87 down, which is as good as zero if what it multiplies is finite. */
LSTM__INLINE lstm__vf LSTM__V(sigmoid_part)(lstm__vf x, lstm__vf *more)
{
	return LSTM__V(exp)(LSTM__V(limit)(x, -87, 30), more);
}

LSTM__INLINE lstm__vf LSTM__V(sigmoid)(lstm__vf x)
{
	lstm__vf more, e = LSTM__V(sigmoid_part)(x, &more);
	return lstm__clear(lstm__lt(x, lstm__set(-87)), lstm__div(e, more));
}

/* sigmoid(a) * tanh(b), and in *tiny where its magnitude counts as zero.  The built-in functions are
 * quotients: one division serves for both, and what is tiny is known before it is done (|u / v| < z
 * in fp32 exactly if |u| < v z, for z a power of two). */
LSTM__INLINE lstm__vf LSTM__V(sigmoid_tanh)(lstm__vf a, lstm__vf b, lstm__vm *tiny)
{
#ifdef LSTM_NO_SLEEF
	lstm__vf below, under, e = LSTM__V(sigmoid_part)(a, &under);
	lstm__vf m = LSTM__V(tanh_part)(b, &below);
	m = lstm__mul(e, m);
	below = lstm__mul(under, below);
	*tiny = lstm__lt(lstm__abs(m), lstm__mul(below, lstm__set(LSTM__TINY)));
	return lstm__div(m, below);
#else
	const lstm__vf product = lstm__mul(LSTM__V(sigmoid)(a), LSTM__V(tanh)(b));
	*tiny = lstm__lt(lstm__abs(product), lstm__set(LSTM__TINY));
	return product;
#endif
}

/* max(x, 0) + log(1 + e^-|x|), the logarithm as 2 atanh(s), s = e / (2 + e) <= 1/3. */
LSTM__INLINE lstm__vf LSTM__V(softplus)(lstm__vf x)
{
	const lstm__vf zero = lstm__set(0);
	lstm__vf y = lstm__max(lstm__set(-87), lstm__sub(zero, lstm__abs(x)));
	lstm__vf more, e = LSTM__V(exp)(y, &more);
	lstm__vf s = lstm__div(e, lstm__add(lstm__set(1), more)), z = lstm__mul(s, s), p;
	p = lstm__fma(lstm__set(0.284339875f), z, lstm__set(0.279054016f));
	p = lstm__fma(p, z, lstm__set(0.400283813f));
	p = lstm__fma(p, z, lstm__set(0.666662693f));
	p = lstm__fma(p, z, lstm__set(2));
	return lstm__fma(p, s, lstm__clear(lstm__lt(x, zero), x));
}

/* Any function of lstm_function; off the fast path. */
LSTM__NOINLINE lstm__vf LSTM__V(activate)(const lstm_activation *f, lstm__vf x)
{
	const lstm__vf alpha = lstm__set(f->alpha), beta = lstm__set(f->beta);
	const lstm__vf zero = lstm__set(0), one = lstm__set(1);
	const lstm__vm negative = lstm__lt(x, zero);
	lstm__vf v;

	switch (f->function) {
	case LSTM_SIGMOID: return LSTM__V(sigmoid)(x);
	case LSTM_TANH: return LSTM__V(tanh)(x);
	case LSTM_RELU: return lstm__clear(negative, x);
	case LSTM_AFFINE: return lstm__fma(alpha, x, beta);
	case LSTM_LEAKY_RELU: return lstm__select(negative, lstm__mul(alpha, x), x);
	case LSTM_THRESHOLDED_RELU: return lstm__clear(lstm__le(x, alpha), x);
	case LSTM_SCALED_TANH: return lstm__mul(alpha, LSTM__V(tanh)(lstm__mul(beta, x)));
	case LSTM_HARD_SIGMOID:
	case LSTM_HARD_SIGMOID_KERAS3:
		v = lstm__fma(alpha, x, beta);
		return lstm__min(one, lstm__clear(lstm__lt(v, zero), v));
	case LSTM_ELU:
		v = lstm__max(lstm__set(-87), lstm__min(zero, x));
		return lstm__select(negative, lstm__mul(alpha, LSTM__V(expm1)(v)), x);
	case LSTM_SOFTSIGN: return lstm__div(x, lstm__add(one, lstm__abs(x)));
	case LSTM_SOFTPLUS: return LSTM__V(softplus)(x);
	case LSTM_LINEAR:
	case LSTM_DEFAULT: break;
	}
	return x;
}
/* ==== simd/cell.h ============================================================================= */
/* From the four pre-activations of one vector of units to c and h. */
LSTM__INLINE lstm__vf LSTM__V(flush)(lstm__vf x)
{
	return lstm__clear(lstm__lt(lstm__abs(x), lstm__set(LSTM__TINY)), x);
}

/* The equations with every option.  c: the vector's place in the state. */
LSTM__NOINLINE lstm__vf LSTM__V(cell_any)(const struct lstm__layer *l, lstm__vf i, lstm__vf f,
                                           lstm__vf g, lstm__vf o, size_t unit, float *c)
{
	const size_t row = l->vectors * LSTM__LANES;
	const float *p = l->peephole ? l->peephole + unit : NULL;
	const lstm__vf limit = lstm__set(l->clip), cell_limit = lstm__set(l->cell_clip);
	const lstm__vf low = lstm__set(-l->clip), cell_low = lstm__set(-l->cell_clip);
	lstm__vf before = lstm__load(c), after;

	if (p) {
		i = lstm__fma(lstm__load(p), before, i);
		f = lstm__fma(lstm__load(p + row), before, f);
	}
	i = LSTM__V(activate)(&l->gates, lstm__min(limit, lstm__max(low, i)));
	if (l->input_forget)
		f = lstm__sub(lstm__set(1), i);
	else
		f = LSTM__V(activate)(&l->gates, lstm__min(limit, lstm__max(low, f)));
	g = LSTM__V(activate)(&l->candidate, lstm__min(limit, lstm__max(low, g)));
	after = lstm__fma(f, before, lstm__mul(i, g));
	after = LSTM__V(flush)(lstm__min(cell_limit, lstm__max(cell_low, after)));
	lstm__store(c, after);
	if (p)
		o = lstm__fma(lstm__load(p + 2 * row), after, o);
	o = LSTM__V(activate)(&l->gates, lstm__min(limit, lstm__max(low, o)));
	return LSTM__V(flush)(lstm__mul(o, LSTM__V(activate)(&l->out, after)));
}

/* The equations of the manual in two halves, c and then h.  Each is a chain of dependent operations
 * some 50 cycles long: doing the first for all vectors at hand before the second keeps enough of
 * them in flight, which whole cells, one after the other, do not (a third slower). */
LSTM__INLINE lstm__vf LSTM__V(cell_keep)(lstm__vf i, lstm__vf f, lstm__vf g, float *c)
{
	lstm__vm tiny;
	const lstm__vf added = LSTM__V(sigmoid_tanh)(i, g, &tiny);
	const lstm__vf after = lstm__fma(LSTM__V(sigmoid)(f), lstm__load(c), added);
	const lstm__vf kept = LSTM__V(flush)(after);
	lstm__store(c, kept);
#ifdef LSTM_NO_SLEEF
	/* For cell_show at once.  Where it counts as zero the outcome does too, flushed here or not:
	 * tanh_part(c) is 2 c and 2 then, e * 2 c < z (1 + e) * 2 also in fp32. */
	return after;
#else
	return kept;
#endif
}

LSTM__INLINE lstm__vf LSTM__V(cell_show)(lstm__vf o, lstm__vf c)
{
	lstm__vm tiny;
	const lstm__vf h = LSTM__V(sigmoid_tanh)(o, c, &tiny);
	return lstm__clear(tiny, h);
}

/* Store one vector of outputs: whole into padded memory, and what is real of it into y. */
LSTM__INLINE void LSTM__V(put)(lstm__vf v, size_t unit, size_t count, float *padded, float *y)
{
	lstm__store(padded + unit, v);
	if (!y)
		return;
	if (unit + LSTM__LANES <= count)
		lstm__store(y + unit, v);
	else
		lstm__store_n(y + unit, v, count - unit);
}
#endif
/* ==== simd/weights.h ========================================================================== */
/* How weights are kept, and the one loop that reads them.  A row of inputs, x or h, is what the
 * weights need: fp32, or for int8 the codes (see lstm__coding). */
#if LSTM__WEIGHTS == LSTM__F32
#define LSTM__FN(name) LSTM__V(name)
#define LSTM__WEIGHT float
#define LSTM__DTYPE LSTM_DTYPE_F32
#elif LSTM__WEIGHTS == LSTM__BF16
#define LSTM__FN(name) LSTM__V(name##_bf16)
#define LSTM__WEIGHT uint32_t
#define LSTM__DTYPE LSTM_DTYPE_BF16
#elif LSTM__WEIGHTS == LSTM__F16
#define LSTM__FN(name) LSTM__V(name##_f16)
#define LSTM__WEIGHT uint16_t
#define LSTM__DTYPE LSTM_DTYPE_F16
#elif LSTM__WEIGHTS == LSTM__I8
#define LSTM__FN(name) LSTM__V(name##_i8)
#define LSTM__WEIGHT int32_t
#define LSTM__DTYPE LSTM_DTYPE_I8
#else
#define LSTM__FN(name) LSTM__V(name##_i8dot)
#define LSTM__WEIGHT int32_t
#define LSTM__DTYPE LSTM_DTYPE_I8
#endif
#ifndef LSTM__SINGLE /* blocks of one vector of units, of which wide tiles read several */
#define LSTM__SINGLE 0
#endif
#ifndef LSTM__NARROW /* blocks that are read in turn are always read one vector of units at a time */
#define LSTM__NARROW 0
#endif
#ifndef LSTM__WIDE /* always several, by one function for blocks of one and of several */
#define LSTM__WIDE 0
#endif
#ifdef lstm__fetch_far
#define LSTM__FETCHES 1
#else
#define LSTM__FETCHES 0
#endif
#ifndef LSTM__BY_STREAM /* registers hold the weights of one k for several streams */
#define LSTM__BY_STREAM 0
#endif
#ifndef LSTM__SIGNED /* codes of x and h are kept as magnitudes and signs */
#define LSTM__SIGNED 0
#endif
#define LSTM__HEAD (LSTM__SIGNED ? (int)LSTM__SIGNED_CODES : (int)LSTM__CODES)
#define LSTM__INT8 (LSTM__WEIGHTS == LSTM__I8 || LSTM__WEIGHTS == LSTM__I8_DOT)
#define LSTM__FEW (LSTM__STREAMS < 4 ? LSTM__STREAMS : 4)
#define LSTM__CELLS 12 /* made together: of whole tiles, be they of 2, 3, 4 or 6 streams */
#define LSTM__SUMS (4 * (LSTM__STREAMS > LSTM__UNITS ? LSTM__STREAMS : LSTM__UNITS)) /* of a tile */

/* Some rows of a matrix, one lane each: where the first word of each vector of them lies, for int8
 * their scales and the sums of their codes. */
struct LSTM__FN(rows) {
	const LSTM__WEIGHT *at;
	const float *scale;
	const int32_t *sum;
	const char *far; /* what is fetched meanwhile, if `fetches` */
	int fetches;     /* a literal at every call */
};

LSTM__INLINE struct LSTM__FN(rows) LSTM__FN(rows_of)(const struct lstm__matrix *m, size_t word,
                                                     size_t row)
{
	struct LSTM__FN(rows) r;
	r.at = (const LSTM__WEIGHT *)m->words + word;
	r.far = NULL;
	r.fetches = 0;
#if LSTM__INT8
	r.scale = m->scale + row;
	r.sum = m->sum + row;
#else
	(void)row;
	r.scale = NULL;
	r.sum = NULL;
#endif
	return r;
}

/* Words of a vector of gates' rows, for all k. */
LSTM__INLINE size_t LSTM__FN(depth)(const struct lstm__layer *l)
{
	return lstm__words(LSTM__DTYPE, l->width) + lstm__words(LSTM__DTYPE, l->output);
}

/* The rows of gates that begin `skip` behind row `block`, where their block of `stride` begins. */
LSTM__INLINE struct LSTM__FN(rows) LSTM__FN(rows_of_x)(const struct lstm__layer *l, size_t block,
                                                       size_t skip)
{
	return LSTM__FN(rows_of)(&l->w, block * LSTM__FN(depth)(l) + skip, block + skip);
}

LSTM__INLINE struct LSTM__FN(rows) LSTM__FN(rows_of_h)(const struct lstm__layer *l, size_t block,
                                                       size_t skip, size_t stride)
{
	const size_t x = lstm__words(LSTM__DTYPE, l->width);
	return LSTM__FN(rows_of)(&l->u, block * LSTM__FN(depth)(l) + skip + stride * x, block + skip);
}

/* Lines of far weights per k of m streams: a tile of few takes less time, and fewer of them follow. */
LSTM__INLINE int LSTM__FN(far_lines)(const int m)
{
	return LSTM__LANES == 16 && m <= 4 ? 2 : 1;
}

#ifdef lstm__fetch_far
/* Fetch the weights of four rows on into the first cache and the far ones into the second.  Beyond the
 * end of all weights it does nothing. */
LSTM__INLINE void LSTM__FN(fetch)(struct LSTM__FN(rows) *w, const int m, const int n)
{
	const char *near = (const char *)w->at + 4 * 4 * LSTM__LINE;
	int i;
	LSTM__UNROLL
	for (i = 0; i < LSTM__FN(far_lines)(m); i++)
		lstm__fetch_far(w->far + i * LSTM__LINE);
	w->far += LSTM__FN(far_lines)(m) * LSTM__LINE;
	LSTM__UNROLL
	for (i = 0; i < n * LSTM__LANES * (int)sizeof(LSTM__WEIGHT); i += LSTM__LINE)
		lstm__fetch_near(near + i);
}
#endif

/* sum[s * n + v] += w[k][v] * x[s][k] for ascending k: the one order of arithmetic.  The rows of k
 * lie `stride` words apart, in them the four vectors of a unit's gates `pitch`, and those of the next
 * unit `apart`. */
#if LSTM__WEIGHTS == LSTM__F32 || LSTM__WEIGHTS == LSTM__F16
#if LSTM__WEIGHTS == LSTM__F32
#define lstm__load_row(p) lstm__load(p)
#else
#define lstm__load_row(p) lstm__load_f16(p)
#endif

#ifdef lstm__four
/* The row of one k, of one stream. */
LSTM__INLINE void LSTM__FN(dot_row)(lstm__vf *sum, const int n, const float *w, size_t apart,
                                    const int pitch, lstm__vf x)
{
	int v;
	LSTM__UNROLL
	for (v = 0; v < n; v++)
		sum[v] = lstm__fma(lstm__load(w + lstm__place(v, apart, pitch)), x, sum[v]);
}
#endif

#if LSTM__BY_STREAM
/* The row of one k, of one stream after the other: where registers hold it, and one x at a time. */
LSTM__INLINE void LSTM__FN(dot_streams)(lstm__vf *sum, const int m, const int n,
                                        const LSTM__WEIGHT *w, size_t apart, const int pitch,
                                        const float *const *x, ptrdiff_t k)
{
	lstm__vf row[4];
	int s, v;
	LSTM__UNROLL
	for (v = 0; v < n; v++) {
		row[v] = lstm__load_row(w + lstm__place(v, apart, pitch));
		LSTM__HOLD(row[v]);
	}
	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		lstm__vf xs = lstm__splat(x[s] + k);
		LSTM__HOLD(xs);
		LSTM__UNROLL
		for (v = 0; v < n; v++)
			sum[s * n + v] = lstm__fma_held(row[v], xs, sum[s * n + v]);
	}
}
#endif

LSTM__INLINE void LSTM__FN(dot)(lstm__vf *sum, const int m, const int n, struct LSTM__FN(rows) w,
                                size_t stride, size_t apart, const int pitch,
                                const float *const *x, size_t count)
{
	size_t k = 0;
	int s, v;
#if LSTM__BY_STREAM
	const float *end[LSTM__STREAMS];
	ptrdiff_t left; /* as what is left needs no second register for the end */
	int u;
#endif
#ifdef lstm__four /* eight weights and an x take longer to load than to use: one load for four of x */
	for (; m == 1 && k + 4 <= count; k += 4, w.at += 4 * stride) {
		const lstm__vf xs = lstm__four(x[0] + k);
		LSTM__FN(dot_row)(sum, n, w.at, apart, pitch, lstm__pick(xs, 0));
		LSTM__FN(dot_row)(sum, n, w.at + stride, apart, pitch, lstm__pick(xs, 1));
		LSTM__FN(dot_row)(sum, n, w.at + 2 * stride, apart, pitch, lstm__pick(xs, 2));
		LSTM__FN(dot_row)(sum, n, w.at + 3 * stride, apart, pitch, lstm__pick(xs, 3));
	}
#endif
#if LSTM__BY_STREAM /* four at a time: the processor asks for the next weights sooner */
	if (m > 1 && !w.fetches)
		k = count - count % 4;
	LSTM__UNROLL
	for (s = 0; s < m; s++)
		end[s] = x[s] + k;
	for (left = -(ptrdiff_t)k; left; left += 4, w.at += 4 * stride) {
		LSTM__UNROLL
		for (u = 0; u < 4; u++)
			LSTM__FN(dot_streams)(sum, m, n, w.at + (size_t)u * stride, apart, pitch, end,
			                      left + u);
	}
#endif
	for (; k < count; k++, w.at += stride) {
		lstm__vf xs[LSTM__STREAMS];
#ifdef lstm__fetch_far
		if (w.fetches)
			LSTM__FN(fetch)(&w, m, n);
#endif
		LSTM__UNROLL
		for (s = 0; s < m; s++)
			xs[s] = lstm__splat(x[s] + k);
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
			lstm__vf row = lstm__load_row(w.at + lstm__place(v, apart, pitch));
			if (m > 1)
				LSTM__HOLD(row);
			LSTM__UNROLL
			for (s = 0; s < m; s++) {
				sum[s * n + v] = lstm__fma(row, xs[s], sum[s * n + v]);
#if LSTM__WEIGHTS == LSTM__F16
				LSTM__IN_TURN(sum[s * n + v]);
#endif
			}
		}
	}
}

#elif LSTM__WEIGHTS == LSTM__BF16
/* A word holds the weights of two k, the even one low.  Sums in memory of this function: Clang 14 does
 * not see through those of a caller and stores them in every turn. */
LSTM__INLINE void LSTM__FN(dot)(lstm__vf *sum, const int m, const int n, struct LSTM__FN(rows) w,
                                size_t stride, size_t apart, const int pitch,
                                const float *const *x, size_t count)
{
	lstm__vf total[LSTM__SUMS];
	size_t k;
	int s, v;

	LSTM__UNROLL
	for (s = 0; s < m * n; s++)
		total[s] = sum[s];
	for (k = 0; k + 1 < count; k += 2, w.at += stride) {
		lstm__vf even[LSTM__STREAMS], odd[LSTM__STREAMS];
#ifdef lstm__fetch_far
		if (w.fetches)
			LSTM__FN(fetch)(&w, m, n);
#endif
		LSTM__UNROLL
		for (s = 0; s < m; s++) {
			even[s] = lstm__splat(x[s] + k);
			odd[s] = lstm__splat(x[s] + k + 1);
		}
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
			lstm__vi word = lstm__load_i(w.at + lstm__place(v, apart, pitch));
			lstm__vf low, high;
			LSTM__HOLD(word);
			low = lstm__low_bf16(word);
			high = lstm__high_bf16(word);
			LSTM__UNROLL
			for (s = 0; s < m; s++)
				total[s * n + v] = lstm__fma(low, even[s], total[s * n + v]);
			LSTM__UNROLL
			for (s = 0; s < m; s++) {
				total[s * n + v] = lstm__fma(high, odd[s], total[s * n + v]);
				LSTM__IN_TURN(total[s * n + v]);
			}
		}
	}
	if (k < count) {
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
			const lstm__vf low = lstm__low_bf16(lstm__load_i(w.at + lstm__place(v, apart, pitch)));
			LSTM__UNROLL
			for (s = 0; s < m; s++)
				total[s * n + v] =
					lstm__fma(low, lstm__splat(x[s] + k), total[s * n + v]);
		}
	}
	LSTM__UNROLL
	for (s = 0; s < m * n; s++)
		sum[s] = total[s];
}

#else
/* A word holds the codes of four k.  Their sums are whole numbers, exact in any order.  With
 * LSTM__SIGNED, where the codes of x are magnitudes |x| and signs m, 0 or -1: as -w = (w ^ -1) + 1,
 * the sum of x w is that of |x| (w ^ m), and of |x| where x is negative, which the row has. */
LSTM__INLINE void LSTM__FN(dot)(lstm__vf *sum, const int m, const int n, struct LSTM__FN(rows) w,
                                size_t stride, size_t apart, const int pitch,
                                const float *const *x, size_t count)
{
	const size_t words = lstm__words(LSTM__DTYPE, count);
	lstm__vi total[LSTM__SUMS];
#if LSTM__SIGNED
	const lstm__vi ones = lstm__ones();
#endif
	size_t k;
	int s, v;

	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		const lstm__vi offset = lstm__splat_i(x[s] + 1);
		LSTM__UNROLL
		for (v = 0; v < n; v++)
			total[s * n + v] =
				lstm__mul_i(offset, lstm__load_i(w.sum + v * pitch));
	}
	for (k = 0; k < words; k++, w.at += stride) {
		lstm__vi xs[LSTM__STREAMS];
#if LSTM__SIGNED
		lstm__vi signs[LSTM__STREAMS];
#endif
		LSTM__UNROLL
		for (s = 0; s < m; s++) {
			const float *word = x[s] + LSTM__HEAD + k * (1 + LSTM__SIGNED);
			xs[s] = lstm__splat_i(word);
#if LSTM__SIGNED
			signs[s] = lstm__splat_i(word + 1);
#endif
		}
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
			lstm__vi row = lstm__load_i(w.at + lstm__place(v, apart, pitch));
			if (m > 1)
				LSTM__HOLD(row);
			LSTM__UNROLL
			for (s = 0; s < m; s++) {
#if LSTM__SIGNED
				total[s * n + v] = lstm__dot4_signed(total[s * n + v], row, xs[s],
				                                     signs[s], ones);
#else
				total[s * n + v] = lstm__dot4(total[s * n + v], row, xs[s]);
#endif
				LSTM__IN_TURN(total[s * n + v]);
			}
		}
	}
	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		const lstm__vf scale = lstm__splat(x[s]);
		LSTM__UNROLL
		for (v = 0; v < n; v++) {
#if LSTM__SIGNED
			total[s * n + v] = lstm__add_i(total[s * n + v], lstm__splat_i(x[s] + 2));
#endif
			sum[s * n + v] = lstm__fma(
				lstm__to_float(total[s * n + v]),
				lstm__mul(scale, lstm__load(w.scale + v * pitch)),
				sum[s * n + v]);
		}
	}
}
#endif
/* ==== simd/encode.h =========================================================================== */
/* int8: a row of numbers becomes codes, with the scale and the offset that stand before them. */

#if LSTM__INT8
/* Numbers k, k + 1, ... of n; zeros beyond. */
LSTM__INLINE lstm__vf LSTM__FN(numbers)(const float *x, size_t k, size_t n)
{
	float last[LSTM__LANES];
	if (n - k >= LSTM__LANES)
		return lstm__load(x + k);
	memset(last, 0, sizeof(last));
	memcpy(last, x + k, (n - k) * sizeof(float));
	return lstm__load(last);
}

/* The codes of n numbers at the most, v, to word k / 4.  *negative: sums of those below zero. */
LSTM__INLINE void LSTM__FN(put_codes)(float *row, size_t k, lstm__vf v, size_t n,
                                      const struct lstm__coding *coding, lstm__vi *negative)
{
	unsigned char *to = (unsigned char *)(row + LSTM__HEAD) + k * (1 + LSTM__SIGNED);
	const lstm__vi steps = lstm__round(lstm__mul(v, lstm__set(coding->inverse)));
	lstm__vi codes = lstm__add_i(steps, lstm__set_i(coding->zero - LSTM__STORED));
#if LSTM__SIGNED
	if (n < LSTM__LANES)
		codes = lstm__first_i(codes, n);
	*negative = lstm__add_i(*negative, lstm__min_i(codes, lstm__set_i(0)));
#else
	(void)n, (void)negative;
#endif
	lstm__store_codes(to, codes);
}

/* The row of n numbers, as lstm__encode makes it.  Each step of a layer waits for this. */
LSTM__NOINLINE void LSTM__FN(encode)(float *row, const float *x, size_t n)
{
	const size_t whole = n - n % LSTM__LANES;
	lstm__vi above = lstm__set_i(0), below = above, negative = above;
	struct lstm__coding coding;
	float high, low;
	size_t k;

	/* As whole numbers: the larger of two is the one with more bits; negative floats are negative,
	 * or larger than all others where there are none. */
	for (k = 0; k < whole; k += LSTM__LANES) {
		above = lstm__max_i(above, lstm__bits(lstm__load(x + k)));
		below = lstm__max_u(below, lstm__bits(lstm__load(x + k)));
	}
	if (k < n) {
		const lstm__vi bits = lstm__bits(LSTM__FN(numbers)(x, k, n));
		above = lstm__max_i(above, bits);
		below = lstm__max_u(below, bits);
	}
	below = lstm__max_i(lstm__set_i(0), lstm__xor_i(below, lstm__set_i((int32_t)-0x7fffffff - 1)));
	lstm__most(above, below, &high, &low);
	coding = lstm__coding_of(high, low);
	lstm__code_head(row, &coding, LSTM__STORED);
	for (k = 0; coding.scale < 512 * LSTM__TINY && k < n; k += LSTM__LANES)
		LSTM__FN(put_codes)(row, k, LSTM__V(flush)(LSTM__FN(numbers)(x, k, n)), n - k, &coding,
		                    &negative);
	for (; k < whole; k += LSTM__LANES) /* what counts as zero is less than half a step */
		LSTM__FN(put_codes)(row, k, lstm__load(x + k), LSTM__LANES, &coding, &negative);
	if (k < n)
		LSTM__FN(put_codes)(row, k, LSTM__FN(numbers)(x, k, n), n - k, &coding, &negative);
#if LSTM__SIGNED
	LSTM__FN(code_sum)(row + 2, negative);
#endif
}
#endif
/* ==== simd/tile.h ============================================================================= */
/* The tiles: m streams times n vectors of rows, all sums in registers.  m and n are literals at
 * every call, so that the loops over them unroll and the arrays become registers. */
struct LSTM__FN(streams) { /* what the tile of up to LSTM__STREAMS streams works on */
	const float *x[LSTM__STREAMS], *h[LSTM__STREAMS];
	const float *start[LSTM__STREAMS]; /* what the sums begin with: bias, or bias + W x */
	float *out[LSTM__STREAMS];
	int projected;  /* start includes W x */
	ptrdiff_t next; /* words from this block of weights to the one after it; 0: none */
	size_t turn;    /* tiles of this block before this one */
};

/* The rows w of the tile, which fetches its share of those of the next block meanwhile: the weights
 * beyond the second cache come while all are multiplied, not while some wait. */
LSTM__INLINE struct LSTM__FN(rows) LSTM__FN(rows_and_next)(struct LSTM__FN(rows) w,
                                                           const struct LSTM__FN(streams) *in,
                                                           size_t skip, size_t count, const int m)
{
	const size_t line = LSTM__LINE * (size_t)LSTM__FN(far_lines)(m), row = LSTM__LINE * 4;
	w.fetches = 1;
	w.far = (const char *)(w.at - skip + in->next) + in->turn * line % row * count;
	return w;
}

/* One stream times `units` vectors of units, from vector `first` on, a whole step.  Their rows of
 * weights lie as in `dot`; pitch is more than LSTM__LANES where the layer is packed for longer
 * vectors.  The latency of this is a small model's step: the cells stay in registers, and what is
 * done for all vectors before the next thing keeps enough operations in flight. */
LSTM__INLINE void LSTM__FN(tile_alone)(const struct lstm__layer *l,
                                       struct lstm__alone *in, size_t first, size_t stride,
                                       size_t apart, const int units, const int pitch)
{
	const size_t block = first * 4 * LSTM__LANES;
	size_t unit = first * LSTM__LANES;
	const float *x = in->x, *h = in->h; /* lest Clang reads them in every turn */
	float *c = in->c + unit;
	lstm__vf sum[LSTM__UNITS * 4];
	int v, u;

	do {
		LSTM__UNROLL
		for (v = 0; v < 4 * units; v++)
			sum[v] = lstm__load(in->start + block + v * pitch);
		if (!in->projected)
			LSTM__FN(dot)(sum, 1, 4 * units, LSTM__FN(rows_of_x)(l, block, 0), stride, apart,
			              pitch, &x, l->width);
	} while (lstm__fp_enter_late(&in->environment));
	LSTM__FN(dot)(sum, 1, 4 * units, LSTM__FN(rows_of_h)(l, block, 0, stride), stride, apart, pitch,
	              &h, l->output);
	if (!l->plain) {
		LSTM__UNROLL
		for (u = 0; u < units; u++, unit += LSTM__LANES, c += LSTM__LANES)
			LSTM__V(put)(LSTM__V(cell_any)(l, sum[4 * u], sum[4 * u + 1],
			                                 sum[4 * u + 2], sum[4 * u + 3], unit, c),
			              unit, l->hidden, in->out, in->y);
		return;
	}
	LSTM__UNROLL
	for (u = 0; u < units; u++)
		sum[4 * u] = LSTM__V(cell_keep)(sum[4 * u], sum[4 * u + 1], sum[4 * u + 2],
		                                 c + u * LSTM__LANES);
	LSTM__UNROLL
	for (u = 0; u < units; u++)
		LSTM__V(put)(LSTM__V(cell_show)(sum[4 * u + 3], sum[4 * u]),
		              unit + (size_t)u * LSTM__LANES, l->hidden, in->out, in->y);
}

/* m streams times the vector of units `first`; `part` vectors stand before it in its block, which has
 * `stride` words per k.  With `ahead` only the input is projected, into the row `out`, bias + W x; else
 * out[gate][lane] becomes all that its cell waits for. */
LSTM__INLINE void LSTM__FN(tile)(const struct lstm__layer *l, const struct LSTM__FN(streams) *in,
                                 size_t first, size_t part, size_t stride, const int m,
                                 const int ahead, const int far)
{
	const size_t block = (first - part) * 4 * LSTM__LANES, skip = part * 4 * LSTM__LANES;
	const float *from[LSTM__STREAMS]; /* x, then h, as there are no registers for both: copied lest Clang
	                                   * reads them in every turn */
	lstm__vf sum[LSTM__STREAMS * 4];
	int s, v;

	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		from[s] = in->x[s];
		LSTM__UNROLL
		for (v = 0; v < 4; v++)
			sum[s * 4 + v] = lstm__load(in->start[s] + block + skip + v * LSTM__LANES);
	}
	if (ahead || !in->projected) {
		struct LSTM__FN(rows) w = LSTM__FN(rows_of_x)(l, block, skip);
		if (far)
			w = LSTM__FN(rows_and_next)(w, in, skip, lstm__words(LSTM__DTYPE, l->width), m);
		LSTM__FN(dot)(sum, m, 4, w, stride, 0, LSTM__LANES, from, l->width);
	}
	if (!ahead) {
		struct LSTM__FN(rows) w = LSTM__FN(rows_of_h)(l, block, skip, stride);
		LSTM__UNROLL
		for (s = 0; s < m; s++)
			from[s] = in->h[s];
		if (far)
			w = LSTM__FN(rows_and_next)(w, in, skip, lstm__words(LSTM__DTYPE, l->output), m);
		LSTM__FN(dot)(sum, m, 4, w, stride, 0, LSTM__LANES, from, l->output);
	}
	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		float *to = in->out[s] + (ahead ? block + skip : 0);
		LSTM__UNROLL
		for (v = 0; v < 4; v++)
			lstm__store(to + v * LSTM__LANES, sum[s * 4 + v]);
	}
}

/* The tile of one vector of units with m, at run time, made a literal; more than four where `many`. */
LSTM__INLINE void LSTM__FN(tiles_of)(const struct lstm__layer *l, const struct LSTM__FN(streams) *in,
                                     size_t first, size_t part, size_t stride, size_t m,
                                     const int ahead, const int far, const int many)
{
	(void)many;
	switch (m) {
	case 1: LSTM__FN(tile)(l, in, first, part, stride, 1, ahead, 0); break;
	case 2: LSTM__FN(tile)(l, in, first, part, stride, 2, ahead, far); break;
#if LSTM__STREAMS > 2
	case 3: LSTM__FN(tile)(l, in, first, part, stride, 3, ahead, far); break;
#endif
#if LSTM__STREAMS > 3
	case 4: LSTM__FN(tile)(l, in, first, part, stride, 4, ahead, far); break;
#endif
#if LSTM__STREAMS > 5
	case 5:
		if (many)
			LSTM__FN(tile)(l, in, first, part, stride, 5, ahead, far);
		break;
	case 6:
		if (many)
			LSTM__FN(tile)(l, in, first, part, stride, 6, ahead, far);
		break;
#endif
	}
}

/* Those that fetch weights ahead, and those of f16 for AVX-512: a function of its own has registers for
 * the rows of six streams, and is much code, of which one copy is as fast. */
LSTM__NOINLINE void LSTM__FN(tiles_apart)(const struct lstm__layer *l,
                                          const struct LSTM__FN(streams) *in, size_t first,
                                          size_t part, size_t stride, size_t m, int ahead)
{
	LSTM__FN(tiles_of)(l, in, first, part, LSTM__SINGLE ? 4 * LSTM__LANES : stride, m, ahead,
	                   LSTM__FETCHES, 1);
}

LSTM__INLINE void LSTM__FN(tiles)(const struct lstm__layer *l, const struct LSTM__FN(streams) *in,
                                  size_t first, size_t part, size_t stride, size_t m,
                                  const int ahead)
{
	const int fetches = m > 4           ? LSTM__FETCH_MANY
	                    : in->projected ? LSTM__FETCH_FEW_AHEAD
	                                    : LSTM__FETCH_FEW;
	if (LSTM__FETCHES ? m > 1 && l->fetches & fetches : LSTM__STREAMS > 5)
		LSTM__FN(tiles_apart)(l, in, first, part, stride, m, ahead);
	else
		LSTM__FN(tiles_of)(l, in, first, part, stride, m, ahead, 0, 0);
}

/* Those of the input alone, and of the outputs that are projected: a function for both. */
LSTM__NOINLINE void LSTM__FN(tiles_ahead)(const struct lstm__layer *l,
                                          const struct LSTM__FN(streams) *in, size_t first,
                                          size_t part, size_t stride, size_t m)
{
	LSTM__FN(tiles)(l, in, first, part, stride, m, 1);
}

/* The same of vector `first` of the rows alone, which is number `part` of a block of fewer than four. */
LSTM__INLINE void LSTM__FN(tile_one)(const struct lstm__layer *l, const struct LSTM__FN(streams) *in,
                                     size_t first, size_t part, size_t stride, const int m)
{
	const size_t block = (first - part) * LSTM__LANES, skip = part * LSTM__LANES;
	const float *from[LSTM__STREAMS];
	lstm__vf sum[LSTM__STREAMS];
	int s;
	LSTM__UNROLL
	for (s = 0; s < m; s++) {
		from[s] = in->x[s];
		sum[s] = lstm__load(in->start[s] + first * LSTM__LANES);
	}
	LSTM__FN(dot)(sum, m, 1, LSTM__FN(rows_of_x)(l, block, skip), stride, 0, LSTM__LANES, from, l->width);
	LSTM__UNROLL
	for (s = 0; s < m; s++)
		lstm__store(in->out[s] + first * LSTM__LANES, sum[s]);
}
/* ==== simd/last.h ============================================================================= */
/* The last vector of units together with the block before it.  By itself it waits for its few sums:
 * four of AVX2's take as long as eight.  And of AVX-512's often half is padding (H = 8, 24, 40), so
 * that its lower half alone is made, in AVX2's. */
#if LSTM__MAKES_HALVES
/* For kernels of vectors twice as long, which have packed the layer: v is their number of the vector,
 * alone in its block. */
LSTM__NOINLINE void LSTM__FN(tile_half)(const struct lstm__layer *l, struct lstm__alone *in,
                                        size_t v)
{
	LSTM__FN(tile_alone)(l, in, 2 * v, 2 * 4 * LSTM__LANES, 0, 1, 2 * LSTM__LANES);
}
#endif

#if LSTM__JOINS
#define LSTM__LAST(name) lstm__##name##_avx2

/* As `dot`, for n vectors of w, and for the four at `last`. */
LSTM__INLINE void LSTM__FN(dot_and_last)(lstm__vf *sum, __m256 *end, const int n,
                                         const float *w, size_t stride, size_t apart,
                                         const float *last, const float *x, size_t count)
{
	size_t k;
	int v;
	for (k = 0; k < count; k++, w += stride, last += 4 * LSTM__LANES) {
		const lstm__vf xs = lstm__splat(x + k);
		LSTM__UNROLL
		for (v = 0; v < n; v++)
			sum[v] = lstm__fma(lstm__load(w + lstm__place(v, apart, LSTM__LANES)), xs,
			                    sum[v]);
		LSTM__UNROLL
		for (v = 0; v < 4; v++)
			end[v] = _mm256_fmadd_ps(_mm256_loadu_ps(last + v * LSTM__LANES),
			                        lstm__last_of(xs), end[v]);
	}
}

/* As `tile_alone`, for `units` vectors of units from `first` on and the last one behind them, which
 * is alone in its block. */
LSTM__INLINE void LSTM__FN(tile_and_last)(const struct lstm__layer *l, struct lstm__alone *in,
                                          size_t first, size_t stride, size_t apart, const int units)
{
	const size_t vector = 4 * LSTM__LANES, block = first * vector;
	const size_t last = block + (size_t)units * vector;
	size_t unit = first * LSTM__LANES;
	lstm__vf sum[LSTM__UNITS * 4];
	__m256 end[4];
	int v, u;

	do {
		LSTM__UNROLL
		for (v = 0; v < 4 * units; v++)
			sum[v] = lstm__load(in->start + block + v * LSTM__LANES);
		LSTM__UNROLL
		for (v = 0; v < 4; v++)
			end[v] = _mm256_loadu_ps(in->start + last + v * LSTM__LANES);
		if (!in->projected)
			LSTM__FN(dot_and_last)(sum, end, 4 * units, LSTM__FN(rows_of_x)(l, block, 0).at,
			                       stride, apart, LSTM__FN(rows_of_x)(l, last, 0).at,
			                       in->x, l->width);
	} while (lstm__fp_enter_late(&in->environment));
	LSTM__FN(dot_and_last)(sum, end, 4 * units, LSTM__FN(rows_of_h)(l, block, 0, stride).at, stride,
	                       apart, LSTM__FN(rows_of_h)(l, last, 0, vector).at, in->h, l->output);
	LSTM__UNROLL
	for (u = 0; u < units; u++)
		sum[4 * u] = LSTM__V(cell_keep)(sum[4 * u], sum[4 * u + 1], sum[4 * u + 2],
		                                 in->c + unit + u * LSTM__LANES);
	end[0] = LSTM__LAST(cell_keep)(end[0], end[1], end[2], in->c + unit + units * LSTM__LANES);
	LSTM__UNROLL
	for (u = 0; u < units; u++, unit += LSTM__LANES)
		LSTM__V(put)(LSTM__V(cell_show)(sum[4 * u + 3], sum[4 * u]), unit, l->hidden, in->out,
		              in->y);
	LSTM__LAST(put)(LSTM__LAST(cell_show)(end[3], end[0]), unit, l->hidden, in->out, in->y);
}

/* The vectors of units from .. to, the layer's last one among them. */
LSTM__INLINE void LSTM__FN(tiles_and_last)(const struct lstm__layer *l, struct lstm__alone *in,
                                           size_t from, size_t to, size_t stride, size_t apart)
{
	for (; to - from > LSTM__UNITS + 1; from += LSTM__UNITS)
		LSTM__FN(tile_alone)(l, in, from, stride, apart, LSTM__UNITS, LSTM__LANES);
	if (to - from == LSTM__UNITS + 1)
		LSTM__FN(tile_and_last)(l, in, from, stride, apart, LSTM__UNITS);
#if LSTM__BY_HALVES
	else if (to - from == LSTM__UNITS)
		LSTM__FN(tile_and_last)(l, in, from, stride, apart, LSTM__UNITS - 1);
	else
		LSTM__LAST(tile_half)(l, in, from);
#else
	else
		LSTM__FN(tile_alone)(l, in, from, 4 * LSTM__LANES, 0, 1, LSTM__LANES);
#endif
}
#endif
/* ==== simd/streams.h ========================================================================== */
/* What a job does of several streams or steps at a time: stage x, project it ahead, step, project h. */

#if LSTM__WEIGHTS == LSTM__F32
LSTM__INLINE void LSTM__V(flush_row)(float *to, const float *x, size_t width)
{
	size_t k;
	for (k = 0; k + LSTM__LANES <= width; k += LSTM__LANES)
		lstm__store(to + k, LSTM__V(flush)(lstm__load(x + k)));
	for (; k < width; k++)
		to[k] = lstm__flush(x[k]);
}
#endif

/* The row of stream b at step t, where it is. */
LSTM__INLINE const float *LSTM__FN(source)(const struct lstm__job *job, size_t t, size_t b)
{
	return job->x + t * job->x_step + b * job->x_stream;
}

/* Where rows of x are for the dot products, the row of stream b at step t: in the stage, which begins
 * at step first, or where it is. */
LSTM__INLINE const float *LSTM__FN(row)(const struct lstm__job *job, size_t first, size_t t,
                                        size_t b)
{
#if LSTM__INT8
	return job->codes + ((t - first) * (size_t)job->batch + b) * job->code_row;
#else
	if (job->foreign)
		return job->stage + ((t - first) * (size_t)job->batch + b) * job->layer->width;
	return LSTM__FN(source)(job, t, b);
#endif
}

/* Copy the rows of x for steps [first, first + n) into the stage, flushed, or encoded. */
LSTM__NOINLINE void LSTM__FN(stage)(const struct lstm__job *job, size_t first, size_t n)
{
	const size_t width = job->layer->width, batch = (size_t)job->batch;
	size_t t, b;
	for (t = first; (LSTM__INT8 || job->foreign) && t < first + n; t++)
		for (b = 0; b < batch; b++) {
			float *to = (float *)LSTM__FN(row)(job, first, t, b);
#if LSTM__INT8
			LSTM__FN(encode)(to, LSTM__FN(source)(job, t, b), width);
#else
			LSTM__V(flush_row)(to, LSTM__FN(source)(job, t, b), width);
#endif
		}
}

/* A row of n numbers of stream b, h or what is to be projected, as the dot products take it. */
LSTM__INLINE const float *LSTM__FN(own)(const struct lstm__job *job, size_t b, const float *row,
                                        size_t n)
{
#if LSTM__INT8
	float *codes = job->h_codes + b * job->code_row;
	LSTM__FN(encode)(codes, row, n);
	return codes;
#else
	(void)job, (void)b, (void)n;
	return row;
#endif
}

/* Streams that the tiles of gates take at the most: more than four pay where weights are fetched or
 * converted, not where they are near. */
LSTM__INLINE size_t LSTM__FN(largest)(const struct lstm__layer *l)
{
	const int many = l->fetches & LSTM__FETCH_MANY || LSTM__WEIGHTS != LSTM__F32;
	return many ? LSTM__STREAMS : LSTM__FEW;
}

/* Streams per tile: as few tiles as their limit allows, all of nearly one size. */
LSTM__INLINE size_t LSTM__FN(group)(size_t left, size_t most)
{
	size_t tiles;
	if (left <= most)
		return left;
	tiles = (left + most - 1) / most;
	return (left + tiles - 1) / tiles;
}

/* Whether to project the input of n steps ahead of the recurrence: the tile reuses each weight for
 * several rows then, which pays once the weights outgrow the first cache. */
LSTM__INLINE int LSTM__FN(worth_projecting)(const struct lstm__job *job, size_t n)
{
	const struct lstm__layer *l = job->layer;
	const int large = l->hidden >= 24 && l->width > 3;
	return large && job->pre && n * (size_t)job->batch >= LSTM__STREAMS;
}

/* Vectors of units in the block that begins at vector v. */
LSTM__INLINE size_t LSTM__FN(block)(const struct lstm__layer *l, size_t v)
{
	if (LSTM__SINGLE)
		return 1;
	return l->vectors - v < l->units ? l->vectors - v : l->units;
}

/* Blocks come in turn from front to back and from back to front, of weights that outgrow the first
 * cache: a step finds in the nearest caches what the one before it read last. */
LSTM__INLINE int LSTM__FN(backwards)(const struct lstm__job *job, int stream)
{
	return job->layer->turns && job->phase[stream];
}

/* pre = bias + W x for steps [first, first + n) of every stream. */
LSTM__NOINLINE void LSTM__FN(project_ahead)(const struct lstm__job *job, size_t first, size_t n)
{
	const struct lstm__layer *l = job->layer;
	const size_t batch = (size_t)job->batch, rows = n * batch, most = LSTM__FN(largest)(l);
	struct LSTM__FN(streams) in;
	size_t v, part, units, stride, r, m, s;

	in.projected = 0;
	for (v = job->from; v < job->to; v += units) {
		units = LSTM__FN(block)(l, v);
		stride = units * 4 * LSTM__LANES;
		in.next = v + units < job->to ? (ptrdiff_t)(stride * LSTM__FN(depth)(l)) : 0;
		in.turn = 0;
		for (part = 0; part < units; part++)
			for (r = 0; r < rows; r += m) {
				m = LSTM__FN(group)(rows - r, most);
				for (s = 0; s < m; s++) {
					in.x[s] = LSTM__FN(row)(job, first, first + (r + s) / batch,
					                        (r + s) % batch);
					in.start[s] = l->bias;
					in.out[s] = job->pre + (r + s) * 4 * job->c_row;
				}
				LSTM__FN(tiles_ahead)(l, &in, v + part, part, stride, m);
				in.turn++;
			}
	}
}

/* What the tile of streams active[from], ... reads at step t; their gates go to `gates`. */
LSTM__INLINE void LSTM__FN(gather)(const struct lstm__job *job, struct LSTM__FN(streams) *in,
                                   size_t first, size_t t, size_t from, size_t m, int ahead,
                                   float *gates)
{
	const size_t width = 4 * job->c_row;
	size_t s;
	in->projected = ahead;
	for (s = 0; s < m; s++) {
		const int stream = job->active[from + s];
		const size_t b = (size_t)stream;
		in->x[s] = LSTM__FN(row)(job, first, t, b);
		in->start[s] = job->layer->bias;
		if (ahead)
			in->start[s] = job->pre + ((t - first) * (size_t)job->batch + b) * width;
#if LSTM__INT8
		in->h[s] = job->h_codes + b * job->code_row;
#else
		in->h[s] = lstm__job_h(job, stream, 0);
#endif
		in->out[s] = gates + s * 4 * LSTM__LANES;
	}
}

/* The built-in activations keep constants in registers, which the dot products need: their cells are a
 * function of their own.  SLEEF's come with each of its functions. */
#ifdef LSTM_NO_SLEEF
#define LSTM__APART LSTM__NOINLINE
#else
#define LSTM__APART LSTM__INLINE
#endif

/* The cells of the n streams active[from], ... at step t for the vector of units that begins at `unit`.
 * gates[n][gate][lane] is memory, not an array of vectors: GCC would copy such a one in halves, which
 * the processor cannot read back as a whole before they have reached the cache. */
LSTM__APART void LSTM__FN(cells)(const struct lstm__job *job, size_t t, size_t from, size_t n,
                                 const float *gates, size_t unit)
{
	const struct lstm__layer *l = job->layer;
	const int projects = l->projection.words != NULL;
	const float *g;
	size_t s;
	for (s = 0, g = gates; l->plain && s < n; s++, g += 4 * LSTM__LANES)
		LSTM__V(cell_keep)(lstm__load(g), lstm__load(g + LSTM__LANES),
		                   lstm__load(g + 2 * LSTM__LANES),
		                   job->c + (size_t)job->active[from + s] * job->c_row + unit);
	for (s = 0, g = gates; s < n; s++, g += 4 * LSTM__LANES) {
		const int stream = job->active[from + s];
		const size_t b = (size_t)stream;
		float *c = job->c + b * job->c_row + unit;
		float *out = projects ? job->cells + b * job->c_row : lstm__job_h(job, stream, 1);
		float *y = job->y && !projects ? job->y + t * job->y_step + b * job->y_stream : NULL;
		const lstm__vf o = lstm__load(g + 3 * LSTM__LANES);
		lstm__vf h;
		if (l->plain)
			h = LSTM__V(cell_show)(o, lstm__load(c));
		else
			h = LSTM__V(cell_any)(l, lstm__load(g), lstm__load(g + LSTM__LANES),
			                      lstm__load(g + 2 * LSTM__LANES), o, unit, c);
		LSTM__V(put)(h, unit, l->hidden, out, y);
	}
}

/* The codes of h of the n streams in active. */
LSTM__INLINE void LSTM__FN(own_all)(const struct lstm__job *job, size_t n)
{
	size_t s;
	for (s = 0; LSTM__INT8 && s < n; s++)
		LSTM__FN(own)(job, (size_t)job->active[s], lstm__job_h(job, job->active[s], 0),
		              job->layer->output);
}

/* Step t of the n streams in active.  ahead: pre holds the input's part.  The cells of several tiles
 * are made together: by those of one the processor would wait for each of their operations. */
LSTM__INLINE void LSTM__FN(step)(const struct lstm__job *job, size_t first, size_t t, size_t n,
                                 int ahead)
{
	const struct lstm__layer *l = job->layer;
	const size_t blocks = (l->vectors + l->units - 1) / l->units, most = LSTM__FN(largest)(l);
	const int back = LSTM__FN(backwards)(job, job->active[0]);
	const ptrdiff_t block = (ptrdiff_t)(l->units * 4 * LSTM__LANES * LSTM__FN(depth)(l));
	float gates[LSTM__CELLS * 4 * LSTM__LANES];
	struct LSTM__FN(streams) in;
	size_t i, v, part, units, stride, from, m, held;

	LSTM__FN(own_all)(job, n);
	LSTM__FN(gather)(job, &in, first, t, 0, LSTM__FN(group)(n, most), ahead, gates);
	for (i = 0; i < blocks; i++) {
		v = (back ? blocks - 1 - i : i) * l->units;
		units = LSTM__FN(block)(l, v);
		stride = units * 4 * LSTM__LANES;
		in.next = i + 1 == blocks ? 0 : back ? -block : block;
		in.turn = 0;
		for (part = 0; part < units; part++)
			for (from = held = 0; from < n; from += m) {
				m = LSTM__FN(group)(n - from, most);
				if (n > m)
					LSTM__FN(gather)(job, &in, first, t, from, m, ahead,
					                 gates + held * 4 * LSTM__LANES);
				LSTM__FN(tiles)(l, &in, v + part, part, stride, m, 0);
				in.turn++;
				held += m;
				if (from + m < n && held + LSTM__STREAMS <= LSTM__CELLS)
					continue;
				LSTM__SETTLE(gates);
				LSTM__FN(cells)(job, t, from + m - held, held, gates,
				                (v + part) * LSTM__LANES);
				held = 0;
			}
	}
}

/* The outputs of m streams, all vectors of them: whole blocks of four are as a unit's gates.  A function of
 * its own has registers for the others' addresses. */
LSTM__NOINLINE void LSTM__FN(tiles_output)(const struct lstm__layer *outputs, size_t vectors,
                                           struct LSTM__FN(streams) *in, size_t m)
{
	const size_t rest = vectors % 4, stride = rest * LSTM__LANES;
	size_t v, s;
	for (s = 0; s < m; s++) {
		memset(in->out[s], 0, vectors * LSTM__LANES * sizeof(float));
		in->start[s] = in->out[s];
	}
	for (v = 0; v < vectors - rest; v += 4)
		LSTM__FN(tiles_ahead)(outputs, in, v / 4, 0, 4 * LSTM__LANES, m);
	for (; s < LSTM__FEW; s++) { /* the first one again: few sums take as long as four */
		in->x[s] = in->x[0];
		in->start[s] = in->out[s] = in->out[0];
	}
	for (; v < vectors; v++)
		if (m == 1) /* its next vector does not wait for this one, if there is little to do for it */
			LSTM__FN(tile_one)(outputs, in, v, rest - (vectors - v), stride, 1);
		else
			LSTM__FN(tile_one)(outputs, in, v, rest - (vectors - v), stride, LSTM__FEW);
}

/* h = projection (o * tanh(c)) for the n streams in active; y: the first stream's, or NULL. */
LSTM__NOINLINE void LSTM__FN(project_output)(const struct lstm__job *job, float *y, size_t y_stream,
                                             size_t n)
{
	const struct lstm__layer *l = job->layer;
	const size_t vectors = (l->output + LSTM__LANES - 1) / LSTM__LANES;
	struct lstm__layer outputs; /* whose x is what is projected, and that has no h */
	struct LSTM__FN(streams) in;
	size_t from, m, s, unit;

	memset(&outputs, 0, sizeof(outputs));
	outputs.w = l->projection;
	outputs.width = l->hidden;
	in.projected = 0;
	in.next = 0;
	in.turn = 0;
	for (from = 0; from < n; from += m) {
		m = LSTM__FN(group)(n - from, LSTM__FEW);
		for (s = 0; s < m; s++) {
			const size_t b = (size_t)job->active[from + s];
			in.x[s] = LSTM__FN(own)(job, b, job->cells + b * job->c_row, l->hidden);
			in.out[s] = lstm__job_h(job, (int)b, 1);
		}
		LSTM__FN(tiles_output)(&outputs, vectors, &in, m);
		for (s = 0; s < m; s++)
			for (unit = 0; unit < l->output; unit += LSTM__LANES)
				LSTM__V(put)(LSTM__V(flush)(lstm__load(in.out[s] + unit)), unit,
				              l->output, in.out[s],
				              y ? y + (size_t)job->active[from + s] * y_stream : NULL);
	}
}
/* ==== simd/amx.h ============================================================================== */
/* int8 by AMX, for the streams of a batch and the rows of x that are projected ahead: the same whole
 * numbers as `dot` makes, in matrices of 16 streams times 16 units.  Its unsigned bytes are the codes, its
 * signed ones the weights, which lie as the instruction wants them: a row of 64 bytes has the codes of
 * four k for each of 16 units.
 *
 * Registers 0 to 3 are sums.  Of up to 16 streams those of the four gates, with 4 for the codes and 5 to 7
 * for the weights; of more those of two gates of each half of the streams, with 4 and 5 for the
 * codes and 6 and 7 for the weights, which serve both. */
#if defined(LSTM__AMX) && LSTM__PASS == LSTM__AVX512 && LSTM__WEIGHTS == LSTM__I8
#define LSTM__AMX_ROWS ((size_t)16)    /* of a register: streams, or words of codes */
#define LSTM__AMX_STREAMS ((size_t)32) /* at a time */
#define LSTM__AMX_GATES ((size_t)4 * LSTM__LANES)

/* What the registers hold, for the instruction ldtilecfg: palette 1. */
struct lstm__amx_shape {
	unsigned char palette, start_row, zero[14];
	uint16_t bytes[16]; /* of a row */
	unsigned char rows[16];
};

/* For how many streams, and products of how many words at a time, they are set; 0: they are not. */
struct lstm__amx {
	size_t streams, words;
};

LSTM__INLINE void lstm__amx_hold(struct lstm__amx_shape *a, int number, size_t rows, size_t words)
{
	a->rows[number] = (unsigned char)rows;
	a->bytes[number] = (uint16_t)(4 * words);
}

/* Set the registers for `streams` and products of `words` at a time, unless they are. */
LSTM__INLINE void lstm__amx_set(struct lstm__amx *a, size_t streams, size_t words)
{
	const size_t lower = streams > LSTM__AMX_ROWS ? streams / 2 : 0, upper = streams - lower;
	struct lstm__amx_shape shape;
	int i;

	if (a->streams == streams && a->words == words)
		return;
	a->streams = streams;
	a->words = words;
	memset(&shape, 0, sizeof(shape));
	shape.palette = 1;
	for (i = 0; i < 4; i++)
		lstm__amx_hold(&shape, i, i < 2 || !lower ? upper : lower, LSTM__LANES);
	lstm__amx_hold(&shape, 4, upper, words);
	if (lower)
		lstm__amx_hold(&shape, 5, lower, words);
	for (i = lower ? 6 : 5; i < 8; i++)
		lstm__amx_hold(&shape, i, words, LSTM__LANES);
	lstm__amx_config(&shape);
}

/* The codes that some streams are multiplied by: rows of x or h. */
struct lstm__amx_codes {
	const float *row; /* of the first stream */
	size_t apart;     /* floats */
	size_t words;     /* of codes in a row */
	size_t at_once;   /* words: as many as a register's rows have */
	float last[LSTM__AMX_STREAMS * LSTM__AMX_ROWS]; /* those that are left over, behind zeros */
};

/* The codes of streams from `row` on.  The last words that fill no register are multiplied together with
 * those before them, which count as zero then: nothing is read beyond a matrix's end. */
static void lstm__amx_take(struct lstm__amx_codes *c, const float *row, size_t streams)
{
	const size_t left = c->words % c->at_once;
	size_t s;

	c->row = row;
	for (s = 0; left && s < streams; s++, row += c->apart) {
		float *to = c->last + s * LSTM__AMX_ROWS;
		memset(to, 0, LSTM__AMX_ROWS * sizeof(float));
		memcpy(to + LSTM__AMX_ROWS - left, row + LSTM__CODES + c->words - left,
		       left * sizeof(float));
	}
}

static void lstm__amx_row(struct lstm__amx_codes *c, size_t words, size_t apart)
{
	c->words = words;
	c->apart = apart;
	c->at_once = words < LSTM__AMX_ROWS ? words : LSTM__AMX_ROWS;
}

/* Four gates of up to 16 streams. */
LSTM__INLINE void lstm__amx_four(const float *codes, size_t apart, const int32_t *w)
{
	const size_t pitch = LSTM__AMX_GATES * sizeof(*w);
	lstm__amx_load(4, codes, apart);
	lstm__amx_load(5, w, pitch);
	lstm__amx_dot(0, 4, 5);
	lstm__amx_load(6, w + LSTM__LANES, pitch);
	lstm__amx_dot(1, 4, 6);
	lstm__amx_load(7, w + 2 * LSTM__LANES, pitch);
	lstm__amx_dot(2, 4, 7);
	lstm__amx_load(5, w + 3 * LSTM__LANES, pitch);
	lstm__amx_dot(3, 4, 5);
}

/* Two gates of two times as many. */
LSTM__INLINE void lstm__amx_two(const float *upper, const float *lower, size_t apart,
                                const int32_t *w)
{
	const size_t pitch = LSTM__AMX_GATES * sizeof(*w);
	lstm__amx_load(4, upper, apart);
	lstm__amx_load(6, w, pitch);
	lstm__amx_dot(0, 4, 6);
	lstm__amx_load(7, w + LSTM__LANES, pitch);
	lstm__amx_dot(1, 4, 7);
	lstm__amx_load(5, lower, apart);
	lstm__amx_dot(2, 5, 6);
	lstm__amx_dot(3, 5, 7);
}

/* total[stream][gate][lane] = sums of codes times the weights w of one vector of units. */
LSTM__NOINLINE void LSTM__FN(amx_sums)(int32_t *total, const struct lstm__amx_codes *c,
                                       size_t streams, const int32_t *w)
{
	const size_t lower = streams > LSTM__AMX_ROWS ? streams / 2 : 0, upper = streams - lower;
	const size_t pitch = LSTM__AMX_GATES * sizeof(*total), apart = c->apart * sizeof(float);
	const size_t at_once = c->at_once, left = c->words % at_once, whole = c->words - left;
	const float *row = c->row + LSTM__CODES, *below = row + upper * c->apart;
	const size_t others = lower ? upper * LSTM__AMX_GATES : (size_t)2 * LSTM__LANES;
	const int32_t *end = w + (left ? c->words - LSTM__AMX_ROWS : 0) * LSTM__AMX_GATES;
	int gate;
	size_t k;

	for (gate = 0; gate < 4; gate += lower ? 2 : 4, w += 2 * LSTM__LANES, end += 2 * LSTM__LANES) {
		lstm__amx_zero(0);
		lstm__amx_zero(1);
		lstm__amx_zero(2);
		lstm__amx_zero(3);
		for (k = 0; lower && k < whole; k += at_once)
			lstm__amx_two(row + k, below + k, apart, w + k * LSTM__AMX_GATES);
		for (k = 0; !lower && k < whole; k += at_once)
			lstm__amx_four(row + k, apart, w + k * LSTM__AMX_GATES);
		if (left && lower)
			lstm__amx_two(c->last, c->last + upper * LSTM__AMX_ROWS, LSTM__LINE, end);
		else if (left)
			lstm__amx_four(c->last, LSTM__LINE, end);
		lstm__amx_store(0, total, pitch);
		lstm__amx_store(1, total + LSTM__LANES, pitch);
		lstm__amx_store(2, total + others, pitch);
		lstm__amx_store(3, total + others + LSTM__LANES, pitch);
		total += 2 * LSTM__LANES;
	}
}

/* out[stream][gate][lane] = start + the numbers that the sums of codes stand for, as `dot` ends. */
LSTM__NOINLINE void LSTM__FN(amx_numbers)(const int32_t *total, const struct lstm__amx_codes *c,
                                          size_t streams, const struct LSTM__FN(rows) *w,
                                          const float *start, size_t start_row, float *out,
                                          size_t out_row)
{
	const float *row = c->row;
	lstm__vi sum[4];
	lstm__vf scale[4];
	size_t s;
	int v;

	LSTM__UNROLL
	for (v = 0; v < 4; v++) {
		sum[v] = lstm__load_i(w->sum + v * LSTM__LANES);
		scale[v] = lstm__load(w->scale + v * LSTM__LANES);
	}
	for (s = 0; s < streams; s++, row += c->apart, total += LSTM__AMX_GATES) {
		LSTM__UNROLL
		for (v = 0; v < 4; v++) {
			const lstm__vi all = lstm__add_i(lstm__load_i(total + v * LSTM__LANES),
			                                 lstm__mul_i(lstm__splat_i(row + 1), sum[v]));
			lstm__store(out + v * LSTM__LANES,
			            lstm__fma(lstm__to_float(all),
			                      lstm__mul(lstm__splat(row), scale[v]),
			                      lstm__load(start + v * LSTM__LANES)));
		}
		start += start_row;
		out += out_row;
	}
}

/* Streams or rows at a time. */
LSTM__INLINE size_t lstm__amx_group(size_t left)
{
	return left < LSTM__AMX_STREAMS ? left : LSTM__AMX_STREAMS;
}

/* `project_ahead` of rows that follow each other. */
static void LSTM__FN(amx_ahead)(const struct lstm__job *job, size_t rows)
{
	const struct lstm__layer *l = job->layer;
	const size_t gates = 4 * job->c_row;
	int32_t total[LSTM__AMX_STREAMS * LSTM__AMX_GATES];
	struct lstm__amx_codes x;
	struct lstm__amx amx;
	size_t r, v, m;

	amx.streams = amx.words = 0;
	lstm__amx_row(&x, lstm__words(LSTM__DTYPE, l->width), job->code_row);
	for (r = 0; r < rows; r += m) {
		m = lstm__amx_group(rows - r);
		lstm__amx_set(&amx, m, x.at_once);
		lstm__amx_take(&x, job->codes + r * job->code_row, m);
		for (v = job->from; v < job->to; v++) {
			const size_t block = v * LSTM__AMX_GATES;
			const struct LSTM__FN(rows) w = LSTM__FN(rows_of_x)(l, block, 0);
			LSTM__FN(amx_sums)(total, &x, m, w.at);
			LSTM__FN(amx_numbers)(total, &x, m, &w, l->bias + block, 0,
			                      job->pre + r * gates + block, gates);
		}
	}
	lstm__amx_release();
}

/* gates of m streams from x and h, of the vector of units v. */
static void LSTM__FN(amx_gates)(const struct lstm__job *job, struct lstm__amx *amx,
                                const struct lstm__amx_codes *x, const struct lstm__amx_codes *h,
                                size_t m, size_t v, const float *pre, float *gates)
{
	const struct lstm__layer *l = job->layer;
	const size_t block = v * LSTM__AMX_GATES;
	const float *start = pre ? pre + block : gates;
	const size_t start_row = pre ? 4 * job->c_row : LSTM__AMX_GATES;
	int32_t total[LSTM__AMX_STREAMS * LSTM__AMX_GATES];
	struct LSTM__FN(rows) w;

	if (!pre) {
		w = LSTM__FN(rows_of_x)(l, block, 0);
		lstm__amx_set(amx, m, x->at_once);
		LSTM__FN(amx_sums)(total, x, m, w.at);
		LSTM__FN(amx_numbers)(total, x, m, &w, l->bias + block, 0, gates, LSTM__AMX_GATES);
	}
	w = LSTM__FN(rows_of_h)(l, block, 0, LSTM__AMX_GATES);
	lstm__amx_set(amx, m, h->at_once);
	LSTM__FN(amx_sums)(total, h, m, w.at);
	LSTM__FN(amx_numbers)(total, h, m, &w, start, start_row, gates, LSTM__AMX_GATES);
}

/* `step` of the first n streams of a batch. */
static void LSTM__FN(amx_step)(const struct lstm__job *job, size_t first, size_t t, size_t n,
                               int ahead)
{
	const struct lstm__layer *l = job->layer;
	const int back = LSTM__FN(backwards)(job, job->active[0]);
	const size_t row = (t - first) * (size_t)job->batch;
	float gates[LSTM__AMX_STREAMS * LSTM__AMX_GATES];
	struct lstm__amx_codes x, h;
	struct lstm__amx amx;
	size_t i, v, from, m;

	amx.streams = amx.words = 0;
	LSTM__FN(own_all)(job, n);
	lstm__amx_row(&x, lstm__words(LSTM__DTYPE, l->width), job->code_row);
	lstm__amx_row(&h, lstm__words(LSTM__DTYPE, l->output), job->code_row);
	for (i = 0; i < l->vectors; i++) {
		v = back ? l->vectors - 1 - i : i;
		for (from = 0; from < n; from += m) {
			m = lstm__amx_group(n - from);
			if (i == 0 || n > LSTM__AMX_STREAMS) {
				lstm__amx_take(&x, job->codes + (row + from) * job->code_row, m);
				lstm__amx_take(&h, job->h_codes + from * job->code_row, m);
			}
			LSTM__FN(amx_gates)(job, &amx, &x, &h, m, v,
			                    ahead ? job->pre + (row + from) * 4 * job->c_row : NULL,
			                    gates);
			LSTM__FN(cells)(job, t, from, m, gates, v * LSTM__LANES);
		}
	}
	lstm__amx_release();
}

#endif
/* ==== simd/layer.h ============================================================================ */
/* A job: one stream the short way, several in tiles. */

/* The tile of the `rest` vectors of units that are fewer than a tile has. */
LSTM__INLINE void LSTM__FN(tile_rest)(const struct lstm__layer *l, struct lstm__alone *in,
                                      size_t v, size_t rest)
{
	const size_t unit = 4 * LSTM__LANES;
	switch (rest) {
	case 1: LSTM__FN(tile_alone)(l, in, v, unit, unit, 1, LSTM__LANES); break;
#if LSTM__UNITS > 2
	case 2: LSTM__FN(tile_alone)(l, in, v, 2 * unit, unit, 2, LSTM__LANES); break;
	case 3: LSTM__FN(tile_alone)(l, in, v, 3 * unit, unit, 3, LSTM__LANES); break;
#endif
	}
}

/* One copy for all where a call more is not felt: at most once in a step of a layer that is read in turn. */
LSTM__NOINLINE void LSTM__FN(rest_apart)(const struct lstm__layer *l, struct lstm__alone *in, size_t v,
                                         size_t rest)
{
	LSTM__FN(tile_rest)(l, in, v, rest);
}

/* One step of a state of one stream: x is its row as the dot products take it, and start bias + W x
 * if that was projected ahead, else NULL.  The short way for what most calls do.  units: of a tile;
 * single: whether each is a block; turns: whether blocks are read in turn, see layer; joins: whether
 * the layer's last vector is among the job's and made together with those before. */
LSTM__INLINE void LSTM__FN(alone_by)(const struct lstm__job *job, const float *x,
                                     const float *start, float *y, unsigned *environment,
                                     const size_t units, const int single, const int turns,
                                     const int joins)
{
	const struct lstm__layer *l = job->layer;
	const size_t whole = (job->to - job->from) / units, rest = (job->to - job->from) % units;
	const size_t unit = 4 * LSTM__LANES;
	const size_t stride = (single ? 1 : units) * unit;
	const size_t apart = single ? unit * LSTM__FN(depth)(l) : unit;
	const int back = turns && job->phase[0];
	struct lstm__alone in;
	size_t i, v;

	in.x = x;
	in.start = start ? start : l->bias;
	in.projected = start != NULL;
	in.environment = environment;
	in.h = LSTM__FN(own)(job, 0, lstm__job_h(job, 0, 0), l->output);
	in.c = job->c;
	in.out = l->projection.words ? job->cells : lstm__job_h(job, 0, 1);
	in.y = l->projection.words ? NULL : y;
#if LSTM__JOINS
	if (joins)
		LSTM__FN(tiles_and_last)(l, &in, job->from, job->to, stride, apart);
#endif
	if (!turns && !joins) { /* by itself: a small model's step feels what the other loop needs more */
		for (v = job->from; v + units <= job->to; v += units)
			LSTM__FN(tile_alone)(l, &in, v, stride, apart, (int)units, LSTM__LANES);
		LSTM__FN(tile_rest)(l, &in, v, units > 1 ? job->to - v : 0);
	}
	for (i = 0; turns && i < whole + (rest > 0); i++) {
		const size_t block = back ? whole + (rest > 0) - 1 - i : i;
		v = job->from + block * units;
#if LSTM__BY_HALVES
		if (units == 1 && l->half && v + 1 == l->vectors)
			LSTM__LAST(tile_half)(l, &in, v);
		else
#endif
		if (block < whole)
			LSTM__FN(tile_alone)(l, &in, v, stride, apart, (int)units, LSTM__LANES);
		else
			LSTM__FN(rest_apart)(l, &in, v, rest);
	}
	if (l->projection.words)
		LSTM__FN(project_output)(job, y, 0, 1);
}

#if LSTM__LANES > 4 && !LSTM__WIDE
/* Blocks of one vector of units.  AVX2 reads two at a time: four sums of its vectors take as long as
 * eight, as each waits for its last multiply-add. */
LSTM__NOINLINE void LSTM__FN(alone_narrow)(const struct lstm__job *job, const float *x,
                                           const float *start, float *y, unsigned *environment)
{
	const int two = LSTM__LANES == 8;
	LSTM__FN(alone_by)(job, x, start, y, environment, two ? LSTM__UNITS : 1, two || LSTM__SINGLE, 1,
	                   0);
}
#endif

#if !LSTM__NARROW
LSTM__NOINLINE void LSTM__FN(alone_wide)(const struct lstm__job *job, const float *x,
                                         const float *start, float *y, unsigned *environment)
{
	LSTM__FN(alone_by)(job, x, start, y, environment, LSTM__UNITS,
	                   LSTM__WIDE ? job->layer->units == 1 : LSTM__SINGLE, 1, 0);
}
#endif

#if LSTM__JOINS
LSTM__NOINLINE void LSTM__FN(alone_joined)(const struct lstm__job *job, const float *x,
                                           const float *start, float *y, unsigned *environment)
{
	LSTM__FN(alone_by)(job, x, start, y, environment, LSTM__UNITS, LSTM__SINGLE, 0, 1);
}
#endif

LSTM__NOINLINE void LSTM__FN(alone)(const struct lstm__job *job, const float *x,
                                    const float *start, float *y, unsigned *environment)
{
	const struct lstm__layer *l = job->layer;
	const int turns = start ? l->turns_ahead : l->turns;
	if (!(turns | l->joins))
		LSTM__FN(alone_by)(job, x, start, y, environment, LSTM__UNITS, LSTM__SINGLE, 0, 0);
#if LSTM__JOINS
	else if (!turns && job->to == l->vectors)
		LSTM__FN(alone_joined)(job, x, start, y, environment);
#endif
#if LSTM__LANES > 4 && !LSTM__WIDE
	else if (LSTM__NARROW || l->narrow)
		LSTM__FN(alone_narrow)(job, x, start, y, environment);
#endif
#if !LSTM__NARROW
	else
		LSTM__FN(alone_wide)(job, x, start, y, environment);
#endif
}

/* pre = bias + W x for steps [first, first + n) of every stream, and step t of the n streams in active:
 * by AMX or by vectors. */
static void LSTM__FN(project)(const struct lstm__job *job, size_t first, size_t n)
{
#ifdef lstm__amx_dot
	const size_t rows = n * (size_t)job->batch;
	if (job->amx && lstm__amx_pays(job->layer, rows, lstm__words(LSTM__DTYPE, job->layer->width))) {
		LSTM__FN(amx_ahead)(job, rows);
		return;
	}
#endif
	LSTM__FN(project_ahead)(job, first, n);
}

LSTM__INLINE void LSTM__FN(step_by)(const struct lstm__job *job, size_t first, size_t t, size_t n,
                                    int ahead)
{
#ifdef lstm__amx_dot /* for streams whose rows follow each other */
	if (job->amx && lstm__amx_pays(job->layer, n, LSTM__FN(depth)(job->layer) / 2) &&
	    job->active[n - 1] == (int)n - 1) {
		LSTM__FN(amx_step)(job, first, t, n, ahead);
		return;
	}
#endif
	LSTM__FN(step)(job, first, t, n, ahead);
}

#if LSTM__INT8
/* The same from x itself. */
static void LSTM__FN(part)(const struct lstm__job *job, const float *x, const float *start, float *y,
                           unsigned *environment)
{
	if (!start)
		LSTM__FN(encode)(job->codes, x, job->layer->width);
	LSTM__FN(alone)(job, job->codes, start, y, environment);
}

static void LSTM__FN(ahead)(const struct lstm__job *job, size_t first, size_t n)
{
	LSTM__FN(stage)(job, first, n);
	LSTM__FN(project)(job, first, n);
}
#endif

/* One call of one step of one stream. */
static void LSTM__FN(once)(const struct lstm__job *job, const float *x, float *y,
                           unsigned *environment)
{
#if LSTM__INT8
	if (environment)
		lstm__fp_enter(environment); /* codes are rounded */
	LSTM__FN(part)(job, x, NULL, y, NULL);
#else
	if (job->foreign) {
		LSTM__V(flush_row)(job->stage, x, job->layer->width);
		x = job->stage;
	}
	LSTM__FN(alone)(job, x, NULL, y, environment);
#endif
}

static void LSTM__FN(run)(const struct lstm__job *job)
{
	const int alone = job->batch == 1 && !lstm__streams_vary(job);
	size_t done, n, s, a, streams;

	for (done = 0; done < job->steps; done += n) {
		size_t first;
		int ahead;
		n = job->steps - done < job->piece ? job->steps - done : job->piece;
		first = job->reverse ? job->steps - done - n : done;
		LSTM__FN(stage)(job, first, n);
		ahead = LSTM__FN(worth_projecting)(job, n);
		if (ahead)
			LSTM__FN(project)(job, first, n);
		for (s = 0; s < n; s++) {
			const size_t t = first + (job->reverse ? n - 1 - s : s);
			float *y = job->y ? job->y + t * job->y_step : NULL;
			if (alone) {
				const float *start =
					ahead ? job->pre + (t - first) * 4 * job->c_row : NULL;
				LSTM__FN(alone)(job, LSTM__FN(row)(job, first, t, 0), start, y,
				                NULL);
				job->phase[0] ^= 1;
				continue;
			}
			streams = (size_t)lstm__streams_alive(job, t);
			if (streams) {
				LSTM__FN(step_by)(job, first, t, streams, ahead);
				if (job->layer->projection.words)
					LSTM__FN(project_output)(job, y, job->y_stream, streams);
			}
			for (a = 0; a < streams; a++)
				job->phase[job->active[a]] ^= 1;
			lstm__streams_silence(job, t, job->layer->output);
		}
	}
}

static const struct lstm__kernels LSTM__FN(kernels) = {
	LSTM__ISA,     LSTM__LANES, LSTM__SINGLE ? 1 : LSTM__UNITS, LSTM__SIGNED,
	LSTM__FN(run), LSTM__FN(once),
#if LSTM__INT8
	LSTM__FN(part), LSTM__FN(ahead),
#else
	LSTM__FN(alone), LSTM__FN(project),
#endif
};
/* ==== simd/end.h ============================================================================== */
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
#undef lstm__fma_held
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
#undef lstm__load_row
#undef lstm__dot4
#undef lstm__dot4_signed
#undef lstm__ones
#undef lstm__store_codes
#undef lstm__amx_config
#undef lstm__amx_release
#undef lstm__amx_zero
#undef lstm__amx_load
#undef lstm__amx_store
#undef lstm__amx_dot
#undef LSTM__V
#undef LSTM__FN
#undef LSTM__WEIGHT
#undef LSTM__DTYPE
#undef LSTM__INT8
#undef LSTM__SIGNED
#undef LSTM__HEAD
#undef LSTM__SUMS
#undef LSTM__CELLS
#undef LSTM__FEW
#undef LSTM__APART
#undef LSTM__AMX_ROWS
#undef LSTM__AMX_STREAMS
#undef LSTM__AMX_GATES
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
#undef LSTM__WIDE
#undef LSTM__BY_STREAM
#undef LSTM__LAST
#undef lstm__last_of
#undef lstm__four
#undef lstm__pick
#undef LSTM__STREAMS
#undef LSTM__FETCHES
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
#endif

/* ==== src/licence.h =========================================================================== */
/* MIT License
 *
 * Copyright (c) 2026 the lstm.h authors
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
 * associated documentation files (the "Software"), to deal in the Software without restriction,
 * including without limitation the rights to use, copy, modify, merge, publish, distribute,
 * sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all copies or
 * substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
 * NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
 * NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
 * DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
 */
