"""The notebook runs from first cell to last, and is kept without what running it leaves behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "model_training" / "train.ipynb"
CELLS = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]


def test_it_is_a_notebook_of_format_4():
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))

    assert notebook.keys() == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["language"] == "python"
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)


@pytest.mark.parametrize("cell", CELLS, ids=[cell["id"] for cell in CELLS])
def test_a_cell_has_what_the_format_asks_for_and_no_output(cell: dict):
    required = {"id", "cell_type", "metadata", "source"}

    if cell["cell_type"] == "code":
        assert cell.keys() == required | {"execution_count", "outputs"}
        assert (cell["execution_count"], cell["outputs"], cell["metadata"]) == (None, [], {})
    else:
        assert cell["cell_type"] == "markdown"
        assert cell.keys() == required
    assert all(isinstance(line, str) for line in cell["source"])


def test_it_runs_from_first_cell_to_last_on_drawn_faces(tmp_path: Path):
    settings = {"NOTEBOOK_OUT": str(tmp_path), "NOTEBOOK_DRAWN": "10", "NOTEBOOK_EPOCHS": "1"}
    command = [sys.executable, "-m", "tests.model_training.notebook", str(NOTEBOOK)]

    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    ran = json.loads(done.stdout.splitlines()[-1])
    assert ran["cells"] == sum(cell["cell_type"] == "code" for cell in CELLS)
    assert ran["pictures"] == [
        "counts.png", "faces.png", "augmented.png", "curves.png", "confusion.png", "reliability.png",
    ]  # fmt: skip
    assert "210 faces: " in done.stdout
