"""Lifecycle rules, parsed from GetBucketLifecycleConfiguration, and which objects they match. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from expunge_connectors.s3.driver import ELEMENTS

_CONDITIONS = {"Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan"}
_KNOWN = {
    "Rule": {
        "ID",
        "Status",
        "Prefix",
        "Filter",
        "Expiration",
        "NoncurrentVersionExpiration",
        "Transition",
        "NoncurrentVersionTransition",
        "AbortIncompleteMultipartUpload",
    },
    "Filter": _CONDITIONS | {"And"},
    "And": _CONDITIONS,
    "Expiration": {"Days", "Date", "ExpiredObjectDeleteMarker"},
    "NoncurrentVersionExpiration": {"NoncurrentDays", "NewerNoncurrentVersions"},
}
"""Elements of a rule, as they stand in the service's XML (Amazon S3 API reference, type LifecycleRule)."""

_LONGEST_NAME = 60


class Matches(StrEnum):
    """Whether a rule applies. UNDECIDED: it depends on something that could not be read."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Rule:
    """One enabled rule, as far as it expires objects.

    Attributes:
        larger_than: Bytes, strict.
        smaller_than: Bytes, strict.
        days: Days after creation at which current versions expire.
        date: Midnight UTC from which current versions expire; stays in force afterwards.
        noncurrent_days: Days after a version became noncurrent at which it is removed.
        newer_noncurrent: How many newer noncurrent versions must exist besides.
        unread: Elements of it that are not known here: what it does, and to what, cannot be decided then.
    """

    id: str
    prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    larger_than: int | None = None
    smaller_than: int | None = None
    days: int | None = None
    date: datetime | None = None
    noncurrent_days: int | None = None
    newer_noncurrent: int = 0
    unread: tuple[str, ...] = ()

    def matches(self, key: str, size: int, tags: Mapping[str, str] | None) -> Matches:
        """Whether the rule applies to an object; every condition of the filter must hold.

        Args:
            key: Object key.
            size: Bytes.
            tags: None if they could not be read.
        """
        too_small = self.larger_than is not None and size <= self.larger_than
        too_large = self.smaller_than is not None and size >= self.smaller_than
        if too_small or too_large or not key.startswith(self.prefix):
            return Matches.NO
        if self.tags and tags is not None and any(tags.get(name) != value for name, value in self.tags.items()):
            return Matches.NO
        if self.unread or (self.tags and tags is None):
            return Matches.UNDECIDED
        return Matches.YES


def enabled_rules(configuration: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The enabled rules of a bucket's configuration, as `s3.client` hands it on."""
    rules: Sequence[Mapping[str, Any]] = configuration.get("Rules", [])
    elements: Sequence[Mapping[str, Sequence[str]]] = configuration.get(ELEMENTS) or [{}] * len(rules)
    return tuple(
        _rule(number, raw, _unread(theirs))
        for number, (raw, theirs) in enumerate(zip(rules, elements, strict=True), start=1)
        if raw.get("Status") == "Enabled"
    )


def _unread(elements: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The driver drops what it does not know, and a rule would seem to cover the whole bucket."""
    return tuple(
        name[:_LONGEST_NAME]
        for part, names in elements.items()
        for name in names
        if name not in _KNOWN.get(part, names)
    )


def _named(rule: str) -> str:
    """Of the 255 characters that AWS allows so many that words about several rules stay readable."""
    return rule if len(rule) <= _LONGEST_NAME else f"{rule[: _LONGEST_NAME - 1]}…"


def _rule(number: int, raw: Mapping[str, Any], unread: tuple[str, ...]) -> Rule:
    outer: Mapping[str, Any] = raw.get("Filter", {})
    inner: Mapping[str, Any] = outer.get("And", {})
    tags = [*([outer["Tag"]] if "Tag" in outer else []), *inner.get("Tags", [])]
    expiration: Mapping[str, Any] = raw.get("Expiration", {})
    noncurrent: Mapping[str, Any] = raw.get("NoncurrentVersionExpiration", {})
    conditions = {**outer, **inner}
    return Rule(
        id=_named(raw.get("ID") or f"no. {number}"),
        # `Prefix` beside `Filter` is the older form of a rule.
        prefix=conditions.get("Prefix") or raw.get("Prefix") or "",
        tags={tag["Key"]: tag["Value"] for tag in tags},
        larger_than=conditions.get("ObjectSizeGreaterThan"),
        smaller_than=conditions.get("ObjectSizeLessThan"),
        days=expiration.get("Days"),
        date=expiration.get("Date"),
        noncurrent_days=noncurrent.get("NoncurrentDays"),
        newer_noncurrent=noncurrent.get("NewerNoncurrentVersions") or 0,
        unread=unread,
    )
