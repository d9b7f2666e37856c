"""Tracks, sums and plots over HTTP: what finalise found out, names given by hand, problems by their names."""

import csv
import io
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from storage.blobs import Blobs
from storage.database import Database
from storage.jobs import JobView, begin_delete
from storage.labels import EXPRESSIONS
from storage.plots import read_plot
from storage.tables import jobs
from tests.api.made_jobs import MadeUp, fail_job, finish_job, plan_job, queue_job, see_segment
from tests.api.replies import problem_of

on_sqlite_alone = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what SQL has no part in."""
LONG = MadeUp(frame_count=120, faces_of_frame=(1,), segment_frames=60)
"""4.8 seconds with one face."""


@pytest.fixture
def url(database_url: str) -> str:
    """Both databases."""
    return database_url


def read(client: FlaskClient, job: JobView, what: str) -> dict:
    reply = client.get(f"/v1/jobs/{job.id}/{what}")
    assert reply.status_code == 200, reply.text
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.get_json()


def test_a_track_is_told_in_full(client: FlaskClient, database: Database, blobs: Blobs) -> None:
    job = finish_job(database, blobs)

    found = read(client, job, "tracks")

    assert found["next"] is None
    first, second = found["tracks"]
    summary = first.pop("summary")
    assert first == {
        "track": 0,
        "person": None,
        "first_frame": 1,
        "last_frame": 11,
        "first_time_s": 0.04,
        "last_time_s": 0.44,
        "face_count": 8,
        "best": {"frame": 1, "box": {"x": 40, "y": 31, "width": 80, "height": 90}},
    }
    assert (second["first_frame"], second["face_count"]) == (2, 4)
    assert (summary["faces"], summary["poor"], summary["uncertain"]) == (8, 0, 0.0)
    assert summary["share"].keys() == summary["mean"].keys() == set(EXPRESSIONS)
    assert sum(summary["mean"].values()) == pytest.approx(1, abs=0.001)


def test_tracks_come_in_pages(client: FlaskClient, database: Database, blobs: Blobs) -> None:
    job = finish_job(database, blobs)

    first = read(client, job, "tracks?limit=1")
    second = read(client, job, f"tracks?limit=1&cursor={first['next']}")

    assert [track["track"] for page in (first, second) for track in page["tracks"]] == [0, 1]
    assert second["next"] is None


@on_sqlite_alone
@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "cursor=-2", f"cursor={2**31}"])
def test_a_wrong_page_of_tracks_is_refused_by_name(
    client: FlaskClient, database: Database, blobs: Blobs, query: str
) -> None:
    job = finish_job(database, blobs)

    reply = client.get(f"/v1/jobs/{job.id}/tracks?{query}")

    problem = problem_of(reply, status=400, code="invalid_option")
    assert f"option {query.partition('=')[0]}" in problem["detail"]


@on_sqlite_alone
@pytest.mark.parametrize("what", ["tracks", "summary"])
@pytest.mark.parametrize(
    "make", [queue_job, plan_job, fail_job], ids=["queued", "running", "failed"]
)
def test_there_is_nothing_to_tell_before_the_end(
    client: FlaskClient, database: Database, blobs: Blobs, make, what: str
) -> None:
    job = make(database, blobs)

    reply = client.get(f"/v1/jobs/{job.id}/{what}")

    problem_of(reply, status=409, code="job_not_done")


@pytest.mark.parametrize("what", ["tracks", "summary", "plot"])
def test_an_unknown_job_has_nothing_to_tell(client: FlaskClient, what: str) -> None:
    problem_of(client.get(f"/v1/jobs/{'0' * 32}/{what}"), status=404, code="job_not_found")


def persons_in_csv(client: FlaskClient, job: JobView) -> set[tuple[str, str]]:
    """(track, person) of all lines."""
    text = client.get(f"/v1/jobs/{job.id}/timeline.csv").text
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return {(row["track"], row["person"]) for row in rows}


def test_a_name_is_kept_exported_and_taken_back(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = finish_job(database, blobs)
    address = f"/v1/jobs/{job.id}/tracks/1"

    named = client.patch(address, json={"person": "  =Ada, née Byron  "})

    assert named.status_code == 200
    assert (named.get_json()["track"], named.get_json()["person"]) == (1, "=Ada, née Byron")
    assert read(client, job, "tracks")["tracks"][1] == named.get_json()
    assert persons_in_csv(client, job) == {("", ""), ("0", ""), ("1", "'=Ada, née Byron")}
    assert client.patch(address, json={"person": None}).get_json()["person"] is None
    assert persons_in_csv(client, job) == {("", ""), ("0", ""), ("1", "")}


@on_sqlite_alone
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"person": ""},
        {"person": "   "},
        {"person": "x" * 201},
        {"person": 7},
        {"person": ["Ada"]},
        {"person": "Ada\nLovelace"},
        {"person": "Ada\0"},
        {"person": "Ada\u2028Lovelace"},
        {"person": "\ud800"},
        {"person": "Ada", "face": 1},
        ["Ada"],
        "Ada",
        None,
    ],
    ids=ascii,
)
def test_a_wrong_name_is_refused(
    client: FlaskClient, database: Database, blobs: Blobs, body: object
) -> None:
    job = finish_job(database, blobs)

    reply = client.patch(f"/v1/jobs/{job.id}/tracks/0", json=body)

    problem_of(reply, status=400, code="invalid_option")
    assert read(client, job, "tracks")["tracks"][0]["person"] is None


@pytest.mark.parametrize("person", ["x" * 200, "李小龙", "علی‌رضا", "👩‍🔬 Marie"], ids=ascii)
def test_a_name_may_be_of_any_script(
    client: FlaskClient, database: Database, blobs: Blobs, person: str
) -> None:
    job = finish_job(database, blobs)

    reply = client.patch(f"/v1/jobs/{job.id}/tracks/0", json={"person": person})

    assert reply.get_json()["person"] == person
    assert ("0", person) in persons_in_csv(client, job)


@on_sqlite_alone
@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"person": "\xff"}', b"person=Ada", b"[" * 10_000],
    ids=["nothing", "half", "no UTF-8", "a form", "deeply nested"],
)
def test_a_body_that_is_no_json_is_refused(
    client: FlaskClient, database: Database, blobs: Blobs, data: bytes
) -> None:
    job = finish_job(database, blobs)

    reply = client.patch(f"/v1/jobs/{job.id}/tracks/0", data=data, content_type="application/json")

    problem = problem_of(reply, status=400, code="invalid_option")
    assert len(problem["detail"]) < 300


@on_sqlite_alone
@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"{", "the body is not JSON"),
        (b"[]", "the body is []"),
        (b"{}", "option person is missing"),
        (b'{"person": true}', "option person is true; expected text"),
        (b'{"person": " "}', "option person is ' '; expected at least 1 character"),
        (
            b'{"person": "a\\nb"}',
            r"option person is 'a\nb'; expected a name without control characters and line ends",
        ),
        (b'{"person": "Ada", "face": 1}', "unknown option 'face'"),
    ],
)
def test_a_wrong_name_is_told_in_plain_words(
    client: FlaskClient, database: Database, blobs: Blobs, data: bytes, wrong: str
) -> None:
    """Symptom: option body is b'{…'; expected: Invalid JSON: EOF while parsing an object."""
    job = finish_job(database, blobs)

    reply = client.patch(f"/v1/jobs/{job.id}/tracks/0", data=data)

    detail = problem_of(reply, status=400, code="invalid_option")["detail"]
    assert (
        detail == f'{wrong}: send {{"person": "NAME"}}, or {{"person": null}} to take a name back'
    )


@on_sqlite_alone
def test_a_body_too_long_for_any_name_is_refused(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = finish_job(database, blobs)

    reply = client.patch(f"/v1/jobs/{job.id}/tracks/0", json={"person": "x" * 20_000})

    problem_of(reply, status=413, code="too_large")


@pytest.mark.parametrize("track", [2, 2**31, 2**63 - 1])
def test_a_track_that_is_not_there_gets_no_name(
    client: FlaskClient, database: Database, blobs: Blobs, track: int
) -> None:
    job = finish_job(database, blobs)

    reply = client.patch(f"/v1/jobs/{job.id}/tracks/{track}", json={"person": "Ada"})

    problem_of(reply, status=404, code="track_not_found")


def test_no_track_of_a_running_job_gets_a_name(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    """Finalise would number the tracks again."""
    job = plan_job(database, blobs)

    reply = client.patch(f"/v1/jobs/{job.id}/tracks/0", json={"person": "Ada"})

    problem_of(reply, status=409, code="job_not_done")


def test_the_summary_is_the_jobs_with_its_peaks(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = finish_job(database, blobs, LONG)

    summary = read(client, job, "summary")

    peaks = summary.pop("peaks")
    assert summary == client.get(f"/v1/jobs/{job.id}").get_json()["summary"]
    assert (summary["frames"], summary["faces"], summary["tracks"]) == (120, 120, 1)
    assert (summary["poor"], summary["uncertain"]) == (0, 0.0)
    assert peaks.keys() == set(EXPRESSIONS)
    frames = read(client, job, "timeline")["frames"]
    for name, peak in peaks.items():
        scores = {frame["time_s"]: frame["faces"][0]["smoothed"][name] for frame in frames}
        assert peak == {
            "time_s": max(scores, key=scores.__getitem__),
            "track": 0,
            "probability": max(scores.values()),
        }


def test_a_job_that_an_older_version_did_has_the_same_peaks(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = finish_job(database, blobs, replace(LONG, faces_of_frame=(1, 2)))
    now = read(client, job, "summary")
    older = {name: value for name, value in (job.summary or {}).items() if name != "peaks"}
    with database.writing() as connection:
        connection.execute(update(jobs).where(jobs.c.job == job.job).values(summary=older))

    assert read(client, job, "summary") == now


def test_a_plot_of_a_short_range_shows_each_frame_and_the_gaps(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = finish_job(database, blobs)

    plot = read(client, job, "plot?scores=raw&track=1")

    assert (plot["grain"], plot["step_s"], plot["done"]) == ("frame", 0, True)
    assert plot["time_s"] == [frame * 40 / 1000 for frame in range(12)]
    assert plot["faces"] == [0, 0, 1] * 4
    assert plot["uncertain"] == [0] * 12
    assert plot["probabilities"]["happy"][:3] == [None, None, 0.88]
    assert set(plot["probabilities"]["angry"]) == {None, 0.02}


def test_a_plot_is_smoothed_unless_raw_is_asked_for(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = finish_job(database, blobs)

    plain, raw, smoothed = (
        read(client, job, f"plot{query}") for query in ("", "?scores=raw", "?scores=smoothed")
    )

    assert plain == smoothed
    assert raw["probabilities"] != smoothed["probabilities"]


@pytest.mark.parametrize(
    ("query", "grain", "count"),
    [
        ("", "frame", 120),
        ("?points=120", "frame", 120),
        ("?points=40", "bin", 40),
        ("?points=4", "seconds", 3),
        ("?points=1", "seconds", 1),
        ("?points=4&from_s=2&to_s=3", "bin", 4),
        ("?from_s=4.76", "frame", 1),
        ("?from_s=100", "frame", 0),
    ],
)
def test_a_plot_has_no_more_points_than_asked_for(
    client: FlaskClient, database: Database, blobs: Blobs, query: str, grain: str, count: int
) -> None:
    job = finish_job(database, blobs, LONG)

    plot = read(client, job, f"plot{query}")

    assert (plot["grain"], len(plot["time_s"])) == (grain, count)
    columns = [plot["faces"], plot["uncertain"], *plot["probabilities"].values()]
    assert {len(column) for column in columns} == {count}


def test_a_running_job_is_plotted_as_far_as_it_is(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = plan_job(database, blobs)
    assert read(client, job, "plot")["time_s"] == []
    see_segment(database)

    plot = read(client, job, "plot?points=2")

    assert (plot["grain"], plot["done"]) == ("bin", False)
    assert sum(plot["faces"]) == 0 + 1 + 2 + 0 + 1


@on_sqlite_alone
@pytest.mark.parametrize(
    ("query", "option"),
    [
        ("points=0", "points"),
        ("points=5001", "points"),
        ("track=-1", "track"),
        (f"track={2**31}", "track"),
        ("from_s=-1", "from_s"),
        ("from_s=nan", "from_s"),
        ("to_s=inf", "to_s"),
        ("to_s=0", "to_s"),
        ("from_s=2&to_s=2", "to_s"),
        ("scores=cooked", "scores"),
    ],
)
def test_a_wrong_plot_is_refused_by_name(
    client: FlaskClient, database: Database, blobs: Blobs, query: str, option: str
) -> None:
    job = finish_job(database, blobs)

    reply = client.get(f"/v1/jobs/{job.id}/plot?{query}")

    problem = problem_of(reply, status=400, code="invalid_option")
    assert f"option {option}" in problem["detail"]


@pytest.mark.parametrize("track", [2, 2**31 - 1])
def test_a_track_that_is_not_there_has_no_plot(
    client: FlaskClient, database: Database, blobs: Blobs, track: int
) -> None:
    """Symptom: 200, with zeros and nulls for each frame."""
    job = finish_job(database, blobs)

    reply = client.get(f"/v1/jobs/{job.id}/plot?track={track}")

    problem = problem_of(reply, status=404, code="track_not_found")
    assert f"no track {track}" in problem["detail"]


def test_a_track_that_is_not_there_yet_has_an_empty_plot(
    client: FlaskClient, database: Database, blobs: Blobs
) -> None:
    job = plan_job(database, blobs)
    see_segment(database)

    plot = read(client, job, "plot?track=0")

    assert plot["faces"] == [0] * 5


@pytest.mark.parametrize(
    ("track", "code"),
    [(1, "thumbnail_missing"), (2, "track_not_found"), (2**63 - 1, "track_not_found")],
)
def test_a_track_without_a_thumbnail_and_none_at_all_are_told_apart(
    client: FlaskClient, database: Database, blobs: Blobs, track: int, code: str
) -> None:
    job = finish_job(database, blobs)

    reply = client.get(f"/v1/jobs/{job.id}/tracks/{track}/thumbnail.jpg")

    problem_of(reply, status=404, code=code)


def test_a_plot_of_a_job_that_is_deleted_meanwhile_is_not_given_out(
    client: FlaskClient, database: Database, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = finish_job(database, blobs)

    def delete_and_read(*arguments, **options):
        begin_delete(database, job.id)
        return read_plot(*arguments, **options)

    monkeypatch.setattr("api.http.tracks.read_plot", delete_and_read)

    problem_of(client.get(f"/v1/jobs/{job.id}/plot"), status=404, code="job_not_found")
