"""JSON views of the resources, for the API and for `--json`: the same members, in snake_case.

Statements, receipts and openings are signed formats of their own and keep their camelCase; `snake_case` converts what
of them is shown inside a resource.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from expunge_connectors.contract import Scope
from expunge_orchestrator import backup_copies
from expunge_orchestrator.auth.api_keys import ApiKey
from expunge_orchestrator.blind_search import BlindSearch
from expunge_orchestrator.clock import exact
from expunge_orchestrator.ledger import Transaction, requests
from expunge_orchestrator.ledger.batch_status import (
    chunk_states,
    current_public_state,
    outcomes_by_batch,
    public_state,
)
from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Batch, batches_by_id
from expunge_orchestrator.ledger.chunk_sums import PeopleSums
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.requests import Request
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.locate import Location, PersonLocation
from expunge_orchestrator.requests import public_status
from expunge_orchestrator.rules.effective_holds import Hold
from expunge_orchestrator.workspace import Workspace

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def erasure_request_view(connection: Transaction, request: Request) -> dict[str, Any]:
    """An erasure request as it stands now."""
    return erasure_request_views(connection, [request])[0]


def erasure_request_views(connection: Transaction, asked: Sequence[Request]) -> list[dict[str, Any]]:
    """Erasure requests as they stand now, by three queries however many they are; none, where none has a batch."""
    ids = {one.batch_id for one in asked if one.batch_id is not None}
    if not ids:
        return [_erasure_request(one, None, {}, None) for one in asked]
    found = {one.id: one for one in batches_by_id(connection, ids)}
    results = outcomes_by_batch(connection, found.values())
    series = requests.series_by_batch(connection, ids)
    return [
        _erasure_request(one, None, {}, None)
        if one.batch_id is None
        else _erasure_request(one, found[one.batch_id], results[one.batch_id], series.get(one.batch_id))
        for one in asked
    ]


def _erasure_request(
    request: Request, batch: Batch | None, results: Mapping[str, int], series: str | None
) -> dict[str, Any]:
    return {
        "id": request.uid,
        "state": public_status.public_status(request, batch, results),
        "controller": str(request.scope),
        "scope": request.scope_name,
        "data_types": request.data_types,
        "received_at": request.received_at,
        "controller_received_at": request.controller_received_at,
        "starts_at": request.due_at,
        "cancellable": public_status.cancellable(request),
        "reason": request.reason,
        "batch_id": request.batch_uid,
        "receipt_id": series,
        "answer_by": None if request.deadlines is None else request.deadlines["answerBy"],
        "deadlines": snake_case(request.deadlines),
        "failure": request.failure,
    }


def plan_view(connection: Transaction, batch: Batch) -> dict[str, Any]:
    """What a batch was planned to do. `id` is the batch's."""
    return {
        "id": batch.uid,
        "controller": str(batch.scope),
        "state": current_public_state(connection, batch),
        "digest": batch.plan_digest,
        "data_map_digest": batch.map_digest,
        **{name: value for name, value in batch.plan.items() if name not in {"relations", "begun_at", "of_day"}},
    }


def batch_summaries(connection: Transaction, sums: BatchSums, listed: Sequence[Batch]) -> list[dict[str, Any]]:
    """Batches as a list shows them, by few queries however many they are; no record of a person's counts is read."""
    people = sums.people(connection, listed)
    return [_summary(one, people[one.id]) for one in listed]


def _summary(batch: Batch, people: PeopleSums) -> dict[str, Any]:
    return {
        "id": batch.uid,
        "controller": str(batch.scope),
        **({} if batch.data_types is None else {"data_types": sorted(batch.data_types)}),
        "state": public_state(batch.state, people.outcomes, undisclosed=batch.undisclosed),
        "digest": batch.plan_digest,
        "people": batch.plan["people"],
        "outcomes": dict(people.outcomes),
        "settles_at": batch.settle_at,
        "settling": bool(people.to_settle) and batch.state is BatchState.ERASED,
        "settled": people.settled,
        "left_in_part": people.left,
    }


def batch_view(workspace: Workspace, batch: Batch) -> dict[str, Any]:
    """How far it is, what was found and what is left. Of a batch at rest its people are read once (`batch_sums`)."""
    sums = workspace.sums
    with sums.alone(batch), reading(workspace.ledger) as connection:
        people, records = sums.people(connection, [batch])[batch.id], sums.records(connection, batch)
        return {
            **_summary(batch, people),
            "reasons": dict(people.reasons),
            "collections": records.remaining(),
            "left": {
                f"{store}.{name}": {"people": left.people, "records": left.records}
                for (store, name), left in sorted(records.left.items())
            },
            "chunks": chunk_states(connection, batch),
        }


def legal_hold_view(hold: Hold) -> dict[str, Any]:
    """A legal hold, exemption or restriction; who placed and lifted it is shown by the command line alone."""
    return {
        "id": hold.uid,
        "kind": hold.kind,
        "people": hold.people,
        "data_type": hold.data_type,
        "controller": None if hold.controller is None else str(Scope(hold.controller, hold.member)),
        "ground": hold.ground,
        "until": None if hold.until is None else hold.until.isoformat(),
        "undisclosed": hold.undisclosed,
        "placed_at": hold.placed_at,
        "lifted_at": hold.lifted_at,
        "informed_on": None if hold.informed_on is None else hold.informed_on.isoformat(),
    }


def api_key_view(key: ApiKey) -> dict[str, Any]:
    """An API key without its secret."""
    return {
        "id": key.uid,
        "holder": key.actor,
        "roles": [str(role) for role in key.roles],
        "controllers": None if key.controllers is None else list(key.controllers),
        "subject": key.subject,
        "created_at": key.created_at,
        "confirmed_at": key.confirmed_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def location_view(found: Location) -> dict[str, object]:
    """What is held of people, and what was not looked into."""
    return {
        "controller": str(found.scope),
        "operator": {"name": found.operator.name, "contact": found.operator.contact},
        "searched_at": {store: exact(at) for store, at in found.looked_at.items()},
        "people": [_located(one) for one in found.people],
        "collections": [
            {
                "store": one.store,
                "collection": one.collection,
                "data_type": one.data_type,
                "found_by": list(one.found_by),
            }
            for one in found.collections
        ],
        "data_types": {
            name: {
                "purpose": one.purpose,
                "categories": list(one.categories),
                "kept": {"from": one.rule.start.value, "for": str(one.rule.period)},
                "on_request": one.on_request.value,
                "ground": one.ground,
            }
            for name, one in found.data_types.items()
        },
        "not_searched": {
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
            "other_controllers": [
                {"controller": one.controller, "name": one.name, "data_types": list(one.data_types)}
                for one in found.others
            ],
            "backup_copies": snake_case(backup_copies.listed(found.copies)),
            "missing_copies": [
                {"place": one.place, "store": one.store, "kind": one.kind, "id": one.id, "last_seen": one.last_seen}
                for one in found.unseen_copies
            ],
            "places_without_control": list(found.unproven_places),
            "stores_without_backup_place": list(found.without_backups),
        },
    }


def blind_search_view(found: BlindSearch) -> dict[str, object]:
    """What a blind search found and where, and what it did not search. People by their place in the list, from 1."""
    return {
        "people": found.people,
        "leftovers": sum(one.records for one in found.leftovers),
        "whole": found.whole,
        "findings": [
            {
                "store": one.place.store,
                "place": one.place.name,
                "standing": one.place.standing.value,
                "collection": one.place.collection,
                "records": one.records,
                "people": sorted(one.people),
                "kinds": sorted(one.kinds),
                "written_as": sorted(one.encodings),
            }
            for report in found.reports
            for one in report.findings
        ],
        "searched": [
            {
                "store": one.store,
                "source": one.source,
                "at": exact(one.at),
                "places": one.places,
                "records": one.records,
                "bytes": one.size,
            }
            for one in found.reports
        ],
        "not_searched": {
            "places": [
                {"store": report.store, "place": gap.place, "reason": gap.reason}
                for report in found.reports
                for gap in report.gaps
            ],
            "stores": list(found.unsearchable),
            "values": dict(found.unsearched),
            "people": sorted(found.nameless),
        },
    }


def _located(one: PersonLocation) -> dict[str, object]:
    return {
        "person": one.number,
        "answer": one.answer.value,
        "reason": one.ambiguity,
        "identifiers_not_followed": one.unfollowed,
        "unfinished": [
            {"batch_id": batch, "places": [".".join(place) for place in sorted(places)]}
            for batch, places in sorted(one.unfinished.items())
        ],
        "held": [
            {
                "store": held.info.store,
                "collection": held.info.collection,
                "data_type": held.info.data_type,
                "records": held.records,
                "kept_on_erasure": held.kept,
                "until": held.until and held.until.isoformat(),
                "ground": held.ground,
                "unsure": held.unsure,
            }
            for held in one.per_collection
        ],
    }


def snake_case(document: object) -> object:
    """A statement's members as the API writes them. Values stay as they are."""
    match document:
        case dict():
            return {_WORD_START.sub("_", name).lower(): snake_case(value) for name, value in document.items()}
        case list() | tuple():
            return [snake_case(value) for value in document]
        case _:
            return document
