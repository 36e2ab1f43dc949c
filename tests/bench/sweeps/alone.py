"""Both at full speed, one after the other on tables that are made alike."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from rich.console import Console
from tests.bench.measurements import median, peak_memory, ruled, spread
from tests.bench.sweeps import paced, script
from tests.bench.sweeps.layouts import HELD, LAYOUTS, Layout
from tests.support.postgres.age_sweeps import Held
from tests.support.postgres.age_sweeps import Swept as Told
from tests.support.postgres.company import opened
from tests.support.servers import fresh_database

from expunge_connectors.contract import SubjectKey, no_beat
from expunge_demo import dev_servers

WANTED = 0.5


def bench(out: Console, options: argparse.Namespace) -> None:
    """Each layout beside the script, then a paced sweep beside a foreground."""
    columns = ("rows", "of them", "gone", "left", "held", "script rows/s", "ours rows/s",
               f"ours to script (wanted {WANTED})", "(rounds)", "peak memory")  # fmt: skip
    table = ruled(f"Deletion by age of a fifth of {options.aged} rows, verified, at full speed", columns)
    with dev_servers.stack() as stack:
        for words, layout in LAYOUTS.items():
            table.add_row(*_row(stack.endpoints.postgres_url, words, layout, options))
        out.print(table)
        paced.bench(out, stack.endpoints.postgres_url, options)


def _row(server: str, words: str, layout: Layout, options: argparse.Namespace) -> list[str]:
    theirs: list[script.Swept] = []
    ours: list[script.Swept] = []
    held, memory = 0, ""
    for _ in range(options.rounds):
        with fresh_database(server) as url:
            rows = layout.load(url, options.aged)
            theirs.append(script.sweep(url, layout))
        with fresh_database(server) as url:
            layout.load(url, options.aged)
            with peak_memory() as peak:
                swept, held = sweep(url, layout)
            ours.append(swept)
            memory = peak()
        assert (swept.gone, swept.left - held) == (theirs[-1].gone, theirs[-1].left), "ours is not exact"
    ratios = [mine.rate / other.rate for mine, other in zip(ours, theirs, strict=True)]
    return [
        f"{rows}",
        words,
        f"{ours[-1].gone}",
        f"{ours[-1].left - held}",
        f"{held}",
        f"{median([one.rate for one in theirs]):.0f}",
        f"{median([one.rate for one in ours]):.0f}",
        f"[bold]{median(ratios):.2f}[/]",
        spread(ratios),
        memory,
    ]


def sweep(url: str, layout: Layout) -> tuple[script.Swept, int]:
    """Our sweep, verified; returns how many rows a hold keeps as well."""
    keys = frozenset(SubjectKey("user_id", str(one)) for one in range(HELD)) if layout.held else frozenset()
    told, keeping, today = Told(), Held(keys), datetime.now(UTC).date()
    with opened(url, layout.data_map) as store:
        store.inspect()
        started = time.monotonic()
        assert store.delete_due("calls", today, lambda: keeping, told.notice, no_beat, None, 1.0)
        left = store.due_left("calls", today, no_beat)
        took = time.monotonic() - started
    return script.Swept(told.gone["calls"], left.records, took), told.held
