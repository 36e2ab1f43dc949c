"""Overload: what an honest person and an honest client notice of attacks on the same server.

The person uses the account-settings page of docs/examples, the client an API key; both call from 127.0.0.1, where the
page is a named proxy. Attackers have addresses of their own (127.0.0.2 and on) but where it is said. `expunge serve`
and the page are processes of their own, started anew for each attack; just before it the same calls are timed
undisturbed, for other work on the machine changes all of them.
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from tests.bench.measurements import peak_of, ruled
from tests.bench.overload import attacks
from tests.bench.overload.attacks import Attack, Target
from tests.bench.overload.honest import CALLS, CLIENT, Honest
from tests.bench.overload.servers import ISSUER, key, key_set, serving
from tests.support.installation import build_company_stack, fresh_installation

from expunge_orchestrator.execution import batch_lifecycle

WATCHING_KEYS = 60
WARM_UP = 4.0
"""Seconds of calls that do not count: stores are inspected, modules read, an attack comes to its strength."""

ATTACKS: Mapping[str, Attack] = {
    "60 uploads of 60 MiB": attacks.uploads,
    "2,000 half-open, 40 addresses": attacks.half_open,
    "2,000 half-open, behind the proxy": attacks.half_open_behind_the_proxy,
    "6,300 bad keys, one visitor": attacks.bad_keys,
    "600 watchers, 60 keys": attacks.watchers,
    "a slow key set": attacks.slow_key_set,
}


def bench(out: Console, options: Namespace) -> None:
    """Each attack, and a table."""
    summary = ruled(
        "Honest callers beside attacks (wanted: p99 <= 3x undisturbed, health < 100 ms, memory < 600 MB)",
        (
            "attack",
            *(f"{who} p99" for who in CALLS),
            "honest calls refused",
            "health max ms",
            "memory MB",
            "attackers saw",
        ),
    )
    details = ruled(
        "Milliseconds of honest calls, median and p99: undisturbed -> beside", ("attack", *sum(CALLS.values(), ()))
    )
    with (
        build_company_stack(people=600) as calltrack,
        tempfile.TemporaryDirectory(prefix="expunge-bench-overload-") as path,
        fresh_installation(calltrack, Path(path) / "expunge") as installation,
        key_set() as (keys, slow),
    ):
        issued = [key(installation, number) for number in range(WATCHING_KEYS + 1)]
        batch = installation.plan(f"caller_id\n{calltrack.company.callers_of(42)[-1]}\n", CLIENT)
        batch_lifecycle.start(installation.workspace, batch)
        spawn = get_context("spawn")
        for name, attack in ((one, act) for one, act in ATTACKS.items() if options.attack in one):
            with serving(installation, keys) as (port, page, process):
                target = Target(port, tuple(issued[1:]), batch.uid, ISSUER, spawn.Event(), spawn.Event())
                honest = Honest(installation, port, page, issued[0])
                honest.seen(WARM_UP)
                calm = honest.seen(options.attacked)
                peak = peak_of(process.pid)
                slow.set()
                with _attacked(attack, target) as saw:
                    honest.seen(WARM_UP)
                    beside = honest.seen(options.attacked)
                slow.clear()
                summary.add_row(
                    name,
                    *(f"{max(beside.late(one) / calm.late(one) for one in calls):.1f}x" for calls in CALLS.values()),
                    _listed(calm.unwell + beside.unwell),
                    f"{1000 * calm.longest:.0f} -> {1000 * beside.longest:.0f}",
                    f"{peak():.0f}",
                    _listed(saw),
                )
                details.add_row(name, *(f"{calm.told(one)} -> {beside.told(one)}" for one in sum(CALLS.values(), ())))
    out.print(
        summary,
        "Attackers call from addresses of their own; behind the proxy, from the one that the page and the client have.",
        details,
    )


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{one} {number}" for one, number in sorted(counted.items())) or "none"


@contextmanager
def _attacked(attack: Attack, target: Target) -> Iterator[Counter[str]]:
    """An attack at its strength, in a process of its own; when it has ended, what its callers saw."""
    spawn, saw = get_context("spawn"), Counter[str]()
    told = spawn.SimpleQueue()
    process = spawn.Process(target=_attack, args=(attack, target, told))
    process.start()
    try:
        target.standing.wait()
        yield saw
    finally:
        target.over.set()
        saw.update(told.get())
        process.kill()
        process.join()


def _attack(attack: Attack, target: Target, told: Any) -> None:
    told.put(dict(attack(target)))
