"""Training pictures distorted on the way: moved, degraded, relit, partly covered, mixed in pairs.

Every random number follows from (seed, step), by TensorFlow's stateless functions: a resumed run
draws what an uninterrupted one would have drawn, and batches can be made in parallel.
"""

import math

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model_training.chance import Draw, per_face
from model_training.degradation import degrade
from model_training.faces import FACE_SIZE, FaceSet
from model_training.pipeline import untuned
from model_training.readers import VOTE_EMOTIONS
from model_training.recipes import Distortion
from storage.labels import EXPRESSIONS

PARALLEL_BATCHES = 2


def distorted_batches(
    faces: FaceSet,
    ranges: Distortion,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
) -> tf.data.Dataset:
    """Return one epoch of batches (faces float32 0..255, truth, votes) in the epoch's own order.

    truth: (n, 7) float32, a share for each expression. votes: (n, 8) likewise, rows of zeros where the
    data has none. Every batch is full: the few faces that are left over wait for another epoch's order.
    """
    rows = epoch_order(len(faces), batch_size=batch_size, seed=seed, epoch=epoch)
    images, truth = tf.constant(faces.images), tf.constant(soft_truth(faces, ranges.teacher_share))
    nobody = np.zeros((len(faces), len(VOTE_EMOTIONS)), np.float32)
    votes = tf.constant(nobody if faces.votes is None else faces.votes)
    steps = tf.range(len(rows), dtype=tf.int64) + epoch * len(rows)

    def make(step: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        pictures = tf.cast(tf.gather(images, batch), tf.float32)[..., None]
        draw = Draw(tf.shape(batch)[0], tf.stack([tf.constant(seed, tf.int64), step]))
        changed = distort(pictures, ranges, draw)
        return mix_pairs(
            changed, tf.gather(truth, batch), tf.gather(votes, batch), ranges=ranges, draw=draw
        )

    batches = tf.data.Dataset.from_tensor_slices((steps, rows))
    return untuned(batches.map(make, num_parallel_calls=PARALLEL_BATCHES).prefetch(4))


def epoch_order(n: int, *, batch_size: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the rows of an epoch's batches, (steps, batch size); fewer than a batch make one."""
    size = min(batch_size, n)
    order = np.random.default_rng((seed, epoch)).permutation(n)
    return order[: n // size * size].reshape(-1, size)


def soft_truth(faces: FaceSet, teacher_share: float) -> npt.NDArray[np.float32]:
    """Return (n, 7): the labels, of which a share is left to a teacher's answers where there are any.

    Source: Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network", at temperature 1.
    """
    labels = np.eye(len(EXPRESSIONS), dtype=np.float32)[faces.labels]
    if faces.taught is None:
        return labels
    return ((1 - teacher_share) * labels + teacher_share * faces.taught).astype(np.float32)


def distort(faces: tf.Tensor, ranges: Distortion, draw: Draw) -> tf.Tensor:
    """Return a batch (n, 48, 48, 1), 0 to 255, in which every face is changed by chance."""
    faces = _move(faces, ranges, draw)
    faces = degrade(faces, ranges, draw)
    faces = _relight(faces, ranges, draw)
    return _erase(faces, ranges, draw)


def mix_pairs(
    faces: tf.Tensor, truth: tf.Tensor, votes: tf.Tensor, *, ranges: Distortion, draw: Draw
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Blend a share of the faces, and what is said of them, with others of the batch.

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"; weights follow its Beta
    distribution, drawn as a quotient of gammas. A face keeps at least half of itself.
    """
    one, other = draw.gamma(ranges.mixup_alpha), draw.gamma(ranges.mixup_alpha)
    weight = tf.math.divide_no_nan(one, one + other)
    weight = tf.maximum(weight, 1 - weight)
    weight = tf.where(draw.chance(ranges.mixup), weight, 1.0)

    def blend(values: tf.Tensor) -> tf.Tensor:
        own = tf.reshape(weight, [-1] + [1] * (len(values.shape) - 1))
        return own * values + (1 - own) * tf.reverse(values, [0])

    return blend(faces), blend(truth), blend(votes)


def _move(faces: tf.Tensor, ranges: Distortion, draw: Draw) -> tf.Tensor:
    """Mirror, turn, scale and shift in one pass; beyond the border the edge is repeated."""
    centre = (FACE_SIZE - 1) / 2
    turn = math.radians(ranges.rotation_degrees)
    angle = draw.between(-turn, turn)
    mirror = tf.where(draw.chance(ranges.flip), -1.0, 1.0)
    size = tf.exp(draw.normal(ranges.size))
    wide = mirror / (size * draw.between(1 - ranges.scale, 1 + ranges.scale))
    high = 1 / (size * draw.between(1 - ranges.scale, 1 + ranges.scale))
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


def _relight(faces: tf.Tensor, ranges: Distortion, draw: Draw) -> tf.Tensor:
    """Change contrast about each face's mean, then brightness."""
    mean = tf.reduce_mean(faces, axis=(1, 2, 3), keepdims=True)
    contrast = per_face(draw.between(1 - ranges.contrast, 1 + ranges.contrast))
    brightness = per_face(draw.between(-ranges.brightness, ranges.brightness)) * 255
    return tf.clip_by_value((faces - mean) * contrast + mean + brightness, 0, 255)


def _erase(faces: tf.Tensor, ranges: Distortion, draw: Draw) -> tf.Tensor:
    """Cover a rectangle of some faces with one grey; near the border it may be cut off."""
    hit = draw.chance(ranges.erase)
    rows = _stripe(draw, longest=ranges.erase_pixels)[:, :, None]
    columns = _stripe(draw, longest=ranges.erase_pixels)[:, None, :]
    covered = (rows & columns & hit[:, None, None])[..., None]
    return tf.where(covered, per_face(draw.between(0, 255)), faces)


def _stripe(draw: Draw, *, longest: int) -> tf.Tensor:
    """Return (n, 48) bool: a stretch of up to `longest` pixels about a random place."""
    middle = draw.between(0, FACE_SIZE)[:, None]
    half = draw.between(0, longest / 2)[:, None]
    return tf.abs(tf.range(FACE_SIZE, dtype=tf.float32) - middle) < half
