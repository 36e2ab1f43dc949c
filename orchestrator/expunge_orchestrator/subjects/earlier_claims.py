"""Earlier claims: since when somebody who was erased had a value that is handed on (ADR 18).

The row that said it is gone. Whoever asks by that value, or asks again, does not get what was there before: it is the
predecessor's, or a still earlier one's, and the first request left it for that reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from expunge_connectors.contract import SINCE, Scope, SubjectKey, claim_text
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger, claimed_since
from expunge_orchestrator.rules.resolution_answers import Resolved
from expunge_orchestrator.subjects import member_proof
from expunge_orchestrator.subjects.planned_keys import Keys
from expunge_orchestrator.workspace import Workspace


def claims_of(keys: frozenset[SubjectKey]) -> dict[SubjectKey, str]:
    """Value -> since when it is the person's, of sealed keys that say so; the earliest of several times."""
    told = [(name.removeprefix(SINCE), *value.split("|", 1)) for name, value in keys if name.startswith(SINCE)]
    return {SubjectKey(namespace, value): when for namespace, when, value in sorted(told, reverse=True)}


def since_before(answers: Mapping[int, Resolved], workspace: Workspace, scope: Scope) -> Keys:
    """Number -> since when values of theirs were an erased person's, where no record says more.

    Of several erased people the last one counts: what is older may be anybody's.
    """
    handed_on = {name for name, one in workspace.data_map.identities.items() if one.handed_on}
    untold: dict[int, set[SubjectKey]] = {}
    for number, one in answers.items() if handed_on else ():
        values = {key for key in map(member_proof.unmark, one.keys) if key.namespace in handed_on}
        if one.ambiguity is None and (values := values - claims_of(one.keys).keys()):
            untold[number] = values
    if not untold:
        return {}
    tagger = Tagger(workspace.keys.suppression)
    tags = {key: tagger.tag(key) for keys in untold.values() for key in keys}
    with reading(workspace.ledger) as connection:
        since = claimed_since(connection, scope, tags.values())
    found = {
        number: frozenset(
            SubjectKey(f"{SINCE}{key.namespace}", claim_text(since[tags[key]], key.value))
            for key in keys
            if tags[key] in since
        )
        for number, keys in untold.items()
    }
    return {number: keys for number, keys in found.items() if keys}
