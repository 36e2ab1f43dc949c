"""Controllers, who may send requests, and the operator, who runs Expunge for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StringConstraints, model_validator

from expunge_config.datamap.base import Model, Text
from expunge_config.datamap.deadlines import DeadlineSpec


class Controller(Model):
    """A controller that may send requests: one company, or a kind of them told apart by a value (`client:42`).

    Attributes:
        deadline: By when its requests are answered; without one, no clock runs.
        member_deadlines: For members of a kind that have another calendar, zone, promise or law; each whole, nothing
            is taken over from `deadline`.
    """

    name: Text
    many: StrictBool = False
    deadline: DeadlineSpec | None = None
    member_deadlines: dict[str, DeadlineSpec] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _members_of_many(self) -> Controller:
        if self.member_deadlines and not self.many:
            raise ValueError("`member_deadlines` are for a controller with `many: true`; write `deadline`")
        return self

    def deadline_of(self, member: str | None) -> DeadlineSpec | None:
        """By when a request of this member (the 42 of `client:42`, or None) is answered; None if nobody said."""
        own = None if member is None else self.member_deadlines.get(member)
        return self.deadline if own is None else own


class Operator(Model):
    """Who runs Expunge and signs: named on every receipt.

    Attributes:
        log_origin: Host name that names the transparency log (C2SP tlog-checkpoint origin, without a path).
    """

    name: Annotated[Text, StringConstraints(max_length=200)]
    contact: Text
    log_origin: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{3,100}$")]
