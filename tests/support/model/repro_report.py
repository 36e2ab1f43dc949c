"""A world as text: DDL, map, rows and request, to be pasted. All values are made up."""

from __future__ import annotations

import yaml
from tests.support.model.postgres import literal, script
from tests.support.model.world import World, quoted


def told(world: World) -> str:
    """Everything needed to see it again."""
    lines = [f"{one};" for one in script(world)]
    for table, leaf, cells in world.rows:
        columns = [one for one in table.columns if one.computed is None]
        texts = (literal(one, cells[one.name]) for one in columns)
        shown = ", ".join("NULL" if one is None else "'" + one.replace("'", "''") + "'" for one in texts)
        names = ", ".join(quoted(one.name) for one in columns)
        lines.append(f"INSERT INTO {quoted(table.schema, leaf)} ({names}) OVERRIDING SYSTEM VALUE VALUES ({shown});")
    lines += [f"{one};" for table in world.tables for one in table.references()]
    map_ = {key: world.document[key] for key in ("identities", "data_types", "stores")}
    asked = [[(ask.number, ask.given) for ask in chunk] for chunk in world.chunks]
    return "\n".join(
        [
            *lines,
            yaml.safe_dump(map_, allow_unicode=True, sort_keys=False),
            f"asked for {world.controller}:{world.member}: {asked}; limit {world.limit}, stopped after {world.stop}",
            f"erased as {'many' if world.many else 'few'}",
            "others take over what these people have, when it is known who they are" if world.passes_on else "",
            f"asked again by the identifier {world.again}" if world.again is not None else "",
            *(f"between plan and execution: {number}: {one}" for number, one in world.meanwhile.items()),
            *(f"meanwhile ({place}): {'; '.join(one.statements)}" for place, one in enumerate(world.interludes)),
        ]
    )
