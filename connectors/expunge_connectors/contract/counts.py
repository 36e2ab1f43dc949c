"""Counts: how many records of each subject a store holds in each collection, and which of them must go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

SHARED = "shared"
"""Ground on which a record is kept that goes with the last one that leads to it, whosever that is."""

DATA_TYPE = "data-type"
"""The data type's own ground, where it stands beside others."""


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """Records of one subject in one collection, at one moment.

    Attributes:
        due: Must go: not yet deleted or tombstoned.
        retained: Kept with a ground (data type, Object Lock, other owners of a shared row).
        newer: Found by a reusable identifier, created at or after the cutoff; not part of the request.
        until: Latest day to which something of `retained` is kept; None if nothing is or no day can be named.
        ground: Why it is retained when the reason is not the data type's own ground (`object-lock`, `shared`); where
            there are several, all of them (`legal-hold+object-lock`), with the data type's own (`data-type+shared`).
        ambiguous: Found by a value alone that is another person's as well, or was passed on to one, or in a record that
            names another person by a key, or is older than this person's claim on a value that is handed on: it stays,
            for nobody can tell that it is this one's.
    """

    due: int = 0
    retained: int = 0
    newer: int = 0
    until: date | None = None
    ground: str | None = None
    ambiguous: int = 0

    @property
    def empty(self) -> bool:
        """Nothing at all was found."""
        return not (self.due or self.retained or self.newer or self.ambiguous)


def ground_of_rows(*, shared: bool, by_type: bool) -> str | None:
    """The code of why rows are kept that are other people's as well, that their data type keeps, or of each some."""
    if not shared:
        return None
    return f"{DATA_TYPE}+{SHARED}" if by_type else SHARED


# subject number -> collection -> tally. A collection that was looked at and holds nothing is present with zeros, so
# that "looked for and not there" differs from "not looked for". Collections outside the scope and logs are absent.
Counts = Mapping[int, Mapping[str, RecordCounts]]
