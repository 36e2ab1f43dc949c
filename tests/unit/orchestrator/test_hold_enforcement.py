"""What is said of records that a hold keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.holds.legal_holds import EffectiveHold
from expunge_orchestrator.ledger.holds import Hold
from expunge_orchestrator.receipts.collection_lines import in_collection
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome

COURT = Hold(
    1, "hd_1", "hold", 1, {"user_id": "exact/1"}, None, None, None, "4 C 17/26", None, False, "counsel", "", None, None
)


def test_what_is_ambiguous_beside_them_is_not_gone() -> None:
    line = CollectionOutcome(
        "main", "posts", Action.DELETE, RecordCounts(due=3), RecordCounts(due=1, ambiguous=2), Outcome.FAILED
    )
    held = hold_enforcement._under(line, EffectiveHold((COURT,)), {})
    told = in_collection(held, {}, None)
    assert (told["retained"], told.get("ambiguous"), told.get("gone", 0)) == (1, 2, 0)


def test_a_hold_keeps_nothing_where_nothing_is_due() -> None:
    """It failed because another request is not finished there: that is waited for, and no hold explains it."""
    nothing = CollectionOutcome("main", "posts", Action.DELETE, RecordCounts(), RecordCounts(), Outcome.FAILED)
    assert not hold_enforcement._due(nothing)
    assert not hold_enforcement._due(nothing._replace(verified=None))
    assert hold_enforcement._due(nothing._replace(verified=RecordCounts(due=1)))


def test_what_was_kept_already_keeps_its_ground_and_its_day() -> None:
    """One invoice is kept by law beyond the day of the court order, the other by the order alone."""
    seen = RecordCounts(due=1, retained=1, until=date(2035, 12, 31))
    order = EffectiveHold((replace(COURT, until=date(2027, 3, 1)),))
    told = _held(seen, order)
    assert told["retained"] == 2
    assert told["ground"] == "Each is kept for one of these reasons, or for several: Tax law; 4 C 17/26"
    assert told["until"] == "2035-12-31"
    assert _held(seen, EffectiveHold((COURT,)))["until"] is None
    locked = _held(replace(seen, ground="legal-hold", until=None), order)
    assert str(locked["ground"]).endswith("Legal hold on the object: the storage refuses to delete it; 4 C 17/26")
    assert locked["until"] is None


def test_more_grounds_than_are_told_are_said_to_be_more() -> None:
    """Each that is told is told whole."""
    grounds = [f"{number}: {'x' * 450}" for number in range(4)]
    held = EffectiveHold(tuple(replace(COURT, id=at, ground=one) for at, one in enumerate(grounds)))
    assert EffectiveHold(held.holds[:3]).ground == "; ".join(grounds[:3])
    assert held.ground == f"{'; '.join(grounds[:3])}; …"


def _held(seen: RecordCounts, held: EffectiveHold) -> dict[str, object]:
    grounds = {("main", "invoices"): "Tax law"}
    line = CollectionOutcome("main", "invoices", Action.DELETE, seen, seen, Outcome.FAILED)
    return in_collection(hold_enforcement._under(line, held, grounds), grounds, None)
