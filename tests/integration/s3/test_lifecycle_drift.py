"""S3: lifecycles that leave things for longer than the map declares, and the printed configuration that does not."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tenacity import wait_none
from tests.support.contract_maps import LOG, data_map
from tests.support.s3.bucket import DATA, connection
from tests.support.servers import BucketFactory

from expunge_config.datamap import DeletionRule, StartEvent
from expunge_config.datamap.data_types import Floor
from expunge_config.periods import Period
from expunge_connectors.contract import HELD, Drift, DriftKind, no_beat
from expunge_connectors.s3 import S3Spec, S3Store
from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Place:
    def __init__(self, s3: S3Client, servers: Endpoints, bucket: str, *, at_least: Floor | None = None) -> None:
        self.s3, self.bucket = s3, bucket
        collections: dict[str, Any] = {
            "folders": {"bucket": bucket, "prefix": "users/{user_id}/", **DATA},
            "faces": {"bucket": bucket, "key": "face/{email}.jpg", **DATA},
            "web": {"bucket": bucket, "prefix": "web/", "log": LOG},
        }
        spec = S3Spec.model_validate({"connector": "s3", "collections": collections})
        made = data_map({"objects": spec})
        rule = DeletionRule(start=StartEvent.COLLECTED, period=Period(years=1))
        account = made.data_types["account"].model_copy(update={"rule": rule, "at_least": at_least})
        made = made.model_copy(update={"data_types": {**made.data_types, "account": account}})
        self.store = S3Store("objects", made, connection(servers), wait=wait_none())

    def set(self, *rules: dict[str, Any]) -> None:
        self.s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": rules})  # type: ignore[typeddict-item]

    def rules(self) -> list[Any]:
        return list(self.s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"])

    def drifts(self, *held: str) -> dict[str, Drift]:
        return {one.collection: one for one in self.store.drift(held, no_beat).drifts}

    def apply(self, fix: str | None) -> None:
        """Set the configuration as it is printed: the machines of these tests have no `aws`."""
        assert fix is not None
        first, _, rest = fix.partition("\n")
        words = shlex.split(first.removesuffix(" <<'END'"))
        assert words[:3] == ["aws", "s3api", "put-bucket-lifecycle-configuration"]
        options = dict(zip(words[3::2], words[4::2], strict=True))
        assert options.pop("--bucket") == self.bucket
        assert options.pop("--lifecycle-configuration") == "file:///dev/stdin"
        size = options.pop("--transition-default-minimum-object-size", None)
        assert not options
        body, _, end = rest.rpartition("\n")
        assert end == "END"
        more: Any = {"TransitionDefaultMinimumObjectSize": size} if size else {}
        self.s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration=json.loads(body), **more)


@pytest.fixture
def plain(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> Iterator[Place]:
    made = Place(s3, servers, bucket())
    yield made
    made.store.close()


@pytest.fixture
def versioned(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> Iterator[Place]:
    made = Place(s3, servers, bucket(versioning=True))
    yield made
    made.store.close()


def rule(prefix: str, days: int, **more: Any) -> dict[str, Any]:
    return {
        "ID": f"theirs-{prefix.strip('/')}",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "Expiration": {"Days": days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
        **more,
    }


def test_the_printed_configuration_ends_the_drift(plain: Place, versioned: Place) -> None:
    for place in (plain, versioned):
        found = place.drifts()
        assert found.keys() == {"folders", "faces", "web"}
        assert "no rule ends objects below users/" in found["folders"].found
        assert found["folders"].declared == "P1Y"
        place.apply(found["faces"].fix)
        assert place.drifts() == {}, "one configuration is for all of a bucket"


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (rule("users/", 367), "objects end after 367 days"),
        (rule("users/", 30, Status="Disabled"), "(one is disabled)"),
        (rule("users/1/", 30), "(one ends some of them)"),
        (rule("users/", 30, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 400}), "uploads stay for 400 days"),
    ],
)
def test_what_is_later_disabled_or_narrower_is_drift(plain: Place, theirs: dict[str, Any], said: str) -> None:
    plain.set(theirs, rule("face/", 30), rule("web/", 30))
    before = plain.rules()
    found = plain.drifts()
    assert found.keys() == {"folders"}
    assert said in found["folders"].found
    plain.apply(found["folders"].fix)
    assert plain.drifts() == {}
    assert plain.rules()[: len(before)] == before, "their rules stay as they are"


def test_a_year_is_as_long_as_the_longest_one(plain: Place) -> None:
    plain.set(rule("users/", 366), rule("face/", 366), rule("web/", 90))
    assert plain.drifts() == {}


def test_versions_that_stay_are_drift(versioned: Place) -> None:
    short = {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}}
    long = {"NoncurrentVersionExpiration": {"NoncurrentDays": 340}}
    versioned.set(rule("users/", 30), rule("face/", 30, **long), rule("web/", 30, **short))
    found = versioned.drifts()
    assert found["folders"].found == "versions that were overwritten, deleted or hidden stay"
    assert found["faces"].found == "versions that were overwritten, deleted or hidden stay for 340 days more"
    assert found.keys() == {"folders", "faces"}
    versioned.apply(found["faces"].fix)
    assert versioned.drifts() == {}


def test_where_a_hold_keeps_something_its_rule_is_not_given(plain: Place) -> None:
    found = plain.drifts("folders")
    assert found["folders"].fix is None
    plain.apply(found["faces"].fix)
    assert plain.drifts().keys() == {"folders"}


def test_what_a_law_demands_stays_for_that_long(s3: S3Client, servers: Endpoints, bucket: BucketFactory) -> None:
    floor = Floor(period=Period(years=1), ground="A law")
    place = Place(s3, servers, bucket(), at_least=floor)
    place.apply(place.drifts()["folders"].fix)
    assert {one["Expiration"]["Days"] for one in place.rules()} == {366, 90}
    place.store.close()
    place = Place(s3, servers, bucket(versioning=True), at_least=floor)
    assert place.drifts()["folders"].fix is None
    place.store.close()


LAW = Floor(period=Period(years=1), ground="A law")
SHORT = {"NoncurrentVersionExpiration": {"NoncurrentDays": 20}}


@pytest.mark.parametrize(
    ("versioning", "theirs", "early"),
    [
        (False, rule("users/", 365), True),
        (False, rule("users/", 366), False),
        (False, rule("users/7/", 30), True),
        (False, rule("users/", 30, Status="Disabled"), False),
        (True, rule("users/", 300, **SHORT), True),
        (True, rule("users/", 350, **SHORT), False),
        (True, rule("users/", 30), False),
    ],
)
def test_what_ends_before_a_law_lets_it_go_is_too_early(
    s3: S3Client,
    servers: Endpoints,
    bucket: BucketFactory,
    *,
    versioning: bool,
    theirs: dict[str, Any],
    early: bool,
) -> None:
    """A year may have 366 days; with versions an object is gone once what was hidden is removed as well."""
    place = Place(s3, servers, bucket(versioning=versioning), at_least=LAW)
    place.set(theirs, rule("web/", 30))
    before = place.rules()
    told = [one for one in place.store.drift(("folders",), no_beat).drifts if one.kind is DriftKind.TOO_EARLY]
    assert [one.collection for one in told] == ["folders"] * early
    for one in told:
        assert f"the rule theirs-{theirs['Filter']['Prefix'].strip('/')} ends objects" in one.found
        place.apply(one.fix)
        left = place.store.drift((), no_beat).drifts
        assert not any(other.kind is DriftKind.TOO_EARLY for other in left)
        assert place.rules()[0] == {**before[0], "Expiration": {"Days": 366}}
        assert place.rules()[1] == before[1]
    place.store.close()


def test_a_rule_that_ends_other_things_too_is_left_to_the_operator(
    s3: S3Client, servers: Endpoints, bucket: BucketFactory
) -> None:
    """It would let these stay for longer."""
    place = Place(s3, servers, bucket(), at_least=LAW)
    place.set(rule("", 30))
    told = [one for one in place.store.drift((), no_beat).drifts if one.kind is DriftKind.TOO_EARLY]
    assert {one.collection: one.fix for one in told} == {"folders": None, "faces": None}
    assert "by hand" in told[0].remedy
    place.store.close()


def test_old_objects_of_a_log_are_told_with_the_age_of_the_oldest(
    plain: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a rule that ends them two days later, for it is carried out once a day; without one on the day."""
    today = plain.store.now()

    def on(days: int, *held: str) -> list[Drift]:
        monkeypatch.setattr(S3Store, "now", lambda _: today + timedelta(days=days))
        return [one for one in plain.store.drift(held, no_beat).drifts if one.records]

    for name in ("web/a", "web/b", "users/1/a"):
        plain.s3.put_object(Bucket=plain.bucket, Key=name, Body=b"x")
    assert on(89) == []
    [one] = on(90)
    assert (one.collection, one.records, one.oldest) == ("web", 2, today.date())
    assert one.found == "objects that were last written longer ago, the oldest by 90 days"
    [held] = on(90, "web")
    assert (held.fix, held.remedy) == (None, HELD)
    plain.apply(one.fix)
    assert on(91) == []
    [late] = on(92)
    assert (late.fix, "look why" in late.remedy) == (None, True)
    plain.s3.delete_object(Bucket=plain.bucket, Key="web/a")
    plain.s3.delete_object(Bucket=plain.bucket, Key="web/b")
    assert on(92) == []
