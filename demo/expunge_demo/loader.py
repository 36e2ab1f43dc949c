"""Loads the example company into three empty servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from expunge_demo import load_postgres, load_redis, load_s3
from expunge_demo.calltrack import Company
from expunge_demo.endpoints import Endpoints


@dataclass(frozen=True, slots=True)
class Loaded:
    """What there is now.

    Attributes:
        postgres_url: URL of the role that Expunge works as: with the rights it needs and no others.
        search_url: URL of the role that the blind search works as: it reads everything, and nothing else.
        rows: Database rows.
        entries: Redis keys and memberships.
        versions: Object versions, backup copies not counted.
        copies: Keys of the backup copies.
    """

    postgres_url: str = field(repr=False)
    search_url: str = field(repr=False)
    rows: int
    entries: int
    versions: int
    copies: tuple[str, ...]


def load(company: Company, places: Endpoints, pg_dump: Path) -> Loaded:
    """Load everything: schema and rows, keys, objects, and backup copies that a real `pg_dump` made of them.

    Args:
        company: Whom to load.
        places: Empty stores, with the rights to create things in them.
        pg_dump: The program, of the server's version or newer.

    Raises:
        NotEmptyError: A store holds something already; what was loaded before that was noticed stays.
        DemoError: A server refused, or `pg_dump` failed.
    """
    load_s3.make_buckets(places)
    with ThreadPoolExecutor(1) as pool:
        # Postgres works while Python signs requests to S3.
        rows = pool.submit(_load_database, company, places, pg_dump)
        entries = load_redis.load_entries(company, places.redis_url)
        versions = load_s3.load_objects(company, places)
        loaded_rows, copies = rows.result()
    url = places.postgres_url
    erasing, searching = load_postgres.grant_role(url), load_postgres.grant_search_role(url)
    return Loaded(erasing, searching, loaded_rows, entries, versions, copies)


def _load_database(company: Company, places: Endpoints, pg_dump: Path) -> tuple[int, tuple[str, ...]]:
    rows = load_postgres.load_rows(company, places.postgres_url)
    return rows, load_s3.store_backups(places, pg_dump, company.now)
