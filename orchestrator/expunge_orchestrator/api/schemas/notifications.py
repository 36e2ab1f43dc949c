"""What webhooks are sent: Standard Webhooks' type, timestamp and data. No identifier of a person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, WithJsonSchema

from expunge_orchestrator.api.schemas import examples
from expunge_orchestrator.api.schemas.common import Schema
from expunge_orchestrator.api.schemas.examples import shown
from expunge_orchestrator.notifications.events import Event


class NotificationData(Schema):
    """The erasure request that a notification is about."""

    erasure_request_id: str
    controller: str
    state: str
    receipt_id: str | None
    outcome: str | None = Field(default=None, description="Absent while there is none.")


class Notification(Schema):
    """The body of a webhook."""

    model_config = ConfigDict(json_schema_extra=shown(examples.NOTIFICATION))

    type: Annotated[str, WithJsonSchema({"type": "string", "enum": [event.value for event in Event]})]
    timestamp: datetime
    data: NotificationData
