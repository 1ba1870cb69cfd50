"""LiteRT, TensorFlow Lite's runtime, as the reference: each operator in a model of its own."""

from importlib import metadata

import numpy as np

from .verify import Reference, Unavailable


def reference(lstm, path):
    try:
        from ai_edge_litert import interpreter, schema_py_generated
    except ImportError as error:
        raise Unavailable(f"LiteRT is not installed ({error})") from None
    if "joined" in lstm.source:
        raise Unavailable("layers that are joined are operators of their own")

    def run(x, *_):
        runs = [run_operator(interpreter, schema_py_generated, path, op, x, len(lstm.parts) == 2
                             and lstm.source["bidirectional"]) for op in lstm.source["ops"]]
        return np.concatenate(runs, axis=2)

    return Reference("LiteRT", metadata.version("ai-edge-litert"), run, states=False)


def run_operator(interpreter, schema, path, op, x, both):
    """y [T, B, ...] of x [T, B, input], backward in time if the model turns x around before it."""
    reverse = op.model.reversed_in(op)
    x = x[::-1] if reverse else x
    single, major = op.name == "LSTM", op.name == "LSTM" or op.options.TimeMajor()
    x = x if major else x.swapaxes(0, 1)
    shape = x.shape[1:] if single else x.shape
    data = alone(schema, path, op, list(shape), x.shape[1] if major else x.shape[0], both)
    plain = interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # which print that they run
    runtime = interpreter.Interpreter(model_content=data, experimental_op_resolver_type=plain)
    runtime.allocate_tensors()
    place = runtime.get_input_details()[0]["index"]
    results = []
    for given in x if single else [x]:
        runtime.set_tensor(place, np.ascontiguousarray(given))
        runtime.invoke()
        outputs = [runtime.get_tensor(each["index"]) for each in runtime.get_output_details()]
        results.append(np.concatenate(outputs, axis=-1))
    y = np.stack(results) if single else results[0]
    y = y if major else y.swapaxes(0, 1)
    return y[::-1] if reverse else y


def alone(schema, path, op, shape, batch, both):
    """A model that is this operator and what makes its constants, for this shape of x."""
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
        graph.tensors[each.index].shape = [batch, each.shape[-1]]
        graph.tensors[each.index].shapeSignature = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
