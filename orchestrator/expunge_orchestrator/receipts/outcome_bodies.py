"""Outcome bodies: bodies of `erased`, `partially-erased` and `not-found` statements, encoded from shared parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.receipts.collection_lines import in_collection, in_store, stores_reached, what_went
from expunge_orchestrator.receipts.standard_sentences import CLAIMS
from expunge_orchestrator.receipts.statement_bodies import subject_of_request
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Result
from expunge_orchestrator.rules.retention_grounds import Grounds
from expunge_orchestrator.subjects import unread_values
from expunge_reports import canonical, consistency
from expunge_reports.errors import ContradictionError
from expunge_reports.statement_payload import EncodedBody


class OutcomeBodies:
    """Bodies of `erased`, `partially-erased` and `not-found` of one chunk.

    What all of them say alike is encoded once, and so is each collection's part: lines that say the same are mostly one
    object (`outcomes.lines`).

    Args:
        batch: The request's batch.
        cutoffs: Store -> the batch's cutoff there.
        grounds: Why data types are retained.
        map_digest: Of the map in force now: a batch that was mended and taken up again may have ended under another one
            than it was planned with.
        normalisers: Those that identifiers were compared under: "not found" means no match under these, within the
            controller's records.
        counted: When the people were first counted: only of the first round is it sure that nothing was erased before.
        at: When the stores had been asked again.
        context: The documents that are cited: on backup copies, and on deadlines if they were extended.
    """

    def __init__(  # noqa: PLR0913 - the statement's own parts
        self,
        batch: Batch,
        *,
        cutoffs: Mapping[str, datetime],
        grounds: Grounds,
        map_digest: str,
        normalisers: Sequence[str],
        counted: datetime,
        at: datetime,
        context: Sequence[str],
    ) -> None:
        shared: dict[str, object] = {
            **subject_of_request(batch),
            "dataMap": f"sha256:{map_digest}",
            "verifiedAt": stamp(at),
            "countedAt": stamp(counted),
            "normalisers": list(normalisers),
            "context": list(context),
        }
        EncodedBody.of(shared)  # refuses what no statement may say
        self._shared = _encoded(shared)
        self._results = {result: canonical.encode(result.value) for result in Result}
        self._claims = {went: canonical.encode(claim) for went, claim in CLAIMS[batch.data_types is not None].items()}
        self._stores = {
            (store, reached): _encoded(in_store(store, cutoffs, reached=reached))
            for store in batch.actions
            for reached in (False, True)
        }
        self._cutoffs = cutoffs
        self._grounds = grounds
        # A line is kept beside its part, so that no other gets its place in memory.
        self._parts: dict[int, tuple[CollectionOutcome, bytes]] = {}

    def body(
        self,
        lines: Sequence[CollectionOutcome],
        result: Result,
        unread: Collection[SubjectKey] = (),
        reason: str | None = None,
    ) -> EncodedBody:
        """What is said of one person: the result in all and why, each collection, and what could not be read.

        Raises:
            ContradictionError: It cannot be true: a defect of ours.
        """
        if consistency.in_answer(result, frozenset([line.outcome for line in lines])):
            raise ContradictionError(f"event-against-lines: {result.value}")
        values = unread_values.counted(unread) if unread else {}
        stores: dict[str, list[bytes]] = defaultdict(list)
        reached = stores_reached(lines)
        for line in lines:
            number = values.get((line.store, line.collection), 0) if values else 0
            stores[line.store].append(self._part(line) if not number else self._with_unread(line, number))
        told = canonical.list_of(
            canonical.object_of(self._stores[store, store in reached] | {"collections": canonical.list_of(collections)})
            for store, collections in stores.items()
        )
        claim = self._claims[what_went(lines)]
        said = {"outcome": self._results[result], "claim": claim, "stores": told}
        if reason is not None:
            said["reason"] = canonical.encode(reason)
        return EncodedBody(canonical.object_of(self._shared | said))

    def _with_unread(self, line: CollectionOutcome, values: int) -> bytes:
        return canonical.encode({**self._told(line), "unread": values})

    def _told(self, line: CollectionOutcome) -> dict[str, object]:
        return in_collection(line, self._grounds, self._cutoffs.get(line.store))

    def _part(self, line: CollectionOutcome) -> bytes:
        known = self._parts.get(id(line))
        if known is None:
            known = self._parts[id(line)] = (line, canonical.encode(self._told(line)))
        return known[1]


def _encoded(members: Mapping[str, object]) -> dict[str, bytes]:
    return {name: canonical.encode(value) for name, value in members.items()}
