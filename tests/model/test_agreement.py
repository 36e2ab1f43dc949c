"""The database and the reference model agree on every row of every table, for any schema, map, data and request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from string import digits
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from tenacity import wait_none
from tests.support.model import postgres, sampling
from tests.support.model.expected_persons import Whose
from tests.support.model.reference import Count, Keys, Reference, Row, Sealed, State
from tests.support.model.repro_report import told
from tests.support.model.shrinking import reduced
from tests.support.model.strategies import worlds
from tests.support.model.world import CUTOFF, Ask, World

from expunge_config.datamap import Action, DataMap
from expunge_connectors.contract import Counts, Scope, Severity, Subject, SubjectKey, no_beat
from expunge_connectors.errors import StillReferencedError, TerminalError
from expunge_connectors.postgres import PostgresConnection, PostgresSpec, PostgresStore
from expunge_connectors.postgres.sql import key_staging
from expunge_orchestrator.subjects import member_proof

SHARES = 2
"""So that two workers have work; each share has a seed of its own."""

_SETTINGS = settings(
    max_examples=sampling.cases() // SHARES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


def agree(url: str, world: World) -> None:
    """One world: made, asked, erased, compared; made smaller and told as text when it fails."""
    try:
        _try(url, world)
    except Exception as error:
        kind = _kind(error)
        least = reduced(world, lambda smaller: _failure(url, smaller) == kind)
        note(told(least))
        _try(url, least)
        raise


def _try(url: str, world: World) -> None:
    with postgres.standing(url, world):
        Trial(url, world).run()


def _kind(error: Exception) -> str:
    """What kind of disagreement it is, without the rows."""
    return f"{type(error).__name__} {str(error).splitlines()[:1]}".translate(str.maketrans("", "", digits))


def _failure(url: str, world: World) -> str | None:
    try:
        _try(url, world)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return _kind(error)
    return None


@pytest.mark.parametrize("share", range(SHARES))
def test_the_database_and_the_model_agree_on_every_row(database, share):
    SEEN.clear()
    drawn = given(world=worlds())(lambda world: agree(database, world))
    _SETTINGS(seed(sampling.seed() * SHARES + share)(drawn))()
    # A generator that makes nothing to erase agrees with everything.
    often, seldom = (
        ("due: delete", "due: tombstone", "as many", "as few"),
        ("due: retain", "kept: retained", "kept: shared", "newer", "refused"),
    )
    # One world in fifty has a record that is known by nothing but a value that was taken over.
    rare = ("ambiguous",) if sampling.cases() >= 1_000 else ()
    wanted = (*often, *seldom, *rare) if sampling.cases() >= 200 else often
    assert not [what for what in wanted if not SEEN[what]], dict(SEEN)


SEEN: Counter[str] = Counter()
"""What the worlds so far held."""


class StopError(Exception):
    """The process that erased is gone."""


class Trial:
    """One world: predicted, erased, compared."""

    def __init__(self, url: str, world: World) -> None:
        self._url = url
        self._world = world
        self._model = Reference(world)
        self._map = loaded(world)
        self._scope = Scope(world.controller, world.member)
        self._actions = {name: Action(self._model.action(name)) for name in self._model.scope}

    def run(self) -> None:
        # The people of a world are few; with many in a chunk the statements are others.
        with mock.patch.object(key_staging, "_FEW", -1 if self._world.many else key_staging._FEW):
            self._run()

    def _run(self) -> None:
        store = self._opened()
        try:
            before = postgres.snapshot(self._url, self._world)
            state = states(self._world, before)
            blocking = [one for one in store.inspect() if one.severity is Severity.ERROR]
            assert not blocking, "the map is refused: " + "; ".join(
                f"{one.code} {one.collection}: {one.message}" for one in blocking
            )
            store.identity()
            chunks = [self._resolve(store, state, chunk) for chunk in self._world.chunks]
            if self._world.passes_on and chunks:
                self._pass_on(state, [keys for _, predicted in chunks for keys, _ in predicted.values()])
                state = states(self._world, postgres.snapshot(self._url, self._world))
            for chunk in chunks:
                state = self._chunk(store, state, chunk)
                if state is None:
                    return
        finally:
            store.close()

    def _pass_on(self, state: State, asked_for: list[Keys]) -> None:
        """Persons who are asked for by nobody take over what these people have of every reusable value.

        Where somebody is known by no person's key, who takes their value over is due and not erased: that is not drawn.
        """
        people = frozenset[tuple[str, str]]().union(*asked_for)
        for name in self._model.scope:
            spec = self._world.document["stores"]["main"]["collections"][name]
            table = self._world.table_of(name)
            columns = dict.fromkeys(
                column
                for identity, place in spec.get("yields", {}).items()
                for column in [place if isinstance(place, str) else place["column"]]
                if table.column(column).computed is None
                and self._world.document["identities"][identity]["kind"] == "reusable"
            )
            unknown = "person" in spec and any(spec["person"] not in dict(keys) for keys in asked_for)
            if "person" not in spec or unknown:
                continue
            others = sorted(self._model.others(name, state, people), key=str)
            asked = [one for one in state[table.text].values() if one not in others]
            for giver, taker in zip(asked, others, strict=False):
                for column in columns:
                    postgres.pass_on(self._url, table, column, giver, taker)

    def _resolve(
        self, store: PostgresStore, state: State, chunk: list[Ask]
    ) -> tuple[list[Subject], dict[int, tuple[Keys, Sealed]]]:
        """Whom the chunk means, by the real resolution and by the model, which must agree."""
        given = {ask.number: frozenset(SubjectKey(*key) for key in ask.given) for ask in chunk}
        resolved = member_proof.resolve(
            given,
            stores={"main": store},
            names=["main"],
            scope=self._scope,
            cutoffs={"main": CUTOFF},
            data_map=self._map,
        )
        whose = Whose(self._world, self._model, state)
        subjects, predicted = [], {}
        for ask in chunk:
            answer = resolved[ask.number]
            keys = whose.keys(frozenset(ask.given))
            real = (
                None
                if answer.ambiguity is not None
                else frozenset(
                    (key.namespace, key.value)
                    for key in map(member_proof.unmark, answer.keys)
                    if key.namespace in self._map.identities
                )
            )
            if whose.undecided(frozenset(ask.given)):
                keys = real
            assert real == keys, f"subject {ask.number}: resolution says {real}, the model {keys}"
            SEEN["nobody"] += keys is None
            if keys is not None:
                subjects.append(Subject(ask.number, answer.keys))
                predicted[ask.number] = keys, self._model.seal(state, self._model.found(state, keys))
        return member_proof.visible_to("main", subjects, self._scope, self._map), predicted

    def _chunk(
        self, store: PostgresStore, state: State, chunk: tuple[list[Subject], dict[int, tuple[Keys, Sealed]]]
    ) -> State | None:
        """Count, erase, verify; the state that is left, or None if the chunk was rightly refused."""
        people, keys = chunk
        planned = self._model.counts(state, keys, together=True)
        seen = self._model.counts(state, keys, together=False)
        self._compare(store.count(people, self._scope, CUTOFF), planned, "count before")
        self._compare(store.verify(people, self._scope, CUTOFF), seen, "verify before")
        assert_same(self._world, state, postgres.snapshot(self._url, self._world), "reading wrote")
        due = {(name, row) for one in planned.values() for name, count in one.items() for row in count.due}
        left, blocked = self._model.erased(state, due)
        SEEN["refused"] += bool(blocked)
        if blocked and self._refused(store, people, state, left, must=any(one.held for one in blocked)):
            return None
        self._interrupted(people)
        store.erase(people, self._actions, self._scope, CUTOFF, no_beat)
        assert_same(self._world, left, postgres.snapshot(self._url, self._world), "after erasing")
        store.erase(people, self._actions, self._scope, CUTOFF, no_beat)
        assert_same(self._world, left, postgres.snapshot(self._url, self._world), "after erasing twice")
        after = self._model.counts(left, keys, together=False)
        assert not any(count.due for one in after.values() for count in one.values())
        self._compare(store.verify(people, self._scope, CUTOFF), after, "verify after")
        self._compare(store.count(people, self._scope, CUTOFF), after, "count after")
        self._see(people, planned)
        return left

    def _see(self, people: list[Subject], planned: Mapping[int, Mapping[str, Count]]) -> None:
        """Take note of what was erased; what was refused is none of it."""
        SEEN["chunks"] += 1
        SEEN["people"] += len(people)
        SEEN["as many" if self._world.many else "as few"] += any(
            one.due for each in planned.values() for one in each.values()
        )
        for one in planned.values():
            for name, count in one.items():
                SEEN[f"due: {self._model.action(name)}"] += len(count.due)
                SEEN[f"kept: {count.ground or 'retained'}"] += len(count.retained)
                SEEN["newer"] += len(count.newer)
                SEEN["ambiguous"] += len(count.ambiguous)
                SEEN[f"due in: {name.removeprefix('firm-').removeprefix('client-').split('-')[0]}"] += len(count.due)

    def _refused(self, store: PostgresStore, people: list[Subject], state: State, left: State, *, must: bool) -> bool:
        """Rows of others are in the way: an error, and no row that stays was touched."""
        error = None
        try:
            store.erase(people, self._actions, self._scope, CUTOFF, no_beat)
        except TerminalError as refusal:
            error = refusal
        if error is None:
            assert not must, "a row that stays points to one that is deleted, and nothing was refused"
            return False
        rightly = isinstance(error, StillReferencedError) or "would change rows of" in error.message
        assert rightly, f"refused for another reason: {error.message}"
        now = states(self._world, postgres.snapshot(self._url, self._world))
        for table, rows in state.items():
            for row, cells in rows.items():
                allowed = [cells, left[table].get(row)]
                assert now[table].get(row) in allowed, f"refused, and yet changed: {table} {row}"
        return True

    def _interrupted(self, people: list[Subject]) -> None:
        """Begun with small transactions by a process that is killed between two of them."""
        beats = self._world.stop

        def beat() -> None:
            nonlocal beats
            beats -= 1
            if beats < 0:
                raise StopError

        store = self._opened(rows_per_transaction=self._world.limit)
        try:
            store.erase(people, self._actions, self._scope, CUTOFF, beat)
        except StopError:
            SEEN["stopped"] += 1
        finally:
            store.close()

    def _compare(self, counts: Counts, predicted: Mapping[int, Mapping[str, Any]], when: str) -> None:
        real = {
            (number, name): (tally.due, tally.retained, tally.newer, tally.until, tally.ground, tally.ambiguous)
            for number, one in counts.items()
            for name, tally in one.items()
        }
        expected = {(number, name): count.numbers() for number, one in predicted.items() for name, count in one.items()}
        differences = [
            f"subject {place[0]}, {place[1]}: expected {expected.get(place)}, is {real.get(place)}"
            for place in sorted(expected.keys() | real.keys())
            if expected.get(place) != real.get(place)
        ]
        assert not differences, f"{when} (due, retained, newer, until, ground, ambiguous)\n" + "\n".join(differences)

    def _opened(self, **more: int) -> PostgresStore:
        settings_ = PostgresConnection.model_validate(
            {"url": self._url, "verification_wait_seconds": 5, "lock_timeout": "5s", **more}
        )
        return PostgresStore("main", self._map, settings_, wait=wait_none())


def loaded(world: World) -> DataMap:
    """The map, which must have no complaints."""
    document = dict(world.document)
    document["stores"] = {"main": PostgresSpec.model_validate(document["stores"]["main"])}
    data_map = DataMap.model_validate(document)
    assert list(data_map.stores["main"].complaints(data_map)) == []
    return data_map


def states(world: World, snapshot: Mapping[str, Mapping[tuple[Any, ...], tuple[str, Mapping[str, Any]]]]) -> State:
    """The model's view of a snapshot."""
    state: State = {}
    for table in world.tables:
        rows: dict[Row, dict[str, Any]] = {}
        for name in (table.name, *(leaf for leaf, _ in table.leaves)):
            for key, (_, cells) in snapshot.get(f"{table.schema}.{name}", {}).items():
                rows[f"{table.schema}.{name}", key] = dict(cells)
        state[table.text] = rows
    return state


def assert_same(world: World, expected: State, snapshot: Mapping[str, Any], when: str) -> None:
    """Every row of every table is as predicted."""
    now = states(world, snapshot)
    differences = [
        f"{table} {row}: expected {expected[table].get(row, 'gone')}, is {now[table].get(row, 'gone')}"
        for table in expected
        for row in expected[table].keys() | now[table].keys()
        if expected[table].get(row) != now[table].get(row)
    ]
    assert not differences, when + "\n" + "\n".join(differences)
