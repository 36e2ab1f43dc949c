"""People who have a record in every collection of the example company, each made for one test."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from tests.support.store_inspector import StoreInspector

CLIENT = 42
OLD = "now() - interval '11 years'"


@dataclass(frozen=True, slots=True)
class SeededPerson:
    """A person and the ways to look for what is left of them.

    Attributes:
        rows: Collection -> SQL that counts this person's records that must go.
        keys: Collection of the cache -> (key, member or None).
        objects: Collection -> (bucket, prefix).
    """

    id: int
    email: str
    phone: str
    controller: str
    rows: Mapping[str, tuple[str, Any]] = field(repr=False)
    keys: Mapping[str, tuple[str, str | None]] = field(repr=False)
    objects: Mapping[str, tuple[str, str]] = field(repr=False)

    @property
    def csv(self) -> str:
        """The request for this person."""
        return f"{'user_id' if self.controller == 'calltrack' else 'caller_id'}\n{self.id}\n"

    def left(self, inspector: StoreInspector) -> dict[str, int]:
        """`store.collection` -> records that should be gone and are still there."""
        found: dict[str, int] = {}
        with inspector.postgres() as connection:
            for name, (statement, parameter) in self.rows.items():
                row = connection.execute(statement, (parameter,)).fetchone()  # type: ignore[call-overload]
                assert row is not None
                found[f"main.{name}"] = row[0]
        with inspector.redis() as client:
            for name, (key, member) in self.keys.items():
                if member is None:
                    found[f"cache.{name}"] = int(client.exists(key))
                elif client.type(key) == b"zset":
                    found[f"cache.{name}"] = int(client.zscore(key, member) is not None)
                else:
                    found[f"cache.{name}"] = int(client.sismember(key, member))
        for name, (bucket, prefix) in self.objects.items():
            found[f"recordings.{name}"] = len(inspector.versions(bucket, prefix))
        return found


def make_holder(inspector: StoreInspector, phone: str | None = None) -> SeededPerson:
    """An account holder with something due in every collection of the company's own."""
    mark = secrets.token_hex(6)
    email = f"holder-{mark}@people.example"
    phone = phone or fresh_phone()
    token = secrets.token_hex(20)
    with inspector.postgres() as connection, connection.transaction():
        user = _insert(
            connection,
            "INSERT INTO users (client_id, email, full_name, phone, created_at)"
            " VALUES (%s, %s, %s, %s, now() - interval '40 days') RETURNING id",
            (CLIENT, email, f"Holder {mark}", phone),
        )
        connection.execute("INSERT INTO user_profiles VALUES (%s, 'Europe/Berlin', '{}')", (user,))
        connection.execute("INSERT INTO api_tokens VALUES (gen_random_uuid(), %s, 'laptop', '\\x00')", (user,))
        home = _insert(
            connection, "INSERT INTO addresses (street, postcode, city) VALUES (%s, '1', 'X') RETURNING id", (mark,)
        )
        connection.execute("INSERT INTO user_addresses VALUES (%s, %s)", (user, home))
        connection.execute("INSERT INTO messages (user_id, body) VALUES (%s, %s)", (user, f"message {mark}"))
        invoice = _insert(
            connection,
            "INSERT INTO invoices (user_id, number, billing_name, cents, issued_at)"
            f" VALUES (%s, %s, %s, 100, {OLD}) RETURNING id",
            (user, f"T-{mark}", f"Holder {mark}"),
        )
        connection.execute(
            f"INSERT INTO invoice_lines (invoice_id, text, cents, issued_at) VALUES (%s, 'Seats', 100, {OLD})",
            (invoice,),
        )
        connection.execute(f"INSERT INTO marketing_optouts (email, created_at) VALUES (%s, {OLD})", (email,))
    with inspector.redis() as client:
        client.sadd(f"user:{user}:sessions", token)
        client.hset(f"session:{token}", mapping={"user_id": user, "email": email})
        client.set(f"cache:user:{user}", mark)
        client.zadd("online", {str(user): 1.0})
    inspector.s3.put_object(Bucket="calltrack-exports", Key=f"users/{user}/{mark}.csv", Body=mark.encode())
    by_user = "SELECT count(*) FROM {} WHERE user_id = %s"
    return SeededPerson(
        user,
        email,
        phone,
        "calltrack",
        rows={
            "users": ("SELECT count(*) FROM users WHERE id = %s AND full_name <> 'erased'", user),
            **{
                name: (by_user.format(name), user)
                for name in ("user_profiles", "api_tokens", "user_addresses", "messages", "invoices")
            },
            "addresses": ("SELECT count(*) FROM addresses WHERE id = %s", home),
            "invoice_lines": ("SELECT count(*) FROM invoice_lines WHERE invoice_id = %s", invoice),
            "marketing_optouts": ("SELECT count(*) FROM marketing_optouts WHERE email = %s", email),
        },
        keys={
            "session_index": (f"user:{user}:sessions", None),
            "sessions": (f"session:{token}", None),
            "user_cache": (f"cache:user:{user}", None),
            "online_users": ("online", str(user)),
        },
        objects={"exports": ("calltrack-exports", f"users/{user}/")},
    )


def make_caller(inspector: StoreInspector, phone: str | None = None, client_id: int = CLIENT) -> SeededPerson:
    """A caller of a client with something due in every collection of clients."""
    mark = secrets.token_hex(6)
    email = f"caller-{mark}@people.example"
    phone = phone or fresh_phone()
    sound = f"{client_id}/test/{mark}.wav"
    with inspector.postgres() as connection, connection.transaction():
        caller = _insert(
            connection,
            "INSERT INTO callers (client_id, phone, name, created_at)"
            " VALUES (%s, %s, %s, now() - interval '40 days') RETURNING id",
            (client_id, phone, f"Caller {mark}"),
        )
        call = _insert(
            connection,
            "INSERT INTO calls (client_id, caller_id, from_number, seconds, started_at)"
            " VALUES (%s, %s, %s, 9, now() - interval '40 days') RETURNING id",
            (client_id, caller, phone),
        )
        connection.execute("INSERT INTO call_notes (call_id, note) VALUES (%s, %s)", (call, mark))
        recording = _insert(
            connection,
            "INSERT INTO recordings (call_id, object_key, bytes) VALUES (%s, %s, 3) RETURNING id",
            (call, sound),
        )
        connection.execute(
            "INSERT INTO transcripts (recording_id, body, words) VALUES (%s, %s, '[]')", (recording, mark)
        )
        lead = _insert(
            connection,
            "INSERT INTO leads (client_id, caller_id, name, postal_address, email, phone)"
            " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
            (client_id, caller, f"Caller {mark}", f"{mark} Street, X", email, phone),
        )
        connection.execute("INSERT INTO lead_answers (lead_id, question, answer) VALUES (%s, 'Why?', %s)", (lead, mark))
    with inspector.redis() as client:
        client.hset(f"cache:caller:{caller}", mapping={"phone": phone})
        client.sadd(f"client:{client_id}:recent", str(caller))
    inspector.s3.put_object(Bucket="calltrack-recordings", Key=sound, Body=b"old")
    inspector.s3.put_object(Bucket="calltrack-recordings", Key=sound, Body=b"new")
    return SeededPerson(
        caller,
        email,
        phone,
        f"client:{client_id}",
        rows={
            "callers": ("SELECT count(*) FROM callers WHERE id = %s", caller),
            "calls": ("SELECT count(*) FROM calls WHERE caller_id = %s", caller),
            "call_notes": ("SELECT count(*) FROM call_notes WHERE call_id = %s", call),
            "recordings": ("SELECT count(*) FROM recordings WHERE call_id = %s", call),
            "transcripts": ("SELECT count(*) FROM transcripts WHERE recording_id = %s", recording),
            "leads": ("SELECT count(*) FROM leads WHERE id = %s", lead),
            "lead_answers": ("SELECT count(*) FROM lead_answers WHERE lead_id = %s", lead),
        },
        keys={
            "caller_cache": (f"cache:caller:{caller}", None),
            "recent_callers": (f"client:{client_id}:recent", str(caller)),
        },
        objects={"recordings": ("calltrack-recordings", sound)},
    )


def fresh_phone() -> str:
    """A number that nobody has."""
    return f"+49999{secrets.randbelow(10**9):09d}"


def _insert(connection: psycopg.Connection, statement: str, parameters: tuple[object, ...]) -> int:
    row = connection.execute(statement, parameters).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])
