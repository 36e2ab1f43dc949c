"""Openings: the small file that binds a receipt's subject digest to a person's identifier; never stored by us.

Its SHA-256 is a subject digest of the statements. The nonce is an HMAC under a yearly key, so an opening can be made
again on demand from the identifier, nobody can guess an identifier from a digest, and destroying the key unbinds the
operator. It is a plain file digest, hence stock tools (cosign) check signature and person together.
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from expunge_reports import canonical, json_fields, statement
from expunge_reports.errors import MalformedError

FORMAT: Final = "expunge-opening/1"

_LABEL: Final = b"expunge-opening-nonce/1\n"
_KEY_SIZE: Final = 32
_MAX_BYTES: Final = 64 * 1024
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+_.-]*/[1-9][0-9]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Opening:
    """A parsed opening. Its value and nonce stay out of `repr`.

    Attributes:
        series: the series it opens.
        scheme: namespace and version of the normaliser, such as `email/1`.
        value: the normalised identifier.
        nonce: 64 hexadecimal digits.
    """

    series: str
    scheme: str
    value: str = field(repr=False)
    nonce: str = field(repr=False)

    def to_bytes(self) -> bytes:
        """Return the opening file's bytes."""
        return canonical.encode(
            {
                "format": FORMAT,
                "series": self.series,
                "identifier": {"scheme": self.scheme, "value": self.value},
                "nonce": self.nonce,
            }
        )


def make(epoch_key: bytes, series: str, scheme: str, value: str) -> bytes:
    """Return the opening file for one identifier of a series. The same arguments give the same bytes.

    Args:
        epoch_key: the opening key of the series' epoch, 32 bytes.
        series: the series id.
        scheme: namespace and version of the normaliser that `value` has been through.
        value: the identifier, already normalised: changing a letter's case makes it another person.

    Raises:
        MalformedError: a wrong key length, series or scheme; a value that is empty, not in Unicode NFC or bears
            surrounding white space, which no normaliser would have left.
    """
    if len(epoch_key) != _KEY_SIZE:
        raise MalformedError("the opening key is not 32 bytes long")
    identifier = canonical.encode({"scheme": scheme, "value": value})
    # Unambiguous: the label is constant and a series has a fixed length.
    nonce = hmac.new(epoch_key, _LABEL + series.encode() + identifier, hashlib.sha256).hexdigest()
    made = Opening(series, scheme, value, nonce)
    _check(made)
    return made.to_bytes()


def digest(opening: bytes) -> str:
    """Return the subject digest: SHA-256 (hex) of the opening file's bytes."""
    return canonical.digest(opening)


def parse(data: bytes) -> Opening:
    """Read an opening file.

    Raises:
        MalformedError: not the canonical bytes of an opening.
    """
    members = json_fields.mapping(
        canonical.decode(data, _MAX_BYTES), "the opening", ("format", "series", "identifier", "nonce")
    )
    json_fields.constant(members["format"], FORMAT, "the opening's format")
    identifier = json_fields.mapping(members["identifier"], "the identifier", ("scheme", "value"))
    found = Opening(
        series=json_fields.text(members["series"], "the opening's series"),
        scheme=json_fields.text(identifier["scheme"], "the identifier's scheme"),
        value=json_fields.text(identifier["value"], "the identifier's value"),
        nonce=json_fields.hex_digest(members["nonce"], "the nonce"),
    )
    _check(found)
    return found


def _check(found: Opening) -> None:
    if not statement.is_series(found.series):
        raise MalformedError("the opening's series is not er_ and 32 hexadecimal digits")
    if not _SCHEME.fullmatch(found.scheme):
        raise MalformedError("the identifier's scheme is not a name and a version")
    value = found.value
    if not value or value.strip() != value or not unicodedata.is_normalized("NFC", value):
        raise MalformedError("the identifier's value is not normalised")
