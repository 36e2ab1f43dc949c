"""Who is at the other end: a signed cookie, and a word in every form that must come back with it."""

import os
import secrets
import time
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

SIGNED_IN_FOR = 900  # seconds; Expunge wants somebody who signed in just now, 15 minutes ago at most
TLS = "PLAIN_HTTP" not in os.environ  # which a demonstration on your own machine sets
COOKIE = "__Host-visitor" if TLS else "visitor"
SECRET = OctKey.import_key(os.environ.get("COOKIE_SECRET") or secrets.token_hex(32))


def fresh(user: int = 0) -> dict:
    """Who signed in just now, or nobody. `key` opens the status page without an account; `csrf` is in every form."""
    return {"user": user, "signed_in_at": int(time.time()), "key": "", "csrf": secrets.token_urlsafe(16)}


def visitor(request: Request) -> dict:
    """Read the cookie. `address` is for Expunge, which counts wrong keys by it: else they are all visitors'."""
    try:
        known = jwt.decode(request.cookies.get(COOKIE, ""), SECRET, algorithms=["HS256"]).claims
    except (JoseError, ValueError):  # not signed by us
        known = fresh()
    user = known["user"] if time.time() - known["signed_in_at"] < SIGNED_IN_FOR else 0
    return known | {"user": user, "address": request.client.host}


def keep(known: dict, answer: Response) -> Response:
    """Give the cookie to the browser: it is not sent along from other sites, and scripts do not see it."""
    answer.set_cookie(COOKIE, jwt.encode({"alg": "HS256"}, known, SECRET), httponly=True, samesite="strict", secure=TLS)
    return answer


async def form(request: Request) -> dict[str, str]:
    """Read a form, if it was sent from one of our own pages."""
    sent = dict(parse_qsl((await request.body()).decode()))
    if not secrets.compare_digest(sent.get("csrf", "").encode(), visitor(request)["csrf"].encode()):
        raise HTTPException(403, "This page has run out. Go back, load it again, and repeat what you did.")
    return sent
