"""Values that are handed on: what is older than a person's claim on one is not theirs (ADR 18)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.postgres.company import CUTOFF, actions, checked, due, execute, opened, resolved, subject
from tests.support.postgres.small_schemas import ACME, left, small_document

from expunge_config.datamap import DataMap
from expunge_connectors.contract import SINCE, Counts, Subject, no_beat
from expunge_connectors.postgres import PostgresSpec, PostgresStore
from expunge_connectors.postgres.sql import key_staging

_MAP = """
users:
  table: public.users
  person: user_id
  created: created_at
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  yields: {user_id: id, email: email}
bookings:
  table: public.bookings
  created: at
  found_by: [{column: email, identity: email}, {column: of_user, of: users.id}]
  yields: {token: {column: file, never_shared: {reason: made for each, approved_by: A. Officer}}}
"""
_CONTACTS = """
contacts:
  table: public.contacts
  person: user_id
  undated: erase
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  yields: {user_id: id, email: email}
"""
# Ann has the number since 2024, and her account since 2020. Another one had it before.
_ROWS = """
CREATE TABLE users (id text PRIMARY KEY, email text, created_at timestamptz NOT NULL, taken timestamptz);
CREATE TABLE bookings (id int PRIMARY KEY, email text, of_user text, at {type} NOT NULL, file text);
INSERT INTO users VALUES ('1', '+49 30 123456', '2020-05-05 12:00+00', '2024-05-05 12:00+00'),
                         ('9', '+4930999999', '2020-05-05 12:00+00', NULL);
INSERT INTO bookings VALUES (1, '+4930123456', NULL, '2019-01-01', 'f1'), (2, '+4930123456', NULL, '2022-01-01', 'f2'),
  (3, '+4930123456', NULL, '2024-05-05 12:00', 'f3'), (4, '+4930123456', '1', '2019-01-01', 'f4'),
  (5, '+4930123456', NULL, '2025-01-01', 'f5'), (6, '+4930999999', NULL, '2019-01-01', 'f6');
"""


def _loaded(normaliser: str = "e164/1", *, since: bool = False, recycled: bool | None = None) -> DataMap:
    """A map of phone numbers; its identity is called otherwise, for nothing hangs on the name."""
    document: dict[str, Any] = small_document(_MAP, email=normaliser)
    if recycled is not None:
        document["identities"]["email"]["recycled"] = recycled
    if since:
        document["stores"]["main"]["collections"]["users"]["since"] = {"email": "taken"}
    return checked(document)


def _ambiguous(counts: Counts) -> int:
    return counts[1]["bookings"].ambiguous


def _seen(store: PostgresStore, ann: Subject, number_due: int, ambiguous: int) -> None:
    """Counted and verified alike."""
    for counts in (store.count([ann], ACME, CUTOFF), store.verify([ann], ACME, CUTOFF)):
        assert due(counts).get("bookings", 0) == number_due
        assert _ambiguous(counts) == ambiguous


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("normaliser", ["e164/1", "phone/1"])
@pytest.mark.parametrize(("since", "older"), [(False, [1]), (True, [1, 2])])
def test_what_is_older_than_the_claim_stays_and_is_told(
    database: str, monkeypatch: pytest.MonkeyPatch, normaliser: str, older: list[int], *, since: bool, many: bool
) -> None:
    if many:
        monkeypatch.setattr(key_staging, "_FEW", -1)
    execute(database, _ROWS.replace("{type}", "timestamptz"))
    loaded = _loaded(normaliser, since=since)
    with opened(database, loaded) as store:
        assert [one for one in store.inspect() if one.severity == "error"] == []
        for given in ({"user_id": "1"}, {"email": "+4930123456"}):
            [ann] = resolved(store, [subject(1, **given)], ACME)
            # What a stranger's row leads to is not hers either, whether or not it is known yet whose number it is.
            assert ann.values("token") == [f"f{one}" for one in (1, 2, 3, 4, 5) if one not in older]
            _seen(store, ann, 5 - len(older), len(older))
        assert [one for one in ann.keys if one.namespace.startswith(SINCE)]
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert left(database, "bookings") == [*older, 6]
        # At settling the person's row is gone.
        execute(database, "INSERT INTO bookings VALUES (7, '+4930123456', NULL, '2025-02-02', NULL)")
        assert "f1" not in resolved(store, [ann], ACME)[0].values("token")
        _seen(store, ann, 1, len(older))
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        _seen(store, ann, 0, len(older))
    assert left(database, "bookings") == [*older, 6]


@pytest.mark.parametrize("recycled", [None, False])
def test_a_row_is_never_too_old_where_nothing_says_since_when(database: str, *, recycled: bool | None) -> None:
    execute(database, _ROWS.replace("{type}", "timestamptz"))
    if recycled is None:
        execute(database, "UPDATE users SET taken = NULL")
    with opened(database, loaded := _loaded(since=recycled is None, recycled=recycled)) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        _seen(store, ann, 5, 0)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        _seen(store, ann, 0, 0)
    assert left(database, "bookings") == [6]


def test_of_two_rows_of_a_person_one_that_does_not_say_says_nothing(database: str) -> None:
    """A second entry of hers has the number as well, without a time: what is older than the first one says stays."""
    execute(database, _ROWS.replace("{type}", "timestamptz"))
    execute(
        database,
        "CREATE TABLE contacts (id text PRIMARY KEY, email text); INSERT INTO contacts SELECT id, email FROM users",
    )
    document: dict[str, Any] = small_document(_MAP + _CONTACTS, email="e164/1")
    document["identities"]["user_id"]["same_person"] = {"reason": "copied", "approved_by": "A. Officer"}
    with opened(database, loaded := checked(document)) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        _seen(store, ann, 4, 1)
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        _seen(store, ann, 0, 1)
    assert (left(database, "bookings"), left(database, "contacts")) == ([1, 6], ["9"])


@pytest.mark.parametrize(
    ("kind", "at", "is_older"),
    [
        ("date", "2024-05-04", True),
        ("date", "2024-05-05", False),
        ("timestamp(0)", "2024-05-05 12:00:00", False),
        ("timestamp(0)", "2024-05-05 11:59:59", True),
        ("timestamptz", "2024-05-05 12:00:00+00", False),
        ("timestamptz", "-infinity", True),
    ],
)
def test_a_row_is_older_only_if_that_is_certain(database: str, kind: str, at: str, *, is_older: bool) -> None:
    execute(database, _ROWS.replace("{type}", kind))
    execute(database, f"DELETE FROM bookings WHERE id > 1; UPDATE bookings SET at = '{at}'")
    with opened(database, loaded := _loaded(since=True)) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        _seen(store, ann, int(not is_older), int(is_older))
        store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        _seen(store, ann, 0, int(is_older))
    assert left(database, "bookings") == ([1] if is_older else [])


def test_since_is_refused_where_it_would_say_nothing() -> None:
    document: dict[str, Any] = small_document(_MAP)  # an e-mail address is not handed on
    users, bookings = (document["stores"]["main"]["collections"][one] for one in ("users", "bookings"))
    users["since"], bookings["since"] = {"email": "taken"}, {"email": "at"}
    spec = PostgresSpec.model_validate(document["stores"]["main"])
    document["stores"] = {"main": spec}
    said = dict(spec.complaints(DataMap.model_validate(document)))
    assert "not `recycled`" in said["collections", "users", "since", "email"]
    assert "a person's row yields" in said["collections", "bookings", "since", "email"]


@pytest.mark.parametrize("many", [False, True])
def test_what_is_older_stays_in_another_database_as_well(
    database: str, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    """The bookings are in a store without persons: since when the number is Ann's, rows of the other store say."""
    if many:
        monkeypatch.setattr(key_staging, "_FEW", -1)
    execute(database, _ROWS.replace("{type}", "timestamptz"))
    users, bookings = _MAP.split("bookings:")
    document = small_document(users, email="e164/1")
    shop = small_document(f"bookings:{bookings.replace(', {column: of_user, of: users.id}', '')}")
    document["stores"]["shop"] = shop["stores"]["main"]
    loaded = checked(document)
    with opened(database, loaded) as store, opened(database, loaded, name="shop") as other:
        assert [one for one in other.inspect() if one.severity == "error"] == []
        [known] = resolved(store, [subject(1, user_id="1")], ACME)
        [ann] = resolved(other, [known], ACME)
        assert ann.values("token") == ["f2", "f3", "f5"]
        _seen(other, ann, 3, 2)
        other.erase([ann], {"bookings": loaded.data_types["gone"].on_request}, ACME, CUTOFF, no_beat)
        _seen(other, ann, 0, 2)
    assert left(database, "bookings") == [1, 4, 6]
