"""The `run` script: what it installs when, and how it starts a command. Nothing is downloaded here."""

import fcntl
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.deployment.deployed import ROOT

LOCKS = ("bootstrap", "media", "sample", "serve", "test")


@pytest.fixture
def run() -> ModuleType:
    """The script as a module."""
    loader = importlib.machinery.SourceFileLoader("run_script", str(ROOT / "run"))
    spec = importlib.util.spec_from_loader("run_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with empty locks whose command prints what it was started with."""
    folder = tmp_path / "a checkout"
    (folder / "requirements").mkdir(parents=True)
    for name in LOCKS:
        (folder / "requirements" / f"{name}.lock").touch()
    (folder / "run").write_bytes((ROOT / "run").read_bytes())
    (folder / "api").mkdir()
    (folder / "api" / "__init__.py").touch()
    (folder / "storage").mkdir()
    (folder / "storage" / "__init__.py").write_text("owner = 'ours'\n")
    (folder / "api" / "cli.py").write_text(
        "import json, os, sys, storage\n"
        "print(json.dumps([sys.argv[1:], os.getcwd(), storage.owner, os.environ.get("
        "'AFFECTLINE_DATA')]))\n"
    )
    return folder


def start(
    checkout: Path, *arguments: str, cwd: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(checkout / "run"), *arguments],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )


def pretend_installed(run: ModuleType, checkout: Path, *names: str) -> None:
    """An environment of this interpreter with the stamp of a finished installation."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    digests = {name: run.Environment(checkout)._digest(name) for name in names}
    (checkout / ".venv" / "affectline.json").write_text(json.dumps(digests))


def test_a_command_keeps_the_callers_folder_and_arguments(
    run: ModuleType, checkout: Path, tmp_path: Path
) -> None:
    pretend_installed(run, checkout, "serve")

    done = start(checkout, "annotate", "a b.mp4", "--help", cwd=tmp_path)

    arguments, folder, _, _ = json.loads(done.stdout)
    assert arguments == ["annotate", "a b.mp4", "--help"]
    assert folder == str(tmp_path)


def test_help_names_what_only_the_script_does_and_installs_nothing(
    run: ModuleType, checkout: Path, tmp_path: Path
) -> None:
    done = start(checkout, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "./run test" in done.stdout and "./run bench" in done.stdout
    assert not (checkout / ".venv").exists()

    pretend_installed(run, checkout, "serve")
    done = start(checkout, "-h", cwd=tmp_path)

    text, commands = done.stdout.rsplit("\n", 2)[:2]
    assert "./run bench" in text
    assert json.loads(commands)[0] == ["--help"]


def test_without_arguments_the_whole_system_is_started(
    run: ModuleType, checkout: Path, tmp_path: Path
) -> None:
    pretend_installed(run, checkout, "serve")

    done = start(checkout, cwd=tmp_path)

    assert json.loads(done.stdout)[0] == ["up"]


def test_a_folder_of_the_caller_does_not_stand_in_for_our_package(
    run: ModuleType, checkout: Path, tmp_path: Path
) -> None:
    pretend_installed(run, checkout, "serve")
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "__init__.py").write_text("owner = 'the caller'\n")

    done = start(checkout, "config", cwd=tmp_path, PYTHONPATH=str(tmp_path))

    assert json.loads(done.stdout)[2] == "ours"


@pytest.mark.parametrize("given", [None, "elsewhere"])
def test_data_lies_beside_the_script_unless_set(
    run: ModuleType, checkout: Path, tmp_path: Path, given: str | None
) -> None:
    pretend_installed(run, checkout, "serve")

    done = start(checkout, cwd=tmp_path, **({"AFFECTLINE_DATA": given} if given else {}))

    assert json.loads(done.stdout)[3] == (given or str(checkout / "var"))


def test_a_changed_lock_is_noticed(run: ModuleType, checkout: Path) -> None:
    pretend_installed(run, checkout, "serve")
    environment = run.Environment(checkout)
    before = environment.has("serve")

    (checkout / "requirements" / "serve.lock").write_text("something==1\n")

    assert (before, environment.has("serve")) == (True, False)


def test_an_environment_that_lost_its_interpreter_is_not_taken_for_whole(
    run: ModuleType, checkout: Path
) -> None:
    pretend_installed(run, checkout, "serve")

    (checkout / ".venv" / "bin" / "python").unlink()

    assert not run.Environment(checkout).has("serve")


def test_what_tests_need_includes_what_serving_needs(run: ModuleType) -> None:
    packages = {
        name: {
            line.split("==")[0] + "==" + line.split("==")[1].split()[0]
            for line in (ROOT / "requirements" / f"{name}.lock").read_text().splitlines()
            if "==" in line and not line.startswith(" ")
        }
        for name in ("serve", "test")
    }

    assert packages["serve"] <= packages["test"]
    assert run.IMPLIED["test"] == ("test", "serve")


class RecordingEnvironment:
    """Stands in for Environment: notes what is installed."""

    def __init__(self) -> None:
        self.installed: list[str] = []

    def has(self, name: str) -> bool:
        return name in self.installed

    def install(self, name: str) -> None:
        self.installed.append(name)


def test_a_second_start_installs_nothing(run: ModuleType) -> None:
    environment = RecordingEnvironment()

    run.ensure(environment, "serve")
    run.ensure(environment, "serve")

    assert environment.installed == ["serve"]


def test_two_starts_at_once_wait_for_each_other(
    run: ModuleType, checkout: Path, tmp_path: Path
) -> None:
    with (checkout / "run").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [sys.executable, str(checkout / "run"), "config"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        waiting = second.stderr.readline()
        pretend_installed(run, checkout, "serve")
    output, _ = second.communicate(timeout=60)

    assert waiting == "run: another ./run is installing: waiting for it\n"
    assert json.loads(output)[0] == ["config"]


def test_a_half_made_environment_is_made_anew(run: ModuleType, checkout: Path) -> None:
    pretend_installed(run, checkout)
    folder = checkout / ".venv"
    (folder / "affectline-unfinished").touch()
    (folder / "left-over").touch()
    environment = run.Environment(checkout)
    environment._bootstrap = lambda: None
    environment._install_lock = lambda lock, options: None

    environment.install("serve")

    assert environment.has("serve")
    assert not (folder / "left-over").exists()
    assert not (folder / "affectline-unfinished").exists()


def test_an_interrupted_installation_is_not_taken_for_finished(
    run: ModuleType, checkout: Path
) -> None:
    pretend_installed(run, checkout, "serve")
    environment = run.Environment(checkout)
    environment._bootstrap = lambda: None

    def interrupt(lock: str, options: list[str]) -> None:
        raise KeyboardInterrupt

    environment._install_lock = interrupt
    with pytest.raises(KeyboardInterrupt):
        environment.install("test")

    assert not environment.has("serve")
    assert (checkout / ".venv" / "affectline-unfinished").exists()


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_what_to_install(
    checkout: Path, tmp_path: Path, missing: str
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / f"{missing}.py").write_text(f"raise ImportError('no', name='{missing}')\n")

    done = start(checkout, "config", cwd=tmp_path, PYTHONPATH=str(broken))

    assert done.returncode == 1
    assert f"no '{missing}' module" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


def test_an_old_python_is_told_so(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "OLDEST_PYTHON", (99, 0))
    monkeypatch.setenv("PATH", "")

    assert run.main(["config"]) == 1
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


class FakeChecks:
    """Stands in for subprocess.call: the named checks fail."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.calls: list[str] = []

    def call(self, command: list[str], **_: object) -> int:
        words = " ".join(command[1:])
        self.calls.append(words)
        return int(any(word in words for word in self.failing))


def run_tests(run: ModuleType, fake: FakeChecks, *arguments: str) -> int:
    run.subprocess = fake
    return int(run.run_tests(run.Environment(ROOT), list(arguments)))


def test_the_suite_ends_with_pytest(run: ModuleType) -> None:
    fake = FakeChecks()

    status = run_tests(run, fake)

    assert status == 0
    assert [call.split()[1] for call in fake.calls if call.startswith("-m")] == [
        "ruff",
        "ruff",
        "mypy",
        "pytest",
    ]


@pytest.mark.parametrize("failing", ["ruff check", "ruff format", "mypy", "lint_imports", "pytest"])
def test_one_failed_check_fails_the_suite_but_all_are_run(run: ModuleType, failing: str) -> None:
    fake = FakeChecks(failing)

    status = run_tests(run, fake)

    assert status == 1
    assert len(fake.calls) == 5


def test_arguments_go_to_pytest_alone(run: ModuleType) -> None:
    fake = FakeChecks()

    run_tests(run, fake, "-k", "timeline")

    assert fake.calls == ["-m pytest -k timeline"]


def test_ci_runs_the_same_suite_last() -> None:
    lines = (ROOT / ".ci" / "run").read_text().rstrip().splitlines()

    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[-1] == "exec ./run test"
    assert os.access(ROOT / ".ci" / "run", os.X_OK) and os.access(ROOT / "run", os.X_OK)
