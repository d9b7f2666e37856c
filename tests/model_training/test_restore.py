"""An exported model becomes a run again, from which training goes on."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from model_training import export, quantize, restore, teach, train
from model_training.calibration import Calibration
from model_training.contract import as_input, contract_metadata
from model_training.properties import set_metadata
from model_training.runs import read_meta, write_meta
from storage.errors import InputError
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)


@pytest.fixture(scope="module")
def exported(compact_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of the compact run, with a temperature, a noise floor and a logit adjustment inside.

    Its run is said to have had a single face of disgust, else all expressions were adjusted alike.
    """
    run = shutil.copytree(compact_run, tmp_path_factory.mktemp("exported") / "run")
    meta = read_meta(run)
    meta["training"]["classes"]["disgust"] = 1
    write_meta(run, meta)
    options = ["--calibrate", str(_data(compact_run)), "--logit-adjustment", "0.3"]
    out = run.parent / "model.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "fit_calibration", lambda *_: Calibration(0.5, 0.1))
        assert export.main(["--model", str(run / "best.keras"), "--out", str(out), *options]) == 0
    return out


def _data(run: Path) -> Path:
    return run.parent / "faces.npz"


def _restore(model: Path, data: Path, out: Path) -> int:
    return restore.main(["--model", str(model), "--data", str(data), "--out", str(out)])


def _answers(model: Path) -> np.ndarray:
    network = keras.saving.load_model(model, compile=False)
    faces = as_input(draw_faces([0, 1, 2, 3, 4, 5, 6] * 3, seed=5).images)
    return np.asarray(network(faces, training=False))


@pytest.fixture(scope="module")
def restored(exported: Path, compact_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run that was made of the file."""
    out = tmp_path_factory.mktemp("restored") / "run"
    assert _restore(exported, _data(compact_run), out) == 0
    return out


def test_it_answers_as_the_run_did_before_calibration_and_adjustment(
    restored: Path, compact_run: Path
):
    answers = _answers(restored / "last.keras")

    assert answers == pytest.approx(_answers(compact_run / "best.keras"), abs=1e-4)


def test_its_normalisation_has_statistics_of_faces(restored: Path, compact_run: Path):
    first, original = (
        next(each for each in keras.saving.load_model(path).layers if "batch_norm" in each.name)
        for path in (restored / "last.keras", compact_run / "best.keras")
    )

    _, _, mean, variance = first.get_weights()

    assert np.abs(mean).max() > 0
    assert variance.std() > 0
    assert len(variance) == len(original.get_weights()[3])


def test_it_says_which_run_it_was_and_what_it_came_from(restored: Path, compact_run: Path):
    meta, original = read_meta(restored), read_meta(compact_run)
    original["training"]["classes"]["disgust"] = 1

    assert meta["start_from"] == "model.onnx"
    for name in ("recipe", "settings", "seed", "training", "validation", "libraries"):
        assert meta[name] == original[name]


def test_training_goes_on_from_it(restored: Path, compact_run: Path, tmp_path: Path):
    options = ["--recipe", "polish", "--epochs", "1", "--batch-size", "32"]
    began = ["--start-from", str(restored / "last.keras"), "--out", str(tmp_path / "on")]

    assert train.main(["--data", str(_data(compact_run)), *options, *began]) == 0

    assert read_meta(tmp_path / "on")["start_from"] == "last.keras"


def test_faces_it_was_measured_on_are_held_back_again(
    restored: Path, compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    options = ["--recipe", "polish", "--epochs", "1", "--seed", "2"]
    began = ["--start-from", str(restored / "last.keras"), "--out", str(tmp_path / "on")]

    assert train.main(["--data", str(_data(compact_run)), *options, *began]) == 2

    assert "--seed: expected 1, as in the run that --start-from" in capsys.readouterr().err


def test_it_learned_from_what_the_seed_of_the_cut_left(compact_run: Path):
    """Another seed leaves as many faces of each expression, so counting them would not tell."""
    meta, data = read_meta(compact_run), compact_run.parent / "faces.npz"
    other_seed = {**meta, "seed": 2, "validation": {**meta["validation"], "cut_seed": 1}}

    left = restore.training_part(data, other_seed)

    assert np.array_equal(left.images, restore.training_part(data, meta).images)
    with pytest.raises(InputError, match="got other faces than it held back"):
        restore.training_part(data, {**meta, "seed": 2})


def test_it_can_teach(restored: Path, compact_run: Path, tmp_path: Path):
    options = ["--models", str(restored / "last.keras"), "--data", str(_data(compact_run))]

    assert teach.main([*options, "--out", str(tmp_path / "taught.npz")]) == 0


def test_a_model_in_eight_bits_comes_back_as_it_was_rounded(
    exported: Path, compact_run: Path, tmp_path: Path
):
    small = tmp_path / "int8.onnx"
    options = ["--model", str(exported), "--data", str(_data(compact_run)), "--out", str(small)]
    assert quantize.main(options) == 0

    assert _restore(small, _data(compact_run), tmp_path / "run") == 0

    answers, original = (
        _answers(tmp_path / "run" / "last.keras"),
        _answers(compact_run / "best.keras"),
    )
    assert answers == pytest.approx(original, abs=0.05)
    assert np.abs(answers - original).max() > 1e-4


def test_weights_with_one_scale_for_the_whole_kernel_are_read():
    kernel = np.arange(-4, 5, dtype=np.int8).reshape(1, 1, 3, 3)
    file = _convolution_of(kernel, scale=np.float32(0.5), zero=np.int8(1))

    [(weights, bias)] = restore.read_weights(file)

    assert weights.tolist() == ((kernel - 1) * 0.5).tolist()
    assert bias.tolist() == [2.0]


def _convolution_of(kernel: np.ndarray, *, scale: np.float32, zero: np.int8) -> onnx.ModelProto:
    """A graph of one convolution with a bias of 2, whose kernel has one scale and one zero point."""
    numbers = {"kernel": kernel, "scale": np.asarray(scale), "zero": np.asarray(zero)}
    values = [numpy_helper.from_array(array, name) for name, array in numbers.items()]
    values.append(numpy_helper.from_array(np.array([2], dtype=np.float32), "bias"))
    nodes = [
        helper.make_node("DequantizeLinear", ["kernel", "scale", "zero"], ["weights"]),
        helper.make_node("Conv", ["faces", "weights", "bias"], ["out"]),
    ]
    ends = [helper.make_tensor_value_info(name, 1, [1, 1, 9, 9]) for name in ("faces", "out")]
    return helper.make_model(helper.make_graph(nodes, "one", ends[:1], ends[1:], values))


def test_a_model_that_tells_nothing_of_its_run_is_refused(
    exported: Path, compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model = onnx.load(exported)
    del model.metadata_props[:]
    set_metadata(model, contract_metadata())
    onnx.save(model, tmp_path / "bare.onnx")

    assert _restore(tmp_path / "bare.onnx", _data(compact_run), tmp_path / "run") == 2

    assert "whose metadata tells its run, got: 'data'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_another_network_is_refused(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    seed = tmp_path / "seed.onnx"
    assert export.main(["--model", str(run_folder / "best.keras"), "--out", str(seed)]) == 0

    assert _restore(seed, run_folder.parent / "faces.npz", tmp_path / "run") == 2

    assert (
        "expected the network of compact, polish, distil, flat, symmetric, symmetric_polish, symmetric_distil, got another"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_there_is_left_alone(
    exported: Path, restored: Path, compact_run: Path, capsys: pytest.CaptureFixture[str]
):
    before = json.dumps(read_meta(restored))

    assert _restore(exported, _data(compact_run), restored) == 2

    assert "expected a folder without a trained model" in capsys.readouterr().err
    assert json.dumps(read_meta(restored)) == before
