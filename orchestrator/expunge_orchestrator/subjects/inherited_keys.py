"""Inherited keys: what the plan led to, and what ended requests of the same person kept (`residual_keys`, ADR 8).

It leads where it leads by now: an account or a number may have passed on to somebody since. So it goes through the
resolution, as keys known from before that decide nothing: one that is another person's by now is not followed, and what
stands under it is ambiguous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger, concluded_with
from expunge_orchestrator.rules.resolution_answers import Resolved
from expunge_orchestrator.subjects import earlier_claims, member_proof, residual_keys
from expunge_orchestrator.subjects.planned_keys import Ask, Keys, PlannedKeys
from expunge_orchestrator.subjects.residual_keys import ResidualKeys
from expunge_orchestrator.workspace import Workspace

_NONE = frozenset[SubjectKey]()


def resolve(  # noqa: PLR0913, PLR0917 - what is given, and what is known from where
    given: Keys, known: Keys, ask: Ask, workspace: Workspace, scope: Scope, planned: PlannedKeys | None = None
) -> Mapping[int, Resolved]:
    """Resolve people, and once more with what their plan led to, and ended requests of theirs kept, where there is any.

    Args:
        given: Number -> the identifiers of a request.
        known: Number -> keys that an earlier round accepted, for those that had one.
        ask: Asks the stores.
        workspace: The ledger, which knows what ended requests kept.
        scope: For whom the request speaks.
        planned: What the plan of people led to of whom nothing is erased, and what is known of the others.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    asked = given
    new = {number: given[number] for number in given.keys() - known.keys()}
    vouched = _vouched_for(new, ask, workspace, scope)
    for number, keys in ({} if planned is None else planned.vouched_for()).items():
        vouched[number] = member_proof.merged(vouched.get(number, _NONE), keys)
    given = {
        number: keys.difference(map(member_proof.unmark, vouched.get(number, ()))) for number, keys in given.items()
    }
    before = {**known, **vouched}
    while True:
        # Of everybody again, not of some: a record of two people is followed where both go.
        answers = ask(given, before)
        if again := {} if planned is None else planned.contradicted(answers):
            rest = {number: keys for number, keys in known.items() if number not in again}
            return resolve({**asked, **again}, rest, ask, workspace, scope, planned)
        more: dict[int, frozenset[SubjectKey]] = {}
        left = _left(answers, workspace, scope)
        for inherited in (
            _keys_of(left),
            {} if planned is None else planned.beyond(answers, ask),
            earlier_claims.since_before(answers, workspace, scope),
        ):
            for number, keys in inherited.items():
                more[number] = member_proof.merged(more.get(number) or before.get(number, _NONE), keys)
        if all(keys <= before.get(number, _NONE) | answers[number].keys for number, keys in more.items()):
            return {number: _with_homes(one, left.get(number, ())) for number, one in answers.items()}
        before |= more


def of_same_person(
    answers: Mapping[int, Resolved], workspace: Workspace, scope: Scope
) -> dict[int, frozenset[SubjectKey]]:
    """Number -> what ended requests kept that were for certain of the same person; for those with any."""
    return _keys_of(_left(answers, workspace, scope))


def _keys_of(left: Mapping[int, Sequence[ResidualKeys]]) -> dict[int, frozenset[SubjectKey]]:
    return {number: frozenset[SubjectKey]().union(*(one.keys for one in ones)) for number, ones in left.items()}


def _with_homes(answer: Resolved, left: Sequence[ResidualKeys]) -> Resolved:
    """What was the member's when an ended request kept it, and is another's by now, is inherited by nobody."""
    return answer._replace(at_home=answer.at_home.union(*(one.at_home for one in left))) if left else answer


def _left(answers: Mapping[int, Resolved], workspace: Workspace, scope: Scope) -> dict[int, Sequence[ResidualKeys]]:
    clear = (
        Subject(number, one.keys, shared=one.shared, doubtful=one.doubtful)
        for number, one in answers.items()
        if one.ambiguity is None
    )
    left = residual_keys.of_people(workspace, scope, clear)
    proven = {number: [one for one in ones if one.proven] for number, ones in left.items()}
    return {number: ones for number, ones in proven.items() if ones}


def _vouched_for(given: Keys, ask: Ask, workspace: Workspace, scope: Scope) -> dict[int, frozenset[SubjectKey]]:
    """Number -> identifiers given that pass on, which an earlier request of the same person had; for those with any.

    Nothing leads from them to the person any more, and yet they are not somebody else's for all that anybody knows.
    Who the person is their own keys say, without these. Of a request that was ended the kept keys are asked as well: it
    may have found further keys of the person.
    """
    persons = workspace.data_map.person_identities
    proofs = {number: frozenset(key for key in keys if key.namespace in persons) for number, keys in given.items()}
    beside = [Subject(number, keys) for number, keys in proofs.items() if keys and keys < given[number]]
    if not beside:
        return {}
    some = residual_keys.of_people(workspace, scope, beside)
    answers = ask({number: proofs[number] for number in some}, {}) if some else {}
    tagger = Tagger(workspace.keys.suppression)
    left = {
        number: frozenset[bytes]().union(*(one.tags for one in ones))
        for number, ones in _left(answers, workspace, scope).items()
    }
    tags = {key: tagger.tag(key) for one in beside for key in given[one.number]}
    with reading(workspace.ledger) as connection:
        requests = concluded_with(connection, scope, tags.values())
    found: dict[int, frozenset[SubjectKey]] = {}
    for number, keys in ((one.number, one.keys) for one in beside):
        theirs = set[int]().union(*(requests.get(tags[key], ()) for key in keys))
        vouched = frozenset(
            key
            for key in given[number] - keys
            if tags[key] in left.get(number, ()) or not theirs.isdisjoint(requests.get(tags[key], ()))
        )
        if vouched:
            found[number] = vouched
    return found
