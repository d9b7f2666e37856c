"""Average runs' weights: python -m model_training.average --runs runs/A runs/B --data TRAIN.npz --out runs/NAME

Networks of one architecture that began with common weights (--start-from) lie in one basin: the mean of their
weights is often better than each of them, and costs no more than one to run. A run that is named twice counts twice.
Source: Wortsman et al. 2022, "Model soups". It is scored on the part of the data that all the runs held back, and its
folder is that of a run of one epoch: export takes its best.keras like any other.
"""

import argparse
import csv
import sys
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np

from model_training import metrics
from model_training.commands import run_command
from model_training.contract import as_input
from model_training.faces import FaceSet
from model_training.heldback import held_back_part, may_be_same
from model_training.report import confusion_of
from model_training.runs import (
    BEST_MODEL,
    HISTORY,
    LAST_MODEL,
    RunMeta,
    as_metadata,
    begin_run,
    held_back_by,
    load_network,
    read_meta,
)
from storage.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="model_training.average", description=__doc__)
    parser.add_argument(
        "--runs", type=Path, nargs="+", required=True, help="folders, last one last"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="the runs' --validation, or --data"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the averaged network")
    parser.add_argument(
        "--last", action="store_true", help="take each run's last epoch, not that of the least loss"
    )
    options = parser.parse_args(arguments)
    return run_command(lambda: average_command(options))


def average_command(options: argparse.Namespace) -> None:
    """Write the averaged network and what is known of it; print its score."""
    metas = [read_meta(folder) for folder in options.runs]
    check_same_parts(options.runs, metas)
    name = LAST_MODEL if options.last else BEST_MODEL
    averaged = average([folder / name for folder in options.runs])
    faces = held_back_part(options.data, as_metadata(_surest(metas)))
    started = datetime.now(UTC).isoformat(timespec="seconds")
    names = [folder.name for folder in options.runs]
    begin_run(options.out, {**metas[-1], "started": started, "averaged": names})
    averaged.save(options.out / BEST_MODEL)
    row = score(averaged, faces)
    with (options.out / HISTORY).open("w", newline="", encoding="utf-8") as lines:
        history = csv.DictWriter(lines, row)
        history.writeheader()
        history.writerow(row)
    print(" ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)


def check_same_parts(folders: list[Path], metas: list[RunMeta]) -> None:
    """Raise InputError unless all runs learned from the same faces and held the same back."""
    first = metas[0]
    for folder, meta in zip(folders, metas, strict=True):
        compared: dict[str, tuple[object, object]] = {
            "training": (first["training"], meta["training"]),
            "validation": (held_back_by(first)[0], held_back_by(meta)[0]),
            "seed of the cut": (held_back_by(first)[1], held_back_by(meta)[1]),
        }
        for name, (wanted, found) in compared.items():
            if found != wanted:
                raise InputError(
                    f"{folder}: expected a run with the {name} of {folders[0]}, {wanted}, "
                    f"got {found}; its validation part would not be new to the average"
                )
        if not may_be_same(_surest(metas)["validation"], meta["validation"]):
            raise InputError(
                f"{folder}: expected a run that held the same faces back as the others, it held others back, if as many of "
                "each expression; average runs that had the data in one order"
            )


def _surest(metas: list[RunMeta]) -> RunMeta:
    """Return a run that tells which faces it held back; where none does, one that tells how many."""
    return next((meta for meta in metas if "digest" in meta["validation"]), metas[-1])


def score(network: keras.Model, faces: FaceSet) -> dict[str, float]:
    """Return a line of history: how well a network reads the validation part."""
    probabilities = network.predict(as_input(faces.images), batch_size=256, verbose=0)
    confusion = confusion_of(faces, probabilities)
    return {
        "epoch": 0,
        "val_accuracy": float(metrics.accuracy(confusion)),
        "val_loss": metrics.negative_log_likelihood(faces.labels, probabilities),
        "val_macro_f1": float(metrics.macro_f1(confusion)),
    }


def average(paths: list[Path]) -> keras.Model:
    """Return a network whose weights, statistics of normalisation included, are the mean of others'.

    Raises InputError if a file is missing or holds another architecture than the first.
    """
    networks = [load_network(path) for path in paths]
    weights = [network.get_weights() for network in networks]
    shapes = [[array.shape for array in arrays] for arrays in weights]
    for path, found in zip(paths, shapes, strict=True):
        if found != shapes[0]:
            raise InputError(f"{path}: expected the same architecture as {paths[0]}, got another")
    averaged = networks[0]
    averaged.set_weights([np.mean(arrays, axis=0) for arrays in zip(*weights, strict=True)])
    return averaged


if __name__ == "__main__":
    sys.exit(main())
