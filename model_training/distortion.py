"""Training pictures distorted on the way: one projective transform a batch, light, grain, erasing.

Every random number follows from (seed, step), by TensorFlow's stateless functions: a resumed run
draws what an uninterrupted one would have drawn, and batches can be made in parallel.
"""

import math

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model_training.faces import FACE_SIZE, FaceSet
from model_training.readers import VOTE_EMOTIONS
from model_training.recipes import Distortion

PARALLEL_BATCHES = 2


def distorted_batches(
    faces: FaceSet, ranges: Distortion, *, batch_size: int, seed: int, epoch: int
) -> tf.data.Dataset:
    """Return one epoch of batches (faces float32 0..255, labels, votes) in the epoch's own order.

    Every batch is full: the few faces that are left over wait for another epoch's order. Votes are
    rows of zeros where the data has none.
    """
    rows = epoch_order(len(faces), batch_size=batch_size, seed=seed, epoch=epoch)
    images, labels = tf.constant(faces.images), tf.constant(faces.labels)
    nobody = np.zeros((len(faces), len(VOTE_EMOTIONS)), np.float32)
    votes = tf.constant(nobody if faces.votes is None else faces.votes)
    steps = tf.range(len(rows), dtype=tf.int64) + epoch * len(rows)

    def make(step: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        pictures = tf.cast(tf.gather(images, batch), tf.float32)[..., None]
        changed = distort(pictures, ranges, seed=tf.stack([tf.constant(seed, tf.int64), step]))
        return changed, tf.gather(labels, batch), tf.gather(votes, batch)

    batches = tf.data.Dataset.from_tensor_slices((steps, rows))
    return batches.map(make, num_parallel_calls=PARALLEL_BATCHES).prefetch(4)


def epoch_order(n: int, *, batch_size: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the rows of an epoch's batches, (steps, batch size); fewer than a batch make one."""
    size = min(batch_size, n)
    order = np.random.default_rng((seed, epoch)).permutation(n)
    return order[: n // size * size].reshape(-1, size)


def distort(faces: tf.Tensor, ranges: Distortion, *, seed: tf.Tensor) -> tf.Tensor:
    """Return a batch (n, 48, 48, 1), 0 to 255, in which every face is changed by chance.

    seed: two integers; the same two give the same changes.
    """
    draw = _Draw(tf.shape(faces)[0], seed)
    faces = _move(faces, ranges, draw)
    faces = _coarsen(faces, ranges, draw)
    faces = _relight(faces, ranges, draw)
    return _erase(faces, ranges, draw)


class _Draw:
    """One random number per face, another at every call; all follow from the seed."""

    def __init__(self, n: tf.Tensor, seed: tf.Tensor) -> None:
        self._n = n
        self._seed = tf.cast(seed, tf.int32)
        self._calls = 0

    def between(self, low: float, high: float) -> tf.Tensor:
        """Return (n,) float32, low to high."""
        self._calls += 1
        seed = tf.random.experimental.stateless_fold_in(self._seed, self._calls)
        return tf.random.stateless_uniform([self._n], seed, low, high)

    def chance(self, share: float) -> tf.Tensor:
        """Return (n,) bool, true for about this share."""
        return self.between(0, 1) < share


def _move(faces: tf.Tensor, ranges: Distortion, draw: _Draw) -> tf.Tensor:
    """Mirror, turn, scale and shift in one pass; beyond the border the edge is repeated."""
    centre = (FACE_SIZE - 1) / 2
    turn = math.radians(ranges.rotation_degrees)
    angle = draw.between(-turn, turn)
    mirror = tf.where(draw.chance(ranges.flip), -1.0, 1.0)
    wide = mirror / draw.between(1 - ranges.scale, 1 + ranges.scale)
    high = 1 / draw.between(1 - ranges.scale, 1 + ranges.scale)
    far = ranges.shift * FACE_SIZE
    # Rows of the matrix that says where in the picture each pixel of the result is read.
    a0, a1 = wide * tf.cos(angle), -wide * tf.sin(angle)
    b0, b1 = high * tf.sin(angle), high * tf.cos(angle)
    a2 = centre - centre * (a0 + a1) + draw.between(-far, far)
    b2 = centre - centre * (b0 + b1) + draw.between(-far, far)
    zero = tf.zeros_like(angle)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=faces,
        transforms=tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1),
        output_shape=[FACE_SIZE, FACE_SIZE],
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )


def _coarsen(faces: tf.Tensor, ranges: Distortion, draw: _Draw) -> tf.Tensor:
    """Halve the resolution of some faces."""
    small = tf.nn.avg_pool2d(faces, 2, 2, "VALID")
    coarse = tf.image.resize(small, [FACE_SIZE, FACE_SIZE])
    return tf.where(_per_face(draw.chance(ranges.low_resolution)), coarse, faces)


def _relight(faces: tf.Tensor, ranges: Distortion, draw: _Draw) -> tf.Tensor:
    """Change contrast about each face's mean, then brightness."""
    mean = tf.reduce_mean(faces, axis=(1, 2, 3), keepdims=True)
    contrast = _per_face(draw.between(1 - ranges.contrast, 1 + ranges.contrast))
    brightness = _per_face(draw.between(-ranges.brightness, ranges.brightness)) * 255
    return tf.clip_by_value((faces - mean) * contrast + mean + brightness, 0, 255)


def _erase(faces: tf.Tensor, ranges: Distortion, draw: _Draw) -> tf.Tensor:
    """Cover a rectangle of some faces with one grey; near the border it may be cut off."""
    hit = draw.chance(ranges.erase)
    rows = _stripe(draw, longest=ranges.erase_pixels)[:, :, None]
    columns = _stripe(draw, longest=ranges.erase_pixels)[:, None, :]
    covered = (rows & columns & hit[:, None, None])[..., None]
    return tf.where(covered, _per_face(draw.between(0, 255)), faces)


def _stripe(draw: _Draw, *, longest: int) -> tf.Tensor:
    """Return (n, 48) bool: a stretch of up to `longest` pixels about a random place."""
    middle = draw.between(0, FACE_SIZE)[:, None]
    half = draw.between(0, longest / 2)[:, None]
    return tf.abs(tf.range(FACE_SIZE, dtype=tf.float32) - middle) < half


def _per_face(values: tf.Tensor) -> tf.Tensor:
    return values[:, None, None, None]
