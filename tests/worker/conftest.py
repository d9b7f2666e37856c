"""Real media, real databases and a real analyser for the engine."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage import jobs
from storage.blobs import Blobs, file_location, sha256_of
from storage.database import Database, migrate
from storage.jobs import StoredMedium
from storage.records import JobOptions
from storage.settings import Settings
from tests.worker.clips import SEGMENT_TARGET_S, write_clip
from worker.analyser.client import Analyser
from worker.analyser.limits import AnalyserLimits
from worker.engine import Engine, capabilities

LIMITS = AnalyserLimits.from_settings(Settings.load())

NewAnalyser = Callable[..., Analyser]
NewJob = Callable[..., str]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking head of 40 frames in four segments."""
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", frames=40)


@pytest.fixture(scope="session")
def analyser() -> Iterator[Analyser]:
    """A real analyser; a test that kills it leaves the next one a fresh child."""
    with Analyser(LIMITS) as analyser:
        yield analyser


@pytest.fixture
def new_analyser() -> Iterator[NewAnalyser]:
    """Makes analysers with other limits, and ends them."""
    made: list[Analyser] = []

    def make(**limits: object) -> Analyser:
        made.append(Analyser(replace(LIMITS, **limits)))
        return made[-1]

    yield make
    for analyser in made:
        analyser.close()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database with all tables, once on SQLite and once on PostgreSQL."""
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    """An engine on that database that cuts media into short segments."""
    settings = Settings.load(data=tmp_path / "data", segment_target_s=SEGMENT_TARGET_S)
    return Engine(
        database=database,
        blobs=Blobs(settings.blob_folder),
        settings=settings,
        able=capabilities(settings),
        stopping=lambda: False,
        wake_others=lambda _count: None,
    )


@pytest.fixture
def new_job(database: Database) -> NewJob:
    """Makes a job for a file. Returns its public id."""

    def make(file: Path, options: JobOptions = JobOptions()) -> str:  # noqa: B008  # frozen
        medium = StoredMedium(file.name, file_location(file), file.stat().st_size, sha256_of(file))
        job_id = jobs.new_job_id()
        jobs.create_job(database, job_id, medium=medium, options=options)
        return job_id

    return make
