"""Collections in the data map: whose records one holds and of which data type they are, or that it is a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import StrictBool, model_validator

from expunge_config.datamap.base import Assurance, IsoPeriod, Model, Name, Text


class Owner(Model):
    """Whose records a collection holds: which controller may ask for them.

    Exactly one of: nothing more (the whole collection is that controller's), `column` (its value names the
    controller, as in `client:42`), or `inherited: true` (only keys found in records of that controller ever lead here).
    """

    controller: Name
    column: str | None = None
    inherited: StrictBool = False

    @model_validator(mode="after")
    def _one_way(self) -> Owner:
        if self.column is not None and self.inherited:
            raise ValueError("give `column` or `inherited: true`, not both")
        return self


class LogDeclaration(Model):
    """Why a collection is a log and is left alone. Never guessed: somebody approved it."""

    purpose: Text
    ground: Text
    retention: IsoPeriod
    approved_by: Text


class CollectionSpec(Model):
    """What is the same for a collection in any store: either a data type with an owner, or a log.

    Attributes:
        undated: Decision for a collection reached by a reusable identifier that has no trustworthy creation time:
            `erase` at any age, or `keep` (counted as newer, never erased).
    """

    data_type: Name | None = None
    owner: Owner | None = None
    log: LogDeclaration | None = None
    undated: Literal["erase", "keep"] | None = None

    @model_validator(mode="after")
    def _data_or_log(self) -> CollectionSpec:
        if (self.log is None) == (self.data_type is None):
            raise ValueError("a collection has either a `data_type` or a `log` declaration; undecided is refused")
        return self

    def found_by_text(self) -> Sequence[str]:
        """Where the records are and how they belong to a person, in words, for `expunge locate`.

        Names of tables, columns, templates and identities, never a value. Connectors' models know; empty if they do not
        say.
        """
        return ()

    def decided(self) -> dict[str, Any]:
        """What is decided of the records, as plain data: equal where the same are found and the same is done.

        Connectors' models leave out what decides neither.
        """
        decided: dict[str, Any] = _without_reasons(self.model_dump(mode="json"))
        return decided

    @property
    def person_identity(self) -> str | None:
        """The identity that names the person whom a record is; None: a record is no person. Connectors' models know."""
        return None

    @property
    def tells_member(self) -> bool:
        """A record says by itself whose it is of a controller's members. Connectors' models know of other ways."""
        return self.owner is not None and self.owner.column is not None

    @property
    def names_member(self) -> bool:
        """A record is called after the controller's member as well. Connectors' models know."""
        return False


def _without_reasons(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Of an assurance counts that it is given; why, and by whom, is for people."""
    if isinstance(value, Mapping):
        given = value.keys() == Assurance.model_fields.keys()
        return True if given else {name: _without_reasons(one) for name, one in value.items()}
    return [_without_reasons(one) for one in value] if isinstance(value, list) else value
