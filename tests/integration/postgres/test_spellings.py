"""Phones and mailboxes: a request finds every spelling that the library reads as the same (ADR 22)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.support.postgres.company import CUTOFF, actions, due, execute, opened, subject
from tests.support.postgres.small_schemas import ACME, checked, erased, left, shape, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import no_beat

USERS = """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}, {column: mail, identity: email%(region)s}]
  created: created
  yields: {user_id: id, email: {column: mail%(region)s}}
"""
ORDERS = """
orders:
  table: public.orders
  created: created
  goes_with_any: {reason: made up, approved_by: nobody}
  found_by: [{column: contact, identity: email%(region)s}]
"""
INSIDE = """
docs:
  table: public.docs
  created: created
  goes_with_any: {reason: made up, approved_by: nobody}
  found_by: [{column: doc, path: [contacts], identity: email%(region)s}]
lists:
  table: public.lists
  created: created
  goes_with_any: {reason: made up, approved_by: nobody}
  found_by: [{column: contacts, each: true, identity: email%(region)s}]
"""
CREATED = "created timestamptz NOT NULL DEFAULT '2020-01-01'"
ANN = (
    *("ann@x.example", " ANN@X.example", "Ann <ann@x.example>", '"Smith, Ann" <Ann@x.example>', "mailto:ann@x.example"),
    *("mailto:ann%40x.example?subject=1", "ann@x.example, bob@x.example", "ann@\uff58.example"),
    *("'ann@x.example'", "ann@x.example.", "ann\uff20x.example", "ann @x.example", "E-Mail: ann@x.example"),
)
NOT_ANN = ("joann@x.example", "ann@x.example.org", "bob@x.example", "unknown", "", "ann@y.example <bob@x.example>")
BERLIN = (
    *("+4930123456", "+49 (0)30 12 34 56", "030 123456", "(030) 123-456", "0049 30 123456", "tel:+49-30-123456"),
    *("030 123456, 040 987654", "\uff0b\uff14\uff1930123456"),
    *("Tel. 030 123456", "+49 30 123456 (priv.)", "+49 40 987654 / +49 30 123456"),
)
NOT_BERLIN = ("040 123456", "+49 30 123456 ext. 3", "+44 30 123456", "unknown", "+49 30 1234567")


def tables(url: str, mine: tuple[str, ...], others: tuple[str, ...]) -> None:
    execute(
        url,
        f"CREATE TABLE users (id text PRIMARY KEY, mail text, {CREATED});"
        f"CREATE TABLE orders (id int PRIMARY KEY, contact text, {CREATED});"
        f"CREATE TABLE docs (id int PRIMARY KEY, doc jsonb, {CREATED});"
        f"CREATE TABLE lists (id int PRIMARY KEY, contacts text[], {CREATED})",
    )
    for at, text in enumerate((*mine, *others), start=1):
        quoted = "'" + text.replace("'", "''") + "'"
        execute(
            url,
            f"INSERT INTO orders VALUES ({at}, {quoted}); INSERT INTO lists VALUES ({at}, ARRAY['x', {quoted}]);"
            f"INSERT INTO docs VALUES ({at}, jsonb_build_object('contacts', jsonb_build_array('x', {quoted}::text)))",
        )


def mapped(collections: str, region: str | None, normaliser: str) -> DataMap:
    return shape(collections % {"region": f", region: {region}" if region else ""}, email=normaliser)


@pytest.mark.parametrize(
    ("normaliser", "region", "key", "texts"),
    [
        ("email/3", None, "ann@x.example", (ANN, NOT_ANN)),
        ("phone/1", "DE", "+4930123456", (BERLIN, NOT_BERLIN)),
        ("email/3", None, "j\u00f6rg@xn--mnchen-3ya.example", (("J\u00d6RG@m\u00fcnchen.example",), NOT_ANN)),
        (
            "phone/1",
            None,
            "+4930123456;ext=3",
            (("+49 30 123456 ext. 3", "+49-30-123456 x3"), ("030 123456", "+49 30 123456")),
        ),
    ],
)
def test_a_request_finds_every_spelling(database, normaliser, region, key, texts):
    mine, others = texts
    tables(database, mine, others)
    loaded = mapped(ORDERS + INSIDE, region, normaliser)
    erased(database, loaded, email=key, expected={"orders": len(mine), "docs": len(mine), "lists": len(mine)})
    rest = list(range(len(mine) + 1, len(mine) + len(others) + 1))
    assert left(database, "orders") == left(database, "docs") == left(database, "lists") == rest


@pytest.mark.parametrize("many", [1, 150])
def test_a_spelling_that_a_persons_row_tells_leads_on(database, many):
    """Few people share one statement, many have tables of their own."""
    tables(database, (), ())
    for at in range(many):
        execute(
            database,
            f"INSERT INTO users VALUES ('u{at}', 'User <U{at}@x.example>, u{at}@y.example');"
            f"INSERT INTO orders VALUES ({at}, 'mailto:u{at}@y.example')",
        )
    execute(database, "INSERT INTO orders VALUES (1000, 'u1@z.example')")
    loaded = mapped(USERS + ORDERS, None, "email/3")
    people = [subject(at + 1, user_id=f"u{at}") for at in range(many)]
    with opened(database, loaded) as store:
        told = store.resolve(people, ACME, CUTOFF)
        keys = {(one.number, one.key.value) for one in told if one.key.namespace == "email"}
        assert keys == {(at + 1, f"u{at}@{host}.example") for at in range(many) for host in "xy"}
        assert {one.via.namespace for one in told} == {"user_id"}
        by_mail = [subject(at + 1, email=f"u{at}@y.example") for at in range(many)]
        told = store.resolve(by_mail, ACME, CUTOFF)
        assert {(one.via.value, one.key.value) for one in told if one.key.namespace == "user_id"} == {
            (f"u{at}@y.example", f"u{at}") for at in range(many)
        }
        known = [subject(at + 1, user_id=f"u{at}", email=f"u{at}@y.example") for at in range(many)]
        assert due(store.count(known, ACME, CUTOFF)) == due(store.verify(known, ACME, CUTOFF))
        store.erase(known, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(known, ACME, CUTOFF)) == {}
    assert left(database, "users") == []
    assert left(database, "orders") == [1000]


@pytest.mark.parametrize("kind", ["text", "varchar(200)"])
def test_check_asks_for_the_indexes_that_serve(database, kind):
    tables(database, (), ())
    execute(database, f"ALTER TABLE orders ALTER contact TYPE {kind}")
    loaded = mapped(ORDERS, "DE", "phone/1")
    with opened(database, loaded) as store:
        wanted = [one.remedy for one in store.inspect() if one.code == "tie-index"]
        assert len(wanted) == 2
        for statement in wanted:
            execute(database, statement.replace("CONCURRENTLY ", ""))
        assert [one.remedy for one in store.inspect() if one.code == "tie-index"] == []
    execute(database, "DROP INDEX orders_contact_idx; CREATE INDEX ON orders (contact)")
    with opened(database, loaded) as store:
        assert [one.remedy for one in store.inspect() if one.code == "tie-index"] == []


@pytest.mark.parametrize(
    ("region", "normaliser", "reason"), [("DE", "email/3", "phone/1"), ("XX", "phone/1", "no region")]
)
def test_a_region_is_for_phone_numbers(region, normaliser, reason):
    with pytest.raises((AssertionError, ValidationError), match=reason):
        mapped(ORDERS, region, normaliser)


@pytest.mark.parametrize("many", [0, 150])
def test_a_text_that_names_somebody_else_as_well_is_told_and_stays(database, many):
    """Law 2: of a list in one field nobody can say whose the row is; with everybody on it, it goes."""
    tables(database, ("ann@x.example, Bob <bob@x.example>", "ann@x.example"), ())
    alone = ORDERS.replace("  goes_with_any: {reason: made up, approved_by: nobody}\n", "")
    loaded = mapped(alone, None, "email/3")
    more = [subject(at + 10, email=f"u{at}@x.example") for at in range(many)]
    ann, bob = subject(1, email="ann@x.example"), subject(2, email="bob@x.example")
    with opened(database, loaded) as store:
        for counts in (store.count([ann, *more], ACME, CUTOFF), store.verify([ann, *more], ACME, CUTOFF)):
            assert due(counts) == {"orders": 1}
            assert counts[1]["orders"].ambiguous == 1
        store.erase([ann, *more], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify([ann, *more], ACME, CUTOFF)) == {}
        assert left(database, "orders") == [1]
        store.erase([ann, bob, *more], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert store.verify([ann, bob], ACME, CUTOFF)[1]["orders"].empty
    assert left(database, "orders") == []


@pytest.mark.parametrize(
    ("normaliser", "ann", "bob", "texts"),
    [
        (
            "email/3",
            "ann@x.example",
            "bob@x.example",
            (
                *("ann@x.example; cc bob@x.example", "ann@x.example, bob@x.example privat"),
                *("Ann <ann@x.example> (for bob@x.example)", "mailto:ann@x.example?cc=bob@x.example"),
                *("mailto:ann@x.example?subject=hi&bcc=bob%40x.example", "ann@x.example\nVertretung bob@x.example"),
            ),
        ),
        (
            "phone/1",
            "+4930123451",
            "+4930123452",
            ("+4930123451;+4930123452 abends", "tel:+4930123451;alt=+4930123452", "030 123451\n030 123452 Bob"),
        ),
    ],
)
def test_a_text_of_which_a_part_may_name_somebody_else_stays_and_is_told(database, normaliser, ann, bob, texts):
    """Law 2: what cannot be read may be anybody's: so the text is nobody's alone, also where both are erased."""
    tables(database, texts, ())
    alone = ORDERS.replace("  goes_with_any: {reason: made up, approved_by: nobody}\n", "")
    loaded = mapped(alone, None if normaliser == "email/3" else "DE", normaliser)
    hers, his = subject(1, email=ann), subject(2, email=bob)
    with opened(database, loaded) as store:
        told = {one.key.namespace for one in store.resolve([his], ACME, CUTOFF)}
        assert told == {"unread:main.orders"}
        for people in ([hers], [hers, his]):
            store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            for counts in (store.count(people, ACME, CUTOFF), store.verify(people, ACME, CUTOFF)):
                assert due(counts) == {}
                assert counts[1]["orders"].ambiguous == len(texts)
    assert left(database, "orders") == list(range(1, len(texts) + 1))


def test_a_person_who_shares_an_account_claims_both_addresses(database):
    tables(database, ("ann@x.example",), ())
    execute(database, "INSERT INTO users VALUES ('u1', 'ann@x.example'), ('u2', 'bob@x.example, ann@x.example')")
    loaded = mapped(USERS + ORDERS, None, "email/3")
    with opened(database, loaded) as store:
        ann = subject(1, user_id="u1", email="ann@x.example")
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
            assert due(counts) == {}
            assert counts[1]["orders"].ambiguous == 1
    assert left(database, "users") == ["u2"]
    assert left(database, "orders") == [1]


def test_elements_in_any_spelling_are_taken_out_of_an_array(database):
    tables(database, ("Ann <ann@x.example>",), ("bob@x.example",))
    loaded = mapped(INSIDE[INSIDE.index("lists:") :].replace("goes_with_any: {reason: made up, approved_by: nobody}",
        "data_type: anchor\n  tombstone: {contacts: {elements: true}}"), None, "email/3")  # fmt: skip
    erased(database, loaded, email="ann@x.example", expected={"lists": 1})
    assert left(database, "lists", "id, contacts") == [(1, ["x"]), (2, ["x", "bob@x.example"])]


@pytest.mark.parametrize("mine", [("write to ann@x.example", "Room 12 030 123456"), ("", "")])
def test_what_may_be_a_key_and_cannot_be_read_is_told(database: str, mine: tuple[str, str]) -> None:
    """In no row of hers: such a row stays, and is not taken for nothing."""
    execute(
        database,
        f"CREATE TABLE mails (id int PRIMARY KEY, v text, {CREATED}); CREATE TABLE calls (LIKE mails INCLUDING ALL)",
    )
    values = [(mine[0], mine[1]), ("write to joann@x.example", "Room 12 030 123457"), ("bob@x.example", "n/a")]
    for at, (mail, call) in enumerate(values):
        execute(database, f"INSERT INTO mails VALUES ({at}, '{mail}'); INSERT INTO calls VALUES ({at}, '{call}')")
    document = small_document(
        "mails: {table: public.mails, created: created, found_by: [{column: v, identity: email}]}\n"
        "calls: {table: public.calls, created: created, found_by: [{column: v, identity: phone, region: DE}]}\n",
        email="email/3",
    )
    document["identities"]["phone"] = {"kind": "reusable", "normaliser": "phone/1"}
    with opened(database, checked(document)) as store:
        told = store.resolve([subject(1, email="ann@x.example", phone="+4930123456")], ACME, CUTOFF)
        assert {(one.via.namespace, one.key.namespace) for one in told} == (
            {("email", "unread:main.mails"), ("phone", "unread:main.calls")} if mine[0] else set()
        )


JOINED = (
    *(
        "ann@x.example|dora@x.example",
        "ann@x.example/dora@x.example",
        "bob@x.example=ann@x.example",
        "ann@x.example&a=b",
    ),
    *(
        "*ann@x.example*",
        "*ann@x.example",
        "https://h.example/?m=ann@x.example",
        "https://h.example/?m%3Dann%40x.example&b",
    ),
    *(
        "ann@x.example\u2028dora@x.example",
        "bob@x.example\u3001Ann@X.example",
        "ann@x.example\u00b7",
        "dora@x.example\u2192ann@x.example",
    ),
    *(
        "{'mail': 'ann@x.example'}",
        "'ann@x.example, 'bob@x.example'",
        "ann@x.example...",
        "`ann@x.example` or none",
        "joe/ann@x.example",
    ),
)
NOT_HERS = (
    *(
        "joann@x.example|dora@x.example",
        "dora/joe.ann@x.example",
        "d'ann@x.example",
        "ann@x.example.org|dora@x.example",
    ),
    *(
        "j.ann@x.example*",
        "ann+news@x.example|x",
        "dora@x.example/bob@x.example",
        "h.example/ann",
        "bob@x.example <o'ann@x.example>",
    ),
)


def test_an_address_that_is_joined_to_something_is_told(database: str) -> None:
    """What joins it may stand in a mailbox as well: nobody reads it, and the row stays."""
    execute(database, f"CREATE TABLE mails (id serial PRIMARY KEY, v text, {CREATED})")
    document = small_document(
        "mails: {table: public.mails, created: created, found_by: [{column: v, identity: email}]}", email="email/3"
    )
    with opened(database, checked(document)) as store:
        for text in (*JOINED, *NOT_HERS):
            quoted = text.replace("'", "''")
            execute(database, f"TRUNCATE mails; INSERT INTO mails (v) VALUES ('{quoted}')")
            ann = subject(1, email="ann@x.example")
            told = {one.key.namespace for one in store.resolve([ann], ACME, CUTOFF)}
            assert told == ({"unread:main.mails"} if text in JOINED else set()), ascii(text)
            assert due(store.count([ann], ACME, CUTOFF)) == due(store.verify([ann], ACME, CUTOFF)) == {}, ascii(text)
