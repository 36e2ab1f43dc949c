"""Letters say what the receipt says: of an end, of what was never begun, of copies without a day, of a denial."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.api.test_notifications import batch_of
from tests.support.api import ApiHarness, once, open_api
from tests.support.cancellation import cancel, end, refused
from tests.support.faulty_connector import FaultyConnector
from tests.support.installation import CompanyStack
from tests.support.notifications import deliver, letters_of
from tests.support.people import make_holder
from tests.support.plan_replacement import plan_only
from tests.support.store_inspector import StoreInspector

URL = "/v1/me/erasure_requests"


def asked(api: ApiHarness, inspector: StoreInspector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's request that is planned, with an address to write to."""
    ann = make_holder(inspector)
    token = api.app.sign({**api.claims(user_id=ann.id, email=ann.email), "contact": "ann@mail.example"})
    at_once = {"scope": "account", "waive_grace": True}
    assert api.client.post(URL, json=at_once, headers=once({"Authorization": f"Bearer {token}"})).status_code == 201
    plan_only(api, monkeypatch)


def refuses_for_good(api: ApiHarness, *stores: str) -> None:
    workspace = api.installation.workspace
    stuck = {name: FaultyConnector(workspace.stores[name], erase=refused) for name in stores}
    api.installation.erase(batch_of(api), api.installation.with_stores(stuck))  # type: ignore[arg-type]


def words(box: Path) -> list[str]:
    return [" ".join(one.split()) for one in letters_of(box)]


@pytest.mark.parametrize(
    ("stores", "said", "not_said"),
    [
        (["main", "cache", "recordings"], "Nothing was deleted from the systems in use", "has been deleted"),
        (["recordings"], "A part of what was asked for has been deleted", "except for what has to be kept"),
    ],
)
def test_after_an_end_nobody_is_told_that_it_was_carried_out(  # noqa: PLR0917 - fixtures
    calltrack: CompanyStack,
    inspector: StoreInspector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stores: list[str],
    said: str,
    not_said: str,
) -> None:
    box = tmp_path / "letters"
    with open_api(calltrack, tmp_path, api={"letters": box}) as api:
        asked(api, inspector, monkeypatch)
        refuses_for_good(api, *stores)
        end(api.installation, batch_of(api))
        for _ in range(3):
            deliver(api)
    _, answer, closed = words(box)
    assert said in answer
    assert not_said not in answer
    assert not any("look once more" in one or "looked once more" in one for one in (answer, closed))
    assert "of some no day can be named" in answer


def test_of_who_was_withdrawn_nothing_was_deleted(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = tmp_path / "letters"
    with open_api(calltrack, tmp_path, api={"letters": box}) as api:
        asked(api, inspector, monkeypatch)
        cancel(api.installation, batch_of(api))
        for _ in range(2):
            deliver(api)
    *_, last = words(box)
    assert "Your request was ended before anything was deleted. Your data stays as it was." in last
