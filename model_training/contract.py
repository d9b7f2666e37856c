"""What the shipped ONNX file promises; export writes it into the metadata, serving checks it at load.

Input `faces` (n, 48, 48, 1) float32 in 0..255, any n; output `probabilities` (n, 7) float32, rows
adding up to one, columns in the order of `labels`. Rescaling is inside the graph.
"""

import json

import numpy as np
import numpy.typing as npt

from model_training.faces import FACE_SIZE
from storage.labels import EXPRESSIONS

INPUT_NAME = "faces"
OUTPUT_NAME = "probabilities"
INPUT_RANGE = (0, 255)


def contract_metadata() -> dict[str, str]:
    """Return the metadata that is the same for every model: labels, input and output."""
    face = {
        "name": INPUT_NAME,
        "shape": ["n", FACE_SIZE, FACE_SIZE, 1],
        "layout": "NHWC",
        "dtype": "float32",
        "range": INPUT_RANGE,
        "colour": "grey, full range luma",
        "framing": "as FER-2013: upright, brow to chin, little background",
    }
    answer = {
        "name": OUTPUT_NAME,
        "shape": ["n", len(EXPRESSIONS)],
        "dtype": "float32",
    }
    return {
        "labels": json.dumps(EXPRESSIONS),
        "input": json.dumps(face),
        "range": json.dumps(INPUT_RANGE),
        "normalisation": "inside the graph",
        "output": json.dumps(answer),
    }


def as_input(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return grey pictures (n, 48, 48) as the network's input (n, 48, 48, 1), still 0 to 255."""
    return images[..., None].astype(np.float32)
