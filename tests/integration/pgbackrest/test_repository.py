"""A pgBackRest repository on a real bucket: backups and WAL as copies, until they are gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tenacity import wait_none
from tests.support.contract_maps import MAIN, data_map
from tests.support.missed_copies import missed_long_ago
from tests.support.pgbackrest_repository import SYSTEM_MADE, Made, Repository, backup_info, wal
from tests.support.s3.bucket import connection
from tests.support.s3.faulty_server import faulty
from tests.support.servers import BucketFactory

from expunge_connectors.contract import BackupConnector, BackupCopy, CopyStatus, Severity
from expunge_connectors.pgbackrest import PgBackRest, PgBackRestSpec
from expunge_connectors.pgbackrest.repository import read_catalogue
from expunge_connectors.s3.client import Service
from expunge_connectors.s3_backups import S3Backups, S3BackupsSpec
from expunge_demo.dev_servers import Endpoints
from expunge_orchestrator import backup_copies
from expunge_orchestrator.ledger import Ledger
from expunge_orchestrator.ledger.database import open_ledger
from expunge_orchestrator.ledger.tables import backup_copy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)
FIRST, SECOND = Made("full", NOW - 10 * DAY, 4), Made("full", NOW - 3 * DAY, 9)
DIFF = Made("diff", NOW - 6 * DAY, 7, FIRST.label)
DECLARED = {"retention": {"full": 2}, "schedule": {"full_every": "P7D"}}
RULE = {"ID": "old", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 5}}
BELOW, ARCHIVE = "pgbr/backup/main/", "pgbr/archive/main/16-1/"


class Place:
    """A stanza with two full backups, a diff and WAL, and a connector for it."""

    def __init__(self, s3: S3Client, servers: Endpoints, bucket: str, **declared: object) -> None:
        self.s3, self.servers, self.bucket = s3, servers, bucket
        self.repository = Repository(s3, bucket)
        self.connector = self.declared(**(declared or DECLARED))

    def declared(self, **more: object) -> PgBackRest:
        spec = {"connector": "pgbackrest", "of": "main", "bucket": self.bucket, "prefix": "pgbr/", "stanza": "main"}
        return self.built(PgBackRestSpec.model_validate(spec | more))

    def built(self, spec: PgBackRestSpec) -> PgBackRest:
        return PgBackRest("base", data_map({"main": MAIN}, {"base": spec}), connection(self.servers), wait=wait_none())

    def objects(self) -> S3Backups:
        """The same repository, declared as single objects."""
        spec = {"connector": "s3-backups", "of": "main", "bucket": self.bucket, "prefix": "pgbr/", "kind": "basebackup"}
        the_map = data_map({"main": MAIN}, {"base": S3BackupsSpec.model_validate(spec)})
        return S3Backups("base", the_map, connection(self.servers), wait=wait_none())

    def fill(self) -> None:
        self.repository.create()
        for one in (FIRST, DIFF, SECOND):
            self.repository.back_up(one)
        for segment in (5, 6, 8, 10, 11):
            self.repository.archive(segment)

    def copies(self) -> dict[str, BackupCopy]:
        return {copy.id: copy for copy in self.connector.copies().copies}

    def remove_versions(self, prefix: str) -> None:
        answer = self.s3.list_object_versions(Bucket=self.bucket, Prefix=prefix)
        for one in [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]:
            self.s3.delete_object(Bucket=self.bucket, Key=one["Key"], VersionId=one["VersionId"])


@pytest.fixture
def place(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> Iterator[Place]:
    made = Place(s3, servers, bucket())
    made.fill()
    yield made
    made.connector.close()


@pytest.fixture
def versioned(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> Iterator[Place]:
    made = Place(s3, servers, bucket(versioning=True))
    s3.put_bucket_lifecycle_configuration(Bucket=made.bucket, LifecycleConfiguration={"Rules": [RULE]})
    made.fill()
    yield made
    made.connector.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{tmp_path}/ledger")
    yield opened
    opened.dispose()


def look(ledger: Ledger, connector: BackupConnector) -> set[str]:
    """Look once and note it; returns what is known to be gone."""
    listing = backup_copies.observe_place(connector, ledger)
    with ledger.begin() as transaction:
        backup_copies.record(transaction, [listing])
        rows = transaction.execute(sa.select(backup_copy.c.copy_id, backup_copy.c.observed_gone_at)).fetchall()
    return {copy_id for copy_id, at in rows if at is not None}


def test_each_backup_is_a_copy_with_its_day_and_the_time_it_was_read(place: Place) -> None:
    listing = place.connector.copies()
    assert listing.control == f"object {BELOW}backup.info"
    copies = {copy.id: copy for copy in listing.copies}
    assert {one for one in copies if one.startswith(BELOW)} == {f"{BELOW}{one.label}" for one in (FIRST, DIFF, SECOND)}
    full, diff = copies[f"{BELOW}{FIRST.label}"], copies[f"{BELOW}{DIFF.label}"]
    assert (full.kind, diff.kind, full.size) == ("pgbackrest full", "pgbackrest diff", 6)
    assert (full.taken_from, full.taken_until) == (FIRST.start - HOUR, FIRST.start + FIRST.took + HOUR)
    assert (full.status, full.due) == (CopyStatus.DUE, SECOND.start + 7 * DAY)
    assert full.expected_by == diff.expected_by == SECOND.start + SECOND.took + 9 * DAY
    assert copies[f"{BELOW}{SECOND.label}"].due == SECOND.start + 14 * DAY


def test_wal_is_cut_where_full_backups_start(place: Place) -> None:
    copies = {copy.id: copy for copy in place.copies().values() if copy.kind == "pgbackrest wal"}
    assert copies.keys() == {f"{ARCHIVE}{FIRST.wal}", f"{ARCHIVE}{SECOND.wal}"}
    first, last = copies[f"{ARCHIVE}{FIRST.wal}"], copies[f"{ARCHIVE}{SECOND.wal}"]
    assert (first.taken_from, last.taken_from) == (FIRST.start - HOUR, SECOND.start - HOUR)
    assert first.due == place.copies()[f"{BELOW}{FIRST.label}"].due
    assert first.size == 5 * len(b"wal")
    assert last.taken_until > NOW


def test_wal_before_the_first_full_may_be_as_old_as_the_database(place: Place) -> None:
    place.repository.archive(2)
    copy = place.copies()[f"{ARCHIVE}{'0' * 24}"]
    assert copy.taken_from == SYSTEM_MADE - HOUR
    assert copy.expected_by == place.copies()[f"{BELOW}{FIRST.label}"].expected_by


def test_an_expired_backup_and_its_wal_are_gone_after_two_looks(place: Place, ledger: Ledger) -> None:
    assert look(ledger, place.connector) == set()
    place.repository.expire(FIRST.label)
    assert look(ledger, place.connector) == set(), "one look may err"
    assert missed_long_ago(ledger) == 3
    assert look(ledger, place.connector) == {
        f"{BELOW}{FIRST.label}", f"{BELOW}{DIFF.label}", f"{ARCHIVE}{FIRST.wal}"
    }  # fmt: skip


def test_a_backup_is_there_while_one_of_its_objects_is(place: Place, ledger: Ledger) -> None:
    look(ledger, place.connector)
    place.repository.expire(FIRST.label)
    place.repository.put(f"{BELOW}{FIRST.label}/pg_data/base/1/1259.gz")
    copy = place.copies()[f"{BELOW}{FIRST.label}"]
    assert (copy.status, copy.due) == (CopyStatus.UNKNOWN, None)
    assert copy.blocker is not None
    assert "not in backup.info" in copy.blocker
    look(ledger, place.connector)
    missed_long_ago(ledger)
    assert f"{BELOW}{FIRST.label}" not in look(ledger, place.connector)


def test_a_backup_is_there_while_the_catalogue_has_it(place: Place) -> None:
    place.repository.remove_below(f"{BELOW}{FIRST.label}/")
    asked = [f"{BELOW}{FIRST.label}", f"{BELOW}20200101-000000F"]
    assert place.connector.still_there(asked) == {asked[0]}
    assert asked[0] in place.copies()


def test_wal_is_there_while_a_segment_of_its_piece_is(place: Place) -> None:
    place.repository.expire(FIRST.label)
    asked = [f"{ARCHIVE}{FIRST.wal}", f"{ARCHIVE}{SECOND.wal}", f"{ARCHIVE}{'0' * 24}"]
    assert place.connector.still_there(asked) == {asked[1]}
    place.repository.archive(6)
    assert place.connector.still_there(asked) == set(asked)


def test_the_full_alone_taken_out_leaves_its_wal(place: Place) -> None:
    """`expire --set` of a full that is not the oldest removes no WAL."""
    later = Made("full", NOW - DAY, 12)
    place.repository.back_up(later)
    place.repository.backups.remove(SECOND)
    place.repository.write_info()
    place.repository.remove_below(f"{BELOW}{SECOND.label}/")
    asked = [f"{ARCHIVE}{SECOND.wal}", f"{BELOW}{SECOND.label}"]
    assert place.connector.still_there(asked) == {asked[0]}


def test_what_the_tool_removed_lives_on_in_a_bucket_with_versions(versioned: Place, ledger: Ledger) -> None:
    before = versioned.copies()[f"{BELOW}{FIRST.label}"]
    hidden = SECOND.start + 7 * DAY
    assert before.due == datetime.combine((hidden + 5 * DAY).date() + DAY, datetime.min.time(), UTC)
    look(ledger, versioned.connector)
    versioned.repository.expire(FIRST.label)
    after = versioned.copies()
    ends = {one: after[one].due for one in (f"{BELOW}{FIRST.label}", f"{BELOW}{DIFF.label}", f"{ARCHIVE}{FIRST.wal}")}
    today = versioned.connector.copies().at.date()
    assert set(ends.values()) == {datetime.combine(today + 6 * DAY, datetime.min.time(), UTC)}
    assert look(ledger, versioned.connector) == set()
    missed_long_ago(ledger)
    assert look(ledger, versioned.connector) == set()
    assert versioned.connector.still_there(ends) == ends.keys()
    versioned.remove_versions(f"{BELOW}{FIRST.label}/")
    look(ledger, versioned.connector)
    missed_long_ago(ledger)
    assert look(ledger, versioned.connector) == {f"{BELOW}{FIRST.label}"}


def test_hidden_wal_is_cut_where_its_backups_started(versioned: Place) -> None:
    """A piece that lost its full keeps its name and its beginning, or no request before it would ever close."""
    versioned.repository.expire(FIRST.label)
    wal_copies = {copy.id: copy for copy in versioned.copies().values() if copy.kind == "pgbackrest wal"}
    assert wal_copies.keys() == {f"{ARCHIVE}{wal(segment)}" for segment in (4, 7, 9)}
    assert wal_copies[f"{ARCHIVE}{FIRST.wal}"].taken_from > SYSTEM_MADE


def test_versions_that_no_rule_ends_stay(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    kept = Place(s3, servers, bucket(versioning=True))
    kept.fill()
    assert {(copy.status, copy.due) for copy in kept.copies().values()} == {(CopyStatus.NEVER, None)}
    assert "pgbackrest-versions-stay" in {finding.code for finding in kept.connector.inspect()}
    kept.connector.close()


def test_where_locks_may_decide_there_is_no_day(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    locked = Place(s3, servers, bucket(object_lock=True))
    s3.put_bucket_lifecycle_configuration(Bucket=locked.bucket, LifecycleConfiguration={"Rules": [RULE]})
    locked.fill()
    assert {(copy.status, copy.due) for copy in locked.copies().values()} == {(CopyStatus.UNKNOWN, None)}
    locked.connector.close()


@pytest.mark.parametrize("declared", [{"retention": {"full": 2}}, {"schedule": {"full_every": "P7D"}}])
def test_what_is_not_declared_gives_no_day(place: Place, declared: dict[str, object]) -> None:
    connector = place.declared(**declared)
    assert {(copy.status, copy.due) for copy in connector.copies().copies} == {(CopyStatus.UNKNOWN, None)}
    codes = {finding.code for finding in connector.inspect()}
    assert codes & {"pgbackrest-no-retention", "pgbackrest-no-schedule"}
    connector.close()


def test_half_a_catalogue_is_read_from_its_copy(place: Place) -> None:
    before = place.copies()
    place.repository.put(f"{BELOW}backup.info", backup_info(FIRST, DIFF, SECOND)[:-80])
    listing = place.connector.copies()
    assert listing.control == f"object {BELOW}backup.info.copy"
    assert {copy.id: copy.due for copy in listing.copies} == {one: before[one].due for one in before}


@pytest.mark.parametrize(
    ("data", "words"),
    [(backup_info(FIRST)[:-80], "cannot be used"), (b"Salted__1234", "encrypted"), (None, "there is no backup.info")],
    ids=["half", "encrypted", "missing"],
)
def test_without_a_catalogue_nothing_has_a_day_and_nothing_is_gone(
    place: Place, ledger: Ledger, data: bytes | None, words: str
) -> None:
    known = place.copies()
    look(ledger, place.connector)
    if data is None:
        for name in ("backup.info", "backup.info.copy"):
            place.s3.delete_object(Bucket=place.bucket, Key=f"{BELOW}{name}")
    else:
        place.repository.write_info(data)
    place.repository.remove_below(f"{BELOW}{SECOND.label}/")
    listing = place.connector.copies()
    assert listing.control is None
    assert {(copy.status, copy.due) for copy in listing.copies} == {(CopyStatus.UNKNOWN, None)}
    assert all(copy.blocker is not None and words in copy.blocker for copy in listing.copies)
    full = next(copy for copy in listing.copies if copy.id == f"{BELOW}{FIRST.label}")
    assert full.taken_from <= known[full.id].taken_from
    look(ledger, place.connector)
    assert missed_long_ago(ledger) == 0
    place.repository.remove_below(ARCHIVE)
    assert place.connector.still_there(known) == known.keys()
    findings = {finding.code: finding.severity for finding in place.connector.inspect()}
    if data is None:
        assert findings == {"pgbackrest-no-catalogue": Severity.ERROR}
    else:
        assert findings == {"pgbackrest-catalogue-unread": Severity.WARNING}


def test_what_has_no_name_of_the_tool_is_a_copy_too(place: Place) -> None:
    place.repository.put(f"{BELOW}somebody.tar")
    [copy] = [copy for copy in place.copies().values() if copy.kind == "pgbackrest other"]
    assert (copy.status, copy.size) == (CopyStatus.UNKNOWN, 1)
    assert place.connector.still_there([copy.id]) == {copy.id}
    place.s3.delete_object(Bucket=place.bucket, Key=f"{BELOW}somebody.tar")
    assert place.connector.still_there([copy.id]) == set()


def test_wal_of_a_database_without_a_full_has_no_day(place: Place) -> None:
    place.repository.archive(3, archive="17-2")
    copy = place.copies()[f"pgbr/archive/main/17-2/{'0' * 24}"]
    assert (copy.status, copy.taken_from) == (CopyStatus.UNKNOWN, SYSTEM_MADE - HOUR)


def test_another_stanza_of_the_repository_is_left_to_its_own_place(place: Place, ledger: Ledger) -> None:
    other = Repository(place.s3, place.bucket, stanza="other")
    other.create()
    other.back_up(FIRST)
    look(ledger, place.declared(**DECLARED, stanza="other"))
    other.remove_below("")
    place.fill()
    look(ledger, place.connector)
    assert missed_long_ago(ledger) == 0


def test_a_repository_that_was_declared_as_objects_is_followed_on(place: Place, ledger: Ledger) -> None:
    objects = place.objects()
    look(ledger, objects)
    known = len(objects.copies().copies)
    assert known > 20
    look(ledger, place.connector)
    assert missed_long_ago(ledger) == 0, "each is asked for by its key and version"
    place.repository.expire(FIRST.label)
    look(ledger, place.connector)
    missed_long_ago(ledger)
    gone = look(ledger, place.connector)
    assert {one.partition("@")[0] for one in gone if "@" in one} > {f"{BELOW}{FIRST.label}/backup.manifest"}
    assert not any(SECOND.label in one for one in gone)
    assert objects.still_there([f"{BELOW}{SECOND.label}"]) == {f"{BELOW}{SECOND.label}"}, "which is no object"
    objects.close()


def test_findings(place: Place) -> None:
    assert [finding.code for finding in place.connector.inspect()] == []
    wrong = place.declared(retention={"full": 1}, schedule={"full_every": "P7D"})
    assert [finding.code for finding in wrong.inspect()] == ["pgbackrest-retention-differs"]
    assert {copy.status for copy in wrong.copies().copies} == {CopyStatus.UNKNOWN}
    stopped = place.declared(retention={"full": 2}, schedule={"full_every": "P1D"})
    assert [finding.code for finding in stopped.inspect()] == ["pgbackrest-backups-stopped"]
    assert {copy.status for copy in stopped.copies().copies} == {CopyStatus.NEVER}
    wrong.close()
    stopped.close()


def test_a_catalogue_that_may_not_be_read_says_which_right_is_missing(servers: Endpoints) -> None:
    body = b"<Error><Code>AccessDenied</Code></Error>"
    spec = PgBackRestSpec.model_validate({"connector": "pgbackrest", "of": "main", "bucket": "bkt", "stanza": "main"})
    with faulty((403, body)) as (url, _):
        service = Service("base", connection(servers, endpoint_url=url), wait_none())
        read = read_catalogue(service, spec)
        service.close()
    assert read.catalogue is None
    assert read.blocker is not None
    assert "s3:GetObject" in read.blocker
