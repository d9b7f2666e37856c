"""FER-2013 in every form people have it, read into one value.

| form | what it looks like | names splits |
| --- | --- | --- |
| npz | keys `images` uint8 (n, 48, 48), `labels` int8 (n,) in our order; may have `duplicate_group` | no |
| csv | columns `emotion,pixels[,Usage]`, the file of the 2013 contest | if `Usage` is there |
| class folders | `FOLDER/<class>/*.png` or `.jpg` | no |
| Kaggle layout | `FOLDER/train/<class>/*.png`, `FOLDER/validation/<class>/*.png` | yes |

The csv counts surprise as 5 and neutral as 6, we do not: numbers are translated by name, in
readers.py and nowhere else; the accepted names of class and split folders stand there too.
Images whose label is below zero (exact copies that carry conflicting labels) are left out.
"""

from pathlib import Path

from model_training.faces import FaceSet
from model_training.readers import ALL_SPLITS, read_csv, read_folders, read_npz
from storage.errors import InputError


def read_faces(path: Path, *, split: str = ALL_SPLITS) -> FaceSet:
    """Read a data set of any form the module describes.

    split: training, validation, test or all. It is looked at only where the data names splits;
    elsewhere everything is read.
    Raises InputError for whatever is missing, malformed or empty.
    """
    if not path.exists():
        raise InputError(
            f"{path}: expected a .npz file, a .csv file or a folder, found nothing there"
        )
    if path.is_dir():
        faces = read_folders(path, split)
    elif path.suffix == ".npz":
        faces = read_npz(path)
    elif path.suffix == ".csv":
        faces = read_csv(path, split)
    else:
        raise InputError(
            f"{path}: expected a .npz file, a .csv file or a folder, got '{path.suffix}'"
        )
    if not len(faces):
        raise InputError(f"{path}: expected labelled images, found none (split: {split})")
    return faces
