"""Data map options of a pgBackRest repository in S3."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from expunge_config.datamap import BackupSpec, Model
from expunge_config.datamap.base import IsoPeriod
from expunge_config.periods import Period
from expunge_connectors.backup_catalogues.pgbackrest_retention import Policy
from expunge_connectors.backup_catalogues.pgbackrest_retention import Schedule as Pace
from expunge_connectors.s3.spec import Bucket, S3Connection

PgBackRestConnection = S3Connection

Stanza = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9!_.*'()-]+/)*$", max_length=500)]


class Retention(Model):
    """What the tool's settings say: `repo-retention-full`, `repo-retention-full-type`, `repo-retention-diff`."""

    full: int = Field(ge=1, le=9_999_999)
    type: Literal["count", "time"] = "count"
    diff: int | None = Field(default=None, ge=1, le=9_999_999)

    @property
    def policy(self) -> Policy:
        """As the rules take it."""
        return Policy(self.full, self.type, self.diff)


class Schedule(Model):
    """How often backups are made.

    Attributes:
        full_every: The longest time from one full backup to the next.
        backup_every: The same of backups of any kind, each of which expires what is due; default: as the full ones.
    """

    full_every: IsoPeriod
    backup_every: IsoPeriod | None = None

    @field_validator("full_every", "backup_every")
    @classmethod
    def _some_days(cls, period: Period | None) -> Period | None:
        most = 3660
        if period is not None and not 1 <= period.shortest <= period.longest <= most:
            raise ValueError("must be between one day and ten years")
        return period

    def pace(self, lag: timedelta) -> Pace:
        """As the rules take it."""
        often = self.backup_every or self.full_every
        full, most = (timedelta(days=days) for days in (self.full_every.shortest, self.full_every.longest))
        return Pace(full, most, min(timedelta(days=often.longest), most), lag)


class PgBackRestSpec(BackupSpec):
    """One stanza of one repository.

    Attributes:
        prefix: `repo-path` without its first slash, and with one at its end; empty for `/`.
        retention: As the tool is set up; without it no copy has a day.
        schedule: As backups are run; without it no copy has a day.
        lag_hours: How much later than the schedule says a backup may be complete, and have expired what is due.
        longest_run_hours: How long a backup takes at most, until its history file is archived.
    """

    connector: Literal["pgbackrest"]
    bucket: Bucket
    prefix: Prefix = ""
    stanza: Stanza
    retention: Retention | None = None
    schedule: Schedule | None = None
    lag_hours: int = Field(default=48, ge=0, le=24 * 60)
    longest_run_hours: int = Field(default=24, ge=0, le=24 * 30)

    @property
    def backups_below(self) -> str:
        """Where the stanza's backups lie."""
        return f"{self.prefix}backup/{self.stanza}/"

    @property
    def archive_below(self) -> str:
        """Where its WAL lies."""
        return f"{self.prefix}archive/{self.stanza}/"
