"""What the ledger holds when the first store is asked to erase (law 6), and by whose clock what is newer (law 7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batch_cutoffs import cutoffs_of
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.subjects.member_proof import unmark


def test_intent_keys_and_suppression_entries_are_durable(installation: Installation, inspector: StoreInspector) -> None:
    """A process that is killed in that moment has lost nothing by which another one goes on, or a restore is found."""
    ann = make_holder(inspector)
    batch = installation.plan(f"email\n{ann.email}\n")
    keyring, ledger = installation.workspace.keys, installation.workspace.ledger
    hers = {SubjectKey("user_id", str(ann.id)), SubjectKey("email", ann.email), SubjectKey("phone", ann.phone)}
    moments: list[tuple[bool, set[SubjectKey], set[bytes], list[str]]] = []

    def look() -> None:
        with reading(ledger) as connection:
            item = connection.execute(sa.select(tables.item).where(tables.item.c.batch_id == batch.id)).one()
            tags = set(map(bytes, connection.scalars(sa.select(tables.suppression.c.tag))))
            events = list(connection.scalars(sa.select(tables.statement.c.event)))
        sealed = ItemCipher(keyring.wrapping).open(item.wrapped_key, Sealed.KEYS, item.series, item.sealed_keys)
        moments.append((item.touched, set(map(unmark, sealed)), tags, events))

    watched = {name: before_call(store, "erase", look) for name, store in installation.workspace.stores.items()}
    ended = installation.erase(batch, installation.with_stores(watched))  # type: ignore[arg-type] - passes on all verbs
    assert ended.state is BatchState.ERASED, installation.failures(batch)
    asked, keys, tags, events = moments[0]
    assert asked, "the ledger knows that a store is asked"
    assert hers <= keys
    assert {Tagger(keyring.suppression).tag(one) for one in hers} <= tags
    assert events == ["accepted"]


def test_what_the_plan_found_stays_as_it_was_sealed(installation: Installation, inspector: StoreInspector) -> None:
    """A resolution that finds the same writes nothing of a person: it is durable since the plan."""
    batch = installation.plan(make_holder(inspector).csv)

    def sealed() -> bytes:
        with reading(installation.workspace.ledger) as connection:
            chosen = sa.select(tables.item.c.sealed_keys).where(tables.item.c.batch_id == batch.id)
            return bytes(connection.execute(chosen).scalar_one())

    planned, moments = sealed(), list[bytes]()
    stores = installation.workspace.stores
    watched = {name: before_call(store, "erase", lambda: moments.append(sealed())) for name, store in stores.items()}
    ended = installation.erase(batch, installation.with_stores(watched))  # type: ignore[arg-type] - passes on all verbs
    assert ended.state is BatchState.ERASED, installation.failures(batch)
    assert set(moments) == {planned}


def test_each_stores_cutoff_is_its_own_time_and_is_set_once(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch = installation.plan(make_holder(inspector).csv)

    def begun(back: int) -> tuple[bool, Mapping[str, datetime]]:
        """Begin, or go on, while the clock of each store is some hours behind ours, and of each another number."""
        stores = installation.workspace.stores
        told = {name: now() - timedelta(hours=back + place) for place, name in enumerate(stores)}
        late = {name: FaultyConnector(store, now=lambda at=told[name]: at) for name, store in stores.items()}
        return batch_lifecycle.start(installation.with_stores(late), installation.again(batch)), told  # type: ignore[arg-type]

    started, told = begun(1)
    assert started
    assert cutoffs(installation, batch) == told
    started, _ = begun(2)
    assert not started
    assert cutoffs(installation, batch) == told


def cutoffs(installation: Installation, batch: Batch) -> Mapping[str, datetime]:
    with reading(installation.workspace.ledger) as connection:
        return cutoffs_of(connection, batch.id)
