"""Identifiers that pass from one person on to another."""

from __future__ import annotations

from tests.support.people import CLIENT, Made
from tests.support.store_inspector import Probe


def lost(person: Made, had: dict[str, int], probe: Probe) -> dict[str, int]:
    """Collections in which a person has fewer records than before."""
    return {name: number for name, number in person.left(probe).items() if number < had[name]}


def lead(probe: Probe, email: str, phone: str | None, caller: int | None = None) -> int:
    return int(
        probe.one(
            "INSERT INTO leads (client_id, caller_id, name, postal_address, email, phone, created_at)"
            " VALUES (%s, %s, 'N', 'S', %s, %s, now() - interval '9 days') RETURNING id",
            CLIENT,
            caller,
            email,
            phone,
        )
    )


def alive(probe: Probe, ident: int) -> bool:
    return bool(probe.one("SELECT count(*) FROM leads WHERE id = %s", ident))
