"""The demonstration's own judge: did Calltrack lose what it had to lose, and nothing else?

    before = snapshot(endpoints)
    ...                                  # Expunge erases
    violations = judge(before, snapshot(endpoints), Erased(users=frozenset({10}), callers=frozenset({7, 9})))

It shares nothing with what it judges: no connector, no data map, no normaliser. It knows Calltrack's schema, keys and
buckets by heart, written down by hand, and imports drivers and the standard library alone (import-linter holds it).
"""

from expunge_orchestrator.demo.ground_truth.checks import Erased, Violation, check
from expunge_orchestrator.demo.ground_truth.models import JudgeError, Places, Snapshot
from expunge_orchestrator.demo.ground_truth.snapshot import snapshot

__all__ = ["Erased", "JudgeError", "Places", "Snapshot", "Violation", "check", "snapshot"]
