// speed.mjs PROGRAM.wasm    run it under Node.js's WASI
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";

process.removeAllListeners("warning"); // that node's WASI is experimental
process.on("warning", () => {});
const { WASI } = await import("node:wasi");
setFlagsFromString("--experimental-wasm-relaxed-simd"); // behind a flag until Node.js 21
const wasi = new WASI({ version: "preview1", args: ["speed"] });
const module = new WebAssembly.Module(readFileSync(process.argv[2]));
wasi.start(new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi.wasiImport }));
