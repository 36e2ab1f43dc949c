"""Identifiers that do not name one person: nothing is deleted, the outcome says why (law 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from tests.acceptance.people import Made, fresh_phone, make_caller, make_holder
from tests.acceptance.probe import Probe, changed
from tests.fixtures.calltrack import Office

from expunge_orchestrator.ledger.batches import Batch, BatchState
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.tables import item, statement
from expunge_orchestrator.rules.identity_resolution import Ambiguity
from expunge_reports import dsse
from expunge_reports.statement import parse


@dataclass(frozen=True, slots=True)
class Case:
    """A request that names no single person.

    Attributes:
        columns: Identity -> value, as they stand in the list.
        people: Everybody whose records it could touch.
        bystander: Somebody else, of the same controller, whom the same list names properly.
        reason: What the outcome must say.
    """

    columns: Mapping[str, str]
    people: tuple[Made, ...]
    bystander: Made
    reason: Ambiguity

    @property
    def controller(self) -> str:
        return self.bystander.controller


def two_holders_with_one_phone(probe: Probe) -> Case:
    phone = fresh_phone()
    people = (make_holder(probe, phone), make_holder(probe, phone))
    return Case({"phone": phone}, people, make_holder(probe), Ambiguity.SEVERAL_PERSONS)


def one_phone_spelt_in_two_ways(probe: Probe) -> Case:
    phone = fresh_phone()
    people = (make_holder(probe, phone), make_holder(probe, f"{phone[:3]} {phone[3:7]}-{phone[7:]}"))
    return Case({"phone": phone}, people, make_holder(probe), Ambiguity.SEVERAL_PERSONS)


def two_callers_with_one_phone(probe: Probe) -> Case:
    phone = fresh_phone()
    people = (make_caller(probe, phone), make_caller(probe, phone))
    return Case({"phone": phone}, people, make_caller(probe), Ambiguity.SEVERAL_PERSONS)


def mail_and_id_of_two_holders(probe: Probe) -> Case:
    first, second = make_holder(probe), make_holder(probe)
    columns = {"email": first.email, "user_id": str(second.id)}
    return Case(columns, (first, second), make_holder(probe), Ambiguity.KEYS_DISAGREE)


def mail_of_nobody_and_id_of_a_holder(probe: Probe) -> Case:
    holder = make_holder(probe)
    columns = {"email": "nobody@people.example", "user_id": str(holder.id)}
    return Case(columns, (holder,), make_holder(probe), Ambiguity.KEYS_DISAGREE)


def household_of_two_callers(probe: Probe) -> Case:
    people = (make_caller(probe), make_caller(probe))
    home = f"Household {people[0].id}, 12345 X"
    probe.sql("UPDATE leads SET postal_address = %s WHERE caller_id IN (%s, %s)", home, *(one.id for one in people))
    return Case({"postal_address": home}, people, make_caller(probe), Ambiguity.SEVERAL_PERSONS)


def household_of_one_caller(probe: Probe) -> Case:
    person = make_caller(probe)
    home = f"Household {person.id}, 12345 X"
    probe.sql("UPDATE leads SET postal_address = %s WHERE caller_id = %s", home, person.id)
    return Case({"postal_address": home}, (person,), make_caller(probe), Ambiguity.SHAREABLE_ALONE)


CASES = [
    two_holders_with_one_phone,
    one_phone_spelt_in_two_ways,
    two_callers_with_one_phone,
    mail_and_id_of_two_holders,
    mail_of_nobody_and_id_of_a_holder,
    household_of_two_callers,
    household_of_one_caller,
]


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


def as_csv(*people: Mapping[str, str]) -> str:
    columns = list(dict.fromkeys(name for one in people for name in one))
    lines = [",".join(columns), *(",".join(f'"{one.get(name, "")}"' for name in columns) for one in people)]
    return "\n".join(lines) + "\n"


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
