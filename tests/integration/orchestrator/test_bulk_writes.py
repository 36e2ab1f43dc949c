"""Rows that are written together are the rows that SQLAlchemy writes one by one, on both databases."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from tests.support.ledgers import for_sqlalchemy

from expunge_orchestrator.ledger.bulk_writes import write_rows

_SAMPLE = sa.Table(
    "sample",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("flag", sa.Boolean),
    sa.Column("data", sa.LargeBinary),
    sa.Column("record", sa.JSON),
    sa.Column("note", sa.JSON(none_as_null=True)),
    sa.Column("text", sa.String(9)),
)
_ROWS = [
    {"id": 1, "flag": True, "data": b"\x00\xff", "record": {"ä": [1, None]}, "note": None, "text": "%s :x ?"},
    {"id": 2, "flag": None, "data": None, "record": None, "note": {"a": 1}, "text": None},
]
_INSERT = sa.insert(_SAMPLE)
_UPDATE = (
    sa.update(_SAMPLE)
    .where(_SAMPLE.c.id == sa.bindparam("of"))
    .values({"record": sa.bindparam("new_record"), "data": sa.bindparam("new_data")})
)
_CHANGES = [{"of": 2, "new_record": {"b": 2}, "new_data": b"x"}, {"of": 1, "new_record": None, "new_data": None}]


def test_they_are_the_same_rows(tmp_path: Path, database: str) -> None:
    _compare(sa.create_engine(f"sqlite:///{tmp_path / 'sample.sqlite3'}"))
    _compare(sa.create_engine(for_sqlalchemy(database)))


def _compare(engine: sa.Engine) -> None:
    stands = sa.select(_SAMPLE, *(sa.cast(_SAMPLE.c[name], sa.Text) for name in ("record", "note")))
    seen: list[object] = []
    with engine.begin() as connection:
        _SAMPLE.create(connection)
        for at_once in (True, False):
            for statement, rows in ((_INSERT, _ROWS), (_UPDATE, _CHANGES)):
                if at_once:
                    write_rows(connection, statement, rows)
                    write_rows(connection, statement, [])
                else:
                    for row in rows:
                        connection.execute(statement, row)
                seen.append(connection.execute(stands.order_by(_SAMPLE.c.id)).all())
            connection.execute(sa.delete(_SAMPLE))
    engine.dispose()
    assert seen[:2] == seen[2:]
    assert seen[0] != seen[1]
