"""Local actor: the operating system's user who runs the CLI. It binds honest people, not the machine's owner."""

from __future__ import annotations

import getpass
import os
import re
import unicodedata

from expunge_config.errors import ConfigError
from expunge_config.settings import Settings
from expunge_config.unsafe_characters import UNSAFE
from expunge_orchestrator.auth.principals import PERSON_ACTOR

LONGEST_NAME = 200
_UNSEEN = re.compile(rf"{UNSAFE.pattern}|[\u200c\u200d]")
"""What one name may have and the same name not: the joiners too, which a name may hold."""


def current_actor(settings: Settings) -> str:
    """`EXPUNGE_ACTOR`, or the login name; in a container without one, the number of the user.

    Raises:
        ConfigError: The name holds characters that nobody sees: two people could be told apart who are one. Or it is
            longer than the ledger keeps, or is what persons who ask for themselves are called: of these alone what they
            ask for is not counted against a limit.
    """
    name = _named(settings).strip()
    if len(name) > LONGEST_NAME:
        raise ConfigError(
            f"The name of who is at work is longer than {LONGEST_NAME} characters.", remedy="Set EXPUNGE_ACTOR."
        )
    if not name or UNSAFE.search(name):
        raise ConfigError(
            "The name of who is at work is empty, or holds control characters or others that nobody sees.",
            remedy="Set EXPUNGE_ACTOR to a name that reads as it is written.",
        )
    if plain_name(name) == PERSON_ACTOR:
        raise ConfigError(
            f"The name of who is at work is {PERSON_ACTOR}: that of everybody who asks for themselves.",
            remedy="Set EXPUNGE_ACTOR to a name of your own.",
        )
    return name


def _named(settings: Settings) -> str:
    if settings.actor is not None:
        return settings.actor
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def plain_name(name: str) -> str:
    """A name in the one form in which names are compared."""
    # Twice: folding can undo the form, and what is left out can join what was apart.
    for _ in range(2):
        seen = "".join(one for one in unicodedata.normalize("NFKC", name) if one.isspace() or not _UNSEEN.match(one))
        name = " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())
    return name
