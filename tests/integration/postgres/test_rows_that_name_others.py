"""A row that says by a key whose it is, itself or through a row above, is theirs, whatever leads there (ADR 18)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, left, shape, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Counts, Severity, Subject, no_beat
from expunge_connectors.errors import ConnectorError, TerminalError
from expunge_connectors.postgres import PostgresStore
from expunge_connectors.postgres.sql import key_staging
from expunge_orchestrator.subjects import member_proof

_LATE = datetime(9999, 1, 1, tzinfo=UTC)
_USERS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
carts: {table: public.carts, found_by: [{column: user_id, of: users.id}]}
"""
_SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, email text, tenant int NOT NULL DEFAULT 1, number int UNIQUE, name text UNIQUE,
  created_at timestamptz NOT NULL DEFAULT '2025-01-01', UNIQUE (tenant, id));
INSERT INTO users (id, email, number, name) VALUES (1, 'ann@x.example', 101, 'ann'), (2, 'bob@x.example', 102, 'bob');
CREATE TABLE carts (id int PRIMARY KEY, user_id int);
INSERT INTO carts VALUES (11, 1), (12, 2), (13, NULL);
"""
_ITEMS = """
CREATE TABLE items (id int PRIMARY KEY, tenant int DEFAULT 1, owner {type}, email text DEFAULT 'ann@x.example');
INSERT INTO items (id, owner) VALUES (1, {hers}), (2, {his}), (3, NULL);
"""
NAMED = {
    "by two columns": (
        "columns: [tenant, owner], of: users, of_columns: [tenant, id]",
        _ITEMS.format(type="int", hers=1, his=2),
    ),
    "by a second key": ("column: owner, of: users.number", _ITEMS.format(type="int", hers=101, his=102)),
    "by a user name": ("column: owner, of: users.name", _ITEMS.format(type="text", hers="'ann'", his="'bob'")),
    "through a row above": (
        "column: owner, of: carts.id",
        _ITEMS.format(type="int", hers=11, his=12) + "INSERT INTO items (id, owner) VALUES (4, 13)",
    ),
    "in a document": (
        "column: owner, path: [user], identity: user_id",
        _ITEMS.format(type="jsonb", hers="""'{"user": 1}'""", his="""'{"user": 2}'""")
        + """INSERT INTO items (id, owner) VALUES (4, '{"guest": 2}')""",
    ),
    "in a list": (
        "column: owner, each: true, identity: user_id",
        _ITEMS.format(type="int[]", hers="'{1}'", his="'{1, 2}'") + "INSERT INTO items (id, owner) VALUES (4, '{}')",
    ),
}
_FOREIGN_KEYS = {
    "by two columns": "(tenant, owner) REFERENCES users (tenant, id)",
    "by a second key": "(owner) REFERENCES users (number)",
    "by a user name": "(owner) REFERENCES users (name)",
    "through a row above": "(owner) REFERENCES carts",
}


def known(store: PostgresStore, loaded: DataMap, *people: int) -> list[Subject]:
    """These people, with every key that is not of a row of somebody else's, as the commands ask."""
    answers = member_proof.resolve(
        {one: subject(one, user_id=str(one)).keys for one in people},
        stores={"main": store},
        names=["main"],
        scope=ACME,
        cutoffs={"main": CUTOFF},
        data_map=loaded,
    )
    people = [Subject(one, found.keys, shared=found.shared, doubtful=found.doubtful) for one, found in answers.items()]
    others = store.given_again(people, ACME, _LATE)
    return [replace(one, keys=one.keys - others.get(one.number, frozenset())) for one in people]


def told(url: str, loaded: DataMap, *, erased: bool = False) -> Counts:
    """What every verb says of Ann, and agrees on; afterwards, if she is erased."""
    with opened(url, loaded) as store:
        [ann] = known(store, loaded, 1)
        counted = store.count([ann], ACME, CUTOFF)
        assert store.verify([ann], ACME, CUTOFF) == counted
        if not erased:
            return counted
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        after = store.verify([ann], ACME, CUTOFF)
        assert due(after) == {}
        assert store.count([ann], ACME, CUTOFF) == after
        return after


@pytest.mark.parametrize(
    ("how", "foreign_key"), [(one, key) for one in NAMED for key in (False, True) if not key or one in _FOREIGN_KEYS]
)
def test_a_row_under_the_persons_value_that_names_somebody_else_is_theirs(
    database: str, how: str, *, foreign_key: bool
) -> None:
    """Bob's order goes to Ann's address. Nobody's, a guest's, is hers."""
    link, rows = NAMED[how]
    execute(database, _SCHEMA + rows)
    if foreign_key:
        execute(database, f"ALTER TABLE items ADD FOREIGN KEY {_FOREIGN_KEYS[how]}")
    by_value = "{column: email, identity: email}"
    items = f"items: {{table: public.items, undated: erase, found_by: [{by_value}, {{{link}}}]}}"
    loaded = shape(_USERS + items, email="email/3")
    before = told(database, loaded)
    assert before[1]["items"].ambiguous == 1
    assert told(database, loaded, erased=True)[1]["items"].ambiguous == 1
    assert left(database, "items") == [2]


POSTS = (
    _USERS
    + """
posts: {table: public.posts, found_by: [{column: author, of: users.id}]}
comments: {table: public.comments, found_by: [{column: author, of: users.id}, {column: post, of: posts.id}]}
likes: {table: public.likes, found_by: [{column: author, identity: user_id}, {column: comment, of: comments.id}]}
"""
)
_POSTS = """
CREATE TABLE posts (id int PRIMARY KEY, author int);
CREATE TABLE comments (id int PRIMARY KEY, author int, post int);
CREATE TABLE likes (id int PRIMARY KEY, author int, comment int);
INSERT INTO posts VALUES (1, 1), (2, 2);
INSERT INTO comments VALUES (1, 1, 1), (2, 2, 1), (3, 1, 2), (4, NULL, 1), (5, 1, 77), (6, 2, 2);
INSERT INTO likes VALUES (1, 1, 1), (2, 2, 1), (3, NULL, 2), (4, NULL, 1), (5, 1, 6);
"""


def test_a_row_of_two_people_goes_with_neither_alone(database: str) -> None:
    """Such rows are refused by `check`; one that was written since is spared, and told."""
    execute(database, _SCHEMA + _POSTS)
    loaded = shape(POSTS)
    before = told(database, loaded)[1]
    assert {name: (one.due, one.ambiguous) for name, one in before.items() if name not in {"users", "carts"}} == {
        "posts": (1, 0),
        "comments": (3, 2),  # hers, nobody's below her post, hers below a post that is gone
        "likes": (2, 2),
    }
    told(database, loaded, erased=True)
    assert left(database, "posts") == [2]
    assert left(database, "comments") == [2, 3, 6]
    assert left(database, "likes") == [2, 3, 5]


def test_a_row_of_two_people_goes_where_both_do(database: str) -> None:
    execute(database, _SCHEMA + _POSTS)
    loaded = shape(POSTS)
    with opened(database, loaded) as store:
        people = known(store, loaded, 1, 2)
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "comments") == []
    assert left(database, "likes") == []


def test_a_row_of_two_people_goes_with_any_where_the_map_says_so(database: str) -> None:
    execute(database, _SCHEMA + _POSTS)
    anybody = "goes_with_any: {reason: they talk to each other, approved_by: Dora}, found_by: [{column: author, of"
    one = "found_by: [{column: author, of: users.id}, {column: post"
    loaded = shape(POSTS.replace(one, f"{anybody}: users.id}}, {{column: post"))
    told(database, loaded, erased=True)
    assert left(database, "comments") == [6]


_ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, user_id int, number text, doc jsonb, numbers text[], link text);
INSERT INTO orders
  SELECT id, user_id, number, jsonb_build_object('number', number), ARRAY[number, 'n' || id], 'https://x.org/' || number
  FROM (VALUES (1, 1, 'k1'), (2, 2, 'k2'), (3, NULL, 'k3')) AS o (id, user_id, number);
CREATE TABLE notes (id int PRIMARY KEY, author int, number text, doc jsonb);
INSERT INTO notes SELECT id, author, number, jsonb_build_object('number', number)
  FROM (VALUES (1, 1, 'k1'), (2, 2, 'k1'), (3, 1, 'k2'), (4, NULL, 'k1'), (5, 1, 'k3'), (6, 1, NULL))
  AS n (id, author, number);
CREATE TABLE visits (user_id int, place int);
CREATE TABLE places (id int PRIMARY KEY, number text);
INSERT INTO places VALUES (1, 'k1'), (2, 'k2'), (3, 'k3'), (4, 'k4');
INSERT INTO visits VALUES (1, 1), (2, 2), (1, 4), (2, 4);
"""
_HELD = (
    "orders: {{table: public.orders, yields: {{order_no: {source}}}, found_by: [{{column: user_id, of: users.id}}]}}"
)
_SHARED = """
visits: {table: public.visits, found_by: [{column: user_id, of: users.id}]}
places: {table: public.places, sharing: last_owner, found_by: [{column: id, of: visits.place}]}
"""
_NEVER = "never_shared: {reason: they count up, approved_by: Dora}"
ABOVE = {
    "a number": (_HELD.format(source="{column: number, " + _NEVER + "}"), "column: number, identity: order_no"),
    "a number in documents": (
        _HELD.format(source="{column: doc, path: [number], " + _NEVER + "}"),
        "column: doc, path: [number], identity: order_no",
    ),
    "a number in a list": (
        _HELD.format(source="{column: numbers, each: true, " + _NEVER + "}"),
        "column: number, identity: order_no",
    ),
    "a row that people share": (_SHARED, "column: number, of: places.number"),
}


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("many", [False, True])
def test_a_row_is_whose_the_row_is_that_it_names_in_any_way(
    database: str, monkeypatch: pytest.MonkeyPatch, above: str, *, many: bool
) -> None:
    """Bob's note on Ann's order is both theirs, and so is hers on his; a guest's order is nobody's."""
    if many:
        monkeypatch.setattr(key_staging, "_FEW", -1)
    execute(database, _SCHEMA + _ORDERS)
    rows, link = ABOVE[above]
    # What Ann did at a place of both is hers; what Bob did there stays with the place, and is both theirs.
    shared = [7, 8] if above == "a row that people share" else []
    of_both = 2 + len(shared) // 2
    for author, note in enumerate(shared, start=1):
        execute(database, f"INSERT INTO notes VALUES ({note}, {author}, 'k4')")
    notes = f"notes: {{table: public.notes, found_by: [{{column: author, of: users.id}}, {{{link}}}]}}"
    loaded = shape(f"{_USERS}{rows}\n{notes}")
    with opened(database, loaded) as store:
        [ann] = known(store, loaded, 1)
        counted = store.count([ann], ACME, CUTOFF)
        assert (counted[1]["notes"].due, counted[1]["notes"].ambiguous) == (4 + len(shared) // 2, of_both)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        after = store.verify([ann], ACME, CUTOFF)
        assert (after[1]["notes"].due, after[1]["notes"].ambiguous) == (0, of_both)
        assert store.count([ann], ACME, CUTOFF) == after
    assert left(database, "notes") == [2, 3, *shared[1:]]


def test_a_row_names_its_person_by_a_number_that_no_statement_can_compare(database: str) -> None:
    """The number has to be taken out of a link: whose order it is, the keys of those say who go."""
    execute(database, _SCHEMA + _ORDERS)
    held = _HELD.format(source="{column: link, decode: [url-path], " + _NEVER + "}")
    by_author, by_number = "{column: author, of: users.id}", "{column: number, identity: order_no}"
    notes = f"notes: {{table: public.notes, found_by: [{by_author}, {by_number}]}}"
    loaded = shape(f"{_USERS}{held}\n{notes}")
    told(database, loaded, erased=True)
    assert left(database, "notes") == [2, 3, 5]  # of a guest's order nobody can say whose it is


def test_nothing_is_followed_from_a_row_of_two_people_unless_both_go(database: str) -> None:
    """Bob's note on Ann's order tells a token of his."""
    execute(
        database,
        _SCHEMA + _ORDERS + "CREATE TABLE tokens (id text PRIMARY KEY); INSERT INTO tokens VALUES ('t1'), ('t2');"
        "ALTER TABLE notes ADD token text UNIQUE; UPDATE notes SET token = 't' || id WHERE id < 3",
    )
    rows, link = ABOVE["a number"]
    notes = (
        f"notes: {{table: public.notes, yields: {{token: token}},"
        f" found_by: [{{column: author, of: users.id}}, {{{link}}}]}}"
    )
    tokens = "tokens: {table: public.tokens, found_by: [{column: id, identity: token}]}"
    loaded = shape(f"{_USERS}{rows}\n{notes}\n{tokens}")
    with opened(database, loaded) as store:
        [ann] = known(store, loaded, 1)
        assert ann.values("token") == ["t1"]
        together = known(store, loaded, 1, 2)
        assert {value for one in together for value in one.values("token")} == {"t1", "t2"}
        store.erase(together, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(together, ACME, CUTOFF)) == {}
    assert left(database, "tokens") == []
    assert left(database, "notes") == []


@pytest.mark.parametrize("many", [False, True])
def test_a_row_in_another_database_is_whose_key_it_holds(
    database: str, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    """Bob's gift goes to Ann's address: it is his, also where accounts are in one database and orders in another."""
    if many:
        monkeypatch.setattr(key_staging, "_FEW", -1)
    execute(
        database,
        "CREATE TABLE users (id text PRIMARY KEY, email text);"
        "CREATE TABLE orders (id int PRIMARY KEY, user_id text, email text);"
        "INSERT INTO users VALUES ('1', 'ann@x.example'), ('2', 'bob@x.example');"
        "INSERT INTO orders VALUES (1, '1', 'ann@x.example'), (2, '2', 'ann@x.example'), (3, NULL, 'ann@x.example')",
    )
    document = small_document("""
users: {table: public.users, person: user_id, undated: erase, yields: {user_id: id, email: email},
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
""")
    document["stores"]["shop"] = small_document("""
orders: {table: public.orders, undated: erase, yields: {user_id: user_id},
  found_by: [{column: user_id, identity: user_id}, {column: email, identity: email}]}
""")["stores"]["main"]
    loaded = checked(document)
    with opened(database, loaded, name="shop") as shop:
        assert [one for one in shop.inspect() if one.severity is Severity.ERROR] == []
        [ann] = resolved(shop, [subject(1, user_id="1", email="ann@x.example")], ACME)
        for due_now in (2, 0):
            for counts in (shop.count([ann], ACME, CUTOFF), shop.verify([ann], ACME, CUTOFF)):
                assert (counts[1]["orders"].due, counts[1]["orders"].ambiguous) == (due_now, 1)
            shop.erase([ann], {"orders": loaded.data_types["gone"].on_request}, ACME, CUTOFF, no_beat)
    assert left(database, "orders") == [2]


def test_a_row_that_names_itself_as_the_one_above_is_found_by_nothing_of_its_own(database: str) -> None:
    """A guest's comment, the first of its thread, under Ann's address, which Bob has taken over since."""
    execute(
        database,
        _SCHEMA
        + "CREATE TABLE notes (id int PRIMARY KEY, above int, email text);"
        + "INSERT INTO notes VALUES (1, 1, 'ann@x.example'), (2, 1, NULL), (3, 3, 'own@x.example')",
    )
    by_value = "{column: email, identity: email}"
    notes = f"notes: {{table: public.notes, undated: erase, found_by: [{by_value}, {{column: above, of: notes.id}}]}}"
    loaded = shape(_USERS + notes, email="email/3")
    with opened(database, loaded) as store:
        [ann] = known(store, loaded, 1)
        execute(database, "UPDATE users SET email = 'ann@x.example' WHERE id = 2")
        ann = replace(ann, keys=ann.keys - store.given_again([ann], ACME, _LATE).get(1, frozenset()))
        counted = store.count([ann], ACME, CUTOFF)
        assert (counted[1]["notes"].due, counted[1]["notes"].ambiguous) == (0, 1)
        assert store.verify([ann], ACME, CUTOFF) == counted
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "notes") == [1, 2, 3]


def test_a_row_to_which_nobody_points_is_nobodys(database: str) -> None:
    """A family from which everybody moved away, a contact that is no account's: its own key says nothing."""
    execute(
        database,
        _SCHEMA
        + "CREATE TABLE families (id int PRIMARY KEY, email text); ALTER TABLE users ADD family int;"
        + "CREATE TABLE devices (id int PRIMARY KEY, family int, used_by int);"
        + "INSERT INTO families VALUES (1, NULL), (2, NULL), (3, 'dan@x.example'), (4, 'dan@x.example');"
        + "UPDATE users SET family = 1 WHERE id = 1; UPDATE users SET family = 4 WHERE id = 2;"
        + "INSERT INTO devices VALUES (1, 1, 1), (2, 2, 1), (3, 4, 1), (4, 4, 2)",
    )
    loaded = shape(
        _USERS
        + """
families: {table: public.families, undated: erase,
  found_by: [{column: id, of: users.family}, {column: email, identity: email}]}
devices: {table: public.devices, found_by: [{column: family, of: families.id}, {column: used_by, of: users.id}]}
""",
        email="email/3",
    )
    assert (told(database, loaded)[1]["devices"].due, told(database, loaded)[1]["devices"].ambiguous) == (2, 1)
    told(database, loaded, erased=True)
    assert left(database, "devices") == [3, 4]
    with opened(database, loaded) as store:
        [dan] = resolved(store, [subject(1, email="dan@x.example")], ACME)
        counted = store.count([dan], ACME, CUTOFF)
        assert (counted[1]["families"].due, counted[1]["families"].ambiguous) == (1, 1)
        assert store.verify([dan], ACME, CUTOFF) == counted
        store.erase([dan], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "families") == [2, 4]


@pytest.mark.parametrize("many", [False, True])
def test_a_row_in_a_tree_is_whose_the_tree_is(database: str, monkeypatch: pytest.MonkeyPatch, *, many: bool) -> None:
    """A folder deep in Bob's names nobody: what Ann uploaded there is both theirs; one with her address is his."""
    if many:
        monkeypatch.setattr(key_staging, "_FEW", -1)
    execute(
        database,
        _SCHEMA
        + "CREATE TABLE folders (id int PRIMARY KEY, owner int, above int, contact text);"
        + "CREATE TABLE files (id int PRIMARY KEY, folder int, uploader int);"
        + "INSERT INTO folders SELECT n, CASE n WHEN 1 THEN 2 WHEN 11 THEN 1 END,"
        + " CASE WHEN n NOT IN (1, 11) THEN n - 1 END, CASE n WHEN 4 THEN 'ann@x.example' END"
        + " FROM generate_series(1, 16) n;"
        + "INSERT INTO files VALUES (1, 7, 1), (2, 7, 2), (3, 16, 1), (4, 16, NULL), (5, 16, 2)",
    )
    by_value = "{column: contact, identity: email}"
    loaded = shape(
        _USERS
        + f"""
folders: {{table: public.folders, undated: erase,
  found_by: [{{column: owner, of: users.id}}, {{column: above, of: folders.id}}, {by_value}]}}
files: {{table: public.files, found_by: [{{column: folder, of: folders.id}}, {{column: uploader, of: users.id}}]}}
""",
        email="email/3",
    )
    counts = told(database, loaded)[1]
    assert (counts["folders"].due, counts["folders"].ambiguous) == (6, 1)
    assert (counts["files"].due, counts["files"].ambiguous) == (2, 2)
    told(database, loaded, erased=True)
    assert left(database, "folders") == list(range(1, 11))
    assert left(database, "files") == [1, 2, 5]


def test_a_second_table_of_persons_says_whose_they_are_in_the_first(database: str) -> None:
    """Customers are persons of their own, found by the user: a line of Bob's order with Ann's address is Bob's."""
    execute(
        database,
        _SCHEMA
        + "CREATE TABLE customers (id text PRIMARY KEY, user_id int);"
        + "CREATE TABLE orders (id int PRIMARY KEY, customer text);"
        + "CREATE TABLE lines (id int PRIMARY KEY, ordered int, email text);"
        + "INSERT INTO customers VALUES ('c1', 1), ('c2', 2); INSERT INTO orders VALUES (1, 'c1'), (2, 'c2');"
        + "INSERT INTO lines VALUES (1, 1, NULL), (2, 2, 'ann@x.example'), (3, NULL, 'ann@x.example')",
    )
    document = small_document(
        _USERS
        + """
customers: {table: public.customers, person: customer_id, yields: {customer_id: id},
  goes_with_any: {reason: one human, approved_by: Dora},
  found_by: [{column: id, identity: customer_id}, {column: user_id, of: users.id}]}
orders: {table: public.orders, found_by: [{column: customer, of: customers.id}]}
lines: {table: public.lines, undated: erase,
  found_by: [{column: ordered, of: orders.id}, {column: email, identity: email}]}
"""
    )
    document["identities"]["customer_id"] = {"kind": "person", "normaliser": "exact/1"}
    loaded = checked(document)
    told(database, loaded, erased=True)
    assert left(database, "lines") == [2]


def test_two_keys_of_one_table_of_persons_name_one_human(database: str) -> None:
    """An account has an id and a customer number: a comment by Bob's number below Ann's post is both theirs."""
    execute(
        database,
        _SCHEMA
        + "CREATE TABLE posts (id int PRIMARY KEY, author int); INSERT INTO posts VALUES (1, 1), (2, 2);"
        + "CREATE TABLE comments (id int PRIMARY KEY, post int, customer int, email text);"
        + "INSERT INTO comments VALUES (1, 1, 101, NULL), (2, 1, 102, NULL), (3, 2, 101, NULL),"
        + "(4, NULL, 102, 'ann@x.example')",
    )
    document = small_document(
        _USERS.replace("email: email},", "email: email, customer: number},").replace(
            "[{column: id", "[{column: number, identity: customer}, {column: id"
        )
        + """
posts: {table: public.posts, found_by: [{column: author, identity: user_id}]}
comments: {table: public.comments, undated: erase, found_by: [{column: email, identity: email},
  {column: post, of: posts.id}, {column: customer, identity: customer}], yields: {customer: customer}}
"""
    )
    document["identities"]["customer"] = {"kind": "person", "normaliser": "integer/2"}
    loaded = checked(document)
    assert told(database, loaded, erased=True)[1]["comments"].ambiguous == 3
    assert left(database, "comments") == [2, 3, 4]


def test_a_key_that_another_kind_of_store_tells_leads_to_nobody_elses_row(database: str) -> None:
    """An index in Redis names a token; the device that has it says by a key that it is Bob's."""
    execute(
        database,
        _SCHEMA
        + "CREATE TABLE devices (id int PRIMARY KEY, token text, owner int);"
        + "INSERT INTO devices VALUES (1, 't', 1), (2, 't', 2), (3, 't', NULL)",
    )
    devices = "{table: public.devices, found_by: [{column: token, identity: token}, {column: owner, of: users.id}]}"
    loaded = shape(f"{_USERS}devices: {devices}")
    with opened(database, loaded) as store:
        [ann] = known(store, loaded, 1)
        ann = replace(ann, keys=ann.keys | subject(1, token="t").keys)
        counted = store.count([ann], ACME, CUTOFF)
        assert (counted[1]["devices"].due, counted[1]["devices"].ambiguous) == (2, 1)
        assert store.verify([ann], ACME, CUTOFF) == counted
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "devices") == [2]


def test_rows_of_a_person_whose_own_row_is_gone_are_found_by_the_key(database: str) -> None:
    """The application deleted the account, and no foreign key took what refers to it, nor what that leads to."""
    execute(
        database,
        _SCHEMA
        + "INSERT INTO carts VALUES (14, 7); CREATE TABLE items (id int PRIMARY KEY, cart int, token text UNIQUE);"
        + "CREATE TABLE tokens (id text PRIMARY KEY); INSERT INTO tokens VALUES ('t1'), ('t2');"
        + "INSERT INTO items VALUES (1, 14, 't1'), (2, 12, 't2')",
    )
    loaded = shape(
        _USERS
        + """
items: {table: public.items, yields: {token: token}, found_by: [{column: cart, of: carts.id}]}
tokens: {table: public.tokens, found_by: [{column: id, identity: token}]}
"""
    )
    with opened(database, loaded) as store:
        [gone] = known(store, loaded, 7)
        assert {name: one.due for name, one in store.count([gone], ACME, CUTOFF)[7].items()} == {
            "users": 0,
            "carts": 1,
            "items": 1,
            "tokens": 1,
        }
        store.erase([gone], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([gone], ACME, CUTOFF)) == {}
    assert left(database, "carts") == [11, 12, 13]
    assert left(database, "items") == [2]
    assert left(database, "tokens") == ["t2"]


def test_who_is_above_a_person_has_no_say_in_what_is_theirs(database: str) -> None:
    """Employees stand below their managers: an order of Ann's is hers, whoever manages her."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text, manager int, created_at timestamptz DEFAULT '2025-01-01');"
        "INSERT INTO users VALUES (1, 'ann@x.example', 2), (2, 'bob@x.example', NULL);"
        "CREATE TABLE orders (id int PRIMARY KEY, owner int, clerk int);"
        "INSERT INTO orders VALUES (1, 1, 1), (2, 2, 1), (3, 1, NULL)",
    )
    loaded = shape("""
users: {table: public.users, person: user_id, yields: {user_id: id, email: email}, created: created_at,
  goes_with_any: {reason: they leave together, approved_by: Dora},
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}, {column: manager, of: users.id}]}
orders: {table: public.orders, found_by: [{column: owner, of: users.id}, {column: clerk, of: users.id}]}
""")
    counts = told(database, loaded)[1]
    assert (counts["orders"].due, counts["orders"].ambiguous) == (2, 1)


@pytest.mark.parametrize("waited", [False, True])
def test_an_id_that_was_given_again_since_the_cutoff_takes_nobody_along(database: str, *, waited: bool) -> None:
    """The application deleted Ann's account, and gave her id to Zed, before the first row went or while we waited."""
    execute(database, _SCHEMA)
    given_again = (
        "UPDATE users SET name = 'zed', email = 'zed@x.example', created_at = '9999-01-01' WHERE id = 1",
        "UPDATE carts SET user_id = 1 WHERE id = 13",
    )
    loaded = shape(_USERS)
    with opened(database, loaded) as store:
        [ann] = known(store, loaded, 1)
        if not waited:
            execute(database, "; ".join(given_again))
            with pytest.raises(TerminalError, match="somebody else has it now"):
                store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        else:
            with psycopg.connect(database) as other, ThreadPoolExecutor(1) as pool:
                other.execute("SELECT FROM carts WHERE id = 11 FOR UPDATE")
                other.execute(given_again[0])
                erasing = pool.submit(store.erase, [ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
                time.sleep(0.5)
                other.commit()
                with pytest.raises(ConnectorError, match="somebody else"):
                    erasing.result()
    assert left(database, "carts") == [11, 12, 13]
    assert left(database, "users") == [1, 2]


def test_a_key_in_a_text_says_whose_the_row_is_as_it_stands_there(database: str) -> None:
    """`u- 1` finds nobody, so nobody can say whose it is: for a count and for a verification alike."""
    execute(
        database,
        f"{_SCHEMA}CREATE TABLE items (id int PRIMARY KEY, owner int, members text[]);"
        "INSERT INTO items VALUES (1, 1, '{u-1}'), (2, 1, '{u- 1}'), (3, 1, '{u-2}')",
    )
    links = 'found_by: [{column: owner, of: users.id}, {column: members, each: true, template: "u-{user_id}", '
    loaded = shape(f"{_USERS}items: {{table: public.items, {links} identity: user_id}}]}}", user_id="integer/2")
    with opened(database, loaded) as store:
        people = known(store, loaded, 1)
        for found in (store.count(people, ACME, CUTOFF), store.verify(people, ACME, CUTOFF)):
            assert (found[1]["items"].due, found[1]["items"].ambiguous) == (1, 2)
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "items") == [2, 3]
