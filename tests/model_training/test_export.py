"""The exported file answers like Keras and carries its contract."""

import json
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from model_training import export
from model_training.calibration import Calibration, apply_calibration, stated_calibration
from model_training.contract import as_input
from model_training.faces import FaceSet
from model_training.networks import SeedNetwork, build_seed_network
from model_training.properties import set_metadata
from storage.errors import InputError
from storage.labels import EXPRESSIONS
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces
from worker.vision.classifier import Classifier

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


def _metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_the_export_answers_like_keras_to_within_a_ten_thousandth(run_folder: Path, exported: Path):
    faces = as_input(draw_faces([0, 1, 2, 3, 4, 5, 6], seed=3).images)
    network = keras.saving.load_model(run_folder / "best.keras")

    expected = np.asarray(network(faces, training=False))

    assert Classifier(exported).probabilities(faces) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("n", [0, 1, 2, 33])
def test_the_export_takes_any_number_of_faces(n: int, exported: Path):
    faces = as_input(draw_faces([0] * n).images)

    probabilities = Classifier(exported).probabilities(faces)

    assert probabilities.shape == (n, 7)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(n), abs=1e-5)


def test_the_graph_states_names_shapes_and_types(exported: Path):
    graph = onnx.load(exported).graph

    def stated(value: onnx.ValueInfoProto) -> tuple[str, int, list[int | str]]:
        tensor = value.type.tensor_type
        dims = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
        return value.name, tensor.elem_type, dims

    float32 = onnx.TensorProto.FLOAT
    assert [stated(v) for v in graph.input] == [("faces", float32, ["n", 48, 48, 1])]
    assert [stated(v) for v in graph.output] == [("probabilities", float32, ["n", 7])]


def test_the_metadata_holds_labels_and_input(exported: Path):
    metadata = _metadata(exported)

    assert tuple(json.loads(metadata["labels"])) == EXPRESSIONS
    assert json.loads(metadata["range"]) == [0, 255]
    assert json.loads(metadata["input"])["shape"] == ["n", 48, 48, 1]


def test_the_metadata_tells_how_the_model_came_about(exported: Path):
    metadata = _metadata(exported)

    assert metadata["recipe"] == "seed"
    assert metadata["version"].startswith("seed-")
    assert json.loads(metadata["data"])["training"]["source"] == "faces.npz"
    assert json.loads(metadata["accuracy"])["n"] == 14
    assert json.loads(metadata["test"])["data"] == "test.npz"


def test_a_network_that_answers_otherwise_is_not_written(exported: Path):
    stranger = build_seed_network(SeedNetwork(filters=(4, 4), dense_units=4))

    with pytest.raises(InputError, match=r"agree to within 0\.0001, they differ by"):
        export.measure_parity(stranger, Classifier(exported))


def _sure_and_right(n: int) -> tuple[FaceSet, np.ndarray]:
    """Faces of which the confident half is read rightly and the rest never."""
    faces = draw_faces([0] * n)
    probabilities = np.full((n, 7), 0.05)
    probabilities[: n // 2, 0] = 0.7
    probabilities[n // 2 :, 1] = 0.4
    return faces, probabilities


def test_the_threshold_of_the_metadata_keeps_four_of_five_right():
    metadata = export.threshold_metadata(*_sure_and_right(10))

    assert metadata["uncertain_below"] == "0.41"
    assert json.loads(metadata["uncertain_choice"]) == {
        "wanted_accuracy": 0.8,
        "share_kept": 0.5,
        "accuracy_of_kept": 1.0,
        "n": 10,
    }


def test_a_model_that_is_never_right_often_enough_states_no_threshold(
    capsys: pytest.CaptureFixture[str],
):
    faces, probabilities = _sure_and_right(10)

    assert export.threshold_metadata(faces, np.roll(probabilities, 1, axis=1)) == {}

    assert "no threshold is stated" in capsys.readouterr().out


def test_the_metadata_states_the_accuracy_of_the_network_that_is_exported():
    """Symptom: it was that of the network before its adjustment."""
    network = build_seed_network(SeedNetwork(filters=(4, 4, 4, 4), dense_units=8))
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6, 3, 3])
    origin = {"accuracy": json.dumps({"n": 9, "accuracy": 0.99, "epoch": 2})}

    stated = json.loads(export.calibrate(network, faces, origin)["accuracy"])

    said = network.predict(as_input(faces.images), verbose=0).argmax(axis=1)
    accuracy = (said == faces.labels).mean()
    assert stated == {"n": 9, "accuracy": pytest.approx(accuracy, abs=1e-4), "epoch": 2}


def test_the_metadata_states_the_calibration_that_was_fitted(monkeypatch: pytest.MonkeyPatch):
    network = build_seed_network(SeedNetwork(filters=(4, 4, 4, 4), dense_units=8))
    faces = draw_faces([0, 1, 2])
    monkeypatch.setattr(export, "fit_calibration", lambda *_: Calibration(0.9, 0.07))

    stated = export.calibrate(network, faces, {"accuracy": "{}"})

    assert stated_calibration(stated) == Calibration(0.9, 0.07)


def test_of_an_adjusted_network_that_was_not_measured_no_accuracy_is_stated(
    run_folder: Path, tmp_path: Path
):
    command = ["--model", str(run_folder / "best.keras"), "--out", str(tmp_path / "model.onnx")]

    assert export.main([*command, "--logit-adjustment", "0.3"]) == 0

    assert "accuracy" not in _metadata(tmp_path / "model.onnx")


@pytest.fixture
def calibrated(exported: Path, tmp_path: Path) -> Path:
    """A model file that states a calibration and a threshold."""
    model = onnx.load(exported)
    set_metadata(model, {"temperature": "2.0", "noise_floor": "0.10"})
    set_metadata(model, {"uncertain_below": "0.41", "version": "twin-1"})
    onnx.save(model, tmp_path / "twin.onnx")
    return tmp_path / "twin.onnx"


def test_a_model_can_be_as_sure_as_another_one_deserves_to_be(
    run_folder: Path, exported: Path, calibrated: Path, tmp_path: Path
):
    out = tmp_path / "model.onnx"
    command = ["--model", str(run_folder / "best.keras"), "--out", str(out)]

    assert export.main([*command, "--calibrated-as", str(calibrated)]) == 0

    faces = as_input(draw_faces([0, 1, 2, 3], seed=3).images)
    sure, cooled = (Classifier(path).probabilities(faces) for path in (exported, out))
    assert cooled == pytest.approx(apply_calibration(sure, Calibration(2.0, 0.1)), abs=1e-5)
    stated = _metadata(out)
    taken = ("temperature", "noise_floor", "uncertain_below")
    assert [stated[name] for name in taken] == ["2.0", "0.10", "0.41"]
    assert stated["calibrated_as"] == "twin-1"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--calibrate", "x.npz"], "--calibrated-as: expected no --calibrate beside it"),
        (["--logit-adjustment", "0.3"], "expected a model with --logit-adjustment 0.3, got 0"),
    ],
)
def test_what_another_model_was_fitted_without_is_refused(
    more: list[str], message: str, run_folder: Path, calibrated: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    command = ["--model", str(run_folder / "best.keras"), "--out", str(tmp_path / "model.onnx")]

    assert export.main([*command, "--calibrated-as", str(calibrated), *more]) == 2

    assert message in capsys.readouterr().err
    assert not (tmp_path / "model.onnx").exists()


def test_a_model_without_calibration_lends_none(
    run_folder: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["--model", str(run_folder / "best.keras"), "--out", str(tmp_path / "model.onnx")]

    assert export.main([*command, "--calibrated-as", str(exported)]) == 2

    assert "expected a model of export --calibrate" in capsys.readouterr().err


def _no_file(folder: Path) -> Path:
    return folder / "best.keras"


def _no_keras_file(folder: Path) -> Path:
    (folder / "best.keras").write_text("hello")
    return folder / "best.keras"


def _no_meta(folder: Path) -> Path:
    build_seed_network(SeedNetwork(filters=(2,), dense_units=2)).save(folder / "best.keras")
    return folder / "best.keras"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_no_file, "best.keras: expected a .keras file of model_training.train, found no file"),
        (_no_keras_file, "best.keras: expected a .keras file, got: "),
        (_no_meta, "meta.json: expected the meta.json that model_training.train writes"),
    ],
)
def test_what_is_no_run_ends_with_one_line_and_code_2(
    make, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model = make(tmp_path)

    code = export.main(["--model", str(model), "--out", str(tmp_path / "model.onnx")])

    output = capsys.readouterr()
    assert code == 2
    assert message in output.err
    assert output.err.count("\n") == 1
    assert not (tmp_path / "model.onnx").exists()
