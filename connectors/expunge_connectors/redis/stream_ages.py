"""Stream ages: logs in streams whose oldest entry is there for longer than declared. Reads only.

The server makes an entry's id of its clock (milliseconds), if the application gave none of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from expunge_config.periods import Period
from expunge_connectors.redis.client import Command, PipelineClient, Values

_CLOCK = datetime(2000, 1, 1, tzinfo=UTC)
"""What is earlier is no time, but a number of the application's own."""


@dataclass(frozen=True, slots=True)
class StreamAge:
    """Until when entries of a log are over.

    Attributes:
        last: The last day (UTC) of those of which an entry is over.
    """

    last: date

    @classmethod
    def of(cls, retention: Period, today: date) -> StreamAge:
        """As it is on a day."""
        return cls(retention.began(today))

    @property
    def kept_from(self) -> int:
        """The first moment that is not over (ms since 1970): what XTRIM takes as MINID."""
        return _milliseconds(datetime.combine(self.last + timedelta(days=1), time(), UTC))

    def oldest(self, conversation: PipelineClient, name: str, keys: Sequence[bytes]) -> list[datetime | None]:
        """When the oldest entry of each stream that has one that is over was written; None: its ids are no times."""
        until = self.kept_from - 1
        if until < 0:
            return []  # no server's clock has been there
        answers = conversation.ask(Command(name, ("XRANGE", key, "-", until, "COUNT", 1)) for key in keys)
        ids = [int(entry[0].partition(b"-")[0]) for page in answers for entry in Values(page)]
        return [datetime.fromtimestamp(one / 1000, UTC) if one >= _milliseconds(_CLOCK) else None for one in ids]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
