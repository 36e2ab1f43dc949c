"""OpenDSR 2.0: a controller that speaks it, checked by code of its own."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from httpx2 import Response
from tests.support.api import ApiHarness, open_api
from tests.support.installation import CompanyStack
from tests.support.opendsr import DOMAIN, certificate_in
from tests.support.people import make_caller
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.errors import KeysError
from expunge_orchestrator.ledger.tables import batch

BASE = "/opendsr/v2"


@pytest.fixture
def api(calltrack: CompanyStack, tmp_path: Path) -> Iterator[ApiHarness]:
    with open_api(calltrack, tmp_path, api={"opendsr": certificate_in(tmp_path)}) as made:
        yield made


def checked(api: ApiHarness, answer: Response) -> dict[str, object]:
    """What a controller does: check the signature over the raw body before it reads it."""
    assert answer.headers["x-opendsr-processor-domain"] == DOMAIN
    certificate = x509.load_pem_x509_certificate(api.client.get(f"{BASE}/certificate.pem").content)
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    signature = b64decode(answer.headers["x-opendsr-signature"])
    public.verify(signature, answer.content, padding.PKCS1v15(), hashes.SHA256())
    return dict(json.loads(answer.content))


def wanted(api: ApiHarness, client: int, at: int, **changed: object) -> dict[str, object]:
    caller = api.installation.calltrack.company.callers_of(client)[at]
    return {
        "regulation": "gdpr",
        "subject_request_id": str(uuid4()),
        "subject_request_type": "erasure",
        "submitted_time": (api.at - timedelta(hours=3)).isoformat(),
        "subject_identities": [
            {"identity_type": "controller_customer_id", "identity_value": str(caller), "identity_format": "raw"}
        ],
        "api_version": "2.0",
        **changed,
    }


def client_of(api: ApiHarness) -> tuple[int, dict[str, str]]:
    client = api.installation.calltrack.company.clients[3].id
    return client, api.key(Role.REQUESTER, controllers=(f"client:{client}",))


def test_discovery_is_signed_and_says_what_is_supported(api: ApiHarness) -> None:
    told = checked(api, api.client.get(f"{BASE}/discovery"))
    assert told["supported_subject_request_types"] == ["erasure"]
    assert {"identity_type": "email", "identity_format": "raw"} in list(told["supported_identities"])  # type: ignore[call-overload]
    assert str(told["processor_certificate"]).startswith(f"https://{DOMAIN}/")


def test_taken_in_carried_out_told(api: ApiHarness) -> None:
    client, key = client_of(api)
    asked = wanted(api, client, 0)
    taken = checked(api, api.client.post(f"{BASE}/requests", json=asked, headers=key))
    assert json.loads(b64decode(str(taken["encoded_request"]))) == asked
    assert taken["controller_id"] == f"client:{client}"
    at = f"{BASE}/requests/{asked['subject_request_id']}"
    assert checked(api, api.client.get(at, headers=key))["request_status"] == "pending"
    api.work()
    told = checked(api, api.client.get(at, headers=key))
    assert told["request_status"] == "completed"
    assert told["extensions"][DOMAIN]["state"] == "erased"  # type: ignore[index]
    assert str(told["extensions"][DOMAIN]["receipt_id"]).startswith("er_")  # type: ignore[index]
    late = api.client.delete(at, headers=key)
    assert (late.status_code, late.json()["error"]["errors"][0]["reason"]) == (409, "too-late")


def test_again_it_is_the_same_and_another_content_is_refused(api: ApiHarness) -> None:
    client, key = client_of(api)
    asked = wanted(api, client, 1)
    first = api.client.post(f"{BASE}/requests", json=asked, headers=key)
    again = api.client.post(f"{BASE}/requests", json=asked, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert len(api.client.get("/v1/erasure_requests", headers=key).json()["items"]) == 1
    other = {**asked, "subject_identities": wanted(api, client, 2)["subject_identities"]}
    refused = api.client.post(f"{BASE}/requests", json=other, headers=key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 400)


def test_withdrawn(api: ApiHarness) -> None:
    client, key = client_of(api)
    asked = wanted(api, client, 3)
    api.client.post(f"{BASE}/requests", json=asked, headers=key)
    at = f"{BASE}/requests/{asked['subject_request_id']}"
    answer = api.client.delete(at, headers=key)
    assert answer.status_code == 202
    checked(api, answer)
    assert checked(api, api.client.get(at, headers=key))["request_status"] == "cancelled"
    api.work()
    assert api.client.get("/v1/erasure_requests", headers=key).json()["items"][0]["batch_id"] is None


@pytest.mark.parametrize(
    "changed",
    [
        {"subject_request_type": "access"},
        {"subject_request_id": "not-a-uuid"},
        {"status_callback_urls": ["https://169.254.169.254/latest"]},
        {"submitted_time": "2999-01-01T00:00:00Z"},
        {"subject_identities": []},
        {"subject_identities": [{"identity_type": "email", "identity_value": "00ff", "identity_format": "sha256"}]},
        {
            "subject_identities": [
                {"identity_type": "roku_publisher_id", "identity_value": "x", "identity_format": "raw"}
            ]
        },
        {"subject_identities": [{"identity_type": "phone", "identity_value": "secret", "identity_format": "raw"}]},
        {"extensions": {DOMAIN: {"controller": "client:1000000"}}},
        {"extensions": {DOMAIN: {"controller": 1000000}}},
        {"extensions": {DOMAIN: {"controller": ["client:1000000"]}}},
        {"extensions": {DOMAIN: {"controller": None}}},
        {"extensions": {DOMAIN: "client:1000000"}},
    ],
)
def test_what_is_refused_in_its_own_form(api: ApiHarness, changed: dict[str, object]) -> None:
    client, key = client_of(api)
    refused = api.client.post(f"{BASE}/requests", json=wanted(api, client, 4, **changed), headers=key)
    assert refused.status_code in {400, 404}
    assert refused.json()["error"]["code"] == refused.status_code
    assert "secret" not in refused.text
    assert api.client.get("/v1/erasure_requests", headers=key).json()["items"] == []


def test_nobody_without_a_credential_and_nobody_elses(api: ApiHarness) -> None:
    client, key = client_of(api)
    asked = wanted(api, client, 5)
    assert api.client.post(f"{BASE}/requests", json=asked).status_code == 401
    api.client.post(f"{BASE}/requests", json=asked, headers=key)
    other = api.key(Role.REQUESTER, controllers=(f"client:{client + 1}",))
    assert api.client.get(f"{BASE}/requests/{asked['subject_request_id']}", headers=other).status_code == 404


def test_a_certificate_of_another_domain_is_not_used(calltrack: CompanyStack, tmp_path: Path) -> None:
    settings = certificate_in(tmp_path, "elsewhere.example")
    with pytest.raises(KeysError), open_api(calltrack, tmp_path, api={"opendsr": settings}):
        pass


def test_pending_is_what_can_be_withdrawn(api: ApiHarness) -> None:
    """A plan that waits for approval is not pending: to take it back would be refused."""
    client, key = client_of(api)
    asked = wanted(api, client, 6)
    api.client.post(f"{BASE}/requests", json=asked, headers=key)
    at = f"{BASE}/requests/{asked['subject_request_id']}"
    api.work()
    for state in ("planned", "awaiting-approval"):
        with api.installation.workspace.ledger.begin() as connection:
            connection.execute(sa.update(batch).values(state=state))
        told = checked(api, api.client.get(at, headers=key))
        assert (told["request_status"], told["extensions"][DOMAIN]["state"]) == ("in_progress", state)  # type: ignore[index]
        assert api.client.delete(at, headers=key).status_code == 409


def test_several_people_behind_it_is_an_end(api: ApiHarness, inspector: StoreInspector) -> None:
    """As the webhook and the receipt have it: denied, nothing was deleted."""
    client, key = client_of(api)
    one, other = make_caller(inspector, client_id=client), make_caller(inspector, client_id=client)
    identities = [
        {"identity_type": "controller_customer_id", "identity_value": str(one.id), "identity_format": "raw"},
        {"identity_type": "phone", "identity_value": other.phone, "identity_format": "raw"},
    ]
    asked = wanted(api, client, 7, subject_identities=identities)
    assert api.client.post(f"{BASE}/requests", json=asked, headers=key).status_code == 201
    at = f"{BASE}/requests/{asked['subject_request_id']}"
    api.work()
    for _ in range(2):
        told = checked(api, api.client.get(at, headers=key))
        more = told["extensions"][DOMAIN]  # type: ignore[index]
        assert (told["request_status"], more["state"], more["reason"]) == ("cancelled", "denied", "ambiguous")
        assert more["receipt_id"].startswith("er_")
        api.settle()


def test_what_is_refused_before_it_is_known_to_be_of_opendsr_is_documented(api: ApiHarness) -> None:
    _, key = client_of(api)
    paths = api.client.get(f"{BASE}/openapi.json").json()["paths"]
    answer = api.client.get(f"{BASE}/requests/%02", headers=key)
    documented = paths["/requests/{subject_request_id}"]["get"]["responses"][str(answer.status_code)]["content"]
    assert answer.status_code == 404
    assert answer.headers["content-type"] in documented
