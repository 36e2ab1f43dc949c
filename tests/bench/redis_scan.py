"""Looking through a keyspace for a chunk of people: the Redis connector beside a bare SCAN, same COUNT and client."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import redis
from rich.console import Console
from tests.bench.measurements import elapsed, median, ruled, spread
from tests.support.contract_maps import COMPANY, data_map

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey, no_beat
from expunge_connectors.redis import RedisConnection, RedisSpec, RedisStore
from expunge_connectors.redis.scan import COUNT
from expunge_demo import dev_servers

WANTED = 1.5
CHUNK = 1000
SCOPE = Scope("company")
OWNED = {"type": "string", "data_type": "account", "owner": COMPANY}
COLLECTIONS = {
    "pages": {"key": "cache:{*}:user:{user_id}:{*}", **OWNED},
    "views": {"key": "view:{*}:{user_id}", **OWNED},
}
# The first shares its beginning with nothing and is read whole; most keys of the second are none of the map's business.
LAYOUTS: dict[str, Callable[[int], str]] = {
    "every key fits a template": lambda at: f"cache:{at % 7}:user:{at // 4}:{at % 4}",
    "one key in ten does": lambda at: f"cache:{at % 7}:user:{at // 40}:x" if at % 10 == 0 else f"other:{at}:value",
}


def bench(out: Console, options: argparse.Namespace) -> None:
    """A pass that counts, one that verifies and one that erases, beside a bare SCAN before and after."""
    columns = ("keyspace", "rounds", "bare SCAN s", "count s", "ratio", f"(wanted {WANTED}x)", "verify s", "ratio",
               "erase s", "ratio", "keys erased")  # fmt: skip
    table = ruled(f"A chunk of {CHUNK} people in {options.keys} keys, COUNT {COUNT}: one pass each", columns)
    for layout, name in LAYOUTS.items():
        with dev_servers.stack() as stack, redis.Redis.from_url(stack.endpoints.redis_url) as client:
            table.add_row(layout, *_row(client, stack.endpoints.redis_url, name, options))
    out.print(table)


def _row(client: redis.Redis, url: str, name: Callable[[int], str], options: argparse.Namespace) -> Sequence[str]:
    with client.pipeline(transaction=False) as pipeline:
        for at in range(options.keys):
            pipeline.set(name(at), "v")
            if at % 10_000 == 0:
                pipeline.execute()
        pipeline.execute()
    spec = RedisSpec.model_validate({"connector": "redis", "collections": COLLECTIONS})
    store = RedisStore("cache", data_map({"cache": spec}), RedisConnection.model_validate({"url": url}))
    chunk = [Subject(at, frozenset({SubjectKey("user_id", str(3 * at))})) for at in range(CHUNK)]
    cutoff, bare, count, verify = store.now(), [], [], []
    for _ in range(options.rounds):
        bare.append(elapsed(lambda: _scan(client)))
        count.append(elapsed(lambda: store.count(chunk, SCOPE, cutoff)))
        verify.append(elapsed(lambda: store.verify(chunk, SCOPE, cutoff)))
    before = client.dbsize()
    actions = dict.fromkeys(COLLECTIONS, Action.DELETE)
    erase = elapsed(lambda: store.erase(chunk, actions, SCOPE, cutoff, no_beat))
    left = store.verify(chunk, SCOPE, cutoff)
    assert not any(tally.due for tallies in left.values() for tally in tallies.values())
    store.close()
    ratios = [ours / theirs for ours, theirs in zip(count, bare, strict=True)]
    return [
        str(options.rounds),
        f"{median(bare):.2f}",
        f"{median(count):.2f}",
        f"[bold]{median(ratios):.2f}x[/]",
        spread(ratios),
        f"{median(verify):.2f}",
        f"{median(verify) / median(bare):.2f}x",
        f"{erase:.2f}",
        f"{erase / median(bare):.2f}x",
        str(before - client.dbsize()),
    ]


def _scan(client: redis.Redis) -> None:
    cursor, seen = 0, 0
    while True:
        cursor, keys = client.execute_command("SCAN", cursor, "COUNT", COUNT)  # type: ignore[no-untyped-call]
        seen += len(keys)
        if cursor == 0:
            break
    assert seen
