"""Identifiers that do not name one person: nothing is deleted, the outcome says why (law 2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from tests.support.ambiguous_identifiers import CASES, Case, as_csv
from tests.support.installation import Installation
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.ledger.tables import item, statement
from expunge_reports import dsse
from expunge_reports.statement import parse


@pytest.mark.parametrize("make", CASES)
def test_nothing_is_deleted_and_the_outcome_says_why(
    module_installation: Installation, inspector: StoreInspector, make: Callable[[StoreInspector], Case]
) -> None:
    case = make(inspector)
    was = inspector.contents()
    batch = module_installation.plan(as_csv(case.columns), case.controller)
    assert batch.plan["ambiguous"] == 1
    ended = module_installation.erase(batch)
    assert changed(was, inspector.contents()) == {}
    assert_denied(module_installation, ended, case, line=1)
    module_installation.settle()
    assert module_installation.again(batch).state is BatchState.SETTLED
    assert module_installation.events(batch) == [["accepted", "denied"]]
    assert changed(was, inspector.contents()) == {}


@pytest.mark.parametrize("make", CASES)
def test_others_of_the_same_list_are_erased(
    module_installation: Installation, inspector: StoreInspector, make: Callable[[StoreInspector], Case]
) -> None:
    case = make(inspector)
    was = inspector.contents()
    person = "user_id" if case.controller == "calltrack" else "caller_id"
    rows = [case.columns, {person: str(case.bystander.id)}]
    batch = module_installation.plan(as_csv(*rows), case.controller)
    ended = module_installation.erase(batch)
    assert_denied(module_installation, ended, case, line=1)
    assert module_installation.outcomes(ended)["ambiguous"] == 1
    assert sum(module_installation.outcomes(ended).values()) == 2
    assert module_installation.events(ended)[1] in (["accepted", "erased"], ["accepted", "partially-erased"])
    assert not any(case.bystander.left(inspector).values())
    # One for each record of the bystander and one more: a session has two fields, a caller's recording two versions.
    records = len(case.bystander.rows) + len(case.bystander.keys) + len(case.bystander.objects)
    assert sum(gone for gone, _ in changed(was, inspector.contents()).values()) == records + 1
    for one in case.people:
        assert all(one.left(inspector).values())


def assert_denied(installation: Installation, batch: Batch, case: Case, line: int) -> None:
    assert batch.state is BatchState.ERASED
    assert installation.reasons(batch) == {case.reason.value: 1}
    assert installation.events(batch)[line - 1] == ["accepted", "denied"]
    with reading(installation.workspace.ledger) as connection:
        (envelope,) = connection.scalars(
            sa.select(statement.c.envelope)
            .join(item, item.c.id == statement.c.item_id)
            .where(item.c.batch_id == batch.id, item.c.line == line, statement.c.event == "denied")
        )
    body = parse(dsse.parse(envelope).payload).body
    assert body["outcome"] == "ambiguous"
    assert body["reason"] == case.reason.value
    assert body["controller"] == case.controller
