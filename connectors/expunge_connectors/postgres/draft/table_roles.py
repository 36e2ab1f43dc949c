"""Table roles in a draft: persons and their dependants, shared, log-like and retained tables, controllers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from expunge_connectors.postgres.catalog.column_names import snaked
from expunge_connectors.postgres.catalog.tables import ForeignKey, Table
from expunge_connectors.postgres.dependency_graph import has_path
from expunge_connectors.postgres.inspection.column_classifier import Kinds, Place, contacts, personal

_PEOPLE = frozenset(
    """
    applicant attendee author buyer caller candidate contact customer donor employee guest member participant passenger
    patient person resident respondent staff student subscriber teacher user visitor voter worker
    """.split()  # noqa: SIM905 - reads as a text
)
_CONTROLLERS = frozenset(
    """
    account agency business client company employer institution merchant org organisation organization school tenant
    workspace
    """.split()  # noqa: SIM905 - reads as a text
)
_LOG = re.compile(r"(^|_)(log|logs|audit|audits|audit_trail|access|events?|history|journal|trace|traces)$")
_KEPT = re.compile(r"(^|_)(invoice|order|payment|transaction|receipt|booking|ledger|tax|contract|refund|payout)s?(_|$)")


@dataclass(frozen=True, slots=True)
class TableRoles:
    """What seems to be what. Tables as `schema.table`.

    Attributes:
        persons: Tables with a row for each person.
        linked: Tables whose rows lead to a person along foreign keys, in the order they were reached -> the keys.
        shared: Parents with personal columns that rows of persons or of `linked` point to -> the keys.
        loose: Tables with e-mail addresses, phone numbers or an id of a person, which no foreign key links.
        members: Tables that tell controllers apart: persons point to them, and their name is that of a client, a
            tenant, an organisation.
        lookups: Other parents of persons, with nothing personal -> the keys: a country, or a controller after all.
        others: Everything else.
    """

    persons: tuple[str, ...]
    linked: Mapping[str, tuple[ForeignKey, ...]]
    shared: Mapping[str, tuple[ForeignKey, ...]]
    loose: tuple[str, ...]
    members: tuple[str, ...]
    lookups: Mapping[str, tuple[ForeignKey, ...]]
    others: tuple[str, ...]


def singular(table: str) -> str:
    """The name of one of them: `public.app_users` -> `app_user`."""
    name = _snake(table)
    for ending, one in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("xes", "x"), ("ss", "ss"), ("people", "person")):
        if name.endswith(ending):
            return name.removesuffix(ending) + one
    return name.removesuffix("s")


def log_like(table: str) -> bool:
    """The name is that of a log. Evidence for a question, never for a declaration."""
    return _LOG.search(_snake(table)) is not None


def kept_like(table: str) -> bool:
    """The name is that of something that laws say to keep."""
    return _KEPT.search(_snake(table)) is not None


def picture(
    tables: Mapping[str, Table],
    keys: Iterable[ForeignKey],
    kinds: Mapping[str, Kinds],
    polymorphic: Iterable[ForeignKey] = (),
) -> TableRoles:
    """Sort the tables of a database.

    Args:
        tables: All of them.
        keys: All foreign keys between them.
        kinds: Table -> what its columns seem to hold.
        polymorphic: Columns that name rows of many tables, as one key for each: rows lead to a person by these too.
    """
    known = [key for key in keys if key.child in tables and key.parent in tables and key.child != key.parent]
    persons = _persons(tables, known, kinds)
    linked: dict[str, tuple[ForeignKey, ...]] = {}
    leading = [*known, *polymorphic]
    edges = [(key.child, key.parent) for key in leading]
    reached = list(persons)
    of_others = {key.parent for key in known if key.child in persons} - {*persons}
    for parent in reached:  # grows on the way: what is reached leads on, unless people point to it whoever it names
        for key in leading:
            if key.parent == parent and key.child not in reached and parent not in of_others:
                reached.append(key.child)
    for child in reached[len(persons) :]:
        earlier = reached[: reached.index(child)]
        linked[child] = tuple(
            key
            for key in leading
            if key.child == child
            and key.parent not in of_others
            # Towards a table that was reached later as well, unless that leads back.
            and (key.parent in earlier or (key.parent in reached and not has_path(edges, key.parent, child)))
        )
    shared: dict[str, tuple[ForeignKey, ...]] = {}
    members: list[str] = []
    lookups: dict[str, tuple[ForeignKey, ...]] = {}
    for table in tables:
        pointing = tuple(key for key in known if key.parent == table and key.child in reached)
        if table in reached or not pointing:
            continue
        of_persons = any(key.child in persons for key in pointing)
        if of_persons and _last_word(table) in _CONTROLLERS:
            members.append(table)
        elif personal(kinds.get(table, {})):
            shared[table] = pointing
        elif of_persons:
            lookups[table] = pointing
    placed = {*reached, *shared, *members, *lookups}
    rest = [table for table in tables if table not in placed]
    ids = {name for person in persons for name in id_names(person, known)}
    loose = tuple(
        table
        for table in rest
        if contacts(kinds.get(table, {})) or ids & (set(tables[table].columns) - _leading(table, known))
    )
    others = tuple(table for table in rest if table not in loose)
    return TableRoles(tuple(persons), linked, shared, loose, tuple(members), lookups, others)


def id_names(person: str, keys: Iterable[ForeignKey]) -> tuple[str, ...]:
    """What columns with ids of these persons are called: like the table, or as foreign keys to it call them.

    Of user_entity that is user_entity_id, and perhaps `user_id`.
    """
    called = (key.columns[0] for key in keys if key.parent == person and len(key.columns) == 1)
    return tuple(dict.fromkeys((f"{singular(person)}_id", *(name for name in called if name.endswith("_id")))))


def _leading(table: str, keys: Iterable[ForeignKey]) -> set[str]:
    """The columns of which a foreign key says where they lead."""
    return {name for key in keys if key.child == table for name in key.columns}


def person_key(table: Table, keys: Iterable[ForeignKey]) -> str | None:
    """The column that tells persons apart: the primary key, or what of it counts for each tenant (`tenant_id, id`)."""
    tenants = {
        key.columns[0]
        for key in keys
        if key.child == table.text and len(key.columns) == 1 and _last_word(key.parent) in _CONTROLLERS
    }
    own = [name for name in table.key if len(table.key) == 1 or name not in tenants]
    return own[0] if len(own) == 1 else None


def _persons(tables: Mapping[str, Table], keys: Sequence[ForeignKey], kinds: Mapping[str, Kinds]) -> list[str]:
    """Tables with a key that say whom they are about, to which others point, or whose name says so.

    None that hangs on another: a guest on a host. A customer of a store that an employee runs hangs on nobody: others
    are in between.
    """
    edges = [(key.child, key.parent) for key in keys]
    parents = {key.parent for key in keys}
    candidates = [
        table
        for table, live in tables.items()
        if (key := person_key(live, keys)) is not None
        and Place(key) not in kinds.get(table, {})
        and (table in parents or _says_person(table))
        and (
            any(not place.path for place in contacts(kinds.get(table, {})))
            # The addresses may stand in a table of their own, beside the names.
            or (_says_person(table) and personal(kinds.get(table, {})))
        )
    ]
    strong = [table for table in candidates if _says_person(table)]
    strong = [
        one
        for one in strong
        if not any(_hangs_on(one, [two], edges) for child, two in edges if child == one and two in strong)
    ] or strong
    weak = [one for one in candidates if not _says_person(one)]
    weak = [
        one
        for one in weak
        if not _hangs_on(one, [*strong, *weak], edges) and not any(has_path(edges, person, one) for person in strong)
    ]
    return [table for table in tables if table in strong or table in weak]


def _hangs_on(table: str, others: Iterable[str], edges: list[tuple[str, str]]) -> bool:
    """Foreign keys lead from the table to one of the others, and not back."""
    return any(
        other != table and has_path(edges, table, other) and not has_path(edges, other, table) for other in others
    )


def _says_person(table: str) -> bool:
    return _last_word(table) in _PEOPLE


def _snake(table: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", snaked(table.partition(".")[2])).strip("_")


def _last_word(table: str) -> str:
    return singular(table).rpartition("_")[2]
