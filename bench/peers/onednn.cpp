// oneDNN: one LSTM primitive per layer, both directions in it; weights in whatever format the
// primitive prefers; one thread.  In C++, as its C interface changed between versions 2 and 3.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "peers.h"

namespace
{

using dnnl::memory;
typedef memory::format_tag tag;
typedef memory::data_type type;

struct Layer {
	dnnl::lstm_forward primitive;
	memory w, u, b, src, dst;
	// [stream][phase]: a call reads one phase and writes the other
	std::vector<memory> h, c;
};

struct Peer {
	bench_case shape;
	dnnl::engine engine;
	dnnl::stream stream;
	std::vector<Layer> layers;
	std::vector<int> phase;
	Peer() : engine(dnnl::engine::kind::cpu, 0), stream(engine)
	{
	}
};

memory::desc desc(const memory::dims &dims, tag format)
{
	return memory::desc(dims, type::f32, format);
}

dnnl::lstm_forward::primitive_desc describe(const Peer &p, const memory::desc &src,
                                            const memory::desc &state, const memory::desc &w,
                                            const memory::desc &u, const memory::desc &b,
                                            const memory::desc &dst)
{
	const dnnl::rnn_direction direction =
		p.shape.directions == 2 ? dnnl::rnn_direction::bidirectional_concat
					: dnnl::rnn_direction::unidirectional_left2right;
#if DNNL_VERSION_MAJOR >= 3
	return dnnl::lstm_forward::primitive_desc(p.engine, dnnl::prop_kind::forward_inference,
	                                          direction, src, state, state, w, u, b, dst, state,
	                                          state);
#else
	return dnnl::lstm_forward::primitive_desc(
		dnnl::lstm_forward::desc(dnnl::prop_kind::forward_inference, direction, src, state,
	                                 state, w, u, b, dst, state, state),
		p.engine);
#endif
}

// The weights of both directions, rearranged as the primitive wants them.
memory arranged(Peer &p, const std::vector<float> &values, const memory::desc &plain,
                const memory::desc &wanted)
{
	memory from(plain, p.engine, const_cast<float *>(values.data()));
	memory to(wanted, p.engine);

	dnnl::reorder(from, to).execute(p.stream, from, to);
	p.stream.wait();
	return to;
}

std::vector<float> joined(const float *const *parts, int first, int count, size_t size)
{
	std::vector<float> all;

	for (int d = 0; d < count; d++)
		all.insert(all.end(), parts[first + d], parts[first + d] + size);
	return all;
}

void add_layer(Peer &p, const bench_net &net, int layer)
{
	const bench_case &s = p.shape;
	const memory::dim t = s.steps, n = s.batch, h = s.hidden, d = s.directions;
	const memory::dim width = bench_width(&s, layer);
	const int first = layer * s.directions;
	const size_t rows = 4 * size_t(h);
	const memory::desc state = desc({1, d, n, h}, tag::ldnc);
	const dnnl::lstm_forward::primitive_desc pd =
		describe(p, desc({t, n, width}, tag::tnc), state,
	                 desc({1, d, width, 4, h}, tag::any), desc({1, d, h, 4, h}, tag::any),
	                 desc({1, d, 4, h}, tag::ldgo), desc({t, n, d * h}, tag::tnc));
	Layer l;

	l.primitive = dnnl::lstm_forward(pd);
	l.w = arranged(p, joined(net.w, first, s.directions, rows * size_t(width)),
	               desc({1, d, width, 4, h}, tag::ldgoi), pd.weights_layer_desc());
	l.u = arranged(p, joined(net.u, first, s.directions, rows * size_t(h)),
	               desc({1, d, h, 4, h}, tag::ldgoi), pd.weights_iter_desc());
	l.b = arranged(p, joined(net.b, first, s.directions, rows), desc({1, d, 4, h}, tag::ldgo),
	               pd.bias_desc());
	// The first layer reads the caller's x and the last one writes the caller's y.
	if (layer == 0)
		l.src = memory(pd.src_layer_desc(), p.engine, DNNL_MEMORY_NONE);
	else
		l.src = p.layers.back().dst;
	l.dst = layer == s.layers - 1 ? memory(pd.dst_layer_desc(), p.engine, DNNL_MEMORY_NONE)
	                              : memory(pd.dst_layer_desc(), p.engine);
	for (int k = 0; k < 2 * s.streams; k++) {
		l.h.push_back(memory(state, p.engine));
		l.c.push_back(memory(state, p.engine));
		std::memset(l.h.back().get_data_handle(), 0, state.get_size());
		std::memset(l.c.back().get_data_handle(), 0, state.get_size());
	}
	p.layers.push_back(l);
}

// oneDNN runs on OpenMP in most builds.
void one_thread()
{
	void (*set)(int);
	void *symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");

	if (symbol) {
		std::memcpy(&set, &symbol, sizeof(set));
		set(1);
	}
}

void *create(const bench_engine *, const bench_case *shape, const bench_net *net, char *why,
             size_t size)
{
	try {
		std::unique_ptr<Peer> p(new Peer);

		one_thread();
		p->shape = *shape;
		p->phase.assign(size_t(shape->streams), 0);
		for (int layer = 0; layer < shape->layers; layer++)
			add_layer(*p, *net, layer);
		return p.release();
	} catch (const std::exception &e) {
		std::snprintf(why, size, "oneDNN: %s", e.what());
		return nullptr;
	}
}

void run(void *handle, const float *x, float *y, int stream)
{
	Peer &p = *static_cast<Peer *>(handle);
	int &phase = p.phase[size_t(stream)];

	for (size_t k = 0; k < p.layers.size(); k++) {
		Layer &l = p.layers[k];
		const size_t from = size_t(2 * stream + phase),
			     to = size_t(2 * stream + (phase ^ 1));

		if (k == 0)
			l.src.set_data_handle(const_cast<float *>(x));
		if (k + 1 == p.layers.size())
			l.dst.set_data_handle(y);
		l.primitive.execute(p.stream, {{DNNL_ARG_SRC_LAYER, l.src},
		                               {DNNL_ARG_WEIGHTS_LAYER, l.w},
		                               {DNNL_ARG_WEIGHTS_ITER, l.u},
		                               {DNNL_ARG_BIAS, l.b},
		                               {DNNL_ARG_SRC_ITER, l.h[from]},
		                               {DNNL_ARG_SRC_ITER_C, l.c[from]},
		                               {DNNL_ARG_DST_LAYER, l.dst},
		                               {DNNL_ARG_DST_ITER, l.h[to]},
		                               {DNNL_ARG_DST_ITER_C, l.c[to]}});
	}
	p.stream.wait();
	if (p.shape.mode != BENCH_STACK)
		phase ^= 1; // else phase 0 stays zero
}

void destroy(void *handle)
{
	delete static_cast<Peer *>(handle);
}

int present(char *, size_t)
{
	return 1;
}

const char *version()
{
	static char text[40];
	const dnnl_version_t *v = dnnl_version();

	std::snprintf(text, sizeof(text), "%d.%d.%d", v->major, v->minor, v->patch);
	return text;
}

} // namespace

const bench_peer bench_peer_onednn = {
	"onednn", "oneDNN's LSTM primitive", present, version, create, run, destroy, nullptr,
};
