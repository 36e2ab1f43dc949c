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

from expunge_orchestrator.deadlines.business_days import DayOff, Days
from expunge_orchestrator.deadlines.calculation import start
from expunge_orchestrator.deadlines.document import document, lines
from expunge_orchestrator.deadlines.extending import extend_promise, extend_statute, latest_promise
from expunge_orchestrator.deadlines.models import Clocks, Deadline, Extension, Kind
from expunge_orchestrator.deadlines.restoring import restore
from expunge_orchestrator.deadlines.status import Standing, Warned, standing, warning

__all__ = [
    "Clocks",
    "DayOff",
    "Days",
    "Deadline",
    "Extension",
    "Kind",
    "Standing",
    "Warned",
    "document",
    "extend_promise",
    "extend_statute",
    "latest_promise",
    "lines",
    "restore",
    "standing",
    "start",
    "warning",
]
