"""Holders at receipt: a request means whom its identifiers named when it was received, nobody who came since.

A request waits to be planned while `check` shows an error, a list is planned days after the letters came: the account
is closed meanwhile, and another person signs up with the address, whose own record says since when they have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import KnowsClaims, Scope, StoreConnector, Subject, SubjectKey
from expunge_orchestrator.rules.resolution_answers import Ambiguity, Resolved
from expunge_orchestrator.subjects import member_proof
from expunge_orchestrator.subjects.member_lookup import holders
from expunge_orchestrator.workspace import Workspace


def meant(
    resolved: Mapping[int, Resolved],
    given: Mapping[int, frozenset[SubjectKey]],
    received: Mapping[int, datetime],
    workspace: Workspace,
    scope: Scope,
) -> dict[int, Resolved]:
    """The answers; ambiguous where a person is there, or has a given value, only since the request was received.

    Whoever is named by a person's key is certain. A value may lead to a person whose own record does not hold it: so
    that record is asked when it was made, whatever led there; of several the earliest counts of those that say it. Of
    whom one record that holds the value does not say since when, it may always have been theirs.

    Args:
        resolved: Number -> the answer.
        given: Number -> the identifiers of the request.
        received: Number -> when the request was received, at the latest; of those of whom somebody says it.
        workspace: The stores, which say since when.
        scope: For whom the request speaks.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    asked = {
        number: values
        for number, answer in resolved.items()
        if answer.ambiguity is None and number in received and (values := _by_values(given[number], workspace.data_map))
    }
    held = holders(workspace.stores.values(), frozenset[SubjectKey]().union(*asked.values()) if asked else (), scope)
    led_to = [Subject(number, resolved[number].keys) for number in asked]
    made = _persons_since(workspace.stores, led_to, scope, workspace.data_map)
    answers = dict(resolved)
    for number, values in asked.items():
        people = frozenset(map(member_proof.unmark, resolved[number].keys))
        if _later([made[person] for person in people & made.keys()], received[number]):
            answers[number] = Resolved(frozenset(), Ambiguity.SINCE_RECEIPT)
        for value in values & held.keys():
            began = [at for person, at in held[value].items() if person in people]
            if _later(began, received[number]):
                answers[number] = Resolved(frozenset(), Ambiguity.SINCE_RECEIPT)
    return answers


def _persons_since(
    stores: Mapping[str, StoreConnector], people: Sequence[Subject], scope: Scope, data_map: DataMap
) -> dict[SubjectKey, datetime]:
    """Person's key of these people -> when the earliest record of the person was made, by whichever store says so.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    identities, found = data_map.person_identities, dict[SubjectKey, datetime]()
    for name, store in stores.items() if people else ():
        if isinstance(store, KnowsClaims):
            told = member_proof.visible_to(name, people, scope, data_map)
            persons = frozenset(key for one in told for key in one.keys if key.namespace in identities)
            for key, at in store.persons_since(persons, scope).items() if persons else ():
                found[key] = min(at, found.get(key, at))
    return found


def _later(times: Sequence[datetime | None], received: datetime) -> bool:
    """There are such, and every one of them is after the receipt."""
    return bool(times) and all(at is not None and at > received for at in times)


def _by_values(given: frozenset[SubjectKey], data_map: DataMap) -> frozenset[SubjectKey]:
    """The values by which a request names somebody, where it does by nothing else."""
    identities = data_map.identities
    kinds = {key: identities[key.namespace] for key in map(member_proof.unmark, given) if key.namespace in identities}
    if any(one.kind is IdentityKind.PERSON for one in kinds.values()):
        return frozenset()
    return frozenset(key for key, one in kinds.items() if one.kind is IdentityKind.REUSABLE and not one.shareable)
