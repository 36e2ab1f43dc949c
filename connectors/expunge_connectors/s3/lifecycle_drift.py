"""Lifecycle drift: what a bucket ends by itself, too late or too early, and the configuration that does as declared.

Source: Amazon S3 User Guide, "Lifecycle configuration elements" and "Conflicts in lifecycle configurations": of several
rules that expire an object the earliest one counts. So a rule that is added makes nothing stay for longer.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

from expunge_config.datamap import DataMap
from expunge_connectors.contract import HELD, Drift, DriftReport, Heartbeat
from expunge_connectors.keyspace.end_by_age import DeclaredEnd, declared_end
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.early_rules import Floor, floor_of, later
from expunge_connectors.s3.inspection import NO_LIFECYCLE
from expunge_connectors.s3.lifecycle_rules import Rule, enabled_rules
from expunge_connectors.s3.log_ages import objects_over
from expunge_connectors.s3.spec import ObjectSpec, S3Spec


@dataclass(frozen=True, slots=True)
class _Place:
    """A collection that a lifecycle can end: everything below a prefix."""

    name: str
    prefix: str
    end: DeclaredEnd


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A bucket as it is set up; `raw` is what the service answered."""

    name: str
    versioned: bool
    raw: Mapping[str, Any] = field(repr=False)
    rules: Sequence[Rule] = field(repr=False)


def drift(  # noqa: PLR0913, PLR0917 - what is read, by whom, when, and what is kept
    service: Service, spec: S3Spec, data_map: DataMap, held: Collection[str], today: date, beat: Heartbeat
) -> DriftReport:
    """Read each bucket's configuration, and below logs the names of all objects, and hold them against the map."""
    drifts: list[Drift] = []
    unjudged: dict[str, str] = {}
    for name in sorted({objects.bucket for objects in spec.collections.values()}):
        of_bucket = {one: objects for one, objects in spec.collections.items() if objects.bucket == name}
        places: list[_Place] = []
        floors: list[Floor] = []
        for collection, objects in of_bucket.items():
            end = _end(collection, objects, of_bucket, data_map)
            floors += floor_of(collection, objects, data_map, alone=_shared(collection, objects, of_bucket) is None)
            if isinstance(end, str):
                unjudged[collection] = end
            else:
                places.append(_Place(collection, objects.template.head, end))
        if places or floors:
            bucket = _read(service, name)
            judged = list(_in_bucket(bucket, places, floors, held))
            drifts += judged
            for place in places:
                if of_bucket[place.name].log is not None:
                    found = next((one for one in judged if one.collection == place.name), None)
                    period = place.end.period
                    drifts += objects_over(service, name, place.name, place.prefix, period, today, found, beat)
        beat()
    return DriftReport(drifts, unjudged)


def _end(name: str, objects: ObjectSpec, of_bucket: Mapping[str, ObjectSpec], data_map: DataMap) -> DeclaredEnd | str:
    return _shared(name, objects, of_bucket) or declared_end(data_map, objects)


def _shared(name: str, objects: ObjectSpec, of_bucket: Mapping[str, ObjectSpec]) -> str | None:
    """Why a rule for this collection would end other things as well."""
    head = objects.template.head
    if not head.endswith("/"):
        return "Its names begin with no folder of its own: a lifecycle would take other things as well"
    for other, theirs in of_bucket.items():
        if other != name and (head.startswith(theirs.template.head) or theirs.template.head.startswith(head)):
            return f"What begins with {head} can be of {other} as well, which a lifecycle would take with it"
    return None


def _read(service: Service, name: str) -> _Bucket:
    place = f"bucket {name}"
    versioning = service.must(place, "get_bucket_versioning", Bucket=name).get("Status")
    raw = service.call(place, "get_bucket_lifecycle_configuration", absent=NO_LIFECYCLE, Bucket=name) or {}
    return _Bucket(name, versioning is not None, raw, enabled_rules(raw))


def _in_bucket(
    bucket: _Bucket, places: Sequence[_Place], floors: Sequence[Floor], held: Collection[str]
) -> Iterator[Drift]:
    found = {one.name: "; ".join(_complaints(bucket, one)) for one in places}
    unread = sorted({element for rule in bucket.rules for element in rule.unread})
    fixed = [one for one in places if found[one.name] and one.name not in held and not _bound(bucket, one)]
    early = {one.name: one.ended_by(bucket.rules, versioned=bucket.versioned) for one in floors}
    raised: dict[int, int] = {}
    for floor in floors:
        if floor.may_be_raised([bucket.rules[at] for at in early[floor.name]]):
            raised |= {at: max(floor.law.longest, raised.get(at, 0)) for at in early[floor.name]}
    fix = None if unread or not (fixed or raised) else _command(bucket, fixed, raised)
    for one in places:
        if not found[one.name]:
            continue
        ours, remedy = (
            fix,
            f"This sets the whole configuration: it ends everything below {one.prefix}, and keeps all rules",
        )
        if one.name in held:
            ours, remedy = None, HELD
        elif _bound(bucket, one):
            ours, remedy = None, "A law demands a least time, and versions end by when they were overwritten: decide it"
        elif unread:
            ours, remedy = None, f"Rules hold what is not known here ({', '.join(unread)}): add the rule by hand"
        yield Drift(one.name, str(one.end.period), found[one.name], None, ours, remedy)
    for floor in floors:
        if rules := [bucket.rules[at] for at in early[floor.name]]:
            yield floor.drift(rules, fix if floor.may_be_raised(rules) else None)


def _bound(bucket: _Bucket, place: _Place) -> bool:
    return bucket.versioned and place.end.at_least


def _complaints(bucket: _Bucket, place: _Place) -> Iterator[str]:
    whole = [one for one in bucket.rules if _covers(one, place)]
    current = min((one.days for one in whole if one.days is not None), default=None)
    longest = max(place.end.longest, 2) if bucket.versioned else place.end.longest  # each of the two steps takes a day
    if current is None:
        yield f"no rule ends objects below {place.prefix}{_nearly(bucket, place)}"
    elif current > longest:
        yield f"objects end after {current} days"
    if bucket.versioned:
        counted = (one.noncurrent_days for one in whole if one.noncurrent_days is not None and not one.newer_noncurrent)
        older = min(counted, default=None)
        if older is None:
            yield "versions that were overwritten, deleted or hidden stay"
        elif (current or 0) + older > longest:
            yield f"versions that were overwritten, deleted or hidden stay for {older} days more"
    uploads = min(_aborts(bucket, place), default=None)
    if uploads is None:
        yield "unfinished uploads stay"
    elif uploads > place.end.longest:
        yield f"unfinished uploads stay for {uploads} days"


def _covers(rule: Rule, place: _Place) -> bool:
    conditions = rule.tags or rule.unread or rule.larger_than is not None or rule.smaller_than is not None
    return place.prefix.startswith(rule.prefix) and not conditions


def _nearly(bucket: _Bucket, place: _Place) -> str:
    """Of rules that do not count, why."""
    if any(one.days is not None and one.prefix.startswith(place.prefix) for one in bucket.rules):
        return " (one ends some of them)"
    switched_off = any(
        raw.get("Status") != "Enabled" and place.prefix.startswith(_prefix(raw)) for raw in bucket.raw.get("Rules", [])
    )
    return " (one is disabled)" if switched_off else ""


def _aborts(bucket: _Bucket, place: _Place) -> Iterator[int]:
    for raw in bucket.raw.get("Rules", []):
        days = raw.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
        if raw.get("Status") == "Enabled" and days is not None and place.prefix.startswith(_prefix(raw)):
            yield days


def _prefix(raw: Mapping[str, Any]) -> str:
    conditions = {**raw.get("Filter", {}), **raw.get("Filter", {}).get("And", {})}
    return str(conditions.get("Prefix") or raw.get("Prefix") or "")


def _command(bucket: _Bucket, places: Sequence[_Place], raised: Mapping[int, int]) -> str:
    """Their configuration: with rules for these places, and enabled rules of theirs that end things later."""
    enabled = count()
    theirs = [
        later(raw, raised.get(next(enabled)) if raw.get("Status") == "Enabled" else None)
        for raw in bucket.raw.get("Rules", [])
    ]
    taken = {raw.get("ID") for raw in theirs}
    whole = {"Rules": [*theirs, *(_rule(bucket, one, taken) for one in places)]}
    size = bucket.raw.get("TransitionDefaultMinimumObjectSize")
    words = [
        *("aws", "s3api", "put-bucket-lifecycle-configuration", "--bucket", bucket.name),
        *(("--transition-default-minimum-object-size", size) if size else ()),
        *("--lifecycle-configuration", "file:///dev/stdin"),
    ]
    text = json.dumps(whole, indent=2, default=lambda moment: moment.isoformat())
    return f"{shlex.join(words)} <<'END'\n{text}\nEND"


def _rule(bucket: _Bucket, place: _Place, taken: Collection[Any]) -> Mapping[str, Any]:
    days = place.end.longest if place.end.at_least else place.end.shortest
    names = (f"expunge-{place.name}{number or ''}" for number in range(len(taken) + 1))
    rule: dict[str, Any] = {
        "ID": next(name for name in names if name not in taken),
        "Status": "Enabled",
        "Filter": {"Prefix": place.prefix},
        "Expiration": {"Days": max(1, days - 1) if bucket.versioned else days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
    }
    return rule | ({"NoncurrentVersionExpiration": {"NoncurrentDays": 1}} if bucket.versioned else {})
