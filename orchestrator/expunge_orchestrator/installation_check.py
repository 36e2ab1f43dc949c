"""Installation check: where keys, ledger and log lie and who may read them, as findings of `check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from expunge_config.settings import Settings
from expunge_connectors.contract import Finding, Severity
from expunge_orchestrator.ledger.database import sqlite_file
from expunge_reports import keys as key_files

_LEDGER_FILES = ("", "-wal", "-shm")
"""SQLite's: the database, and what was not written into it yet."""


def installation_findings(settings: Settings) -> Sequence[Finding]:
    """What is wrong with an installation whatever its stores are."""
    return [*_beside(settings), *_open_to_others(settings)]


def _open_to_others(settings: Settings) -> Sequence[Finding]:
    """Keys are judged as every command does that reads them; one remedy, so that all is told at once."""
    keys = [settings.keys, *(settings.keys / name for name in key_files.FILES)]
    ledger = sqlite_file(settings.ledger)
    files = [] if ledger is None else [Path(f"{ledger}{suffix}") for suffix in _LEDGER_FILES]
    found = []
    for what, places in (("keys", keys), ("ledger", files)):
        if bare := [one for one in places if _is_open(one)]:
            remedy = f"chmod go= {' '.join(quote(str(one)) for one in bare)}"
            message = f"Group or others have rights on the {what}: take them away."
            found.append(Finding(Severity.ERROR, "open-to-others", what, None, message, remedy))
    return found


def _is_open(path: Path) -> bool:
    try:
        return key_files.open_to_others(path.stat())
    except OSError:  # not there, or not to be looked at: whoever reads it is told
        return False


def _beside(settings: Settings) -> Sequence[Finding]:
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
    ledger = sqlite_file(settings.ledger)
    return [*([] if ledger is None else [("ledger", ledger.resolve().parent)]), ("log", settings.log.resolve())]
