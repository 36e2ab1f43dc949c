"""Resolve step: every key of every person, durable before anything is erased; late keys too.

A further round resolves again, because a record that arrived late may lead on. What was found once is kept: the row
that led there may be gone by now. Who was meant is decided once, by the first round: an identifier that leads to
another person afterwards was passed on, and nothing of that person is touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Subject, SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_orchestrator.clock import now, parse, stamp
from expunge_orchestrator.execution import counted_of_others, foreseen_keys
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.holds import legal_holds
from expunge_orchestrator.ledger import Transaction, entered_identities, requests
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import Sealed
from expunge_orchestrator.ledger.items import Item, update_items
from expunge_orchestrator.ledger.suppression_list import Tagger, replace_entries
from expunge_orchestrator.rules.key_graph import same_person
from expunge_orchestrator.rules.outcomes import Result
from expunge_orchestrator.rules.resolution_answers import Ambiguity, Resolved, Said
from expunge_orchestrator.rules.times_of_receipt import last_moment, zone_of
from expunge_orchestrator.subjects import (
    attributions,
    earlier_claims,
    followed_keys,
    holders_at_receipt,
    index_keys,
    inherited_keys,
    joint_lookup,
    member_proof,
    unread_values,
)
from expunge_orchestrator.subjects.planned_keys import Keys, PlannedKeys, without


def resolve(context: StepContext) -> StepWrite:
    """Find every key of every person, or the reason why nobody may be touched.

    What is written here is durable before the first destructive statement (law 6): sealed keys, so that a crash resumes
    also after the row that led to the others is gone, and the suppression entries.
    """
    for store in context.batch.identities:
        context.require_planned_relations(store)
    return resolve_people(context, context.active)


def resolve_people(context: StepContext, people: Sequence[Item]) -> StepWrite:
    """The same for some of the chunk's people.

    Somebody who is ambiguous at settling time keeps the outcome, and the reason says why nothing is erased again.

    Raises:
        TerminalError: Somebody of whom something may be erased already is ambiguous by now.
    """
    if not people:
        return lambda _connection: Transition()
    known = {item.id: context.unsealed(item) for item in people if _begun(item)}
    again = context.given_again(known, [item for item in people if item.sealed_keys is not None])
    # Under ids that are all somebody else's there is nothing to be learnt of the person, and under their keys neither.
    proofs = {number: _proofs(context, known[number]) for number in again.keys() & known.keys()}
    gone = {number for number, keys in proofs.items() if keys and keys <= again[number]}
    asked = _meant(context, [item for item in people if item.id not in gone], known, again)
    asked |= {item.id: _remembered(context, item, known[item.id]) for item in people if item.id in gone}
    kept = inherited_keys.of_same_person(asked, context.workspace, context.batch.scope)
    asked |= {number: _refusing(asked[number], kept[number]) for number in gone & kept.keys()}
    answers = {item.id: _of_the_same(context, item, asked[item.id], kept.get(item.id, frozenset())) for item in people}
    foreseen = {item.id: told for item in people if item.sealed_keys is not None and (told := context.foreseen(item))}
    answers |= foreseen_keys.without_lost(context, answers, foreseen)
    known = {number: without(keys, answers[number].let_go) for number, keys in known.items()}
    keys_of = {item.id: member_proof.merged(known.get(item.id, frozenset()), answers[item.id].keys) for item in people}
    for number, told in _told_together(context, people, keys_of, answers).items():
        keys_of[number] |= told
    seal, tagger = context.seal(), Tagger(context.workspace.keys.suppression)
    identities = context.workspace.data_map.identities
    entered = stamp(now())
    sealed: list[dict[str, Any]] = []
    unread = {item.id: answers[item.id].unread for item in people}
    not_read = [{"id": number, "unread": unread_values.by_place(keys)} for number, keys in unread.items() if keys]
    entries = []
    for item in people:
        answer = answers[item.id]
        settling = item.outcome is not None
        if answer.ambiguity is not None and item.touched and not settling:
            raise TerminalError(f"{answer.ambiguity}; that was seen only after erasing had begun.")
        # A key that was followed before may be marked; it is others' all the same.
        keys = without(keys_of[item.id], answer.others | answer.of_another)
        keys = attributions.without_ages(keys, answer.attributed)
        decided = keys | answer.others
        unclear = replace(
            answer,
            shared=answer.shared - decided - answer.of_another,
            doubtful=answer.doubtful - decided - answer.shared,
            at_home=answer.at_home | context.subject(item).at_home,  # a record may be gone by now, or move
        )
        ahead = foreseen.get(item.id, frozenset()) - keys
        sealing = member_proof.with_foreseen(member_proof.sealed_together(keys, unclear), ahead)
        assert item.wrapped_key is not None
        closed = seal.close(item.wrapped_key, Sealed.KEYS, item.series, sealing)
        context.opened.keys[closed] = sealing  # the next steps of this drive need them
        sealed.append(
            {
                "id": item.id,
                "sealed_keys": closed,
                "outcome": item.outcome if settling or answer.ambiguity is None else Result.AMBIGUOUS.value,
                "reason": answer.ambiguity,
            }
        )
        claims = earlier_claims.claims_of(keys)
        entries += [
            tagger.entry(item.id, key, entered, claims.get(key))
            for key in set(map(member_proof.unmark, keys))
            if key.namespace in identities
        ]
    persons = context.workspace.data_map.person_identities
    planned = [context.known_by(item) for item in people if item.sealed_keys is not None]
    normalisers = {name: identities[name].normaliser for name in {entry["namespace"] for entry in entries}}
    counts = counted_of_others.taken_off(context, list(filter(_begun, people)), answers, keys_of)

    def write(connection: Transaction) -> Transition:
        update_items(connection, sealed)
        update_items(connection, counts)
        update_items(connection, not_read)
        replace_entries(connection, [item["id"] for item in sealed], entries)
        legal_holds.learn_from_plan(connection, context.batch.scope, tagger, planned, persons)
        entered_identities.enter(connection, normalisers)
        return Transition()

    return write


def _meant(context: StepContext, people: Sequence[Item], known: Keys, again: Keys) -> dict[int, Resolved]:
    """The answers; of those for whom the plan found nobody, nobody who took a value since they asked is meant."""
    answers = _ask_decided(context, people, known, again)
    unknown = [item for item in people if not _begun(item) and not _planned_for(context, item)]
    if not unknown:
        return answers
    with reading(context.workspace.ledger) as connection:
        wanted = requests.of_batch(connection, context.batch.id)
    scope, zone = context.batch.scope, zone_of(context.batch.scope, context.workspace.data_map)
    told = {item.id: item.received_at if wanted is None else wanted.asked_at for item in unknown}
    received = {number: last_moment(at, zone) for number, at in told.items() if at is not None}
    given = context.identifiers([item for item in unknown if item.id in received])
    return holders_at_receipt.meant(answers, given, received, context.workspace, scope)


def _planned_for(context: StepContext, item: Item) -> bool:
    """The plan led to a person."""
    return item.sealed_keys is not None and bool(_proofs(context, context.unsealed(item)))


def _shared(context: StepContext, item: Item, answer: Resolved) -> frozenset[SubjectKey]:
    """What the person's own record shares with others. It may be gone by now: then that is known from before."""
    return (answer.shared | (context.shared(item) if _begun(item) else frozenset())) - answer.of_another


def _told_together(
    context: StepContext,
    people: Sequence[Item],
    keys_of: Mapping[int, frozenset[SubjectKey]],
    answers: Mapping[int, Resolved],
) -> dict[int, frozenset[SubjectKey]]:
    """Item -> what is led to by values that people of the chunk share who all go."""
    going = [item for item in people if answers[item.id].ambiguity is None and item.id not in context.held]
    subjects = [Subject(item.id, keys_of[item.id], shared=_shared(context, item, answers[item.id])) for item in going]
    if not any(one.shared for one in subjects):
        return {}
    here = {item.id for item in going}
    staying = [
        _shared(context, item, answers[item.id]) if item.id in answers else context.shared(item)
        for item in context.items
        if item.id not in here and (item.id in answers or item.sealed_keys is not None)
    ]
    cutoffs = {name: context.cutoffs[name] for name in context.batch.identities}
    return joint_lookup.told_together(
        subjects, context.workspace, context.batch.scope, cutoffs, frozenset[SubjectKey]().union(*staying)
    )


def _begun(item: Item) -> bool:
    """Something of the person may be erased by now, or an end was stated: who it is was decided."""
    return item.sealed_keys is not None and (item.touched or item.outcome is not None)


def _proofs(context: StepContext, keys: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """The persons' keys among them, without their marks."""
    persons = context.workspace.data_map.person_identities
    return frozenset(key for key in map(member_proof.unmark, keys) if key.namespace in persons)


def _with_remembered(context: StepContext, item: Item, answer: Resolved) -> Resolved:
    """With what was unclear or unread before: the records that told it may be gone by now."""
    before = context.subject(item)
    return replace(
        answer,
        shared=answer.shared | before.shared,
        doubtful=answer.doubtful | before.doubtful,
        unread=answer.unread | context.unread(item),
    )


def _refusing(answer: Resolved, kept: frozenset[SubjectKey]) -> Resolved:
    """The answer without following what was kept of the person, of whom nothing is to be learnt."""
    others = frozenset(map(member_proof.unmark, kept)) - set(map(member_proof.unmark, answer.keys))
    return replace(answer, refused=answer.refused | others, shared=answer.shared | others)


def _remembered(context: StepContext, item: Item, known: frozenset[SubjectKey]) -> Resolved:
    return _with_remembered(context, item, Resolved(known, refused=context.subject(item).refused or frozenset()))


def _of_the_same(context: StepContext, item: Item, answer: Resolved, kept: frozenset[SubjectKey]) -> Resolved:
    """The answer, unless it names somebody else than the plan, or a person whom nobody had found before.

    A request of the same person that was ended since (it `kept` keys) had found who these are.
    """
    if item.sealed_keys is None:
        return answer
    persons = context.workspace.data_map.person_identities
    before, ended, found = (
        {key for key in map(member_proof.unmark, keys) if key.namespace in persons}
        for keys in (context.unsealed(item), kept, answer.keys)
    )
    if found <= before | (ended if same_person(before, ended) else set()):
        return answer
    return replace(answer, keys=frozenset(), ambiguity=Ambiguity.MOVED if _begun(item) else Ambiguity.OTHERWISE)


def _ask_decided(context: StepContext, people: Sequence[Item], known: Keys, again: Keys) -> dict[int, Resolved]:
    """The answers, with what was decided of unclear values; what was unclear before counts where it is decided now."""
    items = {item.id: item for item in people}

    def ask(said: Mapping[int, Said]) -> Mapping[int, Resolved]:
        answers = _ask(context, [items[number] for number in said], known, again, said)
        return {
            number: _with_remembered(context, items[number], one) if items[number].sealed_keys is not None else one
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
    for number, keys in known.items():
        if proofs := _proofs(context, keys) - again.get(number, frozenset()):
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
        homes = {item.id: context.subject(item).at_home for item in people if item.id in asked}
        owns = [Subject(number, keys, at_home=homes[number]) for number, keys in asked.items()] if know else []
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
