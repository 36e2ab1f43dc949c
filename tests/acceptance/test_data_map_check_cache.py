"""ADR 7: an inspection without errors is good for a while in the process that made it; one with an error never is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import CompanyStack, fresh_installation

from expunge_connectors.contract import Finding, Severity, StoreConnector
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.workspace import Workspace

ERROR = Finding(Severity.ERROR, "made-up", "main", None, "Something is wrong.", "Mend it.")


@pytest.fixture(autouse=True)
def remembered(calltrack: CompanyStack) -> Iterator[None]:
    """`--fresh-inspections` makes every step look again, and these tests are of the steps that do not."""
    before, calltrack.inspections.fresh = calltrack.inspections.fresh, False
    yield
    calltrack.inspections.fresh = before


def counted(workspace: Workspace, looks: list[str], found: list[Finding]) -> Workspace:
    def watched(inner: StoreConnector) -> FaultyConnector:
        def inspect() -> list[Finding]:
            looks.append(inner.name)
            return [*inner.inspect(), *found]

        return FaultyConnector(inner, inspect=inspect)

    return replace(workspace, stores={name: watched(one) for name, one in workspace.stores.items()})


def looks_of_steps(calltrack: CompanyStack, home: Path, holds: timedelta) -> list[Counter[str]]:
    """How often each store was looked at after planning, after erasing and after settling."""
    with fresh_installation(calltrack, home, inspection_holds=holds) as installation:
        looks: list[str] = []
        workspace = counted(installation.workspace, looks, [])
        (holder,) = calltrack.take_holders()
        planned = installation.plan(f"user_id\n{holder}\n", workspace=workspace)
        counts = [Counter(looks)]
        batch = installation.erase(planned, workspace)
        counts.append(Counter(looks))
        installation.settle(workspace)
        assert installation.again(batch).state == "settled"
        assert set(looks) == set(workspace.stores)
        return [*counts, Counter(looks)]


def test_planning_beginning_and_settling_look_once_while_it_holds(calltrack: CompanyStack, tmp_path: Path) -> None:
    counts = looks_of_steps(calltrack, tmp_path / "expunge", timedelta(hours=1))
    assert [set(one.values()) for one in counts] == [{1}, {1}, {1}]


def test_planning_beginning_and_settling_each_look_where_nothing_holds(calltrack: CompanyStack, tmp_path: Path) -> None:
    planned, erased, settled = looks_of_steps(calltrack, tmp_path / "expunge", timedelta(0))
    assert planned.keys() == (erased - planned).keys() == (settled - erased).keys()


def test_an_error_is_never_remembered_and_other_connectors_are_looked_at_anew(
    calltrack: CompanyStack, tmp_path: Path
) -> None:
    with fresh_installation(calltrack, tmp_path / "expunge", inspection_holds=timedelta(hours=1)) as installation:
        looks: list[str] = []
        found: list[Finding] = []
        workspace = counted(installation.workspace, looks, found)
        workspace.refuse_errors()
        found.append(ERROR)
        workspace.refuse_errors()  # it holds
        other = counted(workspace, looks, [])
        for _ in range(2):
            with pytest.raises(FindingsError, match="Something is wrong"):
                other.refuse_errors()
        found.clear()
        other.refuse_errors()
        assert len(looks) == len(workspace.stores) * (1 + 2 * 3)  # `other` looks through `workspace`: both are counted
