"""The example's data map as text, and the loader's complaints by line."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from expunge_config.datamap import DataMap, load
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.redis.spec import RedisSpec
from expunge_connectors.s3.spec import S3Spec
from expunge_connectors.s3_backups.spec import S3BackupsSpec

EXAMPLE = Path(str(files("expunge_config.examples.calltrack") / "datamap.yaml"))


def read(path: Path) -> DataMap:
    stores = {"postgres": PostgresSpec, "redis": RedisSpec, "s3": S3Spec}
    return load(path, stores, {"s3-backups": S3BackupsSpec})


def line_of(path: Path, text: str) -> int:
    return path.read_text(encoding="utf-8").splitlines().index(text) + 1
