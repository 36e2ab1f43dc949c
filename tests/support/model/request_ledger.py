"""Requests as the product keeps them: planned, taken up by its own resolve step, concluded; in a ledger of SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from tests.support.model.world import CUTOFF, PLANNED, Ask

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope, Subject, SubjectKey, no_beat
from expunge_connectors.postgres import PostgresStore
from expunge_orchestrator.clock import exact, stamp
from expunge_orchestrator.execution import resolve_step
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import batch_by_uid
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Opened, Sealed
from expunge_orchestrator.ledger.items import items_of_chunk, update_items
from expunge_orchestrator.ledger.states import BatchState, ChunkState
from expunge_orchestrator.rules.reachability import led, passing
from expunge_orchestrator.rules.resolution_answers import Resolved
from expunge_orchestrator.subjects.joint_owners import Resolution
from expunge_orchestrator.workspace import Workspace

_SECRET = bytes(32)
_CUTOFFS = {"main": CUTOFF}


class RequestLedger:
    """The requests of one world.

    Args:
        data_map: The world's.
        scope: Whose requests they are.
    """

    def __init__(self, data_map: DataMap, scope: Scope) -> None:
        self._scope = scope
        self._ledger = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        tables.metadata.create_all(self._ledger)
        keys: Any = SimpleNamespace(suppression=_SECRET, wrapping=_SECRET)
        nothing: Any = None
        self._workspace = Workspace(
            nothing, data_map, "", {}, {}, self._ledger, keys, passing(data_map), led(data_map, frozenset())
        )
        self._numbers = count(1)

    def close(self) -> None:
        self._ledger.dispose()

    def plan(self, asks: Sequence[Ask], store: PostgresStore) -> tuple[int, Mapping[int, Resolved]]:
        """Plan a chunk: its name, and whom the plan is about."""
        given = {ask.number: frozenset(SubjectKey(*key) for key in ask.given) for ask in asks}
        answers = Resolution(self._with(store), self._scope, _CUTOFFS).answers(given, {})
        name = next(self._numbers)
        seal = ItemCipher(_SECRET)
        with self._ledger.begin() as connection:
            connection.execute(
                sa.insert(tables.batch).values(
                    id=name,
                    uid=str(name),
                    controller=self._scope.controller,
                    member=self._scope.member,
                    state=BatchState.PLANNED.value,
                    created_at=stamp(PLANNED),
                    state_at=stamp(CUTOFF),
                    map_digest="",
                    plan={
                        "stores": {"main": {"identity": "", "collections": {}}},
                        "relations": {},
                        "begun_at": {"main": exact(PLANNED)},
                    },
                    plan_digest="",
                    pipeline=[],
                )
            )
            connection.execute(sa.insert(tables.chunk).values(id=name, batch_id=name, state=ChunkState.PLANNED.value))
            for number, keys in given.items():
                series, wrapped = f"{name}/{number}", seal.new_key()
                connection.execute(
                    sa.insert(tables.item).values(
                        batch_id=name,
                        chunk_id=name,
                        line=number,
                        series=series,
                        subjects=[],
                        wrapped_key=wrapped,
                        sealed_identifiers=seal.close(wrapped, Sealed.IDENTIFIERS, series, keys),
                        sealed_keys=seal.close(wrapped, Sealed.KEYS, series, answers[number].keys),
                    )
                )
        return name, answers

    def take_up(self, name: int, store: PostgresStore) -> dict[int, Subject]:
        """Resolve a planned chunk: number -> whom it is about by now; without those of whom that cannot be said.

        What people of a chunk share is nobody's here: it is with somebody on hold.
        """
        with self._ledger.begin() as connection:
            items = items_of_chunk(connection, name)
            batch = batch_by_uid(connection, str(name))
        held: Any = dict.fromkeys(item.id for item in items)
        context = StepContext(
            self._with(store),
            batch,
            name,
            1,
            0,
            0,
            False,
            items,
            _CUTOFFS,
            "resolve",
            "main",
            no_beat,
            held,
            Opened(),
            {},
        )
        write = resolve_step.resolve_people(context, items)
        with self._ledger.begin() as connection:
            write(connection)
            items = items_of_chunk(connection, name)
        return {item.line: replace(context.subject(item), number=item.line) for item in items if item.outcome is None}

    def conclude(self, name: int) -> None:
        """Something of these people is left, and nobody looks for it any more."""
        with self._ledger.begin() as connection:
            items = [one.id for one in items_of_chunk(connection, name) if one.outcome is None]
            update_items(connection, [{"id": one, "outcome": "partially-erased"} for one in items])

    def _with(self, store: PostgresStore) -> Workspace:
        return replace(self._workspace, stores={"main": store})
