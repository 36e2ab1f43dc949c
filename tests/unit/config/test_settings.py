from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from expunge_config import settings
from expunge_config.api_settings import ApiSettings
from expunge_config.errors import ConfigError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(directory: Path, content: bytes, mode: int = 0o600) -> None:
    (directory / "expunge.env").write_bytes(content)
    (directory / "expunge.env").chmod(mode)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o644, 0o666])
def test_a_settings_file_that_others_can_read_or_change_is_refused(mode: int, tmp_path: Path) -> None:
    write(tmp_path, b"EXPUNGE_STORES__MAIN__URL=postgresql://u:secret@h/db\n", mode)
    with pytest.raises(ConfigError, match="open to others") as raised:
        settings.load_settings()
    assert "secret@" not in str(raised.value)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_a_group_may_read_it(mode: int, tmp_path: Path) -> None:
    """Kubernetes gives it to a group (fsGroup)."""
    write(tmp_path, b"EXPUNGE_CHUNK_SIZE=10\n", mode)
    assert settings.load_settings().chunk_size == 10


def test_what_another_user_wrote_is_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could name the stores that root erases from. What root wrote is obeyed by everybody."""
    write(tmp_path, b"EXPUNGE_CHUNK_SIZE=10\n")
    owner = (tmp_path / "expunge.env").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner != 0:
        with pytest.raises(ConfigError, match="another user"):
            settings.load_settings()
        return
    assert settings.load_settings().chunk_size == 10
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    os.chown(tmp_path / "expunge.env", 1, -1)
    with pytest.raises(ConfigError, match="another user"):
        settings.load_settings()


@pytest.mark.parametrize(("directory", "file"), [(0o775, 0o400), (0o757, 0o400), (0o755, 0o646), (0o755, 0o620)])
def test_a_secrets_directory_that_others_can_change_or_read_is_refused(
    directory: int, file: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "EXPUNGE_CHUNK_SIZE").write_text("10")
    monkeypatch.setenv("EXPUNGE_SECRETS_DIR", str(secrets))
    secrets.chmod(0o755)
    (secrets / "EXPUNGE_CHUNK_SIZE").chmod(0o444)
    assert settings.load_settings().chunk_size == 10
    secrets.chmod(0o1777)  # as Kubernetes mounts it
    assert settings.load_settings().chunk_size == 10
    secrets.chmod(directory)
    (secrets / "EXPUNGE_CHUNK_SIZE").chmod(file)
    with pytest.raises(ConfigError, match="open to others"):
        settings.load_settings()


def test_environment_file_and_secrets_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, b"EXPUNGE_CHUNK_SIZE=10\nEXPUNGE_STORES__MAIN__URL=postgresql://from-file\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "EXPUNGE_LEDGER_URL").write_text("sqlite:////secret/ledger")
    (tmp_path / "secrets" / "EXPUNGE_LEDGER_URL").chmod(0o440)
    monkeypatch.setenv("EXPUNGE_SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.setenv("EXPUNGE_CHUNK_SIZE", "20")
    monkeypatch.setenv("EXPUNGE_SETTLING", "PT1H")
    read = settings.load_settings()
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
        settings.load_settings()


def test_a_mistyped_line_of_the_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, b"EXPUNGE_CHUNKSIZE=10\n")
    with pytest.raises(ConfigError):
        settings.load_settings()


def test_a_wrong_type_is_refused_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPUNGE_CHUNK_SIZE", "many")
    with pytest.raises(ConfigError) as raised:
        settings.load_settings()
    assert "EXPUNGE_CHUNK_SIZE" in raised.value.message
    assert "many" not in raised.value.message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"EXPUNGE_CHUNK_SIZE=10\n\nhello\n", "line 3"),
        (b"# a comment\nEXPUNGE_CHUNK_SIZE=1\xff\n", "line 2: not UTF-8"),
        (b"EXPUNGE_CHUNK_SIZE=10\x00\n", "line 1: a NUL byte"),
        (b"EXPUNGE_CHUNK_SIZE='10\n", "line 1"),
    ],
)
def test_a_line_that_says_nothing_is_refused_by_its_number(content: bytes, told: str, tmp_path: Path) -> None:
    write(tmp_path, content)
    with pytest.raises(ConfigError, match=told) as raised:
        settings.load_settings()
    assert "hello" not in raised.value.message


@pytest.mark.parametrize("name", ["EXPUNGE_SETTINGS_FILE", "EXPUNGE_SECRETS_DIR"])
def test_a_place_that_is_named_must_be_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="nowhere"):
        settings.load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("EXPUNGE_SETTLING", "-P1D"), ("EXPUNGE_PLAN_LIFETIME", "P999999999D"), ("EXPUNGE_RETRY_PAUSE", "P4000D")],
)
def test_a_span_of_time_that_no_calendar_holds_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name):
        settings.load_settings()


def test_a_webhooks_name_is_kept_with_every_notice() -> None:
    hook = {"url": "https://app.example/hook", "secret": f"whsec_{'A' * 32}"}
    assert list(ApiSettings.model_validate({"webhooks": {"a" * 32: hook}}).webhooks) == ["a" * 32]
    with pytest.raises(ValidationError, match="32"):
        ApiSettings.model_validate({"webhooks": {"a" * 33: hook}})
