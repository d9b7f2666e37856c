"""Cache what teachers say: python -m model_training.teach --models A.keras B.keras --data T.npz --out taught.npz

The file holds, for every labelled face of the data set, the mean of the teachers' probabilities over the
face and its mirror image. `train --teacher taught.npz` lets a network learn from them beside the labels
(distillation): several networks are wiser than each, and one of their answers costs nothing to look up.
Faces stand there as digests of their pixels, so the file is small and shows nobody. --answers adds the teachers
of an earlier file, each of which counts as much as each of the models. --votes makes of their answers, together with the
votes of FER+, what the label most likely is (posterior.py), fitted on the faces that the models' runs held back (nothing is
known of the teachers of an earlier file). It prints how well the teachers alone read those.
"""

import argparse
import hashlib
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from model_training import metrics
from model_training.calibration import apply_temperature, fit_temperature
from model_training.commands import check_output, run_command
from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.faces import FaceSet
from model_training.heldback import held_back_by_all
from model_training.posterior import fit_posterior, votes_of
from model_training.report import confusion_of
from model_training.runs import as_metadata, load_network, read_meta
from storage.errors import InputError
from storage.labels import EXPRESSIONS

BATCH = 512


@dataclass(frozen=True)
class Answers:
    """What teachers say of faces: the content of a file."""

    digests: npt.NDArray[np.uint64]
    """(n,), of the pixels of each face."""
    probabilities: npt.NDArray[np.float16]
    """(n, 7), the mean of the teachers. Half precision: steps of a thousandth are finer than teachers agree."""
    teachers: int
    """Whose mean it is."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="model_training.teach", description=__doc__)
    parser.add_argument("--models", type=Path, nargs="+", required=True, help=".keras files")
    parser.add_argument(
        "--answers", type=Path, nargs="+", default=[], help=".npz files made before, to count too"
    )
    parser.add_argument(
        "--votes", action="store_true", help="take the votes of FER+ into account, too"
    )
    parser.add_argument("--data", type=Path, required=True, help="what the student will learn from")
    parser.add_argument("--out", type=Path, required=True, help=".npz file to write")
    options = parser.parse_args(arguments)
    return run_command(lambda: teach_command(options))


def teach_command(options: argparse.Namespace) -> None:
    """Ask every teacher about every face and write the file."""
    check_output(options.out, suffix=".npz")
    networks = [load_network(path) for path in options.models]
    faces = read_faces(options.data, split="training")
    earlier = [read_answers(path) for path in options.answers]
    found = [
        find_answers(faces, here, path) for here, path in zip(earlier, options.answers, strict=True)
    ]
    counts = [here.teachers for here in earlier] + [1] * len(networks)
    said = found + [ask(network, faces.images) for network in networks]
    answers: npt.NDArray[np.floating] = np.average(said, axis=0, weights=counts)
    if options.votes:
        answers = told_of_votes(answers, faces, options)
    write_answers(
        options.out, Answers(digests(faces.images), answers.astype(np.float16), sum(counts))
    )
    print(f"{options.out}: {len(faces)} faces, {sum(counts)} teachers", flush=True)


def told_of_votes(
    said: npt.NDArray[np.floating], faces: FaceSet, options: argparse.Namespace
) -> npt.NDArray[np.float64]:
    """Return the probabilities (n, 7) of the faces' labels, given teachers' answers (n, 7) and votes.

    Prints what the answers alone are worth on the faces held back.
    """
    runs = {path: as_metadata(read_meta(path.parent)) for path in options.models}
    held_back = held_back_by_all(runs, options.data, option="--votes")
    here = Answers(digests(faces.images), said.astype(np.float16), 1)
    unlearned = find_answers(held_back, here, options.data)
    posterior = fit_posterior(unlearned, held_back)
    print(worth(held_back, unlearned), flush=True)
    return posterior.probabilities(said, votes_of(faces))


def worth(held_back: FaceSet, answers: npt.NDArray[np.floating]) -> str:
    """Return a line about teachers' answers (n, 7) to faces held back."""
    accuracy = metrics.accuracy(confusion_of(held_back, answers))
    tempered = apply_temperature(answers, fit_temperature(held_back.labels, answers))
    loss = metrics.negative_log_likelihood(held_back.labels, tempered)
    return (
        f"without votes: {accuracy:.4f} of the {len(held_back)} faces held back read rightly, "
        f"negative log-likelihood after a temperature {loss:.4f}"
    )


def ask(teacher: keras.Model, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the probabilities (n, 7) of a network, its mean over each picture and its mirror image."""
    straight = teacher.predict(as_input(images), batch_size=BATCH, verbose=0)
    mirrored = teacher.predict(as_input(images[:, :, ::-1]), batch_size=BATCH, verbose=0)
    return np.asarray((straight + mirrored) / 2, dtype=np.float32)


def digests(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return a number (n,) for each picture that only the same pixels have."""
    found = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(found), dtype="<u8")


def write_answers(path: Path, answers: Answers) -> None:
    """Write a file of answers."""
    np.savez_compressed(
        path,
        digests=answers.digests,
        probabilities=answers.probabilities,
        teachers=np.array(answers.teachers),
    )


def read_answers(path: Path) -> Answers:
    """Return the answers of a file. Raises InputError if it is no such file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            answers = Answers(arrays["digests"], arrays["probabilities"], int(arrays["teachers"]))
    except (ValueError, TypeError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: expected the npz file of model_training.teach, got: {error}"
        ) from None
    wanted = (len(answers.digests), len(EXPRESSIONS))
    if answers.probabilities.shape != wanted:
        raise InputError(
            f"{path}: expected probabilities of {wanted}, got {answers.probabilities.shape}"
        )
    return answers


def find_answers(faces: FaceSet, answers: Answers, path: Path) -> npt.NDArray[np.float32]:
    """Return the probabilities (n, 7) of the faces, found by their pixels.

    path: of the file, for the InputError if it knows nothing of one of the faces.
    """
    row = {int(digest): number for number, digest in enumerate(answers.digests)}
    rows = [row.get(int(digest)) for digest in digests(faces.images)]
    known = [number for number in rows if number is not None]
    if len(known) < len(rows):
        raise InputError(
            f"{path}: expected an answer for each of {len(rows)} faces, {len(rows) - len(known)} are "
            "missing; make the file again with the --data the student learns from"
        )
    return answers.probabilities[known].astype(np.float32)


def with_teacher(faces: FaceSet, path: Path) -> FaceSet:
    """Return the faces with what a file of `teach` says of them.

    Raises InputError if the file is no such file, or knows nothing of one of the faces.
    """
    return replace(faces, taught=find_answers(faces, read_answers(path), path))


if __name__ == "__main__":
    sys.exit(main())
