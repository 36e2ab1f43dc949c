"""Ground truth (test oracle): did Calltrack lose what it had to lose, and nothing else?

    before = snapshot(endpoints)
    ...                                  # Expunge erases
    violations = check(before, snapshot(endpoints), Erased(users=frozenset({10}), callers=frozenset({7, 9})))

It shares nothing with what it checks: no connector, no data map, no normaliser. It knows Calltrack's schema, keys and
buckets by heart, written down by hand, and imports drivers and the standard library alone (import-linter holds it).

ages            how many rows have had their time
checks          the laws, applied to two snapshots
models          what a snapshot holds: digests of records, whose they are, where values of people stand
snapshot        take one of all three stores
ownership       whose each table's rows are, and how long they are kept
read_postgres   read the database, in one transaction
read_redis      walk through all keys
read_s3         list the buckets
"""

from expunge_demo.ground_truth.ages import due_by_age
from expunge_demo.ground_truth.checks import Erased, Violation, check
from expunge_demo.ground_truth.models import JudgeError, Places, Snapshot
from expunge_demo.ground_truth.snapshot import snapshot

__all__ = ["Erased", "JudgeError", "Places", "Snapshot", "Violation", "check", "due_by_age", "snapshot"]
