"""The three networks of MTCNN as ONNX graphs, made in memory from the weights in the `mtcnn` wheel.

Architecture: K. Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", IEEE
Signal Processing Letters 23(10), 2016. Weights: the mtcnn 1.0.0 wheel (Iván de Paz Centeno, MIT licence), lists of Keras
arrays in layer order. The package itself is never imported: that would import TensorFlow.
"""

import importlib.util
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from storage.errors import ConfigurationError

Weights = list[npt.NDArray[np.float32]]

OPSET = 17
IR_VERSION = 8
"""Old enough for every onnxruntime that reads opset 17."""


def proposal_network() -> bytes:
    """P-Net, for pictures of any size.

    Input `pixels` (1, height, width, 3) uint8 RGB. Outputs `offsets` (1, 4, h, w) and `faces` (1, 2, h, w), the softmax of
    (no face, face), for cells of 12 pixels every 2 pixels.
    """
    graph = _Graph("pnet", _load_weights("pnet"), shape=(1, "height", "width", 3))
    x = graph.normalised_pixels()
    x = graph.pool(graph.prelu(graph.conv(x)), size=2, same=True)
    x = graph.prelu(graph.conv(x))
    x = graph.prelu(graph.conv(x))
    graph.output("offsets", graph.conv(x), rank=4)
    graph.output("faces", graph.two_shares(x), rank=4)
    return graph.serialised()


def refinement_network() -> bytes:
    """R-Net. Input `pixels` (n, 24, 24, 3) uint8 RGB; outputs `offsets` (n, 4) and `faces` (n, 2)."""
    graph = _Graph("rnet", _load_weights("rnet"), shape=("n", 24, 24, 3))
    x = graph.normalised_pixels()
    x = graph.pool(graph.prelu(graph.conv(x)), size=3, same=True)
    x = graph.pool(graph.prelu(graph.conv(x)), size=3, same=False)
    x = graph.prelu(graph.conv(x))
    x = graph.prelu_dense(graph.dense(graph.flattened(x)))
    graph.output("offsets", graph.dense(x), rank=2)
    graph.output("faces", graph.softmax(graph.dense(x), axis=1), rank=2)
    return graph.serialised()


def output_network() -> bytes:
    """O-Net. Input `pixels` (n, 48, 48, 3) uint8 RGB; outputs `offsets` (n, 4), `landmarks` (n, 10) and `faces` (n, 2)."""
    graph = _Graph("onet", _load_weights("onet"), shape=("n", 48, 48, 3))
    x = graph.normalised_pixels()
    x = graph.pool(graph.prelu(graph.conv(x)), size=3, same=True)
    x = graph.pool(graph.prelu(graph.conv(x)), size=3, same=False)
    x = graph.pool(graph.prelu(graph.conv(x)), size=2, same=True)
    x = graph.prelu(graph.conv(x))
    x = graph.prelu_dense(graph.dense(graph.flattened(x)))
    graph.output("offsets", graph.dense(x), rank=2)
    graph.output("landmarks", graph.dense(x), rank=2)
    graph.output("faces", graph.softmax(graph.dense(x), axis=1), rank=2)
    return graph.serialised()


def weights_folder() -> Path:
    """Where the installed mtcnn package keeps its weights. Raises ConfigurationError if it is not installed."""
    spec = importlib.util.find_spec("mtcnn")  # finds a top-level package without importing it
    for folder in (spec.submodule_search_locations or []) if spec else []:
        weights = Path(folder) / "assets" / "weights"
        if weights.is_dir():
            return weights
    raise ConfigurationError("the package mtcnn, which carries the weights, is not installed")


def _load_weights(name: str) -> Weights:
    return list(joblib.load(weights_folder() / f"{name}.lz4"))


class _Graph:
    """Builds a graph layer by layer, taking the weights in the order Keras lists them."""

    def __init__(self, name: str, weights: Weights, *, shape: tuple[int | str, ...]) -> None:
        self._name = name
        self._weights = iter(weights)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._input = helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape)

    def normalised_pixels(self) -> str:
        """(x - 127.5) / 128, channels first."""
        x = self._node("Cast", "pixels", to=TensorProto.FLOAT)
        x = self._node("Sub", x, self._constant(np.float32(127.5)))
        x = self._node("Mul", x, self._constant(np.float32(1 / 128)))
        return self._node("Transpose", x, perm=[0, 3, 1, 2])

    def conv(self, x: str) -> str:
        return self._convolved(x, next(self._weights), next(self._weights))

    def two_shares(self, x: str) -> str:
        """The softmax of a convolution to two channels, as the sigmoid of their difference: a tenth of P-Net's time less."""
        kernel, bias = next(self._weights), next(self._weights)
        lead = self._convolved(x, kernel - kernel[..., ::-1], bias - bias[::-1])
        return self._node("Sigmoid", lead)

    def _convolved(
        self, x: str, kernel: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]
    ) -> str:
        first = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))  # Keras: height, width, in, out
        return self._node("Conv", x, self._constant(first), self._constant(bias))

    def prelu(self, x: str) -> str:
        return self._sloped(x, next(self._weights).reshape(-1, 1, 1))

    def prelu_dense(self, x: str) -> str:
        return self._sloped(x, next(self._weights))

    def _sloped(self, x: str, slopes: npt.NDArray[np.float32]) -> str:
        """max(x, 0) + slopes * min(x, 0), to the bit what ONNX's PRelu gives.

        ONNX Runtime takes each number of a PRelu by itself, but these four by vectors: a face is found in half the time.
        """
        below = self._node("Min", x, self._constant(np.float32(0)))
        return self._node(
            "Add", self._node("Relu", x), self._node("Mul", below, self._constant(slopes))
        )

    def pool(self, x: str, *, size: int, same: bool) -> str:
        padding = "SAME_UPPER" if same else "VALID"
        return self._node("MaxPool", x, kernel_shape=[size, size], strides=[2, 2], auto_pad=padding)

    def flattened(self, x: str) -> str:
        """Width, height, channels: the order the original Caffe weights expect, Keras's Permute(2, 1, 3)."""
        return self._node("Flatten", self._node("Transpose", x, perm=[0, 3, 2, 1]), axis=1)

    def dense(self, x: str) -> str:
        weights, bias = next(self._weights), next(self._weights)
        return self._node("Gemm", x, self._constant(weights), self._constant(bias))

    def softmax(self, x: str, *, axis: int) -> str:
        return self._node("Softmax", x, axis=axis)

    def output(self, name: str, x: str, *, rank: int) -> None:
        self._nodes.append(helper.make_node("Identity", [x], [name]))
        shape = [None] * rank
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def serialised(self) -> bytes:
        """The finished model. Raises ConfigurationError if weights are left over."""
        if next(self._weights, None) is not None:
            raise ConfigurationError(f"the weights of {self._name} have more layers than expected")
        graph = helper.make_graph(
            self._nodes, self._name, [self._input], self._outputs, self._constants
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        return bytes(model.SerializeToString())

    def _node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _constant(self, value: npt.NDArray[np.float32] | np.float32) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name
