"""A row of a person on hold stays, however its number is written, and wherever it stands by the time of the deed."""

from __future__ import annotations

import threading

import psycopg
import pytest
from tests.integration.postgres.test_age_sweep import OLD, ids
from tests.integration.postgres.test_ages import aged
from tests.support.postgres.age_sweeps import Held, swept
from tests.support.postgres.company import execute

from expunge_connectors.contract import SubjectKey
from expunge_connectors.postgres.ages.age_sweep import AgeSweep

CALLS = "calls: {table: public.calls, start: made, found_by: [{column: %s, identity: %s}]}"


@pytest.mark.parametrize("identity", ["token", "user_id"])
def test_a_number_is_the_same_one_however_many_noughts_are_behind_it(database: str, identity: str) -> None:
    """A request takes 1, 1.0 and 1.00 for one key (ADR 16), and so does a hold."""
    execute(
        database,
        "CREATE TABLE calls (id int, token numeric, made date);"
        f"INSERT INTO calls VALUES (1, '1', {OLD}), (2, '1.0', {OLD}), (3, '1.00', {OLD}), (4, '2', {OLD})",
    )
    swept(database, aged(CALLS % ("token", identity)), held=Held(frozenset({SubjectKey(identity, "1")})))
    assert ids(database, "calls") == [1, 2, 3]


def test_a_held_row_that_stands_where_a_free_one_was_judged_stays(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No VACUUM: an update of the same page prunes it, and puts the held row's new version where the free one stood."""
    execute(
        database,
        "CREATE TABLE calls (id int, person int, made date, pad text) WITH (fillfactor = 50);"
        "INSERT INTO calls SELECT n, CASE n WHEN 6 THEN 3 ELSE 100 + n END,"
        f" {OLD}, repeat('x', 100) FROM generate_series(1, 27) n",
    )
    execute(database, "UPDATE calls SET pad = 'y' || pad WHERE id = 5")
    execute(database, "SELECT count(*) FROM calls")
    judge, moved = AgeSweep._spare_held, []
    with psycopg.connect(database) as writer, psycopg.connect(database, autocommit=True) as other:
        writer.execute("UPDATE calls SET pad = 'z' || pad WHERE id = 5")  # begun before the sweep, and not over

        def place(number: int) -> str:
            return str(other.execute("SELECT ctid FROM calls WHERE id = %s", [number]).fetchone())

        def judging(*given: object) -> object:
            judged = judge(*given)  # type: ignore[arg-type]
            if not moved:
                before = place(5)
                writer.commit()
                other.execute("UPDATE calls SET pad = 'h' || pad WHERE id = 6")
                moved.append(place(6) == before)
            return judged

        monkeypatch.setattr(AgeSweep, "_spare_held", judging)
        held = Held(frozenset({SubjectKey("user_id", "3")}))
        swept(database, aged(CALLS % ("person", "user_id")), held=held)
    assert moved == [True]
    assert ids(database, "calls") == [6]


def test_a_row_that_comes_to_be_a_held_persons_after_it_was_judged_stays(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version is another one than was judged: the piece is done again, and the new one is judged."""
    execute(
        database,
        "CREATE TABLE calls (id int, person int, made date);"
        f"INSERT INTO calls SELECT n, 100 + n, {OLD} FROM generate_series(1, 9) n",
    )
    judge, given = AgeSweep._spare_held, []
    with psycopg.connect(database, autocommit=True) as other:

        def judging(*of: object) -> object:
            judged = judge(*of)  # type: ignore[arg-type]
            if not given:
                given.append(other.execute("UPDATE calls SET person = 3 WHERE id = 5").rowcount)
            return judged

        monkeypatch.setattr(AgeSweep, "_spare_held", judging)
        swept(database, aged(CALLS % ("person", "user_id")), held=Held(frozenset({SubjectKey("user_id", "3")})))
    assert given == [1]
    assert ids(database, "calls") == [5]


def test_a_row_for_whose_writer_the_deed_waits_stays_if_it_is_a_held_persons_then(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server looks at the new version once the writer is through: it is not the one that was staged."""
    execute(
        database,
        "CREATE TABLE calls (id int, person int, made date);"
        f"INSERT INTO calls SELECT n, 100 + n, {OLD} FROM generate_series(1, 9) n",
    )
    judge, waits = AgeSweep._spare_held, []
    with psycopg.connect(database) as writer:

        def judging(*of: object) -> object:
            judged = judge(*of)  # type: ignore[arg-type]
            if not waits:
                writer.execute("UPDATE calls SET person = 3 WHERE id = 5")
                waits.append(threading.Timer(0.3, writer.commit))
                waits[0].start()
            return judged

        monkeypatch.setattr(AgeSweep, "_spare_held", judging)
        swept(database, aged(CALLS % ("person", "user_id")), held=Held(frozenset({SubjectKey("user_id", "3")})))
        waits[0].join()
    assert ids(database, "calls") == [5]


def test_a_hold_that_comes_midway_keeps_what_was_judged_free_before(database: str) -> None:
    """What other holds answered to the same text is not asked for any more."""
    execute(
        database,
        "CREATE TABLE calls (id int, person int, made date, pad text);"
        f"INSERT INTO calls SELECT n, n % 5, {OLD}, repeat('x', 1000) FROM generate_series(1, 1400) n",
    )
    asked: list[Held] = []
    free, held = Held(frozenset({SubjectKey("user_id", "77")})), Held(frozenset({SubjectKey("user_id", "3")}))

    def before() -> Held:
        asked.append(held if asked else free)
        return asked[-1]

    swept(database, aged(CALLS % ("person", "user_id")), before=before)
    left = ids(database, "calls")
    assert len(asked) > 1
    assert left, "nothing was kept"
    assert left == [number for number in range(left[0], 1401) if number % 5 == 3]


@pytest.mark.parametrize("kind", ["text", "char(12)", "varchar", "name"])
def test_texts_that_look_like_another_are_told_apart(database: str, kind: str) -> None:
    """NULL and the word, quotes, commas, braces, and blanks at the end: each is judged as it stands there."""
    texts = ["k3", "NULL", '"k3"', "{k3}", "k3,k4", "k4", "k\\3", ""]
    execute(database, f"CREATE TABLE calls (id int, token {kind}, made date)")
    with psycopg.connect(database, autocommit=True) as owner:
        for number, text in enumerate([*texts, None, "k3"], 1):
            owner.execute(f"INSERT INTO calls VALUES (%s, %s, {OLD})", (number, text))  # type: ignore[arg-type]
    held = Held(frozenset({SubjectKey("token", "k3"), SubjectKey("token", "k\\3")}))
    told = swept(database, aged(CALLS % ("token", "token")), held=held)
    assert ids(database, "calls") == [1, 7, 10]
    assert told.held == 3
