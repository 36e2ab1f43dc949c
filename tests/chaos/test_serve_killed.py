"""`expunge serve`, killed while requests arrive and are carried out: each is taken in once, and ends once."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.support.api import APP, STAFF, TokenSigner
from tests.support.api_process import ApiProcess, api_environment
from tests.support.chaos import ledger_summary
from tests.support.chaos.sampling import Choice
from tests.support.chaos.scenarios import KILLED, Chaos
from tests.support.fork_server import ForkServer

from expunge_connectors.contract import Adoptable
from expunge_connectors.registry import installed
from expunge_demo.dev_servers.ports import free_ports
from expunge_demo.ground_truth import Erased, check
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import now
from expunge_orchestrator.installation_setup import initialise
from expunge_orchestrator.workspace import load_map

CALLERS = 12
HOLDERS = (1, 4, 8, 10, 15)  # nobody of them shares a home with another one
AT_ONCE = 4
SECONDS = 240.0
OPEN = {"scheduled", "planning", "planned", "executing", "erased", "partially-erased", "not-found", "settling"}
"""States after which another one comes."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One call that is repeated with its Idempotency-Key until it is answered, and then once more."""

    key: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    holder: int | None = None

    def send(self, server: ApiProcess) -> tuple[int, str | None]:
        """Status and id; 0: the connection was refused or cut."""
        who = server.key("operator") if self.holder is None else server.person(user_id=self.holder)
        try:
            answer = server.call("POST", self.path, {**who, "Idempotency-Key": self.key}, **self.body)
        except (OSError, HTTPException):  # not there, or it died in the middle of its answer
            return 0, None
        return answer.status, json.loads(answer.body)["id"] if 200 <= answer.status < 300 else None


@dataclass(slots=True)
class Callers:
    """Everybody who calls, some at once, and what they were answered."""

    server: ApiProcess
    statuses: Counter[int] = field(default_factory=Counter)
    answered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    deadline: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def insist(self, wish: Wish) -> None:
        """Send it until it is answered with success twice: the second time as somebody whose line was cut would."""
        successes = 0
        while successes < 2:
            assert time.monotonic() < self.deadline, f"never answered: {dict(self.statuses)}"
            status, uid = wish.send(self.server)
            with self._lock:
                self.statuses[status] += 1
                if uid is not None:
                    self.answered[wish.key].add(uid)
            successes += uid is not None
            if uid is None:
                time.sleep(0.05)

    @property
    def calls(self) -> int:
        """Answered, or not."""
        return self.statuses.total()


@dataclass(slots=True)
class Axe:
    """Kills the server and starts it again."""

    server: ApiProcess
    source: random.Random
    kills: int = 0

    def fall(self) -> None:
        time.sleep(self.source.uniform(0, 0.08))
        assert self.server.end(signal.SIGKILL) == KILLED
        self.kills += 1
        self.server.start()

    def fall_often(self, callers: Callers, kills: int, done: threading.Event) -> None:
        """Each time after a few more calls, which some are in the midst of."""
        for _ in range(kills):
            after = callers.calls + self.source.randint(1, 7)
            while callers.calls < after and not done.is_set():
                time.sleep(0.002)
            self.fall()


def founded(chaos: Chaos, fork_server: ForkServer, home: Path) -> ApiProcess:
    """An installation in the world as it was, and its server, which is not started."""
    settings = chaos.world.settings(home)
    initialise(settings, load_map(settings, installed()).operator, now())
    with chaos.world.workspace(home) as workspace:
        for store in workspace.stores.values():
            if isinstance(store, Adoptable):
                store.adopt()
        with workspace.ledger.begin() as connection:
            secret, _ = api_keys.issue(
                connection, roles=[Role.OPERATOR], controllers=None, holder=None, expires_at=None, by="test", at=now()
            )
    app, idp = TokenSigner(APP), TokenSigner(STAFF)
    environment = {
        **chaos.world.environment(home),
        **api_environment(home, app, idp),
        "EXPUNGE_API__TICK": "PT0.1S",
    }
    (port,) = free_ports(1)
    return ApiProcess(home, environment, port, home / "serve.log", app, idp, fork_server, {"operator": secret})


def wishes(chaos: Chaos, source: random.Random) -> tuple[list[Wish], Erased]:
    """Callers of several clients, by the clients; account holders, by themselves and without grace."""
    callers = [chaos.world.company.caller(number) for number in source.sample(range(1, 21), CALLERS)]
    made = [
        Wish(
            f"caller {one.row.id}",
            "/v1/erasure_requests",
            {"controller": f"client:{one.row.client_id}", "identifiers": {"caller_id": str(one.row.id)}},
        )
        for one in callers
    ]
    own = {"scope": "account", "waive_grace": True}
    made += [Wish(f"holder {number}", "/v1/me/erasure_requests", own, number) for number in HOLDERS]
    source.shuffle(made)
    return made, Erased(users=frozenset(HOLDERS), callers=frozenset(one.row.id for one in callers))


def states(server: ApiProcess) -> dict[str, str]:
    answer = server.call("GET", "/v1/erasure_requests?limit=200", server.key("operator"))
    assert answer.status == 200, answer.body
    return {one["id"]: one["state"] for one in json.loads(answer.body)["items"]}


def ended(server: ApiProcess) -> dict[str, str]:
    """Wait until everything has settled or stopped."""
    deadline = time.monotonic() + SECONDS
    while True:
        told = states(server)
        if not OPEN & {*told.values()}:
            return told
        assert time.monotonic() < deadline, Counter(told.values())
        time.sleep(0.2)


def one_turn(server: ApiProcess, asked: list[Wish], source: random.Random, kills: int) -> list[str]:
    """Everybody calls while the server is killed; it is killed on while it works, then left alone. What is wrong."""
    server.start()
    axe, done = Axe(server, source), threading.Event()
    try:
        callers = Callers(server, deadline=time.monotonic() + SECONDS)
        with ThreadPoolExecutor(AT_ONCE + 1) as pool:
            falling = pool.submit(axe.fall_often, callers, kills, done)
            calling = [pool.submit(callers.insist, wish) for wish in asked]
            for one in calling:
                one.result()
            done.set()
            falling.result()
        for _ in range(kills):
            time.sleep(source.uniform(0.1, 3))
            axe.fall()
        told = ended(server)
        kept = [callers_again(server, wish, callers) for wish in asked]
    finally:
        code = server.end()
    wrong = [one for one in kept if one is not None]
    if code != 0:
        wrong.append(f"told to end, it ended with {code}")
    if doubled := {key for key, ids in callers.answered.items() if len(ids) != 1}:
        wrong.append(f"answered with several ids: {sorted(doubled)}")
    answered = {uid for ids in callers.answered.values() for uid in ids}
    if answered != told.keys():
        wrong.append(f"{len(answered - told.keys())} answered and lost, {len(told.keys() - answered)} there unanswered")
    if strange := Counter(told.values()) - Counter({"settled": len(asked)}):
        wrong.append(f"ended otherwise: {dict(strange)}")
    noted = Counter(ledger_summary.targets(server.home, "erasure_request.create", "self_service.create"))
    if noted != Counter(dict.fromkeys(answered, 1)):
        wrong.append("the audit trail has one twice, or not at all")
    lives = ledger_summary.lives(ledger_summary.of(server.home).told)
    if {len(events) for events in lives} != {3} or lives.total() != len(asked):
        wrong.append(f"not one statement for each stage: {dict(lives)}")
    return [*wrong, *ledger_summary.complaints(server.home)]


def callers_again(server: ApiProcess, wish: Wish, callers: Callers) -> str | None:
    """Long afterwards the same call is answered with the same request."""
    status, uid = wish.send(server)
    if status != 200 or uid not in callers.answered[wish.key]:
        return f"asked again at the end: {status}"
    return None


def test_killed_server_keeps_what_it_answered(chaos: Chaos, choice: Choice, fork_server: ForkServer) -> None:
    wrong: list[str] = []
    for turn in range(3 if choice.sample is None else 1):
        source = random.Random(f"{choice.seed} {turn}")
        chaos.fresh(chaos.scenes[0].start)
        before = chaos.world.snapshot()
        server = founded(chaos, fork_server, chaos.new_home())
        asked, erased = wishes(chaos, source)
        found = one_turn(server, asked, source, 4 if choice.sample is None else 2)
        found += map(str, check(before, chaos.world.snapshot(), erased))
        wrong += [f"turn {turn}: {one}" for one in found]
    assert not wrong, "\n".join([str(choice), *wrong])
