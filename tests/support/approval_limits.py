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
    home.mkdir(parents=True)
    path = limited_map(inspector, home, limits)
    return fresh_installation(inspector.calltrack, home / "expunge", data_map=path, actor="ann")


def limited_map(inspector: StoreInspector, directory: Path, limits: Mapping[str, int]) -> Path:
    """The file of a map that has these limits."""
    path = directory / "limited.yaml"
    document = document_of(inspector.calltrack.settings(directory).data_map)
    write_document(path, {**document, "limits": dict(limits)})
    return path
