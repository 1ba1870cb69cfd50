"""The same operator in ONNX Runtime and in ONNX's own reference evaluator."""

import re

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import instance as onnx_instance

OPSET = 22
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.float64): TensorProto.DOUBLE,
         np.dtype(np.int32): TensorProto.INT32}
# alpha and beta that ONNX Runtime takes as 0 where the model does not give them
ORT_ZERO_DEFAULTS = {"Affine", "ThresholdedRelu", "ScaledTanh"}


def model_of(one, alphas, betas):
    present = {name: one.tensors[name] for name in onnx_instance.INPUTS
               if one.tensors[name] is not None}
    attributes = {"hidden_size": one.hidden, "direction": one.direction,
                  "activations": one.activations, "activation_alpha": alphas,
                  "activation_beta": betas, "clip": one.clip,
                  "input_forget": one.input_forget or None, "layout": one.layout or None}
    node = helper.make_node(
        "LSTM", [name if name in present else "" for name in onnx_instance.INPUTS],
        [name if name in one.outputs else "" for name in onnx_instance.OUTPUTS],
        **{key: value for key, value in attributes.items() if value is not None})
    graph = helper.make_graph(
        [node], "lstm",
        [helper.make_tensor_value_info(name, TYPES[tensor.dtype], tensor.shape)
         for name, tensor in present.items()],
        [helper.make_tensor_value_info(name, TYPES[np.dtype(one.dtype)], one.shapes()[name])
         for name in one.outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model)
    return model, present


class Runtime:
    """ONNX Runtime on its CPU provider."""

    refuses = {"double", "layout 1"}
    floor = 0.5  # of the instances, 0.8 of which are no double and 0.8 of them no layout 1

    def __init__(self):
        self.name = f"ONNX Runtime {onnxruntime.__version__}"
        onnxruntime.set_default_logger_severity(4)
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = 1
        self.options.log_severity_level = 4

    def run(self, one):
        """Its outputs by name, or why it refuses."""
        model, present = model_of(one, *self.parameters(one))
        try:
            session = onnxruntime.InferenceSession(model.SerializeToString(), self.options,
                                                   providers=["CPUExecutionProvider"])
            values = session.run(list(one.outputs), present)
        except Exception as error:  # its own exceptions have no common base but this
            return None, self.reason(one, str(error))
        return dict(zip(one.outputs, values)), None

    @staticmethod
    def reason(one, text):
        if one.dtype == np.float64 and re.search("double|NOT_IMPLEMENTED|Type Error", text):
            return "double"
        if one.layout and "layout" in text:
            return "layout 1"
        return text.splitlines()[0][:150]

    @staticmethod
    def parameters(one):
        """alpha and beta as the instance has them, or spelled out where the defaults differ."""
        if not Runtime.has_other_defaults(one):
            return one.alphas, one.betas
        lists = ([values[k] for values in one.resolved() if values[k] is not None] for k in (1, 2))
        return [values or None for values in lists]

    @staticmethod
    def has_other_defaults(one):
        return any(name in ORT_ZERO_DEFAULTS and given < (alpha is not None) + (beta is not None)
                   for name, alpha, beta, given in one.resolved())

    @staticmethod
    def differences(one, answer, expected):
        """Where this instance meets a known difference: (reason, output, part of it that is not to be
        compared), or None for the latter two where it was steered around."""
        found = []
        if "Softplus" in (one.activations or ()) and any(
                np.any(np.isfinite(expected[name][0]) & ~np.isfinite(answer[name]))
                for name in one.outputs):
            found += [("Softplus is infinite above 88, where e^x is", name, ...)
                      for name in one.outputs]
        if Runtime.has_other_defaults(one):
            found.append(("defaults of alpha and beta (spelled out for it)", None, None))
        lengths = one.tensors["sequence_lens"]
        if lengths is None or np.all(lengths):
            return found
        for name, initial in (("Y_h", "initial_h"), ("Y_c", "initial_c")):
            if name in one.outputs and one.tensors[initial] is not None:
                found.append((f"{name} of a stream of length 0 with an {initial}", name,
                              (slice(None), lengths == 0)))
        return found


class Reference:
    """onnx.reference: in the tensors' own type, but without lengths, activations, clip and coupled
    gates, which it leaves out without a word."""

    name = f"onnx.reference {onnx.__version__}"
    refuses = {"sequence_lens", "activations", "clip", "input_forget"}
    floor = 0.1  # 0.6 * 0.5 * 0.7 * 0.8 have none of these

    def run(self, one):
        for absent, what in ((one.tensors["sequence_lens"] is None, "sequence_lens"),
                             (one.activations is None, "activations"), (one.clip is None, "clip"),
                             (not one.input_forget, "input_forget")):
            if not absent:
                return None, what
        model, present = model_of(one, None, None)
        return dict(zip(one.outputs, ReferenceEvaluator(model).run(list(one.outputs), present))), None

    @staticmethod
    def differences(_one, _answer, _expected):
        return []
