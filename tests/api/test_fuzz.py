"""The whole OpenAPI document against the server, in every role: what it promises holds, and nothing leaks.

First every call succeeds, with every success that is documented, in every role that may make it (`recipes`). Then
`make fuzz` makes EXPUNGE_FUZZ_CALLS generated calls on two kinds of ledger together; `make test` a small sample. A
quarter of them are such recipes, a quarter are about things in the state that the call needs with generated bodies,
the others are generated, with ids that are there. Calls that a role may make are drawn more often than others.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
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
from requests.structures import CaseInsensitiveDict
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS
from tests.support.api import open_api
from tests.support.api_fixtures import CANARY, MANY, Recipe, Stock
from tests.support.api_permissions import EVERYBODY, MAY, ROLES, Cells
from tests.support.data_map_text import document_of, write_document
from tests.support.installation import CompanyStack
from tests.support.leak_detector import PHONE, Watch
from tests.support.opendsr import certificate_in
from tests.support.store_inspector import StoreInspector
from tests.support.valid_calls import ready

from expunge_orchestrator.api import refusal_pace

CALLS = int(os.environ.get("EXPUNGE_FUZZ_CALLS", "120"))
SEED = int(os.environ.get("EXPUNGE_FUZZ_SEED", "1"))
ALLOWED, REFUSED = 6, 1  # how often a call is drawn
DOCUMENTS = ("", "/opendsr/v2")
# The answers that repeat an identifier: to whoever gave it.
REPEATS = ("/openings", "/opendsr/v2/requests")
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
PATIENT = 600  # seconds: how fast it is is measured elsewhere
WORKS_EVERY = 500  # the worker has its turn, so that what was asked for is done


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


@pytest.fixture(params=["key on SQLite", "token on Postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """How staff and controllers show who they are, and what keeps the ledger."""
    return str(request.param)


@pytest.fixture
def cells(
    kind: str,
    request: pytest.FixtureRequest,
    calltrack: CompanyStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Cells]:
    """With a map in which more people than one asks for here in a day need a second pair of eyes; no call waits."""
    monkeypatch.setattr(refusal_pace, "PACE", 0.0)
    limits = {f"calls_per_minute{of}": 10**7 for of in ("", "_unknown", "_public")}
    more: dict[str, Any] = {"api": {"opendsr": certificate_in(tmp_path), **limits}}
    if "Postgres" in kind:
        more["ledger_url"] = request.getfixturevalue("postgres_ledger")
    document = document_of(calltrack.settings(tmp_path).data_map)
    limited = tmp_path / "limited.yaml"
    write_document(limited, {**document, "limits": {"people": MANY}})
    with open_api(calltrack, tmp_path, data_map=limited, **more) as api:
        yield Cells(api)


@dataclass(frozen=True, slots=True)
class Operation:
    """One of a document. `label`: method and whole path."""

    label: str
    drawn: Any

    @property
    def successes(self) -> list[int]:
        """Statuses that the document promises to whom all is well."""
        return [int(one) for one in self.drawn.definition.raw["responses"] if one.startswith("2")]


@dataclass(slots=True)
class Tally:
    """What was answered, and what of it was wrong."""

    watch: Watch
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    by_call: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: dict[str, str] = field(default_factory=dict)
    untried: set[str] = field(default_factory=set)

    @property
    def calls(self) -> int:
        return sum(one.total() for one in self.statuses.values())

    def add(self, role: str, label: str, case: Case, *, whole: bool = False) -> int:
        """Make the call, and look at its answer."""
        # Of a case's own headers this one is left out: OpenAPI has other words for it.
        answer = case.call(headers={"Accept": case.headers.get("Accept", "*/*")}, timeout=PATIENT)
        told = f"{role} {label}"
        self.statuses[role][answer.status_code] += 1
        self.by_call[label][answer.status_code] += 1
        try:
            case.validate_response(answer, checks=list(CHECKS.get_by_names(CHECKED)))
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - every failure of every check is gathered
            self.wrong.setdefault(told, f"{answer.status_code} {str(error)[:600]}")
        said = f"{dict(answer.headers)}".encode() + answer.content
        given = b""
        if label.endswith(REPEATS):
            given = (json.dumps(case.body, ensure_ascii=False, default=str) + CANARY).encode(errors="replace")
        if seen := self.watch.seen(said, given, whole=whole):
            self.wrong[f"{told} (leak)"] = f"{answer.status_code} {seen}"
        return int(answer.status_code)

    def table(self) -> str:
        known = sorted({status for one in self.statuses.values() for status in one})
        lines = [f"{'':10}" + "".join(f"{status:>7}" for status in known)]
        for role, one in {**self.statuses, "all": sum(self.statuses.values(), Counter[int]())}.items():
            lines.append(f"{role:10}" + "".join(f"{one[status]:>7}" for status in known))
        fewest = sorted((sum(n for s, n in one.items() if s < 300), label) for label, one in self.by_call.items())
        lines.append("successes, fewest first: " + ", ".join(f"{label} {number}" for number, label in fewest))
        return "\n".join(lines)


@dataclass(slots=True)
class Fuzz:
    """The calls of one kind of credential."""

    cells: Cells
    stock: Stock
    tally: Tally

    def walk(self, operation: Operation, role: str) -> None:
        """Every success that is documented."""
        for status in operation.successes:
            recipe = ready(self.stock, operation.label, role, status)
            if recipe is not None:
                case = operation.drawn.Case(headers=dict(recipe.headers))
                told = self.tally.add(role, operation.label, cooked(case, recipe), whole=recipe.whole)
                if told != status:
                    self.tally.wrong[f"{role} {operation.label} (recipe)"] = f"{told} and not {status}"

    def make(self, case: Case, choice: int, *, operation: Operation, role: str) -> None:
        """One generated call, and how much of it is generated."""
        label, whole = operation.label, False
        recipe = ready(self.stock, label, role) if choice % 4 < 2 else None
        if recipe is not None and choice % 4 == 0:
            status = operation.successes[choice // 4 % len(operation.successes)]
            recipe = ready(self.stock, label, role, status) or recipe
            case, whole = cooked(operation.drawn.Case(headers=dict(recipe.headers)), recipe), recipe.whole
        else:
            self._vary(label, case, choice)
            if recipe is not None:
                case.path_parameters.update(recipe.path)
            # As the case's own: a case that is wrong by lacking a header would leave out what is given beside it.
            others = {name: text for name, text in case.headers.items() if name.lower() != "authorization"}
            headers = self.stock.credential(role) if recipe is None else dict(recipe.headers)
            if choice % 10:
                headers = {**headers, "Idempotency-Key": secrets.token_hex(8)}
            whole = recipe is not None and recipe.whole
            case.headers = CaseInsensitiveDict({**others, **headers, "X-Who": CANARY})
        self.tally.add(role, label, case, whole=whole)
        if self.tally.calls % WORKS_EVERY == 0:
            self.cells.api.work()
            self.cells.api.settle()

    def run(self, operation: Operation, role: str, number: int, *, negative: bool) -> None:
        """So many generated calls of one operation in one role."""
        # No generated name has a slash, as a tile's has.
        given_tile = {"path_parameters": {"tile": self.cells.tile}} if "{tile}" in operation.label else {}
        modes = [GenerationMode.NEGATIVE] if negative and not given_tile else []
        for mode in (*modes, GenerationMode.POSITIVE):
            satisfied = False
            try:
                strategy = operation.drawn.as_strategy(generation_mode=mode, **given_tile)
                drawn(strategy, number, partial(self.make, operation=operation, role=role))
                satisfied = True
            except* Unsatisfiable:
                pass  # nothing of it can be got wrong: the next mode
            if satisfied:
                return
        self.tally.untried.add(operation.label)

    def _vary(self, label: str, case: Case, choice: int) -> None:
        """Often ids that are there, and often a person's identifiers where none belong or some do."""
        if choice % 5 == 0 and (whole := self.cells.body(label, self.cells.mine)):
            case.body = whole
        for name in case.path_parameters:
            case.path_parameters[name] = self._part(label, case.path_parameters[name], name, choice)
        if choice % 4 > 1 and isinstance(case.body, dict):
            case.body = {**case.body, **filled(self.cells, case.body, choice)}
            if choice % 8 == 2:
                case.body[CANARY] = PHONE
        if label == "POST /v1/batches" and choice % 2:
            case.query = {"controller": self.cells.mine.controller}
            case.body = f"email,phone\n{CANARY},{PHONE}\n" if choice % 4 == 1 else "caller_id\n1\n"
        if choice % 6 == 0:
            case.query = {**(case.query or {}), "email": CANARY}

    def _part(self, label: str, generated: Any, name: str, choice: int) -> Any:
        """A part of the address."""
        mine, other, nobody = self.cells.mine, self.cells.other, self.cells.nobody
        there = {
            "erasure_request_id": (mine.request, mine.fresh_request, other.request, nobody.request),
            "batch_id": (mine.batch, other.batch, self.stock.on_hold, self.stock.ended),
            "legal_hold_id": (mine.hold, other.hold),
            "api_key_id": (mine.key, other.key),
            "subject_request_id": (mine.subject_request,),
            "tile": (self.cells.tile, f"tile/{CANARY}"),
        }
        if "/me/" in label:
            there["erasure_request_id"] = (mine.own_request, other.own_request)
        if label.endswith("/events"):  # it would go on as long as a batch that nobody runs here
            there["batch_id"] = (self.stock.ended, other.batch)
        if choice % 3:
            return there[name][choice % len(there[name])]
        if choice % 5 == 0:
            return CANARY + ("\0" if choice % 2 else "")  # a character that Postgres does not keep
        return there["tile"][0] if name == "tile" else generated


def cooked(case: Case, recipe: Recipe) -> Case:
    """As the recipe says."""
    case.path_parameters, case.query = dict(recipe.path), dict(recipe.query)
    case.body, case.media_type = recipe.body, recipe.media_type
    case.headers = CaseInsensitiveDict({**recipe.headers, "X-Who": CANARY})
    return case


def filled(cells: Cells, body: Mapping[str, Any], choice: int) -> dict[str, Any]:
    """Members as somebody would send them."""
    odd = "" if choice % 7 else "\0"
    identifiers = (
        {"email": CANARY, "phone": PHONE, "caller_id": cells.mine.identifiers["caller_id"]},
        {"phone": CANARY},
        {"email": f"{CANARY} {PHONE}", "shoe_size": PHONE},
    )[choice % 3]
    known = {
        "identifiers": identifiers,
        "people": [identifiers],
        "controller": (cells.other if choice % 11 == 0 else cells.mine).controller + odd,
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
        max_examples=number, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy, choice=st.integers(0, 10**6))
    def calls(case: Case, choice: int) -> None:
        make(case, choice=choice)

    calls()


def operations_of(app: Any) -> list[Operation]:
    """Of both documents: OpenDSR has its own."""
    return [
        Operation(f"{one.ok().method.upper()} {before}{one.ok().path}", one.ok())
        for before in DOCUMENTS
        for one in schemathesis.openapi.from_asgi(f"{before}/openapi.json", app).get_all_operations()
    ]


def test_the_document_holds(
    request: pytest.FixtureRequest,
    cells: Cells,
    inspector: StoreInspector,
    kept: Kept,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No call ends in an error of the server or undocumented; nothing of anybody else is told, and nobody is logged."""
    kind = str(request.node.callspec.params["kind"])
    operations = operations_of(cells.api.client.app)
    labels = [one.label for one in operations]
    assert {*labels} == {*MAY} - {"GET /openapi.json"}
    tally = Tally(Watch.of(cells))
    stock = Stock(cells, kind.split(maxsplit=1)[0], inspector)
    fuzz = Fuzz(cells, stock, tally)
    for operation in operations:
        for role in ROLES:
            fuzz.walk(operation, role)
    walked = {**tally.wrong}
    for index, role, number in shares(labels, ROLES, CALLS // 2):
        fuzz.run(operations[index], role, number, negative=(index + len(role)) % 3 == 0)
    told = f"{kind}: {tally.calls} calls, {len(operations)} operations\n{tally.table()}\n"
    request.node.add_report_section("call", "stdout", told)  # shown by -rP, and of whatever fails
    assert not walked, "\n".join(f"{name}: {told}" for name, told in sorted(walked.items()))
    assert not tally.wrong, "\n".join(f"{name}: {told}" for name, told in sorted(tally.wrong.items()))
    wanted = {(one.label, status) for one in operations for status in one.successes}
    assert {(label, status) for label, status in wanted if not tally.by_call[label][status]} == set()
    assert tally.untried == set()
    assert {*tally.statuses} == {*ROLES}
    assert kept.lines
    written = "\n".join(kept.lines) + "".join(capfd.readouterr())
    assert tally.watch.written(written.encode(errors="replace"), stock) == []
