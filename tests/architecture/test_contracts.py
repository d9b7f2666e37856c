"""The import contracts of pyproject.toml hold, and they speak of every module there is."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "migrations", "model_training", "storage", "worker")
MAY_TOUCH_PIXELS = {"worker.analyser.main", "worker.vision"}


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def modules_of(package: str) -> list[str]:
    files = (ROOT / package).rglob("*.py")
    return [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]


def test_import_contracts_hold() -> None:
    check = "from importlinter.cli import lint_imports_command as c; c()"

    checked = subprocess.run(
        [sys.executable, "-c", check, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout


def test_every_worker_module_is_allowed_or_forbidden_to_touch_pixels() -> None:
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    (pixels,) = (contract for contract in contracts if contract["id"] == "pixels")
    spoken_of = {*pixels["source_modules"], *MAY_TOUCH_PIXELS}

    missing = [
        module
        for module in modules_of("worker")
        if not module.endswith("__init__")
        and not any(module == known or module.startswith(f"{known}.") for known in spoken_of)
    ]

    assert missing == []


def test_every_package_is_in_the_distribution() -> None:
    packages = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for init in (ROOT / package).rglob("__init__.py")
    }

    assert set(pyproject()["tool"]["setuptools"]["packages"]) == packages


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_of_modules_lacks_its_init(package: str) -> None:
    scripts = ROOT / "migrations" / "versions"  # read by Alembic, imported by nobody
    folders = {file.parent for file in (ROOT / package).rglob("*.py")} - {scripts}

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("api.cli", {"cv2", "av", "numpy", "onnxruntime", "celery", "flask", "tensorflow"}),
        ("api.up", {"cv2", "av", "numpy", "onnxruntime", "celery", "flask", "tensorflow"}),
        ("api.app", {"cv2", "av", "numpy", "onnxruntime", "tensorflow"}),
        ("worker.analyser.main", {"sqlalchemy", "celery", "flask", "tensorflow"}),
    ],
)
def test_an_entry_point_loads_nothing_it_does_not_need(module: str, heavy: set[str]) -> None:
    program = f"import sys, {module}; print(*sorted(set(sys.modules) & {heavy!r}))"

    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert loaded.stdout.split() == []
