"""The three networks of MTCNN as ONNX graphs without weights, a few kilobytes, which serving completes.

    python -m model_training.mtcnn_graphs --out worker/models

Architecture: K. Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", IEEE
Signal Processing Letters 23(10), 2016. Weights: the mtcnn 1.0.0 wheel (Iván de Paz Centeno, MIT licence), lists of Keras
arrays in layer order. A graph names them (`weight_name`) and brings their axes into ONNX's order itself, which costs nothing:
ONNX Runtime computes what depends on constants alone when it loads a graph.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from worker.vision.detectors.mtcnn_networks import graph_file, load_weights, weight_name

OPSET = 17
IR_VERSION = 8
"""Old enough for every onnxruntime that reads opset 17."""


def proposal_network() -> bytes:
    """P-Net, for pictures of any size.

    Input `pixels` (1, height, width, 3) uint8 RGB. Outputs `offsets` (1, 4, h, w) and `faces` (1, 2, h, w), the softmax of
    (no face, face), for cells of 12 pixels every 2 pixels.
    """
    graph = _Graph("pnet", shape=(1, "height", "width", 3))
    x = graph.normalised_pixels()
    x = graph.pool(graph.prelu(graph.conv(x)), size=2, same=True)
    x = graph.prelu(graph.conv(x))
    x = graph.prelu(graph.conv(x))
    graph.output("offsets", graph.conv(x), rank=4)
    graph.output("faces", graph.two_shares(x), rank=4)
    return graph.serialised()


def refinement_network() -> bytes:
    """R-Net. Input `pixels` (n, 24, 24, 3) uint8 RGB; outputs `offsets` (n, 4) and `faces` (n, 2)."""
    graph = _Graph("rnet", shape=("n", 24, 24, 3))
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
    graph = _Graph("onet", shape=("n", 48, 48, 3))
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


BUILDERS: dict[str, Callable[[], bytes]] = {
    "pnet": proposal_network,
    "rnet": refinement_network,
    "onet": output_network,
}


class _Graph:
    """Builds a graph layer by layer, taking the weights in the order Keras lists them."""

    def __init__(self, name: str, *, shape: tuple[int | str, ...]) -> None:
        self._name = name
        self._weights = enumerate(load_weights(name))
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
        return self._convolved(x, self._weight(), self._weight())

    def two_shares(self, x: str) -> str:
        """The softmax of a convolution to two channels, as the sigmoid of their difference: a tenth of P-Net's time less."""
        kernel, bias = self._lead(self._weight(), axis=3), self._lead(self._weight(), axis=0)
        return self._node("Sigmoid", self._convolved(x, kernel, bias))

    def _lead(self, weights: str, *, axis: int) -> str:
        """What each of two channels has more than the other."""
        exchanged = self._node("Gather", weights, self._constant(np.array([1, 0])), axis=axis)
        return self._node("Sub", weights, exchanged)

    def _convolved(self, x: str, kernel: str, bias: str) -> str:
        first = self._node("Transpose", kernel, perm=[3, 2, 0, 1])  # Keras: height, width, in, out
        return self._node("Conv", x, first, bias)

    def prelu(self, x: str) -> str:
        return self._sloped(
            x, self._node("Reshape", self._weight(), self._constant(np.array([-1, 1, 1])))
        )

    def prelu_dense(self, x: str) -> str:
        return self._sloped(x, self._weight())

    def _sloped(self, x: str, slopes: str) -> str:
        """max(x, 0) + slopes * min(x, 0), to the bit what ONNX's PRelu gives.

        ONNX Runtime takes each number of a PRelu by itself, but these four by vectors: a face is found in half the time.
        """
        below = self._node("Min", x, self._constant(np.float32(0)))
        return self._node("Add", self._node("Relu", x), self._node("Mul", below, slopes))

    def pool(self, x: str, *, size: int, same: bool) -> str:
        padding = "SAME_UPPER" if same else "VALID"
        return self._node("MaxPool", x, kernel_shape=[size, size], strides=[2, 2], auto_pad=padding)

    def flattened(self, x: str) -> str:
        """Width, height, channels: the order the original Caffe weights expect, Keras's Permute(2, 1, 3)."""
        return self._node("Flatten", self._node("Transpose", x, perm=[0, 3, 2, 1]), axis=1)

    def dense(self, x: str) -> str:
        return self._node("Gemm", x, self._weight(), self._weight())

    def softmax(self, x: str, *, axis: int) -> str:
        return self._node("Softmax", x, axis=axis)

    def output(self, name: str, x: str, *, rank: int) -> None:
        self._nodes.append(helper.make_node("Identity", [x], [name]))
        shape = [None] * rank
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def serialised(self) -> bytes:
        """The finished graph."""
        if next(self._weights, None) is not None:
            raise AssertionError(f"the weights of {self._name} have more layers than expected")
        graph = helper.make_graph(
            self._nodes, self._name, [self._input], self._outputs, self._constants
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        return bytes(model.SerializeToString(deterministic=True))

    def _weight(self) -> str:
        """The next array of the wheel's list: its shape here, its values when serving loads the graph."""
        index, array = next(self._weights)
        tensor = TensorProto(
            name=weight_name(index),
            data_type=TensorProto.FLOAT,
            dims=array.shape,
            data_location=TensorProto.EXTERNAL,
        )
        tensor.external_data.add(key="location", value="the mtcnn wheel")
        self._constants.append(tensor)
        return weight_name(index)

    def _node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _constant(self, value: npt.NDArray[np.int64] | np.float32) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def main() -> None:
    """Write the three graphs."""
    parser = argparse.ArgumentParser(
        prog="model_training.mtcnn_graphs", description="Write MTCNN's graphs, without weights."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder")
    folder = parser.parse_args().out
    for name, build in BUILDERS.items():
        (folder / graph_file(name).name).write_bytes(build())


if __name__ == "__main__":
    main()
