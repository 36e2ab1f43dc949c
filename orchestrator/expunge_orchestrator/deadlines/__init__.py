"""Response deadlines: the promise in business days, and the statutory deadline beside it.

Pure functions over what the data map says and instants with a zone: nothing here reads a clock, a file or a store.

models          a Deadline with its Extension, and the Deadlines of one request
calculation     calculate them from receipt; extend them once, within the law
status          what ends first, how much is left, the warning where the law's deadline ends before the promise
document        the `deadlines` document that statements cite; read from it again; as text
statutes        the periods of the laws, with their sources
business_days   business days and working days of a calendar, and when a zone's day is over
"""

from expunge_orchestrator.deadlines.business_days import BusinessCalendar, DayOff
from expunge_orchestrator.deadlines.calculation import calculate, extend_promise, extend_statute, latest_promise
from expunge_orchestrator.deadlines.document import as_text, document, restore
from expunge_orchestrator.deadlines.models import Deadline, Deadlines, Extension, Kind
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
