"""`expunge retention drift`: where stores keep data for longer than the map declares, or drop it too early."""

from __future__ import annotations

from itertools import count

from rich.markup import escape

from expunge_config.settings import load_settings
from expunge_connectors.registry import installed
from expunge_orchestrator.cli import output
from expunge_orchestrator.clock import now
from expunge_orchestrator.retention import drift as store_drift
from expunge_orchestrator.retention.drift import StoreDrifts
from expunge_orchestrator.retention.errors import DriftError
from expunge_orchestrator.workspace import opened


def drift(as_json: output.Json = False) -> None:
    """Hold times to live, lifecycles, partitions and ages of logs against the data map, and print what ends each drift.

    The fix is printed to be run by an operator, as it is; nothing is changed here. No fix lets data stay longer than
    the map declares. Places of which it cannot be told are listed. Ends 16 if there is drift; an empty partition that
    may be dropped is none.

    Example: expunge retention drift
    """
    read = count(1)
    with opened(load_settings(), installed()) as workspace, output.progress("Pieces of stores read", None) as show:
        found = store_drift.drifts(workspace, now().date(), lambda: show(next(read)))
    if as_json:
        output.emit(store_drift.document(found))
    else:
        _show(found)
    if found.not_kept:
        number = output.number_of(len(found.not_kept), "collection")
        raise DriftError(
            f"{number} {'is' if len(found.not_kept) == 1 else 'are'} not kept as long as the data map declares.",
            remedy="Run what is printed, then look again.",
        )


def _show(found: StoreDrifts) -> None:
    out = output.console()
    fixes: dict[str, list[str]] = {}
    for store, one in found.drifts:
        place = f"{store}.{one.collection}"
        number = f"{one.records} " if one.records else ""
        out.print(
            f"[yellow]{place}[/]: declared {one.declared}; {one.kind}: {escape(f'{number}{one.found}')}.",
            soft_wrap=True,
        )
        out.print(f"  {escape(one.remedy)}.", soft_wrap=True)
        if one.fix is not None and place not in fixes.setdefault(one.fix, []):
            fixes[one.fix].append(place)
    for fix, places in fixes.items():
        out.print(f"\n[bold]{', '.join(places)}[/]:")
        out.print(fix, markup=False, highlight=False, soft_wrap=True)
    if not found.drifts:
        out.print("No drift.")
    reasons: dict[str, list[str]] = {}
    for place, reason in found.unjudged.items():
        reasons.setdefault(reason, []).append(place)
    for reason, names in reasons.items():
        out.print(f"[yellow]Cannot be told[/]: {', '.join(names)}. {escape(reason)}.", soft_wrap=True)
