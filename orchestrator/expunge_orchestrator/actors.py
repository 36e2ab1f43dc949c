"""Actors: who is at the keyboard, as far as the machine can tell. This binds honest people, not the machine's owner."""

from __future__ import annotations

import getpass
import os

from expunge_config.settings import Settings


def actor_of(settings: Settings) -> str:
    """`EXPUNGE_ACTOR`, or the login name; in a container without one, the number of the user."""
    if settings.actor is not None:
        return settings.actor
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
