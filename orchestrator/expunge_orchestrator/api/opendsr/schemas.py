"""OpenDSR bodies, in snake_case as its specification has them; unknown members are ignored, as it demands."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import UUID4, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from expunge_orchestrator.api.opendsr.statuses import Status

VERSION = "2.0"


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class SubjectIdentity(_Shape):
    """Section 5.3. Only `raw`: a hash of an address cannot be looked up in stores that hold addresses."""

    identity_type: Annotated[str, StringConstraints(max_length=64)]
    identity_value: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    identity_format: Literal["raw", "sha1", "md5", "sha256"]


class SubjectRequest(_Shape):
    """Section 7.1."""

    regulation: Literal["gdpr", "ccpa"] | None = None
    subject_request_id: UUID4
    subject_request_type: Literal["erasure", "access", "portability"]
    submitted_time: AwareDatetime
    subject_identities: tuple[SubjectIdentity, ...] = Field(min_length=1, max_length=20, fail_fast=True)
    api_version: str | None = None
    status_callback_urls: tuple[Annotated[str, StringConstraints(max_length=500)], ...] = Field(
        default=(), max_length=5, fail_fast=True
    )
    extensions: dict[str, Any] = Field(default_factory=dict)


class Supported(_Shape):
    """An identity that can be looked up."""

    identity_type: str
    identity_format: Literal["raw"] = "raw"


class Discovery(_Shape):
    """Section 6.3."""

    api_version: str = VERSION
    supported_identities: tuple[Supported, ...]
    supported_subject_request_types: tuple[str, ...] = ("erasure",)
    processor_certificate: str


class Accepted(_Shape):
    """Section 7.3. `encoded_request` repeats what was sent, as the specification wants; it is stored nowhere."""

    controller_id: str
    expected_completion_time: str
    received_time: str
    encoded_request: str
    subject_request_id: str


class StatusResponse(_Shape):
    """Section 8.3."""

    controller_id: str
    expected_completion_time: str
    subject_request_id: str
    request_status: Status
    api_version: str = VERSION
    extensions: dict[str, dict[str, Any]]


class Withdrawn(_Shape):
    """Section 9.2."""

    controller_id: str
    subject_request_id: str
    received_time: str
    api_version: str = VERSION


class Detail(_Shape):
    """One error."""

    domain: str
    reason: str
    message: str


class Errors(_Shape):
    """What was wrong."""

    code: int
    message: str
    errors: tuple[Detail, ...]


class Refused(_Shape):
    """Section 7.6."""

    error: Errors
