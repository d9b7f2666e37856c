"""Analyse a segment: a pure function of file, frame range, options and model, committed once."""

from bisect import bisect_left
from functools import partial

from storage import commits
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
    piece = claim.slice

    def tick(frames_decoded: int) -> None:
        looked_at = bisect_left(piece.look, piece.first_frame + frames_decoded)
        engine.tick(claim, looked_at)

    with engine.medium(claim) as medium:
        seen = analyser.analyse(medium, claim.options, media=claim.media, piece=piece, tick=tick)
    renew = partial(engine.tick, claim, len(piece.look))
    renew()  # a fresh lease for the commit
    commits.commit_segment(engine.database, claim, seen, renew=renew)
