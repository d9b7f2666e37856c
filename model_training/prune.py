"""Make a network smaller by whole channels, teach it again, and say what it costs and saves.

python -m model_training.prune --model RUN/best.keras --data TRAIN.npz --out runs/pruned
    --keep 1 0.75 0.5 [--epochs 4 | --time-budget MINUTES] [--test TEST.npz]

For each share of channels to keep there comes a run of its own, such as runs/pruned/keep_0.75, whose
best.keras goes to export and quantize as any other. It is trained with the recipe of the given model,
on the same training part, at a lower rate. A table compares accuracy, size and speed (one thread, batches
of 32), in float32 and in eight bits; keep 1 shows what more training alone does.
"""

import argparse
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import onnx

from model_training.annealing import train_annealed
from model_training.commands import check_numbers, run_command
from model_training.contract import as_input, contract_metadata
from model_training.datasets import read_faces
from model_training.evaluate import measure_speed
from model_training.export import convert
from model_training.faces import FaceSet
from model_training.heldback import check_faces, cut_seed, read_parts
from model_training.plots import plot_history
from model_training.properties import set_metadata
from model_training.prune_channels import CRITERIA, prune_network
from model_training.quantize import choose_faces, quantize
from model_training.recipes import ANNEALED, RECIPES, AnnealedRecipe
from model_training.runs import (
    BEST_MODEL,
    CURVES,
    RunMeta,
    begin_run,
    describe_run,
    load_network,
    read_history,
    read_meta,
)
from storage.errors import InputError
from worker.vision.classifier import Classifier

EPOCHS = 4
"""Of new training, where neither --epochs nor --time-budget says otherwise."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    model: str
    parameters: int
    accuracy: float
    int8_accuracy: float
    kilobytes: int
    int8_kilobytes: int
    faces_per_s: int
    int8_faces_per_s: int


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments)
    return run_command(lambda: prune_command(options))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="model_training.prune", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the best.keras of a run")
    parser.add_argument("--data", type=Path, required=True, help="the run's --data")
    parser.add_argument("--validation", type=Path, help="the run's --validation, if it had one")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new runs")
    parser.add_argument(
        "--keep", type=float, nargs="+", required=True, metavar="SHARE", help="of the channels"
    )
    parser.add_argument("--criterion", choices=CRITERIA, default="l1", help="default: l1")
    parser.add_argument("--epochs", type=int, help=f"of new training (default: {EPOCHS})")
    parser.add_argument(
        "--learning-rate", type=float, default=0.02, help="at its highest (default: 0.02)"
    )
    parser.add_argument(
        "--time-budget", type=float, metavar="MINUTES", help="instead of --epochs, for each share"
    )
    parser.add_argument(
        "--test",
        type=Path,
        help="data whose validation split is scored (default: the part held back)",
    )
    return parser.parse_args(arguments)


def prune_command(options: argparse.Namespace) -> None:
    """Make a run for each share and print the table."""
    for share in options.keep:
        if not 0 < share <= 1:
            raise InputError(f"--keep: expected more than 0 and at most 1, got {share}")
    check_numbers(options, whole=("epochs",), positive=("learning_rate", "time_budget"))
    if options.epochs is not None and options.time_budget is not None:
        raise InputError(
            "--epochs: expected no --time-budget beside it, which ends after as many as fit"
        )
    given, meta = load_network(options.model), read_meta(options.model.parent)
    recipe = find_recipe(options, meta)
    training, validation = find_parts(options, meta, fraction=recipe.schedule.validation_fraction)
    test = validation if options.test is None else read_faces(options.test, split="validation")
    rows = [measure("as given", given, training, test)]
    for share in options.keep:
        folder = options.out / f"keep_{share:g}"
        train_pruned(share, recipe, (training, validation), options=options, folder=folder)
        best = load_network(folder / BEST_MODEL)
        rows.append(measure(f"keep {share:g}", best, training, test))
    print(table(rows))


def find_parts(
    options: argparse.Namespace, meta: RunMeta, *, fraction: float
) -> tuple[FaceSet, FaceSet]:
    """Return what the given run learned from and what it held back. Raises InputError for other data."""
    seed = cut_seed(meta["validation"], meta["seed"])
    parts = read_parts(options.data, options.validation, fraction=fraction, seed=seed)
    for had, part in zip((meta["training"], meta["validation"]), parts, strict=True):
        if part.class_counts() != had["classes"]:
            raise InputError(
                f"--data {options.data}: expected the data of the run of {options.model}, {had['source']} with "
                f"{had['classes']}, got {part.class_counts()}; give the --data and --validation it was given"
            )
    check_faces(parts[1], meta["validation"], given=f"--data {options.data}")
    return parts


def find_recipe(options: argparse.Namespace, meta: RunMeta) -> AnnealedRecipe:
    """Return the recipe of the run with the command line's schedule."""
    recipe = RECIPES.get(meta["recipe"])
    if not isinstance(recipe, AnnealedRecipe):
        raise InputError(
            f"{options.model}: expected a run of one of {ANNEALED}, got one of '{meta['recipe']}'"
        )
    schedule = replace(
        recipe.schedule,
        epochs=options.epochs or EPOCHS,
        validation_fraction=float(meta["settings"]["schedule"]["validation_fraction"] or 0),
        learning_rate=options.learning_rate,
        time_budget_minutes=options.time_budget,
        mixed_precision=False,  # the saved network computes in float32, and its copies do
        symmetric=False,  # pairs of channels are pulled apart
    )
    return replace(recipe, schedule=schedule)


def train_pruned(
    share: float,
    recipe: AnnealedRecipe,
    parts: tuple[FaceSet, FaceSet],
    *,
    options: argparse.Namespace,
    folder: Path,
) -> None:
    """Prune, train, and leave the files of a run in a folder."""
    pruned = replace(
        recipe,
        build=lambda: prune_network(
            load_network(options.model), keep=share, criterion=options.criterion
        ),
    )
    given = read_meta(options.model.parent)
    seed = given["seed"]
    described = argparse.Namespace(
        data=options.data,
        validation=options.validation,
        seed=seed,
        cut_seed=cut_seed(given["validation"], seed),
        start_from=options.model,
        teacher=None,
        match=None,
    )
    meta = describe_run(pruned, *parts, options=described)
    meta["settings"]["pruning"] = {"keep": share, "criterion": options.criterion}
    begin_run(folder, meta)
    train_annealed(pruned, *parts, out=folder, seed=seed)
    plot_history(read_history(folder), folder / CURVES)


def measure(name: str, network: keras.Model, training: FaceSet, test: FaceSet) -> Row:
    """Return what a network is worth in float32 and in eight bits."""
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        model = convert(network, plain)
        set_metadata(model, contract_metadata())
        onnx.save(model, plain)
        onnx.save(quantize(plain, choose_faces(training, seed=1), reduce_range=True), small)
        classifiers = [Classifier(path) for path in (plain, small)]
        (right, small_right), (speed, small_speed) = (
            [share_right(classifier, test) for classifier in classifiers],
            [measure_speed(classifier) for classifier in classifiers],
        )
        size, small_size = (path.stat().st_size // 1000 for path in (plain, small))
    return Row(
        model=name,
        parameters=network.count_params(),
        accuracy=right,
        int8_accuracy=small_right,
        kilobytes=size,
        int8_kilobytes=small_size,
        faces_per_s=speed,
        int8_faces_per_s=small_speed,
    )


def share_right(classifier: Classifier, faces: FaceSet) -> float:
    """Return the share of the faces whose label is the likeliest answer."""
    answers = classifier.probabilities(as_input(faces.images)).argmax(axis=1)
    return float((answers == faces.labels).mean())


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    cells = [
        [
            f"{value:.4f}" if isinstance(value, float) else str(value)
            for value in asdict(row).values()
        ]
        for row in rows
    ]
    names = [name.replace("_", " ") for name in asdict(rows[0])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (names, ["---"] * len(names), *cells))


if __name__ == "__main__":
    sys.exit(main())
