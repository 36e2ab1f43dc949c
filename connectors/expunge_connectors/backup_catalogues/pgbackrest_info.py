"""pgBackRest info: the bytes of `backup/STANZA/backup.info` as a catalogue, or why they are none. Pure.

The file is INI whose values are JSON. Its last section has the SHA-1 of all others, written as one JSON document
(pgBackRest, `src/info/info.c`, 2.55.1): a file that was cut, or is being written, does not agree with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from expunge_connectors.backup_catalogues.catalogue import (
    Backup,
    Catalogue,
    CatalogueError,
    Database,
    EncryptedError,
    Kind,
)

_FORMAT = 5
_SALTED = b"Salted__"
_Sections = dict[str, dict[str, str]]


def read(data: bytes) -> Catalogue:
    """Read the file.

    Raises:
        EncryptedError: The repository is encrypted (`repo-cipher-type`).
        CatalogueError: It is not whole, or not what this version knows.
    """
    if data.startswith(_SALTED):
        raise EncryptedError("it is encrypted (repo-cipher-type)")
    try:
        sections = _sections(data.decode())
        checksum = json.loads(sections.get("backrest", {}).pop("backrest-checksum"))
    except (UnicodeDecodeError, KeyError, ValueError):
        raise CatalogueError("it is no pgBackRest file, or is cut off: it has no checksum") from None
    if checksum != _checksum(sections):
        raise CatalogueError("its checksum is wrong: it was cut off, or was being written")
    try:
        return _catalogue(sections)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise CatalogueError("it is whole, and of a form that is not known here") from None


def _sections(text: str) -> _Sections:
    """Section -> key -> JSON. The section `backrest` stands at the beginning and again at the end."""
    sections: _Sections = {}
    current: dict[str, str] = {}
    for line in text.split("\n"):
        if line.startswith("["):
            current = sections.setdefault(line.removeprefix("[").removesuffix("]"), {})
        elif line:
            key, equals, value = line.partition("=")
            if not equals:
                raise ValueError
            current[key] = value
    return sections


def _checksum(sections: _Sections) -> str:
    """As the tool makes it. Not for security: it tells whole files from half ones."""
    parts = (
        f"{json.dumps(name)}:{{{','.join(f'{json.dumps(key)}:{value}' for key, value in values.items())}}}"
        for name, values in sections.items()
        if values
    )
    return hashlib.sha1(f"{{{','.join(parts)}}}".encode(), usedforsecurity=False).hexdigest()


def _catalogue(sections: _Sections) -> Catalogue:
    if json.loads(sections["backrest"]["backrest-format"]) != _FORMAT:
        raise ValueError
    history = {int(number): json.loads(value) for number, value in sections["db:history"].items()}
    databases = {number: Database(str(one["db-version"]), int(one["db-system-id"])) for number, one in history.items()}
    backups = [_backup(label, json.loads(value)) for label, value in sections.get("backup:current", {}).items()]
    if any(one.database not in databases for one in backups):
        raise ValueError
    return Catalogue(tuple(sorted(backups, key=lambda one: (one.start, one.label))), databases)


def _backup(label: str, of: Mapping[str, Any]) -> Backup:
    start, stop = (datetime.fromtimestamp(of[f"backup-timestamp-{end}"], UTC) for end in ("start", "stop"))
    kind = Kind(of["backup-type"])
    parent = of.get("backup-prior")
    if start > stop or (parent is None) != (kind is Kind.FULL):
        raise ValueError
    return Backup(
        label=label,
        kind=kind,
        start=start,
        stop=stop,
        lsn_start=of.get("backup-lsn-start"),
        lsn_stop=of.get("backup-lsn-stop"),
        wal_start=of.get("backup-archive-start"),
        wal_stop=of.get("backup-archive-stop"),
        database=int(of["db-id"]),
        parent=parent,
        references=tuple(of.get("backup-reference", ())),
        error=bool(of.get("backup-error", False)),
    )
