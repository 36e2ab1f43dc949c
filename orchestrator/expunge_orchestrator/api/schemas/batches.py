"""Batches: their plans, how far they are, what became of each line."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Schema
from expunge_orchestrator.api.schemas.examples import shown


class Digest(Schema):
    """Exactly one plan."""

    model_config = ConfigDict(json_schema_extra=shown(examples.DIGEST))

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Confirmation(Schema):
    """An operator's word that people are ended although something of theirs is left."""

    model_config = ConfigDict(json_schema_extra=shown(examples.CONFIRMATION))

    confirm: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="The digest of the batch's plan, by an operator who saw what is left (`collections`, `due`)."
    )


class PlanView(Schema):
    """What a batch was planned to do, counted before anything was touched."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=shown(examples.PLAN))

    batch: str
    controller: str
    state: str
    digest: str
    data_map: str
    data_types: tuple[str, ...] | None = None
    replaces: dict[str, str] | None = Field(
        default=None, description="The batch whose plan this one came instead of, and why: that one was void."
    )
    people: int
    ambiguous: int
    not_found: int
    on_hold: int
    also_in: dict[str, int] = Field(
        description="The same controller's batches that are at work on some of these people now, and on how many."
    )
    most_per_person: int
    exceeded: tuple[dict[str, Any], ...]
    stores: dict[str, dict[str, Any]]


class CollectionView(Schema):
    """What was found in one collection, and what is there now, of all people of a batch."""

    found: int
    due: int | None = Field(
        description="Null, as `retained` and `newer`: somebody of whom this was found has not been verified."
    )
    retained: int | None
    newer: int | None


class BatchView(Schema):
    """How far a batch is, what was found and what is left."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=shown(examples.BATCH))

    batch: str
    controller: str
    data_types: tuple[str, ...] | None = None
    state: str
    digest: str
    people: int
    outcomes: dict[str, int]
    reasons: dict[str, int]
    collections: dict[str, CollectionView]
    settles_at: datetime | None
    settling: bool
    settled: int
    left_in_part: int
    left: dict[str, dict[str, int]] = Field(
        default={}, description="What is left of these people, when last seen: collection -> people, records."
    )
    chunks: tuple[dict[str, Any], ...]


class BatchPage(Schema):
    """One page of batches."""

    model_config = ConfigDict(json_schema_extra=shown(examples.BATCHES))

    items: tuple[BatchView, ...]
    next: str | None


class ItemResult(Schema):
    """The outcome of one line of a list; null while it is open."""

    model_config = ConfigDict(json_schema_extra=shown(examples.RESULT))

    line: int
    outcome: str | None
    reason: str | None
    receipt: str


class ResultPage(Schema):
    """One page of outcomes."""

    model_config = ConfigDict(json_schema_extra=shown(examples.RESULTS))

    items: tuple[ItemResult, ...]
    next: str | None
