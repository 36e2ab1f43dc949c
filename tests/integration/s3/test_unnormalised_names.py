"""Names of objects in another spelling than the normalised one: a sample tells, how many and never which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.contract_maps import CLIENT
from tests.support.s3.bucket import DATA, LOG, SCOPE, person, swept, world
from tests.support.servers import BucketFactory

from expunge_connectors.contract import Severity
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ADA, TYPED = "ada@x.example", "Ada@X.example"


def more(bucket: str) -> dict[str, dict[str, object]]:
    """Collections beside `folders` (by an id) and `faces`."""
    return {
        "files": {"bucket": bucket, "key": "{object}", **DATA},  # can name anything, and takes nothing from the others
        "mails": {"bucket": bucket, "prefix": "mails/{email}/", **DATA},
        "shops": {"bucket": bucket, "prefix": "shops/{controller}/{email}/in/", **DATA, "owner": CLIENT},
        "log": {"bucket": bucket, "prefix": "face/old/", "log": LOG},
    }


def test_names_as_they_were_typed(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    name = bucket()

    def put(email: str) -> None:
        for key in (f"face/{email}.jpg", f"mails/{email}/a", f"mails/{email}/b/{TYPED}", f"shops/7/{email}/in/1"):
            s3.put_object(Bucket=name, Key=key, Body=b"x")

    put(ADA)
    for key in (f"users/7/{TYPED}", "users/Ada/x", f"face/old/{TYPED}.jpg", TYPED):
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    assert swept(servers, name, more=more(name)) == []
    put(TYPED)
    found = swept(servers, name, more=more(name))
    assert {(one.severity, one.code) for one in found} == {(Severity.ERROR, "other-spelling")}
    told = {one.collection: one.message for one in found}
    assert told.keys() == {"faces", "mails", "shops"}
    assert "1 of 2 names" in told["faces"]
    assert "2 of 4 names" in told["mails"]
    assert "objects below mails/{email}/" in told["mails"]
    assert "ada" not in repr(found).lower().replace(name, ""), "a value was told"
    here = world(s3, servers, name)
    [tallies] = here.connector.count([person(1, email=ADA)], SCOPE, here.connector.now()).values()
    assert tallies["faces"].due + tallies["faces"].newer == 1, "so it is no false alarm"
    here.connector.close()


def test_names_behind_many_others_are_looked_at(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    name = bucket()
    for key in (*(f"a/{number}" for number in range(5)), f"face/{TYPED}.jpg"):
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    assert "other-spelling" in {one.code for one in swept(servers, name, rows=3)}
