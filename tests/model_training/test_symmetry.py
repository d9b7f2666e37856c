"""A symmetric network reads a face and its mirror image alike, whatever it has learned."""

import hashlib
import re
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from model_training import symmetrise
from model_training.annealing import Learner, train_annealed
from model_training.contract import as_input
from model_training.networks import CompactNetwork, build_compact_network
from model_training.recipes import AnnealedRecipe, Annealing
from model_training.runs import BEST_MODEL, LAST_MODEL, load_network, read_meta
from model_training.symmetrise import measure_likeness, pair_up, reorder_channels, symmetrised
from model_training.symmetry import (
    make_symmetric,
    paired_channels,
    partners,
    symmetric_kernel,
)
from storage.errors import InputError
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces, write_npz

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

SIZES = CompactNetwork(filters=(8, 12), convolutions=(2, 2))
TINY = AnnealedRecipe(
    name="tiny",
    build=lambda: build_compact_network(SIZES),
    schedule=Annealing(epochs=2, batch_size=16, symmetric=True),
)


def _pictures() -> npt.NDArray[np.float32]:
    """Return 14 pictures, coarse noise: their two sides differ, those of drawn faces do not."""
    blocks = np.random.default_rng(4).integers(0, 256, (14, 6, 6), dtype=np.uint8)
    return as_input(np.kron(blocks, np.ones((1, 8, 8), np.uint8)))


def _random(seed: int) -> keras.Model:
    """Return a network with random weights, normalisation included."""
    network = build_compact_network(SIZES)
    random = np.random.default_rng(seed)
    for variable in network.weights:
        spread = (2 / np.prod(variable.shape[:-1])) ** 0.5
        drawn = random.normal(scale=spread, size=variable.shape)
        vector = random.uniform(0.5, 1.5, variable.shape)
        variable.assign(drawn if len(variable.shape) > 1 else vector)
    logits = network.get_layer("logits")
    logits.kernel.assign(3 * logits.kernel)  # answers that differ well
    return network


def _symmetric(seed: int) -> keras.Model:
    network = _random(seed)
    make_symmetric(network)
    return network


def _difference(network: keras.Model) -> float:
    """Return by how much answers for faces and their mirror images differ at most."""
    faces = _pictures()
    here, there = network.predict(faces, verbose=0), network.predict(faces[:, :, ::-1], verbose=0)
    return float(np.abs(here - there).max())


def test_weights_that_keep_the_symmetry_read_mirrored_faces_alike():
    assert _difference(_symmetric(1)) < 1e-5


def test_weights_drawn_by_chance_do_not():
    assert _difference(_random(1)) > 0.01


def test_partners_of_partners_are_the_channels_themselves():
    assert partners(7, paired=4).tolist() == [3, 2, 1, 0, 4, 5, 6]


def test_weights_that_keep_the_symmetry_are_left_as_they_are():
    network = _symmetric(1)
    before = network.get_weights()

    make_symmetric(network)

    for one, other in zip(before, network.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_a_weight_and_its_mirror_image_become_their_mean():
    kernel = np.zeros((1, 3, 2, 4), np.float32)
    kernel[0, :, 0, 0] = [1, 2, 3]
    kernel[0, :, 1, 3] = [30, 20, 10]

    found = np.asarray(symmetric_kernel(tf.constant(kernel), paired=4, paired_inputs=2))

    assert found[0, :, 0, 0].tolist() == [5.5, 11, 16.5]
    assert found[0, :, 1, 3].tolist() == [16.5, 11, 5.5]
    assert np.count_nonzero(found) == 6


def test_half_of_the_channels_are_in_pairs_and_none_of_the_last():
    assert paired_channels(build_compact_network(SIZES)) == [4, 4, 6, 0]


def _train(out: Path, **options: object) -> list[npt.NDArray[np.float32]]:
    """Return the weights that two epochs on drawn faces leave."""
    out.mkdir(exist_ok=True)
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 8)
    return train_annealed(TINY, faces, faces, out=out, seed=1, **options).get_weights()


def test_a_network_that_learned_and_was_saved_is_symmetric(tmp_path: Path):
    _train(tmp_path / "run")

    network = load_network(tmp_path / "run" / LAST_MODEL)
    before = network.get_weights()
    make_symmetric(network)
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_symmetric_run_that_was_left_and_resumed_ends_as_one_that_was_not(tmp_path: Path):
    whole = _train(tmp_path / "whole")
    _train(tmp_path / "parts", stop_after=1)

    parts = _train(tmp_path / "parts", resume=True)

    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_weights_that_are_not_symmetric_are_no_beginning_for_a_symmetric_run(tmp_path: Path):
    _random(1).save(tmp_path / "plain.keras")
    _symmetric(1).save(tmp_path / "symmetric.keras")

    Learner(TINY, tmp_path / "symmetric.keras")
    with pytest.raises(InputError, match=r"plain.keras: expected the weights of a symmetric"):
        Learner(TINY, tmp_path / "plain.keras")


def test_symmetric_weights_that_were_rounded_to_seven_bits_are_a_beginning(tmp_path: Path):
    network = _symmetric(1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = layer.kernel.numpy()
            step = np.abs(kernel).max() / 63
            layer.kernel.assign(np.floor(kernel / step) * step)
            layer.kernel.assign_add(step * np.eye(1, kernel.size).reshape(kernel.shape))
    network.save(tmp_path / "rounded.keras")

    Learner(TINY, tmp_path / "rounded.keras")


def test_a_symmetric_network_whose_channels_stand_in_another_order_is_found_again():
    original, shuffled = _symmetric(2), _symmetric(2)
    random = np.random.default_rng(3)
    reorder_channels(shuffled, [random.permutation(filters) for filters in (8, 8, 12, 12)])
    expected = original.predict(_pictures(), verbose=0)
    np.testing.assert_allclose(shuffled.predict(_pictures(), verbose=0), expected, atol=1e-5)

    found = symmetrised(shuffled, _pictures())

    assert _difference(found) < 1e-5
    np.testing.assert_allclose(found.predict(_pictures(), verbose=0), expected, atol=1e-5)


def test_channels_that_are_nearly_partners_are_paired():
    """Then less is lost than where any two are."""
    original = _symmetric(2)
    random = np.random.default_rng(6)
    for layer in original.layers:
        if isinstance(layer, keras.layers.Conv2D):
            noise = random.normal(scale=0.02, size=layer.kernel.shape)
            layer.kernel.assign_add(noise * np.abs(layer.kernel.numpy()).mean())
    reorder_channels(original, [random.permutation(filters) for filters in (8, 8, 12, 12)])
    answers = original.predict(_pictures(), verbose=0)

    found = symmetrised(original, _pictures())
    make_symmetric(original)

    lost = [
        np.abs(network.predict(_pictures(), verbose=0) - answers).mean()
        for network in (found, original)
    ]
    assert lost[0] < lost[1] / 5


def test_channels_that_belong_together_most_are_paired_first():
    likeness = np.eye(6)
    likeness[[0, 3], [3, 0]] = 0.9
    likeness[[1, 2], [2, 1]] = 0.8
    likeness[[0, 3], [0, 3]] = 0.1
    likeness[[1, 2], [1, 2]] = 0.1

    assert pair_up(likeness, paired=2).tolist() == [3, 0, 1, 2, 4, 5]
    assert pair_up(likeness, paired=4).tolist() == [3, 2, 1, 0, 4, 5]


def test_likeness_compares_pictures_with_their_mirror_images():
    """Of a symmetric network each channel is like its partner, wholly; one that is always zero is like none."""
    likenesses = measure_likeness(_symmetric(5), _pictures())

    assert [len(each) for each in likenesses] == [8, 8, 12, 12]
    alive = likenesses[0].any(axis=0)
    likeness = likenesses[0][np.arange(8), partners(8, paired=4)]
    assert alive.sum() > 4
    np.testing.assert_allclose(likeness[alive], 1, atol=1e-4)


def test_a_compact_run_becomes_the_beginning_of_a_symmetric_one(compact_run: Path, tmp_path: Path):
    model, data, out = compact_run / BEST_MODEL, compact_run.parent / "faces.npz", tmp_path / "made"
    options = ["--data", str(data), "--out", str(out)]

    assert symmetrise.main(["--model", str(model), *options]) == 0

    network = load_network(out / LAST_MODEL)
    assert _difference(network) < 1e-5 < _difference(load_network(model))
    meta, given = read_meta(out), read_meta(compact_run)
    assert meta["start_from"] == BEST_MODEL
    assert meta["fingerprints"]["start_from"] == hashlib.sha256(model.read_bytes()).hexdigest()
    for name in ("recipe", "settings", "seed", "training", "validation"):
        assert meta[name] == given[name]


@pytest.mark.parametrize(
    ("run", "data", "message"),
    [
        ("run_folder", "faces.npz", "expected the network of compact, polish, .*, got another"),
        ("compact_run", "other.npz", "other.npz: expected the data of the run"),
    ],
)
def test_what_can_not_be_made_symmetric_is_refused(
    run: str,
    data: str,
    message: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    folder: Path = request.getfixturevalue(run)
    write_npz(draw_faces([0, 1, 2, 3, 4, 5, 6] * 11), folder.parent / "other")
    options = ["--data", str(folder.parent / data), "--out", str(tmp_path / "made")]

    assert symmetrise.main(["--model", str(folder / BEST_MODEL), *options]) == 2

    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "made").exists()
