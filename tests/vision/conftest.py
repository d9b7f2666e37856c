"""Media, models and a whole run of the pipeline, for the tests of worker.vision."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from storage.errors import PlanMismatch
from storage.labels import EXPRESSIONS
from storage.records import Detector, JobOptions, MediaPlan, SegmentObservations
from worker.vision.pipeline import Pipeline
from worker.vision.probe import plan_medium

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Find a file or folder of the material beside the repository; a test that needs it is skipped where it is absent."""

    def find(relative: str) -> Path:
        path = SHARED / relative
        if not path.exists():
            pytest.skip(f"the shared material {relative} is not here")
        return path

    return find


def no_progress(done: int, total: int) -> None:
    """Where a test does not care."""


@contextmanager
def descriptor(file: Path) -> Iterator[int]:
    fd = os.open(file, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def holding(content: bytes) -> Iterator[int]:
    """A descriptor of a file with this content."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.fileno()


def planned(
    file: Path,
    *,
    sample_fps: float | None = None,
    detect_every: int = 1,
    segment_target_us: int = 10_000_000,
    full_decode: bool = False,
) -> MediaPlan:
    """Plan a file."""
    with descriptor(file) as fd:
        return plan_medium(
            fd,
            JobOptions(sample_fps=sample_fps, detect_every=detect_every),
            segment_target_us=segment_target_us,
            full_decode=full_decode,
            progress=no_progress,
        )


def planned_pts(plan: MediaPlan) -> list[int]:
    """The frame list of a plan, its segments joined."""
    return [pts for segment in plan.segments for pts in segment.pts]


def observed(
    file: Path,
    pipeline: Pipeline,
    *,
    sample_fps: float | None = None,
    detect_every: int = 8,
    segment_target_us: int = 10_000_000,
) -> SegmentObservations:
    """Plan and analyse a file as the engine does: a plan that decoding contradicts is made again by decoding everything."""
    options = JobOptions(sample_fps=sample_fps, detect_every=detect_every)
    chosen: Any = {"sample_fps": sample_fps, "detect_every": detect_every}
    plan = planned(file, segment_target_us=segment_target_us, **chosen)
    try:
        return analysed(file, pipeline, plan, options)
    except PlanMismatch:
        return analysed(file, pipeline, planned(file, full_decode=True, **chosen), options)


def analysed(
    file: Path, pipeline: Pipeline, plan: MediaPlan, options: JobOptions
) -> SegmentObservations:
    """All segments of a plan, their rows joined."""
    with descriptor(file) as fd:
        parts = [
            pipeline.analyse(fd, options, plan.media, segment, progress=no_progress)
            for segment in plan.segments
        ]
    return SegmentObservations(
        [row for part in parts for row in part.frames],
        [row for part in parts for row in part.faces],
    )


def write_classifier(
    file: Path,
    *,
    labels: str = json.dumps(EXPRESSIONS),
    face_size: int = 48,
    classes: int = 7,
    input_name: str = "faces",
    uncertain_below: str | None = None,
) -> Path:
    """A tiny classifier with the real one's contract: a dense layer on a coarsely pooled picture, weights by chance."""
    random = np.random.default_rng(7)
    pooled = face_size // 8
    weights = random.normal(0, 0.003, (pooled * pooled, classes)).astype(np.float32)
    nodes = [
        helper.make_node("Transpose", [input_name], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]
        ),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    faces = helper.make_tensor_value_info(
        input_name, TensorProto.FLOAT, ["n", face_size, face_size, 1]
    )
    probabilities = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, ["n", classes]
    )
    graph = helper.make_graph(
        nodes,
        "tiny_classifier",
        [faces],
        [probabilities],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    stated = {} if uncertain_below is None else {"uncertain_below": uncertain_below}
    helper.set_model_props(model, {"labels": labels} | stated)
    onnx.save(model, str(file))
    return file


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier file that is quick and keeps the contract; its opinions mean nothing."""
    return write_classifier(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def shipped_model() -> Path:
    """The classifier Affectline ships."""
    return REPOSITORY / "worker" / "models" / "expression.onnx"


@pytest.fixture(scope="session")
def mtcnn_pipeline(tiny_model: Path) -> Pipeline:
    return Pipeline(Detector.MTCNN, tiny_model)


@pytest.fixture(scope="session")
def haar_pipeline(tiny_model: Path) -> Pipeline:
    return Pipeline(Detector.HAAR, tiny_model)
