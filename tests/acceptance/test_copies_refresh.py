"""`expunge copies refresh` and `run-due`: every place of copies is looked at, one that is down is told last."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import CliRunner
from tests.support.data_map_text import document_of, write_document
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack, fresh_installation
from tests.support.missed_copies import missed_long_ago
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.ledger.database import open_ledger


@dataclass(frozen=True, slots=True)
class Places:
    """An installation with two places of copies, of which the first cannot be listed."""

    cli: CliRunner
    inspector: StoreInspector
    bucket: str

    def refresh(self) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """What it says of the place that is there, and of the other one."""
        done = self.cli.run("copies", "refresh", "--json")
        assert done.code == 8
        assert "lost" in done.err
        said = json.loads(done.out)
        (there,) = said["places"]
        return there, said["unlisted"]

    def later(self) -> int:
        """An hour passes; returns how many copies were missed before."""
        ledger = open_ledger(self.cli.ledger)
        try:
            return missed_long_ago(ledger)
        finally:
            ledger.dispose()


@pytest.fixture
def places(calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path, fork_server: ForkServer) -> Any:
    bucket = f"dumps-{secrets.token_hex(5)}"
    inspector.s3.create_bucket(Bucket=bucket)
    for name in ("README.txt", "1.dump", "2.dump"):
        inspector.s3.put_object(Bucket=bucket, Key=f"postgres/{name}", Body=b"dump")
    document = document_of(calltrack.settings(tmp_path / "expunge").data_map)
    dumps = document["backups"]["dumps"]
    document["backups"]["dumps"] = {**dumps, "bucket": f"{bucket}-lost"}
    document["backups"]["others"] = {**dumps, "bucket": bucket}
    path = write_document(tmp_path / "two-places.yaml", document)
    with fresh_installation(calltrack, tmp_path / "expunge", data_map=path) as installation:
        environment = dict(calltrack.environment(installation.home))
        others = {
            name.replace("__DUMPS__", "__OTHERS__"): value for name, value in environment.items() if "__DUMPS__" in name
        }
        environment |= {**others, "EXPUNGE_DATA_MAP": str(path)}
        yield Places(CliRunner(tmp_path, environment, fork_server), inspector, bucket)


def test_a_copy_is_followed_until_it_is_gone_while_another_place_is_down(places: Places) -> None:
    there, unlisted = places.refresh()
    assert (there["place"], there["copies"], there["without_day"], there["missed"], there["gone"]) == (
        "others",
        2,
        2,
        0,
        0,
    )
    assert list(unlisted) == ["dumps"]
    places.inspector.s3.delete_object(Bucket=places.bucket, Key="postgres/1.dump")
    there, _ = places.refresh()
    assert (there["copies"], there["missed"], there["gone"]) == (1, 1, 0)
    there, _ = places.refresh()
    assert (there["copies"], there["missed"], there["gone"]) == (1, 1, 0), "within the hour"
    assert places.later() == 1
    there, _ = places.refresh()
    assert (there["copies"], there["missed"], there["gone"]) == (1, 0, 1)


def test_run_due_looks_at_the_other_places_and_ends_with_the_one_that_is_down(places: Places) -> None:
    places.refresh()
    places.inspector.s3.delete_object(Bucket=places.bucket, Key="postgres/1.dump")
    for gone in (0, 1):
        done = places.cli.run("run-due", "--json")
        assert done.code == 8
        said = json.loads(done.out)
        assert (said["copies_found_gone"], list(said["places_of_copies_not_listed"])) == (gone, ["dumps"])
        assert gone or places.later() == 1
    assert "dumps: its backup copies could not be listed" in places.cli.run("run-due").output


def test_people_read_a_line_for_each_place(places: Places) -> None:
    done = places.cli.run("copies", "refresh")
    assert "missed once" in done.output
    assert "dumps could not be listed" in done.output
