"""Postgres: a log's oldest entry against what is declared; nothing of ours deletes it, and its owner's command does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql
from tests.integration.postgres.test_ages import aged, setting
from tests.integration.postgres.test_partition_drift import (
    CALLS,
    LOG,
    PARTMAN,
    TABLES,
    applied,
    configured,
    drifts,
    report,
)
from tests.support.postgres.company import execute, opened
from tests.support.postgres.roles import role

from expunge_connectors.contract import HELD, no_beat
from expunge_connectors.postgres.ages import table_slices


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
@pytest.mark.parametrize("parts", ["", "PARTITION BY RANGE (made)"])
def test_the_oldest_entry_is_told_with_its_age_and_the_command_deletes_what_is_over(
    database: str, kind: str, parts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By UTC days, whatever the zone of the database: 90 days ago is over today, and its last second too."""
    monkeypatch.setattr(table_slices, "_FIRST", 1)
    monkeypatch.setattr(table_slices, "_LEAST", 1)
    today = datetime.now(UTC).date()
    over, stays = today - timedelta(days=90), today - timedelta(days=89)
    execute(
        database,
        f"{setting('timezone', 'Pacific/Auckland')} CREATE TABLE log (id int, made {kind}) {parts};"
        + ("CREATE TABLE log_all PARTITION OF log DEFAULT;" if parts else "")
        + f"SET timezone TO UTC; INSERT INTO log SELECT i, '{over} 23:59:59' FROM generate_series(1, 900) i;"
        f"INSERT INTO log VALUES (901, '{over - timedelta(days=30)}'), (902, '{stays}'), (903, now()),"
        " (904, '-infinity'), (905, 'infinity'), (906, NULL)",
    )
    [one] = drifts(database, aged(LOG))
    assert (one.records, one.oldest, one.declared) == (901, over - timedelta(days=30), "P90D")
    assert one.found == "entries that are older, the oldest by 120 days"
    [held] = drifts(database, aged(LOG), "log")
    assert (held.fix, held.remedy, held.records) == (None, HELD, 901)
    applied(database, one.fix)
    assert drifts(database, aged(LOG)) == []
    assert execute(database, "SELECT array_agg(id ORDER BY id) FROM log") == [([902, 903, 904, 905, 906],)]


def test_what_cannot_be_told_is_said(database: str) -> None:
    other = LOG.replace("log:", "other:", 1)
    loaded = aged(
        "\n".join(
            [
                LOG.replace("start: made, ", ""),
                LOG.replace("log:", "words:", 1).replace("public.log", "public.words"),
                LOG.replace("log:", "gone:", 1).replace("public.log", "public.gone"),
                other.replace("public.log", "public.other"),
            ]
        )
    )
    execute(database, "CREATE TABLE log (made date); CREATE TABLE words (made text); CREATE TABLE other (made date)")
    found = report(database, loaded)
    assert not found.drifts
    assert found.unjudged == {
        "log": "No `start` names the column with the time of its entries",
        "words": "public.words has no column made that is a date or a timestamp",
        "gone": "The table public.gone does not exist, or is one for each member",
    }
    with role(database, "GRANT SELECT ON log TO {role}") as url, opened(url, loaded) as store:
        assert store.drift((), no_beat).unjudged["other"].startswith("We may not read all of it")


def test_a_policy_that_hides_entries_is_no_answer(database: str) -> None:
    execute(
        database,
        "CREATE TABLE log (made date); INSERT INTO log VALUES ('2019-01-01');"
        " ALTER TABLE log ENABLE ROW LEVEL SECURITY",
    )
    with role(database, "GRANT SELECT ON log TO {role}") as url, opened(url, aged(LOG)) as store:
        found = store.drift((), no_beat)
    assert (list(found.drifts), found.unjudged.keys()) == ([], {"log"})


def test_names_of_tables_are_quoted_in_what_is_printed(database: str) -> None:
    name = """my "log" 'of' $expunge$ \\n %s"""
    quoted = sql.Identifier(name).as_string()
    part = sql.Identifier(f"{name}_2019").as_string()
    execute(
        database,
        f'CREATE TABLE {quoted} ("Made At" timestamptz) PARTITION BY RANGE ("Made At");'
        f" CREATE TABLE {part} PARTITION OF {quoted} FOR VALUES FROM ('2019-01-01 00:00Z') TO ('2020-01-01 00:00Z');"
        f" CREATE TABLE other PARTITION OF {quoted} DEFAULT;"
        f" INSERT INTO {quoted} VALUES ('2019-01-01'), ('2020-02-01'); ALTER TABLE {quoted} DETACH PARTITION {part}",
    )

    def named(document: dict[str, Any]) -> None:
        document["stores"]["main"]["collections"]["log"] |= {"table": f"public.{name}", "start": "Made At"}

    loaded = aged(LOG, change=named)
    kinds: set[str] = set()
    for _ in range(3):  # attached, emptied, dropped
        for one in drifts(database, loaded):
            kinds.add(one.found.partition("public")[0])
            applied(database, one.fix)
    assert len(kinds) == 3, kinds
    assert drifts(database, loaded) == []
    assert execute(database, f"SELECT count(*) FROM {quoted}") == [(0,)]
    assert execute(database, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'my%'") == [(0,)]


def test_the_documented_rights_are_enough(database: str) -> None:
    """SELECT on logs with a `start`, on partitions and on part_config; a role without one is told so, or of less."""
    execute(
        database,
        f"{TABLES} {PARTMAN} CREATE TABLE log (made date); INSERT INTO log VALUES ('2019-01-01');"
        " CREATE TABLE calls_2018 (LIKE calls); INSERT INTO calls_2018 VALUES (1, 1, '2018-01-01')",
    )
    configured(database, "public.calls", "3 years")
    loaded = aged(f"{CALLS}\n{LOG}")
    everything = {(one.collection, one.kind, one.found) for one in drifts(database, loaded)}
    tables = "calls, calls_2019, calls_2020, calls_now, notes, log, calls_2018, partman.part_config"
    rights = (f"GRANT SELECT ON {tables} TO {{role}}", "GRANT USAGE ON SCHEMA partman TO {role}")

    def told(*grants: str) -> tuple[set[tuple[str, str, str]], dict[str, str]]:
        with role(database, *grants) as url, opened(url, loaded) as store:
            found = store.drift((), no_beat)
        return {(one.collection, one.kind, one.found) for one in found.drifts}, dict(found.unjudged)

    assert told(*rights) == (everything, {})
    assert len(everything) == 4
    found, unjudged = told("GRANT SELECT ON calls, notes TO {role}")
    assert unjudged.keys() == {"calls", "log"}
    [(collection, _, words)] = found
    assert (collection, "we may not look into all of them" in words) == ("calls", True)
