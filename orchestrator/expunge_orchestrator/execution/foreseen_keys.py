"""Foreseen keys: what shared rows told when it was planned, and what became of it (ADR 26).

An application deletes such a row, or renews what it tells, before the last of its owners is erased. Whose the first key
is nobody can say then: it is not followed, and what stands under it is told as ambiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import Subject, SubjectKey
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger, touched_since
from expunge_orchestrator.rules.resolution_answers import Resolved
from expunge_orchestrator.subjects import joint_owners
from expunge_orchestrator.subjects.joint_owners import Resolution
from expunge_orchestrator.subjects.planned_keys import Keys


def without_lost(context: StepContext, answers: Mapping[int, Resolved], foreseen: Keys) -> dict[int, Resolved]:
    """Item -> the answer, with what was foreseen and shared rows tell no more as unclear; for those with any.

    Not what another owner's request followed since: the row went with that one, and what stood under it.

    Args:
        context: The step.
        answers: Who people of the chunk are.
        foreseen: Item -> what shared rows told, of which nothing was followed.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    lost = {
        number: keys.difference(one.keys, one.shared, one.doubtful, one.others)
        for number, keys in foreseen.items()
        for one in [answers[number]]
        if one.ambiguity is None
    }
    cutoffs = {name: context.cutoffs[name] for name in context.batch.identities}
    resolution = Resolution(context.workspace, context.batch.scope, cutoffs)
    owners = [joint_owners.subject(number, answers[number]) for number, keys in lost.items() if keys]
    lost = _less(lost, joint_owners.keys_of(resolution.told_to_owners(owners)))
    lost = _less(lost, _told_together(context, answers, resolution) if lost else {})
    followed = _followed_since(context, frozenset().union(*lost.values())) if lost else frozenset()
    lost = _less(lost, dict.fromkeys(lost, followed))
    return {number: _unclear(answers[number], keys, context.workspace.data_map) for number, keys in lost.items()}


def _less(lost: Keys, told: Keys) -> dict[int, frozenset[SubjectKey]]:
    left = {number: keys - told.get(number, frozenset()) for number, keys in lost.items()}
    return {number: keys for number, keys in left.items() if keys}


def _told_together(context: StepContext, answers: Mapping[int, Resolved], resolution: Resolution) -> Keys:
    """What is told where all people of the chunk go: rows below those that they share say it then as well."""
    here = [item for item in context.items if item.id in answers or item.sealed_keys is not None]
    subjects = [
        joint_owners.subject(item.id, answers[item.id])
        if item.id in answers and answers[item.id].ambiguity is None
        else Subject(item.id, context.unsealed(item))  # stays, and owns what they owned
        for item in here
    ]
    together = resolution.going_together(subjects, context.identifiers(here), context.actions)
    return {one.number: one.keys | one.unclear for one in together}


def _followed_since(context: StepContext, keys: Iterable[SubjectKey]) -> frozenset[SubjectKey]:
    """Those of the keys that another person's request followed since the plan: they go, or went, with that one."""
    tagger = Tagger(context.workspace.keys.suppression)
    by_tag = {tagger.tag(key): key for key in keys}
    batch = context.batch
    with reading(context.workspace.ledger) as connection:
        followed = touched_since(connection, batch.scope, by_tag, batch.created_at)
    return frozenset(by_tag[tag] for tag in followed)


def _unclear(answer: Resolved, keys: frozenset[SubjectKey], data_map: DataMap) -> Resolved:
    """A value that passes on is followed with nobody, were it lost to all of its owners."""
    identities = data_map.identities
    values = {
        key for key in keys if key.namespace in identities and identities[key.namespace].kind is IdentityKind.REUSABLE
    }
    return answer._replace(
        refused=answer.refused | keys,
        shared=answer.shared | (keys - values),
        doubtful=answer.doubtful | values,
    )
