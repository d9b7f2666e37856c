"""Make a run of an exported model again: python -m model_training.restore --model FILE.onnx --data TRAIN --out runs/NAME

Training can go on from any model with the compact network, also from the one that ships, whose runs nobody has:
`train --start-from runs/NAME/last.keras`, `teach --models runs/NAME/last.keras`. The weights are those of the file
(eight-bit ones as they were rounded), without its calibration and logit adjustment. Normalisation, which export
folded into the convolutions, gets the statistics of faces of the training part.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import onnx
from keras.layers import BatchNormalization
from onnx import numpy_helper

from model_training.adjustment import class_shares
from model_training.commands import run_command
from model_training.contract import as_input
from model_training.datasets import read_faces
from model_training.faces import FaceSet
from model_training.heldback import check_faces, cut_seed, read_parts, was_cut
from model_training.metadata import read_metadata
from model_training.networks import CompactNetwork, build_compact_network
from model_training.normalisation import measure_statistics
from model_training.recipes import ANNEALED
from model_training.runs import LAST_MODEL, RunMeta, begin_run
from storage.errors import InputError

FACES = 2048
"""Whose activations are measured: 295 thousand numbers each, 2.4 GB while it lasts."""
Array = npt.NDArray[np.float32]


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="model_training.restore", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="ONNX file of export or quantize")
    parser.add_argument("--data", type=Path, required=True, help="the run's training data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run to make")
    options = parser.parse_args(arguments)
    return run_command(lambda: restore_command(options))


def restore_command(options: argparse.Namespace) -> None:
    """Read the model and the data, and write the run."""
    metadata = read_metadata(options.model)
    meta = describe_restored(options.model, metadata)
    network = restore_network(options.model, metadata)
    measure_statistics(network, as_input(training_part(options.data, meta).images[:FACES]))
    begin_run(options.out, meta)
    network.save(options.out / LAST_MODEL)
    print(f"{options.out / LAST_MODEL}: the weights of {options.model}")


def describe_restored(model: Path, metadata: Mapping[str, str]) -> RunMeta:
    """Return the meta.json of the run that a model came from, as far as its metadata tells.

    Raises InputError if it says nothing of its run.
    """
    try:
        data = json.loads(metadata["data"])
        return {
            "recipe": metadata["recipe"],
            "settings": json.loads(metadata["settings"]),
            "seed": int(metadata["seed"]),
            "start_from": model.name,
            "teacher": None,
            "fingerprints": {"start_from": hashlib.sha256(model.read_bytes()).hexdigest()},
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "training": data["training"],
            "validation": data["validation"],
            "libraries": json.loads(metadata["libraries"]),
        }
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{model}: expected a model of model_training.export, whose metadata tells its run, got: {error}"
        ) from None


def training_part(data: Path, meta: RunMeta) -> FaceSet:
    """Return the faces that a run learned from: all of the data, or what was left after the cut.

    Raises InputError if what was cut off is not what the run held back.
    """
    if not was_cut(meta["validation"]):
        return read_faces(data, split="training")
    fraction = float(meta["settings"]["schedule"]["validation_fraction"] or 0.0)
    training, held_back = read_parts(
        data, None, fraction=fraction, seed=cut_seed(meta["validation"], meta["seed"])
    )
    check_faces(held_back, meta["validation"], given=f"--data {data}")
    return training


def restore_network(model: Path, metadata: Mapping[str, str]) -> keras.Model:
    """Return the compact network of an ONNX file, with weights as they were before calibration and adjustment.

    Its normalisation passes everything through. Raises InputError if the file holds another network.
    """
    network = build_compact_network(CompactNetwork())
    temperature = float(metadata.get("temperature", 1))
    tau = float(metadata.get("logit_adjustment", 0))
    shares = class_shares(json.loads(metadata["data"])["training"]["classes"])
    try:
        *convolutions, (kernel, bias) = read_weights(onnx.load(model))
        layers = [each for each in network.layers if isinstance(each, keras.layers.Conv2D)]
        norms = [each for each in network.layers if isinstance(each, BatchNormalization)]
        for layer, norm, (weights, shift) in zip(layers, norms, convolutions, strict=True):
            layer.set_weights([weights.transpose(2, 3, 1, 0)])
            ones, zeros = np.ones_like(shift), np.zeros_like(shift)
            norm.set_weights([ones, shift, zeros, ones - norm.epsilon])
        logits = network.get_layer("logits")
        logits.set_weights([kernel * temperature, bias * temperature + tau * np.log(shares)])
    except (ValueError, KeyError) as error:
        raise InputError(
            f"{model}: expected the network of {ANNEALED}, got another: {error}"
        ) from None
    return network


def read_weights(model: onnx.ModelProto) -> Iterator[tuple[Array, Array]]:
    """Yield (kernel, bias) of each convolution, then of the last layer, in the order of computing."""
    values = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    kernel = None
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and set(node.input) <= set(values):
            values[node.output[0]] = _dequantized(node, *(values[name] for name in node.input))
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            kernel = values[node.input[1]]
        if node.op_type in ("Conv", "Gemm", "Add") and kernel is not None:
            yield kernel, values[node.input[-1]]  # the export has MatMul and Add for Gemm
            kernel = None


def _dequantized(node: onnx.NodeProto, numbers: Array, scale: Array, zero: Array) -> Array:
    """Return what DequantizeLinear makes of numbers, whose scales lie along one axis, or of which there is one."""
    axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
    shape = [-1 if place == axis else 1 for place in range(numbers.ndim)]
    steps = numbers.astype(np.float32) - zero.astype(np.float32).reshape(shape)
    return steps * scale.reshape(shape)


if __name__ == "__main__":
    sys.exit(main())
