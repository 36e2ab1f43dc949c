"""Characters that are shown as U+FFFD: they move the cursor, end a line, or turn the order of what stands beside them.

Statements may hold any text; they are signed, and a verifier does not choose who signed them.
"""

import re
from typing import Final

UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

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
