"""What has had its time is counted exactly, in slices, with what stays of it (ADR 30)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql
from tests.support.postgres.company import checked, execute, opened
from tests.support.postgres.small_schemas import small_document

from expunge_config.datamap import DataMap
from expunge_config.periods import Period
from expunge_connectors.contract import WEEKS_AHEAD, Age, AgeCounts, GoesWith, NoAge, no_beat
from expunge_connectors.errors import TookTooLongError
from expunge_connectors.postgres.ages import table_slices

CALLS = (
    "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}\n"
    "notes: {table: public.notes, found_by: [{column: call, of: calls.id}]}\n"
    "words: {table: public.words, found_by: [{column: note, of: notes.id}]}"
)
TABLES = """
    CREATE TABLE calls (id int PRIMARY KEY, person int, made timestamptz);
    CREATE TABLE notes (id int PRIMARY KEY, call int REFERENCES calls);
    CREATE TABLE words (id int PRIMARY KEY, note int REFERENCES notes);
"""


def setting(name: str, value: str) -> str:
    """Let later sessions of the database begin with that setting."""
    change = f"ALTER DATABASE %I SET {name} TO %L"
    return f"DO $$ BEGIN EXECUTE format('{change}', current_database(), '{value}'); END $$;"


def aged(collections: str, period: str = "P1Y", change: Callable[[dict[str, Any]], None] | None = None) -> DataMap:
    """A map of which the data type has that period."""
    document = small_document(collections)
    document["data_types"]["gone"]["rule"]["period"] = period
    if change is not None:
        change(document)
    return checked(document)


def with_long_rule(document: dict[str, Any]) -> None:
    """A data type beside that has ten years."""
    rule = {"start": "collected", "period": "P10Y"}
    document["data_types"]["long"] = {"purpose": "Bills", "categories": ["x"], "rule": rule, "on_request": "delete"}


def ages(url: str, loaded: DataMap) -> dict[str, Age]:
    with opened(url, loaded) as store:
        return dict(store.ages(no_beat))


def counted(url: str, loaded: DataMap, name: str = "calls") -> AgeCounts:
    found = ages(url, loaded)[name]
    assert isinstance(found, AgeCounts)
    return found


@pytest.mark.parametrize("period", ["P1M", "P1Y", "P1Y1M1D", "P90D", "P3M30D"])
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_every_day_of_two_years_is_counted_as_the_calendar_has_it(database: str, kind: str, period: str) -> None:
    """Month ends and leap days; at midnight, and a second before it, by UTC, whatever the database's own zone."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=one) for one in range(-40, 1600)]
    execute(
        database,
        f"{TABLES.replace('timestamptz', kind)}"
        f"{setting('timezone', 'Pacific/Auckland')}"
        "INSERT INTO calls SELECT row_number() OVER (), 1, made FROM unnest(ARRAY["
        + ", ".join(f"'{day} 00:00:00+00', '{day} 23:59:59+00'" for day in days)
        + f"]::{kind}[]) AS made",
    )
    found = counted(database, aged(CALLS, period))
    starts = [day for day in days for _ in range(2)]
    ends = [Period.parse(period).after(day) for day in starts]
    due = [start for start, end in zip(starts, ends, strict=True) if end <= today]
    weeks = Counter((end - today - timedelta(days=1)).days // 7 for end in ends if end > today)
    assert (found.records, found.due, found.oldest) == (len(starts), len(due), min(due))
    assert found.coming == tuple(weeks[one] for one in range(WEEKS_AHEAD))
    assert (found.undated, found.ahead) == (0, sum(start > today for start in starts))


def test_what_has_no_day_is_due_on_none_and_counted(database: str) -> None:
    execute(
        database,
        f"{TABLES} INSERT INTO calls VALUES (1, 1, NULL), (2, 1, 'infinity'), (3, 1, '-infinity'),"
        " (4, 1, '9999-12-31'), (5, 1, '2001-01-01')",
    )
    found = counted(database, aged(CALLS))
    assert (found.records, found.due, found.oldest) == (5, 1, date(2001, 1, 1))
    assert found.undated == 4
    assert found.ahead == 2


def test_check_says_what_an_empty_start_means(database: str) -> None:
    """Of a retained type such a row is kept without end; any other is erased on request, and due by no age."""
    kept = CALLS.replace("start: made,", "start: made, data_type: kept,", 1)
    execute(database, TABLES)
    for collections, words in ((CALLS, "such rows are due by no age."), (kept, "such rows are retained without end.")):
        with opened(database, aged(collections)) as store:
            [found] = [one for one in store.inspect() if one.code == "date-nullable"]
        assert words in found.message


def test_rows_without_a_start_go_with_what_they_hang_on(database: str) -> None:
    execute(database, TABLES)
    found = ages(database, aged(CALLS))
    assert (found["notes"], found["words"]) == (GoesWith("calls"), GoesWith("calls"))
    assert isinstance(found["calls"], AgeCounts)


def test_what_may_be_found_otherwise_does_not(database: str) -> None:
    """A note without a call would be left behind: nobody said when its time is over."""
    collections = CALLS.replace(
        "{column: call, of: calls.id}", "{column: call, of: calls.id}, {column: id, identity: token}"
    )
    execute(database, TABLES)
    found = ages(database, aged(collections))
    assert isinstance(found["notes"], NoAge)
    assert isinstance(found["words"], NoAge)


def test_rows_that_stay_keep_what_they_need(database: str) -> None:
    """Of a longer rule, of a log, of a table outside of the map; through rows that would go along, too."""
    collections = (
        f"{CALLS}\nbills: {{table: public.bills, start: made, data_type: long,"
        " found_by: [{column: person, identity: user_id}]}"
        "\nlog: {table: public.log, log: {purpose: p, ground: g, retention: P90D, approved_by: A. Officer}}"
    )

    execute(
        database,
        f"""{TABLES}
        CREATE TABLE bills (id int PRIMARY KEY, person int, call int REFERENCES calls, made date);
        CREATE TABLE log (id int PRIMARY KEY, word int REFERENCES words);
        CREATE TABLE other (call int REFERENCES calls);
        INSERT INTO calls SELECT i, 1, '2001-01-01' FROM generate_series(1, 6) i;
        INSERT INTO calls VALUES (7, 1, now());
        INSERT INTO notes SELECT i, i FROM generate_series(1, 7) i;
        INSERT INTO words SELECT i, i FROM generate_series(1, 7) i;
        INSERT INTO bills VALUES (1, 1, 1, now()), (2, 1, 2, '2001-01-01'), (3, 1, 7, now());
        INSERT INTO log VALUES (1, 3), (2, 3), (3, 7);
        INSERT INTO other VALUES (4), (1)""",
    )
    found = counted(database, aged(collections, change=with_long_rule))
    assert (found.records, found.due, found.stays) == (7, 6, 3)
    assert found.needed_by == {"bills": 1, "log": 1, "public.other": 2}


def test_rows_of_another_kind_in_one_table_do_not_go_along(database: str) -> None:
    """Notes of calls go with them; complaints stand in the same table, refer to calls as well, and have longer."""
    collections = (
        "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}\n"
        "notes: {table: public.notes, found_by: [{column: call, of: calls.id, where: {sort: note}}]}\n"
        "complaints: {table: public.notes, start: made, data_type: long,"
        " found_by: [{column: call, of: calls.id, where: {sort: complaint}}]}"
    )
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, made date);"
        "CREATE TABLE notes (id int PRIMARY KEY, call int REFERENCES calls, sort text NOT NULL, made date);"
        "INSERT INTO calls SELECT i, 1, '2001-01-01' FROM generate_series(1, 4) i;"
        "INSERT INTO notes VALUES (1, 1, 'note', now()), (2, 2, 'complaint', now()), (3, 3, 'complaint', '2001-01-01'),"
        " (4, 4, 'else', '2001-01-01')",
    )
    loaded = aged(collections, change=with_long_rule)
    assert ages(database, loaded)["notes"] == GoesWith("calls")
    found = counted(database, loaded)
    assert (found.due, found.stays, found.needed_by) == (4, 2, {"notes": 2})


def test_a_first_controller_that_is_many_counts_everybodys(database: str) -> None:
    def of_clients(document: dict[str, Any]) -> None:
        document["controllers"] = {"client": {"name": "Clients", "many": True}}
        document["stores"]["main"]["collections"]["calls"]["owner"] = {"controller": "client", "column": "client"}

    loaded = aged(
        "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}", change=of_clients
    )
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, client int NOT NULL, made date);"
        "INSERT INTO calls VALUES (1, 1, 1, '2001-01-01'), (2, 1, 2, '2001-01-01')",
    )
    assert counted(database, loaded).due == 2


def test_a_tree_keeps_what_younger_rows_hang_on(database: str) -> None:
    tree = "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}"
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, made date, above int REFERENCES calls);"
        "INSERT INTO calls VALUES (1, 1, '2001-01-01', NULL), (2, 1, '2001-01-01', 1), (3, 1, now(), 2)",
    )
    found = counted(database, aged(tree))
    assert (found.due, found.stays, found.needed_by) == (2, 1, {"calls": 1})


def test_what_is_overwritten_already_is_not_due_again(database: str) -> None:
    people = (
        "people: {table: public.people, data_type: emptied, start: left_at, person: user_id,"
        " found_by: [{column: id, identity: user_id}], yields: {user_id: id}, tombstone: {name: \"'gone-' || id\"}}"
    )

    def emptied(document: dict[str, Any]) -> None:
        rule = {"start": "relationship_ended", "period": "P1Y"}
        document["data_types"]["emptied"] = {
            "purpose": "Accounts",
            "categories": ["name"],
            "rule": rule,
            "on_request": "tombstone",
        }

    execute(
        database,
        "CREATE TABLE people (id int PRIMARY KEY, name text, left_at date);"
        "CREATE TABLE pages (owner int REFERENCES people);"
        "INSERT INTO people VALUES (1, 'Ann', '2001-01-01'), (2, 'gone-2', '2001-01-01'), (3, 'Bob', now());"
        "INSERT INTO pages VALUES (1)",
    )
    found = counted(database, aged(people, change=emptied), "people")
    assert (found.records, found.due, found.stays) == (2, 1, 0), "an overwritten row is there for its pages"


@pytest.mark.parametrize("how", ["partitioned", "inherited"])
def test_partitions_are_counted_one_by_one_and_each_row_once(database: str, how: str) -> None:
    if how == "partitioned":
        tables = (
            "CREATE TABLE calls (id int, person int, made date) PARTITION BY RANGE (made);"
            "CREATE TABLE old PARTITION OF calls FOR VALUES FROM ('2000-01-01') TO ('2010-01-01')"
            " PARTITION BY LIST (person);"
            "CREATE TABLE old1 PARTITION OF old FOR VALUES IN (1); CREATE TABLE rest PARTITION OF calls DEFAULT;"
        )
    else:
        tables = "CREATE TABLE calls (id int, person int, made date); CREATE TABLE more () INHERITS (calls);"
    into = "calls" if how == "partitioned" else "more"
    execute(
        database,
        f"{tables} INSERT INTO {into} SELECT i, 1, '2001-01-01' FROM generate_series(1, 500) i;"
        "INSERT INTO calls SELECT i, 1, '2001-01-01' FROM generate_series(1, 300) i;"
        f"INSERT INTO {into} SELECT i, 1, current_date FROM generate_series(1, 200) i",
    )
    found = counted(
        database, aged("calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}")
    )
    assert (found.records, found.due) == (1000, 800)


def test_slices_come_to_the_whole(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one block each; rows of a slice are counted once, wherever the next one begins."""
    monkeypatch.setattr(table_slices, "_MOST", 1)
    monkeypatch.setattr(table_slices, "_LEAST", 1)
    monkeypatch.setattr(table_slices.TableSlices.__init__, "__defaults__", (1, None))
    rows = random.Random(7).choices(["2001-01-01", "2100-01-01"], k=3000)
    values = ", ".join(f"({at}, 1, '{day}')" for at, day in enumerate(rows))
    execute(database, f"{TABLES} INSERT INTO calls VALUES {values}; DELETE FROM calls WHERE id % 3 = 0")
    beats = []
    with opened(database, aged(CALLS)) as store:
        found = store.ages(lambda: beats.append(1))["calls"]
    left = [day for at, day in enumerate(rows) if at % 3]
    assert isinstance(found, AgeCounts)
    assert (found.records, found.due) == (len(left), left.count("2001-01-01"))
    assert len(beats) > 10


@pytest.mark.parametrize(("seconds", "then"), [(0.01, 200), (0.1, 100), (0.5, 50), (2.5, 10)])
def test_a_slice_fits_the_time_that_the_last_one_took(seconds: float, then: int) -> None:
    """So each is far from any statement timeout, and a fast server is not asked for eight megabytes at a time."""
    slices = table_slices.TableSlices(table_slices.Leaf(sql.Identifier("calls"), 1000), 100)
    slices.took(seconds)
    assert slices.size == then
    ranges = [sql.Composed([part.within]).as_string() for part in slices]
    assert len(ranges) == 1000 // then
    assert sum("ctid <" in one for one in ranges) == len(ranges) - 1, "the last one has no end"


@pytest.mark.parametrize(
    ("fixed", "a_block", "blocks"), [(0.0, 0.01, 25), (0.1, 0.01, 15), (0.0, 1.0, 1), (2.0, 0.01, 800)]
)
def test_slices_become_smaller_where_that_helps(fixed: float, a_block: float, blocks: int) -> None:
    """What takes the same time for each slice, however small, is not paid for each block."""
    slices = table_slices.TableSlices(table_slices.Leaf(sql.Identifier("calls"), 10**6), 800)
    sizes = []
    for _ in range(30):
        sizes.append(slices.size)
        slices.took(fixed + a_block * slices.size)
    assert max(sizes[10:]) == pytest.approx(blocks, rel=0.1)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("allowed", [1, 3, 30, 200])
def test_a_slice_that_took_too_long_is_done_in_smaller_ones(allowed: int, *, backwards: bool) -> None:
    """Down to one block; each is done once, also those by which the table has grown meanwhile."""

    def work(part: table_slices.TableSlice) -> range:
        blocks = range(part.begins, part.ends or 120)
        if len(blocks) > allowed:
            raise TookTooLongError("The server ended it.")
        return blocks

    slices = table_slices.TableSlices(
        table_slices.Leaf(sql.Identifier("calls"), 100), 64, backwards=backwards, grown=lambda: 120
    )
    assert sorted(block for one in slices.each(work) for block in one) == list(range(120))


def test_of_one_block_that_takes_too_long_it_is_told() -> None:
    def work(_: table_slices.TableSlice) -> None:
        raise TookTooLongError("The server ended it.")

    with pytest.raises(TookTooLongError):
        list(table_slices.TableSlices(table_slices.Leaf(sql.Identifier("calls"), 100), 64).each(work))


def test_where_members_have_schemas_nothing_is_counted_and_that_is_said(database: str) -> None:
    def tenants(document: dict[str, Any]) -> None:
        table = document["stores"]["main"]["collections"]["calls"]
        table["table"] = "tenant_*.calls"
        table["owner"] = {"controller": "client"}
        document["controllers"]["client"] = {"name": "Clients", "many": True}

    loaded = aged(
        "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}", change=tenants
    )
    execute(database, "CREATE SCHEMA tenant_1; CREATE TABLE tenant_1.calls (id int PRIMARY KEY, person int, made date)")
    assert isinstance(ages(database, loaded)["calls"], NoAge)
