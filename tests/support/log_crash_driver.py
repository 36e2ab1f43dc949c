"""Run by test_transparency_log.py in a process of its own: appends, and is killed with SIGKILL after a given step.

One fork per step, because a fresh interpreter for each would take most of the test's time.
"""

import os
import signal
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge_reports.log.durable_files import DurableDirectory
from expunge_reports.log.transparency_log import LogWriter

ORIGIN = "receipts.example.org"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)


def leaves(start: int, end: int) -> list[bytes]:
    """Return the leaves that every run appends."""
    return [b"leaf %d" % number for number in range(start, end)]


def _append_and_die(directory: Path, start: int, end: int, fatal_step: int) -> None:
    steps = 0

    def count(_: str) -> None:
        nonlocal steps
        steps += 1
        if steps == fatal_step:
            os.kill(os.getpid(), signal.SIGKILL)

    with LogWriter.open(DurableDirectory(directory, count), ORIGIN, KEY) as writer:
        writer.append(leaves(start, end))
    os._exit(0)


def main() -> None:
    """Prepare one log per step under argv[1] and print the number of steps an append from argv[2] to argv[3] has."""
    base, start, end = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for step in range(1, 1000):
        directory = base / str(step)
        with LogWriter.create(directory, ORIGIN, KEY) as writer:
            writer.append(leaves(0, start))
        child = os.fork()
        if child == 0:
            _append_and_die(directory, start, end, step)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            sys.stdout.write(f"{step - 1}\n")
            return
        assert os.WTERMSIG(status) == signal.SIGKILL


if __name__ == "__main__":
    main()
