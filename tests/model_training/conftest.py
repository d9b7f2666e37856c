"""One short training run on fake faces, shared by all tests that need a trained model."""

from pathlib import Path

import pytest

from model_training import export, train
from tests.model_training.fake_faces import draw_faces, write_npz, write_voted


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two epochs on 140 fake faces."""
    folder = tmp_path_factory.mktemp("runs")
    data = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 20), folder / "faces")
    code = train.main(
        ["--data", str(data), "--out", str(folder / "run"), "--epochs", "2", "--batch-size", "32"]
    )
    assert code == 0
    return folder / "run"


@pytest.fixture(scope="session")
def exported(run_folder: Path) -> Path:
    """The ONNX file of that run, scored on 14 other fake faces."""
    out = run_folder / "exported" / "model.onnx"
    test = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 2, seed=7), run_folder / "test")
    model = run_folder / "best.keras"
    assert export.main(["--model", str(model), "--out", str(out), "--test", str(test)]) == 0
    return out


@pytest.fixture(scope="session")
def compact_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one epoch of the compact recipe on 70 fake faces, which stand beside it."""
    folder = tmp_path_factory.mktemp("compact")
    return _train_compact(write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 10), folder / "faces"))


@pytest.fixture(scope="session")
def voted_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on 140 faces with votes; annotators name every label rightly."""
    folder = tmp_path_factory.mktemp("voted")
    return _train_compact(write_voted(draw_faces([0, 1, 2, 3, 4, 5, 6] * 20), folder / "faces.npz"))


def _train_compact(data: Path) -> Path:
    out = data.parent / "run"
    options = ["--recipe", "compact", "--epochs", "1", "--batch-size", "32"]
    assert train.main(["--data", str(data), "--out", str(out), *options]) == 0
    return out
