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
        ("notes.txt", True),
    ]


@pytest.mark.parametrize(
    ("given_paths", "expected"),
    [
        (
            ["in/a.mp4", "in/a.mp4"],
            {
                "in/a.mp4": "a",
            },
        ),
        (["in/day/b.mp4", "in"], {"in/day/b.mp4": "b", "in/a.mp4": "a"}),
        (["in", "in/day/b.mp4"], {"in/a.mp4": "a", "in/day/b.mp4": "day/b"}),
        (["in/a.mp4", "in/../in/a.mp4"], {"in/a.mp4": "a"}),
        (["link.mp4", "in/a.mp4"], {"link.mp4": "link"}),
        (["missing.mp4", "missing.mp4"], {"missing.mp4": "missing"}),
    ],
    ids=["twice", "file and folder", "folder and file", "by two paths", "by a link", "missing"],
)
def test_a_file_that_is_met_again_is_one_input(
    tmp_path: Path, given_paths: list[str], expected: dict[str, str]
) -> None:
    make_files(tmp_path, "in/a.mp4", "in/day/b.mp4")
    (tmp_path / "link.mp4").symlink_to("in/a.mp4")

    found = find_inputs([tmp_path / path for path in given_paths], folder=tmp_path / "out")

    told = [(str(item.path.relative_to(tmp_path)), str(item.output)) for item in found]
    assert told == list(expected.items())


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


def found_in(folder: Path, *, out: Path) -> list[tuple[str, str]]:
    """(path below the folder, output) of each input found in it."""
    inputs = find_inputs([folder], folder=out)
    return [(str(given.path.relative_to(folder)), str(given.output)) for given in inputs]


def test_folders_behind_symbolic_links_are_walked(tmp_path: Path) -> None:
    """Symptom: `in/` with a link to the drive with the recordings: none of them was annotated, exit status 0."""
    make_files(tmp_path, "in/a.mp4", "drive/b.mp4", "drive/day 1/c.mp4", "more/d.mp4")
    (tmp_path / "in" / "day 0").symlink_to(tmp_path / "drive")
    (tmp_path / "drive" / "more").symlink_to(tmp_path / "more")

    assert found_in(tmp_path / "in", out=tmp_path / "out") == [
        ("a.mp4", "a"),
        ("day 0/b.mp4", "day 0/b"),
        ("day 0/day 1/c.mp4", "day 0/day 1/c"),
        ("day 0/more/d.mp4", "day 0/more/d"),
    ]


@pytest.mark.parametrize("target", [".", "..", "../in", "b", "../elsewhere", "../out"])
def test_no_link_makes_a_file_appear_twice_or_under_another_name(
    tmp_path: Path, target: str
) -> None:
    make_files(tmp_path, "in/b/c.mp4", "in/d.mp4", "out/e.mp4")
    (tmp_path / "elsewhere").mkdir()
    for folder in ("in", "in/b", "elsewhere"):
        (tmp_path / folder / "a link").symlink_to(tmp_path / "in" / target)

    found = found_in(tmp_path / "in", out=tmp_path / "out")

    assert found == [("d.mp4", "d"), ("b/c.mp4", "b/c")]


def test_what_two_links_lead_to_is_found_once(tmp_path: Path) -> None:
    make_files(tmp_path, "drive/a/b.mp4", "drive/c.mp4")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1").symlink_to(tmp_path / "drive" / "a")
    (tmp_path / "in" / "2").symlink_to(tmp_path / "drive")

    found = found_in(tmp_path / "in", out=tmp_path / "out")

    assert found == [("1/b.mp4", "1/b"), ("2/c.mp4", "2/c")]


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
