"""Identifier patterns: what identifiers look like, and names of keys with values masked.

A shape is printed, so it must not hold a value (law 5): a word stays only if it is in the technical vocabulary below or
among the words given, and everything else becomes a placeholder: `{n}` for a number, `{uuid}`, `{email}`, `{phone}`,
`{ip}`, `{hex}`, and `{text}` for any other word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

# The same text serves Python and Postgres (ARE): neither look-behind nor \b.
_END = r"""\s@:/"<>(),;=|"""
EMAIL = rf"""[^{_END}]+@([^{_END}.'{{}}]+\.)+[^{_END}.'0-9{{}}]{{2,}}"""
PHONE = r"(^|[^0-9A-Za-z+])(\+|00)[1-9]([ ()./-]{0,2}[0-9]){7,14}($|[^0-9A-Za-z])"
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
IP = r"(^|[^0-9.])(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}($|[^0-9.])"

IN_TEXT = {"e-mail addresses": EMAIL, "phone numbers": PHONE, "IP addresses": IP}
"""What a text is searched for: words for a finding -> pattern."""
PLACEHOLDERS = {
    "{email}": "e-mail addresses",
    "{phone}": "phone numbers",
    "{ip}": "IP addresses",
    "{uuid}": "UUIDs",
    "{hex}": "hexadecimal ids",
    "{n}": "numbers",
}
"""What stands in the place of an identifier -> words for a finding."""

_DIGITS_OF_PHONE = r"(?<![0-9A-Za-z+])(?:\+|%2B|00)[1-9](?:[ ().-]{0,2}[0-9]){7,14}(?![0-9A-Za-z])"
_REPLACED = (
    ("{email}", re.compile(EMAIL)),
    ("{email}", re.compile(EMAIL.replace("@(", "%40(").replace("[^", "[^%"))),
    ("{uuid}", re.compile(UUID)),
    ("{ip}", re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])")),
    ("{phone}", re.compile(_DIGITS_OF_PHONE)),
)
_PIECE = re.compile(r"\{[a-z]+\}|[^\W_]+|[\W_]", re.DOTALL)
_HEX = re.compile(r"(?=[0-9a-fA-F]*[0-9])(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}")
_SEPARATORS = frozenset(":/|#.-_@=,;")
_WORDS = frozenset(
    """
    access account acl active activity address admin agent alert all analytic api app archive article asset async at
    attachment audio audit auth avatar backup bad banned batch beat blacklist blob block board book bucket buffer
    bulk by cache call caller campaign captcha card cart category celery channel chat check chunk city click client
    code comment common company conf config contact content cookie count counter country coupon cron csrf current
    customer daily dashboard data database date day dead dedupe default delayed delete delivery demo device digest
    disabled doc document done download draft dump e edge email employee enabled entity error event expire export
    failed favorite feature feed fetch field file filter first flag flash follow follower form friend global graph
    group hash health history hit hold home hook host hourly html http id image img import in inbox index info
    inventory invite invoice ip item job json key label language last latest lead leaderboard level like limit line
    link list live load local location lock log login logo logout mail map mark media member menu message meta
    metric migration minute missing mobile model month monthly my name new news next nonce note notification oauth
    object offer offline old one online open option order org organization original otp out outbox owner page parent
    partner password pay payment pdf pending permission person phone photo picture ping plan player playlist point
    poll pool post postal preference presence preview price pricing private processed processing product profile
    project promo public push query queue quota rank rate read rec ready recent recording record redis refresh
    region register relation release reminder report request reservation reset resource response result retry review
    role room route rule run s scan schedule schema score search secret seen segment sentinel sequence server
    service session set setting share shop signup site slot sms snapshot socket sort source staging stat state
    static statistic status step stock storage store story stream subscriber subscription summary support sync tag
    task team temp template tenant test text theme thread throttle thumb thumbnail ticket time timeline timer tmp to
    todo token top topic total track transaction transcript tree trend trigger ttl type unread update upload url
    usage user username v valid value verification verify version video view visit visitor voice vote waiting wallet
    watch web webhook week weekly widget work worker year zone csv gz jpeg jpg js m4a mov mp3 mp4 ogg parquet png
    svg tar txt wav webm webp xml yaml zip
    """.split()  # noqa: SIM905 - 350 words are read as a text
)


def mask_values(name: str, words: Collection[str] = ()) -> str:
    """The shape of a key's name.

    Args:
        name: As the store has it.
        words: Further words that may stay, in lower case: those of the map's own templates.
    """
    for placeholder, pattern in _REPLACED:
        name = pattern.sub(placeholder, name)
    pieces = [_piece(piece, words) for piece in _PIECE.findall(name)]
    # What is no separator either (a space, an accent's own sign) is part of a text.
    shape = "".join(pieces)
    return re.sub(r"(?:\{text\}[-_.]?)+(?=\{text\})", "", shape)


def _piece(piece: str, words: Collection[str]) -> str:
    if len(piece) == 1 and not piece.isalnum():
        return piece if piece in _SEPARATORS else "{text}"
    if piece.startswith("{"):
        return piece if piece in PLACEHOLDERS else "{text}"
    if piece.isdecimal():
        return "{n}"
    word = piece.lower()
    if word in words or word in _WORDS or word.removesuffix("s") in _WORDS or word.removesuffix("es") in _WORDS:
        return piece
    if re.fullmatch(r"v[0-9]{1,2}", word):
        return piece
    return "{hex}" if _HEX.fullmatch(piece) else "{text}"


def identifiers(shape: str) -> list[str]:
    """What kinds of identifiers stand in a shape, in words."""
    return [words for placeholder, words in PLACEHOLDERS.items() if placeholder in shape]


def words_of(templates: Iterable[str]) -> frozenset[str]:
    """The literal words of key templates, in lower case."""
    return frozenset(
        word.lower()
        for template in templates
        for word in re.findall(r"[^\W_]+", re.sub(r"\{[^}]*\}", " ", template))
        if not word.isdecimal()
    )


def names_pattern(template: str, separator: str) -> re.Pattern[str]:
    """The names that a template names, if no value holds the separator. `{**}` stands for anything."""
    one = f"[^{re.escape(separator)}]+"
    pieces = re.split(r"(\{[^}]*\})", template)
    return re.compile(
        "".join(
            re.escape(piece) if at % 2 == 0 else ".+" if piece == "{**}" else one for at, piece in enumerate(pieces)
        ),
        re.DOTALL,
    )


def share(part: int, whole: int) -> str:
    """A share in words, without saying more than a percentage."""
    percent = 100 * part / whole if whole else 0
    return "< 1 %" if 0 < percent < 1 else f"{percent:.0f} %"
