from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from expunge_orchestrator.errors import LedgerBusyError, LedgerError
from expunge_orchestrator.ledger import request_tables, tables
from expunge_orchestrator.ledger.bulk_writes import write_rows
from expunge_orchestrator.ledger.database import open_ledger, reading
from expunge_orchestrator.ledger.runner_lock import runner_lock
from expunge_orchestrator.ledger.schema_upgrade import HEAD


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'deep' / 'ledger.sqlite3'}"


def test_the_named_head_is_the_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(files("expunge_orchestrator.ledger") / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrations_make_the_schema_that_the_code_uses(url: str) -> None:
    engine = open_ledger(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), request_tables.metadata) == []
    engine.dispose()


def test_what_was_to_be_written_is_in_no_error(url: str) -> None:
    engine = open_ledger(url)
    row = {"at": "now", "actor": "ann@x.example", "action": None, "target": None, "result": "done"}
    for write in (
        lambda connection: connection.execute(sa.insert(request_tables.audit), row),
        lambda connection: write_rows(connection, sa.insert(request_tables.audit), [row]),
    ):
        with pytest.raises(sa.exc.IntegrityError) as caught, engine.begin() as connection:
            write(connection)
        assert "ann@x.example" not in str(caught.value)
    engine.dispose()


@pytest.mark.parametrize("text", ["x" * 41, "a\0b"])
def test_what_one_ledger_refuses_the_other_refuses(url: str, database: str, text: str) -> None:
    """A text that is longer than its column, and one that Postgres cannot hold: seen with SQLite, too."""
    row = {"at": "now", "actor": "ann", "target": None, "result": "done"}
    for ledger in (url, database.replace("postgresql:", "postgresql+psycopg:")):
        engine = open_ledger(ledger)
        with engine.begin() as connection:
            connection.execute(sa.insert(request_tables.audit), {**row, "action": "ä" * 40})
        with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
            connection.execute(sa.insert(request_tables.audit), {**row, "action": text})
        engine.dispose()


def test_every_text_of_the_ledger_is_bounded_on_sqlite(url: str) -> None:
    engine = open_ledger(url)
    inspector = sa.inspect(engine)
    texts = {
        (table.name, column.name)
        for table in request_tables.metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, sa.String)
    }
    bounded = {
        (table, str(check["sqltext"]).partition("length(")[2].partition(")")[0].rpartition(".")[2].strip('"'))
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
    }
    engine.dispose()
    assert texts
    assert texts <= bounded


def test_a_commit_outlives_the_server_whatever_the_database_says(database: str) -> None:
    """Intent is durable before the first destructive statement; who only reads does not care."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database.rpartition("/")[2]}" SET synchronous_commit = off')
    engine = open_ledger(database.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        assert connection.scalar(sa.text("SHOW synchronous_commit")) == "local"
    with reading(engine) as connection:
        assert connection.scalar(sa.text("SHOW synchronous_commit")) == "off"
    engine.dispose()


def test_the_ledger_is_private_durable_and_forgets(url: str) -> None:
    engine = open_ledger(url)
    path = Path(str(engine.url.database))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with engine.connect() as connection:
        pragmas = {
            name: connection.scalar(sa.text(f"pragma {name}"))
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
    engine.dispose()


def test_a_second_runner_is_refused(url: str) -> None:
    first, second = open_ledger(url), open_ledger(url)
    with runner_lock(first), pytest.raises(LedgerBusyError), runner_lock(second):
        pass
    with runner_lock(second):
        pass
    first.dispose()
    second.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_tables_that_are_gone_are_not_made_anew(url: str, database: str, kind: str) -> None:
    """Of a ledger that was restored in part: empty tables of holds would hold nobody."""
    ledger = url if kind == "sqlite" else database.replace("postgresql:", "postgresql+psycopg:")
    engine = open_ledger(ledger)
    with engine.begin() as connection:
        for name in ("alembic_version", "hold_tag", "hold", "audit"):
            connection.execute(sa.text(f"DROP TABLE {name}"))
        if kind == "postgres":
            connection.execute(sa.text("DROP FUNCTION audit_append_only"))
    engine.dispose()
    with pytest.raises(LedgerError):
        open_ledger(ledger)
    engine = sa.create_engine(ledger)
    assert not {"hold", "audit", "alembic_version"} & set(sa.inspect(engine).get_table_names())
    engine.dispose()


def test_a_ledger_of_two_versions_is_refused(url: str) -> None:
    engine = open_ledger(url)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('0002')"))
    engine.dispose()
    with pytest.raises(LedgerError, match="newer"):
        open_ledger(url)


def test_a_ledger_of_a_newer_version_is_refused(url: str) -> None:
    engine = open_ledger(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(LedgerError, match="newer"):
        open_ledger(url)


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"this is not a database" * 100)
    with pytest.raises(LedgerError):
        open_ledger(f"sqlite:///{tmp_path / 'ledger'}")


def test_deleted_values_are_gone_from_the_file(url: str) -> None:
    engine = open_ledger(url)
    path = Path(str(engine.url.database))
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.document).values(digest="d" * 64, body=b"a value that must go" * 300))
    with engine.begin() as connection:
        connection.execute(sa.delete(tables.document))
    engine.dispose()
    connection = sqlite3.connect(path)
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    assert b"a value that must go" not in path.read_bytes()
