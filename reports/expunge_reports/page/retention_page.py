"""Retention page: what went by age in a period, what is left and why, and what was wrong, for an auditor to read.

It shows what `expunge retention report --json` tells: counts, days and names of the data map, of nobody in particular.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from expunge_reports.page import backlog_picture, date_format, jinja_environment
from expunge_reports.page.backlog_picture import Day, Foreseen, Picture, number

LIMIT: Final = 12
"""Pictures drawn of data types at most: those of which most went and is left."""

ALARMS: Final = {
    "no-run": "Nobody ran it",
    "killed": "A run was killed",
    "stopped": "Stopped, or not let begin",
    "nothing-went": "Nothing went",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, and of what it is."""

    name: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page says first. `warn`: somebody has to look."""

    word: str
    warn: bool


@dataclass(frozen=True, slots=True)
class Until:
    """What is gone for certain: in words, which end with a day if there is one."""

    words: str
    day: str | None


def retention_page(report: Mapping[str, Any], operator: str, contact: str) -> str:
    """Return the page of a report.

    Args:
        report: as `expunge retention report --json` prints it.
        operator: who issues it.
        contact: where the operator is asked.
    """
    return jinja_environment.render(
        "retention.html",
        report=report,
        operator=operator,
        contact=contact,
        last=(date.fromisoformat(report["before"]) - timedelta(days=1)).isoformat(),
        answer=answer(report),
        drawn=pictures(report),
        alarms=ALARMS,
        rule=rule,
        number=number,
        until=until,
        limit=LIMIT,
    )


def answer(report: Mapping[str, Any]) -> Answer:
    """Return whether it keeps up, in a sentence."""
    sounding, forecast, backlog = len(report["sounding"]), report["forecast"], report["backlog"]
    day = forecast and forecast["empty_on"]
    wrong = [
        (sounding == 1, "An alarm sounds: deletion is behind"),
        (sounding > 1, f"{sounding} alarms sound: deletion is behind"),
        (not report["armed"], "Not armed: nothing is deleted by age"),
        (forecast and not forecast["keeps_up"], "It does not keep up with what comes due in the next weeks"),
        (not report["sweeps"], "No sweep began in this period"),
        (backlog and not day, f"{number(backlog)} overdue records can go, and it is not known by when"),
    ]
    for true, word in wrong:
        if true:
            return Answer(word, warn=True)
    if backlog:
        return Answer(f"It keeps up; the backlog is to be gone on {day}", warn=False)
    return Answer("It keeps up; nothing is overdue that could go", warn=False)


def rule(text: str) -> str:
    """Return `P2Y from transaction_ended` in words."""
    period, _, start = text.partition(" from ")
    return f"{date_format.period(period)} from {start.replace('_', ' ')}"


def until(counts: Mapping[str, Any]) -> Until:
    """Return what is gone for certain, of the counts of a data type or place."""
    if counts["left"] is None:
        return Until("not looked at yet", None)
    if counts["left"] and counts["oldest_left"]:
        return Until("all that began before", counts["oldest_left"])
    return Until("all whose period was over on", counts["looked_on"])


def pictures(report: Mapping[str, Any]) -> Sequence[Drawn]:
    """Return a picture of all, with the first and the last forecast; of several data types, one of each as well."""
    every = _days(report["history_of_all"])
    types = {name: _days(days) for name, days in report["history"].items()}
    moved = {name: sum(one.gone + one.left for one in days) for name, days in types.items()}
    named = sorted((name for name, many in moved.items() if many), key=lambda name: (-moved[name], name))
    all_types = [(named[0] if len(named) == 1 else "all data types", every, _foreseen(report["windows"]))]
    several = [(name, types[name], ()) for name in named[:LIMIT]] if len(named) > 1 else []
    return [
        Drawn(name, picture)
        for name, days, foreseen in (*all_types, *several)
        if (picture := backlog_picture.draw(days, foreseen)) is not None
    ]


def _days(days: Sequence[Mapping[str, Any]]) -> list[Day]:
    return [Day(date.fromisoformat(one["day"]), one["came_due"], one["gone"], one["left"]) for one in days]


def _foreseen(windows: Sequence[Mapping[str, Any]]) -> list[Foreseen]:
    made = [one for one in windows if one["empty_on"] is not None and one["backlog"]]
    return [
        Foreseen(date.fromisoformat(one["day"]), one["backlog"], date.fromisoformat(one["empty_on"]))
        for one in (made if len(made) < 2 else (made[0], made[-1]))  # noqa: PLR2004 - the first and the last one
    ]
