"""Resolve step: every key of every person, durable before anything is erased; late keys too.

A further round resolves again, because a record that arrived late may lead on. What was found once is kept: the row
that led there may be gone by now. Who was meant is decided once, by the first round: an identifier that leads to
another person afterwards was passed on, and nothing of that person is touched.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import Subject, SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.execution import counted_of_others, foreseen_keys, people_meant
from expunge_orchestrator.execution.step_context import StepContext, StepWrite, Transition
from expunge_orchestrator.holds import legal_holds
from expunge_orchestrator.ledger import Transaction, entered_identities
from expunge_orchestrator.ledger.items import Item, update_items
from expunge_orchestrator.ledger.suppression_list import Tagger, replace_entries
from expunge_orchestrator.rules.key_graph import same_person
from expunge_orchestrator.rules.outcomes import Result
from expunge_orchestrator.rules.resolution_answers import Ambiguity, Resolved
from expunge_orchestrator.subjects import (
    attributions,
    earlier_claims,
    inherited_keys,
    joint_lookup,
    member_proof,
    unread_values,
)
from expunge_orchestrator.subjects.planned_keys import without


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
    known = {item.id: context.unsealed(item) for item in people if people_meant.begun(item)}
    again = context.given_again(known, [item for item in people if item.sealed_keys is not None])
    # Under ids that are all somebody else's there is nothing to be learnt of the person, and under their keys neither.
    persons = context.workspace.data_map.person_identities
    proofs = {number: people_meant.proofs_among(known[number], persons) for number in again.keys() & known.keys()}
    gone = {number for number, keys in proofs.items() if keys and keys <= again[number]}
    asked = people_meant.meant(context, [item for item in people if item.id not in gone], known, again)
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
    tagger = Tagger(context.workspace.keys.suppression)
    identities = context.workspace.data_map.identities
    entered = stamp(now())
    changed: list[dict[str, Any]] = []
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
        unclear = answer._replace(
            shared=answer.shared - decided - answer.of_another,
            doubtful=answer.doubtful - decided - answer.shared,
            at_home=answer.at_home | context.subject(item).at_home,  # a record may be gone by now, or move
        )
        ahead = foreseen.get(item.id, frozenset()) - keys
        sealing = member_proof.with_foreseen(member_proof.sealed_together(keys, unclear), ahead)
        outcome = item.outcome if settling or answer.ambiguity is None else Result.AMBIGUOUS.value
        closed = context.sealed(item, sealing)
        if (closed, outcome, answer.ambiguity) != (item.sealed_keys, item.outcome, item.reason):
            changed.append({"id": item.id, "sealed_keys": closed, "outcome": outcome, "reason": answer.ambiguity})
        entries += _entries(item, keys, tagger, entered, identities)
    aliases = Aliases.of(context.workspace.data_map)
    normalisers = {name: identities[name].normaliser for name in {entry["namespace"] for entry in entries}}
    counts = counted_of_others.taken_off(context, list(filter(people_meant.begun, people)), answers, keys_of)

    def write(connection: Transaction) -> Transition:
        update_items(connection, changed)
        update_items(connection, counts)
        update_items(connection, not_read)
        replace_entries(connection, [item.id for item in people], entries)
        planned = (context.known_by(item, aliases) for item in people if item.sealed_keys is not None)  # if holds ask
        legal_holds.learn_from_plan(connection, context.batch.scope, tagger, planned, persons)
        entered_identities.enter(connection, normalisers)
        return Transition()

    return write


def _entries(
    item: Item, keys: frozenset[SubjectKey], tagger: Tagger, entered: str, identities: Container[str]
) -> list[dict[str, Any]]:
    """The person's entries on the suppression list."""
    claims = earlier_claims.claims_of(keys)
    plain = set(map(member_proof.unmark, keys))
    return [tagger.entry(item.id, key, entered, claims.get(key)) for key in plain if key.namespace in identities]


def _shared(context: StepContext, item: Item, answer: Resolved) -> frozenset[SubjectKey]:
    """What the person's own record shares with others. It may be gone by now: then that is known from before."""
    return (answer.shared | (context.shared(item) if people_meant.begun(item) else frozenset())) - answer.of_another


def _told_together(
    context: StepContext,
    people: Sequence[Item],
    keys_of: Mapping[int, frozenset[SubjectKey]],
    answers: Mapping[int, Resolved],
) -> dict[int, frozenset[SubjectKey]]:
    """Item -> what is led to by values that people of the chunk share who all go."""
    going = [item for item in people if answers[item.id].ambiguity is None and item.id not in context.held]
    shared = {item.id: _shared(context, item, answers[item.id]) for item in going}
    if not any(shared.values()):
        return {}
    subjects = [Subject(number, keys_of[number], shared=theirs) for number, theirs in shared.items()]
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


def _refusing(answer: Resolved, kept: frozenset[SubjectKey]) -> Resolved:
    """The answer without following what was kept of the person, of whom nothing is to be learnt."""
    others = frozenset(map(member_proof.unmark, kept)) - set(map(member_proof.unmark, answer.keys))
    return answer._replace(refused=answer.refused | others, shared=answer.shared | others)


def _remembered(context: StepContext, item: Item, known: frozenset[SubjectKey]) -> Resolved:
    return people_meant.with_remembered(
        context, item, Resolved(known, refused=context.subject(item).refused or frozenset())
    )


def _of_the_same(context: StepContext, item: Item, answer: Resolved, kept: frozenset[SubjectKey]) -> Resolved:
    """The answer, unless it names somebody else than the plan, or a person whom nobody had found before.

    A request of the same person that was ended since (it `kept` keys) had found who these are.
    """
    if item.sealed_keys is None or answer.keys <= context.unsealed(item):
        return answer
    persons = context.workspace.data_map.person_identities
    before, ended, found = (
        {key for key in map(member_proof.unmark, keys) if key.namespace in persons}
        for keys in (context.unsealed(item), kept, answer.keys)
    )
    if found <= before | (ended if same_person(before, ended) else set()):
        return answer
    return answer._replace(
        keys=frozenset(), ambiguity=Ambiguity.MOVED if people_meant.begun(item) else Ambiguity.OTHERWISE
    )
