"""Accounts of a SeaweedFS with fewer rights than everything, as its filer keeps them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import replace
from urllib.request import Request, urlopen

from botocore.exceptions import ClientError
from tests.support.servers import s3_client, wait_until

from expunge_config.datamap import DataMap
from expunge_connectors.s3 import S3Store
from expunge_connectors.s3.spec import S3Connection
from expunge_demo.dev_servers import Endpoints, Stack

FILER = 3
"""Which of SeaweedFS's ports is the filer's; it answers every local user."""


READING = ("Read", "List", "GetObjectLegalHold", "GetObjectRetention")


def new_account(stack: Stack) -> Endpoints:
    """Keys of an account that may do nothing yet."""
    return replace(
        stack.endpoints, s3_access_key=f"clerk-{secrets.token_hex(4)}", s3_secret_key=secrets.token_urlsafe(24)
    )


def store_of(account: Endpoints, name: str, data_map: DataMap) -> S3Store:
    """A store of the map, reached with an account's keys."""
    reached = {
        "endpoint_url": account.s3_endpoint,
        "access_key_id": account.s3_access_key,
        "secret_access_key": account.s3_secret_key,
    }
    return S3Store(name, data_map, S3Connection.model_validate(reached))


def grant(stack: Stack, account: Endpoints, buckets: Sequence[str], may_write: Sequence[str]) -> None:
    """Let an account read these buckets and write below these prefixes only, and wait until it is known.

    There is one such account at a time, beside the one that may do everything. A bucket policy would not do instead:
    that account deletes many at once in spite of it.

    Args:
        stack: The servers.
        account: Whom.
        buckets: What it may read and list.
        may_write: `BUCKET/PREFIX`.
    """
    actions = [f"{right}:{bucket}" for right in READING for bucket in buckets]
    actions += [f"Write:{place}*" for place in may_write]
    ends = stack.endpoints
    _tell(
        stack.s3.ports[FILER],
        {
            "identities": [
                _identity(ends.s3_access_key, ends.s3_secret_key, ["Admin", "Read", "Write", "List", "Tagging"]),
                _identity(account.s3_access_key, account.s3_secret_key, actions),
            ]
        },
    )
    wait_until(lambda: _known(account, buckets[0]))


def _identity(access_key: str, secret_key: str, actions: Sequence[str]) -> dict[str, object]:
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    return {"name": access_key, "credentials": credentials, "actions": list(actions)}


def _tell(filer: int, identities: dict[str, object]) -> None:
    boundary = secrets.token_hex(16)
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="identity.json"\r\n\r\n'
        f"{json.dumps(identities)}\r\n--{boundary}--\r\n"
    )
    url = f"http://127.0.0.1:{filer}/etc/iam/identity.json"
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    with urlopen(Request(url, data=body.encode(), headers=kind, method="POST"), timeout=10) as answer:
        assert answer.status in {200, 201}


def _known(ends: Endpoints, bucket: str) -> bool:
    with s3_client(ends) as client:
        try:
            client.list_object_versions(Bucket=bucket)
        except ClientError:
            return False
    return True
