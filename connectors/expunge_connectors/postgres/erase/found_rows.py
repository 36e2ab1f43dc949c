"""Found rows: a temporary table of rows with the values they matched, compared again when they are erased.

The deletion compares the row, as it is when it is reached, with what stood in it when it was found. These are plain
comparisons of two rows: the planner has no subquery to charge for at every look-up (it would read whole tables
instead), and a row that changed in the least of these respects stays for another round.

A table of found rows of the erasing side has the columns number (of the subject), p0, p1, … (which row it is), l0, l1,
… (the columns that lead on), w0_0, … (what each way to it compared; empty for the other ways), s0, … (since when the
person has it, for ways where that matters), b0, … (whom it names), h0, … (the values by which it says whose it is),
asked (part of the request), leads (its leads may be followed), waits (see `keys_known`) and stays (kept with a
ground). A row stands there once for every subject.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql import held_values
from expunge_connectors.postgres.sql.comparison import (
    leading,
    matches,
    named,
    named_there,
    place_names,
    place_types,
    row_id,
)
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, comma_list, or_, raw
from expunge_connectors.postgres.sql.known_keys import keys_known, known_identity, leading_known
from expunge_connectors.postgres.sql.retention import retained
from expunge_connectors.postgres.sql.row_conditions import in_scope, made_after
from expunge_connectors.postgres.sql.row_owners import Judged, judged, requested
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.shared_rows import not_made_again, of_others, others_left
from expunge_connectors.postgres.sql.subject_search import (
    Search,
    SearchPath,
    from_rows,
    join_condition,
    joined,
)


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Writes the search for one collection's rows, and the condition that they are still what was found.

    Attributes:
        paths: From staged keys, and from rows of other collections.
        own: Within the collection, from a row to those below it.
    """

    search: Search
    mapped: BoundTable
    paths: tuple[SearchPath, ...]
    own: tuple[SearchPath, ...]

    @classmethod
    def of(cls, search: Search, mapped: BoundTable) -> FoundRows:
        """The evidence of a collection whose leads have been searched."""
        paths = [path for path in search_paths(search, mapped.erasing) if path.lead is not mapped]
        return cls(search, mapped, tuple(paths), tuple(from_rows(search, link) for link in mapped.own))

    def columns(self) -> sql.Composed:
        """The columns of the table of found rows, for DDL."""
        ddl = [
            f"{name} {kind.ddl}"
            for path, names in self._compared()
            for name, kind in zip(names, path.link.types, strict=True)
        ]
        ddl += [f"{name} timestamptz" for _, name in self._dated()]
        ddl += [f"{name} text" for name, _ in self._named()]
        ddl += [f"{name} text[]" for _, name in held_values.columns(self.mapped)]
        leads = [raw(f"l{at} {kind.ddl}") for at, kind in enumerate(self.mapped.leads.values())]
        facts = raw("asked boolean, leads boolean, waits boolean, stays boolean")
        return comma_list(
            sql.SQL("number integer"), *place_types(self.mapped), *leads, *(raw(one) for one in ddl), facts
        )

    def statement(self) -> sql.Composed:
        """The rows that the ways, and links within the collection from there, lead to."""
        selects = [
            joined(self.mapped, path, self._facts(path), beside=self._judged(path).beside) for path in self.paths
        ]
        if not self.own:
            if len(selects) == 1 and self.paths[0].once:
                return selects[0]
            return self._once(sql.SQL("({}) AS every").format(sql.SQL(" UNION ALL ").join(selects)))
        below = [replace(path, table=sql.Identifier("every")) for path in self.own]
        return sql.SQL(
            "WITH RECURSIVE every AS ({} UNION SELECT {} FROM every AS k JOIN {} AS t ON {}{} WHERE {}) {}"
        ).format(
            sql.SQL(" UNION ").join(selects),
            self._facts(None),
            self.mapped.table.identifier,
            or_(*(join_condition(path, "t") for path in below)),
            self._judged(None).beside,
            and_(sql.SQL("k.leads"), in_scope(self.mapped, "t")),
            self._once(sql.SQL("every")),
        )

    def _once(self, found: sql.Composable) -> sql.Composed:
        """Each row once for a subject, with one value of what each way compared.

        A deletion that comes upon a row twice fires the triggers of its table twice.
        """
        mapped = self.mapped
        same = [
            "number",
            *place_names(mapped),
            *(f"l{at}" for at in range(len(mapped.leads))),
        ]
        named = [name for name, _ in self._named()]
        compared = [
            raw(f"(array_agg({name}) FILTER (WHERE {name} IS NOT NULL))[1] AS {name}")
            for _, names in self._compared()
            for name in names
        ]
        compared += [raw(f"min({name}) AS {name}") for _, name in self._dated()]
        held = [raw(f"max({name}) AS {name}") for _, name in held_values.columns(self.mapped)]
        return sql.SQL(
            "SELECT {}, bool_or(asked) AS asked, bool_or(leads) AS leads, bool_and(waits) AS waits, stays"
            " FROM {} GROUP BY {}, stays"
        ).format(
            comma_list(*map(raw, same), *compared, *map(raw, named), *held),
            found,
            comma_list(*map(raw, [*same, *named])),
        )

    def still(self) -> sql.Composed:
        """The row `t` is linked as `f` says it was, and names whom it named."""
        # Of these columns no index is wanted: rows are looked up by their primary keys, one by one.
        since = {id(path): column("f", name) for path, name in self._dated()}
        saying = [path.link for path, _ in self._compared() if path.link.values]
        number = column("f", "number")
        linked = [
            and_(
                sql.SQL("({}) IS TRUE").format(matches(path.link, "t", [column("f", name) for name in names])),
                requested(self.search, self.mapped, path.link, "t", since.get(id(path)), number=number),
                *not_made_again(self.search, self.mapped, path, "t"),
            )
            for path, names in self._compared()
        ]
        same = [sql.SQL("{} IS NOT DISTINCT FROM {}").format(value, column("f", name)) for name, value in self._named()]
        leads = list(self.mapped.leads)
        for feed in self.mapped.feeds:
            if feed.needed:
                same += [
                    sql.SQL("{}::text IS NOT DISTINCT FROM {}::text").format(
                        column("t", live.name), column("f", f"l{leads.index(live.name)}")
                    )
                    for live in feed.columns
                ]
        held = [
            sql.SQL("({0} IS NULL OR {0} IN ({1}))").format(
                column("f", name),
                comma_list(*(held_values.standing(self.search, link, one, "t") for link in saying)),
            )
            for one, name in held_values.columns(self.mapped)
            if saying
        ]
        return and_(or_(*linked), *same, *held, *self._inside(), *self._of_new_person())

    def _of_new_person(self) -> Iterator[sql.Composable]:
        """The row is no account that was made since, under an id that was given again (see `keys_given_again`)."""
        mapped, cutoff = self.mapped, self.search.cutoff
        if mapped.spec.person is not None and mapped.spec.created is not None and cutoff is not None:
            yield sql.SQL("({}) IS NOT TRUE").format(made_after(mapped, "t", cutoff))

    def _facts(self, chosen: SearchPath | None) -> sql.Composed:
        """What is selected of a row `t` reached from `k`; None: from a row above it in the same collection."""
        mapped, search = self.mapped, self.search
        known = keys_known(search, mapped, "t", sql.SQL("k.number"))
        leading_on = leading_known(search, mapped, "t", sql.SQL("k.number"))
        stays: sql.Composable = retained(mapped, "t", search.cutoff)
        waits: sql.Composable = FALSE if known is TRUE else sql.SQL("NOT ({})").format(known)
        if mapped.spec.sharing is not None and (mapped.leads or mapped.yields or mapped.name in search.store.holding):
            # Who owns one on which nothing depends is asked as late as can be, when it is deleted.
            stays = others_left(search, mapped, "t")
            waits = and_(waits, sql.SQL("NOT ({})").format(stays))
        led, number = chosen or self.own[0], column("k", "number")
        asked = self._judged(chosen).asked
        if chosen is not None:
            asked = and_(asked, *not_made_again(search, mapped, chosen, "t"))
        evidence = []
        for path, names in self._compared():
            here = path is chosen or (chosen is None and path in self.own)
            for name, theirs, kind in zip(names, path.columns, path.link.types, strict=True):
                value: sql.Composable = column("k", theirs) if here else sql.SQL("NULL::{}").format(raw(kind.ddl))
                evidence.append(sql.SQL("{} AS {}").format(value, raw(name)))
        for path, name in self._dated():
            began = "coalesce(k.since, '-infinity')" if path is chosen else "NULL::timestamptz"
            evidence.append(sql.SQL("{} AS {}").format(raw(began), raw(name)))
        evidence += [sql.SQL("{} AS {}").format(value, raw(name)) for name, value in self._named()]
        evidence += [
            sql.SQL("CASE WHEN {} THEN {} END AS {}").format(
                asked, held_values.standing(search, led.link, one, "t"), raw(name)
            )
            for one, name in held_values.columns(self.mapped)
        ]
        return comma_list(
            number,
            *named(place_names(mapped), row_id(mapped, "t")),
            *named([f"l{at}" for at in range(len(mapped.leads))], leading(mapped)),
            *evidence,
            sql.SQL("{} AS asked").format(asked),
            sql.SQL("{} AS leads").format(and_(asked, leading_on, *self._alone())),
            sql.SQL("{} AS waits").format(waits),
            sql.SQL("{} AS stays").format(stays),
        )

    def _judged(self, chosen: SearchPath | None) -> Judged:
        """Whose a row `t` is that was reached from `k`; None: from a row above it in the same collection."""
        led, since = chosen or self.own[0], None if chosen is None else chosen.since
        return judged(self.search, self.mapped, led.link, "t", since, number=column("k", "number"))

    def _alone(self) -> Iterator[sql.Composable]:
        """Of a row that people share: it is theirs alone who go."""
        if self.mapped.spec.sharing is not None:
            yield sql.SQL("NOT ({})").format(of_others(self.search, self.mapped, "t"))

    def _compared(self) -> Iterator[tuple[SearchPath, Sequence[str]]]:
        """Each way with the names of the columns that hold what it compared."""
        for at, path in enumerate((*self.paths, *self.own)):
            yield path, [f"w{at}_{place}" for place in range(len(path.columns))]

    def _dated(self) -> Iterator[tuple[SearchPath, str]]:
        """The ways by values of which it is known since when the person has them, with the column that holds it."""
        for at, path in enumerate(self.paths):
            if path.dated:
                yield path, f"s{at}"

    def _named(self) -> Iterator[tuple[str, sql.Composable]]:
        """b0, b1, … with what a row `t` says of whom it names: each identity in a column of its own.

        A person's row says it by whatever else names the person as well, whether that is there to be asked or not: what
        somebody commits with the change, a statement of ours that waits for it does not see.
        """
        told = [one for one in self.mapped.binding if not self.mapped.yields[one][0].several]
        yields = [named_there(self.mapped, identity, "t") for identity in told]
        further = {live.name for link in self.mapped.erasing for one in link.of_one_row for live in one.columns} - {
            self.mapped.yields[identity][0].column for identity in told
        }
        texts = [sql.SQL('{}::text COLLATE pg_catalog."default"').format(column("t", name)) for name in sorted(further)]
        yield from ((f"b{at}", value) for at, value in enumerate([*yields, *texts]))

    def _inside(self) -> Iterator[sql.Composable]:
        """Identities inside documents and arrays are known, whichever they are by now."""
        for identity in self.mapped.binding:
            if self.mapped.yields[identity][0].several:
                yield known_identity(self.search, self.mapped, identity, "t", None)
