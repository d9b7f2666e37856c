"""Batches of faces for training, augmented on the way, and for validation, untouched.

The seed used `ImageDataGenerator(rescale=1/255, rotation_range=20, zoom_range=0.2,
horizontal_flip=True)`. That class is deprecated and needs SciPy; these are its ranges as Keras
preprocessing layers, mapped in tf.data. Rescaling is not here: it is a layer of the network.
"""

import keras
import tensorflow as tf

from model_training.faces import FaceSet
from model_training.pipeline import untuned
from model_training.recipes import Augmentation


def build_augmenter(ranges: Augmentation, *, seed: int) -> keras.Sequential:
    """Return the random layers that change a batch (n, 48, 48, 1); borders repeat the edge."""
    zoom = (-ranges.zoom, ranges.zoom)
    layers: list[keras.Layer] = [
        keras.layers.RandomRotation(ranges.rotation_degrees / 360, fill_mode="nearest", seed=seed),
        keras.layers.RandomZoom(zoom, zoom, fill_mode="nearest", seed=seed + 1),
    ]
    if ranges.horizontal_flip:
        layers.append(keras.layers.RandomFlip("horizontal", seed=seed + 2))
    return keras.Sequential(layers, name="augmentation")


def training_batches(
    faces: FaceSet, ranges: Augmentation, *, batch_size: int, seed: int
) -> tf.data.Dataset:
    """Return augmented batches of (faces float32 0..255, labels), in a new order every epoch."""
    augment = build_augmenter(ranges, seed=seed)

    def change(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return augment(tf.cast(images, tf.float32), training=True), labels

    rows = tf.data.Dataset.from_tensor_slices((faces.images[..., None], faces.labels))
    shuffled = rows.shuffle(len(faces), seed=seed, reshuffle_each_iteration=True)
    # One map call at a time: calls in parallel would draw from the random layers in no fixed order.
    return untuned(shuffled.batch(batch_size).map(change).prefetch(4))


def validation_batches(faces: FaceSet, *, batch_size: int) -> tf.data.Dataset:
    """Return batches of (faces float32 0..255, labels) in order, unchanged, kept in memory."""
    rows = tf.data.Dataset.from_tensor_slices((faces.images[..., None], faces.labels))
    batches = rows.batch(batch_size)
    return untuned(
        batches.map(lambda images, labels: (tf.cast(images, tf.float32), labels)).cache()
    )
