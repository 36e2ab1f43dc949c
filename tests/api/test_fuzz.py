"""The whole OpenAPI document against the server, in every role: what it promises holds, and nothing leaks.

`make fuzz` makes EXPUNGE_FUZZ_CALLS calls on each of two ledgers together; `make test` a small sample. Calls that a
role may make are drawn more often than those it is refused, so that most reach what lies behind the door.
"""

from __future__ import annotations

import logging
import os
import secrets
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from pydantic import SecretStr
from requests.structures import CaseInsensitiveDict
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS
from tests.api.test_opendsr import certificate_in
from tests.api.test_who_may_do_what import EVERYBODY, MAY, ROLES, Cells
from tests.fixtures.api import opened_door
from tests.fixtures.calltrack import Town

from expunge_orchestrator.embedded import Endpoints

CALLS = int(os.environ.get("EXPUNGE_FUZZ_CALLS", "500"))
SEED = int(os.environ.get("EXPUNGE_FUZZ_SEED", "1"))
ALLOWED, REFUSED = 6, 1  # how often a call is drawn
CANARY = "canary.fuzz@mail.example"
PHONE = "+49301230004711"
PLANTED = (CANARY, CANARY.encode().hex(), b64encode(CANARY.encode()).decode().rstrip("="), PHONE, PHONE[1:])
# An opening is the one answer that repeats an identifier: to whoever gave it.
REPEATS = "/openings"
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
WORKS_EVERY = 250  # the worker has its turn, so that what was asked for is done


class Kept(logging.Handler):
    """Every line that anything logs, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def kept() -> Iterator[Kept]:
    """What is logged from here on, the finest of our own lines too."""
    handler, ours, root = Kept(), logging.getLogger("expunge"), logging.getLogger()
    before = ours.level
    ours.setLevel(logging.DEBUG)
    for one in (ours, root):
        one.addHandler(handler)
    yield handler
    for one in (ours, root):
        one.removeHandler(handler)
    ours.setLevel(before)


@pytest.fixture(scope="session")
def servers(town: Town) -> Endpoints:
    """The town's Postgres holds the ledger too."""
    return town.stack.endpoints


@pytest.fixture(params=["key on SQLite", "token on Postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """How staff and controllers show who they are, and what keeps the ledger."""
    return str(request.param)


@pytest.fixture
def cells(kind: str, request: pytest.FixtureRequest, town: Town, tmp_path: Path) -> Iterator[Cells]:
    limits = {"calls_per_minute": 10**7, "calls_per_minute_unknown": 10**7}
    more: dict[str, Any] = {"api": {"opendsr": certificate_in(tmp_path), **limits}}
    if "Postgres" in kind:
        url = str(request.getfixturevalue("database"))
        more["ledger_url"] = SecretStr(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with opened_door(town, tmp_path, **more) as door:
        yield Cells(door)


@dataclass(slots=True)
class Tally:
    """What was answered, and what of it was wrong."""

    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: dict[str, str] = field(default_factory=dict)
    untried: set[str] = field(default_factory=set)

    @property
    def calls(self) -> int:
        return sum(one.total() for one in self.statuses.values())

    def add(self, role: str, case: Case, answer: Any) -> None:
        told = f"{role} {case.method} {case.path}"
        self.statuses[role][answer.status_code] += 1
        try:
            case.validate_response(answer, checks=list(CHECKS.get_by_names(CHECKED)))
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - every failure of every check is gathered
            self.wrong.setdefault(told, f"{answer.status_code} {str(error)[:600]}")
        said = f"{dict(answer.headers)} {answer.content.decode(errors='replace')}"  # tiles are no text
        if REPEATS not in case.path and any(one in said for one in PLANTED):
            self.wrong[f"{told} (leak)"] = said[:300]

    def table(self) -> str:
        known = sorted({status for one in self.statuses.values() for status in one})
        lines = [f"{'':10}" + "".join(f"{status:>7}" for status in known)]
        for role, one in {**self.statuses, "all": sum(self.statuses.values(), Counter[int]())}.items():
            lines.append(f"{role:10}" + "".join(f"{one[status]:>7}" for status in known))
        return "\n".join(lines)


@dataclass(slots=True)
class Fuzz:
    """The calls of one kind of credential."""

    cells: Cells
    how: str
    tally: Tally = field(default_factory=Tally)
    held: dict[str, dict[str, str]] = field(default_factory=dict)

    def credentials(self, role: str) -> dict[str, str]:
        """A fresh person's token for each call: it is good for one."""
        if role == "person":
            return self.cells.door.person(user_id=self.cells.mine.person, email=CANARY)
        if role not in self.held:
            self.held[role] = self.cells.credential(role, self.how)
        return self.held[role]

    def make(self, case: Case, role: str, choice: int) -> None:
        if choice % 5 == 0 and (whole := self.cells.body(f"{case.method} {case.path}", self.cells.mine)):
            case.body = whole
        vary(self.cells, case, choice)
        headers = self.credentials(role)
        if choice % 10:
            headers = {**headers, "Idempotency-Key": secrets.token_hex(8)}
        # As the case's own: a case that is wrong by lacking a header would leave out what is given beside it.
        others = {name: text for name, text in case.headers.items() if name.lower() != "authorization"}
        case.headers = CaseInsensitiveDict({**others, **headers, "X-Who": CANARY})
        self.tally.add(role, case, case.call())
        if self.tally.calls % WORKS_EVERY == 0:
            self.cells.door.work()

    def run(self, operation: Any, role: str, number: int, *, negative: bool) -> None:
        """So many calls of one operation in one role."""
        # No generated name has a slash, as a tile's has.
        given_tile = {"path_parameters": {"tile": self.cells.tile}} if "{tile}" in operation.path else {}
        modes = [GenerationMode.NEGATIVE] if negative and not given_tile else []
        for mode in (*modes, GenerationMode.POSITIVE):
            satisfied = False
            try:
                drawn(operation.as_strategy(generation_mode=mode, **given_tile), number, partial(self.make, role=role))
                satisfied = True
            except* Unsatisfiable:
                pass  # nothing of it can be got wrong: the next mode
            if satisfied:
                return
        self.tally.untried.add(operation.label)


def vary(cells: Cells, case: Case, choice: int) -> None:
    """Often ids that are there, and often a person's identifiers where none belong or some do."""
    for name in case.path_parameters:
        case.path_parameters[name] = part(cells, case, name, choice)
    if choice % 4 == 0 and isinstance(case.body, dict):
        case.body = {**case.body, **filled(cells, case.body, choice)}
        if choice % 8 == 0:
            case.body[CANARY] = PHONE
    if case.path == "/v1/batches" and case.method == "POST" and choice % 2:
        case.query = {"controller": cells.mine.controller}
        case.body = f"email,phone\n{CANARY},{PHONE}\n" if choice % 4 == 1 else "caller_id\n1\n"
    if choice % 6 == 0:
        case.query = {**(case.query or {}), "email": CANARY}


def part(cells: Cells, case: Case, name: str, choice: int) -> Any:
    """A part of the address."""
    mine, other = cells.mine, cells.other
    own = "/me/" in case.path
    there = {
        "request_id": (mine.own_request,) if own else (mine.request, mine.fresh_request, other.request),
        "batch_id": (mine.batch, other.batch),
        "hold_id": (mine.hold, other.hold),
        "key_id": (mine.key, other.key),
        "tile": (cells.tile, f"tile/{CANARY}"),
    }
    watched = case.path.endswith("/events")  # it would go on as long as a batch that nobody runs here
    if name in there and choice % 3 and not watched:
        return there[name][choice % len(there[name])]
    if choice % 5 == 0:
        return CANARY + ("\0" if choice % 2 else "")  # a character that Postgres does not keep
    return there["tile"][0] if name == "tile" else case.path_parameters[name]


def filled(cells: Cells, body: Mapping[str, Any], choice: int) -> dict[str, Any]:
    """Members as somebody would send them."""
    odd = "" if choice % 7 else "\0"
    known = {
        "identifiers": {"email": CANARY, "phone": PHONE, "caller_id": cells.mine.identifiers["caller_id"]},
        "controller": cells.mine.controller + odd,
        "ground": f"4 C 17/26{odd}",
    }
    return {name: value for name, value in known.items() if name in body}


def shares(labels: Sequence[str], roles: Sequence[str], calls: int) -> Iterator[tuple[int, str, int]]:
    """How many calls each role makes of each operation, by its weight; what is left of one is the next one's."""
    weights = [
        (
            index,
            role,
            ALLOWED if (MAY[label] == EVERYBODY and role == "nobody") or role in MAY[label].split() else REFUSED,
        )
        for index, label in enumerate(labels)
        for role in roles
    ]
    whole = sum(weight for _, _, weight in weights)
    passed = SEED * 7 % whole
    for index, role, weight in weights:
        before, passed = passed, passed + weight
        if number := passed * calls // whole - before * calls // whole:
            yield index, role, number


def drawn(strategy: st.SearchStrategy[Case], number: int, make: Callable[..., None]) -> None:
    """So many calls of one kind."""

    @seed(SEED)
    @settings(
        max_examples=number, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy, choice=st.integers(0, 10**6))
    def calls(case: Case, choice: int) -> None:
        make(case, choice=choice)

    calls()


def test_the_document_holds(
    request: pytest.FixtureRequest, cells: Cells, kind: str, kept: Kept, capfd: pytest.CaptureFixture[str]
) -> None:
    """No call ends in an error of the server or undocumented; nothing that was planted is told or logged."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", cells.door.client.app)
    operations = [one.ok() for one in schema.get_all_operations()]
    how = kind.split(maxsplit=1)[0]
    roles = ROLES if how == "key" else ROLES[3:]
    fuzz = Fuzz(cells, how)
    for index, role, number in shares([one.label for one in operations], roles, CALLS // 2):
        fuzz.run(operations[index], role, number, negative=(index + len(role)) % 3 == 0)
    written = "\n".join(kept.lines) + "".join(capfd.readouterr())
    tally = fuzz.tally
    told = f"{kind}: {tally.calls} calls, {len(operations)} operations\n{tally.table()}\n"
    request.node.add_report_section("call", "stdout", told)  # shown by -rP, and of whatever fails
    assert kept.lines
    assert [one for one in PLANTED if one in written] == []
    assert tally.untried == set()
    assert {*tally.statuses} == {*roles}
    assert not tally.wrong, "\n".join(f"{name}: {told}" for name, told in sorted(tally.wrong.items()))
