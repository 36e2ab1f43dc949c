"""Validates the settings file (.env) and the secrets directory before pydantic-settings reads them.

The library that reads them passes over what it cannot read: a line without `=`, a file that is not there. A setting
that somebody wrote and that does not apply is worse than an error.
"""

from __future__ import annotations

import stat
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from expunge_config.errors import ConfigError


def refuse_unreadable(path: Path) -> None:
    """Make sure that every line of a settings file (.env syntax) says something.

    Raises:
        ConfigError: The file is missing, everybody's to read or others' to change, not UTF-8 text, or has a line that
            is no `NAME=value`. Lines are named by number: what stands in them may be a secret.
    """
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The settings file {path} cannot be read ({type(error).__name__}).",
            remedy="Correct EXPUNGE_SETTINGS_FILE, or the rights on the file.",
        ) from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ConfigError(
            f"The settings file {path} is open to others: what stands in it may be a secret.",
            remedy=f"chmod o=,g-w {path}",
        )
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
    """Make sure that a secrets directory is there.

    Raises:
        ConfigError: It is missing, or no directory.
    """
    if not path.is_dir():
        raise ConfigError(f"The secrets directory {path} is not there.", remedy="Correct EXPUNGE_SECRETS_DIR.")
