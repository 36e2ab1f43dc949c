"""Deleting objects: the S3 connector beside bare boto3, which lists a prefix's versions and deletes them in 1000s."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from tests.bench.measurements import elapsed, median, ruled, spread
from tests.support.contract_maps import COMPANY, data_map
from tests.support.servers import s3_client

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey, no_beat
from expunge_connectors.s3 import S3Connection, S3Spec, S3Store
from expunge_demo import dev_servers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WANTED = 1.3
BUCKET = "bench-objects"
CHUNK = 1000
SCOPE = Scope("company")
COLLECTION = {"bucket": BUCKET, "key": "{object}", "data_type": "account", "owner": COMPANY}


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of one round."""

    bare: float
    erase: float
    count: float
    verify: float


def bench(out: Console, options: argparse.Namespace) -> None:
    """Some thousand objects below one prefix, as many for each of the two, in turn."""
    with dev_servers.stack() as stack, s3_client(stack.endpoints) as s3:
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        spec = S3Spec.model_validate({"connector": "s3", "collections": {"objects": COLLECTION}})
        connection = S3Connection.model_validate(
            {
                "endpoint_url": stack.endpoints.s3_endpoint,
                "access_key_id": stack.endpoints.s3_access_key,
                "secret_access_key": stack.endpoints.s3_secret_key,
            }
        )
        store = S3Store("objects", data_map({"objects": spec}), connection)
        _one(s3, store, 50, turn=-1)  # opens connections
        found = [_one(s3, store, options.objects, turn) for turn in range(options.rounds)]
        store.close()
    columns = ("objects", "rounds", "bare s", "erase s", "ratio", f"(wanted {WANTED}x)", "count s", "verify s")
    table = ruled("Delete objects: the connector's `erase` beside list_object_versions + delete_objects", columns)
    ratios = [one.erase / one.bare for one in found]
    table.add_row(
        str(options.objects),
        str(len(found)),
        f"{median([one.bare for one in found]):.2f}",
        f"{median([one.erase for one in found]):.2f}",
        f"[bold]{median(ratios):.2f}x[/]",
        spread(ratios),
        f"{median([one.count for one in found]):.2f}",
        f"{median([one.verify for one in found]):.2f}",
    )
    out.print(table)


def _one(s3: S3Client, store: S3Store, objects: int, turn: int) -> Round:
    names = {side: [f"{side}/{turn}/{number:06}.ogg" for number in range(objects)] for side in ("bare", "ours")}
    with ThreadPoolExecutor(8) as pool:
        for keys in names.values():
            list(pool.map(lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * 100), keys))
    bare = 0.0
    if turn % 2:
        bare = elapsed(lambda: _bare(s3, f"bare/{turn}/"))
    subjects = [Subject(number, frozenset({SubjectKey("object", key)})) for number, key in enumerate(names["ours"])]
    chunks = [subjects[start : start + CHUNK] for start in range(0, len(subjects), CHUNK)]
    cutoff = store.now()
    count = elapsed(lambda: [store.count(chunk, SCOPE, cutoff) for chunk in chunks])
    erase = elapsed(
        lambda: [store.erase(chunk, {"objects": Action.DELETE}, SCOPE, cutoff, no_beat) for chunk in chunks]
    )
    started = time.perf_counter()
    left = [store.verify(chunk, SCOPE, cutoff) for chunk in chunks]
    verify = time.perf_counter() - started
    assert not any(tally.due for counts in left for tallies in counts.values() for tally in tallies.values())
    if not turn % 2:
        bare = elapsed(lambda: _bare(s3, f"bare/{turn}/"))
    return Round(bare, erase, count, verify)


def _bare(s3: S3Client, prefix: str) -> None:
    objects: list[Any] = [
        {"Key": one["Key"], "VersionId": one["VersionId"]}
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix=prefix)
        for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
    ]
    for batch in _thousands(objects):
        answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": list(batch), "Quiet": True})
        assert not answer.get("Errors")


def _thousands(objects: Sequence[Any]) -> list[Sequence[Any]]:
    return [objects[start : start + 1000] for start in range(0, len(objects), 1000)]
