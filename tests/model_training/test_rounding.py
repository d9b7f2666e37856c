"""Weights are rounded so that what a layer answers stays near what it answered, not each weight to the nearest step."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from model_training import quantize
from model_training.contract import as_input
from model_training.faces import FaceSet, labelled_faces
from model_training.rounding import (
    mirrored_inputs,
    partners_of,
    round_alike,
    round_together,
)
from tests.model_training.fake_faces import draw_faces

LARGEST = 64


def _inputs(n: int = 500, d: int = 24) -> np.ndarray:
    """Inputs (n, d) that go together, as neighbouring pixels do."""
    chance = np.random.default_rng(1)
    common = chance.normal(size=(n, 3)) @ chance.normal(size=(3, d))
    return np.abs(common) + 0.3 * np.abs(chance.normal(size=(n, d)))


def _error(wanted: np.ndarray, got: np.ndarray, inputs: np.ndarray) -> float:
    return float(np.square(inputs @ (wanted - got).T).mean())


def test_rounded_together_weights_answer_nearer_to_the_exact_ones_than_each_to_the_nearest():
    steps, inputs = np.random.default_rng(2).uniform(-60, 60, (16, 24)), _inputs()

    rounded = round_together(steps, inputs.T @ inputs / len(inputs), largest=LARGEST)

    assert np.array_equal(rounded, np.rint(rounded))
    assert np.abs(rounded - steps).max() < 4
    nearest = np.rint(steps)
    assert _error(steps, rounded, inputs) < 0.3 * _error(steps, nearest, inputs)


def test_inputs_that_have_nothing_to_do_with_one_another_leave_each_weight_its_nearest_step():
    steps = np.random.default_rng(2).uniform(-60, 60, (16, 24))

    assert np.array_equal(round_together(steps, np.eye(24), largest=LARGEST), np.rint(steps))


def test_no_weight_becomes_larger_than_its_bits_hold():
    """Weights of faint inputs must change by several steps to make up for those of strong ones."""
    chance = np.random.default_rng(2)
    steps = chance.uniform(62, 64, (16, 24)) * chance.choice([-1, 1], (16, 24))
    inputs = _inputs() * np.geomspace(1, 0.1, 24)

    rounded = round_together(steps, inputs.T @ inputs / len(inputs), largest=LARGEST)

    assert np.abs(rounded).max() == LARGEST


def test_inputs_that_are_hardly_or_never_seen_do_no_harm():
    steps, inputs = np.random.default_rng(2).uniform(-30, 30, (16, 24)), _inputs()
    inputs[:, 12:] *= 1e-3

    rounded = round_together(steps, inputs.T @ inputs / len(inputs), largest=LARGEST)

    assert np.abs(rounded - steps)[:, 12:].max() < 3
    assert np.array_equal(round_together(steps, np.zeros((24, 24)), largest=64), np.rint(steps))


def _of_layers(folder: Path, *layers: tuple[np.ndarray, dict[str, int | list[int]]]) -> Path:
    """A model of convolutions one behind the other, each a kernel and its options; averaged over the picture."""
    helper, names = onnx.helper, [f"kernel{i}" for i in range(len(layers))]
    nodes = [helper.make_node("Transpose", ["faces"], ["seen0"], perm=[0, 3, 1, 2])]
    for i, (_, options) in enumerate(layers):
        nodes += [
            helper.make_node("Conv", [f"seen{i}", names[i]], [f"sums{i}"], **options),
            helper.make_node("Relu", [f"sums{i}"], [f"seen{i + 1}"]),
        ]
    nodes.append(helper.make_node("GlobalAveragePool", [f"seen{len(layers)}"], ["probabilities"]))
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("faces", ["n", 48, 48, 1]), ("probabilities", None))
    ]
    numbers = [
        onnx.numpy_helper.from_array(kernel.astype(np.float32), name)
        for name, (kernel, _) in zip(names, layers, strict=True)
    ]
    graph = helper.make_graph(nodes, "layers", ends[:1], ends[1:], numbers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, folder / "layers.onnx")
    return folder / "layers.onnx"


def _answers(model: onnx.ModelProto, faces: FaceSet) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    [answers] = session.run(None, {"faces": as_input(faces.images)})
    return np.asarray(answers)


def _kernels(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {
        entry.name: onnx.numpy_helper.to_array(entry)
        for entry in model.graph.initializer
        if entry.name.endswith("_quantized") and len(entry.dims) == 4
    }


def test_a_model_in_seven_bits_answers_nearer_to_the_one_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One convolution has strides, one uneven edges, one groups: that one is left alone."""
    chance = np.random.default_rng(3)
    model = _of_layers(
        tmp_path,
        (chance.normal(size=(6, 1, 3, 3)), {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
        (chance.normal(size=(16, 6, 3, 3)), {"pads": [0, 1, 2, 0]}),
        (chance.normal(size=(16, 4, 3, 3)), {"pads": [1, 1, 1, 1], "group": 4}),
    )
    faces, others = (draw_faces([0, 1, 2, 3, 4, 5, 6] * 4, seed=seed) for seed in (3, 4))
    wanted = _answers(onnx.load(model), others)

    together = quantize.quantize(model, faces, reduce_range=True)
    monkeypatch.setattr(quantize, "round_kernels", lambda *_, **__: None)
    nearest = quantize.quantize(model, faces, reduce_range=True)

    far, near = (
        np.square(_answers(rounded, others) - wanted).mean() for rounded in (nearest, together)
    )
    assert near < 0.8 * far
    before, after = _kernels(nearest), _kernels(together)
    assert before.keys() == after.keys() and len(after) == 3
    changed = {name for name in after if not np.array_equal(before[name], after[name])}
    assert changed == {"kernel0_quantized", "kernel1_quantized"}


def test_a_network_that_reads_a_face_and_its_mirror_image_alike_still_does_in_seven_bits(
    tmp_path: Path,
):
    chance, partners = np.random.default_rng(3), np.array([1, 0, 2, 3, 5, 4])
    first = chance.normal(size=(6, 1, 3, 3))
    first = (first + first[partners][..., ::-1]) / 2
    second = chance.normal(size=(6, 6, 3, 3))
    second = (second + second[partners][:, partners][..., ::-1]) / 2
    last = chance.normal(size=(7, 6, 3, 3))
    last = (last + last[:, partners][..., ::-1]) / 2
    pads = {"pads": [1, 1, 1, 1]}
    model = _of_layers(tmp_path, (first, pads), (second, pads), (last, pads))
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 4, seed=3)

    rounded = quantize.quantize(model, faces, reduce_range=True)

    mirrored = labelled_faces(np.ascontiguousarray(faces.images[:, :, ::-1]), faces.labels)
    assert np.allclose(_answers(rounded, faces), _answers(rounded, mirrored), rtol=1e-5, atol=0)


def test_only_what_a_kernel_is_laid_upon_counts(tmp_path: Path):
    """Laid upon every third column, two of its three weights always see the same: only their sum matters."""
    chance = np.random.default_rng(3)
    wanted = np.stack([np.ones(64), *chance.uniform(-0.8, 0.8, (2, 64))], axis=1)
    model = _of_layers(
        tmp_path, (wanted.reshape(64, 1, 1, 3), {"strides": [1, 3], "pads": [0, 0, 0, 0]})
    )
    lit = np.where(chance.uniform(size=(2, 14, 48, 16)) < 0.1, 255, 0)
    images = np.stack([lit[0], lit[1], lit[1]], axis=3).reshape(14, 48, 48).astype(np.uint8)
    faces = labelled_faces(images, np.zeros(14, np.int8))

    rounded = quantize.quantize(model, faces, reduce_range=True)

    [kernel] = _kernels(rounded).values()
    steps = wanted * kernel.reshape(64, 3)[:, :1]
    assert np.abs((kernel.reshape(64, 3) - steps)[:, 1:].sum(axis=1)).max() < 0.52


def test_kernels_that_are_mirror_images_of_one_another_stay_so():
    """Two channels that are partners and one symmetric one lead to two partners and two symmetric kernels."""
    chance = np.random.default_rng(5)
    mirror = mirrored_inputs(np.array([1, 0, 2]), (4, 3, 3, 3))
    assert mirror is not None
    steps = chance.uniform(-60, 60, (4, 27))
    partners = np.array([1, 0, 2, 3])
    steps = (steps + steps[partners][:, mirror]) / 2
    inputs = _inputs(d=27)
    moments = inputs.T @ inputs / len(inputs)

    rounded = round_alike(steps, moments, mirror, partners, largest=LARGEST)

    assert np.array_equal(rounded[partners][:, mirror], rounded)
    both = np.concatenate([inputs, inputs[:, mirror]])
    assert _error(steps, rounded, both) < 0.5 * _error(steps, np.rint(steps), both)


def test_partners_are_found_where_every_kernel_has_one():
    chance = np.random.default_rng(5)
    mirror = mirrored_inputs(np.arange(1), (4, 1, 3, 3))
    assert mirror is not None and mirror.tolist() == [2, 1, 0, 5, 4, 3, 8, 7, 6]
    kernels = chance.integers(-60, 60, (4, 9)).astype(np.int8)
    assert partners_of(kernels, mirror) is None
    assert partners_of(kernels, None) is None

    kernels[3] = kernels[0][mirror]
    kernels[1] = (kernels[1] // 2 + (kernels[1] // 2)[mirror]).astype(np.int8)
    kernels[2] = 0

    partners = partners_of(kernels, mirror)
    assert partners is not None and partners.tolist() == [3, 1, 2, 0]
    assert mirrored_inputs(partners, (8, 5, 3, 3)) is None
