"""Excluded tables: what a draft leaves out and why, with the questions that remain open. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from expunge_connectors.postgres.draft.table_roles import TableRoles, log_like
from expunge_connectors.postgres.inspection.column_classifier import CONTACTS, Kinds, Seen, describe


def notes(picture: TableRoles, seen: Mapping[str, Seen]) -> Iterator[str]:
    """What nothing has to be decided about."""
    if not picture.persons:
        yield "No table looks like one row for each person: name it, with `person`, and link the others to it."
    for table in picture.members:
        yield f"{table} seems to tell controllers apart; if its rows are persons too, map it."
        yield from (f"{table}: {unknown}" for unknown in seen[table].unknown)
    for table in picture.others:
        content = _content(seen[table])
        if _asked(seen[table]):
            continue
        if log_like(table) and not content:
            yield f"{table}: nothing personal was seen; a candidate for a log, if somebody approves it as one."
        elif content:
            yield f"{table} leads to no person, but seems to hold {describe(content)}: look at it."
        else:
            yield f"{table}: nothing personal was seen."


def questions(picture: TableRoles, seen: Mapping[str, Seen]) -> Iterator[str]:
    """What has to be decided about tables that are no collections."""
    for table, keys in picture.lookups.items():
        children = dict.fromkeys(key.child for key in keys)
        point = "points" if len(children) == 1 else "point"
        yield (
            f"{table} ({', '.join(children)} {point} to it): {_found(seen[table])} Does a row stand for a controller?"
            " Then name it under `controllers`, with `many: true`, and as an owner"
        )
    for table in picture.others:
        if _asked(seen[table]):
            yield (
                f"{table} leads to no person: {_found(seen[table])} Map it, declare it a log, or put it under"
                " `unmapped_ok`"
            )


def _asked(seen: Seen) -> bool:
    """It may well be of a person: addresses stand somewhere in it, or what stands there is unknown."""
    return bool(seen.unread) or bool(CONTACTS & set(seen.kinds.values()))


def _content(seen: Seen) -> Kinds:
    return {place: kind for place, kind in seen.kinds.items() if place.column != "name"}


def _found(seen: Seen) -> str:
    content = _content(seen)
    if seen.unread and not content:
        return seen.unknown[0]
    return " ".join((f"seems to hold {describe(content)}." if content else "nothing personal was seen.", *seen.unknown))
