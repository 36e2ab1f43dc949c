"""Mailboxes as people write them: `Ann <ann@x.example>`, `mailto:ann%40x.example`, lists, `JÖRG@münchen.example`.

The normalised form is the address alone, in small letters, its domain as the DNS has it (`idna`, UTS 46).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase
from urllib.parse import unquote

import idna

from expunge_config.spellings import Item, Spellings, TextsCompared

_SPACES = "".join(
    map(
        chr,
        (
            *(0x20, 0x09, 0x0A, 0x0D, 0x0B, 0x0C, 0x85, 0xA0, 0x1680),
            *range(0x2000, 0x200C),
            *(0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF),
        ),
    )
)
# RFC 5322, section 3.2.3, and the letters of RFC 6531. A domain has no apostrophe.
_LOCAL = rf"[^{_SPACES}@\x00-\x1f\x7f\"():;,<>\[\]\\]+"
_DOMAIN = rf"[^{_SPACES}@\x00-\x1f\x7f\"'():;,<>\[\]\\]+"
_ADDRESS = rf"{_LOCAL}@{_DOMAIN}\.{_DOMAIN}"
_ONE = re.compile(
    rf"(?:(?P<name>\"(?:[^\"\\]|\\.)*\"|[^\"<>]*)[{_SPACES}]*<[{_SPACES}]*(?:mailto:)?(?P<inside>{_ADDRESS})[{_SPACES}]*>"
    rf"|(?P<uri>mailto:)?(?P<bare>{_ADDRESS}))(?:[{_SPACES}]*\((?P<comment>[^()]*)\))?",
    re.IGNORECASE,
)
# Where it stands beside an address, there may be another one: also as people write it for robots not to read, or
# as a page, a letter or a URI has it that was copied there.
_SIGN = re.compile(
    r"@|%(?:25)*40|\w=40[a-z]|&#(?:0*64|x0*40)\b|&commat\b|[(\[{<]\s*at\s*[)\]}>]|\S\s+at\s+\S+?(?:\.|\s+dot\s+)\S",
    re.IGNORECASE,
)
# Between the mailboxes of a list; not within quotes, brackets and comments.
_ITEM = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|<[^<>]*>|\([^()]*\)|[^,;\n\r])+")
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_SIGNS = "\uff20\ufe6b"
"""What is typed for @ in other widths."""
_INVISIBLE = "\u00ad\u200b\u2060\ufeff"
_PLAIN = str.maketrans(_SIGNS, "@" * len(_SIGNS), _INVISIBLE)
_AT = str.maketrans(_SIGNS, "@" * len(_SIGNS))
_QUOTES = "'\"`\u00b4\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a"
_QUOTED = re.compile(rf"(^|<[{_SPACES}]*)[{_QUOTES}]({_ADDRESS})[{_QUOTES}]([{_SPACES}]*>|$)")
_AROUND = re.compile(rf"[{_SPACES}]*@[{_SPACES}]*")
# A word or two that say what follows: `E-Mail: ann@x.example`. What stands before a colon without a blank is a scheme.
_LABEL = re.compile(rf"^[^%@:<>\"(){_SPACES}]+(?:[{_SPACES}][^%@:<>\"(){_SPACES}]+){{0,2}}:[{_SPACES}]+(?=[^<>]+$)")
_DNS = re.compile(r"[a-z0-9._-]+")
# All of ASCII but small letters, digits and `._+-@%`. A mailbox may have some of it: the token of one that has is what
# stands next to the @, as of several that are joined by it (`ann@x.example|dora@x.example`).
_SEPARATORS = re.compile(r"(?:[\x01-$&-*,/:-?\[-^`{-\x7f]|\.\.)+")
_UNUSUAL = re.compile(r"(^|[,@])[^,@]*[^a-z0-9._+,@-][^,@]*")
_SEVERAL = re.compile(r"@([^,@]*)(?=@)")


def items(text: str, _region: str | None = None) -> Iterator[Item]:
    """Each address of a field that may list several."""
    for piece in _ITEM.findall(text):
        if bare := piece.strip(_SPACES):
            yield mailbox(bare)


def mailbox(text: str) -> Item:
    """The address of one mailbox: none where it is named by another address than it holds."""
    text, fields = _written_plainly(text)
    shape = _ONE.fullmatch(text)
    found = None if shape is None else address(shape["inside"] or shape["bare"])
    if shape is None or found is None or _another(shape["name"], found):
        return Item(None, others=_SIGN.search(f"{text} {fields}") is not None)
    return Item(found, others=_another(shape["comment"], found) or _another(fields, found))


def _another(beside: str | None, found: str) -> bool:
    """What stands beside an address may be another one."""
    bare = (beside or "").strip(f"{_SPACES}\"'")
    return _SIGN.search(bare) is not None and address(bare) != found


def _written_plainly(text: str) -> tuple[str, str]:
    """Without what people put around an address: a label, quotes, blanks, characters of other widths or none.

    Beside it the fields of a URI.
    """
    text, fields = _LABEL.sub("", text.translate(_PLAIN)), ""
    if text[:7].lower() == "mailto:":
        uri, _, fields = text.partition("?")
        text = f"mailto:{unquote(uri[7:])}"
    elif "@" not in text and "%40" in text:
        text = unquote(text)
    if text.count("@") == 1:
        text = _AROUND.sub("@", text)
        text = text.removesuffix(".") if not text.endswith("..") else text
    return _QUOTED.sub(r"\1\2\3", text), fields


def address(text: str) -> str | None:
    """`local@domain` in its one form; None if it is none."""
    if not re.fullmatch(_ADDRESS, text):
        return None
    local, _, domain = text.rpartition("@")
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    if any(unicodedata.category(character) in {"Cc", "Cs", "Cn"} for character in local):
        return None  # a character that this Python does not know yet has no case that it knows
    domain = domain.translate(_LOWER)
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return None
    found = f"{local}@{domain}"
    return found if _DNS.fullmatch(domain) and re.fullmatch(_ADDRESS, found) else None


def tokens(value: str) -> frozenset[str]:
    """The address, and what is left of it where a part is written in a way that SQL does not read."""
    found = {"@"}
    for address_ in text_tokens(value):
        local, _, domain = address_.rpartition("@")
        # The SQL takes a dot for a part of the address.
        found |= {address_, f"{address_}.", f"{local}@", f"@{domain}", f"@{domain}."}
    return frozenset(found)


def text_tokens(text: str) -> frozenset[str]:
    """The addresses in a text, roughly; a part with anything but plain ASCII in it is left empty."""
    pieces = _SEPARATORS.sub(",", text.translate(_LOWER).replace("%40", "@").translate(_AT))
    usual = _SEVERAL.sub(r"@\1,\1", _UNUSUAL.sub(r"\1", pieces))
    return frozenset(one for one in usual.split(",") if "@" in one)


def may_name(value: str, text: str) -> bool:
    """The address stands in the text, between characters that are no more of it."""
    local, _, ascii_domain = value.rpartition("@")
    try:
        shown = idna.decode(ascii_domain)
    except (idna.IDNAError, UnicodeError):
        shown = ascii_domain  # a name with an underscore is one in the DNS, and has no other form
    domain = f"(?:{re.escape(ascii_domain)}|{re.escape(shown)})"
    stands = re.compile(rf"(?<![\w+-])(?<!\w[.']){re.escape(local)}@{domain}(?![\w-]|\.[\w-])")
    texts = (text, unquote(text))
    return any(stands.search(unicodedata.normalize("NFC", one.translate(_PLAIN).lower())) for one in texts)


def spellings() -> Spellings:
    """Mailboxes."""
    lower = "replace(lower({column}::text COLLATE \"C\"), E'\\u002540', '@')"
    lower = f"translate({lower}, E'{_escaped(_SIGNS)}', '{'@' * len(_SIGNS)}')"
    pieces = f"regexp_replace({lower}, '([\\u0001-$&-*,/:-?[-^`{{-\\u007f]|[.][.])+', ',', 'g')"
    usual = f"regexp_replace({pieces}, '(^|[,@])[^,@]*[^a-z0-9._+,@-][^,@]*', '\\1', 'g')"
    several = f"regexp_replace({usual}, '@([^,@]*)(?=@)', '@\\1,\\1', 'g')"
    return Spellings(
        items,
        tokens,
        text_tokens,
        may_name,
        f"string_to_array({several}, ',')",
        "@",
        compared=_texts_compared(),
        within=True,
    )


def _texts_compared() -> TextsCompared:
    """Two texts, neither of which is read: what is left empty of one, because SQL cannot say it, may be anybody's."""
    blanks = "".join(one for one in _SPACES if not one.isascii() and one not in _INVISIBLE)
    put = "@" * len(_SIGNS) + " " * len(blanks)
    visible = f"translate({{column}}::text COLLATE \"C\", E'{_escaped(_SIGNS + blanks + _INVISIBLE)}', '{put}')"
    spaces = f"[{_escaped(_SPACES)}]*"
    signs = f"regexp_replace({visible}, E'[([{{<]{spaces}at{spaces}[])}}>]', '@', 'gi')"
    plain = f"regexp_replace({signs}, E'{spaces}@{spaces}', '@', 'g')"
    same = "{token}, {token} || '.', rtrim({token}, '.'), split_part({token}, '@', 1) || '@'"
    domain = "'@' || split_part({token}, '@', 2)"
    return TextsCompared(
        plain, "^@|@$", f"ARRAY[{same}, {domain}, {domain} || '.', rtrim({domain}, '.'), '@']", f"ARRAY[{same}]"
    )


def _escaped(characters: str) -> str:
    """In a literal E'…' of SQL."""
    return "".join(f"\\u{ord(one):04X}" for one in characters)
