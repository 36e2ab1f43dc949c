"""Given identifiers: a key of a person, from what was given in a list, in a call or in a token."""

from __future__ import annotations

import unicodedata

from expunge_config.datamap import DataMap
from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import SubjectKey


def key_of(identity: str, text: str, data_map: DataMap) -> SubjectKey:
    """One identifier, normalised by the map, wherever it came from: as a receipt can state it, or refused.

    Raises:
        NotNormalisable: It cannot be used. The value is not repeated.
    """
    value = data_map.identities[identity].rule.normalise(text)
    if value.strip() != value or not unicodedata.is_normalized("NFC", value):
        raise NotNormalisable("it has white space at its edges or is not in Unicode NFC")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotNormalisable("it holds half a character") from None
    return SubjectKey(identity, value)
