"""Postgres: partitions that are over, detached or managed otherwise than the map says; each fix applied, and gone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.integration.postgres.test_ages import aged
from tests.support.postgres.age_sweeps import swept
from tests.support.postgres.company import execute, opened

from expunge_config.datamap import DataMap
from expunge_connectors.contract import HELD, Drift, DriftKind, DriftReport, no_beat

CALLS = (
    "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}\n"
    "notes: {table: public.notes, found_by: [{column: call, of: calls.id}]}"
)
LOG = "log: {table: public.log, start: made, log: {purpose: p, ground: g, retention: P90D, approved_by: A. Officer}}"
TABLES = """
    CREATE TABLE calls (id int, person int, made timestamptz NOT NULL, PRIMARY KEY (id, made))
        PARTITION BY RANGE (made);
    CREATE TABLE notes (id int PRIMARY KEY, call int, made timestamptz, FOREIGN KEY (call, made) REFERENCES calls);
    CREATE TABLE calls_2019 PARTITION OF calls FOR VALUES FROM ('2019-01-01 00:00+00') TO ('2020-01-01 00:00+00');
    CREATE TABLE calls_2020 PARTITION OF calls FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2021-01-01 00:00+00');
    CREATE TABLE calls_now PARTITION OF calls FOR VALUES FROM ('2021-01-01 00:00+00') TO (MAXVALUE);
"""
# The table of pg_partman 5.0, as far as it is configuration.
PARTMAN = """
    CREATE SCHEMA partman;
    CREATE TABLE partman.part_config (
        parent_table text PRIMARY KEY, control text NOT NULL, partition_interval text NOT NULL,
        partition_type text NOT NULL DEFAULT 'range', premake int NOT NULL DEFAULT 4,
        automatic_maintenance text NOT NULL DEFAULT 'on', template_table text, retention text, retention_schema text,
        retention_keep_index boolean NOT NULL DEFAULT true, retention_keep_table boolean NOT NULL DEFAULT true,
        epoch text NOT NULL DEFAULT 'none', constraint_cols text[], infinite_time_partitions boolean DEFAULT false);
"""


def report(url: str, loaded: DataMap, *held: str) -> DriftReport:
    with opened(url, loaded) as store:
        return store.drift(held, no_beat)


def drifts(url: str, loaded: DataMap, *held: str) -> list[Drift]:
    return list(report(url, loaded, *held).drifts)


def applied(url: str, fix: str | None) -> None:
    """Run it as psql does: each statement is a transaction of its own."""
    assert fix is not None
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in fix.replace("\nDO ", "\0DO ").split("\0"):
            connection.execute(statement)  # type: ignore[call-overload]


def test_an_old_partition_is_told_once_it_is_empty_and_dropped_by_what_is_printed(database: str) -> None:
    """What is due in one is no drift: a sweep deletes it, and holds are asked."""
    execute(
        database,
        f"{TABLES} INSERT INTO calls VALUES (1, 1, '2019-05-01'), (2, 1, '2020-05-01'), (3, 1, now());"
        " INSERT INTO notes VALUES (1, 1, '2019-05-01')",
    )
    loaded = aged(CALLS)
    assert drifts(database, loaded) == []
    assert swept(database, loaded).gone == {"calls": 2, "notes": 1}
    [one] = drifts(database, loaded)
    assert (one.kind, one.collection, one.records, one.declared) == (DriftKind.EMPTY, "calls", 0, "P1Y")
    assert "2 partitions (public.calls_2019, public.calls_2020) are over" in one.found
    execute(database, "INSERT INTO calls VALUES (4, 1, '2020-06-01')")
    with pytest.raises(psycopg.errors.RaiseException, match="is not empty any more"):
        applied(database, one.fix)
    assert swept(database, loaded).gone == {"calls": 1}
    [one] = drifts(database, loaded)
    assert "the partition public.calls_2020 is over" in one.found
    applied(database, one.fix)
    assert drifts(database, loaded) == []
    assert execute(database, "SELECT to_regclass('calls_2019'), to_regclass('calls_2020')") == [(None, None)]
    assert execute(database, "SELECT id FROM calls") == [(3,)]


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz", "timestamp(0)"])
def test_a_partition_is_over_on_the_day_on_which_its_last_day_is(database: str, kind: str) -> None:
    loaded = aged(CALLS.split("\n", maxsplit=1)[0], "P1M")
    last = loaded.data_types["gone"].rule.period.began(datetime.now(UTC).date())
    days = [last - timedelta(days=1), last, last + timedelta(days=1)]
    execute(
        database,
        f"CREATE TABLE calls (id int, person int, made {kind} NOT NULL) PARTITION BY RANGE (made);"
        + "".join(
            f"CREATE TABLE calls_{at} PARTITION OF calls FOR VALUES FROM ('{one}') TO ('{one + timedelta(days=1)}');"
            for at, one in enumerate(days)
        )
        + "CREATE TABLE calls_default PARTITION OF calls DEFAULT;",
    )
    [one] = drifts(database, loaded)
    assert "2 partitions (public.calls_0, public.calls_1) are over" in one.found


def test_partitions_of_partitions_are_told_at_the_top(database: str) -> None:
    execute(
        database,
        """CREATE TABLE calls (id int, person int, made date NOT NULL) PARTITION BY RANGE (made);
        CREATE TABLE calls_2019 PARTITION OF calls FOR VALUES FROM ('2019-01-01') TO ('2020-01-01')
            PARTITION BY RANGE (made);
        CREATE TABLE calls_2019_h PARTITION OF calls_2019 FOR VALUES FROM ('2019-01-01') TO ('2019-06-01');
        CREATE TABLE calls_on PARTITION OF calls FOR VALUES FROM ('2020-01-01') TO (MAXVALUE)
            PARTITION BY HASH (person);
        CREATE TABLE calls_on_0 PARTITION OF calls_on FOR VALUES WITH (MODULUS 1, REMAINDER 0);""",
    )
    [one] = drifts(database, aged(CALLS.split("\n", maxsplit=1)[0]))
    assert "the partition public.calls_2019 is over" in one.found
    applied(database, one.fix)
    assert drifts(database, aged(CALLS.split("\n", maxsplit=1)[0])) == []


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz", "timestamp(0)"])
def test_what_was_detached_is_attached_again_and_swept(database: str, kind: str) -> None:
    """Its rows are found by nobody while it is detached."""
    execute(
        database,
        f"""{TABLES.replace("timestamptz", kind)} CREATE SCHEMA archive;
        INSERT INTO calls VALUES (1, 1, '2019-01-01'), (2, 1, '2019-12-31 23:59:59'), (3, 1, now());
        ALTER TABLE calls DETACH PARTITION calls_2019; ALTER TABLE calls_2019 SET SCHEMA archive;
        ALTER TABLE calls DETACH PARTITION calls_2020;
        CREATE TABLE calls_of_another_shape (id int, made {kind}); INSERT INTO calls_of_another_shape VALUES (1, now());
        CREATE TABLE other (LIKE calls); INSERT INTO other VALUES (9, 9, '2019-01-01');
        CREATE TABLE calls_public (LIKE calls); INSERT INTO calls_public VALUES (9, 9, '2019-01-01')""",
    )

    def declared_free(document: dict[str, Any]) -> None:
        place = {"place": "public.calls_public", "reason": "Examples", "approved_by": "A. Officer"}
        document["stores"]["main"]["unmapped_ok"] = [place]

    loaded = aged(CALLS, change=declared_free)
    [one] = drifts(database, loaded, "calls")
    assert one.kind is DriftKind.TOO_LONG
    assert one.found.startswith("archive.calls_2019 looks like a partition of public.calls"), one.found
    assert "2019-" not in f"{one.found}{one.fix}", "no value of a record"
    applied(database, one.fix)
    assert drifts(database, loaded) == []
    assert swept(database, loaded).gone == {"calls": 2}
    assert execute(database, "SELECT id FROM calls") == [(3,)]


def test_a_copy_is_not_attached(database: str) -> None:
    execute(
        database,
        f"{TABLES} INSERT INTO calls VALUES (1, 1, '2019-05-01'); CREATE TABLE calls_backup AS TABLE calls;"
        "ALTER TABLE calls_backup ALTER made SET NOT NULL",
    )
    [one] = [one for one in drifts(database, aged(CALLS)) if one.kind is DriftKind.TOO_LONG]
    with pytest.raises(psycopg.errors.InvalidObjectDefinition, match="overlap"):
        applied(database, one.fix)


def test_tables_that_are_partitioned_otherwise_get_no_command(database: str) -> None:
    execute(
        database,
        """CREATE TABLE calls (id int, person int, made date NOT NULL) PARTITION BY LIST (person);
        CREATE TABLE calls_1 (LIKE calls); INSERT INTO calls_1 VALUES (1, 1, '2019-01-01')""",
    )
    [one] = drifts(database, aged(CALLS.split("\n", maxsplit=1)[0]))
    assert (one.fix, one.remedy) == (None, "Attach it again, drop it if it is a copy, or name it in the map")


def configured(url: str, parent: str, retention: str | None, *, keep: bool = True, schema: str | None = None) -> None:
    execute(
        url,
        "INSERT INTO partman.part_config (parent_table, control, partition_interval, retention, retention_keep_table,"
        f" retention_schema) VALUES ('{parent}', 'made', '1 mon', {'NULL' if retention is None else repr(retention)},"
        f" {keep}, {'NULL' if schema is None else repr(schema)})",
    )


def of_partman(url: str, loaded: DataMap | None = None) -> list[Drift]:
    return [one for one in drifts(url, loaded or aged(CALLS)) if "pg_partman" in one.found]


@pytest.mark.parametrize(("keep", "schema"), [(True, None), (False, "archive")])
def test_a_set_that_only_detaches_is_drift(database: str, *, keep: bool, schema: str | None) -> None:
    execute(database, TABLES + PARTMAN)
    configured(database, "public.calls", "3 years", keep=keep, schema=schema)
    [one] = of_partman(database)
    assert one.kind is DriftKind.TOO_LONG
    assert "detaches partitions of public.calls after 3 years" in one.found
    applied(database, one.fix)
    assert of_partman(database) == []


@pytest.mark.parametrize("retention", [None, "1 year", "5 years"])
def test_a_set_of_data_that_drops_in_time_or_never_is_none(database: str, retention: str | None) -> None:
    """`expunge retention run` deletes rows; that partitions are dropped later, or by hand, keeps none."""
    execute(database, TABLES + PARTMAN)
    configured(database, "public.calls", retention, keep=False)
    assert of_partman(database) == []


def floor(document: dict[str, Any]) -> None:
    document["data_types"]["gone"]["at_least"] = {"period": "P1Y", "ground": "A law"}


@pytest.mark.parametrize(
    ("retention", "early"), [("11 months", True), ("365 days", True), ("1 year", True), ("366 days", False)]
)
def test_a_set_that_drops_what_a_law_keeps_is_too_early(database: str, retention: str, *, early: bool) -> None:
    """A year may have 366 days, and the youngest row of a partition is as old as its upper bound."""
    execute(database, TABLES + PARTMAN)
    configured(database, "public.calls", retention, keep=False)
    loaded = aged(CALLS, change=floor)
    found = of_partman(database, loaded)
    assert [one.kind for one in found] == [DriftKind.TOO_EARLY] * early
    for one in found:
        assert "a law demands P1Y" in one.found
        applied(database, one.fix)
    assert of_partman(database, loaded) == []


def test_a_set_that_drops_while_a_hold_keeps_something_is_too_early(database: str) -> None:
    execute(database, f"{TABLES} {PARTMAN} CREATE TABLE log (made date) PARTITION BY RANGE (made)")
    configured(database, "public.calls", "9 years", keep=False)
    configured(database, "public.log", "30 days", keep=False)
    loaded = aged(f"{CALLS}\n{LOG}")
    found = [one for one in drifts(database, loaded, "calls", "log") if one.kind is DriftKind.TOO_EARLY]
    assert {one.collection for one in found} == {"calls", "log"}
    for one in found:
        assert "a hold keeps something here" in one.found
        applied(database, one.fix)
    assert not any(one.kind is DriftKind.TOO_EARLY for one in drifts(database, loaded, "calls", "log"))


@pytest.mark.parametrize(
    ("retention", "keep"), [(None, True), ("30 days", True), ("90 days", False), ("60 days", False)]
)
def test_a_set_of_a_log_ends_within_its_period(database: str, retention: str | None, *, keep: bool) -> None:
    """A partition of a month goes once all of it is over: 60 days and 31 are more than 90."""
    execute(database, f"{PARTMAN} CREATE TABLE log (made date NOT NULL) PARTITION BY RANGE (made)")
    configured(database, "public.log", retention, keep=keep)
    loaded = aged(LOG)
    [one] = drifts(database, loaded)
    assert one.kind is DriftKind.TOO_LONG
    applied(database, one.fix)
    assert drifts(database, loaded) == []
    [(after, kept)] = execute(database, "SELECT retention::interval, retention_keep_table FROM partman.part_config")
    assert (after, kept) == (timedelta(days=59), False)


def test_partitions_that_are_as_long_as_the_period_cannot_keep_to_it(database: str) -> None:
    execute(database, f"{PARTMAN} CREATE TABLE log (made date NOT NULL) PARTITION BY RANGE (made)")
    configured(database, "public.log", None)
    execute(database, "UPDATE partman.part_config SET partition_interval = '3 mons'")
    [one] = drifts(database, aged(LOG))
    assert (one.fix, "make them shorter" in one.remedy) == (None, True)


def test_a_set_by_numbers_is_not_judged(database: str) -> None:
    execute(database, f"{PARTMAN} CREATE TABLE log (id int, made date NOT NULL) PARTITION BY RANGE (id)")
    configured(database, "public.log", "100000", keep=False)
    execute(database, "UPDATE partman.part_config SET control = 'id', partition_interval = '1000'")
    found = report(database, aged(LOG))
    assert not found.drifts
    assert "goes by numbers" in found.unjudged["log"]


def test_partitions_of_a_log_that_are_over_are_dropped_by_its_owner(database: str) -> None:
    execute(
        database,
        """CREATE TABLE log (made date NOT NULL) PARTITION BY RANGE (made);
        CREATE TABLE log_2019 PARTITION OF log FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
        CREATE TABLE log_2020 PARTITION OF log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
        CREATE TABLE log_on PARTITION OF log FOR VALUES FROM ('2021-01-01') TO (MAXVALUE);
        INSERT INTO log VALUES ('2019-05-01'), (now())""",
    )
    loaded = aged(LOG)
    empty, full, aged_entries = drifts(database, loaded)
    assert (empty.kind, full.kind, full.oldest) == (DriftKind.EMPTY, DriftKind.TOO_LONG, date(2019, 1, 1))
    assert (aged_entries.records, aged_entries.oldest) == (1, date(2019, 5, 1))
    _, held, _ = drifts(database, loaded, "log")
    assert (held.fix, held.remedy) == (None, HELD)
    applied(database, empty.fix)
    applied(database, full.fix)
    assert drifts(database, loaded) == []
    assert execute(database, "SELECT count(*) FROM log") == [(1,)]
