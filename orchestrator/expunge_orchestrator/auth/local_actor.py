"""Local actor: the operating system's user who runs the CLI. It binds honest people, not the machine's owner."""

from __future__ import annotations

import getpass
import os
import unicodedata

from expunge_config.errors import ConfigError
from expunge_config.settings import Settings
from expunge_orchestrator.auth.principals import PERSON_ACTOR

LONGEST_NAME = 200
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Unicode's default-ignorable code points of other categories, as ranges.
_IGNORABLE = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2065, 0x2065),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),
)


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
    if not name or any(_unseen(one) for one in name):
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
        seen = "".join(one for one in unicodedata.normalize("NFKC", name) if one.isspace() or not _unseen(one))
        name = " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())
    return name


def _unseen(character: str) -> bool:
    code = ord(character)
    return unicodedata.category(character) in _INVISIBLE or any(first <= code <= last for first, last in _IGNORABLE)
