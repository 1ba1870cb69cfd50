#include "peers.h"

static const struct bench_peer *const peers[] = {
	&bench_peer_plain,
#ifdef BENCH_WITH_OPENBLAS
	&bench_peer_openblas,
#endif
#ifdef BENCH_WITH_ONEDNN
	&bench_peer_onednn,
#endif
#ifdef BENCH_WITH_ONNXRUNTIME
	&bench_peer_onnxruntime,
#endif
#ifdef BENCH_WITH_PYTORCH
	&bench_peer_pytorch,
#endif
};

const struct bench_peer *bench_peer_at(int index)
{
	return index < (int)(sizeof(peers) / sizeof(peers[0])) ? peers[index] : NULL;
}

void bench_peer_engine(const struct bench_peer *p, const char *dtype, struct bench_engine *e)
{
	e->name = p->name;
	e->isa = e->activations = "own";
	e->dtype = dtype;
	e->version = p->version();
	e->code = 0;
	e->create = p->create;
	e->run = p->run;
	e->destroy = p->destroy;
	e->setup = NULL;
	e->calls = p->calls;
}
