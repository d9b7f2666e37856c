"""Run a notebook's code without Jupyter: python -m tests.model_training.notebook FILE.ipynb

Cells share one namespace, as in a kernel. What a cell shows (its last expression) is asked for its
picture, and one line of JSON on standard output tells how many cells ran and which pictures they showed.
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any


def code_cells(path: Path) -> list[str]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run_cell(source: str, namespace: dict[str, Any], *, name: str) -> Any:
    """Run a cell and return the value of its last line if that is an expression."""
    tree = ast.parse(source)
    shown = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)
    if shown is None:
        return None
    return eval(compile(ast.Expression(shown.value), name, "eval"), namespace)


def main(path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells, pictures = code_cells(path), []
    for number, source in enumerate(cells):
        shown = run_cell(source, namespace, name=f"cell {number}")
        if hasattr(shown, "_repr_png_"):
            assert shown._repr_png_().startswith(b"\x89PNG")
            pictures.append(shown.path.name)
    print(json.dumps({"cells": len(cells), "pictures": pictures}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
