"""What becomes of a person is decided once, from what is known: everything after it renders (ADR 29)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pytest

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.receipts.collection_lines import in_collection
from expunge_orchestrator.rules import count_records
from expunge_orchestrator.rules.blind_findings import BlindFinding, LeftPlace, Searched
from expunge_orchestrator.rules.count_records import CountRecord
from expunge_orchestrator.rules.effective_holds import EffectiveHold, Hold
from expunge_orchestrator.rules.other_requests import ConcurrentRequest, LeftBefore
from expunge_orchestrator.rules.outcome_decision import (
    ChunkFacts,
    Move,
    PersonEnd,
    PersonFacts,
    Way,
    WhyLeft,
    decide,
)
from expunge_orchestrator.rules.outcomes import Outcome, Result
from expunge_orchestrator.rules.retention_grounds import Grounds

ACTIONS = {"main": {"posts": Action.DELETE, "users": Action.TOMBSTONE}, "cache": {"sessions": Action.DELETE}}
POSTS, USERS, SESSIONS = ("main", "posts"), ("main", "users"), ("cache", "sessions")
COURT = Hold(
    1,
    "hd_1",
    "hold",
    1,
    {"user_id": "exact/1"},
    {},
    None,
    None,
    None,
    "4 C 17/26",
    None,
    False,
    "counsel",
    "",
    None,
    None,
    informed_on=None,
)
ORDER = EffectiveHold((COURT,))
OF_TYPE = EffectiveHold((replace(COURT, data_type="letters"),))
TAKEN_OVER = ConcurrentRequest("bt_other", running=False, places=frozenset({POSTS}), known=True)
UNKNOWN = replace(TAKEN_OVER, known=False)
RUNNING = replace(TAKEN_OVER, running=True)
LEFT = LeftBefore("bt_earlier", {POSTS: 4})
CLEAN = BlindFinding(Searched.SEARCHED)
STRAY = replace(CLEAN, left=(LeftPlace("main", "notes.text", 1),))

EVERYWHERE = {(store, name) for store, names in ACTIONS.items() for name in names}

Looks = Mapping[tuple[str, str], RecordCounts]
ONE_POST: Looks = {POSTS: RecordCounts(due=1)}


def record(looks: Looks) -> CountRecord:
    """Return the count record of a look at every place."""
    return {
        store: count_records.pack({name: looks.get((store, name), RecordCounts()) for name in names})
        for store, names in ACTIONS.items()
    }


def person(found: Looks, seen: Looks, *, unseen_stores: frozenset[str] = frozenset()) -> PersonFacts:
    """Return a person of whom this was found, and this was seen last."""
    looked = {store: names for store, names in record(seen).items() if store not in unseen_stores}
    return PersonFacts(record(found), looked, frozenset(EVERYWHERE), looks=(record(found), looked))


def only(facts: PersonFacts, *, unseen: frozenset[str] = frozenset(), grounds: Grounds | None = None) -> PersonEnd:
    """Return what becomes of a chunk's only person."""
    return decide(ChunkFacts(ACTIONS, grounds or {}, {1: facts}, unseen=unseen)).people[1]


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the table: what is known, and what becomes of the person."""

    name: str
    facts: PersonFacts
    way: Way
    result: Result
    outcome: Outcome
    """In `main.posts`."""
    why_left: WhyLeft | None = None
    unseen: frozenset[str] = field(default_factory=frozenset)


GONE = person(ONE_POST, {})
STUCK = person(ONE_POST, ONE_POST)
NOTHING = person({}, {})
NOT_LOOKED_AT = person(ONE_POST, {}, unseen_stores=frozenset({"main"}))
MAIN = frozenset({"main"})

TABLE = [
    Case("gone", GONE, Way.ANSWERED, Result.ERASED, Outcome.ERASED),
    Case("nothing was there", NOTHING, Way.ANSWERED, Result.NOT_FOUND, Outcome.NOT_FOUND),
    Case(
        "gone by itself: no store removed anything there",
        replace(GONE, erased=frozenset({USERS})),
        Way.ANSWERED,
        Result.NOT_FOUND,
        Outcome.NOT_FOUND,
    ),
    Case(
        "nothing is there, and an earlier statement says that it is gone",
        replace(NOTHING, gone={POSTS: 2}),
        Way.ANSWERED,
        Result.ERASED,
        Outcome.ERASED,
    ),
    Case(
        "retained by law",
        person(ONE_POST, {POSTS: RecordCounts(retained=1)}),
        Way.ANSWERED,
        Result.PARTIALLY_ERASED,
        Outcome.RETAINED,
    ),
    Case("still there", STUCK, Way.FAILED, Result.FAILED, Outcome.FAILED),
    Case("not looked at", NOT_LOOKED_AT, Way.FAILED, Result.FAILED, Outcome.FAILED),
    # Other requests.
    Case(
        "nothing is there, where another request is not finished",
        replace(NOTHING, others=[TAKEN_OVER]),
        Way.FAILED,
        Result.FAILED,
        Outcome.FAILED,
    ),
    Case(
        "all that another request knew is gone",
        replace(GONE, others=[TAKEN_OVER]),
        Way.ANSWERED,
        Result.ERASED,
        Outcome.ERASED,
    ),
    Case(
        "gone, where another request may know more",
        replace(GONE, others=[UNKNOWN]),
        Way.FAILED,
        Result.FAILED,
        Outcome.FAILED,
    ),
    Case(
        "an ended request left something",
        replace(GONE, before=[LEFT]),
        Way.ANSWERED,
        Result.PARTIALLY_ERASED,
        Outcome.LEFT,
    ),
    # Holds.
    Case(
        "a hold keeps it",
        replace(STUCK, hold=ORDER, kept={POSTS: ORDER}),
        Way.HELD,
        Result.ON_HOLD,
        Outcome.RETAINED,
    ),
    Case(
        "a hold keeps something else",
        replace(STUCK, hold=OF_TYPE, kept={}),
        Way.FAILED,
        Result.FAILED,
        Outcome.FAILED,
    ),
    Case(
        "a hold keeps one of two",
        replace(
            person({**ONE_POST, USERS: RecordCounts(due=1)}, {**ONE_POST, USERS: RecordCounts(due=1)}),
            hold=OF_TYPE,
            kept={POSTS: OF_TYPE},
        ),
        Way.FAILED,
        Result.FAILED,
        Outcome.FAILED,
    ),
    Case("a hold, and nothing is left", replace(GONE, hold=ORDER), Way.ANSWERED, Result.ERASED, Outcome.ERASED),
    Case(
        "a hold explains nothing where another request is not finished",
        replace(NOTHING, others=[TAKEN_OVER], hold=ORDER, kept={POSTS: ORDER}),
        Way.FAILED,
        Result.FAILED,
        Outcome.FAILED,
    ),
    Case(
        "a hold explains nothing that was not looked at",
        replace(NOT_LOOKED_AT, hold=ORDER, kept={POSTS: ORDER}),
        Way.FAILED,
        Result.FAILED,
        Outcome.FAILED,
    ),
    # A search without a map.
    Case("searched, and clean", replace(GONE, search=CLEAN), Way.ANSWERED, Result.ERASED, Outcome.ERASED),
    Case("searched, and found", replace(GONE, search=STRAY), Way.FAILED, Result.FAILED, Outcome.ERASED),
    Case(
        "searched, and found, of a person on hold",
        replace(GONE, search=STRAY, hold=ORDER),
        Way.HELD,
        Result.ON_HOLD,
        Outcome.ERASED,
    ),
    Case(
        "searched, and found, of a person of whom one data type is on hold",
        replace(GONE, search=STRAY, hold=OF_TYPE),
        Way.FAILED,
        Result.FAILED,
        Outcome.ERASED,
    ),
    # Ended by an operator.
    Case(
        "ended with something left",
        replace(STUCK, may_end=True),
        Way.ENDED,
        Result.PARTIALLY_ERASED,
        Outcome.LEFT,
        WhyLeft.REFUSED,
    ),
    Case(
        "ended by what a search found",
        replace(GONE, search=STRAY, may_end=True),
        Way.ENDED,
        Result.PARTIALLY_ERASED,
        Outcome.ERASED,
        WhyLeft.UNEXPLAINED,
    ),
    Case(
        "ended, and a store is not what was planned",
        replace(NOT_LOOKED_AT, may_end=True),
        Way.ENDED,
        Result.PARTIALLY_ERASED,
        Outcome.LEFT,
        WhyLeft.UNSEEN,
        unseen=MAIN,
    ),
    Case(
        "nobody is ended whose store was not asked",
        replace(NOT_LOOKED_AT, may_end=True),
        Way.FAILED,
        Result.FAILED,
        Outcome.FAILED,
    ),
    Case(
        "who is on hold waits, and is not ended",
        replace(STUCK, hold=ORDER, kept={POSTS: ORDER}, may_end=True),
        Way.HELD,
        Result.ON_HOLD,
        Outcome.RETAINED,
    ),
    Case("ended with nothing left", replace(GONE, may_end=True), Way.ANSWERED, Result.ERASED, Outcome.ERASED),
]


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_what_becomes_of_a_person(case: Case) -> None:
    end = only(case.facts, unseen=case.unseen)
    (posts,) = (line for line in end.lines if (line.store, line.collection) == POSTS)
    assert (end.way, end.result, posts.outcome, end.why_left) == (case.way, case.result, case.outcome, case.why_left)
    assert end.way is Way.FAILED or not any(line.outcome is Outcome.FAILED for line in end.lines)


@pytest.mark.parametrize(
    ("people", "another_round", "move"),
    [
        ([GONE, STUCK], True, Move.ANOTHER_ROUND),
        ([GONE, STUCK], False, Move.ON),
        ([GONE, NOTHING], True, Move.ON),
        ([replace(STUCK, hold=ORDER, kept={POSTS: ORDER})], True, Move.ON),
        ([GONE, replace(NOTHING, others=[RUNNING])], True, Move.WAIT),
        ([GONE, replace(NOTHING, others=[TAKEN_OVER])], True, Move.ANOTHER_ROUND),
        ([GONE, replace(NOTHING, others=[TAKEN_OVER])], False, Move.ON),
        ([replace(STUCK, others=[RUNNING], may_end=True)], False, Move.WAIT),
        ([replace(GONE, others=[RUNNING])], True, Move.ON),
        ([replace(STUCK, others=[RUNNING], hold=ORDER, kept={POSTS: ORDER})], True, Move.ON),
    ],
)
def test_what_the_chunk_does(people: list[PersonFacts], *, another_round: bool, move: Move) -> None:
    facts = ChunkFacts(ACTIONS, {}, dict(enumerate(people)), another_round=another_round)
    assert decide(facts).move is move


def test_each_line_has_its_own_holds_and_the_person_those_of_all() -> None:
    """A hold that keeps nothing of what is left is no ground of anything."""
    letters, orders, photos = (replace(COURT, id=at, uid=f"hd_{at}", data_type=f"type {at}") for at in (1, 2, 3))
    both: Looks = {POSTS: RecordCounts(due=2), USERS: RecordCounts(due=1)}
    end = only(
        replace(
            person(both, both),
            hold=EffectiveHold((letters, orders, photos)),
            kept={POSTS: EffectiveHold((letters,)), USERS: EffectiveHold((orders,))},
        )
    )
    assert end.hold == EffectiveHold((letters, orders))
    kept = {(line.store, line.collection): line.verified for line in end.lines}
    assert kept[POSTS] == RecordCounts(retained=2, ground=COURT.ground)
    assert kept[SESSIONS] == RecordCounts()


@pytest.mark.parametrize(
    ("seen", "known", "way"),
    [
        ({}, {}, Way.ANSWERED),
        (ONE_POST, {}, Way.FAILED),
        (ONE_POST, {"may_end": True}, Way.ENDED),
        (ONE_POST, {"hold": ORDER, "kept": {POSTS: ORDER}}, Way.HELD),
    ],
)
def test_what_went_by_itself_was_not_found_whatever_becomes_of_the_person(
    seen: Looks, known: dict[str, Any], way: Way
) -> None:
    end = only(replace(person({POSTS: RecordCounts(due=2)}, seen), erased=frozenset(), **known))
    assert (end.way, end.found) == (way, record(seen))
    assert {line.found.due + line.found.retained for line in end.lines} <= {0, *(one.due for one in seen.values())}


def test_what_a_search_found_is_kept_by_the_holds_of_everything_alone() -> None:
    both = EffectiveHold((COURT, replace(COURT, id=2, uid="hd_2", data_type="letters")))
    assert only(replace(GONE, search=STRAY, hold=both)).hold == ORDER


def test_what_nobody_could_look_at_is_left_as_it_was_ever_found() -> None:
    facts = person({POSTS: RecordCounts(due=2, retained=1)}, {}, unseen_stores=MAIN)
    end = only(replace(facts, may_end=True), unseen=MAIN)
    (posts,) = (line for line in end.lines if (line.store, line.collection) == POSTS)
    assert (posts.found.due, posts.unseen) == (3, True)
    again = only(replace(facts, may_end=True, gone={POSTS: 5}), unseen=MAIN)
    (posts,) = (line for line in again.lines if (line.store, line.collection) == POSTS)
    assert posts.found.due == 5, "what is stated as gone was found"


def test_what_is_ambiguous_beside_held_records_is_not_gone() -> None:
    told = _held({POSTS: RecordCounts(due=3)}, RecordCounts(due=1, ambiguous=2), ORDER)
    assert (told["retained"], told.get("ambiguous"), told.get("gone", 0)) == (1, 2, 0)


def test_what_was_kept_already_keeps_its_ground_and_its_day() -> None:
    """One post is kept by law beyond the day of the court order, the other by the order alone."""
    seen = RecordCounts(due=1, retained=1, until=date(2035, 12, 31))
    order = EffectiveHold((replace(COURT, until=date(2027, 3, 1)),))
    told = _held({POSTS: seen}, seen, order)
    assert told["retained"] == 2
    assert told["ground"] == "Each is kept for one of these reasons, or for several: Tax law; 4 C 17/26"
    assert told["until"] == "2035-12-31"
    assert _held({POSTS: seen}, seen, ORDER)["until"] is None
    by_storage = replace(seen, ground="legal-hold", until=None)
    locked = _held({POSTS: by_storage}, by_storage, order)
    assert str(locked["ground"]).endswith("Legal hold on the object: the storage refuses to delete it; 4 C 17/26")
    assert locked["until"] is None


def test_more_grounds_than_are_told_are_said_to_be_more() -> None:
    """Each that is told is told whole."""
    grounds = [f"{number}: {'x' * 450}" for number in range(4)]
    held = EffectiveHold(tuple(replace(COURT, id=at, ground=one) for at, one in enumerate(grounds)))
    assert EffectiveHold(held.holds[:3]).ground == "; ".join(grounds[:3])
    assert held.ground == f"{'; '.join(grounds[:3])}; …"


def _held(found: Looks, seen: RecordCounts, hold: EffectiveHold) -> dict[str, object]:
    """Return what a statement says of posts that a hold keeps."""
    grounds = {POSTS: "Tax law"}
    end = only(replace(person(found, {POSTS: seen}), hold=hold, kept={POSTS: hold}), grounds=grounds)
    assert end.way is Way.HELD
    (posts,) = (line for line in end.lines if (line.store, line.collection) == POSTS)
    return in_collection(posts, grounds, None)
