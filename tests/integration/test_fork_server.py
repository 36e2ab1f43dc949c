"""The process that commands are forked from: where it cannot be, tests end with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.fork_server import start_fork_server


def test_a_process_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    """Its end was waited for without an end, by a whole run of tests."""
    with (
        start_fork_server({"PYTHONPATH": str(tmp_path)}) as forks,  # nothing of ours can be imported
        pytest.raises((AssertionError, BrokenPipeError)),
    ):
        forks.start(["--version"], directory=tmp_path, environment=os.environ, streams=[])
