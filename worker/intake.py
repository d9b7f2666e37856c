"""Take a medium in: the first look, at size and first bytes only. Everything deeper is the
analyser's work.
"""

from codecs import getincrementaldecoder

from storage.errors import EmptyFile, NoVideo, TooLarge, UnsupportedMedia

HEAD_BYTES = 512
"""How much of a medium `check_head` wants to see."""

EXPECTED_MEDIA = (
    "an image (JPEG, PNG, GIF, WebP, BMP, TIFF, HEIF) or a video (MP4, MOV, MKV, WebM, AVI, MPEG,"
    " TS, FLV, OGG, WMV, H.264, H.265)"
)

# First bytes by format, and its media type. Sources: the formats' own specifications, as collected by file(1), and IANA's
# registry of media types.
_IMAGES_AND_VIDEOS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"II*\x00": "image/tiff",  # little and big endian
    b"MM\x00*": "image/tiff",
    b"\x1a\x45\xdf\xa3": "video/matroska",
    b"\x00\x00\x01\xba": "video/mpeg",  # program stream
    b"\x00\x00\x01\xb3": "video/mpeg",
    b"\x00\x00\x00\x01": "video/h264",  # or H.265 (Annex B)
    b"\x00\x00\x01": "video/h264",
    b"FLV\x01": "video/x-flv",
    b"OggS": "video/ogg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "video/x-ms-wmv",
}
_EBML_OF_WEBM = b"\x42\x82\x84webm"  # the document type in Matroska's header (RFC 8794, 11.2.6)
_ISO_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"qt  ": "video/quicktime",
}
_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_RIFF_KINDS = {b"AVI ": "video/x-msvideo", b"AVIX": "video/x-msvideo", b"WEBP": "image/webp"}
_AUDIO = (
    b"ID3",
    b"fLaC",
    b"\xff\xfb",
    b"\xff\xf3",
    b"\xff\xf2",
    b"\xff\xf1",
    b"\xff\xf9",
    b"#!AMR",
)
_SHOWN_BYTES = 12
_TS_PACKET_BYTES = (188, 192, 204)


def check_head(head: bytes, *, size_bytes: int, max_bytes: int | None = None) -> None:
    """Refuse what can't be an image or a video, by its first bytes (at least HEAD_BYTES, or all
    there are).

    Raises EmptyFile, TooLarge, NoVideo (sound only) or UnsupportedMedia.
    """
    if size_bytes == 0:
        raise EmptyFile()
    if max_bytes is not None and size_bytes > max_bytes:
        raise TooLarge(f"the file has {size_bytes} bytes; this installation accepts {max_bytes}")
    if head.startswith(_AUDIO) or (head.startswith(b"RIFF") and head[8:12] == b"WAVE"):
        raise NoVideo(f"the file holds sound only; expected {EXPECTED_MEDIA}")
    if not looks_like_media(head):
        raise UnsupportedMedia(
            f"the file begins with {beginning(head)}, which no supported format does;"
            f" expected {EXPECTED_MEDIA}"
        )


def beginning(head: bytes) -> str:
    """Show how a file begins: as text in quotes if it is any, else as bytes in hexadecimal."""
    start = head[:_SHOWN_BYTES]
    try:
        # incremental: what follows may cut its last character in two
        decoded = getincrementaldecoder("utf-8")().decode(start, final=start == head)
        text = " ".join(decoded.split())
    except UnicodeDecodeError:
        text = ""
    return f"'{text}'" if text and text.isprintable() else f"the bytes {start.hex(' ')}"


def looks_like_media(head: bytes) -> bool:
    """Tell whether a file that begins so may be an image or a video."""
    return media_type(head) is not None


def media_type(head: bytes) -> str | None:
    """Name the type of a medium by its first bytes (at least HEAD_BYTES, or all there are); None: it is no medium."""
    if head[4:8] in _ISO_BOXES:
        return _ISO_BRANDS.get(head[8:12], "video/mp4")
    if head.startswith(b"RIFF"):
        return _RIFF_KINDS.get(head[8:12])
    signature = next((known for known in _IMAGES_AND_VIDEOS if head.startswith(known)), None)
    if signature is not None:
        return "video/webm" if _EBML_OF_WEBM in head else _IMAGES_AND_VIDEOS[signature]
    if any(_is_transport_stream(head, size) for size in _TS_PACKET_BYTES):
        return "video/mp2t"
    return None


def _is_transport_stream(head: bytes, packet_bytes: int) -> bool:
    sync = 4 if packet_bytes == 192 else 0  # Blu-ray puts a time stamp before each packet
    return head[sync : sync + 1] == b"\x47" == head[sync + packet_bytes : sync + packet_bytes + 1]
