"""Installed objects: what a package beside Expunge offers by an entry point: a connector, a command."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from expunge_config.errors import ConfigError


def load(kind: str, point: EntryPoint) -> object:
    """Import what an entry point names.

    Args:
        kind: What it is, for the error: `connector`, `command`.
        point: Names it.

    Raises:
        ConfigError: It cannot be loaded, whatever the package does as it is imported.
    """
    try:
        return point.load()
    except Exception as error:  # noqa: BLE001 - whatever it does, nothing but what needs it ends
        raise ConfigError(
            f"The {kind} {point.name} is installed but cannot be loaded ({type(error).__name__}).",
            remedy=f"Reinstall the package that provides {point.value}.",
        ) from None
