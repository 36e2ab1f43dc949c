"""Blind search of S3 buckets: names, metadata and tags of every version. The contents of objects are not read.

A version whose name holds a value is found by its name and asked for nothing: its name would go to the service, and
into its access log. The others are asked for by the names that the service has just told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import Findings, Gap, Hit, Place, StoreReport
from expunge_connectors.errors import TerminalError

Answer = dict[str, Any]
Describe = Callable[[str, str], Place]
"""(bucket, key) -> the place."""
AT_ONCE = 200
_VERSIONS = {"NextKeyMarker": "KeyMarker", "NextVersionIdMarker": "VersionIdMarker"}
_UPLOADS = {"NextKeyMarker": "KeyMarker", "NextUploadIdMarker": "UploadIdMarker"}
_HEADERS = ("CacheControl", "ContentDisposition", "ContentLanguage", "ContentType", "WebsiteRedirectLocation")
_GONE = ("404", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "405")


class Requests(Protocol):
    """Requests to one service."""

    def call(
        self, place: str | None, operation: str, *, absent: Iterable[str] = (), **arguments: object
    ) -> Answer | None:
        """One request; None for errors with these codes."""
        ...

    def pages(
        self, place: str | None, operation: str, markers: dict[str, str], **arguments: object
    ) -> Iterator[Answer]:
        """The pages of a listing."""
        ...

    def each(self, items: Iterable[Any], work: Callable[[Any], Any], beat: Callable[[], None]) -> Iterator[Any]:
        """Some work for every item, several at a time, in order."""
        ...


@dataclass(slots=True)
class _Search:
    requests: Requests
    matcher: Matcher
    describe: Describe
    effort: Effort
    beat: Callable[[], None]
    findings: Findings = field(default_factory=Findings)
    gaps: list[Gap] = field(default_factory=list)
    records: int = 0
    size: int = 0


def search(  # noqa: PLR0913 - what a search is of, for, and how
    store: str,
    at: datetime,
    buckets: Sequence[str],
    requests: Requests,
    *,
    matcher: Matcher,
    describe: Describe,
    effort: Effort,
    beat: Callable[[], None],
) -> StoreReport:
    """Search some buckets.

    Args:
        store: Name of the store.
        at: The service's clock.
        buckets: All that the store declares.
        requests: To the service.
        matcher: Knows what is searched for.
        describe: Says what an object is; the text it gives is printed, values masked.
        effort: How long, and how gently.
        beat: Called between pages.
    """
    state = _Search(requests, matcher, describe, effort, beat)
    for bucket in buckets:
        try:
            _search_bucket(state, bucket)
        except TerminalError:
            state.gaps.append(Gap(bucket, "the service refused to list it"))
    findings = state.findings.all()
    return StoreReport(
        store, "service", at, findings, len(buckets), state.records, state.size, tuple(sorted(state.gaps))
    )


def _search_bucket(state: _Search, bucket: str) -> None:
    refused: Counter[str] = Counter()
    place = f"bucket {bucket}"
    for page in state.requests.pages(place, "list_object_versions", _VERSIONS, Bucket=bucket):
        if state.effort.spent:
            state.gaps.append(Gap(bucket, "not in time: not all names were searched"))
            break
        with state.effort.piece():
            versions = [(one["Key"], one.get("VersionId", "null")) for one in page.get("Versions", [])]
            markers = [one["Key"] for one in page.get("DeleteMarkers", [])]
            called = _search_names(state, bucket, [*(key for key, _ in versions), *markers])
            silent = iter([(key, version) for key, version in versions if key not in called])
            while part := list(islice(silent, AT_ONCE)):
                _search_metadata(state, bucket, part, refused)
        state.beat()
    _search_uploads(state, bucket)
    state.gaps += [Gap(bucket, f"{number} {reason}") for reason, number in sorted(refused.items())]


def _search_uploads(state: _Search, bucket: str) -> None:
    try:
        for page in state.requests.pages(f"bucket {bucket}", "list_multipart_uploads", _UPLOADS, Bucket=bucket):
            _search_names(state, bucket, [one["Key"] for one in page.get("Uploads", [])])
            state.beat()
    except TerminalError:
        state.gaps.append(Gap(bucket, "unfinished uploads: the service refused to list them"))


def _search_names(state: _Search, bucket: str, keys: Sequence[str]) -> frozenset[str]:
    """Those of the names that hold a value."""
    names = [key.encode(errors="surrogatepass") for key in keys]
    state.records += len(names)
    state.size += sum(map(len, names))
    called: set[str] = set()
    for at in state.matcher.suspects(names):
        hits = state.matcher.found(names[at], name=True)
        if hits:
            state.findings.add(state.describe(bucket, keys[at]), hits)
            called.add(keys[at])
    return frozenset(called)


def _search_metadata(state: _Search, bucket: str, versions: Sequence[tuple[str, str]], refused: Counter[str]) -> None:
    if state.effort.spent:
        refused["whose metadata were not reached in time"] += len(versions)
        return

    def ask(one: tuple[str, str]) -> list[str] | None:
        try:
            return list(_metadata(state.requests, bucket, *one))
        except TerminalError:
            return None

    for (key, _), said in zip(versions, state.requests.each(versions, ask, state.beat), strict=True):
        if said is None:
            refused["whose metadata or tags the service refused"] += 1
            continue
        hits: set[Hit] = set()
        for text in said:
            data = text.encode(errors="surrogatepass")
            state.size += len(data)
            hits |= state.matcher.found(data)
        state.findings.add(state.describe(bucket, key), hits)


def _metadata(requests: Requests, bucket: str, key: str, version: str) -> Iterator[str]:
    named: dict[str, object] = {"Bucket": bucket, "Key": key}
    if version != "null":
        named["VersionId"] = version
    place = f"bucket {bucket}"
    head = requests.call(place, "head_object", absent=_GONE, **named)
    if head is None:
        return
    yield from (str(head[name]) for name in _HEADERS if name in head)
    for name, value in head.get("Metadata", {}).items():
        yield from (name, value)
    if head.get("TagCount"):
        tags = requests.call(place, "get_object_tagging", absent=_GONE, **named)
        for tag in [] if tags is None else tags["TagSet"]:
            yield from (tag["Key"], tag["Value"])
