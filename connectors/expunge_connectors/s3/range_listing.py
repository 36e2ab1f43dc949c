"""Range listing: the versions of many names with few LIST requests; neighbouring names share pages.

A request per name is dear when a batch has thousands of them; a page shows up to a thousand versions for the price of
about a hundred such requests. So the names of a collection are sorted and cut into runs, and a run is listed page by
page from its first name to its last, jumping over what lies between two names. Where a page showed mostly what nobody
asked for, the rest of the run is looked up name by name.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from expunge_connectors.contract import Heartbeat
from expunge_connectors.errors import TerminalError
from expunge_connectors.s3.client import VERSION_MARKERS, Service
from expunge_connectors.s3.found_versions import Entry, Target, shared_beginning
from expunge_connectors.s3.xml_names import form_below, own_key, told_whole

LENGTH = 1000
FEW = 16
PROBE = 128
PAGE = 1000
# A page is worth its price if at least one in so many of its entries was asked for.
WORTH = 8

PARTS = ("Versions", "DeleteMarkers")


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Names of one collection that follow each other in the order of keys, with what they belong to."""

    collection: str
    bucket: str
    is_prefix: bool
    targets: Mapping[str, Sequence[Target]] = field(repr=False)
    names: Sequence[str] = field(repr=False)

    def before(self, key: str) -> int:
        """How many names were listed to their end when a listing has shown all of this key."""
        at = bisect_right(self.names, key)
        return at - 1 if at and self.is_prefix and key.startswith(self.names[at - 1]) else at

    def owner(self, key: str) -> str | None:
        """The name that an object of this key belongs to."""
        if not self.is_prefix:
            return key if key in self.targets else None
        # Prefixes of one collection end in a slash that no identifier holds: none lies within another.
        at = bisect_right(self.names, key)
        return self.names[at - 1] if at and key.startswith(self.names[at - 1]) else None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the listing of a run showed, and the targets that must be looked up by themselves."""

    entries: Sequence[tuple[Target, tuple[Entry, ...]]]
    left: Sequence[Target]


def key_ranges(targets: Sequence[Target]) -> list[KeyRange]:
    """Sort and cut. S3 lists keys in the order of their UTF-8 bytes, which is that of Python's strings."""
    groups: dict[tuple[str, str, bool], dict[str, list[Target]]] = defaultdict(lambda: defaultdict(list))
    for target in targets:
        groups[target.collection, target.bucket, target.is_prefix][target.name].append(target)
    return [
        KeyRange(*place, wanted, names[start : start + LENGTH])
        for place, wanted in groups.items()
        for names in [sorted(wanted)]
        for start in range(0, len(names), LENGTH)
    ]


def entries_of(bucket: str, page: Mapping[str, Any]) -> list[Entry]:
    """The versions and delete markers of one page, newest first for each key."""
    found = [
        Entry(bucket, one["Key"], one["VersionId"], marker, bool(one.get("IsLatest")), one["LastModified"])
        for part, marker in (("Versions", False), ("DeleteMarkers", True))
        for one in page.get(part, [])
    ]
    # boto3 hands versions and markers over in two lists; the sort is stable within each.
    return sorted(found, key=lambda entry: (entry.key, not entry.latest, -entry.modified.timestamp()))


def keys_of(page: Mapping[str, Any]) -> set[str]:
    """The keys of one page."""
    return {one["Key"] for part in PARTS for one in page.get(part, ())}


def whole(page: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, str] | None, bool]:
    """A page of ListObjectVersions that ends between two keys: of its last key there may be more.

    So the last key of a page that is not the last one is left out and listed again, unless it is the only one.

    Returns:
        The page, what the next request must say (None at the end), and whether the page ends between two keys.
    """
    if not page.get("IsTruncated"):
        return page, None, True
    keys = keys_of(page)
    last = page.get("NextKeyMarker") or max(keys, default="")
    if len(keys - {last}) == 0:
        own = {argument: page[answer] for answer, argument in VERSION_MARKERS.items() if page.get(answer)}
        return page, own, False
    kept = {part: [one for one in page.get(part, ()) if one["Key"] != last] for part in PARTS}
    return {**page, **kept}, {"KeyMarker": max(keys - {last})}, True


def _onward(service: Service, place: str, where: Mapping[str, str], onward: Mapping[str, str]) -> Mapping[str, str]:
    if not onward or onward == where:
        raise TerminalError(f"Store {service.name}, {place}: the listing breaks off (list_object_versions).")
    return onward


def entries_below(service: Service, target: Target) -> tuple[Entry, ...]:
    """Every version and delete marker of one target. A key is looked up as a prefix and then compared in full."""
    found: list[Entry] = []
    place = f"collection {target.collection}"
    pages = service.pages(place, "list_object_versions", VERSION_MARKERS, Bucket=target.bucket, Prefix=target.name)
    for page in pages:
        listed = [(own_key(target, entry.key), entry) for entry in entries_of(target.bucket, page)]
        found.extend(replace(entry, key=key) for key, entry in listed if key is not None)
        # Listings are in the order of keys, and a key comes before all longer keys that begin with it.
        if not target.is_prefix and any(key is None for key, _ in listed):
            break
    return tuple(found if all(map(_told, found)) else _under_own_names(service, target, found))


def _told(entry: Entry) -> bool:
    return told_whole(entry.key)


def _under_own_names(service: Service, target: Target, found: Sequence[Entry]) -> list[Entry]:
    """The entries, with those that a listing of versions may have told under another name under their own.

    Listings of objects say names as they are. What has old versions alone stays as it is told: it is due, and nobody
    can remove it by that name.
    """
    if not target.is_prefix:
        return list(found)
    place, told = f"collection {target.collection}", {entry.key for entry in found if not _told(entry)}
    onward = {"NextContinuationToken": "ContinuationToken"}
    pages = service.pages(place, "list_objects_v2", onward, Bucket=target.bucket, Prefix=target.name)
    names = [one["Key"] for page in pages for one in page.get("Contents", []) if form_below(target, one["Key"]) in told]
    own = [entry for name in names for entry in entries_below(service, replace(target, name=name, is_prefix=False))]
    known = {(form_below(target, entry.key), entry.version) for entry in own}
    return [entry for entry in found if (entry.key, entry.version) not in known] + own


def entries_by_target(
    service: Service, targets: Sequence[Target], beat: Heartbeat
) -> Iterator[tuple[Target, tuple[Entry, ...]]]:
    """Every version and delete marker of each target, in no particular order.

    A name of which a shared page showed nothing is looked up by itself before it is believed: not every service lists
    in the order that S3 promises.
    """
    left: list[Target] = []
    for shown in service.each(key_ranges(targets), lambda run: _shown(service, run), beat):
        yield from shown.entries
        left += shown.left
    yield from service.each(left, lambda target: (target, entries_below(service, target)), beat)


def _shown(service: Service, run: KeyRange) -> Shown:
    found: dict[str, list[Entry]] = defaultdict(list)
    done = _walk(service, run, found) if len(run.names) >= FEW else 0
    entries: list[tuple[Target, tuple[Entry, ...]]] = []
    left: list[Target] = []
    for at, name in enumerate(run.names):
        if at < done and name in found and all(map(_told, found[name])):
            entries += [(target, tuple(found[name])) for target in run.targets[name]]
        else:
            left += run.targets[name]
    return Shown(entries, left)


def _walk(service: Service, run: KeyRange, found: dict[str, list[Entry]]) -> int:
    """List from the first name on; returns how many names were listed to their end, or will be by themselves."""
    place = f"collection {run.collection}"
    prefix = shared_beginning(run.names[0], run.names[-1])
    begin = run.names[0][:-1]
    where: Mapping[str, str] = {"KeyMarker": begin} if begin and run.names[0] != prefix else {}
    done, size = 0, PROBE
    while True:
        answer = service.must(place, "list_object_versions", Bucket=run.bucket, Prefix=prefix, MaxKeys=size, **where)
        page, onward, between = whole(answer)
        listed = entries_of(run.bucket, page)
        ours = [(name, entry) for entry in listed if (name := run.owner(entry.key)) is not None]
        for name, entry in ours:
            found[name].append(entry)
        if onward is None:
            return len(run.names)
        if not between:  # more versions of one key than a page holds
            return done
        before, done = done, run.before(listed[-1].key)
        for name in uncertain({name for name, _ in ours}, keys_of(answer)):
            del found[name]
        if done < len(run.names) and run.owner(listed[-1].key) == run.names[done]:
            found.pop(run.names[done], None)  # a prefix that the page's end divides is listed by itself
            done += 1
        if done == len(run.names) or WORTH * max(len(ours), done - before) < len(listed):
            return done
        if run.names[done][:-1] > listed[-1].key:
            onward = {"KeyMarker": run.names[done][:-1]}
        where = _onward(service, place, where, onward)
        # No more than the rest of the run needs, at the rate so far: what lies beyond belongs to another run.
        size = min(PAGE, PROBE + len(listed) * (len(run.names) - done) // max(1, done - before))


def uncertain(names: Iterable[str], keys: Collection[str]) -> Iterator[str]:
    """Names that a page which does not end the listing may show in part, though it shows keys after them.

    SeaweedFS fills a page folder by folder (`a/1` before `a-b`, `a.b` before `a`) and sorts it afterwards: the name at
    which it stopped need not be the last one.
    """
    ordered = sorted(keys)
    folders = {key[:at] for key in keys for at, character in enumerate(key) if character == "/"}
    for name in names:
        after = bisect_right(ordered, name)
        longer = after < len(ordered) and ordered[after].startswith(name) and ordered[after][len(name)] <= "/"
        if longer or any(name[:at] in folders for at, character in enumerate(name) if character < "/"):
            yield name
