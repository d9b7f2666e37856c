"""Which media browsers show, and what the others get."""

from dataclasses import replace

import pytest

from storage.records import MediaInfo
from tests.storage.made_jobs import media_info
from worker.pictures import STILL_PREVIEW, VIDEO_PREVIEW, preview_name

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA = "matroska,webm"


def video(container: str, codec: str, pixel_format: str = "yuv420p") -> MediaInfo:
    made = media_info(10)
    return replace(made, container=container, codec=codec, pixel_format=pixel_format)


def still(container: str, codec: str) -> MediaInfo:
    return replace(video(container, codec), still=True)


@pytest.mark.parametrize(
    "media",
    [
        video(MP4, "h264"),
        video(MP4, "h264", "yuvj420p"),
        video(MP4, "h264", ""),
        video(MP4, "vp9"),
        video(MATROSKA, "h264"),
        video(MATROSKA, "vp8"),
        video(MATROSKA, "libdav1d", "yuv420p10le"),
        still("jpeg_pipe", "mjpeg"),
        still("png_pipe", "png"),
        still("webp_pipe", "webp"),
        replace(still("jpeg_pipe", "mjpeg"), rotation=90, mirrored=True),
        still("gif", "gif"),
        still(MP4, "libdav1d"),
    ],
    ids=lambda media: f"{media.container} {media.codec} {media.pixel_format} {media.still}",
)
def test_what_browsers_show_needs_no_preview(media: MediaInfo) -> None:
    assert preview_name(media) is None


@pytest.mark.parametrize(
    "media",
    [
        video("avi", "h264"),
        video("mpegts", "h264"),
        video("asf", "wmv2"),
        video("gif", "gif", "bgra"),
        video("ogg", "theora"),
        video(MP4, "mpeg4"),
        video(MP4, "hevc"),
        video(MP4, "prores", "yuv422p10le"),
        video(MP4, "h264", "yuv420p10le"),
        video(MP4, "h264", "yuv444p"),
    ],
    ids=lambda media: f"{media.container} {media.codec} {media.pixel_format}",
)
def test_other_video_becomes_mp4(media: MediaInfo) -> None:
    assert preview_name(media) == VIDEO_PREVIEW


@pytest.mark.parametrize(
    "media",
    [
        still(MP4, "hevc"),
        still("tiff_pipe", "tiff"),
        replace(still("webp_pipe", "webp"), rotation=90),
        replace(still("webp_pipe", "webp"), mirrored=True),
        replace(still("png_pipe", "png"), rotation=90),
    ],
)
def test_other_stills_become_jpeg(media: MediaInfo) -> None:
    assert preview_name(media) == STILL_PREVIEW
