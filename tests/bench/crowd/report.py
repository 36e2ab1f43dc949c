"""What the crowd's rounds showed, in words and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from tests.bench.crowd.erasure import ByExpunge
from tests.bench.crowd.rounds import Found
from tests.bench.measurements import median, ruled, spread

WANTED_WITHOUT, WANTED_WITH, WANTED_MEMORY = 1.3, 2.0, 250
_SHOWN = 6


def show_chunks(out: Console, chunk: int, found: Mapping[int, float]) -> None:
    """What the script's chunk size is worth."""
    each = ", ".join(f"{size}: {spent:.3f}" for size, spent in found.items())
    out.print(f"The script's milliseconds per person by chunk size: {each}. It takes {chunk}.")


def show(out: Console, found: Sequence[Found]) -> None:
    """Ratios, what is outside of them, memory and statements, and what dominates."""
    columns = ("people", "rounds", "script", "expunge", "without receipts", "ratio", f"(wanted {WANTED_WITH:.1f}x)",
               "without receipts", f"(wanted {WANTED_WITHOUT:.1f}x)", "to deletes only")  # fmt: skip
    table = ruled("Milliseconds per person, from the beginning of the execution until erased; two workers", columns)
    for one in found:
        own = [run.per_person for run in one.runs]
        bare = [run.per_person for run in one.bare]
        table.add_row(
            str(one.people),
            str(len(one.runs)),
            f"{one.script:.3f}",
            f"{median(own):.3f}",
            f"{median(bare):.3f}",
            f"[bold]{median(own) / one.script:.2f}x[/]",
            spread([spent / one.script for spent in own]),
            f"[bold]{median(bare) / one.script:.2f}x[/]",
            spread([spent / one.script for spent in bare]),
            f"{median(own) / one.deletes_only:.2f}x",
        )
    out.print(table)
    columns = ("people", "plan ms each", "settle ms each", "peak MB opened / planned / erased / settled",
               "statements per person: store / ledger", "CPU ms each: expunge + server", "script + server",
               "CPU ratio")  # fmt: skip
    table = ruled(f"Outside of the ratio, and cost (memory wanted: flat, below {WANTED_MEMORY} MB)", columns)
    for one in found:
        run = one.runs[-1]
        table.add_row(
            str(one.people),
            f"{_each(run.plan, run):.3f}",
            f"{_each(run.settled, run):.3f}",
            " / ".join(f"{megabytes:.0f}" for megabytes in run.memory),
            " / ".join(f"{sent / run.people:.3f}" for sent in run.statements),
            " + ".join(f"{_each(spent, run):.3f}" for spent in run.processor),
            " + ".join(f"{1000 * spent / one.people:.3f}" for spent in one.scripts[-1].processor),
            f"{sum(run.processor) / sum(one.scripts[-1].processor):.2f}x",
        )
    out.print(table)
    for one in found:
        _show_steps(out, one)


def _show_steps(out: Console, found: Found) -> None:
    run = found.runs[-1]
    inside = Counter(run.verbs.seconds)
    steps = Counter(run.steps.seconds)
    both = " ".join(f"{name} {_each(spent, run):.3f}" for name, spent in steps.most_common())
    verbs = " ".join(f"{name} {_each(spent, run):.3f}" for name, spent in inside.most_common(_SHOWN))
    stages = found.scripts[-1].stages.seconds
    theirs = " ".join(f"{name} {1000 * spent / found.people:.3f}" for name, spent in stages.items())
    (first, longest), (second, next_longest) = steps.most_common(2)
    out.print(
        f"{found.people}: {first} ({_each(longest, run):.3f}) and {second} ({_each(next_longest, run):.3f}) dominate. "
        f"{run.rows} rows, the script {found.scripts[-1].rows}; {run.receipts} statements signed and logged.\n"
        f"  worker-ms per person by step: {both}\n"
        f"  of these inside the connector {_each(sum(inside.values()), run):.3f}: {verbs}\n"
        f"  the script: {theirs}"
    )


def _each(seconds: float, run: ByExpunge) -> float:
    return 1000 * seconds / run.people
