"""Cache what teachers say: python -m model_training.teach --models A.keras B.keras --data T.npz --out taught.npz

The file holds, for every labelled face of the data set, the mean of the teachers' probabilities over the
face and its mirror image. `train --teacher taught.npz` lets a network learn from them beside the labels
(distillation): several networks are wiser than each, and one of their answers costs nothing to look up.
"""

import argparse
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from model_training.commands import check_output, run_command
from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.faces import FaceSet
from model_training.runs import load_network
from storage.errors import InputError
from storage.labels import EXPRESSIONS

BATCH = 512


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="model_training.teach", description=__doc__)
    parser.add_argument("--models", type=Path, nargs="+", required=True, help=".keras files")
    parser.add_argument("--data", type=Path, required=True, help="what the student will learn from")
    parser.add_argument("--out", type=Path, required=True, help=".npz file to write")
    options = parser.parse_args(arguments)
    return run_command(lambda: teach_command(options))


def teach_command(options: argparse.Namespace) -> None:
    """Ask every teacher about every face and write the file."""
    check_output(options.out, suffix=".npz")
    teachers = [load_network(path) for path in options.models]
    faces = read_faces(options.data, split="training")
    answers = [ask(teacher, faces.images) for teacher in teachers]
    np.savez(options.out, images=faces.images, probabilities=np.mean(answers, axis=0))
    print(f"{options.out}: {len(faces)} faces, {len(answers)} teachers", flush=True)


def ask(teacher: keras.Model, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the probabilities (n, 7) of a network, its mean over each picture and its mirror image."""
    straight = teacher.predict(as_input(images), batch_size=BATCH, verbose=0)
    mirrored = teacher.predict(as_input(images[:, :, ::-1]), batch_size=BATCH, verbose=0)
    return np.asarray((straight + mirrored) / 2, dtype=np.float32)


def with_teacher(faces: FaceSet, path: Path) -> FaceSet:
    """Return the faces with what a file of `teach` says of them, found by their pixels.

    Raises InputError if the file is no such file, or knows nothing of one of the faces.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, probabilities = arrays["images"], arrays["probabilities"]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: expected the npz file of model_training.teach, got: {error}"
        ) from None
    if probabilities.shape != (len(images), len(EXPRESSIONS)):
        raise InputError(
            f"{path}: expected probabilities of {(len(images), len(EXPRESSIONS))}, "
            f"got {probabilities.shape}"
        )
    row = {image.tobytes(): number for number, image in enumerate(images)}
    rows = [row.get(image.tobytes()) for image in faces.images]
    known = [number for number in rows if number is not None]
    if len(known) < len(rows):
        raise InputError(
            f"{path}: expected an answer for each of {len(rows)} faces, {len(rows) - len(known)} are "
            "missing; make the file again with the --data the student learns from"
        )
    return replace(faces, taught=probabilities[known].astype(np.float32))


if __name__ == "__main__":
    sys.exit(main())
