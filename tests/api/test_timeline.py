"""The timeline in pages and as CSV: the same frames in the same order, never half of them as if they were all."""

import pytest
from flask.testing import FlaskClient

from storage.blobs import Blobs
from storage.claims import claim_next
from storage.database import Database
from storage.decisions import cancel_job
from storage.errors import AnalyserDied, CorruptMedia, NotFound, PlanMismatch, StorageFull
from storage.exports import csv_lines
from storage.failures import report_failure
from storage.jobs import JobView, begin_delete, finish_delete
from storage.labels import EXPRESSIONS
from storage.records import Scores
from storage.timelines import iterate_frames, read_frames
from tests.api.made_jobs import (
    ABLE,
    MadeUp,
    end_job,
    fail_job,
    fail_next,
    finish_job,
    plan_job,
    plan_next,
    queue_job,
    see_segment,
)
from tests.api.replies import problem_of


@pytest.fixture
def url(database_url: str) -> str:
    """Both databases."""
    return database_url


def frame_numbers(page: dict) -> list[int]:
    return [frame["frame"] for frame in page["frames"]]


def read_page(client: FlaskClient, job: JobView, query: str = "") -> dict:
    reply = client.get(f"/v1/jobs/{job.id}/timeline{query}")
    assert reply.status_code == 200, reply.text
    return reply.get_json()


def test_a_face_is_told_in_full(client: FlaskClient, database: Database, blobs: Blobs) -> None:
    job = finish_job(database, blobs)

    page = read_page(client, job)

    scores = dict.fromkeys(EXPRESSIONS, 0.02) | {"happy": 0.88}
    assert page["frames"][0] == {"frame": 0, "time_s": 0.0, "faces": []}
    assert page["frames"][2]["time_s"] == 0.08
    assert page["frames"][2]["faces"][1] == {
        "face": 1,
        "track": 1,
        "box": {"x": 160, "y": 32, "width": 80, "height": 90},
        "detection_score": 0.9912,
        "quality": 0.75,
        "probabilities": scores,
        "smoothed": page["frames"][2]["faces"][1]["smoothed"],
        "emotion": "happy",
        "confidence": 0.88,
        "uncertain": False,
        "poor": False,
    }
    assert page["frames"][2]["faces"][0]["quality"] is None
    smoothed = page["frames"][2]["faces"][1]["smoothed"]
    assert smoothed.keys() == scores.keys() and smoothed != scores
    assert sum(round(value * 10_000) for value in smoothed.values()) == 10_000


@pytest.mark.parametrize("limit", [1, 4, 5, 6, 12, 13])
def test_pages_have_no_gap_and_no_repeat(
    client: FlaskClient, database: Database, blobs: Blobs, limit: int
) -> None:
    job = finish_job(database, blobs)
    whole = read_page(client, job)
    frames: list[dict] = []
    query = f"?limit={limit}"

    while True:
        page = read_page(client, job, query)
        assert 0 < len(page["frames"]) <= limit
        frames += page["frames"]
        if page["next"] is None:
            break
        query = f"?limit={limit}&cursor={page['next']}"

    assert frames == whole["frames"]
    assert frame_numbers(whole) == list(range(12))
    assert (whole["done"], whole["complete_through_s"]) == (True, 0.44)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from_s=0.2", [5, 6, 7]),
        ("from_s=0.2000001", [5, 6, 7]),
        ("from_s=0.201", [6, 7, 8]),
        ("from_s=0.4&cursor=3", [10, 11]),
        ("from_s=0.1&cursor=6", [7, 8, 9]),
        ("from_s=9", []),
    ],
)
def test_a_page_begins_at_a_time(
    client: FlaskClient, database: Database, blobs: Blobs, query: str, expected: list[int]
) -> None:
    job = finish_job(database, blobs)

    assert frame_numbers(read_page(client, job, f"?limit=3&{query}")) == expected


def test_a_running_job_is_readable_from_its_first_piece_on_with_the_same_cursor(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = queue_job(database, blobs)
    page = read_page(client, job)
    assert (page["frames"], page["done"], page["complete_through_s"]) == ([], False, None)

    plan_next(database)
    see_segment(database)
    first = read_page(client, job, f"?cursor={page['next']}")
    again = read_page(client, job, f"?cursor={first['next']}")
    see_segment(database)
    second = read_page(client, job, f"?cursor={again['next']}")

    assert (frame_numbers(first), first["complete_through_s"]) == ([0, 1, 2, 3, 4], 0.16)
    assert (again["frames"], again["next"]) == ([], first["next"])
    assert (frame_numbers(second), second["complete_through_s"]) == ([5, 6, 7, 8, 9], 0.36)
    assert (second["done"], second["next"]) == (False, "9")
    face = first["frames"][1]["faces"][0]
    assert face["track"] is None and face["smoothed"] is None


def test_pages_of_a_job_that_was_planned_anew_tell_it(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    """Symptom: who collected pages by `next` mixed two timelines without a word."""
    job = plan_job(database, blobs)
    see_segment(database)
    first = read_page(client, job)

    fail_next(database, PlanMismatch())
    between = read_page(client, job, f"?cursor={first['next']}")
    plan_next(database)
    for _ in range(2):
        see_segment(database)
    after = read_page(client, job, f"?cursor={between['next']}")

    assert frame_numbers(after) == [5, 6, 7, 8, 9]
    assert (between["frames"], after["next"]) == ([], "9")
    assert len({page["plan"] for page in (first, between, after)}) == 3


def test_pages_of_one_plan_have_one_number(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = plan_job(database, blobs)
    see_segment(database)
    first = read_page(client, job)

    fail_next(database, AnalyserDied())
    see_segment(database)
    see_segment(database)
    end_job(database)

    pages = [read_page(client, job, f"?cursor={cursor}&limit=4") for cursor in (-1, first["next"])]
    assert [page["plan"] for page in pages] == [first["plan"]] * 2


def test_a_page_of_a_job_that_is_deleted_meanwhile_is_not_given_out(
    client: FlaskClient, database: Database, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its segments are gone first: what is left of its rows would look like all of them."""
    job = plan_job(database, blobs)
    see_segment(database)

    def delete_and_read(*arguments, **options):
        begin_delete(database, job.id)
        return read_frames(*arguments, **options)

    monkeypatch.setattr("api.http.timeline.read_frames", delete_and_read)

    problem_of(client.get(f"/v1/jobs/{job.id}/timeline"), status=404, code="job_not_found")


def test_a_failed_job_ends_after_what_it_had(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = plan_job(database, blobs)
    see_segment(database)
    claim = claim_next(database, ABLE, lease_s=60)
    assert claim is not None
    report_failure(database, claim, CorruptMedia())

    page = read_page(client, job)

    assert frame_numbers(page) == [0, 1, 2, 3, 4]
    assert (page["done"], page["next"]) == (False, None)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=5001", "cursor=-2", f"cursor={2**63}", "cursor=", "limit=1.5"]
)
def test_a_wrong_page_is_refused_by_name(
    client: FlaskClient, database: Database, blobs: Blobs, query: str
) -> None:
    job = queue_job(database, blobs)

    problem = problem_of(
        client.get(f"/v1/jobs/{job.id}/timeline?{query}"), status=400, code="invalid_option"
    )

    assert f"option {query.partition('=')[0]}" in problem["detail"]


@pytest.mark.parametrize("piece", [1, 700, 64 * 1024])
def test_the_csv_is_the_exported_timeline_byte_by_byte(
    client: FlaskClient,
    database: Database,
    blobs: Blobs,
    monkeypatch: pytest.MonkeyPatch,
    piece: int,
) -> None:
    monkeypatch.setattr("api.http.timeline.CSV_PIECE_CHARACTERS", piece)
    job = finish_job(database, blobs)

    reply = client.get(f"/v1/jobs/{job.id}/timeline.csv")

    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.data == "".join(csv_lines(iterate_frames(database, job.job))).encode()
    assert reply.data.count(b"\n") == 1 + 4 + 4 + 8  # header, no face, one face, two faces


def test_the_csv_has_the_scores_that_are_asked_for(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = finish_job(database, blobs)
    address = f"/v1/jobs/{job.id}/timeline.csv"

    plain, raw, smoothed = (
        client.get(address + query).text for query in ("", "?scores=raw", "?scores=smoothed")
    )

    frames = list(iterate_frames(database, job.job))
    assert plain == raw == "".join(csv_lines(frames))
    assert smoothed == "".join(csv_lines(frames, scores=Scores.SMOOTHED)) != raw
    refused = client.get(f"{address}?scores=cooked")
    assert "option scores" in problem_of(refused, status=400, code="invalid_option")["detail"]


@pytest.mark.parametrize("make", [queue_job, plan_job], ids=["queued", "running"])
def test_there_is_no_csv_before_the_end(
    client: FlaskClient, database: Database, blobs: Blobs, make
) -> None:
    job = make(database, blobs)

    reply = client.get(f"/v1/jobs/{job.id}/timeline.csv")

    problem_of(reply, status=409, code="job_not_done")


def test_the_csv_of_a_failed_job_tells_why_there_is_none(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = fail_job(database, blobs)

    reply = client.get(f"/v1/jobs/{job.id}/timeline.csv")

    problem = problem_of(reply, status=409, code="job_not_done")
    assert "corrupt_media" in problem["detail"] and "not one picture" in problem["detail"]
    assert "retry" not in problem["detail"]  # it would fail again


def test_of_a_failed_job_that_can_succeed_it_is_told_how_to_try_again(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = fail_job(database, blobs, StorageFull())

    reply = client.get(f"/v1/jobs/{job.id}/timeline.csv")

    problem = problem_of(reply, status=409, code="job_not_done")
    assert f"POST /v1/jobs/{job.id}/retry tries again" in problem["detail"]


def test_nobody_is_told_to_wait_for_the_csv_of_a_cancelled_job(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    """Symptom: wait until its state is 'done', which never came."""
    job = plan_job(database, blobs)
    cancel_job(database, job.id)

    reply = client.get(f"/v1/jobs/{job.id}/timeline.csv")

    problem = problem_of(reply, status=409, code="job_not_done")
    retry = f"POST /v1/jobs/{job.id}/retry"
    assert problem["detail"] == f"the job was cancelled; {retry} goes on with it"
    assert "wait" not in problem["title"]


def test_a_csv_whose_job_is_deleted_meanwhile_breaks_off(
    client: FlaskClient, database: Database, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.http.timeline.CSV_PIECE_CHARACTERS", 1)
    job = finish_job(database, blobs)
    pieces = client.get(f"/v1/jobs/{job.id}/timeline.csv").iter_encoded()
    next(pieces)

    begin_delete(database, job.id)
    finish_delete(database, job.job)

    with pytest.raises(NotFound):
        list(pieces)


@pytest.mark.parametrize(
    ("filename", "disposition"),
    [
        ("talk.mp4", "attachment; filename=\"talk.csv\"; filename*=UTF-8''talk.csv"),
        (
            "../../etc/passwd",
            "attachment; filename=\"_.._etc_passwd.csv\"; filename*=UTF-8''_.._etc_passwd.csv",
        ),
        ("a\\b\\c.mov", "attachment; filename=\"a_b_c.csv\"; filename*=UTF-8''a_b_c.csv"),
        (
            "a</script>b.jpg",  # symptom: script_b.csv
            "attachment; filename=\"a__script_b.csv\"; filename*=UTF-8''a__script_b.csv",
        ),
        ("..", "attachment; filename=\"timeline.csv\"; filename*=UTF-8''timeline.csv"),
        ("..hidden.mp4", "attachment; filename=\"hidden.csv\"; filename*=UTF-8''hidden.csv"),
        (
            'x"; filename=evil.exe.mp4',
            'attachment; filename="x__ filename_evil.exe.csv";'
            " filename*=UTF-8''x_%3B%20filename%3Devil.exe.csv",
        ),
        ("é.mp4", "attachment; filename=\"_.csv\"; filename*=UTF-8''%C3%A9.csv"),
    ],
    ids=["plain", "path", "windows path", "markup", "dots", "hidden", "quotes", "other letters"],
)
def test_the_csv_has_a_safe_name_made_from_the_uploads(
    client: FlaskClient, database: Database, blobs: Blobs, filename: str, disposition: str
) -> None:
    job = finish_job(database, blobs, MadeUp(filename=filename))

    reply = client.get(f"/v1/jobs/{job.id}/timeline.csv")

    assert reply.headers["Content-Disposition"] == disposition
