"""The live view, with a camera that shows a film and a real analyser behind the server."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, Response, Route, expect

from tests.browser.conftest import Installation, Watch

SENT = """() => {
    window.sent = [];
    const send = window.fetch;
    let flying = 0;
    window.fetch = async (address, options) => {
        const picture = options?.method === "POST" && String(address).endsWith("/frames");
        if (!picture) return send(address, options);
        flying += 1;
        window.sent.push(flying);
        try { return await send(address, options); } finally { flying -= 1; }
    };
}"""
"""Notes for each picture that is sent how many are on their way then."""


def is_closing(reply: Response) -> bool:
    return reply.request.method == "DELETE" and "/v1/live/" in reply.url


def turned(route: Route) -> None:
    """Answer as if the picture had stood on its side."""
    reply = route.fetch()
    seen = reply.json()
    route.fulfill(response=reply, json=seen | {"width": seen["height"], "height": seen["width"]})


def break_off(route: Route) -> None:
    """Answer as where the session's analyser has died."""
    httpx.delete(route.request.url.removesuffix("/frames"))
    route.fulfill(status=503, json={"code": "analyser_died", "detail": "It was ended."})


@pytest.fixture
def live(page: Page, installation: Installation) -> Iterator[Page]:
    """The live view with its camera on; afterwards its session is closed, since there are only two."""
    page.goto(f"{installation.address}/#/live")
    page.evaluate(SENT)
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator(".box-label").first).to_be_visible()

    yield page

    if page.get_by_role("button", name="Stop").count():
        with page.expect_response(is_closing):
            page.get_by_role("button", name="Stop").click()


def test_it_draws_boxes_and_bars_over_the_camera(live: Page) -> None:
    expect(live.locator(".reading")).to_have_text(re.compile(r"\d+\s%$"))
    numbers = [
        float(text.removesuffix(" %")) for text in live.locator(".bars .number").all_inner_texts()
    ]
    stage = live.locator("#live-stage").bounding_box()
    box = live.locator(".stage rect").first.bounding_box()

    assert sum(numbers) == pytest.approx(100, abs=0.5)
    assert stage and box
    assert stage["x"] < box["x"] and box["x"] + box["width"] < stage["x"] + stage["width"]
    assert box["height"] > 0.2 * stage["height"]  # the head fills much of the picture
    expect(live.locator("#live-pace")).to_have_text(
        re.compile(
            r"^[\d.]+ pictures per second · \d+ ms from picture to box, \d+ of them on the server$"
        )
    )


def test_one_picture_is_on_its_way_at_a_time(live: Page) -> None:
    live.wait_for_function("() => window.sent.length >= 10")

    assert set(live.evaluate("window.sent")) == {1}


def test_stop_ends_camera_and_session(live: Page) -> None:
    with live.expect_response(is_closing) as ended:
        live.get_by_role("button", name="Stop").click()

    assert ended.value.status == 204
    expect(live.get_by_role("button", name="Start the camera")).to_be_visible()
    assert live.locator("video").evaluate("video => video.srcObject") is None


def test_start_leads_the_keyboard_to_stop_and_stop_to_start(live: Page) -> None:
    stop = live.get_by_role("button", name="Stop")
    expect(stop).to_be_focused()

    with live.expect_response(is_closing):
        stop.press("Enter")

    expect(live.get_by_role("button", name="Start the camera")).to_be_focused()


def test_leaving_the_view_ends_the_session(live: Page) -> None:
    with live.expect_response(is_closing) as ended:
        live.get_by_role("link", name="The measure").click()

    assert ended.value.status == 204


def test_a_camera_that_is_taken_away_is_told_and_can_be_started_again(live: Page) -> None:
    """Symptom: the view stood still without a word when the camera was unplugged."""
    with live.expect_response(is_closing):
        live.locator("video").evaluate(
            "video => video.srcObject.getTracks()[0].dispatchEvent(new Event('ended'))"
        )

    expect(live.get_by_role("alert")).to_have_text("The camera was taken away.")
    expect(live.get_by_role("button", name="Start the camera")).to_be_enabled()


def test_boxes_fit_a_camera_that_is_turned(live: Page) -> None:
    """Symptom: boxes stayed where they would be in the picture before it was turned."""
    drawing = live.locator("#live-stage > svg")
    expect(drawing).to_have_attribute("viewBox", "0 0 640 480")

    live.route("**/frames", turned)

    expect(drawing).to_have_attribute("viewBox", "0 0 480 640")
    stage = live.locator("#live-stage").bounding_box()
    assert stage
    assert stage["width"] / stage["height"] == pytest.approx(480 / 640, abs=0.01)
    faces = live.locator("#live-stage rect").count()
    expect(live.locator("#live-stage .box-label")).to_have_count(faces)
    assert live.locator("video").evaluate("video => !video.paused")
    live.unroute_all(behavior="wait")  # a picture that is under way would be sent twice: 409


def test_a_camera_that_is_refused_is_told_in_plain_words(
    page: Page, installation: Installation
) -> None:
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); }"
    )
    page.goto(f"{installation.address}/#/live")
    page.reload()

    page.get_by_role("button", name="Start the camera").click()

    expect(page.get_by_role("alert")).to_contain_text("The camera was not allowed")
    expect(page.get_by_role("button", name="Start the camera")).to_be_enabled()


def test_for_a_session_that_broke_another_one_is_opened(live: Page, watch: Watch) -> None:
    """Symptom: the view stopped, though its architecture promises to go on."""
    with live.expect_response(lambda reply: reply.url.endswith("/v1/live") and reply.ok):
        live.route("**/frames", break_off, times=1)

    live.evaluate("window.sent.length = 0")
    live.wait_for_function("() => window.sent.length >= 3")
    expect(live.locator("#live-problem")).to_be_hidden()
    watch.refused.clear()


def test_sessions_that_break_at_once_are_not_opened_for_ever(live: Page, watch: Watch) -> None:
    live.route("**/frames", break_off)

    expect(live.locator("#live-problem")).to_have_text("It was ended.")
    live.unroute("**/frames")
    watch.refused.clear()
