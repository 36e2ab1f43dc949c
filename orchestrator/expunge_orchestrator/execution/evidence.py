"""Evidence: what statements about a chunk say beside its people's outcomes, asked once these are decided (ADR 29).

It explains, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from expunge_connectors.contract import CopyListing
from expunge_orchestrator import backup_copies
from expunge_orchestrator.clock import now
from expunge_orchestrator.execution import leftover_reasons, residual_places, settling_search
from expunge_orchestrator.execution.leftover_reasons import Reasons
from expunge_orchestrator.execution.step_context import StepContext
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.receipts import shared_documents
from expunge_orchestrator.rules.blind_findings import BlindFinding
from expunge_orchestrator.rules.outcome_decision import ChunkDecision, Way
from expunge_orchestrator.subjects.residual_keys import ResidualPlace
from expunge_reports.statement import OpenCopies


@dataclass(frozen=True, slots=True)
class Evidence:
    """What statements say beside outcomes.

    Attributes:
        at: When they are made: later than everything that was looked at.
        listings: The backup copies that were seen.
        document: What is said of these and cited.
        copies: Those that may hold the records.
        openable_until: When the last copy of the ledger is expected to be gone.
        reasons: Item -> place -> why something is left there, of people who fail.
        places: Item -> where something is left of people whose keys are kept.
        searched: Item -> what the blind search found.
    """

    at: datetime
    listings: Sequence[CopyListing]
    document: Mapping[str, object]
    copies: OpenCopies
    openable_until: date | None
    reasons: Mapping[int, Reasons]
    places: Mapping[int, Sequence[ResidualPlace]]
    searched: Mapping[int, BlindFinding]


def gathered(
    context: StepContext, decision: ChunkDecision, together: Sequence[Item], kept_of: Sequence[Item] = ()
) -> Evidence:
    """Ask the stores and the places of backups.

    Args:
        context: Of the step.
        decision: What becomes of its people.
        together: Who were to be erased together.
        kept_of: People whose keys are kept beside those whom an operator ends.

    Raises:
        ConnectorError: Where kept keys lead, or which copies there are, cannot be asked.
    """
    workspace, lines = context.workspace, {number: one.lines for number, one in decision.people.items()}
    failed, ended = (
        [item for item in context.items if item.id in chosen]
        for chosen in (decision.on_way(Way.FAILED), decision.on_way(Way.ENDED))
    )
    places = residual_places.reached_by_kept_keys(context, ended, lines)
    places |= residual_places.reached_by_kept_keys(context, kept_of, lines)
    reasons = leftover_reasons.reasons(context, failed, lines, together)
    listings, missing = backup_copies.observe_with_missing(workspace.backups, workspace.ledger)
    at = now()
    held = backup_copies.possibly_containing(listings, dict.fromkeys(context.batch.actions, at), missing)
    return Evidence(
        at=at,
        listings=listings,
        document=shared_documents.copies_document(listings, held, workspace.data_map),
        copies=backup_copies.outstanding(held),
        openable_until=backup_copies.last_day_of_ledger(listings, at, missing),
        reasons=reasons,
        places=places,
        searched=settling_search.findings_of(context, (one for one in context.items if one.id in decision.people)),
    )
