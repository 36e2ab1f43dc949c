"""People meant: who the identifiers of a chunk's people lead to, by what was planned and what is erased already.

Who was meant is decided once. Of whom something is erased, the person's own key says who it is; of whom the plan found
nobody, it is nobody who took a value since they asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Subject, SubjectKey
from expunge_orchestrator.clock import parse
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger import requests
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.rules.resolution_answers import Resolved, Said
from expunge_orchestrator.rules.times_of_receipt import last_moment, zone_of
from expunge_orchestrator.subjects import (
    attributions,
    followed_keys,
    holders_at_receipt,
    index_keys,
    inherited_keys,
    member_proof,
)
from expunge_orchestrator.subjects.planned_keys import Keys, PlannedKeys, without


def meant(context: StepContext, people: Sequence[Item], known: Keys, again: Keys) -> dict[int, Resolved]:
    """The answers; of those for whom the plan found nobody, nobody who took a value since they asked is meant."""
    answers = _ask_decided(context, people, known, again)
    persons = context.workspace.data_map.person_identities
    unknown = [item for item in people if not begun(item) and not _planned_for(context, item, persons)]
    if not unknown:
        return answers
    with reading(context.workspace.ledger) as connection:
        wanted = requests.of_batch(connection, context.batch.id)
    scope, zone = context.batch.scope, zone_of(context.batch.scope, context.workspace.data_map)
    told = {item.id: item.received_at if wanted is None else wanted.asked_at for item in unknown}
    received = {number: last_moment(at, zone) for number, at in told.items() if at is not None}
    given = context.identifiers([item for item in unknown if item.id in received])
    return holders_at_receipt.meant(answers, given, received, context.workspace, scope)


def _planned_for(context: StepContext, item: Item, persons: Collection[str]) -> bool:
    """The plan led to a person."""
    return item.sealed_keys is not None and bool(proofs_among(context.unsealed(item), persons))


def begun(item: Item) -> bool:
    """Something of the person may be erased by now, or an end was stated: who it is was decided."""
    return item.sealed_keys is not None and (item.touched or item.outcome is not None)


def proofs_among(keys: frozenset[SubjectKey], persons: Collection[str]) -> frozenset[SubjectKey]:
    """The keys of these identities among them, without their marks."""
    return frozenset(key for key in map(member_proof.unmark, keys) if key.namespace in persons)


def with_remembered(context: StepContext, item: Item, answer: Resolved) -> Resolved:
    """With what was unclear or unread before: the records that told it may be gone by now."""
    before = context.subject(item)
    if not (before.shared or before.doubtful or before.unread):
        return answer
    return answer._replace(
        shared=answer.shared | before.shared,
        doubtful=answer.doubtful | before.doubtful,
        unread=answer.unread | before.unread,
    )


def _ask_decided(context: StepContext, people: Sequence[Item], known: Keys, again: Keys) -> dict[int, Resolved]:
    """The answers, with what was decided of unclear values; what was unclear before counts where it is decided now."""
    items = {item.id: item for item in people}

    def ask(said: Mapping[int, Said]) -> Mapping[int, Resolved]:
        answers = _ask(context, [items[number] for number in said], known, again, said)
        return {
            number: with_remembered(context, items[number], one) if items[number].sealed_keys is not None else one
            for number, one in answers.items()
        }

    return attributions.applied(ask(dict.fromkeys(items, Said())), ask, context.workspace, context.batch.scope)


def _ask(
    context: StepContext, people: Sequence[Item], known: Keys, again: Keys, said: Mapping[int, Said]
) -> Mapping[int, Resolved]:
    """Of whom something is erased, the person's own key says who it is: what the others led to may be gone.

    The others are asked all the same, for records that came since and hang on them; those aside that somebody else has
    `again`.
    """
    workspace, scope = context.workspace, context.batch.scope
    given = context.identifiers(people)
    known = {number: keys for number, keys in known.items() if number in given}
    persons = workspace.data_map.person_identities
    for number, keys in known.items():
        if proofs := proofs_among(keys, persons) - again.get(number, frozenset()):
            given[number] = proofs

    def told(given: Keys, known: Keys) -> Mapping[int, Resolved]:
        return member_proof.resolve(
            given,
            stores=workspace.stores,
            names=list(context.batch.identities),
            scope=scope,
            cutoffs=context.cutoffs,
            data_map=workspace.data_map,
            known={number: without(keys, again.get(number, frozenset())) for number, keys in known.items()},
            said=said,
        )

    planned = _planned(context, people, known, again)
    return planned.told(inherited_keys.resolve(given, known, told, workspace, scope, planned))


def _planned(context: StepContext, people: Sequence[Item], known: Keys, again: Keys) -> PlannedKeys:
    """What the plan led to. Whoever came since it began, by a store's own clock, is somebody else."""
    begun = {item.id: context.subject(item) for item in people if item.id in known}
    fresh = [item for item in people if item.sealed_keys is not None and item.id not in begun]
    begun_at = {name: parse(context.batch.plan["begun_at"][name]) for name in context.cutoffs}
    since = replace(context, cutoffs=begun_at)
    later = {name: begun_at[name] for name, cutoff in context.cutoffs.items() if cutoff > begun_at[name]}
    know = followed_keys.knowing(context.workspace, later)
    scope = context.batch.scope

    def owns_given_again(asked: Keys) -> Keys:
        planned = {item.id: context.subject(item) for item in people if item.id in asked} if know else {}
        owns = [_by_own_keys(one, asked[number]) for number, one in planned.items()]
        return followed_keys.given_again(owns, scope, context.workspace, know, later)

    def named_by_others(let_go: Keys) -> Keys:
        going = [context.subject(item) for item in people if item.sealed_keys is not None]
        return index_keys.named_by_others(going, let_go, scope, context.workspace, context.cutoffs)

    return PlannedKeys(
        {item.id: context.unsealed(item) for item in fresh},
        {number: without(known[number], again.get(number, frozenset())) for number in begun},
        {number: (one.refused or frozenset()) | one.unclear for number, one in begun.items()},
        context.identifiers([*fresh, *(item for item in people if item.id in begun)]),
        lambda asked, going: since.given_again(asked, [item for item in fresh if item.id in going]),
        owns_given_again,
        named_by_others,
        context.workspace.data_map.person_identities,
        frozenset(
            name for name, one in context.workspace.data_map.identities.items() if one.kind is IdentityKind.REUSABLE
        ),
    )


def _by_own_keys(one: Subject, owns: frozenset[SubjectKey]) -> Subject:
    """The person by these keys alone. The others lead nowhere: of a row of the plan's day they say whose it is."""
    others = frozenset(map(member_proof.unmark, one.keys - owns)) | one.unclear | (one.refused or frozenset())
    return Subject(one.number, owns, others, at_home=one.at_home)
