"""Verdict text: a verdict in words and as plain data, for the verifier's output and the receipt page."""

import re
from typing import Final

from expunge_reports.statement import Statement
from expunge_reports.verify.verdict import EXPLANATIONS, AsOf, Verdict

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
"""Of a data type, as data maps have them: nothing else is printed."""


def lines(verdict: Verdict) -> list[str]:
    """Return the verdict as lines of text; no line holds an identifier."""
    if verdict.reason is not None:
        named = [*([] if verdict.seq is None else [f"statement {verdict.seq}"]), *filter(None, [verdict.part])]
        where = f" ({', '.join(named)})" if named else ""
        said = [f"invalid: {verdict.reason}{where}: {EXPLANATIONS[verdict.reason]}"]
        return said if verdict.as_of is None else [*said, as_of(verdict.as_of)]
    words = ["authentic"]
    if verdict.overdue_since is not None:
        words.append(f"incomplete: what is open should have been stated by {verdict.overdue_since.isoformat()}")
    if verdict.later:
        words.append("incomplete: more of this series was stated since; get the receipt again")
    if not verdict.anchored:
        words.append("unanchored")
    return [
        ", ".join(words),
        claim(verdict),
        *([] if verdict.as_of is None else [as_of(verdict.as_of)]),
        *([] if verdict.anchored else ["unanchored: no witness vouches that the log was never rewritten"]),
        binding(verdict),
        completeness(verdict),
        *limit(verdict),
        *(_statement_line(verdict, seq) for seq in range(len(verdict.statements))),
    ]


def claim(verdict: Verdict) -> str:
    """Return the sentence that says what an authentic receipt is worth."""
    operator = verdict.operator
    return (
        f"Authentic statement by {operator}. Its truth rests on {operator}'s systems; "
        "places not declared are not covered."
    )


def as_of(found: AsOf) -> str:
    """Return the line that says which checkpoint the verdict speaks of."""
    witnessed = "" if found.witnessed_at is None else f", witnessed {found.witnessed_at.isoformat()}"
    return f"as of checkpoint {found.origin} size {found.size} root {found.root}{witnessed}"


def binding(verdict: Verdict) -> str:
    """Return the line that says whether the receipt was shown to be about a person."""
    if not verdict.openings:
        return "no opening given: not bound to a person"
    return f"bound to the person of the openings given: {verdict.openings} of {len(verdict.statements[0].subjects)}"


def completeness(verdict: Verdict) -> str:
    """Return the line that says whether further statements were looked for."""
    if verdict.searched is None:
        return "no log given: further statements of this series were not looked for"
    if verdict.later:
        return f"the log of {verdict.searched} leaves holds {verdict.later} further of this series, stated since"
    return f"the log of {verdict.searched} leaves holds no further statement of this series"


def limit(verdict: Verdict) -> list[str]:
    """Return the line that says which data types the request was limited to; none if it was not."""
    named = {name: None for current in verdict.statements for name in limited_to(current) or ()}
    if not named:
        return []
    return [f"limited to data of these types: {', '.join(named)}; of all other data nothing is said"]


def limited_to(current: Statement) -> tuple[str, ...] | None:
    """Return the data types that a statement's request was limited to; None if it speaks of everything."""
    if "dataTypes" not in current.body:
        return None
    named = current.body["dataTypes"]
    if not isinstance(named, list) or not all(isinstance(one, str) and _NAME.fullmatch(one) for one in named):
        return ("(in a form that this version does not know)",)
    return tuple(named)


def to_object(verdict: Verdict) -> dict[str, object]:
    """Return the verdict as plain JSON data."""
    found = verdict.as_of
    overdue = verdict.overdue_since
    return {
        "format": "expunge-verdict/1",
        "operator": verdict.operator,
        "status": verdict.status,
        "authentic": verdict.authentic,
        "anchored": verdict.anchored,
        "complete": verdict.complete,
        "reason": None if verdict.reason is None else verdict.reason.value,
        "statement": verdict.seq,
        "part": verdict.part,
        "overdue_since": None if overdue is None else overdue.isoformat(),
        "openings": verdict.openings,
        "searched_leaves": verdict.searched,
        "stated_since": verdict.later,
        "as_of": None
        if found is None
        else {
            "origin": found.origin,
            "size": found.size,
            "root": found.root,
            "witnessed_at": None if found.witnessed_at is None else found.witnessed_at.isoformat(),
        },
        "statements": [
            {
                "series": current.series,
                "seq": current.seq,
                "event": current.event,
                "issued_at": current.issued_at.isoformat(),
                "final": current.final,
                "open": current.open.items,
                **({} if (limited := limited_to(current)) is None else {"data_types": list(limited)}),
            }
            for current in verdict.statements
        ],
        "words": lines(verdict),
    }


def _statement_line(verdict: Verdict, seq: int) -> str:
    current = verdict.statements[seq]
    if current.final:
        owed = "final"
    elif current.open.last_expected_by is None:
        owed = f"{current.open.items} open"
    else:
        owed = f"{current.open.items} open, expected by {current.open.last_expected_by.isoformat()}"
    limited = "" if limited_to(current) is None else ", of the data types asked for"
    return f"  {current.seq} {current.issued_at.isoformat()} {current.event}{limited} ({owed})"
