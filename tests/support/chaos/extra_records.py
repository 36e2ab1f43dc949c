"""What the company keeps besides: the kinds of records that the example has none of, as few as there can be.

Keys that only a SCAN finds, elements of a list, unfinished uploads (account holders); entries of a stream, fields of a
hash, objects under Object Lock (callers). Beside each there are others' records, which must stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
from tests.support.data_map_text import document_of, write_document

from expunge_demo.calltrack.s3_objects import EXPORTS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VAULT = "calltrack-vault"
"""A bucket that locks objects, which a bucket does from its making on."""
LOCKED_UNTIL = datetime(2090, 1, 1, tzinfo=UTC)
LOCK: Mapping[str, Any] = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": LOCKED_UNTIL}
LEGAL_HOLD: Mapping[str, Any] = {"ObjectLockLegalHoldStatus": "ON"}

RECENT = "recent:users"
_PAGES = "cache:home:user:"
_OF_HOLDERS = {"data_type": "account", "owner": {"controller": "calltrack", "inherited": True}}
_OF_CALLERS = {"data_type": "calls", "owner": {"controller": "client", "inherited": True}}
COLLECTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "recordings": {"consents": {"bucket": VAULT, "key": "consents/{caller_id}.wav", **_OF_CALLERS}},
    "cache": {
        "pages": {"key": "cache:{*}:user:{user_id}:{*}", "type": "string", **_OF_HOLDERS},
        "recent_users": {"key": RECENT, "type": "list", "element": "{user_id}", **_OF_HOLDERS},
        "ringing": {"key": "ringing:{controller}", "type": "stream", "entry": {"caller": "{caller_id}"}, **_OF_CALLERS},
        "labels": {"key": "labels:{controller}", "type": "hash", "hash_field": "{caller_id}", **_OF_CALLERS},
    },
}

# Of these, holders 1, 2 and 10 (1 in another chunk) and callers 2 and 8 of client 42 are erased.
PAGES = ("1", "10", "12", "21", "100")
SEEN = ("12", "1", "100", "1", "2", "21", "12", "10", "1")
UPLOADED = ("1", "12")
RANG: Mapping[str, Sequence[str]] = {"42": ("2", "20", "8", "2", "82"), "43": ("2", "8")}
LABELLED: Mapping[str, Sequence[str]] = {"42": ("2", "20", "8", "82"), "43": ("2", "8")}
CONSENTS: Mapping[str, Sequence[Mapping[str, Any]]] = {"2": (LOCK, {}), "8": ({},), "20": (LEGAL_HOLD,)}
"""Caller -> what keeps each version of their consent, oldest first."""


def page(user: int | str) -> str:
    """The key of a page that was made for somebody."""
    return f"{_PAGES}{user}:v2"


def upload(user: int | str) -> str:
    """The key of an upload that was never finished."""
    return f"users/{user}/unfinished.csv"


def consent(caller: int | str) -> str:
    """The key of a consent that somebody spoke."""
    return f"consents/{caller}.wav"


def write_map(path: Path) -> None:
    """Write the example's data map with these collections."""
    loaded = document_of()
    for store, collections in COLLECTIONS.items():
        loaded["stores"][store]["collections"] |= {name: deepcopy(one) for name, one in collections.items()}
    write_document(path, loaded)


def load(client: redis.Redis, s3: S3Client) -> None:
    """Put everything there."""
    for user in PAGES:
        client.set(page(user), f"page of {user}", ex=14 * 86_400)
    client.rpush(RECENT, *SEEN)
    for member, callers in RANG.items():
        for number, caller in enumerate(callers, 1):
            client.xadd(f"ringing:{member}", {"caller": caller, "at": str(number)}, id=f"{number}-1")
    for member, callers in LABELLED.items():
        client.hset(f"labels:{member}", mapping={caller: f"call {caller} back" for caller in callers})
    for user in UPLOADED:
        begin_upload(s3, upload(user))
    s3.create_bucket(Bucket=VAULT, ObjectLockEnabledForBucket=True)
    for caller, versions in CONSENTS.items():
        for number, kept in enumerate(versions, 1):
            s3.put_object(Bucket=VAULT, Key=consent(caller), Body=f"consent {caller}, take {number}".encode(), **kept)


def begin_upload(s3: S3Client, key: str) -> None:
    """Begin an upload of an export and send one part."""
    begun = s3.create_multipart_upload(Bucket=EXPORTS, Key=key)["UploadId"]
    s3.upload_part(Bucket=EXPORTS, Key=key, UploadId=begun, PartNumber=1, Body=f"part of {key}".encode())


def arrive_late(client: redis.Redis, s3: S3Client, holder: int) -> None:
    """Write to somebody whose erasure was stated, once more."""
    client.set(page(holder), "late")
    client.lpush(RECENT, str(holder))
    begin_upload(s3, upload(holder))


def is_sundry(key: bytes) -> bool:
    """Whether a key of Redis is one of these, and none of the example's."""
    return key.startswith((_PAGES.encode(), RECENT.encode(), b"ringing:", b"labels:"))
