"""Who is at the other end: a session that is kept here, and a word in every form that must come back with it."""

import os
import secrets
import time
from collections import defaultdict
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request, Response

# `PLAIN_HTTP` is set by a demonstration on your own machine.
COOKIE, TLS = ("visitor", False) if "PLAIN_HTTP" in os.environ else ("__Host-visitor", True)
# The oldest first. A demonstration: yours keeps them where all its processes find them.
SESSIONS: dict[str, dict] = {}


def fresh(user: int = 0) -> dict:
    """Who signed in just now, or nobody. `key` opens the status page without an account; `csrf` is in every form."""
    words = {name: secrets.token_urlsafe(32) for name in ("session", "csrf")}
    return SESSIONS.setdefault(words["session"], words | {"user": user, "signed_in_at": int(time.time()), "key": ""})


def visitor(request: Request) -> dict:
    """Find the session. `address` is for Expunge, which counts wrong keys by it: else they are all visitors'."""
    # Expunge wants somebody who signed in 15 minutes ago at most: no session lasts longer. Nor are there very many.
    while SESSIONS and (len(SESSIONS) > 10**4 or next(iter(SESSIONS.values()))["signed_in_at"] < time.time() - 900):
        del SESSIONS[next(iter(SESSIONS))]
    known = SESSIONS.get(request.cookies.get(COOKIE)) or fresh()
    known |= {"address": request.client.host, "once": secrets.token_urlsafe(16)}
    return known


def keep(known: dict, answer: Response, **new: str) -> Response:
    """Give the cookie to the browser: it is not sent along from other sites, and scripts do not see it."""
    known |= new
    answer.set_cookie(COOKIE, known["session"], max_age=900, httponly=True, samesite="strict", secure=TLS)
    return answer


async def form(request: Request) -> dict[str, str]:
    """Read a form, if it was sent from one of our own pages. What it does not have is empty."""
    sent = defaultdict(str, parse_qsl((await request.body()).decode(errors="replace")))
    if not secrets.compare_digest(sent["csrf"].encode(), visitor(request)["csrf"].encode()):
        raise HTTPException(403, "This page has run out. Go back, load it again, and repeat what you did.")
    return sent
