"""Annealed training: goes on exactly where it was left, averages its weights, learns from votes."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from model_training import train
from model_training.annealing import Learner, train_annealed
from model_training.checkpoints import CHECKPOINT, POSITION
from model_training.datasets import read_faces
from model_training.distortion import distorted_batches
from model_training.faces import FaceSet, find_copies
from model_training.heldback import held_back_part
from model_training.losses import label_loss, vote_loss
from model_training.networks import CompactNetwork, build_compact_network
from model_training.pace import Clock, Pace
from model_training.recipes import RECIPES, AnnealedRecipe, Annealing
from model_training.runs import LAST_MODEL, as_metadata, epoch_of, read_history, read_meta
from storage.errors import InputError
from storage.labels import EXPRESSIONS
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces, shuffled, write_npz

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

TINY = AnnealedRecipe(
    name="tiny",
    build=lambda: build_compact_network(CompactNetwork(filters=(4, 8), convolutions=(1, 1))),
    schedule=Annealing(epochs=2, batch_size=16),
)


def _voted_faces() -> FaceSet:
    """Return 56 fake faces whose crowd voted, for all but the first, for the labels."""
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 8)
    votes = np.eye(8, dtype=np.float32)[faces.labels]
    votes[0] = 0
    return replace(faces, votes=votes)


def _train(out: Path, recipe: AnnealedRecipe = TINY, *, seed: int = 1, **options) -> keras.Model:
    out.mkdir(exist_ok=True)
    test = draw_faces([0, 1, 2, 3, 4, 5, 6], seed=5)
    return train_annealed(recipe, _voted_faces(), test, out=out, seed=seed, **options)


def _numbers(folder: Path) -> dict[str, npt.NDArray]:
    """Return all that a checkpoint holds but the time, which is never the same twice."""
    with np.load(folder / CHECKPOINT) as arrays:
        numbers = {name: arrays[name] for name in arrays.files}
    position = json.loads(str(numbers.pop(POSITION)))
    return numbers | {"step": position["step"], "best": position["best_loss"]}


def _scores(folder: Path) -> dict[str, list[float]]:
    """Return the history without its times."""
    history = read_history(folder)
    del history["seconds"]
    return history


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that went through its two epochs at once."""
    folder = tmp_path_factory.mktemp("annealed") / "whole"
    _train(folder)
    return folder


def test_one_epoch_and_one_resumed_are_two_epochs_bit_by_bit(whole: Path, tmp_path: Path):
    _train(tmp_path / "parts", stop_after=1)
    assert len(_scores(tmp_path / "parts")["epoch"]) == 1

    _train(tmp_path / "parts", resume=True)

    expected, found = _numbers(whole), _numbers(tmp_path / "parts")
    assert expected.keys() == found.keys()
    assert [name for name in expected if not np.array_equal(expected[name], found[name])] == []
    assert _scores(tmp_path / "parts") == _scores(whole)


@pytest.mark.parametrize("stop_after", [1, 2])
def test_a_run_that_has_its_epochs_already_is_left_at_once(
    stop_after: int, whole: Path, tmp_path: Path
):
    """Symptom: asked to leave after fewer epochs than were done, it went on to the end of its schedule."""
    shutil.copytree(whole, tmp_path / "run")
    schedule = replace(TINY.schedule, epochs=3)

    _train(tmp_path / "run", replace(TINY, schedule=schedule), resume=True, stop_after=stop_after)

    assert len(read_history(tmp_path / "run")["loss"]) == 2


def test_a_step_of_one_face_may_look_at_the_loss_elsewhere(tmp_path: Path):
    """Symptom: half a batch of one face is none, and TensorFlow gave up."""
    schedule = replace(TINY.schedule, batch_size=1, sharpness_radius=0.05, epochs=1)

    _train(tmp_path / "run", replace(TINY, schedule=schedule))

    assert np.isfinite(read_history(tmp_path / "run")["loss"]).all()


def test_an_epoch_that_was_cut_short_leaves_no_line_behind(whole: Path, tmp_path: Path):
    """History was written, the checkpoint was not: power went in between."""
    shutil.copytree(whole, tmp_path / "run")
    with (tmp_path / "run" / "history.csv").open("a") as history:
        history.write("2,0,0,0,0,0,0,0\n")

    _train(tmp_path / "run", resume=True)

    assert _scores(tmp_path / "run") == _scores(whole)


def test_a_trained_network_is_saved_in_layers_of_keras_alone(whole: Path):
    saved = keras.saving.load_model(whole / LAST_MODEL)

    assert {type(layer).__module__.split(".")[0] for layer in saved.layers} == {"keras"}


def test_another_seed_gives_another_training(whole: Path, tmp_path: Path):
    _train(tmp_path / "other", seed=2, stop_after=1)

    assert _scores(tmp_path / "other")["loss"][0] != _scores(whole)["loss"][0]


def test_the_best_model_is_the_averaged_one_in_float32(tmp_path: Path):
    averaged = _train(tmp_path / "run", stop_after=1)

    kept = keras.saving.load_model(tmp_path / "run" / "best.keras")

    assert {layer.compute_dtype for layer in kept.layers} == {"float32"}
    for expected, found in zip(averaged.get_weights(), kept.get_weights(), strict=True):
        assert np.array_equal(expected, found)


def test_the_last_model_is_the_averaged_one_of_the_last_epoch(whole: Path, tmp_path: Path):
    averaged = _train(tmp_path / "run")

    kept = keras.saving.load_model(tmp_path / "run" / "last.keras")

    for expected, found in zip(averaged.get_weights(), kept.get_weights(), strict=True):
        assert np.array_equal(expected, found)
    scores = read_history(whole)
    assert epoch_of(whole / "last.keras", scores) == len(scores["val_loss"]) - 1
    assert epoch_of(whole / "best.keras", scores) == int(np.argmin(scores["val_loss"]))


def test_a_warm_restart_begins_with_the_weights_of_an_earlier_run(whole: Path, tmp_path: Path):
    """At a rate of nearly nothing the network stays what it was."""
    still = replace(TINY, schedule=replace(TINY.schedule, learning_rate=1e-9))

    restarted = _train(tmp_path / "run", still, start_from=whole / "best.keras", stop_after=1)

    faces = draw_faces([0, 1, 2, 3]).images[..., None].astype(np.float32)
    before = keras.saving.load_model(whole / "best.keras")
    kernels = [
        (a, b)
        for layer, twin in zip(before.layers, restarted.layers, strict=True)
        for a, b in zip(layer.trainable_weights, twin.trainable_weights, strict=True)
    ]
    assert kernels and before(faces).shape == (4, 7)
    for expected, found in kernels:
        assert np.asarray(found) == pytest.approx(np.asarray(expected), abs=1e-5)


def test_weights_of_another_network_are_refused(compact_run: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"expected a \.keras file of this recipe's network"):
        _train(tmp_path / "run", start_from=compact_run / "best.keras")


@pytest.mark.parametrize(
    ("seed", "faces", "message"),
    [
        ("2", 10, "--seed: expected 1, as in the run that --start-from"),
        ("1", 30, "expected weights of a run that held the same faces back"),
    ],
)
def test_weights_trained_on_faces_that_are_held_back_now_are_refused(
    seed: str, faces: int, message: str, compact_run: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    """Another seed holds other faces back: with the weights of a run on them accuracy would look six points better."""
    data = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * faces), tmp_path / "faces")
    options = ["--recipe", "compact", "--start-from", str(compact_run / "best.keras")]

    code = train.main(
        ["--data", str(data), "--out", str(tmp_path / "run"), *options, "--seed", seed]
    )

    assert code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_with_faces_of_their_own_to_validate_on_the_seed_may_be_another(tmp_path: Path):
    data = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 10), tmp_path / "faces")
    other = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6], seed=7), tmp_path / "other")
    options = [
        "--recipe",
        "compact",
        "--epochs",
        "1",
        "--data",
        str(data),
        "--validation",
        str(other),
    ]
    first, second = tmp_path / "first", tmp_path / "second"

    assert train.main([*options, "--out", str(first)]) == 0

    start = ["--start-from", str(first / "best.keras"), "--seed", "2"]
    assert train.main([*options, "--out", str(second), *start]) == 0


def test_another_seed_may_hold_the_same_faces_back(compact_run: Path, tmp_path: Path):
    data = str(compact_run.parent / "faces.npz")
    options = ["--recipe", "compact", "--epochs", "1", "--batch-size", "32", "--data", data]
    start = ["--start-from", str(compact_run / "best.keras")]

    code = train.main(
        [*options, "--out", str(tmp_path / "other"), *start, "--seed", "2", "--cut-seed", "1"]
    )

    assert code == 0
    meta = read_meta(tmp_path / "other")
    assert (meta["seed"], meta["validation"]["cut_seed"]) == (2, 1)
    again = held_back_part(Path(data), as_metadata(meta))
    first = held_back_part(Path(data), as_metadata(read_meta(compact_run)))
    assert np.array_equal(again.images, first.images)


@pytest.fixture(scope="module")
def half_run(compact_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on the same faces that holds half of them back."""
    out = tmp_path_factory.mktemp("half") / "run"
    data = str(compact_run.parent / "faces.npz")
    options = ["--recipe", "compact", "--epochs", "1", "--batch-size", "32", "--hold-back", "0.5"]
    assert train.main(["--data", data, "--out", str(out), *options]) == 0
    return out


def test_another_share_may_be_held_back_and_is_found_again(half_run: Path, compact_run: Path):
    data = compact_run.parent / "faces.npz"

    part = held_back_part(data, as_metadata(read_meta(half_run)))

    assert part.class_counts() == dict.fromkeys(EXPRESSIONS, 5)  # of ten each
    tenth = held_back_part(data, as_metadata(read_meta(compact_run)))
    assert find_copies(tenth, of=part).all()


def test_a_last_run_may_learn_from_most_of_what_the_first_held_back(
    half_run: Path, compact_run: Path, tmp_path: Path
):
    data = ["--data", str(compact_run.parent / "faces.npz"), "--out", str(tmp_path / "last")]
    options = ["--recipe", "polish", "--epochs", "1", "--batch-size", "32", "--hold-back", "0.1"]

    assert train.main([*data, *options, "--start-from", str(half_run / "best.keras")]) == 0

    assert read_meta(tmp_path / "last")["validation"]["n"] == 7


def test_weights_that_learned_from_some_of_what_is_held_back_are_refused(
    compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = ["--data", str(compact_run.parent / "faces.npz"), "--out", str(tmp_path / "last")]
    start = ["--start-from", str(compact_run / "best.keras"), "--hold-back", "0.5"]

    assert train.main([*data, "--recipe", "polish", *start]) == 2

    assert "expected weights of a run that held the same faces back, or more" in (
        capsys.readouterr().err
    )


def test_fewer_faces_held_back_of_other_data_are_not_those_held_back_before(
    half_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    other = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 14), tmp_path / "faces")
    start = ["--start-from", str(half_run / "best.keras"), "--recipe", "polish"]

    assert train.main(["--data", str(other), "--out", str(tmp_path / "last"), *start]) == 2

    assert "expected weights of a run that held the same faces back, or more" in (
        capsys.readouterr().err
    )


@pytest.fixture
def reordered(compact_run: Path, tmp_path: Path) -> str:
    """A file of the compact run's faces under their old name, in another order: others are cut off, as many of each kind."""
    faces = read_faces(compact_run.parent / "faces.npz")
    (tmp_path / "reordered").mkdir()
    return str(write_npz(shuffled(faces), tmp_path / "reordered" / "faces"))


@pytest.mark.parametrize("share", ["0.1", "0.05"])
def test_weights_that_learned_from_the_same_data_in_another_order_are_refused(
    share: str, half_run: Path, compact_run: Path, reordered: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    """Symptom: they had learned from most of the faces then held back."""
    run = compact_run if share == "0.1" else half_run
    start = ["--start-from", str(run / "best.keras"), "--hold-back", "0.1"]

    code = train.main(
        ["--recipe", "polish", "--data", reordered, "--out", str(tmp_path / "last"), *start]
    )

    assert code == 2
    assert "got other faces than it held back" in capsys.readouterr().err


def test_a_run_is_not_resumed_on_the_same_data_in_another_order(
    compact_run: Path, reordered: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(compact_run, tmp_path / "run")
    options = ["--recipe", "compact", "--epochs", "1", "--batch-size", "32", "--resume"]

    assert train.main(["--data", reordered, "--out", str(tmp_path / "run"), *options]) == 2

    assert "to have the validation {'digest'" in capsys.readouterr().err


def test_a_time_budget_replaces_the_number_of_epochs(tmp_path: Path):
    schedule = replace(TINY.schedule, epochs=1, time_budget_minutes=0.05)

    _train(tmp_path / "run", replace(TINY, schedule=schedule))

    with np.load(tmp_path / "run" / CHECKPOINT) as arrays:
        assert json.loads(str(arrays[POSITION]))["spent_s"] >= 3


@pytest.fixture
def learner() -> Learner:
    keras.utils.set_random_seed(1)
    return Learner(TINY)


def _learn(learner: Learner, *, epoch: int = 0) -> None:
    batches = distorted_batches(
        _voted_faces(), TINY.augmentation, batch_size=16, seed=1, epoch=epoch
    )
    pace = Pace(TINY.schedule, steps_per_epoch=3, clock=Clock())
    learner.learn(batches, pace, step=3 * epoch, steps=3)


def test_averaged_weights_and_statistics_follow_the_learned_ones(learner: Learner):
    first = learner.averaged.get_weights()

    _learn(learner)

    named = {weight.path: weight for weight in learner.averaged.weights}
    statistics = [np.asarray(w) for path, w in named.items() if "moving_variance" in path]
    moved = [
        not np.array_equal(a, b) for a, b in zip(first, learner.averaged.get_weights(), strict=True)
    ]
    learned = learner.variables()[: len(moved)]
    apart = [
        not np.array_equal(np.asarray(slow), np.asarray(fast))
        for slow, fast in zip(learner.averaged.weights, learned, strict=True)
    ]
    assert all(moved)
    assert any(apart)
    assert statistics and all((variance != 1).any() for variance in statistics)


def test_building_in_mixed_precision_leaves_the_policy_as_it_was():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        Learner(TINY)
        after = keras.config.dtype_policy().name
    finally:
        keras.config.set_dtype_policy("float32")

    assert after == "mixed_float16"


def test_kernels_decay_and_nothing_else_does():
    """At a rate of 1, without momentum and gradients, a step takes away the decay."""
    schedule = replace(TINY.schedule, weight_decay=0.25, momentum=0.0, vote_weight=0.0)
    learner = Learner(replace(TINY, schedule=schedule))
    [votes] = [v for v in learner.variables() if v.path.endswith("votes/kernel")]
    [bias] = [v for v in learner.variables() if v.path.endswith("votes/bias")]
    bias.assign(np.ones(8))
    before = np.asarray(votes)

    learner.step(*_one_batch(), rate=1.0)

    assert np.asarray(votes) == pytest.approx(0.75 * before)
    assert np.asarray(bias) == pytest.approx(np.ones(8))


def test_a_step_may_look_at_the_loss_elsewhere_and_gathers_statistics_where_the_weights_are():
    def after_a_step(radius: float) -> tuple[npt.NDArray, npt.NDArray]:
        keras.utils.set_random_seed(1)
        learner = Learner(replace(TINY, schedule=replace(TINY.schedule, sharpness_radius=radius)))
        learner.step(*_one_batch(), rate=0.1)
        kernel = learner.variables()[0]
        mean = next(v for v in learner.variables() if v.path.endswith("moving_mean"))
        return np.asarray(kernel), np.asarray(mean)

    (near, near_mean), (far, far_mean) = map(after_a_step, (0.01, 3.0))

    assert not np.allclose(near, far, atol=1e-4)
    assert np.array_equal(near_mean, far_mean)


def _one_batch() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    return next(
        iter(distorted_batches(_voted_faces(), TINY.augmentation, batch_size=16, seed=1, epoch=0))
    )


def test_votes_teach_the_features():
    faces, truth, votes = _one_batch()

    def kernel_after_a_step(votes: tf.Tensor) -> npt.NDArray:
        keras.utils.set_random_seed(1)
        learner = Learner(TINY)
        learner.step(faces, truth, votes, rate=0.1)
        return np.asarray(learner.variables()[0])

    with_votes, without, again = map(
        kernel_after_a_step, (votes, tf.zeros_like(votes), tf.zeros_like(votes))
    )

    assert np.array_equal(without, again)
    assert not np.array_equal(with_votes, without)


def test_label_loss_is_the_cross_entropy_with_smoothed_labels():
    logits = np.log(np.array([[0.7, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]], np.float32))

    angry = np.eye(7, dtype=np.float32)[[0]]

    plain = float(label_loss(logits, angry, smoothing=0.0))
    smoothed = float(label_loss(logits, angry, smoothing=0.7))

    assert plain == pytest.approx(-math.log(0.7), rel=1e-5)
    assert smoothed == pytest.approx(-0.4 * math.log(0.7) - 0.6 * math.log(0.05), rel=1e-5)


def test_vote_loss_counts_only_faces_that_have_votes():
    logits = np.zeros((3, 8), np.float32)
    votes = np.zeros((3, 8), np.float32)
    votes[1, :2] = 0.5

    assert float(vote_loss(logits, votes)) == pytest.approx(math.log(8))
    assert float(vote_loss(logits, np.zeros_like(votes))) == 0


def _slope_of_vote_loss(logits: npt.NDArray[np.float32], votes: npt.NDArray[np.float32]):
    """Return the gradient of the loss over votes by each logit."""
    answer = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(answer)
        loss = vote_loss(answer, tf.constant(votes))
    return tape.gradient(loss, answer).numpy()


def test_a_face_moves_its_answer_by_its_votes_alone():
    """Symptom: a face without votes drew its answer towards none at all; its loss was 0, its gradient was not."""
    logits = np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    votes = np.eye(8, dtype=np.float32)[[2, 3, 4]]
    votes[1] *= 0.3  # blended with a face without votes
    votes[2] = 0

    ordinary, blended, without = 2 * _slope_of_vote_loss(logits, votes)  # the mean is that of two

    assert ordinary == pytest.approx(shares[0] - votes[0], abs=1e-6)
    assert blended == pytest.approx(0.3 * shares[1] - votes[1], abs=1e-6)
    assert not without.any()


def test_for_whole_votes_the_loss_over_them_is_the_cross_entropy():
    rng = np.random.default_rng(1)
    logits, votes = rng.normal(size=(2, 5, 8)).astype(np.float32)
    votes = np.exp(votes) / np.exp(votes).sum(axis=1, keepdims=True)

    expected = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(votes, logits))

    assert float(vote_loss(logits, votes)) == pytest.approx(float(expected), rel=1e-6)


def test_the_compact_recipe_is_the_measured_one():
    network = RECIPES["compact"].build()
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]

    assert [layer.filters for layer in convolutions] == [32, 32, 64, 64, 128, 128, 128, 256, 256]
    assert 1_320_000 < network.count_params() < 1_330_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 10)
    return write_npz(faces, tmp_path_factory.mktemp("data") / "faces")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--recipe", "compact", "--resume"], "meta.json: expected the meta.json that"),
        (["--recipe", "compact", "--time-budget", "0"], "--time-budget: expected more than 0"),
        (
            ["--recipe", "compact", "--time-budget", "5", "--epochs", "3"],
            "--epochs: expected no --time-budget beside it",
        ),
        (["--recipe", "compact", "--stop-after", "0"], "--stop-after: expected 1 or more, got 0"),
        (["--recipe", "seed", "--resume"], "expected a recipe that is annealed (any but seed)"),
        (["--recipe", "seed", "--time-budget", "5"], "expected a recipe that is annealed"),
        (
            ["--recipe", "seed", "--teacher", "x.npz"],
            "--teacher: expected a recipe that is annealed",
        ),
        (["--recipe", "compact", "--learning-rate", "-1"], "--learning-rate: expected more than 0"),
        (["--recipe", "compact", "--teacher", "x.npz"], "x.npz: expected the npz file of"),
        (["--hold-back", "1"], "--hold-back: expected a share below 1, got 1"),
        (["--hold-back", "0"], "--hold-back: expected more than 0"),
        (["--hold-back", "0.2", "--validation", "x.npz"], "--hold-back: expected no --validation"),
    ],
)
def test_what_cannot_be_annealed_or_resumed_is_refused_in_one_line(
    more: list[str], message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    code = train.main(["--data", str(data), "--out", str(tmp_path / "run"), *more])

    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--seed", "2"], "to have the seed 2, it has 1"),
        (
            ["--epochs", "9"],
            "the settings {'schedule': {'epochs': 9}}, it has {'schedule': {'epochs': 1}}; give",
        ),
        ([], "checkpoint.npz: expected the checkpoint of a run to --resume, found no file"),
    ],
)
def test_a_run_is_resumed_with_the_options_it_began_with(
    more: list[str], message: str, data: Path, compact_run: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    shutil.copytree(compact_run, tmp_path / "run")
    (tmp_path / "run" / CHECKPOINT).unlink()
    source = compact_run.parent / "faces.npz"
    options = ["--recipe", "compact", "--epochs", "1", "--batch-size", "32", *more]

    code = train.main(["--data", str(source), "--out", str(tmp_path / "run"), "--resume", *options])

    assert code == 2
    assert message in capsys.readouterr().err


def test_a_run_is_resumed_in_the_numbers_it_began_with(
    compact_run: Path, capsys: pytest.CaptureFixture[str]
):
    began = read_meta(compact_run)["settings"]["schedule"]["mixed_precision"]
    options = ["--recipe", "compact", "--epochs", "1", "--batch-size", "32", "--resume"]
    files = ["--data", str(compact_run.parent / "faces.npz"), "--out", str(compact_run)]

    code = train.main([*files, *options, "--precision", "float32" if began else "bfloat16"])

    assert code == 2
    assert "give the options it began with (--precision)" in capsys.readouterr().err


def test_a_run_is_resumed_with_the_same_files_whatever_their_names(
    compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Symptom: answers made again under the same name were taken for those that the run had begun with."""
    source = compact_run.parent / "faces.npz"
    start = tmp_path / "start.keras"
    shutil.copy(compact_run / "best.keras", start)
    options = ["--recipe", "compact", "--epochs", "1", "--batch-size", "32"]
    options += ["--data", str(source), "--out", str(tmp_path / "run"), "--start-from", str(start)]
    assert train.main(options) == 0
    assert train.main([*options, "--resume"]) == 0

    network = keras.saving.load_model(start)
    network.set_weights([array + 0.5 for array in network.get_weights()])
    network.save(start)

    assert train.main([*options, "--resume"]) == 2
    assert "expected the run to --resume to have the fingerprints" in capsys.readouterr().err


def test_a_checkpoint_of_another_network_is_refused(
    whole: Path, compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(compact_run, tmp_path / "run")
    shutil.copy(whole / CHECKPOINT, tmp_path / "run" / CHECKPOINT)
    source = compact_run.parent / "faces.npz"
    options = ["--recipe", "compact", "--epochs", "1", "--batch-size", "32", "--resume"]

    code = train.main(["--data", str(source), "--out", str(tmp_path / "run"), *options])

    assert code == 2
    assert "expected the checkpoint of this recipe's network" in capsys.readouterr().err


@pytest.mark.parametrize("digest", [True, False], ids=["with a digest", "of before digests"])
def test_a_finished_run_is_resumed_without_a_step(digest: bool, compact_run: Path, tmp_path: Path):
    shutil.copytree(compact_run, tmp_path / "run")
    if not digest:
        meta = read_meta(compact_run)
        del meta["validation"]["digest"]
        (tmp_path / "run" / "meta.json").write_text(json.dumps(meta))
    source = compact_run.parent / "faces.npz"
    options = ["--recipe", "compact", "--epochs", "1", "--batch-size", "32", "--resume"]

    assert train.main(["--data", str(source), "--out", str(tmp_path / "run"), *options]) == 0

    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == (compact_run / CHECKPOINT).read_bytes()
    assert _scores(tmp_path / "run") == _scores(compact_run)
