"""The part a run held back is found again from the model's metadata and the data."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model_training.datasets import read_faces
from model_training.faces import FaceSet, cut_validation, find_copies
from model_training.heldback import (
    CUT_OFF,
    digest_of,
    held_back_by_all,
    held_back_part,
    read_parts,
)
from storage.errors import InputError
from tests.model_training.fake_faces import as_rows, draw_faces, shuffled, write_kaggle, write_npz


def metadata_of(
    part: FaceSet,
    *,
    source: str = "a" + CUT_OFF,
    seed: int = 3,
    fraction: float = 0.2,
    digest: bool = True,
) -> dict[str, str]:
    """Return what a model states; without digest as those did that were made before there was one."""
    described = {"source": source, "classes": part.class_counts()}
    if digest:
        described["digest"] = digest_of(part)
    return {
        "seed": str(seed),
        "settings": json.dumps({"schedule": {"validation_fraction": fraction}}),
        "data": json.dumps({"validation": described}),
    }


def test_the_cut_is_made_again_by_the_runs_seed(tmp_path):
    faces = draw_faces([0, 1, 2] * 20)
    _, part = cut_validation(faces, fraction=0.2, seed=3)
    data = write_npz(faces, tmp_path / "train")

    again = held_back_part(data, metadata_of(part))

    assert as_rows(again) == as_rows(part)


def test_a_validation_file_of_its_own_is_taken_whole(tmp_path):
    faces = draw_faces([0, 1, 2] * 4)
    data = write_npz(faces, tmp_path / "validation")

    again = held_back_part(data, metadata_of(faces, source="validation.npz"))

    assert np.array_equal(again.images, faces.images)


def test_the_same_faces_in_another_order_are_refused_for_they_are_cut_elsewhere(tmp_path):
    """Symptom: as many of each expression were cut off, most of which the run had learned from."""
    faces = draw_faces([0, 1, 2] * 20)
    _, part = cut_validation(faces, fraction=0.2, seed=3)
    data = write_npz(shuffled(faces), tmp_path / "shuffled")

    with pytest.raises(InputError, match=r"shuffled\.npz: .* other faces than it held back"):
        held_back_part(data, metadata_of(part))


def test_a_model_of_before_digests_is_taken_by_its_counts(tmp_path):
    faces = draw_faces([0, 1, 2] * 20)
    _, part = cut_validation(faces, fraction=0.2, seed=3)
    data = write_npz(shuffled(faces), tmp_path / "shuffled")

    again = held_back_part(data, metadata_of(part, digest=False))

    assert again.class_counts() == part.class_counts()


def test_a_validation_file_of_its_own_may_be_in_any_order(tmp_path):
    faces = draw_faces([0, 1, 2] * 4)
    data = write_npz(shuffled(faces), tmp_path / "shuffled")

    again = held_back_part(data, metadata_of(faces, source="validation.npz"))

    assert not np.array_equal(again.images, faces.images)
    assert as_rows(again) == as_rows(faces)


def test_a_digest_tells_one_pixel_and_how_often_a_face_is_there():
    faces = draw_faces([0, 1, 2])
    other = draw_faces([0, 1, 2])
    other.images[1, 40, 7] += 1
    twice, three_times = faces.take(np.array([0, 1, 1])), faces.take(np.array([0, 1, 1, 1]))

    digests = {digest_of(one) for one in (faces, other, twice, three_times)}

    assert len(digests) == 4
    assert digest_of(shuffled(faces)) == digest_of(faces)
    assert all(len(digest) == 64 for digest in digests)


def test_other_data_is_refused(tmp_path):
    _, part = cut_validation(draw_faces([0, 1, 2] * 20), fraction=0.2, seed=3)
    data = write_npz(draw_faces([0, 1] * 20), tmp_path / "other")

    for source in ("a.npz" + CUT_OFF, "a.npz"):
        with pytest.raises(InputError, match=r"other\.npz: expected the data of the run"):
            held_back_part(data, metadata_of(part, source=source))


def test_data_that_names_splits_and_has_no_validation_part_is_cut_again(tmp_path):
    """Symptom: the layout most people have, train and test, could be trained on and not calibrated."""
    faces = draw_faces([0, 1, 2] * 20)
    folder = write_kaggle(faces, tmp_path / "fer")
    shutil.rmtree(folder / "validation")
    (folder / "test").mkdir()
    training, part = read_parts(folder, None, fraction=0.2, seed=3)

    again = held_back_part(folder, metadata_of(part))

    assert len(training) and as_rows(again) == as_rows(part)


def test_validation_faces_that_are_learned_from_are_counted(tmp_path, capsys):
    training = write_npz(draw_faces([0, 1, 2]), tmp_path / "train")
    mixed = write_npz(draw_faces([0, 1, 2, 3]), tmp_path / "mixed")
    copies = int(find_copies(read_faces(mixed), read_faces(training)).sum())

    read_parts(training, mixed, fraction=0.1, seed=1)

    assert 0 < copies < 4
    assert f"{copies} of the 4 validation faces are exact copies" in capsys.readouterr().out


def test_a_validation_file_of_nothing_but_training_faces_is_refused(tmp_path):
    data = write_npz(draw_faces([0, 1, 2]), tmp_path / "train")

    with pytest.raises(InputError, match="expected other images than --data has, it has all 3"):
        read_parts(data, data, fraction=0.1, seed=1)


def test_several_runs_held_back_what_the_one_with_the_fewest_did(tmp_path):
    faces = draw_faces([0, 1, 2] * 20)
    data = write_npz(faces, tmp_path / "train")
    _, more = cut_validation(faces, fraction=0.2, seed=3)
    _, fewer = cut_validation(faces, fraction=0.1, seed=3)
    runs = {Path("more"): metadata_of(more), Path("fewer"): metadata_of(fewer, fraction=0.1)}

    assert as_rows(held_back_by_all(runs, data, option="--match")) == as_rows(fewer)


def test_runs_that_held_other_faces_back_are_refused(tmp_path):
    faces = draw_faces([0, 1, 2] * 20)
    data = write_npz(faces, tmp_path / "train")
    runs = {
        Path(f"seed{seed}"): metadata_of(
            cut_validation(faces, fraction=0.2, seed=seed)[1], seed=seed
        )
        for seed in (3, 4)
    }

    with pytest.raises(InputError, match="--votes seed4: expected runs that held the same faces"):
        held_back_by_all(runs, data, option="--votes")


@pytest.mark.parametrize("key", ["seed", "settings", "data"])
def test_metadata_that_does_not_say_it_is_refused(key: str, tmp_path):
    faces = draw_faces([0, 1, 2])
    data = write_npz(faces, tmp_path / "train")
    metadata = metadata_of(faces)
    del metadata[key]

    with pytest.raises(InputError, match="whose metadata says which faces its run held back"):
        held_back_part(data, metadata)
