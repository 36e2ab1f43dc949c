"""Identifiers in request bodies: normalised by the data map, or refused without being repeated."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from expunge_config.datamap import DataMap, IdentityKind
from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.rules.given_identifiers import key_of


def identifiers_of(given: Mapping[str, str], data_map: DataMap) -> frozenset[SubjectKey]:
    """Normalise what was given.

    Raises:
        ProblemError: An identity that is not accepted from outside, or a value that its normaliser refuses.
    """
    keys, complaints = set(), []
    for number, (name, text) in enumerate(given.items()):
        identity = data_map.identities.get(name)
        if identity is None or identity.kind is IdentityKind.INTERNAL:
            complaints.append({"at": f"identifiers.{number}", "error": "no identity of the data map"})
            continue
        try:
            keys.add(key_of(name, text, data_map))
        except NotNormalisable as reason:
            complaints.append({"at": f"identifiers.{number}", "error": str(reason)})
    if complaints:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "people-unusable",
            "Identifiers cannot be used; nothing was changed.",
            members={"errors": complaints},
        )
    return frozenset(keys)
