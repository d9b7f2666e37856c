"""Runs of one architecture on the same faces are averaged weight by weight; others are refused."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from model_training import average, export
from model_training.datasets import read_faces
from model_training.heldback import digest_of
from model_training.metadata import read_metadata
from model_training.networks import CompactNetwork, build_compact_network
from model_training.runs import read_history, read_meta
from tests.model_training.fake_faces import KERAS_AND_NUMPY, shuffled, write_npz

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture
def other_run(compact_run: Path, tmp_path: Path) -> Path:
    """A run as compact_run, with other weights."""
    shutil.copytree(compact_run, tmp_path / "other")
    network = keras.saving.load_model(compact_run / "best.keras")
    network.set_weights([array + 0.5 for array in network.get_weights()])
    network.save(tmp_path / "other" / "best.keras")
    return tmp_path / "other"


def _average(runs: list[Path], out: Path, *options: str) -> int:
    data = runs[0].parent / "faces.npz"
    return average.main(
        ["--runs", *map(str, runs), "--data", str(data), "--out", str(out), *options]
    )


def test_every_weight_is_the_mean_of_the_runs(compact_run: Path, other_run: Path, tmp_path: Path):
    assert _average([compact_run, other_run], tmp_path / "mean") == 0

    found, first = (
        keras.saving.load_model(folder / "best.keras").get_weights()
        for folder in (tmp_path / "mean", compact_run)
    )
    for mean, array in zip(found, first, strict=True):
        assert mean == pytest.approx(array + 0.25, abs=1e-6)


def test_last_epochs_are_averaged_where_they_are_asked_for_and_a_run_may_count_twice(
    compact_run: Path, other_run: Path, tmp_path: Path
):
    shutil.copy(other_run / "best.keras", other_run / "last.keras")
    runs = [compact_run, other_run, other_run]

    assert _average(runs, tmp_path / "mean", "--last") == 0

    found = keras.saving.load_model(tmp_path / "mean" / "best.keras").get_weights()
    first = keras.saving.load_model(compact_run / "last.keras").get_weights()
    shift = keras.saving.load_model(other_run / "last.keras").get_weights()
    for mean, one, other in zip(found, first, shift, strict=True):
        assert mean == pytest.approx((one + 2 * other) / 3, abs=1e-6)


def test_a_run_averaged_with_itself_scores_as_it_did(compact_run: Path, tmp_path: Path):
    _average([compact_run, compact_run], tmp_path / "mean")

    before, after = read_history(compact_run), read_history(tmp_path / "mean")
    assert after["val_loss"][0] == pytest.approx(before["val_loss"][-1], rel=1e-4)
    assert after["val_accuracy"][0] == before["val_accuracy"][-1]
    assert np.isfinite(after["val_macro_f1"][0])


def test_an_average_is_exported_with_the_names_of_its_runs(
    compact_run: Path, other_run: Path, tmp_path: Path
):
    _average([compact_run, other_run], tmp_path / "mean")

    model = str(tmp_path / "mean" / "best.keras")
    assert export.main(["--model", model, "--out", str(tmp_path / "mean.onnx")]) == 0

    assert read_metadata(tmp_path / "mean.onnx")["averaged"] == "run, other"


def test_runs_that_held_back_other_faces_are_refused(
    compact_run: Path, other_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    meta = read_meta(other_run)
    (other_run / "meta.json").write_text(json.dumps({**meta, "seed": 2}))

    assert _average([compact_run, other_run], tmp_path / "mean") == 2

    assert "other: expected a run with the seed of" in capsys.readouterr().err


def test_runs_of_other_seeds_that_held_the_same_faces_back_are_averaged(
    compact_run: Path, other_run: Path, tmp_path: Path
):
    meta = read_meta(other_run)
    meta["validation"]["cut_seed"] = meta["seed"]
    (other_run / "meta.json").write_text(json.dumps({**meta, "seed": 2}))

    assert _average([compact_run, other_run], tmp_path / "mean") == 0


def _tell_digest(folder: Path, digest: str | None) -> None:
    """Write into the meta.json of a run which faces it held back; None as before there was a digest."""
    meta = read_meta(folder)
    del meta["validation"]["digest"]
    if digest is not None:
        meta["validation"]["digest"] = digest
    (folder / "meta.json").write_text(json.dumps(meta))


def test_runs_that_had_the_same_data_in_another_order_are_refused(
    compact_run: Path, other_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    _tell_digest(other_run, "0" * 64)

    assert _average([compact_run, other_run], tmp_path / "mean") == 2

    assert "other: expected a run that held the same faces back" in capsys.readouterr().err


def test_a_run_of_before_digests_is_averaged_with_one_that_has_one(
    compact_run: Path, other_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The one that has it still tells whether the data is theirs."""
    _tell_digest(other_run, None)
    runs = [compact_run, other_run]
    assert _average(runs, tmp_path / "mean") == 0

    faces = read_faces(compact_run.parent / "faces.npz")
    write_npz(shuffled(faces), tmp_path / "faces")
    shutil.copytree(compact_run, tmp_path / "run")

    assert _average([tmp_path / "run", other_run], tmp_path / "again") == 2
    assert "faces.npz: expected the data of the run, got other" in capsys.readouterr().err


def test_runs_with_faces_of_their_own_to_validate_on_may_have_other_seeds(
    compact_run: Path, other_run: Path, tmp_path: Path
):
    faces = read_faces(compact_run.parent / "faces.npz")
    own = {**read_meta(compact_run)["validation"], "source": "faces.npz"}
    own |= {"classes": faces.class_counts(), "digest": digest_of(faces)}
    runs = [tmp_path / "one", other_run]
    shutil.copytree(compact_run, runs[0])
    for seed, folder in enumerate(runs):
        meta = {**read_meta(folder), "validation": own, "seed": seed}
        (folder / "meta.json").write_text(json.dumps(meta))
    shutil.copy(compact_run.parent / "faces.npz", tmp_path / "faces.npz")

    assert _average(runs, tmp_path / "mean") == 0


def test_a_run_is_not_written_over_by_an_average(
    compact_run: Path, other_run: Path, capsys: pytest.CaptureFixture[str]
):
    before = (other_run / "best.keras").read_bytes()

    assert _average([compact_run, other_run], other_run) == 2

    assert "expected a folder without a trained model" in capsys.readouterr().err
    assert (other_run / "best.keras").read_bytes() == before


def test_another_architecture_and_a_missing_file_are_named(
    compact_run: Path, other_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    network = build_compact_network(CompactNetwork(filters=(4, 16), convolutions=(1, 1)))
    network.save(other_run / "best.keras")
    assert _average([compact_run, other_run], tmp_path / "mean") == 2
    assert "best.keras: expected the same architecture" in capsys.readouterr().err

    (other_run / "best.keras").unlink()
    assert _average([compact_run, other_run], tmp_path / "mean") == 2
    assert "best.keras: expected a .keras file" in capsys.readouterr().err
