"""Stored texts of the verifying side: what is read as a key that was asked for, where SQL cannot say it (ADR 22).

Written apart from the erasing side: from the map and the catalogue, keys first. What both have is the normaliser: which
expression an index holds, and how a text is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import sql

from expunge_config.datamap import DataMap
from expunge_config.spellings import Spellings
from expunge_connectors.contract import SINCE, Subject
from expunge_connectors.postgres.catalog.tables import Table
from expunge_connectors.postgres.table_links import Link
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_connectors.postgres.verify.expressions import inside, verbatim


class Asked(NamedTuple):
    """What is asked for: a key, or a text that says one; of the controller's member there is no number.

    Attributes:
        followed: The resolution did not refuse the key.
        said: Of a text, the key's value.
        since: Since when this person has a value that is handed on (see `claim_ages`); None: that is not known.
    """

    number: int | None
    namespace: str
    value: str
    followed: bool
    said: str | None = None
    since: datetime | None = None


def claim_ages(subjects: Iterable[Subject]) -> dict[tuple[int | None, str, str], datetime]:
    """Number, identity and value -> since when that person has it, as far back as any of their rows said."""
    found: dict[tuple[int | None, str, str], datetime] = {}
    for one in subjects:
        told = [key for key in one.keys if key.namespace.startswith(SINCE)]
        for key in sorted(told, reverse=True):  # the earliest last
            when, value = key.value.split("|", 1)
            found[one.number, key.namespace.removeprefix(SINCE), value] = datetime.fromisoformat(when)
    return found


Ask = Callable[[sql.Composed], Sequence[tuple[Any, ...]]]
"""Runs a statement on `SIGNS` and returns its rows."""
SIGNS = sql.Identifier("expunge_signs")
"""(namespace, value): the tokens of the keys that were asked for."""


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """A column in which texts are read.

    Attributes:
        namespace: Of the texts, among what is asked for.
        of_several: A text that names several people is each one's.
    """

    table: Table
    link: Link
    namespace: str
    spellings: Spellings
    of_several: bool

    def statement(self) -> sql.Composed:
        """The texts that may be read as one of the keys."""
        rows: sql.Composable = sql.SQL("{} AS r").format(self.table.identifier)
        value: sql.Composable = sql.Identifier("r", self.link.names[0])
        if self.link.several:
            rows = sql.SQL("{} CROSS JOIN LATERAL {}").format(rows, inside(self.link))
            value = sql.Identifier("inside", "value")
        head, tail = self.spellings.sql.split("{column}", 1)
        return sql.SQL(
            "SELECT {value}::text FROM {rows} WHERE {tokens}"
            " && ARRAY(SELECT s.value FROM {signs} AS s WHERE s.namespace = {identity}) GROUP BY 1"
        ).format(
            value=value,
            rows=rows,
            tokens=sql.Composed([verbatim(head), value, verbatim(tail)]),
            signs=SIGNS,
            identity=sql.Literal(self.link.identity),
        )


def of_several(spec: TableSpec) -> bool:
    """A text that names several people is each one's: it is a person's own, or the map says so."""
    return spec.person is not None or spec.goes_with_any is not None


def namespace(link: Link, spec: TableSpec, data_map: DataMap) -> str:
    """Of what a link's column is compared with: the identity's keys, or the texts in which they stand there."""
    identity = data_map.identities[link.identity or ""]
    if identity.rule.spellings is None:
        return link.identity or ""
    return f"{link.identity} in texts of {link.region or 'no region'}{', for all' if of_several(spec) else ''}"


def signs(columns: Sequence[ReadColumn], subjects: Sequence[Subject]) -> set[tuple[str, str]]:
    """Identity and token of every key that texts are read for."""
    known = {column.link.identity: column.spellings for column in columns}
    return {
        (key.namespace, token)
        for subject in subjects
        for key in subject.keys | subject.unclear
        if key.namespace in known
        for token in known[key.namespace].tokens(key.value)
    }


def read(columns: Sequence[ReadColumn], subjects: Sequence[Subject], ask: Ask) -> Iterator[Asked]:
    """The texts that say one of the subjects' keys."""
    holders: dict[tuple[str, str], set[tuple[int, bool]]] = {}
    for subject in subjects:
        for key in subject.keys:
            holders.setdefault(key, set()).add((subject.number, True))
        for key in subject.unclear:
            holders.setdefault(key, set()).add((subject.number, False))
    began = claim_ages(subjects) if columns else {}
    for column in columns:
        identity = column.link.identity or ""
        for (text,) in ask(column.statement()):
            reading = column.spellings.read(text, column.link.region)
            followed_here = {one for one in reading.values if any(yes for _, yes in holders.get((identity, one), ()))}
            together = column.of_several or reading.theirs(followed_here.__contains__)
            for value in reading.values:
                for number, followed in holders.get((identity, value), ()):
                    since = began.get((number, identity, value))
                    yield Asked(number, column.namespace, text, followed and together, value, since)
