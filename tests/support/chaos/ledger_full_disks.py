"""A Postgres ledger that runs out of room: in its tables, in its write-ahead log, or by becoming read-only.

Postgres refuses a statement when a table cannot grow, and ends ("PANIC") when its log cannot. Who runs it for others
makes it read-only before either comes to pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from tests.support.chaos import full_disks, template_databases
from tests.support.chaos.ledger_backends import LedgerServer
from tests.support.servers import wait_until

TABLES, LOG, BOTH, READ_ONLY = "tables' disk", "write-ahead log's disk", "both disks", "read-only"
PAGE = 8192
# What is left of the files that there are for the log: the last one's end, less where the next record begins.
LEFT = """
SELECT (max(part.segment_number) + 1) * pg_size_bytes(current_setting('wal_segment_size'))
       - (pg_current_wal_insert_lsn() - '0/0')
  FROM pg_ls_waldir() AS file, pg_split_walfile_name(file.name) AS part
 WHERE file.name ~ '^[0-9A-F]{24}$'
"""
SAID = "SHOW default_transaction_read_only"


def sorts(ledger: LedgerServer) -> tuple[str, ...]:
    """What can be full here."""
    return (READ_ONLY,) if ledger.small is None else (TABLES, LOG, BOTH, READ_ONLY)


def fill(ledger: LedgerServer, sort: str, free: int) -> None:
    """Leave so many of Postgres' pages free, while a run waits."""
    if sort == READ_ONLY:
        _set_read_only(ledger, "SET default_transaction_read_only = on", "on")
        return
    assert ledger.small is not None
    if sort != TABLES:
        full_disks.take_all(ledger.small.wal / full_disks.BALLAST, 0)
        with _admin(ledger) as admin:
            _write_log(admin, free * PAGE)
    if sort != LOG:
        full_disks.take_all(ledger.small.tables / full_disks.BALLAST, free * PAGE // full_disks.PAGE)


def make_room(ledger: LedgerServer, sort: str) -> None:
    """Mend it. A server whose log was full has ended, or is about to, or tries to recover in vain: it is killed."""
    if sort == READ_ONLY:
        _set_read_only(ledger, "RESET default_transaction_read_only", "off")
        return
    assert ledger.small is not None
    for place in (ledger.small.tables, ledger.small.wal):
        (place / full_disks.BALLAST).unlink(missing_ok=True)
    if sort != TABLES:
        ledger.server.kill()
        ledger.server.start()


@contextmanager
def _admin(ledger: LedgerServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(template_databases.named(ledger.admin_url, "template1"), autocommit=True) as admin:
        yield admin


def _set_read_only(ledger: LedgerServer, change: str, state: str) -> None:
    with _admin(ledger) as admin:
        admin.execute(f"ALTER SYSTEM {change}".encode())
        admin.execute("SELECT pg_reload_conf()")

    def heard() -> bool:
        with _admin(ledger) as another:
            return another.execute(SAID).fetchone() == (state,)

    wait_until(heard)


def _write_log(admin: psycopg.Connection, left: int) -> None:
    """Have somebody else write to the log until so many bytes, or a page more, are left of the files that there are."""
    while True:
        row = admin.execute(LEFT).fetchone()
        assert row is not None
        if row[0] <= left + PAGE:
            return
        size = int(row[0] - left) * 99 // 100  # a page has a head of its own, and so has a record
        admin.execute("SELECT pg_logical_emit_message(false, 'ballast', repeat('x', %s))", (size,))
