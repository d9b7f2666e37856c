"""Teachers are asked about each picture as the student sees it, and are told the votes where that is wanted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model_training import export, matching, train, transfer
from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.distortion import distorted_batches
from model_training.faces import FaceSet
from model_training.heldback import read_parts
from model_training.matching import Teachers, read_teachers, taught_batches
from model_training.recipes import RECIPES, AnnealedRecipe
from model_training.runs import read_history, read_meta
from storage.errors import InputError
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces, write_npz
from worker.vision.classifier import Classifier

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture(scope="module")
def school(voted_run: Path) -> Path:
    """A folder with faces.npz, whose annotators name every label rightly, and teacher.onnx, after one epoch on them."""
    folder = voted_run.parent
    model = ["--model", str(voted_run / "best.keras")]
    assert export.main([*model, "--out", str(folder / "teacher.onnx")]) == 0
    return folder


def _compact() -> AnnealedRecipe:
    recipe = RECIPES["compact"]
    assert isinstance(recipe, AnnealedRecipe)
    return recipe


@pytest.mark.parametrize("mixup", [0.0, 1.0])
def test_a_share_of_the_truth_is_what_teachers_say_of_the_picture_that_is_shown(
    mixup: float, school: Path
):
    faces = read_faces(school / "faces.npz")
    model = Classifier(school / "teacher.onnx")
    ranges = replace(_compact().augmentation, mixup=mixup)

    def first_batch(teachers: list[Teachers]) -> list[np.ndarray]:
        batches = distorted_batches(faces, ranges, batch_size=32, seed=1, epoch=0)
        shown = taught_batches(batches, teachers, share=0.25)
        return [np.asarray(part) for part in next(shown)]

    shown, labels, votes = first_batch([])
    taught_shown, taught, taught_votes = first_batch([Teachers([model])])

    assert np.array_equal(taught_shown, shown) and np.array_equal(taught_votes, votes)
    assert taught == pytest.approx(0.75 * labels + 0.25 * model.probabilities(shown), abs=1e-5)


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_several_teachers_say_the_mean_of_their_answers_on_however_many_cores(
    cores: int, school: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    pictures = as_input(draw_faces([0, 1, 2]).images)
    one, other = Classifier(school / "teacher.onnx"), Classifier(exported)

    said = Teachers([one, other]).say(pictures, np.zeros((3, 8), np.float32))

    mean = (one.probabilities(pictures) + other.probabilities(pictures)) / 2
    assert said == pytest.approx(mean, abs=1e-6)


def test_teachers_in_turn_say_one_after_another_what_each_says_alone(school: Path, exported: Path):
    pictures = as_input(draw_faces([0, 1, 2]).images)
    batch = (tf.constant(pictures), tf.zeros((3, 7)), tf.zeros((3, 8)))
    models = [Classifier(path) for path in (school / "teacher.onnx", exported)]
    one, other = (model.probabilities(pictures) for model in models)
    assert np.abs(one - other).max() > 0.01

    shown = taught_batches([batch] * 3, [Teachers([model]) for model in models], share=1.0)

    for (_, truth, _), alone in zip(shown, (one, other, one), strict=True):
        assert np.asarray(truth) == pytest.approx(alone, abs=1e-6)


def test_teachers_that_are_not_asked_in_turn_are_asked_together(school: Path):
    data, paths = school / "faces.npz", [school / "teacher.onnx"] * 2
    _, held_back = read_parts(data, None, fraction=0.1, seed=1)

    assert len(read_teachers(paths, held_back, data=data, votes=False)) == 1
    assert len(read_teachers(paths, held_back, data=data, votes=False, in_turn=True)) == 2


def test_teachers_that_are_told_the_votes_know_what_the_crowd_saw(school: Path):
    data = school / "faces.npz"
    training, held_back = read_parts(data, None, fraction=0.1, seed=1)
    paths = [school / "teacher.onnx"]
    [told] = read_teachers(paths, held_back, data=data, votes=True)
    [untold] = read_teachers(paths, held_back, data=data, votes=False)
    pictures, votes = as_input(training.images), training.votes
    assert votes is not None

    def right(teachers: Teachers) -> float:
        return float((teachers.say(pictures, votes).argmax(axis=1) == training.labels).mean())

    assert right(told) == 1
    assert right(untold) < 0.5


def test_a_run_learns_from_teachers_says_so_and_goes_on_exactly(school: Path, tmp_path: Path):
    data = ["--data", str(school / "faces.npz"), "--recipe", "polish", "--epochs", "2"]
    alone = [*data, "--batch-size", "32"]
    taught = [*alone, "--match", str(school / "teacher.onnx"), "--votes"]

    assert train.main([*taught, "--out", str(tmp_path / "whole")]) == 0
    assert train.main([*taught, "--out", str(tmp_path / "parts"), "--stop-after", "1"]) == 0
    assert train.main([*taught, "--out", str(tmp_path / "parts"), "--resume"]) == 0
    assert train.main([*alone, "--out", str(tmp_path / "alone"), "--stop-after", "1"]) == 0

    meta = read_meta(tmp_path / "whole")
    assert (meta["match"], meta["votes"]) == (["teacher.onnx"], True)
    assert len(meta["fingerprints"]["match 1"]) == 64
    assert "match" not in read_meta(tmp_path / "alone")
    whole, parts, untaught = (
        read_history(tmp_path / name)["loss"] for name in ("whole", "parts", "alone")
    )
    assert whole == parts
    assert whole[0] != untaught[0]


def test_a_transfer_has_the_teachers_in_its_second_stage(
    school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[list[Teachers]] = []
    monkeypatch.setattr(transfer, "train_head", lambda *_, **__: None)
    monkeypatch.setattr(
        transfer, "train_annealed", lambda *_, **given: seen.append(given["teachers"])
    )
    monkeypatch.setattr(train, "read_history", lambda _: {})
    monkeypatch.setattr(train, "plot_history", lambda *_: None)
    options = ["--recipe", "finetune", "--match", str(school / "teacher.onnx")]
    data = ["--data", str(school / "faces.npz")]

    assert train.main([*data, "--out", str(tmp_path / "run"), *options]) == 0

    assert len(seen[0]) == 1 and isinstance(seen[0][0], Teachers)


def test_votes_are_asked_of_the_faces_that_are_learned_from(
    school: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    mute = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 2), tmp_path / "mute")
    parts = ["--data", str(mute), "--validation", str(school / "faces.npz")]
    options = ["--recipe", "polish", "--match", str(school / "teacher.onnx"), "--votes"]

    assert train.main([*parts, "--out", str(tmp_path / "run"), *options]) == 2

    assert "--votes: expected data with the votes of FER+" in capsys.readouterr().err


def test_a_run_is_not_resumed_with_other_teachers(
    school: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["--data", str(school / "faces.npz"), "--out", str(tmp_path / "run"), "--recipe"]
    pair = ["--match", *[str(school / "teacher.onnx")] * 2]
    teachers = [*pair, "--in-turn"]
    short = ["polish", "--epochs", "2", "--batch-size", "32"]
    assert train.main([*command, *short, *teachers, "--stop-after", "1"]) == 0

    def refusal(*options: str) -> str:
        assert train.main([*command, *short, *options, "--resume"]) == 2
        return capsys.readouterr().err

    assert "to have the match None, it has ['teacher.onnx', 'teacher.onnx']" in refusal()
    assert "to have the votes True, it has False" in refusal(*teachers, "--votes")
    assert "to have the in_turn None, it has True" in refusal(*pair)


def test_a_teacher_that_learned_from_faces_held_back_is_refused(
    school: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    options = ["--recipe", "polish", "--match", str(school / "teacher.onnx"), "--seed", "2"]

    code = train.main(
        ["--data", str(school / "faces.npz"), "--out", str(tmp_path / "run"), *options]
    )

    assert code == 2
    assert "expected models whose runs held the same faces back" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_teacher_may_have_held_more_back(school: Path):
    data = school / "faces.npz"
    _, fewer = read_parts(data, None, fraction=0.05, seed=1)

    [teachers] = read_teachers([school / "teacher.onnx"], fewer, data=data, votes=False)

    assert len(teachers.say(as_input(fewer.images), np.zeros((7, 8), np.float32))) == 7


def test_what_votes_add_is_fitted_on_all_that_the_teachers_held_back(
    school: Path, monkeypatch: pytest.MonkeyPatch
):
    data = school / "faces.npz"
    _, theirs = read_parts(data, None, fraction=0.1, seed=1)
    _, fewer = read_parts(data, None, fraction=0.05, seed=1)
    fitted_on: list[FaceSet] = []
    monkeypatch.setattr(matching, "fit_posterior", lambda _, faces: fitted_on.append(faces))

    read_teachers([school / "teacher.onnx"], fewer, data=data, votes=True)

    assert len(fitted_on[0]) == len(theirs) > len(fewer)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--match", "t.onnx", "--teacher", "t.npz"], "--match: expected no --teacher beside it"),
        (["--votes"], "--votes: expected --match beside it"),
        (["--match", "t.onnx", "--in-turn"], "--in-turn: expected --match beside it, with several"),
        (["--match", "missing.onnx"], "missing.onnx"),
    ],
)
def test_what_no_teacher_can_do_is_refused_in_one_line(
    options: list[str], message: str, school: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    data = ["--data", str(school / "faces.npz"), "--out", str(tmp_path / "run")]

    assert train.main([*data, "--recipe", "polish", *options]) == 2

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_votes_are_asked_of_faces_that_have_them(exported: Path):
    with pytest.raises(InputError, match="expected data with the votes of FER"):
        Teachers([Classifier(exported)], draw_faces([0, 1, 2]))
