"""Backup copies in S3."""

from expunge_connectors.s3_backups.connector import S3Backups
from expunge_connectors.s3_backups.spec import S3BackupsConnection, S3BackupsSpec

__all__ = ["S3Backups", "S3BackupsConnection", "S3BackupsSpec"]
