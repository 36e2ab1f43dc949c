"""Backup copies in S3: every version below a prefix, when it expires, and what prevents that. Read-only.

connector         the contract of backup places
spec              what the data map says
bucket_reader     bucket settings and versions, read
bucket_versions   what these are (data)
expiry_forecast   when S3 removes a version (pure)
inspection        `check`
"""

from expunge_connectors.s3_backups.connector import S3Backups
from expunge_connectors.s3_backups.spec import S3BackupsConnection, S3BackupsSpec

__all__ = ["S3Backups", "S3BackupsConnection", "S3BackupsSpec"]
