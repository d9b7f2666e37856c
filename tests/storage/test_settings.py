"""Settings: every one is read from its variable, wrong ones are named, exposure needs a key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from storage.database import Database, migrate
from storage.errors import ConfigurationError, DetectorUnavailable
from storage.records import Detector
from storage.settings import Settings

VALUES: dict[str, tuple[str, object]] = {
    "data": ("/srv/affectline", Path("/srv/affectline")),
    "database_url": ("sqlite:////srv/a.sqlite", "sqlite:////srv/a.sqlite"),
    "broker_url": ("redis://localhost:6379/3", "redis://localhost:6379/3"),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("8123", 8123),
    "api_key": ("secret", "secret"),
    "max_upload_bytes": ("1000", 1000),
    "workers": ("7", 7),
    "segment_target_s": ("1.5", 1.5),
    "lease_s": ("2.5", 2.5),
    "analyser_patience_s": ("3", 3.0),
    "analyser_limit_s": ("4", 4.0),
    "analyser_memory_bytes": ("5000", 5000),
    "live_sessions": ("6", 6),
    "model": ("/srv/other.onnx", Path("/srv/other.onnx")),
    "yunet": ("/srv/yunet.onnx", Path("/srv/yunet.onnx")),
    "sample_clip": ("/srv/clip.mp4", Path("/srv/clip.mp4")),
}
WRONG = {
    "port": "65536",
    "max_upload_bytes": "0",
    "workers": "0",
    "segment_target_s": "0",
    "lease_s": "1",
    "analyser_patience_s": "soon",
    "analyser_limit_s": "-1",
    "analyser_memory_bytes": "2 GiB",
    "live_sessions": "-1",
}


def test_every_setting_is_tested_here() -> None:
    assert set(VALUES) == set(Settings.model_fields)


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_is_read_from_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = VALUES[name]
    default = getattr(Settings.load(), name)
    monkeypatch.setenv(f"AFFECTLINE_{name.upper()}", text)

    found = getattr(Settings.load(), name)

    assert found == value
    assert found != default


@pytest.mark.parametrize("name", VALUES)
def test_an_override_wins_over_the_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AFFECTLINE_{name.upper()}", "9999")

    assert getattr(Settings.load(**{name: VALUES[name][1]}), name) == VALUES[name][1]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_named_with_its_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"AFFECTLINE_{name.upper()}"
    monkeypatch.setenv(variable, WRONG[name])

    with pytest.raises(ConfigurationError) as caught:
        Settings.load()

    assert variable in caught.value.message
    assert WRONG[name] in caught.value.message


SECONDS = ("segment_target_s", "lease_s", "analyser_patience_s", "analyser_limit_s")
ENDLESS = [(name, text) for name in SECONDS for text in ("inf", "nan", "1e12")]


@pytest.mark.parametrize(("name", "text"), [*ENDLESS, ("analyser_memory_bytes", f"{9 * 10**18}")])
def test_no_limit_is_without_end(name: str, text: str) -> None:
    """Symptom: numbers too large for the system's own calls failed at work, as the file's fault."""
    with pytest.raises(ConfigurationError, match=f"AFFECTLINE_{name.upper()}"):
        Settings.load(**{name: text})


@pytest.mark.parametrize("mounted", ["secret\n", "secret\r\n", " secret "])
def test_a_key_out_of_a_file_is_the_key_in_a_header(mounted: str) -> None:
    assert Settings.load(api_key=mounted).api_key == "secret"


@pytest.mark.parametrize("key", ["two secrets", "two\nsecrets", " ", "\n"])
def test_a_key_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="AFFECTLINE_API_KEY") as caught:
        Settings.load(api_key=key)

    assert "secrets" not in caught.value.message


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in WRONG.items():
        monkeypatch.setenv(f"AFFECTLINE_{name.upper()}", text)

    with pytest.raises(ConfigurationError) as caught:
        Settings.load()

    assert all(f"AFFECTLINE_{name.upper()}" in caught.value.message for name in WRONG)


def test_a_wrong_value_is_told_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Symptom: Input should be a valid integer, unable to parse string as an integer."""
    monkeypatch.setenv("AFFECTLINE_WORKERS", "none")

    with pytest.raises(ConfigurationError) as caught:
        Settings.load()

    assert caught.value.message == (
        "wrong settings: AFFECTLINE_WORKERS: expected a whole number (got 'none')"
    )


def test_settings_survive_the_environment() -> None:
    settings = Settings.load(**{name: value for name, (_, value) in VALUES.items()})

    with pytest.MonkeyPatch.context() as environment:
        for name, value in settings.model_dump(mode="json").items():
            environment.setenv(f"AFFECTLINE_{name.upper()}", str(value))
        again = Settings.load()

    assert again == settings


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError):
        Settings.load().port = 1


def test_data_and_database_lie_together_by_default(tmp_path: Path) -> None:
    settings = Settings.load(data=tmp_path)

    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/affectline.sqlite"
    assert settings.blob_folder == tmp_path / "blobs"


def test_a_database_url_is_taken_as_it_is() -> None:
    url = "postgresql+psycopg://db/affectline"

    assert Settings.load(database_url=url).resolved_database_url == url


@pytest.mark.parametrize("name", ["50%", "%41 and a space", "why?"])
def test_the_database_lies_in_the_data_folder_whatever_its_name(tmp_path: Path, name: str) -> None:
    settings = Settings.load(data=tmp_path / name)

    database = Database(settings.resolved_database_url)
    migrate(database)
    database.close()

    assert (tmp_path / name / "affectline.sqlite").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    Settings.load(host=host).check_exposure()


@given(st.ip_addresses().map(str).filter(lambda host: host not in ("127.0.0.1", "::1")))
def test_any_other_address_needs_a_key(host: str) -> None:
    with pytest.raises(ConfigurationError, match="AFFECTLINE_API_KEY"):
        Settings.load(host=host).check_exposure()

    Settings.load(host=host, api_key="secret").check_exposure()


@pytest.mark.parametrize("host", ["", "example.org", "0.0.0.0", "::"])
def test_names_and_wildcards_need_a_key(host: str) -> None:
    with pytest.raises(ConfigurationError, match="AFFECTLINE_API_KEY"):
        Settings.load(host=host).check_exposure()


@pytest.mark.parametrize(
    "url",
    [
        "redis://broker:6379/0",
        "rediss://user:p%2Fss@broker/3",
        "redis+socket:///run/broker.sock",
        "redis+socket:///run/broker.sock?virtual_host=5",
    ],
)
def test_a_broker_that_speaks_redis_can_be_used(url: str) -> None:
    Settings.load(broker_url=url).check_broker()


@pytest.mark.parametrize(
    "url",
    ["", "amqp://broker", "broker:6379", "foo://x", "redis://broker:port/0", "redis://:p/ss@b:1/0"],
    ids=["none", "another broker", "no scheme", "nonsense", "no port", "unquoted password"],
)
def test_any_other_broker_is_refused_without_a_word_of_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="AFFECTLINE_BROKER_URL") as caught:
        Settings.load(broker_url=url).check_broker()

    assert "ss@b" not in caught.value.message and "'p'" not in caught.value.message


def test_the_detector_that_needs_a_file_can_be_chosen_where_there_is_one() -> None:
    settings = Settings.load(yunet=Path("yunet.onnx"))

    assert settings.parse_options({"detector": "yunet"}).detector is Detector.YUNET
    assert settings.detectors == (Detector.MTCNN, Detector.HAAR, Detector.YUNET)


def test_without_its_file_a_detector_is_refused_with_what_to_do() -> None:
    settings = Settings.load()

    with pytest.raises(DetectorUnavailable, match="AFFECTLINE_YUNET") as caught:
        settings.parse_options({"detector": "yunet"})

    assert "mtcnn, haar" in caught.value.message
    assert settings.detectors == (Detector.MTCNN, Detector.HAAR)


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files pass variables on that may be empty."""
    default = Settings.load()
    for name in VALUES:
        monkeypatch.setenv(f"AFFECTLINE_{name.upper()}", "")

    assert Settings.load() == default
