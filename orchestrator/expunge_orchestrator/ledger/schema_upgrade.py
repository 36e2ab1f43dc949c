"""Schema upgrade: brings the ledger's tables to the newest revision of `migrations/` (Alembic)."""

from __future__ import annotations

from importlib.resources import files

import sqlalchemy as sa

from expunge_orchestrator.errors import LedgerError

HEAD = "0001"
"""The newest revision in `migrations/versions`; a test holds the two together."""


def version(connection: sa.Connection) -> str | None:
    """The revision of the tables that are there; None: there are none. Of several, which is none of ours, all."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalars(sa.text("SELECT version_num FROM alembic_version")).all()
    return " ".join(sorted(map(str, found))) or None


def upgrade(engine: sa.Engine) -> None:
    """Create the tables, or bring them up to date, in one transaction.

    Raises:
        LedgerError: A newer Expunge wrote the ledger.
    """
    # Imported here: most commands find the ledger up to date, and Alembic takes a third of a second to start.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(files("expunge_orchestrator.ledger") / "migrations"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError:
        raise LedgerError(
            "The ledger was written by a newer Expunge.", remedy="Install that version; an older one must not write."
        ) from None
