"""API keys, and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from expunge_config.api_settings import RoleName
from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Moment, Schema
from expunge_orchestrator.api.schemas.examples import shown


class AuditEntry(Schema):
    """An entry of the audit trail."""

    model_config = ConfigDict(json_schema_extra=shown(examples.ENTRY))

    id: int
    at: datetime
    actor: str
    action: str
    target: str | None
    result: str


class AuditPage(Schema):
    """One page of the audit trail."""

    model_config = ConfigDict(json_schema_extra=shown(examples.TRAIL))

    items: tuple[AuditEntry, ...]
    next: str | None


class CreateApiKey(Schema):
    """A key to be issued."""

    model_config = ConfigDict(json_schema_extra=shown(examples.KEY_WISH))

    roles: tuple[RoleName, ...] = Field(min_length=1, max_length=5)
    controllers: tuple[Annotated[str, StringConstraints(min_length=1, max_length=264)], ...] | None = Field(
        default=None, min_length=1, max_length=1000, description="Whom it may speak for; absent: all."
    )
    holder: Annotated[str, StringConstraints(pattern=r"^ak_[0-9a-f]{12}$")] | None = None
    ends_at: Moment | None = None


class ApiKeyView(Schema):
    """An API key."""

    model_config = ConfigDict(json_schema_extra=shown(examples.KEY))

    id: str
    holder: str
    roles: tuple[str, ...]
    controllers: tuple[str, ...] | None
    issued_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None


class IssuedKey(ApiKeyView):
    """A key and its secret, which is nowhere else."""

    model_config = ConfigDict(json_schema_extra=shown(examples.ISSUED))

    secret: str
