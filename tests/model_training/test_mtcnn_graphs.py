"""The graphs of MTCNN that serving completes with weights."""

import numpy as np
import pytest

from model_training.mtcnn_graphs import BUILDERS
from storage.errors import ModelContractError
from worker.vision.detectors import mtcnn_networks


@pytest.mark.parametrize("name", mtcnn_networks.NAMES)
def test_the_shipped_graph_is_what_the_command_writes(name: str) -> None:
    assert mtcnn_networks.graph_file(name).read_bytes() == BUILDERS[name]()


@pytest.mark.parametrize("name", mtcnn_networks.NAMES)
def test_the_shipped_graph_holds_no_weights(name: str) -> None:
    weights = mtcnn_networks.load_weights(name)

    assert mtcnn_networks.graph_file(name).stat().st_size < 4_000
    assert sum(array.nbytes for array in weights) > 25_000


@pytest.mark.parametrize("count", [0, 3, 100])
def test_weights_that_do_not_fit_are_an_error(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = [np.zeros((2, 2), np.float32)] * count
    monkeypatch.setattr(mtcnn_networks, "load_weights", lambda _: weights)

    with pytest.raises(ModelContractError, match=r"mtcnn_pnet\.onnx"):
        mtcnn_networks.load_network("pnet")
