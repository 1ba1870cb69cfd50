"use strict";
const RATE = 16000, FRAME = 512, PIECE = 128, THRESHOLD = 0.5, LIVE_SECONDS = 10;
const $ = (id) => document.getElementById(id);
const player = $("player");
let parts = null;  // the compiled module and the weights
let track = null;  // what is shown: see newTrack
let closeMicrophone = null;

function say(state, text) {
	document.body.dataset.state = state;
	$("status").textContent = text;
	const ready = ["ready", "done", "error"].includes(state) && parts;
	for (const id of ["file", "example"])
		$(id).disabled = !ready;
	$("choose").classList.toggle("off", !ready);
	$("microphone").disabled = !ready && state !== "listening";
	$("microphone").textContent = state === "listening" ? "Stop" : "Use the microphone";
}

// ---- the network: one instance of the module for each sound -----------------------------------
async function bytesOf(url) {
	const answer = await fetch(url);
	if (!answer.ok)
		throw new Error(`${url}: a file expected, the server answered ${answer.status}`);
	return answer.arrayBuffer();
}

async function newEngine() {
	let memory;
	const wasi = new Proxy({
		environ_sizes_get(count, size) {
			new Uint32Array(memory.buffer)[count >> 2] = new Uint32Array(memory.buffer)[size >> 2] = 0;
			return 0;
		},
		environ_get: () => 0,
		proc_exit(status) {
			throw new Error(`the module ended with status ${status}`);
		},
	}, { get: (known, name) => known[name] ?? (() => 52) }); // ENOSYS: there are no files here
	const instance = await WebAssembly.instantiate(parts.module, { wasi_snapshot_preview1: wasi });
	const vad = instance.exports;
	memory = vad.memory;
	vad._initialize();
	const room = vad.vad_room(parts.weights.byteLength);
	new Uint8Array(memory.buffer, room).set(new Uint8Array(parts.weights));
	if (!vad.vad_load(room, parts.weights.byteLength, THRESHOLD)) {
		const text = new Uint8Array(memory.buffer, vad.vad_error());
		throw new Error(new TextDecoder().decode(text.slice(0, text.indexOf(0))));
	}
	return vad;
}

async function newTrack(live) {
	return {
		live, vad: await newEngine(), samples: 0, total: 0, busy: 0, peak: 0.02,
		low: [], high: [],  // of each piece of PIECE samples
		probabilities: [],  // of each frame
		segments: [],       // [first sample, sample after the last]
		waiting: new Float32Array(FRAME), filled: 0,
	};
}

function keepSegment(track) {
	const [start, end] = new Float64Array(track.vad.memory.buffer, track.vad.vad_segment(), 2);
	track.segments.push([start, end]);
	const item = document.createElement("li"), button = document.createElement("button");
	const length = document.createElement("small");
	button.append(`${seconds(start)} \u2013 ${seconds(end)}`, length);
	length.textContent = `${((end - start) / RATE).toFixed(2)} s`;
	button.onclick = () => seek(start);
	item.dataset.start = start;
	item.dataset.end = end;
	item.append(button);
	$("segments").append(item);
	$("found").hidden = false;
}

function hearFrame(track, samples) {
	for (let from = 0; from < FRAME; from += PIECE) {
		let low = samples[from], high = low;
		for (const sample of samples.subarray(from, from + PIECE)) {
			low = Math.min(low, sample);
			high = Math.max(high, sample);
		}
		track.low.push(low);
		track.high.push(high);
		track.peak = Math.max(track.peak, -low, high);
	}
	const { vad } = track;
	const begun = performance.now();
	new Float32Array(vad.memory.buffer, vad.vad_frame(), FRAME).set(samples);
	const probability = vad.vad_probability();
	track.busy += performance.now() - begun;
	track.probabilities.push(probability);
	if (vad.vad_add(probability))
		keepSegment(track);
}

// Any number of samples at 16 kHz, in whole frames; end: there will be no more.
function hear(track, samples, end = false) {
	for (let at = 0; at < samples.length;) {
		const count = Math.min(FRAME - track.filled, samples.length - at);
		track.waiting.set(samples.subarray(at, at + count), track.filled);
		track.filled += count;
		track.samples += count;
		at += count;
		if (track.filled === FRAME) {
			hearFrame(track, track.waiting);
			track.filled = 0;
		}
	}
	if (!end)
		return;
	if (track.filled) {
		track.waiting.fill(0, track.filled);
		hearFrame(track, track.waiting);
	}
	if (track.vad.vad_end(track.samples))
		keepSegment(track);
}

async function show(live) {
	player.pause();
	player.hidden = true;
	$("segments").replaceChildren();
	$("found").hidden = true;
	track = await newTrack(live);
}

