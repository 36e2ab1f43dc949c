"""The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) of operations that create something.

`ledger.idempotency` remembers what was created under a key.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

HEADER = "Idempotency-Key"

IdempotencyKeyHeader = Annotated[
    str,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=200,
        pattern="^[ -~]+$",
        description="A random key, fresh for every request. A call repeated with the same key and body is carried "
        "out once and answered again.",
    ),
]


def refusal(missing: bool) -> tuple[str, str, str]:  # noqa: FBT001 - says what it is
    """Why a call without a usable key is refused: the problem's word, what happened, what to do."""
    if missing:
        remedy = "Send a fresh random key with every request, and the same one when you repeat it."
        return "idempotency-key-missing", f"This operation needs the header {HEADER}.", remedy
    return (
        "idempotency-key-unusable",
        f"The header {HEADER} cannot be used.",
        "Send 1 to 200 printable ASCII characters.",
    )
