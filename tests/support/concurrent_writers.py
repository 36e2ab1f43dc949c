"""Other programs that write while a batch runs. Each is a process of its own and keeps a journal of what must stay.

    python -m tests.support.concurrent_writers NAME < orders.json > journal.json

A line on standard input says that the batch has begun. Works until the input ends, then prints the journal: table ->
id -> the row as this writer left it, and key or object -> value. Nobody else writes what is in it.
"""

from __future__ import annotations

import json
import random
import select
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
import redis
from botocore.config import Config
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CLIENT = 42
EXPORTS = "calltrack-exports"
LATE, TOGETHER = 60, 10
"""Rows that a late writer commits, and how many of them at once."""


@dataclass(slots=True)
class Journal:
    """What a writer left behind.

    Attributes:
        done: How many times round it went.
        late: Rows that it committed after it was told that the batch has begun.
        told: Whether it was.
    """

    rows: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"users": {}, "messages": {}, "marketing_optouts": {}}
    )
    keys: dict[str, str] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    done: int = 0
    late: int = 0
    told: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """What a writer works with: connections, whom it may write to, and its journal.

    Attributes:
        others: Ids of account holders whom nobody erases and only this writer writes to.
        targets: Ids of those who are erased, with their e-mail addresses.
    """

    url: str = field(repr=False)
    postgres: psycopg.Connection
    redis: redis.Redis
    s3: S3Client = field(repr=False)
    others: Sequence[int]
    targets: Mapping[int, str]
    source: random.Random
    journal: Journal

    def write(self, table: str, statement: str, *parameters: object) -> int:
        """Write one row and note it as it is then; the statement begins with INSERT or UPDATE."""
        (ident, row) = self.postgres.execute(
            f"{statement} RETURNING id, row_to_json({table})::text",  # type: ignore[arg-type]
            parameters,
        ).fetchone() or (None, None)
        assert ident is not None
        self.journal.rows[table][str(ident)] = row
        return int(ident)

    def take_back(self, table: str, ident: str) -> None:
        """Delete a row that this writer wrote."""
        self.postgres.execute(f"DELETE FROM {table} WHERE id = %s", (int(ident),))  # type: ignore[arg-type]
        del self.journal.rows[table][ident]


def others(desk: Desk) -> Iterator[None]:
    """Insert, update and delete rows, keys and objects of people whom nobody erases, and register new ones."""
    number = 0
    while True:
        number += 1
        who = desk.source.choice(desk.others)
        desk.write("messages", "INSERT INTO messages (user_id, body) VALUES (%s, %s)", who, f"hello {number}")
        desk.write(
            "users", "UPDATE users SET full_name = %s, phone = %s WHERE id = %s", f"N {number}", f"+1{number}", who
        )
        if number % 3 == 0:
            ident = desk.source.choice(list(desk.journal.rows["messages"]))
            desk.take_back("messages", ident)
        if number % 5 == 0:
            mail = f"new-{number}-{who}@people.example"
            desk.write(
                "users", "INSERT INTO users (client_id, email, full_name) VALUES (%s, %s, %s)", CLIENT, mail, "New"
            )
            desk.write("marketing_optouts", "INSERT INTO marketing_optouts (email) VALUES (%s)", mail)
        desk.redis.set(f"cache:user:{who}", f"n{number}")
        desk.journal.keys[f"cache:user:{who}"] = f"n{number}"
        if number % 4 == 0:
            key = f"users/{who}/load-{number}.csv"
            desk.s3.put_object(Bucket=EXPORTS, Key=key, Body=str(number).encode())
            desk.journal.objects[key] = str(number)
        yield


def registering(desk: Desk) -> Iterator[None]:
    """Register people again, with the e-mail address they had, once it is free. Their new account must stay."""
    waiting = list(desk.targets.items())
    desk.source.shuffle(waiting)
    while True:
        looked = waiting[:50]
        erased = {
            ident
            for (ident,) in desk.postgres.execute(
                "SELECT id FROM users WHERE id = ANY (%s) AND full_name = 'erased'", ([one for one, _ in looked],)
            )
        }
        waiting = waiting[50:] + [one for one in looked if one[0] not in erased]
        for ident, mail in looked:
            if ident in erased and ident % 3 == 0:
                again = desk.write(
                    "users", "INSERT INTO users (client_id, email, full_name) VALUES (%s, %s, 'Again')", CLIENT, mail
                )
                desk.write("messages", "INSERT INTO messages (user_id, body) VALUES (%s, 'again')", again)
                desk.write("marketing_optouts", "INSERT INTO marketing_optouts (email) VALUES (%s)", mail)
                desk.redis.set(f"cache:user:{again}", mail)
                desk.journal.keys[f"cache:user:{again}"] = mail
        yield


def refilling(desk: Desk) -> Iterator[None]:
    """Do what a web application does: fill the cache of whoever is still there."""
    while True:
        some = desk.source.sample(sorted(desk.targets), 20)
        there = desk.postgres.execute(
            "SELECT id FROM users WHERE id = ANY (%s) AND full_name <> 'erased'", (some,)
        ).fetchall()
        for (ident,) in there:
            desk.redis.set(f"cache:user:{ident}", "refilled")
        yield


def late(desk: Desk) -> Iterator[None]:
    """Write messages to people who are erased, in transactions open before the cutoff and committed after it."""
    chosen = desk.source.sample(sorted(desk.targets), LATE)
    with ExitStack() as stack:
        opened = [stack.enter_context(psycopg.connect(desk.url)) for _ in chosen[::TOGETHER]]
        for turn, ident in enumerate(chosen):
            opened[turn // TOGETHER].execute("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", (ident,))
        while not desk.journal.told:
            yield
        for connection in opened:
            for _ in range(desk.source.randint(1, 60)):
                yield
            connection.commit()
            desk.journal.late += TOGETHER
        while True:
            yield


WRITERS: Mapping[str, Callable[[Desk], Iterator[None]]] = {
    "others": others,
    "registering": registering,
    "refilling": refilling,
    "late": late,
}


def main(name: str) -> None:
    """Work until told to stop."""
    orders: dict[str, Any] = json.loads(sys.stdin.readline())
    s3 = boto3.client(
        "s3",
        endpoint_url=orders["s3_endpoint"],
        aws_access_key_id=orders["s3_access_key"],
        aws_secret_access_key=orders["s3_secret_key"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    journal = Journal()
    with (
        psycopg.connect(orders["postgres_url"], autocommit=True, row_factory=tuple_row) as postgres,
        redis.Redis.from_url(orders["redis_url"]) as client,
    ):
        targets = {int(ident): mail for ident, mail in orders["targets"].items()}
        desk = Desk(
            orders["postgres_url"],
            postgres,
            client,
            s3,
            orders["others"],
            targets,
            random.Random(orders["seed"]),
            journal,
        )
        for _ in WRITERS[name](desk):
            if journal.done == 0:
                sys.stdout.write("begun\n")
                sys.stdout.flush()
            journal.done += 1
            if select.select([sys.stdin], [], [], 0.01)[0]:
                if not sys.stdin.readline():
                    break
                journal.told = True
    json.dump({name: getattr(journal, name) for name in ("rows", "keys", "objects", "done", "late")}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
