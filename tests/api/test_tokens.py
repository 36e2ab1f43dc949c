"""Tokens that must not be believed, each changed in one thing from one that is; and keys that are none any more."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from fastapi.testclient import TestClient
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.support.api import APP, AUDIENCE, ApiHarness, TokenSigner, bearer, once, open_api, raw, signed_by_hand
from tests.support.installation import CompanyStack
from tests.support.store_inspector import StoreInspector
from tests.support.store_inspector import changed as differs

from expunge_config.api_settings import ApiSettings, Issuer
from expunge_orchestrator.api import refusal_pace
from expunge_orchestrator.api.app import build
from expunge_orchestrator.api.state import build_state
from expunge_orchestrator.auth import api_keys, jwks
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.errors import KeysError
from expunge_orchestrator.ledger import token_uses
from expunge_orchestrator.ledger.request_tables import request

URL = "/v1/me/erasure_requests"
ACCOUNT = {"scope": "account"}
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def api(calltrack: CompanyStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHarness]:
    with open_api(calltrack, tmp_path_factory.mktemp("tokens"), api={"calls_per_minute_unknown": 100000}) as made:
        yield made


def refused(api: ApiHarness, token: str, why: str = "credential-refused") -> None:
    """Refused for reading and for writing, with nothing made of it."""
    before = made(api)
    for answer in (
        api.client.get(URL, headers=bearer(token)),
        api.client.post(URL, json=ACCOUNT, headers=once(bearer(token))),
    ):
        assert answer.status_code == 401, answer.text
        assert answer.json()["type"].rsplit("/", 1)[1] == why
        assert answer.headers["www-authenticate"] == "Bearer"
    assert made(api) == before


def made(api: ApiHarness) -> int:
    with api.installation.workspace.ledger.begin() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(request)).scalar_one()


def changed(**values: object) -> Change:
    return lambda claims: claims.update(values)


def moved(name: str, seconds: int) -> Change:
    return lambda claims: claims.update({name: claims[name] + seconds})


def without(name: str) -> Change:
    return lambda claims: claims.pop(name)


def life(issued: int, ends: int) -> Change:
    return lambda claims: claims.update(exp=claims["iat"] + ends, iat=claims["iat"] + issued)


REFUSED = "credential-refused"
CLAIMS: dict[str, tuple[Change, str]] = {
    "expired": (life(-200, -11), "token-expired"),
    "not issued yet": (life(60, 120), REFUSED),
    "not yet valid": (lambda claims: claims.update(nbf=claims["iat"] + 60), REFUSED),
    "good for too long": (life(0, 301), "token-too-long-lived"),
    "no end": (without("exp"), REFUSED),
    "no issue": (without("iat"), REFUSED),
    "an end in words": (changed(exp="4102444800"), REFUSED),
    "an end beyond time": (changed(exp=10**18), REFUSED),
    "an end that is none": (changed(exp=float("nan")), REFUSED),
    "an end that is true": (changed(exp=True), REFUSED),
    "foreign issuer": (changed(iss="https://app.calltrack.example.evil.example"), REFUSED),
    "issuer with a slash": (changed(iss="https://app.calltrack.example/"), REFUSED),
    "no issuer": (without("iss"), REFUSED),
    "a list of issuers": (changed(iss=["https://app.calltrack.example"]), REFUSED),
    "the staff's issuer": (changed(iss="https://login.calltrack.example"), REFUSED),
    "foreign audience": (changed(aud="billing"), REFUSED),
    "foreign audiences": (changed(aud=["billing", "shop"]), REFUSED),
    "an audience that contains ours": (changed(aud="not expunge"), REFUSED),
    "no audience": (without("aud"), REFUSED),
    "never signed in": (without("auth_time"), REFUSED),
    "signed in too long ago": (moved("auth_time", -900), "sign-in-too-old"),
    "signed in tomorrow": (moved("auth_time", 86400), REFUSED),
    "no jti": (without("jti"), REFUSED),
    "short jti": (changed(jti="1"), REFUSED),
    "no identifiers": (without("identifiers"), REFUSED),
    "empty identifiers": (changed(identifiers={}), REFUSED),
    "a list of identifiers": (changed(identifiers=["user_id"]), REFUSED),
    "an identity that no session proves": (changed(identifiers={"caller_id": "1"}), "identifier-not-accepted"),
    "an unknown identity": (changed(identifiers={"user_id": "1", "shoe": "42"}), "identifier-not-accepted"),
    "an empty one": (changed(identifiers={"user_id": " "}), REFUSED),
    "one that is no text": (changed(identifiers={"user_id": ["1", "2"]}), REFUSED),
    "one that is true": (changed(identifiers={"user_id": True}), REFUSED),
    "no number": (changed(identifiers={"user_id": "1 OR 1=1"}), REFUSED),
    "half a character": (changed(identifiers={"user_id": "1", "email": "\ud800@mail.example"}), REFUSED),
    "no character": (changed(identifiers={"user_id": "1", "email": "a\0@mail.example"}), REFUSED),
    "nobody for good": (changed(identifiers={"email": "ann@mail.example"}), "no-person-identifier"),
    "a contact of lines": (changed(contact="a@mail.example\r\nBcc: b@mail.example"), REFUSED),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims(api: ApiHarness, name: str) -> None:
    change, why = CLAIMS[name]
    claims = api.claims(user_id="1")
    change(claims)
    refused(api, signed_by_hand({"alg": "ES256", "kid": api.app.key.kid}, claims, api.app.key), why)


def test_the_unchanged_one_is_believed(api: ApiHarness) -> None:
    for audience in (AUDIENCE, ["billing", AUDIENCE]):
        claims = {**api.claims(user_id="1"), "aud": audience}
        token = signed_by_hand({"alg": "ES256", "kid": api.app.key.kid}, claims, api.app.key)
        assert api.client.get(URL, headers=bearer(token)).status_code == 200


def test_a_shared_secret_is_no_key(api: ApiHarness) -> None:
    """The classic: HMAC under what is public anyway."""
    public = api.app.key.as_pem(private=False)
    private_key = api.app.key.public_key
    der = private_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    jwk = json.dumps(api.app.key.as_dict(private=False)).encode()
    for algorithm, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        for secret in (public, public.strip(), der, jwk, b"", b"secret"):
            told = raw({"alg": algorithm, "kid": api.app.key.kid}, api.claims(user_id="1")).rsplit(".", 1)[0]
            mac = urlsafe_b64encode(hmac.digest(secret, told.encode(), digest)).decode().rstrip("=")
            refused(api, f"{told}.{mac}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "ES384", "ES512", "RS256", "PS256", "EdDSA",
                                        "es256", "ES256K", None, 1, ["ES256"]])  # fmt: skip
def test_another_algorithm(api: ApiHarness, algorithm: object) -> None:
    header = {"alg": algorithm, "kid": api.app.key.kid}
    refused(api, raw(header, api.claims(user_id="1")))
    refused(api, signed_by_hand(header, api.claims(user_id="1"), api.app.key))


def test_other_keys(api: ApiHarness) -> None:
    """A key of one's own, under every name, in every place that a header has for one."""
    stranger = ECKey.generate_key("P-256", {"kid": api.app.key.kid}, private=True)
    public = stranger.as_dict(private=False)
    for more in (
        {},
        {"kid": "../../../../dev/null"},
        {"kid": "' UNION SELECT 'x"},
        {"kid": ""},
        {"kid": None},
        {"kid": 1},
        {"kid": [api.app.key.kid]},
        {"kid": api.idp.key.kid},
        {"jwk": public},
        {"jwk": public, "kid": public["kid"]},
        {"jku": "http://127.0.0.1:9/keys"},
        {"x5u": "http://127.0.0.1:9/keys"},
        {"x5c": ["MIIB"]},
    ):
        header = {"alg": "ES256", "kid": api.app.key.kid, **more}
        refused(api, signed_by_hand(header, api.claims(user_id="1"), stranger))
    rsa = RSAKey.generate_key(2048, {"kid": api.app.key.kid}, private=True)
    for algorithm in ("RS256", "PS256"):
        header = {"alg": algorithm, "kid": api.app.key.kid}
        refused(api, jwt.encode(header, api.claims(user_id="1"), rsa, algorithms=[algorithm]))
    # The staff's key signs no person, and the application's no staff.
    claims = api.claims(user_id="1")
    refused(api, signed_by_hand({"alg": "ES256", "kid": api.idp.key.kid}, claims, api.idp.key))
    staff = {**claims, "iss": api.idp.issuer, "roles": ["admin"], "controllers": "*"}
    refused(api, signed_by_hand({"alg": "ES256", "kid": api.app.key.kid}, staff, api.app.key))


def test_headers_that_ask_for_more(api: ApiHarness) -> None:
    key, claims = api.app.key, api.claims(user_id="1")
    for more in ({"crit": ["exp"]}, {"crit": ["urn:x"], "urn:x": 1}, {"crit": []}, {"b64": False, "crit": ["b64"]}):
        refused(api, signed_by_hand({"alg": "ES256", "kid": key.kid, **more}, claims, key))


def test_other_forms(api: ApiHarness) -> None:
    key, claims = api.app.key, api.claims(user_id="1")
    header = {"alg": "ES256", "kid": key.kid}
    good = signed_by_hand(header, claims, key)
    told, _, signature = good.rpartition(".")
    for text in (
        "x", "..", "...", "a.b.c", f"{good}.", f".{good}", told, f"{told}.", f"{good}{good}", f"{good}=",
        f"{told}.{signature[:-4]}", f"{told}.{'A' * 86}", f"{told}.{signature}AAAA", f"{told}.{signature[::-1]}",
        raw(b"[]", claims, b"x"), raw(b"null", claims, b"x"), raw(header, b"[]", b"x"), raw(header, b"\xff", b"x"),
        raw(header, b"[" * 5000, b"x"), raw(b"[" * 5000, claims, b"x"),
        signed_by_hand(header, b"[]", key), signed_by_hand(header, b"7", key), signed_by_hand(header, b"", key),
    ):  # fmt: skip
        refused(api, text)
    refused(api, signed_by_hand(header, {**claims, "padding": "x" * 9000}, key))
    refused(api, signed_by_hand(header, json.dumps(claims).encode()[:-1] + b',"exp":1e999}', key))


def test_what_names_a_claim_twice_is_refused(api: ApiHarness) -> None:
    """Also where both say the same, and whichever of the two another parser would read (RFC 7519, 4; RFC 7515, 4)."""
    key, claims = api.app.key, api.claims(user_id="1")
    header, told = {"alg": "ES256", "kid": key.kid}, json.dumps(claims).encode()
    for name, value in (
        ("iss", claims["iss"]), ("exp", claims["exp"]), ("identifiers", claims["identifiers"]),
        ("identifiers", {"user_id": "2"}), ("iss", "https://evil.example"), ("nonce", 1),
    ):  # fmt: skip
        member = f'"{name}": {json.dumps(value)}'.encode()
        refused(
            api, signed_by_hand(header, told[:-1] + b", " + member + (b", " + member) * (name == "nonce") + b"}", key)
        )
        refused(
            api, signed_by_hand(header, b"{" + member + b", " + (member + b", ") * (name == "nonce") + told[1:], key)
        )
    inside = told.replace(b'"user_id": "1"', b'"user_id": "2", "user_id": "1"')
    escaped = told.replace(b'"user_id": "1"', b'"user\\u005fid": "2", "user_id": "1"')
    for one in (inside, escaped):
        assert one != told
        refused(api, signed_by_hand(header, one, key))
    for member in ('"alg":"none"', '"alg":"ES256"', f'"kid":"{key.kid}"', '"typ":"JWT","typ":"JWT"'):
        for text in (f'{{"alg":"ES256","kid":"{key.kid}",{member}}}', f'{{{member},"alg":"ES256","kid":"{key.kid}"}}'):
            refused(api, signed_by_hand(text.encode(), claims, key))  # type: ignore[arg-type] # bytes as they are
    assert api.client.get(URL, headers=bearer(signed_by_hand(header, told, key))).status_code == 200


def test_encrypted_ones(api: ApiHarness) -> None:
    secret = OctKey.generate_key(256)
    inner = api.app.sign(api.claims(user_id="1"))
    token = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM", "cty": "JWT"}, inner.encode(), secret)
    refused(api, token)


def test_credentials_in_other_clothes(api: ApiHarness) -> None:
    token = api.app.sign(api.claims(user_id="1"))
    for header in (token, f"Basic {token}", "Bearer", "Bearer ", f"Bearer{token}", f"Token {token}"):
        assert api.client.get(URL, headers={"Authorization": header}).status_code == 401
    in_the_query = api.client.get(URL, params={"access_token": token})
    assert (in_the_query.status_code, token in in_the_query.text) == (400, False)  # no such parameter is known
    assert api.client.get(URL, headers={"Cookie": f"Authorization=Bearer {token}"}).status_code == 401


def test_staff_is_no_person_and_a_person_no_staff(api: ApiHarness) -> None:
    for headers in (api.staff("admin"), api.staff("operator"), api.key(Role.OPERATOR)):
        answer = api.client.post(URL, json=ACCOUNT, headers=once(headers))
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (403, "role-missing")
    claims = {**api.claims(user_id="1"), "roles": ["admin", "operator"], "controllers": "*"}
    answer = api.client.get("/v1/erasure_requests", headers=bearer(api.app.sign(claims)))
    assert answer.status_code == 403
    moment = int(api.at.timestamp())
    smuggled = {"iss": api.idp.issuer, "aud": AUDIENCE, "iat": moment, "exp": moment + 60, "sub": "x"}
    token = bearer(api.idp.sign({**smuggled, "identifiers": {"user_id": "1"}, "roles": ["person"]}))
    assert api.client.get(URL, headers=token).status_code == 403


def test_one_token_two_calls_at_once(api: ApiHarness) -> None:
    """Of different calls with one token, made at the same moment, one is done and the rest are refused."""
    (holder,) = api.installation.calltrack.take_holders()
    token = api.person(user_id=holder)
    keys = [{**token, "Idempotency-Key": f"call-{number}"} for number in range(8)]
    before = made(api)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda headers: api.client.post(URL, json=ACCOUNT, headers=headers), keys))
    assert sorted(one.status_code for one in answers) == [201] + [401] * 7
    assert made(api) == before + 1
    # The same call again is the same call, however often.
    done = next(number for number, one in enumerate(answers) if one.status_code == 201)
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda _: api.client.post(URL, json=ACCOUNT, headers=keys[done]), range(8)))
    assert {(one.status_code, one.json()["id"]) for one in again} == {(200, answers[done].json()["id"])}


def test_a_used_token_is_remembered_until_it_has_run_out(api: ApiHarness) -> None:
    (holder,) = api.installation.calltrack.take_holders()
    token = api.person(user_id=holder)
    assert api.client.get(URL, headers=token).status_code == 200
    with api.installation.workspace.ledger.begin() as connection:
        token_uses.forget_expired(connection, api.at + timedelta(seconds=130))
    answer = api.client.post(URL, json=ACCOUNT, headers=once(token))
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (401, "token-replayed")


def test_keys_that_are_none(api: ApiHarness) -> None:
    workspace = api.installation.workspace
    with workspace.ledger.begin() as connection:
        secret, key = api_keys.issue(
            connection,
            roles=[Role.AUDITOR],
            controllers=None,
            holder=None,
            expires_at=api.at + timedelta(hours=1),
            by="test",
            at=api.at,
        )
    prefix, identifier, rest = secret.split("_", 2)
    asked = lambda text: api.client.get("/v1/erasure_requests", headers=bearer(text))  # noqa: E731
    assert asked(secret).status_code == 200
    wrong = [
        f"{prefix}_{identifier}_{secrets.token_urlsafe(32)}",
        f"{prefix}_{secrets.token_hex(8)}_{rest}",
        f"fu_{identifier}_{rest}",
        f"zz_{identifier}_{rest}",
        f"{prefix}_{identifier.upper()}_{rest}" if identifier.upper() != identifier else f"{secret}x",
        f"{secret} ",
        f"{prefix}_{identifier}_{hashlib.sha256(rest.encode()).hexdigest()[:43]}",
    ]
    answers = [asked(text) for text in wrong]
    assert [one.status_code for one in answers[:5]] == [401] * 5
    assert len({one.content for one in answers[:5]}) == 1
    api.at += timedelta(hours=1)
    try:
        assert asked(secret).status_code == 401
    finally:
        api.at -= timedelta(hours=1)
    assert asked(secret).status_code == 200
    with workspace.ledger.begin() as connection:
        api_keys.revoke(connection, key.uid, api.at)
    assert asked(secret).status_code == 401


@contextmanager
def key_server() -> Iterator[tuple[str, dict[str, Any]]]:
    """An issuer's address for its keys, what it answers (`body`, `status`, `location`), how often it was `asked`."""
    state: dict[str, Any] = {"body": b"", "status": 200, "asked": 0}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state["asked"] += 1
            if "silent" in state:
                state["silent"].wait(60)
            self.send_response(state["status"])
            if "location" in state:
                self.send_header("Location", state["location"])
            self.send_header("Content-Length", str(len(state["body"])))
            self.end_headers()
            self.wfile.write(state["body"])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/keys", state
        finally:
            server.shutdown()


def test_calls_share_one_fetch() -> None:
    """A call that is given up does not end it; what no set has is not asked for again at once."""
    signer, asked = TokenSigner("https://app.example"), 0

    async def calling() -> None:
        answered = asyncio.Event()

        async def fetch() -> bytes:
            nonlocal asked
            asked += 1
            await answered.wait()
            return published(signer)

        keys = jwks.JwksCache(fetch)
        first, *others = [asyncio.create_task(keys.current(signer.key.kid, nullcontext())) for _ in range(20)]
        await asyncio.sleep(0)
        first.cancel()
        answered.set()
        assert [[key.kid for key in one.keys] for one in await asyncio.gather(*others)] == [[signer.key.kid]] * 19
        for number in range(20):
            await keys.current(f"unknown {number}", nullcontext())

    asyncio.run(calling())
    assert asked == 1


def test_whose_key_is_known_does_not_wait_for_a_slow_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for again meanwhile. Only where nobody has asked for a while a call waits: a key may be gone."""
    moment = [1000.0]
    monkeypatch.setattr(jwks.time, "monotonic", lambda: moment[0])
    signer, new, asked = TokenSigner("https://app.example"), TokenSigner("https://app.example"), 0

    async def calling() -> None:
        slow, sets = asyncio.Event(), [published(signer), published(signer, new), published(new)]
        slow.set()

        async def fetch() -> bytes:
            nonlocal asked
            asked += 1
            await slow.wait()
            return sets.pop(0)

        async def known(one: TokenSigner) -> bool:
            return one.key.kid in {key.kid for key in (await keys.current(one.key.kid, nullcontext())).keys}

        keys = jwks.JwksCache(fetch)
        assert await known(signer)
        slow.clear()
        moment[0] += jwks.GOOD_FOR + 1
        asking = [asyncio.create_task(known(one)) for one in [signer] * 20 + [new, signer]]
        for _ in range(20):
            await asyncio.sleep(0)
        assert [one.done() for one in asking] == [True] * 20 + [False, True]
        slow.set()
        assert all(await asyncio.gather(*asking))
        assert asked == 2
        moment[0] += 2 * jwks.GOOD_FOR + 1
        assert not await known(signer), "a key that was taken out long ago was believed once more"

    asyncio.run(calling())


def test_a_key_set_that_is_too_large_or_elsewhere_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = TokenSigner("https://app.example")
    with key_server() as (url, state):
        issuer = Issuer(kind="person", issuer=signer.issuer, audience=AUDIENCE, jwks_url=url)  # type: ignore[arg-type]
        current = lambda: asyncio.run(jwks.keys_of(issuer).current(None, nullcontext()))  # noqa: E731
        state.update(body=published(signer))
        assert [one.kid for one in current().keys] == [signer.key.kid]
        state.update(location=url, status=302)
        with pytest.raises(KeysError):
            current()
        assert state["asked"] == 2
        state.update(status=200, body=published(signer) + b" " * jwks.MAX_BYTES)
        with pytest.raises(KeysError):
            current()
        monkeypatch.setattr(jwks, "TIMEOUT", 0.3)
        state.update(body=published(signer), silent=threading.Event())
        with pytest.raises(KeysError):
            current()
        state["silent"].set()


def test_a_key_set_that_names_a_member_twice_or_is_nested_too_deeply_is_none() -> None:
    signer = TokenSigner("https://app.example")
    good = published(signer)
    twice = (
        good[:-1] + b', "keys": []}',
        b'{"keys": [], ' + good[1:],
        good.replace(b'"kid":', b'"kid": "another", "kid":'),
        b"[" * 100_000,
    )
    with key_server() as (url, state):
        issuer = Issuer(kind="person", issuer=signer.issuer, audience=AUDIENCE, jwks_url=url)  # type: ignore[arg-type]
        for body in twice:
            assert body != good
            state.update(body=body)
            with pytest.raises(KeysError):
                asyncio.run(jwks.keys_of(issuer).current(None, nullcontext()))
        assert state["asked"] == len(twice)


def published(*signers: TokenSigner) -> bytes:
    return json.dumps({"keys": [one.key.as_dict(private=False) for one in signers]}).encode()


def soon(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline


def odd_keys() -> dict[str, Any]:
    """Members of a set of keys that nobody here can read."""
    good = {**ECKey.generate_key("P-256", private=False).as_dict(private=False), "kid": "odd"}
    return {
        "EC without a curve": {name: one for name, one in good.items() if name != "crv"},
        "EC of a curve that nobody knows": {**good, "crv": "P-999"},
        "EC beside its curve": {**good, "x": good["y"]},
        "OKP of a kind that nobody knows": {"kty": "OKP", "crv": "Z", "x": "AA"},
        "RSA without its exponent": {"kty": "RSA", "n": "AQ"},
        "RSA of two bytes": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        "RSA that is even": {"kty": "RSA", "n": "4" * 342, "e": "Ag"},
        "a name that is a number": {**good, "kid": 5},
        "a name that is null": {**good, "kid": None},
        "a use that is a number": {**good, "use": 7},
        "a kind that is a list": {"kty": ["EC"]},
        "a kind that is new": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        "a shared secret": {"kty": "oct", "k": "AA"},
        "a text": "key",
        "null": None,
    }


def test_a_key_that_cannot_be_read_takes_no_other_one_with_it() -> None:
    """RFC 7517, 5. Issuers publish keys of new kinds before anybody signs with them."""
    signer = TokenSigner(APP)
    good = signer.key.as_dict(private=False)
    for name, odd in odd_keys().items():
        for keys in ([good, odd], [odd, good]):
            found = jwks.public_only(json.dumps({"keys": keys}).encode())
            assert [one.kid for one in found.keys] == [signer.key.kid], name
    unread = [one for name, one in odd_keys().items() if name.startswith(("EC", "OKP", "RSA"))]
    with pytest.raises(ValueError, match="no key of the set"):
        jwks.public_only(json.dumps({"keys": unread}).encode())


def test_keys_change_at_the_issuer(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key is fetched when it is first seen; one that was taken out is refused after the next fetch."""
    moment = [1000.0]
    monkeypatch.setattr(jwks.time, "monotonic", lambda: moment[0])
    old, new = TokenSigner(api.app.issuer), TokenSigner(api.app.issuer)
    with key_server() as (url, state):
        issuer = Issuer(kind="person", issuer=api.app.issuer, audience=AUDIENCE, jwks_url=url)  # type: ignore[arg-type]
        installation = build_state(api.installation.workspace, lambda: api.at)
        keys = jwks.keys_of(issuer)
        object.__setattr__(installation.issuers, "by_name", {"app": issuer})
        object.__setattr__(installation.issuers, "keys", {"app": keys})
        with TestClient(build(installation)) as client:
            asked = lambda signer: client.get(URL, headers=bearer(signer.sign(api.claims(user_id="1"))))  # noqa: E731
            state.update(status=500)
            answer = asked(old)
            assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "keys-unavailable")
            assert (asked(old).status_code, state["asked"]) == (503, 1)  # nobody waits for it again and again
            moment[0] += jwks.NOT_BEFORE + 1
            state.update(status=200, body=b'{"keys": [7, {"kty": "oct", "k": "c2VjcmV0", "kid": "x"}]}')
            assert asked(old).status_code in {401, 503}
            moment[0] += jwks.NOT_BEFORE + 1
            state.update(body=published(old))
            assert asked(old).status_code == 200
            assert asked(new).status_code == 401  # asked for a moment ago
            moment[0] += jwks.NOT_BEFORE + 1
            state.update(body=published(old, new))
            assert asked(new).status_code == 200
            state.update(body=published(new))
            moment[0] += jwks.GOOD_FOR + 1
            assert asked(new).status_code == 200  # nobody waits whose key is known
            soon(lambda: asked(old).status_code == 401)
            assert asked(new).status_code == 200
            state.update(status=500)
            moment[0] += jwks.GOOD_FOR + 1
            assert asked(new).status_code == 200  # what was fetched is good for a while
            moment[0] += jwks.BELIEVED_FOR
            assert asked(new).status_code == 503


def test_a_key_that_could_not_be_looked_up_is_not_refused(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The issuer has a new key, and its set cannot be had: 503, and no guess. Whose key is known gets in."""
    moment = [1000.0]
    monkeypatch.setattr(jwks.time, "monotonic", lambda: moment[0])
    old, new = TokenSigner(api.app.issuer), TokenSigner(api.app.issuer)
    with key_server() as (url, state):
        issuer = Issuer(kind="person", issuer=api.app.issuer, audience=AUDIENCE, jwks_url=url)  # type: ignore[arg-type]
        installation = build_state(api.installation.workspace, lambda: api.at)
        object.__setattr__(installation.issuers, "by_name", {"app": issuer})
        object.__setattr__(installation.issuers, "keys", {"app": jwks.keys_of(issuer)})
        with TestClient(build(installation)) as client:
            asked = lambda signer: client.get(URL, headers=bearer(signer.sign(api.claims(user_id="1"))))  # noqa: E731
            state.update(body=published(old))
            assert asked(old).status_code == 200
            moment[0] += jwks.NOT_BEFORE + 1
            state.update(status=500)
            for _ in range(3):
                answer = asked(new)
                assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "keys-unavailable")
                assert "Retry-After" in answer.headers
            assert (asked(old).status_code, state["asked"]) == (200, 2)
            state.update(status=200, body=published(old, new))
            moment[0] += jwks.NOT_BEFORE + 1
            assert asked(new).status_code == 200
            moment[0] += jwks.NOT_BEFORE + 1
            assert asked(TokenSigner(api.app.issuer)).status_code == 401


def test_a_person_and_somebody_elses_address(api: ApiHarness, inspector: StoreInspector) -> None:
    """The application asserts an id and an address that disagree: ambiguous (ADR 3), and nothing is touched."""
    holders = {one.user.id: one.user for one in api.installation.calltrack.company.holders()}
    one, other = api.installation.calltrack.take_holders(2)
    was = inspector.contents()
    for scope in ("account", "information"):
        token = api.person(user_id=one, email=holders[other].email)
        answer = api.client.post(URL, json={"scope": scope, "waive_grace": True}, headers=once(token))
        assert answer.status_code == 201, answer.text
        api.work()
        told = api.client.get(f"{URL}/{answer.json()['id']}", headers=api.person(user_id=one)).json()
        assert told["state"] == "ambiguous"
        api.settle()
    assert differs(was, inspector.contents()) == {}


def test_settings_name_public_keys_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        Issuer(kind="person", issuer="x", audience="y", jwks_file=tmp_path, algorithms=("HS256",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="exactly one"):
        ApiSettings(issuers={"x": {"kind": "person", "issuer": "x", "audience": "y"}})  # type: ignore[dict-item]


def test_who_waits_for_a_slow_key_set_keeps_nobody_else_waiting(
    api: ApiHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where calls of the address are looked at one after another, for the number of tokens that were refused."""
    monkeypatch.setattr(refusal_pace, "PACE", 3600 / refusal_pace.AT_ONCE)
    monkeypatch.setattr("expunge_orchestrator.api.middleware.hold_back", _no_pause)
    monkeypatch.setattr(jwks, "TIMEOUT", 3600.0)  # it answers when it is told to
    other, answer = TokenSigner("https://slow.example"), threading.Event()
    with key_server() as (url, state):
        slow = Issuer(kind="person", issuer=other.issuer, audience=AUDIENCE, jwks_url=url)  # type: ignore[arg-type]
        installation = build_state(api.installation.workspace, lambda: api.at)
        object.__setattr__(installation.issuers, "by_name", {**installation.issuers.by_name, "slow": slow})
        object.__setattr__(installation.issuers, "keys", {**installation.issuers.keys, "slow": jwks.keys_of(slow)})
        with TestClient(build(installation)) as client, ThreadPoolExecutor() as pool:

            def asked(signer: TokenSigner) -> int:
                token = signer.sign({**api.claims(user_id="1"), "iss": signer.issuer})
                return client.get(URL, headers=bearer(token)).status_code

            for _ in range(refusal_pace.AT_ONCE + 2):
                assert asked(TokenSigner(api.app.issuer)) == 401
            state.update(body=published(other), silent=answer)
            try:
                waits = [pool.submit(asked, one) for one in (other, TokenSigner(other.issuer))]
                soon(lambda: state["asked"] == 1)
                others = [pool.submit(asked, one) for one in (api.app, TokenSigner(api.app.issuer), api.app)]
                assert [one.result(20) for one in others] == [200, 401, 200]
                assert not any(one.done() for one in waits)
            finally:
                answer.set()
            assert [one.result(20) for one in waits] == [200, 401]


async def _no_pause(_scope: object, _seconds: float) -> None:
    """A refusal is told at once."""
