"use strict";
// ---- what can be done -------------------------------------------------------------------------
async function hearUrl(url) {
	try {
		await hearRecording(new Blob([await bytesOf(url)]), url);
	} catch (error) {
		say("error", error.message);
	}
}

function busy() {
	return !parts || ["working", "listening"].includes(document.body.dataset.state);
}

$("microphone").onclick = () => (closeMicrophone ?? listen)();
$("example").onclick = () => hearUrl("speech.wav");
$("file").onchange = ({ target }) => {
	const [file] = target.files;
	target.value = "";
	if (file)
		hearRecording(file, file.name);
};
$("picture").onclick = ({ offsetX, target }) => {
	const [first, last] = span();
	seek(first + offsetX / target.clientWidth * (last - first));
};
for (const type of ["dragenter", "dragover", "dragleave", "drop"])
	addEventListener(type, (event) => {
		event.preventDefault();
		document.body.classList.toggle("dragging", type.startsWith("dragen") || type === "dragover");
		const file = type === "drop" && event.dataTransfer.files[0];
		if (file && !busy())
			hearRecording(file, file.name);
	});
player.ontimeupdate = draw;
player.onplay = () => requestAnimationFrame(function next() {
	draw();
	if (!player.paused)
		requestAnimationFrame(next);
});
new ResizeObserver(draw).observe($("picture"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

(async () => {
	try {
		if (location.protocol === "file:")
			throw new Error("Browsers load the network from a web server only: tools/browser-demo is one.");
		const [module, weights] = await Promise.all([bytesOf("vad.wasm"), bytesOf("weights.safetensors")]);
		parts = { module: await WebAssembly.compile(module), weights };
		await newEngine();
		say("ready", "Ready: use the microphone, choose a recording, or drop one here.");
		const file = new URLSearchParams(location.search).get("file");
		if (file)
			await hearUrl(file);
	} catch (error) {
		parts = null;
		say("error", error instanceof WebAssembly.CompileError
			? "This browser is too old: WebAssembly with SIMD expected." : error.message);
	}
})();
