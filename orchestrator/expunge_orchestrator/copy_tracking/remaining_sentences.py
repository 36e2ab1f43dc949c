"""Remaining copies in sentences: where a person may still be, until when, and what has to happen first."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_connectors.contract import CopyStatus
from expunge_orchestrator.copy_tracking.remaining_copies import RemainingCopies, Standing
from expunge_orchestrator.ledger.copies import RemainingCopy


def sentences(found: RemainingCopies) -> Iterator[str]:
    """The answer first, then what it rests on."""
    if found.standing is Standing.CLOSED:
        yield (
            "The request is closed: nothing that it went for was left in the stores when they were looked at last, and"
            " every backup copy that may have held it was seen to be gone."
        )
        return
    if found.standing is Standing.STORES:
        yield (
            "The stores may hold this person still: the request is not settled, or something was kept, left or"
            f" ambiguous. `expunge receipts show {found.series}` says what."
        )
        return
    if found.standing is Standing.LAST_LOOK:
        yield (
            "No backup copy that is known may hold this person. The first look after"
            f" {found.closes_after:%Y-%m-%d %H:%M} UTC that lists every place closes the request: `expunge run-due`."
        )
    else:
        yield _last(found.copies[0])
    yield f"Nothing was left in the stores at {found.nothing_left_at:%Y-%m-%d %H:%M} UTC."
    if found.copies:
        oldest = min(one.last_seen for one in found.copies)
        yield (
            f"The copies are as looks saw them, the oldest of {oldest:%Y-%m-%d %H:%M} UTC: `expunge copies refresh`"
            " looks anew."
        )


def _last(one: RemainingCopy) -> str:
    """The copy that stays longest. Its name is the operator's own: the command line tells nobody else."""
    where = f"The last copy that may hold this person is {one.place}: {one.copy_id}, of {one.store}"
    if one.expected_by is None:
        blocker = one.blocker or one.ground
        return f"{where}, and nothing is known to end it ({one.status}): {blocker}."
    if one.missed_at is not None:
        return f"{where}, which was missed by one look: the next one, an hour later, says whether it is gone."
    late = ", and it is overdue" if one.status == CopyStatus.OVERDUE else ""
    return f"{where}, until {one.expected_by:%Y-%m-%d}{late}, because of {one.ground}."
