"""Worlds, as a Hypothesis strategy; and the list of shapes that may occur in them.

Not drawn, for `expunge check` refuses it, or the server does: links in a circle, or to the root of an inheritance tree
(its key says nothing about the rows below it); a shared row that is linked to its own table, or whose foreign keys run
in a circle; rows that stay, with their reference, below rows that are deleted; a deletion that cascades into a log or
an undeclared table; tokens in a column that is neither unique nor said never to be shared; a tombstone that writes a
generated column, or leaves what one is computed from; SET NULL and SET DEFAULT of a generated column, and partitions by
one; collations that take `a` and `A` for one; parts of two tables, and of a table and a log. Their refusals are tested
in tests/integration/postgres (`test_inspection*.py`, `test_inheritance.py`) and where the map is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from tests.support.model import values
from tests.support.model.data_builder import Filler
from tests.support.model.interludes import interludes
from tests.support.model.meanwhile import meanwhile
from tests.support.model.random_source import Dice
from tests.support.model.schema_builder import Builder
from tests.support.model.world import World, quoted

SHAPES = frozenset(
    {
        values.ENUM,
        values.DOMAIN,
        values.CITEXT,
        "json",
        "arrays",
        "keys-inside",
        "generated-link",
        "composite",
        "composite-self",
        "match-full",
        "set-default",
        "self-link",
        "referred",
        "partitioned",
        "inherited",
        "circle",
        "emptied-owner",
        "keyless",
        "kinds",
        "types",
        "roles",
        "further-persons",
        "templates",
        "with-everybody",
        "several-kinds",
        "two-readers",
    }
)
"""Shapes beyond the plain ones."""


@st.composite
def worlds(draw: Callable[[st.SearchStrategy[Any]], Any], shapes: frozenset[str] = SHAPES) -> World:
    """A schema, its map, its rows and a request."""
    return world(Dice(draw(st.integers(0, 2**64 - 1))), shapes)


def world(dice: Dice, shapes: frozenset[str] = SHAPES) -> World:
    """The world of one seed."""
    builder = Builder(dice, shapes)
    builder.build()
    filler = Filler(dice, builder)
    filler.fill()
    controller, member, chunks = filler.ask()
    limit, stop = dice.number(1, 4), dice.pick([1, 0, 2, 3, 6])
    passes_on = dice.chance(80)
    if passes_on and sum(map(len, chunks)) > 1:  # somebody must be there who was not asked for
        chunks = [[ask for ask in chunk if ask is not chunks[0][0]] for chunk in chunks]
    document = builder.document()
    return World(
        tables=builder.tables,
        document=document,
        expressions=builder.expressions(),
        before=_types(builder),
        rows=filler.rows,
        controller=controller,
        member=member,
        chunks=[chunk for chunk in chunks if chunk],
        limit=limit,
        stop=stop,
        many=dice.chance(50),
        passes_on=passes_on,
        meanwhile=meanwhile(dice, chunks),
        again=dice.pick([0, 0, 1, 2]) if dice.chance(40) else None,
        interludes=interludes(dice, builder.tables, document),
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
