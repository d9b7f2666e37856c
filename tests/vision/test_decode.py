"""Segments decoded on their own give the frames of the whole."""

import dataclasses
import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import NoReturn
from unittest.mock import Mock

import av
import av.error
import numpy as np
import pytest

from storage.errors import MediumUnavailable, PlanMismatch
from storage.records import MediaPlan, SegmentSlice
from tests.vision.conftest import descriptor, no_progress, planned
from tests.vision.made_media import B_FRAMES, OPEN_GOP, Recipe, moving_pictures, write_video
from worker.vision.decode import decode_segment
from worker.vision.medium import DEFAULT_LIMITS, Medium, open_medium
from worker.vision.probe import _list_pictures

RECIPES = {
    "b_frames.mp4": Recipe(options=B_FRAMES),
    "open_gop.mp4": Recipe(options=OPEN_GOP),
    "open_gop.mkv": Recipe(options=OPEN_GOP),
    "open_gop.ts": Recipe(options=OPEN_GOP),
    "mpeg2.ts": Recipe(codec="mpeg2video", options={"bf": "2"}),
    "mpeg4.avi": Recipe(codec="mpeg4"),
    "program.mpg": Recipe(codec="mpeg2video", options={"bf": "2"}, keyframe_every=7),
}


def fingerprints(file: Path, plan: MediaPlan) -> list[tuple[int, int, int]]:
    """Index, time and pixels of every looked-at frame."""
    found = []
    with descriptor(file) as fd:
        for segment in plan.segments:
            for frame in decode_segment(fd, plan.media, segment, progress=no_progress):
                if frame.index not in segment.look:
                    continue  # it opens or closes the segment
                found.append((frame.index, frame.time_us, hash(frame.luma.tobytes())))
    return found


@pytest.mark.parametrize("sample_fps", [None, 7.5], ids=["every_frame", "sampled"])
@pytest.mark.parametrize("name", RECIPES)
def test_any_split_gives_the_same_pixels(
    name: str, sample_fps: float | None, tmp_path: Path
) -> None:
    file = write_video(tmp_path / name, moving_pictures(60), RECIPES[name])
    whole = planned(file, sample_fps=sample_fps)
    split = planned(file, sample_fps=sample_fps, segment_target_us=300_000)

    assert len(split.segments) >= 4 or split.media.full_decode
    assert fingerprints(file, split) == fingerprints(file, whole)


def test_matroska_is_entered_near_the_segment_and_not_at_the_start(tmp_path: Path) -> None:
    """Matroska tells no dts after a seek; stepping back to the start each time would make long files quadratic."""
    file = write_video(
        tmp_path / "long.mkv", moving_pictures(200), Recipe(options=B_FRAMES, keyframe_every=10)
    )
    plan = planned(file, segment_target_us=800_000)
    packets_read = []
    original = Medium.packets

    def counted(medium):
        for packet in original(medium):
            packets_read.append(packet.pts)
            yield packet

    with pytest.MonkeyPatch.context() as patch, descriptor(file) as fd:
        patch.setattr(Medium, "packets", counted)
        frames = list(decode_segment(fd, plan.media, plan.segments[-1], progress=no_progress))

    assert len(frames) == 1 + len(plan.segments[-1].look)
    assert len(packets_read) < 60


@pytest.mark.parametrize("late", [1, 2, 3], ids=["once", "twice", "always"])
def test_seek_that_lands_late_is_tried_a_key_packet_earlier(
    late: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in MPEG program streams: here the first seeks of an ordinary file go to its end."""
    recipe = Recipe(options={**B_FRAMES, "sc_threshold": "0"})
    file = write_video(tmp_path / "video.mp4", moving_pictures(60), recipe)
    plan = planned(file, segment_target_us=400_000)
    seeks: list[int] = []
    seek = Medium.seek

    def landing_late(medium: Medium, dts: int) -> bool:
        seeks.append(dts)
        return seek(medium, dts if len(seeks) > late else 50 * 512)

    monkeypatch.setattr(Medium, "seek", landing_late)
    with descriptor(file) as fd:
        segment = plan.segments[4]
        frames = list(decode_segment(fd, plan.media, segment, progress=no_progress))

    assert [frame.index for frame in frames] == [segment.first_frame - 1, *segment.look]
    assert seeks == list(segment.entries[: late + 1])


def test_intra_refresh_stream_that_cannot_be_entered_is_reported(tmp_path: Path) -> None:
    """Its "key" packets are recovery points: the decoder keeps quiet for some frames after each."""
    recipe = Recipe(options={"x264-params": "intra-refresh=1:bframes=0"})
    file = write_video(tmp_path / "refresh.mp4", moving_pictures(60), recipe)
    plan = planned(file, segment_target_us=300_000)

    with pytest.raises(PlanMismatch, match=r"the plan expects pts \d+, decoding gave"):
        fingerprints(file, plan)

    again = planned(file, full_decode=True)
    assert len(fingerprints(file, again)) == 60
    assert [segment.entries for segment in again.segments] == [()]


def test_damaged_packets_are_left_out_and_counted(tmp_path: Path) -> None:
    recipe = Recipe(codec="mjpeg", pixel_format="yuvj420p")
    file = write_video(tmp_path / "video.mp4", moving_pictures(20), recipe)
    assert planned(file).media.damaged_packets == 0
    data = bytearray(file.read_bytes())
    with av.open(str(file)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.pos is not None]
    for start, size in packets[7:9]:
        data[start : start + size] = bytes(size)
    file.write_bytes(data)
    with pytest.raises(PlanMismatch):
        fingerprints(file, planned(file))

    again = planned(file, full_decode=True)

    assert len(fingerprints(file, again)) == again.media.frame_count == 18
    assert again.media.damaged_packets == 2


@pytest.mark.parametrize("container", ["mkv", "mp4", "ts", "flv"])
def test_pictures_that_the_decoder_withholds_are_counted_as_damage(
    container: str, tmp_path: Path
) -> None:
    """Symptom: two lost packets cost twelve pictures of 48, and nothing told."""
    file = write_with_packets_lost(tmp_path / f"lost.{container}", lost=(20, 30))

    plan = planned(file, full_decode=True)

    assert plan.media.frame_count < 48
    assert plan.media.frame_count + plan.media.damaged_packets == 48


def write_with_packets_lost(file: Path, *, lost: tuple[int, ...]) -> Path:
    """Fifty pictures, each built on the one before, with nothing in the packets of some of them."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        packets = []
        for number in range(50):  # lighter and lighter: the encoder bets on what it has shown
            picture = np.full((120, 160, 3), 5 * number, np.uint8)
            picture[:, 3 * number : 3 * number + 10] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for number in lost:
            whole, packets[number] = packets[number], av.Packet(b"")
            packets[number].pts, packets[number].dts = whole.pts, whole.dts
            packets[number].time_base, packets[number].stream = whole.time_base, stream
        container.mux(packets)
    return file


@pytest.mark.parametrize(
    "name",
    ["b_frames.mp4", "open_gop.ts", "mpeg2.ts", "mpeg4.avi", "program.mpg"],
)
def test_a_whole_recording_is_not_said_to_be_damaged_when_all_of_it_is_decoded(
    name: str, tmp_path: Path
) -> None:
    file = write_video(tmp_path / name, moving_pictures(30), RECIPES[name])

    assert planned(file, full_decode=True).media.damaged_packets == 0


@pytest.mark.parametrize(
    ("codec", "interlaced", "damaged"),
    [("h264", True, 0), ("mpeg4", False, 0), ("h264", False, 2)],
    ids=["two fields", "nothing new", "withheld"],
)
def test_two_packets_of_one_picture_are_a_loss_only_where_each_should_give_one(
    codec: str, interlaced: bool, damaged: int
) -> None:
    """No encoder at hand writes a packet for each field."""
    pictures = [Mock(pts=pts, duration=1, interlaced_frame=interlaced) for pts in (0, 1)]
    medium = Mock(
        spec=Medium,
        codec_name=codec,
        format_name="mpegts",
        time_base=Fraction(1, 25),
        limits=DEFAULT_LIMITS,
        damaged=0,
        stream=Mock(average_rate=Fraction(25), frames=0),
    )
    medium.packets.return_value = [Mock(is_discard=False)] * 4
    medium.decode.side_effect = lambda packets: pictures if len(list(packets)) == 4 else []

    assert _list_pictures(medium, progress=no_progress).damaged_packets == damaged


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT])
def test_a_disk_that_fails_is_no_file_that_breaks_off(number: int, tmp_path: Path) -> None:
    """Symptom: seconds of trouble with a network share cost the rest of a recording, and its job was done."""
    file = write_video(tmp_path / "video.mp4", moving_pictures(5), Recipe())
    with descriptor(file) as fd, open_medium(fd) as medium:
        failure = av.error.OSError(number, os.strerror(number))
        failing = dataclasses.replace(medium, container=Mock(demux=Mock(side_effect=failure)))

        os.lseek(fd, 100, os.SEEK_SET)
        with pytest.raises(MediumUnavailable, match="can't be read on at the moment"):
            list(failing.packets())
        os.lseek(fd, 0, os.SEEK_END)  # demuxers say so of a cut-off file, when they have read all
        assert list(failing.packets()) == []
        assert failing.damaged == 1


def test_a_disk_that_fails_when_a_file_is_opened_does_not_make_it_corrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg calls it invalid data."""
    file = write_video(tmp_path / "video.mp4", moving_pictures(5), Recipe())
    file.write_bytes(file.read_bytes()[:-300])

    def fail(*_: int) -> NoReturn:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", fail)

    with (
        pytest.raises(MediumUnavailable, match="Input/output error"),
        descriptor(file) as fd,
        open_medium(fd),
    ):
        pass


@pytest.mark.parametrize("change", ["missing", "unexpected", "too_many"])
def test_frames_other_than_planned_are_reported(change: str, tmp_path: Path) -> None:
    file = write_video(tmp_path / "video.mp4", moving_pictures(20), Recipe(options=B_FRAMES))
    plan = planned(file)
    (segment,) = plan.segments
    pts = {
        "missing": segment.pts[:9] + segment.pts[10:],
        "unexpected": (*segment.pts[:9], segment.pts[9] - 1, *segment.pts[10:]),
        "too_many": (*segment.pts, segment.pts[-1] + 512),
    }[change]
    changed = dataclasses.replace(segment, pts=pts, look=tuple(range(len(pts))))

    with descriptor(file) as fd, pytest.raises(PlanMismatch, match="the plan expects"):
        list(decode_segment(fd, plan.media, changed, progress=no_progress))


def test_decoding_stops_at_the_last_frame_that_is_looked_at(tmp_path: Path) -> None:
    file = write_video(tmp_path / "video.mp4", moving_pictures(100), Recipe(options={"bf": "0"}))
    plan = planned(file)
    (segment,) = plan.segments
    early = dataclasses.replace(segment, look=(0, 5))
    reports: list[tuple[int, int]] = []

    with descriptor(file) as fd:
        frames = list(
            decode_segment(
                fd, plan.media, early, progress=lambda done, total: reports.append((done, total))
            )
        )

    assert [frame.index for frame in frames] == [0, 5]
    assert reports == [*((done, 100) for done in range(6)), (100, 100)]


def test_way_from_the_key_packet_to_the_segment_is_reported_too(tmp_path: Path) -> None:
    """It may be long, and whoever hears nothing for seconds takes the analyser for dead."""
    file = write_video(
        tmp_path / "video.mp4", moving_pictures(60), Recipe(options={"bf": "0"}, keyframe_every=50)
    )
    plan = planned(file)
    late = SegmentSlice(first_frame=40, pts=plan.segments[0].pts[40:45], look=(40,), entries=(0,))
    reports: list[tuple[int, int]] = []

    with descriptor(file) as fd:
        list(decode_segment(fd, plan.media, late, progress=lambda *report: reports.append(report)))

    assert reports.count((0, 5)) == 41


def test_frames_can_be_kept_while_decoding_goes_on(tmp_path: Path) -> None:
    """The luma is a view into the decoder's buffer, which must not be reused while somebody holds it."""
    file = write_video(tmp_path / "video.mp4", moving_pictures(40), Recipe(options=B_FRAMES))
    plan = planned(file)

    with descriptor(file) as fd:
        lumas, copies = [], []
        for frame in decode_segment(fd, plan.media, plan.segments[0], progress=no_progress):
            lumas.append(frame.luma)
            copies.append(frame.luma.copy())

    assert all(np.array_equal(luma, copy) for luma, copy in zip(lumas, copies, strict=True))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("sample_fps", [None, 10], ids=["every_frame", "sampled"])
def test_segment_is_opened_and_closed_by_its_neighbours_frames(
    name: str, sample_fps: float | None, tmp_path: Path
) -> None:
    file = write_video(tmp_path / name, moving_pictures(60), RECIPES[name])
    whole = planned(file, sample_fps=sample_fps)
    split = planned(file, sample_fps=sample_fps, detect_every=4, segment_target_us=300_000)
    (segment,) = whole.segments
    picture_at = {time: pixels for _, time, pixels in fingerprints(file, whole)}
    times = list(picture_at)

    with descriptor(file) as fd:
        for piece in split.segments:
            frames = [
                (frame.time_us, hash(frame.luma.tobytes()))
                for frame in decode_segment(fd, split.media, piece, progress=no_progress)
            ]
            first = segment.look.index(piece.look[0])
            last = first + len(piece.look)
            expected = times[max(0, first - 1) : last + 1]
            assert frames == [(time, picture_at[time]) for time in expected]


def test_segment_whose_opening_frame_does_not_come_is_reported(tmp_path: Path) -> None:
    file = write_video(tmp_path / "video.mp4", moving_pictures(60), Recipe(options={"bf": "0"}))
    plan = planned(file, segment_target_us=800_000)
    changed = dataclasses.replace(plan.segments[1], opening_pts=plan.segments[1].pts[0] - 1)

    with descriptor(file) as fd, pytest.raises(PlanMismatch, match="the plan expects pts"):
        list(decode_segment(fd, plan.media, changed, progress=no_progress))
