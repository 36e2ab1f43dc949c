"""Planner: counts what would be erased, checks limits, and freezes the plan under a digest.

A plan is a batch in state `planned`. It holds, as plain data:

    {"data_types": ["account", "messages"],
     "people": 500, "ambiguous": 2, "not_found": 1, "on_hold": 3, "concurrent_batches": {},
     "max_records_per_person": 40, "exceeded": [],
     "obstacles": [{"store": "main", "collection": "messages", "table": "public.messages",
                    "constraint": "messages_reply_to_fkey", "records": 3, "people": 1}],
     "stores": {"main": {"identity": "<sha256>", "kind": "postgres", "copies": {"backupPlaces": ["dumps"]},
                         "collections": {"users": {"action": "tombstone", "due": 500, "retained": 0, "newer": 0,
                                                   "people": 500, "data_type": "account"}}}},
     "consulted": {"cache": {"identity": "<sha256>", "kind": "redis"}},
     "relations": {"main": {"users": {"oid": 16384, "columns": [["id", 1, 20]], "below": []}}},
     "decided": {"identities": {"email": "<sha256>"}, "stores": {"main": {"users": "<sha256>"}}},
     "begun_at": {"main": "2026-11-27T15:58:50.104729+00:00", "cache": "2026-11-27T15:58:50.105000+00:00"}}

`data_types` is there only if the request is limited to some of the controller's; and so is `consulted`: the stores of
the controller that hold nothing of these types and still are asked who it is. So is `replaces`, the batch and the
reason, if this plan came instead of one that was void (`requests.plan_replacement`); and `of_day`, unless a person asks
for themselves: what it was judged with of what the same person asked for before, and what is counted of it (ADR 6).

`relations` says what the collections of each of these stores are, where their names alone do not (ADR 20). `decided` is
what the data map decides of each identity, and of each collection of every controller (ADR 27). `begun_at` is when the
plan began, by each store's own clock: whoever was made later is not whom the plan saw.

The digest covers the data map, the stores' identities, the random series ids and the counts; never an identifier.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from expunge_config.errors import InputError
from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import Scope, SubjectKey
from expunge_connectors.errors import DividedNameError
from expunge_orchestrator import data_type_closure, store_calls
from expunge_orchestrator.auth import persons
from expunge_orchestrator.auth.local_actor import current_actor
from expunge_orchestrator.auth.principals import PERSON_ACTOR
from expunge_orchestrator.clock import exact, now, stamp
from expunge_orchestrator.gc_thresholds import reduced_gc
from expunge_orchestrator.ledger import Transaction, asked_of_day, plan_writer
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid
from expunge_orchestrator.ledger.database import reading, serialise_plans
from expunge_orchestrator.ledger.key_chains import issued_keys
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.planning.chunk_assignment import BatchCut, Part, People
from expunge_orchestrator.planning.plan_digest import plan_digest
from expunge_orchestrator.planning.sealed_rows import SealedRows
from expunge_orchestrator.planning.totals import PlanTotals, sizes
from expunge_orchestrator.rules import declared_backups, map_differences, plan_limits_and_drift
from expunge_orchestrator.rules.pipeline import pipeline_for
from expunge_orchestrator.rules.plan_limits_and_drift import asked, of_day
from expunge_orchestrator.rules.scope import actions_for, collections_in
from expunge_orchestrator.rules.times_of_receipt import last_moment, zone_of
from expunge_orchestrator.subjects import followed_keys
from expunge_orchestrator.subjects.lookup import SubjectLookup, look_up
from expunge_orchestrator.workspace import Workspace

Progress = Callable[[int], None]
"""Called with the number of people looked at so far."""


Frozen = Callable[[Transaction, int], None]
"""Called with the batch's id in the transaction that ends a plan: what it writes is there with the plan, or not."""


def create_plan(  # noqa: PLR0913 - what a plan is made of
    workspace: Workspace,
    people: People,
    scope: Scope,
    progress: Progress,
    data_types: frozenset[str] | None = None,
    *,
    received_at: Sequence[str | None] = (),
    asked_at: str | None = None,
    requested_by: str | None = None,
    replaces: tuple[str, str] | None = None,
    frozen: Frozen = lambda _connection, _batch: None,
) -> Batch:
    """Make a plan: seal the identifiers and what they lead to, count, freeze the chunks. Stores are only read.

    Args:
        workspace: What is worked with.
        people: Who.
        scope: Whose request it is.
        progress: Told how many people were looked at.
        data_types: Nothing else is touched; None, or all that there are of the controller: everything.
        received_at: When each of the people asked, a day or a time, where somebody says it; their receipts state it.
        asked_at: When a request of one person came in, which says it itself.
        requested_by: Who asks, where that is not who is at the keyboard.
        replaces: The batch whose plan is void, and why, in a word: whoever approves the new one sees it.
        frozen: What else belongs into the transaction that makes it last.

    Raises:
        InputError: Somebody's value holds what ends it in a name: what it names could be another person's.
        UsageError: The controller has no such data type; or (IncompleteSelectionError) others need what would go.
        FindingsError: `check` would show an error.
        ConnectorError: A store cannot be asked; a plan with a hole is no plan.
    """
    workspace.refuse_errors(scope)
    chosen = data_type_closure.validate_selection(scope, workspace.data_map, data_types)
    data_type_closure.require_closed(scope, workspace.data_map, workspace.stores, chosen)
    actions = actions_for(scope, workspace.data_map, chosen)
    introduced = store_calls.gather(
        actions_for(scope, workspace.data_map),
        lambda name: (
            *store_calls.identity_and_time(name, workspace.stores[name]),
            store_calls.relations(workspace.stores[name], scope),
        ),
        workspace.settings.stores_at_once,
    )
    identities = {name: identity for name, (identity, _, _) in introduced.items()}
    clocks: Mapping[str, datetime] | None = {name: at for name, (_, at, _) in introduced.items()}
    ours = collections_in(scope, workspace.data_map)
    totals, rows = PlanTotals(actions), SealedRows(workspace, received_at)
    cut = BatchCut(people, workspace.settings.chunk_size)
    done, planned, zone = 0, [], zone_of(scope, workspace.data_map)
    with reduced_gc():
        for part, is_last in _parts(cut):
            try:
                said = {number: asked_at or _told(received_at, number) for number in part}
                received = {number: last_moment(told, zone) for number, told in said.items() if told is not None}
                seen = look_up(part, workspace, scope, clocks, chosen, received=received)
                mine = part if is_last else cut.set_aside(part, _shared(seen, workspace))
                if mine:
                    planned.append(totals.add(mine, seen.without(part.keys() - mine.keys()), workspace, scope))
                    rows.add(mine, totals.keys)
            except DividedNameError as refused:
                whom = ", ".join(map(str, sorted(refused.numbers)))
                raise InputError(
                    f"{refused.message} People of the list, counted below its header: {whom}.",
                    remedy=f"{refused.remedy} Without these people the list can be planned.",
                ) from None
            clocks = None  # of the first chunk: later ones begin later
            done += len(mine)
            progress(done)
            if len(planned) > 1 and done == len(people):
                totals.count_owners_together(seen, planned)
    plan: dict[str, Any] = {
        "people": len(people),
        "ambiguous": totals.ambiguous,
        "not_found": totals.not_found,
        "on_hold": totals.on_hold,
        "concurrent_batches": dict(sorted(totals.also_in.items())),
        "max_records_per_person": totals.most_per_person,
        "obstacles": totals.obstacles(),
        "stores": {
            name: {
                "identity": identities[name].digest,
                "kind": identities[name].kind,
                "copies": declared_backups.stated(workspace.data_map, name),
                "collections": {
                    one: {**counted, "data_type": workspace.data_map.stores[name].collection_specs()[one].data_type}
                    for one, counted in totals.counts[name].items()
                },
            }
            for name in actions
        },
        "relations": {
            name: {one: dict(is_) for one, is_ in known.items() if one in ours[name]}
            for name, (_, _, known) in introduced.items()
            if known
        },
        "decided": map_differences.planned(workspace.data_map),
        "begun_at": {name: exact(at) for name, (_, at, _) in introduced.items()},
    }
    if chosen is not None:
        plan["data_types"] = sorted(chosen)
        plan["consulted"] = {
            name: {"identity": one.digest, "kind": one.kind} for name, one in identities.items() if name not in actions
        }
    if replaces is not None:
        plan["replaces"] = {"batch_id": replaces[0], "reason": replaces[1]}
    known = sizes(workspace, actions, scope)

    def judged(before: Mapping[str, int]) -> list[dict[str, Any]]:
        return plan_limits_and_drift.exceeded(
            workspace.data_map.limits, len(people), totals.most_per_person, totals.due(), known, before
        )

    uid = f"bt_{secrets.token_hex(6)}"
    actor = requested_by or current_actor(workspace.settings)
    return _freeze(workspace, uid, scope, plan, judged, rows, planned, actor, frozen)


def _told(received_at: Sequence[str | None], number: int) -> str | None:
    return received_at[number - 1] if received_at else None


def _asked(  # noqa: PLR0913, PLR0917 - of whom, by whom, when
    connection: Transaction, workspace: Workspace, scope: Scope, plan: dict[str, Any], actor: str, day: str
) -> Mapping[str, int]:
    """What a plan is judged with of what the person behind an actor asked for; and write down what it asks for.

    What people ask for themselves is not counted: their number says nothing of anybody who could ask too much.
    """
    if actor == PERSON_ACTOR:
        return {}
    serialise_plans(connection)
    actors = persons.behind_the_same(actor, issued_keys(connection))
    today = asked_of_day.asked_before(connection, day, actors, scope)
    replaced = (
        batch_by_uid(connection, plan["replaces"]["batch_id"]).plan.get("of_day", {}) if "replaces" in plan else {}
    )
    plan["of_day"] = judged_with = of_day(asked(workspace.data_map.limits, plan), today, replaced)
    already = replaced.get("counted", {})
    beyond = {place: number - already.get(place, 0) for place, number in judged_with["counted"].items()}
    asked_of_day.add_asked(connection, day, persons.counted_as(actor), scope, beyond)
    return judged_with["before"]


def _parts(cut: BatchCut) -> Iterator[tuple[Part, bool]]:
    """Whom to look up, and whether nobody of them is set aside any more."""
    yield from ((part, False) for part in cut.listed())
    yield from ((part, True) for part in cut.set_apart())


def _shared(seen: SubjectLookup, workspace: Workspace) -> dict[int, frozenset[SubjectKey]]:
    data_map = workspace.data_map
    aliases = Aliases.of(data_map)
    return {one.number: followed_keys.shared_values(one.shared, data_map, aliases) for one in seen.subjects}


def _freeze(  # noqa: PLR0913, PLR0917 - the row's columns
    workspace: Workspace,
    uid: str,
    scope: Scope,
    plan: dict[str, Any],
    judged: Callable[[Mapping[str, int]], list[dict[str, Any]]],
    rows: SealedRows,
    planned: Sequence[Mapping[str, Mapping[str, int]]],
    actor: str,
    frozen: Frozen,
) -> Batch:
    moment = stamp(now())
    series = rows.series_digest()

    def digest() -> str:
        return plan_digest(workspace.map_digest, scope, plan, series)

    def end(connection: Transaction, batch_id: int) -> None:
        plan["exceeded"] = judged(_asked(connection, workspace, scope, plan, actor, moment[:10]))
        state = BatchState.AWAITING_APPROVAL if plan["exceeded"] else BatchState.PLANNED
        plan_writer.finish(connection, batch_id, state, plan, digest())
        frozen(connection, batch_id)

    plan["exceeded"] = []
    batch = {
        "uid": uid,
        "controller": scope.controller,
        "member": scope.member,
        "requested_by": actor,
        "created_at": moment,
        "state_at": moment,
        "map_digest": workspace.map_digest,
        "plan": plan,
        "plan_digest": digest(),
        "pipeline": pipeline_for([name for name in workspace.stores if name in plan["stores"]]),
    }
    plan_writer.write(workspace.ledger, batch, zip(rows.chunks(), planned, strict=True), len(planned), end)
    with reading(workspace.ledger) as connection:
        return batch_by_uid(connection, uid)
