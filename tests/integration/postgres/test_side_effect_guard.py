"""Erase: whatever else changes in the transaction costs it, unless the map accepts the trigger that did it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from tests.support.postgres.company import (
    ACCOUNT,
    CLIENT_1,
    CUTOFF,
    actions,
    data_map,
    due,
    dump,
    execute,
    opened,
    resolved,
    subject,
)
from tests.support.postgres.inspection import ENOUGH, edit, free
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import ACME, erased, left, shape

from expunge_connectors.contract import no_beat
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres import PostgresSpec
from expunge_connectors.postgres.erase.written_rows import Rows

FUNCTION = "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN NULL; END $$;"
HISTORY = "CREATE TABLE history (body text);"
LARGE_OBJECT = "SELECT lo_from_bytea(777, 'of somebody');"
ROLLED_BACK = "it was rolled back"


def fired(event, then, where="messages"):
    """A trigger for each row whose function hides from the inspection what it writes."""
    hidden = then.replace("'", "''")
    return FUNCTION.format(f"EXECUTE '{hidden}';") + (
        f"CREATE TRIGGER act AFTER {event} ON {where} FOR EACH ROW EXECUTE FUNCTION act()"
    )


@pytest.mark.parametrize(
    ("statements", "place"),
    [
        # Another person's row: deleted, changed, put there; in the same table and in another one.
        (fired("DELETE", "DELETE FROM public.messages WHERE id = 3"), "collection messages"),
        (fired("DELETE", "UPDATE public.messages SET body = body WHERE id = 3"), "collection messages"),
        (fired("DELETE", "INSERT INTO public.api_tokens SELECT gen_random_uuid(), 2, 'l', 'x', now()"), "api_tokens"),
        (fired("DELETE", "UPDATE public.callers SET name = 'x'"), "collection callers"),
        (fired("UPDATE", "UPDATE public.users SET phone = '' WHERE id = 3 AND phone > ''", "users"), "public.users"),
        # By a tombstone.
        (fired("UPDATE", "DELETE FROM public.user_profiles WHERE user_id = 2", "users"), "collection user_profiles"),
        # A copy in a table that the map does not name, and in a partition of one.
        (HISTORY + fired("DELETE", "INSERT INTO public.history VALUES ('x')"), "public.history"),
        (
            "CREATE TABLE history (at date) PARTITION BY RANGE (at);"
            "CREATE TABLE old PARTITION OF history DEFAULT;"
            + fired("DELETE", "INSERT INTO public.history VALUES (now())"),
            "rows of public.(old|history)",
        ),
        # Emptied: no row is counted then.
        (fired("DELETE", "TRUNCATE public.access_log"), "access_log"),
        (fired("DELETE", "TRUNCATE public.marketing_optouts"), "marketing_optouts"),
        (HISTORY + "INSERT INTO history VALUES ('x');" + fired("DELETE", "TRUNCATE public.history"), "public.history"),
        # Gone altogether, its indexes, its children's foreign keys and its schema too.
        (HISTORY + fired("DELETE", "DROP TABLE IF EXISTS public.history"), "dropped public.history"),
        (
            "CREATE TABLE history (id int PRIMARY KEY, body text); CREATE TABLE later (id int REFERENCES history);"
            + fired("DELETE", "DROP TABLE IF EXISTS public.history CASCADE"),
            "dropped public.history",
        ),
        (
            "CREATE SCHEMA old; CREATE TABLE old.history (body text);"
            + fired("DELETE", "DROP SCHEMA IF EXISTS old CASCADE"),
            "dropped old.history",
        ),
        (fired("DELETE", "DROP TABLE IF EXISTS public.access_log"), "the log public.access_log"),
        (
            HISTORY + "CREATE VIEW shown AS TABLE history;" + fired("DELETE", "DROP VIEW IF EXISTS public.shown"),
            "dropped public.shown",
        ),
        # In place of it, an empty one of the same name.
        (
            HISTORY
            + fired("DELETE", "DROP TABLE public.history; CREATE TABLE public.history (body text)"),
            "dropped public.history",
        ),
        # Large objects: unlinked, cut short, written, made.
        (LARGE_OBJECT + fired("DELETE", "SELECT lo_unlink(loid) FROM pg_largeobject"), "pg_catalog.pg_largeobject"),
        (LARGE_OBJECT + fired("DELETE", "SELECT lo_truncate(lo_open(777, 131072), 0)"), "pg_catalog.pg_largeobject"),
        (LARGE_OBJECT + fired("DELETE", "SELECT lo_put(777, 0, 'x')"), "pg_catalog.pg_largeobject"),
        (fired("DELETE", "SELECT lo_create(0)"), "pg_catalog.pg_largeobject"),
        # By a rule.
        (HISTORY + "CREATE RULE r AS ON DELETE TO messages DO ALSO INSERT INTO history VALUES (OLD.body)", "history"),
        # The row is kept, and only looks deleted.
        (
            ("ALTER TABLE messages ADD hidden boolean;"
            "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " UPDATE public.messages SET hidden = true WHERE id = OLD.id; RETURN NULL; END $$;"
            "CREATE TRIGGER act BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION act()"),
            "collection messages",
        ),
    ],
)  # fmt: skip
def test_a_row_more_costs_the_transaction(company, statements, place):
    execute(company, statements)
    before = dump(company)
    large = execute(company, "SELECT loid, data FROM pg_largeobject")
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match=f"{place}.*{ROLLED_BACK}"):
            store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat)
    assert dump(company) == before
    assert execute(company, "SELECT loid, data FROM pg_largeobject") == large


def test_what_only_this_transaction_ever_saw_may_go(company):
    """Temporary tables, tables that a trigger makes for itself, a view's copy: nobody loses any of these."""
    execute(
        company,
        "CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM messages;"
        + fired(
            "DELETE",
            "CREATE TEMPORARY TABLE mine (id int PRIMARY KEY, body text); DROP TABLE mine;"
            "CREATE TABLE public.passing (id int PRIMARY KEY); DROP TABLE public.passing;"
            "REFRESH MATERIALIZED VIEW public.totals",
        ),
    )
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        assert store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat) == 11
    assert execute(company, "SELECT * FROM totals") == [(1,)]


@pytest.mark.parametrize("then", ["DROP TABLE IF EXISTS public.history", "SELECT lo_unlink(loid) FROM pg_largeobject"])
def test_rights_that_a_function_lends_help_nobody(company, then):
    """SECURITY DEFINER: the function may what our role may not, and what it did our role still sees."""
    execute(company, HISTORY + LARGE_OBJECT + fired("DELETE", then) + "; ALTER FUNCTION act() SECURITY DEFINER")
    with role(company, *ENOUGH) as url, opened(url) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match=f"(history|pg_largeobject).*{ROLLED_BACK}"):
            store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat)
    assert execute(company, "SELECT count(h), count(*) FROM pg_largeobject LEFT JOIN history h ON true") == [(0, 1)]


def test_a_drop_that_was_taken_back_is_none(company):
    undone = "BEGIN DROP TABLE public.history; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END"
    execute(company, HISTORY + fired("DELETE", f"DO $back${undone}$back$"))
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        assert store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat) == 11


def test_another_server_is_seen_where_a_foreign_table_leads_there(company):
    url = urlsplit(company)
    # Where the server reaches itself: in a container it has another address than it has for us.
    [(host, port)] = execute(company, "SELECT host(inet_server_addr()), inet_server_port()")
    execute(
        company,
        "CREATE EXTENSION postgres_fdw;"
        f"CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{host}',"
        f" port '{port}', dbname '{url.path[1:]}');"
        f"CREATE USER MAPPING FOR PUBLIC SERVER away OPTIONS (user 'postgres', password '{url.password}');"
        "CREATE TABLE there (body text);"
        "CREATE FOREIGN TABLE copies (body text) SERVER away OPTIONS (table_name 'there');"
        + fired("DELETE", "INSERT INTO public.copies VALUES ('x')"),
    )
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match=f"wrote to the foreign table public.copies.*{ROLLED_BACK}"):
            store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat)
    assert execute(company, "SELECT * FROM there") == []
    loaded = data_map(accepting("messages", "public.copies"))
    with opened(company, loaded) as store:
        assert store.erase(ada, actions(loaded, "calltrack"), ACCOUNT, CUTOFF, no_beat) == 11


@pytest.mark.parametrize("deferred", [False, True])
def test_a_trigger_finds_a_table_that_it_names_without_a_schema(company, *, deferred):
    kind, when = ("CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED") if deferred else ("TRIGGER", "")
    execute(
        company,
        "CREATE TABLE totals (gone int); INSERT INTO totals VALUES (0);"
        "CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN UPDATE totals SET gone = gone + 1; RETURN NULL; END $$;"
        f"CREATE {kind} counted AFTER DELETE ON messages {when} FOR EACH ROW EXECUTE FUNCTION counted()",
    )
    loaded = data_map(accepting("messages", "public.totals"))
    with opened(company, loaded) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        [(before,)] = execute(company, "SELECT count(*) FROM messages")
        store.erase(ada, actions(loaded, "calltrack"), ACCOUNT, CUTOFF, no_beat)
        [(after,)] = execute(company, "SELECT count(*) FROM messages")
    assert execute(company, "SELECT gone FROM totals") == [(before - after,)] != [(0,)]


@pytest.mark.parametrize("path", ["''", "nowhere", "public, pg_catalog", '"$user", "odd ""name"', "pg_temp"])
def test_whatever_search_path_the_role_has_rows_go(company, path):
    execute(company, f'ALTER DATABASE "{urlsplit(company).path[1:]}" SET search_path = {path}')
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        assert store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat) == 11
        assert due(store.verify(ada, ACCOUNT, CUTOFF)) == {}


def test_rows_go_where_the_server_has_no_search_path(company):
    """As `search_path = ''` in postgresql.conf leaves it: empty, and no list of one empty name."""
    with opened(f"{company}?options=-c%20search_path%3D") as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        assert store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat) == 11


def test_a_foreign_key_that_came_after_the_inspection_changes_no_row_of_others(company):
    """ON UPDATE CASCADE onto a column that a tombstone overwrites: the rows that follow are nobody's we asked for."""
    execute(
        company,
        "ALTER TABLE users ADD UNIQUE (email);"
        "CREATE TABLE inbox (email text REFERENCES users (email) ON UPDATE CASCADE);"
        "INSERT INTO inbox SELECT email FROM users",
    )
    before = dump(company)
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match=f"public.inbox.*{ROLLED_BACK}"):
            store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat)
    assert dump(company) == before


def accepting(collection, table):
    one = {"trigger": "act", "writes": [table], "reason": "counts", "approved_by": "nobody"}
    return edit(collection, triggers_ok=[one])


@pytest.mark.parametrize(
    "change", [accepting("calls", "public.totals"), free("public.totals")], ids=["triggers_ok", "unmapped_ok"]
)
def test_what_the_map_accepts_may_happen(company, change):
    execute(
        company,
        "CREATE TABLE totals (calls int); INSERT INTO totals VALUES (3);"
        + fired("DELETE", "UPDATE public.totals SET calls = calls - 1", "calls"),
    )
    loaded = data_map(change)
    with opened(company, loaded) as store:
        dora = resolved(store, [subject(1, caller_id="1")], CLIENT_1)
        store.erase(dora, actions(loaded, "client"), CLIENT_1, CUTOFF, no_beat)
        assert due(store.verify(dora, CLIENT_1, CUTOFF)) == {}
    assert execute(company, "SELECT calls FROM totals") == [(2,)]


def test_large_objects_may_be_accepted(company):
    """What the extension `lo` does for every row that names one."""
    execute(company, LARGE_OBJECT + fired("DELETE", "SELECT lo_unlink(777)", "calls"))
    loaded = data_map(accepting("calls", "pg_catalog.pg_largeobject"))
    with opened(company, loaded) as store:
        dora = resolved(store, [subject(1, caller_id="1")], CLIENT_1)
        store.erase(dora, actions(loaded, "client"), CLIENT_1, CUTOFF, no_beat)
    assert execute(company, "SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]


def test_a_mapped_table_may_be_accepted_too_but_no_other(company):
    execute(company, fired("DELETE", "UPDATE public.clients SET name = name", "calls"))
    execute(company, "CREATE TABLE more (id int); INSERT INTO more VALUES (1)")
    loaded = data_map(accepting("calls", "public.callers"))
    with opened(company, loaded) as store:
        dora = resolved(store, [subject(1, caller_id="1")], CLIENT_1)
        with pytest.raises(TerminalError, match=r"public\.clients"):
            store.erase(dora, actions(loaded, "client"), CLIENT_1, CUTOFF, no_beat)
        execute(company, "CREATE OR REPLACE " + FUNCTION.format("UPDATE public.callers SET name = name;")[7:])
        store.erase(dora, actions(loaded, "client"), CLIENT_1, CUTOFF, no_beat)
        assert due(store.verify(dora, CLIENT_1, CUTOFF)) == {}


def test_a_log_cannot_be_accepted():
    loaded = data_map()
    document = loaded.stores["main"].model_dump(mode="json", exclude_none=True)
    one = {"trigger": "act", "writes": ["public.totals", "public.access_log"], "reason": "x", "approved_by": "x"}
    document["collections"]["calls"]["triggers_ok"] = [one]
    [(where, what)] = PostgresSpec.model_validate(document).complaints(loaded)
    assert where == ("collections", "calls", "triggers_ok", "0", "writes")
    assert "names a log" in what


def test_a_log_that_is_a_part_of_an_accepted_table_is_not_accepted_with_it(database):
    execute(
        database,
        "CREATE TABLE notes (id int PRIMARY KEY, user_id int); INSERT INTO notes VALUES (1, 1), (2, 2);"
        "CREATE TABLE events (body text); CREATE TABLE trail () INHERITS (events);"
        + fired("DELETE", "INSERT INTO public.trail VALUES (1)", "notes"),
    )
    loaded = shape(
        "notes: {table: public.notes, found_by: [{column: user_id, identity: user_id}],"
        " triggers_ok: [{trigger: act, writes: [public.events], reason: r, approved_by: a}]}\n"
        "trail: {table: public.trail, log: {purpose: p, ground: g, retention: P90D, approved_by: a}}"
    )
    before = dump(database)
    with opened(database, loaded) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACME)
        with pytest.raises(TerminalError, match=rf"the log public\.trail.*{ROLLED_BACK}"):
            store.erase(ada, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert dump(database) == before


def test_a_server_that_counts_nothing_is_refused(company):
    execute(company, f"ALTER DATABASE {company.rpartition('/')[2]} SET track_counts = off")
    with opened(company) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACCOUNT)
        with pytest.raises(TerminalError, match="counts no rows"):
            store.erase(ada, actions(data_map(), "calltrack"), ACCOUNT, CUTOFF, no_beat)


def test_rows_are_counted_where_they_are_stored(database):
    execute(
        database,
        "CREATE TABLE addresses (id int, state text, email text, PRIMARY KEY (id, state)) PARTITION BY LIST (state);"
        "CREATE TABLE open PARTITION OF addresses FOR VALUES IN ('open');"
        "CREATE TABLE closed PARTITION OF addresses DEFAULT;"
        "INSERT INTO addresses VALUES (1, 'open', 'a@x.example'), (2, 'open', 'b@x.example'),"
        " (1, 'shut', 'c@x.example')",
    )
    collections = """
addresses:
  table: public.addresses
  data_type: anchor
  found_by: [{column: id, identity: user_id}]
  tombstone: {email: "'erased'"}
"""
    erased(database, shape(collections), user_id="1", expected={"addresses": 2})
    assert left(database, "addresses", "email") == ["b@x.example", "erased", "erased"]


@pytest.mark.parametrize(
    ("counted", "updated", "deleted", "explained"),
    [
        (Rows(0, 2, 0), 2, 0, True),
        (Rows(1, 1, 1), 2, 0, True),
        (Rows(2, 0, 2), 2, 0, True),
        (Rows(0, 0, 3), 0, 3, True),
        (Rows(0, 0, 4), 0, 3, False),
        (Rows(1, 0, 4), 0, 3, False),
        (Rows(1, 2, 1), 2, 0, False),
        (Rows(0, 3, 0), 2, 0, False),
        (Rows(0, 0, 2), 0, 3, False),
    ],
)
def test_what_statements_explain(counted, updated, deleted, explained):
    assert counted.are(updated, deleted) is explained


RELAY = """
CREATE TABLE notes (id int PRIMARY KEY, user_id int); INSERT INTO notes VALUES (1, 1), (2, 2);
CREATE TABLE trail (body text); CREATE TABLE relay (hops int);
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  SET CONSTRAINTS ALL DEFERRED;
  IF TG_TABLE_NAME = 'notes' THEN INSERT INTO public.relay VALUES (1);
  ELSIF NEW.hops < {} THEN INSERT INTO public.relay VALUES (NEW.hops + 1);
  ELSE EXECUTE 'INSERT INTO public.trail VALUES (1)'; END IF;
  RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER again AFTER DELETE ON notes DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION again();
CREATE CONSTRAINT TRIGGER again AFTER INSERT ON relay DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION again();
"""


@pytest.mark.parametrize(
    ("hops", "told"), [(1, "the log public.trail"), (4, "the log public.trail"), (999, "without end")]
)
def test_what_puts_itself_off_again_is_waited_for(database, hops, told):
    """A trigger may defer what it queues to the commit once more, after everything deferred was let happen."""
    execute(database, RELAY.format(hops))
    accepted = "{trigger: again, writes: [public.relay], reason: r, approved_by: a}"
    loaded = shape(
        "notes: {table: public.notes, found_by: [{column: user_id, identity: user_id}],"
        f" triggers_ok: [{accepted}]}}\n"
        "trail: {table: public.trail, log: {purpose: p, ground: g, retention: P90D, approved_by: a}}"
    )
    before = dump(database)
    with opened(database, loaded) as store:
        ada = resolved(store, [subject(1, user_id="1")], ACME)
        with pytest.raises(TerminalError, match=f"{told}.*{ROLLED_BACK}"):
            store.erase(ada, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert dump(database) == before
