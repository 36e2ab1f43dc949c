"""Installations whose map has approval limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.data_map_text import document_of, write_document
from tests.support.installation import fresh_installation
from tests.support.store_inspector import StoreInspector


def limited(inspector: StoreInspector, home: Path, limits: Mapping[str, int]) -> Any:
    """An installation whose map has these limits."""
    document = document_of(inspector.calltrack.settings(home).data_map)
    home.mkdir(parents=True)
    path = home / "limited.yaml"
    write_document(path, {**document, "limits": dict(limits)})
    return fresh_installation(inspector.calltrack, home / "expunge", data_map=path, actor="ann")
