"""The pipeline of a segment: a row for every looked-at frame, the same rows for every split."""

import dataclasses
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from storage.errors import ModelContractError
from storage.packed import PackedFaces, PackedFrames
from storage.records import SCORE_UNIT, Detector, FaceRow, FrameRow, JobOptions, SegmentObservations
from tests.vision.conftest import descriptor, no_progress, observed, planned
from tests.vision.made_media import (
    B_FRAMES,
    Picture,
    Recipe,
    astronaut,
    moving_pictures,
    talking_head,
    write_video,
)
from worker.vision.pipeline import Pipeline, ten_thousandths


@pytest.fixture(scope="module")
def head_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking head of 48 frames in H.264 with B-frames and a key packet every 10 frames, then 10 frames without a face."""
    folder = tmp_path_factory.mktemp("head")
    nobody = list(moving_pictures(10, width=176, height=144))
    recipe = Recipe(options={**B_FRAMES, "crf": "18"})
    return write_video(folder / "head.mp4", [*talking_head(48), *nobody], recipe)


def probabilities(row: FaceRow) -> tuple[int, ...]:
    return row[FaceRow._fields.index("angry") :]


@pytest.mark.parametrize("detector", ["mtcnn_pipeline", "haar_pipeline"])
def test_any_split_gives_identical_observations(
    detector: str, head_video: Path, request: pytest.FixtureRequest
) -> None:
    pipeline = request.getfixturevalue(detector)

    whole = observed(head_video, pipeline)
    in_seconds = observed(head_video, pipeline, segment_target_us=1_000_000)
    in_pieces = observed(head_video, pipeline, segment_target_us=1)

    assert len(planned(head_video, detect_every=8, segment_target_us=1).segments) == 7
    assert whole == in_seconds == in_pieces
    assert len(whole.faces) >= 40


def test_every_looked_at_frame_has_its_row_with_or_without_a_face(
    head_video: Path, mtcnn_pipeline: Pipeline
) -> None:
    seen = observed(head_video, mtcnn_pipeline)

    assert [row.frame for row in seen.frames] == list(range(58))
    assert [row.time_us for row in seen.frames] == [index * 40_000 for index in range(58)]
    assert {row.face_count for row in seen.frames[48:]} == {0}
    counts = {frame: len(list(rows)) for frame, rows in groupby(seen.faces, lambda row: row.frame)}
    assert counts == {row.frame: row.face_count for row in seen.frames if row.face_count}


def test_sampled_frames_are_the_very_rows_of_the_full_run(
    head_video: Path, mtcnn_pipeline: Pipeline
) -> None:
    full = observed(head_video, mtcnn_pipeline, detect_every=1)

    sampled = observed(
        head_video, mtcnn_pipeline, sample_fps=10, detect_every=1, segment_target_us=500_000
    )

    looked = {row.frame for row in sampled.frames}
    assert len(looked) == 23
    assert list(sampled.frames) == [row for row in full.frames if row.frame in looked]
    assert list(sampled.faces) == [row for row in full.faces if row.frame in looked]


def test_rows_are_whole_numbers_within_their_bounds(
    head_video: Path, mtcnn_pipeline: Pipeline
) -> None:
    for row in observed(head_video, mtcnn_pipeline, sample_fps=5).faces:
        assert row.quality is not None and 0 <= row.quality <= SCORE_UNIT
        assert all(type(value) is int for value in row if value is not None)
        assert 0 <= row.x < row.x + row.width <= 176
        assert 0 <= row.y < row.y + row.height <= 144
        assert 0 <= row.detection_score <= SCORE_UNIT
        assert abs(sum(probabilities(row)) - SCORE_UNIT) <= 7


def test_files_of_one_pipeline_do_not_disturb_each_other(
    head_video: Path, tmp_path: Path, mtcnn_pipeline: Pipeline
) -> None:
    portrait = still(tmp_path, astronaut())
    first = observed(portrait, mtcnn_pipeline)

    observed(head_video, mtcnn_pipeline, sample_fps=5)

    assert observed(portrait, mtcnn_pipeline) == first


def still(folder: Path, picture: Picture) -> Path:
    recipe = Recipe(codec="png", container="image2", pixel_format="rgb24")
    return write_video(folder / "still.png", [picture], recipe)


def test_faces_are_numbered_left_to_right_then_top_to_bottom(
    tmp_path: Path, mtcnn_pipeline: Pipeline
) -> None:
    face = astronaut()[40:260, 120:340]
    quartet = np.vstack([np.hstack([face, face]), np.hstack([face, face])])

    rows = observed(still(tmp_path, quartet), mtcnn_pipeline).faces

    assert [row.face for row in rows] == [0, 1, 2, 3]
    assert [(row.x, row.y) for row in rows] == sorted((row.x, row.y) for row in rows)
    assert [row.x > 220 for row in rows] == [False, False, True, True]


def test_no_face_is_lost_between_two_batches(tmp_path: Path, mtcnn_pipeline: Pipeline) -> None:
    """Three faces in each of twelve frames: the first batch of 32 ends in the middle of a frame."""
    face = astronaut()[40:200, 140:300]
    file = write_video(
        tmp_path / "trio.mp4", [np.hstack([face] * 3)] * 12, Recipe(options={"bf": "0"})
    )

    seen = observed(file, mtcnn_pipeline)

    assert [row.face_count for row in seen.frames] == [3] * 12
    assert [(row.frame, row.face) for row in seen.faces] == [
        (frame, face) for frame in range(12) for face in range(3)
    ]


def test_what_a_segment_saw_is_held_packed(tmp_path: Path, haar_pipeline: Pipeline) -> None:
    file = still(tmp_path, astronaut())
    plan = planned(file)

    with descriptor(file) as fd:
        seen = haar_pipeline.analyse(
            fd, JobOptions(), plan.media, plan.segments[0], progress=no_progress
        )

    assert isinstance(seen.frames, PackedFrames) and isinstance(seen.faces, PackedFaces)


def test_still_picture_is_observed_as_one_frame(tmp_path: Path, mtcnn_pipeline: Pipeline) -> None:
    seen = observed(still(tmp_path, astronaut()), mtcnn_pipeline)

    assert list(seen.frames) == [FrameRow(0, 0, face_count=1, cut=0)]
    assert len(seen.faces) == 1


def test_picture_without_a_face_has_a_row_and_no_faces(
    tmp_path: Path, mtcnn_pipeline: Pipeline
) -> None:
    blank = np.full((90, 120, 3), 128, np.uint8)

    seen = observed(still(tmp_path, blank), mtcnn_pipeline)

    assert seen == SegmentObservations(seen.frames, [])
    assert list(seen.frames) == [FrameRow(0, 0, face_count=0, cut=0)]


def test_limited_and_full_range_videos_read_alike(tmp_path: Path, haar_pipeline: Pipeline) -> None:
    """The same face stored 16..235 and 0..255: a classifier that saw the raw luma would think one of them dim. Haar
    has the same box in both."""
    picture = astronaut()[:256, :352]
    lossless = {"bf": "0", "qp": "0", "preset": "ultrafast"}
    limited = write_video(tmp_path / "tv.mp4", [picture] * 2, Recipe(options=lossless))
    full = write_video(
        tmp_path / "pc.mp4", [picture] * 2, Recipe(options=lossless, pixel_format="yuvj420p")
    )

    (first, *_), (second, *_) = (observed(file, haar_pipeline).faces for file in (limited, full))

    assert probabilities(first) == pytest.approx(probabilities(second), abs=60)


def test_progress_counts_the_frames_of_the_segment(
    head_video: Path, haar_pipeline: Pipeline
) -> None:
    plan = planned(head_video, sample_fps=3)
    reports: list[tuple[int, int]] = []

    with descriptor(head_video) as fd:
        haar_pipeline.analyse(
            fd,
            JobOptions(sample_fps=3),
            plan.media,
            plan.segments[0],
            progress=lambda done, total: reports.append((done, total)),
        )

    assert reports[-1] == (58, 58)
    assert reports == sorted(reports)
    assert len(reports) >= 58 // 4


def test_segment_without_frames_to_look_at_has_no_rows(
    head_video: Path, haar_pipeline: Pipeline
) -> None:
    plan = planned(head_video)
    nothing = dataclasses.replace(plan.segments[0], look=())

    with descriptor(head_video) as fd:
        seen = haar_pipeline.analyse(fd, JobOptions(), plan.media, nothing, progress=no_progress)

    assert seen == SegmentObservations([], [])


def test_pipeline_without_a_model_says_so_before_any_file(tmp_path: Path) -> None:
    with pytest.raises(ModelContractError, match="there is no model file"):
        Pipeline(Detector.HAAR, tmp_path / "absent.onnx")


def test_ten_thousandths_round_half_up_and_stay_within_bounds() -> None:
    values = np.array([0, 0.00005, 0.00004, 0.5, 1.0, 1.00001, -1e-9, np.nan])

    assert ten_thousandths(values).tolist() == [0, 1, 0, 5000, 10000, 10000, 0, 0]
