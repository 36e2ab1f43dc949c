"""Keys that lie where the ledger or the log is copied from open what is sealed there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from expunge_config.settings import Settings
from expunge_connectors.contract import Severity
from expunge_orchestrator.installation_check import installation_findings


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
    (tmp_path / "home").mkdir()
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
