"""XML names: keys with characters that XML 1.0 has not, and how such a key is told in a listing. Pure.

S3 allows any Unicode in a key. A listing is asked for in the form of URLs (`encoding-type`), which SeaweedFS does not
know of versions and of uploads: there it puts U+FFFD for what XML has no character for.
"""

from __future__ import annotations

import re

from expunge_connectors.s3.found_versions import Target

REPLACEMENT = "\ufffd"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2


def fits_xml(name: str) -> bool:
    """Whether a request with a body, as DeleteObjects is, can say it."""
    return _NOT_XML.search(name) is None


def xml_form(name: str) -> str:
    """How XML may have it, one character for one."""
    return _NOT_XML.sub(REPLACEMENT, name)


def told_whole(key: str) -> bool:
    """Whether a listing that says this means it."""
    return REPLACEMENT not in key


def own_key(target: Target, key: str) -> str | None:
    """The key of what a listing of this target's name alone shows; None: it is no object of the target.

    What is listed below a name begins with it, however the answer writes it.
    """
    if not told_whole(key) and key.startswith(form := xml_form(target.name)):
        key = target.name + key[len(form) :]
    return key if target.covers(key) else None


def form_below(target: Target, key: str) -> str:
    """What `own_key` makes of a key of the target that is told in another form."""
    return target.name + xml_form(key.removeprefix(target.name))
