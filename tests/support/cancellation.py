"""Batches cancelled half-way, and the keys that such a cancel keeps."""

from __future__ import annotations

from typing import Protocol

import sqlalchemy as sa
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import Installation
from tests.support.people import CLIENT
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.cli.erase import attach
from expunge_orchestrator.execution import batch_control, remainders
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, BatchState
from expunge_orchestrator.ledger.database import reading
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


def cancel(installation: Installation, batch: Batch) -> Batch:
    batch_control.cancel(installation.workspace.ledger, batch, ACTOR)
    attach(installation.workspace, batch, only=batch.id)
    return installation.again(batch)


class Asking(Protocol):
    """Whose request it is, and for whom."""

    @property
    def csv(self) -> str: ...

    @property
    def controller(self) -> str: ...


def half_way(installation: Installation, person: Asking, before_store: str = "recordings") -> Batch:
    """A request that is cancelled when the database is empty and the objects are still there."""
    batch = installation.plan(person.csv, person.controller)
    stores = installation.workspace.stores

    def idle(*_: object) -> int:
        batch_control.cancel(installation.workspace.ledger, batch, ACTOR)
        return 0

    ended = installation.erase(
        batch, installation.with_stores({before_store: FaultyConnector(stores[before_store], erase=idle)})
    )  # type: ignore[dict-item]
    assert ended.state is BatchState.CANCELLED, installation.failures(batch)
    return batch


def leftovers(installation: Installation) -> tuple[int, int]:
    """People of whom something was left behind, and tags by which they are known again."""
    with reading(installation.workspace.ledger) as connection:
        count = sa.select(sa.func.count())
        return (
            connection.scalar(count.select_from(tables.leftover)) or 0,
            connection.scalar(count.select_from(tables.leftover_tag)) or 0,
        )


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


def taken_up(installation: Installation, batch: Batch, workspace: Workspace | None = None) -> Batch:
    """What `expunge retry` does of a batch that is over."""
    remainders.take_up(installation.workspace, installation.again(batch), ACTOR)
    return installation.erase(batch, workspace)


def release(inspector: StoreInspector, bucket: str, prefix: str) -> None:
    for name, version, *_ in inspector.versions(bucket, prefix):
        inspector.s3.put_object_legal_hold(Bucket=bucket, Key=name, VersionId=version, LegalHold={"Status": "OFF"})
