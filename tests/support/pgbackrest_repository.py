"""A pgBackRest repository in a bucket, as the tool leaves it: catalogue, backups, WAL. Shares no code with readers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SYSTEM_MADE = datetime(2026, 1, 1, tzinfo=UTC)
SYSTEM_ID = int(SYSTEM_MADE.timestamp()) << 32 | 4242
_LETTER = {"full": "F", "diff": "D", "incr": "I"}


@dataclass(frozen=True)
class Made:
    """A backup; its label comes from its start and its full."""

    kind: str
    start: datetime
    segment: int
    prior: str | None = None
    took: timedelta = timedelta(minutes=10)
    db: int = 1
    timeline: int = 1

    @property
    def label(self) -> str:
        own = f"{self.start:%Y%m%d-%H%M%S}{_LETTER[self.kind]}"
        return own if self.prior is None else f"{self.prior.partition('_')[0]}_{own}"

    @property
    def wal(self) -> str:
        return wal(self.segment, self.timeline)

    def entry(self) -> dict[str, object]:
        found: dict[str, object] = {
            "backrest-format": 5,
            "backup-archive-start": self.wal,
            "backup-archive-stop": self.wal,
            "backup-error": False,
            "backup-lsn-start": f"0/{self.segment:X}000028",
            "backup-lsn-stop": f"0/{self.segment:X}000120",
            "backup-timestamp-start": int(self.start.timestamp()),
            "backup-timestamp-stop": int((self.start + self.took).timestamp()),
            "backup-type": self.kind,
            "db-id": self.db,
        }
        if self.prior is not None:
            found |= {"backup-prior": self.prior, "backup-reference": [self.prior]}
        return found


def wal(segment: int, timeline: int = 1) -> str:
    return f"{timeline:08X}{0:08X}{segment:08X}"


def backup_info(*backups: Made, checksum: str | None = None, form: int = 5) -> bytes:
    """The bytes of `backup.info`, with the checksum that its contents have unless another one is given."""
    sections: dict[str, dict[str, object]] = {"backrest": {"backrest-format": form, "backrest-version": "2.55.1"}}
    if backups:
        sections["backup:current"] = {one.label: one.entry() for one in sorted(backups, key=lambda one: one.label)}
    history = {
        str(number): {"db-system-id": SYSTEM_ID, "db-version": version} for number, version in ((1, "16"), (2, "17"))
    }
    sections |= {"db": {"db-id": 2, "db-system-id": SYSTEM_ID}, "db:history": dict(history)}
    whole = json.dumps(sections, separators=(",", ":"))
    right = hashlib.sha1(whole.encode()).hexdigest()
    text = "".join(
        f"[{name}]\n"
        + "".join(f"{key}={json.dumps(value, separators=(',', ':'))}\n" for key, value in of.items())
        + "\n"
        for name, of in sections.items()
    )
    return f'{text}[backrest]\nbackrest-checksum="{checksum or right}"\n'.encode()


@dataclass
class Repository:
    """One stanza in a bucket."""

    s3: S3Client
    bucket: str
    prefix: str = "pgbr/"
    stanza: str = "main"
    backups: list[Made] = field(default_factory=list)

    @property
    def backups_below(self) -> str:
        return f"{self.prefix}backup/{self.stanza}/"

    @property
    def archive_below(self) -> str:
        return f"{self.prefix}archive/{self.stanza}/"

    def put(self, key: str, body: bytes = b"x") -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def write_info(self, data: bytes | None = None) -> None:
        for name in ("backup.info", "backup.info.copy"):
            self.put(f"{self.backups_below}{name}", backup_info(*self.backups) if data is None else data)

    def create(self) -> None:
        """What stanza-create leaves."""
        self.write_info()
        self.put(f"{self.archive_below}archive.info")

    def archive(self, segment: int, timeline: int = 1, archive: str = "16-1") -> None:
        name = wal(segment, timeline)
        self.put(f"{self.archive_below}{archive}/{name[:16]}/{name}-{'0' * 40}.gz", b"wal")

    def back_up(self, one: Made) -> None:
        self.backups.append(one)
        below = f"{self.backups_below}{one.label}/"
        self.put(f"{below}backup.manifest")
        self.put(f"{below}pg_data/base/1/1259.gz", b"table")
        self.put(f"{self.backups_below}backup.history/2026/{one.label}.manifest.gz")
        self.archive(one.segment, one.timeline)
        name = wal(one.segment, one.timeline)
        self.put(f"{self.archive_below}16-1/{name[:16]}/{name}.00000028.backup")
        self.write_info()

    def expire(self, label: str) -> None:
        """As the tool does: out of the catalogue first, with all that depends on it, then files, then WAL."""
        gone = [one for one in self.backups if one.label.startswith(label) or one.prior == label]
        self.backups = [one for one in self.backups if one not in gone]
        self.write_info()
        for one in gone:
            self.remove_below(f"{self.backups_below}{one.label}/")
        fulls = [one.wal for one in self.backups if one.kind == "full"]
        for key in self.keys(self.archive_below):
            name = key.rpartition("/")[2][:24]
            if fulls and len(name) == 24 and name < min(fulls):
                self.s3.delete_object(Bucket=self.bucket, Key=key)

    def remove_below(self, prefix: str) -> None:
        for key in self.keys(prefix):
            self.s3.delete_object(Bucket=self.bucket, Key=key)

    def keys(self, prefix: str = "") -> list[str]:
        answer = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [one["Key"] for one in answer.get("Contents", [])]
