"""The reference model: what must be true of every row, from DESIGN's laws and docs/data-map.md.

Plain dictionaries and loops; nothing of the connector is used or was looked at. A row is named by (the table it stands
in, its primary key). Links are followed until nothing new is found; what a request may do with a row is decided row by
row; what must not be done (rows of others that point to it) is looked for in the state that would be left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from tests.support.model.cell_values import (
    compared,
    held,
    moment,
    of_kind,
    same_place,
    says,
    sought,
    spellings,
    taken_out,
    without,
    without_elements,
)
from tests.support.model.normalisation import after, recycled, spelt
from tests.support.model.world import CUTOFF, Cell, Cells, Table, World

_MADE = frozenset({"smallint", "integer", "bigint", "numeric", "uuid"})
"""Types of keys that mean nothing: nobody chooses them, and nobody is given them again."""
Row = tuple[str, tuple[Cell, ...]]
State = dict[str, dict[Row, dict[str, Cell]]]
"""`schema.table` of a declared or undeclared table -> its rows."""
Keys = frozenset[tuple[str, str]]
"""(identity, normalised value)"""
Sealed = Mapping[tuple[str, tuple[str, ...]], frozenset[tuple[Cell, ...]]]
"""(leading collection, its columns) -> values seen before anything was erased."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a subject.

    Attributes:
        firm: By a never re-used key.
        old: By a reusable one, created before the cutoff.
        unclear: As old, but by a value alone that another person has.
        joint: Of none of these; it hangs on a shared row that stays, being somebody else's as well.
    """

    firm: bool = False
    old: bool = False
    unclear: bool = False
    joint: bool = False

    @property
    def belongs(self) -> bool:
        """Part of the request."""
        return self.firm or self.old


@dataclass(frozen=True, slots=True)
class Claims:
    """What persons have who are not in the chunk.

    Attributes:
        keys: Reusable keys.
        columns: (collection, columns) -> values there, of columns that are merely unique.
    """

    keys: Keys
    columns: Mapping[tuple[str, tuple[str, ...]], AbstractSet[tuple[Cell, ...]]]


Began = Mapping[tuple[str, str], datetime | None]
"""Recycled key -> since when a person has it; None, or no key: perhaps always."""


@dataclass(slots=True)
class Count:
    """Of one subject in one collection."""

    due: set[Row] = field(default_factory=set)
    retained: set[Row] = field(default_factory=set)
    newer: set[Row] = field(default_factory=set)
    ambiguous: set[Row] = field(default_factory=set)
    until: date | None = None
    ground: str | None = None

    def numbers(self) -> tuple[int, int, int, date | None, str | None, int]:
        """As the connector's RecordCounts has them."""
        return len(self.due), len(self.retained), len(self.newer), self.until, self.ground, len(self.ambiguous)


@dataclass(frozen=True, slots=True)
class Blocked:
    """A row that must go, and one that stays and points to it: the request is refused.

    Attributes:
        held: The server holds the reference; below the root of an inheritance tree it does not, and a refusal is
            careful, not necessary.
    """

    goes: Row
    stays: Row
    held: bool


class Reference:
    """The laws, over one world's map.

    Args:
        world: Tables and map; its rows and request are not looked at.
    """

    def __init__(self, world: World) -> None:
        document = world.document
        self._world = world
        self.of_others = 0
        self.earlier: Began = {}
        """Since when people who are erased had recycled values, the last of them: their rows told it."""
        self._staying: AbstractSet[tuple[str, Row]] = frozenset()
        self._identities = document["identities"]
        self._types = document["data_types"]
        self._collections = document["stores"]["main"]["collections"]
        self._tables = {name: world.table_of(name) for name in self._collections}
        self.scope = [
            name
            for name, one in self._collections.items()
            if "log" not in one and one["owner"]["controller"] == world.controller
        ]

    def leads(self, given: Keys) -> bool:
        """Whether any collection of the scope is found by an identity that a request names."""
        named = {kind for kind, _ in given}
        return any(
            link.get("identity") in named for one in self.scope for link in self._collections[one].get("found_by", ())
        )

    def action(self, collection: str) -> str:
        """delete, tombstone or retain."""
        return str(self._types[self._collections[collection]["data_type"]]["on_request"])

    # ---- which rows are whose

    def found(
        self,
        state: State,
        keys: Keys,
        sealed: Sealed | None = None,
        *,
        shareable: bool = False,
        claims: Claims | None = None,
        began: Began = MappingProxyType({}),
        unclear: Keys = frozenset(),
        people: Keys | None = None,
        staying: AbstractSet[tuple[str, Row]] = frozenset(),
    ) -> dict[str, dict[Row, Found]]:
        """Every row of the scope linked to these keys, over links to any depth.

        A key that people share selects nothing, unless the question is only whom it may mean. With claims, a value that
        others have leads to no row that is known by it alone; nor does an unclear one, whoever has it. A row that is
        older than the person's claim is not theirs. Where the keys of everybody who goes are given, a row that names
        somebody else as well is not. Rows that people share lead nowhere while they are somebody else's as well; what
        hangs on them by links `of` stays with them.
        """
        self._staying = staying
        found: dict[str, dict[Row, Found]] = {name: {} for name in self.scope}
        while True:
            before = {name: dict(rows) for name, rows in found.items()}
            for name in self.scope:
                for row, cells in self._owned(name, state):
                    how = self._how(
                        name,
                        cells,
                        keys,
                        found,
                        state,
                        sealed or {},
                        claims,
                        began,
                        unclear,
                        people,
                        shareable=shareable,
                    )
                    if how is not None:
                        found[name][row] = how
            if found == before:
                return found

    def found_apart(
        self, state: State, keys: Keys, sealed: Sealed | None = None, *, began: Began, people: Keys
    ) -> tuple[dict[str, dict[Row, Found]], frozenset[tuple[str, Row]]]:
        """What is found where nobody counts on somebody else's going, and the shared rows that stay then."""
        staying = self._shared_rows(state)
        while True:
            found = self.found(state, keys, sealed, began=began, people=people, staying=staying)
            left = self._not_alone([found], state, staying)
            if left == staying:
                return found, staying
            staying = left

    def _not_alone(
        self, found: Iterable[Mapping[str, Mapping[Row, Found]]], state: State, staying: frozenset[tuple[str, Row]]
    ) -> frozenset[tuple[str, Row]]:
        """Those of these shared rows to which a row points that is nobody's of whom this was found, or not found.

        A row of which a collection takes a part only is somebody else's as well.
        """
        mine = {(name, row) for one in found for name in self.scope for row, how in one[name].items() if how.belongs}
        own = mine - staying
        return frozenset(
            (name, row)
            for name, row in staying
            if (name, row) not in mine
            or any(
                not any((one, owner) in own for one in self._takers(name, table))
                and _points(table, columns, cells)
                == _points(self._tables[name], here, state[self._tables[name].text][row])
                is not None
                for table, here, columns in self._owners(name)
                for owner, cells in state[table.text].items()
            )
        )

    def _takers(self, shared: str, table: Table) -> list[str]:
        """The collections that take whole rows of this table, and those that lead from it to the shared rows."""
        there = [one for one in self.scope if self._tables[one] is table]
        leads = {lead for lead, _, _ in self._leads(shared)}
        return [
            one
            for one in there
            if one in leads
            or self.action(one) != "tombstone"
            or all(other == one or self._apart(one, other) for other in there)
        ]

    def _apart(self, one: str, other: str) -> bool:
        """Each of the two finds rows of other kinds."""

        return all(
            _of_other_rows(ours, theirs)
            for ours in self._collections[one]["found_by"]
            for theirs in self._collections[other]["found_by"]
        )

    def told_later(self, state: State, subjects: Mapping[int, tuple[Keys, Sealed, Began, Keys]]) -> bool:
        """They have a shared row whose key nobody was told, and by which others are found: that takes a second round.

        People of a chunk own it together, and each of them may have to stay (ADR 26).
        """
        counts = list(self.counts(state, subjects, together=True).values())
        for lead, columns in {(lead, theirs) for name in self.scope for lead, _, theirs in self._leads(name)}:
            table = self._tables[lead]
            told = frozenset[tuple[Cell, ...]]().union(*(sealed[lead, columns] for _, sealed, *_ in subjects.values()))
            if "sharing" not in self._collections[lead]:
                continue
            for row in {row for one in counts for row in one[lead].due | one[lead].retained}:
                values = tuple(compared(table.column(one), state[table.text][row][one]) for one in columns)
                if None not in values and values not in told:
                    return True
        return False

    def _shared_rows(self, state: State) -> frozenset[tuple[str, Row]]:
        return frozenset(
            (name, row)
            for name in self.scope
            if "sharing" in self._collections[name]
            for row in state[self._tables[name].text]
        )

    def seal(self, state: State, found: Mapping[str, Mapping[Row, Found]], keys: Keys) -> Sealed:
        """What the rows found name for the links of others, to be known when they are gone."""
        sealed: dict[tuple[str, tuple[str, ...]], frozenset[tuple[Cell, ...]]] = {}
        for name in self.scope:
            for lead, _, theirs in self._leads(name):
                sealed[lead, theirs] = frozenset(self._values(lead, theirs, found, state)) | self._own_keys(
                    lead, theirs, keys
                )
        return sealed

    def _own_keys(self, lead: str, columns: tuple[str, ...], keys: Keys) -> set[tuple[Cell, ...]]:
        """A person's keys, where rows name the person by them: the person's own row may be gone."""
        spec = self._collections[lead]
        place = spec.get("yields", {}).get(spec.get("person"))
        if self._world.member is not None or not isinstance(place, str) or columns != (place,):
            return set()
        live = self._tables[lead].column(place)
        if live.type.endswith("citext"):
            return set()  # another spelling is another identifier
        return {(compared(live, value),) for namespace, value in keys if namespace == spec["person"]}

    def _owned(self, name: str, state: State) -> Iterator[tuple[Row, dict[str, Cell]]]:
        column = self._collections[name]["owner"].get("column")
        for row, cells in state[self._tables[name].text].items():
            if column is None or cells[column] == self._world.member:
                yield row, cells

    def _leads(
        self, name: str, cells: Cells | None = None, *, everybodys: bool = False
    ) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """(leading collection, our columns, its columns) of the links `of` that this request can follow, or of all.

        With cells, of those alone that lead to a row of its kind.
        """
        for link in self._collections[name].get("found_by", ()):
            if "of" in link and (cells is None or of_kind(link, cells)):
                lead, ours, theirs = _of(link)
                if everybodys or lead in self.scope:
                    yield lead, ours, theirs

    def _values(
        self,
        lead: str,
        columns: tuple[str, ...],
        found: Mapping[str, Mapping[Row, Found]],
        state: State,
        *,
        firm: bool = False,
        joint: bool = False,
    ) -> Iterator[tuple[Cell, ...]]:
        """What stands in these columns of rows that belong to the subject (by a key, if `firm`); newer lead nowhere.

        Or of those that stay because they are somebody else's as well, and of rows below them.
        """
        table = self._tables[lead]
        for row, how in found[lead].items():
            stays = how.joint or (how.belongs and (lead, row) in self._staying)
            if stays if joint else (how.firm if firm else how.belongs) and not stays:
                values = tuple(compared(table.column(one), state[table.text][row][one]) for one in columns)
                if None not in values and values != ("",):  # an empty text names nothing, as NULL does not
                    yield values

    def _how(  # noqa: C901, PLR0912, PLR0917 - one question with its circumstances
        self,
        name: str,
        cells: Cells,
        keys: Keys,
        found: Mapping[str, Mapping[Row, Found]],
        state: State,
        sealed: Sealed,
        claims: Claims | None,
        began: Began,
        unclear: Keys,
        people: Keys | None,
        *,
        shareable: bool,
    ) -> Found | None:
        table, spec = self._tables[name], self._collections[name]
        firm = nominated = claimed = refused = theirs_firmly = theirs_by_value = joint = False
        for link in spec.get("found_by", ()):
            if "of" not in link or not of_kind(link, cells) or _of(link)[0] not in self.scope:
                continue
            lead, ours, theirs = _of(link)
            values = tuple(compared(table.column(one), cells[one]) for one in ours)
            if lead == name and values == tuple(compared(table.column(one), cells[one]) for one in theirs):
                continue  # no row is below itself
            # While keys are resolved a person who is found by a value leads on only by the own key, asked for next.
            here = values in set(self._values(lead, theirs, found, state, firm=shareable and self._is_person(lead)))
            beside = values in set(self._values(lead, theirs, found, state, joint=True))
            taken = claims is not None and values in claims.columns.get((lead, theirs), ())
            known = values in sealed.get((lead, theirs), ()) or values in self._own_keys(lead, theirs, keys)
            known = known and ("sharing" in spec or not self._stays(lead, theirs, values, state))
            taken = taken or (known and not here and self._of_others(lead, theirs, values, found, state))
            leads = here or (known and not taken)
            if leads or beside:
                holders = self._anybody if self._passes_on(name, ours, lead, theirs) else frozenset()
                of_another = self._names(name, link, holders, cells, state)
                of_another = (
                    of_another
                    or self._beside(name, link, cells, state, people)
                    or self._held_beside(name, link, cells, state, keys, claims, people)
                )
                firm, joint = firm or (leads and not of_another), joint or (beside and not of_another)
                theirs_firmly = theirs_firmly or of_another
            if not leads and known and claims is not None:
                claimed = claimed or values in claims.columns.get((lead, theirs), ())
        for link in spec.get("found_by", ()):
            if "identity" not in link or not of_kind(link, cells):
                continue
            identity = self._identities[link["identity"]]
            if identity.get("shareable") and not shareable:
                continue
            named = {(link["identity"], one) for one in sought(identity["normaliser"], link, cells)}
            matched, refused = named & keys, refused or bool(named & unclear)
            if identity["kind"] == "internal" and claims is not None:
                matched -= {one for one in matched if self.key_of_others(one, found, state)}
            if matched and identity["kind"] != "reusable":
                of_another = self._beside(name, link, cells, state, people)
                firm, theirs_firmly = firm or not of_another, theirs_firmly or of_another
            if identity["kind"] == "reusable":
                taken_keys = matched & claims.keys if claims is not None and "person" not in spec else frozenset()
                of_another = self._names(name, link, self._told_by(link["identity"]), cells, state)
                of_another = of_another or (
                    bool(matched) and self._held_beside(name, link, cells, state, keys, claims, people)
                )
                too_old = {one for one in matched if self._too_old(spec, cells, began.get(one))}
                nominated = nominated or bool(matched - taken_keys - too_old and not of_another)
                theirs_by_value = theirs_by_value or bool(matched - taken_keys and (too_old or of_another))
                claimed = claimed or bool(taken_keys)
        if firm:
            return Found(firm=True)
        old = self._old(spec, cells)
        if nominated and old:
            return None if self._somebody_else(spec, keys) else Found(old=True)
        self.of_others += theirs_firmly
        if joint or theirs_firmly or (theirs_by_value and old):
            return Found(unclear=not joint, joint=joint)
        if refused and "person" in spec:
            return None if old and self._somebody_else(spec, keys) else Found(unclear=old)
        if (claimed or refused) and self._alone(name, cells, state):
            return Found(unclear=old)
        return Found() if nominated or theirs_by_value else None

    def _held_beside(  # noqa: PLR0917 - a row, what led there, and who goes
        self,
        name: str,
        found_by: Mapping[str, Any],
        cells: Cells,
        state: State,
        keys: Keys,
        claims: Claims | None,
        people: Keys | None,
        *,
        goes: bool = True,
    ) -> bool:
        """A row that names nobody itself by a person's key holds a value of somebody who does not go.

        Not the value that led there, nor one that is known to be the person's, and that nobody claims who does not go.
        Where the question is not whether it goes (`goes`), but whose what it tells is, one counts that goes with any.
        """
        spec = self._collections[name]
        if (
            "person" in spec
            or (goes and "goes_with_any" in spec)
            or self._by_elements(name)
            or any(self._of_itself(name, one) and self._names_by(name, one, cells, state) for one in spec["found_by"])
        ):
            return False
        going = keys | (people or frozenset())
        known = keys if claims is None else keys - claims.keys
        beside = {
            (link["identity"], one)
            for link in spec["found_by"]
            if self._passing(link.get("identity")) and of_kind(link, cells)
            if _several(link) or any(link.get(one) != found_by.get(one) for one in ("column", "path"))
            for one in sought(self._identities[link["identity"]]["normaliser"], link, cells)
        } - known
        return any(self._holds(one, beside, going, state) for one in self.scope if self._is_person(one))

    def _holds(self, name: str, values: AbstractSet[tuple[str, str]], going: Keys, state: State) -> bool:
        """A living person of this member who does not go holds one of these values in a row of their own."""
        spec = self._collections[name]
        links = [link for link in spec["found_by"] if self._passing(link.get("identity"))]
        own = [link for link in spec["found_by"] if link.get("identity") == spec["person"]]
        return any(
            not values.isdisjoint(self._keys_by(links, cells))
            and going.isdisjoint(self._keys_by(own, cells))
            and not self._erased(name, cells, state)
            for _, cells in self._owned(name, state)
        )

    def _keys_by(self, links: Iterable[Mapping[str, Any]], cells: Cells) -> set[tuple[str, str]]:
        return {
            (link["identity"], one)
            for link in links
            if of_kind(link, cells)
            for one in sought(self._identities[link["identity"]]["normaliser"], link, cells)
        }

    def _stays(self, lead: str, columns: tuple[str, ...], values: tuple[Cell, ...], state: State) -> bool:
        """A shared row that stays holds these values."""
        rows = state[self._tables[lead].text]
        return any(
            tuple(compared(self._tables[lead].column(one), rows[row][one]) for one in columns) == values
            for name, row in self._staying
            if name == lead and row in rows
        )

    def _of_others(
        self,
        lead: str,
        columns: tuple[str, ...],
        values: tuple[Cell, ...],
        found: Mapping[str, Mapping[Row, Found]],
        state: State,
    ) -> bool:
        """A row that is not the subject's holds these values now, and none that is: they lead to nobody's else."""
        table = self._tables[lead]
        told = (name for name in self.scope for one, _, named in self._leads(name) if (one, named) == (lead, columns))
        of_one_row = table.declared == "PRIMARY KEY" and set(table.primary_key) <= set(columns)
        if not of_one_row and any("sharing" in self._collections[name] for name in told):
            return False  # whoever points to a shared row has its key
        rows = self._owned(lead, state)
        holding = (
            one for one in rows if tuple(compared(table.column(name), one[1][name]) for name in columns) == values
        )
        return self._held_by(lead, dict(holding), found, state) == {False}

    def key_of_others(self, key: tuple[str, str], found: Mapping[str, Mapping[Row, Found]], state: State) -> bool:
        """The same of the key of an internal identity, in whatever collection, whichever member's: no two count it."""
        held: set[bool] = set()
        for name in self.scope:
            if key[0] in self._collections[name].get("yields", {}):
                rows = state[self._tables[name].text]
                holding = {row: one for row, one in rows.items() if key in self._declared(name, one)}
                held |= self._held_by(name, holding, found, state)
        return held == {False}

    def _held_by(
        self, name: str, holding: Mapping[Row, dict[str, Cell]], found: Mapping[str, Mapping[Row, Found]], state: State
    ) -> set[bool]:
        """Whether these rows are the subject's, as far as they live; of rows that people share it says nothing."""
        spec = self._collections[name]
        in_lists = any(isinstance(one, dict) and "elements" in one for one in spec.get("tombstone", {}).values())
        if in_lists or "sharing" in spec:
            return set()
        theirs = {row: row in found[name] and found[name][row].belongs for row in holding}
        return {theirs[row] for row, cells in holding.items() if theirs[row] or not self._erased(name, cells, state)}

    def _erased(self, name: str, cells: Cells, state: State) -> bool:
        """The row is a tombstone, and no living person's that looks like one by nature.

        A value says so that the row's own key made; or whatever the row is found through is gone.
        """
        spec, table = self._collections[name], self._tables[name]
        if self.action(name) != "tombstone" or self.tombstoned(name, cells) != cells:
            return False
        key = table.primary_key if table.declared else ()
        of_another = {**cells, **dict.fromkeys(key, "another")}
        for column, what in spec["tombstone"].items():
            if not isinstance(what, dict) and cells[column] is not None:
                expression = self._world.expressions[name, column]
                if expression.value(of_another) != expression.value(cells):
                    return True
        return "person" not in spec and all(self._gone(name, link, cells, state) for link in spec["found_by"])

    def _gone(self, name: str, link: Mapping[str, Any], cells: Cells, state: State) -> bool:
        """The link leads to nobody: nothing stands there, or no living row of this store is the one it names."""
        if _several(link):
            return not of_kind(link, cells) or not self._texts(link, cells)
        ours = link.get("columns", [link["column"]] if "column" in link else [])
        if not of_kind(link, cells) or any(cells[one] is None for one in ours) or not says(link, ours, cells):
            return True
        lead, _, column = link.get("of", "").partition(".")
        if lead in {"", name}:
            return False
        theirs = link.get("of_columns", [column])
        values = tuple(compared(self._tables[name].column(one), cells[one]) for one in ours)
        return not any(
            tuple(compared(self._tables[lead].column(one), other[one]) for one in theirs) == values
            and not self._erased(lead, other, state)
            for other in state[self._tables[lead].text].values()
        )

    def _is_person(self, name: str) -> bool:
        return "person" in self._collections[name]

    @property
    def _anybody(self) -> frozenset[str]:
        """The identities of persons."""
        return frozenset(name for name, one in self._identities.items() if one["kind"] == "person")

    def _passing(self, identity: str | None) -> bool:
        """Its values pass from one person to another, and people do not share them."""
        declared = self._identities.get(identity, {})
        return declared.get("kind") == "reusable" and not declared.get("shareable")

    def _told_by(self, identity: str) -> frozenset[str]:
        """The persons who say by a key in a row that a value in it is none of somebody else's.

        Where people of any kind hold such values in rows of their own, whoever is named.
        """
        held = self._passing(identity) and any(
            link.get("identity") == identity
            for spec in map(self._collections.__getitem__, self.scope)
            if "person" in spec
            for link in spec["found_by"]
        )
        return self._anybody if held else frozenset()

    def _is_named(self, name: str, link: Mapping[str, Any], cells: Cells, state: State) -> bool:
        """A row is there that leads to this one."""
        lead, ours, theirs = _of(link)
        values = tuple(compared(self._tables[name].column(one), cells[one]) for one in ours)
        above = self._tables[lead]
        return of_kind(link, cells) and any(
            tuple(compared(above.column(one), row[one]) for one in theirs) == values
            for row in state[above.text].values()
        )

    def _alone(self, name: str, cells: Cells, state: State) -> bool:
        """The row names nobody by a key that is never given to somebody else."""
        return not any(self._names_by(name, link, cells, state) for link in self._collections[name]["found_by"])

    def _names_by(self, name: str, link: Mapping[str, Any], cells: Cells, state: State) -> bool:
        if "of" not in link:
            if self._identities[link["identity"]]["kind"] == "reusable" or not of_kind(link, cells):
                return False
            return bool(self._texts(link, cells)) if _several(link) else says(link, [link["column"]], cells)
        lead, ours, theirs = _of(link)
        if lead == name or self._passes_on(name, ours, lead, theirs) or not of_kind(link, cells):
            return False
        if self._towards_parent(name, link):
            return self._is_named(name, link, cells, state)
        return says(link, ours, cells)

    # ---- whose a value is

    def _too_old(self, spec: Mapping[str, Any], cells: Cells, began: datetime | None) -> bool:
        """The row was there before somebody had the value, for certain: of a day, only when it was over.

        It is no person's own row.
        """
        created = cells[spec["created"]] if "created" in spec and "person" not in spec else None
        if created is None or began is None:
            return False
        latest = moment(created) + timedelta(days=1, microseconds=-1) if len(created) == 10 else moment(created)
        return latest < (began.replace(hour=0, minute=0, second=0, microsecond=0) if len(created) == 10 else began)

    def began(self, state: State, keys: Keys | None = None) -> Began:
        """Since when recycled values are the person's who has these keys; without keys, anybody's who has one.

        Nothing where nobody's row of the scope could say so. Where none does, since somebody had them who is erased.
        """
        found = None if keys is None else self.found(state, keys)
        began: dict[tuple[str, str], datetime | None] = {}
        for identity, columns in self._dated().items():
            for name, column in columns.items():
                for row, cells in self._owned(name, state):
                    if self._erased(name, cells, state) or (
                        found is not None and not (row in found[name] and found[name][row].belongs)
                    ):
                        continue
                    told = cells[column] if column is not None else None
                    for key in self._held_keys(name, cells):
                        if key[0] == identity and told is None:
                            began.setdefault(key, None)
                        elif key[0] == identity:
                            began[key] = min(moment(told), began.get(key) or moment(told))
        untold = [key for key in self.earlier if began.get(key) is None and (keys is None or key in keys)]
        return began | {key: self.earlier[key] for key in untold}

    def _dated(self) -> dict[str, dict[str, str | None]]:
        """Recycled identity -> collections of persons that hold it -> the column with the time; if any has one."""
        dated: dict[str, dict[str, str | None]] = {}
        for identity, declared in self._identities.items():
            columns: dict[str, str | None] = {}
            for name in self.scope if recycled(declared) else ():
                spec = self._collections[name]
                if "person" in spec and identity in spec["yields"]:
                    columns[name] = spec.get("since", {}).get(identity, spec.get("created"))
            if any(columns.values()):
                dated[identity] = columns
        return dated

    def claims(self, state: State, people: Keys) -> Claims:
        """What rows of persons hold who are not among these people."""
        keys: set[tuple[str, str]] = set()
        columns: dict[tuple[str, tuple[str, ...]], set[tuple[Cell, ...]]] = {}
        merely_unique = {
            (lead, theirs)
            for child in self.scope
            for lead, ours, theirs in self._leads(child)
            if self._passes_on(child, ours, lead, theirs)
        }
        for name in self.scope:
            for cells in self.others(name, state, people):
                keys.update(self._held_keys(name, cells))
                for lead, theirs in merely_unique:
                    if lead == name:
                        values = tuple(compared(self._tables[name].column(one), cells[one]) for one in theirs)
                        columns.setdefault((lead, theirs), set()).add(values)
        return Claims(frozenset(keys), columns)

    def held_otherwise(self, state: State, keys: Keys, going: Keys, *, own: bool = False) -> Keys:
        """Those of the keys that a row of somebody who does not go holds under another identity of the place.

        With `own`, or under the very identity, where there is another one.
        """
        named = {key: self._other_names(key) for key in keys}
        held = {
            key
            for name in self.scope
            for cells in self.others(name, state, going)
            for key in self._held_keys(name, cells)
        }
        return frozenset(key for key, names in named.items() if names and held & (names | ({key} if own else set())))

    def _other_names(self, key: tuple[str, str]) -> set[tuple[str, str]]:
        """A value under the other identities by which a place may be read where it stands, as each of them reads it."""
        links = [
            (spec["table"], link)
            for spec in self._collections.values()
            for link in spec.get("found_by", ())
            if "person" not in spec and self._passing(link.get("identity"))
        ]
        alike, before = {key[0]}, set[str]()
        while alike != before:
            before = set(alike)
            alike |= {
                other["identity"]
                for at, one in links
                for there, other in links
                if one["identity"] in before and at == there and _one_place(one, other)
            }
        others = alike - {key[0]}
        said = {(one, spelt(self._identities[one]["normaliser"], key[1])) for one in others}
        return {(one, value) for one, value in said if value is not None}

    def given_again(self, state: State, people: Keys, since: datetime = CUTOFF, known: Keys = frozenset()) -> bool:
        """A row that is one of these people was made after that.

        Of a day without a time, on a later day; or on that day, and it holds values, but none of those known.
        """
        for name in self.scope:
            spec = self._collections[name]
            if "person" not in spec or "created" not in spec:
                continue
            normaliser = self._identities[spec["person"]]["normaliser"]
            own = next(one for one in spec["found_by"] if one.get("identity") == spec["person"] and not _several(one))
            for _, cells in self._owned(name, state):
                created = cells[spec["created"]]
                theirs = (spec["person"], spelt(normaliser, cells[own["column"]])) in people
                if not theirs or created is None or self._erased(name, cells, state):
                    continue
                if len(created) > 10:
                    later = moment(created) > since
                else:
                    day = date.fromisoformat(created)
                    later = day > since.date() or (day == since.date() and self._of_another_account(name, cells, known))
                if later:
                    return True
        return False

    def _of_another_account(self, name: str, cells: Cells, known: Keys) -> bool:
        """The row holds values that pass on, and none of those known, of which there are some of such a kind."""
        holds = {
            (identity, value)
            for identity, place in self._collections[name].get("yields", {}).items()
            if self._identities[identity]["kind"] == "reusable" and not self._identities[identity].get("shareable")
            for link in [{"column": place} if isinstance(place, str) else place]
            for value in spellings(self._identities[identity]["normaliser"], link, cells)
        }
        theirs = {key for key in known if key[0] in {identity for identity, _ in holds}}
        return bool(theirs) and holds.isdisjoint(theirs)

    def others(self, name: str, state: State, people: Keys) -> Iterator[dict[str, Cell]]:
        """Rows that are persons, none of these, and no tombstones."""
        spec = self._collections[name]
        if "person" not in spec:
            return
        normaliser = self._identities[spec["person"]]["normaliser"]
        own = next(one for one in spec["found_by"] if one.get("identity") == spec["person"])
        for _, cells in self._owned(name, state):
            person = spelt(normaliser, cells[own["column"]])
            done = self._erased(name, cells, state)
            if person is not None and (spec["person"], person) not in people and not done:
                yield cells

    def _held_keys(self, name: str, cells: Cells) -> Iterator[tuple[str, str]]:
        """The reusable keys that a person's row is found by."""
        for link in self._collections[name]["found_by"]:
            if self._passing(link.get("identity")):
                for spelling in spellings(self._identities[link["identity"]]["normaliser"], link, cells):
                    yield link["identity"], spelling

    def _passes_on(self, name: str, ours: tuple[str, ...], lead: str, theirs: tuple[str, ...]) -> bool:
        """Columns of persons' rows that are neither a key that means nothing nor declared as one, on either side.

        And do not name a row that persons point to.
        """
        if "person" not in self._collections[lead] or lead == name:
            return False
        points = any(
            key.parent is self._tables[name]
            and set(zip(key.columns, key.parent_columns, strict=True)) == set(zip(theirs, ours, strict=True))
            for key in self._tables[lead].foreign_keys
        )
        return not (points or self._never_given_again(lead, theirs) or self._never_given_again(name, ours))

    def _never_given_again(self, name: str, columns: tuple[str, ...]) -> bool:
        declared = [
            place["column"] if isinstance(place, dict) else place
            for identity, place in self._collections[name].get("yields", {}).items()
            if self._identities[identity]["kind"] != "reusable"
            and not (isinstance(place, dict) and ("path" in place or place.get("each")))
        ]
        table = self._tables[name]
        made = all(table.column(one).type.partition("(")[0] in _MADE for one in table.primary_key)
        made = made and table.declared == "PRIMARY KEY"
        return (made and set(table.primary_key) <= set(columns)) or any(one in columns for one in declared)

    @staticmethod
    def _old(spec: Mapping[str, str], cells: Cells) -> bool:
        """Provably created before the cutoff, or the map's decision where nothing says when."""
        created = cells[spec["created"]] if "created" in spec else None
        if created is None:
            return spec.get("undated") == "erase"
        # Of a day without a time nothing says that it was before the cutoff on that day.
        return date.fromisoformat(created) < CUTOFF.date() if len(created) == 10 else moment(created) < CUTOFF

    @staticmethod
    def _somebody_else(spec: Mapping[str, str], keys: Keys) -> bool:
        """A person who is not the one that was found, though an e-mail address is the same."""
        return "person" in spec and any(namespace == spec["person"] for namespace, _ in keys)

    def told(self, state: State, keys: Keys, people: Keys, sealed: Sealed | None = None) -> set[tuple[str, str]]:
        """The further keys that the rows of these keys declare; a tombstone tells only what it still holds.

        Rows of others say nothing: of those who are none of these people.
        """
        found = self.found(state, keys, sealed, shareable=True, began=self.began(state), people=people)
        return {
            one
            for name, rows in found.items()
            for row, how in rows.items()
            if how.belongs
            for cells in [state[self._tables[name].text][row]]
            for one in self._declared(name, cells) - self._of_another(name, cells, state, people | keys)
        }

    def _of_another(self, name: str, cells: Cells, state: State, people: Keys) -> set[tuple[str, str]]:
        """What a row declares of somebody who is none of these: no person's key, and no name of the row itself."""
        passing_on = self._passing_on(name)
        if not passing_on or not self._anothers(name, cells, state, people, ()):
            return set()
        return {one for one in self._declared(name, cells) if one[0] in passing_on}

    def _passing_on(self, name: str) -> set[str]:
        """What its rows declare that is theirs whose the row is, as a collection says it: values, and things named."""
        spec, table = self._collections[name], self._tables[name]
        if "person" in spec or self._by_elements(name):
            return set()
        places = {
            identity: place if isinstance(place, dict) else {"column": place}
            for identity, place in spec.get("yields", {}).items()
        }
        kinds = {identity: self._identities[identity]["kind"] for identity in places}
        itself = {
            identity
            for identity, place in places.items()
            if kinds[identity] == "internal" and not _several(place) and _unique(table, place["column"])
        }
        return {identity for identity, kind in kinds.items() if kind != "person"} - itself

    def _anothers(self, name: str, cells: Cells, state: State, people: Keys, way: tuple[str, ...]) -> bool:
        """The row's own keys name somebody who is none of these; where they name nobody, a row above does.

        First the keys by which this collection finds it, then those of other collections of the table.
        """
        for names in ([name], self._collections_beside(name)):
            own = [
                (at, one)
                for at in names
                for one in self._collections[at]["found_by"]
                if self._kinds(at, one) and self._of_itself(at, one)
            ]
            if self._another_by(own, cells, state, people):
                return True
            if any(self._names_by(at, one, cells, state) for at, one in own):
                return False
        return any(
            self._names_whom("teller", name, one, cells, kinds, state, people, way)
            for one in self._collections[name]["found_by"]
            if (kinds := self._kinds(name, one)) and not self._of_itself(name, one)
        )

    def _another_by(self, own: list[tuple[str, Any]], cells: Cells, state: State, people: Keys) -> bool:
        """By one of these links it names another, and by none of another kind of person one of these."""
        for name, one in own:
            kinds = self._kinds(name, one)
            apart = [(at, other, theirs) for at, other in own if not (theirs := self._kinds(at, other)) & kinds]
            if self._names_whom("other", name, one, cells, kinds, state, people) and not any(
                self._names_whom("going", at, other, cells, theirs, state, people) for at, other, theirs in apart
            ):
                return True
        return False

    def _collections_beside(self, name: str) -> list[str]:
        """The other collections of the table whose rows are people's, and not elements of them."""
        return [
            one
            for one in self.scope
            if one != name and self._tables[one] is self._tables[name] and not self._by_elements(one)
        ]

    def _of_itself(self, name: str, link: Mapping[str, Any]) -> bool:
        """By this link the row itself names a person: by that person's key, or by the person's row above it."""
        if "of" in link:
            lead = _of(link)[0]
            return lead != name and self._is_person(lead) and not self._towards_parent(name, link)
        if self._identities[link["identity"]]["kind"] == "person":
            return True
        holders = list(self._holding(link["identity"]))
        return bool(holders) and all(self._is_person(one) for one in holders)

    def told_by_others(self, state: State, keys: Keys, values: Keys, people: Keys) -> Keys:
        """Those of the values that rows hold which say by a key whose they are, and are not these keys' rows."""
        found = self.found(state, keys, began=self.began(state), people=people | keys) if values else {}
        return frozenset(
            value
            for name in self.scope
            if values and "person" not in self._collections[name]
            for table in [[one for one in self.scope if self._tables[one] is self._tables[name]]]
            for row, cells in self._owned(name, state)
            for value in values & (self._declared(name, cells) | self._sought(name, cells))
            if any(self._passing_on(one) and self._anothers(one, cells, state, people | keys, ()) for one in table)
            or (
                not any(row in found[one] and found[one][row].belongs for one in table)
                and (
                    any(self._says_whose(one, cells, state) for one in table)
                    or self._says_by_value(name, value, cells, state, keys, people)
                )
            )
        )

    def _says_whose(self, name: str, cells: Cells, state: State) -> bool:
        """The row names somebody by a key, or a person's row by what stands there, passing on or not."""
        links = [one for one in self._collections[name]["found_by"] if "of" in one and self._of_itself(name, one)]
        by_row = any(of_kind(one, cells) and says(one, _of(one)[1], cells) for one in links)
        return by_row or not self._alone(name, cells, state)

    def _says_by_value(  # noqa: PLR0917 - a row, what is told of it, and who goes
        self, name: str, value: tuple[str, str], cells: Cells, state: State, keys: Keys, people: Keys
    ) -> bool:
        """The row in which this value stands says whose it is by another one, which a person's own row holds."""
        spec, identity = self._collections[name], value[0]
        place = spec.get("yields", {}).get(identity)
        told = [] if place is None else [place if isinstance(place, dict) else {"column": place}]
        links = [link for link in spec["found_by"] if link.get("identity") == identity]
        return self._passing(identity) and any(
            value in self._keys_by([link], cells)
            and self._held_beside(name, link, cells, state, keys, None, people, goes=False)
            for link in [*links, *({"identity": identity, **one} for one in told)]
        )

    def _sought(self, name: str, cells: Cells) -> set[tuple[str, str]]:
        """The keys of identities that a row is found by."""
        links = [link for link in self._collections[name]["found_by"] if "identity" in link and of_kind(link, cells)]
        return {
            (link["identity"], one)
            for link in links
            for one in sought(self._identities[link["identity"]]["normaliser"], link, cells)
        }

    def _declared(self, name: str, cells: Cells) -> set[tuple[str, str]]:
        """The keys that a row declares."""
        spec = self._collections[name]
        done = self.tombstoned(name, cells) if spec.get("tombstone") else None
        declared: set[tuple[str, str]] = set()
        for identity, place in spec.get("yields", {}).items():
            link = place if isinstance(place, dict) else {"column": place}
            if (done == cells and link["column"] in spec["tombstone"]) or not of_kind(link, cells):
                continue
            declared |= {(identity, one) for one in spellings(self._identities[identity]["normaliser"], link, cells)}
        return declared

    def own(self, state: State, keys: Keys) -> set[tuple[str, str]]:
        """What the rows of these keys declare that are persons themselves."""
        return {
            one
            for name, rows in self.found(state, keys, shareable=True).items()
            if "person" in self._collections[name]
            for row, how in rows.items()
            if how.belongs
            for one in self._declared(name, state[self._tables[name].text][row])
        }

    def _names(self, name: str, found_by: Mapping[str, Any], who: AbstractSet[str], cells: Cells, state: State) -> bool:
        """The row says by another link whose it is, of such persons; it is no person itself."""
        if self._by_elements(name):
            return False  # an element of a list says itself whose it is
        return any(
            self._names_whom("anybody", name, one, cells, self._kinds(name, one), state, frozenset())
            for one in self._says(name)
            if one is not found_by and self._kinds(name, one) & who
        )

    def _beside(self, name: str, found_by: Mapping[str, Any], cells: Cells, state: State, people: Keys | None) -> bool:
        """The row names somebody as well, as it does by this link, who is none of these people.

        Of people whom the row above names, and who are of another kind, one is enough.
        """
        spec = self._collections[name]
        if people is None or "sharing" in spec or "goes_with_any" in spec or self._by_elements(name):
            return False
        ours = self._kinds(name, found_by)
        for one in self._says(name):
            kinds = self._kinds(name, one)
            if one is found_by and not _several(one):
                continue
            # Of a row that is found through rows of nobody whom the map knows, whoever it names decides.
            other = self._names_whom("other", name, one, cells, kinds & (ours or self._anybody), state, people)
            if other and not self._names_whom("going", name, found_by, cells, ours - kinds, state, people):
                return True
        return False

    def _says(self, name: str) -> list[Mapping[str, Any]]:
        """The links by which a row says whose it is; a person's own key says it."""
        spec = self._collections[name]
        return [] if "person" in spec else list(spec["found_by"])

    def _by_elements(self, name: str) -> bool:
        put = self._collections[name].get("tombstone", {}).values()
        return bool(put) and all(isinstance(one, dict) and "elements" in one for one in put)

    def _towards_parent(self, name: str, link: Mapping[str, Any]) -> bool:
        """The row is named by the one that leads there: by its key, and by no person's key of that one."""
        lead, ours, theirs = _of(link)
        spec, table = self._collections[lead], self._tables[name]
        place = spec.get("yields", {}).get(spec.get("person"))
        own = place["column"] if isinstance(place, dict) else place
        return bool(table.declared) and set(table.primary_key) <= set(ours) and own not in theirs

    def _with_those_above(self, lead: str, rows: Iterable[Cells], state: State) -> list[Cells]:
        """Rows, and in a tree all those above them; a person's own key says who it is."""
        table, found = self._tables[lead], list(rows)
        if self._is_person(lead):
            return found
        own = [one for one in self._collections[lead]["found_by"] if "of" in one and _of(one)[0] == lead]
        for row in found:
            for link in own:
                _, ours, theirs = _of(link)
                values = tuple(compared(table.column(one), row[one]) for one in ours)
                if of_kind(link, row) and says(link, ours, row) and values != ("",):
                    found += [
                        other
                        for other in state[table.text].values()
                        if other not in found
                        and tuple(compared(table.column(one), other[one]) for one in theirs) == values
                    ]
        return found

    def _kinds(self, name: str, link: Mapping[str, Any], way: tuple[str, ...] = ()) -> set[str]:
        """The identities of the persons whom a row names by a link, itself or through rows above."""
        if "of" not in link and self._identities[link["identity"]]["kind"] == "person":
            return {link["identity"]}
        above = [_of(link)[0]] if "of" in link else self._holding(link["identity"])
        found: set[str] = set()
        for lead in above:
            spec = self._collections[lead]
            found |= {spec["person"]} if "person" in spec else set()
            if lead not in way:
                found.update(*(self._kinds(lead, one, (*way, lead)) for one in spec["found_by"]))
        return found

    def _holding(self, identity: str) -> list[str]:
        """The collections whose rows have an internal key, which other rows name."""
        return [
            name
            for name, spec in self._collections.items()
            if self._identities[identity]["kind"] == "internal"
            and (place := spec.get("yields", {}).get(identity)) is not None
            and not (
                self._names_by_no_key(spec)
                and any(one.get("identity") == identity and same_place(one, place) for one in spec["found_by"])
            )
        ]

    def _names_by_no_key(self, spec: Mapping[str, Any]) -> bool:
        """No person is named in such rows but through internal keys."""
        links = spec["found_by"]
        named = ("of" in one or self._identities[one["identity"]]["kind"] == "person" for one in links)
        return "person" not in spec and not any(named)

    def _names_whom(  # noqa: PLR0917 - one question with its circumstances
        self,
        who: str,
        name: str,
        link: Mapping[str, Any],
        cells: Cells,
        kinds: AbstractSet[str],
        state: State,
        people: Keys,
        way: tuple[str, ...] = (),
    ) -> bool:
        """The row names by this link, itself or through rows above, somebody of these kinds.

        Anybody at all; another one than these people; or one of them, who goes.
        """
        if not kinds & self._kinds(name, link) or not of_kind(link, cells):
            return False
        if "of" not in link and self._identities[link["identity"]]["kind"] == "person":
            return self._itself(who, link, cells, people)
        if "of" not in link:
            texts = self._texts(link, cells)
            return any(
                self._names_above(who, lead, row, kinds, state, people, way)
                for lead in self._holding(link["identity"])
                for row in self._with_those_above(
                    lead,
                    (
                        one
                        for one in state[self._tables[lead].text].values()
                        if texts & self._yielded(lead, link["identity"], one)
                    ),
                    state,
                )
            )
        lead, ours, theirs = _of(link)
        if not says(link, ours, cells):
            return False
        if self._collections[lead].get("person") in kinds and who == "anybody" and not self._towards_parent(name, link):
            return True
        values = tuple(compared(self._tables[name].column(one), cells[one]) for one in ours)
        above = self._tables[lead]
        return values != ("",) and any(
            self._names_above(who, lead, row, kinds, state, people, way)
            for row in self._with_those_above(
                lead,
                (
                    one
                    for one in state[above.text].values()
                    if tuple(compared(above.column(each), one[each]) for each in theirs) == values
                ),
                state,
            )
        )

    def _names_above(  # noqa: PLR0917 - one question with its circumstances
        self,
        who: str,
        lead: str,
        row: Cells,
        kinds: AbstractSet[str],
        state: State,
        people: Keys,
        way: tuple[str, ...],
    ) -> bool:
        """The same of a row above: shared, or going with any of its people, it is another's where none of them goes."""
        spec = self._collections[lead]
        if lead in way:
            return False
        if spec.get("person") in kinds:
            own = next(one for one in spec["found_by"] if one.get("identity") == spec["person"] and not _several(one))
            return self._itself(who, own, row, people)

        def names(whom: str) -> bool:
            return any(
                self._names_whom(whom, lead, one, row, kinds, state, people, (*way, lead))
                for one in spec["found_by"]
                if "of" not in one or _of(one)[0] != lead
            )

        if who == "teller":
            return self._anothers(lead, row, state, people, (*way, lead))
        if who == "other" and ("goes_with_any" in spec or "sharing" in spec):
            return names("anybody") and not names("going")
        return names(who)

    def _itself(self, who: str, link: Mapping[str, Any], cells: Cells, people: Keys) -> bool:
        """A key that stands in the row is such a person's."""
        if not _several(link) and not says(link, [link["column"]], cells):
            return False
        known = {value for namespace, value in people if namespace == link["identity"]}
        texts = self._texts(link, cells)
        return bool({"anybody": texts, "going": texts & known}.get(who, texts - known))

    def _texts(self, link: Mapping[str, Any], cells: Cells) -> set[str | None]:
        """The keys that stand there; None: something that is none."""
        found: set[str | None] = set()
        rule = self._identities[link["identity"]]["normaliser"]
        for text in held(link, cells):
            value = taken_out(link, text)
            if value is not None:
                key = spelt(rule, value)
                literally = "template" not in link or rule == "uuid/1" or key == str(value)
                found.add(key if literally else None)
        return found

    def _yielded(self, name: str, identity: str, cells: Cells) -> set[str | None]:
        place = self._collections[name]["yields"][identity]
        link = {"identity": identity, **(place if isinstance(place, dict) else {"column": place})}
        if not of_kind(link, cells):
            return set()
        return {*spellings(self._identities[identity]["normaliser"], link, cells)}

    # ---- what is right for each

    def counts(
        self, state: State, subjects: Mapping[int, tuple[Keys, Sealed, Began, Keys]], *, together: bool
    ) -> dict[int, dict[str, Count]]:
        """Of each subject of a chunk.

        Args:
            state: The rows.
            subjects: Number -> keys, sealed values, since when recycled ones are theirs, and keys that are unclear.
            together: Of a shared row, owners who go in this chunk are no owners any more (what a plan says); without
                it any row that points there is one (what is seen at this moment), but the subject's own that are due.
        """
        staying = self._shared_rows(state)
        while True:
            result, left = self._counts(state, subjects, staying, together=together)
            if left == staying:
                return result
            staying = left

    def _counts(
        self,
        state: State,
        subjects: Mapping[int, tuple[Keys, Sealed, Began, Keys]],
        staying: frozenset[tuple[str, Row]],
        *,
        together: bool,
    ) -> tuple[dict[int, dict[str, Count]], frozenset[tuple[str, Row]]]:
        """The counts where these shared rows lead nowhere, and which of them are somebody else's as well."""
        people = frozenset[tuple[str, str]]().union(*(one for one, _, _, _ in subjects.values()))
        claims = self.claims(state, people)
        found = {
            number: self.found(
                state, keys, sealed, claims=claims, began=began, unclear=unclear, people=people, staying=staying
            )
            for number, (keys, sealed, began, unclear) in subjects.items()
        }
        going: set[tuple[str, Row]] = set()
        result: dict[int, dict[str, Count]] = {number: {} for number in subjects}
        for name in self._shared_last():
            for number in subjects:
                keys = subjects[number][0] | subjects[number][3]
                own = {(of, row) for of, counted in result[number].items() for row in counted.due}
                no_owners = going if together else own
                result[number][name] = self._count(name, found[number][name], state, no_owners, keys)
            going |= {(name, row) for number in subjects for row in result[number][name].due}
        return result, self._not_alone(found.values(), state, staying)

    def _shared_last(self) -> list[str]:
        return sorted(self.scope, key=lambda name: "sharing" in self._collections[name])

    def _count(
        self,
        name: str,
        found: Mapping[Row, Found],
        state: State,
        no_owners: set[tuple[str, Row]],
        keys: Keys,
    ) -> Count:
        count, spec = Count(), self._collections[name]
        rows = state[self._tables[name].text]
        days: list[date | None] = []
        grounds: set[str] = set()
        for row, how in found.items():
            cells = rows[row]
            if self.action(name) == "tombstone" and self.tombstoned(name, cells, keys) == cells:
                continue  # of a list, nobody's element is in it any more, not one that is unclear either
            if how.joint:
                count.retained.add(row)
                grounds.add("shared")
                days.append(None)
                if self.action(name) == "retain" and not self._expired(spec, cells, []):
                    grounds.add("data-type")
            elif how.unclear:
                count.ambiguous.add(row)
            elif not how.belongs:
                count.newer.add(row)
            elif "sharing" in spec and self._other_owners(name, cells, state, no_owners):
                count.retained.add(row)
                grounds.add("shared")
            elif self.action(name) == "retain" and not self._expired(spec, cells, days):
                count.retained.add(row)
                grounds.add("data-type")
            else:
                count.due.add(row)
        count.ground = None if grounds <= {"data-type"} else "+".join(sorted(grounds))
        named = [day for day in days if day is not None]
        count.until = (
            max(named) if named and len(named) == len(days) else None
        )  # where one has no end, none is the last
        return count

    def _expired(self, spec: Mapping[str, str], cells: Cells, days: list[date | None]) -> bool:
        start = cells[spec["start"]]
        until = None if start is None else after(moment(start).date(), self._types[spec["data_type"]]["rule"]["period"])
        if until is not None and until <= CUTOFF.date():
            return True
        days.append(until)
        return False

    def _other_owners(self, name: str, cells: Cells, state: State, going: set[tuple[str, Row]]) -> bool:
        """Whether a row that stays points here, of whomever it is."""
        for table, mine, columns in self._owners(name):
            here = _points(self._tables[name], mine, cells)
            for row, owner in state[table.text].items():
                left = owner
                for other in (one for one, at in going if at == row):
                    # Of what is tombstoned in part, each part lets go of its own.
                    left = self.tombstoned(other, left) if self.action(other) == "tombstone" and left else {}
                if left and _points(table, columns, left) == here is not None:
                    return True
        return False

    def _owners(self, name: str) -> Iterator[tuple[Table, tuple[str, ...], tuple[str, ...]]]:
        """Who points to a shared row (ADR 26): links, and foreign keys of any table, but of rows that go with it."""
        ours = self._tables[name]
        for lead, mine, columns in self._leads(name, everybodys=True):
            yield self._tables[lead], mine, columns
        below = {self._tables[one] for one in self.scope for lead, _, _ in self._leads(one) if lead == name} | {ours}
        for table in self._world.tables:
            for key in table.foreign_keys:
                if key.parent is ours and table not in below:
                    yield table, key.parent_columns, key.columns

    def tombstoned(
        self, name: str, cells: Cells, keys: Keys = frozenset(), began: Began = MappingProxyType({})
    ) -> dict[str, Cell]:
        """What stands there afterwards, generated columns included; of a list the elements that are these keys go."""
        table, done = self._tables[name], dict(cells)
        for column, what in self._collections[name]["tombstone"].items():
            if isinstance(what, dict) and "elements" in what:
                spec = self._collections[name]
                ours = frozenset(one for one in keys if not self._too_old(spec, cells, began.get(one)))
                done[column] = self._without_elements(name, column, cells, ours)
            elif isinstance(what, dict):
                done[column] = without(cells[column], what["remove"])
            else:
                done[column] = self._world.expressions[name, column].value(cells)
        for one in table.columns:
            if one.computed is not None:
                done[one.name] = one.computed(done)
        return done

    def _without_elements(self, name: str, column: str, cells: Cells, keys: Keys) -> Cell:
        [link] = [one for one in self._collections[name]["found_by"] if one["column"] == column]
        bare = {"column": column, "each": True} | ({"template": link["template"]} if "template" in link else {})

        def goes(value: Cell) -> bool:
            said = sought(self._identities[link["identity"]]["normaliser"], bare, {column: [value]})
            return any((link["identity"], one) in keys for one in said)

        if "path" in link:
            return without_elements(cells[column], link["path"], goes)
        return cells[column] and [element for element in cells[column] if not goes(element)]

    # ---- what is left

    def erased(
        self,
        state: State,
        due: Iterable[tuple[str, Row]],
        people: Keys = frozenset(),
        began: Began = MappingProxyType({}),
    ) -> tuple[State, list[Blocked]]:
        """The state when these (collection, row) of these people are gone or tombstoned, and what forbids it.

        A row that goes whole takes along what others have of it; the people of several parts are each cleared.
        """
        keys = people - self.claims(state, people).keys
        left = {table: dict(rows) for table, rows in state.items()}
        gone: dict[str, dict[Row, dict[str, Cell]]] = {}
        for name, row in due:
            table = self._tables[name].text
            if self.action(name) == "tombstone":
                if row in left[table]:
                    left[table][row] = self.tombstoned(name, left[table][row], keys, began)
            elif row in left[table]:
                gone.setdefault(table, {})[row] = left[table].pop(row)
        blocked = [
            Blocked(row, other, _enforced(key.parent, row) and _enforced(child, other))
            for child in self._world.tables
            for key in child.foreign_keys
            for row, cells in gone.get(key.parent.text, {}).items()
            for other, theirs in left[child.text].items()
            if _points(child, key.columns, theirs) == _points(key.parent, key.parent_columns, cells) is not None
        ]
        return left, blocked


def _of(link: Mapping[str, Any]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Leading collection, our columns, its columns, of a link `of`."""
    if "columns" in link:
        return link["of"], tuple(link["columns"]), tuple(link["of_columns"])
    lead, _, column = link["of"].partition(".")
    return lead, (link["column"],), (column,)


def _one_place(link: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Both compare what stands in one place of a row."""
    same = all(link.get(one) == other.get(one) for one in ("column", "path", "each"))
    return same and not _of_other_rows(link, other)


def _of_other_rows(link: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """They speak of rows of other kinds, whatever the type of the column that says it: `User` may be `user`."""
    ours, theirs = (
        {
            column: {str(each).strip().casefold() for each in (wanted if isinstance(wanted, list) else [wanted])}
            for column, wanted in one.get("where", {}).items()
        }
        for one in (link, other)
    )
    return any(not ours[column] & theirs[column] for column in ours.keys() & theirs.keys())


def _unique(table: Table, column: str) -> bool:
    """No two rows hold one value there."""
    return (column,) in [table.primary_key if table.declared else (), *table.uniques] or table.column(column).unique


def _several(link: Mapping[str, Any]) -> bool:
    """It looks into a document or an array."""
    return "path" in link or bool(link.get("each"))


def _enforced(table: Table, row: Row) -> bool:
    """Whether foreign keys hold for the row: those of a root are not those of its children."""
    return not table.inherited or row[0] == table.text


def _points(table: Table, columns: tuple[str, ...], cells: Cells) -> tuple[Cell, ...] | None:
    values = tuple(compared(table.column(one), cells[one]) for one in columns)
    return None if None in values else values
