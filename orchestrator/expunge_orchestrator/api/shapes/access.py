"""API keys, and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from expunge_config.apisettings import RoleName
from expunge_orchestrator.api.shapes.common import Moment, Shape


class AuditTold(Shape):
    """An entry of the audit trail."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str | None
    result: str


class AuditPage(Shape):
    """One page of the audit trail."""

    items: tuple[AuditTold, ...]
    next: str | None


class KeyWish(Shape):
    """A key to be issued."""

    roles: tuple[RoleName, ...] = Field(min_length=1, max_length=5)
    controllers: tuple[Annotated[str, StringConstraints(min_length=1, max_length=264)], ...] | None = Field(
        default=None, min_length=1, max_length=1000, description="Whom it may speak for; absent: all."
    )
    holder: Annotated[str, StringConstraints(pattern=r"^ak_[0-9a-f]{12}$")] | None = None
    ends_at: Moment | None = None


class KeyTold(Shape):
    """An API key."""

    id: str
    holder: str
    roles: tuple[str, ...]
    controllers: tuple[str, ...] | None
    issued_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None


class IssuedKey(KeyTold):
    """A key and its secret, which is nowhere else."""

    secret: str
