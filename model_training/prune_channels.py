"""Take whole channels out of a network: the smaller one computes what the large one would without them.

Channels that are added to one another (a residual block's) live and die together: they are one *space*.
Sources: Li et al. 2017, "Pruning Filters for Efficient ConvNets" (criterion l1); Liu et al. 2017, "Learning
Efficient Convolutional Networks through Network Slimming" (criterion scale).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import numpy.typing as npt

from storage.errors import InputError

CRITERIA = ("l1", "scale")
"""What makes a channel matter: how large its kernels are, or what normalisation multiplies it by."""

Rows = npt.NDArray[np.intp]


@dataclass(eq=False)
class Space:
    """The channels of one or more values of a network."""

    width: int
    prunable: bool
    makers: list[keras.Layer] = field(default_factory=list)
    """Convolutions whose kernels make these channels."""
    norms: list[keras.Layer] = field(default_factory=list)
    """Normalisations of these channels."""
    flattened: "Space | None" = None
    """For what Flatten makes: the channels that lie side by side in it."""

    def kept(self, *, keep: float, criterion: str) -> Rows:
        """Return the channels that stay, in their order; at least one."""
        if self.flattened is not None:
            inner = self.flattened.kept(keep=keep, criterion=criterion)
            pixels = np.arange(self.width // self.flattened.width)
            return (pixels[:, None] * self.flattened.width + inner).ravel()
        if not self.prunable:
            return np.arange(self.width)
        order = np.argsort(-self._importance(criterion), kind="stable")
        return np.sort(order[: max(1, round(keep * self.width))])

    def _importance(self, criterion: str) -> npt.NDArray[np.float64]:
        """Return (width,): the sum over all makers (l1), or all normalisations (scale), each of mean 1."""
        if criterion == "l1":
            sizes = [np.abs(layer.get_weights()[0]).sum((0, 1, 2)) for layer in self.makers]
        else:
            sizes = [np.abs(layer.get_weights()[0]) for layer in self.norms]
        if not sizes:
            names = ", ".join(layer.name for layer in self.makers)
            raise InputError(
                f"--criterion scale: expected a normalisation after each convolution, {names} has "
                "none; take --criterion l1"
            )
        return np.sum([size / max(size.mean(), np.finfo(float).tiny) for size in sizes], axis=0)


def prune_network(network: keras.Model, *, keep: float, criterion: str) -> keras.Model:
    """Return a new network with the share `keep` of the channels of every convolution.

    The answer's channels, and those of hidden dense layers, stay. Weights are copies.
    Raises InputError for a network with layers it does not know what to do with.
    """
    spaces = find_spaces(network)

    def kept(value: keras.KerasTensor) -> Rows:
        return spaces[id(value)].kept(keep=keep, criterion=criterion)

    def resized(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if type(layer) is keras.layers.Conv2D:
            config["filters"] = len(kept(layer.output))
        return layer.from_config(config)

    pruned = keras.models.clone_model(network, clone_function=resized)
    for layer in network.layers:
        if layer.weights:
            weights = _cut(layer, came=kept(layer.input), go=kept(layer.output))
            pruned.get_layer(layer.name).set_weights(weights)
    return pruned


def _cut(layer: keras.Layer, *, came: Rows, go: Rows) -> list[npt.NDArray[np.float32]]:
    """Return the weights of a layer for the channels that come in and go out."""
    first, *rest = layer.get_weights()
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return [first[:, :, go], *(bias[go] for bias in rest)]
    if isinstance(layer, keras.layers.Conv2D):
        return [first[:, :, came][..., go], *(bias[go] for bias in rest)]
    if isinstance(layer, keras.layers.Dense):
        return [first[came][:, go], *(bias[go] for bias in rest)]
    return [weight[go] for weight in (first, *rest)]


def find_spaces(network: keras.Model) -> dict[int, Space]:
    """Return the space of every value of a network by the value's id."""
    spaces: dict[int, Space] = {}
    for layer in network.layers:  # in the order they are computed
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        if isinstance(layer, keras.layers.InputLayer):
            space = Space(layer.output.shape[-1], prunable=False)
        elif type(layer) is keras.layers.Conv2D and layer.groups == 1:
            space = Space(layer.filters, prunable=True, makers=[layer])
        elif isinstance(layer, keras.layers.Dense):
            space = Space(layer.units, prunable=False)
        elif isinstance(layer, keras.layers.Flatten):
            within = spaces[id(inputs[0])]
            space = Space(layer.output.shape[-1], prunable=False, flattened=within)
        else:
            _check_channels_pass(layer, inputs)
            space = _united(spaces, [spaces[id(value)] for value in inputs])
        if isinstance(layer, keras.layers.BatchNormalization):
            space.norms.append(layer)
        spaces[id(layer.output)] = space
    return spaces


def _check_channels_pass(layer: keras.Layer, inputs: Sequence[keras.KerasTensor]) -> None:
    """Raise InputError unless each channel of a layer's output comes from the same one of its input."""
    kinds = keras.layers
    single = isinstance(layer, kinds.BatchNormalization | kinds.DepthwiseConv2D) or (
        not layer.weights and len(inputs) == 1
    )
    as_wide = layer.output.shape[-1] == inputs[0].shape[-1]
    if not (as_wide and (single or isinstance(layer, kinds.Add))):
        raise InputError(
            "--model: expected a network of convolutions, normalisations, pooling and sums, whose "
            f"channels can be told apart; got the layer {layer.name} ({type(layer).__name__})"
        )


def _united(spaces: dict[int, Space], members: Sequence[Space]) -> Space:
    """Make one space of several, wherever they are known."""
    one, *others = members
    for other in others:
        if other is one:
            continue
        one.prunable = one.prunable and other.prunable
        one.makers += other.makers
        one.norms += other.norms
        for value, space in spaces.items():
            if space is other:
                spaces[value] = one
            elif space.flattened is other:
                space.flattened = one
    return one
