"""Exit codes of `expunge` and their meanings.

An error class carries its own (`exit_code`), and `cli.app.run` ends the process with it.
docs/exit-codes.md explains each; a test holds it, the help and the classes together.
"""

from __future__ import annotations

DONE = 0
INTERNAL_ERROR = 70
INTERRUPTED = 130

MEANINGS = {
    DONE: "done",
    1: "not everything due is gone or located, or a receipt is not authentic",
    2: "usage",
    3: "settings or data map",
    4: "list of people",
    5: "findings block",
    6: "plan and stores differ",
    7: "not confirmed",
    8: "a store failed",
    9: "ledger",
    10: "keys",
    11: "the batch waits for somebody",
    12: "an old receipt, or an overdue one",
    13: "not everything was searched",
    14: "leftovers were found",
    15: "deletion by age is behind",
    16: "stores drift from the map",
    17: "erased people are back",
    INTERNAL_ERROR: "a defect",
    INTERRUPTED: "interrupted",
}

EPILOG = (
    f"Exit codes: {' · '.join(f'{code} {meaning}' for code, meaning in MEANINGS.items())}. Settings: environment"
    " EXPUNGE_… or expunge.env (docs/settings.md)."
)
