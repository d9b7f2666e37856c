"""One JPEG of a live view as a frame."""

import av.error
from av.codec import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter

from storage.errors import CorruptMedia, TooLarge, UnsupportedMedia
from worker.intake import beginning
from worker.live_faces import MAX_SIDE
from worker.vision.frames import Frame
from worker.vision.medium import out_of_memory

JPEG_BEGINS = b"\xff\xd8\xff"


class PictureDecoder:
    """Decodes JPEGs one by one, straight to luma and chroma: no file format is probed."""

    def __init__(self) -> None:
        context = CodecContext.create("mjpeg", "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_count = 1
        context.options = {"max_pixels": str(MAX_SIDE * MAX_SIDE)}
        self._context = context
        self._scaler = VideoReformatter()

    def decode(self, jpeg: bytes, *, index: int, time_us: int) -> Frame:
        """Decode a picture as it is stored: EXIF is not looked at, since a browser's canvas writes none.

        Raises UnsupportedMedia if it is no JPEG, TooLarge above MAX_SIDE x MAX_SIDE pixels, CorruptMedia if it is damaged.
        """
        if not jpeg.startswith(JPEG_BEGINS):
            raise UnsupportedMedia(
                f"the picture begins with {beginning(jpeg[:4])}; expected a JPEG"
            )
        try:
            pictures = self._context.decode(Packet(jpeg))
        except av.error.MemoryError as error:
            raise out_of_memory() from error
        except av.error.FFmpegError as error:
            raise CorruptMedia(f"the picture can't be decoded; expected {_EXPECTED}") from error
        if not pictures:
            raise CorruptMedia(f"the picture is cut off; expected {_EXPECTED}")
        picture = pictures[0]
        if max(picture.width, picture.height) > MAX_SIDE:
            size = f"{picture.width} x {picture.height}"
            raise TooLarge(f"the picture has {size} pixels; expected at most {MAX_SIDE} each way")
        return Frame(index, time_us, picture, self._scaler)


_EXPECTED = f"a whole JPEG of at most {MAX_SIDE} x {MAX_SIDE} pixels"
