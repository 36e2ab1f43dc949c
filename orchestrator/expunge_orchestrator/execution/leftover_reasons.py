"""Leftover reasons: why something due is left of people who fail, as far as the stores can say.

They explain, and decide nothing: the stores are asked once more, as the erasing step asked them, and what one cannot
say now is left out. What is due by all that is known of a person and not without one kind of value is known by that
value alone; and what is due of everybody together, and not of those whom a hold lets go together, names somebody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Counts, KnowsWaiting, RecordCounts, Subject
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.rules.count_records import Place
from expunge_orchestrator.rules.outcomes import CollectionOutcome, LeftoverReason, Outcome
from expunge_orchestrator.subjects import followed_keys

Reasons = Mapping[Place, Sequence[LeftoverReason]]

_BY_VALUE = (
    "If a value alone leads to somebody else's record: `expunge attribute propose --as others`, then `expunge retry`"
)
_ON_HOLD = "Once the hold is lifted or has run out: `expunge retry`"
_NOTHING = RecordCounts()


def reasons(
    context: StepContext,
    people: Sequence[Item],
    lines: Mapping[int, Sequence[CollectionOutcome]],
    together: Sequence[Item],
) -> dict[int, Reasons]:
    """Item id -> (store, collection) -> why something is left there; of people who fail.

    Args:
        context: Of the step that says so.
        people: Who fail.
        lines: Item id -> what is known of each collection.
        together: Everybody who was to be erased in the step.
    """
    found: dict[int, dict[Place, list[LeftoverReason]]] = {one.id: defaultdict(list) for one in people}
    if not people:
        return dict(found)
    with suppress(ConnectorError):
        context = context.following()
    for store in context.actions:
        due = {one.id: {line.collection for line in lines[one.id] if _left(line, store)} for one in people}
        some = [one for one in people if due[one.id]]
        if not some or not context.mapped(store):
            continue
        with suppress(ConnectorError):
            here_alone = replace(context, store=store)
            held = {(number, name): reason for number, name, reason in _on_hold(here_alone, together)}
            for (number, name), reason in held.items():
                if name in due.get(number, ()):
                    found[number][store, name].append(reason)
            for number, name, reason in _of_keys(here_alone, some):
                if name in due[number] and (number, name) not in held:
                    found[number][store, name].append(reason)
    return dict(found)


def _left(line: CollectionOutcome, store: str) -> bool:
    return line.store == store and line.outcome is Outcome.FAILED and line.verified is not None


def _on_hold(context: StepContext, together: Sequence[Item]) -> Iterator[tuple[int, str, LeftoverReason]]:
    """(item id, collection, reason): what a hold keeps of people, and of those who are erased with others than them."""
    keeping = hold_enforcement.kept_collections(context)
    held = [one for one in map(keeping.of_request, context.held.values()) if one is not None]
    if not held or any(one.undisclosed for one in held):
        return
    everybody = _count(context, context.subjects(together))
    for allowed, group in hold_enforcement.groups_by_allowed_actions(context, together):
        for number, counts in _count(context, context.subjects(group)).items():
            for name, due in _due(everybody, number):
                if name not in allowed:
                    yield number, name, LeftoverReason("on hold", _ON_HOLD)
                elif due > counts.get(name, _NOTHING).due:
                    yield number, name, LeftoverReason("somebody on hold is named there as well", _ON_HOLD)


def _of_keys(context: StepContext, people: Sequence[Item]) -> Iterator[tuple[int, str, LeftoverReason]]:
    """The same of keys that may be somebody else's, in the step's store."""
    subjects = context.subjects(people)
    known = _count(context, subjects)
    for identity, declared in context.workspace.data_map.identities.items():
        rest = [followed_keys.without_identity(one, identity) for one in subjects]
        if declared.kind is IdentityKind.REUSABLE and rest != subjects:
            for number, counts in _count(context, rest).items():
                for name, due in _due(known, number):
                    if due > counts.get(name, _NOTHING).due:
                        yield number, name, LeftoverReason(f"known by {identity} alone", _BY_VALUE)
    connector = context.workspace.stores[context.store]
    if isinstance(connector, KnowsWaiting):
        waiting = connector.waiting(subjects, context.batch.scope, context.cutoffs[context.store])
        elsewhere = _held_elsewhere(context, people) if waiting else {}
        for number, collections in waiting.items():
            for name, names in collections.items():
                others = sorted({other for one in names for other in elsewhere.get((number, one), ())})
                where = f", for {', '.join(others)} has it in somebody else's record" if others else ""
                said = f"{', '.join(names)} there is not known to be this person's alone{where}"
                yield number, name, LeftoverReason(said)


def _held_elsewhere(context: StepContext, people: Sequence[Item]) -> dict[tuple[int, str], list[str]]:
    """(item id, identity) -> other stores in which somebody else has such a key of the person's."""
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    for other, connector in followed_keys.knowing(context.workspace, context.cutoffs, but=context.store).items():
        subjects = context.subjects(people, other, to_look=True)
        for number, keys in connector.given_again(subjects, context.batch.scope, context.cutoffs[other]).items():
            for identity in {key.namespace for key in keys}:
                found[number, identity].append(other)
    return found


def _count(context: StepContext, subjects: Sequence[Subject]) -> Counts:
    store = context.workspace.stores[context.store]
    return store.count(subjects, context.batch.scope, context.cutoffs[context.store])


def _due(counts: Counts, number: int) -> Iterable[tuple[str, int]]:
    return ((name, one.due) for name, one in counts.get(number, {}).items() if one.due)
