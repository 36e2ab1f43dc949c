"""Worlds, as a Hypothesis strategy; and the list of shapes that may occur in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from tests.model import values
from tests.model.building import Builder
from tests.model.dice import Dice
from tests.model.filling import Filler
from tests.model.world import World, quoted

SHAPES = frozenset(
    {
        values.ENUM,
        values.DOMAIN,
        values.CITEXT,
        "json",
        "arrays",
        "keys-inside",
        "generated-tie",
        "composite",
        "composite-self",
        "match-full",
        "set-default",
        "self-tie",
        "referred",
        "partitioned",
        "inherited",
        "circle",
        "emptied-owner",
    }
)
"""Shapes beyond the plain ones."""


@st.composite
def worlds(draw: Callable[[st.SearchStrategy[Any]], Any], shapes: frozenset[str] = SHAPES) -> World:
    """A schema, its map, its rows and a request."""
    dice = Dice(draw(st.integers(0, 2**64 - 1)))
    builder = Builder(dice, shapes)
    builder.build()
    filler = Filler(dice, builder)
    filler.fill()
    controller, member, chunks = filler.ask()
    limit, stop = dice.number(1, 4), dice.pick([1, 0, 2, 3, 6])
    return World(
        tables=builder.tables,
        document=builder.document(),
        expressions=builder.expressions(),
        before=_types(builder),
        rows=filler.rows,
        controller=controller,
        member=member,
        chunks=chunks,
        limit=limit,
        stop=stop,
        many=dice.chance(50),
    )


def _types(builder: Builder) -> list[str]:
    used = {column.type for table in builder.tables for column in table.columns}
    made = {
        values.CITEXT: "CREATE EXTENSION citext SCHEMA public",
        values.ENUM: f"CREATE TYPE {quoted(*values.ENUM.split('.'))} AS ENUM ("
        + ", ".join("'" + one.replace("'", "''") + "'" for one in values.pool(values.ENUM))
        + ")",
        values.DOMAIN: f"CREATE DOMAIN {quoted(*values.DOMAIN.split('.'))} AS text CHECK (VALUE <> '')",
    }
    return [made[one] for one in made if one in used]
