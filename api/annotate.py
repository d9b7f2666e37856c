"""`affectline annotate`: the engine's use cases on a private database below the output folder,
without any server.

A second call goes on where a killed one stopped: finished files are not looked at again, unfinished
ones go on.
"""

import os
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from api.input_medium import FileState, check_unchanged, read_medium
from api.items import (
    Item,
    check_place,
    done_item,
    failed_item,
    item_lines,
    provenance,
    refused_item,
    remove_if_untrue,
    sha256_told,
    write_atomically,
)
from api.outputs import ITEMS_NAME, Input, find_inputs
from api.state_folder import STATE_FOLDER, make_state_folder, only_one
from api.worker_threads import running_workers
from storage import failures, jobs, timelines
from storage.blobs import Blobs, file_location
from storage.database import Database, migrate, sqlite_url
from storage.decisions import ENDED_EARLY, cancel_job, retry_job
from storage.errors import FileChanging, InputError, OutputFailed, PathNotFound, is_passing
from storage.exports import csv_lines
from storage.jobs import JobView, StoredMedium
from storage.records import JobOptions, JobState, Scores
from storage.settings import Settings
from worker.engine import capabilities
from worker.removal import finish_removals, remove_job

_IDLE_S = 0.1
_MOST_TRIES = 3
"""Times a file is taken in: one that is written to each time has failed."""


@dataclass(frozen=True)
class Progress:
    """What a progress bar shows."""

    items_done: int
    items_total: int
    frames_done: int  #: of the unfinished items
    frames_total: int


Show = Callable[[Progress], None]


def annotate(
    paths: list[Path],
    folder: Path,
    *,
    options: JobOptions,
    settings: Settings,
    show: Show,
    scores: Scores = Scores.RAW,
) -> list[Item]:
    """Annotate files and folders into `folder`. Returns one item per input, in order; never raises
    for a bad one.

    scores: which ones the CSV files have; files that were done are only written anew for others.
    Raises Conflict while another annotate works in the same folder, and OutputFailed if nothing can be written
    to it or a foreign items.csv is in it.
    """
    inputs = find_inputs(paths, folder=folder)
    list_of_items = folder / f"{ITEMS_NAME}.csv"
    check_place(list_of_items)
    state = make_state_folder(folder)
    with only_one(state):
        database, blobs = Database(sqlite_url(state.resolve() / "affectline.sqlite")), _blobs(state)
        try:
            migrate(database)
            failures.free_all_leases(database)
            finish_removals(database, blobs)  # of calls that were killed
            _pause_others(database, inputs, options)
            with running_workers(database, blobs, settings) as check_workers:
                session = _Session(inputs, folder, options, scores, database, settings)
                items = session.run(show, check_workers)
            finish_removals(database, blobs)  # workers were reading: see jobs.finish_delete
        finally:
            database.close()
    check_place(list_of_items)
    write_atomically({list_of_items: item_lines(items)}, drafts=state)
    return items


def _blobs(state: Path) -> Blobs:
    """The place of uploads, of which annotate has none."""
    return Blobs(state / "blobs")


def _pause_others(database: Database, inputs: list[Input], options: JobOptions) -> None:
    """Stop what an earlier call left behind and this one has no use for; a call that names it again goes on with it."""
    asked = _locations(inputs)
    for left in jobs.live_jobs(database):
        if left.location not in asked or left.options != options:
            cancel_job(database, left.id)


def _locations(inputs: list[Input]) -> set[str]:
    """Where the inputs lie that can be read."""
    return {file_location(given.path) for given in inputs if os.access(given.path, os.R_OK)}


class _Session:
    """One call of annotate: hands inputs to the workers a few at a time and writes what they
    finish.
    """

    def __init__(
        self,
        inputs: list[Input],
        folder: Path,
        options: JobOptions,
        scores: Scores,
        database: Database,
        settings: Settings,
    ) -> None:
        self._inputs = inputs
        self._locations = _locations(inputs)
        self._folder = folder
        self._options = options
        self._scores = scores
        self._database = database
        self._settings = settings
        self._able = capabilities(settings)
        self._items: dict[int, Item] = {}
        self._waiting = deque(range(len(inputs)))  # indices of inputs
        self._tries: Counter[int] = Counter()  # index of the input -> how often it changed
        self._open: dict[int, str] = {}  # index of the input -> id of its job
        self._taken_in: dict[str, FileState] = {}  # id of the job -> the file when it was hashed
        self._done_before: set[str] = set()  # ids of jobs that an earlier call did
        self._removed: defaultdict[str, set[str]] = defaultdict(set)  # location -> SHA-256 of media

    def run(self, show: Show, check_workers: Callable[[], None]) -> list[Item]:
        while len(self._items) < len(self._inputs):
            check_workers()
            while self._waiting and len(self._open) < 2 * self._settings.workers:
                self._take_in(self._waiting.popleft())
            views = {index: jobs.get_job(self._database, job) for index, job in self._open.items()}
            for index, view in views.items():
                ended = view.state in (JobState.DONE, JobState.FAILED)
                if ended and index in self._open:
                    self._finish(index, view)
            show(self._progress(list(views.values())))
            if len(self._open) == len(views):
                time.sleep(_IDLE_S)
        return [self._items[index] for index in range(len(self._inputs))]

    def _progress(self, views: list[JobView]) -> Progress:
        running = [view for view in views if view.state not in (JobState.DONE, JobState.FAILED)]
        return Progress(
            items_done=len(self._items),
            items_total=len(self._inputs),
            frames_done=sum(view.frames_done for view in running),
            frames_total=sum(view.frames_total or 0 for view in running),
        )

    def _take_in(self, index: int) -> None:
        """Make or find the input's job, or end the input with what is wrong with it."""
        given = self._inputs[index]
        try:
            self._open[index] = self._job_for(given)
        except FileChanging as error:
            self._try_again(index, error)
        except (InputError, OutputFailed) as error:
            self._end(index, refused_item(given, error))

    def _try_again(self, index: int, error: FileChanging) -> None:
        """Let an input wait until all others were taken in: what is being copied may be whole by then."""
        self._tries[index] += 1
        if self._tries[index] < _MOST_TRIES:
            self._waiting.append(index)
        else:
            self._end(index, refused_item(self._inputs[index], error))

    def _job_for(self, given: Input) -> str:
        medium, state = read_medium(given.path)
        for suffix in (".csv", ".json"):
            check_place(given.file(self._folder, suffix))
        self._check_own(given, medium)
        known = jobs.find_job(self._database, medium.location)
        if known is not None and known.id in self._open.values():
            return known.id  # a link leads to it that led elsewhere when the inputs were found
        job_id = self._kept_job(known, medium)
        if job_id is None:
            job_id = jobs.new_job_id()
            jobs.create_job(self._database, job_id, medium=medium, options=self._options)
        self._taken_in[job_id] = state
        return job_id

    def _check_own(self, given: Input, medium: StoredMedium) -> None:
        """Raise OutputFailed if an earlier call wrote there for a recording that this one does not name: it would be lost."""
        told = sha256_told(given.file(self._folder, ".json"))
        if told is None or told == medium.sha256:
            return
        written_for = jobs.locations_of(self._database, told)
        if written_for and written_for.isdisjoint(self._locations):
            other = min(written_for).removeprefix("file:")
            raise OutputFailed(
                f"{given.file(self._folder, '.csv')} is the timeline of {other}; name that one too, and each gets a "
                "file of its own, or choose another -o"
            )

    def _kept_job(self, known: JobView | None, medium: StoredMedium) -> str | None:
        """Go on with the job of an earlier call and return its id, or remove it."""
        if known is None:
            return None
        if not self._still_good(known, medium):
            self._remove(known)
            return None
        if known.state in ENDED_EARLY:
            retry_job(self._database, known.id)
        if known.state is JobState.DONE:
            self._done_before.add(known.id)
        return known.id

    def _remove(self, known: JobView) -> None:
        """Remove a job, but for what its medium was."""
        self._removed[known.location].add(known.sha256)
        remove_job(self._database, _blobs(self._folder / STATE_FOLDER), known.id)

    def _still_good(self, known: JobView, medium: StoredMedium) -> bool:
        """Same bytes, same options, same model and engine; and if it failed, then for a reason that may be gone."""
        same = (known.sha256, known.options) == (medium.sha256, self._options)
        planned = (known.model_hash, known.engine_version)
        ours = (self._able.model_hash, self._able.version_for(known.options.detector))
        hopeless = known.state is JobState.FAILED and not is_passing(known.error_code or "")
        return same and planned in (ours, (None, None)) and not hopeless

    def _finish(self, index: int, view: JobView) -> None:
        """Write the files of a job that has ended, if its medium is still what it was when it was taken in."""
        given = self._inputs[index]
        try:
            check_unchanged(given.path, self._taken_in[view.id], sha256=view.sha256)
            if view.state is JobState.DONE:
                self._write(given, view)
        except FileChanging as error:
            self._start_over(view, error)
            return
        except (PathNotFound, OutputFailed) as error:
            item = refused_item(given, error)
        else:
            item = self._ended_item(given, view)
        del self._open[index]
        self._end(index, item)

    def _ended_item(self, given: Input, view: JobView) -> Item:
        if view.state is JobState.FAILED:
            return failed_item(given, view)
        return done_item(given, view, done_before=view.id in self._done_before)

    def _start_over(self, view: JobView, error: FileChanging) -> None:
        """Throw away what was seen of a file that changed meanwhile; every input that waits for it is taken in again."""
        self._remove(view)
        for index in [index for index, job_id in self._open.items() if job_id == view.id]:
            del self._open[index]
            self._try_again(index, error)

    def _write(self, given: Input, view: JobView) -> None:
        for suffix in (".csv", ".json"):  # hours may have passed since they were looked for
            check_place(given.file(self._folder, suffix))
        timeline = timelines.iterate_frames(self._database, view.job)
        texts = {
            given.file(self._folder, ".csv"): csv_lines(timeline, scores=self._scores),
            given.file(self._folder, ".json"): provenance(view, scores=self._scores),
        }
        write_atomically(texts, drafts=self._folder / STATE_FOLDER)

    def _end(self, index: int, item: Item) -> None:
        self._items[index] = item
        if item.state == "failed":
            remove_if_untrue(self._inputs[index], self._folder, looked_at=self._looked_at)

    def _looked_at(self, location: str) -> set[str]:
        """The SHA-256 of what jobs know to have lain there."""
        known = jobs.find_job(self._database, location)
        return self._removed[location] | ({known.sha256} if known is not None else set())
