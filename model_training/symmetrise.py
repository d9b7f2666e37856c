"""Make a run's network symmetric: python -m model_training.symmetrise --model runs/A/last.keras --data TRAIN --out runs/NAME

Finds for each channel of a compact network the one that sees in mirrored pictures what it sees in pictures, pairs those that
belong together most, and replaces all weights by the mean of both (symmetry.py). What comes out has forgotten a good deal, and
is a beginning for `train --recipe symmetric --start-from runs/NAME/last.keras`.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from model_training.commands import run_command
from model_training.contract import as_input
from model_training.faces import FaceSet
from model_training.networks import CompactNetwork, build_compact_network
from model_training.quantize import choose_faces
from model_training.recipes import ANNEALED
from model_training.restore import training_part
from model_training.runs import LAST_MODEL, RunMeta, begin_run, load_network, read_meta
from model_training.symmetry import make_symmetric, paired_channels
from storage.errors import InputError

BATCH = 128
Pictures = npt.NDArray[np.float32]
Moments = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="model_training.symmetrise", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help=".keras file of a compact run")
    parser.add_argument("--data", type=Path, required=True, help="the run's training data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run to make")
    options = parser.parse_args(arguments)
    return run_command(lambda: symmetrise_command(options))


def symmetrise_command(options: argparse.Namespace) -> None:
    """Read the run and the data, and write the run of the symmetric network."""
    meta = describe_symmetrised(options.model)
    network = load_compact(options.model)
    faces = choose_faces(find_training_part(options.data, meta), seed=1)
    symmetric = symmetrised(network, as_input(faces.images))
    begin_run(options.out, meta)
    symmetric.save(options.out / LAST_MODEL)
    print(f"{options.out / LAST_MODEL}: the weights of {options.model}, made symmetric")


def describe_symmetrised(model: Path) -> RunMeta:
    """Return the meta.json of what is made of a run's model. Raises InputError if it has none."""
    meta = read_meta(model.parent)
    return {
        "recipe": meta["recipe"],
        "settings": meta["settings"],
        "seed": meta["seed"],
        "start_from": model.name,
        "teacher": None,
        "fingerprints": {"start_from": hashlib.sha256(model.read_bytes()).hexdigest()},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "training": meta["training"],
        "validation": meta["validation"],
        "libraries": meta["libraries"],
    }


def find_training_part(data: Path, meta: RunMeta) -> FaceSet:
    """Return the faces that a run learned from. Raises InputError for other data."""
    faces, had = training_part(data, meta), meta["training"]
    if faces.class_counts() != had["classes"]:
        raise InputError(
            f"--data {data}: expected the data of the run, {had['source']} with {had['classes']}, "
            f"got {faces.class_counts()}"
        )
    return faces


def load_compact(path: Path) -> keras.Model:
    """Return the compact network of a file. Raises InputError if it holds none."""
    network, compact = load_network(path), build_compact_network(CompactNetwork())
    if [each.shape for each in network.weights] != [each.shape for each in compact.weights]:
        raise InputError(f"{path}: expected the network of {ANNEALED}, got another")
    return network


def symmetrised(network: keras.Model, pictures: Pictures) -> keras.Model:
    """Return a symmetric network that is near to a compact one.

    pictures: (n, 48, 48, 1), 0 to 255, that tell what its channels see.
    """
    symmetric = keras.models.clone_model(network)
    symmetric.set_weights(network.get_weights())
    likenesses = zip(measure_likeness(network, pictures), paired_channels(network), strict=True)
    reorder_channels(
        symmetric, [pair_up(likeness, paired=paired) for likeness, paired in likenesses]
    )
    make_symmetric(symmetric)
    return symmetric


def reorder_channels(network: keras.Model, orders: Sequence[Order]) -> None:
    """Put the channels of each convolution of a compact network into another order; it answers as before."""
    came, following = np.arange(1), iter(orders)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            go = next(following)
            layer.set_weights([layer.get_weights()[0][:, :, came][..., go]])
            came = go
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([weights[came] for weights in layer.get_weights()])
        elif isinstance(layer, keras.layers.Dense):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel[came], bias])


def measure_likeness(network: keras.Model, pictures: Pictures) -> list[Moments]:
    """Return (channels, channels) for each convolution: how one in pictures and another in mirrored ones correlate.

    The latter are mirrored back.  A channel that is always zero is like none.
    """
    seen = [each.output for each in network.layers if isinstance(each, keras.layers.Activation)]
    look = keras.Model(network.input, seen[:-1])  # the last is softmax
    sums: list[list[Moments]] = []
    for start in range(0, len(pictures), BATCH):
        part = pictures[start : start + BATCH]
        there, back = look.predict_on_batch(part), look.predict_on_batch(part[:, :, ::-1])
        sums.append(
            [_moments(one, other[:, :, ::-1]) for one, other in zip(there, back, strict=True)]
        )
    return [_correlation(np.sum(parts, axis=0)) for parts in zip(*sums, strict=True)]


def _moments(one: Pictures, other: Pictures) -> Moments:
    """Return the second moments (2 c + 1, 2 c + 1) of two sets of c channels and a constant."""
    channels = one.shape[-1]
    both = [part.reshape(-1, channels) for part in (one, other)]
    columns = np.hstack([*both, np.ones((len(both[0]), 1), np.float32)]).astype(np.float64)
    return columns.T @ columns


def _correlation(moments: Moments) -> Moments:
    """Return the correlations (c, c) of one set's channels with the other's, each pair's both ways averaged."""
    moments = moments / moments[-1, -1]
    covariance = (moments - np.outer(moments[-1], moments[-1]))[:-1, :-1]
    spread = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    channels = len(spread) // 2
    crossed = (covariance / np.outer(spread, spread))[:channels, channels:]
    return (crossed + crossed.T) / 2


def pair_up(likeness: Moments, *, paired: int) -> Order:
    """Return the order of channels in which the first `paired` are pairs from both ends, the rest symmetric.

    Greedy: those first that gain most by being a pair instead of partners of themselves.
    """
    own = np.diag(likeness)
    gains = 2 * likeness - own[:, None] - own[None]
    rows, columns = np.tril_indices(len(likeness), k=-1)
    free = np.ones(len(likeness), bool)
    pairs: list[tuple[int, int]] = []
    for place in np.argsort(-gains[rows, columns], kind="stable"):
        pair = (int(rows[place]), int(columns[place]))
        if len(pairs) < paired // 2 and free[list(pair)].all():
            free[list(pair)] = False
            pairs.append(pair)
    ends = [one for one, _ in pairs] + [other for _, other in reversed(pairs)]
    return np.array([*ends, *np.flatnonzero(free)], dtype=np.int64)


if __name__ == "__main__":
    sys.exit(main())
