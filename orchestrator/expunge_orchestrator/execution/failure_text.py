"""Failure text: which collections of a person are not done and why, for people who must mend it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from expunge_orchestrator.rules.blind_findings import BlindFinding
from expunge_orchestrator.rules.outcomes import CollectionOutcome, LeftoverReason, Outcome


def failure(
    lines: Iterable[CollectionOutcome],
    searched: BlindFinding | None = None,
    reasons: Mapping[tuple[str, str], Sequence[LeftoverReason]] = MappingProxyType({}),
) -> str:
    """Which collections are not done, and what the map does not explain, for people who must mend it.

    Args:
        lines: What is known of each.
        searched: What the blind search found.
        reasons: (store, collection) -> why something is left there.
    """

    def said(line: CollectionOutcome) -> str:
        if line.verified is None:
            return "not looked at"
        why = "; ".join(dict.fromkeys(one.said for one in reasons.get((line.store, line.collection), ())))
        return f"{line.verified.due} due{f': {why}' if why else ''}"

    named = [f"{line.store}.{line.collection} ({said(line)})" for line in lines if line.outcome is Outcome.FAILED]
    told = [f"not done: {', '.join(named)}"] if named else []
    if searched is not None and searched.left:
        told.append(searched.said)
    remedies = "".join(dict.fromkeys(f". {one.remedy}" for every in reasons.values() for one in every if one.remedy))
    return f"{'; '.join(told)[: _FAILURE - len(remedies)]}{remedies}"


_FAILURE = 450
