"""Installation check: where keys, ledger and log lie, as findings of `check`. Pure but for looking where links lead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from expunge_config.settings import Settings
from expunge_connectors.contract import Finding, Severity


def installation_findings(settings: Settings) -> Sequence[Finding]:
    """What is wrong with an installation whatever its stores are."""
    keys = settings.keys.resolve()
    beside = [
        name for name, place in _copied_together(settings) if place in {keys, *keys.parents} or keys in place.parents
    ]
    if not beside or settings.allow_keys_beside_ledger:
        return []
    return [
        Finding(
            Severity.ERROR,
            "keys-beside-ledger",
            "keys",
            None,
            f"The keys lie in, below or above the directory of the {' and of the '.join(beside)}: one copy of the upper"
            " one holds what is sealed and what opens it.",
            "Move them to a directory elsewhere, name it with EXPUNGE_KEYS_DIR, and back it up by itself. Only for"
            " tries: EXPUNGE_ALLOW_KEYS_BESIDE_LEDGER=true.",
        )
    ]


def _copied_together(settings: Settings) -> Sequence[tuple[str, Path]]:
    """Directories that are copied as a whole. A ledger on a server has none."""
    url = sa.make_url(settings.ledger)
    sqlite = url.get_backend_name() == "sqlite"  # whatever its driver
    ledger = [("ledger", Path(url.database).resolve().parent)] if sqlite and url.database else []
    return [*ledger, ("log", settings.log.resolve())]
