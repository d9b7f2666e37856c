"""Every form of FER-2013 is read into the same faces; whatever is wrong with one is said in a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from model_training.datasets import read_faces
from model_training.readers import CLASS_SPELLINGS, SPLIT_SPELLINGS, VOTE_EMOTIONS
from storage.errors import InputError
from storage.labels import EXPRESSIONS
from tests.model_training.fake_faces import (
    CSV_NUMBERS,
    WRITERS,
    as_rows,
    draw_faces,
    write_csv,
    write_folders,
    write_kaggle,
    write_npz,
)


@pytest.mark.parametrize("form", WRITERS)
def test_every_form_reads_the_same_faces(form: str, tmp_path: Path):
    faces = draw_faces([0, 1, 2, 3, 4, 5, 6, 3, 3])

    written = WRITERS[form](faces, tmp_path / "faces")

    assert as_rows(read_faces(written, split="training")) == as_rows(faces)


@pytest.mark.parametrize(("name", "number"), CSV_NUMBERS.items())
def test_csv_numbers_become_our_labels_by_name(name: str, number: int, tmp_path: Path):
    path = tmp_path / "one.csv"
    path.write_text(f"emotion,pixels,Usage\n{number},{' '.join(['7'] * 2304)},Training\n")

    faces = read_faces(path)

    assert [EXPRESSIONS[label] for label in faces.labels] == [name]


def test_a_csv_without_usage_is_read_whole(tmp_path: Path):
    path = tmp_path / "faces.csv"
    path.write_text(f"emotion,pixels\n6,{' '.join(['7'] * 2304)}\n")

    faces = read_faces(path, split="test")

    assert faces.labels.tolist() == [EXPRESSIONS.index("neutral")]


def test_csv_rows_are_chosen_by_their_usage(tmp_path: Path):
    faces = draw_faces([2, 5])
    path = write_csv(faces, tmp_path / "faces", usage="PublicTest")
    path.write_text(path.read_text().replace("PublicTest", "PrivateTest", 1))

    validation, test = (read_faces(path, split=split) for split in ("validation", "test"))

    assert validation.labels.tolist() == [5]
    assert test.labels.tolist() == [2]
    assert len(read_faces(path)) == 2


def test_labels_below_zero_are_left_out_of_an_npz(tmp_path: Path):
    images = draw_faces([0, 1, 2]).images
    np.savez(tmp_path / "faces.npz", images=images, labels=np.array([-1, 4, -300]))

    faces = read_faces(tmp_path / "faces.npz")

    assert faces.labels.tolist() == [4]
    assert np.array_equal(faces.images, images[1:2])


def test_labels_below_zero_are_left_out_of_a_csv(tmp_path: Path):
    path = write_csv(draw_faces([0, 1]), tmp_path / "faces")
    path.write_text(path.read_text().replace("\n0,", "\n-1,"))

    assert read_faces(path).labels.tolist() == [1]


def test_duplicate_groups_are_those_of_the_npz(tmp_path: Path):
    images = draw_faces([0, 1, 2]).images
    groups = np.array([5, 5, 9])
    np.savez(tmp_path / "f.npz", images=images, labels=np.arange(3), duplicate_group=groups)

    assert read_faces(tmp_path / "f.npz").duplicate_group.tolist() == [5, 5, 9]


def test_duplicate_groups_are_found_by_pixels_where_none_are_given(tmp_path: Path):
    image = draw_faces([0]).images
    images = np.concatenate([image, draw_faces([1], seed=5).images, image])
    np.savez(tmp_path / "faces.npz", images=images, labels=np.array([0, 1, 0]))

    groups = read_faces(tmp_path / "faces.npz").duplicate_group

    assert groups[0] == groups[2] != groups[1]


def test_ferplus_votes_become_shares_of_those_who_saw_an_emotion(tmp_path: Path):
    names = ["NF", "happiness", "unknown", "neutral", *VOTE_EMOTIONS[2:]]
    votes = np.zeros((3, 10), np.uint8)
    votes[0, :4] = 1, 3, 5, 1
    votes[2, 0] = 10
    np.savez(
        tmp_path / "faces.npz",
        images=draw_faces([0, 1, 2]).images,
        labels=np.array([0, -1, 2]),
        ferplus_votes=votes,
        vote_names=np.array(names),
    )

    found = read_faces(tmp_path / "faces.npz").votes

    assert found.tolist() == [[0.25, 0.75, 0, 0, 0, 0, 0, 0], [0] * 8]


def test_data_without_votes_has_none(tmp_path: Path):
    assert read_faces(write_npz(draw_faces([0]), tmp_path / "faces")).votes is None


def test_the_kaggle_layout_gives_the_split_that_is_asked_for(tmp_path: Path):
    folder = write_kaggle(draw_faces([0, 6]), tmp_path / "fer")

    counts = {split: len(read_faces(folder, split=split)) for split in ("training", "validation")}

    assert counts == {"training": 2, "validation": 1}
    assert len(read_faces(folder)) == 3


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("surprised", "surprise"),
        ("disgusted", "disgust"),
        ("fearful", "fear"),
        ("Angry", "angry"),
        ("HAPPINESS", "happy"),
    ],
)
def test_class_folders_may_be_spelled_in_many_ways(spelling: str, name: str, tmp_path: Path):
    folder = write_folders(draw_faces([0]), tmp_path / "fer")
    (folder / "angry").rename(folder / spelling)

    assert read_faces(folder).labels.tolist() == [EXPRESSIONS.index(name)]


def test_the_readme_names_every_accepted_spelling():
    readme = (Path(__file__).parents[2] / "model_training" / "README.md").read_text().lower()
    spellings = [*CLASS_SPELLINGS.values(), *SPLIT_SPELLINGS.values()]

    assert [word for words in spellings for word in words if word not in readme] == []


def test_a_large_colour_jpeg_becomes_a_small_grey_face(tmp_path: Path):
    (tmp_path / "fer" / "sad").mkdir(parents=True)
    picture = np.full((100, 80, 3), (0, 0, 255), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "fer" / "sad" / "red.JPG"), picture)

    faces = read_faces(tmp_path / "fer")

    assert faces.images.shape == (1, 48, 48)
    assert abs(int(faces.images.mean()) - 76) <= 2  # 0.299 of 255, ITU-R BT.601


def _nothing_there(path: Path) -> Path:
    return path / "none.npz"


def _other_suffix(path: Path) -> Path:
    (path / "faces.txt").write_text("hello")
    return path / "faces.txt"


def _text_named_npz(path: Path) -> Path:
    (path / "faces.npz").write_text("hello")
    return path / "faces.npz"


def _npz(**arrays: Any) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        np.savez(path / "faces.npz", **arrays)
        return path / "faces.npz"

    return make


def _csv(text: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        (path / "faces.csv").write_text(text)
        return path / "faces.csv"

    return make


def _folders(name: str, content: bytes | None = None) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        (path / "fer" / name).mkdir(parents=True)
        if content is not None:
            (path / "fer" / name / "a.png").write_bytes(content)
        return path / "fer"

    return make


def _only_test_folders(path: Path) -> Path:
    return write_folders(draw_faces([0]), path / "fer" / "test").parent


IMAGES = np.zeros((2, 48, 48), np.uint8)
MALFORMED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing": (_nothing_there, "expected a .npz file, a .csv file or a folder, found nothing"),
    "suffix": (_other_suffix, "expected a .npz file, a .csv file or a folder, got '.txt'"),
    "no zip": (_text_named_npz, "expected an npz file as numpy.savez writes it"),
    "keys": (_npz(pictures=IMAGES), "missing: images, labels; it has: pictures"),
    "objects": (
        _npz(images=IMAGES, labels=np.array([{}, {}])),
        "expected an npz file of plain arrays",
    ),
    "shape": (
        _npz(images=np.zeros((2, 64, 64), np.uint8), labels=np.zeros(2, int)),
        r"expected images as uint8 \(n, 48, 48\), got uint8 \(2, 64, 64\)",
    ),
    "dtype": (
        _npz(images=np.zeros((2, 48, 48)), labels=np.zeros(2, int)),
        r"got float64 \(2, 48, 48\)",
    ),
    "too few labels": (
        _npz(images=IMAGES, labels=np.zeros(1, int)),
        r"expected labels as integers \(2,\), got int64 \(1,\)",
    ),
    "eighth class": (
        _npz(images=IMAGES, labels=np.array([0, 7])),
        "expected labels from 0 to 6, got 7",
    ),
    "groups": (
        _npz(images=IMAGES, labels=np.zeros(2, int), duplicate_group=np.zeros(3, int)),
        r"expected duplicate_group of \(2,\), got \(3,\)",
    ),
    "votes": (
        _npz(
            images=IMAGES,
            labels=np.zeros(2, int),
            ferplus_votes=np.zeros((2, 9), int),
            vote_names=np.array(["neutral"] * 10),
        ),
        r"expected ferplus_votes of \(2, 10\) with vote_names for neutral, .*; got \(2, 9\)",
    ),
    "none labelled": (
        _npz(images=IMAGES, labels=np.full(2, -1)),
        "expected labelled images, found none",
    ),
    "columns": (_csv("emotion,picture\n"), "missing: pixels; it has: emotion, picture"),
    "emotion": (
        _csv(f"emotion,pixels\n7,{'0 ' * 2304}\n"),
        "line 2: expected emotion to be a number from 0 to 6, got '7'",
    ),
    "pixel count": (_csv("emotion,pixels\n0,1 2 3\n"), "line 2: expected 2304 pixels, got 3"),
    "pixel value": (_csv("emotion,pixels\n0,1 256\n"), "line 2: .* numbers from 0 to 255"),
    "usage": (
        _csv("emotion,pixels,Usage\n0,1,Dev\n"),
        "line 2: expected Usage to be one of Training, PublicTest, PrivateTest, got 'Dev'",
    ),
    "empty folder": (_folders(""), "expected class folders .* found none"),
    "class": (_folders("contempt"), "expected a class folder with one of the names .* 'contempt'"),
    "no picture": (_folders("happy"), "expected labelled images, found none"),
    "broken picture": (_folders("happy", b"hello"), "a.png: expected a PNG or JPEG picture"),
    "empty picture": (_folders("happy", b""), "a.png: expected a PNG or JPEG picture"),
    "split": (_only_test_folders, "expected a folder for the training split .* it has: test"),
}


@pytest.mark.parametrize(("make", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_data_is_refused_with_what_was_expected(
    make: Callable[[Path], Path], message: str, tmp_path: Path
):
    path = make(tmp_path)

    with pytest.raises(InputError, match=message):
        read_faces(path, split="training")


def test_the_npz_that_was_written_keeps_its_rows_in_order(tmp_path: Path):
    faces = draw_faces([6, 0, 3])

    read = read_faces(write_npz(faces, tmp_path / "faces"))

    assert read.labels.tolist() == [6, 0, 3]
    assert np.array_equal(read.images, faces.images)
