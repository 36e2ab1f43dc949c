"""Verdict text: a verdict in words and as plain data, for the verifier's output and the receipt page."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from expunge_reports import consistency
from expunge_reports.verify import contradictions as contradicting
from expunge_reports.verify import statement_text
from expunge_reports.verify.verdict import EXPLANATIONS, AsOf, Verdict
from expunge_reports.verify.what_is_owed import LateAnswer

_PLACE: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)

_KIND: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_KINDS: Final = 10

_PLACES: Final = 10

_COUNTS_NOT: Final = "that counts for nothing"
_NO_FURTHER: Final = "no further statement of this series"


def lines(verdict: Verdict) -> list[str]:
    """Return the verdict as lines of text; no line holds an identifier."""
    if verdict.reason is not None:
        named = [*([] if verdict.seq is None else [f"statement {verdict.seq}"]), *filter(None, [verdict.part])]
        where = f" ({', '.join(named)})" if named else ""
        said = [f"invalid: {verdict.reason}{where}: {EXPLANATIONS[verdict.reason]}"]
        return [*said, *grounds(verdict)]
    words = ["contradictory" if verdict.contradictions else "authentic"]
    if verdict.overdue_since is not None:
        words.append(f"incomplete: what is open should have been stated by {verdict.overdue_since.isoformat()}")
    if verdict.copies_past:
        one = "the day of 1 copy has passed, and it should have been stated by now that it is gone"
        several = (
            f"the days of {verdict.copies_past} copies have passed, and that they are gone should have been stated"
        )
        words.append(f"incomplete: {one if verdict.copies_past == 1 else several}")
    if verdict.later:
        words.append("incomplete: more of this series was stated since; get the receipt again")
    if not verdict.anchored:
        words.append("unanchored")
    return [
        ", ".join(words),
        *contradictions(verdict),
        *late_answer(verdict),
        claim(verdict),
        *grounds(verdict),
        *(line for current in verdict.statements for line in statement_text.lines(current)),
    ]


def grounds(verdict: Verdict) -> list[str]:
    """Return the lines that say what a verdict rests on, and what was not looked at."""
    checkpoint = [] if verdict.as_of is None else [as_of(verdict.as_of)]
    if not verdict.genuine:
        return checkpoint
    return [
        *checkpoint,
        *([] if verdict.anchored else [unanchored(verdict)]),
        *untimely(verdict),
        binding(verdict),
        completeness(verdict),
        *limit(verdict),
        *places_not_listed(verdict),
        *unknown_documents(verdict),
        *(other_form(seq) for seq in verdict.high_s),
    ]


def claim(verdict: Verdict) -> str:
    """Return the sentence that says what an authentic receipt is worth."""
    operator = verdict.operator
    if verdict.contradictions:
        return f"Signed and logged by {operator}, unaltered, and not true as a whole: evidence of what was stated."
    return (
        f"Authentic statement by {operator}. Its truth rests on {operator}'s systems; "
        "places not declared are not covered."
    )


def contradictions(verdict: Verdict) -> list[str]:
    """Return a line for each contradiction; what names a place is printed only if it is a name."""
    return [
        f"contradictory: {one.code} (statement {one.seq}{f', {one.where}' if _PLACE.fullmatch(one.where) else ''}):"
        f" {contradicting.EXPLANATIONS[one.code]}"
        for one in verdict.contradictions
    ]


def late_answer(verdict: Verdict, shown: Callable[[datetime], str] = datetime.isoformat) -> list[str]:
    """Return the line that says how late an answer was, and when it was due (as `shown`); none if it was in time.

    So it says of a request that was cancelled instead, whoever cancelled it: nobody had answered by then.
    """
    late = verdict.answered_late
    if late is None:
        return []
    days = "1 day" if late.days == 1 else f"{late.days} days"
    said = f"answered {days} after it was due"
    if late.cancelled:
        said = f"not answered when it was due, and cancelled {days} later"
    return [f"{said}: statement {late.seq}, due by {shown(late.due)}"]


def as_of(found: AsOf) -> str:
    """Return the line that says which checkpoint the verdict speaks of."""
    witnessed = "" if found.witnessed_at is None else f", witnessed {found.witnessed_at.isoformat()}"
    return f"as of checkpoint {found.origin} size {found.size} root {found.root}{witnessed}"


def unanchored(verdict: Verdict) -> str:
    """Return the line that says why the checkpoint is not anchored."""
    if verdict.quorum:
        witnesses = "1 witness" if verdict.quorum == 1 else f"{verdict.quorum} witnesses"
        return f"unanchored: the trust file demands {witnesses} of this checkpoint, and there are fewer"
    return "unanchored: no witness vouches that the log was never rewritten"


def untimely(verdict: Verdict) -> list[str]:
    """Return the line that counts the witnesses whose time cannot be; none if there are none."""
    if not verdict.untimely_witnesses:
        return []
    witnesses = "1 witness" if verdict.untimely_witnesses == 1 else f"{verdict.untimely_witnesses} witnesses"
    return [f"{witnesses} signed this checkpoint before a statement in it was issued, or after now: {_COUNTS_NOT}"]


def other_form(seq: int) -> str:
    """Return the line that names a signature in the form that is not made here (see `dsse`)."""
    return f"statement {seq} bears its signature in its other form (high S), which Expunge does not make"


def binding(verdict: Verdict) -> str:
    """Return the line that says whether the receipt was shown to be about a person."""
    if verdict.statements[0].event == "sweep-begun":
        return "about a sweep by age, of whomever the records were"
    if not verdict.openings:
        return "no opening given: not bound to a person"
    return f"bound to the person of the openings given: {verdict.openings} of {len(verdict.statements[0].subjects)}"


def completeness(verdict: Verdict) -> str:
    """Return the line that says whether further statements were looked for."""
    if verdict.searched is None:
        return "no log given: further statements of this series were not looked for"
    further = f"{verdict.later} further of this series, stated since" if verdict.later else _NO_FURTHER
    leaves = "1 leaf that names" if verdict.unread_leaves == 1 else f"{verdict.unread_leaves} leaves that name"
    unread = f", but {leaves} it in a form that this version does not know" if verdict.unread_leaves else ""
    return f"the log of {verdict.searched} leaves holds {further}{unread}"


def limit(verdict: Verdict) -> list[str]:
    """Return the line that says which data types the request was limited to; none if it was not."""
    named = {name: None for current in verdict.statements for name in statement_text.limited_to(current) or ()}
    if not named:
        return []
    return [f"limited to data of these types: {', '.join(named)}; {consistency.OTHER_DATA}"]


def places_not_listed(verdict: Verdict) -> list[str]:
    """Return the line that counts the planned places of copies that no list has; none if there are none."""
    number, named = len(verdict.places_not_listed), _places(verdict)
    if not number:
        return []
    many = "1 place" if number == 1 else f"{number} places"
    said = f"{many} with backup copies that the plan names {'was' if number == 1 else 'were'} not listed"
    names = ", ".join([*named, "…"] if len(named) < number else named)
    return [f"{said}, and nothing is said of the copies there: {names}"]


def _places(verdict: Verdict) -> list[str]:
    """The first of the places that are not listed: what is no name is not printed."""
    return [one for one in verdict.places_not_listed if _PLACE.fullmatch(one)][:_PLACES]


def unknown_documents(verdict: Verdict) -> list[str]:
    """Return the line that counts the documents of kinds that are not known; none if there are none."""
    number, named = sum(verdict.unknown_kinds.values()), _kinds(verdict)
    if not number:
        return []
    rest = number - sum(named.values())
    kinds = [f"{count} {kind}" for kind, count in named.items()]
    kinds += [f"{rest} of {'further kinds' if named else 'a kind that is no name'} or none"] if rest else []
    one = (
        "1 document of a kind that this version does not know, of which it checks nothing but that it is the one cited"
    )
    several = (
        f"{number} documents of kinds that this version does not know, of which it checks nothing but that they are the"
        " ones cited"
    )
    return [f"{one if number == 1 else several}: {', '.join(kinds)}"]


def _kinds(verdict: Verdict) -> dict[str, int]:
    """The most frequent kinds that are not known, by name: what is none is not printed."""
    named = {kind: count for kind, count in verdict.unknown_kinds.items() if kind and _KIND.fullmatch(kind)}
    return dict(sorted(named.items(), key=lambda one: (-one[1], one[0]))[:_KINDS])


def to_object(verdict: Verdict) -> dict[str, object]:
    """Return the verdict as plain JSON data."""
    found = verdict.as_of
    overdue = verdict.overdue_since
    late = verdict.answered_late
    return {
        "format": "expunge-verdict/1",
        "operator": verdict.operator,
        "status": verdict.status,
        "authentic": verdict.authentic,
        "anchored": verdict.anchored,
        "complete": verdict.complete,
        "contradictions": [
            {"reason": one.code, "statement": one.seq, "where": one.where} for one in verdict.contradictions
        ],
        "reason": None if verdict.reason is None else verdict.reason.value,
        "statement": verdict.seq,
        "part": verdict.part,
        "overdue_since": None if overdue is None else overdue.isoformat(),
        "answered_late": None if late is None or late.cancelled else _late(late),
        "cancelled_late": _late(late) if late is not None and late.cancelled else None,
        "copies_past": verdict.copies_past,
        "places_not_listed": _places(verdict),
        "openings": verdict.openings,
        "quorum": verdict.quorum,
        "untimely_witnesses": verdict.untimely_witnesses,
        "high_s": list(verdict.high_s),
        "unknown_documents": {"count": sum(verdict.unknown_kinds.values()), "kinds": _kinds(verdict)},
        "searched_leaves": verdict.searched,
        "stated_since": verdict.later,
        "unread_leaves": verdict.unread_leaves,
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
                "expected_by": None if (by := current.open.expected_by) is None else by.isoformat(),
                "follows_by_itself": consistency.follows_by_itself(current.event, current.open),
                "copies": current.open.copies.count,
                **({} if (on := statement_text.continued_in(current)) is None else {"continued_in": on}),
                **({} if (limited := statement_text.limited_to(current)) is None else {"data_types": list(limited)}),
            }
            for current in verdict.statements
        ],
        "words": lines(verdict),
    }


def _late(late: LateAnswer) -> dict[str, object]:
    return {"statement": late.seq, "due": late.due.isoformat(), "days": late.days}
