"""Identifiers that do not name one person, one case of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.people import SeededPerson, fresh_phone, make_caller, make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.rules.resolution_answers import Ambiguity


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
    people: tuple[SeededPerson, ...]
    bystander: SeededPerson
    reason: Ambiguity

    @property
    def controller(self) -> str:
        return self.bystander.controller


def two_holders_with_one_phone(inspector: StoreInspector) -> Case:
    phone = fresh_phone()
    people = (make_holder(inspector, phone), make_holder(inspector, phone))
    return Case({"phone": phone}, people, make_holder(inspector), Ambiguity.SEVERAL_PERSONS)


def one_phone_spelt_in_two_ways(inspector: StoreInspector) -> Case:
    phone = fresh_phone()
    people = (make_holder(inspector, phone), make_holder(inspector, f"{phone[:3]} {phone[3:7]}-{phone[7:]}"))
    return Case({"phone": phone}, people, make_holder(inspector), Ambiguity.SEVERAL_PERSONS)


def two_callers_with_one_phone(inspector: StoreInspector) -> Case:
    phone = fresh_phone()
    people = (make_caller(inspector, phone), make_caller(inspector, phone))
    return Case({"phone": phone}, people, make_caller(inspector), Ambiguity.SEVERAL_PERSONS)


def mail_and_id_of_two_holders(inspector: StoreInspector) -> Case:
    first, second = make_holder(inspector), make_holder(inspector)
    columns = {"email": first.email, "user_id": str(second.id)}
    return Case(columns, (first, second), make_holder(inspector), Ambiguity.KEYS_DISAGREE)


def mail_of_nobody_and_id_of_a_holder(inspector: StoreInspector) -> Case:
    holder = make_holder(inspector)
    columns = {"email": "nobody@people.example", "user_id": str(holder.id)}
    return Case(columns, (holder,), make_holder(inspector), Ambiguity.KEYS_DISAGREE)


def household_of_two_callers(inspector: StoreInspector) -> Case:
    people = (make_caller(inspector), make_caller(inspector))
    home = f"Household {people[0].id}, 12345 X"
    inspector.sql("UPDATE leads SET postal_address = %s WHERE caller_id IN (%s, %s)", home, *(one.id for one in people))
    return Case({"postal_address": home}, people, make_caller(inspector), Ambiguity.SEVERAL_PERSONS)


def household_of_one_caller(inspector: StoreInspector) -> Case:
    person = make_caller(inspector)
    home = f"Household {person.id}, 12345 X"
    inspector.sql("UPDATE leads SET postal_address = %s WHERE caller_id = %s", home, person.id)
    return Case({"postal_address": home}, (person,), make_caller(inspector), Ambiguity.SHAREABLE_ALONE)


CASES = [
    two_holders_with_one_phone,
    one_phone_spelt_in_two_ways,
    two_callers_with_one_phone,
    mail_and_id_of_two_holders,
    mail_of_nobody_and_id_of_a_holder,
    household_of_two_callers,
    household_of_one_caller,
]


def as_csv(*people: Mapping[str, str]) -> str:
    columns = list(dict.fromkeys(name for one in people for name in one))
    lines = [",".join(columns), *(",".join(f'"{one.get(name, "")}"' for name in columns) for one in people)]
    return "\n".join(lines) + "\n"
