"""What may stand in committed files: no address of a registry, no path of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = {".cff", ".css", ".html", ".ini", ".js", ".lock", ".mako", ".md", ".py", ".toml", ".yml", ""}
# Put together here, so that this file itself passes.
REGISTRIES = re.compile(
    "|".join((r"py" + r"pi\.", r"python" + r"hosted\.", r"npm" + r"js\.", r"index" + r"-url"))
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(home|root|work|Users)/\w")


def committed_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.splitlines()]
    return [file for file in files if file.suffix in TEXT and file.is_file()]


def offenders(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{number}"
        for file in committed_files()
        if file != Path(__file__)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_committed_file_names_a_registry() -> None:
    assert offenders(REGISTRIES) == []


def test_no_committed_file_names_a_path_of_one_machine() -> None:
    assert offenders(MACHINE_PATHS) == []


def test_no_lock_holds_an_address() -> None:
    locks = (ROOT / "requirements").glob("*.lock")

    assert [lock.name for lock in locks if "://" in lock.read_text()] == []


def test_every_locked_package_has_a_hash() -> None:
    without = [
        f"{lock.name}: {block.split()[0]}"
        for lock in (ROOT / "requirements").glob("*.lock")
        for block in re.split(r"\n(?=\w)", lock.read_text().strip())
        if "--hash=sha256:" not in block
    ]

    assert without == []
