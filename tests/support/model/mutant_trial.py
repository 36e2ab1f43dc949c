"""A process that tries worlds until one disagrees: `python -m tests.support.model.mutant_trial URL SEED WORLDS`.

What it imports is what its PYTHONPATH names first: packages with a mutant. Exit codes: DISAGREED, AGREED; any other
says that it could not try.
"""

from __future__ import annotations

import sys
from collections import Counter

from tests.support.model import postgres
from tests.support.model.random_source import Dice
from tests.support.model.strategies import world
from tests.support.model.trial import Trial

DISAGREED, AGREED = 10, 11


def main() -> int:
    """Try them."""
    url, first, worlds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for seed in range(first, first + worlds):
        one = world(Dice(seed))
        with postgres.standing(url, one):
            try:
                Trial(url, one, Counter()).run()
            except Exception as error:  # noqa: BLE001 - whatever it is, the unchanged packages do not do it
                print(f"world {seed - first}: {type(error).__name__} {str(error)[:200]}")  # noqa: T201
                return DISAGREED
    return AGREED


if __name__ == "__main__":
    sys.exit(main())
