"""Calls of Expunge: for a person who is signed in, and for one who follows their deletion with a key."""

import os
import secrets
import time
from urllib.parse import quote

import httpx2
from fastapi import HTTPException
from joserfc import jwk, jwt

ISSUER = os.environ.get("ISSUER", "https://app.calltrack.example")  # as Expunge's settings name this application
# Lives as long as this process. Load yours from where you keep keys; Expunge gets its public half from the JWKS.
KEY = jwk.ECKey.generate_key("P-256", auto_kid=True)
EXPUNGE = httpx2.Client(base_url=os.environ["EXPUNGE_URL"], timeout=30)


def signed(who: dict[str, str], signed_in_at: int) -> str:
    """Say who is signed in: a token for one call, good for a minute."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "expunge", "iat": now, "exp": now + 60, "jti": secrets.token_urlsafe(16)}
    return jwt.encode({"alg": "ES256", "kid": KEY.kid}, claims | {"auth_time": signed_in_at, "identifiers": who}, KEY)


def call(known: dict, method: str, path: str, credential: str, body: object = None, **headers: str) -> httpx2.Response:
    """Call Expunge for a visitor. Where it refuses, its answer says why (problem details, RFC 9457), and so do we."""
    headers |= {"authorization": f"Bearer {credential}", "x-forwarded-for": known["address"]}
    # What somebody pasted may be anything: as it is, it could not be sent, and the error would print it.
    headers = {name: quote(value.strip(), safe=" /:") for name, value in headers.items()}
    answer = EXPUNGE.request(method, path, json=body, headers=headers)
    if answer.headers.get("content-type") == "application/problem+json":
        raise HTTPException(answer.status_code, "{detail} {remedy}".format_map({"remedy": ""} | answer.json()))
    return answer.raise_for_status()
