"""The blind search of S3: names, metadata and tags of all versions, delete markers and unfinished uploads."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from tenacity import wait_none
from tests.support.blind_search import EMAIL, PHONE, USER_NAME, Found, places, searched
from tests.support.contract_maps import data_map
from tests.support.s3.bucket import DATA, LOG, World, connection

from expunge_connectors.blind_search.report import Gap, Standing
from expunge_connectors.s3 import S3Spec, S3Store

UNMAPPED, MAPPED, LOG_ = Standing.UNMAPPED, Standing.MAPPED, Standing.LOG


@pytest.fixture
def place(s3, servers, bucket):
    """A versioned bucket in which `users/{user_id}/` and `face/{email}.jpg` are mapped and `logs/` is a log."""
    name = bucket(versioning=True)
    collections = {
        "folders": {"bucket": name, "prefix": "users/{user_id}/", **DATA},
        "faces": {"bucket": name, "key": "face/{email}.jpg", **DATA},
        "web": {"bucket": name, "prefix": "logs/", "log": LOG},
    }
    spec = S3Spec.model_validate({"connector": "s3", "collections": collections})
    store = S3Store("objects", data_map({"objects": spec}), connection(servers), wait=wait_none())
    yield World(s3, name, store)
    store.close()


@pytest.mark.parametrize(
    ("key", "shape", "standing"),
    [
        (f"exports/{EMAIL}.csv", "export", UNMAPPED),
        (f"old/{quote(EMAIL, safe='')}/1", "{email}", UNMAPPED),
        (f"old/2026-{USER_NAME}.pdf", "{text}", UNMAPPED),
        (f"old/{PHONE}/1.wav", "{phone}", UNMAPPED),
        (f"face/{EMAIL}.jpg", "face/{email}", MAPPED),
        (f"users/7/{EMAIL}.pdf", "users/{n}/{email}", MAPPED),
        (f"users/x/{EMAIL}.pdf", "{email}", UNMAPPED),
        (f"logs/{EMAIL}", "logs/{email}", LOG_),
    ],
)
def test_a_name_of_an_object_may_be_a_value_and_is_masked(place, key, shape, standing):
    place.put("something")
    place.put(key)
    report = searched(place.connector)
    [found] = places(report)
    assert (found.standing, found.records) == (standing, 1)
    assert shape in found.name
    assert found.name.startswith(f"{place.bucket}/")
    assert not re.search("nora|17655501234", repr(report))


@pytest.mark.parametrize(
    "more",
    [
        {"Metadata": {"uploaded-by": EMAIL}},
        {"Metadata": {"note": f"=?UTF-8?Q?{EMAIL.replace('@', '=40')}?="}},
        {"ContentDisposition": f'attachment; filename="{USER_NAME}.pdf"'},
        {"Tagging": f"owner={quote(EMAIL, safe='')}"},
    ],
    ids=["metadata", "quoted", "header", "tag"],
)
def test_metadata_and_tags_are_searched(place, more):
    place.s3.put_object(Bucket=place.bucket, Key="doc/1.pdf", Body=b"x", **more)
    place.put("doc/2.pdf")
    assert places(searched(place.connector)) == [Found(f"{place.bucket}/doc/{{n}}.pdf", UNMAPPED, None, 1)]


def test_older_versions_delete_markers_and_unfinished_uploads_are_searched(place):
    place.s3.put_object(Bucket=place.bucket, Key="doc/1.pdf", Body=b"x", Metadata={"by": EMAIL})
    place.put("doc/1.pdf")
    place.put(f"a/{EMAIL}")
    place.delete(f"a/{EMAIL}")
    place.s3.create_multipart_upload(Bucket=place.bucket, Key=f"up/{USER_NAME}/1")
    report = searched(place.connector)
    assert sum(one.records for one in places(report)) == 4
    assert len(report.findings) == 3


def test_what_was_not_reached_is_said(place):
    place.put(f"a/{EMAIL}")
    report = searched(place.connector, seconds=0)
    assert Gap(place.bucket, "not in time: not all names were searched") in report.gaps


def test_an_object_whose_name_is_a_value_is_not_asked_for(place, monkeypatch):
    asked: list[str] = []
    service = place.connector._service
    call = service.call

    def recorded(where, operation, **arguments):
        asked.append(f"{where} {operation} {arguments}")
        return call(where, operation, **arguments)

    monkeypatch.setattr(service, "call", recorded)
    place.put(f"a/{EMAIL}")
    place.put("b/1")
    assert len(places(searched(place.connector))) == 1
    assert any("head_object" in one and "b/1" in one for one in asked)
    assert not [one for one in asked if EMAIL in one]
