"""Where media lie."""

import hashlib
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import pytest

from storage.blobs import Blobs, file_location, sha256_of
from storage.errors import ConfigurationError, PathNotFound


def read(blobs: Blobs, location: str) -> bytes:
    descriptor = blobs.open(location)
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")

    location, file = blobs.create("abc")
    with file:
        file.write(b"moving pictures")

    assert location == "blob:abc/media"
    assert read(blobs, location) == b"moving pictures"


def test_a_medium_is_never_written_over(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blobs.create("abc")[1].close()

    with pytest.raises(FileExistsError):
        blobs.create("abc")


def test_deleting_removes_the_bytes_and_may_be_repeated(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    location, file = blobs.create("abc")
    file.close()

    blobs.delete("abc")
    blobs.delete("abc")

    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PathNotFound, match="No such file"):
        blobs.open(location)


def test_a_missing_folder_of_all_uploads_says_nothing_of_one_of_them(tmp_path: Path) -> None:
    own = tmp_path / "video.mp4"

    blobs = Blobs(tmp_path / "not_mounted")

    with pytest.raises(ConfigurationError, match="not_mounted, is not there: is its drive mounted"):
        blobs.open("blob:abc/media")
    with pytest.raises(PathNotFound):
        blobs.open(file_location(own))


def test_deleting_removes_all_while_pictures_are_still_being_made(tmp_path: Path) -> None:
    """Symptom: one recording in twenty stayed on the disk, because a picture was renamed while it was deleted."""
    blobs = Blobs(tmp_path)
    job_id, over = "abc", threading.Event()

    def make_pictures() -> None:
        while not over.is_set():
            with suppress(PathNotFound), blobs.creating_beside(job_id, "track-5.jpg") as file:
                file.write(b"a face")

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(make_pictures)
        try:
            for _ in range(200):
                with blobs.create(job_id)[1] as file:
                    file.write(b"moving pictures")
                time.sleep(0.001)
                blobs.delete(job_id)
                left = list(tmp_path.iterdir())
                assert left == []
        finally:
            over.set()
        busy.result()


def test_nothing_is_added_to_a_job_whose_deletion_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symptom: a worker that made pictures faster than they were removed kept a recording on the disk."""
    blobs = Blobs(tmp_path)
    job_id = made_job(blobs)
    really_remove = shutil.rmtree

    def add_and_remove(folder: Path) -> None:
        with pytest.raises(PathNotFound), blobs.creating_beside(job_id, "track-5.jpg"):
            pass
        really_remove(folder)

    monkeypatch.setattr(shutil, "rmtree", add_and_remove)
    blobs.delete(job_id)

    assert list(tmp_path.iterdir()) == []


def test_a_deletion_that_was_cut_off_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = Blobs(tmp_path)
    job_id = made_job(blobs)
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(shutil, "rmtree", Mock(side_effect=KeyboardInterrupt))
        blobs.delete(job_id)

    assert blobs.list_older(-60) == [job_id]
    blobs.delete(job_id)

    assert list(tmp_path.iterdir()) == []


def test_a_callers_own_file_stays_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "with : colon.mp4"
    file.write_bytes(b"mine")

    location = file_location(file)

    assert location == f"file:{file}"
    assert read(Blobs(tmp_path / "blobs"), location) == b"mine"


def test_an_open_medium_is_not_inherited_by_other_programs(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    location, file = blobs.create("abc")
    file.close()

    descriptor = blobs.open(location)

    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_the_hash_is_that_of_all_bytes(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"a" * 3_000_000)

    assert sha256_of(file) == hashlib.sha256(b"a" * 3_000_000).hexdigest()


def test_only_folders_of_jobs_are_listed_by_their_age(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    job_id = "0" * 32
    blobs.create(job_id)[1].close()
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "lost+found").mkdir()

    assert blobs.list_older(-60) == [job_id]
    assert blobs.list_older(60) == []


def made_job(blobs: Blobs) -> str:
    job_id = "0" * 32
    blobs.create(job_id)[1].close()
    return job_id


def test_what_is_made_of_a_medium_is_seen_when_it_is_whole(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    job_id = made_job(blobs)

    with blobs.creating_beside(job_id, "preview.mp4") as file:
        file.write(b"half")
        assert not blobs.exists_beside(job_id, "preview.mp4")
        with pytest.raises(PathNotFound):
            blobs.open_beside(job_id, "preview.mp4")

    assert blobs.exists_beside(job_id, "preview.mp4")
    assert read(blobs, f"blob:{job_id}/preview.mp4") == b"half"


def test_what_could_not_be_made_leaves_no_trace(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    job_id = made_job(blobs)

    with pytest.raises(ZeroDivisionError), blobs.creating_beside(job_id, "preview.mp4"):
        1 / 0  # noqa: B018  # any exception inside the block

    assert [file.name for file in (tmp_path / job_id).iterdir()] == ["media"]


def test_two_workers_may_make_the_same_file(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    job_id = made_job(blobs)

    with (
        blobs.creating_beside(job_id, "a.jpg") as one,
        blobs.creating_beside(job_id, "a.jpg") as two,
    ):
        one.write(b"same")
        two.write(b"same")

    assert sorted(file.name for file in (tmp_path / job_id).iterdir()) == ["a.jpg", "media"]


def test_nothing_is_made_for_a_job_that_is_deleted_meanwhile(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    job_id = made_job(blobs)

    with pytest.raises(PathNotFound, match="deleted"), blobs.creating_beside(job_id, "a.jpg"):
        blobs.delete(job_id)
    with pytest.raises(PathNotFound, match="deleted"), blobs.creating_beside(job_id, "a.jpg"):
        pass

    assert list(tmp_path.iterdir()) == []


def test_what_killed_workers_left_half_made_goes_when_another_one_has_made_it(
    tmp_path: Path,
) -> None:
    """Symptom: each of them left a hidden file as large as a preview."""
    blobs = Blobs(tmp_path)
    job_id = made_job(blobs)
    for _ in range(2):
        killed = os.fork()
        if not killed:
            with blobs.creating_beside(job_id, "preview.mp4") as file:
                file.write(b"half")
                file.flush()
                os._exit(1)
        os.waitpid(killed, 0)
    assert len(list((tmp_path / job_id).iterdir())) == 3

    with blobs.creating_beside(job_id, "preview.mp4") as file:
        file.write(b"whole")

    assert sorted(file.name for file in (tmp_path / job_id).iterdir()) == ["media", "preview.mp4"]
