"""A client's administrators have so many keys of it, and no more: every plan and approval looks at all of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.support.api import ApiHarness, bearer

from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.ledger.request_tables import api_key

WISH = {"roles": ["requester"], "controllers": ["client:42"]}


def there_are(api: ApiHarness, number: int, created_at: datetime, **said: object) -> None:
    row = {"secret_hash": b"0" * 32, "roles": ["requester"], "controllers": ["client:42"], "created_by": "us_1"}
    moment = {"created_at": stamp(created_at), **said}
    rows = [{**row, **moment, "uid": f"{said}{one}"[-32:], "actor": f"ak_{one}"} for one in range(number)]
    with api.installation.workspace.ledger.begin() as connection:
        connection.execute(sa.insert(api_key), rows)


@pytest.mark.parametrize("ended", [{}, {"revoked_at": "now"}, {"expires_at": "now"}])
def test_a_client_has_so_many_keys(api: ApiHarness, ended: dict[str, str]) -> None:
    """Those of the last day count even if they were ended: else somebody issues and revokes without end."""
    said = dict.fromkeys(ended, stamp(api.at))
    there_are(api, api_keys.MOST_OF_A_CONTROLLER - 1, api.at - timedelta(hours=1 if ended else 100), **said)
    admin = api.staff("admin", controllers="client:42 client:43")

    def issued(headers: dict[str, str], **other: object) -> tuple[int, str]:
        answer = api.client.post("/v1/api_keys", json={**WISH, **other}, headers=headers)
        return answer.status_code, answer.text

    status, last = issued(admin, roles=["admin"])
    assert status == 201, last
    chained = bearer(
        api.client.post("/v1/api_keys", json={"roles": ["admin"]}, headers=api.key(Role.ADMIN)).json()["secret"]
    )
    for headers, other in ((admin, {}), (chained, {}), (admin, {"controllers": ["client:43", "client:42"]})):
        status, told = issued(headers, **other)
        assert status == 409
        assert f"Nothing was issued: client:42 has {api_keys.MOST_OF_A_CONTROLLER} keys" in told
    assert issued(admin, controllers=["client:43"])[0] == 201, "another client's are not its"
    assert issued(api.key(Role.ADMIN), controllers=None)[0] == 201


def test_what_ended_before_the_last_day_counts_no_more(api: ApiHarness) -> None:
    before = api.at - timedelta(days=1, seconds=1)
    there_are(api, api_keys.MOST_OF_A_CONTROLLER, before, revoked_at=stamp(before))
    assert api.client.post("/v1/api_keys", json=WISH, headers=api.staff("admin")).status_code == 201
