"""Over HTTP: a job is cancelled, and tried again."""

from flask.testing import FlaskClient

from storage.blobs import Blobs
from storage.claims import claim_next
from storage.database import Database
from storage.errors import OutputFailed
from storage.failures import report_failure
from tests.api.made_jobs import ABLE, end_job, fail_job, finish_job, plan_job, see_segment
from tests.api.replies import problem_of


def test_a_cancelled_job_says_so_and_keeps_what_was_seen(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = plan_job(database, blobs)
    see_segment(database)

    reply = client.post(f"/v1/jobs/{job.id}/cancel")

    assert reply.status_code == 200
    assert reply.get_json()["state"] == "cancelled"
    assert reply.get_json()["stage"] == "cancelled"
    assert client.get(f"/v1/jobs/{job.id}/timeline").get_json()["frames"]


def test_a_cancelled_job_goes_on_where_it_stopped(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = plan_job(database, blobs)
    see_segment(database)
    client.post(f"/v1/jobs/{job.id}/cancel")

    reply = client.post(f"/v1/jobs/{job.id}/retry")

    assert reply.status_code == 202
    assert reply.headers["Location"] == f"/v1/jobs/{job.id}"
    see_segment(database)
    end_job(database)
    assert client.get(f"/v1/jobs/{job.id}").get_json()["state"] == "done"


def test_a_failed_job_loses_its_error_when_it_is_tried_again(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = fail_job(database, blobs)

    retried = client.post(f"/v1/jobs/{job.id}/retry").get_json()

    assert (retried["state"], retried["error"]) == ("queued", None)


def test_what_is_done_can_neither_be_cancelled_nor_tried_again(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = finish_job(database, blobs)

    problem_of(client.post(f"/v1/jobs/{job.id}/cancel"), status=409, code="job_ended")
    problem_of(client.post(f"/v1/jobs/{job.id}/retry"), status=409, code="job_not_ended")


def test_pictures_that_could_not_be_made_are_tried_again(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = finish_job(database, blobs)
    claim = claim_next(database, ABLE, lease_s=60)
    assert claim is not None
    report_failure(database, claim, OutputFailed())

    reply = client.post(f"/v1/jobs/{job.id}/retry")

    assert (reply.status_code, reply.get_json()["state"]) == (202, "done")
    problem_of(client.post(f"/v1/jobs/{job.id}/retry"), status=409, code="job_not_ended")


def test_there_must_be_such_a_job(client: FlaskClient) -> None:
    for what in ("cancel", "retry"):
        problem_of(client.post(f"/v1/jobs/{'0' * 32}/{what}"), status=404, code="job_not_found")
