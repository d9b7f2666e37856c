"""The closed lists of what Affectline opens: containers, video decoders, and which containers are still pictures.

FFmpeg carries hundreds of demuxers and decoders, many of them old and rarely fuzzed; a stranger's file reaches only those
named here. Everything else is refused before its decoder is opened.
"""

VIDEO_DEMUXERS: tuple[str, ...] = (
    "mov",  # also mp4, m4a, 3gp and HEIF/AVIF pictures
    "matroska",  # also webm
    "avi",
    "mpegts",
    "mpeg",  # program streams: .mpg, .vob
    "ogg",
    "flv",
    "asf",  # .wmv
    "gif",
    "apng",
    "mjpeg",
    "h264",  # raw streams
    "hevc",
    "m4v",
    "mpegvideo",
)

PICTURE_DEMUXERS: tuple[str, ...] = (
    "jpeg_pipe",
    "png_pipe",
    "webp_pipe",
    "bmp_pipe",
    "tiff_pipe",
)

AUDIO_DEMUXERS: tuple[str, ...] = ("mp3", "wav", "flac", "aac", "aiff", "amr", "ac3", "w64", "caf")
"""Opened only to say "no video in it" instead of "unknown file"."""

FORMAT_WHITELIST = ",".join((*VIDEO_DEMUXERS, *PICTURE_DEMUXERS, *AUDIO_DEMUXERS))

VIDEO_DECODERS: frozenset[str] = frozenset(
    {
        "h264",
        "hevc",
        "libdav1d",
        "av1",
        "vp8",
        "libvpx",
        "vp9",
        "libvpx-vp9",
        "mpeg4",
        "mpeg2video",
        "mpeg1video",
        "h263",
        "flv",  # Sorenson H.263
        "mjpeg",
        "png",
        "apng",
        "gif",
        "webp",
        "bmp",
        "tiff",
        "prores",
        "theora",
        "wmv1",
        "wmv2",
        "wmv3",
        "vc1",
    }
)

CODEC_WHITELIST = ",".join(sorted(VIDEO_DECODERS))
"""For FFmpeg's own probing, which opens decoders before anyone can look at their names."""

HEIF_BRANDS: frozenset[str] = frozenset(
    {"mif1", "msf1", "heic", "heix", "heim", "heis", "hevc", "hevx", "avif", "avis"}
)
"""Major brands of ISO/IEC 23008-12 picture files, which FFmpeg opens with its mov demuxer."""

MAYBE_STILL: frozenset[str] = frozenset({"gif", "apng"})
"""Formats that are a still picture when they hold one frame and a video when they hold more."""


def is_picture_format(container: str, brand: str) -> bool:
    """Tell whether a container holds one picture without a clock.

    container: FFmpeg's format name.  brand: the `major_brand` of an ISO file, "" elsewhere.
    """
    return container in PICTURE_DEMUXERS or brand in HEIF_BRANDS
