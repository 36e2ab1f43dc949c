"""What an installation says about a run: ledger, log and receipts, read without its own code where possible."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.chaos.ledger_backends import engine, rows

from expunge_orchestrator.receipts import receipt_export
from expunge_reports import dsse, trust
from expunge_reports.log.transparency_log import Log
from expunge_reports.verify import verifier

_MOMENTS = frozenset(
    {"at", "storageAt", "issuedAt", "verifiedAt", "countedAt", "cutoff", "context", "prev", "expectedBy"}
)
"""What may differ between two runs that did the same: times, and digests over times."""


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """What must be the same however often the run was killed.

    Attributes:
        told: The facts by name; times and random values are left out.
        cutoffs: Batch and store -> cutoff. Differs between runs, but not between the parts of an interrupted one.
    """

    told: dict[str, Any]
    cutoffs: dict[tuple[int, str], str]

    def whatever_the_way(self) -> LedgerSummary:
        """The account without how often a step was tried: who is taken up again is asked about anew."""
        kept = {name: value for name, value in self.told.items() if name != "steps"}
        kept["chunks"] = [(*row[:4], row[5]) for row in self.told["chunks"]]
        return LedgerSummary(kept, self.cutoffs)

    def differences(self, expected: LedgerSummary) -> Iterator[str]:
        """What is told otherwise than expected. No values of people are in it: counts, names of steps and events."""
        for name, theirs in expected.told.items():
            mine = self.told[name]
            if len(mine) != len(theirs):
                yield f"{name}: {len(mine)} entries, expected {len(theirs)}"
            elif mine != theirs:
                pairs = zip(mine, theirs, strict=True)
                yield next(f"{name}: {_apart(one, other)}" for one, other in pairs if one != other)


def cutoffs(home: Path) -> dict[tuple[int, str], str]:
    """The cutoffs that the ledger has by now."""
    return {(batch, store): at for batch, store, at in rows(home, "SELECT batch_id, store, at FROM cutoff")}


def troubles(home: Path) -> list[tuple[str, int]]:
    """State and vain attempts of every chunk at this moment."""
    return rows(home, "SELECT state, attempts FROM chunk ORDER BY id")


def failures(home: Path) -> list[str]:
    """What chunks say why they failed or were put off."""
    return [failure for (failure,) in rows(home, "SELECT failure FROM chunk WHERE failure IS NOT NULL")]


def failed(home: Path) -> list[str]:
    """What failed chunks say why."""
    return [failure for (failure,) in rows(home, "SELECT failure FROM chunk WHERE state = 'failed'")]


def found(home: Path) -> dict[int, str]:
    """Item -> the counts before erasing, where they are durable by now."""
    return dict(rows(home, "SELECT id, found FROM item WHERE found IS NOT NULL"))


def targets(home: Path, *actions: str) -> list[str]:
    """What the audit trail says these calls were about, each time that one was done."""
    found = rows(home, "SELECT action, target FROM audit WHERE result = 'done'")
    return [target for action, target in found if action in actions]


def of(home: Path) -> LedgerSummary:
    """Read everything."""
    statements = rows(
        home, "SELECT series, seq, event, item_id, leaf, log_index, envelope FROM statement ORDER BY series, seq"
    )
    payloads = [json.loads(dsse.parse(envelope).payload) for *_, envelope in statements]
    told = {
        "batches": rows(home, "SELECT id, state, settle_at IS NULL FROM batch ORDER BY id"),
        # Counted off, not by their ids: those that a commit which never came had drawn of a sequence are drawn no more.
        "chunks": rows(
            home,
            "SELECT row_number() OVER (ORDER BY id), batch_id, state, step, rounds, failure FROM chunk ORDER BY id",
        ),
        "steps": rows(
            home,
            "SELECT dense_rank() OVER (ORDER BY chunk_id), round, step, name FROM step_log ORDER BY 1, 2, 3",
        ),
        "items": [
            (*row[:7], *map(_read, row[7:]))
            for row in rows(
                home,
                "SELECT row_number() OVER (ORDER BY id), line, outcome, reason, wrapped_key IS NULL,"
                " sealed_identifiers IS NULL, sealed_keys IS NULL, found, verified, reviewed, reverified, touched"
                " FROM item WHERE batch_id NOT IN (SELECT id FROM batch WHERE state = 'building') ORDER BY id",
            )
        ],
        "suppression": rows(home, "SELECT tag, item_id, namespace FROM suppression ORDER BY 1, 2"),
        "residual keys": [
            (item, _read(places)) for item, places in rows(home, "SELECT item_id, places FROM residual_keys ORDER BY 1")
        ],
        "copies": rows(home, "SELECT place, copy_id, status, observed_gone_at FROM backup_copy ORDER BY 1, 2"),
        "events": [(series, seq, event) for series, seq, event, *_ in statements],
        "bodies": [_timeless(payload) for payload in payloads],
        "documents": sorted(
            {
                json.dumps(_timeless(json.loads(body)), sort_keys=True)
                for (body,) in rows(home, "SELECT body FROM document")
            }
        ),
    }
    return LedgerSummary(told, cutoffs(home))


def _read(value: Any) -> Any:
    """A column of JSON, which SQLite gives as text."""
    return json.loads(value) if isinstance(value, str) else value


def _apart(mine: Any, theirs: Any, place: str = "") -> str:
    """The first place where two trees differ."""
    if isinstance(mine, dict) and isinstance(theirs, dict) and mine.keys() == theirs.keys():
        names: Any = mine.keys()
    elif isinstance(mine, list | tuple) and isinstance(theirs, list | tuple) and len(mine) == len(theirs):
        names = range(len(mine))
    else:
        return f"{place}: {str(mine)[:300]}, expected {str(theirs)[:300]}"
    return next(_apart(mine[name], theirs[name], f"{place}/{name}") for name in names if mine[name] != theirs[name])


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(one) for name, one in value.items() if name not in _MOMENTS}
    if isinstance(value, list):
        return [_timeless(one) for one in value]
    return value


def lives(told: Mapping[str, Any]) -> Counter[tuple[str, ...]]:
    """What was said of people one after the other -> of how many. For plans of their own, which draw other series."""
    found: dict[str, tuple[str, ...]] = {}
    for series, _, event in told["events"]:
        found[series] = (*found.get(series, ()), event)
    return Counter(found.values())


def complaints(home: Path) -> Iterator[str]:
    """What is wrong with statements, log and receipts by themselves."""
    statements = rows(home, "SELECT series, event, envelope, leaf, log_index FROM statement")
    # Who was partially erased and is ended at the settling check is so twice: the second time for that reason.
    told = [
        (series, event, json.loads(dsse.parse(envelope).payload)["predicate"]["body"].get("reason"))
        for series, event, envelope, *_ in statements
    ]
    yield from (f"said twice: {stage[1]}" for stage in set(told) if told.count(stage) > 1)
    trusted = trust.parse((home / "keys" / "trust.json").read_bytes())
    log = Log.open(home / "log", trusted.log)
    log.audit()
    if sorted(index if index is not None else -1 for *_, index in statements) != list(range(log.size)):
        yield f"{len(statements)} statements, {log.size} leaves, or an index is missing"
        return
    yield from (
        f"another leaf at its index: {event}" for _, event, _, leaf, index in statements if log.leaf(index) != leaf
    )
    ledger = engine(home)
    try:
        with ledger.connect() as connection:
            for series in sorted({series for series, *_ in told}):
                export = receipt_export.export_of(connection, log, series)
                verdict = verifier.verify(export, trusted, [], datetime.now(UTC))
                if verdict.reason is not None:
                    yield f"a receipt is not authentic: {verdict.reason}"
    finally:
        ledger.dispose()
