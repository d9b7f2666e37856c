"""Plan a job: let the analyser list its exact frames, write down its segments."""

from storage import commits
from storage.claims import Claim
from worker.analyser.client import Analyser
from worker.engine import Engine


def plan_job(engine: Engine, analyser: Analyser, claim: Claim) -> int:
    """Plan the claimed job and commit its segments. Returns how many became ready.

    Raises InputError for a medium that can't be analysed, TransientError for what may pass.
    """

    def tick(_done: int) -> None:
        engine.tick(claim, 0)

    with engine.medium(claim) as medium:
        plan = analyser.plan(
            medium,
            claim.options,
            segment_target_us=round(engine.settings.segment_target_s * 1_000_000),
            full_decode=claim.full_decode,
            tick=tick,
        )
    below = analyser.load(claim.options.detector, tick=tick)
    commits.commit_plan(engine.database, claim, plan, able=engine.able, uncertain_below=below)
    return len(plan.segments)
