"""Which of the rarer shapes a collection has: a shape that is no more drawn would agree with everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.model import values
from tests.support.model.collection_plan import VALUES
from tests.support.model.world import Column, ForeignKey, Table

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
    "a link by columns of another type",
    "a link by a template",
    "a yield by a template",
    "a role in a column",
    "a role in a list",
    "a role in a document",
    "a role in a document's lists",
    "further persons",
    "people of a second kind",
    "people of a third kind",
    "a value in people of two kinds",
    "rows that name people of two kinds",
    "rows that name people of another kind than hold their value",
    "a place that two identities read",
    "a claim with a time of its own",
    "rows that go with everybody whom they name",
    "a row above that people share",
    "a row above that goes with anybody",
)
"""All of them, as `shapes` tells them."""


def shapes(table: Table, name: str, collections: Mapping[str, Any]) -> Iterator[str]:
    """Those of one collection and its table."""
    spec = collections[name]
    if name.startswith("role-"):
        [link] = spec["found_by"]
        yield f"a role in a {'list' if link.get('each') else 'document' if 'path' in link else 'column'}"
        if "path" in link and spec["tombstone"][link["column"]] == {"elements": True}:
            yield "a role in a document's lists"
    yield from _of_persons(name, spec)
    yield from _of_kinds_of_people(name, spec, collections)
    yield from _of_several(spec, collections)
    if table.declared != "PRIMARY KEY":
        yield "a unique key" if table.declared else "no key"
    for method in ("range", "list"):
        if f"BY {method.upper()} " in table.partitioned:
            yield f"partitions by {method}"
    for key in table.foreign_keys:
        yield from _of_key(table, key, person="person" in spec)
    yield from _of_kinds(spec)
    if any(isinstance(place, dict) and "template" in place for place in spec.get("yields", {}).values()):
        yield "a yield by a template"
    for link in spec.get("found_by", ()):
        yield from _of_link(link, [table.column(one) for one in link.get("columns", ()) or [link["column"]]])


def _of_several(spec: Mapping[str, Any], collections: Mapping[str, Any]) -> Iterator[str]:
    if "goes_with_any" in spec or len(spec.get("found_by", ())) == 1:
        return
    yield "rows that go with everybody whom they name"
    above = [collections[link["of"].partition(".")[0]] for link in spec.get("found_by", ()) if "of" in link]
    if any("sharing" in one for one in above):
        yield "a row above that people share"
    if any("goes_with_any" in one and "sharing" not in one and "person" not in one for one in above):
        yield "a row above that goes with anybody"


def _of_kinds_of_people(name: str, spec: Mapping[str, Any], collections: Mapping[str, Any]) -> Iterator[str]:
    for kind, suffix in (("second", "-other-people"), ("third", "-third-people")):
        if name.endswith(suffix):
            yield f"people of a {kind} kind"
    controller = spec.get("owner", {}).get("controller")
    people = [one for one in collections.values() if "person" in one and one["owner"]["controller"] == controller]
    holding = {value: {one["person"] for one in people if value in _read(one)} for value in VALUES}
    if "person" in spec:
        if any(value in _read(spec) and len(kinds) > 1 for value, kinds in holding.items()):
            yield "a value in people of two kinds"
        return
    links = spec.get("found_by", ())
    persons = {one["person"] for one in collections.values() if "person" in one}
    above = (collections[link["of"].partition(".")[0]] for link in links if "of" in link)
    named = {one["person"] for one in above if "person" in one} | (_read(spec) & persons)
    if len(named) > 1:
        yield "rows that name people of two kinds"
    if any(kinds and named - kinds for value, kinds in holding.items() if value in _read(spec)):
        yield "rows that name people of another kind than hold their value"
    places = [(link["column"], str(link.get("path"))) for link in links if link.get("identity") in VALUES]
    if len(set(places)) < len(places):
        yield "a place that two identities read"


def _read(spec: Mapping[str, Any]) -> set[str]:
    return {link["identity"] for link in spec.get("found_by", ()) if "identity" in link}


def _of_persons(name: str, spec: Mapping[str, Any]) -> Iterator[str]:
    if name.endswith("more-people"):
        yield "further persons"
    if spec.get("since"):
        yield "a claim with a time of its own"


def _of_link(link: Mapping[str, Any], columns: list[Column]) -> Iterator[str]:
    if "template" in link:
        yield "a link by a template"
    if any(one.inside for one in columns) and {"each", "path"} & link.keys():
        yield "keys in an array" if link.get("each") else "keys in a document"
    if any(one.type in values.BY_TEXT for one in columns):
        yield "a link by columns of another type"
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
