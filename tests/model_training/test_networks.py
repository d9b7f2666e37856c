"""The seed's network and the changes its training pictures go through."""

from collections import Counter

import keras
import numpy as np
import pytest

from model_training.augmentation import build_augmenter, training_batches, validation_batches
from model_training.networks import SeedNetwork, build_seed_network
from model_training.recipes import RECIPES, Augmentation
from tests.model_training.fake_faces import draw_faces


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build_seed_network(SeedNetwork())


def _layers(network: keras.Model, kind: type[keras.Layer]) -> list[keras.Layer]:
    return [layer for layer in network.layers if isinstance(layer, kind)]


def test_the_seed_network_has_the_stated_layers(network: keras.Model):
    kinds = Counter(type(layer).__name__ for layer in network.layers)

    assert [layer.filters for layer in _layers(network, keras.layers.Conv2D)] == [32, 64, 128, 256]
    assert [layer.units for layer in _layers(network, keras.layers.Dense)] == [256, 7]
    assert kinds["MaxPooling2D"] == 4
    assert kinds["BatchNormalization"] == 5
    assert kinds["Dropout"] == 5
    assert kinds["Flatten"] == 1
    assert network.layers[-1].activation is keras.activations.softmax


def test_only_rescaling_prepares_the_faces_inside_the_network(network: keras.Model):
    prepare = [layer for layer in network.layers if "preprocessing" in type(layer).__module__]

    assert [type(layer).__name__ for layer in prepare] == ["Rescaling"]
    assert prepare[0].scale == pytest.approx(1 / 255)


def test_the_network_answers_any_number_of_faces(network: keras.Model):
    answers = network(np.zeros((3, 48, 48, 1), np.float32), training=False)

    assert answers.shape == (3, 7)
    assert np.asarray(answers).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-6)


def test_the_seed_recipe_has_the_seeds_ranges():
    augmentation = RECIPES["seed"].augmentation

    assert augmentation == Augmentation(rotation_degrees=20, zoom=0.2, horizontal_flip=True)


def test_rotation_stays_within_its_degrees_either_way():
    rotation = build_augmenter(Augmentation(rotation_degrees=20), seed=1).layers[0]

    assert np.degrees(2 * np.pi * np.array(rotation.factor)) == pytest.approx([-20, 20])


def test_a_flat_face_stays_flat_however_it_is_turned():
    faces = np.full((8, 48, 48, 1), 137, np.float32)

    changed = build_augmenter(Augmentation(), seed=1)(faces, training=True)

    assert np.asarray(changed) == pytest.approx(faces, abs=0.01)


def test_without_any_range_faces_are_only_mirrored():
    faces = np.asarray(draw_faces([0] * 40).images[..., None], np.float32)

    changed = np.asarray(build_augmenter(Augmentation(0, 0), seed=1)(faces, training=True))

    mirrored = faces[:, :, ::-1]
    same = [np.allclose(a, b, atol=0.01) for a, b in zip(changed, faces, strict=True)]
    flipped = [np.allclose(a, b, atol=0.01) for a, b in zip(changed, mirrored, strict=True)]
    assert all(a != b for a, b in zip(same, flipped, strict=True))
    assert 5 < sum(flipped) < 35


def test_training_batches_change_every_epoch_and_repeat_by_seed():
    faces = draw_faces([0, 1, 2, 3])

    def epochs(seed: int) -> list[bytes]:
        batches = training_batches(faces, Augmentation(), batch_size=4, seed=seed)
        return [next(iter(batches))[0].numpy().tobytes() for _ in range(2)]

    assert epochs(1)[0] != epochs(1)[1]
    assert epochs(1) == epochs(1) != epochs(2)


def test_validation_batches_are_the_faces_as_they_are():
    faces = draw_faces([0, 1, 2])

    batches = list(validation_batches(faces, batch_size=2))

    images = np.concatenate([images for images, _ in batches])
    assert images.dtype == np.float32
    assert np.array_equal(images[..., 0], faces.images)
    assert np.concatenate([labels for _, labels in batches]).tolist() == [0, 1, 2]
