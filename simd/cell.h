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
