"""By when a request is answered: the promise in business days, and the statutory clock beside it.

Pure functions over what the data map says and instants with a zone: nothing here reads a clock, a file or a store.

clocks      Deadline (received_at, due_at, extended_to) and all Clocks of a request
starting    from receipt to both clocks
extending   what an extension may do
standing    what ends first, how much is left, the warning where the law's clock is the first
restoring   the clocks again, from that document
stating     the `deadlines` document that statements cite, and lines to read
statutes    the rules of the laws, with their sources
days        business days, working days, and when a zone's day is over
"""

from expunge_orchestrator.deadlines.business_days import BusinessCalendar, DayOff
from expunge_orchestrator.deadlines.calculation import calculate
from expunge_orchestrator.deadlines.document import as_text, document
from expunge_orchestrator.deadlines.extending import extend_promise, extend_statute, latest_promise
from expunge_orchestrator.deadlines.models import Deadline, Deadlines, Extension, Kind
from expunge_orchestrator.deadlines.restoring import restore
from expunge_orchestrator.deadlines.status import DeadlineStatus, Warned, standing, warning

__all__ = [
    "BusinessCalendar",
    "DayOff",
    "Deadline",
    "DeadlineStatus",
    "Deadlines",
    "Extension",
    "Kind",
    "Warned",
    "as_text",
    "calculate",
    "document",
    "extend_promise",
    "extend_statute",
    "latest_promise",
    "restore",
    "standing",
    "warning",
]
