"""Turn a trained model into the ONNX file that serving loads.

python -m model_training.export --model RUN/best.keras --out FILE.onnx
    [--calibrate TRAIN.npz | --calibrated-as OTHER.onnx] [--logit-adjustment TAU] [--test TEST.npz]

The file carries its contract in its metadata (see contract.py) and how it came about: recipe,
version, data, accuracy. It is written only if ONNX Runtime and Keras agree to within 1e-4 on the
same faces. --calibrate fits a temperature and a noise floor (calibration.py) on the validation part of the run, cut again
from the data it was trained on, and folds them into the graph; it also chooses there the confidence under
which the product says "uncertain" (`uncertain_below` in the metadata, see selective.py). --calibrated-as takes
all three from another model: that of a run with the same recipe, which held faces back that this one has learned from.
--logit-adjustment favours rare expressions (see adjustment.py). --test writes the score over that
data into the metadata, beside the validation score of the run.
"""

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import onnx

from model_training import metrics
from model_training.adjustment import class_shares
from model_training.calibration import apply_calibration, fit_calibration, stated_calibration
from model_training.commands import run_command
from model_training.contract import INPUT_NAME, OUTPUT_NAME, as_input, contract_metadata
from model_training.faces import FACE_SIZE, FaceSet
from model_training.folding import fold_adjustment, fold_calibration
from model_training.heldback import held_back_part
from model_training.metadata import read_metadata, score
from model_training.properties import set_metadata
from model_training.report import confusion_of
from model_training.runs import RunMeta, epoch_of, load_network, read_history, read_meta
from model_training.selective import WANTED_ACCURACY, choose_threshold
from storage.errors import InputError
from worker.vision.classifier import Classifier

OPSET = 17
MAX_PARITY_DIFFERENCE = 1e-4
PARITY_FACES = 64


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments)
    return run_command(lambda: export_command(options))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="model_training.export", description=__doc__)
    parser.add_argument(
        "--model", type=Path, required=True, help="best.keras or last.keras of a run"
    )
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write")
    parser.add_argument(
        "--calibrate", type=Path, metavar="DATA", help="the run's --validation, or else its --data"
    )
    parser.add_argument(
        "--calibrated-as", type=Path, metavar="OTHER.onnx", help="a model of the same recipe"
    )
    parser.add_argument(
        "--logit-adjustment", type=float, default=0.0, metavar="TAU", help="0, the default: none"
    )
    parser.add_argument(
        "--test", type=Path, help="data whose validation split is scored for the metadata"
    )
    return parser.parse_args(arguments)


def export_command(options: argparse.Namespace) -> None:
    """Convert, check parity, describe and write; print what came out."""
    if options.calibrate is not None and options.calibrated_as is not None:
        raise InputError("--calibrated-as: expected no --calibrate beside it, which does the same")
    network = load_network(options.model)
    meta = read_meta(options.model.parent)
    origin = history_metadata(meta, options.model)
    if options.logit_adjustment:
        shares = class_shares(meta["training"]["classes"])
        fold_adjustment(network, shares, tau=options.logit_adjustment)
        origin |= {"logit_adjustment": str(options.logit_adjustment)}
        if options.calibrate is None:
            del origin["accuracy"]  # that of the run, whose network answers otherwise
    if options.calibrate is not None:
        origin |= calibrate(network, held_back_part(options.calibrate, origin), origin)
    if options.calibrated_as is not None:
        origin |= calibrate_as(options.calibrated_as, tau=options.logit_adjustment)
    calibration = stated_calibration(origin)
    if calibration is not None:
        network = fold_calibration(network, calibration)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.onnx"
        model = convert(network, draft)
        set_metadata(model, {**contract_metadata(), **origin})
        onnx.save(model, draft)
        difference = measure_parity(network, Classifier(draft))
        if options.test is not None:
            set_metadata(model, {"test": json.dumps(score(Classifier(draft), options.test))})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, options.out)
    size = options.out.stat().st_size
    print(f"{options.out}: {size} bytes, differs from Keras by at most {difference:.1e}")


def calibrate(network: keras.Model, faces: FaceSet, origin: Mapping[str, str]) -> dict[str, str]:
    """Return the calibration that a network needs, a threshold and the accuracy, all of these faces, as metadata.

    origin: the metadata of the run, whose accuracy is another if the network has been adjusted since.
    """
    probabilities = network.predict(as_input(faces.images), batch_size=256, verbose=0)
    fitted = fit_calibration(faces.labels, probabilities)
    stated = {
        "temperature": f"{fitted.temperature:.4f}",
        "noise_floor": f"{fitted.noise_floor:.2f}",
    }
    print(
        f"temperature {fitted.temperature:.4f}, noise floor {fitted.noise_floor:.2f}, fitted on the validation part"
    )
    calibrated = apply_calibration(probabilities, fitted)
    accuracy = round(float(metrics.accuracy(confusion_of(faces, probabilities))), 4)
    return {
        **stated,
        "accuracy": json.dumps({**json.loads(origin["accuracy"]), "accuracy": accuracy}),
        **threshold_metadata(faces, calibrated),
    }


def calibrate_as(other: Path, *, tau: float) -> dict[str, str]:
    """Return another model's calibration and threshold as metadata.

    tau: of the logit adjustment of the network they are for.
    Raises InputError if the other model has no calibration, or was fitted with another adjustment.
    """
    stated = read_metadata(other)
    if "temperature" not in stated:
        raise InputError(
            f"--calibrated-as {other}: expected a model of export --calibrate, got one without temperature"
        )
    if float(stated.get("logit_adjustment", 0)) != tau:
        raise InputError(
            f"--calibrated-as {other}: expected a model with --logit-adjustment {tau}, got "
            f"{stated.get('logit_adjustment', 0)}"
        )
    taken = ("temperature", "noise_floor", "uncertain_below", "uncertain_choice")
    return {
        **{name: stated[name] for name in taken if name in stated},
        "calibrated_as": stated.get("version", other.name),
    }


def threshold_metadata(faces: FaceSet, probabilities: npt.ArrayLike) -> dict[str, str]:
    """Return the confidence below which an answer is uncertain, and how it was chosen; empty if none does."""
    kept = choose_threshold(faces.labels, probabilities)
    if kept is None:
        print(f"no confidence leaves {WANTED_ACCURACY:.0%} right: no threshold is stated")
        return {}
    print(
        f"uncertain below {kept.threshold:.2f}: of the validation part {kept.share:.1%} are kept, "
        f"{kept.accuracy:.1%} of them right"
    )
    choice = {
        "wanted_accuracy": WANTED_ACCURACY,
        "share_kept": round(kept.share, 4),
        "accuracy_of_kept": round(kept.accuracy, 4),
        "n": len(faces),
    }
    return {"uncertain_below": f"{kept.threshold:.2f}", "uncertain_choice": json.dumps(choice)}


def convert(network: keras.Model, draft: Path) -> onnx.ModelProto:
    """Return the network as an ONNX graph with the contract's names, for any number of faces.

    draft: a file that may be written on the way.
    """
    network(as_input(parity_faces()[:1]))  # Keras exports no model that was never called
    with warnings.catch_warnings():
        # Keras asks numpy for `np.object` to see whether it must put it back for tf2onnx.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        network.export(draft, format="onnx", opset_version=OPSET, verbose=False)
    model = onnx.load(draft)
    graph = model.graph
    for value, name in ((graph.input[0], INPUT_NAME), (graph.output[0], OUTPUT_NAME)):
        _rename(graph, old=value.name, new=name)
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.checker.check_model(model, full_check=True)
    return model


def _rename(graph: onnx.GraphProto, *, old: str, new: str) -> None:
    """Rename a value wherever the graph speaks of it."""
    for value in (*graph.input, *graph.output):
        if value.name == old:
            value.name = new
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def history_metadata(meta: RunMeta, model: Path) -> dict[str, str]:
    """Return how a model, in the folder of its run, came about, as strings; what has parts is JSON."""
    history = read_history(model.parent)
    epoch = epoch_of(model, history)
    data = {"training": meta["training"], "validation": meta["validation"]}
    validation = {
        "data": meta["validation"]["source"],
        "n": meta["validation"]["n"],
        "accuracy": round(history["val_accuracy"][epoch], 4),
        "epoch": epoch + 1,
    }
    averaged = {"averaged": ", ".join(meta["averaged"])} if "averaged" in meta else {}
    return {
        **averaged,
        "recipe": meta["recipe"],
        "settings": json.dumps(meta["settings"]),
        "seed": str(meta["seed"]),
        "version": f"{meta['recipe']}-{meta['started'][:10]}",
        "data": json.dumps(data),
        "accuracy": json.dumps(validation),
        "libraries": json.dumps(meta["libraries"]),
        "meaning": "apparent facial expression, not feelings",
    }


def measure_parity(network: keras.Model, classifier: Classifier) -> float:
    """Return the largest difference between Keras and ONNX Runtime over faces of noise.

    Raises InputError if it is above MAX_PARITY_DIFFERENCE.
    """
    faces = as_input(parity_faces())
    expected = np.asarray(network(faces, training=False))
    difference = float(np.abs(expected - classifier.probabilities(faces)).max())
    if not difference <= MAX_PARITY_DIFFERENCE:
        raise InputError(
            f"expected Keras and ONNX Runtime to agree to within {MAX_PARITY_DIFFERENCE}, they "
            f"differ by {difference:.1e}; nothing was written"
        )
    return difference


def parity_faces() -> npt.NDArray[np.uint8]:
    """Return pictures (64, 48, 48) from flat to noisy: small and large values for every layer."""
    rng = np.random.default_rng(0)
    contrast = np.linspace(0, 255, PARITY_FACES)[:, None, None]
    noise = rng.random((PARITY_FACES, FACE_SIZE, FACE_SIZE)) * contrast
    return noise.astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main())
