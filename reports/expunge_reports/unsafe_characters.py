"""Characters that are shown as U+FFFD: nobody sees them, they move the cursor, or turn the order of what stands beside.

Statements may hold any text; they are signed, and a verifier does not choose who signed them. The set is that of
`expunge_config.unsafe_characters`, which says what is in it; this package stands alone, and a test holds them equal.
"""

import re
from typing import Final

CLASS: Final = (
    r"\x00-\x1f\x7f-\x9f\u2028\u2029"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""For `[…]`."""

UNSAFE: Final = re.compile(rf"[{CLASS}\ud800-\udfff]")

LONGEST: Final = 2000
"""Characters of one text that are shown."""


def shown(value: object) -> object:
    """Return a value as a page shows it: a text without unsafe characters, and cut where it is longer than `LONGEST`.

    What is markup already is made of values that were shown one by one.
    """
    if type(value) is not str:
        return value
    left = len(value) - LONGEST
    text = value if left <= 0 else f"{value[:LONGEST]}… ({left} more characters are not shown)"
    return UNSAFE.sub("\ufffd", text)
