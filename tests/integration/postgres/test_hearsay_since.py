"""Values that a record merely tells and a row of somebody else holds since: what they lead to is nobody's (ADR 18)."""

from __future__ import annotations

import psycopg
import pytest
from tests.support.postgres.company import CUTOFF, actions, execute, opened
from tests.support.postgres.locks import erasing_that_waits
from tests.support.postgres.small_schemas import ACME, left, shape

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Subject, SubjectKey, no_beat
from expunge_connectors.postgres import PostgresStore
from expunge_connectors.postgres.sql import key_staging
from expunge_orchestrator.subjects import member_proof

GIFT = SubjectKey("email", "gift@x.example")
TABLES = """
CREATE TABLE users (id text PRIMARY KEY, email text, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE orders (id int PRIMARY KEY, user_id text, contact text);
CREATE TABLE cards (id int PRIMARY KEY, author text, reader text, contact text);
CREATE TABLE news (id int PRIMARY KEY, email text, at timestamptz NOT NULL DEFAULT '2025-01-01');
INSERT INTO users VALUES ('1', 'ann@x.example'), ('2', 'bob@x.example'), ('3', 'cleo@x.example');
INSERT INTO orders VALUES (1, '1', 'gift@x.example'), (2, '2', 'bob@x.example');
INSERT INTO news VALUES (1, 'gift@x.example'), (2, 'ann@x.example'), (3, 'bob@x.example');
"""
MAP = """
users: {table: public.users, person: user_id, created: created_at, yields: {user_id: id, email: email},
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
orders: {table: public.orders, found_by: [{column: user_id, of: users.id}], yields: {email: contact}}
cards: {table: public.cards, yields: {email: contact},
  found_by: [{column: author, of: users.id}, {column: reader, of: users.id}]}
news: {table: public.news, created: at, found_by: [{column: email, identity: email}]}
"""
SPELT = [("email/1", "GIFT@x.example"), ("email/3", "mailto:gift@x.example")]
WHERE = [(100, 1), (-1, 1), (100, 200)]
"""How many keys are few, and how many people are erased at once."""


def people(store: PostgresStore, loaded: DataMap, *numbers: int, known: tuple[Subject, ...] = ()) -> list[Subject]:
    """These people with everything that leads from them, as a plan or a further round finds it."""
    answers = member_proof.resolve(
        {number: frozenset([SubjectKey("user_id", str(number))]) for number in numbers},
        stores={"main": store},
        names=["main"],
        scope=ACME,
        cutoffs={"main": CUTOFF},
        data_map=loaded,
        known={one.number: one.keys for one in known},
    )
    return [
        Subject(number, one.keys, one.refused, shared=one.shared, doubtful=one.doubtful)
        for number, one in answers.items()
    ]


@pytest.mark.parametrize(("few", "several"), WHERE)
@pytest.mark.parametrize(("normaliser", "spelt"), SPELT)
@pytest.mark.parametrize("waited", [False, True])
def test_what_somebody_else_writes_before_the_erasure_is_committed_keeps_what_it_leads_to(  # noqa: PLR0917
    database: str, monkeypatch: pytest.MonkeyPatch, few: int, several: int, normaliser: str, spelt: str, *, waited: bool
) -> None:
    """Bob writes the address of Ann's gift into an order of his: the newsletter is his by now, or may be."""
    monkeypatch.setattr(key_staging, "_FEW", few)
    execute(database, TABLES)
    execute(database, "INSERT INTO users SELECT n, n || '@x.example' FROM generate_series(10, 300) n")
    loaded = shape(MAP, email=normaliser)
    with opened(database, loaded, lock_timeout="30s") as store, psycopg.connect(database) as bob:
        chunk = people(store, loaded, 1, *range(10, 9 + several))
        assert GIFT in chunk[0].keys
        bob.execute("UPDATE orders SET contact = %s WHERE id = 2", (spelt,))
        if waited:
            bob.execute("UPDATE news SET at = at WHERE id = 1")
            with erasing_that_waits(
                database, lambda: store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
            ):
                bob.commit()
        else:
            bob.commit()
            store.erase(chunk, actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert store.given_again(chunk, ACME, CUTOFF) == {1: frozenset([GIFT])}
    assert left(database, "news") == [1, 3]
    assert left(database, "orders") == [2]
    assert "1" not in left(database, "users")


@pytest.mark.parametrize("few", [100, -1])
def test_what_somebody_else_writes_after_the_erasure_is_seen_without_the_persons_own_row(
    database: str, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(key_staging, "_FEW", few)
    execute(database, TABLES)
    with opened(database, loaded := shape(MAP)) as store:
        [ann] = people(store, loaded, 1)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "news") == [3]
        # A late order of her own, a guest's, and what stood in her own row say nothing against it.
        execute(
            database,
            "INSERT INTO orders VALUES (3, '1', 'gift@x.example'), (4, NULL, 'gift@x.example'),"
            " (5, '2', 'ann@x.example'); INSERT INTO news VALUES (4, 'gift@x.example'), (5, 'ann@x.example')",
        )
        assert store.given_again([ann], ACME, CUTOFF) == {}
        [again] = people(store, loaded, 1, known=(ann,))
        assert GIFT in again.keys
        execute(database, "INSERT INTO orders VALUES (6, '2', 'gift@x.example')")
        assert store.given_again([ann], ACME, CUTOFF) == {1: frozenset([GIFT])}
        [again] = people(store, loaded, 1, known=(ann,))
        assert GIFT in again.unclear - again.keys
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "news") == [3, 4]
    assert left(database, "orders") == [2, 4, 5, 6]


def test_a_value_that_somebody_says_is_theirs_is_followed_whoever_holds_it(database: str) -> None:
    execute(database, TABLES)
    with opened(database, loaded := shape(MAP)) as store:
        [ann] = people(store, loaded, 1)
        ann = Subject(1, ann.keys, attributed=frozenset([GIFT]))
        execute(database, "UPDATE orders SET contact = 'gift@x.example'")
        assert store.given_again([ann], ACME, CUTOFF) == {}
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "news") == [3]


def test_a_row_of_two_people_who_both_go_is_not_somebody_elses(database: str) -> None:
    """Ann wrote a card of Cleo's: it tells of both, as they go together."""
    execute(database, TABLES)
    execute(database, "INSERT INTO cards VALUES (1, '1', '3', 'gift@x.example')")
    with opened(database, loaded := shape(MAP)) as store:
        ann, cleo = people(store, loaded, 1, 3)
        assert GIFT in ann.keys
        assert store.given_again([ann, Subject(3, frozenset(), known=cleo.keys)], ACME, CUTOFF) == {}
        store.erase([ann, cleo], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert left(database, "news") == [3]
    assert left(database, "cards") == []
