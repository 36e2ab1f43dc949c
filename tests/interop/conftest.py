"""One Chromium for a module's pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support import chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    """Started once; its profile is the module's own."""
    with chromium.running(tmp_path_factory.mktemp("profile")) as started:
        yield started
