"""Limits by address: what is public, and guesses, before they cost anything. Health checks are always answered."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.types import Receive, Scope, Send
from tests.support.api import ACCOUNT, APP, AUDIENCE, ApiHarness, bearer, once, open_api
from tests.support.api_permissions import EVERYBODY, MAY
from tests.support.installation import CompanyStack
from tests.support.opendsr import certificate_in
from tests.support.servers import Keyspace

from expunge_config.api_settings import ApiSettings, Issuer
from expunge_orchestrator.api import middleware, rate_limit, refusal_pace
from expunge_orchestrator.api.app import build
from expunge_orchestrator.api.problems import ProblemError
from expunge_orchestrator.api.rate_limit import RateLimiter
from expunge_orchestrator.api.state import build_state
from expunge_orchestrator.auth import jwks
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.cli.serve import configured
from expunge_orchestrator.requests.submission import FOLLOW_UP

PUBLIC, UNKNOWN = 20, 2
HEALTH = ("/healthz", "/readyz")
OPEN = [
    path
    for name, may in MAY.items()
    if may == EVERYBODY and (path := name.split()[1].format(tile="tile/0/000")) not in HEALTH
]
_PLACES = itertools.count()
GUESS = bearer("xk_0123456789ab_guess")
_SECRET = "0123456789abcdef_" + "A" * 43
GUESSES = {
    "none": {},
    "token": GUESS,
    "API key": bearer(f"xk_{_SECRET}"),
    "follow-up key": bearer(f"{FOLLOW_UP}_{_SECRET}"),
}


@pytest.fixture(scope="module")
def api(calltrack: CompanyStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHarness]:
    home = tmp_path_factory.mktemp("limits")
    limits = {"calls_per_minute_public": PUBLIC, "calls_per_minute_unknown": UNKNOWN}
    with open_api(calltrack, home, api={"opendsr": certificate_in(home), **limits}) as made:
        yield made


@pytest.fixture(autouse=True)
def refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of refusals are waited for here."""
    monkeypatch.setattr(refusal_pace, "HELD_BACK", 0.0)
    monkeypatch.setattr(refusal_pace, "PACE", 0.0)


def at(api: ApiHarness, address: str) -> TestClient:
    """Somebody who calls from there."""
    app = api.client.app
    assert isinstance(app, FastAPI)
    return TestClient(app, raise_server_exceptions=False, client=(address, 50000))


def anew(api: ApiHarness) -> TestClient:
    """Somebody from where nobody called before."""
    return at(api, str(ip_address("10.1.0.0") + next(_PLACES)))


def last_of(client: TestClient, path: str, number: int, headers: dict[str, str] | None = None) -> Response:
    """The first answer that refuses, of so many calls a minute twice over: a minute may end among them."""
    for _ in range(2 * number + 1):
        answer = client.get(path, headers=headers)
        if answer.status_code == 429:
            break
    return answer


def limited(**settings: object) -> RateLimiter:
    return RateLimiter(ApiSettings.model_validate(settings), b"key")


async def disconnected(limiter: RateLimiter) -> None:
    """Ends the connections to Redis, as the end of the process does."""
    await limiter._shared["actor"]._store._backend.get_client().connection_pool.aclose()  # type: ignore[attr-defined]


def assert_refused(answer: Response) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    assert answer.json()["type"].endswith("/too-many-calls")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long refusals are held back, which nobody waits for."""
    told: list[float] = []

    async def hold_back(_scope: Scope, seconds: float) -> None:
        told.append(seconds)

    monkeypatch.setattr(middleware, "hold_back", hold_back)
    monkeypatch.setattr(refusal_pace, "PACE", 5.0)
    return told


def test_an_answer_for_too_many_calls_is_held_back(
    api: ApiHarness, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who asks again as soon as it is refused would take a processor from all others."""
    monkeypatch.setattr(refusal_pace, "HELD_BACK", 0.25)
    here = anew(api)
    assert here.get("/v1/erasure_requests", headers=GUESS).status_code == 401
    assert pauses == []
    assert_refused(last_of(here, "/v1/erasure_requests", UNKNOWN, GUESS))
    assert pauses == [0.25]


@pytest.mark.parametrize("path", ["/v1/erasure_requests", "/v1/erasure_requests/rq_0", "/nowhere", "/v1/batches?a=1"])
@pytest.mark.parametrize("kind", GUESSES)
def test_refusals_of_who_is_not_known_are_told_one_after_another(
    api: ApiHarness, pauses: list[float], path: str, kind: str
) -> None:
    """Of one address and kind; whoever is known, and others, wait for none of them."""
    here = anew(api)
    for _ in range(refusal_pace.AT_ONCE + 1):
        here.get(path, headers=GUESSES[kind])
    assert pauses == []
    for number in range(1, 3):
        here.get(path, headers=GUESSES[kind])
        assert 5.0 * number - 5.0 < pauses.pop() <= 5.0 * number
    assert here.get("/v1/erasure_requests/rq_0", headers=api.staff("operator")).status_code == 404
    anew(api).get(path, headers=GUESSES[kind])
    here.get(path, headers=GUESSES["token" if kind == "none" else "none"])
    assert here.get("/healthz").status_code == 200
    assert pauses == []


def test_refusals_of_whom_nobody_can_judge_are_told_one_after_another_too(
    api: ApiHarness, pauses: list[float], tmp_path: Path
) -> None:
    """While an issuer's keys cannot be had. They are no guesses, and so never too many; whoever is known waits not."""
    nowhere = Issuer(kind="person", issuer=APP, audience=AUDIENCE, jwks_file=tmp_path / "nowhere")
    state = build_state(api.installation.workspace, lambda: api.at)
    object.__setattr__(state.issuers, "keys", {**state.issuers.keys, "app": jwks.keys_of(nowhere)})
    with TestClient(build(state), client=(f"192.0.2.{next(_PLACES)}", 1)) as here:
        path, token = "/v1/me/erasure_requests", api.person(user_id=1)
        for number in range(refusal_pace.AT_ONCE + 3):
            assert here.get(path, headers=token).status_code == 503
            assert len(pauses) == max(0, number - refusal_pace.AT_ONCE)
        assert 5.0 < pauses[-1] <= 10.0
        assert here.get("/v1/erasure_requests", headers=api.key(Role.OPERATOR)).status_code == 200
        assert len(pauses) == 2


@pytest.mark.parametrize("path", [*OPEN, "/opendsr/v2/openapi.json"])
def test_what_is_public_is_limited_by_address(api: ApiHarness, path: str) -> None:
    """A credential that nobody looks at makes no difference; others, and health checks, are answered."""
    here, elsewhere = at(api, f"10.0.0.{OPEN.index(path) if path in OPEN else 99}"), at(api, "10.0.1.1")
    assert_refused(last_of(here, path, PUBLIC, GUESS))
    assert elsewhere.get("/v1/trust").status_code == 200
    for health in HEALTH:
        assert last_of(here, health, PUBLIC).status_code == 200
    operator = api.staff("operator")
    assert here.get("/v1/erasure_requests", headers=operator).status_code == 200


@pytest.mark.parametrize("path", [*OPEN, *HEALTH, "/openapi.json", "/opendsr/v2/openapi.json", "/v1/batches"])
@pytest.mark.parametrize("more", ["%0A", "%0D", "%00", "%7F"])
def test_no_path_of_ours_holds_a_control_character(api: ApiHarness, path: str, more: str) -> None:
    """A router's `$` matches before a last newline, so that what is public would be answered without a limit."""
    client = anew(api)
    for wrong in (f"{path}{more}", f"{path[:2]}{more}{path[2:]}"):
        answer = client.post(wrong) if path == "/v1/batches" else client.get(wrong)
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (404, "not-found"), wrong


@pytest.mark.parametrize("kind", GUESSES)
def test_guesses_are_limited_by_kind_and_address(api: ApiHarness, kind: str) -> None:
    """Good credentials are never locked out, and wrong ones of another kind are still told why."""
    place = list(GUESSES).index(kind)
    here, elsewhere = at(api, f"10.0.2.{place}"), at(api, "10.0.3.1")
    for _ in range(10 * UNKNOWN):
        answer = last_of(here, "/v1/erasure_requests", UNKNOWN, GUESSES[kind])
    assert_refused(answer)
    for good in (api.staff("operator"), api.key(Role.OPERATOR)):
        assert here.get("/v1/erasure_requests", headers=good).status_code == 200
    other = GUESSES[list(GUESSES)[place - 1]]
    assert [one.get("/v1/erasure_requests", headers=other).status_code for one in (here, elsewhere)] == [401, 401]


def test_nobody_with_a_follow_up_key_is_locked_out_by_bad_ones(api: ApiHarness) -> None:
    """Through the application's page all come from one address: thousands of guesses, and those who are meant."""
    here, follows = anew(api), "/v1/follow_up/erasure_request"
    (holder,) = api.installation.calltrack.take_holders()
    wish = {"headers": once(api.person(user_id=holder)), "json": ACCOUNT}
    good = bearer(here.post("/v1/me/erasure_requests", **wish).json()["follow_up_token"])
    for _ in range(10):
        assert_refused(last_of(here, follows, UNKNOWN, GUESSES["follow-up key"]))
        assert here.get(follows, headers=good).status_code == 200
        assert here.get("/v1/me/erasure_requests", headers=api.person(user_id=holder)).status_code == 200


@pytest.mark.parametrize(
    "path", ["/healthz?a=1", "/v1/erasure_requests?a=1", "/nowhere", "/v1/batches/", "/v1/log/x", "/v1/trust%0A"]
)
def test_refusals_without_a_credential_are_limited_by_address(api: ApiHarness, path: str) -> None:
    """Whatever is wrong with a call. Good ones from there are answered, and whoever has a credential is told why."""
    here = anew(api)
    for _ in range(10 * UNKNOWN):
        answer = last_of(here, path, UNKNOWN)
    assert_refused(answer)
    assert anew(api).get(path).status_code in {400, 404, 422}
    operator = api.staff("operator")
    assert here.get("/healthz").status_code == 200
    assert here.get("/v1/erasure_requests", headers=operator).status_code == 200
    assert here.get("/v1/erasure_requests/rq_0", headers=operator).status_code == 404


@pytest.fixture
def same_minute() -> None:
    """What is counted next is counted in one minute."""
    left = 60 - time.time() % 60
    if left < 5:
        time.sleep(left)


@pytest.mark.usefixtures("same_minute")
@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff:0:0:1", True),
        ("2001:DB8:0:0::5", "2001:db8::1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("192.0.2.7", "192.0.2.8", False),
        ("", "unknown", True),
        ("unknown", "0" * 10_000, True),
    ],
)
def test_whom_an_address_is_counted_as(one: str, other: str, *, together: bool) -> None:
    """Whoever has a network of IPv6 has 2**64 addresses."""

    async def counting() -> None:
        limiter = limited(calls_per_minute_unknown=1, calls_per_minute_public=1)
        for count in (partial(limiter.count_guess, "token"), limiter.count_public):
            await count(one)
            with pytest.raises(ProblemError) if together else nullcontext():
                await count(other)

    asyncio.run(counting())


@pytest.mark.usefixtures("same_minute")
def test_processes_count_together_in_redis(keyspace: Keyspace) -> None:
    """And it learns neither who called nor from where."""

    async def counting() -> None:
        one, other = (limited(calls_per_minute=3, rate_limit_redis=keyspace.url) for _ in range(2))
        for limiter in (one, other, one):
            await limiter.count_call("us_0123456789abcdef")
        for limiter in (one, other):
            with pytest.raises(ProblemError) as refused:
                await limiter.count_call("us_0123456789abcdef")
            assert 1 <= int(dict(refused.value.headers)["Retry-After"]) <= 60
        await other.count_call("us_fedcba9876543210")
        await one.count_public("192.0.2.7")
        for limiter in (one, other):
            await disconnected(limiter)

    asyncio.run(counting())
    client = keyspace.client
    there = {key: (client.get(key), client.ttl(key)) for key in client.scan_iter()}
    assert sorted(count for count, _ in there.values()) == [b"1", b"1", b"5"]
    assert all(0 < life <= 60 for _, life in there.values())
    assert not any(told in key for key in there for told in (b"0123456789abcdef", b"192.0.2.7"))


@pytest.mark.usefixtures("same_minute")
def test_a_redis_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process counts alone until it looks again."""
    monkeypatch.setattr(rate_limit, "REDIS_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"

        async def counting() -> None:
            limiter = limited(calls_per_minute=2, rate_limit_redis=url)
            for _ in range(2):
                await limiter.count_call("somebody")
            with pytest.raises(ProblemError):
                await limiter.count_call("somebody")
            await disconnected(limiter)

        asyncio.run(counting())
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # it was asked once, not for each call
            silent.accept()


@pytest.mark.parametrize(
    ("proxies", "peer", "expected"),
    [
        ((), "127.0.0.1", "127.0.0.1"),
        (("10.0.0.0/8",), "127.0.0.1", "127.0.0.1"),
        (("10.0.0.0/8", "127.0.0.1"), "10.1.2.3", "192.0.2.7"),
        (("127.0.0.1",), "127.0.0.1", "192.0.2.7"),
    ],
)
def test_only_named_proxies_say_for_whom_they_call(
    monkeypatch: pytest.MonkeyPatch, proxies: tuple[str, ...], peer: str, expected: str
) -> None:
    """Whatever the server's library takes from the environment, or believes by itself."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    seen: list[str] = []

    async def looking(scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    config = configured(looking, "127.0.0.1", 0, ApiSettings.model_validate({"proxies": proxies}))
    config.load()
    TestClient(config.loaded_app, client=(peer, 1)).get("/", headers={"X-Forwarded-For": "1.1.1.1, 192.0.2.7"})
    assert seen == [expected]
