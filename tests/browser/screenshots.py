"""Make the screenshots of the documentation: `python -m tests.browser.screenshots docs/screenshots`.

A real system annotates recordings made on the spot (portrait_film.py). Needs Chromium.
"""

import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import CAMERA_FLAGS, EXECUTABLE, FLAGS
from tests.browser.portrait_film import (
    FRAMES_PER_SECOND,
    before_a_camera,
    performance,
    portrait,
)
from tests.end_to_end.running import running_system
from tests.vision.made_media import Recipe, write_video
from tests.waiting import wait_until

FILM = Recipe(rate=Fraction(FRAMES_PER_SECOND), keyframe_every=50)
MOST_BYTES = 200_000
CAMERA = Recipe(codec="mjpeg", container="mjpeg", pixel_format="yuvj420p")
COLOURS = 256  # of the palette: a third of the bytes, and hardly to be seen


SETTLED = """() => {
    const shown = (selector) => Array.from(document.querySelectorAll(selector)).filter((node) => node.checkVisibility());
    const isThere = (image) => image.complete && image.naturalWidth > 0; // without an address it is complete too
    return Array.from(document.images).every((image) => image.hidden || isThere(image))
        && shown(".strip").every((strip) => strip.childElementCount > 0)
        && shown("main .thumb").every((thumb) => thumb.querySelector("img"));
}"""


@dataclass(frozen=True)
class Shot:
    """One picture of the documentation."""

    name: str
    address: str
    width: int = 1200
    scheme: str = "light"
    moment: float | None = None  #: of a video: the share of its length to be at


def take(browser: Browser, base: str, shot: Shot, folder: Path) -> None:
    """Open a view, bring it to an interesting moment and keep its picture."""
    page = browser.new_page(viewport={"width": shot.width, "height": 900}, color_scheme=shot.scheme)
    page.goto(f"{base}/{shot.address}")
    page.locator("main h1").wait_for()
    if shot.address == "#/live":
        look_into_the_camera(page)
    if shot.moment is not None:
        seek(page, shot.moment)
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": shot.width, "height": height})  # lanes fill when in sight
    page.wait_for_function(SETTLED)
    keep_small(page.screenshot(), folder / f"{shot.name}.png")
    page.close()


def look_into_the_camera(page: Page) -> None:
    page.locator("#live-start").click()
    expect(page.locator("#live-pace")).to_contain_text("per second")


def seek(page: Page, share: float) -> None:
    """Click on the plot, this share of the video's length from its beginning."""
    page.locator(".facts").wait_for()
    page.locator(".plot").scroll_into_view_if_needed()
    area = page.locator(".plot .nsewdrag").bounding_box()
    assert area
    page.mouse.click(area["x"] + share * area["width"], area["y"] + 60)
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.locator(".box-label").first.wait_for()


def keep_small(png: bytes, file: Path) -> None:
    """Write a picture with a palette. Raises ValueError if it is too large all the same."""
    from PIL import Image  # of the training extra

    file.write_bytes(png)
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE).save(
            file, optimize=True
        )
    size = file.stat().st_size
    print(f"{file}: {size:,} bytes")
    if size > MOST_BYTES:
        raise ValueError(f"{file.name} has {size} bytes; expected at most {MOST_BYTES}")


def annotate(base: str, file: Path) -> str:
    """Send a recording and wait until it is done. Returns its id."""
    sent = httpx.post(
        f"{base}/v1/jobs",
        params={"filename": file.name},
        content=file.read_bytes(),
        headers={"Content-Type": "application/octet-stream"},
        timeout=60,
    )
    job = sent.raise_for_status().json()
    wait_until(
        lambda: httpx.get(f"{base}{job['links']['self']}").json()["state"] == "done",
        f"{file.name} is done",
        patience_s=600,
    )
    return str(job["id"])


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="affectline-screenshots-") as made,
        sync_playwright() as playwright,
    ):
        began_s = time.monotonic()
        talk = write_video(
            Path(made, "rehearsal.mp4"),
            performance(),
            FILM,
        )
        film = write_video(Path(made, "camera.mjpeg"), before_a_camera(), CAMERA)
        photo = Path(made, "portrait.png")
        cv2.imwrite(str(photo), portrait()[..., ::-1])
        with running_system(Path(made)) as system:
            still, video = annotate(system.address, photo), annotate(system.address, talk)
            flags = [*FLAGS, *CAMERA_FLAGS, f"--use-file-for-fake-video-capture={film}"]
            browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=flags)
            for shot in shots(video=video, still=still):
                take(browser, system.address, shot, folder)
            browser.close()
        print(f"made in {time.monotonic() - began_s:.0f} s")


def shots(*, video: str, still: str) -> list[Shot]:
    return [
        Shot("start", ""),
        Shot("video", f"#/jobs/{video}", moment=0.22),
        Shot("video-dark", f"#/jobs/{video}", scheme="dark", moment=0.38),
        Shot("video-narrow", f"#/jobs/{video}", width=390, moment=0.22),
        Shot("still", f"#/jobs/{still}"),
        Shot("recordings", "#/jobs"),
        Shot("live", "#/live"),
        Shot("measure", "#/about", scheme="dark"),
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
