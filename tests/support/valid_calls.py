"""Calls that end well: one of each operation, for every role that may make it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.api import bearer, once
from tests.support.api_fixtures import MANY, Recipe, Stock
from tests.support.api_permissions import EVERYBODY, MAY, WHOLE

OWN = "/v1/me/erasure_requests/{erasure_request_id}"
REQUEST, BATCH, DSR = "/v1/erasure_requests/{erasure_request_id}", "/v1/batches/{batch_id}", "/opendsr/v2/requests"
CREATORS = MAY[f"POST {DSR}"].split()


def ready(stock: Stock, label: str, role: str, status: int | None = None) -> Recipe | None:
    """A call of this operation that this role may make and that succeeds; None: it has none.

    Args:
        stock: Things that it can be about.
        label: Method and path.
        role: Of the matrix.
        status: Which success, where there is more than one.
    """
    if role not in MAY[label].split() and not (role == "nobody" and MAY[label] == EVERYBODY):
        return None
    if label in WHOLE:
        return Recipe(stock.whole(role), whole=True)
    if (label, status) in AGAIN:
        return AGAIN[label, status](stock, role)
    made = CALLS.get(label, _plain)(stock, role)
    if made is not None and label.endswith("/receipt") and next(stock.turns) % 2:
        return Recipe({**made.headers, "Accept": "text/html"}, made.path)
    return made


def _plain(stock: Stock, role: str) -> Recipe:
    return Recipe(stock.credential(role))


# A person ------------------------------------------------------------------------------------------------------------


def _create_own(stock: Stock, _role: str) -> Recipe:
    """Asked for the first time; or after it was taken back, or with other words."""
    turn = next(stock.turns)
    holder = stock.nobody()
    if turn % 2:
        holder, request, _ = stock.own()
        stock.told(f"POST {OWN}/cancel", Recipe(stock.person(holder), {"erasure_request_id": request}))
    bodies = ({"scope": "account"}, {"scope": "information"}, {"scope": "account", "waive_grace": True})
    return Recipe(once(stock.person(holder)), body=bodies[turn // 2 % 3])


def _create_own_again(stock: Stock, _role: str) -> Recipe:
    holder, _, _ = stock.own()
    return Recipe(once(stock.person(holder)), body={"scope": "account"})


def _own(stock: Stock, _role: str) -> Recipe:
    holder, request, _ = stock.own()
    return Recipe(stock.person(holder), {"erasure_request_id": request})


def _own_done(stock: Stock, role: str) -> Recipe:
    return Recipe(stock.credential(role), {"erasure_request_id": stock.cells.mine.own_request})


def _follow_and_cancel(stock: Stock, _role: str) -> Recipe:
    return Recipe(bearer(stock.own()[2]))


# Staff and clients ---------------------------------------------------------------------------------------------------


def _create(stock: Stock, role: str) -> Recipe:
    return Recipe(once(stock.credential(role)), body=stock.wish())


def _plan(stock: Stock, role: str) -> Recipe:
    people = "".join(f"{stock.nobody()}\n" for _ in range(1 + next(stock.turns) % 2))
    return Recipe(once(stock.credential(role)), query=stock.controller, body=f"caller_id\n{people}")


def _again(make: Callable[[Stock, str], Recipe], label: str) -> Callable[[Stock, str], Recipe]:
    """The same call with the same Idempotency-Key."""

    def made(stock: Stock, role: str) -> Recipe:
        recipe = make(stock, role)
        stock.told(label, recipe)
        return recipe

    return made


def _of(name: str, thing: Callable[[Stock], str], body: Any = None) -> Callable[[Stock, str], Recipe]:
    """A call about a thing, with this body."""

    def made(stock: Stock, role: str) -> Recipe:
        path = {name: thing(stock)}
        return Recipe(stock.credential(role), path) if body is None else Recipe(stock.credential(role), path, body=body)

    return made


def _known(stock: Stock) -> str:
    return stock.cells.mine.request


def _openings(stock: Stock, role: str) -> Recipe:
    return Recipe(stock.credential(role), {"erasure_request_id": _known(stock)}, body=_identified(stock))


def _identified(stock: Stock) -> dict[str, Any]:
    return {"identifiers": stock.cells.mine.identifiers}


def _with_digest(people: int) -> Callable[[Stock, str], Recipe]:
    """Exactly this plan. More than `MANY` people need a second pair of eyes here."""

    def made(stock: Stock, role: str) -> Recipe:
        batch = stock.batch(*(str(stock.nobody()) for _ in range(people)))
        return Recipe(stock.credential(role), {"batch_id": batch["id"]}, body={"digest": batch["digest"]})

    return made


def _end(stock: Stock, role: str) -> Recipe:
    batch = stock.refused()
    return Recipe(stock.credential(role), {"batch_id": batch.uid}, body={"digest": batch.plan_digest})


def _begun(stock: Stock) -> str:
    return str(stock.batch(begun=True)["id"])


def _paused(stock: Stock) -> str:
    batch = _begun(stock)
    stock.told(f"POST {BATCH}/pause", Recipe(stock.credential("operator"), {"batch_id": batch}))
    return batch


def _watched_to_the_end(stock: Stock, role: str) -> Recipe:
    path = {"batch_id": stock.ended}
    told = stock.send(f"GET {BATCH}/events", Recipe(stock.credential(role), path)).text
    last = told.rpartition("\nid: ")[2].partition("\n")[0]
    return Recipe({**stock.credential(role), "Last-Event-ID": last}, path)


def _hold(stock: Stock, role: str) -> Recipe:
    turn = next(stock.turns)
    more: tuple[dict[str, Any], ...] = (
        {"data_type": "calls"},
        {"kind": "exemption", "undisclosed": True},
        {"restriction": "accuracy"},
    )
    people = [{"caller_id": str(stock.nobody())}]
    return Recipe(
        stock.credential(role),
        body={**stock.controller, "people": people, "ground": f"No. {turn}", **more[turn % len(more)]},
    )


def _locate(stock: Stock, role: str) -> Recipe:
    return Recipe(stock.credential(role), body={**stock.controller, **_identified(stock)})


def _issue(stock: Stock, role: str) -> Recipe:
    body = {"roles": ["auditor", "requester"], "controllers": [stock.cells.mine.controller]}
    return Recipe(stock.credential(role), body=body)


def _dsr(stock: Stock, role: str) -> Recipe:
    return Recipe(stock.credential(role), body=stock.dsr())


def _dsr_of_its_own(stock: Stock, role: str) -> Recipe | None:
    """Requests in OpenDSR's form are found by whoever made them; some may look and make none."""
    if role not in CREATORS:
        return None
    return Recipe(stock.credential(role), {"subject_request_id": stock.subject(role)})


CALLS: dict[str, Callable[[Stock, str], Recipe | None]] = {
    "POST /v1/me/erasure_requests": _create_own,
    f"GET {OWN}": _own,
    f"POST {OWN}/cancel": _own,
    f"GET {OWN}/receipt": _own_done,
    f"POST {OWN}/openings": _own_done,
    "POST /v1/follow_up/erasure_request/cancel": _follow_and_cancel,
    "POST /v1/follow_up/erasure_request/openings": lambda stock, role: Recipe(
        stock.credential(role), body={"identifiers": {"user_id": str(stock.cells.mine.person)}}
    ),
    "POST /v1/erasure_requests": _create,
    f"GET {REQUEST}": _of("erasure_request_id", _known),
    f"GET {REQUEST}/plan": _of("erasure_request_id", _known),
    f"GET {REQUEST}/receipt": _of("erasure_request_id", _known),
    f"POST {REQUEST}/openings": _openings,
    f"POST {REQUEST}/cancel": _of("erasure_request_id", Stock.request),
    f"POST {REQUEST}/deny": _of("erasure_request_id", Stock.request, {"reason": "excessive"}),
    f"POST {REQUEST}/retry": _of("erasure_request_id", lambda stock: stock.waiting()[0]),
    f"POST {REQUEST}/extend": _of("erasure_request_id", Stock.request, {"reason": "complexity"}),
    "POST /v1/batches": _plan,
    f"GET {BATCH}": _of("batch_id", lambda stock: stock.ended),
    f"GET {BATCH}/plan": _of("batch_id", lambda stock: stock.ended),
    f"GET {BATCH}/results": _of("batch_id", lambda stock: stock.ended),
    f"GET {BATCH}/events": _of("batch_id", lambda stock: stock.ended),
    f"POST {BATCH}/approve": _with_digest(MANY + 1),
    f"POST {BATCH}/start": _with_digest(1),
    f"POST {BATCH}/pause": _of("batch_id", _begun),
    f"POST {BATCH}/resume": _of("batch_id", _paused),
    f"POST {BATCH}/retry": _of("batch_id", lambda stock: stock.waiting()[1]),
    f"POST {BATCH}/cancel": _of("batch_id", _begun),
    f"POST {BATCH}/end": _end,
    "POST /v1/legal_holds": _hold,
    "POST /v1/legal_holds/{legal_hold_id}/lift": _of(
        "legal_hold_id", lambda stock: stock.cells.hold(stock.cells.mine.controller)
    ),
    "POST /v1/locate": _locate,
    "POST /v1/api_keys": _issue,
    "POST /v1/api_keys/{api_key_id}/confirm": _of(
        "api_key_id", lambda stock: stock.cells.key(stock.cells.mine.controller)
    ),
    "POST /v1/api_keys/{api_key_id}/revoke": _of(
        "api_key_id", lambda stock: stock.cells.key(stock.cells.mine.controller)
    ),
    f"POST {DSR}": _dsr,
    f"GET {DSR}/{{subject_request_id}}": _dsr_of_its_own,
    f"DELETE {DSR}/{{subject_request_id}}": _dsr_of_its_own,
    "GET /v1/log/{tile}": _of("tile", lambda stock: stock.cells.tile),
}

AGAIN: dict[tuple[str, int | None], Callable[[Stock, str], Recipe]] = {
    ("POST /v1/me/erasure_requests", 200): _create_own_again,
    ("POST /v1/erasure_requests", 200): _again(_create, "POST /v1/erasure_requests"),
    ("POST /v1/batches", 200): _again(_plan, "POST /v1/batches"),
    (f"GET {BATCH}/events", 204): _watched_to_the_end,
}
"""Answered with what was made or told before."""
