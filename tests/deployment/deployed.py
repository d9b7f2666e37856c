"""What the deployment's documents may speak of: commands, settings, columns; and the documents themselves."""

import re
from pathlib import Path

import typer.main

from api.cli import app
from storage.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("Dockerfile", "README.md", "docker-compose.yml")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def setting_names() -> set[str]:
    return {f"AFFECTLINE_{name.upper()}" for name in Settings.model_fields}


def commands() -> set[tuple[str, ...]]:
    """All commands of the command line, those of groups as ("db", "upgrade")."""
    root = typer.main.get_command(app)
    found: set[tuple[str, ...]] = set()
    for name, command in root.commands.items():
        below = getattr(command, "commands", {})
        found |= {(name, each) for each in below} or {(name,)}
    return found


def is_command(words: list[str]) -> bool:
    return any(tuple(words[: len(command)]) == command for command in commands())


def mentioned_settings(text: str) -> set[str]:
    return set(re.findall(r"AFFECTLINE_[A-Z_]*[A-Z]", text))


def mentioned_calls(text: str) -> list[list[str]]:
    """The words after `affectline` or `./run` in code spans and code blocks."""
    code = re.findall(r"```sh\n(.*?)```|(?<!`)`([^`]+)`", text, re.DOTALL)
    lines = [line for block, span in code for line in (block or span).splitlines()]
    calls = [re.search(r"(?:^|&& |\d )(?:\./run|affectline) ([a-z][^#]*)", line) for line in lines]
    return [call[1].split() for call in calls if call]
