"""Hold answers: what holds said to the texts of rows, remembered in bounded memory for as long as the holds are those.

Rows share texts (a client's number, a campaign's), and a hold knows people by keyed hashes: to ask costs some
microseconds each time.
"""

from __future__ import annotations

import sys

from expunge_connectors.contract import Keeping

MOST_BYTES = 32 * 2**20
"""Of texts and of the table of them. While that table grows there are an old and a new one, for a moment."""

Said = tuple[str | None, ...]
"""The texts of one row by which it says whose it is."""


class HoldAnswers:
    """Answers of the holds that were asked last.

    Args:
        most: Bytes that it takes at most; what would be more begins it anew.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._of: Keeping | None = None
        self._known: dict[Said, bool] = {}
        self._texts = 0  # bytes

    def forget_unless_of(self, keeping: Keeping) -> None:
        """Drop what other holds answered: the same ones are the same object (see `contract.Keeping`)."""
        if keeping is not self._of:
            self._clear()
            self._of = keeping

    def of(self, said: Said) -> bool | None:
        """Whether a row that says this is kept; None: it is not known."""
        return self._known.get(said)

    def remember(self, said: Said, *, kept: bool) -> None:
        """Keep an answer."""
        self._known[said] = kept
        self._texts += sys.getsizeof(said) + sum(map(sys.getsizeof, said))
        if self.bytes > self._most:
            self._clear()

    @property
    def bytes(self) -> int:
        """What it takes now."""
        return self._texts + sys.getsizeof(self._known)

    def _clear(self) -> None:
        self._known = {}
        self._texts = 0
