"""A model whose answers a test decides: the expression k whose pixel (0, k) is lit, with a confidence of 0.76."""

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model_training.contract import contract_metadata
from model_training.faces import FaceSet, labelled_faces

CONFIDENCE = 0.76


def write_lit_model(path: Path, metadata: dict[str, str] | None = None) -> Path:
    """Write the model; a lit pixel is 255, a pixel half as bright gives the confidence of a square root."""
    weights = np.zeros((48 * 48, 7), np.float32)
    weights[range(7), range(7)] = math.log(CONFIDENCE / (1 - CONFIDENCE) * 6) / 255
    nodes = [
        helper.make_node("Flatten", ["faces"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "lit_pixel",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 48, 48, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 7])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, contract_metadata() | (metadata or {}))
    onnx.save(model, path)
    return path


def lit_faces(truth: list[int], predicted: list[int], *, light: int = 255) -> FaceSet:
    """Return faces labelled as `truth` which the model reads as `predicted`, no two alike."""
    n = len(truth)
    images = np.zeros((n, 48, 48), np.uint8)
    images[range(n), 0, predicted] = light
    images[range(n), 40, [i % 48 for i in range(n)]] = [1 + i // 48 for i in range(n)]
    return labelled_faces(images, np.array(truth, np.int8))
