"""A copy as it stands: what its connector says of its end, and whether its last day has passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest
import sqlalchemy as sa

from expunge_connectors.contract import (
    LONGEST_COPY_ID,
    LONGEST_KIND,
    BackupConnector,
    BackupCopy,
    CopyListing,
    CopyStatus,
)
from expunge_connectors.errors import TerminalError
from expunge_orchestrator import backup_copies
from expunge_orchestrator.cli import copies as copies_verb
from expunge_orchestrator.clock import exact, stamp
from expunge_orchestrator.ledger import tables
from expunge_reports import counted_copies
from expunge_reports.forms import shared_documents
from expunge_reports.statement import OpenCopies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

AT = datetime(2026, 11, 29, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def copy(
    expected_by: datetime | None = None,
    status: CopyStatus = CopyStatus.DUE,
    *,
    kind: str = "pg_dump",
    id: str = "pg/1.dump@v1",  # noqa: A002 - as the copy has it
) -> BackupCopy:
    return BackupCopy(
        place="dumps",
        store="main",
        kind=kind,
        id=id,
        taken_from=AT - 90 * DAY,
        taken_until=AT - 90 * DAY,
        status=status,
        due=None if expected_by is None else expected_by - 2 * DAY,
        expected_by=expected_by,
        ground="lifecycle rule d: expires 30 days after creation",
        blocker=None if expected_by is not None else "no rule",
        size=1,
    )


class Place:
    def __init__(self, *held: BackupCopy, control: str | None = "entries below the prefix", at: datetime = AT) -> None:
        self.held, self.control, self.at = held, control, at

    def copies(self) -> CopyListing:
        return CopyListing("dumps", "id", self.at, self.held, self.control)


class AskedPlace(Place):
    """A place whose listing leaves out what is there by name."""

    def still_there(self, ids: Collection[str]) -> frozenset[str]:
        return frozenset(ids)


def observed(*held: BackupCopy) -> list[BackupCopy]:
    places = cast("Mapping[str, BackupConnector]", {"dumps": Place(*held)})
    [listing] = backup_copies.observe(places)
    return list(listing.copies)


@pytest.mark.parametrize(
    ("expected_by", "status"),
    [
        (AT - timedelta(seconds=1), CopyStatus.OVERDUE),
        (AT, CopyStatus.DUE),  # it may still go in this second
        (AT + DAY, CopyStatus.DUE),
    ],
)
def test_a_copy_that_is_seen_after_its_last_day_is_overdue(expected_by: datetime, status: CopyStatus) -> None:
    [seen] = observed(copy(expected_by))
    assert (seen.status, seen.expected_by) == (status, expected_by)
    [stated] = backup_copies.as_statement([seen])
    assert (stated["status"], stated["due"] is None, stated["expectedBy"] is None) == (status.value, False, False)


@pytest.mark.parametrize("status", [CopyStatus.NEVER, CopyStatus.HELD, CopyStatus.CONDITIONAL, CopyStatus.UNKNOWN])
def test_what_has_no_day_is_never_overdue(status: CopyStatus) -> None:
    assert [one.status for one in observed(copy(None, status))] == [status]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sa.Engine]:
    """Knows one copy, which was listed before."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger'}")
    tables.metadata.create_all(engine, tables=[tables.backup_copy])
    with engine.begin() as connection:
        backup_copies.record(connection, [Place(copy(AT + DAY)).copies()])
    yield engine
    engine.dispose()


HOUR = timedelta(hours=1)
LISTED = Place(copy(AT + DAY))


def looked(ledger: sa.Engine, place: Place) -> tuple[frozenset[str], bool]:
    """What is called gone by a look, and whether the ledger's copy is; of one that is neither, it is said why."""
    listings = backup_copies.observe(cast("Mapping[str, BackupConnector]", {"dumps": place}), ledger)
    unseen = backup_copies.unseen(listings, ledger)
    assert all("two looks" in one.why or "second look" in one.why for one in unseen)
    with ledger.begin() as connection:
        backup_copies.record(connection, listings)
    with ledger.connect() as connection:
        gone = connection.scalar(sa.select(tables.backup_copy.c.observed_gone_at)) is not None
    assert len(unseen) == (not gone and not place.held), "it counts as there"
    return listings[0].gone, gone


@pytest.mark.parametrize(
    ("looks", "gone"),
    [
        ([Place()], False),
        ([Place(), Place(at=AT + HOUR)], True),
        ([Place(), Place(at=AT + HOUR - timedelta(seconds=1))], False),
        ([Place(), Place(at=AT + HOUR / 2), Place(at=AT + HOUR)], True),
        ([Place(control=None), Place(at=AT + HOUR)], False),
        ([Place(), Place(control=None, at=AT + HOUR)], False),
        ([Place(), LISTED, Place(at=AT + HOUR)], False),
        ([Place(), AskedPlace(at=AT + HOUR)], False),
        ([AskedPlace(), Place(at=AT + HOUR)], False),
        ([Place(at=AT + HOUR), Place()], False),
    ],
    ids=[
        "missed once",
        "missed twice",
        "missed twice within the hour",
        "missed three times in an hour",
        "first look found nothing at all",
        "second look found nothing at all",
        "listed between",
        "second look finds it by name",
        "first look found it by name",
        "the storage's clock was set back",
    ],
)
def test_a_copy_is_gone_when_two_looks_an_hour_apart_missed_it(
    ledger: sa.Engine, looks: list[Place], *, gone: bool
) -> None:
    """Each beside something in the same listing that is (law 8)."""
    seen = [looked(ledger, place) for place in looks]
    assert seen[-1] == (frozenset({copy().id} if gone else ()), gone)
    assert not any(one for _, one in seen[:-1])


def test_a_copy_that_comes_back_after_it_was_gone_is_a_copy_again(ledger: sa.Engine) -> None:
    for place in (Place(), Place(at=AT + HOUR)):
        looked(ledger, place)
    assert looked(ledger, Place(copy(AT + DAY), at=AT + 2 * HOUR)) == (frozenset(), False)
    assert looked(ledger, Place(at=AT + 3 * HOUR)) == (frozenset(), False)
    assert looked(ledger, Place(at=AT + 4 * HOUR)) == (frozenset({copy().id}), True)


def test_an_overdue_copy_is_open_and_gives_no_day_ahead() -> None:
    owed = backup_copies.outstanding(observed(copy(AT - DAY), copy(AT + DAY, id="pg/2.dump@v2")))
    assert owed == OpenCopies(2, 1, AT + DAY, AT + DAY)


@pytest.mark.parametrize(
    ("ends", "day"),
    [
        ([AT + DAY, AT + 9 * DAY], (AT + 9 * DAY).date()),
        ([AT + DAY, AT - DAY], None),  # one is overdue
        ([AT + DAY, None], None),
        ([], None),
    ],
)
def test_by_when_no_copy_of_the_ledger_is_left(ends: list[datetime | None], day: date | None) -> None:
    held = [
        replace(copy(end, CopyStatus.DUE if end else CopyStatus.NEVER), store="ledger", id=f"pg/{number}")
        for number, end in enumerate(ends)
    ]
    places = cast("Mapping[str, BackupConnector]", {"dumps": Place(*held, copy(AT + 90 * DAY))})
    assert backup_copies.last_day_of_ledger(backup_copies.observe(places), AT) == day


def test_the_table_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    copies_verb.show(observed(copy(AT - DAY), copy(None, CopyStatus.NEVER, id="pg/2.dump@v2")))
    shown = capsys.readouterr().out
    assert "OVERDUE 2026-11-26 10:00" in shown
    assert "NEVER" in shown


def test_a_copy_whose_names_the_ledger_cannot_keep_is_refused() -> None:
    """Cut, it would be another copy."""
    assert copy(AT, id="a" * LONGEST_COPY_ID, kind="k" * LONGEST_KIND)
    for long in ("a" * (LONGEST_COPY_ID + 1), "ä" * (LONGEST_COPY_ID // 2 + 1)):
        with pytest.raises(TerminalError, match="longer"):
            copy(AT, id=long)
    with pytest.raises(TerminalError, match="longer"):
        copy(AT, kind="k" * (LONGEST_KIND + 1))


def test_the_keys_of_objects_are_in_no_statement() -> None:
    """A mirror has everybody's objects, each named by its key; a dump was named by the operator."""
    keys = [f"users/{number}@mail.example/passport.pdf@v" for number in range(3)]
    days = [AT + DAY, AT + DAY + timedelta(hours=1), AT + 9 * DAY]
    objects = [copy(day, kind="objects", id=key) for day, key in zip(days, keys, strict=True)]
    first = replace(objects[0], taken_from=AT - 100 * DAY, taken_until=AT - 99 * DAY)
    kept = copy(None, CopyStatus.NEVER, kind="objects", id="users/kept@v")
    held = observed(first, *objects[1:], kept, copy(AT + DAY))
    stated = backup_copies.as_statement(held)
    assert not any("users/" in str(one) for one in stated)
    assert [(one.get("id"), one.get("copies"), one["status"]) for one in stated] == [
        ("pg/1.dump@v1", None, "due"),
        (None, 2, "due"),
        (None, 1, "due"),
        (None, 1, "never"),
    ]
    assert stated[1]["takenBetween"] == [exact(AT - 100 * DAY), exact(AT - 90 * DAY)]
    assert stated[1]["expectedBy"] == stamp(days[1])
    document = shared_documents.document({"kind": "copies", "listings": [], "mayHoldTheRecords": stated})
    assert isinstance(document, shared_documents.BackupCopies)
    assert counted_copies.open_copies(document) == backup_copies.outstanding(held)
    assert backup_copies.outstanding(held) == OpenCopies(5, 1, AT + DAY, AT + 9 * DAY)


def test_of_very_many_dumps_groups_are_stated() -> None:
    """What is stated has to fit into what a verifier reads, with every document beside it."""
    many = [copy(AT + DAY, id=f"{number:04}{'x' * 2000}") for number in range(4000)]
    [stated] = backup_copies.as_statement(observed(*many))
    assert stated["copies"] == 4000
