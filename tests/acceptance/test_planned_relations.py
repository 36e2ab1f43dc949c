"""What was planned is what is done: tables are known by what they are, also in the next process (ADR 20)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.cancellation import cancel, end, keys_left
from tests.support.faulty_connector import before_call
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_demo.load_postgres import ROLE
from expunge_orchestrator.errors import StoreMismatchError
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState

pytestmark = pytest.mark.usefixtures("fresh_inspections")

SWAP = f"""
ALTER TABLE messages RENAME TO messages_planned;
ALTER TABLE messages_planned DROP CONSTRAINT messages_user_id_fkey;
CREATE TABLE messages (LIKE messages_planned INCLUDING ALL);
ALTER TABLE messages ADD FOREIGN KEY (user_id) REFERENCES users, ADD FOREIGN KEY (reply_to) REFERENCES messages;
GRANT SELECT, DELETE ON messages TO {ROLE};
"""
BACK = """
DROP TABLE messages;
ALTER TABLE messages_planned RENAME TO messages;
ALTER TABLE messages ADD CONSTRAINT messages_user_id_fkey FOREIGN KEY (user_id) REFERENCES users;
"""
HARMLESS = (
    "ALTER TABLE messages ADD mood text; CREATE INDEX extra ON messages (body); ANALYZE messages;"
    "ALTER TABLE messages ADD CONSTRAINT long CHECK (id > 0)"
)
UNDONE = "ALTER TABLE messages DROP CONSTRAINT long; DROP INDEX extra; ALTER TABLE messages DROP mood"
OF_USER = "SELECT count(*) FROM {} WHERE user_id = %s"


@pytest.fixture
def swap(inspector: StoreInspector) -> Iterator[None]:
    """Put the table back, whatever came of the test."""
    yield
    if inspector.one("SELECT pg_catalog.to_regclass('messages_planned') IS NOT NULL"):
        inspector.sql(BACK)


def next_process(installation: Installation) -> None:
    """Forget what this process knows of the stores."""
    installation.close()


def settled_by_next(installation: Installation, batch: Batch) -> Batch:
    next_process(installation)
    installation.settle()
    return installation.again(batch)


@pytest.mark.usefixtures("swap")
def test_a_table_swapped_after_the_plan_is_not_erased_from(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    inspector.sql(SWAP)
    next_process(installation)
    was = inspector.contents()
    with pytest.raises(StoreMismatchError, match="messages is another table now") as refused:
        installation.erase(batch)
    assert batch.uid in str(refused.value.remedy)
    assert changed(was, inspector.contents()) == {}
    assert installation.again(batch).state is BatchState.PLANNED
    inspector.sql(BACK)
    next_process(installation)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert inspector.one(OF_USER.format("messages"), ann.id) == 0
    assert settled_by_next(installation, batch).state is BatchState.SETTLED


@pytest.mark.usefixtures("swap")
def test_a_plan_whose_table_was_swapped_can_be_cancelled_and_made_anew(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    inspector.sql(SWAP)
    next_process(installation)
    assert cancel(installation, batch).state is BatchState.CANCELLED
    again = installation.plan(ann.csv)
    assert installation.erase(again).state is BatchState.ERASED, installation.failures(again)
    assert inspector.one(OF_USER.format("messages_planned"), ann.id) == 1  # another plan, another table


@pytest.mark.usefixtures("swap")
def test_a_table_swapped_before_settling_is_not_settled_until_it_is_back(
    installation: Installation, inspector: StoreInspector
) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", ann.id)
    inspector.sql(SWAP)
    assert settled_by_next(installation, batch).state is BatchState.FAILED
    assert "messages is another table now; the planned one is called public.messages_planned" in installation.failures(
        batch
    )
    assert f"expunge retry {batch.uid}" in installation.failures(batch)
    assert "expunge end" in installation.failures(batch)
    assert "expunge cancel" not in installation.failures(batch)  # it would be refused: something was erased
    next_process(installation)
    assert installation.erase(batch).state is BatchState.FAILED  # a retry looks again
    inspector.sql(BACK)
    next_process(installation)
    assert installation.erase(batch).state in {BatchState.ERASED, BatchState.SETTLED}, installation.failures(batch)
    assert settled_by_next(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    assert inspector.one(OF_USER.format("messages"), ann.id) == 0
    assert installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]]
    assert_chain_intact(installation, batch)


@pytest.mark.usefixtures("swap")
def test_an_end_states_what_was_not_looked_at_any_more(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    installation.erase(batch)
    inspector.sql(SWAP)
    assert settled_by_next(installation, batch).state is BatchState.FAILED
    next_process(installation)
    assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    assert installation.events(batch) == [["accepted", "erased", "partially-erased"]]
    (said,) = statements_of(installation, batch, "partially-erased")
    assert "not looked at any more" in str(said.body["reason"])
    lines = lines_of(said.body)
    assert lines["main.messages"] == ("left", 1, 1)
    [main] = [store for store in said.body["stores"] if store["store"] == "main"]  # type: ignore[attr-defined]
    assert {"collection": "messages", "outcome": "left", "found": 1, "gone": 1, "unseen": True} in main["collections"]
    assert {outcome for name, (outcome, *_) in lines.items() if name != "main.messages"} <= {
        "not-found",
        "retained",
        "tombstoned",
        "erased",
    }
    assert keys_left(installation, batch) == 0
    assert_chain_intact(installation, batch)


def test_what_merely_comes_is_no_change(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    inspector.sql(HARMLESS)
    try:
        next_process(installation)
        assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
        assert settled_by_next(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    finally:
        inspector.sql(UNDONE)


@pytest.mark.usefixtures("swap")
def test_a_table_swapped_while_chunks_wait_is_seen_by_whoever_takes_them_up(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Begun in one process, which died before anything was asked; taken up by the next."""
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    assert batch_lifecycle.start(installation.workspace, batch)
    inspector.sql(SWAP)
    next_process(installation)
    was = inspector.contents()
    assert installation.erase(batch).state is BatchState.FAILED
    assert "resolve: The store main is not as it was" in installation.failures(batch)
    assert changed(was, inspector.contents()) == {}
    assert cancel(installation, batch).state is BatchState.CANCELLED
    assert installation.events(batch) == [["accepted", "cancelled"]]


@pytest.mark.usefixtures("swap")
def test_a_table_swapped_as_the_people_are_counted_is_not_erased_from(
    installation: Installation, inspector: StoreInspector
) -> None:
    """An inspection found the new table in order: that is no approval of it."""
    ann, was = make_holder(inspector), inspector.contents()
    batch = installation.plan(ann.csv)
    store = installation.workspace.stores["main"]

    def swapped() -> None:
        inspector.sql(SWAP)
        inspector.sql("INSERT INTO messages (user_id, body) SELECT user_id, body FROM messages_planned")
        store.inspect()
        was.update(inspector.contents())

    main = before_call(store, "count", swapped)
    assert installation.erase(batch, installation.with_stores({"main": main})).state is BatchState.FAILED
    assert "erase:main: The store main is not as it was" in installation.failures(batch)
    assert inspector.one(OF_USER.format("messages"), ann.id) == 1
    assert not any(place.startswith("table ") for place in changed(was, inspector.contents()))
