"""Small schemas of one shape each, a map for them, and what tests do with them."""

from __future__ import annotations

from typing import Any

from tests.support.data_map_text import parsed
from tests.support.postgres.company import CUTOFF, actions, checked, due, dump, execute, opened, resolved, subject

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope, Severity, no_beat
from expunge_connectors.redis.spec import RedisSpec

ACME = Scope("acme")
_MAP = """
expunge: 1
backups: {none: A database of a test lives as long as the test, approved_by: Whoever wrote the test}
operator: {name: Acme, contact: x@acme.example, log_origin: log.acme.example}
controllers: {acme: {name: Acme}, client: {name: Client, many: true}}
identities:
  user_id: {kind: person, normaliser: exact/1}
  email: {kind: reusable, normaliser: email/1}
  token: {kind: internal}
  number: {kind: internal, normaliser: integer/2}
  order_no: {kind: internal}
data_types:
  gone: {purpose: p, categories: [c], rule: {start: collected, period: P1Y}, on_request: delete}
  anchor: {purpose: p, categories: [c], rule: {start: collected, period: P1Y}, on_request: tombstone}
  kept: {purpose: p, categories: [c], rule: {start: collected, period: P10Y}, on_request: retain, ground: law}
stores: {}
"""


def shape(collections: str, **normalisers: str) -> DataMap:
    """A map of one store with these collections (YAML), all of one owner; `gone` unless they say otherwise."""
    return checked(small_document(collections, **normalisers))


def small_document(collections: str, **normalisers: str) -> dict[str, Any]:
    """The same as a document."""
    document = parsed(_MAP)
    for identity, normaliser in normalisers.items():
        document["identities"][identity]["normaliser"] = normaliser
    found: dict[str, Any] = parsed(collections)
    for collection in found.values():
        if "log" not in collection:
            collection.setdefault("owner", {"controller": "acme"})
            collection.setdefault("data_type", "gone")
    document["stores"] = {"main": {"connector": "postgres", "collections": found}}
    return document


def beside(document: dict[str, Any], key: str) -> DataMap:
    """The map with a cache whose keys are called so, which tells no members apart but by the key."""
    cached = {"type": "string", "key": key, "owner": {"controller": "client", "inherited": True}, "data_type": "gone"}
    cache = RedisSpec.model_validate({"connector": "redis", "collections": {"profiles": cached}})
    loaded = checked(document)
    return loaded.model_copy(update={"stores": {**loaded.stores, "cache": cache}})


def erased(url: str, loaded: DataMap, *, limit: int = 10_000, expected: dict[str, int], **keys: str) -> None:
    """Erase one subject and check what every verb says of it: nothing blocks, counts agree, nothing due is left.

    Reading changes nothing; a second erasure changes nothing.
    """
    with opened(url, loaded, rows_per_transaction=limit) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []
        before = dump(url)
        [one] = resolved(store, [subject(1, **keys)], ACME)
        counted, verified = store.count([one], ACME, CUTOFF), store.verify([one], ACME, CUTOFF)
        assert due(counted) == expected
        assert counted == verified
        assert dump(url) == before
        store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        after = dump(url)
        assert due(store.verify([one], ACME, CUTOFF)) == {}
        assert due(store.count([one], ACME, CUTOFF)) == {}
        assert store.erase([one], actions(loaded, "acme"), ACME, CUTOFF, no_beat) == 0
        assert dump(url) == after


def left(url: str, table: str, columns: str = "id") -> list[Any]:
    """What stands in a table, in order."""
    rows = execute(url, f"SELECT {columns} FROM {table} ORDER BY 1")
    return [row[0] if len(row) == 1 else row for row in rows]
