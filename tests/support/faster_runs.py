"""Faster runs: what a session of thousands of tests would otherwise pay for in each of them."""

from __future__ import annotations

import gc
from collections.abc import Hashable, Iterator
from functools import cache
from typing import TYPE_CHECKING, cast

import pytest

from expunge_connectors.s3 import driver
from expunge_connectors.s3.spec import S3Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def collect_garbage_seldom() -> None:
    """What the imports and the collected tests left stays for good: no collection need walk through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="module", autouse=True)
def shared_s3_clients() -> Iterator[None]:
    """One botocore client for equal settings; making one takes 18 ms, and every workspace would make two.

    A client that was closed opens new connections when it is used again. Without keys boto3 looks for some itself, and
    tests look at how: these are made as ever.
    """
    made = driver.new_client
    shared = cache(made)

    def new_client(connection: S3Connection) -> S3Client:
        return made(connection) if connection.access_key_id is None else shared(cast("Hashable", connection))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(driver, "new_client", new_client)
        yield
