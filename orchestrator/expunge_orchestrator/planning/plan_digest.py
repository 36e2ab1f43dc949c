"""Plan digest: what an operator confirms and a second pair of eyes approves: the map, the counts, the people."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from expunge_connectors.contract import Scope
from expunge_reports import canonical


def plan_digest(map_digest: str, scope: Scope, plan: Mapping[str, Any], series: str) -> str:
    """SHA-256, in hex, over the canonical JSON of what is planned, for whom, by which map; of series their hash."""
    covered = {"data_map": map_digest, "controller": str(scope), "plan": dict(plan), "series": series}
    return hashlib.sha256(canonical.encode(covered)).hexdigest()
