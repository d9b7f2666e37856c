"""What video does to faces: compressed, coarse, out of focus, grainy, dim. Each hits some of a batch.

Training on them keeps a model's answers when a detector hands it a face from a bad recording.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model_training.chance import Draw, per_face
from model_training.faces import FACE_SIZE
from model_training.recipes import Distortion

BLOCK = 8
"""Side of the blocks that JPEG and most video codecs transform."""

LUMINANCE_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
"""Quantisation of luminance at quality 50: ITU-T T.81, table K.1."""

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype(np.float32) / 256
"""A blur near a Gaussian's of one pixel."""


def degrade(faces: tf.Tensor, ranges: Distortion, draw: Draw) -> tf.Tensor:
    """Return a batch (n, 48, 48, 1), 0 to 255, of which each loss has hit its share."""
    losses = (
        (ranges.compression, _compressed),
        (ranges.low_resolution, _coarse),
        (ranges.blur, _blurred),
        (ranges.dim, _dimmed),
        (ranges.grain, _grainy),
    )
    for share, loss in losses:
        hit = per_face(draw.chance(share))
        faces = tf.where(hit, loss(faces, draw), faces)
    return tf.clip_by_value(faces, 0, 255)


def _compressed(faces: tf.Tensor, draw: Draw) -> tf.Tensor:
    """Quantise the cosine transform of each block, as JPEG at a quality of about 10 to 50."""
    cosine = tf.constant(cosine_transform())
    side = FACE_SIZE // BLOCK
    blocks = tf.reshape(faces - 128, [-1, side, BLOCK, side, BLOCK])
    waves = tf.einsum("ui,naibj,vj->naubv", cosine, blocks, cosine)
    coarser = draw.between(1, 5)[:, None, None, None, None]
    steps = tf.constant(LUMINANCE_STEPS)[None, None, :, None, :] * coarser
    waves = tf.round(waves / steps) * steps
    blocks = tf.einsum("ui,naubv,vj->naibj", cosine, waves, cosine)
    return tf.reshape(blocks, tf.shape(faces)) + 128


def cosine_transform() -> npt.NDArray[np.float32]:
    """Return the matrix (8, 8) of the orthonormal type II discrete cosine transform."""
    wave, place = np.mgrid[:BLOCK, :BLOCK]
    matrix = np.sqrt(2 / BLOCK) * np.cos(np.pi * wave * (2 * place + 1) / (2 * BLOCK))
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def _coarse(faces: tf.Tensor, draw: Draw) -> tf.Tensor:
    """See a face at a half or a third of the resolution: 24 or 16 pixels."""
    half, third = (
        tf.image.resize(tf.nn.avg_pool2d(faces, by, by, "VALID"), [FACE_SIZE, FACE_SIZE])
        for by in (2, 3)
    )
    return tf.where(per_face(draw.chance(0.5)), half, third)


def _blurred(faces: tf.Tensor, draw: Draw) -> tf.Tensor:
    """Blur by one pixel, or twice by that; beyond the border the edge is mirrored."""
    once = _blur(faces)
    return tf.where(per_face(draw.chance(0.5)), once, _blur(once))


def _blur(faces: tf.Tensor) -> tf.Tensor:
    padded = tf.pad(faces, [[0, 0], [2, 2], [2, 2], [0, 0]], "SYMMETRIC")
    return tf.nn.conv2d(padded, BINOMIAL[:, :, None, None], 1, "VALID")


def _dimmed(faces: tf.Tensor, draw: Draw) -> tf.Tensor:
    """Leave a fifth to seven tenths of the light."""
    return faces * per_face(draw.between(0.2, 0.7))


def _grainy(faces: tf.Tensor, draw: Draw) -> tf.Tensor:
    """Add noise with a standard deviation of up to 12 of 255."""
    return faces + draw.grain(FACE_SIZE) * per_face(draw.between(0, 12))
