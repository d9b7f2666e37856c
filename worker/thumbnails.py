"""Thumbnails of a job: one of a frame with a face, and one of each track's best face."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby

from storage.blobs import job_of
from storage.claims import Claim
from storage.records import MediaInfo, SegmentSlice
from storage.tracks import Track
from worker.analyser import picture_messages
from worker.analyser.client import Analyser
from worker.engine import Engine
from worker.pictures import JOB_THUMBNAIL, track_thumbnail
from worker.regions import Region, around_face


def make_thumbnails(
    engine: Engine,
    analyser: Analyser,
    claim: Claim,
    *,
    slices: Sequence[SegmentSlice],
    tracks: Sequence[Track],
) -> None:
    """Cut the thumbnails of the claimed job and lay them beside its medium. Raises what `Analyser` raises.

    slices: of all its frames, in order.  tracks: those that get a thumbnail.
    """
    if claim.media is None:
        raise AssertionError(f"segment {claim.segment} was made without a plan")
    media, job_id = claim.media, job_of(claim.location)
    made_last: dict[str, bytes] = {}
    for piece, regions in _by_slice(wanted_regions(media, tracks), slices):
        request = picture_messages.thumbnails_request(
            media, piece=piece, regions=[*regions.values()]
        )
        with engine.medium(claim) as medium:
            jpegs = analyser.ask(
                request,
                (medium,),
                tick=lambda _done: engine.tick(claim, 0),
                read=partial(picture_messages.read_thumbnails, count=len(regions)),
            )
        for name, jpeg in zip(regions, jpegs, strict=True):
            if name == JOB_THUMBNAIL:  # once it is there all are, which is what pages go by
                made_last[name] = jpeg
                continue
            with engine.blobs.creating_beside(job_id, name) as file:
                file.write(jpeg)
    for name, jpeg in made_last.items():
        with engine.blobs.creating_beside(job_id, name) as file:
            file.write(jpeg)


def wanted_regions(media: MediaInfo, tracks: Sequence[Track]) -> dict[str, Region]:
    """What each thumbnail shows, by its name.

    The job's is the frame in which the face that is seen most is seen best; the first frame of one without faces.
    """
    regions = {
        track_thumbnail(track.row.track): around_face(track.row.best_frame, track.best_xywh)
        for track in tracks
    }
    longest = max(tracks, key=lambda track: track.row.face_count, default=None)
    frame = 0 if longest is None else longest.row.best_frame
    return {JOB_THUMBNAIL: Region(frame, 0, 0, media.width, media.height), **regions}


def _by_slice(
    regions: Mapping[str, Region], slices: Sequence[SegmentSlice]
) -> Iterator[tuple[SegmentSlice, dict[str, Region]]]:
    """Sort regions into the slices that hold their frames."""
    ends = [piece.end_frame for piece in slices]
    ordered = sorted(regions.items(), key=lambda named: named[1].frame)
    for number, named in groupby(ordered, key=lambda named: bisect_right(ends, named[1].frame)):
        yield slices[number], dict(named)
