"""The objects of a real repository as copies: its listing before and after pgBackRest expired two backups."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from expunge_connectors.backup_catalogues.catalogue import Catalogue
from expunge_connectors.backup_catalogues.pgbackrest_info import read
from expunge_connectors.contract import BackupCopy, CopyStatus
from expunge_connectors.pgbackrest import PgBackRestSpec
from expunge_connectors.pgbackrest.copies import Seen, copies_of, label_begun
from expunge_connectors.pgbackrest.repository import ReadCatalogue, sorted_out
from expunge_connectors.s3.lifecycle_rules import Rule, enabled_rules
from expunge_connectors.s3_backups.bucket_reader import Keeping, Line, SetUp
from expunge_connectors.s3_backups.bucket_versions import BucketState, Versioning

SAMPLES = Path(__file__).parent / "pgbackrest_samples"
FULL, DIFF, NEW = "20261124-135416F", "20261124-135416F_20261124-135421D", "20261124-141236F"
BELOW, WAL = "pgbr/backup/demo/", "pgbr/archive/demo/17-1/"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SPEC = PgBackRestSpec.model_validate(
    {
        "connector": "pgbackrest", "of": "main", "bucket": "backups", "prefix": "pgbr/", "stanza": "demo",
        "retention": {"full": 1}, "schedule": {"full_every": "P7D"},
    }
)  # fmt: skip
NONCURRENT = enabled_rules(
    {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 7}}]}
)


def lines_before() -> list[Line]:
    raw = json.loads((SAMPLES / "versions.json").read_text())
    return [
        Line(key, version, kind == "D", latest, datetime.fromisoformat(at), *(size or [0]), multipart=False)
        for kind, key, version, latest, at, *size in raw
    ]


def lines_after() -> list[Line]:
    return [
        Line(
            one["Key"],
            one["VersionId"],
            "DeleteMarker" in one,
            one["IsLatest"],
            datetime.fromisoformat(one["LastModified"]),
            one.get("Size", 0),
            multipart=False,
        )
        for one in json.loads((SAMPLES / "versions_after_expire.json").read_text())
    ]


def catalogue_after() -> Catalogue:
    """As the new full backup left it."""
    catalogue = read((SAMPLES / "s3.info").read_bytes())
    start = datetime(2026, 11, 24, 14, 12, 36, tzinfo=UTC)
    new = replace(
        catalogue.backups[0],
        label=NEW,
        start=start,
        stop=start + timedelta(seconds=1),
        wal_start="000000010000000000000015",
        wal_stop="000000010000000000000015",
    )
    return replace(catalogue, backups=(new,))


def copies(
    lines: list[Line],
    catalogue: Catalogue,
    versioning: Versioning,
    rules: tuple[Rule, ...] = (),
    keeps: Keeping | None = None,
) -> dict[str, BackupCopy]:
    bucket = SetUp(BucketState(versioning, False, rules), keeps or Keeping(locks=False, replicates=False))
    at = max(line.modified for line in lines) + timedelta(minutes=1)
    found = copies_of("base", Seen(SPEC, sorted_out(lines, SPEC), ReadCatalogue(catalogue, "backup.info"), bucket, at))
    assert len({copy.id for copy in found}) == len(found)
    return {copy.id: copy for copy in found}


def test_a_full_and_a_diff_are_two_backups_and_two_pieces_of_wal() -> None:
    """They were 53 copies without a day: 26 of WAL, 22 catalogue files, 5 of data."""
    found = copies(lines_before(), read((SAMPLES / "s3.info").read_bytes()), Versioning.OFF)
    assert found.keys() == {
        f"{BELOW}{FULL}", f"{BELOW}{DIFF}", f"{WAL}{'0' * 24}", f"{WAL}000000010000000000000003",
        f"{WAL}000000010000000000000004",
    }  # fmt: skip
    assert {copy.status for copy in found.values()} == {CopyStatus.DUE}
    sizes = [line.size for line in lines_before() if f"{DIFF}/" in line.key]
    assert found[f"{BELOW}{DIFF}"].size == sum(sizes)


def test_wal_before_all_backups_was_written_since_initdb() -> None:
    """The identifier of the database says 13:54:13; its first segment was archived a second later."""
    found = copies(lines_before(), read((SAMPLES / "s3.info").read_bytes()), Versioning.OFF)
    first = found[f"{WAL}{'0' * 24}"]
    assert first.taken_from == datetime(2026, 11, 24, 13, 54, 13, tzinfo=UTC) - HOUR
    assert first.taken_until > datetime(2026, 11, 24, 13, 54, 14, tzinfo=UTC)


def test_what_was_expired_lives_on_as_versions_and_ends_by_the_buckets_rule() -> None:
    found = copies(lines_after(), catalogue_after(), Versioning.ENABLED, NONCURRENT)
    gone_on = datetime(2026, 12, 2, tzinfo=UTC)
    kept = {f"{BELOW}{NEW}", f"{WAL}000000010000000000000015"}
    hidden = {one: copy.due for one, copy in found.items() if one not in kept}
    assert {f"{BELOW}{FULL}", f"{BELOW}{DIFF}", f"{WAL}000000010000000000000004"} <= hidden.keys()
    assert set(hidden.values()) == {gone_on}
    new = found[f"{BELOW}{NEW}"]
    assert new.due == datetime(2026, 12, 9, tzinfo=UTC), "a week until the next full, and a week as a version"


def test_without_a_rule_expired_versions_stay() -> None:
    found = copies(lines_after(), catalogue_after(), Versioning.ENABLED)
    assert {copy.status for copy in found.values()} == {CopyStatus.NEVER}
    assert all(copy.blocker is not None and "keeps versions" in copy.blocker for copy in found.values())


def test_rules_by_tags_decide_nothing_where_tags_are_not_read() -> None:
    tagged = tuple(replace(rule, tags={"keep": "short"}) for rule in NONCURRENT)
    found = copies(lines_after(), catalogue_after(), Versioning.ENABLED, tagged)
    assert {copy.status for copy in found.values()} == {CopyStatus.UNKNOWN}


@pytest.mark.parametrize("keeps", [Keeping(locks=True, replicates=False), Keeping(locks=False, replicates=True)])
def test_where_locks_or_replication_may_decide_there_is_no_day(keeps: Keeping) -> None:
    found = copies(lines_after(), catalogue_after(), Versioning.ENABLED, NONCURRENT, keeps)
    assert {copy.status for copy in found.values()} == {CopyStatus.UNKNOWN}


def test_a_label_means_its_last_part_in_any_zone() -> None:
    assert label_begun(DIFF) == datetime(2026, 11, 23, 23, 54, 21, tzinfo=UTC)
    assert label_begun("20269999-000000F") == datetime(1970, 1, 1, tzinfo=UTC)
