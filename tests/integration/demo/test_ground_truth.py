"""Every way to break a law is planted once, and the judge names law and place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from tests.support.demo_erasure import ORDER
from tests.support.demo_world import World

from expunge_demo.ground_truth import Erased, JudgeError, check, checks, snapshot
from expunge_demo.ground_truth.ownership import TABLES

TIMES = {
    "invoices": "issued_at",
    "invoice_lines": "issued_at",
    "access_log": "at",
    "calls": "started_at",
}
FIRST_COLUMN = {"user_profiles": "user_id", "user_addresses": "user_id"}


def verdict(world: World, url: str, plant: Callable[[psycopg.Connection], object]) -> set[tuple[str, str]]:
    with world.copy(url) as places:
        with psycopg.connect(places.postgres_url) as connection:
            # Foreign keys and cascades are off: only what is planted happens.
            connection.execute("SET LOCAL session_replication_role = replica")
            plant(connection)
        found = check(world.before, snapshot(places), world.erased)
    return {(violation.law, violation.place) for violation in found}


def test_an_honest_erasure_is_clean(world: World):
    assert [str(violation) for violation in check(world.before, world.after, world.erased)] == []


def test_two_snapshots_of_the_same_state_are_equal(world: World):
    assert snapshot(replace(world.places, postgres_url=world.erased_url)) == world.after


def test_nothing_erased_is_found_everywhere(world: World):
    found = {(violation.law, violation.place) for violation in check(world.before, world.before, world.erased)}
    expected = {(checks.LEFT_OVER, table) for table in ORDER if table != "addresses"}
    expected |= {(checks.TOMBSTONE, "users"), (checks.ADDRESS, "addresses")}
    expected |= {(checks.LEFT_OVER, f"s3:calltrack-{bucket}") for bucket in ("recordings", "exports")}
    kinds = ("session:", "user:", "cache:user:", "online", "cache:caller:", "client:")
    expected |= {(checks.LEFT_OVER, f"redis:{kind}") for kind in kinds}
    assert {pair for pair in found if pair[0] != checks.VALUE_LEFT} == expected
    for table in ("users", "messages", "calls", "leads", "redis:session:"):
        assert (checks.VALUE_LEFT, table) in found


def test_an_erasure_that_nobody_asked_for_is_found_everywhere(world: World):
    found = {violation.law for violation in check(world.before, world.after, Erased())}
    assert found == {checks.MISSING, checks.CHANGED, checks.ADDRESS}


@pytest.mark.parametrize("table", [*ORDER, "users"])
def test_one_table_forgotten(world: World, table: str):
    with world.copy(world.places.postgres_url) as places:
        world.by_hand.erase_rows(places.postgres_url, skip=table)
        found = check(world.before, snapshot(places), world.erased)
    law = {"users": checks.TOMBSTONE, "addresses": checks.ADDRESS}.get(table, checks.LEFT_OVER)
    assert {(one.law, one.place) for one in found if one.law != checks.VALUE_LEFT} == {(law, table)}
    assert {one.place for one in found if one.law == checks.VALUE_LEFT} <= {table}


def law_of_bystander(table: str, usual: str) -> str:
    return {"access_log": checks.LOG_TOUCHED, "addresses": checks.ADDRESS}.get(table, usual)


def last_row(table: str) -> sql.Composed:
    column = sql.Identifier(FIRST_COLUMN.get(table, "id"))
    return sql.SQL("ctid = (SELECT ctid FROM {} ORDER BY {} DESC LIMIT 1)").format(sql.Identifier(table), column)


@pytest.mark.parametrize("table", TABLES)
def test_a_bystanders_row_is_gone(world: World, table: str):
    statement = sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(table), last_row(table))
    found = verdict(world, world.erased_url, lambda connection: connection.execute(statement))
    assert found == {(law_of_bystander(table, checks.MISSING), table)}


@pytest.mark.parametrize("table", TABLES)
def test_a_bystanders_row_is_changed(world: World, table: str):
    statement = sql.SQL("UPDATE {0} SET {1} = {1} + interval '1 second' WHERE {2}").format(
        sql.Identifier(table), sql.Identifier(TIMES.get(table, "created_at")), last_row(table)
    )
    found = verdict(world, world.erased_url, lambda connection: connection.execute(statement))
    assert found == {(law_of_bystander(table, checks.CHANGED), table)}


@pytest.mark.parametrize(
    ("statement", "law", "place"),
    [
        ("INSERT INTO messages (user_id, body) VALUES (100, 'new')", checks.APPEARED, "messages"),
        (
            "INSERT INTO access_log (ip, browser, url, status) VALUES ('::1', '', '', 200)",
            checks.LOG_TOUCHED,
            "access_log",
        ),
        # What a foreign key ON DELETE SET NULL would do to a log.
        ("UPDATE access_log SET user_id = NULL WHERE user_id = 10", checks.LOG_TOUCHED, "access_log"),
        (
            "DELETE FROM invoices WHERE id = (SELECT max(id) FROM invoices WHERE user_id = 10)",
            checks.RETAINED_TOUCHED,
            "invoices",
        ),
        ("UPDATE invoice_lines SET cents = cents + 1 WHERE id = 297", checks.RETAINED_TOUCHED, "invoice_lines"),
        ("DELETE FROM marketing_optouts WHERE id = 3", checks.RETAINED_TOUCHED, "marketing_optouts"),
        ("DELETE FROM users WHERE id = 10", checks.TOMBSTONE, "users"),
        ("UPDATE users SET client_id = client_id % 8 + 42 WHERE id = 10", checks.TOMBSTONE, "users"),
        ("UPDATE users SET created_at = now() WHERE id = 10", checks.TOMBSTONE, "users"),
        ("UPDATE users SET phone = '+49100000000' WHERE id = 10", checks.TOMBSTONE, "users"),
        ("UPDATE users SET full_name = 'E. Pohl' WHERE id = 10", checks.TOMBSTONE, "users"),
        ("UPDATE users SET email = 'erased@briefe.example' WHERE id = 10", checks.TOMBSTONE, "users"),
        # Of four people in the house one was erased.
        (
            "DELETE FROM addresses WHERE id = (SELECT address_id FROM user_addresses WHERE user_id = 9)",
            checks.ADDRESS,
            "addresses",
        ),
    ],
)
def test_a_row_breaks_a_law(world: World, statement: str, law: str, place: str):
    def plant(connection: psycopg.Connection) -> None:
        assert connection.execute(statement.encode()).rowcount > 0

    assert (law, place) in verdict(world, world.erased_url, plant)


def test_the_erased_persons_kept_row_is_one_that_the_plants_touch(world: World):
    holder = world.company.holder(10)
    assert 297 in {line.id for line in holder.lines}
    assert world.company.holder(3).optout is not None
    assert world.company.holder(9).household == holder.household


@pytest.mark.parametrize("spelling", [str, str.upper])
def test_an_address_in_somebody_elses_text_is_a_value_left(world: World, spelling: Callable[[str], str]):
    email = spelling(world.company.holder(10).user.email)
    with world.copy(world.places.postgres_url) as places:
        with psycopg.connect(places.postgres_url) as connection:
            connection.execute("INSERT INTO messages (user_id, body) VALUES (100, %s)", [f"ask {email}, please"])
        before = snapshot(places)
        world.by_hand.erase_rows(places.postgres_url)
        # Redis and S3 were erased before this snapshot, and so hold nothing of the erased in both.
        found = check(before, snapshot(places), world.erased)
    assert [(one.law, one.place, len(one.records)) for one in found] == [(checks.VALUE_LEFT, "messages", 1)]


@pytest.mark.parametrize("spelling", ["{}", "({0:.3}) {0}"])
def test_a_number_in_another_callers_note_is_a_value_left(world: World, spelling: str):
    erased = next(
        caller for caller in world.by_hand.callers if caller.row.client_id == 42 and caller.row.id not in {38, 138}
    )
    phone = spelling.format(erased.row.phone)
    staying = next(ident for ident in world.company.callers_of(42) if ident not in world.erased.callers | {138})
    call = world.company.caller(staying).calls[0].id
    with world.copy(world.places.postgres_url) as places:
        with psycopg.connect(places.postgres_url) as connection:
            connection.execute("INSERT INTO call_notes (call_id, note) VALUES (%s, %s)", [call, f"rang for {phone}"])
        before = snapshot(places)
        world.by_hand.erase_rows(places.postgres_url)
        found = check(before, snapshot(places), world.erased)
    assert [(one.law, one.place, len(one.records)) for one in found] == [(checks.VALUE_LEFT, "call_notes", 1)]


def test_people_who_were_not_there_cannot_be_judged(world: World):
    for nobody in (Erased(users=frozenset({101})), Erased(callers=frozenset({0})), Erased(leads=frozenset({-1}))):
        with pytest.raises(JudgeError):
            check(world.before, world.after, nobody)


def test_a_table_that_the_judge_does_not_know_is_refused(world: World):
    with world.copy(world.erased_url) as places:
        with psycopg.connect(places.postgres_url) as connection:
            connection.execute("CREATE TABLE diary (id bigint)")
        with pytest.raises(JudgeError):
            snapshot(places)


def test_violations_do_not_show_whose_records_they_are(world: World):
    for violation in check(world.before, world.before, world.erased):
        assert "records" not in repr(violation)
        assert str(len(violation.records)) in str(violation)
    assert "10" not in repr(Erased(users=frozenset({10})))
