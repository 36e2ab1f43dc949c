"""What a draft leaves out of a database, and why: notes, and the questions that must be answered all the same. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from expunge_connectors.postgres.drafting.columns import Kinds, told
from expunge_connectors.postgres.drafting.picture import Picture, log_like


def notes(picture: Picture, kinds: Mapping[str, Kinds]) -> Iterator[str]:
    """What nothing has to be decided about."""
    if not picture.persons:
        yield "No table looks like one row for each person: name it, with `person`, and tie the others to it."
    for table in picture.members:
        yield f"{table} seems to tell controllers apart; if its rows are persons too, map it."
    for table in picture.others:
        content = {column: kind for column, kind in kinds[table].items() if column != "name"}
        if log_like(table) and not content:
            yield f"{table}: nothing personal was seen; a candidate for a log, if somebody approves it as one."
        elif content:
            yield f"{table} leads to no person, but seems to hold {told(content)}: look at it."
        else:
            yield f"{table}: nothing personal was seen."


def questions(picture: Picture, kinds: Mapping[str, Kinds]) -> Iterator[str]:
    """What has to be decided about tables that are no collections."""
    for table, keys in picture.lookups.items():
        children = dict.fromkeys(key.child for key in keys)
        point = "points" if len(children) == 1 else "point"
        content = told(kinds[table])
        yield (
            f"{table} ({', '.join(children)} {point} to it):"
            f" {f'seems to hold {content}' if content else 'nothing personal was seen'}. Does a row stand for a"
            " controller? Then name it under `controllers`, with `many: true`, and as an owner"
        )
