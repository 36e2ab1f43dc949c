"""Identifiers that pass from one person on to another."""

from __future__ import annotations

from tests.support.people import CLIENT, SeededPerson
from tests.support.store_inspector import StoreInspector


def lost(person: SeededPerson, had: dict[str, int], inspector: StoreInspector) -> dict[str, int]:
    """Collections in which a person has fewer records than before."""
    return {name: number for name, number in person.left(inspector).items() if number < had[name]}


def lead(inspector: StoreInspector, email: str, phone: str | None, caller: int | None = None) -> int:
    return int(
        inspector.one(
            "INSERT INTO leads (client_id, caller_id, name, postal_address, email, phone, created_at)"
            " VALUES (%s, %s, 'N', 'S', %s, %s, now() - interval '9 days') RETURNING id",
            CLIENT,
            caller,
            email,
            phone,
        )
    )


def alive(inspector: StoreInspector, ident: int) -> bool:
    return bool(inspector.one("SELECT count(*) FROM leads WHERE id = %s", ident))
