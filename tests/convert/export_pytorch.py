"""export_pytorch.py WHAT FILE    an ONNX file by PyTorch's exporter, and FILE.npz with the weights

Run by a Python that has PyTorch.
"""

import sys

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn

    def forward(self, *data):
        return self.rnn(*data)


def main():
    what, path = sys.argv[1:]
    torch.manual_seed(3)
    if what == "cell":
        rnn, data = nn.LSTMCell(3, 5), (torch.randn(2, 3), (torch.randn(2, 5), torch.randn(2, 5)))
    else:
        rnn = nn.LSTM(3, 5, num_layers=2, bidirectional=what == "stacked")
        data = (torch.randn(7, 2, 3),)
    model = Net(rnn)
    torch.onnx.export(model, data, path, opset_version=14, do_constant_folding=what != "unfolded")
    np.savez(f"{path}.npz", **{name: value.numpy() for name, value in model.state_dict().items()})


if __name__ == "__main__":
    main()
