"""Self-deletions that one process accepts, beside a bare FastAPI application that inserts one row a call.

Both on the same machine in turn, with the same server, the same client, SQLite with the ledger's settings (every commit
is on the disk before it is answered). Tokens are signed before the clock starts.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel, SecretStr
from rich.console import Console
from tests.bench.measurements import ruled
from tests.support.api import APP, AUDIENCE, TokenSigner

from expunge_config.api_settings import ApiSettings, Issuer
from expunge_config.settings import Settings
from expunge_connectors.registry import installed
from expunge_orchestrator.api.app import build
from expunge_orchestrator.api.state import build_state
from expunge_orchestrator.clock import now
from expunge_orchestrator.installation_setup import initialise
from expunge_orchestrator.ledger.database import open_ledger
from expunge_orchestrator.workspace import load_map, opened

CONNECTIONS = 16
PER_SECOND = 700
"""Tokens signed for each second of measuring: more than one process accepts here."""


def bench(out: Console, options: Namespace) -> None:
    """Both in turn, and the ratio."""
    found: dict[str, list[tuple[float, float, float]]] = {"expunge": [], "bare": []}
    for _ in range(options.rounds):
        for name, server in (("expunge", ours), ("bare", bare)):
            with tempfile.TemporaryDirectory(prefix="expunge-bench-api-") as home:
                app = TokenSigner(APP)
                app.publish(Path(home) / "app.jwks")
                calls = prepared(app, options.seconds * PER_SECOND)
                with running(server, home) as port:
                    found[name].append(measured(port, calls, options.seconds))
    table = ruled(
        f"Self-deletions accepted by one process in {options.seconds} s over {CONNECTIONS} connections",
        ("application", "calls/s", "median ms", "p99 ms"),
    )
    for name, rounds in found.items():
        for rate, middle, last in rounds:
            table.add_row(name, f"{rate:.0f}", f"{1000 * middle:.1f}", f"{1000 * last:.1f}")
    out.print(table)
    ratios = [one[0] / other[0] for one, other in zip(found["expunge"], found["bare"], strict=True)]
    out.print(f"ratio {', '.join(f'{ratio:.2f}' for ratio in ratios)} (wanted >= 0.5)")


def ours(home: str, port: int) -> None:
    """`expunge serve` without its worker: intake asks nothing of any store."""
    issuers = {"app": Issuer(kind="person", issuer=APP, audience=AUDIENCE, jwks_file=Path(home) / "app.jwks")}
    dsn = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    s3 = {"endpoint_url": SecretStr("http://127.0.0.1:1")}
    settings = Settings(
        home=Path(home) / "expunge",
        data_map=Path(str(files("expunge_demo.calltrack") / "datamap.yaml")),
        stores={
            "main": {"url": dsn},
            "cache": {"url": SecretStr("redis://127.0.0.1:1/0")},
            "recordings": s3,
            "dumps": s3,
        },
        api=ApiSettings(issuers=issuers, calls_per_minute=10_000_000),
    )
    initialise(settings, load_map(settings, installed()).operator, now())
    with opened(settings, installed()) as workspace:
        uvicorn.run(build(build_state(workspace)), host="127.0.0.1", port=port, access_log=False, log_level="error")


class BareWish(BaseModel):
    """What the bare application reads."""

    scope: str
    waive_grace: bool = False


def bare(home: str, port: int) -> None:
    """One insert and one commit a call; no signature is checked, nothing is sealed."""
    engine = open_ledger(f"sqlite:///{home}/bare.sqlite3")
    table = sa.Table(
        "bare",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text),
        sa.Column("at", sa.Text),
    )
    table.create(engine)
    app = FastAPI()

    @app.post("/v1/me/erasure_requests", status_code=201)
    def create(request: Request, wish: BareWish) -> dict[str, Any]:
        at = datetime.now(UTC).isoformat()
        told = json.dumps([wish.model_dump(), request.headers.get("authorization")])
        with engine.begin() as connection:
            number = connection.execute(sa.insert(table).values(body=told, at=at).returning(table.c.id)).scalar_one()
        return {"id": number, "state": "scheduled", "received_at": at}

    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="error")


def prepared(app: TokenSigner, number: int) -> list[bytes]:
    """Whole calls, a person each."""
    moment = int(time.time())
    body = b'{"scope":"account","waive_grace":false}'
    calls = []
    for person in range(number):
        claims = {
            "iss": APP,
            "aud": AUDIENCE,
            "iat": moment,
            "exp": moment + 300,
            "auth_time": moment,
            "jti": secrets.token_urlsafe(12),
            "identifiers": {"user_id": person + 1},
        }
        head = (
            f"POST /v1/me/erasure_requests HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {app.sign(claims)}\r\n"
            f"Idempotency-Key: {secrets.token_hex(8)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        calls.append(head.encode() + body)
    return calls


@contextmanager
def running(server: Any, home: str) -> Iterator[int]:
    """A server in a process of its own; yields its port when it answers."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = int(chosen.getsockname()[1])
    process = get_context("spawn").Process(target=server, args=(home, port))
    process.start()
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.join()


def measured(port: int, calls: Sequence[bytes], seconds: float) -> tuple[float, float, float]:
    """(accepted a second, median seconds, 99th percentile) by a client in this process."""
    times: list[float] = []
    waiting = iter(calls)

    async def caller(until: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for call in waiting:
            began = time.perf_counter()
            if began >= until:
                break
            writer.write(call)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 201"):
                raise RuntimeError(head.split(b"\r\n", 1)[0].decode())
            times.append(time.perf_counter() - began)
        writer.close()

    async def everybody() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(caller(began + seconds) for _ in range(CONNECTIONS)))
        return time.perf_counter() - began

    spent = asyncio.run(everybody())
    ordered = sorted(times)
    return len(times) / spent, ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
