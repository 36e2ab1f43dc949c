"""Row kinds: of which kind a row must be, where one of its columns names rows of many tables (ADR 23).

where: {commentable_type: User}
where: {content_type_id: [4, 9]}
where: {customer_type: {reason: of which trade the customer is, approved_by: A. Officer}}
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import StringConstraints
from pydantic.functional_validators import BeforeValidator

from expunge_config.datamap import Assurance, Model

Value = Annotated[str, StringConstraints(max_length=500)]


class RowKind(Model):
    """What a column of the row holds.

    Attributes:
        values: Any one of these, as the text that stands there.
        any_value: Whatever it is: the column does not say of which table another one names rows.
    """

    column: Annotated[str, StringConstraints(min_length=1, max_length=63)]
    values: tuple[Value, ...] = ()
    any_value: Assurance | None = None

    @property
    def text(self) -> str:
        """`commentable_type is User or Admin`."""
        return f"{self.column} is {' or '.join(self.values)}"

    @property
    def written(self) -> str:
        """As the map writes it: `commentable_type: [User, Admin]`."""
        if self.any_value is not None:
            return f"{self.column}: {{reason: {self.any_value.reason}, approved_by: {self.any_value.approved_by}}}"
        values = ", ".join(self.values)
        return f"{self.column}: {values if len(self.values) == 1 else f'[{values}]'}"


def _text(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever the YAML held
    """Of numbers and truths the text that the server has for them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _kinds(where: Any) -> Any:  # noqa: ANN401 - as above
    if not isinstance(where, dict):
        return where
    if not where:
        raise ValueError("`where` names at least one column")
    kinds: list[object] = []
    for column, wanted in where.items():
        if isinstance(wanted, dict):
            kinds.append({"column": column, "any_value": wanted})
            continue
        values = wanted if isinstance(wanted, list | tuple) else [wanted]
        if not values:
            raise ValueError(f"`where` names no value of {column}")
        kinds.append({"column": column, "values": [_text(value) for value in values]})
    return tuple(kinds)


Where = Annotated[tuple[RowKind, ...], BeforeValidator(_kinds)]
"""Column -> a value, several, or an assurance that it does not matter. All of them hold."""


def disjoint(where: tuple[RowKind, ...], others: tuple[RowKind, ...]) -> bool:
    """No row is of both kinds: a column of it would have to hold two values."""
    return any(
        one.column == other.column
        and set(map(_whatever_type, one.values)).isdisjoint(map(_whatever_type, other.values))
        for one in compared(where)
        for other in compared(others)
    )


def _whatever_type(value: str) -> str:
    """One text for all that some type takes for one value: 04 and 4, a UUID in capitals, a word in a citext."""
    text = value.strip().casefold()
    try:
        return str(Decimal(text).normalize())
    except InvalidOperation:
        return text.strip("{}").replace("-", "")


def compared(where: tuple[RowKind, ...]) -> tuple[RowKind, ...]:
    """Those that restrict anything."""
    return tuple(kind for kind in where if kind.any_value is None)
