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
