"""README.md: what it says exists, and what exists is in it."""

import re

import pytest

from storage.exports import CSV_COLUMNS
from storage.version import VERSION
from tests.deployment.deployed import (
    ROOT,
    commands,
    is_command,
    mentioned_calls,
    mentioned_settings,
    read,
    setting_names,
)

README = read("README.md")
TABLED = re.compile(r"`([^`]+)`")


def tabled(heading: str) -> list[str]:
    """The names in the first column of the table under a header line, in order."""
    _, _, rest = README.partition(f"\n| {heading} |")
    rows = rest.split("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in TABLED.findall(row.split("|")[1])]


def test_every_setting_is_in_the_table_and_no_other() -> None:
    assert sorted(tabled("variable")) == sorted(setting_names())


def test_every_setting_it_speaks_of_exists() -> None:
    assert mentioned_settings(README) <= setting_names()


def test_every_csv_column_is_in_the_table_in_order() -> None:
    assert tuple(tabled("column")) == CSV_COLUMNS


def test_the_csv_it_shows_has_todays_columns() -> None:
    _, _, rest = README.partition("```csv\n")
    lines = rest.split("\n```")[0].splitlines()

    assert lines[0] == ",".join(CSV_COLUMNS)
    assert {line.count(",") for line in lines} == {len(CSV_COLUMNS) - 1}


@pytest.mark.parametrize("call", mentioned_calls(README), ids=" ".join)
def test_a_command_it_calls_exists(call: list[str]) -> None:
    assert call[0] in ("test", "bench") or is_command(call)  # those two are the run script's own


@pytest.mark.parametrize("command", sorted(commands() - {("version",)}), ids=" ".join)
def test_a_command_that_exists_is_spoken_of(command: tuple[str, ...]) -> None:
    words = " ".join(README.split())

    assert re.search(rf"(affectline|\./run) {' '.join(command)}\b|`{command[0]}`", words)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^):]+)\)", README))
def test_a_file_it_links_to_exists(target: str) -> None:
    assert (ROOT / target).exists()


def test_citation_names_todays_version() -> None:
    assert f"\nversion: {VERSION}\n" in read("CITATION.cff")
