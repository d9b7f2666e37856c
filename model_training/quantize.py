"""Make an eight-bit model of an exported one: a quarter of the size, about three times the speed.

python -m model_training.quantize --model FILE.onnx --data TRAIN.npz --out INT8.onnx [--test TEST.npz]

Weights become signed bytes with a scale per channel, those of convolutions rounded so that their errors cancel (rounding.py);
what flows between layers becomes unsigned bytes with scales measured on 512 faces of the training split. Names, shapes and
metadata stay as they were, but for the score of the other numbers; `quantization` in the metadata says what was done. A
processor without VNNI adds pairs of products in 16 bits, which may overflow: --reduce-range gives weights of seven bits for
those.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from model_training.commands import run_command
from model_training.contract import INPUT_NAME, as_input
from model_training.datasets import read_faces
from model_training.faces import FaceSet
from model_training.metadata import read_metadata, score
from model_training.properties import replace_metadata, set_metadata
from model_training.rounding import round_kernels
from storage.errors import InputError
from worker.vision.classifier import Classifier

CALIBRATION_FACES = 512
CALIBRATION_BATCH = 64
LOWEST_AGREEMENT = 0.9
"""Below, something went wrong with the scales: good ones change one face in a hundred."""
LARGEST_OF_SEVEN_BITS, LARGEST_OF_EIGHT_BITS = 64, 127
"""Of weights, either way, as ONNX Runtime scales them."""
QUANTIZED = ("Conv", "MaxPool", "Relu", "Clip", "MatMul", "Gemm")
"""Operators that compute in bytes; averaging and softmax stay in float32."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = parse_arguments(arguments)
    return run_command(lambda: quantize_command(options))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="model_training.quantize", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="ONNX file of export")
    parser.add_argument("--data", type=Path, required=True, help="training data, to measure scales")
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write")
    parser.add_argument(
        "--test", type=Path, help="data whose validation split is scored for the metadata"
    )
    parser.add_argument("--reduce-range", action="store_true", help="seven-bit weights")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of faces (default: 1)")
    return parser.parse_args(arguments)


def quantize_command(options: argparse.Namespace) -> None:
    """Quantize, compare, describe and write; print what came out."""
    original = Classifier(options.model)
    faces = choose_faces(read_faces(options.data, split="training"), seed=options.seed)
    model = quantize(options.model, faces, reduce_range=options.reduce_range)
    method = {
        "format": "QDQ",
        "weights": "int8 per channel",
        "activations": "uint8",
        "reduce_range": options.reduce_range,
        "rounding": "GPTQ, convolutions",
        "calibration": {"source": options.data.name, "n": len(faces)},
    }
    before = read_metadata(options.model)
    before.pop("test", None)  # the score of another model
    replace_metadata(model, before | {"quantization": json.dumps(method)})
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.onnx"
        onnx.save(model, draft)
        quantized = Classifier(draft)
        agreement = measure_agreement(original, quantized, faces)
        if options.test is not None:
            set_metadata(model, {"test": json.dumps(score(quantized, options.test))})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, options.out)
    size = options.out.stat().st_size
    print(f"{options.out}: {size} bytes, answers {agreement:.1%} of {len(faces)} faces as before")
    if not options.reduce_range:
        print("processors without VNNI read fewer faces rightly with it; --reduce-range serves all")


def choose_faces(faces: FaceSet, *, seed: int) -> FaceSet:
    """Return 512 faces by chance, or all where there are fewer."""
    rows = np.random.default_rng(seed).permutation(len(faces))
    return faces.take(rows[:CALIBRATION_FACES])


def quantize(path: Path, faces: FaceSet, *, reduce_range: bool = False) -> onnx.ModelProto:
    """Return the model of a file with eight-bit weights and activations.

    faces: pictures like those it will see; what flows through the network then sets the scales.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared, quantized = Path(folder) / "prepared.onnx", Path(folder) / "quantized.onnx"
        # Folds normalisation into convolutions. The symbolic pass is for transformers.
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantized,
            _Batches(as_input(faces.images)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        model = onnx.load(quantized)
        largest = LARGEST_OF_SEVEN_BITS if reduce_range else LARGEST_OF_EIGHT_BITS
        round_kernels(model, onnx.load(prepared), as_input(faces.images), largest=largest)
        return model


class _Batches(CalibrationDataReader):  # type: ignore[misc]  # no types
    """Hands calibration faces to ONNX Runtime, batch by batch."""

    def __init__(self, faces: npt.NDArray[np.float32]) -> None:
        starts = range(0, len(faces), CALIBRATION_BATCH)
        self._batches = iter([faces[start : start + CALIBRATION_BATCH] for start in starts])

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT_NAME: batch}


def measure_agreement(original: Classifier, quantized: Classifier, faces: FaceSet) -> float:
    """Return the share of faces for which both models give the same expression."""
    answers = [
        model.probabilities(as_input(faces.images)).argmax(1) for model in (original, quantized)
    ]
    agreement = float((answers[0] == answers[1]).mean())
    if agreement < LOWEST_AGREEMENT:
        raise InputError(
            f"expected both models to answer {LOWEST_AGREEMENT:.0%} of the faces alike, they do so "
            f"for {agreement:.1%}; nothing was written. On a processor without VNNI sums of products of "
            "eight-bit weights overflow: --reduce-range makes weights of seven bits"
        )
    return agreement


if __name__ == "__main__":
    sys.exit(main())
