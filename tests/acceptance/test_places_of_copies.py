"""A backup copy is one object of one storage, whatever the data map calls its place or counts to it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.data_map_text import document_of, write_document
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.missed_copies import missed_long_ago
from tests.support.people import make_holder
from tests.support.statements import assert_chain_intact, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator import backup_copies
from expunge_orchestrator.copy_tracking.refresh import refresh
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.workspace import Workspace, opened

CONTROL, OLD, NEW = "postgres/README.txt", "postgres/2026-10.dump", "postgres/2026-11.dump"

Change = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Dumps:
    """An installation whose place `dumps` is a bucket of its own with two dumps, and requests beside it."""

    installation: Installation
    inspector: StoreInspector
    bucket: str

    def make(self, bucket: str, *, versioned: bool = True) -> None:
        """Make a bucket with the same objects."""
        s3 = self.inspector.s3
        s3.create_bucket(Bucket=bucket)
        if versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for name in (CONTROL, OLD, NEW):
            s3.put_object(Bucket=bucket, Key=name, Body=b"dump")

    def remove(self, name: str) -> None:
        """Take an object away for good."""
        for key, version, *_ in self.inspector.versions(self.bucket, name):
            self.inspector.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version)

    def erased(self, workspace: Workspace | None = None) -> Batch:
        """A person of nobody else's, erased; the check is still to come."""
        batch = self.installation.plan(make_holder(self.inspector).csv)
        return self.installation.erase(batch, workspace)

    @contextmanager
    def under(self, change: Change) -> Iterator[Workspace]:
        """The installation under another data map."""
        settings = self.installation.settings
        document = document_of(settings.data_map)
        change(document)
        path = write_document(self.installation.home.parent / f"{secrets.token_hex(4)}.yaml", document)
        kept = {name: settings.stores[name] for name in document["stores"]}
        stores = kept | dict.fromkeys(document["backups"], settings.stores["dumps"])
        changed = settings.model_copy(update={"data_map": path, "stores": stores})
        with opened(changed, self.installation.calltrack.registry) as other:
            yield replace(self.installation.workspace, backups=other.backups, data_map=other.data_map)

    def stated(self, batch: Batch) -> list[tuple[str, str, str, str | None]]:
        """Place, key, status and blocker of each copy that `settled` cites; all of the receipt is true."""
        assert_chain_intact(self.installation, batch)
        (said,) = statements_of(self.installation, batch, "settled")
        digests = [one.removeprefix("sha256:") for one in said.context]
        with reading(self.installation.workspace.ledger) as connection:
            bodies = connection.scalars(sa.select(tables.document.c.body).where(tables.document.c.digest.in_(digests)))
            (cited,) = [one for one in map(json.loads, bodies) if one["kind"] == "copies"]
        return sorted(
            (copy["place"], copy["id"].partition("@")[0], copy["status"], copy["blocker"])
            for copy in cited["mayHoldTheRecords"]
        )

    def gone(self) -> list[str]:
        """Keys of the copies that were seen to be gone."""
        with reading(self.installation.workspace.ledger) as connection:
            rows = connection.execute(sa.select(tables.backup_copy.c.copy_id, tables.backup_copy.c.observed_gone_at))
            return sorted(copy_id.partition("@")[0] for copy_id, at in rows if at is not None)


@pytest.fixture
def dumps(calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path) -> Iterator[Dumps]:
    bucket = f"dumps-{secrets.token_hex(5)}"
    document = document_of(calltrack.settings(tmp_path / "expunge").data_map)
    document["backups"]["dumps"]["bucket"] = bucket
    path = write_document(tmp_path / "first.yaml", document)
    with fresh_installation(calltrack, tmp_path / "expunge", data_map=path) as installation:
        made = Dumps(installation, inspector, bucket)
        made.make(bucket)
        yield made


def prefixed(prefix: str) -> Change:
    return lambda document: document["backups"]["dumps"].update(prefix=prefix)


def renamed(document: dict[str, Any]) -> None:
    document["backups"]["pgdumps"] = document["backups"].pop("dumps")


def moved_to(bucket: str) -> Change:
    return lambda document: document["backups"]["dumps"].update(bucket=bucket)


@pytest.mark.parametrize(("change", "place"), [(prefixed("postgres"), "dumps"), (renamed, "pgdumps")])
def test_the_same_object_is_one_copy_under_another_prefix_or_name(dumps: Dumps, change: Change, place: str) -> None:
    batch = dumps.erased()
    with dumps.under(change) as workspace:
        dumps.installation.settle(workspace)
        assert [one[:3] for one in dumps.stated(batch)] == [(place, OLD, "never"), (place, NEW, "never")]


@pytest.mark.parametrize("change", [prefixed("postgres"), renamed])
def test_a_copy_is_looked_for_under_another_prefix_or_name(dumps: Dumps, change: Change) -> None:
    batch = dumps.erased()
    dumps.remove(OLD)
    with dumps.under(change) as workspace:
        refresh(workspace)
        assert dumps.gone() == []
        assert missed_long_ago(workspace.ledger) == 1
        dumps.installation.settle(workspace)
    assert dumps.gone() == [OLD]
    assert [one[1] for one in dumps.stated(batch)] == [NEW]


def test_a_copy_that_was_missed_once_is_still_counted(dumps: Dumps) -> None:
    batch = dumps.erased()
    dumps.remove(OLD)
    refresh(dumps.installation.workspace)
    dumps.installation.settle()
    assert dumps.gone() == []
    old, new = dumps.stated(batch)
    assert (old[:3], new[:3]) == (("dumps", OLD, "unknown"), ("dumps", NEW, "never"))
    assert "gone is what a second look an hour later misses, too" in str(old[3])


def test_one_place_that_is_down_stops_no_look_at_the_others(dumps: Dumps) -> None:
    def lost(document: dict[str, Any]) -> None:
        places = document["backups"]
        places["others"] = dict(places["dumps"])
        moved_to(f"{dumps.bucket}-lost")(document)

    with dumps.under(lost) as workspace:
        looked = refresh(workspace)
        assert list(looked.unlisted) == ["dumps"]
        assert [one.place for one in looked.listings] == ["others"]
        with reading(workspace.ledger) as connection:
            assert set(connection.scalars(sa.select(tables.backup_copy.c.place))) == {"others"}


def test_what_a_narrower_prefix_leaves_out_is_still_counted(dumps: Dumps) -> None:
    """Nobody looks there any more: neither is it gone, nor can a listing have shown it."""
    batch = dumps.erased()

    def narrower(document: dict[str, Any]) -> None:
        document["backups"]["dumps"]["prefix"] = "postgres/2026-11"
        del document["backups"]["dumps"]["control"]

    with dumps.under(narrower) as workspace:
        dumps.installation.settle(workspace)
    old, new = dumps.stated(batch)
    assert new[:3] == ("dumps", NEW, "never")
    assert old[:3] == ("dumps", OLD, "unknown")
    assert "is another one by now" in str(old[3])
    assert "Not in the listing" not in str(old[3])
    assert dumps.gone() == []


def test_copies_of_both_buckets_are_counted_after_a_move(dumps: Dumps) -> None:
    """The objects of the old bucket are there as before: the ledger keeps them beside those of the same names."""
    other = f"{dumps.bucket}-new"
    dumps.make(other)
    first = dumps.erased()
    with dumps.under(moved_to(other)) as workspace:
        dumps.installation.settle(workspace)
        second = dumps.erased(workspace)
        dumps.installation.settle(workspace)
    for batch in (first, second):
        stated = dumps.stated(batch)
        assert [one[:3] for one in stated] == [
            ("dumps", OLD, "never"),
            ("dumps", OLD, "unknown"),
            ("dumps", NEW, "never"),
            ("dumps", NEW, "unknown"),
        ]
        assert all("is another one by now" in str(one[3]) for one in stated if one[2] == "unknown")


def test_receipts_stay_true_when_unversioned_buckets_replace_each_other(dumps: Dumps) -> None:
    """Without versions the names of the copies are the same in each bucket, and two of them may be in no listing."""
    buckets = [f"{dumps.bucket}-{number}" for number in range(3)]
    for bucket in buckets:
        dumps.make(bucket, versioned=False)
    with dumps.under(moved_to(buckets[0])) as workspace:
        batch = dumps.erased(workspace)
    with dumps.under(moved_to(buckets[1])) as workspace, dumps.installation.workspace.ledger.begin() as connection:
        backup_copies.record(connection, backup_copies.observe(workspace.backups))
    with dumps.under(moved_to(buckets[2])) as workspace:
        dumps.installation.settle(workspace)
    assert [one[1:3] for one in dumps.stated(batch)] == [
        (name, status) for name in (OLD, NEW) for status in ("never", "unknown", "unknown")
    ]


def test_a_bucket_that_was_made_anew_is_another_storage(dumps: Dumps) -> None:
    bucket = f"{dumps.bucket}-anew"
    dumps.make(bucket, versioned=False)
    with dumps.under(moved_to(bucket)) as workspace:
        batch = dumps.erased(workspace)
        for name in (CONTROL, OLD, NEW):
            dumps.inspector.s3.delete_object(Bucket=bucket, Key=name)
        dumps.inspector.s3.delete_bucket(Bucket=bucket)
        time.sleep(1.1)  # by the second in which it was made a bucket is told from an earlier one of its name
        dumps.make(bucket, versioned=False)
        dumps.installation.settle(workspace)
    assert [one[:3] for one in dumps.stated(batch)] == [
        ("dumps", name, status) for name in (OLD, NEW) for status in ("never", "unknown")
    ]


def test_of_a_place_that_the_map_names_no_more_it_is_said_that_nobody_looked(dumps: Dumps) -> None:
    other = f"{dumps.bucket}-new"
    dumps.make(other)
    batch = dumps.erased()

    def replaced(document: dict[str, Any]) -> None:
        moved_to(other)(document)
        renamed(document)

    with dumps.under(replaced) as workspace:
        dumps.installation.settle(workspace)
    unknown = [one for one in dumps.stated(batch) if one[2] == "unknown"]
    assert [one[:2] for one in unknown] == [("dumps", OLD), ("dumps", NEW)]
    assert all("The data map names this place no more" in str(one[3]) for one in unknown)
    assert not any("Not in the listing" in str(one[3]) for one in unknown)


def test_an_object_of_two_places_is_one_copy_of_their_store(dumps: Dumps) -> None:
    def twice(document: dict[str, Any]) -> None:
        whole = document["backups"]["dumps"]
        document["backups"]["november"] = {**whole, "prefix": "postgres/2026-11"}
        del document["backups"]["november"]["control"]

    with dumps.under(twice) as workspace:
        batch = dumps.erased(workspace)
        dumps.installation.settle(workspace)
        assert sorted(one[1] for one in dumps.stated(batch)) == [OLD, NEW]


def test_an_object_that_is_a_copy_of_two_stores_is_known_as_each(dumps: Dumps) -> None:
    """A place of the same bucket keeps copies of the ledger: gone from the map, it takes none of the store's along."""

    def shared(document: dict[str, Any]) -> None:
        document["backups"]["ledgers"] = {**document["backups"]["dumps"], "of": "ledger"}

    with dumps.under(shared) as workspace:
        batch = dumps.erased(workspace)
    other = f"{dumps.bucket}-new"
    dumps.make(other)
    with dumps.under(moved_to(other)) as workspace:
        dumps.installation.settle(workspace)
    assert [one[1:3] for one in dumps.stated(batch)] == [
        (name, status) for name in (OLD, NEW) for status in ("never", "unknown")
    ]
