"""The preview of a job whose medium browsers can't show."""

from collections.abc import Sequence

from storage.blobs import job_of
from storage.claims import Claim
from storage.records import SegmentSlice
from worker.analyser import picture_messages
from worker.analyser.client import Analyser
from worker.engine import Engine
from worker.pictures import preview_name


def make_preview(
    engine: Engine, analyser: Analyser, claim: Claim, *, slices: Sequence[SegmentSlice]
) -> None:
    """Let the analyser write the preview of the claimed job beside its medium, if it needs one.

    slices: of all its frames, in order. The analyser gets the file as an open descriptor and knows no path. Raises what
    `Analyser` raises.
    """
    if claim.media is None:
        raise AssertionError(f"segment {claim.segment} was made without a plan")
    name = preview_name(claim.media)
    if name is None:
        return
    pts = [pts for piece in slices for pts in piece.pts]
    with (
        engine.medium(claim) as medium,
        engine.medium(claim) as again,
        engine.blobs.creating_beside(job_of(claim.location), name) as file,
    ):
        analyser.ask(
            picture_messages.preview_request(claim.media, pts=pts),
            (medium, file.fileno(), again),
            tick=lambda _done: engine.tick(claim, 0),
            read=picture_messages.read_preview,
        )
