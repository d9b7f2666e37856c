"""The eight-bit model: the same contract, nearly the same answers, whatever the batch."""

import json
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from model_training import export, quantize
from model_training.calibration import Calibration, apply_calibration, stated_calibration
from model_training.contract import as_input
from model_training.faces import FaceSet
from model_training.metadata import read_metadata
from model_training.properties import set_metadata
from storage.errors import InputError
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces, write_npz
from worker.vision.classifier import Classifier
from worker.vision.onnx_session import OnnxSession

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture(scope="module")
def float_model(compact_run: Path) -> Path:
    """The compact run as float32 ONNX, with a temperature and a noise floor."""
    out = compact_run.parent / "compact.onnx"
    options = ["--model", str(compact_run / "best.keras"), "--out", str(out)]
    data = ["--calibrate", str(compact_run.parent / "faces.npz")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "fit_calibration", lambda *_: Calibration(0.5, 0.1))
        assert export.main([*options, *data]) == 0
    return out


@pytest.fixture(scope="module")
def byte_model(float_model: Path) -> Path:
    """The same in eight bits, scored on 14 other fake faces."""
    out = float_model.with_name("compact_int8.onnx")
    test = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 2, seed=7), out.with_name("test"))
    faces = float_model.with_name("faces.npz")
    options = ["--model", str(float_model), "--data", str(faces), "--out", str(out)]
    assert quantize.main([*options, "--test", str(test)]) == 0
    return out


def test_names_shapes_and_metadata_stay_as_they_were(float_model: Path, byte_model: Path):
    before, after = OnnxSession(float_model), OnnxSession(byte_model)

    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    kept = {key: value for key, value in after.metadata.items() if key in before.metadata}
    assert kept == before.metadata
    assert json.loads(after.metadata["quantization"])["calibration"]["n"] == 70
    assert json.loads(after.metadata["test"])["n"] == 14


def test_a_byte_model_is_a_third_of_the_size_at_most(float_model: Path, byte_model: Path):
    assert byte_model.stat().st_size < float_model.stat().st_size / 3


def test_every_convolution_has_signed_bytes_with_a_scale_per_channel(byte_model: Path):
    graph = onnx.load(byte_model).graph
    numbers = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]

    weights = [makers[node.input[1]] for node in convolutions]

    assert len(convolutions) == 9
    for node in weights:
        kernel, scale = numbers[node.input[0]], numbers[node.input[1]]
        assert kernel.dtype == np.int8
        assert scale.shape == (len(kernel),)


def test_both_models_answer_nearly_alike(float_model: Path, byte_model: Path):
    faces = as_input(draw_faces([0, 1, 2, 3, 4, 5, 6] * 4, seed=3).images)

    before, after = (Classifier(path).probabilities(faces) for path in (float_model, byte_model))

    assert np.abs(after - before).max() < 0.05


@pytest.mark.parametrize("n", [0, 1, 2, 7, 33, 64])
def test_a_byte_model_answers_each_face_alike_in_any_company(n: int, byte_model: Path):
    faces = as_input(draw_faces([label % 7 for label in range(n)], seed=3).images)
    session = OnnxSession(byte_model)

    [together] = (
        session.run(["probabilities"], faces=faces) if n else [np.zeros((0, 7), np.float32)]
    )

    alone = [session.run(["probabilities"], faces=faces[i : i + 1])[0] for i in range(n)]
    assert together.shape == (n, 7)
    assert np.array_equal(together, np.concatenate([together[:0], *alone]))


def test_reduced_weights_have_seven_bits(float_model: Path):
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6])

    model = quantize.quantize(float_model, faces, reduce_range=True)

    numbers = (onnx.numpy_helper.to_array(entry) for entry in model.graph.initializer)
    weights = [array for array in numbers if array.dtype == np.int8 and array.ndim > 1]
    assert len(weights) == 10
    assert max(int(np.abs(weight.astype(int)).max()) for weight in weights) <= 64


@pytest.mark.parametrize(("more", "warned"), [([], True), (["--reduce-range"], False)])
def test_who_makes_weights_of_eight_bits_hears_of_processors_they_overflow_on(
    more: list[str],
    warned: bool,
    float_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    files = ["--model", str(float_model), "--data", str(float_model.with_name("faces.npz"))]

    assert quantize.main([*files, "--out", str(tmp_path / "int8.onnx"), *more]) == 0

    assert ("processors without VNNI" in capsys.readouterr().out) is warned


def test_calibration_uses_at_most_512_faces_of_the_seeds_choice():
    faces = draw_faces([0, 1] * 300)

    first, again, other = (quantize.choose_faces(faces, seed=seed) for seed in (1, 1, 2))

    assert len(first) == 512
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_a_model_that_answers_otherwise_is_not_taken(float_model: Path, tmp_path: Path):
    turned = onnx.load(float_model)
    [kernel] = [entry for entry in turned.graph.initializer if list(entry.dims) == [256, 7]]
    values = -onnx.numpy_helper.to_array(kernel)
    kernel.CopyFrom(onnx.numpy_helper.from_array(values, kernel.name))
    onnx.save(turned, tmp_path / "turned.onnx")
    faces: FaceSet = draw_faces([0, 1, 2, 3, 4, 5])

    with pytest.raises(InputError, match="answer 90% of the faces alike, they do so for"):
        quantize.measure_agreement(
            Classifier(float_model), Classifier(tmp_path / "turned.onnx"), faces
        )


def test_a_score_of_the_model_before_is_not_carried_over(float_model: Path, tmp_path: Path):
    scored = onnx.load(float_model)
    set_metadata(scored, {"test": "of the model in float32"})
    onnx.save(scored, tmp_path / "scored.onnx")
    options = ["--model", str(tmp_path / "scored.onnx"), "--out", str(tmp_path / "int8.onnx")]

    assert quantize.main([*options, "--data", str(float_model.with_name("faces.npz"))]) == 0

    assert "test" not in read_metadata(tmp_path / "int8.onnx")


def test_an_export_answers_with_the_calibration_that_its_metadata_states(
    compact_run: Path, float_model: Path
):
    faces = as_input(draw_faces([0, 1, 2, 3, 4, 5, 6], seed=3).images)
    network = keras.saving.load_model(compact_run / "best.keras")
    calibration = stated_calibration(read_metadata(float_model))
    assert calibration == Calibration(0.5, 0.1)

    expected = apply_calibration(np.asarray(network(faces, training=False)), calibration)

    assert Classifier(float_model).probabilities(faces) == pytest.approx(expected, abs=1e-4)


def test_data_of_another_run_calibrates_nothing(
    compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    other = write_npz(draw_faces([0, 1] * 20), tmp_path / "other")
    out = tmp_path / "model.onnx"
    options = ["--model", str(compact_run / "best.keras"), "--out", str(out)]

    code = export.main([*options, "--calibrate", str(other)])

    assert code == 2
    assert "other.npz: expected the data of the run, whose validation part has" in (
        capsys.readouterr().err
    )
    assert not out.exists()


def test_what_is_no_model_ends_with_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], compact_run: Path
):
    faces, out = compact_run.parent / "faces.npz", tmp_path / "out.onnx"
    options = ["--model", str(tmp_path / "none.onnx"), "--data", str(faces), "--out", str(out)]

    assert quantize.main(options) == 2

    assert "there is no model file" in capsys.readouterr().err
    assert not out.exists()
