"""Row yields: the rows found, with what they say about further keys and the key that led there.

A table of found rows of `resolve` has the columns number (of the subject), p0, … (which row it is), l0, … (the columns
that lead on), y0, … (what it yields), s0, … (since when that is its own), by and via (the namespace and the value of
the last key on the way that is reported), leads, nominated and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from psycopg import sql

from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundTable, OutgoingKey
from expunge_connectors.postgres.sql import claim_ages
from expunge_connectors.postgres.sql.combined_query import CombinedQuery
from expunge_connectors.postgres.sql.comparison import (
    leading,
    named,
    named_there,
    place_names,
    place_types,
    row_id,
    values,
)
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, comma_list, or_, raw
from expunge_connectors.postgres.sql.retention import retained
from expunge_connectors.postgres.sql.row_conditions import in_scope
from expunge_connectors.postgres.sql.row_owners import anothers, requested
from expunge_connectors.postgres.sql.search_paths import search_paths
from expunge_connectors.postgres.sql.shared_rows import not_made_again, of_others, others_left
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, from_rows, join_condition, joined
from expunge_connectors.postgres.sql.tombstones import is_tombstone

_ORIGIN = (raw("f.number"), raw("f.by"), raw("f.via"))
_DISTINCT = sql.SQL("SELECT DISTINCT {} FROM {} AS f WHERE {}")


def told_by(mapped: BoundTable, identity: str, *, since: bool = False) -> sql.Composable:
    """What stands there, under the identity's normaliser; nothing where a tombstone stands.

    Args:
        mapped: A collection.
        identity: One that it yields.
        since: Say before each value when the claim on it began.
    """
    source, _ = mapped.yields[identity]
    value: sql.Composable = named_there(mapped, identity, "v" if source.several else "t")
    if since:
        value = sql.SQL("{}::text || '|' || ({})").format(claim_ages.began(mapped.since[identity], "t"), value)
    if source.several:
        value = sql.SQL("ARRAY(SELECT DISTINCT {} FROM {} AS v (value))").format(value, values(source, "t"))
    if source.column not in mapped.spec.tombstone:
        return value
    return sql.SQL("CASE WHEN NOT ({}) THEN {} END").format(is_tombstone(mapped, "t"), value)


def reported(mapped: BoundTable) -> list[OutgoingKey]:
    """The internal keys that may be reported.

    Needed ones, of every row. Others only say that two reusable keys led to one record in common: of rows that were
    found by such keys, where no person is.
    """
    nominated = mapped.spec.person is None and any(not link.sure for link in mapped.links)
    return [feed for feed in mapped.feeds if feed.needed or nominated]


def columns(mapped: BoundTable) -> sql.Composed:
    """The columns of the table of found rows, for DDL."""
    leads = [raw(f"l{at} {kind.ddl}") for at, kind in enumerate(mapped.leads.values())]
    yields = [
        raw(f"y{at} {'text[]' if source.several else 'text'}") for at, (source, _) in enumerate(mapped.yields.values())
    ]
    yields += [
        raw(f"s{at} {'text[]' if mapped.yields[identity][0].several else 'text'}")
        for at, identity in enumerate(mapped.since)
    ]
    facts = raw("by text, via text, leads boolean, nominated boolean, stays boolean")
    return comma_list(sql.SQL("number integer"), *place_types(mapped), *leads, *yields, facts)


def found(search: Search, mapped: BoundTable, paths: Sequence[SearchPath]) -> sql.Composed:
    """The rows found, with what they declare and the key that led there."""
    selects: list[sql.Composed] = []
    for path in paths:
        others, beside = _anothers(search, mapped, path.link)
        leads = TRUE if path.link in mapped.erasing else FALSE
        facts = _facts(search, mapped, _origin(path), leads, _nominated(path), others)
        whose = and_(requested(search, mapped, path.link, "t", path.since), *not_made_again(search, mapped, path, "t"))
        selects.append(joined(mapped, path, facts, whose, beside=beside))
    if not mapped.own:
        return sql.SQL(" UNION ").join(selects)
    others, beside = _anothers(search, mapped, mapped.own[0])
    below = [SearchPath(link, sql.Identifier("every"), from_rows(search, link).columns, mapped) for link in mapped.own]
    return sql.SQL(
        "WITH RECURSIVE every AS ({} UNION SELECT {} FROM every AS k JOIN {} AS t ON {}{} WHERE {}) {}"
    ).format(
        sql.SQL(" UNION ").join(selects),
        _facts(search, mapped, _origin(below[0]), TRUE, FALSE, others),
        mapped.table.identifier,
        or_(*(join_condition(path, "t") for path in below)),
        beside,
        and_(sql.SQL("k.leads"), in_scope(mapped, "t"), requested(search, mapped, mapped.own[0], "t")),
        sql.SQL("SELECT * FROM every"),
    )


def _anothers(search: Search, mapped: BoundTable, link: BoundLink) -> tuple[sql.Composable, sql.Composable]:
    """What the row found tells is another's (FALSE: of no row), and what stands behind the tables joined for it."""
    said = anothers(search, mapped, "t", link) if mapped.passing_on else FALSE
    if said is FALSE:
        return FALSE, sql.SQL("")
    beside = sql.SQL(" CROSS JOIN LATERAL (SELECT ({}) IS TRUE AS others OFFSET 0) AS whose").format(said)
    return column("whose", "others"), beside


def _facts(  # noqa: PLR0913, PLR0917 - what is known of the row
    search: Search,
    mapped: BoundTable,
    origin: tuple[sql.Composable, sql.Composable],
    leads: sql.Composable,
    nominated: sql.Composable,
    others: sql.Composable,
) -> sql.Composed:
    """What is remembered of a row `t` reached from `k`."""
    stays = or_(retained(mapped, "t", search.cutoff), others_left(search, mapped, "t"))
    if mapped.spec.sharing is not None:
        leads = and_(leads, sql.SQL("NOT ({})").format(of_others(search, mapped, "t")))
    declared = [told_by(mapped, identity) for identity in mapped.yields]
    if others is not FALSE:
        declared = [
            sql.SQL("CASE WHEN NOT {} THEN {} END").format(others, told) if identity in mapped.passing_on else told
            for identity, told in zip(mapped.yields, declared, strict=True)
        ]
    since = [told_by(mapped, identity, since=True) for identity in mapped.since]
    return comma_list(
        sql.SQL("k.number"),
        *named(place_names(mapped), row_id(mapped, "t")),
        *named([f"l{at}" for at in range(len(mapped.leads))], leading(mapped)),
        *named([f"y{at}" for at in range(len(declared))], declared),
        *named([f"s{at}" for at in range(len(since))], since),
        *named(["by", "via", "leads", "nominated", "stays"], [*origin, leads, nominated, stays]),
    )


def _origin(path: SearchPath) -> tuple[sql.Composable, sql.Composable]:
    """By and via: the namespace and the value of the last key on the way that is reported."""
    values = [column("k", name) for name in path.columns]
    if path.lead is None:
        key = values if path.link.spellings is None else [column("k", "c1")]
        return sql.SQL("{}::text").format(sql.Literal(path.link.namespace)), _one_value(key)
    feed = next(one for one in path.lead.feeds if one.namespace == path.link.namespace)
    if feed.needed:
        return sql.SQL("{}::text").format(sql.Literal(feed.namespace)), _one_value(values)
    return sql.SQL("k.by"), sql.SQL("k.via")


def _nominated(path: SearchPath) -> sql.Composable:
    return FALSE if path.link.sure else TRUE


def _one_value(values: Sequence[sql.Composable]) -> sql.Composed:
    """The text of a key; of several columns, a JSON array of their texts without spaces."""
    texts = [sql.SQL("{}::text").format(value) for value in values]
    if len(texts) == 1:
        return texts[0]
    quoted = sql.SQL(" || ',' || ").join(sql.SQL("pg_catalog.to_json({})::text").format(text) for text in texts)
    return sql.SQL("('[' || {} || ']')").format(quoted)


def statement(search: Search, mapped: BoundTable, paths: Sequence[SearchPath]) -> sql.Composed:
    """What the rows found say: those kept, or those that the ways lead to."""
    return _DISTINCT.format(comma_list(*_ORIGIN, *_wanted(mapped)), _rows(search, mapped, paths), _telling(mapped))


def combined(search: Search, reporting: AbstractSet[str], leads_on: AbstractSet[str]) -> sql.Composed:
    """Every collection's yields in one statement; a value in it is an array, as those with several values are."""
    query = CombinedQuery.of(search)
    width = max(len(list(_wanted(mapped))) for mapped in search.store.scoped.values())
    for mapped in search.store.scoped.values():
        name = sql.SQL("{}::text").format(sql.Literal(mapped.name))
        paths = search_paths(query.search, mapped.links) if mapped.name in reporting | leads_on else []
        if paths and (mapped.name in leads_on or mapped.own):
            query.keep(mapped, found(query.search, mapped, paths))
        if paths and mapped.name in reporting:
            several = [mapped.yields[identity][0].several for identity in (*mapped.yields, *mapped.since)]
            several += [False] * len(reported(mapped))
            values_ = [
                sql.SQL("{}::text[]" if one else "ARRAY[{}]::text[]").format(value)
                for one, value in zip(several, _wanted(mapped), strict=True)
            ]
            padding = [sql.SQL("NULL::text[]")] * (width - len(values_))
            rows = _rows(query.search, mapped, paths)
            query.add(_DISTINCT.format(comma_list(name, *_ORIGIN, *values_, *padding), rows, _telling(mapped)))
        else:
            # Of no row: a table that may not be read is not one that says nothing.
            nothing = [sql.SQL("NULL::text[]")] * width
            empty = sql.SQL("SELECT {}, NULL::integer, NULL::text, NULL::text, {} FROM {} WHERE false")
            query.add(empty.format(name, comma_list(*nothing), mapped.table.identifier))
    return query.statement()


def _rows(search: Search, mapped: BoundTable, paths: Sequence[SearchPath]) -> sql.Composable:
    if mapped.name in search.found:
        return search.table(mapped.name)
    return sql.SQL("({})").format(found(search, mapped, paths))


def _telling(mapped: BoundTable) -> sql.Composable:
    """The row found says something: a shared one that is somebody else's as well does not."""
    return TRUE if mapped.spec.sharing is None else sql.SQL("f.leads")


def _wanted(mapped: BoundTable) -> Iterator[sql.Composable]:
    """What is said of a row found: its yields, since when these are its own, the internal keys reported of it."""
    names = list(mapped.leads)
    yield from (raw(f"f.y{at}") for at in range(len(mapped.yields)))
    yield from (raw(f"f.s{at}") for at in range(len(mapped.since)))
    for feed in reported(mapped):
        value = _one_value([raw(f"f.l{names.index(one.name)}") for one in feed.columns])
        yield value if feed.needed else sql.SQL("CASE WHEN f.nominated THEN {} END").format(value)
