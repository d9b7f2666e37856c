"""Files that are no video end in a typed error that says what was found and what to send."""

import struct
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from storage.errors import (
    CorruptMedia,
    EmptyFile,
    InputError,
    NoVideo,
    TooLarge,
    UnsupportedMedia,
)
from storage.records import JobOptions
from tests.vision.conftest import descriptor, no_progress, planned
from tests.vision.made_media import Recipe, moving_pictures, write_video
from worker.vision.medium import DEFAULT_LIMITS, MediaLimits
from worker.vision.probe import plan_medium

TEXTS = {
    "text": b"this is no video\n" * 40,
    "ffconcat": b"ffconcat version 1.0\nfile other.mp4\n",
    "m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.ts\n#EXT-X-ENDLIST\n",
    "html": b"<!doctype html><title>404</title>",
    "zeros": bytes(4096),
    "one_byte": b"\0",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
}


def limited(file: Path, limits: MediaLimits) -> None:
    with descriptor(file) as fd:
        plan_medium(fd, JobOptions(), limits=limits, progress=no_progress)


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_claims_to_be_a_video_is_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.mp4"
    file.write_bytes(TEXTS[name])

    with pytest.raises(UnsupportedMedia, match="expected an image"):
        planned(file)


@pytest.mark.parametrize("playlist", ["ffconcat", "m3u8"])
def test_playlist_does_not_open_the_file_beside_it(playlist: str, tmp_path: Path) -> None:
    write_video(tmp_path / "other.mp4", moving_pictures(3), Recipe())
    write_video(tmp_path / "other.ts", moving_pictures(3), Recipe())
    (tmp_path / "list.mp4").write_bytes(TEXTS[playlist])

    with pytest.raises(UnsupportedMedia):
        planned(tmp_path / "list.mp4")


def test_media_are_opened_by_their_descriptor_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No demuxer on the list follows links today; should one begin to, there is no protocol to do it with."""
    file = write_video(tmp_path / "video.mp4", moving_pictures(3), Recipe())
    seen: list[tuple[str, str]] = []
    original = av.open

    def spied(name: str, *args: Any, **options: Any) -> Any:
        seen.append((name, options["container_options"]["protocol_whitelist"]))
        return original(name, *args, **options)

    monkeypatch.setattr(av, "open", spied)
    planned(file)

    assert set(seen) == {("fd:", "fd")}


def test_empty_file_is_called_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()

    with pytest.raises(EmptyFile):
        planned(tmp_path / "empty.mp4")


@pytest.mark.parametrize(
    ("name", "codec"),
    [("sound.wav", "pcm_s16le"), ("sound.mp3", "libmp3lame"), ("sound.mp4", "aac")],
)
def test_sound_alone_is_no_video(name: str, codec: str, tmp_path: Path) -> None:
    write_sound(tmp_path / name, codec)

    with pytest.raises(NoVideo, match="holds audio but no video"):
        planned(tmp_path / name)


def write_sound(file: Path, codec: str, *, cover: bytes = b"") -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=44100, layout="mono")
        picture = container.add_stream("png", rate=1) if cover else None
        if picture is not None:
            picture.width = picture.height = 32
            picture.pix_fmt = "rgb24"
            picture.disposition = av.stream.Disposition.attached_pic
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            container.mux([*picture.encode(frame), *picture.encode(None)])
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.int16), "s16", "mono")
        sound.sample_rate, sound.pts = 44100, 0
        container.mux([*stream.encode(sound), *stream.encode(None)])


def test_cover_art_of_a_song_is_no_video(tmp_path: Path) -> None:
    write_sound(tmp_path / "song.mp3", "libmp3lame", cover=b"png")
    with av.open(str(tmp_path / "song.mp3")) as container:
        assert len(container.streams.video) == 1

    with pytest.raises(NoVideo):
        planned(tmp_path / "song.mp3")


def test_rare_decoder_is_named_with_those_that_are_taken(tmp_path: Path) -> None:
    file = write_video(
        tmp_path / "rare.avi",
        moving_pictures(3),
        Recipe(codec="ffv1"),
    )

    with pytest.raises(UnsupportedMedia, match=r"encoded as ffv1; expected one of: .*h264"):
        planned(file)


def test_animated_webp_is_refused_by_its_name(tmp_path: Path) -> None:
    """FFmpeg would call it a damaged picture."""
    recipe = Recipe(codec="libwebp_anim", container="webp")
    file = write_video(tmp_path / "moving.webp", moving_pictures(4), recipe)

    with pytest.raises(UnsupportedMedia, match="animated WebP"):
        planned(file)


def test_video_cut_off_before_its_index_is_said_to_be_damaged(tmp_path: Path) -> None:
    file = write_video(tmp_path / "video.mp4", moving_pictures(30), Recipe())
    file.write_bytes(file.read_bytes()[:-600])

    with pytest.raises(CorruptMedia, match="lost its index"):
        planned(file)


def test_video_without_one_good_picture_is_corrupt(tmp_path: Path) -> None:
    file = write_video(
        tmp_path / "video.mp4", moving_pictures(5), Recipe(codec="mjpeg", pixel_format="yuvj420p")
    )
    data = bytearray(file.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    file.write_bytes(data)

    with pytest.raises(CorruptMedia):
        planned(file)


def test_truncated_transport_stream_keeps_what_is_there(tmp_path: Path) -> None:
    file = write_video(tmp_path / "video.ts", moving_pictures(60), Recipe())
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])

    assert 10 < planned(file, full_decode=True).media.frame_count < 60


def png(width: int, height: int) -> bytes:
    """A black PNG of any size: the bytes hardly grow with it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    packer = zlib.compressobj()
    rows = b"".join(packer.compress(bytes(1 + 3 * width)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def test_picture_bomb_is_too_large_and_not_corrupt(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(4000, 3000))

    with pytest.raises(TooLarge, match="more than 1000000 pixels"):
        limited(tmp_path / "bomb.png", MediaLimits(max_pixels=1_000_000))


def test_picture_within_the_limit_is_taken(tmp_path: Path) -> None:
    (tmp_path / "black.png").write_bytes(png(900, 900))

    limited(tmp_path / "black.png", MediaLimits(max_pixels=1_000_000))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"max_frames": 29}, "more than 29 frames"),
        ({"max_duration_s": 1}, "lasts [12] s; at most 1 s"),
        ({"max_total_pixels": 30 * 96 * 64 - 1}, "too many pixels in all"),
        ({"max_pixels": 96 * 64 - 1}, "more than 6143 pixels"),
    ],
    ids=["frames", "duration", "total_pixels", "pixels"],
)
@pytest.mark.parametrize("suffix", ["mp4", "h264", "ts"])
def test_video_beyond_a_limit_is_too_large(
    change: dict[str, int], complaint: str, suffix: str, tmp_path: Path
) -> None:
    recipe = Recipe(rate=Fraction(10), options={"bf": "0"})
    file = write_video(tmp_path / f"video.{suffix}", moving_pictures(30), recipe)
    limited(file, DEFAULT_LIMITS)

    with pytest.raises(TooLarge, match=complaint):
        limited(file, replace(DEFAULT_LIMITS, **change))


def test_shortage_of_memory_is_an_input_error_and_no_memory_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyAV's MemoryError is a subclass of the builtin, which would take a Celery worker down with it."""
    file = write_video(tmp_path / "video.mp4", moving_pictures(3), Recipe())

    def starved(*args: object, **kwargs: object) -> None:
        raise av.error.MemoryError(12, "Cannot allocate memory")

    monkeypatch.setattr(av, "open", starved)

    with pytest.raises(InputError, match="needs more memory"):
        planned(file)
