from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from expunge_config import settings
from expunge_config.errors import ConfigError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_environment_file_and_secrets_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "expunge.env").write_text("EXPUNGE_CHUNK_SIZE=10\nEXPUNGE_STORES__MAIN__URL=postgresql://from-file\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "EXPUNGE_LEDGER_URL").write_text("sqlite:////secret/ledger")
    monkeypatch.setenv("EXPUNGE_SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.setenv("EXPUNGE_CHUNK_SIZE", "20")
    monkeypatch.setenv("EXPUNGE_SETTLING", "PT1H")
    read = settings.load()
    assert read.chunk_size == 20
    assert read.settling == timedelta(hours=1)
    assert read.stores["main"]["url"].get_secret_value() == "postgresql://from-file"
    assert read.ledger == "sqlite:////secret/ledger"
    assert "from-file" not in repr(read)
    assert "secret/ledger" not in repr(read)


@pytest.mark.parametrize(("name", "value"), [("EXPUNGE_CHUNKSIZE", "10"), ("EXPUNGE_STORE__MAIN__URL", "x")])
def test_a_mistyped_setting_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="Unknown settings"):
        settings.load()


def test_a_mistyped_line_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "expunge.env").write_text("EXPUNGE_CHUNKSIZE=10\n")
    with pytest.raises(ConfigError):
        settings.load()


def test_a_wrong_type_is_refused_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPUNGE_CHUNK_SIZE", "many")
    with pytest.raises(ConfigError) as raised:
        settings.load()
    assert "EXPUNGE_CHUNK_SIZE" in raised.value.message
    assert "many" not in raised.value.message
