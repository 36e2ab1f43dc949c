"""Settings of the blind search at settling (ADR 21): whether, how often, how long, how gently, for how many."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from expunge_config.api_settings import Span


class SearchSettings(BaseModel):
    """The blind search at settling: off unless `every` is set.

    Attributes:
        every: Passes over the stores begin at least so far apart; settling checks that are due wait for one.
        run_for: After so long a pass begins nothing further; what was not read is said. None: until all is read.
        share: Percent of the time that a store is read; in the rest it rests.
        people: At most so many are searched for in a pass; of more, a seeded sample. None: everybody.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Span | None = None
    run_for: Span | None = None
    share: int = Field(default=50, ge=1, le=100)
    people: int | None = Field(default=None, ge=1)
