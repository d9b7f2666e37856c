"""The three networks of MTCNN: our graphs without weights, completed by the weights of the `mtcnn` wheel.

The graphs are made by `model_training.mtcnn_graphs`; ONNX Runtime joins both when it loads them, so that serving needs no
library that writes ONNX. The package itself is never imported: that would import TensorFlow.
"""

import importlib.util
from pathlib import Path

import joblib
import numpy as np
import numpy.typing as npt

import worker
from storage.errors import ConfigurationError
from worker.vision.onnx_session import OnnxSession

Weights = list[npt.NDArray[np.float32]]

GRAPHS = Path(worker.__file__).parent / "models"
NAMES = ("pnet", "rnet", "onet")
"""Of the networks that propose, refine and confirm."""


def load_network(name: str) -> OnnxSession:
    """Load one of NAMES; `model_training.mtcnn_graphs` says what goes in and comes out.

    Raises ConfigurationError without the weights and ModelContractError if they do not fit.
    """
    weights = {weight_name(index): array for index, array in enumerate(load_weights(name))}
    return OnnxSession(graph_file(name), weights=weights)


def graph_file(name: str) -> Path:
    return GRAPHS / f"mtcnn_{name}.onnx"


def weight_name(index: int) -> str:
    """What a graph calls the array at this place of the wheel's list."""
    return f"weights_{index}"


def load_weights(name: str) -> Weights:
    """A network's arrays in the order and with the axes of Keras. Raises ConfigurationError without the package."""
    return list(joblib.load(weights_folder() / f"{name}.lz4"))


def weights_folder() -> Path:
    """Where the installed mtcnn package keeps its weights. Raises ConfigurationError if it is not installed."""
    spec = importlib.util.find_spec("mtcnn")  # finds a top-level package without importing it
    for folder in (spec.submodule_search_locations or []) if spec else []:
        weights = Path(folder) / "assets" / "weights"
        if weights.is_dir():
            return weights
    raise ConfigurationError("the package mtcnn, which carries the weights, is not installed")
