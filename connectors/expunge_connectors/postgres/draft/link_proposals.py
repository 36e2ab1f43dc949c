"""Link proposals: by which columns the rows of a table may be found, and whose they say they are (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from expunge_connectors.postgres.catalog.column_names import Kind
from expunge_connectors.postgres.catalog.key_types import comparable
from expunge_connectors.postgres.catalog.tables import ForeignKey, Table
from expunge_connectors.postgres.draft.draft_names import DraftNames
from expunge_connectors.postgres.draft.polymorphic_keys import PolymorphicKey
from expunge_connectors.postgres.draft.table_roles import TableRoles, singular
from expunge_connectors.postgres.inspection.column_classifier import Seen, contacts

REUSABLE: dict[Kind, tuple[str, Mapping[str, object]]] = {
    Kind.EMAIL: ("email", {"kind": "reusable", "normaliser": "email/3"}),
    Kind.PHONE: ("phone", {"kind": "reusable", "normaliser": "phone/1"}),
}
ADDRESS: tuple[str, Mapping[str, object]] = (
    "postal_address",
    {"kind": "reusable", "normaliser": "postal/1", "shareable": True},
)


@dataclass(frozen=True, slots=True)
class LinkProposals:
    """The links of one draft.

    Attributes:
        seen: What samples of each table hold.
        polymorphic: (table, column) that names rows of many tables -> which these are.
    """

    names: DraftNames
    tables: Mapping[str, Table]
    seen: Mapping[str, Seen]
    picture: TableRoles
    polymorphic: Mapping[tuple[str, str], PolymorphicKey]

    def link(self, table: str, key: ForeignKey) -> dict[str, object] | None:
        """A link by a foreign key, or by a column that names rows of many tables; None: it cannot be compared."""
        named = self.polymorphic.get((table, key.columns[0]))
        if named is None:
            return self.of(key.columns, key.parent, key.parent_columns)
        values = named.values(key.parent)
        where = {"where": {named.kind: values if len(values) > 1 else values[0]}}
        ours, theirs = self.tables[table].columns[named.column], self.tables[key.parent].columns[key.parent_columns[0]]
        if comparable(ours, theirs):
            return self.of(key.columns, key.parent, key.parent_columns) | where
        if key.parent in self.picture.persons:
            return {"column": named.column, "identity": self.names.identity(key.parent), **where}
        return None

    def of(self, columns: Sequence[str], other: str, theirs: Sequence[str]) -> dict[str, object]:
        """A link by a foreign key, from whichever of its ends."""
        lead = self.names.collection(other)
        if len(columns) == 1:
            return {"column": columns[0], "of": f"{lead}.{theirs[0]}"}
        return {"columns": list(columns), "of": lead, "of_columns": list(theirs)}

    def reusable(self, table: str) -> list[dict[str, object]]:
        """Links by an address in the row."""
        kinds = self.seen[table].kinds
        # One identity, one link: of several places the first column; the others are told among what was noticed.
        places = sorted(contacts(kinds).items(), key=lambda found: bool(found[0].path))
        first: dict[str, dict[str, object]] = {}
        for place, kind in places:
            identity = REUSABLE[kind][0]
            first.setdefault(identity, {**place.source, "identity": identity})
        address = [place.column for place, kind in kinds.items() if kind is Kind.ADDRESS and place.plain]
        if first and address:
            first[ADDRESS[0]] = {"column": address[0], "identity": ADDRESS[0]}
        return list(first.values())

    def unlinked(self, table: str, links: Iterable[Mapping[str, object]]) -> list[str]:
        """The places with e-mail addresses and phone numbers that no link reads."""
        read = [{name: one for name, one in link.items() if name != "identity"} for link in links]
        places = [place for place in contacts(self.seen[table].kinds) if place.source not in read]
        return [".".join((place.column, *place.path)) for place in places]

    def owner(self, table: str, keys: Iterable[ForeignKey], links: Sequence[Mapping[str, object]]) -> dict[str, object]:
        """Whose a row is, by the key of a person: asked for where it is found by an address as well."""
        if not any("identity" in link for link in links):
            return {}
        for key in keys:
            if key.parent not in self.picture.persons or key.parent_columns != (self.names.key(key.parent).name,):
                continue
            if (link := self.link(table, key)) is not None:
                return {self.names.identity(key.parent): source({one: link[one] for one in link if one != "of"})}
        return {}

    def yields(self, table: str, owner: Mapping[str, object]) -> dict[str, object]:
        """`yields`: whose the row is, and the object that it names."""
        seen = self.seen[table].kinds.items()
        objects = [place.column for place, kind in seen if kind is Kind.OBJECT and place.plain]
        told = {**owner, **({f"{singular(table)}_object": objects[0]} if objects else {})}
        return {"yields": told} if told else {}


def several(links: Sequence[Mapping[str, object]]) -> Mapping[str, str]:
    """Links may lead to different people; but an e-mail address and a phone number alone are those of one contact."""
    contact = {name for name, _ in (*REUSABLE.values(), ADDRESS)}
    if len(links) > 1 and any(link.get("identity") not in contact for link in links):
        return {
            "found_by": "rows of several people? Keep the links of the person whose record it is; let a second"
            " collection of the table, tombstoned, clear another person's part"
        }
    return {}


def elements(links: Sequence[Mapping[str, object]]) -> bool:
    """The elements of an array name people: each of them another one, perhaps."""
    return any(link.get("each") for link in links)


def source(link: Mapping[str, object]) -> object:
    """Where a link's identity stands, as `yields` says it."""
    place = {key: value for key, value in link.items() if key != "identity"}
    return place if len(place) > 1 else place["column"]
