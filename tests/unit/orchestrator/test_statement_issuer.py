"""The issuer signs nothing that a verifier would call contradictory, and dates nothing back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.receipts.statement_issuer import StatementDraft, issue, store_document
from expunge_reports import canonical, consistency, dsse, keys, statement
from expunge_reports.errors import ContradictionError
from expunge_reports.keys import KeyRing
from expunge_reports.statement import NOTHING_OPEN, Open, Statement

SERIES = "er_" + "0f" * 16
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.fixture
def signing(tmp_path: Path) -> KeyRing:
    return keys.generate(tmp_path / "keys")


@pytest.fixture
def ledger() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    tables.metadata.create_all(engine, tables=[tables.statement, tables.document])
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def draft(event: str, owed: Open | None = None, *, final: bool = False) -> StatementDraft:
    still_open = owed if owed is not None else Open(int(event in consistency.OWING))
    return StatementDraft(1, SERIES, event, ["a" * 64], {"context": []}, still_open, final)


def stated(ledger: sa.Connection) -> list[Statement]:
    rows = ledger.scalars(sa.select(tables.statement.c.envelope).order_by(tables.statement.c.seq))
    return [statement.parse(dsse.parse(one).payload) for one in rows]


def test_nothing_is_dated_before_what_it_follows(ledger: sa.Connection, signing: KeyRing) -> None:
    """The clock was set back by an hour in between."""
    for event, hours in (("accepted", 0), ("on-hold", -1), ("erased", -0.5), ("settled", 1)):
        issue(ledger, signing, [draft(event)], AT + timedelta(hours=hours))
    times = [one.issued_at for one in stated(ledger)]
    assert times == [AT, AT, AT, AT + timedelta(hours=1)]
    assert ledger.scalars(sa.select(tables.statement.c.issued_at).order_by(tables.statement.c.seq)).all() == [
        one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in times
    ]


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (["erased"], "event-order: erased"),
        (["accepted", "accepted"], "event-order: accepted"),
        (["accepted", "settled"], "event-order: settled"),
        (["accepted", "erased", "cancelled"], "event-order: cancelled"),
        (["accepted", "denied", "on-hold"], "event-order: on-hold"),
        (["accepted", "erased", "on-hold", "settled", "extended"], "event-order: extended"),
    ],
)
def test_what_cannot_follow_is_not_signed(
    ledger: sa.Connection, signing: KeyRing, events: list[str], told: str
) -> None:
    *before, last = events
    for event in before:
        issue(ledger, signing, [draft(event)], AT)
    with pytest.raises(ContradictionError, match=told):
        issue(ledger, signing, [draft(last)], AT)
    assert [one.event for one in stated(ledger)] == before


def test_what_owes_something_says_so(ledger: sa.Connection, signing: KeyRing) -> None:
    with pytest.raises(ContradictionError, match="nothing-owed: accepted"):
        issue(ledger, signing, [draft("accepted", NOTHING_OPEN)], AT)


def test_no_check_is_due_later_than_any_that_can_be_set(ledger: sa.Connection, signing: KeyRing) -> None:
    issue(ledger, signing, [draft("accepted")], AT)
    with pytest.raises(ContradictionError, match="check-too-late: erased"):
        issue(ledger, signing, [draft("erased", Open(1, AT + consistency.LONGEST_WAIT + timedelta(seconds=1)))], AT)
    issue(ledger, signing, [draft("erased", Open(1, AT + consistency.LONGEST_WAIT))], AT)


def test_a_document_that_no_verifier_would_read_is_not_cited(ledger: sa.Connection) -> None:
    """A receipt of several statements encloses several of them."""
    assert store_document(ledger, {"kind": "plan", "text": "x" * (canonical.MAX_BYTES // 4 - 100)})
    with pytest.raises(ContradictionError, match="document-too-large: plan, 4194"):
        store_document(ledger, {"kind": "plan", "text": "x" * (canonical.MAX_BYTES // 4)})
