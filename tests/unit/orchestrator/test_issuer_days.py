"""Days that no statement has: the issuer refuses them as the verifier does (`verify.contradictions`)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest

from expunge_config.api_settings import Span
from expunge_config.datamap import Action
from expunge_connectors.contract import RecordCounts
from expunge_orchestrator.receipts.collection_lines import in_collection
from expunge_orchestrator.rules import owed
from expunge_orchestrator.rules.outcomes import CollectionOutcome, Outcome
from expunge_reports import consistency
from expunge_reports.errors import ContradictionError

CUTOFF = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def kept(until: date) -> CollectionOutcome:
    seen = RecordCounts(retained=1, until=until, ground="object-lock")
    return CollectionOutcome("main", "files", Action.DELETE, seen, seen, Outcome.RETAINED)


def test_no_line_says_that_it_is_kept_until_a_day_before_it_was_looked_for() -> None:
    assert in_collection(kept(date(2026, 11, 23)), {}, CUTOFF)["until"] == "2026-11-23"
    with pytest.raises(ContradictionError, match="kept-until-past"):
        in_collection(kept(date(2026, 11, 22)), {}, CUTOFF)


def test_the_longest_wait_for_a_check_is_that_of_the_settings() -> None:
    (longest,) = {bound.le for one in get_args(Span)[1:] for bound in one.metadata if hasattr(bound, "le")}
    assert consistency.LONGEST_WAIT == 2 * longest + owed.SETTLED_WITHIN == timedelta(days=7301)
