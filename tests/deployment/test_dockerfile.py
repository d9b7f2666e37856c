"""The Dockerfile, read line by line: there is no container engine where the tests run."""

import re

import pytest

from tests.deployment.deployed import ROOT, is_command, mentioned_settings, read, setting_names


def instructions(name: str) -> list[str]:
    """The arguments of all instructions `name`, continued lines joined."""
    joined = read("Dockerfile").replace("\\\n", " ")
    return re.findall(rf"^\s*{name}\s+(.*)$", joined, re.MULTILINE)


def test_everything_copied_from_the_checkout_is_there_and_not_ignored() -> None:
    sources = [
        source
        for copy in instructions("COPY")
        if not copy.startswith("--from")
        for source in copy.split()[:-1]
    ]
    let_in = {line.removeprefix("!") for line in read(".dockerignore").splitlines()}

    assert all((ROOT / source).exists() for source in sources)
    assert {source.split("/")[0] for source in sources} <= let_in


def test_packages_are_installed_by_hash() -> None:
    installs = re.findall(r"pip install[^&]*", " ".join(instructions("RUN")))

    assert len(installs) == 3
    assert all("--require-hashes" in install for install in installs)


def test_the_image_runs_as_a_user_without_rights() -> None:
    assert instructions("USER") == ["affectline"]


def test_the_image_runs_a_command_that_exists() -> None:
    assert instructions("ENTRYPOINT") == ['["python", "-m", "api.cli"]']
    assert is_command(re.findall(r'"(\w+)"', instructions("CMD")[-1]))


def test_the_image_reports_its_health() -> None:
    assert "/readyz" in instructions("HEALTHCHECK")[0]


@pytest.mark.parametrize("name", sorted(mentioned_settings(read("Dockerfile"))))
def test_a_setting_of_the_image_exists(name: str) -> None:
    assert name in setting_names()
