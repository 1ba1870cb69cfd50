"""LiteRT, TensorFlow Lite's runtime, as the reference: each operator in a model of its own."""

from importlib import metadata

import numpy as np

from .verify import Reference, Unavailable


def reference(lstm, path):
    try:
        from ai_edge_litert import interpreter, schema_py_generated
    except ImportError as error:
        raise Unavailable(f"LiteRT is not installed ({error})") from None

    def run(x, *_):
        runs = [run_operator(interpreter, schema_py_generated, path, op, x, len(lstm.parts) == 2
                             and lstm.source["bidirectional"]) for op in lstm.source["ops"]]
        return np.concatenate(runs, axis=2)

    return Reference("LiteRT", metadata.version("ai-edge-litert"), run, states=False)


def run_operator(interpreter, schema, path, op, x, both):
    """y [T, B, ...] of x [T, B, input], backward in time if the model turns x around before it.

    Each stream by itself: LiteRT 2.3 mixes up the streams in a bidirectional operator that is batch
    major and has one output."""
    reverse = op.model.backward(op)
    x = x[::-1] if reverse else x
    steps, streams, width = x.shape
    single = op.name == "LSTM"
    shape = [1, width] if single else [steps, 1, width]
    if not single and not op.options.TimeMajor():
        shape = [1, steps, width]
    # The default delegates print that they run, and do not run an LSTM.
    plain = interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    data = alone(schema, path, op, shape, both)
    runtime = interpreter.Interpreter(model_content=data, experimental_op_resolver_type=plain)
    runtime.allocate_tensors()
    place = runtime.get_input_details()[0]["index"]
    y = []
    for stream in range(streams):
        runtime.reset_all_variables()
        results = []
        for given in x[:, stream] if single else [x[:, stream]]:
            runtime.set_tensor(place, np.ascontiguousarray(given.reshape(shape)))
            runtime.invoke()
            outputs = [runtime.get_tensor(each["index"]) for each in runtime.get_output_details()]
            results.append(np.concatenate(outputs, axis=-1))
        y.append(np.concatenate(results).reshape(steps, -1))
    y = np.stack(y, axis=1)
    return y[::-1] if reverse else y


def alone(schema, path, op, shape, both):
    """A model of this operator and what makes its constants, for one stream of this shape."""
    import flatbuffers

    with open(path, "rb") as file:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read(), 0))
    graph = model.subgraphs[op.graph_index]
    producers = [op.model.producer(tensor) for tensor in op.inputs[1:] if tensor is not None]
    kept = sorted({each.index for each in producers if each is not None} | {op.index})
    graph.operators = [graph.operators[index] for index in kept]
    graph.inputs, graph.outputs = [op.inputs[0].index], [tensor.index for tensor in op.outputs]
    model.subgraphs, model.signatureDefs, model.metadata = [graph], None, None
    graph.tensors[op.inputs[0].index].shape = shape
    for tensor in [graph.tensors[op.inputs[0].index],
                   *(graph.tensors[each.index] for each in op.outputs)]:
        tensor.shapeSignature = None
    for each in op.inputs[35:39] if both else op.inputs[18:20]:
        graph.tensors[each.index].shape = [1, each.shape[-1]]
        graph.tensors[each.index].shapeSignature = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
