"""Phone numbers as people write them, read by `phonenumbers`: `030 123456` in Germany, `0049…`, `tel:+49…;ext=3`.

The normalised form is E.164, with `;ext=` behind it where there is an extension (RFC 3966): behind one switchboard
there are many people. A number without a country code is read only where its region is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import phonenumbers

from expunge_config.spellings import Item, Spellings

# Digits of other scripts, in which numbers are typed: fullwidth, Arabic, Persian, Devanagari.
_SCRIPTS = (0xFF10, 0x0660, 0x06F0, 0x0966)
_FOREIGN = "".join(chr(zero + digit) for zero in _SCRIPTS for digit in range(10))
_DIGITS = "0123456789" * len(_SCRIPTS)
# What may stand between the digits of one number. Line ends are not among it: they separate numbers.
_WITHIN = "".join(
    map(chr, (0x20, 0x09, 0xA0, 0x1680, *range(0x2000, 0x2016), 0x202F, 0x205F, 0x2060, 0x2212, 0x3000, 0xFEFF, 0xAD))
)
_PUNCTUATION = "().-/"
_PLAIN = str.maketrans(_FOREIGN + "\uff0b", _DIGITS + "+", _WITHIN + _PUNCTUATION)
_BETWEEN = re.compile(r"[,|\n\v\f\r\x85\u2028\u2029]+|;(?!\s*ext\s*=)|/\s*(?=\+)", re.IGNORECASE)
# What people write before a number and behind it. Of any word whatever it could be a room's number that follows.
_WORD = (
    r"(?:tel(?:efon|ephone|efono|efax)?|phone|fon|ph|mob(?:ile?|iltelefon)?|handy|cell(?:phone)?|fax|"
    r"priv(?:at|ate)?|work|home|office|b\u00fcro|t|m|p|f|h|w)"
)
_LABEL = re.compile(
    rf"^\s*{_WORD}(?:\s*[.:]+\s*|\s+|(?=\+))(?:{_WORD}(?:\s*[.:]+\s*|\s+|(?=\+)))?(?=[(+0-9])", re.IGNORECASE
)
_COMMENT = re.compile(r"\([^()0-9]*\)\s*$")
_NUMBER = re.compile(
    r"(?:tel:)?(?P<number>\+?[0-9]+)"
    r"(?:(?:;?ext=|ext(?:ension)?:?|extn:?|x|#|durchwahl|app)(?P<extension>[0-9]{1,7}))?",
    re.IGNORECASE,
)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_TAIL = 6
"""So many digits at the end of a number tell it from nearly all others; most are longer everywhere."""
_NOT_DIGITS = re.compile("[^0-9]+")


def items(text: str, region: str | None) -> Iterator[Item]:
    """Each number of a field that may list several."""
    for piece in _BETWEEN.split(text):
        plain = _LABEL.sub("", _COMMENT.sub("", piece)).translate(_PLAIN)
        if plain:
            found = number(plain, region)
            unread = _NOT_DIGITS.split(plain) if found is None else ()
            yield Item(found, others=any(len(run) >= _TAIL for run in unread))


def number(plain: str, region: str | None) -> str | None:
    """One number, without anything between its digits; None if it is none, or of a region that nobody declared."""
    shape = _NUMBER.fullmatch(plain)
    if shape is None:
        return None
    try:
        read = phonenumbers.parse(shape["number"], region)
    except phonenumbers.NumberParseException:
        return None
    found = phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164)
    if not _E164.fullmatch(found):
        return None
    return f"{found};ext={shape['extension']}" if shape["extension"] else found


def tokens(value: str) -> frozenset[str]:
    """The last six digits; of a shorter number, with every prefix that may stand before it."""
    main = value.partition(";")[0]
    read = phonenumbers.parse(main)
    national = phonenumbers.national_significant_number(read)
    country = str(read.country_code or "")
    if len(national) >= _TAIL:
        return frozenset({national[-_TAIL:]})
    trunks = {
        phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
        for region in phonenumbers.region_codes_for_country_code(read.country_code or 0)
    }
    starts = {start + trunk for start in ("", country, f"0{country}", f"1{country}") for trunk in {"", *trunks}}
    return frozenset(f"{start}{national}"[-_TAIL:] for start in starts)


def text_tokens(text: str) -> frozenset[str]:
    """The last six digits of each run of digits, what may stand within a number being nothing."""
    return frozenset(run[-_TAIL:] for run in _NOT_DIGITS.split(text.translate(_PLAIN)) if run)


def may_name(value: str, text: str) -> bool:
    """All digits of the national number stand in the text, one behind the other."""
    national = phonenumbers.national_significant_number(phonenumbers.parse(value.partition(";")[0]))
    return any(national in run for run in _NOT_DIGITS.split(text.translate(_PLAIN)))


def written(value: str, region: str | None) -> frozenset[str]:
    """The number as people write it in a column of this region: with the country's code, and as it is dialled there.

    As the library writes it, and its digits alone. A number of the region itself stands there without the country's
    code, with the trunk prefix and without: in a column of another region these texts are other numbers.
    """
    main, _, extension = value.partition(";")
    read = phonenumbers.parse(main)
    texts = {main, phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.INTERNATIONAL)}
    if region is not None:
        texts.add(phonenumbers.format_out_of_country_calling_number(read, region))
        if read.country_code == phonenumbers.country_code_for_region(region):
            texts.add(phonenumbers.national_significant_number(read))
    texts |= {text.translate(_PLAIN) for text in texts}
    behind = f";{extension}" if extension else ""
    return frozenset(f"{text}{behind}" for text in texts if number(text.translate(_PLAIN), region) == main)


def supported(region: str) -> bool:
    """The library knows numbers of this region (ISO 3166-1, two capitals)."""
    return region in phonenumbers.SUPPORTED_REGIONS


@cache
def spellings() -> Spellings:
    """Phone numbers."""
    foreign, within = (_escaped(some) for some in (_FOREIGN, _WITHIN))
    plain = f"translate({{column}}::text COLLATE \"C\", E'{foreign}{within}{_PUNCTUATION}', '{_DIGITS}')"
    runs = f"regexp_replace({plain}, '[^0-9]+', ',', 'g')"
    tails = f"regexp_replace({runs}, '[0-9]+([0-9]{{{_TAIL}}})', '\\1', 'g')"
    return Spellings(items, tokens, text_tokens, may_name, f"string_to_array({tails}, ',')", "[0-9]", written)


def _escaped(characters: str) -> str:
    """In a literal of SQL, readable in an index definition."""
    return "".join(one if one == " " else f"\\u{ord(one):04X}" for one in characters)
