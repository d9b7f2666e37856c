"""Weights are rounded so that what a layer answers stays near what it answered, not each weight to the nearest step."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from model_training import quantize
from model_training.contract import as_input
from model_training.faces import FaceSet
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


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three convolutions in float32: one with strides, one as it is, one in groups."""
    chance, helper = np.random.default_rng(3), onnx.helper
    kernels = {"first": (6, 1, 3, 3), "second": (16, 6, 3, 3), "grouped": (16, 4, 3, 3)}
    numbers = [
        onnx.numpy_helper.from_array(chance.normal(size=size).astype(np.float32), name)
        for name, size in kernels.items()
    ]
    pads = [1, 1, 1, 1]
    nodes = [
        helper.make_node("Transpose", ["faces"], ["pictures"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["pictures", "first"], ["a"], pads=pads, strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], pads=[0, 1, 2, 0]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "grouped"], ["probabilities"], pads=pads, group=4),
    ]
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("faces", ["n", 48, 48, 1]), ("probabilities", None))
    ]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], numbers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    path = tmp_path_factory.mktemp("small") / "small.onnx"
    onnx.save(model, path)
    return path


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
    small_model: Path, monkeypatch: pytest.MonkeyPatch
):
    faces, others = (draw_faces([0, 1, 2, 3, 4, 5, 6] * 4, seed=seed) for seed in (3, 4))
    wanted = _answers(onnx.load(small_model), others)

    together = quantize.quantize(small_model, faces, reduce_range=True)
    monkeypatch.setattr(quantize, "round_kernels", lambda *_, **__: None)
    nearest = quantize.quantize(small_model, faces, reduce_range=True)

    far, near = (
        np.square(_answers(model, others) - wanted).mean() for model in (nearest, together)
    )
    assert near < 0.8 * far
    before, after = _kernels(nearest), _kernels(together)
    assert before.keys() == after.keys() and len(after) == 3
    changed = {name for name in after if not np.array_equal(before[name], after[name])}
    assert changed == {"first_quantized", "second_quantized"}


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
