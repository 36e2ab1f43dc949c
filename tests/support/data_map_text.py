"""Data maps as documents and text: the example's, changed for a test, and the lines that the loader names."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from expunge_config.datamap import DataMap, load
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.redis.spec import RedisSpec
from expunge_connectors.s3.spec import S3Spec
from expunge_connectors.s3_backups.spec import S3BackupsSpec

EXAMPLE = Path(str(files("expunge_demo.calltrack") / "datamap.yaml"))

# PyYAML's parser and emitter in Python take half a second for the example's map; the ones in C may be missing.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def document_of(path: Path = EXAMPLE) -> dict[str, Any]:
    """A data map as a document of its own, which a test may change."""
    return parsed(path.read_text(encoding="utf-8"))


def parsed(text: str) -> dict[str, Any]:
    """The same of its text."""
    document: dict[str, Any] = pickle.loads(_parsed(text))
    return document


@cache
def _parsed(text: str) -> bytes:
    return pickle.dumps(yaml.load(text, Loader=_LOADER))


def write_document(path: Path, document: Mapping[str, Any]) -> Path:
    """Write a data map; returns the path."""
    text = yaml.dump(dict(document), Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> DataMap:
    stores = {"postgres": PostgresSpec, "redis": RedisSpec, "s3": S3Spec}
    return load(path, stores, {"s3-backups": S3BackupsSpec})


def line_of(path: Path, text: str) -> int:
    return path.read_text(encoding="utf-8").splitlines().index(text) + 1
