"""For everybody: screen readers, keyboards, narrow screens, both schemes, installations with a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.api.made_jobs import MadeUp, finish_job
from tests.browser.conftest import Installation, Watch, looking_with_a_key
from tests.browser.made_recordings import finish_video, lay_beside, lay_thumbnails
from tests.browser.pictures import png
from tests.browser.test_start import choose

NO_STORAGE = """Object.defineProperty(window, "sessionStorage", {
    get() { throw new DOMException("Access is denied for this document.", "SecurityError"); }
})"""
SERIOUS = ("serious", "critical")
VIEWS = ("", "#/jobs", "#/live", "#/about", "problems")


def serious_findings(page: Page) -> list[str]:
    findings = Axe().run(page)["violations"]
    return [
        f"{finding['id']}: {finding['nodes'][0]['html'][:200]}"
        for finding in findings
        if finding["impact"] in SERIOUS
    ]


@pytest.fixture(params=["light", "dark"])
def schemed(
    request: pytest.FixtureRequest, browser: Browser, installation: Installation
) -> Iterator[Page]:
    """A page in either scheme."""
    page = browser.new_page(color_scheme=request.param, viewport={"width": 1100, "height": 1000})
    page.set_default_timeout(20_000)
    yield page
    page.close()


def test_no_view_has_serious_findings(
    schemed: Page, installation: Installation, tmp_path: Path
) -> None:
    video = finish_video(installation, tmp_path, MadeUp(frame_count=30, faces_of_frame=(2,)))
    still = MadeUp(filename="face.png", frame_count=1, still=True, faces_of_frame=(2,))
    picture = finish_job(installation.database, installation.blobs, still)
    lay_beside(installation, picture, "media", png(640, 480))
    lay_thumbnails(installation, picture, tracks=0)

    for view in (*VIEWS, f"#/jobs/{video.id}", f"#/jobs/{picture.id}"):
        schemed.goto(f"{installation.address}/{view}")
        schemed.locator("main h1").wait_for()
        if "/jobs/" in view:
            schemed.locator(".box-label").first.wait_for()
        assert (view, serious_findings(schemed)) == (view, [])


def test_narrow_screens_need_no_sideways_scrolling(
    browser: Browser, installation: Installation, tmp_path: Path
) -> None:
    long_name = "a_very_long_name_without_any_blank_" * 5 + ".mp4"
    job = finish_video(installation, tmp_path, MadeUp(filename=long_name))
    page = browser.new_page(viewport={"width": 320, "height": 700})

    for view in (*VIEWS, f"#/jobs/{job.id}"):
        page.goto(f"{installation.address}/{view}")
        page.locator("main h1").wait_for()
        if job.id in view:
            page.locator(".facts").wait_for()
        assert (view, page.evaluate("document.documentElement.scrollWidth")) == (view, 320)
    page.close()


def test_a_long_name_of_a_face_needs_no_sideways_scrolling(
    browser: Browser, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    page = browser.new_page(viewport={"width": 320, "height": 700})
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    page.locator(".facts").wait_for()

    page.get_by_label("Name", exact=True).fill("Wolfeschlegelsteinhausenbergerdorff" * 3)
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Saved:")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.close()


def test_the_page_follows_the_size_of_letters_of_the_browser(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Symptom: whoever had set larger letters got none here."""
    job = finish_video(installation, tmp_path)
    sizes = {"standard": 32, "fixed": 26}
    page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": sizes})
    page.set_viewport_size({"width": 390, "height": 800})

    for view in (*VIEWS, f"#/jobs/{job.id}"):
        page.goto("about:blank")
        page.goto(f"{installation.address}/{view}")
        page.locator("main h1").wait_for()
        if job.id in view:
            page.locator(".facts").wait_for()
        assert page.evaluate("getComputedStyle(document.body).fontSize") == "32px"
        assert (view, page.evaluate("document.documentElement.scrollWidth")) == (view, 390)


def test_bars_keep_their_colours_where_others_are_forced(
    browser: Browser, installation: Installation, tmp_path: Path
) -> None:
    job = finish_video(installation, tmp_path)
    page = browser.new_page(forced_colors="active")
    page.goto(f"{installation.address}/#/jobs/{job.id}")
    page.locator(".facts").wait_for()

    for kind in (".bars .fill", ".swatch"):
        colours = page.locator(kind).evaluate_all(
            "(all) => all.slice(0, 7).map((one) => getComputedStyle(one).backgroundColor)"
        )
        assert len(set(colours)) == 7, kind
    page.close()


def test_each_view_takes_the_focus_and_names_the_tab(page: Page) -> None:
    for link, heading, title in (
        ("Recordings", "Recordings", "Recordings · Affectline"),
        ("Live", "Live", "Live · Affectline"),
        ("The measure", "What it measures, and what it cannot tell", "The measure · Affectline"),
        ("New", "When did they smile?", "New recording · Affectline"),
    ):
        page.get_by_role("navigation").get_by_role("link", name=link).click()
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_focused()
        assert page.title() == title
        expect(page.locator("nav [aria-current=page]")).to_have_text(link)


def test_an_address_of_nothing_does_not_name_the_tab_after_the_view_before(page: Page) -> None:
    page.get_by_role("link", name="The measure").click()
    expect(page.get_by_role("heading", name="What it measures")).to_be_visible()

    page.evaluate("location.hash = '#/jobs/nope'")

    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert page.title() == "Not found · Affectline"


def test_the_error_codes_lead_back_to_every_view(page: Page, installation: Installation) -> None:
    page.get_by_role("link", name="Error codes").click()
    expect(page.get_by_role("heading", name="What can go wrong")).to_be_visible()

    page.get_by_role("navigation").get_by_role("link", name="Recordings").click()

    expect(page.get_by_role("heading", name="Recordings", exact=True)).to_be_visible()
    assert page.url == f"{installation.address}/#/jobs"


@pytest.mark.parametrize("width", [1100, 390])
def test_the_mark_of_the_view_that_is_shown_keeps_to_the_margins(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    main = page.locator("main").bounding_box()
    assert main

    for link in ("New", "The measure"):
        page.get_by_role("navigation").get_by_role("link", name=link).click()
        mark = page.locator("nav [aria-current=page]").bounding_box()
        assert mark
        assert main["x"] <= mark["x"]
        assert mark["x"] + mark["width"] <= main["x"] + main["width"] + 0.5


def test_a_number_is_not_parted_from_its_unit(page: Page) -> None:
    words = page.evaluate(
        """async () => {
            const { readingWords } = await import("/static/faces.js");
            return readingWords({ emotion: "neutral", confidence: 0.4, uncertain: true });
        }"""
    )

    assert words == "Uncertain: neutral 40\u00a0%"


def test_who_skips_the_menu_stays_in_the_view(page: Page) -> None:
    """Symptom: the link was taken for the address of a view: "There is nothing here"."""
    page.get_by_role("link", name="Live").click()
    heading = page.get_by_role("heading", name="Live", exact=True)
    expect(heading).to_be_visible()

    page.get_by_role("link", name="Skip to the content").press("Enter")

    expect(page.locator("main")).to_be_focused()
    expect(heading).to_be_visible()


def test_the_measure_shows_the_figures_of_the_card(page: Page) -> None:
    page.get_by_role("link", name="The measure").click()

    happy = page.locator(".bars tr", has_text="Happy")
    cell = page.locator(".confusions tbody tr").nth(3).locator("td").nth(3)
    expect(happy.locator(".number")).to_have_text(f"{cell.inner_text()} %")
    expect(page.get_by_text("prohibited", exact=True)).to_be_visible()


def test_an_installation_with_a_key_asks_for_it_and_works_with_it(
    browser: Browser, tmp_path: Path, watch: Watch
) -> None:
    with looking_with_a_key(browser, tmp_path, watch, key="sésame") as (page, installation):
        job = finish_video(installation, tmp_path)
        page.goto(installation.address)
        key = page.get_by_label("This installation needs a key")
        key.fill("wrong")
        key.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not the one of this installation")
        key.fill("sésame")
        key.press("Enter")

        page.locator("#recent .open").click()
        expect(page.locator(".box-label").first).to_be_visible()
        page.wait_for_function("() => document.querySelector('video').readyState >= 2")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download CSV").click()
        assert downloading.value.suggested_filename == "talk.csv"
        page.reload()  # the tab still knows the key
        expect(page.get_by_role("heading", name=job.filename)).to_be_visible()
        assert {refusal[:3] for refusal in watch.refused} == {"401"}
        watch.refused.clear()


def test_it_works_in_a_browser_that_stores_nothing(
    browser: Browser, tmp_path: Path, watch: Watch
) -> None:
    """Symptom: every request failed, even where no key is needed."""
    with looking_with_a_key(browser, tmp_path, watch) as (page, installation):
        page.add_init_script(NO_STORAGE)
        page.goto(installation.address)

        page.get_by_label("This installation needs a key").fill("sesame")
        page.keyboard.press("Enter")

        expect(page.get_by_text("None yet.")).to_be_visible()
        watch.refused.clear()  # the first look, without a key


def _hold_first(page: Page, address: str) -> list[Route]:
    """Hold the first request to an address until `continue_`, and return where it will be."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(address, hold)
    return held


def test_a_late_refusal_does_not_forget_the_key_that_was_entered_since(
    browser: Browser, tmp_path: Path, watch: Watch
) -> None:
    """Symptom: a page whose first request was slow asked for the key again; seen once, in a full run of these tests."""
    with looking_with_a_key(browser, tmp_path, watch) as (page, installation):
        job = finish_job(installation.database, installation.blobs, MadeUp())
        first, trial = (_hold_first(page, f"**/v1/jobs{end}") for end in (f"/{job.id}", "?limit=1"))
        with page.expect_request(f"**/v1/jobs/{job.id}"):
            page.goto(f"{installation.address}/#/jobs/{job.id}")
        key = page.get_by_label("This installation needs a key")
        with page.expect_request("**/v1/jobs?limit=1"):
            key.fill("sesame")
            key.press("Enter")

        with page.expect_response(f"**/v1/jobs/{job.id}"):
            first[0].continue_()
        page.wait_for_timeout(200)
        trial[0].continue_()

        expect(page.get_by_role("heading", name=job.filename)).to_be_visible()
        expect(key).to_be_hidden()
        watch.refused.clear()


def test_files_whose_key_is_refused_wait_for_another(
    guarded: tuple[Page, Installation], watch: Watch
) -> None:
    """Symptom: all files that waited were refused at once and had to be chosen again."""
    page, _ = guarded
    expect(page.get_by_text("None yet.")).to_be_visible()
    page.evaluate("sessionStorage.setItem('affectline-api-key', 'another')")
    choose(page, {"name": "one.png"}, {"name": "two.png"})
    key = page.get_by_label("This installation needs a key")
    expect(key).to_be_focused()

    key.fill("sesame")
    key.press("Enter")

    expect(page.locator("#recent .name")).to_have_text(["two.png", "one.png"])
    assert {refusal[:3] for refusal in watch.refused} == {"401"}
    watch.refused.clear()


def test_who_is_asked_for_the_key_already_is_not_led_back_to_it(
    browser: Browser, tmp_path: Path, watch: Watch
) -> None:
    """Symptom: each look at a job that is not done took the keyboard back, every three seconds."""
    with looking_with_a_key(browser, tmp_path, watch) as (page, installation):
        page.goto(installation.address)
        expect(page.get_by_label("This installation needs a key")).to_be_focused()
        link = page.get_by_role("link", name="Error codes")
        link.focus()

        page.evaluate(
            "import('/static/api.js').then(({ getJson }) => getJson('/v1/jobs').catch(() => 0))"
        )

        expect(link).to_be_focused()
        watch.refused.clear()
