"""The formats.  Each is a module of this package with

    NAME            what a person calls it: "ONNX"
    KEY             what --framework calls it: "onnx"
    REQUIREMENTS    packages for load(): ["onnx==1.19.1"], installed when first needed
    VERIFY_REQUIREMENTS     likewise for reference(), not asked for with --no-verify
    matches(path, head) -> bool         head is the first 4096 bytes; called before any installing
    load(path, options) -> [Lstm]       or ConvertError; options has what --help lists
    reference(lstm, path) -> Reference  of verify.py, or verify.Unavailable

A module imports what its REQUIREMENTS name inside its functions.
"""

import importlib

MODULES = [
    "pytorch",
    "onnx_model",
    "keras",
    "tflite",
    "nam",
    "guitarml",
    "rtneural",
]


def all_formats():
    return [importlib.import_module(f".{name}", __package__) for name in MODULES]
