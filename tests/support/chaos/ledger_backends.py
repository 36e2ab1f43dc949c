"""Where an installation's ledger stands: a file in its home, or a database of a Postgres server for it alone."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from tests.support.chaos import full_disks, template_databases

from expunge_demo.dev_servers import Server, Stack
from expunge_demo.dev_servers.postgres import Postgres
from expunge_demo.dev_servers.processes import Processes
from expunge_demo.dev_servers.unprivileged_user import User, private_directory, scratch_parent, server_user

DATABASE = "ledger"
FILE = "ledger.sqlite3"
ADDRESS = "ledger.url"
"""The file in an installation's home that names the ledger's database, if it is not the file in the home."""


# The states of a ledger that are kept take some 10 MB each.
MEGABYTES = {"tables": 384, "wal": 192}


@dataclass(frozen=True, slots=True)
class SmallDisks:
    """Two file systems: of a server's data directory, and of its write-ahead log."""

    tables: Path
    wal: Path


@dataclass(frozen=True, slots=True)
class LedgerServer:
    """A Postgres server that holds the one ledger that is worked with, and the states that it can be put back to.

    `small`: its disks, where they can be small ones of its own.
    """

    server: Server
    admin_url: str = field(repr=False)
    small: SmallDisks | None = None

    @property
    def url(self) -> str:
        """The ledger's database."""
        return template_databases.named(self.admin_url, DATABASE)

    def found(self, home: Path) -> None:
        """Begin with an empty database, and let an installation know."""
        self.put_back(None)
        home.mkdir(parents=True, exist_ok=True)
        (home / ADDRESS).write_text(self.url)

    def save(self, name: str) -> None:
        """Keep the present state."""
        self._copy(DATABASE, name)

    def put_back(self, name: str | None) -> None:
        """Back to a state that was kept, or to nothing at all."""
        self._copy("template0" if name is None else name, DATABASE)

    def _copy(self, source: str, target: str) -> None:
        with psycopg.connect(template_databases.named(self.admin_url, "template1"), autocommit=True) as admin:
            template_databases.copy(admin, source, target)
            # A copied sequence counts on as if what it hands out next were in the write-ahead log, until a checkpoint:
            # killed before, the server would hand out the same numbers again. No ledger comes to be by copying.
            admin.execute("CHECKPOINT")


def for_expunge(url: str) -> str:
    """A libpq URL as EXPUNGE_LEDGER_URL wants it."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@contextmanager
def ledger_server(stack: Stack) -> Iterator[LedgerServer]:
    """Start a Postgres beside those of the stores, so that it can go away alone."""
    user = server_user()
    with ExitStack() as ending:
        small = ending.enter_context(_small_disks(user)) if full_disks.mountable() else None
        # A server that panics leaves a core file in its data directory, where the limit allows it.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        processes = ending.enter_context(Processes(scratch_parent(user, None)))
        recipe = Postgres(
            programs=stack.programs.postgres,
            directory=private_directory(processes.directory / "ledger", user),
            user=user,
            password="ledger",
            # Files that were written full are not kept for later: they would be room that nobody can take.
            settings={"wal_recycle": "off"},
        )
        if small is not None:
            recipe.data.symlink_to(private_directory(small.tables / "data", user))
        server = Server(recipe, processes, user, processes.directory / "ledger.log")
        server.launch()
        server.await_ready(first=True)
        if small is not None:
            server.stop()
            subprocess.run(["mv", recipe.data / "pg_wal", small.wal], check=True)  # keeps the owner
            (recipe.data / "pg_wal").symlink_to(small.wal / "pg_wal")
            server.start()
        yield LedgerServer(server, recipe.url(server.port), small)


@contextmanager
def _small_disks(user: User | None) -> Iterator[SmallDisks]:
    """Mounted beside the server's own directory, which is removed before they are unmounted."""
    with ExitStack() as ending:
        above = Path(ending.enter_context(tempfile.TemporaryDirectory(dir=scratch_parent(user, None))))
        above.chmod(0o711)
        made = SmallDisks(above / "tables", above / "wal")
        for place in (made.tables, made.wal):
            ending.enter_context(full_disks.small_disk(place, MEGABYTES[place.name], user))
        yield made


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask the ledger of this home, by hand."""
    if (home / ADDRESS).exists():
        with psycopg.connect((home / ADDRESS).read_text()) as server:
            return list(server.execute(query.encode()))
    with closing(sqlite3.connect(home / FILE)) as file:
        return list(file.execute(query))


def founded(home: Path) -> bool:
    """Whether there are tables in the ledger of this home."""
    tables = "information_schema.tables" if (home / ADDRESS).exists() else "sqlite_master"
    column = "table_name" if (home / ADDRESS).exists() else "name"
    return rows(home, f"SELECT count(*) FROM {tables} WHERE {column} = 'alembic_version'") == [(1,)]


def engine(home: Path) -> sa.Engine:
    """The same for SQLAlchemy."""
    if (home / ADDRESS).exists():
        return sa.create_engine(for_expunge((home / ADDRESS).read_text()))
    return sa.create_engine(f"sqlite:///{home / FILE}")
