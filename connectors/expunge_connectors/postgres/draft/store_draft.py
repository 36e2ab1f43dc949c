"""Store draft: tables linked to a person, likely personal columns, and open questions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from expunge_connectors.draft import ANCHOR, COMPANY, PERSONAL, DraftCollection, DraftPerson, StoreDraft
from expunge_connectors.postgres.catalog import reader
from expunge_connectors.postgres.catalog.column_names import Kind
from expunge_connectors.postgres.catalog.key_types import comparable
from expunge_connectors.postgres.catalog.tables import Catalogue, Column, ForeignKey, Table
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.draft import excluded_tables, missing_rights
from expunge_connectors.postgres.draft.polymorphic_keys import PolymorphicKey, polymorphic_keys
from expunge_connectors.postgres.draft.table_roles import (
    TableRoles,
    id_names,
    kept_like,
    log_like,
    person_key,
    picture,
    singular,
)
from expunge_connectors.postgres.draft.tombstone_proposal import tombstone, word
from expunge_connectors.postgres.inspection import table_sampling
from expunge_connectors.postgres.inspection.column_classifier import Seen, contacts, describe, look

_CREATED = frozenset(
    """
    created_at created created_on inserted_at date_created creation_date createdat create_date created_date date_joined
    joined_at registered_at registration_date signed_up_at submit_date submitted_at create_time created_time
    creation_time
    """.split()  # noqa: SIM905 - reads as a text
)
_REUSABLE: dict[Kind, tuple[str, Mapping[str, object]]] = {
    Kind.EMAIL: ("email", {"kind": "reusable", "normaliser": "email/3"}),
    Kind.PHONE: ("phone", {"kind": "reusable", "normaliser": "phone/1"}),
}
_ADDRESS: tuple[str, Mapping[str, object]] = (
    "postal_address",
    {"kind": "reusable", "normaliser": "postal/1", "shareable": True},
)
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
    drafted = _Drafter(store, live, tables, seen, roles, polymorphic, unique).draft()
    unread = missing_rights.notes(connection, [table.oid for table in tables.values()])
    return replace(drafted, notes=(*drafted.notes, *unread))


@dataclass(frozen=True, slots=True)
class _Drafter:
    store: str
    live: Catalogue
    tables: Mapping[str, Table]
    seen: Mapping[str, Seen]
    picture: TableRoles
    polymorphic: Mapping[tuple[str, str], PolymorphicKey]
    unique: Mapping[str, frozenset[str]]

    def draft(self) -> StoreDraft:
        identities: dict[str, Mapping[str, object]] = {
            self._identity(person): {"kind": "person", "normaliser": _normaliser(self._key(person))}
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
        identities |= {name: definition for name, definition in (*_REUSABLE.values(), _ADDRESS) if name in there}
        identities |= {name: {"kind": "internal"} for name in sorted(yielded - identities.keys())}
        members = {
            singular(table): f"told apart by {table}; as {singular(table)}:<id>" for table in self.picture.members
        }
        return StoreDraft(
            self.store,
            "postgres",
            identities,
            collections,
            members,
            tuple(excluded_tables.notes(self.picture, self.seen)),
            tuple(excluded_tables.questions(self.picture, self.seen)),
            {self._identity(person): self._names(person) for person in self.picture.persons},
        )

    def _person(self, table: str) -> DraftCollection:
        identity, key = self._identity(table), self._key(table).name
        links: list[dict[str, object]] = [{"column": key, "identity": identity}, *self._reusable(table)]
        entries = {**self._head(table), "person": identity, "found_by": links, **self._created(table)}
        entries["yields"] = {identity: key, **{str(link["identity"]): _source(link) for link in links[1:]}}
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
                self.tables[table], self._key(table).name, self.seen[table].kinds, leading, self.unique.get(table, ())
            )
            later = (f"if {ANCHOR}:", "tombstone:", *expressions)
        return DraftCollection(self._name(table), entries, questions, (*self._seen(table), *notes), later)

    def _linked(self, table: str, keys: tuple[ForeignKey, ...]) -> DraftCollection:
        # Each partition has a key of its own, and they say the same.
        same = {(key.columns, key.parent, key.parent_columns): key for key in keys}
        links = [link for key in same.values() if (link := self._link(table, key)) is not None]
        columns = self.tables[table].columns
        sure = (key for key in keys if (table, key.columns[0]) not in self.polymorphic)
        if not any(all(columns[one].not_null for one in key.columns) for key in sure):
            links += self._reusable(table)  # rows without a parent would not be found otherwise
        entries = {**self._head(table), "found_by": links}
        questions = self._questions(table)
        questions |= _several(links)
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
        if _elements(links):
            entries["goes_with_any"], questions["goes_with_any"] = None, _ELEMENTS
        if any("identity" in link for link in links):
            entries |= self._created(table)
        entries |= self._yields(table, self._owner(table, same.values(), links))
        own = [key for key in self.live.foreign_keys if key.child == key.parent == table]
        notes = [f"{', '.join(key.columns)} points to other rows of the table: answers of others?" for key in own]
        if unlinked := self._unlinked(table, links):
            notes.append(f"No link reads {_listed(unlinked)}. Another person's? Then a link, or a second collection.")
        return DraftCollection(self._name(table), entries, questions, (*self._seen(table), *notes))

    def _shared(self, table: str, keys: tuple[ForeignKey, ...]) -> DraftCollection:
        links = [self._of(key.parent_columns, key.child, key.columns) for key in keys]
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
        return DraftCollection(self._name(table), entries, questions, self._seen(table))

    def _loose(self, table: str) -> DraftCollection:
        links = self._reusable(table)
        # A guess by name looks in its own schema first.
        near = [one for one in self.picture.persons if one.partition(".")[0] == table.partition(".")[0]]
        taken = {singular(one) for one in near}
        for person in [*near, *(one for one in self.picture.persons if singular(one) not in taken)]:
            columns = map(self.tables[table].columns.get, id_names(person, self.live.foreign_keys))
            own = [one for one in columns if one is not None and one.base == self._key(person).base]
            links[:0] = [{"column": one.name, "identity": self._identity(person)} for one in own]
        persons = {self._identity(person) for person in self.picture.persons}
        named = [one for one in links if one.get("identity") in persons]
        entries = {
            **self._head(table),
            "data_type": None,
            "found_by": links,
            **self._created(table),
            **self._yields(table, {str(one["identity"]): _source(one) for one in named[:1] if len(links) > len(named)}),
        }
        questions = self._questions(table)
        questions.setdefault("data_type", f"{PERSONAL}? No foreign key links it to a person")
        questions |= _several(links)
        if unlinked := self._unlinked(table, links):
            more = f"{_listed(unlinked)}: whose? Of another person, it needs a link or a second collection of its own"
            questions["found_by"] = "; ".join([*([questions["found_by"]] if "found_by" in questions else []), more])
        if _elements(links):
            entries["goes_with_any"], questions["goes_with_any"] = None, _ELEMENTS
        if not links:
            entries["found_by"], questions["found_by"] = None, "how does a row belong to a person?"
        questions |= self._kinds(table, questions)
        return DraftCollection(self._name(table), entries, questions, self._seen(table))

    def _link(self, table: str, key: ForeignKey) -> dict[str, object] | None:
        """A link by a foreign key, or by a column that names rows of many tables; None: it cannot be compared."""
        named = self.polymorphic.get((table, key.columns[0]))
        if named is None:
            return self._of(key.columns, key.parent, key.parent_columns)
        values = named.values(key.parent)
        where = {"where": {named.kind: values if len(values) > 1 else values[0]}}
        ours, theirs = self.tables[table].columns[named.column], self.tables[key.parent].columns[key.parent_columns[0]]
        if comparable(ours, theirs):
            return self._of(key.columns, key.parent, key.parent_columns) | where
        if key.parent in self.picture.persons:
            return {"column": named.column, "identity": self._identity(key.parent), **where}
        return None

    def _kinds(self, table: str, asked: Mapping[str, str]) -> Mapping[str, str]:
        """What is to be decided about columns that name rows of many tables."""
        found = [one.question for (of, _), one in self.polymorphic.items() if of == table]
        before = [asked["found_by"]] if found and "found_by" in asked else []
        return {"found_by": "; ".join([*before, *found])} if found else {}

    def _of(self, columns: Sequence[str], other: str, theirs: Sequence[str]) -> dict[str, object]:
        """A link by a foreign key, from whichever of its ends."""
        lead = self._name(other)
        if len(columns) == 1:
            return {"column": columns[0], "of": f"{lead}.{theirs[0]}"}
        return {"columns": list(columns), "of": lead, "of_columns": list(theirs)}

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
            starts = [name for name, column in self.tables[table].columns.items() if _dated(column)]
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

    def _reusable(self, table: str) -> list[dict[str, object]]:
        kinds = self.seen[table].kinds
        # One identity, one link: of several places the first column; the others are told among what was noticed.
        places = sorted(contacts(kinds).items(), key=lambda found: bool(found[0].path))
        first: dict[str, dict[str, object]] = {}
        for place, kind in places:
            identity = _REUSABLE[kind][0]
            first.setdefault(identity, {**place.source, "identity": identity})
        address = [place.column for place, kind in kinds.items() if kind is Kind.ADDRESS and place.plain]
        if first and address:
            first[_ADDRESS[0]] = {"column": address[0], "identity": _ADDRESS[0]}
        return list(first.values())

    def _unlinked(self, table: str, links: Iterable[Mapping[str, object]]) -> list[str]:
        """The places with e-mail addresses and phone numbers that no link reads."""
        read = [{name: one for name, one in link.items() if name != "identity"} for link in links]
        places = [place for place in contacts(self.seen[table].kinds) if place.source not in read]
        return [".".join((place.column, *place.path)) for place in places]

    def _created(self, table: str) -> dict[str, object]:
        columns = self.tables[table].columns
        found = next((name for name in columns if name.lower() in _CREATED and _dated(columns[name])), None)
        open_ = found is None or not columns[found].not_null  # a row without a time would count as newer for ever
        return {**({} if found is None else {"created": found}), **({"undated": None} if open_ else {})}

    def _owner(
        self, table: str, keys: Iterable[ForeignKey], links: Sequence[Mapping[str, object]]
    ) -> dict[str, object]:
        """Whose a row is, by the key of a person: asked for where it is found by an address as well."""
        if not any("identity" in link for link in links):
            return {}
        for key in keys:
            if key.parent not in self.picture.persons or key.parent_columns != (self._key(key.parent).name,):
                continue
            if (link := self._link(table, key)) is not None:
                return {self._identity(key.parent): _source({one: link[one] for one in link if one != "of"})}
        return {}

    def _yields(self, table: str, owner: Mapping[str, object]) -> dict[str, object]:
        seen = self.seen[table].kinds.items()
        objects = [place.column for place, kind in seen if kind is Kind.OBJECT and place.plain]
        told = {**owner, **({f"{singular(table)}_object": objects[0]} if objects else {})}
        return {"yields": told} if told else {}

    def _seen(self, table: str) -> tuple[str, ...]:
        seen = self.seen[table]
        return (*((f"Seems to hold: {describe(seen.kinds)}.",) if seen.kinds else ()), *seen.unknown)

    def _identity(self, person: str) -> str:
        """Named like the table; with store and schema where tables of several schemas are called alike."""
        names = self._names(person)
        several = len([one for one in self.picture.persons if singular(one) == singular(person)]) > 1
        return names.full if several else names.plain

    def _names(self, person: str) -> DraftPerson:
        plain, first = f"{singular(person)}_id", f"{self.store}_{_schema(person)}_"
        same = [
            one for one in self.picture.persons if (_schema(one), singular(one)) == (_schema(person), singular(person))
        ]
        number = f"_{same.index(person) + 1}" if len(same) > 1 else ""  # `user` beside `users`
        return DraftPerson(person, plain, f"{first}{plain}{number}")

    def _key(self, person: str) -> Column:
        table = self.tables[person]
        return table.columns[person_key(table, self.live.foreign_keys) or table.key[0]]

    def _name(self, table: str) -> str:
        """The name of the collection: the table's own, with its schema where two tables have the same."""
        name = word(table.partition(".")[2])
        same = [one for one in self.tables if word(one.partition(".")[2]) == name]
        return name if len(same) == 1 else word(table)


def _several(links: Sequence[Mapping[str, object]]) -> Mapping[str, str]:
    """Links may lead to different people; but an e-mail address and a phone number alone are those of one contact."""
    contact = {name for name, _ in (*_REUSABLE.values(), _ADDRESS)}
    if len(links) > 1 and any(link.get("identity") not in contact for link in links):
        return {
            "found_by": "rows of several people? Keep the links of the person whose record it is; let a second"
            " collection of the table, tombstoned, clear another person's part"
        }
    return {}


def _elements(links: Sequence[Mapping[str, object]]) -> bool:
    """The elements of an array name people: each of them another one, perhaps."""
    return any(link.get("each") for link in links)


def _schema(table: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", table.partition(".")[0].lower()).strip("_")


def _source(link: Mapping[str, object]) -> object:
    """Where a link's identity stands, as `yields` says it."""
    source = {key: value for key, value in link.items() if key != "identity"}
    return source if len(source) > 1 else source["column"]


def _normaliser(column: Column) -> str:
    return {"uuid": "uuid/1", "smallint": "integer/2", "integer": "integer/2", "bigint": "integer/2"}.get(
        column.base, "exact/1"
    )


def _dated(column: Column) -> bool:
    return column.base.startswith(("timestamp", "date"))


def _links(entries: Mapping[str, object]) -> list[Mapping[str, object]]:
    links = entries.get("found_by")
    return list(links) if isinstance(links, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _listed(tables: list[str]) -> str:
    return " or ".join(tables)
