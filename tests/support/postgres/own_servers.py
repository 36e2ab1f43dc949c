"""Postgres servers of a test's own, to be killed, stopped, configured and paired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from expunge_demo.dev_servers import binaries
from expunge_demo.dev_servers.postgres import Postgres
from expunge_demo.dev_servers.processes import Processes
from expunge_demo.dev_servers.server import Server
from expunge_demo.dev_servers.unprivileged_user import private_directory, scratch_parent, server_user

Started = tuple[Postgres, Server]


@contextmanager
def own_servers() -> Iterator[Callable[..., Started]]:
    """What starts one: (its recipe or a kind of it, a name, more of the recipe); all of them end with the block."""
    user = server_user()
    programs = binaries.locate()
    with Processes(scratch_parent(user, None)) as processes:
        base = processes.directory
        if not binaries.usable_by(programs, user):
            copies = base / "programs"
            copies.mkdir(mode=0o755)
            programs = binaries.aside(programs, copies)

        def start(kind: type[Postgres], name: str, **more: Any) -> Started:
            recipe = kind(programs.postgres, private_directory(base / name, user), user, "pass", name=name, **more)
            made = Server(recipe, processes, user, base / f"{name}.log")
            made.launch()
            made.await_ready(first=True)
            return recipe, made

        yield start
