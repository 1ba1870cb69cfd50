#!/usr/bin/env node
// suite.mjs SUITE.wasm [PART]    run a suite of tests/plain.h, each test in an instance of its own
//
// As a fork does elsewhere, that keeps a test that fails or traps from the others.  The suite sees
// the current folder and the environment.  Prints what failed and was skipped, then the counts.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setFlagsFromString } from "node:v8";

process.removeAllListeners("warning"); // that node's WASI is experimental
process.on("warning", () => {});
const { WASI } = await import("node:wasi");

const PASSED = 75, FAILED = 76, SKIPPED = 77;

function start(module, file, words, stdout) {
	const wasi = new WASI({
		version: "preview1",
		args: [basename(file), ...words],
		env: process.env,
		preopens: { "/tmp": tmpdir(), ".": "." },
		returnOnExit: true,
		stdout,
	});
	const imports = { wasi_snapshot_preview1: wasi.wasiImport };
	return wasi.start(new WebAssembly.Instance(module, imports)) ?? 0;
}

function names(module, file) {
	const folder = mkdtempSync(join(tmpdir(), "suite-"));
	const path = join(folder, "names");
	const out = openSync(path, "w");
	try {
		start(module, file, ["--list"], out);
		return readFileSync(path, "utf8").split("\n").filter(Boolean);
	} finally {
		closeSync(out);
		rmSync(folder, { recursive: true });
	}
}

function outcome(module, file, name) {
	try {
		const status = start(module, file, ["--only", name], 1);
		if (status >= PASSED && status <= SKIPPED)
			return status;
		console.log(`FAIL ${name}: the instance ended with status ${status}`);
	} catch (error) {
		console.log(`FAIL ${name}: ${error.message}`);
	}
	return FAILED;
}

const [file, part = ""] = process.argv.slice(2);
if (!file) {
	console.error("usage: suite.mjs SUITE.wasm [part of suite::name]");
	process.exit(2);
}
setFlagsFromString("--experimental-wasm-relaxed-simd"); // behind a flag until Node.js 21
// A garbage collection within a fast call of WASI corrupts the heap (nodejs/node, issue 46777).
setFlagsFromString("--no-turbo-fast-api-calls");
const module = new WebAssembly.Module(readFileSync(file));
const wanted = names(module, file).filter((name) => name.includes(part));
const counts = { [PASSED]: 0, [FAILED]: 0, [SKIPPED]: 0 };
for (const name of wanted)
	counts[outcome(module, file, name)]++;
console.log(`${counts[PASSED]} passed, ${counts[FAILED]} failed, ${counts[SKIPPED]} skipped`);
if (!wanted.length)
	console.error(`suite.mjs: ${file}: a test with "${part}" in its name expected, none found`);
process.exitCode = counts[FAILED] || !wanted.length ? 1 : 0;
