"""Bodies put together from parts: the same bytes as if each had been encoded whole."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts, Scope
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.receipts import collection_lines
from expunge_orchestrator.receipts.outcome_bodies import OutcomeBodies
from expunge_orchestrator.receipts.standard_sentences import CLAIMS, Went
from expunge_orchestrator.rules import count_records, outcomes
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome
from expunge_reports import canonical, consistency
from expunge_reports.errors import ContradictionError
from expunge_reports.forms import bodies

NOTHING = {"main": {"calls": [0, 0, 0, None, None, 0]}}
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
DIGEST = "ab" * 32
PLAN = {
    "stores": {
        "main": {"collections": {"users": {"action": "tombstone"}, "calls": {"action": "delete"}}},
        "cache": {"collections": {"sessions": {"action": "delete"}}},
    }
}
BATCH = Batch(
    id=1,
    uid="b",
    scope=Scope("client", "42"),
    state=BatchState.EXECUTING,
    created_at="",
    map_digest=DIGEST,
    plan=PLAN,
    plan_digest="",
    pipeline=(),
    settle_at=None,
    requested_by=None,
    cancelled=False,
    undisclosed=False,
)
CUTOFFS = {"main": AT}
GROUNDS = {("main", "users"): "Tax law", ("main", "calls"): "A contract"}
GONE = {outcomes.Outcome.ERASED, outcomes.Outcome.TOMBSTONED}
COUNTS = st.tuples(
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([None, "2027-01-02"]),
    st.sampled_from([None, "shared", "object-lock"]),
    st.integers(0, 2),
).map(list)
RECORDS = st.fixed_dictionaries(
    {
        "main": st.fixed_dictionaries({"users": COUNTS, "calls": COUNTS}),
        "cache": st.sampled_from([{"sessions": [number, 0, 0, None, None, 0]} for number in (0, 1)]),
    }
)


def went(lines):
    """Whether a record fewer is there, as far as the counts tell."""
    said = [collection_lines.in_collection(line, GROUNDS, None) for line in lines]
    return any(
        "gone" in one or ("ambiguous" not in one and one["found"] > one["due"] + one["retained"]) for one in said
    )


def claimed(lines):
    if not went(lines):
        return Went.NOTHING
    return Went.SOME if any(line.outcome in GONE for line in lines) else Went.SOME_IN_PART


@pytest.mark.parametrize(
    ("found", "verified", "claim"),
    [
        ([0, 2], [0, 2], Went.NOTHING),
        ([0, 0], [0, 0], Went.NOTHING),
        ([1, 2], [0, 2], Went.SOME_IN_PART),
        ([1, 0], [0, 0], Went.SOME),
    ],
)
def test_what_is_claimed_is_of_what_went(found, verified, claim):
    conclusions = OutcomeBodies(
        BATCH, cutoffs={}, grounds=GROUNDS, map_digest=DIGEST, normalisers=[], counted=AT, at=AT, context=[]
    )
    records = [
        {
            "main": {"users": [*counts, 0, None, "object-lock", 0], "calls": [0, 0, 0, None, None, 0]},
            "cache": {"sessions": [0, 0, 0, None, None, 0]},
        }
        for counts in (found, verified)
    ]
    lines = outcomes.lines(BATCH.actions, *records)
    assert canonical.decode(conclusions.body(lines, outcomes.result(lines)).canonical)["claim"] == CLAIMS[False][claim]


def line_of(outcome, found, seen, ground=None):
    counts = RecordCounts(due=found), RecordCounts(due=seen, ground=ground)
    return CollectionOutcome("main", f"{outcome.value}{found}", Action.DELETE, *counts, outcome)


ERASED = line_of(Outcome.ERASED, 1, 0)
LEFT_ALL, LEFT_SOME = line_of(Outcome.LEFT, 2, 2), line_of(Outcome.LEFT, 3, 2)
KEPT_SOME = CollectionOutcome(
    "main", "calls", Action.RETAIN, RecordCounts(retained=3), RecordCounts(retained=1), Outcome.RETAINED
)
DROPPED = line_of(Outcome.DROPPED, 3, 0, count_records.TABLE_DROPPED)
EMPTY_DROPPED = line_of(Outcome.DROPPED, 0, 0, count_records.TABLE_DROPPED)


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize(
    ("lines", "went"),
    [
        ([ERASED, LEFT_ALL], Went.SOME_AND_LEFT),
        ([LEFT_SOME], Went.SOME_IN_PART_AND_LEFT),
        ([KEPT_SOME], Went.SOME_IN_PART),
        ([LEFT_ALL], Went.NOTHING),
        ([DROPPED], Went.NOTHING_BUT_DROPPED),
        ([EMPTY_DROPPED], Went.NOTHING_BUT_DROPPED),
        ([DROPPED, LEFT_ALL], Went.NOTHING_BUT_DROPPED),
        ([ERASED, DROPPED], Went.SOME),
    ],
)
def test_a_claim_says_what_the_collections_say(lines, went, limited):
    """A verifier compares them: none says that nothing due is left beside what is, nor that what was dropped went."""
    assert collection_lines.what_went(lines) is went
    stated = [bodies.collection(collection_lines.in_collection(line, GROUNDS, None)) for line in lines]
    fitting = {one for one, claim in CLAIMS[limited].items() if not consistency.claims_more(claim, stated)}
    assert went in fitting
    assert Went.SOME not in fitting or went is Went.SOME


@pytest.mark.parametrize("went", Went)
def test_a_level_is_claimed_where_a_store_has_one(went):
    assert (consistency.LEVEL in CLAIMS[False][went].casefold()) == (went in {Went.SOME, Went.SOME_AND_LEFT})


@pytest.mark.parametrize("went", Went)
def test_a_limited_claim_says_no_more_of_other_data_than_the_verdict(went):
    """A table may hold what was not asked for beside what was; nobody looked at it."""
    claim = CLAIMS[True][went].casefold()
    assert consistency.OTHER_DATA in claim
    assert "as they were" not in claim
    assert consistency.OTHER_DATA not in CLAIMS[False][went].casefold()
    for limited, claims in CLAIMS.items():
        assert not consistency.claims_another_scope(claims[went], limited=limited)
        assert consistency.claims_another_scope(claims[went], limited=not limited)


@given(people=st.lists(st.tuples(RECORDS, RECORDS), min_size=1, max_size=6))
def test_each_body_is_what_its_lines_say_in_canonical_bytes(people):
    conclusions = OutcomeBodies(
        BATCH,
        cutoffs=CUTOFFS,
        grounds=GROUNDS,
        map_digest=DIGEST,
        normalisers=["email/1"],
        counted=AT,
        at=AT,
        context=[f"sha256:{DIGEST}"],
    )
    for found, verified in people:
        lines = outcomes.lines(BATCH.actions, found, verified)
        body = canonical.decode(conclusions.body(lines, outcomes.result(lines)).canonical)
        assert body == {
            "claim": CLAIMS[False][claimed(lines)],
            "context": [f"sha256:{DIGEST}"],
            "controller": "client:42",
            "countedAt": "2026-11-24T10:00:00Z",
            "dataMap": f"sha256:{DIGEST}",
            "normalisers": ["email/1"],
            "outcome": outcomes.result(lines).value,
            "stores": [
                {
                    "store": store,
                    **(
                        {"level": "deleted"}
                        if any(line.store == store and line.outcome in GONE for line in lines)
                        else {}
                    ),
                    "cutoff": "2026-11-24T10:00:00.000000+00:00" if store in CUTOFFS else None,
                    "collections": [
                        collection_lines.in_collection(line, GROUNDS, None) for line in lines if line.store == store
                    ],
                }
                for store in ("main", "cache")
            ],
            "verifiedAt": "2026-11-24T10:00:00Z",
        }


def test_lines_follow_the_actions_and_say_when_nobody_looked():
    lines = outcomes.lines(BATCH.actions, {"main": {"users": [1, 0, 0, None, None, 0]}}, {})
    assert [(one.store, one.collection, one.action, one.outcome.value) for one in lines] == [
        ("main", "users", Action.TOMBSTONE, "failed"),
        ("main", "calls", Action.DELETE, "failed"),
        ("cache", "sessions", Action.DELETE, "failed"),
    ]
    assert lines[0].found.due == 1
    assert lines[1].verified is None
    until = outcomes.lines(BATCH.actions, {}, {"main": {"users": [0, 1, 0, "2027-01-02", None, 0]}})[0].verified
    assert until is not None
    assert until.until == date(2027, 1, 2)


@pytest.mark.parametrize(
    ("found", "seen", "gone"),
    [
        ((2, 0, 0), (0, 0, 1), 1),
        ((1, 0, 0), (0, 0, 1), 0),
        ((2, 0, 1), (0, 0, 1), 2),
        ((2, 1, 0), (0, 1, 1), 1),
        ((2, 1, 0), (1, 1, 0), 1),
        ((0, 1, 0), (0, 2, 0), 0),
    ],
)
def test_what_became_ambiguous_is_not_gone(found: tuple[int, int, int], seen: tuple[int, int, int], gone: int) -> None:
    """An order that was due, and under an address that somebody else took before it was erased: it is there."""
    before, after = (
        {"main": {"orders": [due, retained, 0, None, None, unclear]}} for due, retained, unclear in (found, seen)
    )
    [line] = outcomes.lines({"main": {"orders": Action.DELETE}}, before, after)
    assert collection_lines.in_collection(line, {("main", "orders"): "Tax law"}, None).get("gone", 0) == gone


@pytest.mark.parametrize(
    ("outcome", "found", "seen", "told"),
    [
        ("erased", (1, 0), (1, 0), "outcome-against-counts"),
        ("not-found", (1, 0), (0, 0), "outcome-against-counts"),
        ("retained", (1, 0), (0, 2), "sum-wrong"),
    ],
)
def test_what_cannot_be_true_is_not_stated(
    outcome: str, found: tuple[int, int], seen: tuple[int, int], told: str
) -> None:
    before, after = RecordCounts(*found), RecordCounts(*seen)
    line = CollectionOutcome("main", "orders", Action.DELETE, before, after, outcomes.Outcome(outcome))
    with pytest.raises(ContradictionError, match=told):
        collection_lines.in_collection(line, {}, None)


def test_a_store_that_names_no_ground_keeps_nobody_from_the_statement() -> None:
    """A connector of somebody else's: that it does not say why is what is known."""
    kept = RecordCounts(0, 1)
    line = CollectionOutcome("main", "orders", Action.DELETE, kept, kept, outcomes.Outcome.RETAINED)
    assert collection_lines.in_collection(line, {}, None)["ground"] == "The store keeps it and does not say why"


def test_an_answer_that_the_collections_exclude_is_not_stated() -> None:
    conclusions = OutcomeBodies(
        BATCH, cutoffs=CUTOFFS, grounds=GROUNDS, map_digest=DIGEST, normalisers=[], counted=AT, at=AT, context=[]
    )
    lines = outcomes.lines({"main": {"calls": Action.DELETE}}, NOTHING, NOTHING)
    conclusions.body(lines, outcomes.Result.NOT_FOUND)
    with pytest.raises(ContradictionError, match="event-against-lines: erased"):
        conclusions.body(lines, outcomes.Result.ERASED)
