"""Writing the metadata of an ONNX model that is being made; reading it is model_training.metadata's."""

import onnx


def set_metadata(model: onnx.ModelProto, metadata: dict[str, str]) -> None:
    """Add to or overwrite the metadata of a model."""
    kept = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**kept, **metadata})


def replace_metadata(model: onnx.ModelProto, metadata: dict[str, str]) -> None:
    """Give a model this metadata and no other."""
    del model.metadata_props[:]
    set_metadata(model, metadata)
