"""The train command: what a run leaves behind, that it can be repeated, and what it refuses."""

import json
import shutil
from pathlib import Path

import pytest

from model_training import train
from model_training.runs import read_history
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces, write_kaggle, write_npz

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


def _train(data: Path, out: Path, *more: str) -> int:
    options = ["--data", str(data), "--out", str(out), "--epochs", "1", "--batch-size", "16"]
    return train.main([*options, *more])


def test_a_run_leaves_checkpoint_history_curves_and_meta(run_folder: Path):
    names = {path.name for path in run_folder.iterdir()}

    assert {"best.keras", "history.csv", "curves.png", "meta.json"} <= names
    assert (run_folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_history_has_a_line_per_epoch(run_folder: Path):
    history = read_history(run_folder)

    assert history["epoch"] == [0, 1]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} <= history.keys()


def test_meta_tells_recipe_data_and_parts(run_folder: Path):
    meta = json.loads((run_folder / "meta.json").read_text())

    assert (meta["recipe"], meta["seed"]) == ("seed", 1)
    assert meta["settings"]["augmentation"]["rotation_degrees"] == 20
    assert meta["settings"]["schedule"]["batch_size"] == 32
    assert (meta["training"]["n"], meta["validation"]["n"]) == (126, 14)
    assert meta["validation"]["classes"]["sad"] == 2


def test_the_same_seed_gives_the_same_training(tmp_path: Path):
    data = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 10), tmp_path / "faces")

    for name, seed in (("one", "1"), ("again", "1"), ("other", "2")):
        assert _train(data, tmp_path / name, "--seed", seed) == 0

    one, again, other = (read_history(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again != other


def test_validation_may_be_the_other_split_of_the_same_folders(tmp_path: Path):
    folder = write_kaggle(draw_faces([0, 1, 2, 3]), tmp_path / "fer")

    assert _train(folder, tmp_path / "run", "--validation", str(folder)) == 0

    meta = json.loads((tmp_path / "run" / "meta.json").read_text())
    assert (meta["training"]["n"], meta["validation"]["n"]) == (4, 1)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--recipe", "deep"],
            "--recipe: expected one of seed, compact, polish, distil, flat, symmetric, symmetric_polish, "
            "symmetric_distil, transfer, finetune, "
            "got 'deep'",
        ),
        (["--seed", "-1"], "--seed: expected 0 to 4294967295, got -1"),
        (["--cut-seed", "-1"], "--cut-seed: expected 0 to 4294967295, got -1"),
        (["--cut-seed", "1", "--validation", "x.npz"], "--cut-seed: expected no --validation"),
        (["--epochs", "0"], "--epochs: expected 1 or more, got 0"),
        (["--batch-size", "-3"], "--batch-size: expected 1 or more, got -3"),
        ([], "expected enough images to hold a tenth back for validation, got 2"),
        (["--validation", "none.npz"], "none.npz: expected a .npz file, a .csv file or a folder"),
    ],
)
def test_bad_options_end_with_one_line_and_code_2(
    more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_npz(draw_faces([0, 1]), tmp_path / "faces")

    code = _train(data, tmp_path / "run", *more)

    output = capsys.readouterr()
    assert code == 2
    assert message in output.err
    assert output.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_a_trained_model_is_left_alone(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Symptom: a new run there lost the model, and could be resumed from the checkpoint of the one before."""
    shutil.copytree(run_folder, tmp_path / "run")
    data = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 10), tmp_path / "faces")

    assert _train(data, tmp_path / "run") == 2

    assert "expected a folder without a trained model, found best.keras" in capsys.readouterr().err
    for name in ("best.keras", "history.csv", "meta.json"):
        assert (tmp_path / "run" / name).read_bytes() == (run_folder / name).read_bytes()


def test_a_run_that_ended_before_it_had_a_model_begins_anew(tmp_path: Path):
    data = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 10), tmp_path / "faces")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "meta.json").write_text("{}")
    (tmp_path / "run" / "history.csv").write_text("epoch\n")

    assert _train(data, tmp_path / "run") == 0
