"""The draft of a map for the buckets of an account: directories of persons as prefixes, other shapes as keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.s3.bucket import connection
from tests.support.servers import BucketFactory

from expunge_connectors.draft import Draftable, StoreDraft
from expunge_connectors.s3 import S3Store
from expunge_demo.dev_servers import Endpoints
from expunge_orchestrator.map_draft import render_yaml

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KNOWN = StoreDraft("main", "postgres", {"user_id": {"kind": "person", "normaliser": "integer/2"}}, ())


def test_directories_and_keys(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    assert isinstance(S3Store, Draftable)
    name, empty = bucket(), bucket()
    for user in (1, 2):
        for file in ("a.csv", f"photo-{user}.jpg", "ann-smith/x.csv"):
            s3.put_object(Bucket=name, Key=f"users/{user}/{file}", Body=b"x")
        s3.put_object(Bucket=name, Key=f"avatar/{user}.png", Body=b"x")
        s3.put_object(Bucket=name, Key=f"doc/smith-{user}.pdf", Body=b"x")
    drafted = S3Store.draft("files", connection(servers), 1000, [KNOWN])
    here = {
        (key, str(one.entries[key])): one
        for one in drafted.collections
        if one.entries["bucket"] == name
        for key in ("prefix", "key")
        if key in one.entries
    }
    assert here.keys() == {("prefix", "users/{user_id}/"), ("key", "avatar/{avatar_id}.png")}
    assert "6 of 10 names" in here["prefix", "users/{user_id}/"].questions["prefix"]
    assert drafted.identities["user_id"] == {"kind": "person", "normaliser": "integer/2"}
    assert any(note.startswith(f"{name}/doc/{{text}}-{{n}}.pdf (2 of 10") for note in drafted.notes)
    assert any("{text}-{n}.pdf" in note and "is masked as {text}" in note for note in drafted.notes)
    assert here["key", "avatar/{avatar_id}.png"].questions["key"].startswith("nothing yields avatar_id: which column")
    assert any(f"bucket {empty} is empty" in note for note in drafted.notes)
    assert "smith" not in render_yaml([drafted])
