"""A client that openapi-python-client generates from the document creates, follows and cancels an erasure request."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.support.api_process import ApiProcess, served
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack

PACKAGE = "generated_expunge_client"
# Code is generated as it comes: no formatter runs over it. A list goes up as bytes, and a stream comes as text.
CONFIG = {
    "post_hooks": [],
    "content_type_overrides": {"text/csv": "application/octet-stream", "text/event-stream": "text/plain"},
}


@pytest.fixture(scope="module")
def server(
    calltrack: CompanyStack, fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    with served(calltrack, fork_server, tmp_path_factory.mktemp("served")) as made:
        yield made


@pytest.fixture(scope="module")
def document(server: ApiProcess) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.call("GET", "/openapi.json").body)
    return found


@pytest.fixture(scope="module")
def package(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The client, importable as PACKAGE. A warning of the generator is a failure: it leaves operations out."""
    home = tmp_path_factory.mktemp("client")
    for name, content in (("document.json", document), ("config.json", CONFIG)):
        (home / name).write_text(json.dumps(content), encoding="utf-8")
    generate = ["--path", "document.json", "--config", "config.json", "--meta", "none", "--output-path", PACKAGE]
    command = [sys.executable, "-m", "openapi_python_client", "generate", *generate, "--fail-on-warning"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(home)
        yield home / PACKAGE


def test_every_operation_becomes_a_function_named_by_its_id(document: dict[str, Any], package: Path) -> None:
    operations = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert {one.stem for one in package.glob("api/*/*.py")} - {"__init__"} == operations


@pytest.mark.usefixtures("package")
def test_a_request_is_created_followed_and_cancelled(server: ApiProcess, calltrack: CompanyStack) -> None:
    (holder,) = calltrack.take_holders()
    models, client, types = (import_module(f"{PACKAGE}.{name}") for name in ("models", "client", "types"))

    def send(operation: str, token: str, *path: str, **arguments: Any) -> Any:
        caller = client.AuthenticatedClient(f"http://127.0.0.1:{server.port}", token, timeout=60)
        with caller:
            return import_module(f"{PACKAGE}.api.{operation}").sync(*path, client=caller, **arguments)

    signed_in = server.person(user_id=holder)["Authorization"].removeprefix("Bearer ")
    accepted = send(
        "self_service.create_self_service_erasure_request",
        signed_in,
        idempotency_key="generated",
        body=models.CreateSelfServiceErasureRequest(scope="account"),
    )
    assert isinstance(accepted, models.AcceptedSelfServiceErasureRequest), accepted
    followed = send("self_service.get_followed_erasure_request", accepted.follow_up_token)
    assert (followed.id, followed.state, followed.cancellable) == (accepted.id, "scheduled", True)
    cancelled = send("self_service.cancel_followed_erasure_request", accepted.follow_up_token)
    assert (cancelled.id, cancelled.state, cancelled.cancellable) == (accepted.id, "cancelled", False)
    operator = server.keys["operator"]
    assert send("erasure_requests.get_erasure_request", operator, accepted.id).state == "cancelled"
    page = send("erasure_requests.list_erasure_requests", operator, state=models.RequestState.CANCELLED)
    assert [one.id for one in page.items] == [accepted.id]
    missing = send("erasure_requests.get_erasure_request", operator, "rq_none")
    day = datetime.now(UTC).date() - timedelta(days=9)
    made = send(
        "batches.create_batch",
        operator,
        idempotency_key="generated-list",
        controller="calltrack",
        received_at=str(day),
        body=types.File(payload=io.BytesIO(f"user_id,received_at\n{holder},\n".encode())),
    )
    assert isinstance(made, models.Plan), made
    assert made.people == 1
    assert (type(missing), missing.status) == (models.Problem, 404)
