"""The values that flow: options from callers, exact time, slices as JSON."""

import json
import zlib
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import AffectlineError, InvalidOption, UnknownOption, error_from_code
from storage.records import (
    MAX_DETECT_EVERY,
    MAX_SAMPLE_FPS,
    Detector,
    JobOptions,
    MediaInfo,
    SegmentSlice,
    microseconds,
)
from tests.storage.made_jobs import media_info

ticks = st.integers(-(2**62), 2**62)


def test_no_options_means_the_defaults() -> None:
    assert JobOptions.parse({}) == JobOptions(
        detector=Detector.MTCNN, sample_fps=None, detect_every=8
    )


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [("5", 5.0), (5, 5.0), ("0.5", 0.5), ("1000", MAX_SAMPLE_FPS), ("", None), (None, None)],
)
def test_sample_fps_is_read_from_text_and_numbers(
    given_value: object, expected: float | None
) -> None:
    assert JobOptions.parse({"sample_fps": given_value}).sample_fps == expected


@pytest.mark.parametrize("given_value", [4, "4"])
def test_detect_every_is_read_from_text_and_numbers(given_value: object) -> None:
    assert JobOptions.parse({"detect_every": given_value}).detect_every == 4


@pytest.mark.parametrize("value", ["0", "65", "2.5", "-1", "+8", "often", True, [8]], ids=repr)
def test_a_wrong_detect_every_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidOption, match=r"option detect_every is .* whole number, 1 to 64"):
        JobOptions.parse({"detect_every": value})


@pytest.mark.parametrize(
    "value", ["0", "-1", "nan", "inf", "1000.1", "many", True, [], {}, [5], "5,0"], ids=repr
)
def test_a_wrong_sample_fps_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidOption, match=r"option sample_fps is .* expected a number above 0"):
        JobOptions.parse({"sample_fps": value})


@pytest.mark.parametrize("value", ["yolo", "MTCNN", "", None, 1], ids=repr)
def test_an_unknown_detector_is_refused_with_the_known_ones(value: object) -> None:
    with pytest.raises(InvalidOption, match=r"option detector is .* expected one of: mtcnn, haar"):
        JobOptions.parse({"detector": value})


def test_an_unknown_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownOption, match="'fps'; expected one of: detector, sample_fps, detect_every"
    ):
        JobOptions.parse({"fps": 5})


@given(
    st.builds(
        JobOptions,
        detector=st.sampled_from(Detector),
        sample_fps=st.none() | st.floats(0, MAX_SAMPLE_FPS, exclude_min=True),
        detect_every=st.integers(1, MAX_DETECT_EVERY),
    )
)
def test_options_survive_json(options: JobOptions) -> None:
    assert JobOptions.parse(json.loads(json.dumps(options.as_json()))) == options


@given(ticks, st.integers(1, 10**9), st.integers(1, 10**9))
def test_microseconds_are_exact_and_rounded_half_up(at: int, over: int, under: int) -> None:
    time_base = Fraction(over, under)

    assert microseconds(at, time_base) == floor(at * time_base * 1_000_000 + Fraction(1, 2))


def test_ten_minutes_of_ntsc_do_not_drift() -> None:
    frames = 600 * 30000 // 1001

    assert microseconds(frames * 1001, Fraction(1, 30000)) == 599_999_400


@given(
    st.builds(
        SegmentSlice,
        first_frame=st.integers(0, 10**9),
        pts=st.lists(ticks).map(tuple),
        look=st.lists(st.integers(0, 10**9)).map(tuple),
        entries=st.lists(ticks).map(tuple),
        opening_pts=st.none() | ticks,
        closing_pts=st.none() | ticks,
    )
)
def test_a_slice_survives_being_packed(piece: SegmentSlice) -> None:
    assert SegmentSlice.from_bytes(piece.to_bytes()) == piece


def test_a_slice_that_the_first_version_packed_can_be_read() -> None:
    """It knew nothing of the frames beside a slice."""
    packed = b'{"first_frame":5,"pts":[50,60],"look":[5,6],"entries":[]}'

    piece = SegmentSlice.from_bytes(zlib.compress(packed))

    assert piece == SegmentSlice(first_frame=5, pts=(50, 60), look=(5, 6), entries=())


def test_media_facts_survive_json() -> None:
    info = media_info(100)

    assert MediaInfo.from_json(json.loads(json.dumps(info.as_json()))) == info


def test_media_facts_of_a_newer_version_can_be_read() -> None:
    """Symptom: a server not yet renewed answered 500 where a renewed worker had planned."""
    info = media_info(100)

    assert MediaInfo.from_json({**info.as_json(), "grain": 3}) == info


def _all_errors(root: type[AffectlineError] = AffectlineError) -> list[type[AffectlineError]]:
    return [root, *(error for child in root.__subclasses__() for error in _all_errors(child))]


ERRORS = [error for error in _all_errors() if error.__module__ == "storage.errors"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_comes_back_from_its_code(error: type[AffectlineError]) -> None:
    back = error_from_code(error.code, "what happened")

    assert (type(back), back.message) == (error, "what happened")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_explains_itself_by_its_docstring(error: type[AffectlineError]) -> None:
    assert error().message == (error.__doc__ or "").strip().splitlines()[0]
    assert 400 <= error.http_status < 600


def test_an_unknown_code_is_still_an_error() -> None:
    assert error_from_code("from_the_future", "oh").message == "oh"
