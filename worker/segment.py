"""Analyse a segment: a pure function of file, frame range, options and model, committed once."""

from storage import claims
from storage.claims import Claim
from worker.analyser.client import Analyser
from worker.engine import Engine


def analyse_segment(engine: Engine, analyser: Analyser, claim: Claim) -> None:
    """Observe the claimed slice and commit its rows.

    Raises PlanMismatch when decoding gives other frames than planned, and what else `Analyser`
    raises.
    """
    if claim.media is None or claim.slice is None:
        raise AssertionError(f"segment {claim.segment} was committed without its plan")
    with engine.medium(claim) as medium:
        seen = analyser.analyse(
            medium,
            claim.options,
            media=claim.media,
            piece=claim.slice,
            tick=lambda done: engine.tick(claim, done),
        )
    claims.commit_segment(engine.database, claim, seen)
