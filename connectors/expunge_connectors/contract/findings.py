"""Findings: what `inspect` noticed, how bad it is, and whom it stops."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from expunge_connectors.contract.subjects import Scope


class Severity(StrEnum):
    """How bad a finding is: errors block `plan` and `erase`."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing `inspect` noticed, and what to do about it. `code` is stable and documented (docs/findings.md).

    Attributes:
        of_rows: Rows say it that stand there now, and not how the store is built: with one of them something could go
            that is another person's. Whoever only looks sees no less than without them.
        scopes: Whose rows they are, or in whose schema alone it is so: it stops requests for these alone; without a
            member, for every member. None: it stops everybody's.
    """

    severity: Severity
    code: str
    store: str
    collection: str | None
    message: str
    remedy: str
    of_rows: bool = False
    scopes: tuple[Scope, ...] | None = None

    def stops(self, scope: Scope | None) -> bool:
        """It is an error that stops requests for this scope; None: for any."""
        if self.severity is not Severity.ERROR or self.scopes is None or scope is None:
            return self.severity is Severity.ERROR
        return any(one in {scope, Scope(scope.controller)} for one in self.scopes)
