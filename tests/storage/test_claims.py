"""The contract of claims: whoever does the work, and however often, its effect is there once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select, update

from storage import claims, commits, failures, jobs, timelines
from storage.claims import Capabilities, Claim
from storage.commits import Identities
from storage.database import Database
from storage.errors import (
    AnalyserDied,
    AnalyserOutOfMemory,
    CorruptMedia,
    LeaseLost,
    MediumUnavailable,
    ModelContractError,
    NotFound,
    PlanMismatch,
)
from storage.failures import MAX_FAILURES, MAX_LOSSES
from storage.plots import RollupRow
from storage.records import Detector, JobOptions, JobState, SegmentKind
from storage.tables import frames, observations, rollups, segments, tracks
from storage.tables import jobs as job_table
from storage.timelines import FaceIdentity
from storage.tracks import TrackRow, read_tracks
from tests.storage.forks import run_at_once
from tests.storage.made_jobs import (
    ABLE,
    commit,
    counters,
    expire_leases,
    fail,
    finish_job,
    new_job,
    plan_of,
    planned_job,
    seen_in,
    states,
    take,
)

WITH_YUNET = replace(ABLE, yunet_hash="c" * 64)
A_TRACK = TrackRow(0, 0, 1, 0, 40_000, 2, best_frame=1, best_face=0, summary={"faces": 2})
A_SECOND = RollupRow(0, -1, 3, 2, 0, 0, 20, *[100] * 7)
FOUND = Identities(
    faces=[FaceIdentity(0, 0, 0, (10_000, 0, 0, 0, 0, 0, 0))], tracks=[A_TRACK], rollups=[A_SECOND]
)


def row_count(database: Database) -> int:
    with database.reading() as connection:
        return sum(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (frames, observations, rollups, tracks)
        )


def lease_left_s(database: Database, segment: int) -> float:
    until = select(segments.c.lease_until).where(segments.c.segment == segment)
    with database.reading() as connection:
        return float(connection.execute(until).scalar_one()) - time.time()


class TestTaking:
    def test_nothing_to_do_gives_no_claim(self, database: Database) -> None:
        assert claims.claim_next(database, ABLE, lease_s=10) is None

    def test_a_job_begins_with_its_plan(self, database: Database) -> None:
        job_id = new_job(database)

        claim = take(database)

        assert claim.kind is SegmentKind.PLAN
        assert (claim.fence, claim.media, claim.slice, claim.full_decode) == (1, None, None, False)
        assert claim.options == JobOptions()
        assert jobs.get_job(database, job_id).state is JobState.RUNNING

    def test_older_jobs_and_earlier_segments_come_first(self, database: Database) -> None:
        planned_job(database, 2, 2)
        planned_job(database, 2)

        taken = [take(database) for _ in range(3)]

        assert [(c.job, c.slice.first_frame if c.slice else None) for c in taken] == [
            (1, 0),
            (1, 2),
            (2, 0),
        ]

    def test_a_claim_carries_the_slice_of_the_plan(self, database: Database) -> None:
        planned_job(database, 3, 5)
        plan = plan_of(3, 5)

        taken = [take(database), take(database)]

        assert tuple(claim.slice for claim in taken) == plan.segments
        assert {claim.media for claim in taken} == {plan.media}

    def test_the_lease_lasts_as_long_as_asked(self, database: Database) -> None:
        new_job(database)

        claim = take(database, lease_s=30)

        assert 25 < lease_left_s(database, claim.segment) <= 31

    @pytest.mark.parametrize(
        "other",
        [Capabilities("b" * 64, "1"), Capabilities("a" * 64, "2")],
        ids=["another model", "another engine"],
    )
    def test_who_computes_otherwise_may_plan_but_not_go_on(
        self, database: Database, other: Capabilities
    ) -> None:
        planned_job(database, 2)
        new_job(database)

        taken = take(database, other)

        assert (taken.job, taken.kind) == (2, SegmentKind.PLAN)
        assert claims.claim_next(database, other, lease_s=10) is None

    def test_work_for_a_detector_is_left_to_workers_that_have_it(self, database: Database) -> None:
        """Symptom: a worker without YuNet's file took such a job's plan, handed it back, and took it again for ever."""
        new_job(database, detector=Detector.YUNET)
        new_job(database, detector=Detector.HAAR)

        assert take(database).job == 2
        assert claims.claim_next(database, ABLE, lease_s=10) is None
        assert take(database, WITH_YUNET).job == 1

    def test_a_job_goes_on_with_the_file_of_the_detector_that_it_began_with(
        self, database: Database
    ) -> None:
        new_job(database, detector=Detector.YUNET)
        commits.commit_plan(database, take(database, WITH_YUNET), plan_of(2), able=WITH_YUNET)

        assert claims.claim_next(database, ABLE, lease_s=10) is None
        another = replace(WITH_YUNET, yunet_hash="d" * 64)
        assert claims.claim_next(database, another, lease_s=10) is None
        assert take(database, WITH_YUNET).kind is SegmentKind.ANALYSE

    def test_other_detectors_do_not_mind_whose_file_there_is(self, database: Database) -> None:
        planned_job(database, 2)

        assert take(database, WITH_YUNET).kind is SegmentKind.ANALYSE

    def test_two_threads_never_hold_the_same_segment(self, database: Database) -> None:
        planned_job(database, *[1] * 12)

        with ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(lambda _: take(database).segment, range(12)))

        assert len(set(taken)) == 12
        assert claims.claim_next(database, ABLE, lease_s=10) is None

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_claiming_does_not_wait_for_another_claim(
        self, database: Database, in_the_background: Callable[[Callable[[], object]], object]
    ) -> None:
        planned_job(database, 1, 1)

        with database.writing() as other:
            first = segments.c.position == 1
            other.execute(select(segments.c.segment).where(first).with_for_update())
            claim = in_the_background(lambda: take(database))

        assert isinstance(claim, Claim) and claim.slice is not None
        assert claim.slice.first_frame == 1

    def test_two_processes_never_hold_the_same_segment(self, database: Database) -> None:
        planned_job(database, *[1] * 12)
        url = database.url
        database.close()

        taken = run_at_once(_take_three, url, processes=4)

        assert len({segment for some in taken for segment in some}) == 12


def _take_three(url: str) -> list[int]:
    database = Database(url)
    taken = [take(database).segment for _ in range(3)]
    database.close()
    return taken


class TestHolding:
    def test_every_claim_raises_the_fence(self, database: Database) -> None:
        new_job(database)

        fences = []
        for _ in range(3):
            claim = take(database)
            fences.append(claim.fence)
            claims.hand_back(database, claim)

        assert fences == [1, 2, 3]

    def test_renewing_prolongs_the_lease(self, database: Database) -> None:
        new_job(database)
        claim = take(database, lease_s=2)

        claims.renew(database, claim, frames_done=0, lease_s=100)

        assert lease_left_s(database, claim.segment) > 90

    def test_renewing_never_lowers_the_progress(self, database: Database) -> None:
        job_id = planned_job(database, 100)
        claim = take(database)

        seen = []
        for done in (40, 10, 60):
            claims.renew(database, claim, frames_done=done, lease_s=10)
            seen.append(jobs.get_job(database, job_id).frames_done)

        assert seen == [40, 40, 60]

    def test_an_expired_lease_frees_the_work_and_counts_a_loss(self, database: Database) -> None:
        new_job(database)
        claim = take(database)
        expire_leases(database)

        freed = failures.free_expired_leases(database)

        assert freed == 1
        assert counters(database, claim.segment) == (0, 1)
        assert take(database).segment == claim.segment

    def test_a_lease_in_force_is_left_alone(self, database: Database) -> None:
        new_job(database)
        take(database, lease_s=10)

        assert failures.free_expired_leases(database) == 0
        assert claims.claim_next(database, ABLE, lease_s=10) is None

    def test_a_lease_ends_by_itself(self, database: Database) -> None:
        new_job(database)
        take(database, lease_s=0.05)

        time.sleep(0.1)

        assert failures.free_expired_leases(database) == 1

    def test_all_leases_can_be_freed_at_once(self, database: Database) -> None:
        planned_job(database, 1, 1)
        held = {take(database).segment, take(database).segment}

        failures.free_all_leases(database)

        assert {take(database).segment, take(database).segment} == held

    def test_a_stale_claim_can_do_nothing_any_more(self, database: Database) -> None:
        planned_job(database, 3)
        stale = take(database)
        expire_leases(database)
        failures.free_expired_leases(database)
        current = take(database)

        with pytest.raises(LeaseLost):
            claims.renew(database, stale, frames_done=3, lease_s=10)
        with pytest.raises(LeaseLost):
            commit(database, stale)
        claims.hand_back(database, stale)
        failures.report_failure(database, stale, AnalyserDied())
        failures.report_failure(database, stale, CorruptMedia())
        failures.report_failure(database, stale, PlanMismatch())

        assert row_count(database) == 0
        assert counters(database, current.segment) == (0, 1)
        commit(database, current)

    def test_handing_back_counts_as_nothing(self, database: Database) -> None:
        new_job(database)
        claim = take(database)

        claims.hand_back(database, claim)

        assert counters(database, claim.segment) == (0, 0)
        assert take(database).segment == claim.segment


class TestFailing:
    def test_the_third_failure_ends_the_job_with_its_code(self, database: Database) -> None:
        job_id = new_job(database)

        fail(database, AnalyserDied(), times=MAX_FAILURES - 1)
        before = jobs.get_job(database, job_id).state
        fail(database, AnalyserOutOfMemory("took too much"))

        view = jobs.get_job(database, job_id)
        assert before is JobState.RUNNING
        assert (view.state, view.error_code, view.error_message) == (
            JobState.FAILED,
            "analyser_memory",
            "took too much",
        )
        assert view.finished_at is not None

    def test_work_on_a_file_that_cannot_be_read_now_is_left_alone_for_a_while(
        self, database: Database
    ) -> None:
        """Three tries within a moment of a network share's trouble would be none."""
        new_job(database)
        claim = take(database)

        failures.report_failure(database, claim, MediumUnavailable())

        assert claims.claim_next(database, ABLE, lease_s=10) is None
        assert failures.free_expired_leases(database) == claims.count_ready(database) == 0
        expire_leases(database)
        assert take(database).segment == claim.segment
        assert counters(database, claim.segment) == (1, 0)

    def test_a_pause_ends_when_the_owner_of_a_private_database_begins_anew(
        self, database: Database
    ) -> None:
        new_job(database)
        claim = take(database)
        failures.report_failure(database, claim, MediumUnavailable())

        failures.free_all_leases(database)

        assert take(database).segment == claim.segment

    def test_the_tenth_loss_ends_the_job_as_workers_lost(self, database: Database) -> None:
        job_id = new_job(database)

        seen = []
        for _ in range(MAX_LOSSES):
            take(database)
            expire_leases(database)
            failures.free_expired_leases(database)
            seen.append(jobs.get_job(database, job_id).state)

        assert seen == [JobState.RUNNING] * (MAX_LOSSES - 1) + [JobState.FAILED]
        assert jobs.get_job(database, job_id).error_code == "workers_lost"

    @pytest.mark.parametrize("error", [CorruptMedia(), ModelContractError()], ids=lambda e: e.code)
    def test_what_trying_again_cannot_mend_ends_the_job_at_once(
        self, database: Database, error: CorruptMedia | ModelContractError
    ) -> None:
        job_id = new_job(database)

        fail(database, error)

        view = jobs.get_job(database, job_id)
        assert (view.state, view.error_code) == (JobState.FAILED, error.code)

    def test_nothing_of_a_failed_job_is_worked_on(self, database: Database) -> None:
        planned_job(database, 2, 2)
        other = take(database)

        fail(database, CorruptMedia())

        assert claims.claim_next(database, ABLE, lease_s=10) is None
        with pytest.raises(LeaseLost):
            commit(database, other)

    def test_a_lost_lease_is_no_failure(self, database: Database) -> None:
        new_job(database)
        claim = take(database)

        failures.report_failure(database, claim, LeaseLost())

        assert counters(database, claim.segment) == (0, 0)


class TestPlanningAgain:
    def test_a_mismatch_throws_plan_and_rows_away(self, database: Database) -> None:
        job_id = planned_job(database, 2, 2)
        commit(database, take(database))

        fail(database, PlanMismatch())

        view = jobs.get_job(database, job_id)
        claim = take(database)
        assert (claim.kind, claim.full_decode, claim.media) == (SegmentKind.PLAN, True, None)
        assert (view.state, view.frames_total, view.frames_done) == (JobState.RUNNING, None, 0)
        assert row_count(database) == 0

    def test_the_new_plan_brings_the_job_to_its_end(self, database: Database) -> None:
        job_id = planned_job(database, 2, 2)
        fail(database, PlanMismatch())

        commits.commit_plan(database, take(database), plan_of(4, full_decode=True), able=ABLE)
        commit(database, take(database))
        commits.commit_job(database, take(database), summary={})

        view = jobs.get_job(database, job_id)
        assert (view.state, view.frames_done, view.frames_total) == (JobState.DONE, 4, 4)

    def test_a_second_mismatch_ends_the_job_as_corrupt(self, database: Database) -> None:
        job_id = planned_job(database, 4, full_decode=True)

        fail(database, PlanMismatch("frame 3 is missing"))

        view = jobs.get_job(database, job_id)
        assert (view.state, view.error_code) == (JobState.FAILED, "corrupt_media")
        assert "frame 3 is missing" in (view.error_message or "")

    def test_a_claim_of_the_old_plan_does_not_fit_the_new_one(self, database: Database) -> None:
        planned_job(database, 2, 2)
        old = take(database)
        fail(database, PlanMismatch())
        commits.commit_plan(database, take(database), plan_of(4, full_decode=True), able=ABLE)
        take(database)

        with pytest.raises(LeaseLost):
            claims.renew(database, old, frames_done=1, lease_s=10)
        with pytest.raises(LeaseLost):
            commit(database, old)


class TestCommitting:
    def test_committed_rows_are_readable_before_the_job_ends(self, database: Database) -> None:
        planned_job(database, 3, 3)
        claim = take(database)

        commit(database, claim)

        found = timelines.read_frames(database, claim.job)
        assert [frame.frame for frame in found] == [0, 1, 2]
        assert [len(frame.faces) for frame in found] == [1, 1, 0]

    def test_a_second_commit_of_the_same_claim_is_refused(self, database: Database) -> None:
        planned_job(database, 3, 3)
        claim = take(database)
        commit(database, claim)
        before = row_count(database)

        with pytest.raises(LeaseLost):
            commit(database, claim, faces=2)

        assert row_count(database) == before
        assert states(database, claim.job) == ["done", "done", "ready", "waiting"]

    def test_a_second_plan_is_refused(self, database: Database) -> None:
        new_job(database)
        claim = take(database)
        commits.commit_plan(database, claim, plan_of(2), able=ABLE)

        with pytest.raises(LeaseLost):
            commits.commit_plan(database, claim, plan_of(2), able=ABLE)

        assert states(database, claim.job) == ["done", "ready", "waiting"]

    def test_finalise_waits_for_the_last_segment(self, database: Database) -> None:
        planned_job(database, 1, 1)
        first, second = take(database), take(database)

        commit(database, second)
        nothing = claims.claim_next(database, ABLE, lease_s=10)
        commit(database, first)

        assert nothing is None
        assert take(database).kind is SegmentKind.FINALISE

    @pytest.mark.parametrize("attempt", range(3))
    def test_the_last_two_segments_committed_at_once_ready_one_finalise(
        self, database: Database, attempt: int
    ) -> None:
        planned_job(database, 50, 50)
        held = [take(database), take(database)]
        together = threading.Barrier(2)

        def commit_with_the_other(index: int) -> None:
            together.wait()
            commit(database, held[index])

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(commit_with_the_other, range(2)))

        assert take(database).kind is SegmentKind.FINALISE
        assert claims.claim_next(database, ABLE, lease_s=10) is None

    def test_one_claim_committed_by_two_threads_counts_once(self, database: Database) -> None:
        planned_job(database, 50, 50)
        claim = take(database)
        together = threading.Barrier(2)

        def try_to_commit(_: int) -> str:
            together.wait()
            try:
                commit(database, claim)
            except LeaseLost:
                return "refused"
            return "committed"

        with ThreadPoolExecutor(2) as pool:
            outcomes = sorted(pool.map(try_to_commit, range(2)))

        assert outcomes == ["committed", "refused"]
        assert states(database, claim.job) == ["done", "done", "ready", "waiting"]

    def test_the_end_of_a_job_keeps_summary_and_identities(self, database: Database) -> None:
        job_id = planned_job(database, 3)
        commit(database, take(database))
        claim = take(database)

        commits.begin_finalise(database, claim)
        commits.commit_identities(database, claim, FOUND)
        commits.commit_job(database, claim, summary={"frames": 3})

        view = jobs.get_job(database, job_id)
        assert (view.state, view.percent, view.summary) == (JobState.DONE, 100, {"frames": 3})
        assert [track.row for track in read_tracks(database, claim.job)] == [A_TRACK]
        first, *_ = timelines.read_frames(database, claim.job)
        assert (first.faces[0].track, first.faces[0].smoothed) == (0, FOUND.faces[0].smoothed)

    def test_a_finalise_that_begins_again_finds_nothing_of_the_one_before(
        self, database: Database
    ) -> None:
        planned_job(database, 3)
        commit(database, take(database))
        claim = take(database)
        before = row_count(database)

        for _ in range(2):
            commits.begin_finalise(database, claim)
            assert row_count(database) == before
            commits.commit_identities(database, claim, FOUND)

        assert row_count(database) == before + 2

    def test_a_finalise_that_lost_its_lease_writes_nothing(self, database: Database) -> None:
        planned_job(database, 3)
        commit(database, take(database))
        stale = take(database)
        expire_leases(database)
        failures.free_expired_leases(database)
        current = take(database)
        commits.commit_identities(database, current, FOUND)
        before = row_count(database)

        with pytest.raises(LeaseLost):
            commits.begin_finalise(database, stale)
        with pytest.raises(LeaseLost):
            commits.commit_identities(database, stale, FOUND)

        assert row_count(database) == before


class TestDeleting:
    def test_a_commit_into_a_deleted_job_is_rolled_back(self, database: Database) -> None:
        job_id = planned_job(database, 3)
        claim = take(database)
        jobs.finish_delete(database, jobs.begin_delete(database, job_id))

        with pytest.raises(LeaseLost):
            commit(database, claim)

        assert row_count(database) == 0

    def test_a_finalise_of_a_deleted_job_leaves_no_tracks(self, database: Database) -> None:
        job_id = planned_job(database, 3)
        commit(database, take(database))
        claim = take(database)
        jobs.finish_delete(database, jobs.begin_delete(database, job_id))

        with pytest.raises(LeaseLost):
            commits.commit_identities(database, claim, FOUND)
        with pytest.raises(LeaseLost):
            commits.commit_job(database, claim, summary={})

        assert row_count(database) == 0

    @pytest.mark.parametrize("kind", ["plan", "analyse"])
    def test_a_claim_of_a_deleted_job_does_not_fit_the_next_job(
        self, database: Database, kind: str
    ) -> None:
        job_id = new_job(database) if kind == "plan" else planned_job(database, 3)
        stale = take(database)
        jobs.finish_delete(database, jobs.begin_delete(database, job_id))
        if kind == "plan":
            new_job(database)
        else:
            planned_job(database, 3)
        take(database)

        with pytest.raises(LeaseLost):
            claims.renew(database, stale, frames_done=0, lease_s=10)

    def test_a_deleted_job_is_gone_for_its_owner_at_once(self, database: Database) -> None:
        job_id = planned_job(database, 3)

        key = jobs.begin_delete(database, job_id)

        with pytest.raises(NotFound):
            jobs.get_job(database, job_id)
        with pytest.raises(NotFound):
            jobs.begin_delete(database, job_id)
        assert jobs.list_jobs(database) == []
        assert jobs.deleting_jobs(database) == [(key, job_id)]

    def test_deleting_leaves_other_jobs_alone(self, database: Database) -> None:
        kept = finish_job(database, 3)
        before = row_count(database)
        finish_job(database, 3, 3)
        newest = jobs.list_jobs(database)[0]

        jobs.finish_delete(database, jobs.begin_delete(database, newest.id))

        assert row_count(database) == before
        assert [view.job for view in jobs.list_jobs(database)] == [kept]

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_claiming_does_not_wait_for_a_job_that_is_being_deleted(
        self, database: Database, in_the_background: Callable[[Callable[[], object]], object]
    ) -> None:
        """Symptom: PostgreSQL ended the deletion or the claim with "deadlock detected"."""
        new_job(database)

        with database.writing() as deletion:
            deletion.exec_driver_sql("UPDATE jobs SET state = 'deleting'")
            in_the_background(lambda: claims.claim_next(database, ABLE, lease_s=10))
            deletion.exec_driver_sql("DELETE FROM segments")

        assert claims.claim_next(database, ABLE, lease_s=10) is None


@pytest.fixture
def in_the_background() -> Callable[[Callable[[], object]], object]:
    """Runs something in another thread and gives up waiting for it after some seconds."""

    def run(work: Callable[[], object]) -> object:
        pool = ThreadPoolExecutor(1)
        future = pool.submit(work)
        pool.shutdown(wait=False)
        return future.result(timeout=5)

    return run


class TestCounting:
    def test_only_ready_work_of_living_jobs_counts(self, database: Database) -> None:
        planned_job(database, 1, 1, 1)
        take(database)
        deleted = new_job(database)
        jobs.begin_delete(database, deleted)

        assert claims.count_ready(database) == 2

    def test_a_finished_job_is_open_work_until_it_is_illustrated(self, database: Database) -> None:
        finish_job(database, 2)
        before = claims.count_ready(database)
        commits.commit_illustrations(database, take(database))

        assert (before, claims.count_ready(database)) == (1, 0)


def test_rows_are_kept_exactly_as_seen(database: Database) -> None:
    planned_job(database, 7)
    claim = take(database)
    seen = seen_in(claim.slice, faces=3)

    commits.commit_segment(database, claim, seen)

    found = timelines.read_frames(database, claim.job)
    assert [(f.frame, f.time_us, len(f.faces), f.cut) for f in found] == list(seen.frames)
    assert [face.row for frame in found for face in frame.faces] == list(seen.faces)


class TestLargeSegments:
    """Symptom: while the rows of a whole film were written, every upload and every other worker waited in vain."""

    @pytest.fixture(autouse=True)
    def few_rows_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(commits, "MOST_ROWS", 5)

    def test_others_write_meanwhile_and_nobody_reads_a_part(self, database: Database) -> None:
        planned_job(database, 12)
        claim = take(database)
        seen = seen_in(claim.slice, faces=3)
        read: list[int] = []

        def meanwhile() -> None:
            new_job(database)
            read.append(len(timelines.read_frames(database, claim.job)))

        commits.commit_segment(database, claim, seen, renew=meanwhile)

        assert read == [0] * 6  # 24 faces
        found = timelines.read_frames(database, claim.job)
        assert [(f.frame, f.time_us, len(f.faces), f.cut) for f in found] == list(seen.frames)
        assert [face.row for frame in found for face in frame.faces] == list(seen.faces)

    def test_what_was_cut_off_is_there_once_when_another_has_done_it(
        self, database: Database
    ) -> None:
        planned_job(database, 12)
        claim = take(database, lease_s=0.0)
        seen = seen_in(claim.slice, faces=3)
        took: list[Claim] = []

        def lose_it() -> None:
            if row_count(database) > 5:
                failures.free_expired_leases(database)
                took.append(take(database))

        with pytest.raises(LeaseLost):
            commits.commit_segment(database, claim, seen, renew=lose_it)
        assert row_count(database) > 5
        commits.commit_segment(database, took[0], seen)

        found = timelines.read_frames(database, claim.job)
        assert [face.row for frame in found for face in frame.faces] == list(seen.faces)


class TestOrphans:
    """Jobs whose workers computed with another model or version, and are gone."""

    def test_a_job_nobody_can_go_on_with_is_planned_again(self, database: Database) -> None:
        planned_job(database, 2, 2)
        other = replace(ABLE, model_hash="another")
        let_claims_age(database)

        assert failures.adopt_orphan(database, other)

        claim = claims.claim_next(database, other, lease_s=10)
        assert claim is not None
        assert claim.kind is SegmentKind.PLAN
        assert not claim.full_decode

    def test_a_job_of_another_detectors_file_is_planned_again_by_one_who_has_one(
        self, database: Database
    ) -> None:
        new_job(database, detector=Detector.YUNET)
        commits.commit_plan(database, take(database, WITH_YUNET), plan_of(2), able=WITH_YUNET)
        let_claims_age(database)

        assert not failures.adopt_orphan(database, ABLE)
        assert not failures.adopt_orphan(database, WITH_YUNET)
        assert failures.adopt_orphan(database, replace(WITH_YUNET, yunet_hash="d" * 64))

    def test_its_own_workers_keep_it(self, database: Database) -> None:
        planned_job(database, 2)
        let_claims_age(database)

        assert not failures.adopt_orphan(database, ABLE)

    def test_a_job_somebody_works_at_is_no_orphan(self, database: Database) -> None:
        planned_job(database, 2)
        take(database)
        let_claims_age(database)

        assert not failures.adopt_orphan(database, replace(ABLE, model_hash="another"))

    def test_a_job_somebody_just_worked_at_is_no_orphan(self, database: Database) -> None:
        planned_job(database, 2)

        assert not failures.adopt_orphan(database, replace(ABLE, engine_version="another"))


def let_claims_age(database: Database) -> None:
    """Let it seem that all claims were taken long ago."""
    with database.writing() as connection:
        connection.execute(update(job_table).values(claimed_at=0.0))
