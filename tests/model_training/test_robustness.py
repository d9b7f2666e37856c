"""The robustness command: one JSON object, the right figures, and a picture if asked for."""

import json
from pathlib import Path

import pytest

from model_training import robustness
from model_training.trials import TRIALS
from tests.model_training.fake_faces import write_npz
from tests.model_training.lit_model import lit_faces, write_lit_model


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A model that looks at seven pixels in the upper left corner, and faces it reads rightly."""
    folder = tmp_path_factory.mktemp("robustness")
    truth = [3, 4, 5, 6, 3, 4, 5, 6]
    data = write_npz(lit_faces(truth, truth), folder / "faces")
    return ["--model", str(write_lit_model(folder / "lit.onnx")), "--data", str(data)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plots")


def report_of(options: list[str], capsys: pytest.CaptureFixture[str]) -> dict:
    assert robustness.main(options) == 0
    return json.loads(capsys.readouterr().out)


def test_every_trial_has_every_level_in_order(
    options: list[str], capsys: pytest.CaptureFixture[str]
):
    report = report_of(options, capsys)

    assert (report["n"], report["accuracy"]) == (8, 1)
    levels = {name: [one["level"] for one in found] for name, found in report["trials"].items()}
    assert levels == {name: list(trial.levels) for name, trial in TRIALS.items()}


def test_what_moves_the_picture_costs_a_model_that_knows_one_place(
    options: list[str], capsys: pytest.CaptureFixture[str]
):
    trials = report_of(options, capsys)["trials"]

    shifted = {one["level"]: one["accuracy"] for one in trials["shift_right"]}
    assert shifted[0.0] == 1
    assert shifted[0.2] < 1  # the lit pixel has left the picture on the left
    assert trials["low_light"][0]["accuracy"] == 1
    low, high = trials["shift_right"][2]["accuracy_ci95"]
    assert (low, high) == (1, 1)


def test_the_same_model_and_data_give_the_same_figures(
    options: list[str], capsys: pytest.CaptureFixture[str]
):
    assert report_of(options, capsys) == report_of(options, capsys)


def test_the_picture_is_drawn_and_small(
    options: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
):
    report_of([*options, "--plots", str(folder)], capsys)

    content = (folder / "robustness.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 80_000


def test_missing_data_ends_with_one_line_and_code_2(
    options: list[str], capsys: pytest.CaptureFixture[str]
):
    assert robustness.main([*options[:2], "--data", "none.npz"]) == 2

    output = capsys.readouterr()
    assert output.out == ""
    assert "none.npz: expected a .npz file" in output.err
