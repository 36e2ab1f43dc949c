"""`verify`: counts again by a statement independent of those that erased (see `verification_query`).

The erasing side stages typed keys and goes from collection to collection. Here the keys stand as text in one table, as
they were given, and one statement starts from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from psycopg import sql

from expunge_connectors.contract import FACTS, Counts, RecordCounts, Subject, SubjectKey, ground_of_rows
from expunge_connectors.errors import TerminalError
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.table_probe import probe
from expunge_connectors.postgres.verify import claimed_values, stored_texts
from expunge_connectors.postgres.verify.reached_rows import AGED
from expunge_connectors.postgres.verify.row_states import MEMBER
from expunge_connectors.postgres.verify.stored_texts import Asked, ReadColumn
from expunge_connectors.postgres.verify.verification_query import ASKED, VerificationQuery
from expunge_connectors.postgres.verify.verified_store import VerifiedStore

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
# Twice 220 characters of four bytes: a row that the server keeps in one piece, so that it makes no TOAST table (see
# `staging_tables`, which the erasing side has).
_SHORT = 220
_SHORT_TEXT, _TEXT = sql.SQL("varchar(220)"), sql.SQL("text")
# ANALYZE would write keys into pg_statistic, and from there into the server's log of changes.
_PLACE = sql.SQL(
    "CREATE TEMPORARY TABLE {0} (number integer, namespace {1}, value {1}, followed boolean, said {1},"
    " {2}claimed boolean NOT NULL DEFAULT false) ON COMMIT DROP;"
    " ALTER TABLE {0} ALTER COLUMN value SET STATISTICS 0"
)


def verify(connection: Connection, verifier: VerificationQuery, subjects: Sequence[Subject]) -> Counts:
    """Tallies of every collection in the scope, zeros included. Inside one transaction with one snapshot."""
    store = verifier.verified
    names = store.names()
    tables = store.tables(names)
    with translated(store.name):
        rows = [*asked_rows(subjects, store), *_texts(connection, store.read_columns(names), subjects)]
        texts = [*[row.value for row in rows], *{row.namespace for row in rows}, *{row.said or "" for row in rows}]
        short = max(map(len, texts), default=0) <= _SHORT
        aged = any(row.since is not None for row in rows)
        columns = {"number": "integer", "namespace": "text", "value": "text", "followed": "boolean", "said": "text"}
        columns |= {"since": "timestamptz"} if aged else {}
        since = sql.SQL("since timestamptz, " if aged else "")
        connection.execute(_PLACE.format(ASKED, _SHORT_TEXT if short else _TEXT, since))
        # Of a binary COPY that is cancelled the server logs the number of the row, and no value.
        filled = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            ASKED, sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with connection.cursor().copy(filled) as copy:
            copy.set_types(list(columns.values()))
            for row in rows:
                copy.write_row(row[: len(columns)])
    if not names:
        return tallied(names, subjects, [])
    namespaces = namespaces_of(rows)
    try:
        with translated(store.name):
            connection.execute(sql.SQL("SAVEPOINT expunge_recount; ANALYZE {}").format(ASKED))
            # Put together in here: the server is asked which indexes it has, and may refuse that too.
            marking = verifier.marking(namespaces, connection)
            message = [*([] if marking is None else [marking]), verifier.statement(names, namespaces, connection)]
            cursor = connection.execute(sql.SQL("; ").join(message))
            for _ in message[1:]:
                cursor.nextset()
            found = cursor.fetchall()
    except TerminalError:
        # The one statement cannot tell of which collection something is missing or not allowed.
        connection.execute("ROLLBACK TO SAVEPOINT expunge_recount")
        probe(connection, store.name, tables)
        raise
    return tallied(names, subjects, found)


def _texts(connection: Connection, columns: Sequence[ReadColumn], subjects: Sequence[Subject]) -> list[Asked]:
    """The keys as they stand in columns that SQL cannot read."""
    wanted = stored_texts.signs(columns, subjects)
    if not wanted:
        return []
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} (namespace text, value text) ON COMMIT DROP").format(stored_texts.SIGNS)
    )
    filled = sql.SQL("COPY {} (namespace, value) FROM STDIN (FORMAT BINARY)").format(stored_texts.SIGNS)
    with connection.cursor().copy(filled) as copy:
        copy.set_types(["text", "text"])
        for one in wanted:
            copy.write_row(one)
    return list(stored_texts.read(columns, subjects, lambda statement: connection.execute(statement).fetchall()))


def namespaces_of(rows: Iterable[Asked]) -> set[str]:
    """Those of the keys that are asked for; and of ages, which decide how the statement reads."""
    return {one for row in rows for one in ([row.namespace] if row.since is None else [row.namespace, AGED])}


def asked_rows(subjects: Sequence[Subject], store: VerifiedStore) -> Iterator[Asked]:
    """Number, namespace and value of every key that can stand in a row, and the controller's member.

    And whether it is followed. Values that the resolution found to be shared are asked for as well: what is left under
    them alone is ambiguous. And who else held attributed ones (see `claimed_values`).
    """
    lists, scope, passing = store.composite(), store.scope, store.passing()
    began, own, told = stored_texts.claim_ages(subjects), store.own_keys(), store.own_keys_told()
    for subject in subjects:
        for key in subject.keys:
            if key.namespace in own and not _refers(key, *own[key.namespace], subject):
                continue
            if not key.namespace.startswith(FACTS) and _can_stand(key, of_several=key.namespace in lists):
                since = began.get((subject.number, key.namespace, key.value))
                yield Asked(subject.number, *key, followed=True, since=since)
            for namespace in told.get(key.namespace, ()):
                if SubjectKey(namespace, key.value) not in subject.keys and _can_stand(key, of_several=False):
                    yield Asked(subject.number, namespace, key.value, followed=True)
        for key in subject.unclear:
            if key.namespace in passing and _can_stand(key, of_several=key.namespace in lists):
                yield Asked(subject.number, key.namespace, key.value, followed=False)
    yield from claimed_values.co_holders(subjects)
    if scope.member is not None:
        yield Asked(None, MEMBER, scope.member, followed=True)


def tallied(
    names: Sequence[str], subjects: Sequence[Subject], found: Iterable[tuple[Any, ...]]
) -> dict[int, dict[str, RecordCounts]]:
    """What the statement's rows say, zeros included."""
    nothing = dict.fromkeys(names, RecordCounts())
    tallies = {subject.number: dict(nothing) for subject in subjects}
    for name, number, due, retained, newer, until, shared, by_type, ambiguous in found:
        ground = ground_of_rows(shared=shared, by_type=by_type)
        tallies[number][name] = RecordCounts(due, retained, newer, until, ground, ambiguous)
    return tallies


def _refers(key: SubjectKey, identity: str, same: bool, subject: Subject) -> bool:  # noqa: FBT001 - as it is kept
    """Rows refer to the subject by this key: the person's own is theirs still."""
    if same:
        return SubjectKey(identity, key.value) in subject.keys | subject.known
    return any(one.namespace == identity for one in subject.keys | subject.known)


def _can_stand(key: SubjectKey, *, of_several: bool) -> bool:
    """Whether a column can hold it. Keys of several columns are lists of texts."""
    if _NO_TEXT.search(key.value):
        return False
    if not of_several:
        return True
    try:
        return isinstance(json.loads(key.value), list)
    except ValueError:
        return False
