"""Previews: every frame at its time, upright, small enough, with the sound in step, playable before it is loaded."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from storage.records import MediaInfo
from tests.vision.conftest import descriptor, no_progress, planned, planned_pts
from tests.vision.made_media import (
    Recipe,
    decoded_times,
    moving_pictures,
    oriented_picture,
    write_video,
)
from worker.vision.preview import MAX_HEIGHT, write_still_preview, write_video_preview

LOUD_SHARE = 1 - 2 / np.pi * np.arcsin(0.05 / (20_000 / 2**15))
"""Of the samples of a tone, those above a twentieth of the whole range."""


def previewed(file: Path, folder: Path) -> tuple[Path, MediaInfo, list[Fraction]]:
    """Write a video's preview. Returns its file, the medium's facts and the medium's frame times in seconds."""
    plan = planned(file)
    pts = tuple(planned_pts(plan))
    preview = folder / "preview.mp4"
    with descriptor(file) as medium, descriptor(file) as again, preview.open("x+b") as output:
        write_video_preview(
            medium, output.fileno(), plan.media, pts, sound_fd=again, progress=no_progress
        )
    return preview, plan.media, [(p - plan.media.first_pts) * plan.media.time_base for p in pts]


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("a.avi", Recipe(codec="mpeg4")),
        ("a.ts", Recipe(codec="mpeg2video", rate=Fraction(30000, 1001))),
        ("a.mov", Recipe(codec="prores_ks", pixel_format="yuv422p10le")),
        ("ten_bits.mp4", Recipe(pixel_format="yuv420p10le")),
        ("a.wmv", Recipe(codec="wmv2")),
    ],
    ids=["AVI", "MPEG-TS with a start offset", "ProRes", "10-bit H.264", "WMV"],
)
def test_frame_n_of_the_preview_is_frame_n_of_the_medium(
    tmp_path: Path, name: str, recipe: Recipe
) -> None:
    file = write_video(tmp_path / name, moving_pictures(30), recipe)

    preview, _, times = previewed(file, tmp_path)

    assert decoded_times(preview) == times
    with av.open(str(preview)) as container, av.open(str(file)) as original:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        pairs = zip(container.decode(video=0), original.decode(video=0), strict=True)
        for ours, theirs in pairs:
            one, other = (f.to_ndarray(format="rgb24").astype(int) for f in (ours, theirs))
            assert np.abs(one - other).mean() < 8


def test_uneven_times_stay_as_they_are(tmp_path: Path) -> None:
    ticks = [0, 1, 5, 6, 20, 21]
    file = write_video(tmp_path / "a.mkv", moving_pictures(6), Recipe(), ticks=ticks)

    preview, _, times = previewed(file, tmp_path)

    assert decoded_times(preview) == times
    assert [float(time) for time in times] == pytest.approx([tick / 25 for tick in ticks], abs=2e-3)


def test_it_begins_with_its_index(tmp_path: Path) -> None:
    """A player that must load the whole file before it finds the index shows nothing for long."""
    file = write_video(tmp_path / "a.avi", moving_pictures(10), Recipe(codec="mpeg4"))

    content = previewed(file, tmp_path)[0].read_bytes()

    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_large_video_is_made_smaller_and_odd_sizes_even(tmp_path: Path) -> None:
    recipe = Recipe(pixel_format="yuv444p")  # which odd sizes need
    pictures = moving_pictures(2, width=1921, height=1081)
    file = write_video(tmp_path / "a.mkv", pictures, recipe)

    preview, _, _ = previewed(file, tmp_path)

    with av.open(str(preview)) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height) == (1280, MAX_HEIGHT)


def test_it_stands_upright(tmp_path: Path, shared: Callable[[str], Path]) -> None:
    file = shared("media/odd/rotated_90.mov")

    preview, media, _ = previewed(file, tmp_path)

    with av.open(str(preview)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (media.width, media.height)
        assert frame.width < frame.height and frame.rotation == 0


def sounding(
    file: Path,
    *,
    pictures: str = "mpeg4",
    sound: str = "pcm_s16le",
    rate: int = 22_050,
    heard_s: tuple[float, float] = (0.0, 2.0),
) -> Path:
    """Two seconds of pictures, with a tone between two moments and silence before and after it."""
    with av.open(str(file), "w") as container:
        seen, heard = (
            container.add_stream(pictures, rate=25),
            container.add_stream(sound, rate=rate),
        )
        seen.width, seen.height, seen.pix_fmt = 96, 64, "yuv420p"
        assert isinstance(heard, AudioStream)
        heard.layout = "mono"
        for picture in moving_pictures(50):
            container.mux(seen.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(seen.encode(None))
        times = np.arange(2 * rate) / rate
        tone = (
            20_000 * np.sin(2 * np.pi * 440 * times) * (heard_s[0] <= times) * (times < heard_s[1])
        )
        whole = av.AudioFrame.from_ndarray(tone[None].astype(np.int16), format="s16", layout="mono")
        whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
        context = heard.codec_context
        fitted = av.AudioResampler(
            context.format.name, "mono", rate, frame_size=context.frame_size or 1050
        )
        for frame in (*fitted.resample(whole), *fitted.resample(None)):
            container.mux(heard.encode(frame))
        container.mux(heard.encode(None))
    return file


@pytest.mark.parametrize(
    ("name", "pictures", "sound", "rate"),
    [
        ("a.mkv", "mpeg4", "aac", 48_000),
        ("a.flv", "flv", "libmp3lame", 44_100),
        ("a.ts", "mpeg2video", "aac", 44_100),
        ("a.avi", "mpeg4", "pcm_s16le", 22_050),
    ],
)
def test_none_of_its_sound_is_lost(
    tmp_path: Path, name: str, pictures: str, sound: str, rate: int
) -> None:
    """Symptom: a third of it, where times are rounded to milliseconds: frames overlapped by a sample and were left out."""
    file = sounding(tmp_path / name, pictures=pictures, sound=sound, rate=rate)

    preview, _, _ = previewed(file, tmp_path)

    with av.open(str(preview)) as container:
        frames = list(container.decode(audio=0))
    heard = np.abs(np.concatenate([frame.to_ndarray()[0] for frame in frames])) > 0.05
    assert heard.sum() / frames[0].rate > 0.9 * 2 * LOUD_SHARE


def test_its_sound_is_kept_in_step(tmp_path: Path) -> None:
    file = sounding(tmp_path / "a.avi", heard_s=(1.0, 1.1))

    preview, _, times = previewed(file, tmp_path)

    assert decoded_times(preview) == times
    with av.open(str(preview)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        frames = list(container.decode(audio=0))
    first_s = frames[0].time
    assert first_s is not None
    loudness = np.abs(np.concatenate([frame.to_ndarray()[0] for frame in frames]))
    heard_s = first_s + int(np.argmax(loudness > 0.1)) / frames[0].rate
    assert heard_s == pytest.approx(1.0, abs=0.03)
    assert first_s + len(loudness) / frames[0].rate == pytest.approx(2.0, abs=0.1)


def test_a_turned_and_mirrored_still_becomes_an_upright_jpeg(tmp_path: Path) -> None:
    file = oriented_picture(tmp_path / "picture.webp", 5)
    preview = tmp_path / "preview.jpg"

    with descriptor(file) as medium, preview.open("xb") as output:
        write_still_preview(medium, output.fileno(), planned(file).media, progress=no_progress)

    with av.open(str(preview)) as ours:
        picture = next(ours.decode(video=0)).to_ndarray(format="gray")
    assert picture.shape == (96, 64)
    assert picture[16, 12] > 200
    assert max(picture[16, 48], picture[72, 12], picture[72, 48]) < 60


def test_a_still_becomes_a_jpeg(tmp_path: Path, shared: Callable[[str], Path]) -> None:
    file = shared("media/stills/RGB_8__128x128.heif")
    plan = planned(file)
    preview = tmp_path / "preview.jpg"

    with descriptor(file) as medium, preview.open("xb") as output:
        write_still_preview(medium, output.fileno(), plan.media, progress=no_progress)

    with av.open(str(preview)) as ours, av.open(str(file)) as original:
        assert ours.format.name == "jpeg_pipe"
        one, other = (
            next(c.decode(video=0)).to_ndarray(format="rgb24").astype(int) for c in (ours, original)
        )
    assert one.shape == other.shape == (128, 128, 3)
    assert np.abs(one - other).mean() < 8
