"""Any split is the same: pieces of one, two or ten seconds give the very rows of the whole, however the video is encoded."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from storage.records import Detector
from tests.vision.conftest import SHARED, observed, planned
from tests.vision.made_media import (
    B_FRAMES,
    OPEN_GOP,
    Picture,
    Recipe,
    astronaut,
    moving_pictures,
    talking_head,
    write_video,
)
from worker.vision.pipeline import Pipeline

NTSC = Fraction(30000, 1001)
CLOSED = {**B_FRAMES, "x264-params": "open-gop=0:scenecut=0"}
INTRA_REFRESH = {"x264-params": "intra-refresh=1:bframes=0:keyint=20"}
QUIET_X265 = {"x265-params": "log-level=none:bframes=3:keyint=20:min-keyint=20"}
FAST_VP9 = {"cpu-used": "8", "deadline": "realtime", "auto-alt-ref": "1", "lag-in-frames": "8"}

VARIANTS = {
    "closed_gop.mp4": Recipe(options=CLOSED),
    "closed_gop.mkv": Recipe(options=CLOSED),
    "closed_gop.ts": Recipe(options=CLOSED),
    "closed_gop.mov": Recipe(options=CLOSED),
    "open_gop.mp4": Recipe(options=OPEN_GOP),
    "open_gop.mkv": Recipe(options=OPEN_GOP),
    "open_gop.ts": Recipe(options=OPEN_GOP),
    "intra_refresh.mp4": Recipe(options=INTRA_REFRESH),
    "intra_refresh.ts": Recipe(options=INTRA_REFRESH),
    "no_b_frames.avi": Recipe(options={"bf": "0"}),
    "b_frames.avi": Recipe(options=B_FRAMES),
    "ntsc.mp4": Recipe(options=CLOSED, rate=NTSC),
    "sixty.mp4": Recipe(options=OPEN_GOP, rate=Fraction(60), keyframe_every=30),
    "twelve.mkv": Recipe(options=CLOSED, rate=Fraction(12)),
    "three.mp4": Recipe(options={"bf": "0"}, rate=Fraction(3), keyframe_every=4),
    "odd_groups.mp4": Recipe(options=CLOSED, keyframe_every=7),
    "all_key.mov": Recipe(options={"bf": "0"}, keyframe_every=1),
    "one_group.mp4": Recipe(options={"sc_threshold": "0"}, keyframe_every=1000),
    "full_range.mp4": Recipe(options=CLOSED, pixel_format="yuvj420p"),
    "mpeg4.avi": Recipe(codec="mpeg4"),
    "mpeg4_b.mp4": Recipe(codec="mpeg4", options={"bf": "2"}),
    "mpeg2.ts": Recipe(codec="mpeg2video", options={"bf": "2"}),
    "vp8.webm": Recipe(codec="libvpx", options={"cpu-used": "8", "deadline": "realtime"}),
    "vp9.webm": Recipe(codec="libvpx-vp9", options=FAST_VP9),
    "vp9.mkv": Recipe(codec="libvpx-vp9", options=FAST_VP9, rate=NTSC),
    "mjpeg.avi": Recipe(codec="mjpeg", pixel_format="yuvj422p"),
    "mjpeg.mov": Recipe(codec="mjpeg", pixel_format="yuvj420p"),
    "hevc.mp4": Recipe(codec="libx265", options=QUIET_X265),
}
NOT_CUT = {"b_frames.avi", "one_group.mp4"}
"""Planned as one piece: without usable times, without a second entry."""


@pytest.fixture(scope="module")
def scenes() -> list[Picture]:
    """Three shots: a talking head of 44 frames, nobody for 9, and another face, which drifts, for 31."""
    portrait = np.pad(astronaut(), ((0, 0), (40, 40), (0, 0)), mode="edge")
    drifting = [portrait[40:184, 120 + 2 * i : 296 + 2 * i] for i in range(31)]
    nobody = list(moving_pictures(9, width=176, height=144))
    return [*talking_head(44), *nobody, *drifting]


@pytest.mark.parametrize("name", VARIANTS)
def test_any_split_of_any_encoding_gives_the_rows_of_the_whole(
    name: str, scenes: list[Picture], tmp_path: Path, mtcnn_pipeline: Pipeline
) -> None:
    file = write_video(tmp_path / name, scenes, VARIANTS[name])

    whole = observed(file, mtcnn_pipeline, segment_target_us=10**12)

    assert len(whole.frames) == len(scenes)
    assert sum(row.face_count > 0 for row in whole.frames) > 60
    for target_s in (0.5, 1, 2, 10):
        split = observed(file, mtcnn_pipeline, segment_target_us=int(target_s * 1e6))
        assert split == whole, f"pieces of {target_s} s differ"
    pieces = len(planned(file, detect_every=8, segment_target_us=500_000).segments)
    assert pieces == 1 if name in NOT_CUT else pieces > 1


@pytest.mark.parametrize("options", [{"detect_every": 1}, {"detect_every": 5}, {"sample_fps": 9}])
def test_any_split_with_any_options_gives_the_rows_of_the_whole(
    options: dict, scenes: list[Picture], tmp_path: Path, haar_pipeline: Pipeline
) -> None:
    file = write_video(tmp_path / "open.mp4", scenes, Recipe(options=OPEN_GOP))

    whole = observed(file, haar_pipeline, segment_target_us=10**12, **options)

    assert observed(file, haar_pipeline, segment_target_us=500_000, **options) == whole


def test_any_split_with_yunet_gives_the_rows_of_the_whole(
    yunet_file: Path, tiny_model: Path, scenes: list[Picture], tmp_path: Path
) -> None:
    file = write_video(tmp_path / "open.mp4", scenes, Recipe(options=OPEN_GOP))
    pipeline = Pipeline(Detector.YUNET, tiny_model, yunet=yunet_file)

    whole = observed(file, pipeline, segment_target_us=10**12)

    assert whole.faces
    assert observed(file, pipeline, segment_target_us=500_000) == whole


def test_cut_between_two_pieces_is_marked_in_the_second(
    scenes: list[Picture], tmp_path: Path, haar_pipeline: Pipeline
) -> None:
    """Every frame is a key packet, so that a piece begins at the cut itself: frame 48."""
    file = write_video(tmp_path / "cut.mp4", [*scenes[:48], *scenes[53:]], Recipe(keyframe_every=1))
    plan = planned(file, detect_every=8, segment_target_us=1)

    split = observed(file, haar_pipeline, segment_target_us=1)

    assert 48 in {piece.first_frame for piece in plan.segments}
    assert [row.frame for row in split.frames if row.cut] == [44, 48]


REAL = sorted(path.name for path in (SHARED / "media" / "faces").glob("*"))


@pytest.mark.parametrize("name", REAL)
def test_any_split_of_real_video_gives_the_rows_of_the_whole(
    name: str, shared: Callable[[str], Path], mtcnn_pipeline: Pipeline
) -> None:
    file = shared(f"media/faces/{name}")

    whole = observed(file, mtcnn_pipeline, segment_target_us=10**12)

    for target_us in (1_000_000, 2_000_000, 10_000_000):
        assert observed(file, mtcnn_pipeline, segment_target_us=target_us) == whole
