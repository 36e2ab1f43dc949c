"""Sample findings (`check --sample`): object names that no template explains, unmapped buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyspace.identifier_patterns import names_pattern
from expunge_connectors.keyspace.name_samples import KeyNames
from expunge_connectors.keyspace.unnormalised_names import Named, NormalisationSample, readable, reader
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.spec import ObjectSpec, S3Spec

_PAGE = 1000


def findings(service: Service, data_map: DataMap, spec: S3Spec, names: int) -> Iterator[Finding]:
    """What samples of the names say.

    Raises:
        TransientError: The service does not answer.
    """
    for bucket in dict.fromkeys(objects.bucket for objects in spec.collections.values()):
        there = {name: objects for name, objects in spec.collections.items() if objects.bucket == bucket}
        templates = tuple(objects.key or objects.prefix or "" for objects in there.values())
        spelt = _spelt(data_map, there)
        named = _any([_named(objects, spelt.get(name)) for name, objects in there.items()])
        known = KeyNames(service.name, spec, f"{bucket}/", templates, named)
        try:
            yield from known.findings(sample(service, bucket, names))
            yield from _spellings(service, bucket, there, spelt, names)
        except TerminalError:
            yield _unread(service.name, f"Bucket {bucket} cannot be listed: what other objects there are")
    yield from _others(service, data_map, spec)


def _spelt(data_map: DataMap, there: Mapping[str, ObjectSpec]) -> Mapping[str, Named]:
    """The collections of which a name can be read. Logs are not."""
    return {
        name: Named.of(
            name, objects, data_map, objects.template, reader(objects.template, below=objects.prefix is not None)
        )
        for name, objects in there.items()
        if objects.log is None and readable(objects.template)
    }


def _spellings(
    service: Service,
    bucket: str,
    there: Mapping[str, ObjectSpec],
    spelt: Mapping[str, Named],
    names: int,
) -> Iterator[Finding]:
    """A listing begins with the first names: each collection has one of its own, behind its literal beginning."""
    spellings = NormalisationSample(service.name, list(spelt.values()))
    logs = tuple(objects.prefix or "" for objects in there.values() if objects.log is not None)
    heads = dict.fromkeys(there[name].template.head for name, one in spelt.items() if one.free)
    found = dict.fromkeys(chain.from_iterable(sample(service, bucket, names, head) for head in heads))
    spellings.see(name for name in found if not name.startswith(logs))
    yield from spellings.findings()


def sample(service: Service, bucket: str, names: int, head: str = "") -> Iterator[str]:
    """The first names of a bucket that begin so, in its own order."""
    pages = service.pages(
        f"bucket {bucket}",
        "list_objects_v2",
        {"NextContinuationToken": "ContinuationToken"},
        Bucket=bucket,
        Prefix=head,
        MaxKeys=min(names, _PAGE),
    )
    return islice((str(entry["Key"]) for page in pages for entry in page.get("Contents", [])), names)


def _others(service: Service, data_map: DataMap, spec: S3Spec) -> Iterator[Finding]:
    mapped = {objects.bucket for objects in spec.collections.values()} | {one.place for one in spec.unmapped_ok}
    mapped |= {str(getattr(backup, "bucket", "")) for backup in data_map.backup_places.values()}
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


def _named(objects: ObjectSpec, spelt: Named | None) -> Callable[[str], object]:
    """Whether a template names a key: it fits, and where it is to hold an identifier it holds one, however spelt."""
    if spelt is not None:
        return lambda name: spelt.normalised(name) is not None
    return objects.template.could_name if objects.key is not None else names_pattern(objects.prefix or "", "/").match


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
