"""Data types: what data is for, when it must go, and what a request does with it (DIN 66398)."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from expunge_config.datamap.base import IsoPeriod, Model, Text


class StartEvent(StrEnum):
    """When a deletion period starts (DIN 66398, three types of start time)."""

    COLLECTED = "collected"
    TRANSACTION_ENDED = "transaction_ended"
    RELATIONSHIP_ENDED = "relationship_ended"


class Action(StrEnum):
    """What a request does with a data type."""

    DELETE = "delete"
    TOMBSTONE = "tombstone"
    RETAIN = "retain"


class DeletionRule(Model):
    """Start event + period. Exactly one per data type (DIN 66398)."""

    start: StartEvent
    period: IsoPeriod


class Floor(Model):
    """How long a law demands at least that data is kept, and which."""

    period: IsoPeriod
    ground: Text


class DataType(Model):
    """Data of one purpose, with exactly one deletion rule and one answer to a request.

    Attributes:
        at_least: A rule that ends sooner, of whatever start, is refused.
    """

    purpose: Text
    categories: tuple[Text, ...] = Field(min_length=1)
    rule: DeletionRule
    at_least: Floor | None = None
    on_request: Action
    ground: Text | None = None

    @model_validator(mode="after")
    def _ground_for_retained(self) -> DataType:
        if (self.on_request is Action.RETAIN) != (self.ground is not None):
            raise ValueError(
                "`ground` is given exactly when `on_request` is `retain`: it names the law or reason to keep"
            )
        return self

    @model_validator(mode="after")
    def _as_long_as_the_law_says(self) -> DataType:
        if self.at_least is not None and self.rule.period.shorter_than(self.at_least.period):
            raise ValueError(
                f"the rule's period {self.rule.period} is shorter than `at_least` {self.at_least.period}"
                f" ({self.at_least.ground}), if only of some starts"
            )
        return self
