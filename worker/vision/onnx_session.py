"""How an ONNX graph is run here: one thread, no spinning, on the CPU."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import onnxruntime

from storage.errors import ModelContractError

Array = npt.NDArray[np.generic]

NO_WEIGHTS: Mapping[str, Array] = MappingProxyType({})


class OnnxSession:
    """A loaded graph. One process uses one core: two threads cost up to 40 % more CPU for the same faces.

    Make it after a fork, never before.
    """

    def __init__(self, model: Path, *, weights: Mapping[str, Array] = NO_WEIGHTS) -> None:
        """Load a graph from a file. Raises ModelContractError if that is impossible.

        weights: constants that the file names and does not hold.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A plan of the memory would be kept for every number of faces and size of picture that comes: 18 MiB, no time gained.
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
        options.add_external_initializers(list(weights), values)
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions have no common base but this
            raise ModelContractError(f"{model} is no model that can be loaded: {error}") from error

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def inputs(self) -> dict[str, tuple[str, list[int | str | None]]]:
        """Name of each input, with its type and its shape as the graph states them."""
        return {arg.name: (arg.type, list(arg.shape)) for arg in self._session.get_inputs()}

    @property
    def outputs(self) -> dict[str, tuple[str, list[int | str | None]]]:
        return {arg.name: (arg.type, list(arg.shape)) for arg in self._session.get_outputs()}

    def run(self, outputs: list[str], **inputs: Array) -> list[npt.NDArray[np.float32]]:
        """Compute the named outputs from the named inputs."""
        return list(self._session.run(outputs, inputs))
