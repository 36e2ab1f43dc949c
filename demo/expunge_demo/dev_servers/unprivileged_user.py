"""Unprivileged user that the servers run as, and what it can reach.

Postgres refuses to run as root, and the others need no more rights than it does. Root therefore lends the servers the
account `nobody`, which every system has; anybody else runs them as themselves.
"""

from __future__ import annotations

import os
import pwd
import tempfile
from dataclasses import dataclass
from pathlib import Path

from expunge_demo.dev_servers.errors import EmbeddedError


@dataclass(frozen=True, slots=True)
class User:
    """An account by number."""

    uid: int
    gid: int


def server_user() -> User | None:
    """Return whom to run servers as: None for the current user, `nobody` for root.

    Raises:
        EmbeddedError: Root on a system without the account `nobody`.
    """
    if os.geteuid() != 0:
        return None
    try:
        account = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "as root the servers run as the account `nobody`, which this system lacks",
            remedy="Run as an ordinary user.",
        ) from None
    return User(account.pw_uid, account.pw_gid)


def allows(mode: os.stat_result, user: User, right: int) -> bool:
    """Tell whether the permission bits grant `right` (1 execute or pass, 4 read) to a user of one group."""
    if mode.st_uid == user.uid:
        return bool(mode.st_mode & (right << 6))
    if mode.st_gid == user.gid:
        return bool(mode.st_mode & (right << 3))
    return bool(mode.st_mode & right)


def reaches(user: User | None, path: Path, right: int = 1) -> bool:
    """Tell whether the user may pass every directory above a path and has a right to the path itself."""
    if user is None:
        return True
    path = path.resolve()
    return allows(path.stat(), user, right) and all(allows(parent.stat(), user, 1) for parent in path.parents)


def private_directory(path: Path, user: User | None) -> Path:
    """Make a directory that only the user (and root) may enter, and return it."""
    path.mkdir(mode=0o700)
    if user is not None:
        os.chown(path, user.uid, user.gid)
    return path


def scratch_parent(user: User | None, wish: Path | None) -> Path:
    """Choose where a temporary directory goes that the user can reach.

    Args:
        user: Whom the servers run as.
        wish: The caller's choice, or None for the system's temporary directory.

    Raises:
        EmbeddedError: The wish, or every temporary directory, lies behind a directory closed to the user.
    """
    # TMPDIR may lie in a private home: then the system-wide places are tried.
    candidates = [wish] if wish is not None else [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108
    for candidate in candidates:
        if candidate.is_dir() and reaches(user, candidate):
            return candidate.resolve()
    raise EmbeddedError(
        "the account `nobody`, as which root runs the servers, cannot reach the directory for their files",
        remedy="Name a directory that is not below a private one.",
    )


def write_private(path: Path, text: str, user: User | None) -> None:
    """Write a file that only the server's user (and root) may read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if user is not None:
            os.fchown(descriptor, user.uid, user.gid)
        file.write(text)
