"""Train an annealed recipe: steps, averaged weights, a checkpoint and a line of history per epoch."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model_training import metrics
from model_training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from model_training.contract import as_input
from model_training.distortion import distorted_batches, epoch_order
from model_training.faces import FaceSet
from model_training.losses import label_loss, vote_loss
from model_training.matching import Batch, Teachers, taught_batches
from model_training.networks import add_vote_head
from model_training.normalisation import with_fused_normalisation
from model_training.pace import Clock, Pace, learning_rate
from model_training.precision import dtype_policy
from model_training.readers import VOTE_EMOTIONS
from model_training.recipes import AnnealedRecipe, Annealing
from model_training.report import confusion_of
from model_training.runs import BEST_MODEL, HISTORY, LAST_MODEL, load_network
from model_training.sharpness import kept, worst_nearby
from model_training.symmetry import begin_symmetric, make_symmetric
from storage.errors import InputError

VALIDATION_BATCH = 256
COLUMNS = (
    "epoch", "accuracy", "loss", "val_accuracy", "val_loss", "val_macro_f1", "learning_rate", "seconds",
)  # fmt: skip
"""Of history.csv; `val_` is scored with the averaged weights, the rest while training."""


@dataclass(frozen=True)
class EpochScores:
    """What one pass over the training data came to, while the weights still moved."""

    loss: float
    accuracy: float
    learning_rate: float
    """At the last step."""
    step: int
    """Steps of the whole run so far."""


def train_annealed(
    recipe: AnnealedRecipe,
    training: FaceSet,
    validation: FaceSet,
    *,
    out: Path,
    seed: int,
    start_from: Path | None = None,
    teachers: Sequence[Teachers] = (),
    resume: bool = False,
    stop_after: int | None = None,
) -> keras.Model:
    """Train to the end of the schedule and return the network with its averaged weights.

    start_from: a .keras file with the weights to begin with, of the same network.
    teachers: asked about the pictures as they are shown, in turn, one per step.
    resume: go on from the checkpoint in `out`, exactly as if the run had never ended.
    stop_after: leave after so many epochs in all, to be resumed; the schedule is not changed by it.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    schedule, learner = recipe.schedule, Learner(recipe, start_from)
    here = _begin(out, learner, resume=resume)
    steps = len(epoch_order(len(training), batch_size=schedule.batch_size, seed=0, epoch=0))
    pace = Pace(schedule, steps_per_epoch=steps, clock=Clock(here.spent_s))
    batches = partial(
        distorted_batches,
        training,
        recipe.augmentation,
        batch_size=schedule.batch_size,
        seed=seed,
    )
    for epoch in _epochs(schedule, pace, start=here, stop_after=stop_after):
        shown = taught_batches(
            batches(epoch=epoch), teachers, share=recipe.augmentation.teacher_share
        )
        scores = learner.learn(shown, pace, step=here.step, steps=steps)
        here = _end_epoch(out, learner, validation, here, scores, pace.clock)
    learner.averaged.save(out / LAST_MODEL)
    return learner.averaged


class Learner:
    """A network that learns, and its averaged twin that is kept."""

    def __init__(self, recipe: AnnealedRecipe, start_from: Path | None = None) -> None:
        """Build both, with the weights of a saved network if one is named; the random seed must be set before."""
        self._schedule = recipe.schedule
        policy = "mixed_bfloat16" if recipe.schedule.mixed_precision else "float32"
        with dtype_policy(policy):
            self._network = with_fused_normalisation(recipe.build())
            self._with_votes = add_vote_head(self._network, emotions=len(VOTE_EMOTIONS))
        with dtype_policy("float32"):
            self.averaged = recipe.build()
        if start_from is not None:
            self._begin_with(start_from)
        if self._schedule.symmetric:
            begin_symmetric(self._network, start_from)
        self.averaged.set_weights(self._network.get_weights())
        self._optimizer = keras.optimizers.SGD(
            learning_rate=0.0, momentum=recipe.schedule.momentum, nesterov=True
        )
        self._optimizer.build(self._with_votes.trainable_variables)
        self._learn_batch = tf.function(self._learn_batch_eagerly)
        self._answer = tf.function(lambda faces: self.averaged(faces, training=False))

    def _begin_with(self, path: Path) -> None:
        """Take over the weights of a saved network. Raises InputError if it is another one."""
        weights = load_network(path).get_weights()
        try:
            self._network.set_weights(weights)
        except ValueError as error:
            raise InputError(
                f"{path}: expected a .keras file of this recipe's network, got: {error}"
            ) from None

    def variables(self) -> list[keras.Variable]:
        """Return everything that changes while learning, in a fixed order."""
        return [
            *self._with_votes.variables,
            *self._optimizer.variables,
            *self.averaged.variables,
        ]

    def learn(self, batches: Iterable[Batch], pace: Pace, *, step: int, steps: int) -> EpochScores:
        """Learn from the batches of one epoch, or as many as the pace leaves time for; at least one.

        step: of the whole run, at the first batch. steps: batches in the epoch.
        """
        bar = keras.utils.Progbar(steps, verbose=1 if sys.stdout.isatty() else 0)
        rate, totals, done = 0.0, np.zeros(2), 0
        for faces, truth, votes in batches:
            progress = pace.progress(step + done)
            if progress >= 1 and done:
                break
            rate = learning_rate(self._schedule, progress)
            totals += self.step(faces, truth, votes, rate=rate, number=step + done)
            done += 1
            loss, accuracy = totals / done
            bar.update(done, [("loss", loss), ("accuracy", accuracy)])
        loss, accuracy = totals / done
        return EpochScores(float(loss), float(accuracy), rate, step + done)

    def step(
        self, faces: tf.Tensor, truth: tf.Tensor, votes: tf.Tensor, *, rate: float, number: int = 0
    ) -> npt.NDArray[np.float32]:
        """Learn from one batch and return (loss over the labels, accuracy); number counts the steps."""
        self._optimizer.learning_rate.assign(rate)
        return self._learn_batch(faces, truth, votes, tf.constant(number)).numpy()

    def _learn_batch_eagerly(
        self, faces: tf.Tensor, truth: tf.Tensor, votes: tf.Tensor, step: tf.Tensor
    ) -> tf.Tensor:
        """Take one step and return (loss over the labels, accuracy)."""
        weights = self._with_votes.trainable_variables
        radius = self._schedule.sharpness_radius
        if radius:
            half = max(1, self._schedule.batch_size // 2)  # enough to see which way is up
            _, _, uphill = self._gradients(faces[:half], truth[:half], votes[:half])
            statistics = self._with_votes.non_trainable_variables
            with worst_nearby(weights, uphill, radius=radius), kept(statistics):
                loss, logits, gradients = self._gradients(faces, truth, votes)
        else:
            loss, logits, gradients = self._gradients(faces, truth, votes)
        decayed = [
            gradient + self._schedule.weight_decay * weight if len(weight.shape) > 1 else gradient
            for gradient, weight in zip(gradients, weights, strict=True)
        ]
        self._optimizer.apply(decayed, weights)
        if self._schedule.symmetric:
            make_symmetric(self._network)
        self._average(step)
        right = tf.equal(tf.argmax(logits, axis=1), tf.argmax(truth, axis=1))
        return tf.stack([loss, tf.reduce_mean(tf.cast(right, tf.float32))])

    def _gradients(
        self, faces: tf.Tensor, truth: tf.Tensor, votes: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Return the loss over the labels, the logits and the gradient of the whole loss by each weight."""
        weights = [weight.value for weight in self._with_votes.trainable_variables]
        with tf.GradientTape() as tape:
            logits, vote_logits = self._with_votes(faces, training=True)
            loss = label_loss(logits, truth, smoothing=self._schedule.label_smoothing)
            total = loss + self._schedule.vote_weight * vote_loss(vote_logits, votes)
        return loss, logits, tape.gradient(total, weights)

    def _average(self, step: tf.Tensor) -> None:
        """Move the averaged weights, and the statistics of normalisation, towards the learned ones.

        The first steps follow faster, so that the untrained weights are soon forgotten.
        """
        step = tf.cast(step, tf.float32)
        decay = tf.minimum(self._schedule.average_decay, (1 + step) / (10 + step))
        for slow, fast in zip(self.averaged.weights, self._network.weights, strict=True):
            slow.assign(slow + (1 - decay) * (fast - slow))

    def predict(self, faces: FaceSet) -> npt.NDArray[np.float32]:
        """Return the probabilities (n, 7) the averaged network gives."""
        parts = [
            self._answer(as_input(faces.images[start : start + VALIDATION_BATCH])).numpy()
            for start in range(0, len(faces), VALIDATION_BATCH)
        ]
        return np.concatenate(parts)


def _begin(out: Path, learner: Learner, *, resume: bool) -> Checkpoint:
    """Return where the run begins or goes on: then the learner is as it was there, and the history ends there."""
    start = read_checkpoint(out, learner.variables()) if resume else Checkpoint.first()
    _cut_history(out / HISTORY, epochs=start.epochs)
    return start


def _epochs(
    schedule: Annealing, pace: Pace, *, start: Checkpoint, stop_after: int | None
) -> Iterator[int]:
    """Yield the numbers of the epochs to do: until the schedule, the budget or stop_after ends."""
    epoch = start.epochs
    while stop_after is None or epoch < stop_after:
        budgeted = schedule.time_budget_minutes is not None
        if pace.progress(0) >= 1 if budgeted else epoch >= schedule.epochs:
            return
        yield epoch
        epoch += 1


def _end_epoch(
    out: Path,
    learner: Learner,
    validation: FaceSet,
    before: Checkpoint,
    scores: EpochScores,
    clock: Clock,
) -> Checkpoint:
    """Validate, and leave a line of history, the model if it is the best, and a checkpoint; return where the run is."""
    answers = learner.predict(validation)
    row = _history_row(before.epochs, scores, validation, answers, seconds=clock.tick())
    _append_history(out / HISTORY, row)
    if row["val_loss"] < before.best_loss:
        learner.averaged.save(out / BEST_MODEL)
    best_loss = min(before.best_loss, row["val_loss"])
    here = Checkpoint(before.epochs + 1, scores.step, clock.tick(), best_loss)
    write_checkpoint(out, here, learner.variables())
    return here


def _history_row(
    epoch: int,
    scores: EpochScores,
    validation: FaceSet,
    probabilities: npt.NDArray[np.float32],
    *,
    seconds: float,
) -> dict[str, float]:
    confusion = confusion_of(validation, probabilities)
    values = (
        epoch,
        scores.accuracy,
        scores.loss,
        float(metrics.accuracy(confusion)),
        metrics.negative_log_likelihood(validation.labels, probabilities),
        float(metrics.macro_f1(confusion)),
        scores.learning_rate,
        round(seconds, 1),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _cut_history(path: Path, *, epochs: int) -> None:
    """Leave the header and the lines of the epochs that the checkpoint knows."""
    lines = path.read_text(encoding="utf-8").splitlines() if epochs else [",".join(COLUMNS)]
    path.write_text("\n".join(lines[: epochs + 1]) + "\n", encoding="utf-8")


def _append_history(path: Path, row: dict[str, float]) -> None:
    """Write a line, and the same on standard output where that is no terminal's bar."""
    with path.open("a", newline="", encoding="utf-8") as lines:
        csv.DictWriter(lines, COLUMNS).writerow(row)
    print(" ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
