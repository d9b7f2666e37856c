"""The evaluate command: one JSON object, the right numbers, and no TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from model_training import evaluate, robustness
from model_training.calibration import Calibration, undo_calibration
from model_training.contract import as_input
from model_training.faces import FaceSet, cut_validation
from model_training.heldback import CUT_OFF
from model_training.metrics import expected_calibration_error
from model_training.readers import VOTE_EMOTIONS
from tests.model_training.fake_faces import KERAS_AND_NUMPY, WRITERS, draw_faces, write_npz
from tests.model_training.lit_model import CONFIDENCE, lit_faces, write_lit_model
from worker.vision.classifier import Classifier

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

ROOT = Path(__file__).parents[2]

TRUTH = [3, 3, 3, 4, 0]
PREDICTED = [3, 3, 4, 4, 3]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lit_model(tmp_path_factory.mktemp("model") / "lit.onnx")


@pytest.fixture
def faces() -> FaceSet:
    """Five faces of which the model takes three rightly."""
    return lit_faces(TRUTH, PREDICTED)


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
        "happy": pytest.approx(2 / 3, abs=1e-6),
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

    assert report["faces_per_cpu_second"] > 0


def test_the_command_prints_one_json_object_and_never_imports_tensorflow(
    exported: Path, run_folder: Path
):
    program = (
        "import sys; from model_training.evaluate import main; code = main(); "
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'onnx', 'tf2onnx'} & set(sys.modules); "
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


def test_every_recall_has_its_interval(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_npz(faces, tmp_path / "faces")

    report = _report(capsys, "--model", str(model), "--data", str(data))

    low, high = report["per_class_recall_ci95"]["happy"]
    assert 0 <= low < 0.6667 < high <= 1
    assert report["per_class_recall_ci95"]["disgust"] is None


def test_the_majority_of_votes_is_a_second_opinion(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    # read as happy, happy, neutral, neutral, happy; the third face has no majority
    votes = np.zeros((5, len(VOTE_EMOTIONS)), np.uint8)
    for row, name in ((0, "happiness"), (1, "sadness"), (3, "neutral"), (4, "happiness")):
        votes[row, VOTE_EMOTIONS.index(name)] = 9
    data = tmp_path / "voted.npz"
    arrays = {"images": faces.images, "labels": faces.labels}
    np.savez(data, ferplus_votes=votes, vote_names=np.array(VOTE_EMOTIONS), **arrays)

    plus = _report(capsys, "--model", str(model), "--data", str(data))["ferplus"]

    assert (plus["n"], plus["accuracy"], plus["labels_agree"]) == (4, 0.75, 0.5)


def test_data_without_votes_has_no_second_opinion(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_npz(faces, tmp_path / "faces")

    report = _report(capsys, "--model", str(model), "--data", str(data))

    assert report["ferplus"] is None


def test_the_calibration_in_the_graph_is_taken_out_to_compare(
    faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model = write_lit_model(tmp_path / "warm.onnx", {"temperature": "0.5", "noise_floor": "0.1"})
    data = write_npz(faces, tmp_path / "faces")
    with_it = Classifier(model).probabilities(as_input(faces.images))
    without = undo_calibration(with_it, Calibration(0.5, 0.1))

    mended = _report(capsys, "--model", str(model), "--data", str(data))["calibration"]

    before, after = (expected_calibration_error(TRUTH, p) for p in (without, with_it))
    assert (mended["temperature"], mended["noise_floor"]) == (0.5, 0.1)
    assert (mended["ece_before"], mended["ece_after"]) == pytest.approx((before, after), abs=1e-4)
    assert before != pytest.approx(after, abs=0.01)


def test_a_model_that_states_a_threshold_is_scored_at_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model = write_lit_model(tmp_path / "sure.onnx", {"uncertain_below": "0.5"})
    sure, unsure = lit_faces([3, 3, 0], [3, 3, 3]), lit_faces([3, 4], [3, 3], light=40)
    images = np.concatenate([sure.images, unsure.images])
    data = tmp_path / "faces.npz"
    np.savez(data, images=images, labels=np.concatenate([sure.labels, unsure.labels]))

    uncertain = _report(capsys, "--model", str(model), "--data", str(data))["uncertain"]

    assert (uncertain["threshold"], uncertain["share_kept"]) == (0.5, 0.6)
    assert uncertain["accuracy_of_kept"] == pytest.approx(2 / 3, abs=1e-4)
    assert uncertain["accuracy_of_uncertain"] == 0.5
    assert uncertain["share_kept_by_class"]["happy"] == pytest.approx(2 / 3, abs=1e-4)
    assert uncertain["share_kept_by_class"]["sad"] is None


def test_a_model_without_threshold_or_calibration_is_scored_all_the_same(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_npz(faces, tmp_path / "faces")

    report = _report(capsys, "--model", str(model), "--data", str(data))

    assert (report["uncertain"], report["calibration"]) == (None, None)
    kept = {point["threshold"]: point["share_kept"] for point in report["selective"]}
    assert (kept[0.0], kept[0.7], kept[0.8]) == (1, 1, 0)


def test_what_training_held_back_is_scored_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 10)
    _, part = cut_validation(faces, fraction=0.2, seed=5)
    metadata = {
        "seed": "5",
        "settings": json.dumps({"schedule": {"validation_fraction": 0.2}}),
        "data": json.dumps(
            {"validation": {"source": "faces" + CUT_OFF, "classes": part.class_counts()}}
        ),
    }
    model = write_lit_model(tmp_path / "run.onnx", metadata)
    data = write_npz(faces, tmp_path / "faces")

    report = _report(capsys, "--model", str(model), "--data", str(data), "--held-back")

    assert (report["n"], report["per_class_n"]) == (14, part.class_counts())


def test_a_split_is_not_named_beside_what_was_held_back(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Symptom: --split was passed over, and the answer looked like that split's score."""
    data = write_npz(faces, tmp_path / "faces")
    options = ["--model", str(model), "--data", str(data), "--held-back"]

    assert evaluate.main([*options, "--split", "validation"]) == 2

    output = capsys.readouterr()
    assert output.out == ""
    assert "--split: expected no --held-back beside it" in output.err


def test_a_model_that_does_not_say_what_was_held_back_ends_with_one_line(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_npz(faces, tmp_path / "faces")

    assert evaluate.main(["--model", str(model), "--data", str(data), "--held-back"]) == 2

    assert "which faces its run held back" in capsys.readouterr().err


@pytest.mark.parametrize("command", [evaluate, robustness])
def test_plots_without_matplotlib_are_refused_before_the_work(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("model_training.commands.find_spec", lambda _: None)

    assert command.main(["--model", "none.onnx", "--data", "none.npz", "--plots", "plots"]) == 2

    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: --plots: expected matplotlib to be installed")


def test_plots_are_drawn_into_a_folder(
    model: Path, faces: FaceSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data, folder = write_npz(faces, tmp_path / "faces"), tmp_path / "new" / "plots"

    _report(capsys, "--model", str(model), "--data", str(data), "--plots", str(folder))

    names = ["confusion.png", "recall.png", "reliability.png", "selective.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.iterdir())


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
