"""Round the weights of convolutions so that their errors cancel, instead of each weight to the nearest step.

Of a kernel one weight after another is rounded; those that are still to come take over what it errs, as far as the pictures
that flow through the layer allow (least squares over its inputs, as the layers before it give them once they are rounded).
Kernels that read a face and its mirror image alike (symmetry.py) still do so afterwards.
Source: Frantar, Ashkboos, Hoefler and Alistarh 2023, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers", ICLR.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper

Array = npt.NDArray[np.float32]
Partners = npt.NDArray[np.int64]

DAMPING = 0.01
"""Of the mean second moment of a layer's inputs, added to each: inputs that are never seen must not take errors over."""
BATCH = 32


class Convolution(NamedTuple):
    """A convolution of a model of eight bits (QDQ), by the names of what it takes."""

    inputs: str  #: pictures (n, c, h, w), float32
    kernel: str  #: whole numbers (out, c, high, wide)
    scale: str  #: (out,)
    floats: str  #: the kernel before it was rounded, in the model of float32
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]  #: above, left, below, right


def round_kernels(
    model: onnx.ModelProto, original: onnx.ModelProto, faces: Array, *, largest: int
) -> None:
    """Replace the kernels of a model's convolutions, first to last; of those in groups, dilated or padded by rule none.

    model: of eight bits (QDQ), from quantize_static.  original: what it was made of.  faces: (n, 48, 48, 1), grey, 0 to 255.
    largest: a weight is a whole number from minus this to this.
    """
    kept = {entry.name: entry for entry in model.graph.initializer}
    floats = {entry.name: entry for entry in original.graph.initializer}
    partners: Partners | None = np.arange(1)
    for layer in list(_convolutions(model)):
        kernel, scale = (numpy_helper.to_array(kept[name]) for name in (layer.kernel, layer.scale))
        wanted = numpy_helper.to_array(floats[layer.floats]).reshape(len(kernel), -1)
        moments = _second_moments(model, layer, kernel.shape[2:], faces)
        steps, mirror = wanted / scale[:, None], mirrored_inputs(partners, kernel.shape)
        partners = partners_of(kernel.reshape(len(kernel), -1), mirror)
        if mirror is None or partners is None:
            rounded = round_together(steps, moments, largest=largest)
        else:
            rounded = round_alike(steps, moments, mirror, partners, largest=largest)
        numbers = rounded.reshape(kernel.shape).astype(np.int8)
        kept[layer.kernel].CopyFrom(numpy_helper.from_array(numbers, layer.kernel))


def round_together(
    steps: npt.ArrayLike, moments: npt.ArrayLike, *, largest: int
) -> npt.NDArray[np.float64]:
    """Return whole numbers (out, d) whose products with the inputs differ little from those of steps (out, d).

    moments: (d, d), of the inputs: the mean of x x'.  largest: of the numbers, either way.
    """
    left = np.array(steps, dtype=np.float64)
    damped = np.array(moments, dtype=np.float64)
    damped[np.diag_indices_from(damped)] += DAMPING * np.trace(damped) / len(damped) + 1e-12
    # Row i says how the later weights make up for an error of the i-th.
    makes_up = np.linalg.cholesky(np.linalg.inv(damped)).T
    rounded = np.empty_like(left)
    for i in range(left.shape[1]):
        rounded[:, i] = np.clip(np.rint(left[:, i]), -largest, largest)
        error = (left[:, i] - rounded[:, i]) / makes_up[i, i]
        left[:, i + 1 :] -= np.outer(error, makes_up[i, i + 1 :])
    return rounded


def round_alike(
    steps: npt.NDArray[np.floating],
    moments: npt.NDArray[np.float64],
    mirror: Partners,
    partners: Partners,
    *,
    largest: int,
) -> npt.NDArray[np.float64]:
    """Return the same as round_together for kernels whose partners are their mirror images, and stay so.

    mirror: of each input, which one it is in the mirrored picture.  partners: of each kernel; its own if it is symmetric.
    """
    moments = (moments + moments[np.ix_(mirror, mirror)]) / 2
    rounded, rows = np.empty(steps.shape), np.arange(len(steps))
    first, own = rows[rows < partners], rows[rows == partners]
    rounded[first] = round_together(steps[first], moments, largest=largest)
    rounded[partners[first]] = rounded[first][:, mirror]
    kinds, kind = np.unique(np.minimum(np.arange(len(mirror)), mirror), return_inverse=True)
    tied = np.eye(len(kinds))[kind]
    within = round_together(steps[own][:, kinds], tied.T @ moments @ tied, largest=largest)
    rounded[own] = within[:, kind]
    return rounded


def mirrored_inputs(partners: Partners | None, shape: tuple[int, ...]) -> Partners | None:
    """Return for each input of a kernel (out, c, high, wide) which one it is in the mirrored picture, if that is known.

    partners: of the channels that the kernel is laid upon.
    """
    _, channels, high, wide = shape
    if partners is None or len(partners) != channels:
        return None
    places = np.arange(channels * high * wide).reshape(channels, high, wide)
    return places[partners][:, :, ::-1].ravel()


def partners_of(kernels: npt.NDArray[np.int8], mirror: Partners | None) -> Partners | None:
    """Return which kernel (out, d) is the mirror image of each, or None if not all have one."""
    if mirror is None:
        return None
    mirrored = kernels[:, mirror]
    found = {kernel.tobytes(): row for row, kernel in enumerate(kernels)}
    alike = (kernels == mirrored).all(axis=1)
    partners = np.array(
        [row if alike[row] else found.get(mirrored[row].tobytes(), -1) for row in range(len(alike))]
    )
    whole = (partners >= 0).all() and np.array_equal(partners[partners], np.arange(len(partners)))
    return partners if whole else None


def _convolutions(model: onnx.ModelProto) -> Iterator[Convolution]:
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        options = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        weights = makers.get(node.input[1])
        simple = (
            options.get("group", 1) == 1
            and set(options.get("dilations", [1])) == {1}
            and options.get("auto_pad", b"NOTSET") == b"NOTSET"
        )
        if weights is None or weights.op_type != "DequantizeLinear" or not simple:
            continue
        kernel, scale = weights.input[:2]
        yield Convolution(
            inputs=node.input[0],
            kernel=kernel,
            scale=scale,
            floats=kernel.removesuffix("_quantized"),
            strides=tuple(options.get("strides", (1, 1))),
            pads=tuple(options.get("pads", (0, 0, 0, 0))),
        )


def _second_moments(
    model: onnx.ModelProto, layer: Convolution, window: tuple[int, ...], faces: Array
) -> npt.NDArray[np.float64]:
    """Return the mean of x x' over all that a layer's kernel is laid upon, (d, d)."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.append(onnx.helper.make_empty_tensor_value_info(layer.inputs))
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    total: npt.NDArray[np.float64] | float = 0.0
    count = 0
    above, left, below, right = layer.pads
    for start in range(0, len(faces), BATCH):
        [seen] = session.run([layer.inputs], {name: faces[start : start + BATCH]})
        seen = np.pad(seen, ((0, 0), (0, 0), (above, below), (left, right)))
        views = np.lib.stride_tricks.sliding_window_view(seen, window, axis=(2, 3))
        views = views[:, :, :: layer.strides[0], :: layer.strides[1]].transpose(0, 2, 3, 1, 4, 5)
        rows = views.reshape(-1, seen.shape[1] * window[0] * window[1])
        total = total + (rows.T @ rows).astype(np.float64)
        count += len(rows)
    return np.asarray(total) / count
