"""`make bench`: speed as ratios, taken in one run on the same data. It prints and asserts no figure.

python -m tests.bench                                                      everything
python -m tests.bench --only crowd --crowd 20000 --erase 2000 --rounds 1   Postgres alone, in about a minute
python -m tests.bench --only company --people 3000 --sizes 100,500         three stores
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import psycopg
from psycopg import sql
from rich.console import Console
from tests.bench import api, baseline, batches, blind_search, redis_scan, s3_deletion, signing, startup
from tests.bench.batches import Round
from tests.bench.crowd import report, rounds
from tests.bench.crowd.database import crowd
from tests.bench.measurements import Stages, machine, median, ruled, spread
from tests.bench.overload import scene
from tests.bench.sweeps import alone
from tests.support.installation import CompanyStack, Installation, fresh_installation

from expunge_demo import dev_servers, loader
from expunge_demo.calltrack import Company

STARTS = 15
WANTED_ONE = 150
SHOWN_CALLS = 8
PROFILED = 40


def main(arguments: Sequence[str]) -> None:
    """Run what is asked for, and print it."""
    options = parser().parse_args(arguments)
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    out.print(f"[bold]Expunge bench[/] on {machine()}")
    if options.profile:
        options.only = ["company"]
    for section in options.only:
        SECTIONS[section](out, options)
    out.print(f"load at the end {machine().rpartition('load ')[2]}")


def bench_crowd(out: Console, options: argparse.Namespace) -> None:
    """Many people on Postgres alone."""
    started = time.monotonic()
    with crowd(options.crowd) as loaded:
        out.print(
            f"\n[bold]Crowd[/]: {loaded.people} people, {loaded.rows} rows on Postgres, loaded in"
            f" {time.monotonic() - started:.0f} s"
        )
        chunk, found = rounds.best_chunk(loaded, min(options.crowd // 10, rounds.CHUNK_TRIAL))
        report.show_chunks(out, chunk, found)
        report.show(
            out,
            [
                rounds.measure(loaded, size, chunk, options.rounds if size <= rounds.MANY else 1)
                for size in options.erase
            ],
        )


def bench_company(out: Console, options: argparse.Namespace) -> None:
    """The example company on three stores; one person at a time; receipts; the offline verifier's start."""
    with loaded_town(options.people) as calltrack, ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expunge-bench-")))
        out.print(f"\n[bold]Company[/]: {options.people} people, {calltrack.loaded.rows} rows, three stores")
        installation = stack.enter_context(
            fresh_installation(calltrack, directory / "expunge", inspection_holds=timedelta(minutes=1))
        )
        script = stack.enter_context(baseline.script(calltrack.stack.endpoints, calltrack.loaded.postgres_url))
        made = make_indexes(installation, calltrack)
        out.print(f"{made} indexes were made first, as `expunge check` words them; the script has them too")
        callers = {client.id: calltrack.company.callers_of(client.id) for client in calltrack.company.clients}
        # The first batch opens connections and fills caches; its figures are thrown away.
        largest = max(callers, key=lambda client: len(callers[client]))
        ours, theirs, *callers[largest] = callers[largest]
        batches.measure(installation, script, 1, batches.Share(largest, [ours], [theirs]), script_first=True)
        if options.profile:
            profile(out, installation, callers, options.profile)
            return
        ones, callers[largest] = callers[largest][: options.ones], callers[largest][options.ones :]
        for how, anew in (("inspected for each", True), ("inspected within the last minute (ADR 7)", False)):
            show_ones(out, how, batches.one_by_one(installation, largest, ones[anew::2], anew=anew))
        show_batches(out, installation, script, batches.allot(callers, options.sizes, options.rounds), options.sizes)
        show_signing(out, signing.sign(installation, directory / "log", options.statements))
        show_startup(
            out, startup.times(startup.commands(installation, startup.export(installation, directory)), STARTS)
        )


SECTIONS: Mapping[str, Callable[[Console, argparse.Namespace], None]] = {
    "crowd": bench_crowd,
    "company": bench_company,
    "objects": s3_deletion.bench,
    "keys": redis_scan.bench,
    "blind": blind_search.bench,
    "ages": alone.bench,
    "api": api.bench,
    "overload": scene.bench,
}


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Speed, as ratios to a hand-written script."
    )
    made.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="sections; default: all")
    made.add_argument("--rounds", type=int, default=3, help="rounds per size, as far as there are people")
    made.add_argument("--crowd", type=int, default=200_000, help="people of the crowd, with about 20 rows each")
    made.add_argument(
        "--erase", type=numbers, default=[1000, 10_000, 100_000], help="how many of the crowd, with commas"
    )
    made.add_argument("--objects", type=int, default=5000, help="objects that are deleted from S3")
    made.add_argument("--keys", type=int, default=1_000_000, help="keys that Redis is searched through")
    made.add_argument("--rows", type=int, default=2_000_000, help="rows that Postgres is searched blindly in")
    made.add_argument("--aged", type=int, default=1_000_000, help="rows of which a fifth has had its time")
    made.add_argument("--seconds", type=int, default=60, help="for which self-deletions are sent to the API")
    made.add_argument("--attacked", type=int, default=20, help="seconds for which each attack is measured")
    made.add_argument("--attack", default="", help="only attacks whose name holds this")
    made.add_argument("--people", type=int, default=10_000, help="size of the example company")
    made.add_argument("--ones", type=int, default=100, help="callers of it that are erased one by one")
    made.add_argument(
        "--sizes",
        type=numbers,
        default=[1, 100, 500, 1000],
        help="its people per batch, with commas; what no client has is left out",
    )
    made.add_argument("--statements", type=int, default=5000, help="receipts to sign and log")
    made.add_argument("--profile", type=int, metavar="SIZE", help="profile one batch of the company instead")
    return made


def numbers(text: str) -> list[int]:
    """`1,100` -> [1, 100]."""
    return [int(one) for one in text.split(",")]


def make_indexes(installation: Installation, calltrack: CompanyStack) -> int:
    """Do what `expunge check` asks for, as any installation should have before its first erasure. Returns how many."""
    asked = [
        sql.SQL(one.remedy)
        for one in installation.workspace.stores["main"].inspect()
        if one.code in {"tie-index", "foreign-key-index"}
    ]
    with psycopg.connect(calltrack.stack.endpoints.postgres_url, autocommit=True) as owner:
        for statement in asked:
            owner.execute(statement)
        owner.execute("ANALYZE")  # an index on an expression has no statistics until then
    return len(asked)


@contextmanager
def loaded_town(people: int) -> Iterator[CompanyStack]:
    """The example company on a stack of its own, loaded by another process: its memory is not ours."""
    with dev_servers.stack() as stack:
        company = Company(seed=2026, people=people, now=datetime.now(UTC))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            loaded = pool.submit(loader.load, company, stack.endpoints, stack.programs.postgres / "pg_dump").result()
        yield CompanyStack(stack, company, loaded)


def show_ones(out: Console, how: str, found: Sequence[tuple[Stages, Stages]]) -> None:
    """One person from end to end."""
    totals = [1000 * stages.total for stages, _ in found]
    told = []
    for measured in ([stages for stages, _ in found], [stores for _, stores in found]):
        spent = {name: middle(measured, name) for name in measured[0].seconds}
        told.append(", ".join(f"{name} {one:.1f}" for name, one in spent.items()))
    out.print(
        f"One caller, exact key, three stores, warm process, {how}:\n"
        f"  planned and erased in [bold]{median(totals):.0f} ms[/]"
        f" (median of {len(totals)}, {spread(totals)}; wanted < {WANTED_ONE})\n"
        f"  {told[0]}\n  in connectors: {told[1]}"
    )


def show_batches(
    out: Console,
    installation: Installation,
    script: baseline.Script,
    dealt: dict[int, list[batches.Share]],
    sizes: Sequence[int],
) -> None:
    """Run every round, sizes in turn, and print ratios, stages and what dominates."""
    taken: dict[int, list[Round]] = {size: [] for size in sorted(sizes)}
    most = max((len(shares) for shares in dealt.values()), default=0)
    for turn in range(most):
        for size, kept in taken.items():
            for share in dealt.get(size, [])[turn : turn + 1]:
                kept.append(batches.measure(installation, script, size, share, script_first=turn % 2 == 1))
    done = {size: found for size, found in taken.items() if found}
    for size in taken.keys() - done.keys():
        out.print(f"[yellow]{size}: no client has twice as many callers left; give more --people[/]")
    columns = ("people", "rounds", "expunge s", "script s", "ratio", "(rounds)", "without receipts", "CPU s of each",
               "records of each", "settling s", "peak memory")  # fmt: skip
    table = ruled("Erase callers of one client: plan + runner beside stage, count, delete, recount by hand", columns)
    for size, found in done.items():
        ratios = [one.ratio for one in found]
        table.add_row(
            str(size),
            str(len(found)),
            f"{median([one.stages.total for one in found]):.3f}",
            f"{median([one.script.total for one in found]):.3f}",
            f"{median(ratios):.1f}x",
            spread(ratios),
            f"{median([one.ratio_without_receipts for one in found]):.1f}x",
            " / ".join(f"{median([one.cpu[side] for one in found]):.2f}" for side in (0, 1)),
            " / ".join(str(sum(one.records[side] for one in found) // len(found)) for side in (0, 1)),
            f"{median([one.settling for one in found]):.3f}",
            found[-1].memory,
        )
    out.print(table)
    show_stages(out, done)


def show_stages(out: Console, done: dict[int, list[Round]]) -> None:
    """Milliseconds per stage, and one line about what dominates."""
    names = list(dict.fromkeys(name for found in done.values() for one in found for name in one.stages.seconds))
    table = ruled("Milliseconds per stage (median), share of the whole", ("stage", *(str(size) for size in done)))
    middles = {
        size: {name: middle([one.stages for one in found], name) for name in names} for size, found in done.items()
    }
    for name in names:
        table.add_row(name, *(part(one[name], sum(one.values())) for one in middles.values()))
    calls = {size: store_calls(found) for size, found in done.items()}
    inside = {size: sum(one.values()) for size, one in calls.items()}
    table.add_section()
    table.add_row("inside connectors", *(part(inside[size], sum(middles[size].values())) for size in done))
    out.print(table)
    table = ruled("Milliseconds inside connectors, by call", ("call", *(str(size) for size in done)))
    listed = Counter(calls[max(calls)]).most_common(SHOWN_CALLS)
    for name, _ in listed:
        table.add_row(name, *(part(one.get(name, 0.0), sum(middles[size].values())) for size, one in calls.items()))
    out.print(table)
    table = ruled("Milliseconds by store: inside its connector / by hand", ("store", *(str(size) for size in done)))
    for store in stores_of(done):
        ours = {
            size: sum(spent for name, spent in one.items() if name.startswith(f"{store}."))
            for size, one in calls.items()
        }
        theirs = {size: middle([one.script for one in found], store) for size, found in done.items()}
        table.add_row(store, *(beside(ours[size], theirs[size]) for size in done))
    out.print(table)
    for size, one in middles.items():
        first, second = Counter(one).most_common(2)
        call, spent = Counter(calls[size]).most_common(1)[0]
        out.print(
            f"{size}: {first[0]} ({first[1]:.0f} ms) and {second[0]} ({second[1]:.0f} ms) dominate; "
            f"the costliest call is {call} ({spent:.0f} ms)"
        )


def stores_of(done: dict[int, list[Round]]) -> list[str]:
    """The stores that the script works on, in its order."""
    return list(next(iter(done.values()))[0].script.seconds)


def store_calls(found: Sequence[Round]) -> dict[str, float]:
    """`store.verb` -> milliseconds, median over the rounds."""
    names = {name for one in found for name in one.stores.seconds}
    return {name: middle([one.stores for one in found], name) for name in names}


def middle(stages: Sequence[Stages], name: str) -> float:
    """Milliseconds of one stage, median over the rounds."""
    return 1000 * median([one.seconds.get(name, 0.0) for one in stages])


def part(milliseconds: float, whole: float) -> str:
    """`12 (3%)`."""
    return f"{milliseconds:.1f} ({100 * milliseconds / whole:.0f}%)"


def beside(ours: float, theirs: float) -> str:
    """`12 / 3 (4.0x)`; no ratio where the script had next to nothing to do there."""
    ratio = f" ({ours / theirs:.1f}x)" if theirs >= 1 else ""
    return f"{ours:.0f} / {theirs:.0f}{ratio}"


def show_signing(out: Console, found: signing.Signed) -> None:
    """Receipts a second, and where their time goes."""
    each = ", ".join(f"{name} {1e6 * spent / found.statements:.0f}" for name, spent in found.stages.seconds.items())
    out.print(
        f"\n[bold]Receipts[/]: {found.statements / found.stages.total:.0f} statements/s signed and logged "
        f"(µs each: {each}); peak memory {found.memory}"
    )


def show_startup(out: Console, found: dict[str, list[float]]) -> None:
    """Start-up times."""
    table = ruled(
        f"Verifying a receipt offline, from the shell: wall time of {STARTS} starts", ("command", "ms", "(all)")
    )
    for name, taken in found.items():
        table.add_row(name, f"{median(taken):.0f}", spread(taken))
    out.print(table)


def profile(out: Console, installation: Installation, callers: dict[int, list[int]], size: int) -> None:
    """Profile one batch: our own time by function. The profiler slows Python down, so that stores look cheaper."""
    shares = batches.allot(callers, [size], 1).get(size)
    if not shares:
        out.print("[yellow]No client has twice as many callers; give more --people.[/]")
        return
    profiler = cProfile.Profile()
    profiler.runcall(batches.erase_here, installation.workspace, shares[0])
    for order in ("tottime", "cumulative"):
        pstats.Stats(profiler, stream=out.file).sort_stats(order).print_stats(PROFILED)


if __name__ == "__main__":
    main(sys.argv[1:])
