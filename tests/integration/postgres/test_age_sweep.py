"""What has had its time goes, and nothing else: children along, what stays keeps what it needs, holds keep people."""

from __future__ import annotations

import random
import threading
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from tests.integration.postgres.test_ages import CALLS, TABLES, aged, ages, with_long_rule
from tests.support.postgres.age_sweeps import Held, Swept, left, swept
from tests.support.postgres.company import execute, opened

from expunge_config.periods import Period
from expunge_connectors.contract import NoAge, SubjectKey, SweptPiece, no_beat
from expunge_connectors.errors import SomeRecordsError
from expunge_connectors.postgres.ages import table_slices
from expunge_connectors.postgres.ages.age_sources import ANOTHERS_TOO

OLD = "'2001-01-01'"


def rows_of(url: str, table: str) -> list[Any]:
    """Every row, in the order of the first column."""
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # type: ignore[arg-type]


def ids(url: str, table: str) -> list[int]:
    return [row[0] for row in rows_of(url, table)]


ZONES = {
    "Pacific/Auckland": (date(2024, 2, 29), date(2024, 4, 7)),
    "America/Los_Angeles": (date(2023, 2, 28), date(2024, 11, 3)),
    "Europe/Berlin": (date(2024, 3, 31), date(2024, 10, 27)),
    "Asia/Kolkata": (date(2025, 3, 30), date(2024, 4, 30)),
    "UTC": (date(2024, 12, 31), date(2025, 3, 1)),
}
"""At which days each is looked at: leap days, ends of months, days on which its clocks are changed."""


def in_zone(database: str, zone: str, set_by: str) -> str:
    """Have our sessions begin in a zone; the URL for them."""
    if set_by == "session":
        return f"{database}?options={quote(f'-c TimeZone={zone}')}"
    whose = "ROLE postgres IN DATABASE %I" if set_by == "role" else "DATABASE %I"
    change = f"ALTER {whose} SET timezone TO %L"
    execute(database, f"DO $$ BEGIN EXECUTE format('{change}', current_database(), '{zone}'); END $$")
    return database


@pytest.mark.matrix(15)
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
@pytest.mark.parametrize("set_by", ["database", "role", "session"])
@pytest.mark.parametrize("zone", ZONES)
def test_each_row_goes_on_its_day_by_the_calendar(database: str, kind: str, zone: str, set_by: str) -> None:
    """At midnight and a second before it, by UTC, whatever zone a session begins in; as a query of our own has it."""
    days = [min(ZONES[zone]) - timedelta(days=one) for one in range(-620, 800)]
    execute(
        database,
        f"{TABLES.replace('timestamptz', kind)}"
        "CREATE TABLE of_days AS SELECT row_number() OVER () AS id, 1, made FROM unnest(ARRAY["
        + ", ".join(f"'{day} 00:00:00+00', '{day} 23:59:59+00'" for day in days)
        + f"]::{kind}[]) AS made",
    )
    ours = in_zone(database, zone, set_by)
    assert execute(ours, "SHOW TimeZone") == [(zone,)]
    starts = [day for day in days for _ in range(2)]
    began = "made AT TIME ZONE 'UTC'" if kind == "timestamptz" else "made"
    for today, period in product(ZONES[zone], ("P1M", "P1Y", "P1Y1M1D", "P90D")):
        execute(database, "DELETE FROM calls; INSERT INTO calls SELECT * FROM of_days")
        later = f"({began})::date + interval '{period}' > timestamp '{today}'"
        stay = [number for (number,) in execute(database, f"SELECT id FROM of_days WHERE {later} ORDER BY id")]
        assert stay == [at for at, start in enumerate(starts, 1) if Period.parse(period).after(start) > today]
        loaded = aged(CALLS, period)
        assert left(ours, loaded, "calls", today) == len(starts) - len(stay) > 0
        assert swept(ours, loaded, "calls", today=today).gone == {"calls": len(starts) - len(stay)}
        assert ids(database, "calls") == stay
        assert left(ours, loaded, "calls", today) == 0


def test_children_go_along_to_any_depth(database: str) -> None:
    execute(
        database,
        f"{TABLES} INSERT INTO calls SELECT i, 1, CASE WHEN i % 2 = 0 THEN date {OLD} ELSE now() END"
        " FROM generate_series(1, 8) i; INSERT INTO notes SELECT i, (i + 1) / 2 FROM generate_series(1, 16) i;"
        " INSERT INTO words SELECT i, (i + 1) / 2 FROM generate_series(1, 32) i",
    )
    assert swept(database, aged(CALLS)).gone == {"calls": 4, "notes": 8, "words": 16}
    assert ids(database, "calls") == [1, 3, 5, 7]
    assert ids(database, "notes") == [1, 2, 5, 6, 9, 10, 13, 14]


def test_what_stays_keeps_what_it_needs(database: str) -> None:
    """A bill of a longer rule, a log's row two tables below, a table outside of the map, a row found by the key."""
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
        CREATE TABLE other (call int REFERENCES calls ON DELETE CASCADE);
        INSERT INTO calls SELECT i, 1, {OLD} FROM generate_series(1, 6) i;
        INSERT INTO calls VALUES (7, 1, now());
        INSERT INTO notes SELECT i, i FROM generate_series(1, 7) i;
        INSERT INTO words SELECT i, i FROM generate_series(1, 7) i;
        INSERT INTO bills VALUES (1, 1, 1, now()), (2, 1, 2, {OLD}), (3, 1, 7, now());
        INSERT INTO log VALUES (1, 3), (2, 3), (3, 7);
        INSERT INTO other VALUES (4), (1)""",
    )
    loaded = aged(collections, change=with_long_rule)
    assert swept(database, loaded).gone == {"bills": 1, "calls": 3, "notes": 3, "words": 3}
    assert ids(database, "calls") == [1, 3, 4, 7]
    assert left(database, loaded, "calls") == 3
    assert swept(database, loaded).gone == {}


def test_what_hangs_on_a_row_without_a_foreign_key_keeps_it_too(database: str) -> None:
    """It is found through that row alone: nobody would find it again."""
    collections = (
        "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}],"
        " yields: {token: id}}\n"
        "bills: {table: public.bills, start: made, data_type: long, found_by: [{column: call, of: calls.id}]}\n"
        "marks: {table: public.marks, start: made, data_type: long, found_by: [{column: token, identity: token}]}"
    )
    execute(
        database,
        f"""CREATE TABLE calls (id int PRIMARY KEY, person int, made date);
        CREATE TABLE bills (id int PRIMARY KEY, call int, made date);
        CREATE TABLE marks (id int PRIMARY KEY, token int, made date);
        INSERT INTO calls SELECT i, 1, {OLD} FROM generate_series(1, 4) i;
        INSERT INTO bills VALUES (1, 1, now()), (2, 2, {OLD});
        INSERT INTO marks VALUES (1, 3, now())""",
    )
    loaded = aged(collections, change=with_long_rule)
    assert swept(database, loaded).gone == {"bills": 1, "calls": 2}
    assert ids(database, "calls") == [1, 3]


def test_a_note_that_points_to_a_second_call_keeps_that_one(database: str) -> None:
    """It goes with the call on which it hangs, and not with the one that it merely points to."""
    execute(
        database,
        f"""{TABLES.replace("call int REFERENCES calls", "call int REFERENCES calls, next int REFERENCES calls")}
        INSERT INTO calls VALUES (1, 1, {OLD}), (2, 1, now()), (3, 1, {OLD});
        INSERT INTO notes VALUES (1, 2, 1), (2, 3, NULL)""",
    )
    assert swept(database, aged(CALLS)).gone == {"calls": 1, "notes": 1}
    assert ids(database, "calls") == [1, 2]


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_a_tree_goes_from_its_leaves(database: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In slices of one block each, however the rows lie; what a younger row hangs on stays, up to the root."""
    monkeypatch.setattr(table_slices, "_MOST", 1)
    monkeypatch.setattr(table_slices, "_LEAST", 1)
    monkeypatch.setattr(table_slices.TableSlices.__init__, "__defaults__", (1, None))
    tree = "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}"
    execute(
        database,
        f"""CREATE TABLE calls (id int PRIMARY KEY, person int, made date, above int);
        INSERT INTO calls SELECT i, 1, CASE WHEN i = 1500 THEN current_date ELSE {OLD} END, nullif(i - 1, 0) / 2 * 2
          FROM generate_series(1, 2000) i ORDER BY i {order};
        UPDATE calls SET above = NULL WHERE above = 0;
        ALTER TABLE calls ADD FOREIGN KEY (above) REFERENCES calls; CREATE INDEX ON calls (above)""",
    )
    rows = {row[0]: row[3] for row in rows_of(database, "calls")}
    keep, at = [], 1500
    while at is not None:
        keep.append(at)
        at = rows[at]
    assert swept(database, aged(tree)).gone == {"calls": 2000 - len(keep)}
    assert ids(database, "calls") == sorted(keep)


PEOPLE = (
    "people: {table: public.people, start: made, person: user_id, yields: {user_id: id, email: mail},"
    " found_by: [{column: id, identity: user_id}, {column: mail, identity: email}],"
    " created: made, undated: keep, data_type: long}\n"
    "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}\n"
    "notes: {table: public.notes, found_by: [{column: call, of: calls.id}]}\n"
    "later: {table: public.later, start: made, found_by: [{column: call, of: calls.id}]}"
)
PEOPLE_TABLES = f"""
    CREATE TABLE people (id int PRIMARY KEY, mail text, made date);
    CREATE TABLE calls (id int PRIMARY KEY, person int, made date);
    CREATE TABLE notes (id int PRIMARY KEY, call int REFERENCES calls);
    CREATE TABLE later (id int PRIMARY KEY, call int REFERENCES calls, made date);
    INSERT INTO people SELECT i, 'p' || i || '@x.example', now() FROM generate_series(1, 4) i;
    INSERT INTO calls SELECT i, (i + 1) / 2, {OLD} FROM generate_series(1, 8) i;
    INSERT INTO notes SELECT i, i FROM generate_series(1, 8) i;
    INSERT INTO later SELECT i, i, {OLD} FROM generate_series(1, 8) i;
"""


def test_what_is_a_held_persons_stays_with_what_hangs_on_it(database: str) -> None:
    execute(database, PEOPLE_TABLES)
    loaded = aged(PEOPLE, change=with_long_rule)
    done = swept(database, loaded, held=Held(frozenset({SubjectKey("user_id", "2")})))
    assert done.gone == {"later": 6, "calls": 6, "notes": 6}
    assert done.held == 2 + 0, "two rows below; the calls are needed by these"
    for table in ("calls", "notes", "later"):
        assert ids(database, table) == [3, 4]


def test_a_hold_that_comes_while_it_sweeps_keeps_what_is_left(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_slices, "_MOST", 1)
    monkeypatch.setattr(table_slices, "_LEAST", 1)
    monkeypatch.setattr(table_slices.TableSlices.__init__, "__defaults__", (1, None))
    execute(
        database,
        f"{TABLES} INSERT INTO calls SELECT i, i % 2, {OLD} FROM generate_series(1, 3000) i;"
        " CREATE INDEX ON notes (call)",
    )
    asked: list[Held] = []

    def before() -> Held:
        asked.append(Held() if len(asked) < 3 else Held(frozenset({SubjectKey("user_id", "1")})))
        return asked[-1]

    done = swept(database, aged(CALLS), before=before)
    assert 0 < done.gone["calls"] < 3000
    rows = rows_of(database, "calls")
    assert {row[1] for row in rows} == {1}
    assert len(rows) == 3000 - done.gone["calls"] == done.held


def test_what_is_a_held_members_stays(database: str) -> None:
    def of_clients(document: dict[str, Any]) -> None:
        document["controllers"] = {"client": {"name": "Clients", "many": True}}
        calls, notes = (document["stores"]["main"]["collections"][one] for one in ("calls", "later"))
        calls["owner"] = {"controller": "client", "column": "client"}
        notes["owner"] = {"controller": "client", "inherited": True}

    loaded = aged(
        "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}\n"
        "later: {table: public.later, start: made, found_by: [{column: call, of: calls.id}]}",
        change=of_clients,
    )
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, client int, made date);"
        "CREATE TABLE later (id int PRIMARY KEY, call int, made date);"
        f"INSERT INTO calls VALUES (1, 1, 1, {OLD}), (2, 1, 2, {OLD}), (3, 1, NULL, {OLD});"
        f"INSERT INTO later VALUES (1, 1, {OLD}), (2, 2, {OLD}), (3, 3, {OLD}), (4, NULL, {OLD})",
    )
    assert swept(database, loaded, held=Held(of=frozenset({"1"}))).gone == {"calls": 1, "later": 1}
    assert ids(database, "calls") == [1, 3], "of whom nobody says whose it is may be the held one's"
    assert ids(database, "later") == [1, 3, 4]


def test_what_is_to_be_overwritten_is_overwritten_and_its_children_go(database: str) -> None:
    people = (
        "people: {table: public.people, data_type: anchor, start: left_at, person: user_id,"
        " found_by: [{column: id, identity: user_id}], yields: {user_id: id}, tombstone: {name: \"'gone-' || id\"}}"
    )
    execute(
        database,
        "CREATE TABLE people (id int PRIMARY KEY, name text, left_at date);"
        "CREATE TABLE pages (owner int REFERENCES people);"
        f"INSERT INTO people VALUES (1, 'Ann', {OLD}), (2, 'gone-2', {OLD}), (3, 'Bob', now());"
        "INSERT INTO pages VALUES (1)",
    )
    loaded = aged(people)
    assert swept(database, loaded).gone == {"people": 1}
    assert [row[1] for row in rows_of(database, "people")] == ["gone-1", "gone-2", "Bob"]
    assert swept(database, loaded).gone == {}
    assert left(database, loaded, "people") == 0


@pytest.mark.parametrize("how", ["partitioned", "inherited"])
def test_partitions_are_swept_one_by_one(database: str, how: str) -> None:
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
        f"{tables} INSERT INTO {into} SELECT i, 1, {OLD} FROM generate_series(1, 500) i;"
        f"INSERT INTO calls SELECT i, 1, {OLD} FROM generate_series(1, 300) i;"
        f"INSERT INTO {into} SELECT i, 1, current_date FROM generate_series(1, 200) i",
    )
    loaded = aged("calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}")
    assert left(database, loaded, "calls") == 800
    assert swept(database, loaded).gone == {"calls": 800}
    assert len(rows_of(database, "calls")) == 200
    assert left(database, loaded, "calls") == 0


@pytest.mark.parametrize("by", ["HASH (person)", "HASH ((person + 1))"])
def test_an_overwritten_row_goes_to_the_partition_where_it_belongs(database: str, by: str) -> None:
    """The tombstone replaces that by which the partitions of a partition are told apart."""
    calls = (
        "calls: {table: public.calls, data_type: anchor, start: made, found_by: [{column: person, identity: user_id}],"
        ' tombstone: {person: "NULL", said: "NULL"}}'
    )
    parts = "; ".join(
        f"CREATE TABLE of{n} PARTITION OF old FOR VALUES WITH (MODULUS 4, REMAINDER {n})" for n in range(4)
    )
    execute(
        database,
        "CREATE TABLE calls (id int, person int, said text, made date) PARTITION BY RANGE (made);"
        f"CREATE TABLE old PARTITION OF calls FOR VALUES FROM ('2000-01-01') TO ('2010-01-01') PARTITION BY {by};"
        f"{parts}; CREATE TABLE late PARTITION OF calls DEFAULT;"
        f"INSERT INTO calls SELECT n, n, 'hello', {OLD} FROM generate_series(1, 500) n;"
        "INSERT INTO calls VALUES (501, 1, 'hello', current_date)",
    )
    loaded = aged(calls)
    assert swept(database, loaded).gone == {"calls": 500}
    assert rows_of(database, "old") == [(n, None, None, date(2001, 1, 1)) for n in range(1, 501)]
    assert ids(database, "late") == [501]
    assert left(database, loaded, "calls") == 0
    assert swept(database, loaded).gone == {}


def test_stopped_it_goes_on_where_it_was(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_slices, "_MOST", 1)
    monkeypatch.setattr(table_slices, "_LEAST", 1)
    monkeypatch.setattr(table_slices.TableSlices.__init__, "__defaults__", (1, None))
    rows = random.Random(7).choices(["2001-01-01", "2100-01-01"], k=3000)
    values = ", ".join(f"({at}, 1, '{day}')" for at, day in enumerate(rows))
    execute(database, f"{TABLES} INSERT INTO calls VALUES {values}; CREATE INDEX ON notes (call)")
    told = Swept()
    with opened(database, aged(CALLS)) as store:
        store.inspect()
        today = datetime.now(UTC).date()
        after, runs = None, 0
        done = False
        while not done:
            allowed = iter([Held()] * 4)
            done = store.delete_due(
                "calls", today, lambda left=allowed: next(left, None), told.notice, no_beat, after, 1.0
            )
            after, runs = told.pieces[-1].after, runs + 1
            assert all(store.committed(one.mark) for one in told.pieces if one.mark)
    assert runs > 3
    assert told.gone == {"calls": rows.count("2001-01-01")}
    assert len(rows_of(database, "calls")) == rows.count("2100-01-01")


def test_a_piece_of_which_the_notice_fails_is_not_kept(database: str) -> None:
    execute(database, f"{TABLES} INSERT INTO calls VALUES (1, 1, {OLD})")
    marks: list[str] = []

    def fails(piece: SweptPiece) -> None:
        marks.append(piece.mark or "")
        raise RuntimeError

    with opened(database, aged(CALLS)) as store:
        store.inspect()
        with pytest.raises(RuntimeError):
            store.delete_due("calls", datetime.now(UTC).date(), Held, fails, no_beat, None, 1.0)
        assert not store.committed(marks[0])
    assert ids(database, "calls") == [1]


THINGS = (
    "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}\n"
    "files: {table: public.files, found_by: [{column: call, of: calls.id}], yields: {token: name}}"
)


def test_a_row_stays_while_what_it_names_elsewhere_is_there(database: str) -> None:
    """A file's row goes with its call, and says alone where the file is: the call stays too."""
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, made date);"
        "CREATE TABLE files (id int PRIMARY KEY, call int REFERENCES calls, name text UNIQUE);"
        f"INSERT INTO calls SELECT i, 1, {OLD} FROM generate_series(1, 3) i;"
        "INSERT INTO files SELECT i, i, 'file-' || i FROM generate_series(1, 3) i",
    )
    stays = Held(elsewhere=frozenset({SubjectKey("token", "file-2")}))
    assert swept(database, aged(THINGS), held=stays).gone == {"calls": 2, "files": 2}
    assert {one.key.value for one in stays.asked} == {"file-1", "file-2", "file-3"}
    assert ids(database, "calls") == ids(database, "files") == [2]
    assert swept(database, aged(THINGS), held=Held(cleared=frozenset({"token"}))).gone == {"calls": 1, "files": 1}


def test_rows_that_are_another_collections_as_well_go_by_no_age(database: str) -> None:
    """By the shorter rule of the sender the recipient's would go, whose hold nobody asks."""
    collections = (
        "sent: {table: public.mails, start: made, found_by: [{column: sender, identity: user_id}]}\n"
        'got: {table: public.mails, start: made, data_type: anchor, tombstone: {recipient: "NULL"},'
        " found_by: [{column: recipient, identity: user_id}]}"
    )
    execute(database, "CREATE TABLE mails (id int PRIMARY KEY, sender int, recipient int, made date)")
    found = ages(database, aged(collections))
    assert found["sent"] == found["got"] == NoAge(ANOTHERS_TOO)


def test_rows_that_hang_on_two_rows_go_with_neither(database: str) -> None:
    """With the older call the younger one would lose what hangs on it."""
    collections = (
        "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}\n"
        "merges: {table: public.merges,"
        " found_by: [{column: a, of: calls.id}, {column: b, of: calls.id}]}"
    )
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, made date);"
        "CREATE TABLE merges (id int PRIMARY KEY, a int REFERENCES calls, b int REFERENCES calls)",
    )
    found = ages(database, aged(collections))
    assert found["calls"] == found["merges"] == NoAge(ANOTHERS_TOO)


@pytest.mark.parametrize("key", ["", " REFERENCES calls"])
@pytest.mark.parametrize("tombstone", [True, False])
def test_what_an_overwritten_or_deleted_row_alone_leads_to_keeps_it(
    database: str, *, tombstone: bool, key: str
) -> None:
    """A bill hangs on the call, which says whose it is: without that nobody finds the bill for nine years."""
    action = ', data_type: anchor, tombstone: {person: "NULL"}' if tombstone else ""
    collections = (
        f"calls: {{table: public.calls, start: made{action}, found_by: [{{column: person, identity: user_id}}]}}\n"
        "bills: {table: public.bills, start: made, data_type: long, found_by: [{column: call, of: calls.id}]}"
    )
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, made date);"
        f"CREATE TABLE bills (id int PRIMARY KEY, call int{key}, made date);"
        f"INSERT INTO calls VALUES (1, 1, {OLD}), (2, 1, {OLD}); INSERT INTO bills VALUES (1, 1, now())",
    )
    assert swept(database, aged(collections, change=with_long_rule)).gone == {"calls": 1}
    assert rows_of(database, "calls")[0][1] == 1


@pytest.mark.parametrize("first", ["calls", "topics"])
def test_what_a_row_that_goes_along_needs_is_swept_after_what_it_goes_with(database: str, first: str) -> None:
    """A note goes with its call and points to a topic, which was swept before the call and stayed for a day."""
    written = {
        "calls": "calls: {table: public.calls, start: made, found_by: [{column: person, identity: user_id}]}\n",
        "topics": "topics: {table: public.topics, start: made, found_by: [{column: person, identity: user_id}]}\n",
    }
    collections = (
        written.pop(first)
        + "notes: {table: public.notes, found_by: [{column: call, of: calls.id}]}\n"
        + "".join(written.values())
    )
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, made date);"
        "CREATE TABLE topics (id int PRIMARY KEY, person int, made date);"
        "CREATE TABLE notes (id int PRIMARY KEY, call int REFERENCES calls, topic int REFERENCES topics);"
        f"INSERT INTO calls VALUES (1, 1, {OLD}); INSERT INTO topics VALUES (1, 1, {OLD});"
        "INSERT INTO notes VALUES (1, 1, 1)",
    )
    assert swept(database, aged(collections)).gone == {"calls": 1, "notes": 1, "topics": 1}


def test_a_key_of_a_persons_row_that_others_are_found_by_keeps_the_row(database: str) -> None:
    collections = (
        "people: {table: public.people, start: made, person: user_id, yields: {user_id: id, token: customer},"
        " found_by: [{column: id, identity: user_id}]}\n"
        "bills: {table: public.bills, start: made, data_type: long, found_by: [{column: customer, identity: token}]}"
    )
    execute(
        database,
        "CREATE TABLE people (id int PRIMARY KEY, customer text, made date);"
        "CREATE TABLE bills (id int PRIMARY KEY, customer text, made date);"
        f"INSERT INTO people VALUES (1, 'c1', {OLD}), (2, 'c2', {OLD}); INSERT INTO bills VALUES (1, 'c1', now())",
    )
    assert swept(database, aged(collections, change=with_long_rule)).gone == {"people": 1}
    assert ids(database, "people") == [1]


def test_while_a_person_is_held_what_may_be_theirs_by_another_key_stays(database: str) -> None:
    """Which call a token names is not read: whose the marks are nobody knows."""
    collections = (
        "calls: {table: public.calls, start: made, data_type: long, yields: {token: id},"
        " found_by: [{column: person, identity: user_id}]}\n"
        "marks: {table: public.marks, start: made, found_by: [{column: token, identity: token}]}"
    )
    execute(
        database,
        "CREATE TABLE calls (id int PRIMARY KEY, person int, made date);"
        "CREATE TABLE marks (id int PRIMARY KEY, token int, made date);"
        f"INSERT INTO calls VALUES (1, 1, now()), (2, 2, now()); INSERT INTO marks VALUES (1, 1, {OLD}), (2, 2, {OLD})",
    )
    loaded = aged(collections, change=with_long_rule)
    done = swept(database, loaded, held=Held(frozenset({SubjectKey("user_id", "1")})))
    assert (done.gone, done.held) == ({}, 2)
    assert swept(database, loaded).gone == {"marks": 2}


def test_while_a_person_is_held_an_address_that_cannot_be_read_keeps_its_row(database: str) -> None:
    leads = "leads: {table: public.leads, start: made, undated: erase, found_by: [{column: contact, identity: email}]}"
    execute(
        database,
        "CREATE TABLE leads (id int PRIMARY KEY, contact text, made date);"
        f"INSERT INTO leads VALUES (1, 'write to ann@x.example', {OLD}), (2, 'bob@x.example', {OLD}),"
        f" (3, 'unknown', {OLD}), (4, NULL, {OLD})",
    )

    def with_spellings(document: dict[str, Any]) -> None:
        document["identities"]["email"]["normaliser"] = "email/3"

    loaded = aged(leads, change=with_spellings)
    done = swept(database, loaded, held=Held(frozenset({SubjectKey("email", "ann@x.example")})))
    assert (done.held, ids(database, "leads")) == (1, [1])
    assert swept(database, loaded).gone == {"leads": 1}


def test_what_a_trigger_keeps_keeps_what_hangs_on_it(database: str) -> None:
    """What hangs on a row goes before it does: where the row then stays, nothing of the piece is kept."""
    execute(
        database,
        f"""{TABLES} INSERT INTO calls VALUES (1, 1, {OLD}), (2, 1, {OLD}); INSERT INTO notes VALUES (1, 1), (2, 2);
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER keep BEFORE DELETE ON calls FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION keep()""",
    )
    with pytest.raises(SomeRecordsError, match="left them as they were"):
        swept(database, aged(CALLS), "calls")
    assert ids(database, "calls") == ids(database, "notes") == [1, 2]
    assert left(database, aged(CALLS), "calls") == 2


def test_rows_that_are_written_meanwhile_hold_nothing_up(database: str) -> None:
    """What others write while a large piece is at work moves: in smaller ones everything goes."""
    rows = 30_000
    execute(database, f"{TABLES} INSERT INTO calls SELECT n, n % 1000, {OLD} FROM generate_series(1, {rows}) n")
    execute(database, "CREATE INDEX ON notes (call)")
    ended = threading.Event()

    def others() -> None:
        drawn = random.Random(5)
        with psycopg.connect(database, autocommit=True) as connection:
            while not ended.is_set():
                connection.execute("UPDATE calls SET person = person WHERE id = %s", (drawn.randint(1, rows),))
                ended.wait(0.002)

    writer = threading.Thread(target=others)
    writer.start()
    try:
        told = swept(database, aged(CALLS), "calls")
    finally:
        ended.set()
        writer.join()
    # What moved to a range that was through already, or from one that came, is due for the next sweep.
    missed = len(ids(database, "calls"))
    assert told.gone["calls"] == rows - missed
    assert swept(database, aged(CALLS), "calls").gone["calls"] == missed
    assert ids(database, "calls") == []
