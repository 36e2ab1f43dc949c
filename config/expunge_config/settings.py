"""Settings (pydantic-settings): store URLs, paths and secrets. The data map holds what is decided.

Read from the environment (`EXPUNGE_…`, nested with two underscores), a file (`expunge.env` in the working directory, or
the one named by `EXPUNGE_SETTINGS_FILE`; .env syntax) and a secrets directory (`EXPUNGE_SECRETS_DIR`: one file per
setting, as Docker and Kubernetes mount them). Built once in the CLI and passed down.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from expunge_config import settings_file
from expunge_config.api_settings import ApiSettings, Span
from expunge_config.errors import ConfigError
from expunge_config.search_settings import SearchSettings

DEFAULT_FILE = "expunge.env"
SETTINGS_FILE = "EXPUNGE_SETTINGS_FILE"
SECRETS_DIR = "EXPUNGE_SECRETS_DIR"
LARGEST_CHUNK = 10_000
_PREFIX = "EXPUNGE_"
_FOR_TESTS = ("EXPUNGE_TEST_", "EXPUNGE_CHAOS_", "EXPUNGE_LOAD_", "EXPUNGE_MODEL_", "EXPUNGE_FUZZ_")


class Settings(BaseSettings):
    """All settings.

    Attributes:
        data_map: The YAML data map.
        ledger_url: SQLAlchemy URL of the ledger; default: SQLite in `home`.
        home: Directory of ledger and log unless these are set one by one. Created 0700.
        keys_dir: The keys; default: beside `home`. The wrapping key must not lie in the ledger's backups.
        allow_keys_beside_ledger: The keys may lie in one tree with ledger or log: a copy of it opens what is sealed.
        log_dir: The transparency log's tiles and checkpoint.
        stores: Store or backup name -> connection settings, as its connector defines them.
        chunk_size: People per chunk, at the most.
        settling: Time between erasure and the settling check.
        plan_lifetime: Age at which a plan that nobody carried out is cancelled and its identifiers destroyed.
        inspection_holds: How long an inspection without errors is good for in the process that made it (ADR 7).
        stores_at_once: How many stores one step reads at the same time.
        retry_pause: First pause after a passing trouble of a store; it doubles with every attempt.
        max_attempts: Attempts of one step before its chunk ends as failed.
        search: The blind search at settling.
        actor: Who is at work, as the ledger names them; without it the login name.
        api: The HTTP API.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    home: Path = Path(".expunge")
    data_map: Path = Path("datamap.yaml")
    ledger_url: SecretStr | None = None
    keys_dir: Path | None = None
    allow_keys_beside_ledger: bool = False
    log_dir: Path | None = None
    stores: dict[str, dict[str, SecretStr]] = Field(default_factory=dict)
    chunk_size: int = Field(default=2000, ge=1, le=LARGEST_CHUNK)
    settling: Span = timedelta(hours=24)
    plan_lifetime: Span = timedelta(days=7)
    inspection_holds: Span = timedelta(minutes=1)
    stores_at_once: int = Field(default=4, ge=1, le=64)
    retry_pause: Span = timedelta(seconds=2)
    max_attempts: int = Field(default=6, ge=1, le=100)
    search: SearchSettings = Field(default_factory=SearchSettings)
    actor: str | None = Field(default=None, min_length=1, max_length=200)
    api: ApiSettings = Field(default_factory=ApiSettings)

    @property
    def ledger(self) -> str:
        """The ledger's URL."""
        if self.ledger_url is not None:
            return self.ledger_url.get_secret_value()
        return f"sqlite:///{self.home.absolute() / 'ledger.sqlite3'}"

    @property
    def keys(self) -> Path:
        """The keys directory."""
        home = self.home.absolute()
        return self.keys_dir or home.parent / f"{home.name}-keys"

    @property
    def log(self) -> Path:
        """The log directory."""
        return self.log_dir or self.home / "log"


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        ConfigError: A setting is unknown or of the wrong type; the message names settings, never values.
    """
    _refuse_unknown(os.environ)
    named = os.environ.get(SETTINGS_FILE)
    file = Path(DEFAULT_FILE if named is None else named)
    # A file or directory that somebody named must be there: without it every default would apply, in silence.
    if named is not None or file.exists():
        settings_file.refuse_unreadable(file)
    secrets = os.environ.get(SECRETS_DIR)
    if secrets is not None:
        settings_file.refuse_unreadable_directory(Path(secrets))
    try:
        return Settings(
            _env_file=file,  # pyright: ignore[reportCallIssue]
            _secrets_dir=secrets,  # pyright: ignore[reportCallIssue]
        )
    except ValidationError as error:
        complaints = "; ".join(
            f"EXPUNGE_{'__'.join(str(part) for part in one['loc']).upper()}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        )
        raise ConfigError(
            f"The settings cannot be used: {complaints}.", remedy="docs/settings.md lists the settings and their forms."
        ) from None


def _refuse_unknown(names: Iterable[str]) -> None:
    """A mistyped variable must not fall back to a default in silence."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields} | {SETTINGS_FILE, SECRETS_DIR}
    unknown = sorted(
        name
        for name in map(str.upper, names)
        if name.startswith(_PREFIX) and not name.startswith(_FOR_TESTS) and name.split("__", 1)[0] not in known
    )
    if unknown:
        raise ConfigError(f"Unknown settings: {', '.join(unknown)}.", remedy="docs/settings.md lists the settings.")
