"""Pruning takes whole channels out and changes nothing else; the smaller network is a run like others."""

import argparse
from pathlib import Path

import keras
import numpy as np
import pytest

from model_training import export, prune
from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.networks import (
    CompactNetwork,
    SeedNetwork,
    build_compact_network,
    build_seed_network,
)
from model_training.prune_channels import CRITERIA, find_spaces, prune_network
from model_training.runs import load_network, read_history, read_meta
from storage.errors import InputError
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces, shuffled, write_npz
from worker.vision.classifier import Classifier

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

layers = keras.layers


def _compact() -> keras.Model:
    return build_compact_network(CompactNetwork(filters=(4, 8), convolutions=(2, 2)))


def _flattened() -> keras.Model:
    return build_seed_network(SeedNetwork(filters=(4, 6, 4), dense_units=5))


def _residual() -> keras.Model:
    """A block that is added to what came in, and a convolution of each channel alone."""
    faces = keras.Input((48, 48, 1))
    x = layers.Conv2D(8, 3, 4, name="before")(layers.Rescaling(1 / 255)(faces))
    x = before = layers.BatchNormalization()(x)
    x = layers.BatchNormalization()(layers.Conv2D(6, 1, name="wide")(x))
    x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.BatchNormalization()(layers.Conv2D(8, 1, name="narrow")(layers.ReLU()(x)))
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, before]))
    return keras.Model(faces, layers.Dense(7, activation="softmax")(x))


NETWORKS = [_compact, _flattened, _residual]


def _stirred(network: keras.Model) -> keras.Model:
    """Return the network with random numbers for weights, such that its answers depend on the face."""
    rng = np.random.default_rng(1)
    for weight in network.weights:
        numbers = rng.normal(0, 0.2, weight.shape)
        if len(weight.shape) > 1:
            weight.assign(numbers * 5 / np.sqrt(np.prod(weight.shape[:-1])))
        else:
            lively = weight.path.endswith(("gamma", "beta", "variance"))
            weight.assign(numbers + lively)
    return network


def _silence(network: keras.Model, *, keep: float, criterion: str) -> None:
    """Set to zero whatever pruning would take away."""
    for space in set(find_spaces(network).values()):
        kept = space.kept(keep=keep, criterion=criterion)
        gone = np.setdiff1d(np.arange(space.width), kept)
        for layer in (*space.makers, *space.norms) if space.prunable else ():
            first, *rest = layer.get_weights()
            first[..., gone] = 0
            if rest:
                rest[0][gone] = 0  # bias or beta
            layer.set_weights([first, *rest])


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("build", NETWORKS)
def test_without_channels_of_zero_the_network_answers_as_before(build, criterion: str):
    network = _stirred(build())
    faces = as_input(export.parity_faces()[::21])  # from flat to noisy
    _silence(network, keep=0.5, criterion=criterion)

    pruned = prune_network(network, keep=0.5, criterion=criterion)

    assert pruned.count_params() < network.count_params() / 1.5
    answers = np.asarray(network(faces))
    assert np.asarray(pruned(faces)) == pytest.approx(answers, abs=1e-6)
    assert np.ptp(answers, axis=0).max() > 1e-4


@pytest.mark.parametrize("build", NETWORKS)
def test_with_all_channels_nothing_changes(build):
    network = _stirred(build())

    pruned = prune_network(network, keep=1, criterion="l1")

    pairs = zip(pruned.get_weights(), network.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(
    ("keep", "filters"), [(0.75, [3, 3, 6, 6]), (0.5, [2, 2, 4, 4]), (0.01, [1] * 4)]
)
def test_each_convolution_keeps_its_share_but_one_channel_at_least(keep: float, filters: list[int]):
    pruned = prune_network(_compact(), keep=keep, criterion="l1")

    convolutions = [layer for layer in pruned.layers if isinstance(layer, layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == filters
    assert pruned.output_shape == (None, 7)


def _first_kept(network: keras.Model, criterion: str) -> list[int]:
    first = next(layer for layer in network.layers if isinstance(layer, layers.Conv2D))
    return find_spaces(network)[id(first.output)].kept(keep=0.5, criterion=criterion).tolist()


def test_l1_keeps_the_channels_with_the_largest_kernels():
    network = _stirred(_compact())
    first = next(layer for layer in network.layers if isinstance(layer, layers.Conv2D))
    first.set_weights([np.ones((3, 3, 1, 4)) * np.array([0.1, -0.9, 0.2, 0.8])])

    assert _first_kept(network, "l1") == [1, 3]


def test_scale_keeps_the_channels_that_normalisation_multiplies_most():
    network = _stirred(_compact())
    norm = next(layer for layer in network.layers if isinstance(layer, layers.BatchNormalization))
    _, *rest = norm.get_weights()
    norm.set_weights([np.array([0.5, 0.1, -0.9, 0.2]), *rest])

    assert _first_kept(network, "scale") == [0, 2]


def test_channels_that_are_added_stay_or_go_together():
    network = _stirred(_residual())
    spaces = find_spaces(network)

    before, narrow, wide = (
        spaces[id(network.get_layer(name).output)] for name in ("before", "narrow", "wide")
    )

    assert before is narrow
    assert before is not wide
    assert {layer.name for layer in before.makers} == {"before", "narrow"}


def test_layers_whose_channels_cannot_be_told_apart_are_refused():
    faces = keras.Input((48, 48, 1))
    x = layers.Concatenate()([layers.Conv2D(2, 3)(faces), layers.Conv2D(2, 3)(faces)])
    network = keras.Model(faces, layers.Dense(7)(layers.Flatten()(x)))

    with pytest.raises(InputError, match=r"got the layer concatenate.* \(Concatenate\)"):
        prune_network(network, keep=0.5, criterion="l1")


def test_scale_needs_normalisation():
    faces = keras.Input((48, 48, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="bare")(faces))
    network = keras.Model(faces, layers.Dense(7)(x))

    with pytest.raises(InputError, match=r"--criterion scale: .* bare has none"):
        prune_network(network, keep=0.5, criterion="scale")


@pytest.fixture(scope="module")
def pruned_run(compact_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one epoch with a quarter of the channels."""
    out = tmp_path_factory.mktemp("pruned")
    options = ["--model", str(compact_run / "best.keras"), "--out", str(out), "--epochs", "1"]
    data = ["--data", str(compact_run.parent / "faces.npz"), "--keep", "0.25"]
    assert prune.main([*options, *data]) == 0
    return out / "keep_0.25"


def test_a_pruned_network_is_a_run_that_says_what_it_was(pruned_run: Path, compact_run: Path):
    meta = read_meta(pruned_run)

    assert meta["settings"]["pruning"] == {"keep": 0.25, "criterion": "l1"}
    assert meta["validation"]["classes"] == read_meta(compact_run)["validation"]["classes"]
    assert len(read_history(pruned_run)["val_loss"]) == 1
    assert (pruned_run / "curves.png").is_file()
    whole = load_network(compact_run / "best.keras").count_params()
    assert load_network(pruned_run / "best.keras").count_params() < whole / 12


def test_a_pruned_network_can_be_exported(pruned_run: Path, tmp_path: Path):
    out = tmp_path / "pruned.onnx"

    assert export.main(["--model", str(pruned_run / "best.keras"), "--out", str(out)]) == 0

    assert Classifier(out).probabilities(np.zeros((1, 48, 48, 1), np.float32)).shape == (1, 7)


def test_the_table_has_a_line_for_what_was_given_and_for_each_share():
    rows = [
        prune.Row("as given", 1000, 0.7, 0.69, 4000, 1000, 900, 2700),
        prune.Row("keep 0.5", 250, 0.65, 0.64, 1000, 250, 3000, 8000),
    ]

    lines = prune.table(rows).splitlines()

    assert lines[0].startswith("| model | parameters | accuracy | int8 accuracy | kilobytes |")
    assert lines[2:] == [
        "| as given | 1000 | 0.7000 | 0.6900 | 4000 | 1000 | 900 | 2700 |",
        "| keep 0.5 | 250 | 0.6500 | 0.6400 | 1000 | 250 | 3000 | 8000 |",
    ]


@pytest.mark.parametrize(
    ("run", "keep", "message"),
    [
        ("compact_run", "0", "--keep: expected more than 0 and at most 1, got 0.0"),
        ("compact_run", "1.5", "--keep: expected more than 0 and at most 1, got 1.5"),
        (
            "run_folder",
            "0.5",
            "expected a run of one of compact, polish, distil, flat, symmetric, symmetric_polish, symmetric_distil, "
            "got one of 'seed'",
        ),
    ],
)
def test_what_cannot_be_pruned_is_refused_in_one_line(
    run: str, keep: str, message: str, request: pytest.FixtureRequest, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    model = request.getfixturevalue(run) / "best.keras"
    data = write_npz(draw_faces([0, 1]), tmp_path / "faces")
    options = ["--model", str(model), "--data", str(data), "--out", str(tmp_path / "out")]
    capsys.readouterr()

    code = prune.main([*options, "--keep", keep])

    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--epochs", "0"], "--epochs: expected 1 or more, got 0"),
        (["--time-budget", "0"], "--time-budget: expected more than 0, got 0.0"),
        (["--epochs", "2", "--time-budget", "1"], "--epochs: expected no --time-budget beside it"),
        (["--learning-rate", "-1"], "--learning-rate: expected more than 0, got -1.0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    more: list[str], message: str, compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):  # fmt: skip
    options = ["--model", str(compact_run / "best.keras"), "--out", str(tmp_path), "--keep", "1"]

    assert prune.main([*options, "--data", str(compact_run.parent / "faces.npz"), *more]) == 2

    assert message in capsys.readouterr().err


def test_a_run_of_another_seed_is_pruned_on_the_faces_it_held_back(compact_run: Path):
    meta, fraction = read_meta(compact_run), 0.1
    other_seed = {**meta, "seed": 2, "validation": {**meta["validation"], "cut_seed": 1}}
    options = argparse.Namespace(
        data=compact_run.parent / "faces.npz", validation=None, model=compact_run / "best.keras"
    )

    _, held_back = prune.find_parts(options, other_seed, fraction=fraction)

    _, first = prune.find_parts(options, meta, fraction=fraction)
    assert np.array_equal(held_back.images, first.images)


def test_a_run_that_held_back_less_is_pruned_on_what_it_held_back(compact_run: Path):
    """Symptom: the right data was refused as another run's."""
    meta = read_meta(compact_run)
    meta["settings"]["schedule"]["validation_fraction"] = 0.03
    options = prune.parse_arguments(
        ["--model", str(compact_run / "best.keras"), "--data", "x", "--out", "y", "--keep", "1"]
    )

    assert prune.find_recipe(options, meta).schedule.validation_fraction == 0.03


def test_other_faces_than_the_run_had_are_refused(
    compact_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Symptom: of a run with validation data of its own a tenth of what it had learned from was held back."""
    data = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 11), tmp_path / "faces")
    other = write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6], seed=9), tmp_path / "other")
    own = str(compact_run.parent / "faces.npz")
    options = ["--model", str(compact_run / "best.keras"), "--out", str(tmp_path), "--keep", "1"]

    faces = read_faces(compact_run.parent / "faces.npz")
    reordered = write_npz(shuffled(faces), tmp_path / "reordered")

    for more in (
        ["--data", str(data)],
        ["--data", own, "--validation", str(other)],
        ["--data", str(reordered)],
    ):
        assert prune.main([*options, *more]) == 2
        assert "expected the data of the run" in capsys.readouterr().err
