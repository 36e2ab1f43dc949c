"""Store draft: tables linked to a person, likely personal columns, and open questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from expunge_connectors.draft import ANCHOR, COMPANY, PERSONAL, DraftCollection, StoreDraft
from expunge_connectors.postgres.catalog import reader
from expunge_connectors.postgres.catalog.tables import Catalogue, Column, ForeignKey, Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.draft import excluded_tables, missing_rights
from expunge_connectors.postgres.draft.creation_times import creation_time
from expunge_connectors.postgres.draft.draft_names import DraftNames
from expunge_connectors.postgres.draft.link_proposals import ADDRESS, REUSABLE, LinkProposals, elements, several, source
from expunge_connectors.postgres.draft.polymorphic_keys import PolymorphicKey, polymorphic_keys
from expunge_connectors.postgres.draft.table_roles import (
    TableRoles,
    id_names,
    kept_like,
    log_like,
    picture,
    singular,
)
from expunge_connectors.postgres.draft.tombstone_proposal import tombstone
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.column_classifier import Seen, contacts, describe, look

_ELEMENTS = (
    "the elements name several people: does the whole row go with one of them (say `reason` and `approved_by`)? If not,"
    " tombstone the collection, with `{elements: true}` for the column"
)


def draft(connection: Connection, store: str, rows: int) -> StoreDraft:
    """Look at every table, and propose.

    Args:
        connection: In autocommit mode and outside a transaction.
        store: The store's name in the map to be.
        rows: Of one table that are sampled, at most.
    """
    sampled = {table.text: table for table in table_sampling.tables(connection)}
    live = reader.read(connection, sampled)
    tables = {
        text: live.tables[text]
        for text, one in sampled.items()
        if one.root == text and text in live.tables and live.tables[text].kind in "rp"
    }
    seen = {text: look(connection, sampled[text], rows) for text in tables}
    found = {text: one.kinds for text, one in seen.items()}
    foreign = {(key.child, column) for key in live.foreign_keys for column in key.columns}
    polymorphic = {
        (one.table, one.column): one
        for one in polymorphic_keys(connection, sampled, tables, rows)
        if (one.table, one.column) not in foreign
    }
    more = [key for one in polymorphic.values() for key in one.keys(tables)]
    roles = picture(tables, live.foreign_keys, found, more)
    unique = {text: reader.unique_columns(connection, table.oid) for text, table in tables.items()}
    names = DraftNames(store, live, tables, roles)
    links = LinkProposals(names, tables, seen, roles, polymorphic)
    drafted = _Drafter(names, links, live, tables, seen, roles, polymorphic, unique).draft()
    unread = missing_rights.notes(connection, [table.oid for table in tables.values()])
    return replace(drafted, notes=(*drafted.notes, *unread))


@dataclass(frozen=True, slots=True)
class _Drafter:
    names: DraftNames
    links: LinkProposals
    live: Catalogue
    tables: Mapping[str, Table]
    seen: Mapping[str, Seen]
    picture: TableRoles
    polymorphic: Mapping[tuple[str, str], PolymorphicKey]
    unique: Mapping[str, frozenset[str]]

    def draft(self) -> StoreDraft:
        identities: dict[str, Mapping[str, object]] = {
            self.names.identity(person): {"kind": "person", "normaliser": _normaliser(self.names.key(person))}
            for person in self.picture.persons
        }
        collections = (
            *(self._person(person) for person in self.picture.persons),
            *(self._linked(table, keys) for table, keys in self.picture.linked.items()),
            *(self._shared(table, keys) for table, keys in self.picture.shared.items()),
            *(self._loose(table) for table in self.picture.loose),
        )
        used = {
            str(link["identity"])
            for one in collections
            for link in _links(one.entries)
            if link.get("identity") is not None
        }
        yielded = {name for one in collections for name in _mapping(one.entries.get("yields"))}
        there = used | yielded
        identities |= {name: definition for name, definition in (*REUSABLE.values(), ADDRESS) if name in there}
        identities |= {name: {"kind": "internal"} for name in sorted(yielded - identities.keys())}
        members = {
            singular(table): f"told apart by {table}; as {singular(table)}:<id>" for table in self.picture.members
        }
        return StoreDraft(
            self.names.store,
            "postgres",
            identities,
            collections,
            members,
            tuple(excluded_tables.notes(self.picture, self.seen)),
            tuple(excluded_tables.questions(self.picture, self.seen)),
            {self.names.identity(person): self.names.person(person) for person in self.picture.persons},
        )

    def _person(self, table: str) -> DraftCollection:
        identity, key = self.names.identity(table), self.names.key(table).name
        links: list[dict[str, object]] = [{"column": key, "identity": identity}, *self.links.reusable(table)]
        entries = {**self._head(table), "person": identity, "found_by": links, **creation_time(self.tables[table])}
        entries["yields"] = {identity: key, **{str(link["identity"]): source(link) for link in links[1:]}}
        questions = self._questions(table)
        staying = [
            child
            for child, keys in self.picture.linked.items()
            if (log_like(child) or kept_like(child)) and any(one.parent == table for one in keys)
        ]
        others = [
            lead for lead in self.live.foreign_keys if lead.child == table and lead.parent in self.picture.persons
        ]
        notes = [
            f"{', '.join(lead.columns)} points to {'another row here' if lead.parent == table else lead.parent}:"
            " another person, who cannot be deleted while somebody else's row points there."
            for lead in others
        ]
        staying += [f"other people's rows ({', '.join(lead.columns)})" for lead in others if lead.parent == table]
        later: tuple[str, ...] = ()
        if staying:
            entries["data_type"] = None
            questions["data_type"] = (
                f"{PERSONAL} (the row is deleted), or {ANCHOR} (it is overwritten) if {_listed(staying)} must stay:"
                " what stays points to it"
            )
            leading = [lead for leads in self.picture.shared.values() for lead in leads if lead.child == table]
            expressions = tombstone(
                self.tables[table],
                self.names.key(table).name,
                self.seen[table].kinds,
                leading,
                self.unique.get(table, ()),
            )
            later = (f"if {ANCHOR}:", "tombstone:", *expressions)
        return DraftCollection(self.names.collection(table), entries, questions, (*self._seen(table), *notes), later)

    def _linked(self, table: str, keys: tuple[ForeignKey, ...]) -> DraftCollection:
        # Each partition has a key of its own, and they say the same.
        same = {(key.columns, key.parent, key.parent_columns): key for key in keys}
        links = [link for key in same.values() if (link := self.links.link(table, key)) is not None]
        columns = self.tables[table].columns
        sure = (key for key in keys if (table, key.columns[0]) not in self.polymorphic)
        if not any(all(columns[one].not_null for one in key.columns) for key in sure):
            links += self.links.reusable(table)  # rows without a parent would not be found otherwise
        entries = {**self._head(table), "found_by": links}
        questions = self._questions(table)
        questions |= several(links)
        questions |= self._kinds(table, questions)
        of_others = sorted(
            {key.child for key in self.live.foreign_keys if key.parent == table and key.child in self.picture.persons}
        )
        if of_others:
            entries["data_type"] = None
            questions["data_type"] = (
                f"{PERSONAL}? Other people's rows ({_listed(of_others)}) point to it, so it is hardly one person's: an"
                f" {ANCHOR} whose tombstone clears what names this one, or a retained type"
            )
        if not links:
            entries["found_by"] = None
        if elements(links):
            entries["goes_with_any"], questions["goes_with_any"] = None, _ELEMENTS
        if any("identity" in link for link in links):
            entries |= creation_time(self.tables[table])
        entries |= self.links.yields(table, self.links.owner(table, same.values(), links))
        own = [key for key in self.live.foreign_keys if key.child == key.parent == table]
        notes = [f"{', '.join(key.columns)} points to other rows of the table: answers of others?" for key in own]
        if unlinked := self.links.unlinked(table, links):
            notes.append(f"No link reads {_listed(unlinked)}. Another person's? Then a link, or a second collection.")
        return DraftCollection(self.names.collection(table), entries, questions, (*self._seen(table), *notes))

    def _shared(self, table: str, keys: tuple[ForeignKey, ...]) -> DraftCollection:
        links = [self.links.of(key.parent_columns, key.child, key.columns) for key in keys]
        entries = {**self._head(table), "found_by": links, "sharing": "last_owner"}
        questions = self._questions(table)
        questions["sharing"] = (
            "several people may share a row: does it go with the last of them? If it is nobody's, leave the table out"
        )
        if contacts(self.seen[table].kinds):
            questions["sharing"] += (
                ". Is each row a person of its own (a partner, a contact)? Then give it `person` with an identity, and"
                f" let rows that point to it be found by it: {_listed(sorted({key.child for key in keys}))}"
            )
        return DraftCollection(self.names.collection(table), entries, questions, self._seen(table))

    def _loose(self, table: str) -> DraftCollection:
        links = self.links.reusable(table)
        # A guess by name looks in its own schema first.
        near = [one for one in self.picture.persons if one.partition(".")[0] == table.partition(".")[0]]
        taken = {singular(one) for one in near}
        for person in [*near, *(one for one in self.picture.persons if singular(one) not in taken)]:
            columns = map(self.tables[table].columns.get, id_names(person, self.live.foreign_keys))
            own = [one for one in columns if one is not None and one.base == self.names.key(person).base]
            links[:0] = [{"column": one.name, "identity": self.names.identity(person)} for one in own]
        persons = {self.names.identity(person) for person in self.picture.persons}
        named = [one for one in links if one.get("identity") in persons]
        entries = {
            **self._head(table),
            "data_type": None,
            "found_by": links,
            **creation_time(self.tables[table]),
            **self.links.yields(
                table, {str(one["identity"]): source(one) for one in named[:1] if len(links) > len(named)}
            ),
        }
        questions = self._questions(table)
        questions.setdefault("data_type", f"{PERSONAL}? No foreign key links it to a person")
        questions |= several(links)
        if unlinked := self.links.unlinked(table, links):
            more = f"{_listed(unlinked)}: whose? Of another person, it needs a link or a second collection of its own"
            questions["found_by"] = "; ".join([*([questions["found_by"]] if "found_by" in questions else []), more])
        if elements(links):
            entries["goes_with_any"], questions["goes_with_any"] = None, _ELEMENTS
        if not links:
            entries["found_by"], questions["found_by"] = None, "how does a row belong to a person?"
        questions |= self._kinds(table, questions)
        return DraftCollection(self.names.collection(table), entries, questions, self._seen(table))

    def _kinds(self, table: str, asked: Mapping[str, str]) -> Mapping[str, str]:
        """What is to be decided about columns that name rows of many tables."""
        found = [one.question for (of, _), one in self.polymorphic.items() if of == table]
        before = [asked["found_by"]] if found and "found_by" in asked else []
        return {"found_by": "; ".join([*before, *found])} if found else {}

    def _head(self, table: str) -> dict[str, object]:
        undecided = log_like(table) or kept_like(table)
        return {
            "table": table,
            "data_type": None if undecided else PERSONAL,
            "owner": {"controller": COMPANY},
        }

    def _questions(self, table: str) -> dict[str, str]:
        questions: dict[str, str] = {}
        if log_like(table):
            questions["data_type"] = (
                f"{PERSONAL}? It holds content or is keyed by a person, so it is not taken for a log; if it is one, put"
                " `log: {purpose, ground, retention, approved_by}` in the place of data_type, owner and found_by"
            )
        elif kept_like(table):
            starts = [name for name, column in self.tables[table].columns.items() if column.dated]
            questions["data_type"] = (
                f"{PERSONAL}, or a retained type with its ground, if a law says so; then also"
                f" `start: {starts[0] if starts else '<a date>'}`"
            )
        members = {
            singular(member): next(
                (key.columns[0] for key in self.live.foreign_keys if key.child == table and key.parent == member), None
            )
            for member in self.picture.members
        }
        choices = [
            f"{{controller: {member}, {'inherited: true' if column is None else f'column: {column}'}}}"
            for member, column in members.items()
        ]
        if choices:
            questions["owner"] = f"or {' or '.join(choices)}"
        return questions

    def _seen(self, table: str) -> tuple[str, ...]:
        seen = self.seen[table]
        return (*((f"Seems to hold: {describe(seen.kinds)}.",) if seen.kinds else ()), *seen.unknown)


def _normaliser(column: Column) -> str:
    return {"uuid": "uuid/1", "smallint": "integer/2", "integer": "integer/2", "bigint": "integer/2"}.get(
        column.base, "exact/1"
    )


def _links(entries: Mapping[str, object]) -> list[Mapping[str, object]]:
    links = entries.get("found_by")
    return list(links) if isinstance(links, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _listed(tables: list[str]) -> str:
    return " or ".join(tables)
