"""Which of the rarer shapes a collection has: a shape that is no more drawn would agree with everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.model.world import ForeignKey, Table

RARE = (
    "partitions by range",
    "partitions by list",
    "a person that points to one",
    "its own table by two columns",
    "SET NULL of one column",
    "SET DEFAULT",
    "MATCH FULL",
    "keys in an array",
    "keys in a document",
    "a link by a computed column",
    "a unique key",
    "no key",
    "a link of a kind",
    "two kinds in one column",
    "a yield of a kind",
)
"""All of them, as `shapes` tells them."""


def shapes(table: Table, spec: Mapping[str, Any]) -> Iterator[str]:
    """Those of one collection and its table."""
    if table.declared != "PRIMARY KEY":
        yield "a unique key" if table.declared else "no key"
    for method in ("range", "list"):
        if f"BY {method.upper()} " in table.partitioned:
            yield f"partitions by {method}"
    for key in table.foreign_keys:
        yield from _of_key(table, key, person="person" in spec)
    yield from _of_kinds(spec)
    for link in spec.get("found_by", ()):
        columns = [table.column(one) for one in link.get("columns", ()) or [link["column"]]]
        if any(one.inside for one in columns):
            yield "keys in an array" if link.get("each") else "keys in a document"
        if any(one.computed is not None for one in columns):
            yield "a link by a computed column"


def _of_kinds(spec: Mapping[str, Any]) -> Iterator[str]:
    of_kinds = [link for link in spec.get("found_by", ()) if "where" in link]
    if of_kinds:
        yield "a link of a kind"
    if len({link.get("column") for link in of_kinds if "of" in link}) < sum("of" in link for link in of_kinds):
        yield "two kinds in one column"
    if any(isinstance(place, dict) and "where" in place for place in spec.get("yields", {}).values()):
        yield "a yield of a kind"


def _of_key(table: Table, key: ForeignKey, *, person: bool) -> Iterator[str]:
    if key.parent is table and person:
        yield "a person that points to one"
    if key.parent is table and len(key.columns) > 1:
        yield "its own table by two columns"
    if key.on_delete.startswith("SET NULL ("):
        yield "SET NULL of one column"
    if key.on_delete == "SET DEFAULT":
        yield "SET DEFAULT"
    if key.full:
        yield "MATCH FULL"
