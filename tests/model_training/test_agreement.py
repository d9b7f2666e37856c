"""The majority of FER+ annotators, in our words."""

import numpy as np
import pytest

from model_training.agreement import NOBODY, majority_labels
from model_training.readers import VOTE_EMOTIONS
from storage.labels import EXPRESSIONS


def shares(**votes: float) -> np.ndarray:
    return np.array([[votes.get(name, 0) for name in VOTE_EMOTIONS]], np.float32)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("neutral", "neutral"),
        ("happiness", "happy"),
        ("surprise", "surprise"),
        ("sadness", "sad"),
        ("anger", "angry"),
        ("disgust", "disgust"),
        ("fear", "fear"),
    ],
)
def test_their_emotion_becomes_our_expression(theirs: str, ours: str):
    rest = "neutral" if theirs != "neutral" else "fear"

    assert majority_labels(shares(**{theirs: 0.6, rest: 0.4})) == [EXPRESSIONS.index(ours)]


@pytest.mark.parametrize(
    "votes",
    [{"fear": 0.5, "surprise": 0.5}, {"contempt": 0.6, "anger": 0.4}, {}],
    ids=["tie", "contempt", "nobody voted"],
)
def test_no_majority_for_one_of_the_seven_is_none(votes: dict[str, float]):
    assert majority_labels(shares(**votes)) == [NOBODY]


def test_no_faces_have_no_labels():
    assert majority_labels(np.zeros((0, 8), np.float32)).shape == (0,)
