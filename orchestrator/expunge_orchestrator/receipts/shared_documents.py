"""Shared documents: what the statements of many requests cite, as plain data without identifiers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import version

from expunge_config.datamap import DataMap
from expunge_connectors.contract import BackupCopy, CopyListing
from expunge_orchestrator import backup_copies, deadlines
from expunge_orchestrator.blind_search import BlindSearch
from expunge_orchestrator.clock import exact, parse, stamp
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.receipts.request_facts import RequestFacts
from expunge_orchestrator.rules import stated_copies
from expunge_orchestrator.rules.gone_copies import GoneCopy
from expunge_orchestrator.rules.scope import logs_in


def plan_document(batch: Batch, data_map: DataMap) -> dict[str, object]:
    """What all requests of a batch share: the map, the stores, what is retained and why, the logs left alone."""
    return {
        "kind": "plan",
        "software": _software(),
        "operator": data_map.operator.name,
        "contact": data_map.operator.contact,
        "dataMap": f"sha256:{batch.map_digest}",
        "planDigest": f"sha256:{batch.plan_digest}",
        **({} if batch.data_types is None else {"limitedTo": sorted(batch.data_types)}),
        "stores": [
            {
                "store": store,
                "kind": planned["kind"],
                "identity": f"sha256:{planned['identity']}",
                "collections": {name: one["action"] for name, one in planned["collections"].items()},
                **planned["copies"],
            }
            for store, planned in batch.plan["stores"].items()
        ],
        "logsLeftAlone": [
            {
                "store": store,
                "collection": name,
                "purpose": log.purpose,
                "ground": log.ground,
                "retention": str(log.retention),
                "approvedBy": log.approved_by,
            }
            for store, name, log in logs_in(data_map)
            if name in batch.decided["stores"].get(store, ())  # one that is new is not of this map
        ],
        "dataTypes": {
            f"{store}.{name}": one["data_type"]  # as planned: by today's map a collection may be of another, or gone
            for store, planned in batch.plan["stores"].items()
            for name, one in planned["collections"].items()
        },
    }


@cache  # the packages' metadata are files
def _software() -> str:
    return f"expunge {version('expunge')}"


def copies_document(
    listings: Iterable[CopyListing], held: Sequence[BackupCopy], data_map: DataMap
) -> dict[str, object]:
    """What all requests concluded together share about backup copies: what was listed, when, beside which control.

    Args:
        listings: Of `backup_copies.observe`, before the statements that cite this were dated.
        held: Those that may hold the records.
        data_map: What each place has copies of.
    """
    return {
        "kind": "copies",
        "listings": _listed(listings, data_map),
        "mayHoldTheRecords": backup_copies.as_statement(held),
    }


def closing_document(listings: Iterable[CopyListing], gone: Sequence[GoneCopy], data_map: DataMap) -> dict[str, object]:
    """What all requests of a batch share that are closed: the last listings, and the copies that were seen gone."""
    return {
        "kind": "copies",
        "listings": _listed(listings, data_map),
        "mayHoldTheRecords": [],
        "seenGone": [
            {
                "place": one.last.place,
                "store": one.last.store,
                "kind": one.last.kind,
                **({"copies": one.number} if one.grouped else {"id": one.last.copy_id}),
                "takenBetween": [exact(one.last.taken_from), exact(one.last.taken_until)],
                "goneAt": stamp(one.last.observed_gone_at),
            }
            for one in stated_copies.gone_as_stated(gone)
        ],
    }


def _listed(listings: Iterable[CopyListing], data_map: DataMap) -> list[dict[str, object]]:
    return [
        {
            "place": one.place,
            "of": data_map.backup_places[one.place].of,
            "at": one.begun_at and stamp(one.begun_at),
            "storageAt": stamp(one.at),
            "copies": len(one.copies),
            "control": one.control,
        }
        for one in listings
    ]


def deadlines_document(batch: Batch, received: RequestFacts, data_map: DataMap) -> dict[str, object] | None:
    """By when the batch's requests are to be answered, as computed on receipt; None where the map sets no deadline."""
    if received.deadlines is not None:
        return dict(received.deadlines)
    spec = data_map.controllers[batch.scope.controller].deadline_of(batch.scope.member)
    if spec is None:
        return None
    earlier = None if received.controller is None else parse(received.controller)
    return deadlines.document(deadlines.calculate(spec, parse(received.operator), earlier))


def search_document(found: BlindSearch, at: datetime, sample: tuple[int, int, str] | None) -> dict[str, object]:
    """What everybody shares for whom one pass of the blind search was made: what was searched, and what was not.

    Args:
        found: Numbers of stores and places alone are told, nobody's findings.
        at: When the pass began.
        sample: How many people were searched for, of how many, and the seed; None: everybody.
    """
    return {
        "kind": "blind-search",
        "at": stamp(at),
        **({} if sample is None else {"sample": dict(zip(("people", "of", "seed"), sample, strict=True))}),
        "stores": [
            {
                "store": one.store,
                "source": one.source,
                "at": stamp(one.at),
                "places": one.places,
                "records": one.records,
                "notSearched": [{"place": gap.place, "why": gap.reason} for gap in one.gaps[:_GAPS]],
                **({"moreNotSearched": len(one.gaps) - _GAPS} if len(one.gaps) > _GAPS else {}),
            }
            for one in found.reports
        ],
        **({"storesNotSearched": list(found.unsearchable)} if found.unsearchable else {}),
    }


_GAPS = 50
