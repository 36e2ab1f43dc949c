"""Ready is who has the ledger: a server says so of no file that is not there, and of none that is not its ledger."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.api import ApiHarness, once
from tests.support.people import make_caller
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.api import readiness
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger.database import reading


def gone(file: Path) -> None:
    file.unlink()


def overwritten(file: Path) -> None:
    file.write_bytes(b"no ledger" * 1000)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("ends", [gone, overwritten, emptied])
def test_a_server_without_its_ledger_is_not_ready(
    api: ApiHarness, ends: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "GOOD_FOR", 0.0)
    assert api.client.get("/readyz").text == "ready\n"
    ledger = api.installation.workspace.ledger
    file = Path(str(ledger.url.database))
    ledger.dispose()
    for beside in file.parent.glob(f"{file.name}-*"):
        beside.unlink()
    ends(file)
    left = file.read_bytes() if file.exists() else None
    for _ in range(2):
        refused = api.client.get("/readyz")
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (503, "ledger-unavailable")
    assert (file.read_bytes() if file.exists() else None) == left, "asking makes and changes nothing"


def replaced(file: Path) -> None:
    """As by `mv` of a copy: the same rows, another file."""
    copy = file.with_name("copy")
    shutil.copy(file, copy)
    copy.replace(file)


def linked(file: Path) -> None:
    copy = file.with_name("copy")
    shutil.copy(file, copy)
    file.unlink()
    file.symlink_to(copy)


@pytest.mark.parametrize("ends", [gone, replaced, linked])
def test_what_nobody_will_read_is_not_accepted(
    api: ApiHarness,
    inspector: StoreInspector,
    ends: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The open connections would go on writing to a file without a name; put back, all is as before."""
    monkeypatch.setattr(readiness, "GOOD_FOR", 0.0)
    caller, operator, admin = make_caller(inspector), api.key(Role.OPERATOR), api.staff("admin")
    wish = {"controller": caller.controller, "identifiers": {"caller_id": str(caller.id)}}

    def calls() -> list[int]:
        """In the group commit, in transactions of their own, and the readiness."""
        return [
            api.client.post("/v1/erasure_requests", json=wish, headers=once(operator)).status_code,
            api.client.post("/v1/api_keys", json={"roles": ["auditor"]}, headers=admin).status_code,
            api.client.get("/readyz").status_code,
        ]

    ledger = api.installation.workspace.ledger
    file = Path(str(ledger.url.database))
    with reading(ledger) as connection:  # so that the pool keeps one that is open
        connection.execute(sa.text("SELECT 1"))
    kept = file.with_name("kept")
    kept.hardlink_to(file)
    ends(file)
    assert calls() == [503, 503, 503]
    assert calls() == [503, 503, 503]
    told = [one for one in caplog.records if one.name == "expunge.ledger"]
    assert [one.levelname for one in told] == ["ERROR"]
    kept.replace(file)
    assert calls() == [201, 201, 200]
