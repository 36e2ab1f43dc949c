"""Partitions and children: one that is a part of two mapped tables is refused, and a log's rows stay in any case."""

from __future__ import annotations

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, dump, execute, opened, resolved, subject
from tests.support.postgres.inspection import codes, findings
from tests.support.postgres.small_schemas import ACME, shape

from expunge_connectors.contract import Severity, no_beat
from expunge_connectors.errors import TerminalError

EVENTS = "events: {table: public.events, found_by: [{column: user_id, identity: user_id}]}\n"
WIPED = (
    "events: {table: public.events, data_type: anchor, tombstone: {body: \"''\"},"
    " found_by: [{column: user_id, identity: user_id}]}\n"
)
LOG = "trail: {table: public.trail, log: {purpose: p, ground: g, retention: P90D, approved_by: a}}\n"
OTHER = "other: {table: public.other, found_by: [{column: owner, identity: user_id}]}\n"
KEPT = "other: {table: public.other, data_type: kept, start: day, found_by: [{column: owner, identity: user_id}]}\n"
PLAIN = "CREATE TABLE events (id int PRIMARY KEY, user_id int, body text); INSERT INTO events VALUES (1, 1, 'x');"
TWO = (
    PLAIN + "CREATE TABLE other (id int PRIMARY KEY, owner int, day date);"
    "CREATE TABLE both_of () INHERITS (events, other);"
    "INSERT INTO both_of VALUES (2, 1, 'y', 1, '2026-01-01'), (3, 2, 'z', 2, '2026-01-01');"
)
INSIDE = {
    "a partition": (
        (
            "CREATE TABLE events (id int, user_id int, body text, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
            "CREATE TABLE trail PARTITION OF events DEFAULT; INSERT INTO events VALUES (1, 1, 'x'), (2, 2, 'y');"
        ),
        EVENTS + LOG,
    ),
    "a partition with partitions": (
        (
            "CREATE TABLE events (id int, user_id int, body text, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
            "CREATE TABLE trail PARTITION OF events DEFAULT PARTITION BY RANGE (id);"
            "CREATE TABLE deep PARTITION OF trail DEFAULT; INSERT INTO events VALUES (1, 1, 'x'), (2, 2, 'y');"
        ),
        EVENTS + LOG,
    ),
    "a child": (PLAIN + "CREATE TABLE trail () INHERITS (events); INSERT INTO trail VALUES (2, 1, 'y');", EVENTS + LOG),
    "a child, tombstoned": (
        PLAIN + "CREATE TABLE trail () INHERITS (events); INSERT INTO trail VALUES (2, 1, 'y');",
        WIPED + LOG,
    ),
    "a child of both": (
        PLAIN + "CREATE TABLE trail (id int, body text); CREATE TABLE both_of () INHERITS (events, trail);"
        "INSERT INTO both_of VALUES (2, 1, 'y');",
        EVENTS + LOG,
    ),
}


def refused(database, loaded, what):
    """Erasing fails, were it approved all the same, and leaves everything as it was."""
    before = dump(database)
    with opened(database, loaded) as store:
        one = resolved(store, [subject(1, user_id="1")], ACME)
        with pytest.raises(TerminalError, match=f"{what}.*rolled back"):
            store.erase(one, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert dump(database) == before


@pytest.mark.parametrize(("statements", "collections"), INSIDE.values(), ids=INSIDE)
def test_a_log_that_is_a_part_of_a_table_is_left_alone(database, statements, collections):
    execute(database, statements)
    loaded = shape(collections)
    assert codes(findings(database, loaded), Severity.ERROR) == {("log-part", "trail")}
    refused(database, loaded, "collection trail: .*the log public.trail")


@pytest.mark.parametrize("other", [KEPT, OTHER], ids=["retained", "deleted"])
def test_a_row_of_two_collections_is_left_alone(database, other):
    execute(database, TWO)
    loaded = shape(EVENTS + other)
    assert codes(findings(database, loaded), Severity.ERROR) == {("part-of-two", "other")}
    refused(database, loaded, "public.both_of")


def test_logs_may_have_parts_of_their_own_and_common_ones(database):
    execute(
        database,
        PLAIN + "CREATE TABLE trail (at date) PARTITION BY RANGE (at); CREATE TABLE trail_1 PARTITION OF trail DEFAULT;"
        "CREATE TABLE seen (at date); CREATE TABLE read (at date); CREATE TABLE seen_read () INHERITS (seen, read);"
        "CREATE TABLE more () INHERITS (events); CREATE TABLE most () INHERITS (events, more);",
    )
    logs = (LOG.replace("trail", name) for name in ("trail", "seen", "read"))
    assert codes(findings(database, shape(EVENTS + "".join(logs))), Severity.ERROR) == set()


def test_a_partition_whose_detaching_did_not_end_is_an_error_and_a_change(database):
    """Its rows stand there and are not seen through the root: a plan that was made before is not carried out."""
    execute(
        database,
        "CREATE TABLE events (id int PRIMARY KEY, user_id int, body text) PARTITION BY RANGE (id);"
        "CREATE TABLE old PARTITION OF events FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE new PARTITION OF events FOR VALUES FROM (10) TO (20);"
        "INSERT INTO events VALUES (1, 1, 'x'), (11, 1, 'y')",
    )
    loaded = shape(EVENTS)
    with opened(database, loaded) as store:
        planned = store.relations(ACME)
        assert codes(findings(database, loaded), Severity.ERROR) == set()
        with psycopg.connect(database) as reader, psycopg.connect(database, autocommit=True) as operator:
            reader.execute("SELECT FROM events")
            operator.execute("SET statement_timeout = '300ms'")
            with pytest.raises(psycopg.errors.QueryCanceled):
                operator.execute("ALTER TABLE events DETACH PARTITION old CONCURRENTLY")
        assert execute(database, "SELECT count(*) FROM events") == [(1,)]
        [pending] = [one for one in findings(database, loaded) if one.severity is Severity.ERROR]
        assert (pending.code, pending.collection) == ("partition-pending", "events")
        assert store.changed(planned, ACME).keys() == {"events"}
        execute(database, pending.remedy.partition(";")[0])
        assert codes(findings(database, loaded), Severity.ERROR) == set()
