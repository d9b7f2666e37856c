"""A transfer: backbones and their weights, a head first, then the last blocks, resumed exactly."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import numpy.typing as npt
import onnx
import pytest
import tensorflow as tf

from model_training import export, quantize, train
from model_training.annealing import Learner
from model_training.backbones import (
    BACKBONES,
    IMAGENET_MEAN_RGB,
    IMAGENET_STDDEV_RGB,
    Backbone,
    build_backbone,
)
from model_training.checkpoints import CHECKPOINT, POSITION
from model_training.contract import as_input, contract_metadata
from model_training.distortion import distorted_batches
from model_training.heldback import read_parts
from model_training.precision import dtype_policy
from model_training.properties import set_metadata
from model_training.recipes import RECIPES, AnnealedRecipe, Annealing, Distortion, Transfer
from model_training.runs import read_history, read_meta
from model_training.transfer import (
    build_second_stage,
    build_transfer_network,
    train_transfer,
    unfreeze_last_blocks,
)
from storage.errors import InputError
from tests.model_training.fake_faces import KERAS_AND_NUMPY, draw_faces, write_npz
from worker.vision.classifier import Classifier

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

SIZE = 32
TRANSFER = RECIPES["transfer"]


def _build_tiny(size: int, weights: str) -> keras.Model:
    """Build a backbone of two convolutions, of which the last can be unfrozen."""
    pictures = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(4, 3, 4, name="first_conv")(pictures)
    x = keras.layers.BatchNormalization(name="first_bn")(x)
    x = keras.layers.Conv2D(8, 3, activation="relu", name="last_conv")(x)
    return keras.Model(pictures, x, name="tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of 70 faces; while it is used there is a backbone `tiny`."""
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "tiny", Backbone(_build_tiny, ("last",), scale=1 / 255))
        yield write_npz(faces, tmp_path_factory.mktemp("transfer") / "faces")


def _train(data: Path, out: Path, *more: str, recipe: str = "transfer") -> int:
    options = ["--recipe", recipe, "--backbone", "tiny", "--weights", "none"]
    shape = ["--image-size", "32", "--epochs", "2", "--batch-size", "16"]
    return train.main([*options, *shape, "--data", str(data), "--out", str(out), *more])


@pytest.fixture(scope="module")
def whole(data: Path) -> Path:
    """The folder of a run through both stages at once."""
    out = data.parent / "whole"
    assert _train(data, out) == 0
    return out


def _numbers(folder: Path) -> dict[str, npt.NDArray]:
    """Return all that a checkpoint holds but the time, which is never the same twice."""
    with np.load(folder / CHECKPOINT) as arrays:
        numbers = {name: arrays[name] for name in arrays.files}
    position = json.loads(str(numbers.pop(POSITION)))
    return numbers | {"step": position["step"], "best": position["best_loss"]}


def test_a_run_leaves_both_stages_and_says_what_it_began_with(whole: Path):
    head = {path.name for path in (whole / "head").iterdir()}

    assert head == {"best.keras", "history.csv", "meta.json"}
    assert {"best.keras", "history.csv", "curves.png", "meta.json"} <= {
        path.name for path in whole.iterdir()
    }
    assert len(read_history(whole)["epoch"]) == 2
    transfer = read_meta(whole)["settings"]["transfer"]
    assert (transfer["backbone"], transfer["weights"]) == ("tiny", "none")


def test_a_run_left_between_epochs_goes_on_exactly(
    data: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert _train(data, tmp_path / "run", "--stop-after", "1") == 0
    assert "epoch 0 " in capsys.readouterr().out

    assert _train(data, tmp_path / "run", "--resume") == 0

    output = capsys.readouterr().out
    assert "epoch 1 " in output
    assert not {"epoch 0 ", "Epoch 1/"} & set(re.findall(r"[eE]poch \d+.", output))
    expected, found = _numbers(whole), _numbers(tmp_path / "run")
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_a_run_left_in_its_first_stage_reads_its_features_and_ends_alike(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def leave(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model_training.transfer.train_annealed", lambda *_, **__: None)
    parts = read_parts(data, None, fraction=0.1, seed=1)
    recipe = replace(TRANSFER, transfer=Transfer("tiny", "none", SIZE))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("model_training.transfer.fit_head", leave)
        train_transfer(recipe, *parts, out=tmp_path, seed=1)
    assert (tmp_path / "head" / "features.npz").is_file()

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "predict", None)
        train_transfer(recipe, *parts, out=tmp_path, seed=1, resume=True)

    found, expected = (
        keras.saving.load_model(folder / "head" / "best.keras").get_weights()
        for folder in (tmp_path, whole)
    )
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
    assert not (tmp_path / "head" / "features.npz").exists()


def _smallest(name: str) -> Transfer:
    """Return an untrained transfer of a backbone with pictures as small as it takes."""
    return Transfer(name, "none", BACKBONES[name].smallest_size)


@dataclass(frozen=True)
class Stepped:
    """A backbone, untrained at first, after one step of the second stage."""

    name: str
    before: list[npt.NDArray]
    """The weights before the step, in the order of the network's."""
    network: keras.Model


@pytest.fixture(scope="module", params=sorted(BACKBONES))
def stepped(request: pytest.FixtureRequest) -> Iterator[Stepped]:
    name = request.param
    transfer = _smallest(name)
    recipe = AnnealedRecipe(
        "transfer",
        build=lambda: unfreeze_last_blocks(build_transfer_network(transfer), name),
        schedule=Annealing(mixed_precision=False, average_decay=0.0),
    )
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6])
    batches = distorted_batches(faces, Distortion(), batch_size=7, seed=1, epoch=0)
    batch = next(iter(batches))
    learner = Learner(recipe)
    before = learner.averaged.get_weights()
    tf.config.run_functions_eagerly(True)  # one step takes less than to make a graph of it
    try:
        learner.step(*batch, rate=0.01)
    finally:
        tf.config.run_functions_eagerly(False)
    yield Stepped(name, before, learner.averaged)


def test_only_the_last_blocks_and_the_head_learn(stepped: Stepped):
    changed = {
        weight.path.split(f"{stepped.name}/")[-1].split("/")[0]
        for weight, old in zip(stepped.network.weights, stepped.before, strict=True)
        if not np.array_equal(weight, old)
    }

    last = BACKBONES[stepped.name].last_blocks
    convolutions = {
        layer.name
        for layer in stepped.network.get_layer(stepped.name).layers
        if "Conv2D" in type(layer).__name__ and layer.name.startswith(last)
    }
    assert changed == convolutions | {"logits"}


def test_the_recipe_finetune_trains_everything_from_where_the_first_stage_ended(
    data: Path, tmp_path: Path
):
    assert _train(data, tmp_path, "--epochs", "1", recipe="finetune") == 0

    head = tmp_path / "head" / "best.keras"
    begun = build_second_stage(Transfer("tiny", "none", SIZE, whole=True), head)
    first, last = (keras.saving.load_model(p) for p in (head, tmp_path / "last.keras"))
    faces = as_input(draw_faces([0, 5]).images)
    assert np.allclose(begun.predict(faces), first.predict(faces), atol=1e-6)
    assert len(begun.trainable_weights) == 8  # two kernels and biases, normalisation, the head
    pairs = zip(begun.weights, last.get_weights(), strict=True)
    assert not [weight.path for weight, now in pairs if np.array_equal(weight, now)]


def test_finetune_computes_in_the_numbers_that_are_asked_for(data: Path, whole: Path):
    """Layers that come out of a file compute in those they were saved with: the recipe transfer refuses others."""
    head = whole / "head" / "best.keras"
    with dtype_policy("mixed_bfloat16"):
        network = build_second_stage(Transfer("tiny", "none", SIZE, whole=True), head)

    layers = network.get_layer("tiny").layers[1:]
    assert {layer.compute_dtype for layer in layers} == {"bfloat16"}
    assert network.get_layer("logits").compute_dtype == "float32"


def test_a_backbone_without_statistics_gets_those_of_the_faces_before_the_first_stage(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folded = replace(BACKBONES["tiny"], has_statistics=False)
    monkeypatch.setitem(BACKBONES, "tiny", folded)

    assert _train(data, tmp_path, "--epochs", "1", recipe="finetune") == 0

    first = keras.saving.load_model(tmp_path / "head" / "best.keras").get_layer("tiny")
    _, _, mean, variance = first.get_layer("first_bn").get_weights()
    assert np.abs(mean).min() > 0
    assert np.abs(variance - 1).min() > 1e-3


FIRST_BLOCKS = {
    "vgg16": "block2_pool",
    "resnet50": "conv3_block1_out",
    "efficientnetb0": "block3a_project_bn",
    "efficientnet_lite0": "block3a_project_bn",
    "dlib_resnet": "block2b_relu",
}
"""The layers up to these hold all kinds there are; to convert the whole takes many seconds."""


@pytest.fixture(scope="module", params=FIRST_BLOCKS)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[keras.Model, Path]:
    """A network with the first blocks of a backbone, and its ONNX file."""
    name = request.param
    keras.utils.set_random_seed(2)

    def build(size: int, weights: str) -> keras.Model:
        whole = backbone.build(size, weights)
        return keras.Model(whole.input, whole.get_layer(FIRST_BLOCKS[name]).output, name=name)

    backbone = BACKBONES[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, name, replace(backbone, build=build))
        network = build_transfer_network(_smallest(name))
    path = tmp_path_factory.mktemp("exported") / f"{name}.onnx"
    model = export.convert(network, path)
    set_metadata(model, contract_metadata())
    onnx.save(model, path)
    return network, path


def test_onnx_answers_like_keras(exported: tuple[keras.Model, Path]):
    network, path = exported

    assert export.measure_parity(network, Classifier(path)) <= 1e-4


def test_every_convolution_can_be_quantized(exported: tuple[keras.Model, Path], tmp_path: Path):
    """With weights of seven bits: those of eight overflow where the tests run without VNNI."""
    _, path = exported
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6] * 2)

    model = quantize.quantize(path, faces, reduce_range=True)

    onnx.save(model, tmp_path / "int8.onnx")
    before, after = (
        Classifier(each).probabilities(as_input(faces.images))
        for each in (path, tmp_path / "int8.onnx")
    )
    # Not the likeliest answers: those of networks with random weights are so nearly alike that rounding decides.
    assert np.abs(after - before).max() < 0.05
    made = {node.output[0]: node.op_type for node in model.graph.node}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert {made[node.input[1]] for node in convolutions} == {"DequantizeLinear"}


def test_in_the_first_stage_only_the_head_can_learn():
    network = build_transfer_network(Transfer(weights="none", image_size=SIZE))

    assert [weight.path for weight in network.trainable_weights] == ["logits/kernel", "logits/bias"]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("vgg16", keras.applications.vgg16),
        ("resnet50", keras.applications.resnet50),
        ("efficientnetb0", keras.applications.efficientnet),
    ],
)
def test_faces_are_prepared_as_the_family_prepares_its_pictures(name: str, family: ModuleType):
    faces = as_input(draw_faces([0, 5]).images)
    backbone = BACKBONES[name]

    prepared = np.repeat(faces, 3, axis=-1) * backbone.scale + np.array(backbone.offset)

    expected = family.preprocess_input(np.repeat(faces, 3, axis=-1))
    assert prepared == pytest.approx(expected, abs=1e-4)


def test_a_file_of_weights_is_taken_as_it_is(tmp_path: Path):
    original = build_backbone("efficientnet_lite0", weights="none", size=SIZE)
    original.save_weights(tmp_path / "own.weights.h5")

    found = build_backbone(
        "efficientnet_lite0", weights=str(tmp_path / "own.weights.h5"), size=SIZE
    )

    pairs = zip(found.get_weights(), original.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_copy_of_the_download_sees_what_the_download_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    copy = str(tmp_path / "copy.weights.h5")
    shape = (SIZE, SIZE, 3)
    keras.applications.EfficientNetB0(
        weights=None, include_top=False, input_shape=shape
    ).save_weights(copy)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: copy)
    picture = 255 * np.random.default_rng(1).random((1, *shape), np.float32)

    def stem(weights: str) -> npt.NDArray:
        backbone = build_backbone("efficientnetb0", weights=weights, size=SIZE)
        return np.asarray(
            keras.Model(backbone.input, backbone.get_layer("stem_conv").output)(picture)
        )

    assert stem(copy) == pytest.approx(stem("imagenet"), rel=1e-3, abs=1e-5)


def test_weights_set_afterwards_see_what_they_have_learned_from(tmp_path: Path):
    """Symptom: the second stage of finetune showed EfficientNetB0 pictures that were not scaled as ImageNet's."""
    shape, copy = (SIZE, SIZE, 3), str(tmp_path / "copy.weights.h5")
    learned = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=shape)
    [numbers] = [each for each in learned.layers if isinstance(each, keras.layers.Normalization)]
    # As in the file of ImageNet's weights, where deviations stand for variances (TensorFlow issue 49930).
    numbers.set_weights([np.array(IMAGENET_MEAN_RGB), np.array(IMAGENET_STDDEV_RGB), np.array(0)])
    learned.save_weights(copy)
    picture = 255 * np.random.default_rng(1).random((1, *shape), np.float32)
    read, empty = (
        build_backbone("efficientnetb0", weights=each, size=SIZE) for each in (copy, "none")
    )

    empty.set_weights(read.get_weights())

    stems = [
        np.asarray(keras.Model(each.input, each.get_layer("stem_conv").output)(picture))
        for each in (read, empty)
    ]
    assert stems[1] == pytest.approx(stems[0], rel=1e-3, abs=1e-5)


def test_a_download_that_fails_names_the_option(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail(*_: object, **__: object) -> None:
        raise Exception("URL fetch failure on somewhere: no route")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", fail)

    code = _train(data, tmp_path / "run", "--backbone", "vgg16", "--weights", "imagenet")

    error = capsys.readouterr().err
    assert code == 2
    assert "--weights imagenet: expected to download the weights of vgg16 once, got: URL" in error
    assert "give --weights FILE" in error


def test_weights_of_another_network_are_refused(tmp_path: Path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(
        tmp_path / "small.weights.h5"
    )

    with pytest.raises(InputError, match="expected the weights of vgg16 without its top, got: "):
        build_backbone("vgg16", weights=str(tmp_path / "small.weights.h5"), size=SIZE)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--backbone", "alexnet"], "--backbone: expected one of vgg16, resnet50, efficientnetb0"),
        (["--image-size", "31"], "--image-size: expected 32 or more for tiny, got 31"),
        (
            ["--precision", "bfloat16"],
            "--precision: expected float32 for a transfer of last blocks",
        ),
        (["--weights", "none.h5"], "--weights: expected imagenet, none or a file, found no file"),
        (
            ["--start-from", "a.keras"],
            "--start-from: expected one of compact, polish, distil, flat, symmetric, symmetric_polish, symmetric_distil (a",
        ),
        (
            ["--recipe", "compact"],
            "--backbone: expected the recipe transfer or finetune, got 'compact'",
        ),
    ],
)
def test_bad_options_end_with_one_line_and_code_2(
    more: list[str], message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    code = _train(data, tmp_path / "run", *more)

    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
