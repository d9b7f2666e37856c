"""The settings of an installation, read from AFFECTLINE_* environment variables at entry points
only.
"""

import os
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage.errors import ConfigurationError, DetectorUnavailable
from storage.expectations import expected, shown
from storage.records import Detector, JobOptions

GIB = 1024**3
WEEK_S = 7 * 24 * 3600.0
"""No wait is longer: the timeouts of sockets end at 24 days."""
BROKER_SCHEMES = ("redis", "rediss", "redis+socket")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(BaseSettings):
    """One installation. Values are passed on explicitly: nothing else in the code reads the
    environment.
    """

    model_config = SettingsConfigDict(
        env_prefix="AFFECTLINE_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    data: Path = Path("var")
    """Folder of the embedded database, broker state and uploads."""
    database_url: str = ""
    """sqlite:///FILE or postgresql+psycopg://…; empty: a SQLite file in `data`."""
    broker_url: str = ""
    """redis://… or redis+socket://…; empty: `affectline up` starts a broker of its own."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    api_key: str = ""
    """The key every /v1 call must carry; needed for any bind address but loopback."""
    max_upload_bytes: int = Field(default=2 * GIB, gt=0)
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Worker processes (or threads of `annotate`), each with one analyser: one per core."""
    segment_target_s: float = Field(default=10.0, gt=0, le=WEEK_S)
    """About how much video one piece of work covers."""
    lease_s: float = Field(default=10.0, gt=1, le=WEEK_S)
    """A worker silent for this long has lost its piece of work to others."""
    analyser_patience_s: float = Field(default=60.0, gt=0, le=WEEK_S)
    """An analyser that reports no progress for this long is killed."""
    analyser_limit_s: float = Field(default=3600.0, gt=0, le=WEEK_S)
    """An analyser that needs longer than this for 10,000 frames is killed."""
    analyser_memory_bytes: int = Field(default=2 * GIB, gt=0, le=1024 * GIB)
    """An analyser resident in more memory than this is killed."""
    live_sessions: int = Field(default=2, ge=0)
    """Live views at a time, each with an analyser of its own; 0: none."""
    model: Path = Path(__file__).parent.parent / "worker" / "models" / "expression.onnx"
    """The classifier's ONNX file."""
    yunet: Path | None = None
    """The YuNet detector's ONNX file; None: that detector can't be chosen."""
    sample_clip: Path | None = None
    """A video the page offers to try; None: the one of the installed sample package, if any."""

    @field_validator("api_key")
    @classmethod
    def _strip_key(cls, key: str) -> str:
        """A mounted secret may end in a newline, and the key in a header never does."""
        if key and len(key.split()) != 1:
            raise ValueError("one word without spaces")
        return key.strip()

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read and check the environment; overrides win. Raises ConfigurationError naming each
        wrong variable.
        """
        try:
            return cls(**overrides)  # type: ignore[arg-type]  # pydantic checks them
        except ValidationError as error:
            wrong = "; ".join(
                f"AFFECTLINE_{'_'.join(map(str, item['loc'])).upper()}: expected {expected(item)}"
                f" (got {'a secret' if item['loc'] == ('api_key',) else shown(item['input'])})"
                for item in error.errors()
            )
            raise ConfigurationError(f"wrong settings: {wrong}") from error

    @property
    def resolved_database_url(self) -> str:
        file = self.data.resolve() / "affectline.sqlite"
        return self.database_url or f"sqlite:///{quote(str(file))}"

    @property
    def blob_folder(self) -> Path:
        return self.data.resolve() / "blobs"

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """Those that can be chosen here."""
        return tuple(name for name in Detector if name is not Detector.YUNET or self.yunet)

    def parse_options(self, given: dict[str, Any]) -> JobOptions:
        """Read the options of a new job. Raises UnknownOption, InvalidOption, or
        DetectorUnavailable for what this installation can't do.
        """
        options = JobOptions.parse(given)
        if options.detector not in self.detectors:
            raise DetectorUnavailable(
                f"option detector is '{options.detector}', whose model file this installation lacks:"
                f" set AFFECTLINE_YUNET to its path, or choose one of: {', '.join(self.detectors)}"
            )
        return options

    def check_exposure(self) -> None:
        """Refuse to listen beyond this machine without an API key. Raises ConfigurationError."""
        if self.host not in LOOPBACK_HOSTS and not self.api_key:
            raise ConfigurationError(
                f"host is {self.host!r}, which other machines can reach: set AFFECTLINE_API_KEY"
                " first, or bind to 127.0.0.1"
            )

    def check_broker(self) -> None:
        """Refuse a broker URL that can't be used, or none. Raises ConfigurationError."""
        if not self.broker_url:
            raise ConfigurationError(
                "no broker: set AFFECTLINE_BROKER_URL (redis://HOST:PORT/0),"
                " or use 'affectline up', which brings its own"
            )
        try:
            parsed = urlsplit(self.broker_url)
            _ = parsed.port
        except ValueError as error:
            # Not in its own words: they may quote the password, whose signs are what is most often wrong.
            raise ConfigurationError(
                "AFFECTLINE_BROKER_URL can't be read: host or port is wrong, or the password has signs that"
                " must be written otherwise, such as %2F for /"
            ) from error
        if parsed.scheme not in BROKER_SCHEMES:
            raise ConfigurationError(
                f"AFFECTLINE_BROKER_URL begins with {parsed.scheme!r};"
                " expected redis://HOST:PORT/0, rediss://… or redis+socket://FILE"
            )
