"""What a plan followed from a person's own key and a value beside it is one person's (ADR 18)."""

from __future__ import annotations

import pytest

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.subjects.member_lookup import UNPROVEN
from expunge_orchestrator.subjects.planned_keys import PlannedKeys

AGENT = SubjectKey("agent_id", "7")
EMAIL = SubjectKey("email", "ann@mail.example")


def planned(*sealed: SubjectKey) -> PlannedKeys:
    return PlannedKeys(
        {1: frozenset(sealed)},
        {},
        {},
        {1: frozenset({AGENT, EMAIL})},
        lambda _asked, _going: {},
        lambda _owns: {},
        lambda _let_go: {},
        {"agent_id"},
        {"email"},
    )


def unproven(key: SubjectKey) -> SubjectKey:
    return SubjectKey(f"{UNPROVEN}{key.namespace}", key.value)


@pytest.mark.parametrize("agent", [AGENT, unproven(AGENT)])
@pytest.mark.parametrize("email", [EMAIL, unproven(EMAIL)])
def test_a_value_beside_a_key_is_the_persons_whether_a_member_has_proven_it_or_not(
    agent: SubjectKey, email: SubjectKey
) -> None:
    assert planned(agent, email).vouched_for() == {1: {email}}
    assert planned(email).vouched_for() == planned(agent).vouched_for() == {}
