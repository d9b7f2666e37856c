"""The part a run held back is found again from the model's metadata and the data."""

import json

import numpy as np
import pytest

from model_training.faces import FaceSet, cut_validation
from model_training.heldback import held_back_part
from storage.errors import InputError
from tests.model_training.fake_faces import as_rows, draw_faces, write_npz


def metadata_of(part: FaceSet, *, seed: int = 3) -> dict[str, str]:
    return {
        "seed": str(seed),
        "settings": json.dumps({"schedule": {"validation_fraction": 0.2}}),
        "data": json.dumps({"validation": {"classes": part.class_counts()}}),
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

    again = held_back_part(data, metadata_of(faces))

    assert np.array_equal(again.images, faces.images)


def test_other_data_is_refused(tmp_path):
    _, part = cut_validation(draw_faces([0, 1, 2] * 20), fraction=0.2, seed=3)
    data = write_npz(draw_faces([0, 1] * 20), tmp_path / "other")

    with pytest.raises(InputError, match=r"other\.npz: expected the data of the run"):
        held_back_part(data, metadata_of(part))


@pytest.mark.parametrize("key", ["seed", "settings", "data"])
def test_metadata_that_does_not_say_it_is_refused(key: str, tmp_path):
    faces = draw_faces([0, 1, 2])
    data = write_npz(faces, tmp_path / "train")
    metadata = metadata_of(faces)
    del metadata[key]

    with pytest.raises(InputError, match="whose metadata says which faces its run held back"):
        held_back_part(data, metadata)
