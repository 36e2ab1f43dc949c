"""Data map options of a backup place in S3."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from expunge_config.datamap import BackupSpec, Text
from expunge_connectors.s3.spec import Bucket, S3Connection

S3BackupsConnection = S3Connection


class S3BackupsSpec(BackupSpec):
    """Copies under one prefix of a bucket.

    Attributes:
        kind: What the copies are; `pg_dump` and `rdb` are logical (no dead rows), `basebackup` is physical.
        control: Key of an object that is always there, below the prefix: a listing's positive control. It is no copy.
        lag_hours: Allowance for the storage's own delay after a due time. AWS gives no bound.
        longest_run_hours: How long before Last-Modified the reading of the data may have begun.
    """

    connector: Literal["s3-backups"]
    bucket: Bucket
    prefix: Text
    kind: Literal["pg_dump", "basebackup", "rdb", "objects"]
    control: Text | None = None
    lag_hours: int = Field(default=48, ge=0, le=24 * 60)
    longest_run_hours: int = Field(default=24, ge=0, le=24 * 30)

    @model_validator(mode="after")
    def _control_is_listed_with_the_copies(self) -> Self:
        # Elsewhere it would prove another listing, not the one that lacks a copy (law 8).
        if self.control is not None and not self.control.startswith(self.prefix):
            raise ValueError("control must begin with prefix: it has to stand in the same listing as the copies")
        return self
