"""Authentication errors: why a credential is refused, without any of its content."""

from __future__ import annotations

from typing import ClassVar

from expunge_config.errors import ExpungeError


class NotAuthenticatedError(ExpungeError):
    """The call brings no credential that is accepted here."""

    exit_code: ClassVar[int] = 2

    def __init__(self, slug: str, message: str, *, remedy: str | None = None) -> None:
        self.slug = slug
        super().__init__(message, remedy=remedy)


def no_credential() -> NotAuthenticatedError:
    """Nothing at all."""
    return NotAuthenticatedError("credential-missing", "The call brings no credential.", remedy="Authorization: Bearer")


def not_accepted() -> NotAuthenticatedError:
    """One that is wrong, without saying in what: who guesses learns nothing."""
    return NotAuthenticatedError("credential-refused", "The credential is not accepted.")
