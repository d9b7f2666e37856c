"""Orientation: pictures of every format stand upright, whatever asks for their turn."""

import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from PIL import Image, ImageCms

from storage.records import MediaInfo
from tests.vision.conftest import descriptor, no_progress, planned
from tests.vision.made_media import Recipe, oriented_picture, write_video
from worker.vision.decode import decode_segment
from worker.vision.orientation import UPRIGHT, Orientation, orientation_of

CORNERS = {
    1: "left top",
    2: "right top",
    3: "right bottom",
    4: "left bottom",
    5: "left top",
    6: "right top",
    7: "right bottom",
    8: "left bottom",
}
"""Where a corner that is stored as left top is seen, by EXIF orientation."""
every_orientation = pytest.mark.parametrize(("orientation", "corner"), CORNERS.items())
MATRICES = [
    ((1, 0, 0, 1), 0, (96, 64), "left top"),
    ((0, 1, -1, 0), 270, (64, 96), "right top"),
    ((-1, 0, 0, -1), 180, (96, 64), "right bottom"),
    ((0, -1, 1, 0), 90, (64, 96), "left bottom"),
    ((-1, 0, 0, 1), 0, (96, 64), "right top"),
    ((1, 0, 0, -1), 180, (96, 64), "left bottom"),
    ((0, 1, 1, 0), 90, (64, 96), "left top"),
    ((0, -1, -1, 0), 270, (64, 96), "right bottom"),
]
"""Display matrices (a, b, c, d): the rotation read, the upright size, and where the white corner is seen."""
every_matrix = pytest.mark.parametrize(
    ("matrix", "rotation", "size", "corner"),
    MATRICES,
    ids=["upright", "cw", "half", "ccw", "mirror", "flip", "transpose", "transverse"],
)
Matrix = tuple[float, float, float, float]


def corner_picture() -> np.ndarray:
    """96 x 64 RGB, whose left upper corner is white."""
    picture = np.full((64, 96, 3), 40, np.uint8)
    picture[:24, :32] = 250
    return picture


def corner_file(folder: Path) -> Path:
    """A video whose left upper corner is white."""
    recipe = Recipe(codec="mpeg4", options={"qscale": "2"})
    return write_video(folder / "corner.mov", [corner_picture()] * 3, recipe)


def show_turned(file: Path, matrix: Matrix, *, header: bytes = b"tkhd") -> None:
    """Patch the display matrix (a, b, c, d) of a track's or the movie's header (ISO/IEC 14496-12, 8.3.2 and 8.2.2)."""
    data = bytearray(file.read_bytes())
    a, b, c, d = (int(value * 65536) for value in matrix)
    position = data.index(header) + 4 + {b"tkhd": 40, b"mvhd": 36}[header]
    struct.pack_into(">9i", data, position, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    file.write_bytes(data)


def white_corner(picture: np.ndarray) -> str:
    corners = {
        "left top": picture[8, 8],
        "right top": picture[8, -8],
        "left bottom": picture[-8, 8],
        "right bottom": picture[-8, -8],
    }
    return max(corners, key=lambda name: corners[name])


def seen(file: Path) -> tuple[MediaInfo, list[str]]:
    """What the plan says of a file, and in which corner of each frame its white one is seen."""
    plan = planned(file)
    with descriptor(file) as fd:
        frames = [
            white_corner(frame.luma)
            for segment in plan.segments
            for frame in decode_segment(fd, plan.media, segment, progress=no_progress)
        ]
    return plan.media, frames


@every_matrix
def test_display_matrix_turns_luma_and_colour_alike(
    matrix: Matrix, rotation: int, size: tuple[int, int], corner: str, tmp_path: Path
) -> None:
    file = corner_file(tmp_path)
    show_turned(file, matrix)
    plan = planned(file)

    with descriptor(file) as fd:
        frame = next(decode_segment(fd, plan.media, plan.segments[0], progress=no_progress))

    assert (plan.media.rotation, plan.media.width, plan.media.height) == (rotation, *size)
    assert white_corner(frame.luma) == corner
    assert white_corner(frame.rgb(640)[:, :, 1]) == corner
    assert white_corner(frame.rgb(64)[:, :, 1]) == corner
    assert (frame.width, frame.height) == frame.luma.shape[::-1] == size


@every_matrix
def test_a_remux_into_matroska_stands_as_its_original_does(
    matrix: Matrix, rotation: int, size: tuple[int, int], corner: str, tmp_path: Path
) -> None:
    """Matroska states a mirroring as a yaw of its projection."""
    file = corner_file(tmp_path)
    show_turned(file, matrix)

    media, corners = seen(remuxed(file, tmp_path / "corner.mkv"))

    assert (media.rotation, media.width, media.height) == (rotation, *size)
    assert corners == [corner] * 3


@pytest.mark.parametrize(
    ("movie", "track", "corner"),
    [
        ((0, 1, -1, 0), (-1, 0, 0, 1), "right bottom"),
        ((-1, 0, 0, 1), (0, 1, -1, 0), "left top"),
        ((1, 0, 0, -1), (-1, 0, 0, 1), "right bottom"),
    ],
    ids=["turns_what_its_track_mirrors", "mirrors_what_its_track_turns", "mirrors_it_back"],
)
def test_a_movie_has_a_matrix_of_its_own(
    movie: Matrix, track: Matrix, corner: str, tmp_path: Path
) -> None:
    file = corner_file(tmp_path)
    show_turned(file, track)
    show_turned(file, movie, header=b"mvhd")

    assert seen(file)[1] == [corner] * 3


@pytest.mark.parametrize("matrix", [(0, 0, 0, 0), (0, 0, 0, 1)], ids=str)
def test_a_matrix_without_an_angle_asks_for_no_turn(matrix: Matrix, tmp_path: Path) -> None:
    """Symptom: such a video lay on its side, because FFmpeg says an angle of -2147483648 degrees."""
    file = corner_file(tmp_path)
    show_turned(file, matrix)

    media, corners = seen(file)

    assert (media.rotation, media.mirrored) == (0, False)
    assert corners == ["left top"] * 3


@pytest.mark.parametrize("degrees", range(-180, 181, 20))
def test_mirrorings_of_every_angle_are_told_from_turns(degrees: int, tmp_path: Path) -> None:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    file = corner_file(tmp_path)

    show_turned(file, (cosine, sine, -sine, cosine))
    turned = planned(file).media
    show_turned(file, (-cosine, sine, sine, cosine))
    mirrored = planned(file).media

    nearest = round(degrees / 90) * 90 % 360
    assert (turned.rotation, turned.mirrored) == (-nearest % 360, False)
    assert (mirrored.rotation, mirrored.mirrored) == (nearest, True)


def remuxed(file: Path, target: Path, filters: str = "") -> Path:
    """The packets of a video in another file, after a bitstream filter if one is given."""
    with av.open(str(file)) as source, av.open(str(target), "w") as container:
        stream = source.streams.video[0]
        copy = container.add_stream_from_template(stream)
        bitstream = BitStreamFilterContext(filters or "null", stream, copy)
        for packet in source.demux(stream):
            for filtered in bitstream.filter(None if packet.dts is None else packet):
                filtered.stream = copy
                container.mux(filtered)
    return target


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("turn", "rotation", "corner"),
    [
        ("rotate=90", 90, "left bottom"),
        ("flip=horizontal", 0, "right top"),
        ("flip=vertical", 180, "left bottom"),
    ],
)
def test_an_sei_message_turns_all_that_follows(
    turn: str, rotation: int, corner: str, ending: str, tmp_path: Path
) -> None:
    """FFmpeg inserts the message (H.264, D.1.27) before the first frame alone, where it means all."""
    recipe = Recipe(options={"bf": "0"})
    source = write_video(tmp_path / "source.mp4", [corner_picture()] * 12, recipe)
    filters = f"h264_metadata=display_orientation=insert:{turn}"

    media, corners = seen(remuxed(source, tmp_path / f"turned.{ending}", filters))

    assert (media.rotation, media.mirrored) == (rotation, turn.startswith("flip"))
    assert corners == [corner] * 12


@pytest.mark.parametrize(
    ("flips", "corner"),
    [(0x40, "right top"), (0x20, "left bottom"), (0x60, "right bottom")],
    ids=["horizontal", "vertical", "both"],
)
def test_hevc_has_such_messages_too(flips: int, corner: str, tmp_path: Path) -> None:
    """Payload 47 (H.265, D.2.17): flags of the flips, an angle of zero, persistence; before the first picture."""
    recipe = Recipe("libx265", "hevc", options={"x265-params": "log-level=none"})
    file = write_video(tmp_path / "raw.hevc", [corner_picture()] * 3, recipe)
    message = b"\0\0\1\x4e\1" + bytes([47, 3, flips, 0, 0x18]) + b"\x80"
    data = file.read_bytes()
    picture = next(at for at in range(len(data)) if data[at : at + 4] in IDR_STARTS)
    file.write_bytes(data[:picture] + message + data[picture:])

    assert seen(file)[1] == [corner] * 3


IDR_STARTS = (b"\0\0\1\x26", b"\0\0\1\x28", b"\0\0\1\x2a")
"""How a picture begins where decoding may begin (H.265, table 7-1: types 19, 20, 21)."""


def tiff_block(orientation: int, *, order: str = "<") -> bytes:
    """What EXIF is: a TIFF file whose only entry is an orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def exif_photograph(
    folder: Path, orientation: int, *, order: str = "<", before: bytes = b""
) -> Path:
    """A JPEG whose left upper corner is white, with an EXIF block that states an orientation.

    before: what stands between the mark of its beginning and the block's segment.
    """
    recipe = Recipe(codec="mjpeg", container="image2", pixel_format="yuvj420p")
    file = write_video(folder / "photograph.jpg", [corner_picture()], recipe)
    block = b"Exif\0\0" + tiff_block(orientation, order=order)
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    jpeg = file.read_bytes()
    file.write_bytes(jpeg[:2] + before + segment + jpeg[2:])
    return file


@pytest.mark.parametrize("order", ["<", ">"], ids=["little_endian", "big_endian"])
@every_orientation
def test_photograph_stands_as_its_exif_says(
    orientation: int, corner: str, order: str, tmp_path: Path
) -> None:
    media, corners = seen(exif_photograph(tmp_path, orientation, order=order))

    assert corners == [corner]
    assert (media.width > media.height) == (orientation < 5)


@every_orientation
def test_bytes_that_fill_up_before_a_segment_hide_no_orientation(
    orientation: int, corner: str, tmp_path: Path
) -> None:
    """Any number of 0xFF may precede a marker (ITU-T T.81, B.1.1.2)."""
    media, corners = seen(exif_photograph(tmp_path, orientation, before=b"\xff" * 3))

    assert corners == [corner]
    assert media.mirrored == (orientation in (2, 4, 5, 7))


@pytest.mark.parametrize("ending", ["png", "webp", "tif", "avif"])
@every_orientation
def test_pictures_of_every_format_stand_as_their_orientation_says(
    orientation: int, corner: str, ending: str, tmp_path: Path
) -> None:
    file = oriented_picture(tmp_path / f"picture.{ending}", orientation)
    plan = planned(file)

    with descriptor(file) as fd:
        frame = next(decode_segment(fd, plan.media, plan.segments[0], progress=no_progress))

    assert white_corner(frame.luma) == corner
    assert white_corner(frame.rgb(640)[:, :, 1]) == corner
    assert (plan.media.width > plan.media.height) == (orientation < 5)
    assert plan.media.mirrored == (orientation in (2, 4, 5, 7))


@pytest.mark.parametrize(
    ("name", "kind", "container"),
    [("moving.png", "PNG", "apng"), ("several.jpg", "MPO", "mjpeg")],
    ids=["animated_png", "multi_picture_jpeg"],
)
@every_orientation
def test_files_of_several_pictures_stand_as_their_exif_says(
    orientation: int, corner: str, name: str, kind: str, container: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    second = corner_picture()
    second[40:, 60:] = 120
    Image.fromarray(corner_picture()).save(
        tmp_path / name,
        format=kind,
        save_all=True,
        append_images=[Image.fromarray(second)],
        exif=exif,
    )

    media, corners = seen(tmp_path / name)

    assert media.container == container
    assert corners == [corner] * 2
    assert media.mirrored == (orientation in (2, 4, 5, 7))


def png_chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


@pytest.mark.parametrize("compressed", [False, True], ids=["tEXt", "zTXt"])
@every_orientation
def test_png_stands_as_its_raw_profile_says(
    orientation: int, corner: str, compressed: bool, tmp_path: Path
) -> None:
    """Before PNG had a chunk for EXIF, ImageMagick wrote it as text, in hexadecimal digits."""
    block = b"Exif\0\0" + tiff_block(orientation)
    text = b"\nexif\n%8d\n%s\n" % (len(block), block.hex().encode())
    keyword = b"Raw profile type exif\0"
    chunk = (
        png_chunk(b"zTXt", keyword + b"\0" + zlib.compress(text))
        if compressed
        else png_chunk(b"tEXt", keyword + text)
    )
    file = tmp_path / "profile.png"
    Image.fromarray(corner_picture()).save(file)
    png, behind_header = file.read_bytes(), 8 + 25
    file.write_bytes(png[:behind_header] + chunk + png[behind_header:])

    assert seen(file)[1] == [corner]


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_an_orientation_is_found_among_large_other_entries(ending: str, tmp_path: Path) -> None:
    """Cameras write tens of kilobytes of their own into EXIF."""
    exif = Image.Exif()
    exif[0x0112], exif[0x927C] = 7, b"x" * 60_000
    file = tmp_path / f"camera.{ending}"
    Image.fromarray(corner_picture()).save(file, exif=exif)

    assert seen(file)[1] == [CORNERS[7]]


def test_mirrored_picture_with_a_colour_profile_does_not_crash(tmp_path: Path) -> None:
    """PyAV frees the metadata of such side data twice as soon as anybody looks at it."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 5
    file = tmp_path / "profile.png"
    Image.fromarray(corner_picture()).save(file, exif=exif, icc_profile=profile)

    assert seen(file)[1] == [CORNERS[5]]


def test_picture_with_exif_and_colour_profile_does_not_crash(
    shared: Callable[[str], Path],
) -> None:
    file = shared("media/stills/Image_with_alpha.png")
    plan = planned(file)

    with descriptor(file) as fd:
        for frame in decode_segment(fd, plan.media, plan.segments[0], progress=no_progress):
            assert frame.luma.shape == (1036, 1524)


@pytest.mark.parametrize(
    "name", ["yuv420p", "yuv420p10le", "gbrp", "rgb24", "pal8", "monob", "ya8", "gray"]
)
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (16_000, 1), (4096, 3072)], ids=str)
def test_pictures_of_every_kind_can_be_asked(name: str, size: tuple[int, int]) -> None:
    assert orientation_of(av.VideoFrame(*size, name)) == UPRIGHT


@pytest.mark.parametrize("colorspace", [3, 8, 14, 15])
def test_colours_that_swscale_refuses_hinder_nothing(colorspace: int) -> None:
    """A reserved one, YCgCo, ICtCp, IPT (ITU-T H.273, table 4)."""
    picture = av.VideoFrame(64, 48, "yuv420p")
    picture.colorspace = colorspace

    assert orientation_of(picture) == UPRIGHT


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", 8 + len(payload)) + kind + payload


def test_countless_boxes_cost_no_time(tmp_path: Path) -> None:
    """Symptom: 80 KB of empty boxes behind a good video cost two minutes per opening."""
    file = corner_file(tmp_path)
    boxes = box(b"meta", bytes(4) + box(b"pitm", b"") * 9_999)
    file.write_bytes(file.read_bytes() + boxes)

    before = time.process_time()
    media, _ = seen(file)

    assert media.frame_count == 3
    assert time.process_time() - before < 2


def test_a_large_box_that_reaches_past_its_parent_is_ignored(tmp_path: Path) -> None:
    """Symptom: a good video ended as `analyser_died`."""
    file = corner_file(tmp_path)
    primary = box(b"pitm", bytes(4) + b"\0\1")
    properties = box(
        b"iprp", struct.pack(">I", 1) + b"ipma"
    )  # its size of eight bytes lies outside
    meta = box(b"meta", bytes(4) + primary + properties)
    file.write_bytes(file.read_bytes() + meta + struct.pack(">Q", 4096))

    assert seen(file)[1] == ["left top"] * 3


def test_every_orientation_differs_from_the_others() -> None:
    numbers = np.arange(6, dtype=np.uint8).reshape(2, 3)
    turns = [
        Orientation(angle, mirrored) for angle in (0, 90, 180, 270) for mirrored in (False, True)
    ]
    seen_turned = [turn.upright(numbers) for turn in turns]

    assert len({picture.tobytes() + bytes(picture.shape) for picture in seen_turned}) == 8
