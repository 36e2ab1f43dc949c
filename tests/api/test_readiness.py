"""Ready is who has the ledger: a server says so of no file that is not there, and of none that is no ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.api import ApiHarness

from expunge_orchestrator.api import readiness


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
