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
