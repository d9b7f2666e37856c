"""The command line: `affectline COMMAND`. Each command reads the settings, wires the parts and
reports errors.
"""

import json
import logging
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from kombu.utils.url import maybe_sanitize_url
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from sqlalchemy.exc import OperationalError

from api.annotate import Progress, Show, annotate
from api.items import Item, printable
from storage.blobs import Blobs
from storage.database import Database, check_schema, is_full, migrate
from storage.errors import (
    AffectlineError,
    DatabaseUnavailable,
    InputError,
    NothingFound,
    StorageFull,
)
from storage.records import JobOptions, Scores
from storage.settings import Settings
from storage.version import VERSION
from worker.engine import check_models

app = typer.Typer(
    name="affectline",
    help="Emotion timelines from video: frame by frame, face by face, seven apparent expressions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
database_commands = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(database_commands, name="db")

EXIT_FAILED = 1  # an item failed, or a part could not start
EXIT_USAGE = 2  # as click does it: the call itself is wrong


@app.command("annotate")
def annotate_command(
    paths: Annotated[
        list[Path],
        # one that can't be read is an input that failed, and keeps no other
        typer.Argument(help="Images, videos, folders of them.", readable=False),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the CSV files.", readable=False)
    ],
    detector: Annotated[
        str,
        typer.Option(
            help="mtcnn, haar (frontal only), or yunet (turned and dim ones too; AFFECTLINE_YUNET)."
        ),
    ] = "mtcnn",
    sample_fps: Annotated[
        str, typer.Option(help="Look at this many frames per second at most; all if not given.")
    ] = "",
    detect_every: Annotated[
        str,
        typer.Option(
            help="Search faces in every so many frames, half a second apart at most, follow them between; 8 if not given."
        ),
    ] = "",
    scores: Annotated[
        Scores, typer.Option(help="raw, frame by frame, or smoothed along each track.")
    ] = Scores.RAW,
) -> None:
    """Write an emotion timeline (CSV) for every image and video, without any server.

    Call it again to go on where it was stopped.
    """
    logging.getLogger().setLevel(logging.ERROR)  # what became of each file is said below
    settings = Settings.load()
    options = settings.parse_options(
        {"detector": detector, "sample_fps": sample_fps, "detect_every": detect_every}
    )
    items = _annotate_in_view(paths, output, options=options, scores=scores, settings=settings)
    _tell_outcome(items, output)
    _end_by_outcome(items, paths)


def _annotate_in_view(
    paths: list[Path], output: Path, *, options: JobOptions, scores: Scores, settings: Settings
) -> list[Item]:
    try:
        with _progress_bars() as show:
            return annotate(
                paths, output, options=options, scores=scores, settings=settings, show=show
            )
    except KeyboardInterrupt:
        typer.echo("stopped; call again to go on", err=True)
        raise


def _tell_outcome(items: Sequence[Item], output: Path) -> None:
    if not items:
        return
    for item in items:
        if item.state == "failed":
            typer.echo(f"{item.path}: {item.code}: {item.message}", err=True)
    count = Counter(item.state for item in items)
    before = sum(item.done_before for item in items)
    typer.echo(
        f"{count['done']} of {len(items)} files annotated{f' ({before} by an earlier call)' if before else ''},"
        f" {count['failed']} failed, {count['skipped']} skipped: {output / 'items.csv'}",
        err=True,
    )


def _end_by_outcome(items: Sequence[Item], paths: list[Path]) -> None:
    if all(item.state == "skipped" for item in items):
        raise NothingFound(f"no images or videos in {', '.join(map(printable, paths))}")
    if any(item.state == "failed" for item in items):
        raise typer.Exit(EXIT_FAILED)


@contextmanager
def _progress_bars() -> Iterator[Show]:
    """Show two bars on a terminal, files and frames of the files at work; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        files_bar = bars.add_task("files", total=None)
        frames_bar = bars.add_task("frames", total=None)

        def show(now: Progress) -> None:
            bars.update(files_bar, completed=now.items_done, total=now.items_total)
            bars.update(frames_bar, completed=now.frames_done, total=now.frames_total or None)

        yield show


@app.command()
def up() -> None:
    """Start the whole system on this machine: broker, workers, sweeper and web page."""
    from api.up import up as start

    raise typer.Exit(start(Settings.load()))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: as set.")] = 0,
) -> None:
    """Serve HTTP API and web page; AFFECTLINE_BROKER_URL names the broker."""
    from api.serve import serve as start

    given: dict[str, object] = {"host": host} if host else {}
    start(Settings.load(**(given | ({"port": port} if port else {}))))


@app.command()
def worker() -> None:
    """Run Celery workers, one process per core, each with its analyser."""
    from worker.celery_app import make_celery

    settings = Settings.load()
    celery = make_celery(settings)
    # What the children would fail at is refused here: Celery swallows what goes wrong when they begin.
    check_models(settings)
    check_schema(settings.resolved_database_url)
    celery.worker_main(["worker", "--loglevel=WARNING", "--without-gossip", "--without-mingle"])


@app.command()
def sweeper() -> None:
    """Run the sweeper: it frees the work of crashed workers and sends hints that got lost."""
    from worker.celery_app import hint_sender, make_celery, queue_length
    from worker.sweeper import Sweeper

    settings = Settings.load()
    check_schema(settings.resolved_database_url)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    celery = make_celery(settings)
    Sweeper(
        database=Database(settings.resolved_database_url),
        blobs=Blobs(settings.blob_folder),
        waiting_hints=lambda: queue_length(celery),
        send_hints=hint_sender(settings),
    ).run(stop)


@database_commands.command("upgrade")
def upgrade() -> None:
    """Bring the database to the newest schema; any number of processes may do so at once."""
    migrate(Database(Settings.load().resolved_database_url))


@app.command()
def config() -> None:
    """Print the settings in force as JSON, without secrets."""
    settings = Settings.load()
    values = settings.model_dump(mode="json")
    values["database_url"] = Database(settings.resolved_database_url).engine.url.render_as_string()
    values["broker_url"] = maybe_sanitize_url(settings.broker_url)
    values["api_key"] = "(set)" if settings.api_key else ""
    typer.echo(json.dumps(values, indent=2))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(VERSION)


def main() -> None:
    """Run a command; an expected error is one line with its code, never a traceback."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        app(prog_name="affectline")
    except AffectlineError as error:
        typer.echo(f"affectline: {error.code}: {error.message}", err=True)
        sys.exit(EXIT_USAGE if isinstance(error, InputError) else EXIT_FAILED)
    except OperationalError as error:  # locked for long, full, gone
        reason = " ".join(str(error.orig).split())  # in one line
        kind = StorageFull if is_full(error) else DatabaseUnavailable
        typer.echo(f"affectline: {kind.code}: {reason}", err=True)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
