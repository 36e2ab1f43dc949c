"""Plan replacement: a request's void plan is replaced automatically (ADR 11, "A plan that is void").

Plans are void by a change of the data map (an upgrade of Expunge may be one), by age, and by drift: clearly more was
there at the count before erasing than was planned. Nothing was touched under them. One transaction freezes the new
plan, ends the old one and moves the request: whoever is killed or races, exactly one of the two is in force.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from enum import StrEnum

from expunge_config.errors import ExpungeError
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.execution import batch_lifecycle
from expunge_orchestrator.ledger import (
    Transaction,
    audit_log,
    replaced_plans,
    request_transitions,
    requests_due,
)
from expunge_orchestrator.ledger.batches import Batch, batch_by_uid, planned_chunks, uid_of
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.items import items_of_chunk, only_item, update_items
from expunge_orchestrator.ledger.requests import Request
from expunge_orchestrator.ledger.states import UNBEGUN
from expunge_orchestrator.planning import planner
from expunge_orchestrator.requests.withdrawal import WORKER
from expunge_orchestrator.rules import count_records, pipeline, plan_limits_and_drift
from expunge_orchestrator.workspace import Workspace

ACTION = "plan.replace"
"""In the audit trail, with the request as its target and a word of `ReplanReason` as its result."""

_RECOUNT = pipeline.first(pipeline.pipeline_for([]), pipeline.RECOUNT)
"""Where the count before erasing stands in every pipeline."""


class ConflictError(ExpungeError):
    """Another process planned this request; its plan counts."""


class ReplanReason(StrEnum):
    """Why a plan is void."""

    MAP = "map-changed"
    AGE = "too-old"
    STORE = "other-store"
    DRIFT = "drift"

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]


_WORDS = {
    ReplanReason.MAP: "the data map changed since it was made",
    ReplanReason.AGE: "it had become too old",
    ReplanReason.STORE: "another store answers, and somebody said that it is the right one",
    ReplanReason.DRIFT: "clearly more was there than it had counted",
}


def void(workspace: Workspace, batch: Batch) -> ReplanReason | None:
    """Why a plan can no longer be begun, by the rules of `start_preconditions`; None: no reason is known."""
    if batch.state not in UNBEGUN:
        return None
    if batch.map_digest != workspace.map_digest:
        return ReplanReason.MAP
    return ReplanReason.AGE if batch.created_at < oldest(workspace) else None


def oldest(workspace: Workspace) -> str:
    """When the oldest plan was made that is not too old."""
    return stamp(now() - workspace.settings.plan_lifetime)


def drifted(workspace: Workspace, at: datetime | None = None) -> list[Request]:
    """Requests whose batch stopped before anything was deleted, because clearly more was there than was planned.

    With `at`, those of them that are not put off.
    """
    with reading(workspace.ledger) as connection:
        found = requests_due.stopped_untouched(connection, _RECOUNT, at)
        return [one for one in found if _more_than_planned(connection, workspace, str(one.batch_uid))]


def _more_than_planned(connection: Transaction, workspace: Workspace, uid: str) -> bool:
    """By the same rules, on the same numbers, as the step that stopped it: both stand in the ledger."""
    batch = batch_by_uid(connection, uid)
    rules = workspace.data_map.limits
    for chunk in planned_chunks(connection, batch.id):
        due: dict[str, Counter[str]] = {store: Counter() for store in batch.actions}
        most = 0
        for item in items_of_chunk(connection, chunk.id):
            for store, collections in item.found.items():
                due[store].update({name: counts[0] for name, counts in collections.items()})
            most = max(most, count_records.all_due(item.found))
        more = plan_limits_and_drift.drifted(chunk.planned or due, due, rules.drift_percent)
        if more + plan_limits_and_drift.exceeds_approved(rules, batch.plan.get("max_records_per_person", most), most):
            return True
    return False


def replan(  # noqa: PLR0913 - what is replaced, why, by whom, and when the new one may begin
    workspace: Workspace,
    wanted: Request,
    because: ReplanReason,
    at: datetime,
    *,
    by: str = WORKER,
    pause: timedelta | None = None,
) -> Batch:
    """Plan a request anew, and end its plan; approval is asked for again where the new one exceeds a limit.

    Who was meant stays who was meant: an identifier that has passed on to somebody else by now leads to nobody.

    Args:
        workspace: What is worked with.
        wanted: The request. Nothing was touched under its batch.
        because: Why its plan is void.
        at: When.
        by: Who says so.
        pause: Not to be begun before it is over, and one attempt more: what drifts at once would drift for ever.

    Raises:
        ConflictError: Somebody begun, cancelled or replaced it meanwhile.
        ExpungeError: It cannot be planned now; the old plan stays, void.
    """
    with reading(workspace.ledger) as connection:
        old = batch_by_uid(connection, str(wanted.batch_uid))
        item = only_item(connection, old.id)
    if item.wrapped_key is None or item.sealed_identifiers is None or item.sealed_keys is None:
        raise ConflictError  # its identifiers are gone: it was ended at this moment
    seal = ItemCipher(workspace.keys.wrapping)
    identifiers = seal.open(item.wrapped_key, Sealed.IDENTIFIERS, item.series, item.sealed_identifiers)
    meant = seal.open(item.wrapped_key, Sealed.KEYS, item.series, item.sealed_keys)

    def replaced(connection: Transaction, batch_id: int) -> None:
        """In the transaction that freezes the new plan."""
        until = None if pause is None else at + pause
        moved = request_transitions.replace_batch(connection, wanted.id, old.id, batch_id, at, until)
        if not moved or not _ended(connection, old, uid_of(connection, batch_id), because):
            raise ConflictError
        _for_the_same(connection, seal, batch_id, meant)
        audit_log.append(connection, at, by, ACTION, wanted.uid, because.value)

    return planner.create_plan(
        workspace,
        [identifiers],
        wanted.scope,
        lambda _done: None,
        None if wanted.data_types is None else frozenset(wanted.data_types),
        asked_at=wanted.asked_at,
        requested_by=wanted.asked_by,
        replaces=(old.uid, because.value),
        frozen=replaced,
    )


def _ended(connection: Transaction, old: Batch, successor: str, because: ReplanReason) -> bool:
    """End the old plan, unless somebody did anything about it since it was read."""
    said = f"Replaced by {successor}: {because.words}. Nothing was touched."
    if old.state in UNBEGUN:
        return replaced_plans.end_unbegun(connection, old.id, said)
    # It has a statement, `accepted`: the runner ends the series with `cancelled`, which says that nothing was erased.
    ended = replaced_plans.cancel_failed(connection, old.id)
    batch_lifecycle.sync_state(connection, [old.id])
    replaced_plans.say(connection, old.id, said)
    return ended


def _for_the_same(connection: Transaction, seal: ItemCipher, batch_id: int, meant: frozenset[SubjectKey]) -> None:
    """The new plan is for whom the first one was for; execution holds against it (ADR 3)."""
    item = only_item(connection, batch_id)
    assert item.wrapped_key is not None
    sealed = seal.close(item.wrapped_key, Sealed.KEYS, item.series, meant)
    update_items(connection, [{"id": item.id, "sealed_keys": sealed}])
