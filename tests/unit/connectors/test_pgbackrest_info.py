"""`backup.info` of real repositories as a catalogue, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.pgbackrest_repository import SYSTEM_ID, Made, backup_info

from expunge_connectors.backup_catalogues.catalogue import CatalogueError, EncryptedError, Kind
from expunge_connectors.backup_catalogues.pgbackrest_info import read

SAMPLES = Path(__file__).parent / "pgbackrest_samples"
START = datetime(2026, 10, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.info")), ids=lambda path: path.name)
def test_what_the_tool_wrote_is_read(sample: Path) -> None:
    catalogue = read(sample.read_bytes())
    assert catalogue.fulls
    assert [one.start for one in catalogue.backups] == sorted(one.start for one in catalogue.backups)


def test_every_field_of_a_backup() -> None:
    full, diff, incr = read((SAMPLES / "count.1.info").read_bytes()).backups
    assert (full.label, full.kind, full.parent, full.references) == ("20261124-135414F", Kind.FULL, None, ())
    assert (full.start, full.stop) == tuple(datetime(2026, 11, 24, 13, 54, second, tzinfo=UTC) for second in (14, 15))
    assert (full.lsn_start, full.lsn_stop, full.timeline, full.error) == ("0/3000028", "0/3000120", 1, False)
    assert (diff.kind, diff.parent) == (Kind.DIFF, full.label)
    assert (diff.wal_start, diff.wal_stop) == ("000000010000000000000007", "000000010000000000000008")
    assert (incr.kind, incr.parent, incr.references) == (Kind.INCR, diff.label, (full.label, diff.label))


def test_the_archive_of_a_database() -> None:
    catalogue = read((SAMPLES / "s3.info").read_bytes())
    assert catalogue.archive_id(catalogue.backups[0].database) == "17-1"
    assert catalogue.databases[1].system_id == 7711735985156644575
    assert read(backup_info()).databases[2].system_id == SYSTEM_ID


@pytest.mark.parametrize("cut", range(1, 300, 7))
def test_half_a_file_is_refused(cut: int) -> None:
    whole = (SAMPLES / "s3.info").read_bytes()
    with pytest.raises(CatalogueError):
        read(whole[: -cut - 1])


def test_a_file_with_another_byte_is_refused() -> None:
    whole = (SAMPLES / "s3.info").read_bytes()
    with pytest.raises(CatalogueError, match="checksum is wrong"):
        read(whole.replace(b"1795528456", b"1795528457"))


def test_a_file_without_a_backup_that_it_had_is_refused() -> None:
    lines = (SAMPLES / "s3.info").read_bytes().split(b"\n")
    with pytest.raises(CatalogueError, match="checksum is wrong"):
        read(b"\n".join(line for line in lines if b"D={" not in line))


def test_an_encrypted_file_is_told_from_a_broken_one() -> None:
    with pytest.raises(EncryptedError):
        read(b"Salted__\x01\x02\x03")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"no section\n",
        b"[backrest]\nbackrest-checksum=\n",
        backup_info(form=6),
        backup_info(Made("diff", START, 3)),
        backup_info(Made("full", START, 3, prior="20260901-020000F")),
        backup_info(Made("full", START, 3, took=timedelta(seconds=-1))),
        backup_info(Made("full", START, 3, db=7)),
    ],
    ids=["empty", "binary", "text", "no-json", "format", "orphan", "full-with-parent", "ends-first", "database"],
)
def test_what_is_not_known_is_refused(data: bytes) -> None:
    with pytest.raises(CatalogueError):
        read(data)


def test_a_catalogue_without_backups_is_one() -> None:
    assert read(backup_info()).backups == ()
