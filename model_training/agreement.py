"""What the ten FER+ annotators saw: a second opinion beside the contest's labels.

Source: Barsoum et al. 2016, "Training Deep Networks for Facial Expression Recognition with
Crowd-Sourced Label Distribution".
"""

import numpy as np
import numpy.typing as npt

from model_training.readers import VOTE_EMOTIONS
from storage.labels import EXPRESSIONS

OURS = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprise",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
}
"""Our word for an emotion of FER+. Contempt has none."""

NOBODY = -1


def majority_labels(votes: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """Return (n,) the expression that most annotators saw, or -1 where there is none.

    votes: (n, 8), shares in the order of VOTE_EMOTIONS. There is none where two emotions have equally
    many votes, where contempt has the most, and where nobody voted for an emotion.
    """
    expression_of = np.array(
        [EXPRESSIONS.index(OURS[name]) if name in OURS else NOBODY for name in VOTE_EMOTIONS],
        dtype=np.int8,
    )
    most = votes.max(axis=1, keepdims=True, initial=0)
    alone = (votes == most).sum(axis=1) == 1
    return np.where(alone, expression_of[votes.argmax(axis=1)], NOBODY).astype(np.int8)
