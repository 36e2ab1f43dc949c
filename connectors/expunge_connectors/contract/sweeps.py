"""Sweeps: records go by age, piece by piece; what is kept of them, and what is told before each piece is durable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from expunge_connectors.contract.subjects import SubjectKey


class NamedThing(NamedTuple):
    """A key that records which are about to go alone lead to, and the member whose they are, as the store writes it."""

    key: SubjectKey
    member: str | None


class Keeping(Protocol):
    """What holds keep of one collection, whatever its age.

    One object says the same to the same question for as long as it lives: where a hold came, went or learnt, it is
    another one.
    """

    @property
    def identities(self) -> frozenset[str]:
        """By keys of these a hold knows people; empty: no hold names anybody here."""
        ...

    @property
    def members(self) -> bool:
        """Some holds are on members of the controller: each record is asked for its member."""
        ...

    @property
    def named(self) -> frozenset[str]:
        """Identities by which records of other stores are found: whose record tells one may be the only way there."""
        ...

    def clear(self, named: Collection[NamedThing]) -> frozenset[SubjectKey]:
        """Have what these name in other stores go before they do, where it is of the same data type.

        Returns:
            Those of the keys by which nothing is left in any other store: a record that names another one stays.
        """
        ...

    def keeps(self, keys: Collection[SubjectKey], member: str | None) -> bool:
        """Whether a record stays that is found by these keys.

        Args:
            keys: All by which a request would find it.
            member: The controller's member whose record it is, as the store writes it; None: nothing says it.
        """
        ...


@dataclass(frozen=True, slots=True)
class SweptPiece:
    """What one transaction takes away.

    Attributes:
        after: Where the next piece begins, in the store's own words; None: this was the last one.
        gone: Collection -> records deleted or overwritten: of the one that is swept, and of those that go with it.
        held: Records that are due, that nothing needs, and that a hold keeps.
        begins: It is the first one of the collection; what was told as held before is told anew.
        mark: What the store knows the transaction by (`committed`); None: it wrote nothing.
    """

    after: str | None
    gone: Mapping[str, int] = field(default_factory=dict)
    held: int = 0
    mark: str | None = None
    begins: bool = False


PieceNotice = Callable[[SweptPiece], None]
"""Told of each piece before it is committed: what it raises rolls the piece back."""

BeforePiece = Callable[[], Keeping | None]
"""Asked before each piece what is to be kept as of now; None: stop here."""
