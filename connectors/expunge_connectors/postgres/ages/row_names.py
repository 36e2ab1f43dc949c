"""Row names: the texts by which rows that are about to go say whose they are, and what they name in other stores.

Holds know people by keys (ADR 6). And what a row names elsewhere, as a recording, must go before it: nothing would lead
there any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Keeping, NamedThing, SubjectKey
from expunge_connectors.postgres.ages.due_rows import AgeRules
from expunge_connectors.postgres.ages.row_needs import hangs, stands_for
from expunge_connectors.postgres.mapping.bound_tables import BoundStore, BoundTable
from expunge_connectors.postgres.sql.comparison import column_text, of_its_kind, tells, values
from expunge_connectors.postgres.sql.fragments import TRUE, and_, column
from expunge_connectors.postgres.table_links import Source

_NOTHING = sql.SQL("")
_LEVELS = 4
"""So many rows above are asked whose a row is, as `sql.member_rows` has it."""


@dataclass(frozen=True, slots=True)
class NamedBy:
    """One way on which a row says a key, or its member alone.

    Attributes:
        identity: Of which it is a key; None: the way is for the member.
        source: Where it stands.
        beside: What stands behind `FROM part AS t`: the rows above it.
        text: The text that is read.
        member: The text of the owner's column; NULL where no row on the way has one.
    """

    identity: str | None
    source: Source | None
    beside: sql.Composable
    text: sql.Composable
    member: sql.Composable
    condition: sql.Composable

    @property
    def in_the_row(self) -> bool:
        """One text at most, and it stands in the row itself."""
        return self.beside == _NOTHING

    def read(self, data_map: DataMap, text: str | None) -> tuple[frozenset[SubjectKey], bool]:
        """The keys in a text, and whether what was not read of it can be no further key."""
        if self.identity is None or self.source is None or text is None:
            return frozenset(), True
        reading = self.source.read(data_map.identities[self.identity].rule, text)
        return frozenset(SubjectKey(self.identity, value) for value in reading.values), reading.alone


def ways(store: BoundStore, mapped: BoundTable, identities: Collection[str], *, members: bool) -> list[NamedBy]:
    """The ways from a row `t` of the collection to texts of these identities, straight or through rows above it."""
    found = list(_ways(store, mapped, "t", _NOTHING, None, identities, 0, members=members))
    nothing = sql.SQL("NULL::text")
    return [*found, NamedBy(None, None, _NOTHING, nothing, nothing, TRUE)] if members else found


def _ways(  # noqa: PLR0913, PLR0917 - where the way has come to
    store: BoundStore,
    mapped: BoundTable,
    alias: str,
    beside: sql.Composable,
    member: sql.Composable | None,
    identities: Collection[str],
    level: int,
    *,
    members: bool,
) -> Iterator[NamedBy]:
    owner = mapped.spec.owner
    named = None if owner is None else owner.column
    whose = member if member is not None or named is None else sql.SQL("{}::text").format(column(alias, named))
    null = sql.SQL("NULL::text")
    if members and whose is not None and member is None:
        yield NamedBy(None, None, beside, null, whose, TRUE)
    for link in mapped.selecting:
        if link.source is not None and link.namespace in identities:
            if link.source.several:
                inside = sql.SQL("{} CROSS JOIN LATERAL {} AS v (value)").format(beside, values(link.source, alias))
                yield NamedBy(link.namespace, link.source, inside, sql.SQL("v.value::text"), whose or null, TRUE)
            else:
                text = column_text(link.source, link.columns[0], alias)
                yield NamedBy(link.namespace, link.source, beside, text, whose or null, of_its_kind(link, alias))
        elif link.of is not None and level < _LEVELS:
            lead, above = store.collections[link.of[0]], f"u{level}"
            joined = sql.SQL("{} LEFT JOIN {} AS {} ON {}").format(
                beside, lead.table.identifier, sql.Identifier(above), hangs(link, alias, lead, above)
            )
            yield from _ways(store, lead, above, joined, whose, identities, level + 1, members=members)


def beyond(store: BoundStore, mapped: BoundTable, identities: Collection[str], level: int = 0) -> bool:
    """A row may be somebody's by what is not read here: a key of a thing, or rows further above than is looked."""
    for link in mapped.selecting:
        if link.source is not None:
            if link.namespace not in identities and link.namespace in store.internal:
                return True
        elif link.of is not None and not link.below:
            if level >= _LEVELS or beyond(store, store.collections[link.of[0]], identities, level + 1):
                return True
        elif link.below:
            return True
    return False


def things(rules: AgeRules, mapped: BoundTable, identities: Collection[str]) -> list[NamedBy]:
    """The ways from a row `t` of the collection to keys that it, or a row that goes with it, alone leads to.

    The key of the person that a row is, and of a thing of which no two rows tell the same one.
    """
    found: list[NamedBy] = []
    owners = [one for one in ways(rules.store, mapped, (), members=True) if one.identity is None]
    member = owners[0] if owners else None
    _things(rules, mapped, "t", sql.SQL(""), identities, member, 0, found)
    return found


def _things(  # noqa: PLR0913, PLR0917 - where the way has come to
    rules: AgeRules,
    mapped: BoundTable,
    alias: str,
    beside: sql.Composable,
    identities: Collection[str],
    member: NamedBy | None,
    level: int,
    found: list[NamedBy],
) -> None:
    above = sql.SQL("") if member is None else member.beside
    whose: sql.Composable = sql.SQL("NULL::text") if member is None else member.member
    for identity, (source, _) in mapped.yields.items():
        if identity in identities and stands_for(mapped, identity):
            there = sql.SQL("{}{}").format(above, beside)
            text = column_text(source, mapped.table.columns[source.column], alias)
            found.append(NamedBy(identity, source, there, text, whose, tells(source.where, alias)))
    for child, link in rules.along(mapped):
        inner = f"b{level}"
        joined = sql.SQL("{} JOIN {} AS {} ON {}").format(
            beside, child.table.identifier, sql.Identifier(inner), hangs(link, inner, mapped, alias)
        )
        _things(rules, child, inner, joined, identities, member, level + 1, found)


def statement(found: Collection[NamedBy], part: sql.Composable, within: sql.Composable) -> sql.Composed:
    """(place of the row, number of the way, text, member) of rows `t` of a part of the table."""
    selects = (
        sql.SQL("SELECT t.ctid::text, {}, {}, {} FROM {} AS t{} WHERE {}").format(
            sql.Literal(at), one.text, one.member, part, one.beside, and_(within, one.condition)
        )
        for at, one in enumerate(found)
    )
    return sql.SQL(" UNION ALL ").join(selects)


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads such texts as keys, each text once."""

    found: list[NamedBy]
    data_map: DataMap
    _read: dict[tuple[int, str | None], tuple[frozenset[SubjectKey], bool]]

    @classmethod
    def of(cls, found: list[NamedBy], data_map: DataMap) -> RowReader:
        """A reader of these ways."""
        return cls(found, data_map, {})

    def keys(self, at: int, text: str | None) -> frozenset[SubjectKey]:
        """The keys in a text found on a way."""
        return self._reading(at, text)[0]

    def alone(self, at: int, text: str | None) -> bool:
        """What was not read of such a text can be no further key."""
        return self._reading(at, text)[1]

    def _reading(self, at: int, text: str | None) -> tuple[frozenset[SubjectKey], bool]:
        known = self._read.get((at, text))
        if known is None:
            known = self._read[at, text] = self.found[at].read(self.data_map, text)
        return known


def named_things(
    rows: Collection[tuple[str, int, str | None, str | None]], reader: RowReader
) -> dict[str, set[NamedThing]]:
    """Place of a row -> what it names."""
    found: dict[str, set[NamedThing]] = defaultdict(set)
    for place, at, text, member in rows:
        found[place] |= {NamedThing(key, member) for key in reader.keys(at, text)}
    return found


def kept(rows: Collection[tuple[str, int, str | None, str | None]], reader: RowReader, keeping: Keeping) -> list[str]:
    """The places of the rows that holds keep.

    A row of which nothing says whose member's it is may be anybody's, and so may one with an address or a number in it
    that cannot be read, while a hold names people by such.
    """
    if len(reader.found) == 1:  # as mostly: each text is judged once, however many rows hold it
        judged = {
            (text, member): not reader.alone(0, text) or keeping.keeps(reader.keys(0, text), member)
            for text, member in {(text, member) for _, _, text, member in rows}
        }
        return [place for place, _, text, member in rows if judged[text, member]]
    said: dict[str, dict[str | None, set[SubjectKey]]] = defaultdict(lambda: defaultdict(set))
    unread: set[str] = set()
    for place, at, text, member in rows:
        said[place][member] |= reader.keys(at, text)
        if not reader.alone(at, text):
            unread.add(place)
    for by_member in said.values():
        if len(by_member) > 1 and not by_member.get(None):
            by_member.pop(None, None)
    return [
        place
        for place, one in said.items()
        if place in unread or any(keeping.keeps(keys, member) for member, keys in one.items())
    ]
