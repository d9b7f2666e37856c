"""dlib's network for face recognition: its shape, and its weights out of dlib's own form of file."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest

from model_training.backbones import BACKBONES, build_backbone
from model_training.dlib_resnet import build_dlib_resnet, load_dlib_weights
from storage.errors import InputError
from tests.model_training.fake_faces import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

REFERENCE = Path(__file__).with_name("dlib_features.npz")
"""What dlib 20.0.1 answers to wave_picture() with made_up_weights(): they replaced those of the convolutions in
dlib_face_recognition_resnet_model_v1.dat; its last layer, which takes 256 averages to 128 numbers, was
replaced by one that passes the first or the last 128 of them on:

    network = dlib.face_recognition_model_v1("made_up.dat")
    first = network.compute_face_descriptor(wave_picture())
    np.savez_compressed("dlib_features.npz", features=np.concatenate([first, last]))
"""
CHANNELS = [(3, 32, 7)] + [
    (before, after, 3)
    for first, channels, blocks in ((32, 32, 3), (32, 64, 4), (64, 128, 3), (128, 256, 4))
    for number in range(blocks)
    for before, after in ((first if number == 0 else channels, channels), (channels, channels))
]
"""(channels in, channels out, width) of the 29 convolutions, in the order of computing."""


def wave_picture() -> npt.NDArray[np.uint8]:
    """Return a picture (150, 150, 3): a wave of another length in each channel."""
    y, x = np.mgrid[0:150, 0:150] / 150
    waves = [np.sin(2 * np.pi * (k * x + (k + 1) * y)) for k in (1, 2, 4)]
    return (127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.uint8)


def made_up_weights() -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Yield, for each convolution, its kernel and bias in one row, and scale and shift in another, as dlib keeps them."""
    rng = np.random.default_rng(29)
    for before, after, width in CHANNELS:
        fan_in = before * width * width
        kernel = rng.normal(0, np.sqrt(2 / fan_in), fan_in * after)
        bias, scale, shift = (
            rng.normal(0, 0.1, after),
            rng.uniform(0.5, 1, after),
            rng.normal(0, 0.1, after),
        )
        rows = np.concatenate([kernel, bias]), np.concatenate([scale, shift])
        yield rows[0].astype(np.float32), rows[1].astype(np.float32)


def _integer(number: int) -> bytes:
    digits = number.to_bytes((max(number, 1).bit_length() + 7) // 8, "little")
    return bytes([len(digits)]) + digits


def _tensor(numbers: npt.NDArray[np.float32]) -> bytes:
    return b"".join(_integer(n) for n in (2, len(numbers), 1, 1, 1)) + numbers.tobytes()


def write_dlib_file(
    path: Path, weights: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
) -> Path:
    """Write the layers with numbers as dlib does, with something between them."""
    layers = (
        b"\x01\x05con_4" + _tensor(convolution) + b"\x01\x02" + b"\x01\x07affine_" + _tensor(affine)
        for convolution, affine in weights
    )
    path.write_bytes(b"\x01\x0dloss_metric_2" + b"\x01\x01".join(layers))
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dlib_file(tmp_path_factory.mktemp("dlib") / "made_up.dat", list(made_up_weights()))


def test_with_weights_of_dlibs_form_it_answers_as_dlib_does(file: Path):
    backbone = BACKBONES["dlib_resnet"]
    network = build_backbone("dlib_resnet", weights=str(file), size=150)

    pictures = wave_picture()[None] * backbone.scale + np.array(backbone.offset)
    features = np.asarray(network(pictures, training=False)).mean(axis=(1, 2))[0]

    with np.load(REFERENCE) as arrays:
        assert features == pytest.approx(arrays["features"], abs=1e-4)
        assert arrays["features"].std() > 0.1


def test_the_network_has_as_many_parameters_as_dlibs_without_its_last_layer(file: Path):
    network = build_dlib_resnet(image_size=150)

    kernels_and_shifts = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    theirs = sum(len(kernel) + len(affine) for kernel, affine in made_up_weights())
    biases = sum(after for _, after, _ in CHANNELS)
    assert kernels_and_shifts == theirs - biases  # a shift follows: a bias adds nothing to it


@pytest.mark.parametrize("size", [104, 150])
def test_the_smallest_picture_and_dlibs_own_leave_an_answer(size: int):
    assert build_dlib_resnet(image_size=size).output_shape[-1] == 256


def test_its_normalisation_is_without_statistics_until_they_are_measured(file: Path):
    network = build_backbone("dlib_resnet", weights=str(file), size=104)
    (first,) = (norm for norm in network.layers if norm.name == "stem_bn")

    _, _, mean, variance = first.get_weights()

    kernel_and_bias, _ = next(made_up_weights())
    assert mean == pytest.approx(-kernel_and_bias[-32:])
    assert variance == pytest.approx(1 - first.epsilon)
    assert not BACKBONES["dlib_resnet"].has_statistics


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04", "no convolution of dlib's in it"),
        (b"\x01\x05con_4", "index out of range"),
        (b"\x01\x05con_4\x01\x02\x84\x01\x00\x00\x00", "a size of 132 bytes"),
        (b"\x01\x05con_4" + _tensor(np.ones(9, np.float32))[:-4], "buffer is smaller"),
        (b"\x01\x05con_4" + _tensor(np.ones(9, np.float32)), "a convolution without scale"),
    ],
)
def test_a_file_of_another_kind_is_refused(content: bytes, reason: str, tmp_path: Path):
    (tmp_path / "other.dat").write_bytes(content)

    with pytest.raises(
        InputError, match=f"expected dlib_face_recognition_resnet.*, got: .*{reason}"
    ):
        build_backbone("dlib_resnet", weights=str(tmp_path / "other.dat"), size=104)


def test_a_network_of_fewer_layers_is_refused(tmp_path: Path):
    path = write_dlib_file(tmp_path / "short.dat", list(made_up_weights())[:-1])

    with pytest.raises(InputError, match=r"got: zip\(\)"):
        load_dlib_weights(build_dlib_resnet(image_size=104), path)


def test_weights_of_imagenet_are_refused_with_what_to_give_instead():
    with pytest.raises(
        InputError, match="has learned faces, not ImageNet; give --weights FILE with"
    ):
        build_backbone("dlib_resnet", weights="imagenet", size=104)


def test_its_own_weights_are_read_back(tmp_path: Path):
    original = build_dlib_resnet(image_size=104)
    original.save_weights(tmp_path / "own.weights.h5")

    found = build_backbone("dlib_resnet", weights=str(tmp_path / "own.weights.h5"), size=104)

    assert _weights_equal(found, original)


def _weights_equal(one: keras.Model, other: keras.Model) -> bool:
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(here, there) for here, there in pairs)
