"""Returned people: who of a restored store is a person that was erased, and who only has such a number. Pure (ADR 35).

A restore turns back the sequences of a database as well: a number that an erased person had may be given to a stranger
after it. The day on which the record was made tells them apart: an erased person's record is older than the erasure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from expunge_connectors.contract import Scope


class Standing(StrEnum):
    """What a record with an erased person's key is.

    BACK: the record that was erased, or one as old. LATER: made after the erasure: it is somebody else's, or the same
    person came anew; either way nobody asked for it to go. UNDATED: no record of the person says when it was made, or
    they do not say one thing: of the day of the erasure, or some as old and others made later.
    """

    BACK = "back"
    LATER = "later"
    UNDATED = "undated"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far requests went that are done again together.

    Attributes:
        data_types: What they were limited to; None: everything of the controller.
    """

    scope: Scope
    data_types: frozenset[str] | None

    def covers(self, other: Reach) -> bool:
        """Whether whatever goes with the other one goes with this one as well."""
        if self.scope != other.scope or self == other:
            return False
        return self.data_types is None or (other.data_types is not None and other.data_types < self.data_types)


def standing(since: datetime | None, by: datetime | None, cutoffs: Iterable[datetime]) -> Standing:
    """What records are that were made between then, if requests about their person were carried out as of these times.

    Times are of one clock, the store's own. What was made in the same moment as the cutoff was in the request.
    """
    last = max(cutoffs, default=None)
    if since is None or by is None or last is None:
        return Standing.UNDATED
    if since > last:
        return Standing.LATER
    return Standing.BACK if by <= last else Standing.UNDATED


def widest(reaches: Mapping[Reach, Collection[datetime]]) -> frozenset[Reach]:
    """Those of one key that no other one covers, which is as late: what is done again once is not done twice.

    A narrower one that came later may be of somebody to whom the number was given in between.
    """

    def covered(one: Reach) -> bool:
        last = max(reaches[one], default=None)
        return any(
            other.covers(one) and (last is None or any(at >= last for at in cutoffs))
            for other, cutoffs in reaches.items()
        )

    return frozenset(one for one in reaches if not covered(one))
