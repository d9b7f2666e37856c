"""Logit adjustment: what it does to answers, the table it is chosen by, and its way into the graph."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from model_training import adjustment, export
from model_training.adjustment import adjust, class_shares
from model_training.calibration import apply_calibration, stated_calibration
from model_training.contract import as_input
from model_training.folding import fold_adjustment
from model_training.metadata import read_metadata
from model_training.networks import CompactNetwork, build_compact_network
from storage.labels import EXPRESSIONS
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces
from tests.model_training.lit_model import write_lit_model
from worker.vision.classifier import Classifier

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

SHARES = class_shares(dict(zip(EXPRESSIONS, [10, 1, 20, 30, 20, 15, 4], strict=True)))


@pytest.fixture(scope="module")
def adjusted(compact_run: Path) -> Path:
    """The compact run with all of the prior taken back, calibrated."""
    out = compact_run.parent / "adjusted.onnx"
    options = ["--model", str(compact_run / "best.keras"), "--out", str(out)]
    data = ["--calibrate", str(compact_run.parent / "faces.npz")]
    assert export.main([*options, *data, "--logit-adjustment", "0.5"]) == 0
    return out


def test_a_tau_of_zero_changes_nothing():
    probabilities = np.array([[0.1, 0.05, 0.2, 0.3, 0.15, 0.1, 0.1]])

    assert adjust(probabilities, SHARES, tau=0) == pytest.approx(probabilities)


def test_a_tau_of_one_makes_up_for_the_shares():
    assert adjust(SHARES[None], SHARES, tau=1) == pytest.approx(np.full((1, 7), 1 / 7))


def test_a_class_without_a_face_counts_as_if_it_had_one():
    counts = dict.fromkeys(EXPRESSIONS, 3) | {"fear": 0}

    assert class_shares(counts)[EXPRESSIONS.index("fear")] == pytest.approx(1 / 19)


def test_what_is_folded_is_what_adjusting_the_answers_gives():
    network = build_compact_network(CompactNetwork(filters=(4,), convolutions=(1,)))
    faces = as_input(draw_faces([0, 1, 2]).images)
    expected = adjust(np.asarray(network(faces, training=False)), SHARES, tau=0.4)

    fold_adjustment(network, SHARES, tau=0.4)

    assert np.asarray(network(faces, training=False)) == pytest.approx(expected, abs=1e-5)


def test_the_export_is_adjusted_before_its_calibration(compact_run: Path, adjusted: Path):
    faces = as_input(draw_faces([0, 1, 2, 3, 4, 5, 6], seed=3).images)
    network = keras.saving.load_model(compact_run / "best.keras")
    metadata = read_metadata(adjusted)
    shares = class_shares(json.loads(metadata["data"])["training"]["classes"])

    raw = adjust(np.asarray(network(faces, training=False)), shares, tau=0.5)

    calibration = stated_calibration(metadata)
    assert calibration is not None
    expected = apply_calibration(raw, calibration)
    assert Classifier(adjusted).probabilities(faces) == pytest.approx(expected, abs=1e-4)
    assert metadata["logit_adjustment"] == "0.5"


def test_the_table_has_a_row_for_every_tau(
    compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model, data = compact_run.parent / "plain.onnx", compact_run.parent / "faces.npz"
    options = ["--model", str(compact_run / "best.keras"), "--out", str(model)]
    assert export.main([*options, "--calibrate", str(data)]) == 0
    capsys.readouterr()
    out = tmp_path / "adjustment.json"

    options = ["--model", str(model), "--data", str(data), "--out", str(out)]
    assert adjustment.main(options) == 0

    written, lines = json.loads(out.read_text()), capsys.readouterr().out.splitlines()
    assert [row["tau"] for row in written["rows"]] == list(adjustment.TAUS)
    assert written["n"] == 7
    assert [float(line.split()[0]) for line in lines[1:]] == list(adjustment.TAUS)


def test_rare_expressions_are_found_more_often_as_tau_grows():
    rng = np.random.default_rng(1)
    labels = rng.choice(7, 700, p=SHARES)
    raw = np.exp(rng.normal(size=(700, 7)) + 1.5 * np.eye(7)[labels]) * SHARES
    faces = draw_faces(labels.tolist())

    rows = [
        adjustment.score_adjusted(faces, raw / raw.sum(axis=1, keepdims=True), SHARES, tau=tau)
        for tau in (0, 0.5, 1)
    ]

    balanced, disgust = (
        [row[name] or 0.0 for row in rows] for name in ("balanced_accuracy", "disgust_recall")
    )
    assert balanced == sorted(balanced)
    assert disgust[-1] > disgust[0]


def test_an_adjusted_model_is_not_adjusted_twice(
    adjusted: Path, capsys: pytest.CaptureFixture[str]
):
    options = ["--model", str(adjusted), "--data", str(adjusted.with_name("faces.npz"))]

    assert adjustment.main(options) == 2

    assert "without logit adjustment, this one has tau 0.5" in capsys.readouterr().err


def test_a_model_without_a_run_has_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model = write_lit_model(tmp_path / "lit.onnx")

    assert adjustment.main(["--model", str(model), "--data", str(tmp_path)]) == 2

    assert "which faces its run held back" in capsys.readouterr().err
