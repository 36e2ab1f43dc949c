"""Who is at the other end: a session that is kept here, and a word in every form that must come back with it."""

import os
import secrets
import time
from collections import defaultdict
from urllib.parse import parse_qsl, quote

from fastapi import HTTPException, Request, Response

# `PLAIN_HTTP` is set by a demonstration on your own machine.
COOKIE, TLS = ("visitor", False) if "PLAIN_HTTP" in os.environ else ("__Host-visitor", True)
# A demonstration: yours keeps them where all its processes find them.
SESSIONS: dict[str, dict] = {}


def fresh(user: int = 0, key: str = "") -> dict:
    """Begin a session: of who signed in just now, or gave the key that opens the status page without an account."""
    words = {name: secrets.token_urlsafe(32) for name in ("session", "csrf")} | {"of": user or key, "key": key}
    # The last four of each account and of each key are kept: beginning many ends nobody else's.
    for one in [one for one in list(SESSIONS.values()) if one["of"] == words["of"]][:-3]:
        SESSIONS.pop(one["session"], None)
    return SESSIONS.setdefault(words["session"], words | {"user": user, "signed_in_at": int(time.time())})


def visitor(request: Request) -> dict:
    """Find the session. Nothing is kept here of who has none: else looking often enough would end other people's."""
    # Expunge wants somebody who signed in 15 minutes ago at most: no session lasts longer.
    for one in [one for one in list(SESSIONS.values()) if one["signed_in_at"] < time.time() - 900]:
        SESSIONS.pop(one["session"], None)
    word = quote(request.cookies.get(COOKIE) or secrets.token_urlsafe(32))
    # Without a session the cookie is itself the word of the forms: other sites do not know it. No session is called so.
    known = SESSIONS.get(word) or {"session": word, "csrf": word, "user": 0, "signed_in_at": 0, "key": ""}
    # The address is for Expunge, which counts wrong keys by it: else they are all visitors'.
    return known | {"address": request.client.host, "once": secrets.token_urlsafe(16)}


def keep(known: dict, answer: Response, **new: str) -> Response:
    """Give the cookie to the browser: it is not sent along from other sites, and scripts do not see it."""
    SESSIONS.get(known["session"], {}).update(new)
    answer.set_cookie(COOKIE, known["session"], max_age=900, httponly=True, samesite="strict", secure=TLS)
    return answer


async def form(request: Request) -> dict[str, str]:
    """Read a form, if it is short and was sent from one of our own pages. What it does not have is empty."""
    body = await request.body() if int(request.headers.get("content-length", 9 * 1024)) < 8 * 1024 else b""
    sent = defaultdict(str, parse_qsl(body.decode(errors="replace")))
    if not secrets.compare_digest(sent["csrf"].encode(), visitor(request)["csrf"].encode()):
        raise HTTPException(403, "This page has run out, or what you sent is too long. Go back and load it again.")
    return sent
