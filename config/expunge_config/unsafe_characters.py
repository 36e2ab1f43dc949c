"""Characters that no text which somebody reads may hold: nobody sees them, or they move the cursor or turn the words.

One rule for every text: grounds, reasons, names, members and the texts of the map. `expunge_reports` stands alone and
has the same set (`expunge_reports.unsafe_characters`); a test holds them equal. Not `str.isprintable`: it refuses the
joiners without which Persian, Hindi and emoji are not written, and takes variation selectors and blank fillers.
"""

from __future__ import annotations

import re
from typing import Final

CLASS: Final = (
    r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # controls, separators of lines and paragraphs
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls (UAX 9)
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
r"""For `[…]`: these, and what Unicode says is ignored by default (DerivedCoreProperties: tags, variation selectors,
fillers, the soft hyphen), but the joiners U+200C and U+200D; and the format controls of annotations and hieroglyphs.

Beyond U+FFFF as they are: of escapes Python, Rust (pydantic) and ECMA 262 (JSON Schema) have `\u` with four digits in
common.
"""

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
        raise ValueError("holds a control character, a line end, one that nobody sees, or one that turns the direction")
    return text
