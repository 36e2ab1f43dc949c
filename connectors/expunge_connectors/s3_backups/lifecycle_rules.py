"""Lifecycle rules, parsed from GetBucketLifecycleConfiguration, and which objects they match. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

_KNOWN = frozenset({"Prefix", "Tag", "Tags", "ObjectSizeGreaterThan", "ObjectSizeLessThan", "And"})

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
        understood: The filter holds nothing that is unknown to us.
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
    understood: bool = True

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
        if not self.understood or (self.tags and tags is None):
            return Matches.UNDECIDED
        return Matches.YES


def enabled_rules(configuration: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The enabled rules of a bucket's configuration."""
    return tuple(
        _rule(number, raw)
        for number, raw in enumerate(configuration.get("Rules", []), start=1)
        if raw.get("Status") == "Enabled"
    )


def _named(rule: str) -> str:
    """Of the 255 characters that AWS allows so many that words about several rules stay readable."""
    return rule if len(rule) <= _LONGEST_NAME else f"{rule[: _LONGEST_NAME - 1]}…"


def _rule(number: int, raw: Mapping[str, Any]) -> Rule:
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
        understood=set(conditions) <= _KNOWN,
    )
