"""Batches, their plans, and the outcome of each line."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Schema
from expunge_orchestrator.api.schemas.examples import shown


class PlanDigest(Schema):
    """The digest of the plan that is approved or started, so that no other plan is."""

    model_config = ConfigDict(json_schema_extra=shown(examples.DIGEST))

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Plan(Schema):
    """What a batch was planned to do, counted before anything was touched."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=shown(examples.PLAN))

    id: str = Field(description="The batch's id.")
    controller: str
    state: str
    digest: str
    data_map_digest: str
    data_types: tuple[str, ...] | None = None
    replaces: dict[str, str] | None = Field(
        default=None,
        description="`batch_id` of the void plan that this one replaces, and the `reason` why it was void.",
    )
    people: int
    ambiguous: int
    not_found: int
    on_hold: int
    concurrent_batches: dict[str, int] = Field(
        description="Batches of the same controller that are executing for some of these people: id -> people."
    )
    max_records_per_person: int
    exceeded: tuple[dict[str, Any], ...]
    obstacles: tuple[dict[str, Any], ...] = Field(
        description="Records of others that need records of these people: with them a person fails, until they are gone"
        " or the data map lets go of them."
    )
    stores: dict[str, dict[str, Any]]


class CollectionCounts(Schema):
    """What was found in one collection, and what is there now, of all people of a batch."""

    found: int
    due: int | None = Field(
        description="Null, as are the counts below, while a person with records here has not been verified."
    )
    retained: int | None
    newer: int | None
    ambiguous: int | None = Field(
        description="Found by a value alone that another holds as well, or in a record that names another: they stay."
    )
    unread: int = Field(description="Values of these people's records that nobody can read: not searched for.")


class BatchSummary(Schema):
    """The progress of a batch, as a list shows it."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=shown(examples.BATCH_SUMMARY))

    id: str
    controller: str
    data_types: tuple[str, ...] | None = None
    state: str
    digest: str
    people: int
    outcomes: dict[str, int]
    settles_at: datetime | None
    settling: bool
    settled: int
    left_in_part: int


class Batch(BatchSummary):
    """The progress of a batch, what was found and what is left."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=shown(examples.BATCH))

    reasons: dict[str, int]
    collections: dict[str, CollectionCounts]
    left: dict[str, dict[str, int]] = Field(
        default={}, description="What is left of these people, when last seen: collection -> people, records."
    )
    chunks: tuple[dict[str, Any], ...]


class BatchPage(Schema):
    """One page of batches."""

    model_config = ConfigDict(json_schema_extra=shown(examples.BATCHES))

    items: tuple[BatchSummary, ...]
    next_cursor: str | None = Field(description="Where the next page begins; null: this is the last one.")


class BatchResult(Schema):
    """The outcome of one line of the list; null while it is open."""

    model_config = ConfigDict(json_schema_extra=shown(examples.RESULT))

    line: int
    outcome: str | None
    reason: str | None
    receipt_id: str


class BatchResultPage(Schema):
    """One page of outcomes."""

    model_config = ConfigDict(json_schema_extra=shown(examples.RESULTS))

    items: tuple[BatchResult, ...]
    next_cursor: str | None = Field(description="Where the next page begins; null: this is the last one.")
