"""Validates the settings file (.env) and the secrets directory before pydantic-settings reads them.

The library that reads them passes over what it cannot read: a line without `=`, a file that is not there. A setting
that somebody wrote and that does not apply is worse than an error.
"""

from __future__ import annotations

import os
import stat
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from expunge_config import regular_files
from expunge_config.errors import ConfigError

_READ = stat.S_IRWXO | stat.S_IWGRP
"""Modes that a file with secrets has not."""


def refuse_unreadable(path: Path) -> None:
    """Make sure that every line of a settings file (.env syntax) says something.

    Raises:
        ConfigError: The file is missing, no regular file, another user's, everybody's to read or others' to change, not
            UTF-8 text, or has a line that is no `NAME=value`. Lines are named by number: what stands in
            them may be a secret.
    """
    try:
        with regular_files.opened(path) as file:
            found = os.fstat(file.fileno())
            content = file.read()
    except regular_files.WritableByEverybodyError:
        raise _open_to_others(path, _READ) from None
    except OSError as error:
        raise ConfigError(
            f"The settings file {path} cannot be read ({type(error).__name__}).",
            remedy="Correct EXPUNGE_SETTINGS_FILE, or the rights on the file.",
        ) from None
    _refuse_others(path, found, _READ)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path.name}, line {line}: not UTF-8.", remedy="Save the file as UTF-8.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ConfigError(f"{path.name}, line {line}: a NUL byte.", remedy="Save the file as UTF-8 text.")
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            leading = len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            raise ConfigError(
                f"{path.name}, line {binding.original.line + leading}: not a setting.",
                remedy="Write EXPUNGE_NAME=value, or a # before a comment.",
            )


def refuse_unreadable_directory(path: Path) -> None:
    """Make sure that a secrets directory is there, and that nobody else can change it or what is in it.

    Raises:
        ConfigError: It is missing, or no directory; it or a file in it is another user's, or open to others.
    """
    try:
        files = [one for one in path.iterdir() if not one.is_dir()]
        # Kubernetes' is everybody's to add to, but sticky: what others add is theirs, and refused as that.
        found = path.stat()
        _refuse_others(path, found, 0 if found.st_mode & stat.S_ISVTX else stat.S_IWOTH | stat.S_IWGRP)
        for one in files:
            # Docker and Kubernetes let everybody of the container read them: the container is what keeps them.
            _refuse_others(one, one.stat(), stat.S_IWOTH | stat.S_IWGRP)
            regular_files.opened(one).close()
    except OSError as error:
        raise ConfigError(
            f"The secrets directory {path} cannot be read ({type(error).__name__}).",
            remedy="Correct EXPUNGE_SECRETS_DIR, or the rights on it.",
        ) from None


def _refuse_others(path: Path, found: os.stat_result, closed: int) -> None:
    """Make sure that a file or directory is the user's or root's, and has none of the modes that are to be closed.

    Raises:
        ConfigError: What somebody else wrote would be obeyed, or what is secret be read.
    """
    if found.st_uid not in {os.geteuid(), 0}:
        raise ConfigError(
            f"{path} belongs to another user: what stands in it would be obeyed.",
            remedy=f"Give it to the user who runs expunge, or to root: chown {os.geteuid()} {path}",
        )
    if found.st_mode & closed:
        raise _open_to_others(path, closed)


def _open_to_others(path: Path, closed: int) -> ConfigError:
    rights = "o=,g-w" if closed & stat.S_IROTH else "go-w"
    return ConfigError(f"{path} is open to others: what stands in it may be a secret.", remedy=f"chmod {rights} {path}")
