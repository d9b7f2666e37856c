"""Plans against what a plain decode gives: every frame, its exact time, in every kind of container."""

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from storage.records import microseconds
from tests.vision.conftest import planned, planned_pts
from tests.vision.made_media import (
    B_FRAMES,
    OPEN_GOP,
    Recipe,
    decoded_pts,
    moving_pictures,
    write_video,
)

QUIET_X265 = {"x265-params": "log-level=none:bframes=3:keyint=10"}

CONTAINERS = {
    "b_frames.mp4": Recipe(options=B_FRAMES),
    "open_gop.mp4": Recipe(options=OPEN_GOP),
    "open_gop.mkv": Recipe(options=OPEN_GOP),
    "open_gop.ts": Recipe(options=OPEN_GOP),
    "no_b_frames.avi": Recipe(options={"bf": "0"}),
    "mpeg4.avi": Recipe(codec="mpeg4"),
    "mpeg2.ts": Recipe(codec="mpeg2video", options={"bf": "2"}),
    "vp8.webm": Recipe(codec="libvpx"),
    "vp9.webm": Recipe(codec="libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"}),
    "hevc.mov": Recipe(codec="libx265", options=QUIET_X265),
    "h264.flv": Recipe(options=B_FRAMES),
    "wmv2.wmv": Recipe(codec="wmv2"),
    "prores.mov": Recipe(codec="prores_ks", pixel_format="yuv422p10le"),
    "animated.gif": Recipe(codec="gif", pixel_format="rgb8"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_plan_lists_the_frames_that_decoding_gives(name: str, tmp_path: Path) -> None:
    file = write_video(tmp_path / name, moving_pictures(50), CONTAINERS[name])

    plan = planned(file, segment_target_us=400_000)

    assert planned_pts(plan) == decoded_pts(file)
    assert plan.media.frame_count == 50
    assert not plan.media.full_decode
    assert plan.media.duration_us == 49 * 40_000


def test_variable_rate_keeps_every_frames_own_time(tmp_path: Path) -> None:
    ticks = [0, 1, 5, 6, 7, 20, 21, 50, 51, 90]
    recipe = Recipe(rate=Fraction(30), options=B_FRAMES)
    file = write_video(tmp_path / "variable.mp4", moving_pictures(10), recipe, ticks=ticks)

    plan = planned(file)

    times = [
        microseconds(p - plan.media.first_pts, plan.media.time_base) for p in planned_pts(plan)
    ]
    assert times == [round(Fraction(tick * 1_000_000, 30)) for tick in ticks]


def test_times_at_30000_1001_do_not_drift(tmp_path: Path) -> None:
    recipe = Recipe(codec="mpeg4", rate=Fraction(30000, 1001))
    file = write_video(tmp_path / "ntsc.mp4", moving_pictures(300), recipe)

    media = planned(file).media

    assert media.duration_us == round(Fraction(299 * 1001 * 1_000_000, 30000))


def test_delayed_start_is_kept_beside_times_that_begin_at_zero(tmp_path: Path) -> None:
    ticks = list(range(30, 50))
    file = write_video(
        tmp_path / "delayed.mkv", moving_pictures(20), Recipe(options={"bf": "0"}), ticks=ticks
    )

    media = planned(file).media

    assert media.first_time_us == 1_200_000
    assert media.duration_us == 19 * 40_000


@pytest.mark.parametrize("container", ["mpegts", "matroska", "mp4"])
@pytest.mark.parametrize(
    ("pictures_at_s", "sound_at_s", "offset_s"),
    [(10, 10, 0), (11, 10, 1), (10, 11, 0), (10, None, 0)],
    ids=["together", "sound first", "picture first", "no sound"],
)
def test_the_start_offset_counts_from_where_picture_or_sound_began(
    tmp_path: Path, container: str, pictures_at_s: int, sound_at_s: int | None, offset_s: int
) -> None:
    """Symptom: 10 s in a transport stream whose clock begins at 10 s, where FFmpeg's tools count from 0."""
    file = tmp_path / "a"
    write_with_sound(file, container, pictures_at_s=pictures_at_s, sound_at_s=sound_at_s)

    media = planned(file).media

    assert media.first_time_us == pytest.approx(pictures_at_s * 1_000_000, abs=40_000)
    assert media.start_offset_us == pytest.approx(offset_s * 1_000_000, abs=40_000)


def write_with_sound(
    file: Path, container: str, *, pictures_at_s: int, sound_at_s: int | None
) -> None:
    """Write a second of pictures and one of silence, each beginning at its time; sound_at_s: None: no sound.

    Encoders of sound begin up to 1152 samples early.
    """
    with av.open(str(file), "w", format=container) as output:
        pictures = output.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height = 96, 64
        sound = None if sound_at_s is None else output.add_stream("mp2", rate=48_000)
        for index, picture in enumerate(moving_pictures(25)):
            shown = av.VideoFrame.from_ndarray(picture, format="rgb24")
            shown.pts, shown.time_base = 25 * pictures_at_s + index, Fraction(1, 25)
            output.mux(pictures.encode(shown))
        output.mux(pictures.encode(None))
        if sound is not None and sound_at_s is not None:
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 2 * 48_000), np.int16), format="s16", layout="stereo"
            )
            silence.sample_rate, silence.pts = 48_000, 48_000 * sound_at_s
            silence.time_base = Fraction(1, 48_000)
            output.mux(sound.encode(silence))
            output.mux(sound.encode(None))


def test_frames_before_an_edit_lists_start_are_no_frames_of_the_timeline(tmp_path: Path) -> None:
    """Two groups of pictures of which the edit list shows the second from its third frame on."""
    recipe = Recipe(options={"bf": "0", "sc_threshold": "0"})
    file = write_video(tmp_path / "edited.mp4", moving_pictures(20), recipe)
    start_showing_at(file, ticks=12 * 512)

    plan = planned(file)

    assert len(decoded_pts(file)) == 8
    assert planned_pts(plan) == decoded_pts(file)


def start_showing_at(file: Path, *, ticks: int) -> None:
    """Patch the edit list of an MP4 (ISO/IEC 14496-12, 8.6.6) to begin at a media time of `ticks`."""
    data = bytearray(file.read_bytes())
    box = data.index(b"elst")
    assert struct.unpack_from(">II", data, box + 4) == (0, 1), "expected one entry of version 0"
    struct.pack_into(">i", data, box + 16, ticks)
    file.write_bytes(data)


def test_vp8_frames_that_are_never_shown_are_no_frames_of_the_timeline(tmp_path: Path) -> None:
    """Alternate reference frames; here two packets of an ordinary stream are turned into such."""
    shown = write_video(tmp_path / "shown.webm", moving_pictures(20), Recipe(codec="libvpx"))
    file = tmp_path / "hidden.webm"
    with av.open(str(shown)) as source, av.open(str(file), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(source.demux(video=0)):
            if packet.size:
                data = bytearray(bytes(packet))
                data[0] &= 0xFF if index not in (4, 13) else 0xEF  # the bit show_frame
                changed = av.Packet(bytes(data))
                changed.pts, changed.dts, changed.time_base = (
                    packet.pts,
                    packet.dts,
                    packet.time_base,
                )
                changed.is_keyframe, changed.stream = packet.is_keyframe, stream
                target.mux(changed)

    plan = planned(file)

    assert len(decoded_pts(file)) == 18
    assert planned_pts(plan) == decoded_pts(file)


def test_b_frames_in_avi_are_timed_in_the_order_they_are_shown(tmp_path: Path) -> None:
    """AVI stores decoding times only; its H.264 B-frames come out as 1, 3, 2, 4, ..."""
    file = write_video(tmp_path / "b_frames.avi", moving_pictures(30), Recipe(options=B_FRAMES))

    plan = planned(file)

    pts = planned_pts(plan)
    assert plan.media.full_decode
    assert decoded_pts(file) != pts
    assert sorted(p or 0 for p in decoded_pts(file)) == pts
    assert all(later - earlier == 1 for earlier, later in pairwise(pts))


def test_raw_stream_without_timestamps_is_timed_by_its_rate(tmp_path: Path) -> None:
    file = write_video(tmp_path / "raw.h264", moving_pictures(30), Recipe(options=B_FRAMES))

    plan = planned(file)

    assert plan.media.times_estimated
    assert plan.media.full_decode
    assert plan.media.duration_us == 29 * 40_000
    assert len(plan.segments) == 1


def test_program_stream_whose_last_times_collide_still_ascends(tmp_path: Path) -> None:
    """FFmpeg gives the last two packets of an MPEG program stream the same pts."""
    recipe = Recipe(codec="mpeg2video", options={"bf": "2"})
    file = write_video(tmp_path / "program.mpg", moving_pictures(120), recipe)

    plan = planned(file)

    assert plan.media.times_estimated
    assert plan.media.duration_us == 119 * 40_000


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tiff", "webp"])
def test_picture_is_a_medium_of_one_frame(suffix: str, tmp_path: Path) -> None:
    codec, pixel_format = {
        "png": ("png", "rgb24"),
        "jpg": ("mjpeg", "yuvj420p"),
        "bmp": ("bmp", "bgr24"),
        "tiff": ("tiff", "rgb24"),
        "webp": ("libwebp", "yuv420p"),
    }[suffix]
    container = "webp" if suffix == "webp" else "image2"
    recipe = Recipe(codec=codec, container=container, pixel_format=pixel_format)
    file = write_video(tmp_path / f"still.{suffix}", moving_pictures(1), recipe)

    media = planned(file).media

    assert (media.still, media.frame_count, media.duration_us) == (True, 1, 0)
    assert (media.width, media.height) == (96, 64)


def test_gif_is_a_video_when_it_moves_and_a_picture_when_it_does_not(tmp_path: Path) -> None:
    recipe = Recipe(codec="gif", pixel_format="rgb8")
    one = write_video(tmp_path / "one.gif", moving_pictures(1), recipe)
    many = write_video(tmp_path / "many.gif", moving_pictures(5), recipe)

    assert planned(one).media.still
    assert not planned(many).media.still


def test_first_default_stream_is_taken_when_there_are_two(tmp_path: Path) -> None:
    file = tmp_path / "two.mkv"
    with av.open(str(file), "w") as container:
        streams = [container.add_stream("mpeg4", rate=25) for _ in range(2)]
        for stream, width in zip(streams, (64, 96), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, 64, "yuv420p"
        streams[1].disposition = av.stream.Disposition.default
        for stream in streams:
            frame = av.VideoFrame(stream.width, 64, "yuv420p")
            frame.pts = 0
            container.mux([*stream.encode(frame), *stream.encode(None)])

    assert planned(file).media.width == 96
