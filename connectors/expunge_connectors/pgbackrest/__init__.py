"""pgBackRest repositories in S3: each backup and its WAL as copies, with the days of the tool's retention. Read-only.

connector    the contract of backup places
spec         what the data map says
repository   what lies where in a repository, and reading it
copies       what lies there as copies, each with its end (pure)
bucket_end   when what the tool removes is gone from this bucket (pure)
inspection   `check`
"""

from expunge_connectors.pgbackrest.connector import PgBackRest
from expunge_connectors.pgbackrest.spec import PgBackRestConnection, PgBackRestSpec

__all__ = ["PgBackRest", "PgBackRestConnection", "PgBackRestSpec"]
