"""Errors of this package. No message holds a value that came from a person's record."""

from typing import ClassVar


class ReportError(Exception):
    """The report could not be made or read."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])


class MalformedError(ReportError):
    """The document does not have the required form.

    Attributes:
        part: The part that has not, if it is known.
        at: Offset in bytes at which reading stopped, if it is known.
    """

    def __init__(self, message: str | None = None, *, part: str | None = None, at: int | None = None) -> None:
        super().__init__(message)
        self.part = part
        self.at = at


class SeveralDocumentsError(MalformedError):
    """The file holds several documents, one after the other."""


class NotCanonicalError(MalformedError):
    """The bytes are not the canonical form of the JSON they hold."""


class StatementError(MalformedError):
    """The statement breaks a rule of its format."""


class ContradictionError(ReportError):
    """What is to be stated cannot be true."""


class SignatureError(ReportError):
    """The signature does not verify."""


class ProofError(ReportError):
    """The Merkle proof does not lead to the root."""


class NoteError(ReportError):
    """The signed note is malformed, or no signature of the expected key verifies."""


class UnknownNoteKeyError(NoteError):
    """The note bears no signature of the expected key."""


class TrustError(ReportError):
    """The trust file is malformed or contradicts itself."""

    exit_code: ClassVar[int] = 2


class KeyFileError(ReportError):
    """A key file is missing, unsafe or unreadable."""

    exit_code: ClassVar[int] = 2


class LogError(ReportError):
    """The transparency log refused the operation."""


class LogCorruptError(LogError):
    """The log's tiles do not lead to its signed checkpoint."""


class ForeignLogError(LogCorruptError):
    """The log's checkpoint bears no signature of the log that is trusted."""


class LogBusyError(LogError):
    """Another process is writing to this log."""
