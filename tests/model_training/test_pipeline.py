"""Pipelines of batches are left at once when an epoch ends."""

import pytest
import tensorflow as tf

from model_training.augmentation import training_batches, validation_batches
from model_training.distortion import distorted_batches
from model_training.recipes import Augmentation, Distortion
from tests.model_training.fake_faces import draw_faces

FACES = draw_faces([0, 1, 2, 3])


@pytest.mark.parametrize(
    "batches",
    [
        distorted_batches(FACES, Distortion(), batch_size=4, seed=1, epoch=0),
        training_batches(FACES, Augmentation(), batch_size=4, seed=1),
        validation_batches(FACES, batch_size=4),
    ],
    ids=["distorted", "training", "validation"],
)
def test_no_pipeline_waits_for_a_thread_that_tunes_it(batches: tf.data.Dataset):
    """Symptom: on two cores every other epoch of a minute was followed by half a minute in which nothing ran."""
    assert batches.options().autotune.enabled is False
