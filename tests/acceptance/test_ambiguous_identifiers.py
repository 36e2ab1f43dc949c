"""Identifiers that do not name one person: nothing is deleted, the outcome says why (law 2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from tests.support.ambiguous_identifiers import CASES, Case, as_csv
from tests.support.installation import Office
from tests.support.store_inspector import Probe, changed

from expunge_orchestrator.ledger.batches import Batch, BatchState
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.tables import item, statement
from expunge_reports import dsse
from expunge_reports.statement import parse


@pytest.mark.parametrize("make", CASES)
def test_nothing_is_deleted_and_the_outcome_says_why(
    workshop: Office, probe: Probe, make: Callable[[Probe], Case]
) -> None:
    case = make(probe)
    was = probe.contents()
    batch = workshop.plan(as_csv(case.columns), case.controller)
    assert batch.plan["ambiguous"] == 1
    ended = workshop.erase(batch)
    assert changed(was, probe.contents()) == {}
    assert_denied(workshop, ended, case, line=1)
    workshop.settle()
    assert workshop.again(batch).state is BatchState.SETTLED
    assert workshop.events(batch) == [["accepted", "denied"]]
    assert changed(was, probe.contents()) == {}


@pytest.mark.parametrize("make", CASES)
def test_others_of_the_same_list_are_erased(workshop: Office, probe: Probe, make: Callable[[Probe], Case]) -> None:
    case = make(probe)
    was = probe.contents()
    person = "user_id" if case.controller == "calltrack" else "caller_id"
    rows = [case.columns, {person: str(case.bystander.id)}]
    batch = workshop.plan(as_csv(*rows), case.controller)
    ended = workshop.erase(batch)
    assert_denied(workshop, ended, case, line=1)
    assert workshop.outcomes(ended)["ambiguous"] == 1
    assert sum(workshop.outcomes(ended).values()) == 2
    assert workshop.events(ended)[1] in (["accepted", "erased"], ["accepted", "partially-erased"])
    assert not any(case.bystander.left(probe).values())
    # One for each record of the bystander and one more: a session has two fields, a caller's recording two versions.
    records = len(case.bystander.rows) + len(case.bystander.keys) + len(case.bystander.objects)
    assert sum(gone for gone, _ in changed(was, probe.contents()).values()) == records + 1
    for one in case.people:
        assert all(one.left(probe).values())


def assert_denied(office: Office, batch: Batch, case: Case, line: int) -> None:
    assert batch.state is BatchState.ERASED
    assert office.reasons(batch) == {case.reason.value: 1}
    assert office.events(batch)[line - 1] == ["accepted", "denied"]
    with reading(office.workspace.ledger) as connection:
        (envelope,) = connection.scalars(
            sa.select(statement.c.envelope)
            .join(item, item.c.id == statement.c.item_id)
            .where(item.c.batch_id == batch.id, item.c.line == line, statement.c.event == "denied")
        )
    body = parse(dsse.parse(envelope).payload).body
    assert body["outcome"] == "ambiguous"
    assert body["reason"] == case.reason.value
    assert body["controller"] == case.controller
