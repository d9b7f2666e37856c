"""The evaluate command: one JSON object, the right numbers, and no TensorFlow."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model_training import evaluate
from model_training.contract import contract_metadata
from model_training.faces import FaceSet, labelled_faces
from tests.model_training.fake_faces import KERAS_AND_NUMPY, WRITERS, write_npz

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

ROOT = Path(__file__).parents[2]

TRUTH = [3, 3, 3, 4, 0]
PREDICTED = [3, 3, 4, 4, 3]
CONFIDENCE = 0.76


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose answer is the expression k whose pixel (0, k) is lit, with a confidence of 0.76."""
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
    helper.set_model_props(model, contract_metadata())
    path = tmp_path_factory.mktemp("model") / "lit.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def faces() -> FaceSet:
    """Five faces of which the model takes three rightly."""
    images = np.zeros((5, 48, 48), np.uint8)
    images[range(5), 0, PREDICTED] = 255
    images[range(5), 40, range(5)] = 9  # no two with the same pixels
    return labelled_faces(images, np.array(TRUTH, np.int8))


def _report(capsys: pytest.CaptureFixture[str], *options: str) -> dict:
    assert evaluate.main(list(options)) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return json.loads(output.out)


@pytest.mark.parametrize("form", WRITERS)
def test_scores_are_those_worked_out_by_hand(
    form: str, model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = WRITERS[form](faces, tmp_path / "faces")

    report = _report(capsys, "--model", str(model), "--data", str(data), "--split", "training")

    assert (report["n"], report["accuracy"]) == (5, 0.6)
    # angry 0, happy 2*2 / (3 + 3), neutral 2*1 / (1 + 2)
    assert report["macro_f1"] == pytest.approx((0 + 2 / 3 + 2 / 3) / 3, abs=1e-4)
    assert report["balanced_accuracy"] == pytest.approx((0 + 2 / 3 + 1) / 3, abs=1e-4)
    assert report["ece"] == pytest.approx(CONFIDENCE - 0.6, abs=1e-4)
    assert report["per_class_recall"] == {
        "angry": 0.0,
        "disgust": None,
        "fear": None,
        "happy": 0.6667,
        "neutral": 1.0,
        "sad": None,
        "surprise": None,
    }
    assert report["confusion_matrix"]["truth_by_predicted"][3] == [0, 0, 0, 2, 1, 0, 0]
    low, high = report["accuracy_ci95"]
    assert 0 <= low < 0.6 < high <= 1


def test_the_interval_repeats_by_seed(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    options = ["--model", str(model), "--data", str(write_npz(faces, tmp_path / "faces"))]

    assert _report(capsys, *options) == _report(capsys, *options)


def test_copies_of_training_images_can_be_left_out(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_npz(faces, tmp_path / "test")
    training = write_npz(faces.take(np.array([0, 4])), tmp_path / "train")

    options = ["--model", str(model), "--data", str(data)]
    report = _report(capsys, *options, "--without-copies-of", str(training))

    alone = report["without_copies"]
    assert report["n"] == 5
    assert (alone["of"], alone["copies"], alone["n"]) == ("train.npz", 2, 3)
    assert alone["accuracy"] == pytest.approx(2 / 3, abs=1e-4)


def test_speed_is_measured_when_asked_for(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_npz(faces, tmp_path / "faces")

    report = _report(capsys, "--model", str(model), "--data", str(data), "--speed")

    assert report["faces_per_second"] > 0


def test_the_command_prints_one_json_object_and_never_imports_tensorflow(
    exported: Path, run_folder: Path
):
    program = (
        "import sys; from model_training.evaluate import main; code = main(); "
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'tf2onnx'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    options = ["--model", str(exported), "--data", str(run_folder / "test.npz")]

    done = subprocess.run(
        [sys.executable, "-c", program, *options], cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {"n", "accuracy", "macro_f1", "per_class_recall", "ece"} <= report.keys()
    assert report["n"] == 14


def test_the_score_in_the_metadata_is_the_one_the_command_prints(
    exported: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
):
    report = _report(capsys, "--model", str(exported), "--data", str(run_folder / "test.npz"))

    metadata = {entry.key: entry.value for entry in onnx.load(exported).metadata_props}
    assert json.loads(metadata["test"]).items() <= {**report, "data": "test.npz"}.items()


def _no_onnx(folder: Path) -> Path:
    (folder / "bad.onnx").write_text("hello")
    return folder / "bad.onnx"


def _other_labels(folder: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "other.onnx")
    return folder / "other.onnx"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "none.onnx", "none.onnx"),
        (_no_onnx, "bad.onnx"),
        (_other_labels, "input 'faces'"),
    ],
    ids=["no file", "no model", "another model"],
)
def test_a_wrong_model_ends_with_one_line_and_code_2(
    make, message: str, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_npz(faces, tmp_path / "faces")

    code = evaluate.main(["--model", str(make(tmp_path)), "--data", str(data)])

    output = capsys.readouterr()
    assert (code, output.out) == (2, "")
    assert message in output.err
    assert output.err.count("\n") == 1


def test_missing_data_ends_with_one_line_and_code_2(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    code = evaluate.main(["--model", str(model), "--data", str(tmp_path / "none.npz")])

    output = capsys.readouterr()
    assert (code, output.out) == (2, "")
    assert "none.npz: expected a .npz file" in output.err
