"""Real and hostile files of the shared material: exact frame lists, faces where people are, typed refusals."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.detect_every import compare
from storage.errors import NoVideo
from storage.records import Detector
from tests.vision.conftest import SHARED, observed, planned, planned_pts
from tests.vision.made_media import decoded_pts
from worker.vision.pipeline import Pipeline

FACES = sorted(path.name for path in (SHARED / "media" / "faces").glob("*"))
ODD = {
    "anamorphic.mp4": (628, 25_080_000, 0),
    "animated_face.gif": (42, 4_100_000, 0),
    "av1_video.mkv": (125, 4_960_000, 0),
    "delayed_start.mp4": (24, 920_000, 0),
    "h264_10bits.mp4": (30, 966_667, 0),
    "h265_10bits.mp4": (30, 966_667, 0),
    "raw_no_timestamps.h264": (127, 5_040_000, 0),
    "two_video_streams.mp4": (325, 12_960_000, 0),
    "unordered.mov": (4, 93_750, 0),
    "variable_rate.mp4": (160, 9_926_583, 0),
}
"""Frames, time of the last one and start offset, both in microseconds."""


@pytest.mark.parametrize("name", FACES)
def test_real_video_is_planned_frame_by_frame(name: str, shared: Callable[[str], Path]) -> None:
    file = shared(f"media/faces/{name}")

    plan = planned(file, segment_target_us=2_000_000)

    assert planned_pts(plan) == decoded_pts(file)
    assert not plan.media.times_estimated


@pytest.mark.parametrize("name", ODD)
def test_odd_video_has_its_right_times(name: str, shared: Callable[[str], Path]) -> None:
    media = planned(shared(f"media/odd/{name}")).media

    assert (media.frame_count, media.duration_us, media.start_offset_us) == ODD[name]
    assert media.times_estimated == name.startswith("raw")


def test_damaged_video_lists_the_frames_that_decode(
    shared: Callable[[str], Path], mtcnn_pipeline: Pipeline
) -> None:
    """Its index names 50 frames; one of them does not decode."""
    file = shared("media/odd/corrupted.mp4")

    seen = observed(file, mtcnn_pipeline, sample_fps=2)
    again = observed(file, mtcnn_pipeline, sample_fps=2)

    assert planned(file, full_decode=True).media.frame_count == 49
    assert seen == again
    assert len(seen.frames) == 10


def test_song_is_no_video(shared: Callable[[str], Path]) -> None:
    with pytest.raises(NoVideo):
        planned(shared("media/odd/audio_only.mp3"))


@pytest.mark.parametrize("name", ["rotated_90.mov", "rotated_180.mov", "rotated_270.mov"])
def test_turned_phone_video_has_the_size_it_is_seen_in(
    name: str, shared: Callable[[str], Path]
) -> None:
    media = planned(shared(f"media/odd/{name}")).media

    assert (media.width, media.height) == ((568, 320) if "180" in name else (320, 568))


def test_person_who_enters_is_seen_from_then_on(
    shared: Callable[[str], Path], mtcnn_pipeline: Pipeline
) -> None:
    seen = observed(shared("media/faces/noface_face.mov"), mtcnn_pipeline, sample_fps=2)

    counts = [row.face_count for row in seen.frames]
    assert counts[:4] == [0, 0, 0, 0]
    assert all(counts[-3:])


def test_person_who_leaves_is_seen_until_then(
    shared: Callable[[str], Path], mtcnn_pipeline: Pipeline
) -> None:
    seen = observed(shared("media/faces/face_noface.mov"), mtcnn_pipeline, sample_fps=2)

    counts = [row.face_count for row in seen.frames]
    assert all(counts[:3])
    assert counts[-4:] == [0, 0, 0, 0]


@pytest.mark.parametrize("detector", ["mtcnn_pipeline", "haar_pipeline"])
def test_cartoon_has_hardly_a_face(
    detector: str, shared: Callable[[str], Path], request: pytest.FixtureRequest
) -> None:
    pipeline = request.getfixturevalue(detector)

    seen = observed(shared("media/faces/no_face_cartoon.mp4"), pipeline, sample_fps=4)

    assert len(seen.frames) == 16
    assert len(seen.faces) <= 2


@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        ("call_3faces_happy.mp4", 3),
        ("street_8faces_1080p.mp4", 3),
        ("one_speaker_336p.mp4", 1),
        ("single_face.mp4", 1),
    ],
)
def test_people_are_found(
    name: str, at_least: int, shared: Callable[[str], Path], mtcnn_pipeline: Pipeline
) -> None:
    seen = observed(shared(f"media/faces/{name}"), mtcnn_pipeline, sample_fps=0.5)

    assert all(row.face_count >= at_least for row in seen.frames)


def test_every_eighth_frame_is_enough_for_nearly_all_faces(shared: Callable[[str], Path]) -> None:
    """A clip full of cuts and motion, against detection in every frame."""
    found = compare(shared("media/faces/stage_cuts_4faces_360p.mp4"))

    assert found["boxes"] > 400
    assert found["found_share"] >= 0.98
    assert found["median_overlap"] >= 0.95
    assert found["frames_searched_whole"] <= 0.45


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_photographs_of_one_scene_have_one_size_however_held(
    orientation: int, shared: Callable[[str], Path]
) -> None:
    media = planned(shared(f"media/stills/exif_landscape_{orientation}.jpg")).media

    assert (media.width, media.height, media.still) == (1800, 1200, True)


@pytest.mark.parametrize(
    "name", ["BWPictureHuman.jpg", "Image_with_alpha.png", "RGB_8__128x128.heif", "cmyk.jpg"]
)
def test_unusual_photograph_is_observed(
    name: str, shared: Callable[[str], Path], mtcnn_pipeline: Pipeline
) -> None:
    seen = observed(shared(f"media/stills/{name}"), mtcnn_pipeline)

    assert len(seen.frames) == 1


def test_smile_is_read_as_happy(shared: Callable[[str], Path], shipped_model: Path) -> None:
    (row,) = observed(
        shared("media/stills/expression_happy.jpg"), Pipeline(Detector.MTCNN, shipped_model)
    ).faces

    assert row.happy > 6000


OUTCOMES = """
import json, os, sys
from storage.errors import InputError, PlanMismatch
from storage.records import JobOptions
from worker.vision.decode import decode_segment
from worker.vision.probe import plan_medium

def decode(fd, full_decode):
    plan = plan_medium(fd, JobOptions(), full_decode=full_decode, progress=lambda *_: None)
    for segment in plan.segments:
        for frame in decode_segment(fd, plan.media, segment, progress=lambda *_: None):
            frame.luma.sum() + frame.rgb(640).sum()

for file in sys.argv[1:]:
    fd = os.open(file, os.O_RDONLY)
    try:
        try:
            decode(fd, False)
        except PlanMismatch:
            decode(fd, True)
        outcome = "decoded"
    except InputError as error:
        outcome = error.code
    except BaseException as error:  # the test tells typed refusals from anything else
        outcome = f"untyped {error!r}"
    print(json.dumps([file, outcome]), flush=True)
    os.close(fd)
"""


def test_hostile_files_end_in_typed_errors_quickly_and_quietly(
    shared: Callable[[str], Path],
) -> None:
    """In a process of its own, because a crash must not take the tests with it."""
    files = sorted(str(path) for path in shared("media/hostile").glob("*"))
    root = Path(__file__).resolve().parents[2]

    result = subprocess.run(
        [sys.executable, "-c", OUTCOMES, *files],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
    )

    outcomes = dict(json.loads(line) for line in result.stdout.splitlines())
    assert result.returncode == 0, f"died after {len(outcomes)} of {len(files)} files"
    assert result.stderr == ""
    assert set(outcomes) == set(files)
    allowed = {
        "decoded",
        "empty_file",
        "unsupported_media",
        "no_video",
        "corrupt_media",
        "too_large",
    }
    assert set(outcomes.values()) <= allowed
