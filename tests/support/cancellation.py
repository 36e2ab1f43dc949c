"""Batches that are cancelled, or ended half-way on an operator's word, and the keys that an end keeps."""

from __future__ import annotations

from typing import NoReturn, Protocol

import sqlalchemy as sa
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import Installation
from tests.support.people import CLIENT
from tests.support.store_inspector import StoreInspector

from expunge_connectors.errors import TerminalError
from expunge_orchestrator.cli.erase import attach
from expunge_orchestrator.execution import operator_cancel, operator_end
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.workspace import Workspace

ACTOR = "ops"


def secrets_left(installation: Installation, batch: Batch) -> int:
    """People of the batch whose sealed identifiers can still be opened, or who would be erased after a restore."""
    with reading(installation.workspace.ledger) as connection:
        rows = connection.execute(
            sa.select(tables.item.c.id, tables.item.c.wrapped_key, tables.item.c.sealed_keys).where(
                tables.item.c.batch_id == batch.id
            )
        ).all()
        tagged = set(connection.scalars(sa.select(tables.suppression.c.item_id)))
    return sum(row.wrapped_key is not None or row.sealed_keys is not None or row.id in tagged for row in rows)


def keys_left(installation: Installation, batch: Batch) -> int:
    """People of the batch whose own key is there: their sealed identifiers can be opened."""
    with reading(installation.workspace.ledger) as connection:
        rows = connection.execute(
            sa.select(tables.item.c.wrapped_key, tables.item.c.sealed_identifiers, tables.item.c.sealed_keys).where(
                tables.item.c.batch_id == batch.id
            )
        ).all()
    return sum(any(value is not None for value in row) for row in rows)


def cancel(installation: Installation, batch: Batch) -> Batch:
    operator_cancel.cancel(installation.workspace.ledger, batch, ACTOR)
    attach(installation.workspace, batch, only=batch.id)
    return installation.again(batch)


def end(installation: Installation, batch: Batch, workspace: Workspace | None = None) -> Batch:
    operator_end.end(installation.workspace, installation.again(batch), ACTOR)
    attach(workspace or installation.workspace, batch, only=batch.id)
    return installation.again(batch)


class Asking(Protocol):
    """Whose request it is, and for whom."""

    @property
    def csv(self) -> str: ...

    @property
    def controller(self) -> str: ...


def refused(*_: object) -> NoReturn:
    """What a store says that refuses to erase."""
    raise TerminalError("store recordings: refused.")


def failed_half_way(installation: Installation, person: Asking, store: str = "recordings") -> Batch:
    """A request that fails when the database is empty, because a store refuses (the objects', as a rule)."""
    batch = installation.plan(person.csv, person.controller)
    stuck = FaultyConnector(installation.workspace.stores[store], erase=refused)
    ended = installation.erase(batch, installation.with_stores({store: stuck}))  # type: ignore[dict-item]
    assert ended.state is BatchState.FAILED, installation.events(batch)
    return batch


def ended_half_way(installation: Installation, person: Asking, store: str = "recordings") -> Batch:
    """The same, and then an operator ends it: what the store holds and what comes after it is left."""
    batch = failed_half_way(installation, person, store)
    assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    return batch


def residual(installation: Installation) -> list[list[tuple[str, str]]]:
    """Of each person of whom keys are kept, the places (store, collection) in which something is left."""
    with reading(installation.workspace.ledger) as connection:
        places = connection.scalars(sa.select(tables.residual_keys.c.places).order_by(tables.residual_keys.c.item_id))
        return [[(store, name) for store, name, _ in one] for one in places]


def filled_in(inspector: StoreInspector, phone: str, email: str) -> int:
    """A form that somebody without an account filled in an hour ago; its number."""
    return int(
        inspector.one(
            "INSERT INTO leads (client_id, caller_id, name, postal_address, email, phone, created_at)"
            " VALUES (%s, NULL, 'X', 'Y', %s, %s, now() - interval '1 hour') RETURNING id",
            CLIENT,
            email,
            phone,
        )
    )


def locked(installation: Installation, inspector: StoreInspector, csv: str, bucket: str, prefix: str) -> Batch:
    """A request of which the storage keeps the objects below this prefix under legal hold."""
    lock(inspector, bucket, prefix)
    batch = installation.plan(csv, f"client:{CLIENT}")
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert installation.outcomes(batch) == {"partially-erased": 1}
    return batch


def lock(inspector: StoreInspector, bucket: str, prefix: str) -> None:
    inspector.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    for name, version, *_ in inspector.versions(bucket, prefix):
        inspector.s3.put_object_legal_hold(Bucket=bucket, Key=name, VersionId=version, LegalHold={"Status": "ON"})


def release(inspector: StoreInspector, bucket: str, prefix: str) -> None:
    for name, version, *_ in inspector.versions(bucket, prefix):
        inspector.s3.put_object_legal_hold(Bucket=bucket, Key=name, VersionId=version, LegalHold={"Status": "OFF"})
