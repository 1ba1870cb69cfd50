"use strict";
// ---- a recording ------------------------------------------------------------------------------
async function mono(blob) {
	const context = new OfflineAudioContext(1, 1, RATE); // it converts to its own rate
	const sound = await context.decodeAudioData(await blob.arrayBuffer());
	const sum = new Float32Array(sound.length);
	for (let c = 0; c < sound.numberOfChannels; c++)
		sound.getChannelData(c).forEach((sample, i) => { sum[i] += sample; });
	return sum.map((sample) => sample / sound.numberOfChannels);
}

async function hearRecording(blob, name) {
	say("working", `${name}: reading ...`);
	let sound;
	try {
		sound = await mono(blob);
	} catch {
		say("error", `${name}: a recording that this browser plays expected (WAV, MP3, FLAC ...), `
			+ `${blob.size ? "something else" : "an empty file"} found.`);
		return;
	}
	await show(false);
	track.total = sound.length;
	for (let at = 0; at < sound.length; at += 100 * FRAME) {
		say("working", `${name}: ${Math.round(100 * at / sound.length)} %`);
		hear(track, sound.subarray(at, at + 100 * FRAME));
		draw();
		await new Promise((resume) => setTimeout(resume));
	}
	hear(track, new Float32Array(0), true);
	URL.revokeObjectURL(player.src);
	player.src = URL.createObjectURL(blob);
	player.hidden = false;
	const times = Math.round(track.samples / RATE * 1000 / track.busy);
	say("done", `${name}: ${count(track.segments.length)}, found ${times} times faster than it plays.`);
	draw();
}

// ---- the microphone ---------------------------------------------------------------------------
// From any rate to 16 kHz, piece by piece: a windowed sinc of 16 periods to either side.
class Resampler {
	constructor(rate) {
		this.step = rate / RATE;
		this.width = Math.max(1, this.step);
		this.half = Math.ceil(16 * this.width);
		this.input = new Float32Array(this.half);
		this.at = this.half;
	}
	push(samples) {
		const input = new Float32Array(this.input.length + samples.length), output = [];
		input.set(this.input);
		input.set(samples, this.input.length);
		for (; this.at + this.half < input.length; this.at += this.step) {
			let sum = 0, weights = 0;
			for (let k = Math.ceil(this.at - this.half); k <= this.at + this.half; k++) {
				const t = Math.PI * (k - this.at) / this.width;
				const weight = (t ? Math.sin(t) / t : 1) * (1 + Math.cos(t / 16));
				sum += input[k] * weight;
				weights += weight;
			}
			output.push(sum / weights);
		}
		const used = Math.max(0, Math.floor(this.at) - this.half);
		this.input = input.slice(used);
		this.at -= used;
		return Float32Array.from(output);
	}
}

const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
	process([[channel]]) {
		if (channel)
			this.port.postMessage(channel.slice());
		return true;
	}
});`;

const REFUSALS = {
	NotAllowedError: "The microphone is not allowed to this page. Allow it in the browser's settings "
		+ "for this site, or choose a recording.",
	NotFoundError: "No microphone was found. Plug one in, or choose a recording.",
	NotReadableError: "The microphone is in use by another program, or switched off.",
};

async function listen() {
	if (!navigator.mediaDevices || !window.AudioWorkletNode) {
		say("error", "Browsers give the microphone to secure pages only (https, or localhost). "
			+ "A recording works here.");
		return;
	}
	say("working", "Asking for the microphone ...");
	let stream, context;
	try {
		stream = await navigator.mediaDevices.getUserMedia({
			audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false },
		});
		context = new AudioContext();
		const tap = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));
		await context.audioWorklet.addModule(tap);
		URL.revokeObjectURL(tap);
		await show(true);
	} catch (error) {
		stream?.getTracks().forEach((one) => one.stop());
		context?.close();
		say("error", REFUSALS[error.name] ?? `The microphone cannot be used: ${error.message}`);
		return;
	}
	const here = track, node = new AudioWorkletNode(context, "tap", { channelCount: 1, channelCountMode: "explicit" });
	const resampler = context.sampleRate === RATE ? { push: (samples) => samples } : new Resampler(context.sampleRate);
	node.port.onmessage = ({ data }) => {
		if (closeMicrophone)
			hear(here, resampler.push(data));
	};
	context.createMediaStreamSource(stream).connect(node);
	closeMicrophone = () => {
		closeMicrophone = null;
		stream.getTracks().forEach((one) => one.stop());
		context.close();
		hear(here, new Float32Array(0), true);
		here.live = false;
		say("done", `${seconds(here.samples)} of the microphone: ${count(here.segments.length)}.`);
		draw();
	};
	stream.getTracks()[0].onended = () => closeMicrophone?.();
	say("listening", "Listening: say something.");
	requestAnimationFrame(function next() {
		if (closeMicrophone) {
			draw();
			requestAnimationFrame(next);
		}
	});
}

