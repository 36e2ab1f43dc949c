"""Keys that lie where ledger or log are copied from open what is sealed there; so do keys that others can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from expunge_config.settings import Settings
from expunge_connectors.contract import Severity
from expunge_orchestrator.errors import KeysError
from expunge_orchestrator.installation_check import installation_findings
from expunge_orchestrator.ledger.database import open_ledger
from expunge_orchestrator.workspace import load_keys
from expunge_reports import keys as key_files


def codes(**settings: Any) -> list[str]:
    found = installation_findings(Settings(**settings))
    assert all(one.severity is Severity.ERROR for one in found)
    return [one.code for one in found]


def test_the_default_is_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert codes() == []
    assert Settings().keys == tmp_path / ".expunge-keys"
    assert codes(home=Path("a/b")) == []


def test_the_root_as_home_is_told(tmp_path: Path) -> None:
    """All that there is lies below it, the keys as well."""
    assert codes(home=Path("/")) == ["keys-beside-ledger"]
    assert codes(home=Path("/"), keys_dir=tmp_path / "keys") == ["keys-beside-ledger"]


@pytest.mark.parametrize(
    "places",
    [
        {"keys_dir": "home"},
        {"keys_dir": "home/keys"},
        {"keys_dir": "home/a/b"},
        {"keys_dir": "keys", "ledger_url": "sqlite:///{at}/ledger.sqlite3"},
        {"keys_dir": "keys/x", "ledger_url": "sqlite:///{at}/keys/ledger.sqlite3"},
        {"keys_dir": "log/keys", "log_dir": "log"},
        {"keys_dir": "log", "log_dir": "log"},
        {"keys_dir": "home/log/keys", "ledger_url": "postgresql+psycopg://db/ledger"},
        {"keys_dir": "keys", "ledger_url": "sqlite+pysqlite:///{at}/ledger.sqlite3"},
        {"keys_dir": "keys", "ledger_url": "sqlite:///{at}/keys/data/ledger.sqlite3"},
        {"keys_dir": ".", "ledger_url": "sqlite:///{at}/data/ledger.sqlite3", "log_dir": "/elsewhere/log"},
        {"keys_dir": "keys", "ledger_url": "postgresql+psycopg://db/ledger", "log_dir": "keys/log"},
        {"keys_dir": "link/keys"},
        {"keys_dir": "other/../home/keys"},
    ],
)
def test_keys_in_one_tree_with_what_is_copied_are_an_error(tmp_path: Path, places: dict[str, str]) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "home")
    settings: dict[str, Any] = {"home": tmp_path / "home"}
    for name, value in places.items():
        url = name == "ledger_url"
        settings[name] = SecretStr(value.format(at=tmp_path)) if url else tmp_path / value
    assert codes(**settings) == ["keys-beside-ledger"]
    assert codes(**settings, allow_keys_beside_ledger=True) == []


@pytest.mark.parametrize(
    "places",
    [
        {"keys_dir": "homes"},
        {"keys_dir": "home-keys"},
        {"keys_dir": "home/keys", "ledger_url": "postgresql+psycopg://db/ledger", "log_dir": "log"},
        {"keys_dir": "logs", "log_dir": "log"},
    ],
)
def test_elsewhere_they_are_none(tmp_path: Path, places: dict[str, str]) -> None:
    settings: dict[str, Any] = {"home": tmp_path / "home"}
    for name, value in places.items():
        settings[name] = SecretStr(value) if name == "ledger_url" else tmp_path / value
    assert codes(**settings) == []


@pytest.fixture
def made(tmp_path: Path) -> Settings:
    """An installation with keys and a ledger, as `expunge keys init` and the first command make them."""
    settings = Settings(home=tmp_path / "home", keys_dir=tmp_path / "keys")
    settings.home.mkdir(mode=0o700)
    key_files.generate(settings.keys)
    open_ledger(settings.ledger).dispose()
    return settings


def remedies(settings: Settings) -> list[tuple[str, str]]:
    return [(one.code, one.remedy) for one in installation_findings(settings)]


def test_what_is_made_is_nobody_elses(made: Settings) -> None:
    assert remedies(made) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
@pytest.mark.parametrize("name", ["", *key_files.FILES])
def test_keys_that_are_open_to_others_are_told_as_they_are_refused(made: Settings, name: str, mode: int) -> None:
    path = made.keys / name
    path.chmod(mode | (0o700 if not name else 0))
    (found,) = installation_findings(made)
    assert (found.severity, found.code, found.remedy) == (Severity.ERROR, "open-to-others", f"chmod go= {path}")
    with pytest.raises(KeysError, match="open to group or others"):
        load_keys(made)


def test_all_of_them_are_told_at_once(made: Settings) -> None:
    (made.keys / key_files.LOG_FILE).chmod(0o644)
    (made.keys / key_files.WRAPPING_FILE).chmod(0o644)
    assert remedies(made) == [
        ("open-to-others", f"chmod go= {made.keys / key_files.LOG_FILE} {made.keys / key_files.WRAPPING_FILE}")
    ]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o602])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_ledger_that_is_open_to_others_is_told(made: Settings, suffix: str, mode: int) -> None:
    path = made.home / f"ledger.sqlite3{suffix}"
    path.touch(mode=0o600)
    path.chmod(mode)
    assert remedies(made) == [("open-to-others", f"chmod go= {path}")]


def test_a_name_with_a_blank_can_be_typed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "my home", keys_dir=tmp_path / "keys")
    open_ledger(settings.ledger).dispose()
    (settings.home / "ledger.sqlite3").chmod(0o644)
    assert remedies(settings) == [("open-to-others", f"chmod go= '{settings.home / 'ledger.sqlite3'}'")]
