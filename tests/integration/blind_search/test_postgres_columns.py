"""The blind search of Postgres: whatever column of whatever table holds a value, and nobody else's."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql
from tests.support.blind_search import BYTES, EMAIL, NORA, OTHERS, PHONE, USER_NAME, WRITTEN, Found, places, searched
from tests.support.postgres.company import dump, execute, opened
from tests.support.postgres.roles import role

from expunge_connectors.blind_search import postgres_columns, postgres_copy
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import Gap, Standing
from expunge_connectors.contract import no_beat
from expunge_connectors.errors import TerminalError, TransientError

UNMAPPED, MAPPED, RETAINED, LOG = Standing.UNMAPPED, Standing.MAPPED, Standing.RETAINED, Standing.LOG
NOBODYS = Standing.NOBODYS


def put(url: str, value: str | bytes, column: str = "text") -> None:
    """One row among others in a table that no map knows."""
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS leads_old (id int, what {column})")  # type: ignore[arg-type]
        connection.execute("INSERT INTO leads_old SELECT n, NULL FROM generate_series(1, 50) n")
        connection.execute(sql.SQL("INSERT INTO leads_old VALUES (99, {})").format(sql.Literal(value)))


@pytest.mark.parametrize("text", WRITTEN.values(), ids=list(WRITTEN))
def test_a_value_left_in_an_unmapped_table_is_found_however_it_is_written(company, text):
    put(company, text)
    with opened(company) as store:
        assert places(searched(store)) == [Found("public.leads_old.what", UNMAPPED, None, 1)]


@pytest.mark.parametrize("value", BYTES.values(), ids=list(BYTES))
def test_a_value_left_in_bytes_is_found(company, value):
    put(company, value, "bytea")
    with opened(company) as store:
        assert places(searched(store)) == [Found("public.leads_old.what", UNMAPPED, None, 1)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("jsonb", f'{{"contact": {{"mails": ["{EMAIL}"]}}}}'),
        ("jsonb", f'{{"{EMAIL}": 1}}'),
        ("json", rf'{{"a": "x\n{EMAIL}"}}'),
        ("text[]", f"{{a,{EMAIL},b}}"),
        ("text[]", f'{{"{{\\"mail\\": \\"{EMAIL}\\"}}"}}'),
        ("jsonb[]", f'{{"{{\\"tel\\": \\"{PHONE}\\"}}"}}'),
        ("bytea[]", f'{{"\\\\x{EMAIL.encode().hex()}"}}'),
        ("varchar(60)", EMAIL),
        ("char(60)", EMAIL),
        ("tsvector", f"'{EMAIL}':1 'hello':2"),
        ("pair", f'(1,"{EMAIL}")'),
        ("mail", EMAIL),
        ("mail[]", f"{{{EMAIL}}}"),
        ("mails", f"{{{EMAIL}}}"),
        ("hstore", f"mail => {EMAIL}"),
        ("citext", EMAIL.upper()),
        ("textrange", f"[{USER_NAME},z)"),
    ],
)
def test_columns_of_all_types_with_text_inside_are_searched(company, column, value):
    execute(
        company,
        "CREATE TYPE pair AS (n int, t text); CREATE DOMAIN mail AS text; CREATE DOMAIN mails AS mail[];"
        "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE TYPE textrange AS RANGE (subtype = text)",
    )
    put(company, value, column)
    with opened(company) as store:
        assert places(searched(store)) == [Found("public.leads_old.what", UNMAPPED, None, 1)]


def test_other_peoples_values_are_no_hits(company):
    for text in OTHERS.values():
        put(company, text)
    execute(company, "CREATE TABLE numbers AS SELECT 17655501234::bigint AS n, 17655501234::numeric AS m")
    with opened(company) as store:
        assert places(searched(store)) == []


def test_each_place_is_told_by_what_it_is_in_the_map(company):
    execute(
        company,
        f"UPDATE messages SET body = 'from {EMAIL}' WHERE user_id = 2;"
        "ALTER TABLE messages ALTER user_id DROP NOT NULL;"
        f"INSERT INTO messages (user_id, body) VALUES (NULL, 'from {EMAIL}');"
        f"UPDATE access_log SET referrer = '{WRITTEN['URL']}';"
        f"UPDATE invoices SET billing_name = '{EMAIL}' WHERE user_id = 2;"
        f"CREATE TABLE old_messages (LIKE messages); INSERT INTO old_messages VALUES (1, 1, NULL, '{PHONE}', now())",
    )
    with opened(company) as store:
        report = searched(store)
    assert places(report) == [
        Found("public.access_log.referrer", LOG, "access_log", 3),
        Found("public.invoices.billing_name", RETAINED, "invoices", 1),
        Found("public.messages.body", MAPPED, "messages", 1),
        Found("public.messages.body", NOBODYS, "messages", 1),
        Found("public.old_messages.body", UNMAPPED, None, 1),
    ]
    assert [one.place.name for one in report.leftovers if one.place.standing.unexplained] == [
        "public.messages.body",
        "public.old_messages.body",
    ]
    assert report.gaps == ()
    assert report.source == "primary"


def test_partitions_and_materialised_views_are_read_and_partitions_are_their_roots(company):
    execute(
        company,
        "ALTER TABLE call_notes RENAME TO gone; CREATE SCHEMA parts;"
        "CREATE TABLE call_notes (id int, note text) PARTITION BY RANGE (id);"
        "CREATE TABLE parts.middle PARTITION OF call_notes FOR VALUES FROM (1) TO (9) PARTITION BY RANGE (id);"
        "CREATE TABLE parts.lowest PARTITION OF parts.middle FOR VALUES FROM (1) TO (5);"
        f"INSERT INTO call_notes VALUES (1, '{EMAIL}');"
        f"CREATE MATERIALIZED VIEW seen AS SELECT note FROM call_notes",
    )
    with opened(company) as store:
        assert places(searched(store)) == [
            Found("parts.lowest.note", MAPPED, "call_notes", 1),
            Found("public.seen.note", UNMAPPED, None, 1),
        ]


def test_a_table_called_after_somebody_is_found_and_not_named(company):
    execute(company, f'CREATE TABLE "of {EMAIL}" (id int, "{USER_NAME}" int)')
    with opened(company) as store:
        report = searched(store)
    assert [one.standing for one in places(report)] == [UNMAPPED, UNMAPPED]
    assert EMAIL not in str(report)
    assert USER_NAME not in str(report)


def test_large_tables_are_read_in_slices_and_every_row_once(company, monkeypatch):
    monkeypatch.setattr(postgres_columns, "PAGES", 3)
    monkeypatch.setattr(postgres_copy, "BLOCK", 4096)
    execute(
        company,
        "CREATE TABLE many AS SELECT n, 'row ' || n || CASE WHEN n % 100 = 0 THEN"
        f" ' {EMAIL}' ELSE repeat('x', n % 200) END AS t FROM generate_series(1, 5000) n;"
        "ALTER TABLE many SET (autovacuum_enabled = off)",
    )
    with opened(company) as store:
        report = searched(store)
    assert places(report) == [Found("public.many.t", UNMAPPED, None, 50)]


def test_a_row_that_moves_to_where_was_read_already_is_found(company, monkeypatch):
    monkeypatch.setattr(postgres_columns, "PAGES", 1)
    execute(
        company,
        "CREATE TABLE many (n int, t text) WITH (autovacuum_enabled = off);"
        "INSERT INTO many SELECT n, repeat('x', 300) FROM generate_series(1, 1000) n;"
        f"INSERT INTO many VALUES (2001, repeat('x', 600) || ' {EMAIL}');"
        "INSERT INTO many SELECT n, repeat('x', 300) FROM generate_series(1001, 2000) n",
    )
    execute(company, "DELETE FROM many WHERE n < 50")
    moved: list[str] = []
    real = postgres_columns._search_slice

    def watched(state, table, source, pool):
        real(state, table, source, pool)
        if table.name == "many" and not moved:  # its first pages were read
            moved.extend(
                place for (place,) in execute(company, "UPDATE many SET n = 0 WHERE n = 2001 RETURNING ctid::text")
            )

    monkeypatch.setattr(postgres_columns, "_search_slice", watched)
    with psycopg.connect(company, autocommit=True) as other:
        other.execute("VACUUM many")
    with opened(company) as store:
        report = searched(store)
    assert moved
    assert moved[0].startswith(("(0,", "(1,")), "it did not move to the front"
    assert places(report) == [Found("public.many.t", UNMAPPED, None, 1)]


def test_what_cannot_be_read_is_said(company):
    execute(
        company,
        f"ALTER TABLE call_notes ENABLE ROW LEVEL SECURITY; UPDATE users SET full_name = '{EMAIL}' WHERE id = 2;"
        "SELECT lo_create(0)",
    )
    rights = (
        "GRANT USAGE ON SCHEMA public TO {role}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
        "REVOKE SELECT ON messages, leads FROM {role}",
        "GRANT SELECT (id, name) ON leads TO {role}",
    )
    with role(company, *rights) as reader, opened(company, search_url=reader) as store:
        report = searched(store)
    assert [one.name for one in places(report)] == ["public.users.full_name"]
    assert report.gaps == (
        Gap("large objects", "1 of them are not searched"),
        Gap("public.call_notes", "row-level security hides rows from the role"),
        Gap("public.leads.email", "the role may not read it"),
        Gap("public.leads.phone", "the role may not read it"),
        Gap("public.leads.postal_address", "the role may not read it"),
        Gap("public.messages", "the role may not read it"),
    )


def test_what_was_not_reached_in_time_is_said(company):
    with opened(company) as store:
        report = searched(store, seconds=0)
    assert report.findings == ()
    assert Gap("public.users", "not in time") in report.gaps
    assert report.records == 0


def test_a_locked_table_is_a_gap_and_the_others_are_searched(company):
    put(company, EMAIL)
    with psycopg.connect(company) as other, opened(company, lock_timeout="50ms") as store:
        other.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        report = searched(store)
    assert report.gaps == (Gap("public.messages", "the server refused (SQLSTATE 55P03)"),)
    assert [one.name for one in places(report)] == ["public.leads_old.what"]


class _Cancels(Matcher):
    """Has the server stop the COPY while its rows are on their way."""

    def __init__(self, url: str) -> None:
        super().__init__(NORA)
        self._url = url

    def suspects_in(self, block, ends):
        if len(block) >= postgres_copy.BLOCK:
            execute(self._url, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%large%'")
        return super().suspects_in(block, ends)


def test_a_table_that_the_server_stops_to_send_is_a_gap_and_the_others_are_searched(company):
    execute(company, "CREATE TABLE large AS SELECT repeat(md5(n::text), 10) FROM generate_series(1, 60000) n")
    put(company, EMAIL)
    with opened(company) as store:
        report = store.search_blind(_Cancels(company), Effort(), no_beat)
        assert Gap("public.large", "the server refused (SQLSTATE 57014)") in report.gaps
        assert [one.name for one in places(report)] == ["public.leads_old.what"]
        again = searched(store)
    assert again.records > 60_000
    assert again.gaps == ()


def test_another_database_is_refused(company, database):
    with opened(company, search_url=database) as store, pytest.raises(TerminalError, match="another database"):
        searched(store)


def test_a_server_that_is_gone_is_an_error_without_its_address(company):
    nowhere = "postgresql://nobody@127.0.0.1:1/x"
    with opened(company, search_url=nowhere) as store, pytest.raises(TransientError) as caught:
        searched(store)
    assert "127.0.0.1" not in str(caught.value)


def test_nothing_is_written_and_a_role_that_may_only_read_is_enough(company):
    before = dump(company)
    execute(company, f"ALTER DATABASE {company.rpartition('/')[2]} SET default_transaction_read_only = on")
    with opened(company) as store:
        assert searched(store).records > 0
    assert dump(company) == before
