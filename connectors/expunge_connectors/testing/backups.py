"""Contract tests of backup connectors."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol

import pytest

from expunge_connectors.contract import BackupConnector, CopyListing, CopyStatus, Severity
from expunge_connectors.errors import TerminalError, TransientError


class BackupHarness(Protocol):
    """A backup place, empty at first.

    Attributes:
        place: Name of the place in the data map.
        has_control: The map declares a control, and it is there.
    """

    place: str
    has_control: bool

    def build(self) -> BackupConnector:
        """A new connector for the place, without pauses between attempts."""
        ...

    def build_elsewhere(self) -> BackupConnector:
        """A connector for another place."""
        ...

    def build_unreachable(self) -> BackupConnector:
        """A connector whose place does not answer."""
        ...

    def build_missing(self) -> BackupConnector:
        """A connector whose place does not exist."""
        ...

    def put(self) -> str:
        """Put a copy there; return what its id begins with."""
        ...

    def remove(self, copy_id: str) -> None:
        """Take a copy away for good."""
        ...

    def raw(self) -> object:
        """All that is there, comparable, read without the connector."""
        ...


class BackupContract:
    """Every backup place. Give a fixture `harness`."""

    @pytest.fixture
    def harness(self) -> BackupHarness:
        """The author's harness."""
        raise NotImplementedError("give a fixture `harness`")

    @pytest.fixture
    def connector(self, harness: BackupHarness) -> Iterator[BackupConnector]:
        """A connector for the harness's place."""
        connector = harness.build()
        try:
            yield connector
        finally:
            connector.close()

    def test_it_has_the_verbs_of_the_contract(self, harness: BackupHarness, connector: BackupConnector) -> None:
        """`BackupConnector` is met, and there is no verb that deletes."""
        assert isinstance(connector, BackupConnector)
        assert connector.name == harness.place
        assert not any(hasattr(connector, verb) for verb in ("erase", "delete", "remove"))

    def test_building_it_contacts_nothing(self, harness: BackupHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        """No I/O in constructors."""

        def refuse(*_: object) -> None:
            pytest.fail("the constructor opens a connection")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        built = [harness.build(), harness.build_unreachable()]
        monkeypatch.undo()
        for connector in built:
            connector.close()
            connector.close()

    def test_its_identity_tells_storages_apart(self, harness: BackupHarness, connector: BackupConnector) -> None:
        """Stable here, different there."""
        elsewhere, again = harness.build_elsewhere(), harness.build()
        assert again.identity().digest == connector.identity().digest == connector.copies().identity
        assert elsewhere.identity().digest != connector.identity().digest
        elsewhere.close()
        again.close()

    def test_an_empty_place_proves_nothing_without_a_control(
        self, harness: BackupHarness, connector: BackupConnector
    ) -> None:
        """Absence is evidence only beside something that is there (law 8)."""
        listing = connector.copies()
        assert listing.copies == ()
        assert listing.identity == connector.identity().digest
        assert (listing.control is not None) == harness.has_control

    def test_every_copy_is_listed_with_its_end_or_what_stands_in_its_way(
        self, harness: BackupHarness, connector: BackupConnector
    ) -> None:
        """A date with its ground, or a blocker in words; never neither."""
        put = [harness.put(), harness.put()]
        listing = connector.copies()
        assert listing.control is not None
        assert all(any(copy.id.startswith(begin) for copy in listing.copies) for begin in put)
        for copy in listing.copies:
            assert copy.status is not CopyStatus.OVERDUE
            assert (copy.status is CopyStatus.DUE) == (copy.due is not None) == (copy.expected_by is not None)
            assert (copy.status is CopyStatus.DUE) == (copy.blocker is None)
            assert copy.due is None or copy.expected_by is None or copy.due <= copy.expected_by
            assert copy.ground
            assert copy.taken_from <= copy.taken_until
            assert copy.taken_from.utcoffset() == timedelta(0)
            assert copy.place == listing.place == harness.place

    def test_ids_are_stable_and_unique(self, harness: BackupHarness, connector: BackupConnector) -> None:
        """A copy is recognised in the next listing, which says which ids it could show."""
        harness.put()
        harness.put()
        listing = connector.copies()
        ids = [copy.id for copy in listing.copies]
        assert len(set(ids)) == len(ids)
        assert all(one.startswith(listing.below) for one in ids)
        assert sorted(ids) == sorted(copy.id for copy in connector.copies().copies)

    def test_a_copy_that_is_gone_is_no_longer_listed(self, harness: BackupHarness, connector: BackupConnector) -> None:
        """And the one that stays proves that the listing was the right one."""
        gone, stays = harness.put(), harness.put()
        [copy] = [copy for copy in connector.copies().copies if copy.id.startswith(gone)]
        harness.remove(copy.id)
        listing: CopyListing = connector.copies()
        assert listing.control is not None
        assert not any(one.id == copy.id for one in listing.copies)
        assert any(one.id.startswith(stays) for one in listing.copies)

    def test_looking_changes_nothing(self, harness: BackupHarness, connector: BackupConnector) -> None:
        """There is no right to delete, and no need of one."""
        harness.put()
        before = harness.raw()
        connector.inspect()
        connector.identity()
        connector.copies()
        assert harness.raw() == before

    def test_a_place_out_of_reach_is_a_transient_error(self, harness: BackupHarness) -> None:
        """An empty answer is never made of no answer."""
        connector = harness.build_unreachable()
        for call in (connector.inspect, connector.identity, connector.copies):
            with pytest.raises(TransientError):
                call()
        connector.close()

    def test_a_missing_place_is_an_error_not_an_empty_listing(self, harness: BackupHarness) -> None:
        """Fail closed (law 4)."""
        connector = harness.build_missing()
        with pytest.raises(TerminalError):
            connector.copies()
        assert Severity.ERROR in {finding.severity for finding in connector.inspect()}
        connector.close()
