"""Reports of deletion by age as `expunge retention report --json` prints them, of nights that are made up."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

FIRST = date(2026, 10, 1)
STOPPED = {
    "kind": "stopped",
    "since": "2026-10-09T01:00:07Z",
    "until": None,
    "said": "A sweep stands still: more came due than the last plan foresaw.",
}
MISSING = {
    "kind": "no-run",
    "since": "2026-10-05T06:00:00Z",
    "until": "2026-10-07T01:00:07Z",
    "said": "Armed, and no run began since 2026-10-04T04:00:00Z.",
}


def history(nights: int, backlog: int, came: int, rate: int) -> list[dict[str, Any]]:
    """Each night so many came due, and so many can go."""
    left, found = backlog, []
    for night in range(nights):
        due = left + (came if night else 0)
        gone = min(due, rate)
        left = due - gone
        day = (FIRST + timedelta(days=night)).isoformat()
        found.append({"day": day, "came_due": came if night else None, "gone": gone, "left": left})
    return found


def counts(due: int, left: int | None, held: int = 0, needed: int = 0) -> dict[str, Any]:
    return {
        "due": due,
        "gone": due - (left or 0),
        "along": 7,
        "left": left,
        "held": held,
        "needed": needed,
        "other": (left or 0) - held - needed,
        "undated": 3,
        "oldest_left": "2015-03-01" if left else None,
        "looked_on": None if left is None else "2026-12-02",
    }


def report(
    nights: int = 20, *, names: tuple[str, ...] = ("calls", "leads"), alarms: tuple[dict[str, Any], ...] = ()
) -> dict[str, Any]:
    """A report of so many nights; with none nobody ran it."""
    of_types = {name: history(nights, 1_000 * at, 10, 150) for at, name in enumerate(names, 1)}
    every = [
        {
            "day": days[0]["day"],
            "came_due": None if days[0]["came_due"] is None else sum(one["came_due"] for one in days),
            "gone": sum(one["gone"] for one in days),
            "left": sum(one["left"] for one in days),
        }
        for days in zip(*of_types.values(), strict=True)
    ]
    types = [{"data_type": name, "rule": "P1Y6M from transaction_ended", **counts(900, 30, 20, 6)} for name in names]
    place = {"store": "main", "controller": "acme", "rule": "P1Y from collected"}
    windows = [
        {
            "day": one["day"],
            "begun_at": f"{one['day']}T01:00:07Z",
            "ended_at": f"{one['day']}T02:00:07Z",
            "seconds": 3600.0,
            "allowed": 3600.0,
            "gone": one["gone"],
            "full": one["left"] > 0,
            "stuck": False,
            "backlog": one["left"],
            "empty_on": "2026-10-11" if one["left"] else None,
            "emptied_on": "2026-10-14" if one["left"] else None,
            "days_late": 3 if one["left"] else None,
        }
        for one in every
    ]
    left = every[-1]["left"] if every else 0
    return {
        "period": "2026-Q4",
        "since": "2026-10-01",
        "before": "2027-01-01",
        "at": "2026-12-03T06:00:00Z",
        "armed": True,
        "gone": sum(one["gone"] for one in every),
        "along": 7,
        "backlog": left,
        "backlog_by_type": {name: days[-1]["left"] for name, days in of_types.items() if days},
        "forecast": {"records_per_second": 0.1, "seconds_a_day": 3600.0, "empty_on": "2026-12-09", "keeps_up": True}
        if nights
        else None,
        "alarms": list(alarms),
        "sounding": [one for one in alarms if one["until"] is None],
        "types": types if nights else [],
        "places": [
            place | {"collection": name, "data_type": name, **counts(900, 30, 20, 6), "needed_by": ["bills"]}
            | {"failure": None}
            for name in names
            if nights
        ],
        "not_by_age": [{"reason": "Stores of this kind are not looked at by age yet", "places": ["cache.sessions"]}],
        "sweeps": [
            {
                "id": "sw_0123456789ab",
                "day": "2026-10-01",
                "state": "done",
                "why": None,
                "begun_at": "2026-10-01T01:00:07Z",
                "ended_at": "2026-10-14T01:30:07Z",
                "series": {"acme": "er_" + "a" * 32},
                "types": types,
            }
        ]
        if nights
        else [],
        "windows": windows,
        "history": of_types,
        "history_of_all": every,
    }  # fmt: skip
