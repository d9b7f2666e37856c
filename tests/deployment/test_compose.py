"""docker-compose.yml: valid, and of commands, settings and parts that exist."""

import subprocess
import sys
from typing import Any

import pytest
from ruamel.yaml import YAML  # what check-jsonschema reads YAML with

from storage.settings import Settings
from tests.deployment.deployed import ROOT, is_command, read, setting_names

OURS = ("migrate", "api", "worker", "sweeper")


def services() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(read("docker-compose.yml"))["services"]
    return found


def test_compose_file_follows_the_compose_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    checked = subprocess.run(
        [*check, str(ROOT / "docker-compose.yml")], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_exists(name: str) -> None:
    assert is_command(services()[name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_a_service_sets_only_settings_that_exist(name: str) -> None:
    assert set(services()[name]["environment"]) <= setting_names()


@pytest.mark.parametrize("name", OURS)
def test_a_setting_that_is_a_number_is_passed_on_where_it_is_set(name: str) -> None:
    """Symptom: an exported AFFECTLINE_WORKERS had no effect."""
    fields = Settings.model_fields
    numbers = {n for n in fields if fields[n].annotation in (int, float) and n != "port"}

    environment = services()[name]["environment"]

    assert {f"AFFECTLINE_{n.upper()}" for n in numbers} == {
        setting for setting, value in environment.items() if value is None
    }


@pytest.mark.parametrize("name", OURS)
def test_a_service_shares_the_folder_of_recordings(name: str) -> None:
    service = services()[name]

    assert f"media:{service['environment']['AFFECTLINE_DATA']}" in service["volumes"]


@pytest.mark.parametrize("name", ["api", "worker", "sweeper"])
def test_a_service_waits_for_the_migration_and_the_broker(name: str) -> None:
    assert services()[name]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "redis": {"condition": "service_healthy"},
    }


@pytest.mark.parametrize("name", ["postgres", "redis", "api"])
def test_a_service_others_wait_for_or_reach_is_checked(name: str) -> None:
    assert services()[name]["healthcheck"]["test"][0] == "CMD"


def test_no_secret_has_a_default() -> None:
    secrets = [
        services()["api"]["environment"]["AFFECTLINE_API_KEY"],
        services()["postgres"]["environment"]["POSTGRES_PASSWORD"],
    ]

    assert [":?" in secret for secret in secrets] == [True, True]
