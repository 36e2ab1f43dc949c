"""Calltrack, an invented company: SQL schema, data map and a deterministic generator of people and records.

company           the whole data set: table by table, key by key, object by object
account_holders   Calltrack's own customers, with all that belongs to each
callers           people who rang or wrote to a client
person            name, e-mail, phone and address of a person, computed from a number
rows              a row type for each table of schema.sql
redis_entries     what is kept in Redis
s3_objects        what is kept in S3
random_draws      draws that depend on the seed and the person alone
vocabulary        names, towns and texts
"""

from expunge_demo.calltrack.company import Company

__all__ = ["Company"]
