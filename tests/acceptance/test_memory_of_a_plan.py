"""A plan takes no memory for each person: whoever sends a long list does not take the server's."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest
from tests.support.installation import CompanyStack, Installation, fresh_installation

from expunge_orchestrator.planning import planner
from expunge_orchestrator.rules.scope import parse_scope
from expunge_orchestrator.subjects.csv_input import checked_people

FEW, MANY = 400, 2400
PER_PERSON = 200
"""Bytes; identifiers, keys and ids of one person came to four times as much."""


@pytest.mark.heavy
def test_many_people_take_no_more_than_few(calltrack: CompanyStack, tmp_path: Path) -> None:
    with fresh_installation(calltrack, tmp_path / "expunge", chunk_size=200) as installation:
        planned(installation, FEW)  # what is kept from then on is not the plan's
        few, many = (planned(installation, number) for number in (FEW, MANY))
    assert many - few < PER_PERSON * (MANY - FEW)


def planned(installation: Installation, number: int) -> int:
    """The most bytes that planning so many people takes; nobody has heard of them."""
    workspace = installation.workspace
    content = "caller_id\n" + "".join(f"{10**9 + one}\n" for one in range(number))
    scope = parse_scope("client:42", workspace.data_map)
    tracemalloc.start()
    try:
        people = checked_people(io.BytesIO(content.encode()), workspace.data_map)
        assert planner.create_plan(workspace, people, scope, lambda _done: None).plan["people"] == number
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
