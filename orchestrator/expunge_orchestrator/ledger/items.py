"""Items: the people of a chunk, read as plain records, and updated with what a step found."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.bulk_writes import write_rows
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.blind_findings import BlindFinding
from expunge_orchestrator.rules.count_records import Place
from expunge_orchestrator.rules.outcomes import Result

UNFINISHED = (Result.FAILED.value, Result.ON_HOLD.value)
"""Outcomes of people with whom it is not over."""


WITHOUT_KEYS = {"wrapped_key": None, "sealed_identifiers": None, "sealed_keys": None}
"""Columns of a person whose identifiers and keys are destroyed."""


class Item(NamedTuple):
    """One person of a batch, in the order of `_ITEMS`.

    What the ledger holds as JSON is kept as text and decoded when it is read: most steps read one record of it or none.
    A tuple, because every step of a chunk makes thousands of them; `repr` hides what is sealed.
    """

    id: int
    line: int
    series: str
    touched: bool
    outcome: str | None
    reason: str | None
    received_at: str | None
    wrapped_key: bytes | None
    sealed_identifiers: bytes | None
    sealed_keys: bytes | None
    subjects_text: str
    found_text: str | None
    verified_text: str | None
    reviewed_text: str | None
    reverified_text: str | None
    searched_text: str | None
    erased_text: str | None
    unasked_text: str | None

    def __repr__(self) -> str:
        return f"Item(id={self.id})"

    @property
    def subjects(self) -> Sequence[str]:
        """Digests of the openings of the request's identifiers."""
        return list(json.loads(self.subjects_text))

    @property
    def found(self) -> Mapping[str, Any]:
        """Count record: at the cutoff, before anything was deleted."""
        return _record(self.found_text)

    @property
    def verified(self) -> Mapping[str, Any]:
        """Count record: after erasing."""
        return _record(self.verified_text)

    @property
    def reviewed(self) -> Mapping[str, Any]:
        """Count record: after the settling time."""
        return _record(self.reviewed_text)

    @property
    def reverified(self) -> Mapping[str, Any]:
        """Count record: after erasing again."""
        return _record(self.reverified_text)

    @property
    def erased(self) -> frozenset[Place]:
        """Where a store was about to remove something of the person for good, or lets go of what is shared."""
        return _places(self.erased_text, "")

    @property
    def erased_again(self) -> frozenset[Place]:
        """The same since the answer."""
        return _places(self.erased_text, pipeline.RE_ERASE)

    @property
    def unasked(self) -> Mapping[str, Sequence[str]]:
        """Erasing step -> collections in which something was due that its store was not asked for the last time."""
        return _record(self.unasked_text)

    @property
    def searched(self) -> BlindFinding | None:
        """What the blind search found of the person, for this settling check."""
        return None if self.searched_text is None else BlindFinding.unpacked(json.loads(self.searched_text))


@lru_cache(maxsize=4096)  # steps that follow each other read the same ones, and many people have the same
def _record(text: str | None) -> Mapping[str, Any]:
    return {} if text is None else dict(json.loads(text) or {})


@lru_cache(maxsize=4096)
def _places(text: str | None, verb: str) -> frozenset[Place]:
    """The places of steps with this verb; with none, of every step."""
    steps = [(*pipeline.split(step), names) for step, names in _record(text).items()]
    return frozenset((store, name) for of, store, names in steps if of == verb or not verb for name in names)


# In the order of the fields of `Item`.
_ITEMS = (
    sa.select(
        *(
            tables.item.c[name]
            for name in (
                "id",
                "line",
                "series",
                "touched",
                "outcome",
                "reason",
                "received_at",
                "wrapped_key",
                "sealed_identifiers",
                "sealed_keys",
            )
        ),
        *(
            sa.cast(tables.item.c[name], sa.Text)
            for name in ("subjects", "found", "verified", "reviewed", "reverified", "searched", "erased", "unasked")
        ),
    )
    .where(tables.item.c.chunk_id == sa.bindparam("chunk"))
    .order_by(tables.item.c.id)
)


_ERASED = sa.select(tables.item.c.id, sa.cast(tables.item.c.erased, sa.Text)).where(
    tables.item.c.id.in_(sa.bindparam("people", expanding=True))
)


@cache
def _updating(names: tuple[str, ...]) -> sa.Update:
    """An update of these columns of one item."""
    new: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
    return sa.update(tables.item).where(tables.item.c.id == sa.bindparam("new_id")).values(new)


@cache
def _updating_alike(names: tuple[str, ...]) -> sa.Update:
    """An update of these columns of many items to the same values."""
    new: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
    return sa.update(tables.item).where(tables.item.c.id.in_(sa.bindparam("alike", expanding=True))).values(new)


def items_of_chunk(connection: sa.Connection, chunk_id: int) -> list[Item]:
    """The people of a chunk, in order."""
    rows = connection.execute(_ITEMS, {"chunk": chunk_id})
    return list(map(Item._make, rows.fetchall()))


class LineResult(NamedTuple):
    """What became of a line of a list."""

    line: int
    outcome: str | None
    reason: str | None
    series: str


def results_page(connection: sa.Connection, batch_id: int, after: int, limit: int) -> list[LineResult]:
    """What became of the lines of a batch's list after this one, in order."""
    item = tables.item.c
    rows = connection.execute(
        sa.select(item.line, item.outcome, item.reason, item.series)
        .where(item.batch_id == batch_id, item.line > after)
        .order_by(item.line)
        .limit(limit)
    )
    return list(map(LineResult._make, rows))


def only_item(connection: sa.Connection, batch_id: int) -> Item:
    """The person of a batch of one, whose request it is."""
    chosen = sa.select(tables.chunk.c.id).where(tables.chunk.c.batch_id == batch_id)
    (one,) = items_of_chunk(connection, connection.execute(chosen).scalar_one())
    return one


def lock_chunks(connection: sa.Connection, batch_id: int) -> None:
    """Let no step of a batch be finished before this transaction is."""
    connection.execute(sa.select(tables.chunk.c.id).where(tables.chunk.c.batch_id == batch_id).with_for_update())


def accepted_in(connection: sa.Connection, batch_id: int) -> list[tuple[int, str, list[str]]]:
    """Id, series and subjects of the people of a batch whose request was stated to be accepted."""
    stated = sa.exists().where(tables.statement.c.item_id == tables.item.c.id, tables.statement.c.event == "accepted")
    found = sa.select(tables.item.c.id, tables.item.c.series, tables.item.c.subjects)
    rows = connection.execute(found.where(tables.item.c.batch_id == batch_id, stated).order_by(tables.item.c.id))
    return [(row.id, row.series, row.subjects) for row in rows]


def blame(connection: sa.Connection, items: Sequence[int], why: str) -> None:
    """These people failed. Whoever was concluded before keeps that outcome; the chunk says the rest."""
    connection.execute(
        sa.update(tables.item)
        .where(tables.item.c.id.in_(items), tables.item.c.outcome.is_(None))
        .values(outcome=Result.FAILED.value, reason=why[: tables.LONGEST_REASON])
    )


def destroy_keys(connection: sa.Connection, chunk_id: int) -> None:
    """Destroy the keys under which identifiers of a chunk's people are sealed, and these."""
    connection.execute(
        sa.update(tables.item)
        .where(tables.item.c.chunk_id == chunk_id, tables.item.c.wrapped_key.is_not(None))
        .values(**WITHOUT_KEYS)
    )


def reopen(connection: sa.Connection, chunk_id: int, *, search_again: bool) -> None:
    """Who failed or was on hold in a chunk has no outcome any more; nor a search's finding, where it is made again."""
    of_chunk = tables.item.c.chunk_id == chunk_id
    connection.execute(
        sa.update(tables.item).where(of_chunk, tables.item.c.outcome.in_(UNFINISHED)).values(outcome=None, reason=None)
    )
    if search_again:
        connection.execute(
            sa.update(tables.item).where(of_chunk, tables.item.c.searched.is_not(None)).values(searched=None)
        )


def update_items(connection: sa.Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Write some columns of many items in one statement.

    Args:
        connection: In the transaction of the step.
        rows: `id` and the columns' new values; every row names the same columns.
    """
    if rows:
        write_rows(
            connection,
            _updating(tuple(name for name in rows[0] if name != "id")),
            [{f"new_{name}": value for name, value in row.items()} for row in rows],
        )


def note_erased(connection: sa.Connection, step: str, going: Mapping[int, Collection[str]]) -> None:
    """Note in which collections a store removed something of people for good, or was about to.

    Args:
        connection: In the transaction that ends the step, if one does.
        step: The erasing step, by its name in the pipeline.
        going: Item -> collections.
    """
    if not going:
        return
    alike: dict[tuple[str | None, frozenset[str]], list[int]] = {}
    for number, text in connection.execute(_ERASED, {"people": list(going)}).all():
        alike.setdefault((text, frozenset(going[number])), []).append(number)
    _update_groups(connection, [(_with_erased(text, step, names), people) for (text, names), people in alike.items()])


def _with_erased(text: str | None, step: str, names: Collection[str]) -> Mapping[str, object]:
    erased = _record(text)
    return {"erased": {**erased, step: sorted({*erased.get(step, ()), *names})}}


def bulk_update(connection: sa.Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """The same where most items get the same values, as after a verification: one statement for all that are alike.

    Args:
        connection: In the transaction of the step.
        rows: As for `update_items`.
    """
    alike: dict[tuple[object, ...], list[Mapping[str, object]]] = {}
    for row in rows:
        values = tuple(
            [
                json.dumps(value) if isinstance(value, (dict, list)) else value
                for name, value in row.items()
                if name != "id"
            ]
        )
        alike.setdefault(values, []).append(row)
    groups = [
        ({name: value for name, value in group[0].items() if name != "id"}, [row["id"] for row in group])
        for group in alike.values()
    ]
    _update_groups(connection, groups)


def _update_groups(connection: sa.Connection, groups: Sequence[tuple[Mapping[str, object], Sequence[object]]]) -> None:
    """Columns and whose they are, of everybody: one statement for each group, and one for all who are like nobody."""
    update_items(connection, [{"id": people[0], **columns} for columns, people in groups if len(people) == 1])
    for columns, people in groups:
        if len(people) > 1:
            new = {f"new_{name}": value for name, value in columns.items()}
            connection.execute(_updating_alike(tuple(columns)), {**new, "alike": people})
