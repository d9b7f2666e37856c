"""Teachers that are asked about each picture as the student sees it: moved, degraded, partly covered, blended.

What `teach` keeps is said of the faces as they are, whatever becomes of them afterwards. Asked anew, teachers are as unsure
of a covered face as it deserves, and a student learns to answer as they do everywhere (function matching), not on the
training faces alone, which teachers know. Teachers are exported models, asked side by side between two steps: two of eight
bits add half to a step. (Asked by the pipeline that makes the batches, they and the step left a quarter of two cores idle.)
In turn, one of them per step, they cost that share of it: the cross-entropy is linear in the truth, so over the steps a student
follows the same slope, with more noise. Told the votes, each has a posterior of its own fitted: then a student follows the mean
of these, which differs a little from the one posterior of their mean.
Source: Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent".
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model_training.contract import as_input
from model_training.faces import FaceSet, find_copies
from model_training.heldback import held_back_by_all
from model_training.metadata import read_metadata
from model_training.posterior import Posterior, fit_posterior
from storage.errors import InputError
from worker.vision.classifier import Classifier

Array = npt.NDArray[np.float32]
Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


class Teachers:
    """Exported models, and what their answers and a crowd's votes together say of a label."""

    def __init__(self, models: Sequence[Classifier], told_on: FaceSet | None = None) -> None:
        """Take models that answer alike whatever faces are beside one.

        told_on: faces with votes that no model has learned from, to fit what votes add (posterior.py); None leaves votes aside.
        Raises InputError if these faces have no votes.
        """
        self._models = models
        self._threads = os.cpu_count() or 1
        self._beside = ThreadPoolExecutor(self._threads)
        self._posterior: Posterior | None = None
        if told_on is not None:
            self._posterior = fit_posterior(self._mean(as_input(told_on.images)), told_on)

    def say(self, pictures: Array, votes: Array) -> Array:
        """Return the probabilities (n, 7) of pictures' labels.

        pictures: (n, 48, 48, 1), grey, 0 to 255.  votes: (n, 8), the crowd's shares; only looked at by teachers that are told.
        """
        answers = self._mean(pictures)
        if self._posterior is None:
            return answers
        return self._posterior.probabilities(answers, votes).astype(np.float32)

    def _mean(self, pictures: Array) -> Array:
        parts = np.array_split(pictures, self._threads)  # a model works on one thread
        asked = [(model, part) for model in self._models for part in parts if len(part)]
        answers = self._beside.map(lambda pair: pair[0].probabilities(pair[1]), asked)
        by_model = np.concatenate(list(answers)).reshape(len(self._models), len(pictures), -1)
        return by_model.mean(axis=0)


def taught_batches(
    batches: Iterable[Batch], teachers: Sequence[Teachers], *, share: float
) -> Iterator[Batch]:
    """Yield batches (faces, truth, votes) with a share of their truth left to what teachers say of these very pictures.

    teachers: asked in turn, one per batch; without any the truth stays as it is.
    """
    if not teachers:
        yield from batches
        return
    for (faces, truth, votes), asked in zip(batches, cycle(teachers), strict=False):
        said = asked.say(faces.numpy(), votes.numpy())
        yield faces, (1 - share) * truth + share * said, votes


def read_teachers(
    paths: Sequence[Path], held_back: FaceSet, *, data: Path, votes: bool, in_turn: bool = False
) -> list[Teachers]:
    """Return the teachers of a run: all together, or each on its own, to be asked in turn.

    held_back: the faces it is validated on.  data: where they come from: its --validation, or else its --data.
    What votes add is fitted on all faces that the teachers' runs held back: they may be more than the student's.
    Raises InputError if a model learned from some of the student's, or if votes are wanted and there are none.
    """
    unlearned = held_back_by_all(
        {path: read_metadata(path) for path in paths}, data, option="--match"
    )
    if not find_copies(held_back, of=unlearned).all():
        raise InputError(
            f"--match {paths[0]}: expected models whose runs held the same faces back, or more; they learned from "
            "some of them; give the --cut-seed with which their runs held faces back"
        )
    models = [Classifier(path) for path in paths]
    panels = [[model] for model in models] if in_turn else [models]
    return [Teachers(panel, unlearned if votes else None) for panel in panels]
