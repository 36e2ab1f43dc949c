"""Held values: of a row that a key found the values in it say whose it is, now and before the commit (ADR 18)."""

from __future__ import annotations

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.inspection import findings
from tests.support.postgres.locks import erasing_that_waits
from tests.support.postgres.scans import scans_of_users
from tests.support.postgres.small_schemas import ACME, left, shape, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope, no_beat

_TABLES = """
CREATE TABLE users (id text PRIMARY KEY, email text, created_at timestamptz DEFAULT '2025-01-01');
CREATE TABLE threads (id int PRIMARY KEY, u text);
CREATE TABLE posts (id int PRIMARY KEY, thread int, author text, parent int, at timestamptz DEFAULT '2025-06-01');
INSERT INTO users VALUES ('1', 'ann@x.example'), ('9', 'zoe@x.example');
INSERT INTO threads VALUES (1, '1'), (9, '9');
INSERT INTO posts VALUES (1, 1, 'ann@x.example'), (2, 1, 'bob@x.example'), (3, 1, NULL), (9, 9, 'zoe@x.example');
"""
_MAP = """
users: {table: public.users, person: user_id, created: created_at, yields: {user_id: id, email: email},
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
threads: {table: public.threads, found_by: [{column: u, of: users.id}]}
posts: {table: public.posts, created: at, found_by: [{column: thread, of: threads.id},
  {column: author, identity: email}BELOW]}
"""
BELOW = ", {column: parent, of: posts.id}"
BOB = "INSERT INTO users VALUES ('2', 'Bob@x.example')"
NORMALISERS = ["email/1", "email/3"]


def forum(normaliser: str, below: str = "") -> DataMap:
    return shape(_MAP.replace("BELOW", below), email=normaliser)


def index(database: str, loaded: DataMap) -> None:
    """Every index that `check` asks for."""
    for one in findings(database, loaded):
        if one.code == "tie-index" and one.remedy is not None:
            execute(database, one.remedy.replace(" CONCURRENTLY", ""))


@pytest.mark.parametrize("normaliser", NORMALISERS)
@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("people", [1, 200])
def test_both_sides_leave_a_row_whose_value_somebody_else_holds(
    database: str, normaliser: str, people: int, *, indexed: bool
) -> None:
    execute(database, _TABLES + BOB)
    loaded = forum(normaliser)
    if indexed:
        index(database, loaded)
    with opened(database, loaded) as store:
        asked = [subject(1, user_id="1"), *(subject(n, user_id=f"x{n}") for n in range(2, people + 1))]
        chunk = resolved(store, asked, ACME)
        for counts in (store.count(chunk, ACME, CUTOFF), store.verify(chunk, ACME, CUTOFF)):
            assert (counts[1]["posts"].due, counts[1]["posts"].ambiguous) == (2, 1)
        store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        for counts in (store.count(chunk, ACME, CUTOFF), store.verify(chunk, ACME, CUTOFF)):
            assert due(counts) == {}
    assert (left(database, "posts"), left(database, "users")) == ([2, 9], ["2", "9"])


_STAFF = """
staff: {table: public.staff, person: staff_id, yields: {staff_id: id}, undated: keep,
  found_by: [{column: id, identity: staff_id}, {column: email, identity: email}]}
"""


@pytest.mark.parametrize("normaliser", NORMALISERS)
@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize(
    ("bob", "stay"),
    [
        ("INSERT INTO users VALUES ('2', 'bob@x.example')", [2, 9]),
        ("INSERT INTO users (id, email, client) VALUES ('2', 'bob@x.example', 2)", [9]),
        ("INSERT INTO staff VALUES ('2', 'bob@x.example')", [9]),
    ],
    ids=["of the same client", "of another client", "of another controller"],
)
def test_whoever_holds_the_value_for_somebody_else_says_nothing(
    database: str, normaliser: str, bob: str, stay: list[int], *, indexed: bool
) -> None:
    """Of another client, or of the firm that the clients are of (ADR 28)."""
    client = "ALTER TABLE users ADD client int DEFAULT 1; CREATE TABLE staff (id text PRIMARY KEY, email text)"
    execute(database, f"{_TABLES}{client}; {bob}")
    document = small_document(_MAP.replace("BELOW", "") + _STAFF, email=normaliser)
    document["identities"]["staff_id"] = {"kind": "person", "normaliser": "exact/1"}
    for name in ("users", "threads", "posts"):
        whose = {"column": "client"} if name == "users" else {"inherited": True}
        document["stores"]["main"]["collections"][name]["owner"] = {"controller": "client", **whose}
    loaded, scope = checked(document), Scope("client", "1")
    if indexed:
        index(database, loaded)
    with opened(database, loaded) as store:
        ann = resolved(store, [subject(1, user_id="1")], scope)
        for counts in (store.count(ann, scope, CUTOFF), store.verify(ann, scope, CUTOFF)):
            assert (counts[1]["posts"].due, counts[1]["posts"].ambiguous) == (4 - len(stay), len(stay) - 1)
        store.erase(ann, actions(loaded, "client"), scope, CUTOFF, no_beat)
    assert left(database, "posts") == stay


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_it_goes_when_its_holder_does(database: str, normaliser: str) -> None:
    execute(database, _TABLES + BOB)
    loaded = forum(normaliser)
    with opened(database, loaded) as store:
        both = resolved(store, [subject(1, user_id="1"), subject(2, user_id="2")], ACME)
        assert store.verify(both, ACME, CUTOFF)[1]["posts"].due == 3
        store.erase(both, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert (left(database, "posts"), left(database, "threads")) == ([9], [9])


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_so_does_nothing_below_it_and_it_is_asked_of_rows_below(database: str, normaliser: str) -> None:
    """Replies to Bob's post, and Bob's reply to Ann's."""
    replies = "INSERT INTO posts VALUES (21, NULL, NULL, 2), (11, NULL, 'bob@x.example', 1), (12, NULL, NULL, 1)"
    execute(database, f"{_TABLES}{BOB}; {replies}")
    loaded = forum(normaliser, BELOW)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert (counts[1]["posts"].due, counts[1]["posts"].ambiguous) == (3, 2)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "posts") == [2, 9, 11, 21]


@pytest.mark.parametrize("change", ["at = at", "author = 'bob@x.example'"])
@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_who_takes_the_value_while_the_deletion_waits_keeps_the_row(
    database: str, normaliser: str, change: str
) -> None:
    """Bob registers, and has the row: what a statement that waits for it sees is older than that."""
    execute(database, _TABLES)
    loaded = forum(normaliser)
    row = 3 if "author" in change else 2
    execute(database, f"DELETE FROM posts WHERE id = {5 - row}")
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        chunk = resolved(store, [subject(1, user_id="1")], ACME)
        bob.execute(BOB)
        bob.execute(f"UPDATE posts SET {change} WHERE id = {row}")  # type: ignore[arg-type]
        with erasing_that_waits(database, lambda: store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)):
            bob.commit()
        assert due(store.verify(chunk, ACME, CUTOFF)) == {}
    assert left(database, "posts") == [row, 9]


_LETTERS = """
CREATE TABLE letters (id int PRIMARY KEY, doc jsonb, mails text[], at timestamptz DEFAULT '2025-06-01');
INSERT INTO letters VALUES (1, '{"to": ["Ann@x.example"]}', '{ann@x.example}'),
  (2, '{"to": ["ann@x.example", "Bob@X.example"]}', '{ann@x.example,bob@x.example}'),
  (3, '{"to": ["ann@x.example", "guest@x.example"]}', '{ann@x.example,guest@x.example}');
"""


@pytest.mark.parametrize("place", ["column: doc, path: [to]", "column: mails, each: true"])
@pytest.mark.parametrize("normaliser", NORMALISERS)
@pytest.mark.parametrize("people", [1, 200])
def test_a_document_or_an_array_by_which_two_account_holders_are_found_goes_when_both_do(
    database: str, normaliser: str, place: str, people: int
) -> None:
    """Whoever it was found by. Nobody has the guest's address."""
    execute(database, _TABLES + BOB + ";" + _LETTERS)
    letters = f"letters: {{table: public.letters, created: at, found_by: [{{{place}, identity: email}}]}}\n"
    loaded = shape(_MAP.replace("BELOW", "") + letters, email=normaliser)
    with opened(database, loaded) as store:
        more = [subject(n, user_id=f"x{n}") for n in range(3, people + 1)]
        [*ann] = resolved(store, [subject(1, user_id="1"), *more], ACME)
        for counts in (store.count(ann, ACME, CUTOFF), store.verify(ann, ACME, CUTOFF)):
            assert (counts[1]["letters"].due, counts[1]["letters"].ambiguous) == (2, 1)
        store.erase(ann, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        for counts in (store.count(ann, ACME, CUTOFF), store.verify(ann, ACME, CUTOFF)):
            assert (due(counts), counts[1]["letters"].ambiguous) == ({}, 1)
        assert left(database, "letters") == [2]
        both = [*ann, *resolved(store, [subject(2, user_id="2")], ACME)]
        assert store.verify(both, ACME, CUTOFF)[2]["letters"].due == 1
        store.erase(both, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(both, ACME, CUTOFF)) == {}
    assert left(database, "letters") == []


def test_who_takes_an_address_of_a_document_while_the_deletion_waits_keeps_it(database: str) -> None:
    execute(database, _TABLES + _LETTERS + "DELETE FROM letters WHERE id <> 2")
    letters = "letters: {table: public.letters, created: at, found_by: [{column: doc, path: [to], identity: email}]}\n"
    loaded = shape(_MAP.replace("BELOW", "") + letters)
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        chunk = resolved(store, [subject(1, user_id="1")], ACME)
        bob.execute(BOB)
        bob.execute("UPDATE letters SET at = at")
        with erasing_that_waits(database, lambda: store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)):
            bob.commit()
        assert due(store.verify(chunk, ACME, CUTOFF)) == {}
    assert left(database, "letters") == [2]


def test_a_number_of_a_thing_is_no_value_of_persons(database: str) -> None:
    """In one column, unless `where` says in which rows it is which: see the acceptance tests for what goes wrong."""
    execute(database, _TABLES)
    mixed = _MAP.replace("BELOW", ", {column: author, identity: token}")
    assert "link-beside-identity" in {one.code for one in findings(database, shape(mixed))}
    document = small_document(mixed.replace("identity: token}", "identity: token, where: {thread: ['1']}}"))
    assert "link-beside-identity" in {one.code for one in findings(database, checked(document))}


_OF_BOB = [
    "bob @x.example",
    "bob@ x.example",
    "Bob@X.EXAMPLE.",
    "b\u00adob@x.example",
    "bob\uff20x.example",
    "\u00a0bob@x.example\t",
    "x bob@x.example",
    "bob (at) x.example",
    "Bob[AT]x.example",
]
_OF_JO = ["jo@m\u00fcnchen.example", "ann@x.example, jo@m\u00fcnchen.example", "jo@xn--mnchen-3ya.example"]
_OF_NOBODY = ["unknown", "n/a", "carl@x.example", "joe@x.example", "bob@y.example", "\u00a0carl@x.example\u3000"]
_UNREAD = ["guest@m\u00fcnchen.example", "j\u00f6rg@y.example", "bob@", "@home"]
_ANNS = ["ann@k\u00f6ln.example", "Ann <ann @x.example>", "ann@xn--kln-sna.example"]


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize(
    "held", [("bob@x.example", "jo@xn--mnchen-3ya.example"), ("\u00a0bob @x.example.", "jo@m\u00fcnchen.example")]
)
def test_texts_that_sql_compares_say_whose_a_row_is_as_those_do_that_are_read(
    database: str, held: tuple[str, str], *, indexed: bool
) -> None:
    """However either is written. What SQL cannot read may be anybody's; what holds no address is nobody's."""
    execute(database, _TABLES + "DELETE FROM posts")
    for number, address in enumerate((*held, "j\u00f6rg@x.example", "not an \u00e4ddress"), 2):
        execute(database, f"INSERT INTO users VALUES ('{number + 20}', '{address}')")
    for number, text in enumerate([*_OF_BOB, *_OF_JO, *_UNREAD, *_OF_NOBODY, *_ANNS], 1):
        execute(database, f"INSERT INTO posts VALUES ({number}, 1, '{text}')")
    loaded = forum("email/3")
    if indexed:
        index(database, loaded)
    stay = len(_OF_BOB) + len(_OF_JO) + len(_UNREAD)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1", email="ann@xn--kln-sna.example")], ACME)
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert (counts[1]["posts"].due, counts[1]["posts"].ambiguous) == (len(_OF_NOBODY + _ANNS), stay)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "posts") == list(range(1, stay + 1))


@pytest.mark.parametrize("normaliser", NORMALISERS)
@pytest.mark.parametrize("indexed", [False, True])
def test_a_row_that_one_value_finds_names_others_by_another_value(
    database: str, normaliser: str, *, indexed: bool
) -> None:
    """Ann's address and Bob's, hers and a guest's, two of hers, none; and both people's where both go."""
    pairs = "(1, 1, 'ann@x.example', 'bob@x.example'), (2, 1, 'ann@x.example', 'guest@x.example')"
    pairs += ", (3, 1, 'ann@x.example', 'ann@x.example'), (4, 1, 'ann@x.example', NULL), (5, 1, 'x', 'bob@x.example')"
    pairs += ", (6, 1, 'ann@x.example', ''), (7, 1, 'ann@x.example', ' ')"
    execute(
        database,
        f"{_TABLES}{BOB}, ('7', ''), ('8', NULL), ('10', ' '); DELETE FROM posts; ALTER TABLE posts ADD reader text",
    )
    execute(database, f"INSERT INTO posts (id, thread, author, reader) VALUES {pairs}; UPDATE posts SET thread = NULL")
    loaded = forum(normaliser, ", {column: reader, identity: email}")
    if indexed:
        index(database, loaded)
    with opened(database, loaded) as store:
        ann, both = (
            resolved(store, [subject(one, user_id=str(one)) for one in range(1, number + 1)], ACME) for number in (1, 2)
        )
        for counts in (store.count(both, ACME, CUTOFF), store.verify(both, ACME, CUTOFF)):
            assert [(counts[one]["posts"].due, counts[one]["posts"].ambiguous) for one in (1, 2)] == [(6, 0), (2, 0)]
        for counts in (store.count(ann, ACME, CUTOFF), store.verify(ann, ACME, CUTOFF)):
            assert (counts[1]["posts"].due, counts[1]["posts"].ambiguous) == (5, 1)
        store.erase(ann, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        for counts in (store.count(ann, ACME, CUTOFF), store.verify(ann, ACME, CUTOFF)):
            assert due(counts) == {}
        assert left(database, "posts") == [1, 5]


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_who_takes_the_second_value_while_the_deletion_waits_keeps_the_row(database: str, normaliser: str) -> None:
    execute(database, f"{_TABLES}; ALTER TABLE posts ADD reader text; UPDATE posts SET reader = 'bob@x.example'")
    execute(database, "UPDATE posts SET thread = NULL; DELETE FROM posts WHERE id <> 1")
    loaded = forum(normaliser, ", {column: reader, identity: email}")
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        chunk = resolved(store, [subject(1, user_id="1")], ACME)
        bob.execute(BOB)
        bob.execute("UPDATE posts SET at = at WHERE id = 1")
        with erasing_that_waits(database, lambda: store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)):
            bob.commit()
        assert due(store.verify(chunk, ACME, CUTOFF)) == {}
    assert left(database, "posts") == [1]


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_with_an_index_the_holders_are_not_read_from_end_to_end(database: str, normaliser: str) -> None:
    """Of addresses that nobody holds, too: the planner hoped to meet one early in the table."""
    execute(
        database,
        _TABLES + "INSERT INTO users SELECT 'x' || n, n || '@x.example' FROM generate_series(10, 60000) n;"
        "INSERT INTO threads SELECT n, 'x' || n FROM generate_series(10, 60000) n;"
        "INSERT INTO posts SELECT n, n, n || '@y.example' FROM generate_series(10, 60000) n",
    )
    loaded = forum(normaliser)
    index(database, loaded)
    execute(database, "ANALYZE")
    with opened(database, loaded) as store:
        people = resolved(store, [subject(n, user_id=f"x{n}") for n in range(10, 40)], ACME)
    for verb in (
        lambda store: store.count(people, ACME, CUTOFF),
        lambda store: store.verify(people, ACME, CUTOFF),
        lambda store: store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat),
    ):
        before = scans_of_users(database)
        with opened(database, loaded) as store:
            verb(store)
        assert scans_of_users(database) == before


def test_what_led_there_is_not_asked_about_as_another_identity_of_some_kinds_of_rows(database: str) -> None:
    """Of an address that SQL cannot read nobody can say whose it is; this one is the subject's, read by the client."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text, recovery text, created_at date DEFAULT '2025-01-01')"
        "; CREATE TABLE leads (id int PRIMARY KEY, mail text, kind int, created_at timestamptz DEFAULT '2025-06-01');"
        "INSERT INTO users VALUES (1, 'a%n@x.example', 'ann@y.example'), (2, 'bob@x.example', 'b%b@x.example');"
        "INSERT INTO leads VALUES (1, 'Ann <A%N@x.example>', 1), (2, 'b%b@x.example', 1)",
    )
    text = """
    users: {table: public.users, person: user_id, created: created_at,
      yields: {user_id: id, email: email, recovery: recovery}, found_by: [{column: id, identity: user_id},
      {column: email, identity: email}, {column: recovery, identity: recovery}]}
    leads: {table: public.leads, created: created_at, found_by: [{column: mail, identity: email},
      {column: mail, identity: recovery, where: {kind: '1'}}]}
    """
    document = small_document(text, email="email/3")
    document["identities"]["recovery"] = {"kind": "reusable", "normaliser": "exact/1"}
    with opened(database, checked(document)) as store:
        ann = resolved(store, [subject(1, user_id="1")], ACME)
        for counts in (store.count(ann, ACME, CUTOFF), store.verify(ann, ACME, CUTOFF)):
            assert (counts[1]["leads"].due, counts[1]["leads"].ambiguous) == (1, 0)
