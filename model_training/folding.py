"""Calibration and logit adjustment put inside a network, so that serving knows of neither."""

from functools import reduce

import keras
import numpy as np

from model_training.calibration import Calibration
from model_training.metrics import Scores
from storage.errors import InputError
from storage.labels import EXPRESSIONS


def fold_calibration(network: keras.Model, calibration: Calibration) -> keras.Model:
    """Divide a network's logits by the temperature, in place; return it, or what the noise floor makes of its answers."""
    fold_temperature(network, calibration.temperature)
    if not calibration.noise_floor:
        return network
    answers = network.output
    power = keras.ops.square(answers)
    weighted = answers * (power / (power + calibration.noise_floor**2))
    # Column by column: ONNX Runtime rounds the sum of a row differently in batches of other sizes.
    columns = [weighted[:, place : place + 1] for place in range(len(EXPRESSIONS))]
    return keras.Model(network.input, weighted / reduce(keras.ops.add, columns))


def fold_temperature(network: keras.Model, temperature: float) -> None:
    """Divide a network's logits by temperature, inside the weights of its last dense layer."""
    layer = _last_dense(network)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])


def fold_adjustment(network: keras.Model, shares: Scores, *, tau: float) -> None:
    """Subtract tau times the logarithm of each class's share (7,) from a network's logits.

    It goes into the bias of the last dense layer; see adjustment.py.
    """
    kernel, bias = _last_dense(network).get_weights()
    adjusted = bias - tau * np.log(shares)
    _last_dense(network).set_weights([kernel, adjusted.astype(bias.dtype)])


def _last_dense(network: keras.Model) -> keras.layers.Dense:
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    if not dense:
        raise InputError("expected a network with a dense layer before softmax, got one without")
    return dense[-1]
