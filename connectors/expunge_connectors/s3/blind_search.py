"""`search_blind`: which buckets are searched, and what the objects are in the data map."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from expunge_config.datamap import DataMap
from expunge_connectors.blind_search import s3_objects
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import Place, StoreReport
from expunge_connectors.contract import Heartbeat
from expunge_connectors.keyspace.identifier_patterns import words_of
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.spec import S3Spec
from expunge_connectors.searched_places import masked, namer, standing_of


def search(  # noqa: PLR0913 - the parts of the connector
    service: Service,
    at: datetime,
    spec: S3Spec,
    data_map: DataMap,
    matcher: Matcher,
    *,
    effort: Effort,
    beat: Heartbeat,
) -> StoreReport:
    """Search every bucket that a collection names.

    Raises:
        TransientError: The service does not answer.
    """
    buckets = sorted({objects.bucket for objects in spec.collections.values()})
    describe = _places(service.name, spec, data_map, matcher)
    return s3_objects.search(
        service.name, at, buckets, service, matcher=matcher, describe=describe, effort=effort, beat=beat
    )


def _places(store: str, spec: S3Spec, data_map: DataMap, matcher: Matcher) -> Callable[[str, str], Place]:
    words = words_of(objects.key or objects.prefix or "" for objects in spec.collections.values())

    named = {
        name: namer(one.template, data_map, "/" if one.key is None else "", below=one.key is None)
        for name, one in spec.collections.items()
    }

    def describe(bucket: str, key: str) -> Place:
        covering = {
            name: one for name, one in spec.collections.items() if one.bucket == bucket and named[name].fullmatch(key)
        }
        return Place(store, f"{bucket}/{masked(key, matcher, words)}", *standing_of(covering, data_map))

    return describe
