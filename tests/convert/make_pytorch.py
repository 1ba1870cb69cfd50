"""make_pytorch.py FOLDER    checkpoints, and beside each an .npz of what PyTorch computes

Run by a Python that has PyTorch.  In an .npz, PREFIX/NAME is x, h0, c0, y, hn or cn.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 8, 2, bidirectional=True)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(3, 6)
        self.decoder = nn.LSTM(6, 6)
        self.other = nn.GRU(6, 4)


NAMES = ("x", "h0", "c0", "y", "hn", "cn")


def run(module, x=None):
    """x, h0, c0 and what the module makes of them in double precision."""
    cell = isinstance(module, nn.LSTMCell)
    layers = 1 if cell else module.num_layers * (2 if module.bidirectional else 1)
    output = module.hidden_size if cell else module.proj_size or module.hidden_size
    x = torch.randn(11, 2, module.input_size) if x is None else x
    h0, c0 = torch.randn(layers, 2, output), torch.randn(layers, 2, module.hidden_size)
    module = module.double()
    if cell:
        h, c, y = h0[0].double(), c0[0].double(), []
        for step in x.double():
            h, c = module(step, (h, c))
            y.append(h)
        results = torch.stack(y), h[None], c[None]
    else:
        y, (hn, cn) = module(x.double(), (h0.double(), c0.double()))
        results = y, hn, cn
    return dict(zip(NAMES, (x, h0, c0, *results)))


MODELS = {
    "plain.pt": lambda: nn.LSTM(3, 7), "stacked.pth": lambda: nn.LSTM(4, 9, 3, bidirectional=True),
    "projected.pt": lambda: nn.LSTM(4, 9, 2, proj_size=3), "cell.pt": lambda: nn.LSTMCell(3, 5),
    "unbiased.pt": lambda: nn.LSTM(3, 7, bias=False), "several.pt": Several,
    "bfloat16.pt": lambda: nn.LSTM(3, 7).bfloat16(), "float16.pt": lambda: nn.LSTM(3, 7).half(),
    "float64.pt": lambda: nn.LSTM(3, 7).double(), "legacy.pth": lambda: nn.LSTM(2, 5, 2),
    "whole.pt": lambda: nn.LSTM(3, 4, 2, bidirectional=True), "custom.pt": Net, "script.pt": Net,
    "nested.ckpt": Net,
}  # fmt: skip


def save(model, path):
    if path.stem == "script":
        torch.jit.script(model).save(str(path))
    elif path.stem in ("whole", "custom"):
        torch.save(model, path)
    elif path.stem == "nested":
        optimizer = torch.optim.Adam(model.parameters())
        model(torch.randn(5, 1, 3)).sum().backward()
        optimizer.step()
        torch.save({"epoch": 7, "best": np.float64(0.25), "loss": torch.tensor(0.5),
                    "state_dict": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "where": Path("runs")}, path)
    else:
        torch.save(model.state_dict(), path,
                   _use_new_zipfile_serialization=path.stem != "legacy")


def chain(first, second):
    """run() of two modules, the second one's input being what the first one gives."""
    one = run(first)
    two = run(second, one["y"])
    both = {name: torch.cat([one[name], two[name]]) for name in ("h0", "c0", "hn", "cn")}
    return {"x": one["x"], "y": two["y"], **both}


def main():
    for name, make in MODELS.items():
        path = Path(sys.argv[1], name)
        torch.manual_seed(7)
        model = make()
        save(model, path)
        recurrent = {name + "." if name else "": part for name, part in model.named_modules()
                     if isinstance(part, (nn.LSTM, nn.LSTMCell))}
        with torch.no_grad():
            results = {prefix: run(part) for prefix, part in recurrent.items()}
            if isinstance(model, Several):
                results["chain"] = chain(model.encoder, model.decoder)
        np.savez(f"{path}.npz", **{f"{prefix}/{key}": array.numpy()
                                   for prefix, arrays in results.items()
                                   for key, array in arrays.items()})


if __name__ == "__main__":
    main()
