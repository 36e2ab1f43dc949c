"""`expunge retention plan`: what is due by age, since when, what stays of it, and what comes due."""

from __future__ import annotations

from itertools import count
from typing import Any

from rich.markup import escape

from expunge_config.settings import load_settings
from expunge_connectors.contract import AgeCounts, GoesWith, NoAge
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.cli.retention_report import show_backlog
from expunge_orchestrator.clock import now
from expunge_orchestrator.ledger.sweeps import AgePlanRow
from expunge_orchestrator.retention import age_plan, backlog
from expunge_orchestrator.retention.age_plan import AgePlace, AgePlan
from expunge_orchestrator.workspace import opened

_HEIGHTS = "▁▂▃▄▅▆▇█"


def plan(as_json: output.Json = False) -> None:
    """Show what is due by age, since when, what stays and why. Reads the stores only; the plan is written down.

    A record is due from the day on which its data type's period ends (UTC). It stays while a hold keeps its data type
    or controller, or something that stays needs it; what a hold on people or on one member keeps is not counted apart.
    Places of which the age is not known are listed: nothing of them is due that anybody could tell.

    Example: expunge retention plan
    """
    read = count(1)
    with opened(load_settings(), installed()) as workspace, output.progress("Pieces of tables read", None) as show:
        found = age_plan.age_plan(workspace, now().date(), lambda: show(next(read)))
        with workspace.ledger.begin() as connection:
            kept = age_plan.keep(connection, workspace, found)
            left = backlog.of_plan(connection, kept)
    if as_json:
        forecast = left.forecast and backlog.document(left.forecast)
        output.emit({**_document(kept, found), "forecast": forecast})
    else:
        _show(found)
        show_backlog(left)
        out = output.console()
        out.print(f"Plan {kept.uid}. To let it go: expunge retention arm {kept.uid}")
        out.print(f"digest {kept.digest}")


def _document(kept: AgePlanRow, found: AgePlan) -> dict[str, Any]:
    return {
        "id": kept.uid,
        "digest": kept.digest,
        "goes": found.goes,
        "holds_on_some": found.holds_on_some,
        "places": list(kept.places),
    }


def _show(found: AgePlan) -> None:
    out = output.console()
    counted = [(one, one.age) for one in found.places if isinstance(one.age, AgeCounts)]
    along = {one.collection: one.age.collection for one in found.places if isinstance(one.age, GoesWith)}
    out.print(f"[bold]{output.number_of(found.goes, 'record')} would go by age[/], with what hangs on them.")
    if found.holds_on_some:
        number = output.number_of(found.holds_on_some, "hold")
        out.print(f"{number} on people or single members in force: what they keep stays, and is not taken off here.")
    if counted:
        rows = [
            (
                f"{one.store}.{one.collection}",
                f"{one.data_type}: {one.rule.rule.period} from {one.rule.rule.start.value}",
                age.records,
                age.due,
                "" if age.oldest is None else age.oldest.isoformat(),
                one.goes,
                _why(one, age),
                _picture(age),
            )
            for one, age in counted
        ]
        columns = ("place", "rule", "records", "due", "oldest start", "would go", "stays", "due in 8 weeks")
        out.print(output.table("By age", columns, rows))
    for one, age in counted:
        place = f"{one.store}.{one.collection}"
        if age.undated:
            out.print(
                f"[yellow]{place}[/]: {output.number_of(age.undated, 'record')} without a start, or with one that no"
                " calendar has: due on no day. Fill the column."
            )
        if age.ahead:
            out.print(f"[yellow]{place}[/]: of {output.number_of(age.ahead, 'record')} the period begins after today.")
        if going := sorted(name for name, above in along.items() if above == one.collection):
            out.print(f"{place}: {', '.join(going)} go with it.")
    reasons: dict[str, list[str]] = {}
    for one in found.places:
        if isinstance(one.age, NoAge):
            reasons.setdefault(one.age.reason, []).append(f"{one.store}.{one.collection}")
    for reason, places in reasons.items():
        out.print(f"[yellow]Not by age[/]: {', '.join(places)}. {escape(reason)}.", soft_wrap=True)


def _why(one: AgePlace, age: AgeCounts) -> str:
    held = ["all: a hold"] if one.held and age.due else []
    return ", ".join([*held, *(f"{number} for {name}" for name, number in sorted(age.needed_by.items()))])


def _picture(age: AgeCounts) -> str:
    """What comes due week by week, as a picture, with the sum."""
    most = max(age.coming)
    if not most:
        return "0"
    bars = "".join(_HEIGHTS[-(-number * (len(_HEIGHTS) - 1) // most)] for number in age.coming)
    return f"{bars} {sum(age.coming)}"
