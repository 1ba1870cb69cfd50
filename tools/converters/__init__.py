"""Trained LSTMs of other formats into the safetensors files that lstm.h reads: tools/convert."""
