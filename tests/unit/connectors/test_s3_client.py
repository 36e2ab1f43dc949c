"""Clients of S3 share what botocore reads from its files, and nothing of it grows with their number."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.loaders import Loader
from pydantic import SecretStr

from expunge_connectors.s3.client import Service
from expunge_connectors.s3.spec import S3Connection

NOBODY = S3Connection(
    endpoint_url=SecretStr("http://127.0.0.1:1"),
    access_key_id=SecretStr("made-up"),
    secret_access_key=SecretStr("made-up"),
)


@pytest.fixture
def loaders(monkeypatch: pytest.MonkeyPatch) -> list[Loader]:
    """The loader of every session that is made."""
    seen: list[Loader] = []
    register = botocore.session.Session.register_component

    def watched(session: botocore.session.Session, name: str, component: object) -> None:
        if isinstance(component, Loader):
            seen.append(component)
        register(session, name, component)

    monkeypatch.setattr(botocore.session.Session, "register_component", watched)
    return seen


def test_they_share_one_loader_that_does_not_grow(loaders: list[Loader]) -> None:
    places = []
    for name in ("one", "two", "three"):
        Service(name, NOBODY)._client()  # made at the first request, which nobody would answer
        places.append(list(loaders[-1].search_paths))
    assert loaders == loaders[:1] * 3
    assert places == places[:1] * 3
