"""A trial: one world is resolved, counted, erased and verified, and compared with the model at every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from tenacity import wait_none
from tests.support.model import meanwhile, postgres
from tests.support.model.expected_persons import Plan, Whose
from tests.support.model.interludes import Interlude
from tests.support.model.normalisation import spelt
from tests.support.model.reference import Began, Count, Keys, Reference, Row, Sealed, State
from tests.support.model.request_ledger import RequestLedger
from tests.support.model.world import CUTOFF, Ask, World

from expunge_config.datamap import Action, DataMap
from expunge_connectors.contract import Counts, Scope, Severity, Subject, SubjectKey, no_beat
from expunge_connectors.errors import StillReferencedError, TerminalError
from expunge_connectors.postgres import PostgresConnection, PostgresSpec, PostgresStore
from expunge_connectors.postgres.sql import key_staging
from expunge_orchestrator.subjects import followed_keys, member_proof


class StopError(Exception):
    """The process that erased is gone."""


_COMING = {"several-people", "person-not-told"}
"""Maps are refused for rows of several people that go with everybody: here they come, as between two commands."""


class Trial:
    """One world: predicted, erased, compared.

    Args:
        url: The database in which it stands.
        world: Its tables, map, rows and request.
        seen: Counts what it held.
    """

    def __init__(self, url: str, world: World, seen: Counter[str]) -> None:
        self._url = url
        self._seen = seen
        self._world = world
        self._model = Reference(world)
        self._map = loaded(world)
        self._scope = Scope(world.controller, world.member)
        self._actions = {name: Action(self._model.action(name)) for name in self._model.scope}
        self._interludes = iter(world.interludes)
        self._store = self._opened()
        self._relations = self._store.relations(self._scope)
        self._requests = RequestLedger(self._map, self._scope)
        self._given: dict[int, tuple[tuple[str, str], ...]] = {}

    def run(self) -> None:
        # The people of a world are few; with many in a chunk the statements are others.
        with mock.patch.object(key_staging, "_FEW", -1 if self._world.many else key_staging._FEW):
            self._run()

    def _run(self) -> None:
        try:
            state = self._state()
            blocking = [
                one
                for one in self._store.inspect()
                if one.severity is Severity.ERROR
                and not (one.code in _COMING and self._with_everybody(one.collection))
                and one.code != "several-behind-key"
            ]
            assert not blocking, "the map is refused: " + "; ".join(
                f"{one.code} {one.collection}: {one.message}" for one in blocking
            )
            self._store.identity()
            self._between()
            plans = [self._plan(state, chunk) for chunk in self._world.chunks]
            state = self._meanwhile(state, plans)
            chunks = [self._resolve(state, chunk, *plan) for chunk, plan in zip(self._world.chunks, plans, strict=True)]
            if self._world.passes_on and chunks:
                self._pass_on(state, [keys for _, predicted in chunks for keys, *_ in predicted.values()])
            for chunk in chunks:
                self._between(moves=True)
                if not self._chunk(self._state(), chunk):
                    return
            if self._world.again is not None:
                self._again([name for name, _ in plans], [predicted for _, predicted in chunks])
        finally:
            self._seen["somebody else's as well"] += self._model.of_others
            self._requests.close()
            self._store.close()

    def _with_everybody(self, collection: str | None) -> bool:
        spec = self._world.document["stores"]["main"]["collections"].get(collection, {})
        return "goes_with_any" not in spec

    def _state(self) -> State:
        return states(self._world, postgres.snapshot(self._url, self._world))

    def _between(self, *, moves: bool = False) -> None:
        """What others do now, of which a plan knows what makes it another one, and when that is undone."""
        what = next(self._interludes, Interlude(reopened=False))
        if what.moves and not moves:
            return
        if what.reopened:
            self._store.close()
            self._store = self._opened()
        if postgres.happen(self._url, what) and what.statements:
            self._seen["another relation" if what.changes else "something came"] += 1
            changed = self._store.changed(self._relations, self._scope)
            assert set(changed) == what.changes, f"{what.statements}: {dict(changed)} instead of {set(what.changes)}"
            if what.undo:
                postgres.undo(self._url, what)
                assert self._store.changed(self._relations, self._scope) == {}, f"{what.undo}: nothing is otherwise"

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
        self._pass_on_by_another_name(state, asked_for)

    def _pass_on_by_another_name(self, state: State, asked_for: list[Keys]) -> None:
        """An address becomes somebody else's for recovery, of whatever kind of person, or the other way round."""
        people = frozenset[tuple[str, str]]().union(*asked_for)
        identities = self._world.document["identities"]
        held = [
            (name, one["person"], identity, place)
            for name in self._model.scope
            for one in [self._world.document["stores"]["main"]["collections"][name]]
            for identity, place in one.get("yields", {}).items()
            if "person" in one and identity in {"email", "recovery"} and isinstance(place, str)
            if self._world.table_of(name).column(place).writable
        ]
        for name, _, identity, place in held:
            others = list(self._model.others(name, state, people))
            asked = [one for one in state[self._world.table_of(name).text].values() if one not in others]
            for there, kind, other, column in held:
                takers = sorted(self._model.others(there, state, people), key=str)
                for giver, taker in zip(asked[:2], takers[:2], strict=False) if other != identity else ():
                    known = (other, spelt(identities[other]["normaliser"], giver[place])) in people
                    if giver[place] is not None and not (known and any(kind not in dict(one) for one in asked_for)):
                        new = {column: giver[place]}
                        self._seen["passed on by another name"] += postgres.put(
                            self._url, self._world.table_of(there), taker, new
                        )

    def _again(self, names: list[int], before: list[dict[int, tuple[Keys, Sealed, Began, Keys]]]) -> None:
        """Whoever was erased asks once more, by one identifier, when the rows that said who they are are gone."""
        people = {number: one for chunk in before for number, one in chunk.items()}
        for name in names:
            self._requests.conclude(name)
        earlier: dict[tuple[str, str], datetime] = {}
        for keys, _, began, _ in people.values():
            told = {key: since for key, since in began.items() if key in keys and since is not None}
            earlier |= {key: max(since, earlier.get(key, since)) for key, since in told.items()}
        self._model.earlier = earlier
        asks = []
        for number, (keys, *_) in people.items():
            named = sorted(keys, key=lambda key: (key not in earlier, key))
            named = [key for key in named if self._world.document["identities"][key[0]]["kind"] != "internal"]
            asks.append(Ask(number, (named[self._world.again % len(named)],)))
        state = self._state()
        name, plans = self._plan(state, asks)
        self._seen["asked again"] += len(asks)
        self._chunk(state, self._resolve(state, asks, name, plans))

    def _plan(self, state: State, chunk: list[Ask]) -> tuple[int, dict[Keys, Plan]]:
        """Whom the plan is about and what it leads to, by the real resolution and by the model, which must agree."""
        name, answers = self._requests.plan(chunk, self._store)
        whose = Whose(self._world, self._model, state)
        whose.look_up([frozenset(ask.given) for ask in chunk])
        plans = {}
        for ask in chunk:
            answer = answers[ask.number]
            real = None if answer.ambiguity is not None else self._identifiers(answer.keys)
            keys = self._agreed(ask, whose, real)
            self._seen["nobody"] += keys is None
            if keys is not None:
                plans[frozenset(ask.given)] = whose.planned(keys, frozenset(ask.given))
        return name, plans

    def _meanwhile(self, state: State, plans: list[tuple[int, dict[Keys, Plan]]]) -> State:
        """What an application does to the rows of these people before the plans are carried out."""
        asks = [ask for chunk in self._world.chunks for ask in chunk]
        led = {given: plan.keys for _, one in plans for given, plan in one.items()}
        people = {ask.number: led[frozenset(ask.given)] for ask in asks if frozenset(ask.given) in led}
        self._seen["since the plan"] += meanwhile.happen(self._url, self._world, self._model, state, people)
        return self._state()

    def _resolve(
        self, state: State, chunk: list[Ask], name: int, plans: Mapping[Keys, Plan]
    ) -> tuple[list[Subject], dict[int, tuple[Keys, Sealed, Began, Keys]]]:
        """Whom the chunk means when it is carried out."""
        resolved = self._requests.take_up(name, self._store)
        self._given |= {ask.number: ask.given for ask in chunk}
        whose = Whose(self._world, self._model, state, plans)
        whose.look_up([frozenset(ask.given) for ask in chunk])
        subjects, predicted = [], {}
        for ask in chunk:
            subject = resolved.get(ask.number)
            keys = self._agreed(ask, whose, None if subject is None else self._identifiers(subject.keys))
            self._seen["somebody else by now"] += keys is None and frozenset(ask.given) in plans
            if keys is not None and subject is not None:
                subjects.append(subject)
                plan = whose.inherited(frozenset(ask.given))
                unclear = whose.unclear(keys, plan)
                self._seen["unclear"] += bool(unclear)
                predicted[ask.number] = keys, *whose.led_to(keys, plan), unclear
        return member_proof.visible_to("main", subjects, self._scope, self._map), predicted

    def _agreed(self, ask: Ask, whose: Whose, real: Keys | None) -> Keys | None:
        """Whom a request means; where the model does not say, as the real resolution has it."""
        given = frozenset(ask.given)
        keys = real if whose.undecided(given) else whose.keys(given)
        assert real == keys, f"subject {ask.number}: resolution says {real}, the model {keys}"
        return keys

    def _identifiers(self, keys: Iterable[SubjectKey]) -> Keys:
        named = map(member_proof.unmark, keys)
        return frozenset((key.namespace, key.value) for key in named if key.namespace in self._map.identities)

    def _chunk(self, state: State, chunk: tuple[list[Subject], dict[int, tuple[Keys, Sealed, Began, Keys]]]) -> bool:
        """Count, erase, verify; False if the chunk was rightly refused."""
        people, keys = self._with_keys_of_their_own(chunk[0]), self._with_values_of_their_own(state, chunk[1])
        planned = self._model.counts(state, keys, together=True)
        seen = self._model.counts(state, keys, together=False)
        self._compare(self._store.count(people, self._scope, CUTOFF), planned, "count before")
        self._compare(self._store.verify(people, self._scope, CUTOFF), seen, "verify before")
        assert_same(self._world, state, postgres.snapshot(self._url, self._world), "reading wrote")
        self._between()
        due = {(name, row) for one in planned.values() for name, count in one.items() for row in count.due}
        began: dict[tuple[str, str], datetime | None] = {}
        for each, _, since, _ in keys.values():
            for key in each:
                told = [one.get(key) for one in (since, began) if key in began or one is since]
                began[key] = None if None in told else min(one for one in told if one is not None)
        if self._model.given_again(state, frozenset().union(*(each for each, *_ in keys.values()))):
            self._seen["an id given again"] += 1
            self._somebody_elses(people, state)
            return False
        left, blocked = self._model.erased(state, due, frozenset(began), began)
        self._seen["refused"] += bool(blocked)
        if blocked and self._model.told_later(state, keys):
            return False  # refused only when the shared row has its turn
        if blocked and self._refused(people, state, left, must=any(one.held for one in blocked)):
            return False
        self._interrupted(people)
        self._between()
        self._store.erase(people, self._actions, self._scope, CUTOFF, no_beat)
        if self._model.told_later(state, keys):
            people, keys = self._second_round(people, keys)
        assert_same(self._world, left, postgres.snapshot(self._url, self._world), "after erasing")
        self._store.erase(people, self._actions, self._scope, CUTOFF, no_beat)
        assert_same(self._world, left, postgres.snapshot(self._url, self._world), "after erasing twice")
        self._between()
        keys = self._without_hearsay(left, people, keys)
        after = self._model.counts(left, keys, together=False)
        assert not any(count.due for one in after.values() for count in one.values())
        people = self._with_keys_of_their_own(people)
        self._compare(self._store.verify(people, self._scope, CUTOFF), after, "verify after")
        self._compare(self._store.count(people, self._scope, CUTOFF), after, "count after")
        self._see(people, planned)
        return True

    def _second_round(
        self, people: list[Subject], keys: dict[int, tuple[Keys, Sealed, Began, Keys]]
    ) -> tuple[list[Subject], dict[int, tuple[Keys, Sealed, Began, Keys]]]:
        """What is due still is seen, its keys are told by now, and it goes."""
        state = self._state()
        seen = self._model.counts(state, keys, together=False)
        self._compare(self._store.verify(people, self._scope, CUTOFF), seen, "verify after one round")
        self._seen["second rounds"] += any(count.due for one in seen.values() for count in one.values())
        persons = self._map.person_identities
        own = {one.number: frozenset(key for key in one.keys if key.namespace in persons) for one in people}
        resolved = member_proof.resolve(
            {
                number: found or frozenset(SubjectKey(*key) for key in self._given[number])
                for number, found in own.items()
            },
            stores={"main": self._store},
            names=["main"],
            scope=self._scope,
            cutoffs={"main": CUTOFF},
            data_map=self._map,
            known={one.number: one.keys for one in people},
        )
        told = [replace(one, keys=member_proof.merged(one.keys, resolved[one.number].keys)) for one in people]
        again = self._with_keys_of_their_own(member_proof.visible_to("main", told, self._scope, self._map))
        everybody = frozenset[tuple[str, str]]().union(*(each for each, *_ in keys.values()))
        sealed_since = {}
        for number, (each, sealed, began, unclear) in keys.items():
            found, _ = self._model.found_apart(state, each, sealed, began=self._model.began(state), people=everybody)
            since = self._model.seal(state, found, each)
            sealed_since[number] = each, {place: sealed[place] | since[place] for place in sealed}, began, unclear
        self._store.erase(again, self._actions, self._scope, CUTOFF, no_beat)
        return again, sealed_since

    def _without_hearsay(
        self, state: State, people: list[Subject], keys: dict[int, tuple[Keys, Sealed, Began, Keys]]
    ) -> dict[int, tuple[Keys, Sealed, Began, Keys]]:
        """Without values that records merely told and that records of others hold by now: these are asked about again.

        A row of two people, of which one's part was cleared, is the other one's.
        """
        everybody = frozenset[tuple[str, str]]().union(*(each for each, *_ in keys.values()))
        told = {one.number: frozenset((key.namespace, key.value) for key in one.hearsay) for one in people}
        return {
            number: (each - self._model.told_by_others(state, each, told.get(number, frozenset()), everybody), *more)
            for number, (each, *more) in keys.items()
        }

    def _with_keys_of_their_own(self, people: list[Subject]) -> list[Subject]:
        """Without those of rows that are another's by now, of which a command asks. No id is given again here."""
        again = self._store.given_again(people, self._scope, datetime(9999, 1, 1, tzinfo=UTC))
        self._seen["key of another's row"] += bool(again)
        return followed_keys.without_given_again(people, again)

    def _with_values_of_their_own(
        self, state: State, keys: dict[int, tuple[Keys, Sealed, Began, Keys]]
    ) -> dict[int, tuple[Keys, Sealed, Began, Keys]]:
        """The same of values that somebody else has by now, under another identity that is read in the same place."""
        going = frozenset[tuple[str, str]]().union(*(each for each, *_ in keys.values()))
        held = {number: self._model.held_otherwise(state, each, going) for number, (each, *_) in keys.items()}
        self._seen["a value under another identity"] += any(held.values())
        return {
            number: (each - held[number], sealed, began, unclear | held[number])
            for number, (each, sealed, began, unclear) in keys.items()
        }

    def _see(self, people: list[Subject], planned: Mapping[int, Mapping[str, Count]]) -> None:
        """Take note of what was erased; what was refused is none of it."""
        self._seen["chunks"] += 1
        self._seen["people"] += len(people)
        self._seen["as many" if self._world.many else "as few"] += any(
            one.due for each in planned.values() for one in each.values()
        )
        for one in planned.values():
            for name, count in one.items():
                self._seen[f"due: {self._model.action(name)}"] += len(count.due)
                self._seen[f"kept: {count.ground or 'retained'}"] += len(count.retained)
                self._seen["newer"] += len(count.newer)
                self._seen["ambiguous"] += len(count.ambiguous)
                self._seen[f"due in: {name.removeprefix('firm-').removeprefix('client-').split('-')[0]}"] += len(
                    count.due
                )

    def _somebody_elses(self, people: list[Subject], state: State) -> None:
        """A person's row was made after the cutoff: whose the records are cannot be told, and nothing goes."""
        with pytest.raises(TerminalError, match="somebody else has it now"):
            self._store.erase(people, self._actions, self._scope, CUTOFF, no_beat)
        assert_same(self._world, state, postgres.snapshot(self._url, self._world), "refused, and yet changed")

    def _refused(self, people: list[Subject], state: State, left: State, *, must: bool) -> bool:
        """Rows of others are in the way: an error, and no row that stays was touched."""
        error = None
        try:
            self._store.erase(people, self._actions, self._scope, CUTOFF, no_beat)
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
            self._seen["stopped"] += 1
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
    assert list(data_map.same_person_complaints()) == []
    return data_map


def states(world: World, snapshot: Mapping[str, Mapping[tuple[Any, ...], tuple[str, Mapping[str, Any]]]]) -> State:
    """The model's view of a snapshot."""
    state: State = {}
    for table in world.tables:
        rows: dict[Row, dict[str, Any]] = {}
        for name in table.holders:
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
