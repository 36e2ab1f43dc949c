"""A sweep that is at work for a share of the time, and what the database's own users notice of it."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console
from tests.bench.measurements import median, ruled, spread
from tests.bench.sweeps import script
from tests.bench.sweeps.foreground import foreground
from tests.bench.sweeps.layouts import Layout
from tests.support.postgres.age_sweeps import Held, Swept
from tests.support.postgres.company import opened
from tests.support.servers import fresh_database

from expunge_connectors.contract import SweptPiece, no_beat

BUSY = 0.3
PAIRS = 10
SECONDS = 3.0
WANTED, WANTED_RATE = 1.3, 0.2


@dataclass(slots=True)
class _Turns:
    """Lets the sweep work by turns, and counts what went in its turns; `through`: it has ended, well or not."""

    on: threading.Event = field(default_factory=threading.Event)
    calm: threading.Event = field(default_factory=threading.Event)
    through: threading.Event = field(default_factory=threading.Event)
    told: Swept = field(default_factory=Swept)

    def before(self) -> Held:
        """Wait for our turn; asked before each piece."""
        if not self.on.is_set():
            self.calm.set()
            self.on.wait()
        return Held()

    def notice(self, piece: SweptPiece) -> None:
        """Count."""
        self.told.notice(piece)

    def stop(self) -> None:
        """End the turn, and wait until the piece at work is through."""
        if self.through.is_set():
            return
        self.calm.clear()
        self.on.clear()
        self.calm.wait(30)


def bench(out: Console, server: str, options: argparse.Namespace) -> None:
    """Alternating pairs: without, with."""
    layout = Layout(children=True)
    with fresh_database(server) as url:
        layout.load(url, options.aged)
        alone = script.sweep(url, layout).rate
    with fresh_database(server) as url:
        rows = layout.load(url, options.aged)
        ratios, rates, without, beside = [], [], [], []
        with foreground(url, rows) as users, _sweeping(url, layout) as turns:
            users.measure(2)
            for _ in range(PAIRS):
                quiet = users.measure(SECONDS)
                gone, began = turns.told.gone["calls"], time.monotonic()
                turns.on.set()
                noisy = users.measure(SECONDS)
                turns.stop()
                if turns.through.is_set():
                    break  # it was not at work for all of this turn
                rates.append((turns.told.gone["calls"] - gone) / (time.monotonic() - began))
                ratios.append(noisy.p99 / quiet.p99)
                without.append(quiet)
                beside.append(noisy)
    if not ratios:
        out.print("The sweep was through before a turn was over, or failed: take more rows (--aged).")
        return
    columns = ("rows", "pairs", "median ms: without", "beside", "p99 ms: without", "beside",
               f"p99 ratio (wanted {WANTED}x)", "(pairs)", "rows/s",
               f"to the script alone (wanted {WANTED_RATE})")  # fmt: skip
    table = ruled(f"A foreground beside a sweep that is at work for {BUSY:.0%} of the time", columns)
    table.add_row(
        f"{rows}",
        f"{len(ratios)}",
        f"{median([one.median for one in without]):.2f}",
        f"{median([one.median for one in beside]):.2f}",
        f"{median([one.p99 for one in without]):.2f}",
        f"{median([one.p99 for one in beside]):.2f}",
        f"[bold]{median(ratios):.2f}x[/]",
        spread(ratios),
        f"{median(rates):.0f}",
        f"[bold]{median(rates) / alone:.2f}[/]",
    )
    out.print(table)


@contextmanager
def _sweeping(url: str, layout: Layout) -> Iterator[_Turns]:
    """A sweep in a thread of its own, which waits for its turns."""
    turns, today, ended = _Turns(), datetime.now(UTC).date(), threading.Event()

    def sweep() -> None:
        try:
            with opened(url, layout.data_map) as store:
                store.inspect()
                store.delete_due(
                    "calls",
                    today,
                    lambda: None if ended.is_set() else turns.before(),
                    turns.notice,
                    no_beat,
                    None,
                    BUSY,
                )
        finally:
            turns.through.set()
            turns.calm.set()

    thread = threading.Thread(target=sweep, daemon=True)
    thread.start()
    try:
        yield turns
    finally:
        ended.set()
        turns.on.set()
        thread.join(60)
