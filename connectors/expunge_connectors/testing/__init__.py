"""Contract test suite: subclass these classes and give them a fixture `harness`; pytest shows what is missing.

    class TestMyStore(StoreContract, CutoffContract):
        @pytest.fixture
        def harness(self, my_server) -> StoreHarness:
            return MyHarness(my_server)

stores        StoreContract, for every store
refusals      its part about what a store does not do: by halves, unannounced, or out of reach
optional      ResolutionContract for stores that yield keys, CutoffContract for those that know when a record was
              created, MemberContract for those with a controller of many members, LogContract for those with logs
ages          AgeContract for stores from which records go by age, DriftContract for those that report drift
backups       BackupContract, for backup places
harness       what an author supplies
observations  a person's keys, the counts that are expected, the records that changed

docs/connectors.md explains how to write a harness. This package is the only one of Expunge that needs pytest.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("ages", "backups", "stores", "refusals", "optional"))
)

from expunge_connectors.testing.ages import AgeContract, DriftContract  # noqa: E402 - after the registration
from expunge_connectors.testing.backups import BackupContract, BackupHarness  # noqa: E402 - as above
from expunge_connectors.testing.harness import (  # noqa: E402 - as above
    AgedHarness,
    DatedHarness,
    DriftingHarness,
    LoggedHarness,
    MemberHarness,
    Person,
    RawRecords,
    ResolvingHarness,
    StoreHarness,
)
from expunge_connectors.testing.optional import (  # noqa: E402 - as above
    CutoffContract,
    LogContract,
    MemberContract,
    ResolutionContract,
)
from expunge_connectors.testing.stores import StoreContract  # noqa: E402 - as above

__all__ = [
    "AgeContract",
    "AgedHarness",
    "BackupContract",
    "BackupHarness",
    "CutoffContract",
    "DatedHarness",
    "DriftContract",
    "DriftingHarness",
    "LogContract",
    "LoggedHarness",
    "MemberContract",
    "MemberHarness",
    "Person",
    "RawRecords",
    "ResolutionContract",
    "ResolvingHarness",
    "StoreContract",
    "StoreHarness",
]
