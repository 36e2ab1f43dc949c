"""Owner check of the verifying side (law 1): whether a member is a valid value of an owner column."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from expunge_connectors.errors import UnknownMemberError
from expunge_connectors.postgres.catalog.tables import Column

_MOST_DIGITS = 1_000  # of numeric: https://www.postgresql.org/docs/current/datatype-numeric.html


def _whole(text: str) -> str:
    number = int(text)
    if abs(number) >= 10**_MOST_DIGITS:
        raise ValueError
    return str(number)


# A value read as the type and written again, as the server writes it.
_WRITTEN: dict[str, Callable[[str], str]] = {
    "uuid": lambda text: str(UUID(text)),
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric"), _whole),
}


def stands(column: Column, member: str) -> bool:
    """Whether a value of the column can read like this.

    An enum's can: a label may be called so tomorrow, or may have been until now. If none is, no row has it.
    """
    if column.labels is not None:
        return True
    try:
        return _WRITTEN.get(column.base, str)(member) == member
    except ValueError:
        return False


def check(store: str, collection: str, column: Column, member: str) -> None:
    """Look for nobody under a name that nothing can have.

    Raises:
        UnknownMemberError: The member is written otherwise.
    """
    if not stands(column, member):
        raise UnknownMemberError(
            f"store {store}, collection {collection}: the records were not verified, for the members in {column.name}"
            f" are written in another way ({column.type}) than the one of the request."
        )
