"""Tables by pattern: what is told of schemas, and that each call stays in the member's own (ADR 25)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject
from tests.support.postgres.roles import role
from tests.support.postgres.small_schemas import ACME, beside, shape, small_document
from tests.support.postgres.tenants import COLLECTIONS, NAMES, SHARED, add_tenants, places
from tests.support.public_schemas import tables

from expunge_connectors.contract import Finding, Scope, Severity, no_beat
from expunge_connectors.errors import RightMissingError, StructureChangedError, TerminalError, UnknownMemberError
from expunge_connectors.postgres import PostgresStore
from expunge_orchestrator.rules import reachability

MAP = shape(COLLECTIONS)
BOLT = Scope("client", "bolt")
ANN = subject(1, user_id="7")
# What is done to tenant_bolt, what is told of it, and how it is undone.
OTHERWISE = [
    (
        "ALTER TABLE {}.users RENAME email TO mail",
        "users has no column email",
        "ALTER TABLE {}.users RENAME mail TO email",
    ),
    (
        "ALTER TABLE {}.users ALTER id TYPE bigint",
        "the column id of users is otherwise",
        "ALTER TABLE {}.users ALTER id TYPE int",
    ),
    (
        "ALTER TABLE {}.posts DROP CONSTRAINT posts_author_id_fkey",
        "posts has no constraint FOREIGN KEY (author_id) REFERENCES *.users(id)",
        "ALTER TABLE {0}.posts ADD FOREIGN KEY (author_id) REFERENCES {0}.users",
    ),
    (
        "ALTER TABLE {}.users DROP CONSTRAINT users_email_key",
        "users has no unique index {email}",
        "ALTER TABLE {}.users ADD UNIQUE (email)",
    ),
    (
        "CREATE TABLE {0}.likes (user_id int REFERENCES {0}.users)",
        "users has the foreign key of *.likes",
        "DROP TABLE {}.likes",
    ),
    (
        (
            "CREATE FUNCTION {0}.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';"
            "CREATE TRIGGER t BEFORE DELETE ON {0}.posts FOR EACH ROW EXECUTE FUNCTION {0}.f()"
        ),
        "posts has the trigger t",
        "DROP FUNCTION {}.f CASCADE",
    ),
    ("ALTER TABLE {}.posts RENAME TO articles", "there is no table posts", "ALTER TABLE {}.articles RENAME TO posts"),
    (
        "ALTER TABLE {}.signatures ADD signed_from inet",
        "signatures has the column signed_from",
        "ALTER TABLE {}.signatures DROP signed_from",
    ),
    (
        "ALTER TABLE {}.posts ENABLE ROW LEVEL SECURITY",
        "posts is otherwise",
        "ALTER TABLE {}.posts DISABLE ROW LEVEL SECURITY",
    ),
    ("ALTER TYPE {}.kind ADD VALUE 'page'", None, ""),
]
INDIFFERENT = """
ALTER TABLE tenant_bolt.users ADD note text, ALTER plan_id DROP NOT NULL;
CREATE INDEX ON tenant_bolt.users (note);
CREATE TABLE tenant_bolt.cache (id int);
CREATE FUNCTION tenant_bolt.g() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA tenant_empty; CREATE TABLE tenant_empty.other (id int);
"""


@pytest.fixture
def clients(database: str) -> str:
    """Three clients' schemas with the same ids."""
    execute(database, SHARED)
    add_tenants(database, "acme", "bolt", "cusp")
    return database


@pytest.fixture
def store(clients: str) -> Iterator[PostgresStore]:
    with opened(clients, MAP) as made:
        yield made


def errors(store: PostgresStore) -> list[Finding]:
    return [one for one in store.inspect() if one.severity is Severity.ERROR]


def test_a_schema_that_is_built_otherwise_is_an_error_that_says_how(store: PostgresStore, clients: str) -> None:
    for change, said, back in OTHERWISE:
        execute(clients, change.format("tenant_bolt"))
        if said is None:
            assert errors(store) == []  # no column that the map names is of this type
            continue
        [found] = errors(store)
        assert (found.code, found.collection) == ("tenant-differs", None)
        assert "tenant_bolt is not built like tenant_acme" in found.message
        assert said in found.message
        execute(clients, back.format("tenant_bolt"))
        assert errors(store) == []


def test_rights_that_the_role_has_not_in_one_schema_are_granted_by_the_remedy_and_stop_that_member_alone(
    clients: str,
) -> None:
    """An application makes a new client's schema by its migration, and nobody has granted anything there yet."""
    granted = [
        f"GRANT {what} TO {{role}}"
        for name in ("acme", "bolt")
        for what in (
            f"USAGE ON SCHEMA tenant_{name}",
            f"SELECT, DELETE ON tenant_{name}.users, tenant_{name}.posts",
            f"SELECT, UPDATE (signed_as) ON tenant_{name}.signatures",
        )
    ]
    shared = ["GRANT SELECT, DELETE ON sellers TO {role}"]
    with role(clients, *granted, *shared) as url:
        with opened(url, MAP) as limited:
            [found] = errors(limited)
            assert (found.code, found.scopes) == ("tenant-differs", (Scope("client", "cusp"),))
            assert not found.stops(BOLT)
            assert not found.of_rows, "whoever only looks, at settling, waits as well"
            assert "it has there no USAGE ON SCHEMA, DELETE ON posts, SELECT ON posts" in found.message
            assert due(limited.count([ANN], BOLT, CUTOFF)) == {"users": 1, "posts": 1, "signatures": 1}
            with pytest.raises(RightMissingError):
                limited.count([ANN], Scope("client", "cusp"), CUTOFF)
        execute(clients, found.remedy)
        with opened(url, MAP) as limited:
            assert errors(limited) == []
            execute(clients, f'GRANT TRUNCATE ON tenant_bolt.posts TO "{urlsplit(url).username}"')
            [found] = errors(limited)
            assert found.remedy.startswith('REVOKE TRUNCATE ON "tenant_bolt"."posts" FROM ')


def test_a_right_on_a_log_in_one_schema_stops_no_other_member(clients: str) -> None:
    """Somebody let the role read the visits of one client for a day."""
    log = 'visits: {table: "tenant_*.visits", log: {purpose: p, ground: g, retention: P1Y, approved_by: A. Officer}}\n'
    names = ("acme", "bolt", "cusp")
    execute(clients, "".join(f"CREATE TABLE tenant_{name}.visits (id int);" for name in names))
    granted = [
        f"GRANT {what} TO {{role}}"
        for name in names
        for what in (
            f"USAGE ON SCHEMA tenant_{name}",
            f"SELECT, DELETE ON tenant_{name}.users, tenant_{name}.posts",
            f"SELECT, UPDATE (signed_as) ON tenant_{name}.signatures",
        )
    ]
    sellers = "GRANT SELECT, DELETE ON sellers TO {role}"
    with role(clients, *granted, sellers) as url, opened(url, shape(COLLECTIONS + log)) as limited:
        assert errors(limited) == []
        execute(clients, f'GRANT SELECT ON tenant_bolt.visits TO "{urlsplit(url).username}"')
        [found] = errors(limited)
    assert found.scopes == (BOLT,)
    assert found.remedy.startswith('REVOKE SELECT ON "tenant_bolt"."visits" FROM ')


def test_what_matters_to_nobody_makes_no_difference(store: PostgresStore, clients: str) -> None:
    execute(clients, INDIFFERENT)
    for name in ("acme", "bolt", "cusp"):
        execute(clients, f"CREATE TABLE tenant_{name}.visits (user_id int)")
    found = store.inspect()
    [told] = [one for one in found if one.code == "tenants"]
    assert told.message.startswith("tenant_*: 3 schemas, tenant_cusp, tenant_bolt, tenant_acme made last.")
    assert [one for one in found if one.severity is Severity.ERROR] == []
    [untied] = [one for one in found if one.code == "untied-table"]  # once for all
    assert "tenant_acme.visits.user_id" in untied.message


def test_the_shape_of_most_is_inspected_and_the_odd_one_named(store: PostgresStore, clients: str) -> None:
    add_tenants(clients, "dove", "elm")
    execute(
        clients,
        "ALTER TABLE tenant_acme.users RENAME email TO mail;"
        "ALTER TABLE tenant_cusp.posts ADD reply_to int REFERENCES tenant_dove.posts",
    )
    found = {one.code: one.message for one in errors(store)}
    assert found.keys() == {"tenant-differs", "tenant-crossed"}
    assert "tenant_cusp.posts points to tenant_dove.posts (constraint posts_reply_to_fkey)" in found["tenant-crossed"]
    execute(clients, "ALTER TABLE tenant_cusp.posts DROP reply_to")
    [only] = errors(store)
    assert "tenant_acme is not built like tenant_bolt" in only.message


def test_a_schema_is_known_by_any_name_that_is_quoted(store: PostgresStore, clients: str) -> None:
    add_tenants(clients, "Big-Co", "Ünal & Söhne", "o'hara")
    assert [one.message for one in errors(store)] == []
    before = tables(clients)
    for name in ("Big-Co", "Ünal & Söhne", "o'hara"):
        scope = Scope("client", name)
        people = resolved(store, [ANN], scope)
        store.erase(people, actions(MAP, "client"), scope, CUTOFF, no_beat)
        assert due(store.verify(people, scope, CUTOFF)) == {}
        after = tables(clients)
        assert {one for one in before if before[one] != after[one]} == places(name)
        before = after


def test_no_schema_at_all_is_told(database: str) -> None:
    execute(database, SHARED)
    with opened(database, MAP) as store:
        [told] = [one for one in store.inspect() if one.code == "tenants"]
        assert told.severity is Severity.WARNING
        assert errors(store) == []


def test_every_call_stays_in_the_schema(store: PostgresStore, clients: str) -> None:
    assert errors(store) == []
    before = tables(clients)
    [ann] = resolved(store, [subject(1, email="ann@x.example")], BOLT)
    assert due(store.count([ann], BOLT, CUTOFF)) == {"users": 1, "posts": 1, "signatures": 1}
    assert store.sizes(BOLT) == {"users": 2, "posts": 2, "signatures": 1, "sellers": 2}
    assert store.needed_by(["posts"], BOLT) == {"users", "plans", "sellers"}
    store.erase([ann], actions(MAP, "client"), BOLT, CUTOFF, no_beat)
    assert due(store.verify([ann], BOLT, CUTOFF)) == {}
    after = tables(clients)
    assert {one for one in before if before[one] != after[one]} == places("bolt")
    assert due(store.verify([ann], Scope("client", "cusp"), CUTOFF)) == {"users": 1, "posts": 1, "signatures": 1}
    assert due(store.count([ann], ACME, CUTOFF)) == {"sellers": 1}  # another controller, without members
    with pytest.raises(TerminalError, match="does not say which member"):
        store.count([ann], Scope("client"), CUTOFF)


@pytest.mark.parametrize("member", ["bolt ", "Bolt", "*", "bolt.users", "none"])
def test_a_member_without_a_schema_is_refused(store: PostgresStore, member: str) -> None:
    scope = Scope("client", member)
    for ask in (
        lambda: store.resolve([ANN], scope, CUTOFF),
        lambda: store.count([ANN], scope, CUTOFF),
        lambda: store.erase([ANN], actions(MAP, "client"), scope, CUTOFF, no_beat),
        lambda: store.verify([ANN], scope, CUTOFF),
        lambda: store.claimed([ANN], scope),
        lambda: store.claimants([], scope),
        lambda: store.needed_by(["posts"], scope),
    ):
        with pytest.raises(UnknownMemberError, match="has no schema there") as refused:
            ask()
        assert member not in str(refused.value).replace("none with a table", "")


def test_a_plan_freezes_one_schema_and_a_dropped_one_is_gone(store: PostgresStore, clients: str) -> None:
    planned = store.relations(BOLT)
    assert planned.keys() == {*NAMES, "sellers"}
    add_tenants(clients, "dove")
    execute(clients, "DROP SCHEMA tenant_acme CASCADE")
    assert store.changed(planned, BOLT) == {}
    execute(clients, "ALTER SCHEMA tenant_bolt RENAME TO old_bolt")
    changes = store.changed(planned, BOLT)
    assert [one for one in store.following(changes, BOLT).inspect() if one.severity is Severity.ERROR] == []
    assert {one.called for one in changes.values()} == {f"old_bolt.{name}" for name in NAMES}
    assert due(store.following(changes, BOLT).verify([ANN], BOLT, CUTOFF))["users"] == 1
    execute(clients, "DROP SCHEMA old_bolt CASCADE")
    changes = store.changed(planned, BOLT)
    assert {name for name, one in changes.items() if one.dropped} >= {"posts", "signatures"}
    assert store.following(changes, BOLT).verify([ANN], BOLT, CUTOFF) == {1: {}}


def test_a_schema_that_is_not_as_inspected_is_not_erased_from(store: PostgresStore, clients: str) -> None:
    """A new one, and one that is altered between two chunks."""
    assert errors(store) == []
    add_tenants(clients, "dove")
    execute(clients, "ALTER TABLE tenant_dove.posts DROP CONSTRAINT posts_author_id_fkey")
    for verb in (
        lambda scope: store.erase([ANN], actions(MAP, "client"), scope, CUTOFF, no_beat),
        lambda scope: store.verify([ANN], scope, CUTOFF),
    ):
        with pytest.raises(StructureChangedError, match="tenant_dove"):
            verb(Scope("client", "dove"))
    [ann] = resolved(store, [ANN], BOLT)
    assert store.erase([ann], actions(MAP, "client"), BOLT, CUTOFF, no_beat) > 0
    execute(clients, "ALTER TABLE tenant_bolt.posts DROP CONSTRAINT posts_author_id_fkey")
    with pytest.raises(StructureChangedError, match=r"tenant_bolt\.posts \(foreign keys\)"):
        store.erase([ANN], actions(MAP, "client"), BOLT, CUTOFF, no_beat)
    # A migration that has gone through all of them, and the next inspection.
    execute(clients, "ALTER TABLE tenant_acme.posts DROP CONSTRAINT posts_author_id_fkey")
    execute(clients, "ALTER TABLE tenant_cusp.posts DROP CONSTRAINT posts_author_id_fkey")
    assert errors(store) == []
    assert store.erase([ANN], actions(MAP, "client"), BOLT, CUTOFF, no_beat) == 0


def test_schemas_that_are_swapped_once_a_step_has_looked_are_not_erased_from(
    store: PostgresStore, clients: str
) -> None:
    planned = store.relations(BOLT)
    assert planned
    store.inspect()
    ann = resolved(store, [ANN], BOLT)
    assert store.changed(planned, BOLT) == {}
    swap = ("tenant_bolt", "away"), ("tenant_cusp", "tenant_bolt"), ("away", "tenant_cusp")
    execute(clients, ";".join(f"ALTER SCHEMA {one} RENAME TO {other}" for one, other in swap))
    with pytest.raises(StructureChangedError, match=r"tenant_bolt\.\w+ \(name or place\)"):
        store.erase(ann, actions(MAP, "client"), BOLT, CUTOFF, no_beat)


def test_what_can_be_judged_anew_is_taken(store: PostgresStore, clients: str) -> None:
    """A view inspects its own schema, among those of others."""
    assert errors(store) == []
    ours, theirs = resolved(store, [ANN], BOLT), resolved(store, [subject(1, email="ann@x.example")], ACME)
    store.erase([subject(1, user_id="9")], actions(MAP, "client"), BOLT, CUTOFF, no_beat)
    store.erase([subject(1, email="x@x.example")], actions(MAP, "acme"), ACME, CUTOFF, no_beat)
    execute(clients, "ALTER TABLE tenant_bolt.posts ADD UNIQUE (id, body); ALTER TABLE sellers ADD note text")
    assert store.erase(ours, actions(MAP, "client"), BOLT, CUTOFF, no_beat) > 0
    assert store.erase(theirs, actions(MAP, "acme"), ACME, CUTOFF, no_beat) == 1
    execute(clients, "ALTER TABLE tenant_cusp.users DROP CONSTRAINT users_sold_by_fkey")
    with pytest.raises(StructureChangedError, match=r"public\.sellers \(foreign keys\)"):
        store.verify(theirs, ACME, CUTOFF)


def test_many_schemas_take_no_more_statements(
    store: PostgresStore, clients: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    execute_ = psycopg.Cursor.execute
    monkeypatch.setattr(
        psycopg.Cursor, "execute", lambda self, *args, **kwargs: asked.append(1) or execute_(self, *args, **kwargs)
    )

    def statements() -> int:
        asked.clear()
        with opened(clients, MAP) as fresh:
            fresh.inspect()
            fresh.count([ANN], BOLT, CUTOFF)
        return len(asked)

    few = statements()
    add_tenants(clients, *(f"t{number}" for number in range(20)))
    assert statements() == few


def test_samples_say_which_schema_they_are_of(store: PostgresStore) -> None:
    [told] = [one for one in store.sweep(100) if one.code == "tenants-sampled"]
    assert "tenant_acme alone" in told.message
    [ids] = [one for one in store.readings(100) if one.identity == "user_id"]
    assert (ids.where, {member for member, _ in ids.keys}) == ("tenant_acme.users.id", {"acme"})


@pytest.mark.parametrize(("identity", "yielded"), [("user_id", True), ("email", True), ("email", False)])
def test_ids_that_each_schema_counts_lead_nowhere_where_members_are_not_told_apart(
    clients: str, identity: str, *, yielded: bool
) -> None:
    """Nor does an address, which an account of another member may have as well, though a request alone names it."""
    document = small_document(COLLECTIONS)
    if not yielded:
        del document["stores"]["main"]["collections"]["users"]["yields"][identity]
    with opened(clients, beside(document, f"profile:{{{identity}}}")) as store:
        [found] = errors(store)
        assert (found.code, found.collection) == ("tenant-key-elsewhere", "users")
        assert "cache.profiles" in found.message
    told_apart = beside(document, f"profile:{{controller}}:{{{identity}}}")
    with opened(clients, told_apart) as store:
        assert errors(store) == []
    # A member's schema proves its keys.
    assert [one.code for one in reachability.findings(told_apart)] == ([] if yielded else ["identity-unyielded"])
