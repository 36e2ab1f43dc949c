"""Bucket versions: what is read of a bucket and of each version in it, and decides when that one goes (data)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from expunge_connectors.s3.lifecycle_rules import Rule


class Versioning(StrEnum):
    """State of a bucket."""

    OFF = "off"
    ENABLED = "enabled"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class BucketState:
    """What decides for every version of a bucket.

    Attributes:
        versioning: None if it could not be read.
        mfa_delete: Versions can only be deleted with a second factor; AWS then supports no lifecycle.
        rules: Enabled rules; empty if there is no configuration; None if it could not be read.
    """

    versioning: Versioning | None
    mfa_delete: bool
    rules: tuple[Rule, ...] | None


@dataclass(frozen=True, slots=True)
class Protection:
    """Object Lock of one version.

    Attributes:
        retain_until: Until when it is locked.
        holds: Holds that no date ends (`legal hold`, `event hold`).
        unknown: What of it is not known, in words.
    """

    retain_until: datetime | None = None
    holds: tuple[str, ...] = ()
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Newer:
    """A newer noncurrent version of the same key: since when it is noncurrent, and what rules ask about it."""

    since: datetime
    size: int
    tags: Mapping[str, str] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """One version that is not a delete marker.

    Attributes:
        id: Version id; `null` for what was written without versioning.
        modified: Last-Modified: when AWS counts the object as created (multipart: the initiation).
        tags: None if they could not be read.
        noncurrent_since: When the next newer version or delete marker was created; None for the current version.
        newer: The newer noncurrent versions of this key, oldest first.
        protection: None if it could not be read.
        replication: Replication status as HEAD has it; empty if there is none; None if it could not be read.
    """

    key: str
    id: str
    modified: datetime
    size: int
    tags: Mapping[str, str] | None = field(default_factory=dict)
    noncurrent_since: datetime | None = None
    newer: tuple[Newer, ...] = ()
    protection: Protection | None = field(default_factory=Protection)
    replication: str | None = ""
