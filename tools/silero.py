#!/usr/bin/env python3
"""Get the 16 kHz voice activity network out of PyPI's silero-vad.

silero.py unpack WHEEL FOLDER        the ONNX file, utils_vad.py and the licence into a new folder
silero.py convert ONNX SAFETENSORS   its weights under the names that examples/vad reads

The package also has a silero_vad_16k.safetensors.  It holds another training of the network, so it
is never what the ONNX file computes; hence this conversion.
"""

import pathlib
import sys
import zipfile

MEMBERS = ("silero_vad/data/silero_vad_16k_op15.onnx", "silero_vad/utils_vad.py")
HIDDEN = 128
RNN = "model.decoder.rnn."

# name in the ONNX file -> name here, shape
TENSORS = {
    "model.stft.forward_basis_buffer": ("stft_conv.weight", (258, 1, 256)),
    "model.encoder.0.reparam_conv.weight": ("conv1.weight", (128, 129, 3)),
    "model.encoder.0.reparam_conv.bias": ("conv1.bias", (128,)),
    "model.encoder.1.reparam_conv.weight": ("conv2.weight", (64, 128, 3)),
    "model.encoder.1.reparam_conv.bias": ("conv2.bias", (64,)),
    "model.encoder.2.reparam_conv.weight": ("conv3.weight", (64, 64, 3)),
    "model.encoder.2.reparam_conv.bias": ("conv3.bias", (64,)),
    "model.encoder.3.reparam_conv.weight": ("conv4.weight", (128, 64, 3)),
    "model.encoder.3.reparam_conv.bias": ("conv4.bias", (128,)),
    RNN + "weight_ih": ("lstm_cell.weight_ih", (4 * HIDDEN, HIDDEN)),
    RNN + "weight_hh": ("lstm_cell.weight_hh", (4 * HIDDEN, HIDDEN)),
    RNN + "bias_ih": ("lstm_cell.bias_ih", (4 * HIDDEN,)),
    RNN + "bias_hh": ("lstm_cell.bias_hh", (4 * HIDDEN,)),
    "model.decoder.decoder.2.weight": ("final_conv.weight", (1, HIDDEN, 1)),
    "model.decoder.decoder.2.bias": ("final_conv.bias", (1,)),
}


def fail(sentence):
    sys.exit(f"silero.py: {sentence}")


def unpack(wheel, folder):
    folder = pathlib.Path(folder)
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        licences = [name for name in archive.namelist() if name.endswith("/licenses/LICENSE")]
        for name in (*MEMBERS, *licences):
            if name not in archive.namelist():
                fail(f"{wheel}: {name} expected, not in the package")
            (folder / pathlib.PurePath(name).name).write_bytes(archive.read(name))


def convert(source, target):
    import numpy as np
    import onnx
    from converters import model, onnx_model
    from onnx import numpy_helper
    from safetensors.numpy import save_file

    graph = onnx.load(source).graph
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    tensors = {}
    for name, (ours, shape) in TENSORS.items():
        if name not in found:
            fail(f"{source}: tensor {name} {list(shape)} expected, not in the file")
        array = found[name]
        if array.shape != shape or array.dtype != "float32":
            fail(
                f"{source}: tensor {name}: float32 {list(shape)} expected,"
                f" {array.dtype} {list(array.shape)} found"
            )
        tensors[ours] = array
    # The initializers are in PyTorch's order, i f g o: they are what the converters make of the LSTM
    # node, into whose order, i o f c, the graph brings them.
    try:
        (part,) = onnx_model.load(source, None)[0].parts
    except model.ConvertError as error:
        fail(f"{source}: {error}")
    for stem, array in part.items():
        if not np.array_equal(array, tensors["lstm_cell." + stem]):
            fail(f"{source}: tensor {RNN + stem}: gates i f g o expected, another order found")
    save_file(tensors, target)


COMMANDS = {"unpack": unpack, "convert": convert}

if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
