"""Rows that name several people: one collection a person, each with its own part of the row (ADR 18, roles)."""

from __future__ import annotations

import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.inspection import codes
from tests.support.postgres.small_schemas import ACME, erased, left, shape, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import no_beat
from expunge_connectors.postgres.inspection import table_sampling

USERS = """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
"""
_USERS = "CREATE TABLE users (id text PRIMARY KEY); INSERT INTO users VALUES ('ann'), ('bob'), ('cleo');"
POSTS = (
    USERS
    + """
posts:
  table: public.posts
  found_by: [{column: author, of: users.id}]
approvals:
  table: public.posts
  data_type: anchor
  found_by: [{column: approver, of: users.id}]
  tombstone: {approver: "NULL", remark: "NULL"}
"""
)
_POSTS = (
    _USERS
    + """
CREATE TABLE posts (id int PRIMARY KEY, author text REFERENCES users, approver text REFERENCES users, remark text);
INSERT INTO posts
VALUES (1, 'ann', 'bob', 'r'), (2, 'bob', 'ann', 'r'), (3, 'ann', 'ann', 'r'), (4, 'bob', 'cleo', 'r');
"""
)


def test_an_approvers_part_goes_and_the_authors_row_stays(database: str) -> None:
    execute(database, _POSTS)
    erased(database, shape(POSTS), user_id="ann", expected={"users": 1, "posts": 2, "approvals": 2})
    assert left(database, "posts", "id, author, approver, remark") == [(2, "bob", None, None), (4, "bob", "cleo", "r")]


def test_everybody_of_a_row_at_once(database: str) -> None:
    execute(database, _POSTS)
    with opened(database, loaded := shape(POSTS)) as store:
        people = resolved(store, [subject(1, user_id="ann"), subject(2, user_id="cleo")], ACME)
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "posts", "id, author, approver, remark") == [(2, "bob", None, None), (4, "bob", None, None)]


def test_rows_of_two_people_without_a_whole(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE messages (id int PRIMARY KEY, sender text, recipient text, body text);"
        "INSERT INTO messages VALUES (1, 'ann', 'bob', 'b'), (2, 'bob', 'ann', 'b')",
    )
    messages = """
sent:
  {table: public.messages, data_type: anchor, found_by: [{column: sender, of: users.id}],
   tombstone: {sender: "NULL", body: "''"}}
received:
  {table: public.messages, data_type: anchor, found_by: [{column: recipient, of: users.id}],
   tombstone: {recipient: "NULL"}}
"""
    erased(database, shape(USERS + messages), user_id="ann", expected={"users": 1, "sent": 1, "received": 1})
    assert left(database, "messages", "id, sender, recipient, body") == [(1, None, "bob", ""), (2, "bob", None, "b")]


def test_a_part_lets_go_of_the_person_to_whom_it_points(database: str) -> None:
    """The key that one part replaces keeps nobody: the rows stay, and point to the others whom they name."""
    execute(
        database,
        _USERS
        + "CREATE TABLE messages (id int PRIMARY KEY, sender text REFERENCES users, recipient text REFERENCES users);"
        "INSERT INTO messages VALUES (1, 'ann', 'bob'), (2, 'bob', 'ann'), (3, 'ann', 'ann')",
    )
    messages = """
sent:
  {table: public.messages, data_type: anchor, found_by: [{column: sender, of: users.id}], tombstone: {sender: "NULL"}}
received:
  {table: public.messages, data_type: anchor, found_by: [{column: recipient, of: users.id}],
   tombstone: {recipient: "NULL"}}
"""
    erased(database, shape(USERS + messages), user_id="ann", expected={"users": 1, "sent": 2, "received": 2})
    assert left(database, "messages", "id, sender, recipient") == [(1, None, "bob"), (2, "bob", None), (3, None, None)]


def test_rows_that_stay_need_a_row_that_would_go_whole(database: str) -> None:
    """Whoever has parts of it: a held comment keeps its post."""
    execute(database, _POSTS + "CREATE TABLE comments (id int PRIMARY KEY, post int REFERENCES posts, by text)")
    comments = "comments: {table: public.comments, found_by: [{column: by, of: users.id}]}"
    with opened(database, shape(POSTS + comments)) as store:
        assert store.needed_by(["comments"], ACME) >= {"posts", "users"}


def test_a_row_that_goes_whole_takes_its_parts_along() -> None:
    """So a request for posts alone is refused (`overlaps`); a hold on either keeps both (`beside`)."""
    loaded = shape(POSTS)
    flows = loaded.stores["main"].key_flow("main", loaded)
    assert flows is not None
    assert flows["posts"].overlaps == {"approvals"}
    assert flows["approvals"].overlaps == flows["users"].overlaps == flows["users"].beside == frozenset()
    assert (flows["approvals"].beside, flows["posts"].beside) == ({"posts"}, {"approvals"})


def test_what_no_part_replaces_is_asked_for_where_nobody_takes_the_row(database: str) -> None:
    execute(
        database,
        _USERS + "CREATE TABLE messages (id int PRIMARY KEY, sender text, recipient text, email text, phone text)",
    )
    messages = """
sent:
  {table: public.messages, data_type: anchor, found_by: [{column: sender, of: users.id}],
   tombstone: {sender: "NULL", email: "NULL"}}
received:
  {table: public.messages, data_type: anchor, found_by: [{column: recipient, of: users.id}],
   tombstone: {recipient: "NULL"}}
"""
    with opened(database, shape(USERS + messages)) as store:
        [left_] = [one for one in store.inspect() if one.code == "tombstone-leftover"]
    assert "public.messages.phone" in left_.message
    with opened(
        database, shape(USERS + messages.replace('recipient: "NULL"}', 'recipient: "NULL", phone: "NULL"}'))
    ) as store:
        assert not [one for one in store.inspect() if one.code == "tombstone-leftover"]


@pytest.mark.parametrize(
    "links",
    [
        "[{column: author, of: users.id}, {column: approver, of: users.id}]",
        "[{column: author, identity: user_id}, {column: approver, of: users.id}]",
        "[{column: readers, identity: user_id, each: true}]",
        "[{column: doc, path: [by], identity: user_id}, {column: doc, path: [to], identity: user_id}]",
    ],
)
def test_a_collection_whose_rows_name_several_people_takes_none_of_them_whole(database: str, links: str) -> None:
    execute(database, _POSTS + "ALTER TABLE posts ADD readers text[], ADD doc jsonb")
    collections = USERS + f"posts: {{table: public.posts, found_by: {links}}}"
    with opened(database, shape(collections)) as store:
        assert ("several-people", "posts") in codes(store.inspect())
    said = collections.replace("}]}", "}], goes_with_any: {reason: drafts of one team, approved_by: A. Officer}}")
    with opened(database, shape(said)) as store:
        assert ("several-people", "posts") not in codes(store.inspect())


_FORUM = """
CREATE TABLE threads (id int PRIMARY KEY, starter text);
CREATE TABLE posts (id int PRIMARY KEY, thread int, author text);
CREATE TABLE likes (id int PRIMARY KEY, post int, thread bigint, who text);
INSERT INTO threads VALUES (1, 'ann'), (2, 'bob');
INSERT INTO posts VALUES (1, 1, 'ann'), (2, 2, NULL);
INSERT INTO likes VALUES (1, 1, 1, 'ann'), (2, 1, NULL, NULL), (3, 2, 2, 'bob');
"""
FORUM = """
threads: {table: public.threads, found_by: [{column: starter, of: users.id}]}
posts: {table: public.posts, found_by: [{column: thread, of: threads.id}AUTHOR]}
likes:
  table: public.likes
  found_by: [{column: who, identity: user_id}, {column: post, of: posts.id}, {column: thread, of: threads.id}]
"""


def test_a_row_that_is_found_through_somebody_elses_row(database: str) -> None:
    """Ann's request would take Bob's like of her post, also where the post is hers by the thread alone."""
    execute(database, _USERS + _FORUM)
    loaded = shape(USERS + FORUM.replace("AUTHOR", ", {column: author, of: users.id}"))
    above = shape(USERS + FORUM.replace("AUTHOR", ""))

    def told(by: DataMap) -> dict[str | None, str]:
        with opened(database, by) as store:
            return {one.collection: one.message for one in store.inspect() if one.code == "several-people"}

    assert told(loaded) == told(above) == {}, "child and parent are the same person's"
    execute(database, "INSERT INTO likes VALUES (4, 1, NULL, 'bob')")
    assert told(loaded).keys() == told(above).keys() == {"likes"}
    assert "post of posts as well: some" in told(loaded)["likes"], "the other link leads to nobody else's"
    with_any = shape(
        USERS
        + FORUM.replace("AUTHOR", "").replace(
            "{column: thread, of: threads.id}]\n",
            "{column: thread, of: threads.id}]\n  goes_with_any: "
            "{reason: likes go with what is liked, approved_by: A. Officer}\n",
        )
    )
    assert told(with_any) == {}
    execute(database, "DELETE FROM likes WHERE id = 4; INSERT INTO posts VALUES (3, 1, 'bob')")
    assert told(loaded).keys() == {"posts"}


ACCOUNTS = USERS.replace("found_by: [", "undated: erase\n  found_by: [{column: email, identity: email}, ").replace(
    "yields: {", "yields: {email: email, "
)
PEOPLE = ("ann", "bob", "cleo", "dan")
_ACCOUNTS = _USERS + "ALTER TABLE users ADD email text; UPDATE users SET email = id || '@x.example';"


@pytest.mark.parametrize("named", ["", ", {column: author_email, identity: email}"], ids=["unmapped", "mapped"])
@pytest.mark.parametrize("normaliser", ["email/1", "email/3"])
def test_a_row_that_tells_the_address_of_another_than_whose_row_leads_to_it(
    database: str, named: str, normaliser: str
) -> None:
    """Bob's post in Ann's thread says by his address alone that it is his. Dan has no account.

    Of a column that the map names the statements ask it themselves: see `test_held_values`.
    """
    execute(
        database,
        f"{_ACCOUNTS} CREATE TABLE threads (id int PRIMARY KEY, starter text);"
        "CREATE TABLE posts (id int PRIMARY KEY, thread int, author_email text, body text, who text);"
        "INSERT INTO threads VALUES (1, 'ann'), (2, 'bob');"
        "INSERT INTO posts VALUES (1, 1, 'Ann@x.example', 'b', NULL), (2, 2, 'bob@x.example', 'bob@x.example', NULL),"
        " (3, 1, 'dan@x.example', 'ask bob@x.example', NULL), (4, 1, NULL, 'b', NULL)",
    )
    dated = "undated: erase, " if named else ""
    forum = f"""
threads: {{table: public.threads, found_by: [{{column: starter, of: users.id}}]}}
posts: {{table: public.posts, {dated}found_by: [{{column: thread, of: threads.id}}{named}]}}
"""

    def told(collections: str = ACCOUNTS + forum) -> list[str]:
        with opened(database, shape(collections, email=normaliser)) as store:
            return [one.message for one in store.inspect() if one.code.startswith("several-people")]

    assert told() == []
    execute(database, "INSERT INTO posts VALUES (5, 1, ' Bob@x.example', 'b', NULL)")
    messages = told()
    assert ["author_email" in one and "thread of threads" in one for one in messages] == ([] if named else [True])
    execute(database, "UPDATE users SET email = 'Bob@x.example' WHERE id = 'ann'")
    assert told() == [], "an address of both: it is Ann's as well"
    execute(
        database,
        "UPDATE users SET email = 'ann@x.example' WHERE id = 'ann'; UPDATE posts SET who = 'ann' WHERE thread = 1",
    )
    by_key = ACCOUNTS + forum.replace("[{column: thread", "[{column: who, of: users.id}, {column: thread")
    assert told(by_key) == [], "whom a row names by a key it belongs to, whatever else it tells"


def test_rows_of_a_tree_below_one_that_is_nobodys(database: str) -> None:
    """Ann's folder leads to one without an owner, and that one to Bob's."""
    execute(
        database,
        f"{_USERS} CREATE TABLE folders (id int PRIMARY KEY, owner text, parent int REFERENCES folders);"
        "INSERT INTO folders VALUES (1, 'ann', NULL), (2, NULL, 1), (3, NULL, 2), (4, 'ann', 3)",
    )
    folders = (
        "folders: {table: public.folders, found_by: [{column: owner, of: users.id}, {column: parent, of: folders.id}]}"
    )
    with opened(database, shape(USERS + folders)) as store:
        assert ("several-people", "folders") not in codes(store.inspect())
        execute(database, "INSERT INTO folders VALUES (5, 'bob', 3)")
        assert ("several-people", "folders") in codes(store.inspect())


def test_a_row_that_is_found_through_rows_of_two_people(database: str) -> None:
    """Who sells the product would take the line of the buyer's order along, though no line names anybody."""
    execute(
        database,
        f"{_USERS} CREATE TABLE orders (id int PRIMARY KEY, buyer text);"
        "CREATE TABLE shops (id int PRIMARY KEY, who text);"
        "CREATE TABLE products (id int PRIMARY KEY, shop int);"
        "CREATE TABLE items (ordered int, product int, billed int);"
        "INSERT INTO orders VALUES (1, 'ann'), (2, 'bob'); INSERT INTO shops VALUES (1, 'ann');"
        "INSERT INTO products VALUES (1, 1), (2, NULL);"
        "INSERT INTO items VALUES (1, 1, 1), (2, 2, 2), (NULL, 1, 1)",
    )
    market = """
orders: {table: public.orders, found_by: [{column: buyer, of: users.id}]}
shops: {table: public.shops, found_by: [{column: who, of: users.id}]}
products: {table: public.products, found_by: [{column: shop, of: shops.id}]}
items:
  table: public.items
  found_by: [{column: ordered, of: orders.id}, {column: product, of: products.id}, {column: billed, of: orders.id}]
"""

    def told(collections: str = market) -> dict[str | None, str]:
        with opened(database, shape(USERS + collections)) as store:
            return {one.collection: one.message for one in store.inspect() if one.code == "several-people"}

    assert told() == {}, "each line is one person's, by whatever it is found"
    execute(database, "INSERT INTO items VALUES (2, 1, NULL)")
    assert told().keys() == {"items"}
    assert "ordered of orders and product of products" in told()["items"]
    assert told(market + "  goes_with_any: {reason: lines go with both, approved_by: A. Officer}\n") == {}
    execute(database, "DELETE FROM items WHERE billed IS NULL; INSERT INTO items VALUES (1, NULL, 2)")
    assert "ordered of orders and billed of orders" in told()["items"], "the two rows above stand in one table"


@pytest.mark.parametrize(
    "links",
    [
        "{column: doc, path: [by], identity: user_id}, {column: thread, of: threads.id}",
        "{column: author, of: users.id}, {column: token, identity: token}",
        "{columns: [pupil, course], of: places, of_columns: [pupil, course]}, {column: thread, of: threads.id}",
    ],
    ids=["in a document", "by an internal key", "by two columns"],
)
def test_another_persons_row_is_told_by_whatever_it_is_tied(database: str, links: str) -> None:
    execute(
        database,
        f"{_USERS} CREATE TABLE threads (id int PRIMARY KEY, starter text, token text UNIQUE);"
        "CREATE TABLE places (pupil text, course int, PRIMARY KEY (pupil, course));"
        "CREATE TABLE posts (thread int, token text, doc jsonb, author text, pupil text, course int);"
        "INSERT INTO threads VALUES (1, 'ann', 't1'); INSERT INTO places VALUES ('ann', 1), ('bob', 1);"
        """INSERT INTO posts VALUES (1, 't1', '{"by": "ann"}', 'ann', 'ann', 1), (1, 't1', NULL, NULL, NULL, NULL)""",
    )
    collections = f"""
threads: {{table: public.threads, yields: {{token: token}}, found_by: [{{column: starter, of: users.id}}]}}
places: {{table: public.places, found_by: [{{column: pupil, of: users.id}}]}}
posts: {{table: public.posts, found_by: [{links}]}}
"""
    with opened(database, shape(USERS + collections)) as store:
        assert ("several-people", "posts") not in codes(store.inspect())
        execute(database, """INSERT INTO posts VALUES (1, 't1', '{"by": "bob"}', 'bob', 'bob', 1)""")
        assert ("several-people", "posts") in codes(store.inspect())


def test_rows_below_what_people_share_are_no_strangers(database: str) -> None:
    """A joint account goes with the last holder, and leads to what Ann paid from it no sooner."""
    execute(
        database,
        f"{_USERS} CREATE TABLE accounts (id int PRIMARY KEY);"
        "CREATE TABLE holders (account int REFERENCES accounts, who text);"
        "CREATE TABLE payments (id int PRIMARY KEY, account int, payer text);"
        "INSERT INTO accounts VALUES (1); INSERT INTO holders VALUES (1, 'ann'), (1, 'bob');"
        "INSERT INTO payments VALUES (1, 1, 'ann')",
    )
    joint = """
holders: {table: public.holders, found_by: [{column: who, of: users.id}]}
accounts: {table: public.accounts, sharing: last_owner, found_by: [{column: id, of: holders.account}]}
payments: {table: public.payments, found_by: [{column: payer, of: users.id}, {column: account, of: accounts.id}]}
"""
    with opened(database, shape(USERS + joint)) as store:
        assert "several-people" not in {one.code for one in store.inspect()}


def test_a_row_that_points_to_somebody_elses_record(database: str) -> None:
    """Ann sells: Cleo's order names Ann, and Cleo's record, which no account is for. Ann's own order is hers."""
    execute(
        database,
        f"{_USERS} CREATE TABLE partners (id int PRIMARY KEY, name text, email text);"
        "INSERT INTO partners VALUES (1, 'Ann', 'ann@x.example'), (3, 'Cleo', 'cleo@x.example');"
        "ALTER TABLE users ADD partner_id int REFERENCES partners; UPDATE users SET partner_id = 1 WHERE id = 'ann';"
        "CREATE TABLE orders (id int PRIMARY KEY, partner_id int REFERENCES partners, seller text);"
        "INSERT INTO orders VALUES (1, 1, 'ann'), (2, NULL, 'bob')",
    )
    orders = "orders: {table: public.orders, found_by: [{column: seller, of: users.id}]WITH}\n"
    shared = "sharing: last_owner, found_by: [{column: id, of: users.partner_id}, {column: id, of: orders.partner_id}]"
    partners = f"partners: {{table: public.partners, {shared}}}\n"

    def told(with_any: str = "") -> dict[str | None, str]:
        with opened(database, shape(USERS + orders.replace("WITH", with_any) + partners)) as store:
            return {one.collection: one.message for one in store.inspect() if one.code == "several-people"}

    assert told() == {}
    execute(database, "INSERT INTO orders VALUES (3, 3, 'ann')")
    assert "partner_id to public.partners" in told()["orders"]
    assert told(", goes_with_any: {reason: sold by whoever it names, approved_by: A. Officer}") == {}
    execute(database, "ALTER TABLE partners RENAME email TO street")
    assert told() == {}, "an address, which several people may have"


@pytest.mark.parametrize("told", ["bob@x.example", "Bob B. <Bob@x.example>", "mailto:bob@x.example"])
def test_rows_above_and_below_tell_two_peoples_addresses(database: str, told: str) -> None:
    """No key says whose thread it is, or whose post."""
    execute(
        database,
        f"{_ACCOUNTS} CREATE TABLE threads (id int PRIMARY KEY, starter text);"
        "CREATE TABLE posts (id int PRIMARY KEY, thread int, author text);"
        "INSERT INTO threads VALUES (1, 'ann@x.example');"
        "INSERT INTO posts VALUES (1, 1, 'Ann <ann@x.example>'), (2, 1, 'Dan <dan@x.example>')",
    )
    forum = """
threads: {table: public.threads, undated: erase, found_by: [{column: starter, identity: email}]}
posts: {table: public.posts, found_by: [{column: thread, of: threads.id}]}
"""
    with opened(database, shape(ACCOUNTS + forum, email="email/3")) as store:
        assert ("several-people", "posts") not in codes(store.inspect())
        execute(database, f"INSERT INTO posts VALUES (3, 1, '{told}')")
        assert ("several-people", "posts") in codes(store.inspect())


CONTACTS = """
deals: {table: public.deals, found_by: [{column: seller, of: users.id}]}
contacts: {table: public.contacts, sharing: last_owner, found_by: [{column: id, of: deals.contact}]}
"""


@pytest.mark.parametrize("column", ["email", "reach_me", "phone"])
def test_a_shared_row_with_an_address_of_its_own_is_another_humans(database: str, column: str) -> None:
    """Ann's only deal is with Cleo, who is no user: Cleo's record would go with it. Bob's is for himself."""
    ours, kind = ("email", "text") if column != "phone" else ("phone", "varchar(20)")
    values = {one: f"{one}@x.example" if ours == "email" else f"+49 30 12345{n}" for n, one in enumerate(PEOPLE)}
    users = ACCOUNTS.replace("email", ours)
    execute(
        database,
        f"{_USERS} ALTER TABLE users ADD {ours} {kind}; CREATE TABLE contacts (id int PRIMARY KEY, {column} {kind});"
        "CREATE TABLE deals (id int PRIMARY KEY, seller text, contact int REFERENCES contacts);"
        + "".join(f"UPDATE users SET {ours} = '{value}' WHERE id = '{one}';" for one, value in values.items())
        + f"INSERT INTO contacts VALUES (1, '{values['bob'].upper()}'), (2, NULL), (3, 'ask at the desk');"
        "INSERT INTO deals VALUES (1, 'bob', 1), (2, 'ann', 1), (3, 'ann', 2), (4, 'ann', 3)",
    )

    def told(with_any: str = "") -> list[str]:
        document = small_document(users + CONTACTS.replace("sharing", f"{with_any}sharing"), email="email/3")
        document["identities"]["phone"] = {"kind": "reusable", "normaliser": "phone/1"}
        with opened(database, checked(document)) as store:
            return [one.message for one in store.inspect() if one.code in {"shared-person", "several-people-unknown"}]

    assert told() == [], "of one of those who point to it, of nobody, or no address"
    stranger = "cleo" if ours == "phone" else "dan"
    execute(database, f"INSERT INTO contacts VALUES (4, '{values[stranger]}'); INSERT INTO deals VALUES (5, 'ann', 4)")
    [message] = told()
    assert column in message
    assert told("goes_with_any: {reason: offices, approved_by: A. Officer}, ") == []


def test_a_shared_row_with_an_address_where_accounts_have_none(database: str) -> None:
    """Ann's account points to her own record; Cleo's is pointed to by Ann's deal alone."""
    execute(
        database,
        f"{_USERS} CREATE TABLE contacts (id int PRIMARY KEY, email text); ALTER TABLE users ADD contact int;"
        "CREATE TABLE deals (id int PRIMARY KEY, seller text, contact int REFERENCES contacts);"
        "INSERT INTO contacts VALUES (1, 'ann@x.example'), (2, 'cleo@x.example');"
        "UPDATE users SET contact = 1 WHERE id = 'ann'; INSERT INTO deals VALUES (1, 'ann', 1)",
    )
    contacts = CONTACTS.replace("found_by: [{column: id", "found_by: [{column: id, of: users.contact}, {column: id")
    with opened(database, shape(USERS + contacts)) as store:
        assert ("shared-person", "contacts") not in codes(store.inspect())
        execute(database, "INSERT INTO deals VALUES (2, 'ann', 2)")
        assert ("shared-person", "contacts") in codes(store.inspect())


@pytest.mark.parametrize(
    ("column", "anns", "nobodys", "bobs"),
    [
        (
            "doc jsonb",
            """{"mails": [{"mail": "Ann@x.example"}]}""",
            """{"mail": "office@x.example", "note": "see bob@x.example"}""",
            """{"contact": {"mail": ["bob@x.example"]}}""",
        ),
        ("called text", "ann", "the office", "bob"),
    ],
    ids=["document", "user name"],
)
def test_a_shared_row_tells_of_another_human_where_no_link_looks(
    database: str, column: str, anns: str, nobodys: str, bobs: str
) -> None:
    """An address anywhere in a document, and a user name in a column of user names: Bob's record, Ann's deal."""
    users = ACCOUNTS.replace("found_by: [", "found_by: [{column: login, identity: login}, ")
    users = users.replace("yields: {", "yields: {login: login, ")
    execute(
        database,
        f"{_USERS} ALTER TABLE users ADD email text, ADD login text;"
        f"CREATE TABLE contacts (id int PRIMARY KEY, {column});"
        "CREATE TABLE deals (id int PRIMARY KEY, seller text, contact int REFERENCES contacts);"
        "UPDATE users SET email = id || '@x.example', login = id;"
        f"INSERT INTO contacts VALUES (1, '{anns}'), (2, NULL), (3, '{nobodys}');"
        "INSERT INTO deals VALUES (1, 'ann', 1), (2, 'ann', 2), (3, 'ann', 3)",
    )

    def told() -> list[str]:
        document = small_document(users + CONTACTS, email="email/3")
        document["identities"]["login"] = {"kind": "reusable", "normaliser": "exact/1"}
        with opened(database, checked(document)) as store:
            return [one.message for one in store.inspect() if one.code in {"shared-person", "several-people-unknown"}]

    assert told() == [], "of one of those who point to it, of nobody, or no address"
    execute(database, f"INSERT INTO contacts VALUES (4, '{bobs}'); INSERT INTO deals VALUES (5, 'ann', 4)")
    [message] = told()
    assert column.partition(" ")[0] in message
    execute(database, "INSERT INTO deals VALUES (6, 'bob', 4)")
    assert told() == []


ROOMS = """
rooms:
  {table: public.rooms, data_type: anchor, found_by: [{column: guests, identity: user_id, each: true}],
   tombstone: {guests: {elements: true}}, keeps: {name: of the room}}
"""


@pytest.mark.parametrize("type_", ["text[]", "varchar(9)[]"])
def test_elements_of_an_array_go_one_by_one(database: str, type_: str) -> None:
    execute(
        database,
        f"{_USERS} CREATE TABLE rooms (id int PRIMARY KEY, name text, guests {type_});"
        "INSERT INTO rooms VALUES (1, 'a', '{bob,ann,NULL,cleo,ann}'), (2, 'b', '{ann}'), (3, 'c', '{cleo,bob}'),"
        " (4, 'd', NULL)",
    )
    with opened(database, loaded := shape(USERS + ROOMS)) as store:
        people = resolved(store, [subject(1, user_id="ann"), subject(2, user_id="bob")], ACME)
        assert due(store.count(people, ACME, CUTOFF)) == {"users": 2, "rooms": 4}
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
        assert store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 0
    assert left(database, "rooms", "id, guests") == [(1, [None, "cleo"]), (2, []), (3, ["cleo"]), (4, None)]


def test_elements_by_an_address_of_any_spelling(database: str) -> None:
    execute(
        database,
        f"{_USERS} CREATE TABLE lists (id int PRIMARY KEY, at date NOT NULL DEFAULT '2025-01-01', members text[]);"
        "INSERT INTO lists VALUES (1, DEFAULT, '{Ann@X.example,bob@x.example,ann@x.example}')",
    )
    lists = """
lists:
  {table: public.lists, data_type: anchor, created: at, found_by: [{column: members, identity: email, each: true}],
   tombstone: {members: {elements: true}}}
"""
    erased(database, shape(USERS + lists), email="ann@x.example", expected={"lists": 1})
    assert left(database, "lists", "id, members") == [(1, ["bob@x.example"])]


def test_an_array_of_arrays_is_left_as_it_is(database: str) -> None:
    """Without some elements it would be a flat list of all the others. Nor is it chosen again and again."""
    execute(
        database,
        f"{_USERS} CREATE TABLE rooms (id int PRIMARY KEY, name text, guests text[]);"
        "INSERT INTO rooms VALUES (2, 'a', '{bob,ann}'), (3, 'b', '[0:1]={ann,bob}')",
    )
    with opened(database, loaded := shape(USERS + ROOMS), rows_per_transaction=1) as store:
        assert ("nested-array", "rooms") not in codes(store.inspect())
        execute(database, "INSERT INTO rooms VALUES (1, 'c', '{{ann,x},{bob,y}}')")
        assert ("nested-array", "rooms") in codes(store.inspect())
        people = resolved(store, [subject(1, user_id="ann")], ACME)
        assert store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 3
        assert due(store.verify(people, ACME, CUTOFF)) == {"rooms": 1}, "it still names her"
    assert left(database, "rooms", "id, guests") == [(1, [["ann", "x"], ["bob", "y"]]), (2, ["bob"]), (3, ["bob"])]


MEETINGS = """
meetings:
  {table: public.meetings, data_type: anchor, created: at,
   found_by: [{column: doc, path: [guests, mail], identity: email},
              {column: doc, path: [guests, id], identity: user_id}, {column: doc, path: [copies], identity: email}],
   tombstone: {doc: {elements: true}}}
"""


@pytest.mark.parametrize("type_", ["jsonb", "json"])
def test_elements_of_lists_in_a_document_go_one_by_one(database: str, type_: str) -> None:
    """With all that an element says of the person; a value that is in no list goes with its key."""
    execute(
        database,
        f"{_USERS} CREATE TABLE meetings (id int PRIMARY KEY, at date NOT NULL DEFAULT '2025-01-01', doc {type_});"
        """
        INSERT INTO meetings (id, doc) VALUES
        (1, '{"room": 3, "guests": [{"mail": "Bob@x.example", "n": "B"}, {"mail": "ANN@x.example", "n": "A"},
                                     {"mail": ["cleo@x.example", "ann@x.example"]}, {"id": "ann"}, "other"]}'),
        (2, '{"guests": {"mail": "ann@x.example", "n": "A"}, "copies": [["ann@x.example"], "bob@x.example",
              "ann@x.example"]}'),
        (3, '{"guests": [{"mail": "bob@x.example"}], "copies": "ann@x.example"}'),
        (4, '{"guests": [{"mail": "bob@x.example"}], "notes": "ann@x.example"}')
        """,
    )
    with opened(database, loaded := shape(USERS + MEETINGS)) as store:
        people = resolved(store, [subject(1, user_id="ann", email="ann@x.example")], ACME)
        assert due(store.count(people, ACME, CUTOFF)) == {"users": 1, "meetings": 3}
        store.erase(people, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert due(store.verify(people, ACME, CUTOFF)) == {}
    assert left(database, "meetings", "id, doc") == [
        (1, {"room": 3, "guests": [{"mail": "Bob@x.example", "n": "B"}, {"mail": ["cleo@x.example"]}, "other"]}),
        (2, {"guests": {"n": "A"}, "copies": [[], "bob@x.example"]}),
        (3, {"guests": [{"mail": "bob@x.example"}]}),
        (4, {"guests": [{"mail": "bob@x.example"}], "notes": "ann@x.example"}),
    ]


def test_a_document_that_names_several_people_does_not_go_with_one(database: str) -> None:
    collections = """
meetings: {table: public.meetings, created: at, found_by: [{column: doc, path: [guests], identity: email}]}
"""
    made = (
        "CREATE TABLE meetings (id int PRIMARY KEY, at date, doc jsonb);"
        """INSERT INTO meetings VALUES (1, '2025-01-01', '{"guests": "ann@x.example"}')"""
    )
    execute(database, made)
    with opened(database, shape(collections)) as store:
        assert ("several-people", "meetings") not in codes(store.inspect())
        execute(
            database,
            """INSERT INTO meetings VALUES (2, '2025-01-01', '{"guests": ["ann@x.example", "bob@x.example"]}')""",
        )
        assert ("several-people", "meetings") in codes(store.inspect())
    cleared = collections.replace(
        "created: at,", "created: at, data_type: anchor, tombstone: {doc: {remove: [[guests]]}},"
    )
    with opened(database, shape(cleared)) as store:
        assert ("several-people", "meetings") in codes(store.inspect())


CLEARED = ', data_type: anchor, tombstone: {body: "NULL", author: "NULL"}, found_by:'


@pytest.mark.parametrize(
    "links",
    [
        "[{column: author, of: users.id}, {column: approver, of: users.id}]",
        "[{column: author, identity: user_id}, {column: approver, identity: user_id}]",
        "[{column: author, identity: email}, {column: approver, identity: email}]",
        "[{column: readers, identity: user_id, each: true}]",
        "[{column: doc, path: [by], identity: user_id}, {column: doc, path: [to], identity: user_id}]",
    ],
)
def test_a_tombstone_clears_no_row_that_names_several_people(database: str, links: str) -> None:
    """Ann's request would empty what Bob wrote to her. One collection a person clears that person's part."""
    execute(database, _POSTS + "ALTER TABLE posts ADD readers text[], ADD body text, ADD doc jsonb")
    cleared = USERS + f"posts: {{table: public.posts, undated: erase{CLEARED} {links}}}"
    with opened(database, shape(cleared)) as store:
        assert ("several-people", "posts") in codes(store.inspect())
    with_any = cleared.replace("undated", "goes_with_any: {reason: of one team, approved_by: A. Officer}, undated")
    with opened(database, shape(with_any)) as store:
        assert ("several-people", "posts") not in codes(store.inspect())
    authors = f"posts: {{table: public.posts{CLEARED} [{{column: author, of: users.id}}]}}\n"
    approvers = authors.replace("posts: {", "approvals: {").replace("author", "approver").replace('body: "NULL", ', "")
    with opened(database, shape(USERS + authors + approvers)) as store:
        assert "several-people" not in {one.code for one in store.inspect()}


@pytest.mark.parametrize(
    ("link", "yields", "told"),
    [
        ("{column: contact, identity: contact_id}", ", contact_id: contact", set()),
        ("{column: contact, identity: contact_id}", "", {"users"}),
        ("{column: manager, of: users.id}", "", {"users"}),
    ],
)
@pytest.mark.parametrize("data_type", ["gone", "anchor, tombstone: {email: 'NULL'}"])
def test_a_person_may_have_keys_of_two_identities(
    database: str, link: str, yields: str, told: set[str], data_type: str
) -> None:
    """A user and their contact are one, where the user's row yields the contact's key. A manager is another person."""
    execute(
        database,
        "CREATE TABLE contacts (id text PRIMARY KEY);"
        "CREATE TABLE users (id text PRIMARY KEY, email text, contact text, manager text)",
    )
    document = small_document(
        "contacts: {table: public.contacts, person: contact_id, found_by: [{column: id, identity: contact_id}],"
        " yields: {contact_id: id}}\n"
        f"users: {{table: public.users, data_type: {data_type}, person: user_id, yields: {{user_id: id{yields}}},"
        f" found_by: [{{column: id, identity: user_id}}, {link}]}}"
    )
    document["identities"]["contact_id"] = {"kind": "person", "normaliser": "exact/1"}
    with opened(database, checked(document)) as store:
        assert {name for code, name in codes(store.inspect()) if code == "several-people"} == told


def test_a_tombstone_clears_no_row_of_another_than_whose_row_leads_to_it(database: str) -> None:
    """Bob's comment below Ann's post."""
    execute(
        database,
        f"{_USERS} CREATE TABLE threads (id int PRIMARY KEY, author text, body text);"
        "CREATE TABLE posts (id int PRIMARY KEY, thread int, author text, body text);"
        "INSERT INTO threads VALUES (1, 'ann', 'a'), (2, 'bob', 'b'); INSERT INTO posts VALUES (1, 1, 'ann', 'a')",
    )
    forum = f"""
threads: {{table: public.threads{CLEARED} [{{column: author, of: users.id}}]}}
posts: {{table: public.posts{CLEARED} [{{column: author, of: users.id}}, {{column: thread, of: threads.id}}]}}
"""

    def told() -> dict[str | None, str]:
        with opened(database, shape(USERS + forum)) as store:
            return {one.collection: one.message for one in store.inspect() if one.code == "several-people"}

    assert told() == {}
    execute(database, "INSERT INTO posts VALUES (2, 1, 'bob', 'b')")
    assert told().keys() == {"posts"}


GAMES = """
games:
  {table: public.games, data_type: anchor, found_by: [PATHS], tombstone: {doc: {elements: true}}}
"""


@pytest.mark.parametrize(
    ("paths", "of_one", "of_two"),
    [
        (("m, winner", "m, loser"), '{"m": [{"winner": "ann"}, {"loser": "bob"}, {"winner": "ann", "loser": "ann"}]}',
         '{"m": [{"winner": "ann", "loser": "bob"}]}'),
        (("teams, lead", "teams, players, id"), '{"teams": [{"lead": "ann", "players": [{"id": "ann"}]}]}',
         '{"teams": [{"lead": "ann", "players": [{"id": "bob"}]}]}'),
        (("winner", "loser"), '{"winner": "ann", "loser": "bob"}', '[{"winner": "ann", "loser": "bob"}]'),
        (("m, winner", "m, loser", "m"), '{"m": ["ann", {"winner": "bob"}]}',
         '{"m": [["ann"], {"winner": ["bob"], "loser": "ann"}]}'),
    ],
)  # fmt: skip
def test_an_element_that_names_two_people_goes_with_neither(
    database: str, paths: tuple[str, ...], of_one: str, of_two: str
) -> None:
    made = f"CREATE TABLE games (id int PRIMARY KEY, doc jsonb); INSERT INTO games VALUES (1, '{of_one}')"
    execute(database, _USERS + made)
    games = GAMES.replace("PATHS", ", ".join(f"{{column: doc, path: [{one}], identity: user_id}}" for one in paths))
    with opened(database, shape(USERS + games)) as store:
        assert ("several-people", "games") not in codes(store.inspect())
        execute(database, f"INSERT INTO games VALUES (2, '{of_two}')")
        assert ("several-people", "games") in codes(store.inspect())
    with_any = games.replace("data_type", "goes_with_any: {reason: one game, approved_by: A. Officer}, data_type")
    with opened(database, shape(USERS + with_any)) as store:
        assert ("several-people", "games") not in codes(store.inspect())


def test_another_column_is_cleared_for_all_who_stand_in_a_list(database: str) -> None:
    execute(database, f"{_USERS} CREATE TABLE rooms (id int PRIMARY KEY, name text, guests text[])")
    with opened(database, shape(USERS + ROOMS)) as store:
        assert ("several-people", "rooms") not in codes(store.inspect())
    cleared = ROOMS.replace("true}}, keeps: {name: of the room", 'true}, name: "NULL"')
    with opened(database, shape(USERS + cleared)) as store:
        assert ("several-people", "rooms") in codes(store.inspect())


def test_what_there_is_no_time_to_look_at_is_told(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_sampling, "SECONDS_A_TABLE", 0.001)
    execute(
        database,
        _POSTS + "CREATE TABLE meetings (id int PRIMARY KEY, at date NOT NULL, doc jsonb);"
        "INSERT INTO meetings"
        " SELECT n, '2025-01-01', '{\"guests\": [\"ann@x.example\"]}' FROM generate_series(1, 20000) n;"
        "CREATE TABLE comments (id int PRIMARY KEY, post int REFERENCES posts, author text);"
        "INSERT INTO comments SELECT n, 2, 'bob' FROM generate_series(1, 20000) n",
    )
    collections = """
meetings: {table: public.meetings, created: at, found_by: [{column: doc, path: [guests], identity: email}]}
comments:
  table: public.comments
  found_by: [{column: author, of: users.id}, {column: post, of: posts.id}]
"""
    with opened(database, shape(POSTS + collections)) as store:
        told = {name for code, name in codes(store.inspect()) if code == "several-people-unknown"}
    assert told >= {"meetings", "comments"}
