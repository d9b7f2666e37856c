"""Model files as values."""

from pathlib import Path

import pytest

from storage.errors import ModelContractError
from worker.model import load_yunet


def test_a_model_file_that_is_missing_is_named_as_it_was_given() -> None:
    """Symptom: AFFECTLINE_YUNET=/nowhere/yunet.onnx, and the model file 'yunet.onnx' can't be read."""
    with pytest.raises(ModelContractError, match=r"'/nowhere/yunet\.onnx' can't be read"):
        load_yunet(Path("/nowhere/yunet.onnx"))
