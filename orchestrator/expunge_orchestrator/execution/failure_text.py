"""Failure text: which collections of a person are not done and why, for people who must fix it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from expunge_orchestrator.receipts import standard_sentences
from expunge_orchestrator.rules.blind_findings import BlindFinding
from expunge_orchestrator.rules.other_requests import ConcurrentRequest, LeftBefore
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


def describe(others: Sequence[ConcurrentRequest]) -> str:
    """What to tell who reads of the failure; nothing if there are none."""
    if not others:
        return ""
    named = ", ".join(sorted({one.batch for one in others}))
    return f"; another request of this person is not finished: {named}"


def describe_left(before: Sequence[LeftBefore]) -> str:
    """Why something is left of a person of whom nothing failed, and what finds it."""
    named = ", ".join(sorted({one.batch for one in before}))
    return (
        f"{standard_sentences.LEFT_BEFORE} ({named}). A request with the own id of whom that one was about, and every"
        " other identifier that it had and nobody else has by now, in one line, finds it"
    )
