"""Owner values: how a column spells a controller's members, for erasing (`verify.owner_check` is for verifying).

Members are compared as texts, everywhere: in receipts, in names of objects, in who may do what. A type with one text a
value agrees with that, and of another spelling nothing would be found. What is no label of an enum, in whatever case,
has no rows there: labels differ from table to table, and are renamed while requests are at work.
"""

from __future__ import annotations

import re

from expunge_connectors.errors import UnknownMemberError
from expunge_connectors.postgres.catalog.tables import Column

_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,999}"), "digits, without leading zeros"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "small letters, in five groups"
_SPELLINGS = {**dict.fromkeys(("smallint", "integer", "bigint", "numeric"), _NUMBER), "uuid": _UUID}


def refuse_misspelled(store: str, collection: str, column: Column, member: str) -> None:
    """Refuse a request for a member that cannot stand in the column as it is spelled.

    Raises:
        UnknownMemberError: It cannot.
    """
    if column.labels is not None:
        near = member.casefold() in map(str.casefold, column.labels)
        fits, how = member in column.labels or not near, "one of the labels, with its capitals"
    elif column.base in _SPELLINGS:
        pattern, how = _SPELLINGS[column.base]
        fits = pattern.fullmatch(member) is not None
    else:
        return
    if not fits:
        raise UnknownMemberError(
            f"store {store}, collection {collection}: the member that the request is for is not spelled as those in"
            f" {column.name} are ({column.type}: {how}).",
            remedy="Ask for the member in that spelling: in another one none of its records would be found.",
        )
