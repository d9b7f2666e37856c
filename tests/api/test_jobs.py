"""GET and DELETE of /v1/jobs: every job is there once, and nothing of a deleted one stays."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from storage.blobs import Blobs
from storage.claims import claim_next
from storage.commits import commit_illustrations
from storage.database import Database
from storage.errors import (
    AffectlineError,
    DetectorUnavailable,
    NoVideo,
    PathNotFound,
    StorageFull,
    TooLarge,
)
from storage.jobs import JobView
from storage.tables import metadata
from tests.api.made_jobs import (
    ABLE,
    MadeUp,
    fail_job,
    finish_job,
    plan_job,
    queue_job,
    see_segment,
)
from tests.api.replies import problem_of

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def url(database_url: str) -> str:
    """Both databases."""
    return database_url


def test_jobs_are_listed_newest_first(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    ids = [queue_job(database, blobs).id for _ in range(3)]

    reply = client.get("/v1/jobs").get_json()

    assert [job["id"] for job in reply["jobs"]] == ids[::-1]
    assert reply["next"] is None


def test_pages_have_no_gap_and_no_repeat_while_jobs_come_and_go(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    ids = [queue_job(database, blobs).id for _ in range(7)]
    seen: list[str] = []
    cursor = ""

    while True:
        page = client.get(f"/v1/jobs?limit=2{cursor}").get_json()
        seen += [job["id"] for job in page["jobs"]]
        queue_job(database, blobs)  # newer than the first page: not to be seen
        client.delete(f"/v1/jobs/{page['jobs'][-1]['id']}")  # the cursor's own job goes
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert seen == ids[::-1]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=ten", "cursor=0", f"cursor={2**63}"]
)
def test_a_wrong_page_is_refused_by_name(client: FlaskClient, query: str) -> None:
    problem = problem_of(client.get(f"/v1/jobs?{query}"), status=400, code="invalid_option")

    name, _, value = query.partition("=")
    assert f"option {name} is {value!r}; expected" in problem["detail"]


def test_a_queued_job_knows_only_its_file(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    queued = queue_job(database, blobs)

    job = client.get(f"/v1/jobs/{queued.id}").get_json()

    assert (job["state"], job["stage"], job["percent"]) == ("queued", "queued", 0)
    assert (job["frames_done"], job["frames_total"]) == (0, None)
    assert RFC3339.fullmatch(job["created_at"])
    for name in ("started_at", "finished_at", "error", "media", "summary"):
        assert job[name] is None
    assert job["links"]["csv"] is None


def test_a_running_job_tells_how_far_it_is(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    running = plan_job(database, blobs)
    see_segment(database)

    job = client.get(f"/v1/jobs/{running.id}").get_json()

    assert (job["state"], job["stage"]) == ("running", "analyse")
    assert (job["frames_done"], job["frames_total"], job["percent"]) == (5, 12, 41)
    assert RFC3339.fullmatch(job["started_at"])
    assert job["media"] == {
        "container": "mov,mp4",
        "codec": "h264",
        "width": 320,
        "height": 240,
        "rotation": 0,
        "mirrored": False,
        "frame_count": 12,
        "duration_s": 0.44,
        "start_offset_s": 1.0,
        "still": False,
        "times_estimated": False,
        "damaged_packets": 0,
    }


def test_a_job_that_is_done_has_its_summary(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    done = finish_job(database, blobs)

    job = client.get(f"/v1/jobs/{done.id}").get_json()

    assert (job["state"], job["stage"], job["percent"]) == ("done", "done", 100)
    assert RFC3339.fullmatch(job["finished_at"])
    assert done.summary is not None
    assert done.summary == {**job["summary"], "peaks": done.summary["peaks"]}
    assert job["links"]["csv"] == f"/v1/jobs/{done.id}/timeline.csv"


def test_a_job_awaits_its_pictures_from_its_end_until_they_are_made(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    def awaits(job: JobView) -> bool:
        return bool(client.get(f"/v1/jobs/{job.id}").get_json()["awaits_pictures"])

    done = finish_job(database, blobs)
    assert awaits(done)
    claim = claim_next(database, ABLE, lease_s=60)
    assert claim is not None
    assert awaits(done)

    commit_illustrations(database, claim)

    assert not awaits(done)
    assert not awaits(plan_job(database, blobs))
    assert not awaits(fail_job(database, blobs))


def test_a_failed_job_tells_why(client: FlaskClient, database: Database, blobs: Blobs) -> None:
    failed = fail_job(database, blobs)

    job = client.get(f"/v1/jobs/{failed.id}").get_json()

    assert job["state"] == "failed"
    assert job["error"] == {
        "code": "corrupt_media",
        "message": "not one picture of 3 could be decoded",
        "retryable": False,
    }


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (NoVideo(), False),
        (DetectorUnavailable(), True),
        (PathNotFound(), True),
        (TooLarge(), True),
        (StorageFull(), True),
        (AffectlineError(), True),
    ],
    ids=lambda given: getattr(given, "code", None),
)
def test_a_failed_job_tells_whether_another_try_can_help(
    client: FlaskClient, database: Database, blobs: Blobs, error: AffectlineError, retryable: bool
) -> None:
    failed = fail_job(database, blobs, error)

    job = client.get(f"/v1/jobs/{failed.id}").get_json()

    assert job["error"]["retryable"] is retryable
    assert client.post(f"/v1/jobs/{failed.id}/retry").status_code == 202


@pytest.mark.parametrize("method", ["get", "delete"])
@pytest.mark.parametrize("job_id", ["0" * 32, "1", "no%00job", "x" * 3000, "%F0%9F%92%A9"])
def test_an_unknown_job_is_not_found(client: FlaskClient, method: str, job_id: str) -> None:
    problem_of(client.open(f"/v1/jobs/{job_id}", method=method), status=404, code="job_not_found")


@pytest.mark.parametrize("path", ["", "/timeline.csv"])
def test_what_takes_no_options_refuses_them(
    client: FlaskClient, database: Database, blobs: Blobs, path: str
) -> None:
    job = finish_job(database, blobs)

    reply = client.get(f"/v1/jobs/{job.id}{path}?format=xml")

    problem_of(reply, status=400, code="unknown_option")


@pytest.mark.parametrize(
    "make", [queue_job, plan_job, finish_job], ids=["queued", "running", "done"]
)
def test_deletion_leaves_nothing(
    client: FlaskClient, database: Database, blobs: Blobs, make
) -> None:
    job = make(database, blobs)

    reply = client.delete(f"/v1/jobs/{job.id}")

    assert (reply.status_code, reply.data) == (204, b"")
    assert list(blobs.folder.iterdir()) == []
    with database.reading() as connection:
        for table in metadata.sorted_tables:
            count = connection.execute(select(func.count()).select_from(table)).scalar_one()
            assert count == 0, f"{table.name} has {count} rows"
    assert claim_next(database, ABLE, lease_s=10) is None
    for path in ("", "/timeline", "/timeline.csv"):
        problem_of(client.get(f"/v1/jobs/{job.id}{path}"), status=404, code="job_not_found")
    problem_of(client.delete(f"/v1/jobs/{job.id}"), status=404, code="job_not_found")


def test_deletion_leaves_the_other_jobs_alone(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    kept = finish_job(database, blobs, MadeUp(filename="kept.mp4"))
    before = client.get(f"/v1/jobs/{kept.id}/timeline.csv").data
    other = finish_job(database, blobs)

    client.delete(f"/v1/jobs/{other.id}")

    assert client.get(f"/v1/jobs/{kept.id}/timeline.csv").data == before
    assert [folder.name for folder in blobs.folder.iterdir()] == [kept.id]
