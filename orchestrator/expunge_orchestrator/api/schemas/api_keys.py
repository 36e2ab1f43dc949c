"""API keys, and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from expunge_config.api_settings import RoleName
from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Moment, Schema
from expunge_orchestrator.api.schemas.examples import shown


class AuditEntry(Schema):
    """An entry of the audit log."""

    model_config = ConfigDict(json_schema_extra=shown(examples.ENTRY))

    id: int
    at: datetime
    actor: str
    action: str
    target: str | None
    result: str
    count: int = Field(description="How often: refusals of one actor, action and result in a minute are one entry.")


class AuditEntryPage(Schema):
    """One page of the audit log."""

    model_config = ConfigDict(json_schema_extra=shown(examples.TRAIL))

    items: tuple[AuditEntry, ...]
    next_cursor: str | None = Field(description="Where the next page begins; it stays usable for entries to come.")


class CreateApiKey(Schema):
    """An API key to be issued."""

    model_config = ConfigDict(json_schema_extra=shown(examples.KEY_WISH))

    roles: tuple[RoleName, ...] = Field(min_length=1, max_length=5, fail_fast=True)
    controllers: tuple[Annotated[str, StringConstraints(min_length=1, max_length=264)], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        fail_fast=True,
        description="The controllers that it may act for; absent: all.",
    )
    holder: Annotated[str, StringConstraints(pattern=r"^ak_[0-9a-f]{12}$")] | None = None
    subject: Annotated[str, StringConstraints(pattern=r"^us_[0-9a-f]{16}$")] | None = Field(
        default=None, description="Whose it is: an actor of the staff's tokens, as the audit log names them."
    )
    expires_at: Moment | None = None


class ApiKey(Schema):
    """An API key without its secret."""

    model_config = ConfigDict(json_schema_extra=shown(examples.KEY))

    id: str
    holder: str
    roles: tuple[str, ...]
    controllers: tuple[str, ...] | None
    subject: str | None
    created_at: datetime
    confirmed_at: datetime | None = Field(
        description="When a second person confirmed it; until then it approves nothing."
    )
    expires_at: datetime | None
    revoked_at: datetime | None


class ApiKeyPage(Schema):
    """One page of API keys."""

    model_config = ConfigDict(json_schema_extra=shown(examples.KEYS))

    items: tuple[ApiKey, ...]
    next_cursor: str | None = Field(description="Where the next page begins; null: this is the last one.")


class IssuedApiKey(ApiKey):
    """An API key with its secret, which no later response repeats."""

    model_config = ConfigDict(json_schema_extra=shown(examples.ISSUED))

    secret: str
