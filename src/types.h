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
