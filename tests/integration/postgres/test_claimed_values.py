"""Values that pass on: whose a record is that is known by an e-mail or a user name alone (ADR 18, claims)."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.inspection import findings
from tests.support.postgres.locks import erasing_that_waits
from tests.support.postgres.scans import scans_of_users
from tests.support.postgres.small_schemas import ACME, left, shape, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import CoHolder, Counts, RecordCounts, Severity, Subject, SubjectKey, no_beat
from expunge_connectors.postgres import PostgresStore
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.sql import key_staging
from expunge_connectors.postgres.statement_cache import StatementCache
from expunge_connectors.postgres.verify import replicas
from expunge_connectors.postgres.verify.verification_query import VerificationQuery
from expunge_orchestrator.rules import identity_resolution
from expunge_orchestrator.rules.resolution_answers import Resolved

USERS = """
users:
  table: public.users
  person: user_id
  created: created_at
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  yields: {user_id: id, email: email}
"""
# In one spelling more than was staged when the erasing transaction began.
SPELT = [("email/1", "ANN@x.example"), ("email/3", "mailto:ann@x.example")]
_USERS = """
CREATE TABLE users (id text PRIMARY KEY, username text UNIQUE, email text, created_at timestamptz DEFAULT '2025-01-01');
INSERT INTO users VALUES ('1', 'ann', 'ann@x.example'), ('9', 'zoe', 'zoe@x.example');
"""
SUBSCRIPTIONS = (
    USERS
    + """
subscriptions: {table: public.subscriptions, created: at, found_by: [{column: email, identity: email}]}
"""
)
_SUBSCRIPTIONS = (
    _USERS
    + """
CREATE TABLE subscriptions (id int PRIMARY KEY, email text, at timestamptz DEFAULT '2025-06-01');
INSERT INTO subscriptions VALUES (1, 'ann@x.example'), (2, 'zoe@x.example');
"""
)
POSTS = (
    USERS
    + """
posts: {table: public.posts, created: at, found_by: [{column: author, of: users.username}]}
"""
)
_POSTS = (
    _USERS
    + """
CREATE TABLE posts (id int PRIMARY KEY, author text, at timestamptz DEFAULT '2025-06-01');
INSERT INTO posts VALUES (1, 'ann'), (2, 'zoe');
"""
)


def _index(database: str, loaded: DataMap) -> None:
    """Every index that `check` asks for: a key is looked up by itself then, and by reading the table once before."""
    wanted = [one.remedy for one in findings(database, loaded) if one.code == "tie-index"]
    assert wanted
    for statement in wanted:
        execute(database, statement.replace(" CONCURRENTLY", ""))
    assert "tie-index" not in {one.code for one in findings(database, loaded)}


def test_who_took_the_user_name_keeps_what_they_posted(database: str) -> None:
    execute(database, _POSTS)
    with opened(database, loaded := shape(POSTS)) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        assert store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 2
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
        execute(database, "INSERT INTO users VALUES ('2', 'ann', 'new@x.example'); INSERT INTO posts VALUES (3, 'ann')")
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert due(counts) == {}
            assert counts[1]["posts"].ambiguous == 1
        assert store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 0
    assert left(database, "posts") == [2, 3]


@pytest.mark.parametrize(
    ("keys", "profile"),
    [("UNIQUE", "PRIMARY KEY"), ("PRIMARY KEY", "PRIMARY KEY"), ("PRIMARY KEY", "NOT NULL")],
)
def test_a_user_name_passes_on_though_it_is_a_primary_key(database: str, keys: str, profile: str) -> None:
    """A key that means something is given to somebody else; a number or a UUID is not."""
    users = _USERS.replace("id text PRIMARY KEY, username text UNIQUE", f"id text UNIQUE, username text {keys}")
    if "PRIMARY" not in keys:
        users = _USERS
    execute(database, f"{users} CREATE TABLE profiles (username text {profile}, n int)")
    if "PRIMARY" not in profile:
        execute(database, "ALTER TABLE profiles ADD id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
    execute(database, "INSERT INTO profiles VALUES ('ann', 1), ('zoe', 2)")
    profiles = USERS + "profiles: {table: public.profiles, found_by: [{column: username, of: users.username}]}"
    with opened(database, loaded := shape(profiles)) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        execute(
            database, "INSERT INTO users (id, username) VALUES ('2', 'ann'); INSERT INTO profiles VALUES ('ann', 3)"
        )
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
        assert store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 0
    assert left(database, "profiles", "n") == [2, 3]


@pytest.mark.parametrize(("normaliser", "spelt"), SPELT)
def test_who_took_the_address_keeps_an_older_subscription(database: str, normaliser: str, spelt: str) -> None:
    execute(database, _SUBSCRIPTIONS)
    with opened(database, loaded := shape(SUBSCRIPTIONS, email=normaliser)) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        assert store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 2
        execute(database, f"UPDATE users SET email = '{spelt}' WHERE id = '9'")
        execute(database, "UPDATE subscriptions SET email = 'ann@x.example' WHERE id = 2")
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert due(counts) == {}
            assert counts[1]["subscriptions"].ambiguous == 1
            assert counts[1]["subscriptions"].newer == 0
        assert store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 0
    assert left(database, "subscriptions") == [2]


@pytest.mark.parametrize(("normaliser", "spelt"), SPELT)
@pytest.mark.parametrize("indexed", [False, True])
def test_one_address_of_two_accounts_is_told_and_goes_with_the_last(
    database: str, normaliser: str, spelt: str, *, indexed: bool
) -> None:
    execute(database, _SUBSCRIPTIONS)
    execute(database, f"UPDATE users SET email = '{spelt}' WHERE id = '9'")
    email = SubjectKey("email", "ann@x.example")
    loaded = shape(SUBSCRIPTIONS, email=normaliser)
    if indexed:
        _index(database, loaded)
    with opened(database, loaded) as store:
        ann = Subject(1, frozenset([SubjectKey("user_id", "1")]), shared=frozenset([email]))
        zoe = Subject(2, frozenset([SubjectKey("user_id", "9"), email]))
        assert store.count([ann], ACME, CUTOFF) == store.verify([ann], ACME, CUTOFF)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert due(counts) == {}
            assert counts[1]["subscriptions"].ambiguous == 1
        store.erase([zoe], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert store.verify([ann], ACME, CUTOFF)[1]["subscriptions"].empty
    assert left(database, "subscriptions") == [2]
    assert left(database, "users") == []


def test_without_an_index_the_table_is_read_once_and_not_for_each_key(database: str) -> None:
    execute(database, _SUBSCRIPTIONS)
    execute(database, "INSERT INTO users SELECT n, n, n || '@x.example' FROM generate_series(10, 400) n")
    with opened(database, loaded := shape(SUBSCRIPTIONS)) as store:
        people = resolved(store, [subject(n, user_id=str(n)) for n in range(10, 400)], ACME)
    for verb in (
        lambda store: store.count(people, ACME, CUTOFF),
        lambda store: store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat),
        lambda store: store.verify(people, ACME, CUTOFF),
    ):
        before = scans_of_users(database)
        with opened(database, loaded) as store:
            verb(store)
        assert scans_of_users(database) - before < 20


def test_with_an_index_many_people_do_not_make_the_server_read_the_whole_table(database: str) -> None:
    """Asked inside of the join who is known by an id, it read the table of persons once a chunk, however large."""
    execute(database, _SUBSCRIPTIONS)
    loaded = shape(SUBSCRIPTIONS)
    execute(database, "INSERT INTO users SELECT n, n, n || '@x.example' FROM generate_series(10, 60000) n")
    _index(database, loaded)
    execute(database, "ANALYZE users")
    with opened(database, loaded) as store:
        people = resolved(store, [subject(n, user_id=str(n)) for n in range(10, 400)], ACME)
    for verb in (
        lambda store: store.count(people, ACME, CUTOFF),
        lambda store: store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat),
        lambda store: store.verify(people, ACME, CUTOFF),
    ):
        before = scans_of_users(database)
        with opened(database, loaded) as store:
            verb(store)
        assert scans_of_users(database) == before


def test_two_accounts_of_one_transaction_take_what_they_share(database: str) -> None:
    execute(database, _SUBSCRIPTIONS)
    execute(database, "UPDATE users SET email = 'ann@x.example' WHERE id = '9'")
    email = SubjectKey("email", "ann@x.example")
    with opened(database, loaded := shape(SUBSCRIPTIONS)) as store:
        both = [Subject(at, frozenset([SubjectKey("user_id", one), email])) for at, one in ((1, "1"), (2, "9"))]
        store.erase(both, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "subscriptions") == [2]
    assert left(database, "users") == []


@pytest.mark.parametrize(("normaliser", "spelt"), SPELT)
def test_what_two_people_attribute_goes_whoever_else_holds_the_address(
    database: str, normaliser: str, spelt: str
) -> None:
    """Both sides count it as due, with an index and without; the second look before the commit lets it go."""
    execute(
        database, _SUBSCRIPTIONS + f"UPDATE users SET email = '{spelt}'; UPDATE subscriptions SET email = '{spelt}'"
    )
    loaded = shape(SUBSCRIPTIONS, email=normaliser)
    address = SubjectKey("email", "ann@x.example")
    zoe = CoHolder(address, SubjectKey("user_id", "9"))
    keys = frozenset([address, SubjectKey("user_id", "1")])
    ann = Subject(1, keys, attributed=frozenset([address]), co_holders=frozenset([zoe]))
    with opened(database, loaded) as store:
        for indexed in (False, True):
            if indexed and normaliser == "email/1":
                _index(database, loaded)
            for one in (zoe._replace(value=SubjectKey("email", "b@x.example")), zoe._replace(person=address), None):
                other = [replace(ann, co_holders=frozenset([one] if one else []))]
                unattributed = store.count(other, ACME, CUTOFF)
                assert unattributed == store.verify(other, ACME, CUTOFF)
                assert unattributed[1]["subscriptions"].ambiguous == 2
            counted, verified = store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)
            assert counted == verified
            assert due(counted) == {"users": 1, "subscriptions": 2}
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert left(database, "users") == ["9"]
    assert left(database, "subscriptions") == []


@pytest.mark.parametrize(("normaliser", "spelt"), SPELT)
@pytest.mark.parametrize("people", [1, 200])
@pytest.mark.parametrize("indexed", [False, True])
def test_an_attributed_address_that_somebody_takes_while_the_deletion_waits(
    database: str, people: int, normaliser: str, spelt: str, *, indexed: bool
) -> None:
    """It was said that it is Ann's and not Zoe's; of Bob, who has it since, nothing was said."""
    execute(database, _SUBSCRIPTIONS)
    execute(
        database,
        "UPDATE users SET email = 'ann@x.example' WHERE id = '9';"
        "INSERT INTO users SELECT 'x' || n, 'x' || n, 'x' || n || '@x.example' FROM generate_series(2, 200) n",
    )
    loaded = shape(SUBSCRIPTIONS, email=normaliser)
    if indexed and normaliser == "email/1":
        _index(database, loaded)
    address = SubjectKey("email", "ann@x.example")
    zoe = frozenset([CoHolder(address, SubjectKey("user_id", "9"))])
    keys = frozenset([address, SubjectKey("user_id", "1")])
    ann = Subject(1, keys, attributed=frozenset([address]), co_holders=zoe)
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        chunk = [ann, *(Subject(n, frozenset([SubjectKey("user_id", f"x{n}")])) for n in range(2, people + 1))]
        assert store.verify(chunk, ACME, CUTOFF)[1]["subscriptions"].due == 1
        bob.execute("INSERT INTO users VALUES ('2', 'bob', %s)", (spelt,))
        bob.execute("UPDATE subscriptions SET at = at WHERE id = 1")
        with erasing_that_waits(database, lambda: store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)):
            bob.commit()
        for counts in (store.count(chunk, ACME, CUTOFF), store.verify(chunk, ACME, CUTOFF)):
            assert counts[1]["subscriptions"] == RecordCounts(ambiguous=1)
    assert left(database, "subscriptions") == [1, 2]
    assert {"2", "9"} <= set(left(database, "users"))
    assert "1" not in left(database, "users")


@pytest.mark.parametrize(("normaliser", "spelt"), SPELT)
@pytest.mark.parametrize("people", [2, 200])
def test_who_held_an_attributed_address_does_not_claim_it_from_that_person(
    database: str, people: int, normaliser: str, spelt: str
) -> None:
    """Zoe does not claim it from Ann, to whom it was attributed, and claims it from each of the others."""
    execute(database, _SUBSCRIPTIONS)
    execute(database, f"UPDATE users SET email = '{spelt}' WHERE id = '9'")
    address, persons = SubjectKey("email", "ann@x.example"), [SubjectKey("user_id", str(n)) for n in (1, 9)]
    zoe = frozenset([CoHolder(address, persons[1])])
    with opened(database, shape(SUBSCRIPTIONS, email=normaliser)) as store:
        held = store.claimants([address, SubjectKey("email", "b@x.example")], ACME)
        assert {value: set(holders) for value, holders in held.items()} == {address: set(persons)}
        others = [Subject(n, frozenset([SubjectKey("user_id", f"x{n}"), address])) for n in range(2, people + 1)]
        ann = Subject(1, frozenset([persons[0], address]), attributed=frozenset([address]), co_holders=zoe)
        assert store.claimed([ann, *others], ACME) == {one.number: frozenset([address]) for one in others}
        counts = store.count([ann, *others], ACME, CUTOFF)
        assert counts == store.verify([ann, *others], ACME, CUTOFF)
        with psycopg.connect(database) as standby:
            assert counts == _on_a_standby(store, standby, [ann, *others])
        assert counts[1]["subscriptions"] == RecordCounts(due=1)
        assert counts[2]["subscriptions"] == RecordCounts(ambiguous=1)


def _on_a_standby(store: PostgresStore, connection: psycopg.Connection, people: list[Subject]) -> Counts:
    """What verification counts where nothing can be written."""
    live = store._structure.catalogue.read(connection)
    verifier = VerificationQuery("main", store._map, store._data_map, live, ACME, CUTOFF, StatementCache())
    return replicas._recount(connection, replace(verifier, asked=replicas._ASKED, marked=False), people)


def test_a_text_that_names_somebody_who_is_not_followed_as_well_stays(database: str) -> None:
    """`ann@x, home@x`: the second is another person's too, so the row is not Ann's alone; for both of them it goes."""
    execute(database, _SUBSCRIPTIONS + "UPDATE subscriptions SET email = 'ann@x.example, home@x.example' WHERE id = 1")
    ann, home = SubjectKey("email", "ann@x.example"), SubjectKey("email", "home@x.example")
    with opened(database, shape(SUBSCRIPTIONS, email="email/3")) as store:
        for unclear in ({"shared": frozenset([home])}, {"doubtful": frozenset([home])}):
            one = Subject(1, frozenset([ann, SubjectKey("user_id", "1")]), **unclear)
            for counts in (store.count([one], ACME, CUTOFF), store.verify([one], ACME, CUTOFF)):
                assert (counts[1]["subscriptions"].due, counts[1]["subscriptions"].ambiguous) == (0, 1)
            both = [one, Subject(2, frozenset([home]))]
            for counts in (store.count(both, ACME, CUTOFF), store.verify(both, ACME, CUTOFF)):
                assert counts[1]["subscriptions"].due == 1


@pytest.mark.parametrize(
    ("kind", "normaliser", "good", "bad"),
    [
        ("text", "integer/2", " 7 ", "guest-7"),
        ("varchar(60)", "uuid/1", "0A000000-0000-0000-0000-000000000007", "7"),
        ("numeric", "integer/2", "7.00", "NaN"),
        ("numeric", "integer/2", "-7", "7.5"),
        ("numeric", "integer/2", "9" * 38, "9" * 39),
        ("numeric", "exact/1", "7.5", "NaN"),
        ("numeric", "exact/1", "7.5", "-Infinity"),
        ("text", "exact/1", "guest-7", None),
        ("bigint", "integer/2", "7", None),
    ],
)
def test_a_persons_key_that_cannot_be_read_is_told(
    database: str, kind: str, normaliser: str, good: str, bad: str | None
) -> None:
    """Asked for by the address its row was due for ever: the key is nobody's whom a request can name."""
    execute(database, f"CREATE TABLE users (id {kind} UNIQUE NOT NULL, email text, created_at date NOT NULL)")
    execute(database, f"INSERT INTO users VALUES ('{good}', 'ann@x.example', '2025-01-01')")
    with opened(database, shape(USERS, user_id=normaliser)) as store:
        assert not [one for one in store.inspect() if one.code == "person-without-key"]
        if bad is not None:
            execute(database, f"INSERT INTO users VALUES ('{bad}', 'dan@x.example', '2025-01-01')")
            [told] = [one for one in store.inspect() if one.code == "person-without-key"]
            assert told.severity is Severity.ERROR
            assert normaliser in told.message
            assert bad not in told.message.replace(normaliser, "")


def test_what_there_is_no_time_to_look_at_is_told(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_sampling, "SECONDS_A_TABLE", 0.001)
    execute(
        database,
        "CREATE TABLE users (id text UNIQUE NOT NULL, email text, created_at date NOT NULL);"
        "CREATE TABLE bills (id int PRIMARY KEY, who text REFERENCES users (id), at date NOT NULL);"
        "CREATE TABLE lines (id int PRIMARY KEY, bill int REFERENCES bills, at date NOT NULL);"
        "INSERT INTO users SELECT n::text, NULL, '2025-01-01' FROM generate_series(1, 20000) n;"
        "INSERT INTO bills SELECT n, n::text, '2025-01-01' FROM generate_series(1, 20000) n;"
        "INSERT INTO lines SELECT n, n, '2025-01-01' FROM generate_series(1, 20000) n",
    )
    kept = """
bills: {table: public.bills, data_type: kept, start: at, found_by: [{column: who, of: users.id}]}
lines: {table: public.lines, data_type: kept, start: at, found_by: [{column: bill, of: bills.id}]}
"""
    with opened(database, shape(USERS + kept, user_id="integer/2")) as store:
        told = {one.code: one for one in store.inspect() if one.code in {"person-without-key", "kept-longer"}}
    assert told["person-without-key"].severity is Severity.WARNING
    assert told["kept-longer"].severity is Severity.INFO
    assert all("unknown" in one.message for one in told.values())


def test_a_persons_row_without_a_key_is_somebodys_and_claims_its_address(database: str) -> None:
    """A guest's, in the table of accounts: `check` refuses it, and neither Ann nor who asks by the address takes it."""
    execute(database, _SUBSCRIPTIONS.replace("id text PRIMARY KEY", "id text UNIQUE"))
    loaded = shape(SUBSCRIPTIONS)
    with opened(database, loaded) as store:
        [warned] = [one for one in store.inspect() if one.code == "person-without-key"]
        execute(database, "INSERT INTO users VALUES (NULL, 'guest', 'ann@x.example', '2025-01-01')")
        store.relations(ACME)
        [refused] = [one for one in store.inspect() if one.code == "person-without-key"]
        assert (warned.severity, refused.severity) == (Severity.WARNING, Severity.ERROR)
        for asked in ({"user_id": "1", "email": "ann@x.example"}, {"email": "ann@x.example"}):
            one = subject(1, **asked)
            counted = store.count([one], ACME, CUTOFF)
            assert counted == store.verify([one], ACME, CUTOFF)
            assert counted[1]["subscriptions"] == RecordCounts(ambiguous=1)
            assert counted[1]["users"].ambiguous == 1
        store.erase([subject(1, user_id="1", email="ann@x.example")], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "users", "username") == ["guest", "zoe"]
    assert left(database, "subscriptions") == [1, 2]


def test_a_record_that_names_its_person_by_a_key_is_not_ambiguous(database: str) -> None:
    execute(database, _SUBSCRIPTIONS)
    execute(database, "ALTER TABLE subscriptions ADD user_id text; UPDATE subscriptions SET user_id = '9' WHERE id = 2")
    collections = SUBSCRIPTIONS.replace("found_by: [{column: email, identity: email}]}", "found_by: [{column: email,"
        " identity: email}, {column: user_id, identity: user_id}]}")  # fmt: skip
    with opened(database, loaded := shape(collections)) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        execute(database, "UPDATE users SET email = 'ann@x.example'; UPDATE subscriptions SET email = 'ann@x.example'")
        assert store.verify([ann], ACME, CUTOFF)[1]["subscriptions"].empty
        assert store.count([ann], ACME, CUTOFF)[1]["subscriptions"].empty
    assert left(database, "subscriptions") == [2]


def test_a_tombstone_claims_nothing(database: str) -> None:
    execute(database, _SUBSCRIPTIONS)
    anchored = SUBSCRIPTIONS.replace("  person:", "  data_type: anchor\n  keeps: {email: law}\n  tombstone:"
        " {username: \"'gone-' || id\"}\n  person:")  # fmt: skip
    with opened(database, loaded := shape(anchored)) as store:
        [zoe] = resolved(store, [subject(1, user_id="9")], ACME)
        store.erase([zoe], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        execute(database, "INSERT INTO users VALUES ('3', 'new', 'zoe@x.example')")
        execute(database, "INSERT INTO subscriptions VALUES (3, 'zoe@x.example')")
        later = Subject(1, frozenset([SubjectKey("user_id", "3"), SubjectKey("email", "zoe@x.example")]))
        store.erase([later], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([later], ACME, CUTOFF)) == {}
    assert left(database, "subscriptions") == [1]


def test_who_merely_looks_like_a_tombstone_claims_what_they_hold(database: str) -> None:
    """Eve never chose a user name, and a tombstone has none."""
    execute(database, _SUBSCRIPTIONS)
    execute(database, "INSERT INTO users VALUES ('3', NULL, 'zoe@x.example')")
    anchored = SUBSCRIPTIONS.replace("  person:", "  data_type: anchor\n  keeps: {email: law}\n  tombstone:"
        ' {username: "NULL"}\n  person:')  # fmt: skip
    with opened(database, loaded := shape(anchored)) as store:
        zoe = Subject(1, frozenset([SubjectKey("user_id", "9"), SubjectKey("email", "zoe@x.example")]))
        store.erase([zoe], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        counted, verified = store.count([zoe], ACME, CUTOFF), store.verify([zoe], ACME, CUTOFF)
        assert counted == verified
        assert counted[1]["subscriptions"].ambiguous == 1
    assert left(database, "subscriptions") == [1, 2]


ORDERS = (
    SUBSCRIPTIONS
    + """
orders: {table: public.orders, found_by: [{column: user_id, of: users.id}], yields: {email: contact}}
"""
)
_ORDERS = (
    _SUBSCRIPTIONS
    + """
CREATE TABLE orders (id int PRIMARY KEY, user_id text, contact text);
INSERT INTO orders VALUES (1, '1', 'Gift@x.example'), (2, '9', 'gift@x.example'), (3, '1', 'own@x.example'),
    (4, NULL, 'own@x.example'), (5, '1', 'ann@x.example'), (6, '9', 'ann@x.example');
INSERT INTO subscriptions VALUES (3, 'gift@x.example'), (4, 'own@x.example');
"""
)


BY_CONTACT = (
    "undated: erase, found_by: [{column: contact, identity: email}, {column: user_id, of: users.id}], yields: {"
)


@pytest.mark.parametrize("normaliser", ["email/1", "email/3"])
@pytest.mark.parametrize("by_contact", [False, True])
def test_an_address_that_orders_of_two_people_name_leads_to_neither_of_them(
    database: str, normaliser: str, *, by_contact: bool
) -> None:
    """Also where orders are found by the address: those that name another person say whose they are themselves."""
    execute(database, _ORDERS)
    orders = "found_by: [{column: user_id, of: users.id}], yields: {"
    collections = ORDERS.replace(orders, BY_CONTACT) if by_contact else ORDERS
    if normaliser == "email/3":
        execute(database, "UPDATE orders SET contact = 'mailto:' || contact WHERE user_id = '9'")
    with opened(database, loaded := shape(collections, email=normaliser)) as store:
        gift, own = (SubjectKey("email", f"{one}@x.example") for one in ("gift", "own"))
        found = answer(store, loaded, subject(1, user_id="1"))
        assert (found.ambiguity, found.doubtful) == (None, {gift})
        assert SubjectKey("user_id", "9") not in found.keys
        assert {own, SubjectKey("email", "ann@x.example")} <= found.keys  # the person's own, whoever names it
        store.erase([Subject(1, found.keys)], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "subscriptions") == [2, 3]
    assert left(database, "orders") == ([2, 6] if by_contact else [2, 4, 6])


_ADDRESSES = """
CREATE TABLE users (id int PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE addresses (id int PRIMARY KEY, user_id int NOT NULL, email text, created_at timestamptz NOT NULL
    DEFAULT '2025-01-01');
CREATE TABLE news (id int PRIMARY KEY, email text);
INSERT INTO users VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
INSERT INTO addresses VALUES (1, 1, 'home@x.example'), (2, 2, 'home@x.example'), (3, 1, 'anns@x.example'),
    (4, 2, 'bobs@x.example');
INSERT INTO news VALUES (1, 'home@x.example'), (2, 'anns@x.example'), (3, 'bobs@x.example'), (4, 'ann@x.example');
"""
_ACCOUNTS = """
users: {table: public.users, person: user_id, created: created_at, yields: {user_id: id, email: email},
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
news: {table: public.news, undated: erase, found_by: [{column: email, identity: email}]}
addresses: {table: public.addresses, created: created_at, yields: {user_id: user_id, email: email},
"""
OF_ACCOUNTS = _ACCOUNTS + " found_by: [{column: user_id, of: users.id}, {column: email, identity: email}]}"
OF_PERSONS = (
    _ACCOUNTS + " person: user_id, found_by: [{column: user_id, identity: user_id}, {column: email, identity: email}]}"
)


@pytest.mark.parametrize("collections", [OF_ACCOUNTS, OF_PERSONS], ids=["rows of accounts", "rows that are persons"])
def test_an_address_that_two_accounts_have_in_a_table_of_addresses_leads_to_neither(
    database: str, collections: str
) -> None:
    execute(database, _ADDRESSES)
    document = small_document(collections, user_id="integer/2", email="email/3")
    if collections is OF_PERSONS:
        document["identities"]["user_id"]["same_person"] = {"reason": "addresses of users", "approved_by": "an officer"}
    with opened(database, loaded := checked(document)) as store:
        assert [one.code for one in store.inspect() if one.severity is Severity.ERROR] == []
        found = answer(store, loaded, subject(1, user_id="1"))
        ann = Subject(1, found.keys, shared=found.shared, doubtful=found.doubtful)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert store.verify([ann], ACME, CUTOFF)[1]["news"].ambiguous == 1
    assert left(database, "users") == [2]
    assert left(database, "addresses") == [2, 4]
    assert left(database, "news") == [1, 3]


@pytest.mark.parametrize("normaliser", ["email/2", "email/3"])
def test_a_guest_is_not_taken_for_the_customer_whose_order_names_the_same_address(
    database: str, normaliser: str
) -> None:
    """The guest has no person's key: what another's order tells must not become theirs."""
    execute(database, _ORDERS)
    execute(database, "ALTER TABLE orders ADD phone text, ADD at timestamptz NOT NULL DEFAULT '2025-01-01'")
    execute(
        database, "INSERT INTO orders VALUES (7, NULL, 'both@x.example', '+4930111'), (8, '9', 'both@x.example', NULL)"
    )
    collections = ORDERS.replace(
        "found_by: [{column: user_id, of: users.id}], yields",
        "created: at, found_by: [{column: user_id, of: users.id}, {column: phone, identity: phone}], yields",
    )
    document = small_document(collections, email=normaliser)
    document["identities"]["phone"] = {"kind": "reusable", "normaliser": "exact/1"}
    with opened(database, loaded := checked(document)) as store:
        found = answer(store, loaded, subject(1, phone="+4930111"))
        assert SubjectKey("user_id", "9") not in found.keys
        store.erase([Subject(1, found.keys)], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert "9" in left(database, "users")
    assert {8, 2} <= set(left(database, "orders"))
    assert 7 not in left(database, "orders")


@pytest.mark.parametrize("few", [100, -1])
def test_a_row_that_names_somebody_else_as_well_holds_a_value_for_them(
    database: str, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """What Ann wrote of Bob has a key of hers in it, and is not hers alone: nor is the address that it tells."""
    monkeypatch.setattr(key_staging, "_FEW", few)
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
        "CREATE TABLE reviews (id int PRIMARY KEY, author int, about int, email text);"
        "INSERT INTO reviews VALUES (1, 1, 1, 'whose@x.example'), (2, 1, 2, 'whose@x.example')",
    )
    loaded = shape(
        "users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}],"
        " yields: {user_id: id}}\n"
        "reviews: {table: public.reviews, yields: {email: email},"
        " found_by: [{column: author, of: users.id}, {column: about, of: users.id}]}"
    )
    with opened(database, loaded) as store:
        ann = answer(store, loaded, subject(1, user_id="1"))
    assert SubjectKey("email", "whose@x.example") in ann.doubtful - ann.keys


def answer(store: PostgresStore, loaded: DataMap, who: Subject) -> Resolved:
    """The resolution of one person over this store."""
    return identity_resolution.resolve(
        {who.number: who.keys},
        lambda asked: [("main", store.resolve(asked, ACME, CUTOFF))],
        lambda asked: store.told_by_others(asked, ACME, CUTOFF),
        loaded,
    )[who.number]


@pytest.mark.parametrize(("normaliser", "spelt"), SPELT)
@pytest.mark.parametrize("people", [1, 200])
@pytest.mark.parametrize("indexed", [False, True])
def test_an_address_that_is_given_away_while_the_deletion_waits(
    database: str, people: int, normaliser: str, spelt: str, *, indexed: bool
) -> None:
    """Bob registers with Ann's address and has the old row; our statement waits for his lock, then goes on."""
    execute(database, _SUBSCRIPTIONS)
    execute(
        database,
        "INSERT INTO users SELECT 'x' || n, 'x' || n, 'x' || n || '@x.example' FROM generate_series(2, 200) n;"
        "CREATE TABLE issues (id int PRIMARY KEY, subscription int REFERENCES subscriptions (id) ON DELETE CASCADE)",
    )
    issues = "issues: {table: public.issues, found_by: [{column: subscription, of: subscriptions.id}]}"
    loaded = shape(SUBSCRIPTIONS + issues, email=normaliser)
    if indexed:
        _index(database, loaded)
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        asked = [subject(1, user_id="1"), *(subject(n, user_id=f"x{n}") for n in range(2, people + 1))]
        chunk = resolved(store, asked, ACME)
        bob.execute("INSERT INTO users VALUES ('2', 'bob', %s)", (spelt,))
        bob.execute("UPDATE subscriptions SET at = at WHERE id = 1")
        with erasing_that_waits(database, lambda: store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)):
            bob.commit()
        assert store.verify(chunk, ACME, CUTOFF)[1]["subscriptions"].ambiguous == 1
    assert left(database, "subscriptions") == [1, 2]
    assert {"2", "9"} <= set(left(database, "users"))
    assert "1" not in left(database, "users")


@pytest.mark.parametrize(("normaliser", "spelt"), SPELT)
@pytest.mark.parametrize("people", [1, 200])
def test_who_claims_is_told_to_other_stores(database: str, people: int, normaliser: str, spelt: str) -> None:
    execute(database, _SUBSCRIPTIONS)
    execute(database, f"UPDATE users SET email = '{spelt}' WHERE id = '9'")
    ann, free = SubjectKey("email", "ann@x.example"), SubjectKey("email", "ann@y.example")
    with opened(database, shape(SUBSCRIPTIONS, email=normaliser)) as store:
        asked = [Subject(at, frozenset([SubjectKey("user_id", str(at)), ann, free])) for at in range(1, people + 1)]
        told = store.claimed(asked, ACME)
    assert told == ({} if people > 8 else {1: frozenset([ann])})


def test_a_row_that_is_found_by_an_address_has_to_say_whose_it_is(database: str) -> None:
    """Where no row of a person holds the address, `check` asks for what keeps Bob's comment from going with Ann."""
    execute(
        database,
        _USERS
        + "CREATE TABLE comments (id int PRIMARY KEY, user_id text, email text, at timestamptz DEFAULT '2025-06-01');"
        "INSERT INTO comments VALUES (1, '1', 'ann@x.example'), (2, '9', 'ann@x.example'), (3, NULL, 'ann@x.example')",
    )
    links = "found_by: [{column: user_id, of: users.id}, {column: email, identity: email}]"
    comments = f"comments: {{table: public.comments, created: at, {links}"
    users = USERS.replace(", {column: email, identity: email}", "").replace(", email: email", "")
    [found] = [one for one in findings(database, shape(users + comments + "}")) if one.code == "person-not-told"]
    assert "yields: {user_id: user_id}" in (found.remedy or "")
    loaded = shape(users + comments + ", yields: {user_id: user_id}}")
    assert "person-not-told" not in {one.code for one in findings(database, loaded)}
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann], ACME, CUTOFF)) == {}
    assert left(database, "comments") == [2, 3]


def test_a_row_under_anothers_user_name_is_whose_key_it_holds(database: str) -> None:
    """Zoe's post under the user name that Ann has now: a name passes on as an address does."""
    execute(database, _POSTS + "ALTER TABLE posts ADD user_id text; UPDATE posts SET user_id = '9', author = 'ann';")
    links = "found_by: [{column: author, of: users.username}, {column: user_id, of: users.id}]"
    loaded = shape(f"{USERS}posts: {{table: public.posts, created: at, {links}}}")
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        posts = store.verify([ann], ACME, CUTOFF)[1]["posts"]
        assert (posts.due, posts.ambiguous) == (0, 2)
    assert left(database, "posts") == [1, 2]


GIFTS = (
    SUBSCRIPTIONS
    + """
orders:
  table: public.orders
  created: at
  found_by: [{column: user_id, of: users.id}, {column: email, identity: email}]
  yields: {user_id: user_id}
"""
)
_GIFTS = (
    _SUBSCRIPTIONS
    + """
CREATE TABLE orders (id int PRIMARY KEY, user_id text, email text, at timestamptz NOT NULL DEFAULT '2025-06-01');
INSERT INTO orders VALUES (1, '9', 'zoe@x.example'), (2, '9', 'ann@x.example'), (3, '9', 'gil@x.example'),
    (4, NULL, 'ann@x.example'), (5, NULL, 'gil@x.example');
INSERT INTO subscriptions VALUES (3, 'gil@x.example');
"""
)


def test_an_address_in_an_order_of_zoes_is_not_zoes(database: str) -> None:
    """It neither leads a guest's request to Zoe nor keeps what is Ann's: whose an order is, its key says."""
    execute(database, _GIFTS)
    with opened(database, loaded := shape(GIFTS)) as store:
        assert "person-not-told" not in {one.code for one in findings(database, loaded)}
        for who, orders in (subject(1, email="gil@x.example"), 1), (subject(1, user_id="1"), 1):
            found = answer(store, loaded, who)
            assert SubjectKey("user_id", "9") not in found.keys
            one = Subject(1, found.keys, found.refused, found.shared)
            counted = store.count([one], ACME, CUTOFF)[1]["orders"]
            assert (counted.due, counted.ambiguous, counted.newer) == (orders, 1, 0)
            assert store.verify([one], ACME, CUTOFF)[1]["orders"] == counted
            store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            assert due(store.verify([one], ACME, CUTOFF)) == {}
    assert left(database, "users") == ["9"]
    assert left(database, "orders") == [1, 2, 3]
    assert left(database, "subscriptions") == [2]


TWO_KINDS = USERS + USERS.replace("users", "custs").replace("user_id", "cust_id").replace("id: id", "id: id")


def test_two_rows_of_another_kind_of_person_are_ambiguous_and_not_erased(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE custs (LIKE users INCLUDING ALL);"
        "INSERT INTO custs VALUES ('51', 'a', 'ann@x.example'), ('52', 'b', 'ann@x.example');",
    )
    document = small_document(TWO_KINDS)
    document["identities"]["cust_id"] = {"kind": "person", "normaliser": "exact/1"}
    with opened(database, loaded := checked(document)) as store:
        found = answer(store, loaded, subject(1, user_id="1"))
        one = Subject(1, found.keys, found.refused, found.shared)
        assert store.count([one], ACME, CUTOFF) == store.verify([one], ACME, CUTOFF)  # a plan says what a receipt says
        store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        verified = store.verify([one], ACME, CUTOFF)[1]
        assert (verified["custs"].due, verified["custs"].ambiguous) == (0, 2)
    assert left(database, "users") == ["9"]
    assert left(database, "custs") == ["51", "52"]


def test_an_address_that_a_record_merely_tells_leads_to_nobody_of_another_kind(database: str) -> None:
    execute(database, _ORDERS + "CREATE TABLE custs (LIKE users INCLUDING ALL)")
    execute(database, "INSERT INTO custs VALUES ('51', 'o', 'own@x.example')")
    document = small_document(ORDERS + TWO_KINDS[len(USERS) :])
    document["identities"]["cust_id"] = {"kind": "person", "normaliser": "exact/1"}
    with opened(database, loaded := checked(document)) as store:
        found = answer(store, loaded, subject(1, user_id="1"))
        assert SubjectKey("cust_id", "51") not in found.keys
        assert SubjectKey("email", "own@x.example") in found.refused
        execute(database, "INSERT INTO custs VALUES ('52', 'a', 'ann@x.example')")
        found = answer(store, loaded, subject(1, user_id="1"))
        assert {one.value for one in found.keys if one.namespace == "cust_id"} == {
            "52"
        }  # of the address in her own row
