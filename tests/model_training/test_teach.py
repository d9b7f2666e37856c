"""Teachers' answers are cached in a file and found again by the pixels of a face."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from model_training import teach
from model_training.calibration import apply_temperature
from model_training.datasets import read_faces
from model_training.faces import FaceSet
from model_training.runs import read_history
from model_training.teach import Answers, ask, with_teacher
from storage.errors import InputError
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces, write_npz

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture(scope="module")
def taught(compact_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[FaceSet, Path]:
    """Faces, and the file of what one network (given twice) says of them."""
    folder = tmp_path_factory.mktemp("taught")
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 2)
    model = str(compact_run / "best.keras")
    arguments = ["--data", str(write_npz(faces, folder / "faces")), "--out", str(folder / "t.npz")]
    assert teach.main(["--models", model, model, *arguments]) == 0
    return faces, folder / "t.npz"


def test_what_is_cached_is_what_the_network_says(taught: tuple[FaceSet, Path], compact_run: Path):
    faces, path = taught

    found = with_teacher(faces, path).taught

    said = ask(keras.saving.load_model(compact_run / "best.keras"), faces.images)
    assert found == pytest.approx(said, abs=5e-4)  # half precision


def test_a_face_and_its_mirror_image_are_answered_alike(compact_run: Path):
    network = keras.saving.load_model(compact_run / "best.keras")
    images = np.random.default_rng(1).integers(0, 255, (3, 48, 48), dtype=np.uint8)

    assert ask(network, images) == pytest.approx(ask(network, images[:, :, ::-1]), abs=1e-6)


def test_answers_follow_their_faces_into_another_order(taught: tuple[FaceSet, Path]):
    faces, path = taught
    some = np.array([5, 0, 3])

    found = with_teacher(faces.take(some), path).taught

    every = with_teacher(faces, path).taught
    assert every is not None
    assert np.array_equal(found, every[some])


def test_teachers_of_an_earlier_file_count_as_much_as_new_ones(
    taught: tuple[FaceSet, Path], compact_run: Path, tmp_path: Path
):
    faces, _ = taught
    said = np.zeros((len(faces), 7), np.float16)
    said[:, 3] = 1
    earlier = tmp_path / "earlier.npz"
    teach.write_answers(earlier, Answers(teach.digests(faces.images), said, teachers=2))
    arguments = ["--data", str(write_npz(faces, tmp_path / "faces")), "--answers", str(earlier)]
    model = compact_run / "best.keras"

    assert teach.main(["--models", str(model), *arguments, "--out", str(tmp_path / "t.npz")]) == 0

    alone = ask(keras.saving.load_model(model), faces.images)
    expected = (2 * said.astype(np.float32) + alone) / 3
    assert with_teacher(faces, tmp_path / "t.npz").taught == pytest.approx(expected, abs=5e-4)
    assert teach.read_answers(tmp_path / "t.npz").teachers == 3


def test_a_teacher_that_is_told_the_votes_knows_more_of_the_labels(voted_run: Path, tmp_path: Path):
    data, model = voted_run.parent / "faces.npz", voted_run / "best.keras"
    arguments = ["--models", str(model), "--data", str(data), "--votes"]

    assert teach.main([*arguments, "--out", str(tmp_path / "t.npz")]) == 0

    faces = read_faces(data, split="training")
    told = with_teacher(faces, tmp_path / "t.npz").taught
    assert told is not None
    assert (told.argmax(axis=1) == faces.labels).all()
    untold = ask(keras.saving.load_model(model), faces.images)  # after a single epoch
    assert (untold.argmax(axis=1) == faces.labels).mean() < 0.5


def test_what_the_teachers_are_worth_on_faces_they_never_learned_from_is_told(
    voted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data, model = voted_run.parent / "faces.npz", voted_run / "best.keras"
    arguments = ["--models", str(model), "--data", str(data), "--votes"]

    assert teach.main([*arguments, "--out", str(tmp_path / "t.npz")]) == 0

    accuracy = read_history(voted_run)["val_accuracy"][
        -1
    ]  # of an untrained network's one answer for all
    assert f"without votes: {accuracy:.4f} of the 14 faces held back" in capsys.readouterr().out


def test_a_teacher_that_learned_from_faces_another_held_back_is_not_asked_with_it(
    voted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Symptom: it knew their labels, and was said to be worth more than it is."""
    model = voted_run / "best.keras"
    (tmp_path / "other").mkdir()
    other = shutil.copy(model, tmp_path / "other")
    meta = json.loads((voted_run / "meta.json").read_text())
    meta["validation"]["cut_seed"] = 5  # other faces, as many of each expression
    del meta["validation"]["digest"]
    (tmp_path / "other" / "meta.json").write_text(json.dumps(meta))
    arguments = ["--data", str(voted_run.parent / "faces.npz"), "--votes"]

    arguments += ["--out", str(tmp_path / "t.npz"), "--models", str(model), str(other)]
    assert teach.main(arguments) == 2

    assert (
        f"--votes {other}: expected runs that held the same faces back" in capsys.readouterr().err
    )


def test_a_surer_teacher_that_is_right_is_worth_more():
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 4)
    sure = np.full((28, 7), 0.01)
    sure[np.arange(28), faces.labels] = 0.94
    sure[0] = sure[1]  # one is wrong

    assert teach.worth(faces, sure).startswith("without votes: 0.9643 of the 28 faces held back")
    assert teach.worth(faces, np.full((28, 7), 1 / 7)).endswith(f"{np.log(7):.4f}")
    assert float(teach.worth(faces, sure).split()[-1]) < 0.5
    assert teach.worth(faces, apply_temperature(sure, 3.0)) == teach.worth(faces, sure)


def test_votes_are_asked_of_data_that_has_them(
    compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data, model = compact_run.parent / "faces.npz", compact_run / "best.keras"
    arguments = ["--models", str(model), "--data", str(data), "--votes"]

    assert teach.main([*arguments, "--out", str(tmp_path / "t.npz")]) == 2

    assert "--votes: expected data with the votes of FER+" in capsys.readouterr().err
    assert not (tmp_path / "t.npz").exists()


def test_no_face_can_be_seen_in_the_file(taught: tuple[FaceSet, Path]):
    faces, path = taught

    with np.load(path) as arrays:
        sizes = {name: arrays[name].nbytes for name in arrays.files}

    assert sizes == {"digests": 8 * len(faces), "probabilities": 14 * len(faces), "teachers": 8}


def test_a_face_the_teachers_never_saw_is_refused(taught: tuple[FaceSet, Path]):
    _, path = taught

    with pytest.raises(InputError, match="an answer for each of 7 faces, 7 are missing"):
        with_teacher(draw_faces([0, 1, 2, 3, 4, 5, 6], seed=77), path)


def test_something_else_than_a_file_of_answers_is_refused(tmp_path: Path):
    (tmp_path / "t.npz").write_bytes(b"no")

    with pytest.raises(InputError, match="expected the npz file of"):
        with_teacher(draw_faces([0]), tmp_path / "t.npz")


def test_answers_of_another_number_of_expressions_are_refused(tmp_path: Path):
    faces = draw_faces([0, 1])
    six = Answers(teach.digests(faces.images), np.ones((2, 6), np.float16), teachers=1)
    teach.write_answers(tmp_path / "t.npz", six)

    with pytest.raises(InputError, match=r"expected probabilities of \(2, 7\), got \(2, 6\)"):
        with_teacher(faces, tmp_path / "t.npz")


@pytest.mark.parametrize(
    ("teacher", "out", "message"),
    [
        (b"no network", "t.npz", "junk.keras: expected a .keras file, got"),
        (b"no network", "t", "t: expected a file that ends in .npz"),
    ],
)
def test_what_cannot_teach_or_be_written_is_refused_before_the_work(
    teacher: bytes, out: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_npz(draw_faces([0, 1]), tmp_path / "faces")
    (tmp_path / "junk.keras").write_bytes(teacher)
    arguments = ["--data", str(data), "--out", str(tmp_path / "new" / out)]

    assert teach.main(["--models", str(tmp_path / "junk.keras"), *arguments]) == 2

    assert message in capsys.readouterr().err


def test_a_missing_teacher_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write_npz(draw_faces([0, 1]), tmp_path / "faces")
    arguments = ["--data", str(data), "--out", str(tmp_path / "t.npz")]

    assert teach.main(["--models", str(tmp_path / "none.keras"), *arguments]) == 2

    assert "none.keras: expected a .keras file" in capsys.readouterr().err
