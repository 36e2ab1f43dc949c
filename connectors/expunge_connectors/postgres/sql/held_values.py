"""Held values: reusable values by which a row says whose it is, whatever led there (ADR 18).

Bob's post in Ann's thread says by the user name in it that it is his: his own row holds that name. So does a lead with
Ann's address by his number. A row in which no key names anybody is another's where a person who does not go holds a
value of it, unless that value is known to be the subject's. No statement can ask whether persons of another store hold
one, nor whose an address is that SQL cannot read (`jo@münchen.example`): one that is not known is another's.

`t` is a row that was found, `v` a value in it, `holder` a row of a person, `w` a value in that one, `k` a staged key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from psycopg import sql

from expunge_config.datamap import Action
from expunge_config.spellings import Spellings
from expunge_connectors.errors import SomeRecordsError
from expunge_connectors.postgres.catalog import index_use
from expunge_connectors.postgres.connection import only_row
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_links import BoundLink, BoundValue, ValueHolder
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import (
    column_text,
    equal,
    link_text,
    may_lead,
    normalised,
    of_kind,
    taken_out,
    values,
)
from expunge_connectors.postgres.sql.erased_rows import is_erased
from expunge_connectors.postgres.sql.fragments import and_, column, or_, raw
from expunge_connectors.postgres.sql.row_conditions import in_scope, says_nothing
from expunge_connectors.postgres.sql.staged_keys import known_as
from expunge_connectors.postgres.sql.subject_search import Search, SearchPath, reached

_VALUE = sql.Identifier("v", "value")
# A column's own collation gives way to that of the column which is compared, so that the latter's index serves.
_PLAIN = sql.SQL('{} COLLATE pg_catalog."default"')
# Where nothing was filled in, be it written as an empty text, nobody is named.
_FILLED = sql.SQL("pg_catalog.btrim({}) <> ''").format(_VALUE)
_HELD = sql.SQL("EXISTS (SELECT FROM pg_catalog.unnest({}) AS v (value) WHERE {})")

# All rows are counted, of which there are few: of one that is enough the planner hopes to meet it early in the table.
_LOOKED_UP = sql.SQL("(SELECT count(*) FROM {} WHERE {}) > 0")
# Read once for a statement: what is too large for the server to hash it would read again for each row.
_ALL_READ = sql.SQL(
    "(SELECT pg_catalog.jsonb_object_agg(held.key, true) FROM (SELECT {} AS key FROM {} WHERE {} OFFSET 0) AS held"
    " WHERE held.key IS NOT NULL) {} {}"
)


def of_others(search: Search, link: BoundLink, alias: str) -> Iterator[sql.Composable]:
    """The row, found through this link, names nobody by a key and holds somebody else's value."""
    if link.values:
        yield from said_of_others(search, link, alias)


def said_of_others(search: Search, link: BoundLink, alias: str) -> Iterator[sql.Composable]:
    """The same, also of a row that goes with any of those whom it names."""
    if link.said:
        held = [_HELD.format(_texts(one.link, alias), _anothers(search, one)) for one in link.said]
        yield and_(_names_nobody(search, link, alias), or_(*held))


def _places(links: Iterable[BoundLink]) -> list[BoundValue]:
    found = {(one.link.columns, one.link.source, one.link.namespace): one for link in links for one in link.values}
    return list(found.values())


def standing(search: Search, link: BoundLink, one: BoundValue, alias: str) -> sql.Composable:
    """The texts of one of these places in a row found through this link; a NULL among them where it names somebody.

    NULL where this link asks for none.
    """
    if one.link not in [other.link for other in link.values]:
        return sql.SQL("NULL::text[]")
    return sql.SQL("CASE WHEN {} THEN coalesce({}, '{{}}') ELSE ARRAY[NULL::text] END").format(
        _names_nobody(search, link, alias), _texts(one.link, alias)
    )


def columns(mapped: BoundTable) -> list[tuple[BoundValue, str]]:
    """What is asked about in rows of a collection, and h0, h1, …: the columns in which found rows have it."""
    return [(one, f"h{at}") for at, one in enumerate(_places(mapped.erasing))]


def refuse_new(search: Search, mapped: BoundTable) -> None:
    """Look again before what was deleted is committed: at the values that the rows held when they were found.

    Args:
        search: Its found rows have them in columns.
        mapped: The collection.

    Raises:
        SomeRecordsError: Somebody holds one by now who does not go. Tried again, that row stays.
    """
    asked = columns(mapped)
    if not asked or not search.found.get(mapped.name):
        return

    def compose() -> sql.Composed:
        held = (_HELD.format(column("f", name), _anothers(search, one)) for one, name in asked)
        return sql.SQL("SELECT EXISTS (SELECT FROM {} AS f WHERE f.asked AND NOT f.stays AND {})").format(
            search.table(mapped.name), or_(*held)
        )

    with translated(search.store.name, mapped.name):
        (held,) = only_row(search.connection.execute(search.compiled(("held again", mapped.name), compose)))
    if held:
        raise SomeRecordsError(
            f"store {search.store.name}, collection {mapped.name}: somebody else came to hold a value meanwhile by"
            " which a row says whose it is; nothing of this transaction is kept, and it is done again."
        )


def _names_nobody(search: Search, link: BoundLink, alias: str) -> sql.Composed:
    return and_(*(says_nothing(search.store, one, alias) for one in link.naming))


def _texts(link: BoundLink, alias: str) -> sql.Composable:
    """The texts that stand in the row, as an array; NULL where none does."""
    assert link.source is not None
    if link.source.several:
        return sql.SQL("ARRAY(SELECT {} FROM {} AS v (value) WHERE v.value IS NOT NULL)").format(
            _PLAIN.format(_VALUE), values(link.source, alias)
        )
    live = link.columns[0]
    there = column_text(link.source, live, alias)
    return sql.SQL("CASE WHEN {} THEN ARRAY[{}] END").format(
        and_(sql.SQL("{} IS NOT NULL").format(column(alias, live.name)), *may_lead(link, alias)), _PLAIN.format(there)
    )


def _anothers(search: Search, one: BoundValue) -> sql.Composable:
    """The value `v` is not known to be a subject's, and somebody holds it who does not go."""
    known = [
        sql.SQL("({} IN (SELECT k.c0 FROM {} AS k)) IS NOT TRUE").format(normalised(rule, _VALUE), keys)
        for staged, rule in one.known
        if (keys := search.staged.table(*staged, claimed=False)) is not None
    ]
    unknown = and_(_FILLED, *known)
    if one.held_elsewhere:
        return unknown
    return and_(unknown, or_(*(_held(search, holder) for holder in one.holders)))


def _held(search: Search, holder: ValueHolder) -> sql.Composable:
    lead = search.store.collections[holder.collection]
    rows: sql.Composable = sql.SQL("{} AS holder").format(lead.table.identifier)
    source, inside = holder.held.source, None
    assert source is not None
    if source.several:
        inside = sql.Identifier("w", "value")
        rows = sql.SQL("{} CROSS JOIN LATERAL {} AS w (value)").format(rows, values(source, "holder"))
    others = [
        in_scope(lead, "holder"),
        of_kind(holder.person.where, "holder"),
        *(sql.SQL("({}) IS NOT TRUE").format(reached(path, "holder")) for path in _going(search, holder.person, lead)),
    ]
    if lead.action is Action.TOMBSTONE:
        others.append(sql.SQL("NOT ({})").format(is_erased(search.store, lead, "holder")))
    held = holder.held
    if held.spellings is not None:
        return _by_tokens(search, held, held.spellings, rows, inside, others)
    said, key = (normalised(holder.rule, one) for one in (sql.Identifier("said", "value"), _VALUE))
    if index_use.served(search.connection, "said", {"value": "text"}, rows, equal(held, "holder", [said], inside)):
        return _LOOKED_UP.format(rows, and_(equal(held, "holder", [key], inside), *others))
    living = and_(*may_lead(held, "holder"), of_kind(held.where, "holder"), *others)
    return _ALL_READ.format(link_text(held, "holder", inside), rows, living, sql.SQL("?"), key)


def _by_tokens(  # noqa: PLR0913, PLR0917 - what is compared, and with which rows
    search: Search,
    held: BoundLink,
    spellings: Spellings,
    rows: sql.Composable,
    inside: sql.Composable | None,
    others: Iterable[sql.Composable],
) -> sql.Composable:
    """A text of a holder has a token in common: it may be the same value, and is taken for it."""
    assert held.source is not None
    text = taken_out(held.source, column("holder", held.columns[0].name)) if inside is None else inside
    texts = spellings.compared
    said, theirs = (_tokens(spellings, normalised(texts.plain, one)) for one in (_VALUE, text))
    same = _each(texts.equal_to, said)
    living = and_(*may_lead(held, "holder"), of_kind(held.where, "holder"), *others)
    met, stored = sql.SQL("{} && {}"), normalised(spellings.sql, text)
    if inside is None and index_use.served(
        search.connection, "said", {"value": "text[]"}, rows, met.format(stored, sql.Identifier("said", "value"))
    ):
        near = met.format(stored, _each(texts.found_by, said))
        found = _LOOKED_UP.format(rows, and_(near, met.format(theirs, same), living))
    else:
        every = sql.SQL("pg_catalog.unnest({})").format(theirs)
        found = _ALL_READ.format(every, rows, living, sql.SQL("?|"), same)
    if texts.unread is None:
        return found
    unread = sql.SQL('SELECT FROM pg_catalog.unnest({}) AS token WHERE token COLLATE "C" ~ {}')
    return sql.SQL("(EXISTS ({}) OR {})").format(unread.format(said, sql.Literal(texts.unread)), found)


def _tokens(spellings: Spellings, text: sql.Composable) -> sql.Composed:
    """The tokens of a text, as an array."""
    return sql.SQL('ARRAY(SELECT token FROM pg_catalog.unnest({}) AS token WHERE token COLLATE "C" ~ {})').format(
        normalised(spellings.sql, text), sql.Literal(spellings.shape)
    )


def _each(rule: str, tokens: sql.Composable) -> sql.Composed:
    """What a rule makes of each token, as an array."""
    parts = rule.split("{token}")
    made = sql.SQL("token").join(map(raw, parts))
    return sql.SQL("ARRAY(SELECT pg_catalog.unnest({}) FROM pg_catalog.unnest({}) AS token)").format(made, tokens)


def _going(search: Search, person: BoundLink, lead: BoundTable) -> Iterator[SearchPath]:
    """From the keys of those who go: as they were staged, or followed in earlier rounds of a resolution.

    In a resolution by an address that account's key may be yet to be learnt: it is theirs by the address.
    """
    for name in (person.staged[0], known_as(person.staged[0])):
        yield from _from_keys(person, search.staged.table(name, person.staged[1]))
    for link in lead.links if search.apart else ():
        if not link.sure and not link.lookup_only:
            yield from _from_keys(link, search.staged.table(*link.staged, claimed=False))


def _from_keys(link: BoundLink, keys: sql.Composable | None) -> Iterator[SearchPath]:
    if keys is not None:
        yield SearchPath(link, keys, tuple(f"c{at}" for at in range(len(link.types))))
