"""When a step was first and when it was last done for a chunk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import first_done, in_order, last_done, verified_at


def test_the_last_round_counts_whatever_the_clocks_of_two_hosts_say() -> None:
    """The first host's clock was three minutes ahead; it died, and the other one took the chunk up."""
    ledger = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    tables.metadata.create_all(ledger)
    done = [
        {"round": 0, "step": 2, "name": "recount", "at": "2026-11-29T09:13:00Z"},
        {"round": 1, "step": 2, "name": "recount", "at": "2026-11-29T09:10:31Z"},
        {"round": 1, "step": 4, "name": "verify:main", "at": "2026-11-29T09:10:33Z"},
    ]
    with ledger.begin() as connection:
        connection.execute(sa.insert(tables.step_log), [{"chunk_id": 1, "epoch": 1, **one} for one in done])
        assert first_done(connection, 1, "recount") == datetime(2026, 11, 29, 9, 13, tzinfo=UTC)
        assert last_done(connection, 1) == {
            "recount": datetime(2026, 11, 29, 9, 10, 31, tzinfo=UTC),
            "verify:main": datetime(2026, 11, 29, 9, 10, 33, tzinfo=UTC),
        }
    ledger.dispose()


@pytest.mark.parametrize(
    ("look", "stated"),
    [(-20, 0), (5, 5), (70, 10)],
    ids=["set back after the acceptance", "right", "set back after the look"],
)
def test_no_look_is_stated_before_the_acceptance_or_after_what_tells_of_it(look: int, stated: int) -> None:
    accepted = datetime(2026, 11, 29, 9, 10, tzinfo=UTC)
    looked, told = accepted + timedelta(minutes=look), accepted + timedelta(minutes=10)
    done = {"accept": accepted, "verify:cache": looked, "verify:main": looked + timedelta(seconds=1)}
    assert in_order(done, looked, told) == accepted + timedelta(minutes=stated)
    assert verified_at(done, "verify", told, None) == accepted + timedelta(minutes=stated)


@pytest.mark.parametrize(("look", "stated"), [(20, 60), (60, 60), (70, 70)], ids=["set back since", "at once", "right"])
def test_no_look_is_stated_before_an_earlier_one_was_told(look: int, stated: int) -> None:
    """The later statement is not dated before the earlier one either, whatever the clock shows by then."""
    accepted = datetime(2026, 11, 29, 9, 10, tzinfo=UTC)
    looked, told_before = accepted + timedelta(minutes=look), accepted + timedelta(minutes=60)
    done = {"accept": accepted, "review:main": looked}
    told = looked + timedelta(seconds=1)
    assert verified_at(done, "review", told, told_before) == accepted + timedelta(minutes=stated)
