"""How quickly the page shows itself, opens and pans an hour of five faces, and whether playing makes it grow.

    PYTHONPATH=. .venv/bin/python benchmarks/page.py [--minutes 10]

Needs Chromium. A real server with made-up jobs, headless Chromium on the same machine; prints JSON. Times are wall
time, as a person waits: run it while the machine does nothing else. Of several tries the median counts.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from storage.settings import Settings
from tests.api.made_jobs import MadeUp
from tests.browser.conftest import EXECUTABLE, FLAGS, Installation, installing
from tests.browser.long_timeline import finish_hour
from tests.browser.made_recordings import finish_video, lay_thumbnails

Found = TypeVar("Found")

TRIES = 5
PAN_STEPS = 120
SETTLE_S = 2.0
"""A new window of Chromium loads pages of its own, for its address bar, which take as long as ours: they are waited for."""
WARM_UP_S = 60.0
"""Caches of pictures and compiled scripts fill in the first minute."""
SAMPLE_S = 30.0

DRAWN = "() => document.querySelectorAll('.plot .scatterlayer .trace').length === 7"
CURVES = "() => document.querySelectorAll('.sketch path, .plot .scatterlayer .trace').length >= 7"
"""The hour can be seen, and a click seeks in it; hovering, panning and zooming come with plotly."""
FIRST_PAINT = """() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime"""
BYTES = """() => performance.getEntries().filter((entry) => "transferSize" in entry)
    .reduce((sum, entry) => sum + entry.transferSize, 0)"""
COUNT_FRAMES = """() => {
    window.drawn = 0;
    const count = () => { window.drawn += 1; requestAnimationFrame(count); };
    requestAnimationFrame(count);
}"""
PLAY_FOR_EVER = """() => { const video = document.querySelector("video"); video.loop = true; return video.play(); }"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of playing (default: 10)")
    minutes = parser.parse_args().minutes
    with (
        TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        installing(Settings(data=Path(folder))) as installation,
    ):
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=FLAGS)
        facts = {
            "browser": browser.version,
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
            "load": round(os.getloadavg()[0], 1),
            "tries": TRIES,
        }
        found = _measured(browser, installation, Path(folder), minutes=minutes)
        browser.close()
    json.dump(facts | found, sys.stdout, indent=2)
    print()


def _measured(
    browser: Browser, installation: Installation, folder: Path, *, minutes: float
) -> dict[str, Any]:
    first = [_first_paint(browser, installation.address) for _ in range(TRIES)]
    hour = finish_hour(installation)
    lay_thumbnails(installation, hour, tracks=5)
    address = f"{installation.address}/#/jobs/{hour.id}"
    cold = [_new_page(browser, lambda page: _opened_s(page, address)) for _ in range(TRIES)]
    warm, pans = [], []
    for _ in range(TRIES):
        seconds, rate = _new_page(browser, lambda page: _opened_from_list(page, address))
        warm.append(seconds)
        pans.append(rate)
    made = MadeUp(frame_count=250, segment_frames=250, faces_of_frame=(1,))
    video = finish_video(installation, folder, made)
    heap = _new_page(
        browser,
        lambda page: _heap_while_playing(
            page, f"{installation.address}/#/jobs/{video.id}", minutes=minutes
        ),
    )
    return {
        "first_paint_ms": round(statistics.median(paint for paint, _ in first)),
        "first_load_bytes": max(size for _, size in first),
        "hour_opens_s": {
            "first_page_of_a_new_browser": {
                "curves": _median([curves for curves, _ in cold]),
                "plot": _median([plot for _, plot in cold]),
            },
            "from_the_list": _median(warm),
        },
        "pan_frames_per_second": _median(pans),
        "heap_mb_while_playing": heap,
    }


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 2)


def _new_page(browser: Browser, measure: Callable[[Page], Found]) -> Found:
    """Measure on a page of a browser profile that has never seen this server."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    page = context.new_page()
    time.sleep(SETTLE_S)
    found = measure(page)
    context.close()
    return found


def _first_paint(browser: Browser, address: str) -> tuple[float, int]:
    def measure(page: Page) -> tuple[float, int]:
        page.goto(address, wait_until="networkidle")
        return page.evaluate(FIRST_PAINT), page.evaluate(BYTES)

    return _new_page(browser, measure)


def _opened_s(page: Page, address: str) -> tuple[float, float]:
    """Seconds until the curves of a job are there, and until plotly has drawn them."""
    begin_s = time.monotonic()
    page.goto(
        address, wait_until="commit"
    )  # a page counts as loaded when plotly has come, long after the curves
    page.wait_for_function(CURVES)
    curves_s = time.monotonic() - begin_s
    page.wait_for_function(DRAWN)
    return curves_s, time.monotonic() - begin_s


def _opened_from_list(page: Page, address: str) -> tuple[float, float]:
    """Seconds from a click in the list of jobs to the drawn plot, and frames per second while it is dragged."""
    page.goto(address.split("#")[0] + "#/jobs")
    link = page.locator(f'a[href="#{address.split("#")[1]}"]').first
    link.wait_for()
    page.wait_for_load_state("networkidle")
    link.hover()  # nobody clicks without getting there first
    time.sleep(0.3)
    begin_s = time.monotonic()
    link.click()
    page.wait_for_function(DRAWN)
    return time.monotonic() - begin_s, _panned(page)


def _panned(page: Page) -> float:
    """Frames per second that the browser draws while the plot is dragged, zoomed in."""
    for _ in range(4):
        page.get_by_role("button", name="Zoom in").click()
    page.wait_for_load_state("networkidle")
    area = page.locator(".plot .nsewdrag").bounding_box()
    if area is None:
        raise RuntimeError("expected a plot to drag, found none in sight")
    page.evaluate(COUNT_FRAMES)
    page.mouse.move(area["x"] + 600, area["y"] + 60)
    page.mouse.down()
    begin_s, before = time.monotonic(), page.evaluate("() => window.drawn")
    page.mouse.move(area["x"] + 100, area["y"] + 60, steps=PAN_STEPS)
    drawn = page.evaluate("() => window.drawn") - before
    seconds = time.monotonic() - begin_s
    page.mouse.up()
    return float(drawn / seconds)


def _heap_while_playing(page: Page, address: str, *, minutes: float) -> list[float]:
    """Megabytes in use after a collection: after the first minute, then every SAMPLE_S of playing."""
    page.goto(address)
    page.wait_for_function(DRAWN)
    page.evaluate(PLAY_FOR_EVER)
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")
    time.sleep(min(WARM_UP_S, minutes * 60 / 2))
    samples = [_heap_mb(tools)]
    end_s = time.monotonic() + minutes * 60 - WARM_UP_S
    while time.monotonic() < end_s:
        time.sleep(SAMPLE_S)
        samples.append(_heap_mb(tools))
    return samples


def _heap_mb(tools: CDPSession) -> float:
    tools.send("HeapProfiler.collectGarbage")
    metrics = {row["name"]: row["value"] for row in tools.send("Performance.getMetrics")["metrics"]}
    return round(metrics["JSHeapUsedSize"] / 1e6, 2)


if __name__ == "__main__":
    main()
