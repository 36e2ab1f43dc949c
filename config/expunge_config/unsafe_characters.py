"""Characters that no text which somebody reads may hold: they move the cursor, end a line, or turn the order of words.

Not `str.isprintable`: it refuses the joiners without which Persian and Hindi are not written. `expunge_reports` stands
alone and has the same set (`page.unsafe_characters`); a test holds them equal.
"""

from __future__ import annotations

import re
from typing import Final

CLASS: Final = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Control characters, separators of lines and paragraphs, and Unicode's bidirectional controls (UAX 9), for `[…]`."""

PATTERN: Final = f"^[^{CLASS}]*$"
"""A text without them, for JSON Schema too."""

UNSAFE: Final = re.compile(rf"[{CLASS}\ud800-\udfff]")
"""One of them, or half a character."""


def refuse(text: str) -> str:
    """The text.

    Raises:
        ValueError: It holds one.
    """
    if UNSAFE.search(text):
        raise ValueError("holds a control character, a line end, or one that turns the direction of writing")
    return text
