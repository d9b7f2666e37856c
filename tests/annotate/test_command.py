"""`affectline annotate` as its callers meet it: exit status, stderr, kills and Ctrl-C."""

import ctypes
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.annotate.test_annotate import all_files, write_bad_files
from tests.waiting import wait_until
from tests.worker.clips import SEGMENT_TARGET_S, write_clip

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking head of 120 frames in twelve segments: seconds of work."""
    return write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4", frames=120, scale=2)


def environment(**variables: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "AFFECTLINE_WORKERS": "2",
        "AFFECTLINE_LEASE_S": "1000",  # nobody can wait for the leases of a killed call
        "AFFECTLINE_SEGMENT_TARGET_S": str(SEGMENT_TARGET_S),
        **variables,
    }


def call(
    *arguments: object, before: Callable[[], None] | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *map(str, arguments)],
        env=environment(**variables),
        preexec_fn=before,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command at work, with its output in a pipe; killed at the latest when the block is left."""
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", *map(str, arguments)],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def segment_rows(out: Path) -> dict[int, tuple[str, int]]:
    """Position of each segment -> (state, fence), as the state folder has them now."""
    file = out / ".affectline" / "affectline.sqlite"
    if not file.exists():
        return {}
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("SELECT position, state, fence FROM segments").fetchall()
        except sqlite3.OperationalError:  # the tables are being made
            return {}
    return {position: (state, fence) for position, state, fence in found}


def wait_until_some_are_done(out: Path) -> None:
    def some() -> bool:
        return sum(state == "done" for state, _ in segment_rows(out).values()) >= 4

    wait_until(some, "some segments are committed", patience_s=60)


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def gone(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def test_a_killed_annotate_goes_on_where_it_was(clip: Path, tmp_path: Path) -> None:
    call("annotate", clip, "-o", tmp_path / "undisturbed")
    out = tmp_path / "killed"
    with started("annotate", clip, "-o", out) as process:
        wait_until_some_are_done(out)
        children = descendants(process)
        process.kill()
    wait_until(lambda: all(map(gone, children)), "the analysers died too", patience_s=10)
    before = segment_rows(out)

    again = call("annotate", clip, "-o", out)

    done = {position for position, (state, _) in before.items() if state == "done"}
    after = segment_rows(out)
    assert again.returncode == 0, again.stderr
    assert len(done) >= 4
    assert any(state != "done" for state, _ in before.values())
    assert {after[position] for position in done} == {("done", 1)}
    assert all_files(out) == all_files(tmp_path / "undisturbed")


def test_ctrl_c_leaves_no_process_behind(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started("annotate", clip, "-o", out) as process:
        wait_until_some_are_done(out)
        children = descendants(process)

        process.send_signal(signal.SIGINT)

        _, errors = process.communicate(timeout=15)
    assert process.returncode not in (0, -signal.SIGKILL)
    assert errors == "stopped; call again to go on\n"
    assert children and all(map(gone, children))
    assert "running" not in {state for state, _ in segment_rows(out).values()}


def test_good_files_end_with_status_0_and_one_line(tmp_path: Path, clip: Path) -> None:
    done = call("annotate", clip, "-o", tmp_path, "--sample-fps", "1")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("1 of 1 files annotated, 0 failed")
    assert len(done.stderr.splitlines()) == 1


def test_a_second_call_says_what_an_earlier_one_did(tmp_path: Path, clip: Path) -> None:
    """Symptom: "1 of 1 files annotated", as if everything had been done anew."""
    call("annotate", clip, "-o", tmp_path / "out", "--sample-fps", "1")
    (tmp_path / "other.mp4").write_bytes(clip.read_bytes())

    done = call(
        "annotate", clip, tmp_path / "other.mp4", "-o", tmp_path / "out", "--sample-fps", "1"
    )

    assert done.stderr.startswith("2 of 2 files annotated (1 by an earlier call), 0 failed")


@pytest.mark.parametrize("inside", ["", "notes.txt"], ids=["empty", "other files"])
def test_folders_without_media_end_with_status_1_and_their_names(
    tmp_path: Path, inside: str
) -> None:
    """Symptom: "0 of 0 files annotated", and with a text in it exit status 0."""
    folder = tmp_path / "in"
    folder.mkdir()
    if inside:
        (folder / inside).write_text("no pictures here")

    done = call("annotate", folder, "-o", tmp_path / "out")

    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[-1] == f"affectline: nothing_found: no images or videos in {folder}"
    assert [line[:22] for line in lines[:-1]] == (["0 of 1 files annotated"] if inside else [])


def test_a_bad_file_ends_with_status_1_and_its_line(tmp_path: Path) -> None:
    codes = write_bad_files(tmp_path)

    done = call("annotate", *(tmp_path / name for name in codes), "-o", tmp_path / "out")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    for line, (name, code) in zip(lines, codes.items(), strict=False):
        assert line.startswith(f"{tmp_path / name}: {code}: ")
    assert lines[-1].startswith("0 of 4 files annotated, 4 failed")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--detector", "yolo"], "invalid_option"),
        (["--sample-fps", "many"], "invalid_option"),
    ],
    ids=["detector", "sample_fps"],
)
def test_a_wrong_call_ends_with_status_2_and_its_code(
    tmp_path: Path, clip: Path, arguments: list[str], code: str
) -> None:
    done = call("annotate", clip, "-o", tmp_path, *arguments)

    assert done.returncode == 2
    assert done.stderr.startswith(f"affectline: {code}: ")
    assert len(done.stderr.splitlines()) == 1


def test_an_output_folder_that_can_not_be_made_ends_with_status_1_and_its_code(clip: Path) -> None:
    """Symptom: path_not_found, where a file that can't be written was output_failed."""
    done = call("annotate", clip, "-o", "/dev/null/out")

    assert done.returncode == 1
    assert done.stderr.startswith("affectline: output_failed: the output folder /dev/null/out ")
    assert len(done.stderr.splitlines()) == 1


def as_anybody() -> None:
    """Take from this process, if it is root's, the right to read what modes forbid, from its next program on."""
    drop_from_bounding_set = 24
    for right in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(drop_from_bounding_set, right)


@pytest.mark.parametrize(("mode", "of_what"), [(0o000, "the folder"), (0o444, "its file")])
def test_a_folder_that_may_not_be_read_is_an_input_that_failed(
    clip: Path, tmp_path: Path, mode: int, of_what: str
) -> None:
    """Symptom: its recordings were left out without a word, with exit status 0."""
    closed = tmp_path / "in" / "b"
    closed.mkdir(parents=True)
    for name in ("a.mp4", "b/c.mp4"):
        (tmp_path / "in" / name).write_bytes(clip.read_bytes())
    closed.chmod(mode)

    done = call(
        "annotate", tmp_path / "in", "-o", tmp_path / "out", "--sample-fps", "1", before=as_anybody
    )
    closed.chmod(0o755)

    path = closed if of_what == "the folder" else closed / "c.mp4"
    failed, total = done.stderr.splitlines()
    assert failed.startswith(f"{path}: path_not_found: ")
    assert total.startswith("1 of 2 files annotated, 1 failed")
    assert done.returncode == 1
    assert str(path) in (tmp_path / "out" / "items.csv").read_text()
    assert (tmp_path / "out" / "a.csv").exists()


@pytest.mark.parametrize("inside", ["", "c.mp4"], ids=["folder", "file in it"])
def test_what_may_not_be_read_and_is_named_is_an_input_that_failed(
    tmp_path: Path, inside: str
) -> None:
    """Symptom: the whole call was refused, with whatever else it named, or ended in a traceback."""
    closed = tmp_path / "in"
    closed.mkdir()
    closed.chmod(0o000)

    done = call("annotate", closed / inside, "-o", tmp_path / "out", before=as_anybody)
    closed.chmod(0o755)

    assert done.returncode == 1
    assert done.stderr.startswith(f"{closed / inside}: path_not_found: ")
    assert done.stderr.splitlines()[1].startswith("0 of 1 files annotated, 1 failed")


def test_a_wrong_setting_ends_with_status_1_and_its_name(tmp_path: Path, clip: Path) -> None:
    done = call("annotate", clip, "-o", tmp_path, AFFECTLINE_WORKERS="none")

    assert done.returncode == 1
    assert done.stderr.startswith("affectline: configuration: wrong settings: AFFECTLINE_WORKERS:")


def test_config_shows_no_secret(tmp_path: Path) -> None:
    done = call(
        "config",
        AFFECTLINE_DATA=str(tmp_path),
        AFFECTLINE_API_KEY="hush1",
        AFFECTLINE_BROKER_URL="redis://user:hush2@broker:6379/0",
        AFFECTLINE_DATABASE_URL="postgresql+psycopg://user:hush3@db/affectline",
    )

    values = json.loads(done.stdout)
    assert values["api_key"] == "(set)"
    assert "broker:6379" in values["broker_url"]
    assert "hush" not in done.stdout


@pytest.mark.parametrize("part", ["worker", "sweeper", "serve"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"AFFECTLINE_BROKER_URL": ""},
        {"AFFECTLINE_BROKER_URL": "foo://x"},
        {"AFFECTLINE_DATABASE_URL": "mysql://x"},
    ],
    ids=["no broker", "another broker", "another database"],
)
def test_a_part_that_cannot_work_does_not_start_and_says_why(
    tmp_path: Path, part: str, wrong: dict[str, str]
) -> None:
    """Symptom: the worker stayed up with children that failed at every hint."""
    broker = {"AFFECTLINE_BROKER_URL": "redis://127.0.0.1:1/0"}

    done = call(part, **{"AFFECTLINE_DATA": str(tmp_path), **broker, **wrong})

    assert_refused(done)


def assert_refused(done: subprocess.CompletedProcess[str]) -> None:
    """Check that a command ended with one line about its configuration."""
    assert done.returncode == 1
    assert done.stderr.startswith("affectline: configuration: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["BROKER_URL", "DATABASE_URL"])
def test_a_system_with_a_wrong_url_does_not_start(tmp_path: Path, name: str) -> None:
    """Symptom: it said that it was ready, and its worker ended again and again."""
    done = call("up", **{"AFFECTLINE_DATA": str(tmp_path), f"AFFECTLINE_{name}": "foo://x"})

    assert_refused(done)


def test_a_worker_without_its_model_does_not_start(tmp_path: Path) -> None:
    """Symptom: it started, and every task in it failed."""
    done = call(
        "worker",
        AFFECTLINE_DATA=str(tmp_path),
        AFFECTLINE_BROKER_URL="redis://127.0.0.1:1/0",
        AFFECTLINE_MODEL=str(tmp_path / "none.onnx"),
    )

    assert done.returncode == 1
    assert done.stderr.startswith("affectline: model_contract: ")


@pytest.mark.parametrize("command", ["worker", "annotate", "up"])
def test_nobody_works_with_a_model_file_that_is_no_model(
    tmp_path: Path, clip: Path, command: str
) -> None:
    """Symptom: a worker took each piece of work again and again, and the job ran for ever. `up` said that it was ready."""
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no model")
    call("db", "upgrade", AFFECTLINE_DATA=str(tmp_path))
    arguments = [clip, "-o", tmp_path / "out"] if command == "annotate" else []

    done = call(
        command,
        *arguments,
        AFFECTLINE_DATA=str(tmp_path),
        AFFECTLINE_BROKER_URL="redis://127.0.0.1:1/0",
        AFFECTLINE_MODEL=str(wrong),
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"affectline: model_contract: {wrong}: the file is no model")
    assert "; set AFFECTLINE_MODEL to an ONNX file" in done.stderr
    assert "/proc" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_database_is_upgraded_by_hand(tmp_path: Path) -> None:
    for _ in range(2):
        done = call("db", "upgrade", AFFECTLINE_DATA=str(tmp_path))
        assert (done.returncode, done.stderr) == (0, "")

    assert (tmp_path / "affectline.sqlite").exists()


@pytest.mark.parametrize(
    ("command", "revision", "remedy"),
    [
        (["serve"], "0001", "run 'affectline db upgrade'"),
        (["worker"], "0001", "run 'affectline db upgrade'"),
        (["sweeper"], "0001", "run 'affectline db upgrade'"),
        (["db", "upgrade"], "9999", "newer than this program"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_the_schema_of_another_version_is_one_line_that_says_what_to_do(
    tmp_path: Path, command: list[str], revision: str, remedy: str
) -> None:
    call("db", "upgrade", AFFECTLINE_DATA=str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "affectline.sqlite")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))

    done = call(
        *command, AFFECTLINE_DATA=str(tmp_path), AFFECTLINE_BROKER_URL="redis://127.0.0.1:1/0"
    )

    assert done.returncode == 1
    assert done.stderr.startswith("affectline: configuration: the database")
    assert remedy in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_database_that_does_not_answer_is_one_line_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "affectline.sqlite").mkdir()

    done = call("db", "upgrade", AFFECTLINE_DATA=str(tmp_path))

    assert done.returncode == 1
    assert done.stderr == "affectline: database_unavailable: unable to open database file\n"


def test_a_server_that_does_not_answer_is_one_line_with_its_code(tmp_path: Path) -> None:
    """Symptom: `configuration`, where HTTP said `database_unavailable`, and two lines."""
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nowhere"

    done = call("db", "upgrade", AFFECTLINE_DATA=str(tmp_path), AFFECTLINE_DATABASE_URL=url)

    assert done.returncode == 1
    assert done.stderr.startswith("affectline: database_unavailable: the database does not answer")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["config", "db upgrade", "up", "serve", "worker", "sweeper"])
def test_a_file_in_place_of_the_data_folder_is_told_by_every_command(
    tmp_path: Path, command: str
) -> None:
    """Symptom: FileExistsError and a traceback."""
    (tmp_path / "var").write_text("in the way")

    done = call(
        *command.split(),
        AFFECTLINE_DATA=str(tmp_path / "var"),
        AFFECTLINE_BROKER_URL="redis://127.0.0.1:1/0",
    )

    assert done.returncode == 1
    assert done.stderr.startswith("affectline: configuration: ")
    assert str(tmp_path / "var") in done.stderr
    assert len(done.stderr.splitlines()) == 1
