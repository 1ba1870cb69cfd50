// oneDNN: one LSTM primitive per layer, both directions in it; weights in whatever format the
// primitive prefers; one thread.  In C++, as its C interface changed between versions 2 and 3.
//
// int8 is its u8s8 kind: weights symmetric per output, x and h as bytes with one scale and shift for
// all, those of the range that the net names: [-1, 1] of random ones.  In bf16 x, h and the weights are
// rounded.  x is converted in each call, as an application would have to.
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
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
	type data;    // of x, h and what layers hand on
	type weights; // of both matrices
	float byte_scale, byte_shift;
	memory x, y;  // as fp32, where data is something else
	dnnl::reorder convert, widen;
	dnnl::engine engine;
	dnnl::stream stream;
	std::vector<Layer> layers;
	std::vector<int> phase;
	Peer() : engine(dnnl::engine::kind::cpu, 0), stream(engine)
	{
	}
};

memory::desc desc(const memory::dims &dims, tag format, type of = type::f32)
{
	return memory::desc(dims, of, format);
}

// The largest magnitude of each row of w and u as 127; both share the scales.
std::vector<float> row_scales(const std::vector<float> &w, const std::vector<float> &u, size_t rows)
{
	std::vector<float> scales(rows);

	for (size_t r = 0; r < rows; r++) {
		float most = 0;

		for (size_t k = 0; k < w.size() / rows; k++)
			most = std::max(most, std::fabs(w[r * (w.size() / rows) + k]));
		for (size_t k = 0; k < u.size() / rows; k++)
			most = std::max(most, std::fabs(u[r * (u.size() / rows) + k]));
		scales[r] = most > 0 ? 127 / most : 1;
	}
	return scales;
}

// How x, h and the weights are made into bytes.
dnnl::primitive_attr quantization(const Peer &p, const std::vector<float> &w,
                                  const std::vector<float> &u)
{
	dnnl::primitive_attr attr;

	if (p.weights != type::s8)
		return attr;
	attr.set_rnn_data_qparams(p.byte_scale, p.byte_shift);
	if (p.shape.directions == 1) {
		// A scale per gate and unit: the dimensions 3 and 4 of ldigo.
		attr.set_rnn_weights_qparams((1 << 3) + (1 << 4),
		                             row_scales(w, u, 4 * size_t(p.shape.hidden)));
	} else {
		// The scales have no dimension for the direction: one for all.
		const std::vector<float> rows = row_scales(w, u, 8 * size_t(p.shape.hidden));
		attr.set_rnn_weights_qparams(
			0, std::vector<float>(1, *std::min_element(rows.begin(), rows.end())));
	}
	return attr;
}

dnnl::lstm_forward::primitive_desc describe(const Peer &p, const memory::desc &src,
                                            const memory::desc &h, const memory::desc &c,
                                            const memory::desc &w, const memory::desc &u,
                                            const memory::desc &b, const memory::desc &dst,
                                            const dnnl::primitive_attr &attr)
{
	const dnnl::rnn_direction direction =
		p.shape.directions == 2 ? dnnl::rnn_direction::bidirectional_concat
					: dnnl::rnn_direction::unidirectional_left2right;
#if DNNL_VERSION_MAJOR >= 3
	return dnnl::lstm_forward::primitive_desc(p.engine, dnnl::prop_kind::forward_inference,
	                                          direction, src, h, c, w, u, b, dst, h, c, attr);
#else
	return dnnl::lstm_forward::primitive_desc(
		dnnl::lstm_forward::desc(dnnl::prop_kind::forward_inference, direction, src, h, c,
	                                 w, u, b, dst, h, c),
		attr, p.engine);
#endif
}

memory reordered(Peer &p, memory from, const memory::desc &wanted,
                 const dnnl::primitive_attr &attr = dnnl::primitive_attr())
{
	memory to(wanted, p.engine);

	dnnl::reorder(from, to, attr).execute(p.stream, from, to);
	p.stream.wait();
	return to;
}

// A matrix of both directions, rearranged as the primitive wants it.
memory arranged(Peer &p, const std::vector<float> &values, memory::dim width,
                const memory::desc &wanted, const dnnl::primitive_attr &attr)
{
	const memory::dims dims = {1, p.shape.directions, width, 4, p.shape.hidden};
	const memory given(desc(dims, tag::ldgoi), p.engine, const_cast<float *>(values.data()));

	// Only from this order are they made into bytes.
	return reordered(p, reordered(p, given, desc(dims, tag::ldigo)), wanted, attr);
}

std::vector<float> joined(const float *const *parts, int first, int count, size_t size)
{
	std::vector<float> all;

	for (int d = 0; d < count; d++)
		all.insert(all.end(), parts[first + d], parts[first + d] + size);
	return all;
}

// The first layer reads what x is converted to in each call.
void convert_x(Peer &p, Layer &l, const memory::desc &src)
{
	const bench_case &s = p.shape;
	dnnl::primitive_attr attr;

	if (p.data == type::u8)
		attr.set_rnn_data_qparams(p.byte_scale, p.byte_shift);
	l.src = memory(src, p.engine);
	p.x = memory(desc({s.steps, s.batch, s.input}, tag::tnc), p.engine, DNNL_MEMORY_NONE);
	p.convert = dnnl::reorder(dnnl::reorder::primitive_desc(p.x, l.src, attr));
}

void add_layer(Peer &p, const bench_net &net, int layer)
{
	const bench_case &s = p.shape;
	const memory::dim t = s.steps, n = s.batch, h = s.hidden, d = s.directions;
	const memory::dim width = bench_width(&s, layer);
	const int first = layer * s.directions;
	const size_t rows = 4 * size_t(h);
	const bool last = layer == s.layers - 1;
	const std::vector<float> w = joined(net.w, first, s.directions, rows * size_t(width));
	const std::vector<float> u = joined(net.u, first, s.directions, rows * size_t(h));
	const dnnl::primitive_attr attr = quantization(p, w, u);
	const memory::desc state_h = desc({1, d, n, h}, tag::ldnc, p.data);
	const memory::desc state_c = desc({1, d, n, h}, tag::ldnc);
	const dnnl::lstm_forward::primitive_desc pd = describe(
		p, desc({t, n, width}, tag::tnc, p.data), state_h, state_c,
		desc({1, d, width, 4, h}, tag::any, p.weights),
		desc({1, d, h, 4, h}, tag::any, p.weights), desc({1, d, 4, h}, tag::ldgo),
		desc({t, n, d * h}, tag::tnc, last && p.data == type::u8 ? type::f32 : p.data),
		attr);
	Layer l;

	l.primitive = dnnl::lstm_forward(pd);
	l.w = arranged(p, w, width, pd.weights_layer_desc(), attr);
	l.u = arranged(p, u, h, pd.weights_iter_desc(), attr);
	l.b = reordered(p,
	                memory(desc({1, d, 4, h}, tag::ldgo), p.engine,
	                       joined(net.b, first, s.directions, rows).data()),
	                pd.bias_desc());
	if (layer > 0)
		l.src = p.layers.back().dst;
	else if (p.data == type::f32) // the caller's
		l.src = memory(pd.src_layer_desc(), p.engine, DNNL_MEMORY_NONE);
	else
		convert_x(p, l, pd.src_layer_desc());
	// The last layer writes the caller's y, if it is not to be widened.
	l.dst = last && p.data != type::bf16
	                ? memory(pd.dst_layer_desc(), p.engine, DNNL_MEMORY_NONE)
	                : memory(pd.dst_layer_desc(), p.engine);
	if (last && p.data == type::bf16) {
		p.y = memory(desc({t, n, d * h}, tag::tnc), p.engine, DNNL_MEMORY_NONE);
		p.widen = dnnl::reorder(dnnl::reorder::primitive_desc(l.dst, p.y));
	}
	for (int k = 0; k < 2 * s.streams; k++) {
		l.h.push_back(memory(state_h, p.engine));
		l.c.push_back(memory(state_c, p.engine));
		std::memset(l.h.back().get_data_handle(), p.data == type::u8 ? int(p.byte_shift) : 0,
		            state_h.get_size());
		std::memset(l.c.back().get_data_handle(), 0, state_c.get_size());
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

void *create(const bench_engine *engine, const bench_case *shape, const bench_net *net, char *why,
             size_t size)
{
	try {
		std::unique_ptr<Peer> p(new Peer);

		one_thread();
		p->shape = *shape;
		p->data = p->weights = type::f32;
		if (std::strcmp(engine->dtype, "bf16") == 0)
			p->data = p->weights = type::bf16;
		if (std::strcmp(engine->dtype, "int8") == 0) {
			p->data = type::u8;
			p->weights = type::s8;
		}
		// 1 to 255, and 0 as a whole number: the state that all begin with.
		p->byte_scale = 254 / (net->high - net->low);
		p->byte_shift = std::round(1 - net->low * p->byte_scale);
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

		if (k == 0 && p.data == type::f32) {
			l.src.set_data_handle(const_cast<float *>(x));
		} else if (k == 0) {
			p.x.set_data_handle(const_cast<float *>(x));
			p.convert.execute(p.stream, p.x, l.src);
		}
		if (k + 1 == p.layers.size() && p.data != type::bf16)
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
	if (p.data == type::bf16) {
		p.y.set_data_handle(y);
		p.widen.execute(p.stream, p.layers.back().dst, p.y);
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
	"onednn", "oneDNN's LSTM primitive", present, version, create, run, destroy,
	nullptr,  "f32,bf16,int8",
};
