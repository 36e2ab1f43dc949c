"""Backup copies on a real bucket: every version with its end, or with what stands in its way."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from tenacity import wait_none
from tests.support.contract_maps import MAIN, data_map
from tests.support.missed_copies import missed_long_ago
from tests.support.s3.bucket import connection
from tests.support.s3.faulty_server import error, faulty
from tests.support.servers import BucketFactory

from expunge_connectors.contract import BackupCopy, CopyListing, CopyStatus, Severity
from expunge_connectors.errors import TransientError
from expunge_connectors.s3_backups import S3Backups, S3BackupsSpec
from expunge_connectors.s3_backups.bucket_reader import listing
from expunge_connectors.s3_backups.spec import S3BackupsConnection
from expunge_demo.dev_servers import Endpoints
from expunge_orchestrator import backup_copies
from expunge_orchestrator.ledger.database import open_ledger
from expunge_orchestrator.ledger.tables import backup_copy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Answer = tuple[int, bytes]
DAY = timedelta(days=1)
RULES = [
    {
        "ID": "daily",
        "Status": "Enabled",
        "Filter": {"Prefix": "pg/daily/"},
        "Expiration": {"Days": 30},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
    },
    {
        "ID": "count",
        "Status": "Enabled",
        "Filter": {"Prefix": "pg/count/"},
        "Expiration": {"Days": 30},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7, "NewerNoncurrentVersions": 1},
    },
    {
        "ID": "tagged",
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": "pg/tagged/", "Tags": [{"Key": "keep", "Value": "short"}]}},
        "Expiration": {"Days": 3},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
]


class Place:
    """A bucket with Object Lock and rules, and a connector for it."""

    def __init__(self, s3: S3Client, servers: Endpoints, bucket: str, **more: object) -> None:
        self.s3, self.bucket = s3, bucket
        spec: dict[str, object] = {
            "connector": "s3-backups", "of": "main", "bucket": bucket, "prefix": "pg/", "kind": "pg_dump",
            "lag_hours": 24, "longest_run_hours": 6, **more,
        }  # fmt: skip
        the_map = data_map({"main": MAIN}, {"dumps": S3BackupsSpec.model_validate(spec)})
        self.connector = S3Backups("dumps", the_map, connection(servers), wait=wait_none())

    def put(self, key: str, body: bytes = b"dump", **more: Any) -> str:
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)["VersionId"]

    def copies(self) -> dict[str, BackupCopy]:
        return {copy.id: copy for copy in self.connector.copies().copies}

    def modified(self, key: str, version: str) -> datetime:
        return self.s3.head_object(Bucket=self.bucket, Key=key, VersionId=version)["LastModified"]


@pytest.fixture
def place(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> Iterator[Place]:
    made = Place(s3, servers, bucket(object_lock=True))
    s3.put_bucket_lifecycle_configuration(Bucket=made.bucket, LifecycleConfiguration={"Rules": RULES})
    yield made
    made.connector.close()


def midnight(moment: datetime, days: int) -> datetime:
    """Written apart from the code under test."""
    day = (moment.astimezone(UTC) + timedelta(days=days)).date() + DAY
    return datetime.combine(day, time(), UTC)


def test_a_current_version_is_hidden_first_and_removed_later(place: Place) -> None:
    version = place.put("pg/daily/1.dump")
    copy = place.copies()[f"pg/daily/1.dump@{version}"]
    modified = place.modified("pg/daily/1.dump", version)
    assert copy.status is CopyStatus.DUE
    assert copy.due == midnight(midnight(modified, 30), 7)
    assert copy.expected_by == midnight(midnight(modified, 30) + DAY, 7) + DAY
    assert (copy.taken_from, copy.taken_until) == (modified - timedelta(hours=6), modified)
    assert (copy.store, copy.kind, copy.size) == ("main", "pg_dump", 4)


def test_noncurrent_versions_are_copies_and_markers_are_none(place: Place) -> None:
    first, second = place.put("pg/daily/1.dump"), place.put("pg/daily/1.dump")
    marker = place.s3.delete_object(Bucket=place.bucket, Key="pg/daily/1.dump")["VersionId"]
    copies = place.copies()
    assert copies.keys() == {f"pg/daily/1.dump@{first}", f"pg/daily/1.dump@{second}"}
    [deleted] = [
        one["LastModified"]
        for one in place.s3.list_object_versions(Bucket=place.bucket)["DeleteMarkers"]
        if one["VersionId"] == marker
    ]
    assert copies[f"pg/daily/1.dump@{second}"].due == midnight(deleted, 7)
    assert copies[f"pg/daily/1.dump@{first}"].due == midnight(place.modified("pg/daily/1.dump", second), 7)


def test_without_a_rule_it_never_ends(place: Place) -> None:
    version = place.put("pg/archive/1.dump")
    copy = place.copies()[f"pg/archive/1.dump@{version}"]
    assert (copy.status, copy.due) == (CopyStatus.NEVER, None)
    assert copy.blocker == "no enabled lifecycle rule expires current versions of this key"


def test_a_number_of_newer_versions_is_a_condition(place: Place) -> None:
    versions = [place.put("pg/count/1.dump") for _ in range(4)]
    copies = place.copies()
    statuses = [copies[f"pg/count/1.dump@{version}"].status for version in versions]
    # Two noncurrent ones have a newer noncurrent one; the newest noncurrent and the current have none.
    assert statuses == [CopyStatus.DUE, CopyStatus.DUE, CopyStatus.CONDITIONAL, CopyStatus.CONDITIONAL]


def test_tags_decide(place: Place) -> None:
    short = place.put("pg/tagged/a", Tagging="keep=short")
    long = place.put("pg/tagged/b", Tagging="keep=long")
    copies = place.copies()
    assert copies[f"pg/tagged/a@{short}"].status is CopyStatus.DUE
    assert "rule tagged" in copies[f"pg/tagged/a@{short}"].ground
    assert copies[f"pg/tagged/b@{long}"].status is CopyStatus.NEVER


def test_locks_and_holds(place: Place) -> None:
    locked, held = place.put("pg/daily/locked"), place.put("pg/daily/held")
    until = datetime.now(UTC).replace(microsecond=0) + 90 * DAY
    place.s3.put_object_retention(
        Bucket=place.bucket, Key="pg/daily/locked", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until}
    )
    place.s3.put_object_legal_hold(Bucket=place.bucket, Key="pg/daily/held", LegalHold={"Status": "ON"})
    copies = place.copies()
    assert copies[f"pg/daily/locked@{locked}"].due == until
    assert copies[f"pg/daily/locked@{locked}"].expected_by == until + DAY
    assert copies[f"pg/daily/held@{held}"].status is CopyStatus.HELD


def sent_by(place: Place) -> list[str]:
    """The operations that boto3 really sends from now on."""
    sent: list[str] = []
    place.connector._service._client().meta.events.register(
        "before-call.s3", lambda model, **_: sent.append(model.name)
    )
    return sent


def test_how_a_bucket_is_set_up_is_known_for_a_while_and_what_is_in_it_is_listed_each_time(place: Place) -> None:
    first = place.put("pg/daily/1.dump")
    place.copies()
    sent = sent_by(place)
    second, third = place.put("pg/daily/1.dump"), place.put("pg/daily/3.dump")
    place.s3.put_object_legal_hold(Bucket=place.bucket, Key="pg/daily/3.dump", LegalHold={"Status": "ON"})
    copies = place.copies()
    # Of the new ones everything is asked, of the old one nothing: its place among the versions is seen in the listing.
    assert sorted(sent) == [
        *["GetObjectLegalHold"] * 2,
        *["GetObjectRetention"] * 2,
        *["GetObjectTagging"] * 2,
        *["HeadObject"] * 2,
        "ListBuckets",
        "ListObjectVersions",
    ]
    assert copies[f"pg/daily/1.dump@{first}"].due == midnight(place.modified("pg/daily/1.dump", second), 7)
    assert copies[f"pg/daily/3.dump@{third}"].status is CopyStatus.HELD
    sent.clear()
    place.s3.delete_object(Bucket=place.bucket, Key="pg/daily/1.dump", VersionId=first)
    assert place.copies().keys() == copies.keys() - {f"pg/daily/1.dump@{first}"}
    assert sent == ["ListBuckets", "ListObjectVersions"]


def test_a_hold_is_seen_after_an_inspection_at_the_latest(place: Place) -> None:
    held = f"pg/daily/held@{place.put('pg/daily/held')}"
    assert place.copies()[held].status is CopyStatus.DUE
    place.s3.put_object_legal_hold(Bucket=place.bucket, Key="pg/daily/held", LegalHold={"Status": "ON"})
    place.connector.inspect()
    assert place.copies()[held].status is CopyStatus.HELD


def test_an_object_that_was_written_over_is_another_one(
    s3: S3Client, servers: Endpoints, bucket: BucketFactory
) -> None:
    """Without versions both are `null`."""
    place = Place(s3, servers, bucket())
    rule = {
        "ID": "tagged",
        "Status": "Enabled",
        "Filter": {"Tag": {"Key": "keep", "Value": "short"}},
        "Expiration": {"Days": 2},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=place.bucket, LifecycleConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=place.bucket, Key="pg/1.dump", Body=b"x")
    assert place.copies()["pg/1.dump@null"].status is CopyStatus.NEVER
    s3.put_object(Bucket=place.bucket, Key="pg/1.dump", Body=b"longer", Tagging="keep=short")
    assert place.copies()["pg/1.dump@null"].status is CopyStatus.DUE
    place.connector.close()


def test_the_time_of_a_listing_is_not_later_than_what_it_shows(place: Place) -> None:
    """What is copied after it may be missing."""
    place.put("pg/daily/1.dump")
    asked: list[str] = []
    place.connector.identity()
    events = place.connector._service._client().meta.events
    events.register("after-call.s3.ListBuckets", lambda http_response, **_: asked.append(http_response.headers["Date"]))
    events.register("before-call.s3.ListObjectVersions", lambda **_: asked.append("listed"))
    at = place.connector.copies().at
    assert asked[1:] == ["listed"]
    assert at == parsedate_to_datetime(asked[0])


def test_an_unversioned_bucket(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    place = Place(s3, servers, bucket())
    s3.put_object(Bucket=place.bucket, Key="pg/1.dump", Body=b"x")
    assert place.copies()["pg/1.dump@null"].status is CopyStatus.NEVER
    rule = {"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 2}}
    s3.put_bucket_lifecycle_configuration(Bucket=place.bucket, LifecycleConfiguration={"Rules": [rule]})
    place.connector.inspect()  # which has it look at the rules again
    copy = place.copies()["pg/1.dump@null"]
    assert copy.due == midnight(copy.taken_until, 2)
    assert copy.expected_by == copy.due + DAY
    place.connector.close()


def test_a_file_sent_while_it_is_read_may_hold_later_data(
    s3: S3Client, servers: Endpoints, bucket: BucketFactory
) -> None:
    name = bucket()
    upload = s3.create_multipart_upload(Bucket=name, Key="pg/base")["UploadId"]
    parts = [
        {
            "ETag": s3.upload_part(Bucket=name, Key="pg/base", UploadId=upload, PartNumber=n, Body=b"x" * 5 * 2**20)[
                "ETag"
            ],
            "PartNumber": n,
        }
        for n in (1, 2)
    ]
    s3.complete_multipart_upload(
        Bucket=name,
        Key="pg/base",
        UploadId=upload,
        MultipartUpload={"Parts": parts},
    )
    for kind, later in (("basebackup", timedelta(hours=6)), ("pg_dump", timedelta())):
        place = Place(s3, servers, name, kind=kind)
        [copy] = place.connector.copies().copies
        modified = s3.head_object(Bucket=name, Key="pg/base")["LastModified"]
        assert copy.taken_until == modified + later
        assert copy.taken_from == modified - timedelta(hours=6)
        place.connector.close()


def test_the_control_is_no_copy_and_what_it_proves_is_said(
    s3: S3Client, servers: Endpoints, bucket: BucketFactory
) -> None:
    place = Place(s3, servers, bucket(), control="pg/README.txt")
    assert place.connector.copies().control is None
    assert "backups-control-missing" in {finding.code for finding in place.connector.inspect()}
    s3.put_object(Bucket=place.bucket, Key="pg/README.txt2", Body=b"x")
    assert place.connector.copies().control == "entries below the prefix"
    s3.put_object(Bucket=place.bucket, Key="pg/README.txt", Body=b"x")
    listing = place.connector.copies()
    assert listing.control == "object pg/README.txt"
    assert [copy.id for copy in listing.copies] == ["pg/README.txt2@null"]
    place.connector.close()


@pytest.mark.parametrize("control", ["README.txt", "redis/README.txt", "pg"])
def test_a_control_elsewhere_is_refused(control: str) -> None:
    """Law 8: it would prove another listing."""
    with pytest.raises(ValidationError, match="control must begin with prefix"):
        S3BackupsSpec.model_validate(
            {"connector": "s3-backups", "of": "main", "bucket": "bkt", "prefix": "pg/", "kind": "pg_dump",
             "control": control}
        )  # fmt: skip


def test_nothing_outside_the_prefix_and_no_deleted_object_is_a_control(place: Place) -> None:
    place.put("README.txt")
    place.put("pgx/1.dump")
    assert place.connector.copies().control is None
    declared = S3BackupsSpec.model_validate({**place.connector._spec.model_dump(), "control": "pg/README.txt"})
    place.connector._spec = declared
    place.put("pg/README.txt")
    assert place.connector.copies().control == "object pg/README.txt"
    place.s3.delete_object(Bucket=place.bucket, Key="pg/README.txt")
    listing = place.connector.copies()
    assert (listing.control, listing.copies) == (None, ())


def test_a_listing_says_of_which_storage_it_is_and_what_it_could_show(
    s3: S3Client, servers: Endpoints, bucket: BucketFactory
) -> None:
    name = bucket()
    here, other = Place(s3, servers, name), Place(s3, servers, name, prefix="pgx/")
    elsewhere = Place(s3, servers, bucket())
    one, same, another = (place.connector.copies() for place in (here, other, elsewhere))
    assert one.identity == same.identity != another.identity
    assert (one.below, same.below, another.below) == ("pg/", "pgx/", "pg/")
    assert here.connector.copies().identity == here.connector.identity().digest
    for place in (here, other, elsewhere):
        place.connector.close()


def test_other_prefixes_are_other_places(place: Place) -> None:
    place.put("redis/1.rdb")
    place.put("pgx/1.dump")
    assert place.copies() == {}


def test_only_reading_requests_are_sent(place: Place) -> None:
    place.put("pg/daily/1.dump", Tagging="keep=short")
    sent: set[str] = set()
    place.connector._service._client().meta.events.register("before-call.s3", lambda model, **_: sent.add(model.name))
    place.connector.copies()
    place.connector.inspect()
    place.connector.identity()
    assert {"ListObjectVersions", "GetBucketLifecycleConfiguration", "GetObjectRetention"} <= sent
    assert all(name.startswith(("Get", "Head", "List")) and name != "GetObject" for name in sent)


VERSIONS = b"""<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>pg/1</Key><VersionId>v</VersionId>
<IsLatest>true</IsLatest><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>1</Size></Version>
</ListVersionsResult>"""
BUCKETS = b"""<ListAllMyBucketsResult><Owner><ID>us</ID></Owner><Buckets><Bucket><Name>bkt</Name>
<CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>"""


def rule(conditions: str = "", days: str = "<Days>900</Days>") -> bytes:
    """A lifecycle configuration of one rule, as a service sends it."""
    return f"""<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ID>x</ID>
    <Filter>{conditions}</Filter><Status>Enabled</Status><Expiration>{days}</Expiration></Rule>
    </LifecycleConfiguration>""".encode()


@pytest.mark.parametrize(
    ("lifecycle", "status", "words"),
    [
        ((403, error("AccessDenied")), CopyStatus.UNKNOWN, "could not be read"),
        ((501, error("NotImplemented")), CopyStatus.UNKNOWN, "could not be read"),
        ((404, error("NoSuchLifecycleConfiguration")), CopyStatus.NEVER, "no enabled lifecycle rule"),
        ((200, rule()), CopyStatus.DUE, None),
        # What the driver drops: the rule would seem to cover the bucket, or to do nothing.
        ((200, rule("<ObjectAgeClass>cold</ObjectAgeClass>")), CopyStatus.UNKNOWN, "ObjectAgeClass"),
        ((200, rule("<And><Prefix>pg</Prefix><Owner>me</Owner></And>")), CopyStatus.UNKNOWN, "Owner"),
        ((200, rule(days="<Hours>5</Hours>")), CopyStatus.UNKNOWN, "Hours"),
        ((200, rule("<And><Prefix>other</Prefix><Owner>me</Owner></And>")), CopyStatus.NEVER, "no enabled"),
    ],
)
def test_an_unreadable_configuration_is_unknown_and_an_absent_one_is_never(
    servers: Endpoints, s3: S3Client, lifecycle: Answer, status: CopyStatus, words: str | None
) -> None:
    """SeaweedFS cannot refuse a single right, and has no rules of a new kind, so the answers are scripted."""
    no_lock = (404, error("ObjectLockConfigurationNotFoundError"))
    copy = scripted(s3, servers, no_lock, lifecycle, (403, b""))
    assert (copy.status, copy.due is None) == (status, status is not CopyStatus.DUE)
    assert (copy.blocker is None) if words is None else words in str(copy.blocker)


@pytest.mark.parametrize("head", [(403, b""), (400, b"")])
def test_an_event_hold_that_cannot_be_seen_leaves_no_date(servers: Endpoints, s3: S3Client, head: Answer) -> None:
    """HEAD alone tells of it: refused without the right to read, 400 where the key is the customer's."""
    locks = b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"
    nothing = (404, error("NoSuchObjectLockConfiguration"))
    copy = scripted(s3, servers, (200, locks), (200, rule()), head, nothing, nothing)
    assert (copy.status, copy.due) == (CopyStatus.UNKNOWN, None)
    assert "event hold" in str(copy.blocker)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"ObjectLockEventHold": "ON", "ObjectLockEventHoldDurationDays": 30}, CopyStatus.HELD),
        ({"ObjectLockEventHold": "OFF", "ObjectLockEventHoldDurationDays": 30}, CopyStatus.UNKNOWN),
        ({"ObjectLockEventHold": "OFF", "ObjectLockEventHoldDurationYears": 1}, CopyStatus.UNKNOWN),
        ({"ObjectLockEventHold": "OFF"}, CopyStatus.DUE),
    ],
)
def test_an_event_hold(place: Place, headers: dict[str, object], status: CopyStatus) -> None:
    """Since when it is released nothing tells. SeaweedFS has none."""
    copy_id = f"pg/daily/1.dump@{place.put('pg/daily/1.dump')}"
    events = place.connector._service._client().meta.events
    events.register("after-call.s3.HeadObject", lambda parsed, **_: parsed.update(headers))
    assert place.copies()[copy_id].status is status


def scripted(s3: S3Client, servers: Endpoints, locks: Answer, lifecycle: Answer, *of_version: Answer) -> BackupCopy:
    """The one copy of a place that answers so."""
    answers = (
        (200, BUCKETS),
        locks,
        (404, error("ReplicationConfigurationNotFoundError")),
        (200, b"<VersioningConfiguration/>"),
        lifecycle,
        (200, VERSIONS),
        *of_version,
    )
    with faulty(*answers) as (url, _):
        place = Place(s3, servers, "bkt")
        place.connector._service._connection = connection(servers, endpoint_url=url, workers=1)
        [copy] = place.connector.copies().copies
        place.connector.close()
        return copy


def test_findings(place: Place, s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    assert {finding.code: finding.severity for finding in place.connector.inspect()}.items() >= {
        "backups-no-control": Severity.INFO
    }.items()
    other = Place(s3, servers, bucket(versioning=True), prefix="elsewhere/")
    assert "backups-never-expire" in {finding.code for finding in other.connector.inspect()}
    rule = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "else"}, "Expiration": {"Days": 2}}
    s3.put_bucket_lifecycle_configuration(Bucket=other.bucket, LifecycleConfiguration={"Rules": [rule]})
    codes = {finding.code for finding in other.connector.inspect()}
    assert "backups-expire-current-only" in codes
    assert "backups-never-expire" not in codes
    other.connector.close()


def test_more_copies_than_a_page_holds(place: Place) -> None:
    """A copy that a listing overlooks would be taken for gone; pages end between the versions of a key, too."""
    ids = {f"pg/daily/{number}.dump@{place.put(f'pg/daily/{number}.dump')}" for number in (1, 2, 3, 1, 2, 3, 1, 2, 3)}
    events = place.connector._service._client().meta.events
    pages: list[int] = []

    def small(params: dict[str, Any], **_: object) -> dict[str, Any]:
        pages.append(1)
        return {**params, "MaxKeys": 5}

    events.register("provide-client-params.s3.ListObjectVersions", small)
    assert place.copies().keys() == ids
    assert len(pages) == 2


MANY = [f"pg/a-{n:04}" for n in range(600)] + [f"pg/a/{n:04}" for n in range(600)] + ["pg/b"]


@pytest.mark.heavy
def test_no_copy_is_hidden_where_a_listing_has_several_pages(place: Place) -> None:
    """SeaweedFS leaves out names beside a folder at which a page ends; its listing of current objects does not."""
    with ThreadPoolExecutor(8) as pool:
        put = set(pool.map(lambda key: f"{key}@{place.put(key)}", MANY))
    assert {f"{line.key}@{line.version}" for line in listing(place.connector._service, place.bucket, "pg/")} == put
    assert place.connector.still_there(put) == put


class Forgetful:
    """A place whose listing leaves copies out."""

    def __init__(self, place: Place) -> None:
        self.place, self.hidden = place, set[str]()
        self.inspect, self.identity, self.close = (
            getattr(place.connector, verb) for verb in ("inspect", "identity", "close")
        )
        self.name = "dumps"

    def copies(self) -> CopyListing:
        """What is listed."""
        listed = self.place.connector.copies()
        return replace(listed, copies=tuple(one for one in listed.copies if one.id not in self.hidden))


class Asked(Forgetful):
    """The same, with the verb that asks."""

    def still_there(self, ids: Collection[str]) -> frozenset[str]:
        """Ask."""
        return self.place.connector.still_there(ids)


@pytest.mark.parametrize("kind", [Asked, Forgetful])
def test_a_copy_is_asked_for_before_it_is_called_gone(place: Place, kind: type[Forgetful], tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger")
    backups = {"dumps": kind(place)}
    stays, goes = place.put("pg/daily/1"), place.put("pg/daily/2")

    def gone() -> set[str]:
        listings = backup_copies.observe(backups, ledger)
        with ledger.begin() as connection:
            backup_copies.record(connection, listings)
            rows = connection.execute(sa.select(backup_copy.c.copy_id, backup_copy.c.observed_gone_at)).fetchall()
        return {copy_id for copy_id, at in rows if at is not None}

    assert gone() == set()
    backups["dumps"].hidden = {f"pg/daily/2@{goes}"}
    if kind is Asked:
        assert gone() == set()
        place.s3.delete_object(Bucket=place.bucket, Key="pg/daily/2", VersionId=goes)
    assert gone() == set(), "one look may err"
    assert missed_long_ago(ledger) == 1
    assert gone() == {f"pg/daily/2@{goes}"}
    assert place.connector.still_there([f"pg/daily/1@{stays}", f"pg/daily/2@{stays}", "pg/daily/1@junk"]) == {
        f"pg/daily/1@{stays}"
    }
    ledger.dispose()


def test_without_a_ledger_nothing_is_said_to_be_gone(place: Place) -> None:
    place.put("pg/daily/1")
    assert [one.gone for one in backup_copies.observe({"dumps": place.connector})] == [frozenset()]


@pytest.mark.parametrize("answer", [(403, b""), (400, b""), (501, b"")])
@pytest.mark.parametrize(("listed", "there"), [("v1", {"pg/1@v1"}), ("v2", set())])
def test_where_versions_may_not_be_read_they_are_listed(
    answer: tuple[int, bytes], listed: str, there: set[str]
) -> None:
    page = (
        "<ListVersionsResult><IsTruncated>false</IsTruncated>"
        f"<Version><Key>pg/1</Key><VersionId>{listed}</VersionId><IsLatest>true</IsLatest>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>1</Size></Version></ListVersionsResult>"
    )
    with faulty(answer, (200, page.encode())) as (url, script):
        spec = {"connector": "s3-backups", "of": "main", "bucket": "dumps", "prefix": "pg/", "kind": "pg_dump"}
        the_map = data_map({"main": MAIN}, {"dumps": S3BackupsSpec.model_validate(spec)})
        settings = S3BackupsConnection.model_validate(
            {"endpoint_url": url, "access_key_id": "a", "secret_access_key": "b", "timeout_seconds": 5}
        )
        connector = S3Backups("dumps", the_map, settings, wait=wait_none())
        assert connector.still_there(["pg/1@v1"]) == there
        connector.close()
    assert script.seen[0] == "HEAD"
    assert script.seen[-1] == "GET"


def test_a_place_that_does_not_answer_makes_no_copy_gone() -> None:
    with faulty((503, b"")) as (url, _):
        spec = {"connector": "s3-backups", "of": "main", "bucket": "dumps", "prefix": "pg/", "kind": "pg_dump"}
        the_map = data_map({"main": MAIN}, {"dumps": S3BackupsSpec.model_validate(spec)})
        settings = S3BackupsConnection.model_validate(
            {"endpoint_url": url, "access_key_id": "a", "secret_access_key": "b", "timeout_seconds": 5}
        )
        connector = S3Backups("dumps", the_map, settings, wait=wait_none())
        with pytest.raises(TransientError):
            connector.still_there(["pg/1@v1"])
        connector.close()
