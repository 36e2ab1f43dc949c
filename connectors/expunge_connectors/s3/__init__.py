"""S3 and services that speak its protocol."""

from expunge_connectors.s3.connector import S3Store
from expunge_connectors.s3.spec import ObjectSpec, S3Connection, S3Spec

__all__ = ["ObjectSpec", "S3Connection", "S3Spec", "S3Store"]
