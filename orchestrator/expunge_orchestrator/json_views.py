"""JSON views of plans, batches and locations, for the API and for `--json`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from expunge_orchestrator import backup_copies
from expunge_orchestrator.clock import exact
from expunge_orchestrator.ledger.batch_status import (
    chunk_states,
    current_public_state,
    outcomes_of,
    public_state,
    reasons_of,
    remaining_by_collection,
    settling_of,
)
from expunge_orchestrator.ledger.batches import Batch, BatchState
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.locate import Location, PersonLocation
from expunge_orchestrator.subjects import residual_keys
from expunge_orchestrator.workspace import Workspace


def plan_view(connection: sa.Connection, batch: Batch) -> dict[str, Any]:
    """What it was planned to do."""
    return {
        "batch": batch.uid,
        "controller": str(batch.scope),
        "state": current_public_state(connection, batch),
        "digest": batch.plan_digest,
        "dataMap": batch.map_digest,
        **batch.plan,
    }


def batch_view(workspace: Workspace, batch: Batch) -> dict[str, Any]:
    """How far it is, what was found and what is left."""
    with reading(workspace.ledger) as connection:
        results = outcomes_of(connection, batch)
        to_settle, settled = settling_of(connection, batch)
        in_part, places = residual_keys.left_by(connection, batch)
        return {
            "batch": batch.uid,
            "controller": str(batch.scope),
            **({} if batch.data_types is None else {"dataTypes": sorted(batch.data_types)}),
            "state": public_state(batch.state, results, undisclosed=batch.undisclosed),
            "digest": batch.plan_digest,
            "people": batch.plan["people"],
            "outcomes": results,
            "reasons": reasons_of(connection, batch),
            "collections": remaining_by_collection(connection, batch),
            "settlesAt": batch.settle_at,
            "settling": bool(to_settle) and batch.state is BatchState.ERASED,
            "settled": settled,
            "leftInPart": in_part,
            "left": {
                f"{store}.{name}": {"people": one.people, "records": one.records}
                for (store, name), one in places.items()
            },
            "chunks": chunk_states(connection, batch),
        }


def location_view(found: Location) -> dict[str, object]:
    """What is held of people, and what was not looked into."""
    return {
        "controller": str(found.scope),
        "operator": {"name": found.operator.name, "contact": found.operator.contact},
        "lookedAt": {store: exact(at) for store, at in found.looked_at.items()},
        "people": [_located(one) for one in found.people],
        "collections": [
            {"store": one.store, "collection": one.collection, "dataType": one.data_type, "foundBy": list(one.found_by)}
            for one in found.collections
        ],
        "dataTypes": {
            name: {
                "purpose": one.purpose,
                "categories": list(one.categories),
                "kept": {"from": one.rule.start.value, "for": str(one.rule.period)},
                "onRequest": one.on_request.value,
                "ground": one.ground,
            }
            for name, one in found.data_types.items()
        },
        "notLookedInto": {
            "logs": [
                {
                    "store": one.store,
                    "collection": one.collection,
                    "purpose": one.declared.purpose,
                    "ground": one.declared.ground,
                    "retention": str(one.declared.retention),
                }
                for one in found.logs
            ],
            "otherControllers": [
                {"controller": one.controller, "name": one.name, "dataTypes": list(one.data_types)}
                for one in found.others
            ],
            "backupCopies": backup_copies.as_statement(found.copies),
            "copiesNotSeenNow": [
                {"place": one.place, "store": one.store, "kind": one.kind, "id": one.id, "lastSeen": one.last_seen}
                for one in found.unseen_copies
            ],
            "placesWithoutControl": list(found.unproven_places),
            "storesWithoutBackupPlace": list(found.without_backups),
        },
    }


def _located(one: PersonLocation) -> dict[str, object]:
    return {
        "person": one.number,
        "answer": one.answer.value,
        "reason": one.ambiguity and one.ambiguity.value,
        "identifiersNotFollowed": one.unfollowed,
        "unfinished": [
            {"batch": batch, "places": [".".join(place) for place in sorted(places)]}
            for batch, places in sorted(one.unfinished.items())
        ],
        "held": [
            {
                "store": held.info.store,
                "collection": held.info.collection,
                "dataType": held.info.data_type,
                "records": held.records,
                "keptOnErasure": held.kept,
                "until": held.until and held.until.isoformat(),
                "ground": held.ground,
                "unsure": held.unsure,
            }
            for held in one.per_collection
        ],
    }
