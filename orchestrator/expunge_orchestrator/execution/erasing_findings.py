"""Erasing findings: while `check` shows an error, no chunk is taken into a step that resolves or erases (ADR 8).

Nor is it taken into any step while the data map decides otherwise than the plan's (ADR 27). `erase`, `retry` and
`resume` refuse a batch then. What was begun before goes on by every other way to run (`run-due`, a service, the rest of
a run) only as long as they would not. Who is put off waits as for a lock: a later run takes them up by itself, and
`cancel` and `end` are possible.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from expunge_connectors.contract import Scope, StoreConnector
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.data_map_check import map_findings, raise_on_errors
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.execution import cancellation, plans_map, step_retry, stores_followed
from expunge_orchestrator.execution.fencing import ClaimedStep
from expunge_orchestrator.installation_check import installation_findings
from expunge_orchestrator.ledger import Transaction, chunks, put_off_chunks
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.chunks import LONGEST_FAILURE
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.map_differences import MapDifferences
from expunge_orchestrator.workspace import Workspace

_ASKED = (pipeline.RESOLVE, pipeline.ERASE)
"""What a map that does not fit leads to is somebody else's: no key of it is kept, and nothing of it is erased."""

CHECK = "waits: check shows "
OTHER_MAP = "waits: the data map decides otherwise than when this was planned"


class _Look(NamedTuple):
    """What was seen, and the stores that were down: once one of these answers it is looked at anew."""

    at: float
    refused: FindingsError | None
    silent: Mapping[str, ConnectorError]


_SILENT: Mapping[str, ConnectorError] = {}


@dataclass(slots=True)
class ErasingFindings:
    """What `check` and the map say to the chunks of one run, one look for all: it is good for `inspection_holds`."""

    _workspace: Workspace
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _clean_at: dict[Scope, float] = field(default_factory=dict)
    _looks: dict[tuple[Scope, str], _Look] = field(default_factory=dict)
    _differences: dict[int, tuple[float, MapDifferences]] = field(default_factory=dict)

    def put_off(self, delivery: ClaimedStep) -> bool:
        """Put a chunk off to a later run if its step is not to be done under this map, or with these findings.

        A step that would erase in a store which did not answer the look fails as if that store had not answered it.
        """
        context, (verb, store) = delivery.context, pipeline.split(delivery.name)
        if context.ending or verb == cancellation.WITHDRAW:
            return False
        silent = _SILENT
        with self._asking:  # who comes meanwhile waits for the same look
            why = self._decided_otherwise(context.batch)
            if why is None and verb in _ASKED:
                why, silent = self._shown(context.batch)
        if why is not None:
            _put_off(delivery, why)
        elif verb == pipeline.ERASE and store in silent:
            step_retry.failed(delivery, silent[store])
        else:
            return False
        return True

    def _decided_otherwise(self, batch: Batch) -> str | None:
        """The map is read when a process begins, but a table that is gone from it may be dropped later."""
        known = self._differences.get(batch.id)
        if known is None or not self._holds(known[0]):
            self._differences = {one: seen for one, seen in self._differences.items() if self._holds(seen[0])}
            at = time.monotonic()
            try:
                known = at, plans_map.differences(self._workspace, batch)
            except ConnectorError:
                return f"{OTHER_MAP}, or a table of it was dropped: a store cannot be asked."
            self._differences[batch.id] = known
        found = known[1]
        if not found:
            return None
        return f"{OTHER_MAP}, of {found.text}. It goes on by itself under the plan's map; or: expunge end {batch.uid}"

    def _shown(self, batch: Batch) -> tuple[str | None, Mapping[str, ConnectorError]]:
        """Why the batch waits, and the stores that were not looked at, with what they answered."""
        try:
            refused, silent = self._refused(batch)
        except ConnectorError as error:
            return f"{CHECK}not all that it would: {error.message}", _SILENT
        if refused is None:
            return None, silent
        number = f"{refused.number} error{'' if refused.number == 1 else 's'}"
        return f"{CHECK}{number}. It goes on by itself once `expunge check` shows none.", silent

    def _refused(self, batch: Batch) -> tuple[FindingsError | None, Mapping[str, ConnectorError]]:
        clean_at = self._clean_at.get(batch.scope)
        if clean_at is not None and self._holds(clean_at):
            return None, _SILENT
        at = time.monotonic()
        alike = batch.scope, json.dumps(batch.relations, sort_keys=True)
        known = self._looks.get(alike)
        stores = self._workspace.stores
        if known is not None and self._holds(known.at) and not any(_answers(stores[one]) for one in known.silent):
            return known.refused, known.silent
        silent = _SILENT
        try:
            self._workspace.refuse_errors(batch.scope)
        except FindingsError:
            refused, silent = self._of_begun(batch)
        except ConnectorError:
            refused, silent = self._of_those_that_answer(batch.scope)
        else:
            self._clean_at[batch.scope] = self._workspace.inspection.at
            return None, _SILENT
        self._looks[alike] = _Look(at, refused, silent)
        return refused, silent

    def _of_begun(self, batch: Batch) -> tuple[FindingsError | None, Mapping[str, ConnectorError]]:
        try:
            stores_followed.refuse_errors(self._workspace, batch)
        except FindingsError as error:
            return error, _SILENT
        except ConnectorError:
            return self._of_those_that_answer(batch.scope)
        return None, _SILENT

    def _of_those_that_answer(self, scope: Scope) -> tuple[FindingsError | None, Mapping[str, ConnectorError]]:
        """What `check` shows of the rest, and the stores that are down.

        A place of copies that is down stops nothing: nothing is erased there, and nothing is stated about copies before
        all places were listed (`backup_copies.observe`).

        Raises:
            ConnectorError: A store may be worked on, and what is wrong there is not known.
        """
        workspace, silent = self._workspace, dict[str, ConnectorError]()
        found = [*installation_findings(workspace.settings), *map_findings(workspace.data_map)]
        for name, store in workspace.stores.items():
            try:
                found.extend(store.inspect())
            except ConnectorError as error:
                if _answers(store):
                    raise
                silent[name] = error
        for place in workspace.backups.values():
            with suppress(ConnectorError):
                found.extend(place.inspect())
        try:
            raise_on_errors(found, scope)
            workspace.refuse_unmapped_names()
        except FindingsError as error:
            return error, silent
        return None, silent

    def _holds(self, at: float) -> bool:
        return time.monotonic() - at < self._workspace.settings.inspection_holds.total_seconds()


def take_up(workspace: Workspace) -> None:
    """Let the next run ask again for whom was put off, without the pause of a service."""
    with workspace.ledger.begin() as connection:
        for why in (CHECK, OTHER_MAP):
            put_off_chunks.take_up(connection, why)


def waiting(connection: Transaction, why: str) -> list[str]:
    """The batches of which somebody waits, for this reason: `CHECK` or `OTHER_MAP`."""
    return put_off_chunks.batches_of(connection, why)


def _answers(store: StoreConnector) -> bool:
    """A store that says what it is would erase, whatever is wrong there."""
    try:
        store.identity()
    except ConnectorError:
        return False
    return True


def _put_off(delivery: ClaimedStep, why: str) -> None:
    """Nobody in this run waits for it. Attempts begin anew once the resolution is passed."""
    context, settings = delivery.context, delivery.context.workspace.settings
    with context.workspace.ledger.begin() as connection:
        values = {
            "state": ChunkState.READY.value,
            "attempts": settings.max_attempts,
            "stuck_at": pipeline.first(context.batch.pipeline, pipeline.RESOLVE),
            "not_before": stamp(now() + settings.inspection_holds),
            "failure": why[:LONGEST_FAILURE],
        }
        chunks.update_claimed(connection, context.chunk_id, context.epoch, values)
