"""What `expunge keys init` makes is for nobody but the user, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.data_map_text import EXAMPLE, read

from expunge_config.settings import Settings
from expunge_orchestrator import installation_setup
from expunge_orchestrator.ledger.database import open_ledger
from expunge_reports import keys
from expunge_reports import keys as key_files

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_home_keys_ledger_and_log_are_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "deep" / "home")
    operator = read(EXAMPLE).operator
    installation_setup.initialise(settings, operator, NOW)
    open_ledger(settings.ledger).dispose()
    with installation_setup.open_log(settings, operator, keys.load(settings.keys)) as writer:
        writer.append([b"a statement"] * 300)
    places = (settings.home, settings.keys)
    found = {path: path.stat() for place in places for path in (place, *place.rglob("*"))}
    assert settings.keys / keys.WRAPPING_FILE in found
    assert any(path.name == "000" for path in found), "nothing was logged"
    assert {stat.S_IMODE(one.st_mode) for one in found.values() if stat.S_ISDIR(one.st_mode)} == {0o700}
    assert {stat.S_IMODE(one.st_mode) for one in found.values() if stat.S_ISREG(one.st_mode)} == {0o600}


def test_directories_above_are_nobodys_else_either(tmp_path: Path) -> None:
    """`mkdir` leaves those to the umask: with 0 they were everybody's to change."""
    before = os.umask(0)
    try:
        key_files.generate(tmp_path / "kept" / "keys")
    finally:
        os.umask(before)
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
