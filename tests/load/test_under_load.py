"""Batches of two thousand people run while others write: nothing of others is lost, and nothing due is left.

The writers, the commands and a second installation are processes of their own. What the writers wrote is held against
their own journals, and everything else against what was there before; nothing of Expunge's takes part in that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from tests.support.bulk_people import Crowd, make_crowd
from tests.support.concurrent_writers import EXPORTS, LATE, WRITERS
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.servers import wait_until
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.rules.outcomes import Result

PEOPLE = int(os.environ.get("EXPUNGE_LOAD_PEOPLE", "3000"))
ROOT = Path(__file__).parents[2]
SEED = 7
TRIES = 5
GONE = {Result.ERASED.value, Result.PARTIALLY_ERASED.value}
ENDS = {*GONE, Result.NOT_FOUND.value}

Rows = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Writing:
    """A writer at work."""

    name: str
    process: subprocess.Popen[str]

    def tell(self) -> None:
        """Say that the batch has begun."""
        assert self.process.stdin is not None
        self.process.stdin.write("begun\n")
        self.process.stdin.flush()

    def journal(self) -> dict[str, Any]:
        """Stop it; what it wrote."""
        told, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.name
        journal: dict[str, Any] = json.loads(told)
        return journal


@contextmanager
def writing(calltrack: CompanyStack, name: str, others: Sequence[int], targets: Mapping[int, str]) -> Iterator[Writing]:
    """Start a writer and wait until it has begun."""
    ends = calltrack.stack.endpoints
    orders = {
        "postgres_url": ends.postgres_url,
        "redis_url": ends.redis_url,
        "s3_endpoint": ends.s3_endpoint,
        "s3_access_key": ends.s3_access_key,
        "s3_secret_key": ends.s3_secret_key,
        "others": list(others),
        "targets": targets,
        "seed": SEED,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.concurrent_writers", name],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(orders) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "begun\n", name
        yield Writing(name, process)
    finally:
        process.kill()
        process.wait()


def command(calltrack: CompanyStack, home: Path, *words: str) -> subprocess.Popen[bytes]:
    """Type a command."""
    with (home / f"{words[0]}.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "expunge_orchestrator.cli", *words],
            env={**calltrack.environment(home), "EXPUNGE_SETTLING": "PT0S", "EXPUNGE_RETRY_PAUSE": "PT0.2S"},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


@dataclass(frozen=True, slots=True)
class Stock:
    """Everything there is: table -> row as JSON text, with how often; key -> value; object -> its versions."""

    rows: Mapping[str, Counter[str]]
    contents: Mapping[str, frozenset[Any]] = field(repr=False)


def stock(inspector: StoreInspector) -> Stock:
    """Look at everything."""
    with inspector.postgres() as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = {
            name: Counter(
                row
                for (row,) in connection.execute(
                    sql.SQL("SELECT row_to_json(t)::text FROM {} AS t").format(sql.Identifier(name))
                )
            )
            for (name,) in tables
        }
    contents = inspector.contents()
    return Stock(rows, {name: contents[name] for name in contents if not name.startswith("table ")})


def furnish(inspector: StoreInspector, crowd: Crowd) -> None:
    """Sessions and caches for all, exports for every twentieth."""
    with inspector.redis() as client, client.pipeline(transaction=False) as many:
        for ident in crowd.ids:
            many.sadd(f"user:{ident}:sessions", f"s{ident}")
            many.hset(f"session:s{ident}", mapping={"user_id": ident})
            many.set(f"cache:user:{ident}", "x")
            many.zadd("online", {str(ident): 1.0})
        many.execute()
    for ident in crowd.ids[::20]:
        inspector.s3.put_object(Bucket=EXPORTS, Key=f"users/{ident}/old.csv", Body=b"old")


@dataclass(frozen=True, slots=True)
class Day:
    """What a day under load left behind."""

    before: Stock
    after: Stock
    targets: frozenset[int]
    journals: Mapping[str, dict[str, Any]] = field(repr=False)
    offices: Sequence[Installation]
    batches: Sequence[Batch]
    lists: Sequence[Sequence[int]]
    tries: Mapping[str, int]

    def journaled(self, table: str) -> dict[str, str]:
        """Id -> row, of all writers; nobody writes to another's rows."""
        found: dict[str, str] = {}
        for journal in self.journals.values():
            assert not found.keys() & journal["rows"][table].keys()
            found |= journal["rows"][table]
        return found


@pytest.fixture(scope="module")
def day(calltrack: CompanyStack, inspector: StoreInspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Two batches of two thirds of so many, which share a third, and one of that third from another installation."""
    directory = tmp_path_factory.mktemp("load")
    crowd = make_crowd(inspector, PEOPLE * 2)  # every other one is erased: ids of both kinds alternate
    furnish(inspector, crowd)
    targets = crowd.ids[::2]
    others = crowd.ids[1::2]
    third = PEOPLE // 3
    mails: dict[int, str] = {}
    mails.update(inspector.sql("SELECT id, email FROM users WHERE id = ANY (%s) ORDER BY id", list(targets)))
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(fresh_installation(calltrack, directory / name, chunk_size=200))
            for name in ("one", "two")
        )
        lists = (targets[:-third], targets[third:], targets[third : 2 * third])
        places = (first, first, second)
        batches = [installation.plan(Crowd(ids, "").csv) for installation, ids in zip(places, lists, strict=True)]
        for installation in (first, second):
            installation.close()
        before = stock(inspector)
        shares = {name: others[index :: len(WRITERS)] for index, name in enumerate(WRITERS)}
        writers = [stack.enter_context(writing(calltrack, name, shares[name], mails)) for name in WRITERS]
        tries = dict.fromkeys((batch.uid for batch in batches), 0)
        open_ones = [(installation, batch) for installation, batch in zip(places, batches, strict=True)]
        told = False
        while open_ones:
            running = []
            for installation, batch in open_ones:
                tries[batch.uid] += 1
                running.append(
                    command(calltrack, installation.home, "erase", batch.uid, "--confirm", batch.plan_digest)
                )
            if not told:
                wait_until(lambda: first.again(batches[0]).state is not BatchState.PLANNED, 60)
                for writer in writers:
                    writer.tell()
                told = True
            codes = [process.wait(timeout=600) for process in running]
            open_ones = [pair for pair, code in zip(open_ones, codes, strict=True) if code != 0]
            assert all(number < TRIES for number in tries.values()), _said(first, second)
        journals = {writer.name: writer.journal() for writer in writers}
        for installation in (first, second):
            assert command(calltrack, installation.home, "run-due").wait(timeout=600) == 0, _said(first, second)
        yield Day(before, stock(inspector), frozenset(targets), journals, (first, second), batches, lists, tries)


def _said(*offices: Installation) -> str:
    return "\n".join((installation.home / "erase.txt").read_text()[-1500:] for installation in offices)


def test_the_writers_wrote(day: Day) -> None:
    for name, journal in day.journals.items():
        assert journal["done"] > 5, name
    assert day.journals["late"]["late"] == LATE
    assert day.journals["registering"]["rows"]["users"]


def test_rows_of_others_are_as_their_writers_left_them(day: Day) -> None:
    for table in ("users", "messages", "marketing_optouts"):
        there = {str(json.loads(row)["id"]): row for row in day.after.rows[table]}
        wrong = [ident for ident, row in day.journaled(table).items() if there.get(ident) != row]
        assert not wrong, (table, len(wrong))


def test_nothing_else_changed(day: Day) -> None:
    """Whatever is gone, new or altered belongs to somebody who was erased, or is in a journal."""
    for table, was in day.before.rows.items():
        altered = [json.loads(row) for row in (*(was - day.after.rows[table]), *(day.after.rows[table] - was))]
        journaled = day.journaled(table) if table in {"users", "messages", "marketing_optouts"} else {}
        strange = [
            row
            for row in altered
            if str(row.get("id")) not in journaled
            and row.get("user_id", row["id"] if table == "users" else None) not in day.targets
        ]
        assert not strange, (table, len(strange))
    keys: dict[str, str] = {}
    for journal in day.journals.values():
        keys |= journal["keys"]
    mine = {(name.encode(), value.encode()) for name, value in keys.items()}
    assert mine <= day.after.contents["keys"]
    named = {name for name, _ in mine}
    strange_keys = [
        entry
        for entry in day.before.contents["keys"] ^ day.after.contents["keys"]
        if entry[0] not in named and not _of_a_target(entry, day.targets)
    ]
    assert not strange_keys, len(strange_keys)


def _of_a_target(entry: tuple[bytes, ...], targets: frozenset[int]) -> bool:
    name = entry[0].decode()
    if name == "online":
        return int(entry[1]) in targets
    digits = "".join(one for one in name if one.isdigit())
    return bool(digits) and int(digits) in targets


def test_objects_of_others_stay(day: Day) -> None:
    objects = {key: body for journal in day.journals.values() for key, body in journal["objects"].items()}
    assert objects
    there = {key for key, *_ in day.after.contents[f"bucket {EXPORTS}"]}
    assert objects.keys() <= there
    for name, was in day.before.contents.items():
        if name.startswith("bucket "):
            gone = {key for key, *_ in was - day.after.contents[name]}
            assert all(int(key.split("/")[1]) in day.targets for key in gone), name


def test_nothing_due_is_left(day: Day, inspector: StoreInspector) -> None:
    ids = sorted(day.targets)
    assert inspector.one("SELECT count(*) FROM users WHERE id = ANY (%s) AND full_name <> 'erased'", ids) == 0
    assert inspector.one("SELECT count(*) FROM messages WHERE user_id = ANY (%s)", ids) == 0
    with inspector.redis() as client, client.pipeline(transaction=False) as many:
        for ident in ids:
            many.exists(f"user:{ident}:sessions", f"session:s{ident}", f"cache:user:{ident}")
            many.zscore("online", str(ident))
        assert not any(one for one in many.execute())
    left = [key for key, *_ in day.after.contents[f"bucket {EXPORTS}"] if int(key.split("/")[1]) in day.targets]
    assert not left


def test_everybody_has_one_outcome_and_one_statement_of_it(day: Day) -> None:
    """In each batch; and whoever one of them did not find was erased by another one."""
    first, second = day.offices
    gone: set[int] = set()
    for installation, batch, people in zip((first, first, second), day.batches, day.lists, strict=True):
        outcomes = installation.outcomes(batch)
        assert sum(outcomes.values()) == len(people)
        assert outcomes.keys() <= ENDS, outcomes
        for ident, events in zip(people, installation.events(batch), strict=True):
            assert events[0] == "accepted"
            assert len([event for event in events if event in ENDS]) == 1, events
            assert len(set(events)) == len(events), events
            if GONE & set(events):
                gone.add(ident)
                assert events[-1] == "settled", events
    assert gone == day.targets
