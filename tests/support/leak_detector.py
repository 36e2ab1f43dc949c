"""Watching answers and logs for what is somebody's: identifiers in any encoding, and ids that are another client's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.api_fixtures import CANARY, Stock
from tests.support.api_permissions import Cells
from tests.support.canary_values import forms

PHONE = "+49301230004711"


@dataclass(frozen=True, slots=True)
class Watch:
    """What must not be seen.

    Attributes:
        identifiers: Name -> value of a person's identifier.
        foreign: Name -> what belongs to another client or person, and is told to nobody who speaks for one only.
    """

    identifiers: Mapping[str, str] = field(repr=False)
    foreign: Mapping[str, str] = field(repr=False)
    _forms: Mapping[str, tuple[bytes, ...]] = field(repr=False)

    @classmethod
    def of(cls, cells: Cells) -> Watch:
        """Over the people and things of an installation."""
        calltrack = cells.api.installation.calltrack
        identifiers = {"planted email": CANARY, "planted phone": PHONE, "its digits": PHONE[1:]}
        for name, things in (("mine", cells.mine), ("other", cells.other)):
            holder, caller = (
                calltrack.company.holder(things.person),
                calltrack.company.caller(int(things.identifiers["caller_id"])),
            )
            identifiers |= {f"email, {name}": holder.user.email, f"phone, {name}": caller.row.phone}
            if holder.user.phone is not None:
                identifiers[f"phone of the account, {name}"] = holder.user.phone
        other = cells.other
        things = ("controller", "request", "fresh_request", "batch", "hold", "key", "own_request")
        foreign = {name: str(getattr(other, name)) for name in things}
        foreign["secret"] = cells.follow[other.person]
        encoded = {name: tuple({*forms(value).values()}) for name, value in identifiers.items()}
        return cls(identifiers, foreign, encoded)

    def seen(self, content: bytes, given: bytes = b"", *, whole: bool = False) -> list[str]:
        """Names of what is in it.

        Args:
            content: An answer, with its headers.
            given: What may be repeated: identifiers that came with the call, where the answer is for who gave them.
            whole: Whether it is for somebody who speaks for everybody.
        """
        found = [
            name
            for name, value in self.identifiers.items()
            if value.encode() not in given and any(one in content for one in self._forms[name])
        ]
        return found + [name for name, one in self.foreign.items() if not whole and _names(one, content)]

    def written(self, content: bytes, stock: Stock) -> list[str]:
        """Names of what a log must not hold: identifiers and credentials, whoever they are of."""
        found = self.seen(content, whole=True)
        return found + [
            f"a credential, {number}" for number, one in enumerate(stock.secrets) if one.encode() in content
        ]


def _names(thing: str, content: bytes) -> bool:
    """As a whole word: client:4 is no client:42."""
    return any(end.encode() in content for end in (f'"{thing}"', f"{thing} ", f"/{thing}", f"{thing}.")) or (
        len(thing) > 12 and thing.encode() in content
    )
