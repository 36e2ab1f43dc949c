"""S3: many names share a listing, and it shows neither more nor less than a listing of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.s3.bucket import ACTIONS, SCOPE, World

from expunge_connectors.contract import RecordCounts, Subject, SubjectKey, no_beat
from expunge_connectors.s3 import range_listing
from expunge_connectors.s3.found_versions import Target
from expunge_connectors.s3.range_listing import entries_by_target

Listed = set[tuple[str, str]]


def fill(made: World, keys: Sequence[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(made.put, keys))


def people(keys: Sequence[str], namespace: str = "object") -> list[Subject]:
    return [Subject(number, frozenset({SubjectKey(namespace, key)})) for number, key in enumerate(keys)]


@contextmanager
def requests(made: World) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """(operation, parameters) of what boto3 really sends."""
    sent: list[tuple[str, dict[str, Any]]] = []
    events = made.connector._service._client().meta.events

    def note(params: dict[str, Any], model: Any, **_: object) -> None:
        sent.append((model.name, params))

    events.register("provide-client-params.s3", note)
    try:
        yield sent
    finally:
        events.unregister("provide-client-params.s3", note)


def listings(sent: Sequence[tuple[str, dict[str, Any]]]) -> int:
    return sum(name == "ListObjectVersions" for name, _ in sent)


@pytest.mark.heavy
def test_names_that_lie_together_share_pages(versioned: World) -> None:
    keys = [f"rec/{number:04}.ogg" for number in range(400)]
    fill(versioned, [*keys, *(key + "2" for key in keys)])
    chunk, cutoff = people(keys), versioned.connector.now()
    with requests(versioned) as sent:
        counts = versioned.connector.count(chunk, SCOPE, cutoff)
        counting = listings(sent)
        versioned.connector.erase(chunk, ACTIONS, SCOPE, cutoff, no_beat)
    assert {tallies["files"] for tallies in counts.values()} == {RecordCounts(due=1)}
    assert counting <= 3
    assert listings(sent) <= 6
    assert versioned.keys() == [key + "2" for key in keys]


@pytest.mark.heavy
def test_names_far_apart_are_not_listed_through(versioned: World) -> None:
    """One in fifty is ours: the pages would be full of others'."""
    keys = [f"rec/{number:04}.ogg" for number in range(1000)]
    fill(versioned, keys)
    chunk, cutoff = people(keys[::50]), versioned.connector.now()
    with requests(versioned) as sent:
        counts = versioned.connector.count(chunk, SCOPE, cutoff)
    assert {tallies["files"] for tallies in counts.values()} == {RecordCounts(due=1)}
    shared = [parameters["MaxKeys"] for name, parameters in sent if "MaxKeys" in parameters]
    assert shared == [range_listing.PROBE]
    assert listings(sent) <= len(chunk) + 1


def test_the_way_between_two_names_is_jumped_over(versioned: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(range_listing, "PROBE", 40)
    monkeypatch.setattr(range_listing, "PAGE", 40)
    keys = [f"{folder}/{number:02}" for folder in "ac" for number in range(30)]
    fill(versioned, [*keys, *(f"b/{number:03}" for number in range(600))])
    chunk, cutoff = people(keys), versioned.connector.now()
    with requests(versioned) as sent:
        counts = versioned.connector.count(chunk, SCOPE, cutoff)
    assert {tallies["files"] for tallies in counts.values()} == {RecordCounts(due=1)}
    assert listings(sent) <= 3


def test_prefixes_share_pages(versioned: World) -> None:
    ids = [str(number) for number in range(1, 41)]
    fill(versioned, [f"users/{user}/{name}" for user in ids for name in "abc"])
    fill(versioned, ["users/10", "users/1", "users/100/a"])
    chunk, cutoff = people(ids, "user_id"), versioned.connector.now()
    with requests(versioned) as sent:
        counts = versioned.connector.count(chunk, SCOPE, cutoff)
    assert {tallies["folders"] for tallies in counts.values()} == {RecordCounts(due=3)}
    assert listings(sent) <= 3
    versioned.connector.erase(chunk, ACTIONS, SCOPE, cutoff, no_beat)
    assert versioned.keys() == ["users/1", "users/10", "users/100/a"]


def test_a_name_that_the_shared_listing_conceals_is_asked_for_by_itself(versioned: World) -> None:
    keys = [f"rec/{number:02}" for number in range(20)]
    fill(versioned, keys)
    concealed = keys[7]

    def conceal(parsed: dict[str, Any], **_: object) -> None:
        if parsed.get("Prefix") != concealed:
            parsed["Versions"] = [one for one in parsed.get("Versions", []) if one["Key"] != concealed]

    client = versioned.connector._service._client()
    client.meta.events.register("after-call.s3.ListObjectVersions", conceal)
    chunk, cutoff = people(keys), versioned.connector.now()
    versioned.connector.erase(chunk, ACTIONS, SCOPE, cutoff, no_beat)
    assert versioned.keys() == []


def test_an_old_version_that_counting_does_not_show_is_still_due(versioned: World) -> None:
    """Law 1: verification looks by another road. A marker lies above the version, so a HEAD alone would miss it."""
    keys = [f"rec/{number:02}" for number in range(20)]
    versioned.put(keys[7])
    versioned.delete(keys[7])
    hidden = [version for key, version in versioned.listed()]
    fill(versioned, keys)

    def conceal(parsed: dict[str, Any], **_: object) -> None:
        if "KeyMarker" in parsed:  # the shared listings of erasing begin in the middle
            for part in range_listing.PARTS:
                parsed[part] = [one for one in parsed.get(part, []) if one["VersionId"] not in hidden]

    client = versioned.connector._service._client()
    client.meta.events.register("after-call.s3.ListObjectVersions", conceal)
    chunk, cutoff = people(keys), versioned.connector.now()
    versioned.connector.erase(chunk, ACTIONS, SCOPE, cutoff, no_beat)
    assert versioned.keys() == [keys[7]] * 2
    left = versioned.connector.verify(chunk, SCOPE, cutoff)
    assert {number for number, tallies in left.items() if tallies["files"].due} == {7}


def test_verifying_believes_a_shared_listing_only_if_it_is_whole(versioned: World) -> None:
    keys = [f"rec/{number:03}" for number in range(0, 300, 15)]
    fill(versioned, keys[1:])
    versioned.delete(keys[0])  # a marker over nothing
    chunk, cutoff = people(keys), versioned.connector.now()
    with requests(versioned) as sent:
        counts = versioned.connector.verify(chunk, SCOPE, cutoff)
    assert {tallies["files"] for tallies in counts.values()} == {RecordCounts(due=1)}
    assert listings(sent) == 1
    fill(versioned, [f"rec/{number:03}" for number in range(300) if number % 15])
    with requests(versioned) as sent:
        counts = versioned.connector.verify(chunk, SCOPE, cutoff)
    assert {tallies["files"] for tallies in counts.values()} == {RecordCounts(due=1)}
    assert listings(sent) == 1 + len(keys)
    assert sum(name == "HeadObject" for name, _ in sent) == len(keys)


@pytest.mark.heavy
def test_a_listing_that_shows_any_part_is_what_listing_each_shows(
    versioned: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small pages that end anywhere, between the versions of one key too; neighbours of every kind."""
    keys = [f"{head}{body}{tail}" for head in ("r/", "r/a/", "s/") for body in ("1", "10", "ä", "é b") for tail in
            ("", "x", "/x", ".ogg")]  # fmt: skip
    for _ in range(3):
        fill(versioned, keys)
    for key in keys[::5]:
        versioned.delete(key)
    everything = versioned.listed()
    monkeypatch.setattr(range_listing, "FEW", 1)

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.sampled_from([*keys, "r/0", "r/11", "t"]), min_size=1, unique=True),
        st.integers(5, 13), st.sampled_from([3, 500]), st.booleans(),
    )  # fmt: skip
    def compare(names: list[str], page: int, length: int, below: bool) -> None:  # noqa: FBT001 - drawn
        monkeypatch.setattr(range_listing, "PROBE", page)
        monkeypatch.setattr(range_listing, "PAGE", page)
        monkeypatch.setattr(range_listing, "LENGTH", length)
        wanted = [
            Target(number, "c", versioned.bucket, name, is_prefix=False, certain=True)
            for number, name in enumerate(names)
        ]
        if below:
            folders = [Target(99, "d", versioned.bucket, one, is_prefix=True, certain=True) for one in ("r/a/", "s/")]
            wanted += folders
        found = {
            target: {(entry.key, entry.version) for entry in entries}
            for target, entries in entries_by_target(versioned.connector._service, wanted, no_beat)
        }
        assert found == {target: {one for one in everything if target.covers(one[0])} for target in wanted}

    compare()


def test_more_versions_of_one_key_than_a_page_holds(versioned: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(range_listing, "PROBE", 7)
    monkeypatch.setattr(range_listing, "PAGE", 7)
    keys = [f"rec/{number:02}" for number in range(20)]
    fill(versioned, [*keys, *([keys[9]] * 40)])
    chunk, cutoff = people(keys), versioned.connector.now()
    with requests(versioned) as sent:
        counts = versioned.connector.count(chunk, SCOPE, cutoff)
    assert [tallies["files"].due for tallies in counts.values()] == [1] * 9 + [41] + [1] * 10
    assert keys[9] in [parameters["Prefix"] for name, parameters in sent if name == "ListObjectVersions"]
