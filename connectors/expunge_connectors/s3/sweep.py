"""A sample of every bucket: names of objects that no template of the map names, and buckets that it does not name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity
from expunge_connectors.errors import TerminalError
from expunge_connectors.keynames import KeyNames
from expunge_connectors.s3.service import Service
from expunge_connectors.s3.spec import ObjectSpec, S3Spec
from expunge_connectors.shapes import names_pattern

_PAGE = 1000


def findings(service: Service, data_map: DataMap, spec: S3Spec, names: int) -> Iterator[Finding]:
    """What samples of the names say.

    Raises:
        TransientError: The service does not answer.
    """
    for bucket in dict.fromkeys(objects.bucket for objects in spec.collections.values()):
        there = [objects for objects in spec.collections.values() if objects.bucket == bucket]
        templates = tuple(objects.key or objects.prefix or "" for objects in there)
        known = KeyNames(service.name, spec, f"{bucket}/", templates, _any([_named(objects) for objects in there]))
        try:
            yield from known.findings(sample(service, bucket, names))
        except TerminalError:
            yield _unread(service.name, f"Bucket {bucket} cannot be listed: what other objects there are")
    yield from _others(service, data_map, spec)


def sample(service: Service, bucket: str, names: int) -> Iterator[str]:
    """The first names of a bucket, in its own order."""
    pages = service.pages(
        f"bucket {bucket}",
        "list_objects_v2",
        {"NextContinuationToken": "ContinuationToken"},
        Bucket=bucket,
        MaxKeys=min(names, _PAGE),
    )
    return islice((str(entry["Key"]) for page in pages for entry in page.get("Contents", [])), names)


def _others(service: Service, data_map: DataMap, spec: S3Spec) -> Iterator[Finding]:
    mapped = {objects.bucket for objects in spec.collections.values()} | {one.place for one in spec.unmapped_ok}
    mapped |= {str(getattr(backup, "bucket", "")) for backup in data_map.backups.values()}
    mapped |= {
        objects.bucket
        for other in data_map.stores.values()
        if isinstance(other, S3Spec)
        for objects in other.collections.values()
    }
    try:
        buckets = [str(bucket["Name"]) for bucket in service.must(None, "list_buckets").get("Buckets", [])]
    except TerminalError:
        yield _unread(service.name, "The account's buckets cannot be listed: what others there are")
        return
    others = sorted(set(buckets) - mapped)
    if others:
        yield Finding(
            Severity.INFO,
            "s3-unmapped-bucket",
            service.name,
            None,
            f"The account has buckets that the map does not name: {', '.join(others)}.",
            "Map them, declare them as backups, or put each name under `unmapped_ok`.",
        )


def _named(objects: ObjectSpec) -> Callable[[str], object]:
    """Whether a template names a key. The value of a whole key may hold slashes; that of a prefix does not."""
    if objects.key is not None:
        return objects.template.could_name
    return names_pattern(objects.prefix or "", "/").match


def _any(tests: Sequence[Callable[[str], object]]) -> Callable[[str], bool]:
    return lambda name: any(test(name) for test in tests)


def _unread(store: str, what: str) -> Finding:
    return Finding(
        Severity.INFO,
        "sweep-unread",
        store,
        None,
        f"{what} is unknown, not fine.",
        "Give the right to list, or look yourself.",
    )
