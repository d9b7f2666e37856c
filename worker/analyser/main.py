"""The analyser: a child process that looks into media and knows nothing else. Start it through
`client.Analyser`.

It gets the medium as an open descriptor with each request, answers over one socket, and holds no
path to it, no database and no broker. When its parent ends it is killed by the kernel.
"""

import argparse
import errno
import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from storage.errors import AffectlineError, AnalyserDied, AnalyserOutOfMemory, OutputFailed
from storage.records import Detector, JobOptions, MediaInfo
from worker.analyser import live_messages, messages, picture_messages
from worker.analyser.wire import Message, encode, receive_request
from worker.tether import die_with_parent
from worker.vision.live import LiveView
from worker.vision.pipeline import Pipeline
from worker.vision.preview import write_still_preview, write_video_preview
from worker.vision.probe import plan_medium
from worker.vision.thumbnails import cut_thumbnails

logger = logging.getLogger(__name__)

_PROGRESS_EVERY_S = 0.5


class _Desk:
    """Answers requests; keeps the pipelines warm from one segment and one file to the next."""

    def __init__(self, connection: socket.socket, model: Path, yunet: Path | None) -> None:
        self._connection = connection
        self._model = model
        self._yunet = yunet
        self._pipelines: dict[Detector, Pipeline] = {}
        self._live: LiveView | None = None

    def answer(self, request: Message, descriptors: Sequence[int]) -> Message:
        medium = descriptors[0]
        try:
            match request.header["ask"]:
                case "load":
                    return self._load(request)
                case "plan":
                    return self._plan(request, medium)
                case "analyse":
                    return self._analyse(request, medium)
                case "thumbnails":
                    return self._cut_thumbnails(request, medium)
                case "preview":
                    return self._write_preview(request, *descriptors)
                case "begin_live":
                    return self._begin_live()
                case "look":
                    return self._look(request, medium)
                case other:
                    raise AnalyserDied(
                        f"the analyser was asked for {other!r}, which it does not do"
                    )
        except AffectlineError as error:
            return messages.failure(error)
        except MemoryError as error:  # PyAV's out-of-memory error is one too
            return messages.failure(AnalyserOutOfMemory(f"out of memory: {error}"))
        except Exception as error:  # whatever a library raises must reach the parent typed
            logger.exception("the analyser could not answer")
            return messages.failure(AnalyserDied(f"unexpected {type(error).__name__}: {error}"))

    def _load(self, request: Message) -> Message:
        pipeline = self._pipeline(Detector(request.header["detector"]))
        return messages.loaded_answer(pipeline.uncertain_below)

    def _plan(self, request: Message, descriptor: int) -> Message:
        plan = plan_medium(
            descriptor,
            JobOptions.parse(request.header["options"]),
            segment_target_us=request.header["segment_target_us"],
            full_decode=request.header["full_decode"],
            progress=self._reporter(),
        )
        return messages.plan_answer(plan)

    def _analyse(self, request: Message, descriptor: int) -> Message:
        options = JobOptions.parse(request.header["options"])
        seen = self._pipeline(options.detector).analyse(
            descriptor,
            options,
            MediaInfo.from_json(request.header["media"]),
            messages.slice_of(request),
            progress=self._reporter(),
        )
        return messages.observations_answer(seen)

    def _cut_thumbnails(self, request: Message, descriptor: int) -> Message:
        jpegs = cut_thumbnails(
            descriptor,
            MediaInfo.from_json(request.header["media"]),
            picture_messages.piece_of(request),
            picture_messages.regions_of(request),
            progress=self._reporter(),
        )
        return picture_messages.thumbnails_answer(jpegs)

    def _write_preview(self, request: Message, medium: int, file: int, again: int) -> Message:
        media = MediaInfo.from_json(request.header["media"])
        report = self._reporter()
        try:
            if media.still:
                write_still_preview(medium, file, media, progress=report)
            else:
                pts = picture_messages.piece_of(request).pts
                write_video_preview(medium, file, media, pts, sound_fd=again, progress=report)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise OutputFailed("the preview can't be written: the disk is full") from error
        return picture_messages.preview_answer()

    def _begin_live(self) -> Message:
        self._live = LiveView(self._model)
        return live_messages.begun_answer()

    def _look(self, request: Message, picture: int) -> Message:
        if self._live is None:
            raise AnalyserDied("the analyser was asked to look before its live view had begun")
        jpeg = os.pread(picture, os.fstat(picture).st_size, 0)
        return live_messages.sight_answer(self._live.look(jpeg, request.header["time_us"]))

    def _pipeline(self, detector: Detector) -> Pipeline:
        if detector not in self._pipelines:
            self._pipelines[detector] = Pipeline(detector, self._model, yunet=self._yunet)
        return self._pipelines[detector]

    def _reporter(self) -> Callable[[int, int], None]:
        """Make a progress function that sends at most every _PROGRESS_EVERY_S."""
        last_sent_s = time.monotonic()

        def report(done: int, total: int) -> None:
            nonlocal last_sent_s
            if time.monotonic() - last_sent_s >= _PROGRESS_EVERY_S:
                last_sent_s = time.monotonic()
                self._connection.sendall(encode(messages.progress(done, total)))

        return report


def main() -> None:
    """Serve requests until the parent closes its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="inherited descriptor")
    parser.add_argument("--parent", type=int, required=True, help="process to die with")
    parser.add_argument("--address-space", type=int, required=True, help="bytes")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--yunet", type=Path)
    given = parser.parse_args()
    die_with_parent(given.parent)
    logging.basicConfig(format="analyser[%(process)d] %(levelname)s %(message)s")
    resource.setrlimit(resource.RLIMIT_AS, (given.address_space, given.address_space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=given.socket) as connection:
        desk = _Desk(connection, given.model, given.yunet)
        while (received := receive_request(connection)) is not None:
            request, descriptors = received
            try:
                connection.sendall(encode(desk.answer(request, descriptors)))
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)


if __name__ == "__main__":
    main()
