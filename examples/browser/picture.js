"use strict";
// ---- what is seen -----------------------------------------------------------------------------
function seconds(samples) {
	const s = samples / RATE, minutes = Math.floor(s / 60);
	return minutes ? `${minutes}:${(s % 60).toFixed(1).padStart(4, "0")}` : `${s.toFixed(2)} s`;
}

function count(segments) {
	return segments === 1 ? "1 segment of speech" : `${segments || "no"} segments of speech`;
}

function seek(sample) {
	if (player.hidden)
		return;
	player.currentTime = sample / RATE;
	player.play().catch(() => {}); // the browser may want another gesture first
}

// The samples between the left and the right edge.
function span() {
	if (!track)
		return [0, LIVE_SECONDS * RATE];
	if (!track.live)
		return [0, Math.max(track.total, track.samples, 1)];
	const last = Math.max(track.samples, LIVE_SECONDS * RATE);
	return [last - LIVE_SECONDS * RATE, last];
}

function drawTimes(g, first, last, x, width, colors) {
	const steps = [1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600];
	const step = RATE * (steps.find((s) => x(first + s * RATE) - x(first) > 54) ?? 7200);
	g.font = "12px system-ui, sans-serif";
	for (let t = Math.ceil(first / step) * step; t < last; t += step) {
		const text = t / RATE < 60 ? `${t / RATE} s` : seconds(t).replace(/\.0$/, "");
		g.fillStyle = colors.line;
		g.fillRect(Math.round(x(t)), g.bottom, 1, 20);
		g.fillStyle = colors.quiet;
		if (x(t) + 5 + g.measureText(text).width < width)
			g.fillText(text, x(t) + 5, g.bottom + 15);
	}
}

// A column of one pixel after the other; at: the inverse of x.
function drawWave(g, x, at, middle, size, width, colors) {
	const { low, high, segments, live, vad } = track;
	const scale = size / track.peak, spoken = [...segments];
	if (live && vad.vad_speaking_since() >= 0)
		spoken.push([vad.vad_speaking_since(), track.samples]);
	g.fillStyle = colors.shade;
	for (const [start, end] of spoken)
		g.fillRect(x(start), 0, x(end) - x(start), g.bottom);
	let next = 0;
	for (let column = 0; column < width; column++) {
		const first = Math.max(0, Math.floor(at(column) / PIECE));
		const last = Math.min(low.length, Math.max(first + 1, Math.floor(at(column + 1) / PIECE)));
		if (first >= last)
			break;
		let bottom = low[first], top = high[first];
		for (let piece = first + 1; piece < last; piece++) {
			bottom = Math.min(bottom, low[piece]);
			top = Math.max(top, high[piece]);
		}
		while (next < spoken.length && spoken[next][1] <= at(column))
			next++;
		g.fillStyle = next < spoken.length && spoken[next][0] <= at(column) ? colors.speech : colors.wave;
		g.fillRect(column, middle - top * scale, 1, Math.max(1, (top - bottom) * scale));
	}
}

function drawProbability(g, x, top, size, from, to, colors) {
	const { probabilities } = track;
	g.beginPath();
	const first = Math.max(0, Math.floor(from / FRAME) - 1);
	for (let f = first; f < probabilities.length && f * FRAME <= to + FRAME; f++)
		g.lineTo(x((f + 0.5) * FRAME), top + size * (1 - probabilities[f]));
	g.strokeStyle = colors.curve;
	g.lineWidth = 2;
	g.lineJoin = "round";
	g.stroke();
}

function draw() {
	const canvas = $("picture"), g = canvas.getContext("2d"), dots = devicePixelRatio || 1;
	const width = canvas.clientWidth, height = canvas.clientHeight, style = getComputedStyle(document.body);
	const colors = {};
	for (const name of ["quiet", "line", "wave", "speech", "curve", "shade"])
		colors[name] = style.getPropertyValue(`--${name}`);
	canvas.width = Math.round(width * dots);
	canvas.height = Math.round(height * dots);
	g.scale(dots, dots);
	g.bottom = height - 20;
	const [first, last] = span(), x = (sample) => (sample - first) / (last - first) * width;
	const at = (column) => first + column / width * (last - first);
	const wave = g.bottom * 0.6, top = wave + 12, size = g.bottom - top - 4;
	g.fillStyle = colors.line;
	g.fillRect(0, wave / 2, width, 1);
	for (const p of [0, THRESHOLD, 1])
		g.fillRect(0, top + size * (1 - p), width, 1);
	drawTimes(g, first, last, x, width, colors);
	if (!track)
		return;
	drawWave(g, x, at, wave / 2, wave / 2 - 4, width, colors);
	drawProbability(g, x, top, size, first, last, colors);
	if (player.currentTime > 0) {
		g.fillStyle = style.color;
		g.fillRect(x(player.currentTime * RATE) - 1, 0, 2, g.bottom);
	}
	const spoken = track.segments.reduce((sum, [start, end]) => sum + end - start, 0);
	const frames = track.probabilities.length;
	$("now").textContent = frames ? track.probabilities[frames - 1].toFixed(2) : "\u2013";
	$("spoken").textContent = seconds(spoken);
	$("length").textContent = seconds(track.samples);
	$("cost").textContent = frames ? `${Math.round(1000 * track.busy / frames)} \u00b5s` : "\u2013";
}

