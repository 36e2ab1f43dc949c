"""The crowd's database: made once, and copied for each run, so that nobody pays for what another left behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from expunge_config.normalisers import builtin
from expunge_demo import dev_servers

# No background worker at an hour of its own choosing; the copies are vacuumed and analysed already.
SETTINGS: Mapping[str, str] = {"autovacuum": "off", "max_wal_size": "8GB", "shared_buffers": "512MB"}
ROLE = "crowd_eraser"
PASSWORD = "made-up"
CLIENT = 1
TABLES = ("callers", "calls", "call_notes", "recordings", "transcripts", "callbacks", "leads", "lead_answers")
_ORIGINAL = "crowd"
_COPY = "crowd_copy"


@dataclass(frozen=True, slots=True)
class Crowd:
    """A server with the original database of so many people."""

    people: int
    rows: int
    admin_url: str = field(repr=False)

    @contextmanager
    def copied(self) -> Iterator[str]:
        """A fresh copy for the `with` block; yields the URL of the role that erases there."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {_COPY} TEMPLATE {_ORIGINAL} STRATEGY file_copy")
            admin.execute("CHECKPOINT")
            try:
                yield _as_role(self.admin_url, _COPY)
            finally:
                admin.execute(f"DROP DATABASE {_COPY} WITH (FORCE)")

    def people_of_client(self, number: int, skip: int = 0) -> list[int]:
        """Caller ids of the one client, from all over the tables.

        Args:
            number: How many.
            skip: Leave out so many before.

        Raises:
            ValueError: There are not so many.
        """
        own = [caller for caller in range(1, self.people + 1) if caller % 8]
        # A stride that shares no factor with the length meets everybody once.
        stride = next(step for step in range(7919, 9000) if len(own) % step)
        if skip + number > len(own):
            raise ValueError(f"the crowd has {len(own)} people of this client, fewer than {skip + number}")
        return [own[place * stride % len(own)] for place in range(skip, skip + number)]


@contextmanager
def crowd(people: int) -> Iterator[Crowd]:
    """A server of its own with the original loaded, for the `with` block."""
    with dev_servers.stack(postgres_settings=SETTINGS) as stack:
        yield Crowd(people, load(stack.endpoints.postgres_url, people), stack.endpoints.postgres_url)


def load(admin_url: str, people: int) -> int:
    """Make the original; returns how many rows of people it has."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {_ORIGINAL}")
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(PASSWORD)))
    with psycopg.connect(_in_database(admin_url, _ORIGINAL), autocommit=True) as connection:
        connection.execute(_text("schema.sql"))
        connection.execute(re.sub(r"\{people\}", str(people), _text("rows.sql").decode()).encode())
        connection.execute(_text("keys.sql").replace(b"{number}", number_of("phone").encode()))
        tables = ", ".join(TABLES)
        connection.execute(
            f"GRANT USAGE ON SCHEMA public TO {ROLE}; GRANT SELECT, DELETE ON {tables} TO {ROLE}".encode()
        )
        connection.execute("VACUUM (ANALYZE, FREEZE)")
        counted = " + ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)
        row = connection.execute(f"SELECT {counted}".encode()).fetchone()
        assert row is not None
        return int(row[0])


def number_of(column: str) -> str:
    """The phone number in the form in which it is compared, as SQL."""
    return builtin()["e164/1"].sql.replace("{column}", column)


def data_map() -> Path:
    """The crowd's data map."""
    return Path(__file__).parent / "datamap.yaml"


def _text(name: str) -> bytes:
    return resources.files(__package__).joinpath(name).read_bytes()


def _in_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _as_role(url: str, name: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{ROLE}:{PASSWORD}@{parts.netloc.rpartition('@')[2]}", path=f"/{name}").geturl()
