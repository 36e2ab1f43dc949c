"""Pipeline: the steps of a chunk by name, frozen into its batch.

    accept, resolve, recount, erase:<store>…, verify:<store>…, conclude        then it waits for the settling time
    review:<store>…, re-resolve, settle                                        if nothing came back of anybody, or
    review:<store>…, re-resolve, re-count, re-erase:<store>…, re-verify:<store>…, settle

Chunks are finished, not stages: after half the time half of the people are done.
"""

from __future__ import annotations

from collections.abc import Sequence

ACCEPT = "accept"
RESOLVE = "resolve"
RECOUNT = "recount"
ERASE = "erase"
VERIFY = "verify"
CONCLUDE = "conclude"
REVIEW = "review"
RE_RESOLVE = "re-resolve"
RE_COUNT = "re-count"
RE_ERASE = "re-erase"
RE_VERIFY = "re-verify"
SETTLE = "settle"


def pipeline_for(stores: Sequence[str]) -> list[str]:
    """The steps over these stores, in the order of erasure."""

    def each(verb: str) -> list[str]:
        return [f"{verb}:{store}" for store in stores]

    return [
        ACCEPT,
        RESOLVE,
        RECOUNT,
        *each(ERASE),
        *each(VERIFY),
        CONCLUDE,
        *each(REVIEW),
        RE_RESOLVE,
        RE_COUNT,
        *each(RE_ERASE),
        *each(RE_VERIFY),
        SETTLE,
    ]


def split(step: str) -> tuple[str, str]:
    """`erase:main` -> (`erase`, `main`); a step over all stores has an empty store."""
    verb, _, store = step.partition(":")
    return verb, store


def is_per_person(step: str) -> bool:
    """Whether a step asks a store about the chunk's people, so that one of them can be the reason why it fails."""
    verb, store = split(step)
    return bool(store) or verb in {RESOLVE, RECOUNT, RE_RESOLVE, RE_COUNT}


def resume_step(pipeline: Sequence[str], step: int, *, ending: bool = False) -> int:
    """Where a chunk that stopped before `step` is taken up: records may have changed since, and lead elsewhere.

    What was verified before is stale. People who are ended are only looked at once more (`ending`).
    """
    for verb, end in ((REVIEW, SETTLE), (VERIFY if ending else RESOLVE, CONCLUDE)):
        if first(pipeline, verb) < step <= first(pipeline, end):
            return first(pipeline, verb)
    return step


def first(pipeline: Sequence[str], verb: str) -> int:
    """Index of the first step with that verb."""
    return next(index for index, step in enumerate(pipeline) if split(step)[0] == verb)
