"""Many account holders at once, each with a message: for chunks of a thousand."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.faulty_connector import FaultyConnector
from tests.support.people import CLIENT
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import StoreConnector

POISON = "zq-poison-4711"


@dataclass(frozen=True, slots=True)
class Crowd:
    """Account holders that nobody else's test knows of."""

    ids: Sequence[int]
    mark: str = field(repr=False)

    @property
    def csv(self) -> str:
        """The request for all of them."""
        return "user_id\n" + "".join(f"{one}\n" for one in self.ids)

    def messages(self, inspector: StoreInspector) -> list[int]:
        """Of whom there is a message left."""
        return [
            row[0]
            for row in inspector.sql(
                "SELECT DISTINCT user_id FROM messages WHERE user_id = ANY (%s) ORDER BY 1", list(self.ids)
            )
        ]

    def named(self, inspector: StoreInspector) -> int:
        """How many still have their name."""
        return int(
            inspector.one("SELECT count(*) FROM users WHERE id = ANY (%s) AND full_name <> 'erased'", list(self.ids))
        )


def make_crowd(inspector: StoreInspector, number: int) -> Crowd:
    """So many people, made forty days ago, each with a message."""
    mark = secrets.token_hex(5)
    rows = inspector.sql(
        "INSERT INTO users (client_id, email, full_name, created_at)"
        " SELECT %s, 'crowd-' || %s || '-' || n || '@people.example', 'Crowd ' || n, now() - interval '40 days'"
        " FROM generate_series(1, %s) AS n RETURNING id",
        CLIENT,
        mark,
        number,
    )
    ids = sorted(row[0] for row in rows)
    inspector.sql("INSERT INTO messages (user_id, body) SELECT unnest(%s::bigint[]), 'hello'", ids)
    return Crowd(ids, mark)


@contextmanager
def poisoned(inspector: StoreInspector, people: Sequence[int], state: str = "P0001") -> Iterator[Callable[[], None]]:
    """A trigger that refuses to delete these people's messages (SQLSTATE). Yields what takes the trigger away."""
    name = f"refuse_{secrets.token_hex(4)}"
    inspector.sql("UPDATE messages SET body = %s WHERE user_id = ANY (%s)", POISON, list(people))
    inspector.sql(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF OLD.body = '{POISON}' THEN RAISE EXCEPTION 'not this one: %%', OLD.body"
        f" USING ERRCODE = '{state}'; END IF; RETURN OLD; END $$"
    )
    inspector.sql(f"CREATE TRIGGER {name} BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION {name}()")

    def mend() -> None:
        inspector.sql(f"DROP FUNCTION IF EXISTS {name} CASCADE")

    try:
        yield mend
    finally:
        mend()


def counted(inner: StoreConnector, verb: str) -> tuple[FaultyConnector, list[int]]:
    """A connector of which one verb's calls are counted: the number of people in each."""
    calls: list[int] = []

    def call(subjects: Any, *rest: Any) -> Any:
        calls.append(len(subjects))
        return getattr(inner, verb)(subjects, *rest)

    return FaultyConnector(inner, **{verb: call}), calls
