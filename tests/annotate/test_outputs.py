"""Which inputs annotate finds and what it calls their files."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.outputs import ITEMS_NAME, find_inputs


def make_files(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def outputs(*paths: Path, folder: Path) -> dict[str, str]:
    """Name of each input found -> its output without suffix."""
    return {str(item.path.name): str(item.output) for item in find_inputs(paths, folder=folder)}


def test_a_folder_is_walked_in_order_and_its_shape_is_kept(tmp_path: Path) -> None:
    make_files(tmp_path, "b.mp4", "a.mp4", "day 2/c.mov", "day 1/d.mkv")

    found = find_inputs([tmp_path], folder=Path("out"))

    assert [str(item.output) for item in found] == ["a", "b", "day 1/d", "day 2/c"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    make_files(tmp_path, ".a.mp4", ".cache/b.mp4", "c.mp4")

    assert outputs(tmp_path, folder=Path("out")) == {"c.mp4": "c"}


def test_a_hidden_file_that_is_named_is_meant(tmp_path: Path) -> None:
    make_files(tmp_path, ".a.mp4")

    assert outputs(tmp_path / ".a.mp4", folder=Path("out")) == {".a.mp4": ".a"}


def test_the_output_folder_inside_the_input_folder_is_passed_over(tmp_path: Path) -> None:
    make_files(tmp_path, "a.mp4", "out/a.csv", "out/b.mp4")

    assert outputs(tmp_path, folder=tmp_path / "out") == {"a.mp4": "a"}


def test_an_input_folder_may_be_the_output_folder(tmp_path: Path) -> None:
    """Symptom: the second call found its own CSV files and named all outputs anew."""
    make_files(tmp_path, "a.mp4", "a.csv", "a.json", "sub/b.mp4", "sub/b.csv", "items.csv")

    assert outputs(tmp_path, folder=tmp_path) == {"a.mp4": "a", "b.mp4": "sub/b"}


def test_equal_stems_keep_their_suffix(tmp_path: Path) -> None:
    make_files(tmp_path, "a.mp4", "a.mov", "b.mp4")

    assert outputs(tmp_path, folder=Path("out")) == {
        "a.mov": "a.mov",
        "a.mp4": "a.mp4",
        "b.mp4": "b",
    }


def test_equal_names_of_two_folders_are_numbered(tmp_path: Path) -> None:
    make_files(tmp_path, "one/a.mp4", "two/a.mp4")

    found = find_inputs([tmp_path / "one", tmp_path / "two"], folder=Path("out"))

    assert [str(item.output) for item in found] == ["a.mp4", "a.mp4-2"]


@pytest.mark.parametrize("name", ["items.mp4", "items"])
def test_no_input_takes_the_name_of_the_list_of_items(tmp_path: Path, name: str) -> None:
    make_files(tmp_path, name)

    item = find_inputs([tmp_path / name], folder=Path("out"))[0]

    assert item.file(Path("out"), ".csv") != Path("out") / f"{ITEMS_NAME}.csv"


def test_other_files_of_a_folder_are_not_asked_for(tmp_path: Path) -> None:
    make_files(tmp_path, "a.MP4", "b.jpeg", "notes.txt", "README")

    found = find_inputs([tmp_path, tmp_path / "notes.txt"], folder=Path("out"))

    assert [(item.path.name, item.asked_for) for item in found] == [
        ("README", False),
        ("a.MP4", True),
        ("b.jpeg", True),
        ("notes.txt", False),
        ("notes.txt", True),
    ]


def test_a_folder_that_cannot_be_listed_costs_no_file_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, "in/a/b.mp4", "in/b/c.mp4", "in/b.mp4", "in/unlistable.mp4")
    list_folder = os.scandir

    def scandir(path: str) -> object:
        if path == str(tmp_path / "in" / "b"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return list_folder(path)

    monkeypatch.setattr("os.scandir", scandir)
    found = find_inputs([tmp_path / "in"], folder=tmp_path / "out")

    assert [str(item.output) for item in found[:-1]] == ["b", "unlistable", "a/b"]
    assert (found[-1].path, found[-1].asked_for) == (tmp_path / "in" / "b", True)


names = st.sampled_from(
    ["a", "a.mp4", "a.mov", "a.mp4.mov", "a.mp4-2", "a.mp4-2.mov", "a-2.mp4", "items.mp4", "items"]
)


@given(st.lists(names, max_size=8))
def test_no_two_inputs_share_an_output(given_names: list[str]) -> None:
    paths = [Path("/nowhere") / str(index) / name for index, name in enumerate(given_names)]

    found = find_inputs(paths, folder=Path("/out"))

    taken = [item.file(Path("/out"), ".csv") for item in found]
    assert [item.path for item in found] == paths
    assert len(set(taken)) == len(taken)
    assert Path("/out/items.csv") not in taken
