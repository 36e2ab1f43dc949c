"""Installations whose map has approval limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.support.installation import fresh_installation
from tests.support.store_inspector import StoreInspector


def limited(inspector: StoreInspector, home: Path, limits: Mapping[str, int]) -> Any:
    """An installation whose map has these limits."""
    document = yaml.safe_load(inspector.calltrack.settings(home).data_map.read_text(encoding="utf-8"))
    home.mkdir(parents=True)
    path = home / "limited.yaml"
    path.write_text(yaml.safe_dump({**document, "limits": dict(limits)}, sort_keys=False), encoding="utf-8")
    return fresh_installation(inspector.calltrack, home / "expunge", data_map=path, actor="ann")
