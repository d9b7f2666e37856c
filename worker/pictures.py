"""What is made of a medium for people to look at, and under which names it lies beside it (see storage.blobs)."""

from storage.records import MediaInfo

JOB_THUMBNAIL = "thumbnail.jpg"
VIDEO_PREVIEW = "preview.mp4"
STILL_PREVIEW = "preview.jpg"
PREVIEWS = {VIDEO_PREVIEW: "video/mp4", STILL_PREVIEW: "image/jpeg"}
"""Their media types, by name."""
MAX_TRACK_THUMBNAILS = 200
"""Of a crowd the first ones; a page shows no more."""

_STILL_CONTAINERS = frozenset({"jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe", "gif", "apng"})
_SHOWN_UNTURNED = frozenset({"webp_pipe", "png_pipe"})
"""Chromium passes over WebP's EXIF, and over what PNG has as ImageMagick's raw profile."""
_ISO = "mov,mp4,m4a,3gp,3g2,mj2"
_MATROSKA = "matroska,webm"
_OPEN_CODECS = frozenset({"vp8", "libvpx", "vp9", "libvpx-vp9", "av1", "libdav1d"})
_H264_PIXELS = frozenset({"yuv420p", "yuvj420p"})
"""Browsers' H.264 decoders know eight bits and 4:2:0 only; those of VP9 and AV1 know more."""


def track_thumbnail(track: int) -> str:
    """The name of the picture of a track's face."""
    return f"track-{track}.jpg"


def preview_name(media: MediaInfo) -> str | None:
    """The name of the preview a medium needs; None: browsers show the medium itself.

    Source of the lists: one file of each kind shown to Chromium 156. Firefox and Safari know fewer pixel formats, so that what
    is not eight bits and 4:2:0 counts as unplayable though Chromium plays it. MP4 and Matroska that only an SEI message turns
    are shown as they are stored, though their timeline is upright: nothing here tells them from those turned by a matrix.
    """
    if media.still:
        return None if _browsers_show_still(media) else STILL_PREVIEW
    return None if _browsers_play(media) else VIDEO_PREVIEW


def _browsers_show_still(media: MediaInfo) -> bool:
    if media.container == _ISO:  # AVIF; the other pictures in it are HEIC
        return media.codec in _OPEN_CODECS
    if media.container in _SHOWN_UNTURNED and (media.rotation or media.mirrored):
        return False
    return media.container in _STILL_CONTAINERS


def _browsers_play(media: MediaInfo) -> bool:
    if media.container not in (_ISO, _MATROSKA):
        return False
    if media.codec == "h264":
        return (
            media.pixel_format in _H264_PIXELS or not media.pixel_format
        )  # unknown: mostly they are
    return media.codec in _OPEN_CODECS
