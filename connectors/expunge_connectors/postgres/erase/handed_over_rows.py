"""Handed-over rows: rows found to be the request's that are another's by the time our statement gets at them (law 2).

While it waits for somebody's lock, that transaction may give the row to another person, or to another parent. The row
stays, for its statement checks again whose it is. What hung below it went before: so the transaction must not last.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from psycopg import sql

from expunge_config.datamap import Action
from expunge_connectors.errors import SomeRecordsError
from expunge_connectors.postgres.erase.erasing_statements import due
from expunge_connectors.postgres.erase.found_rows import FoundRows
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql.comparison import same_row
from expunge_connectors.postgres.sql.fragments import FALSE, or_
from expunge_connectors.postgres.sql.subject_search import Search
from expunge_connectors.postgres.sql.tombstones import is_tombstone
from expunge_connectors.postgres.table_spec import Elements

_THERE = sql.SQL("SELECT EXISTS (SELECT FROM {} AS f JOIN {} AS t ON {} WHERE {} AND NOT ({}))")


def refuse(search: Search, mapped: BoundTable) -> None:
    """Look for rows that were to go, after the statement that takes them, of a collection that leads to others.

    By links `of` it, or by a key that it yields.

    A shared row that others own stays by itself, and of a list its elements go: neither is looked at.

    Raises:
        SomeRecordsError: There is one. Done again, it is not found any more, nor is what hangs below it.
    """
    if not _leading(search, mapped) or _by_elements(mapped):
        return
    if _there(search, mapped, "handed over", partial(_statement, search, mapped)):
        raise SomeRecordsError(
            f"store {search.store.name}, collection {mapped.name}: a row that was found to go is still there, perhaps"
            " as somebody else's by now; nothing of this transaction is kept, and it is done again."
        )


def refuse_kept(search: Search, mapped: BoundTable, *, over: bool) -> None:
    """Look before the commit for rows that led to others and are still there: they stay, or their turn is to come.

    Nothing of ours gets at them: a row that was handed over while we waited for a lock elsewhere would keep nothing.
    Those that stay are retained, or of a type that nothing goes of.

    Args:
        search: Its found rows.
        mapped: A collection.
        over: Every collection had its turn; otherwise the transaction was full before.

    Raises:
        SomeRecordsError: There is one that is somebody else's by now. Done again, it leads nowhere.
    """
    stays = mapped.name in search.spared or mapped.action is Action.RETAIN
    if (over and not stays) or not _leading(search, mapped) or _by_elements(mapped):
        return
    if _there(search, mapped, f"kept {over}", partial(_kept, search, mapped, over=over)):
        raise SomeRecordsError(
            f"store {search.store.name}, collection {mapped.name}: a row that is still there, and led to others, is"
            " somebody else's by now; nothing of this transaction is kept, and it is done again."
        )


def _by_elements(mapped: BoundTable) -> bool:
    return any(isinstance(one, Elements) for one in mapped.spec.tombstone.values())


def _leading(search: Search, mapped: BoundTable) -> bool:
    """Its rows lead to others, were found, and are not for their owners to decide about."""
    return bool((mapped.leads or mapped.binding) and mapped.spec.sharing is None and search.found.get(mapped.name))


def _there(search: Search, mapped: BoundTable, what: str, compose: Callable[[], sql.Composed]) -> bool:
    with translated(search.store.name, mapped.name):
        row = search.connection.execute(search.compiled((what, mapped.name), compose)).fetchone()
    return row == (True,)


def _kept(search: Search, mapped: BoundTable, *, over: bool) -> sql.Composed:
    leads = sql.SQL("f.leads AND f.stays") if over and mapped.name not in search.spared else sql.SQL("f.leads")
    still = sql.SQL("({}) IS TRUE").format(FoundRows.of(search, mapped).still())
    done = _gone(mapped) if not over else FALSE
    return _THERE.format(
        search.table(mapped.name), mapped.table.identifier, same_row(mapped, "t", "f"), leads, or_(still, done)
    )


def _gone(mapped: BoundTable) -> sql.Composable:
    """The row `t`, which is there, was overwritten."""
    return is_tombstone(mapped, "t") if mapped.action is Action.TOMBSTONE else FALSE


def _statement(search: Search, mapped: BoundTable) -> sql.Composed:
    gone = _gone(mapped)
    return _THERE.format(search.table(mapped.name), mapped.table.identifier, same_row(mapped, "t", "f"), due("f"), gone)
