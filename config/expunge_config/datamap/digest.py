"""Digest of a data map: equal for all maps that decide the same, whatever their layout."""

from __future__ import annotations

import hashlib
import json

from expunge_config.datamap.models import DataMap


def digest(data_map: DataMap) -> str:
    """SHA-256 (hex) of the map's decisions in canonical JSON."""
    document = data_map.model_dump(mode="json")
    return hashlib.sha256(
        json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    ).hexdigest()
