"""An account-settings page on which people delete their account, by way of Expunge."""

import json
import os
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Annotated

import psycopg
from expunge_client import KEY, call, httpx2, signed
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from visitor import SESSIONS, form, fresh, keep, visitor

HERE = Path(__file__).parent
CSP, GUARDS = "Content-Security-Policy", {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
POLICY = {CSP: "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"}
WHAT = {"account": "Your account", "information": "Your messages and exported files"}  # the map's self_service.scopes
# Expunge's word for where a request is, and the page that tells it; while it is at work, another one does.
PAGES = dict.fromkeys(("erased", "partially-erased", "settling", "settled", "not-found"), "deleted")
PAGES |= dict.fromkeys(("denied", "ambiguous", "on-hold", "failed"), "stuck")
PAGES |= {"scheduled": "pending", "cancelled": "kept"}
Known, Sent = Annotated[dict, Depends(visitor)], Annotated[dict[str, str], Depends(form)]
app = FastAPI(openapi_url=None)
app.mount("/static", StaticFiles(directory=HERE / "static"))
app.get("/.well-known/jwks.json")(lambda: {"keys": [KEY.as_dict(private=False)]})


def accounts(*ids: int) -> list[tuple]:
    """Your own table of accounts: those of these ids that are open."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as database:
        query = "SELECT id, email, full_name FROM users WHERE id = ANY(%s) AND status = 'active' ORDER BY id"
        return database.execute(query, (list(ids),)).fetchall()


def token(known: Known) -> str:
    """Assert who is signed in: by the id that is never used again, and by the e-mail address."""
    for user, email, _name in accounts(known["user"]):
        return signed({"user_id": str(user), "email": email}, known["signed_in_at"])
    raise HTTPException(401, "You are not signed in. Please sign in first.")


def fill(template: str, **values: object) -> str:
    """Fill a template; what is not called html_… is escaped."""
    text = (HERE / "templates" / template).read_text(encoding="utf-8")
    return Template(text).substitute({k: v if k.startswith("html_") else escape(str(v)) for k, v in values.items()})


def show(known: Known, page: str, status: int = 200, **values: object) -> Response:
    """Answer with a page; its heading is its title."""
    body = fill(f"{page}.html", csrf=known["csrf"], **values)
    title = body.split("h1>")[1].removesuffix("</")
    return keep(known, HTMLResponse(fill("layout.html", html_body=body, html_title=title), status, GUARDS | POLICY))


def file(content: str | bytes, name: str) -> Response:
    """Answer with a file to keep."""
    return Response(content, headers=GUARDS | {"Content-Disposition": f'attachment; filename="{name}"'})


app.exception_handler(HTTPException)(lambda at, why: show(visitor(at), "problem", why.status_code, told=why.detail))
app.exception_handler(httpx2.HTTPError)(lambda at, _why: show(visitor(at), "no-answer", 502))


@app.get("/")
def settings(known: Known) -> Response:
    for _user, email, name in accounts(known["user"]):
        return show(known, "settings", email=email, name=name)
    people = accounts(*map(int, os.environ["DEMO_PEOPLE"].split(",")))
    return show(known, "sign-in", html_people="".join(fill("person.html", id=one[0], name=one[2]) for one in people))


@app.post("/")
def sign_in_or_out(known: Known, sent: Sent) -> Response:
    # A demonstration: yours asks for a password. Whoever signs out is forgotten, with the key: nobody's cookie is good.
    SESSIONS.pop(known["session"], None)
    user = int(sent["user"][:9]) if sent["user"].isdecimal() else 0
    return keep(fresh(user) if accounts(user) else known, RedirectResponse("/", 303))


@app.get("/delete")
def ask(known: Known, scope: str = "", when: str = "") -> Response:
    token(known)
    page = {"later": "confirm-later", "now": "confirm-now"}.get(when if scope in WHAT else "", "delete")
    return show(known, page, once=known["once"], scope=scope, what=WHAT.get(scope, "").lower())


@app.post("/delete")
def delete(known: Known, sent: Sent) -> Response:
    wish = {"scope": sent["scope"], "waive_grace": sent["when"] == "now"}
    # A second click on the same page is the same request.
    own = call(known, "POST", "/v1/me/erasure_requests", token(known), wish, **{"idempotency-key": sent["once"]}).json()
    return keep(known, RedirectResponse("/status", 303), key=own["follow_up_token"] or known["key"])


@app.get("/status")
def status(known: Known) -> Response:
    own = call(known, "GET", "/v1/me/erasure_requests", token(known)).json() if accounts(known["user"]) else []
    key = known["key"]
    for one in own[:1] or ([call(known, "GET", "/v1/follow_up/erasure_request", key).json()] if key else []):
        begins = f"{datetime.fromisoformat(one['starts_at']):%-d %B %Y at %H:%M} UTC"
        shown = fill("key.html" if key else "no-key.html", key=key, csrf=known["csrf"])
        told = {"id": one["id"], "begins": begins, "what": WHAT[one["scope"]], "html_key": shown}
        return show(known, PAGES.get(one["state"], "working"), **told)
    return show(known, "no-request")


@app.post("/status")
def follow(known: Known, sent: Sent) -> Response:
    key = sent["key"].strip()[:100]
    call(known, "GET", "/v1/follow_up/erasure_request", key)
    return keep(SESSIONS.get(known["session"]) or fresh(key=key), RedirectResponse("/status", 303), key=key)


@app.post("/undo")
def undo(known: Known, _sent: Sent) -> Response:
    for newest in call(known, "GET", "/v1/me/erasure_requests", token(known)).json()[:1]:
        call(known, "POST", f"/v1/me/erasure_requests/{newest['id']}/cancel", token(known))
    return RedirectResponse("/status", 303)


@app.get("/deletion-key.txt")
def key_file(known: Known) -> Response:
    return file(fill("key.txt", key=known["key"]), "deletion-key.txt")


@app.get("/receipt")
def receipt_page(known: Known) -> Response:
    answer = call(known, "GET", "/v1/follow_up/erasure_request/receipt", known["key"], accept="text/html")
    return HTMLResponse(answer.text, headers=GUARDS | {CSP: answer.headers[CSP]})  # its style stands in the page


@app.get("/receipt.json")
def receipt_file(known: Known) -> Response:
    return file(call(known, "GET", "/v1/follow_up/erasure_request/receipt", known["key"]).content, "receipt.json")


@app.post("/opening.json")
def opening_file(known: Known, sent: Sent) -> Response:
    given = {"identifiers": {"email": sent["email"]}}
    own = call(known, "POST", "/v1/follow_up/erasure_request/openings", known["key"], given).json()["openings"]["email"]
    return file(json.dumps(own, sort_keys=True, separators=(",", ":"), ensure_ascii=False), "opening.json")
