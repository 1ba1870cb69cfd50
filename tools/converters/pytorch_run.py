"""pytorch_run.py SPEC IN.npz OUT.npz    run the LSTM of a checkpoint with PyTorch

It is run by a Python that has PyTorch, reads the checkpoint with PyTorch alone, and lets no code of
the checkpoint run.
"""

import json
import pickle
import sys

import numpy as np
import torch


def load(spec):
    """name -> tensor as PyTorch reads the checkpoint, or None if it does not."""
    if spec["kind"] == "safetensors file":
        return None
    if spec["kind"] == "TorchScript":
        return torch.jit.load(spec["path"], map_location="cpu").state_dict()
    try:
        found = torch.load(spec["path"], map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        return None
    for key in spec["keys"]:
        found = found[key]
    return found


def tensors_of(spec, arrays):
    """name -> tensor under the LSTM's prefix, and how PyTorch got them."""
    found, how = load(spec), ""
    if found is None:
        found = {name[len("tensor ") :]: torch.from_numpy(arrays[name]) for name in arrays.files
                 if name.startswith("tensor ")}
        how = ", given the weights that were read here"
    prefix = spec["prefix"]
    return {name[len(prefix) :]: tensor for name, tensor in found.items()
            if name.startswith(prefix)}, how


def run_cell(spec, tensors, x, h, c):
    cell = torch.nn.LSTMCell(spec["input"], spec["hidden"], bias=spec["bias"]).double()
    cell.load_state_dict({name: tensors[name].double() for name in cell.state_dict()})
    h, c, y = h[0], c[0], []
    for step in x:
        h, c = cell(step, (h, c))
        y.append(h)
    return torch.stack(y), h[None], c[None]


def run_layers(spec, tensors, x, h, c):
    lstm = torch.nn.LSTM(spec["input"], spec["hidden"], spec["layers"], bias=spec["bias"],
                         bidirectional=spec["both"], proj_size=spec["projection"]).double()
    lstm.load_state_dict({name: tensors[name].double() for name in lstm.state_dict()})
    y, (hn, cn) = lstm(x, (h, c))
    return y, hn, cn


def main():
    spec = json.loads(sys.argv[1])
    with np.load(sys.argv[2]) as arrays, torch.no_grad():
        tensors, how = tensors_of(spec, arrays)
        x, h, c = (torch.from_numpy(arrays[name]).double() for name in ("x", "h0", "c0"))
        results = (run_cell if spec["cell"] else run_layers)(spec, tensors, x, h, c)
    np.savez(sys.argv[3], **dict(zip(("y", "hn", "cn"), (part.numpy() for part in results))))
    print(f"{torch.__version__}{how}")


if __name__ == "__main__":
    main()
