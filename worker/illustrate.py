"""Illustrate a job that is done: thumbnails first, then the preview of a medium that browsers can't show.

It is a piece of work like any other, under a lease. Files replace each other whole, so that making them twice does no harm; if
they can't be made, the job stays done without them.
"""

from storage import claims, commits
from storage.claims import Claim
from storage.tracks import read_tracks
from worker.analyser.client import Analyser
from worker.engine import Engine
from worker.pictures import MAX_TRACK_THUMBNAILS
from worker.preview import make_preview
from worker.thumbnails import make_thumbnails


def illustrate_job(engine: Engine, analyser: Analyser, claim: Claim) -> None:
    """Make the pictures of the claimed job that people look at. Raises what `Analyser` raises."""
    found = read_tracks(engine.database, claim.job, limit=MAX_TRACK_THUMBNAILS)
    slices = claims.read_slices(engine.database, claim.job)
    engine.tick(claim, 0)  # still held, so nothing of what was just read had been deleted
    make_thumbnails(engine, analyser, claim, slices=slices, tracks=found)
    make_preview(engine, analyser, claim, slices=slices)
    commits.commit_illustrations(engine.database, claim)
