"""What is said of records that a hold keeps."""

from __future__ import annotations

from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.execution import hold_enforcement
from expunge_orchestrator.holds.legal_holds import EffectiveHold, Hold
from expunge_orchestrator.receipts.collection_lines import in_collection
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome

COURT = Hold(
    1, "hd_1", "hold", 1, {"user_id": "exact/1"}, None, None, None, "4 C 17/26", None, False, "counsel", "", None, None
)


def test_what_is_ambiguous_beside_them_is_not_gone() -> None:
    line = CollectionOutcome(
        "main", "posts", Action.DELETE, RecordCounts(due=3), RecordCounts(due=1, ambiguous=2), Outcome.FAILED
    )
    held = hold_enforcement._under(line, EffectiveHold((COURT,)), frozenset({"posts"}))
    told = in_collection(held, {}, None)
    assert (told["retained"], told.get("ambiguous"), told.get("gone", 0)) == (1, 2, 0)
