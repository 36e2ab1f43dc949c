"""One person on whom a step fails keeps nobody else from ending; a store that fails is not searched for a person."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.bulk_people import POISON, counted, make_crowd, poisoned
from tests.support.cli import CliRunner
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation, fresh_installation
from tests.support.servers import wait_until
from tests.support.statements import chunks
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import StoreConnector
from expunge_connectors.errors import StillReferencedError, TerminalError
from expunge_orchestrator.api.schemas import batches as batch_schemas
from expunge_orchestrator.cli.erase import report
from expunge_orchestrator.execution import poison_isolation, settling_time
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState, ChunkState


@pytest.mark.heavy
def test_one_poison_item_among_a_thousand(installation: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 1000)
    batch = installation.plan(crowd.csv)
    poison = crowd.ids[617]
    main, calls = counted(installation.workspace.stores["main"], "erase")
    with poisoned(inspector, [poison]) as mend:
        ended = installation.erase(batch, installation.with_stores({"main": main}))  # type: ignore[dict-item]
        assert ended.state is BatchState.FAILED
        assert installation.outcomes(batch) == {"erased": 999, "failed": 1}
        assert crowd.messages(inspector) == [poison]
        assert len(calls) <= 2 * 10 + 1
        ((reason, number),) = installation.reasons(batch).items()
        assert number == 1
        assert reason.startswith("erase:main: store main, collection messages")
        assert "a trigger raised an exception (SQLSTATE P0001)" in reason
        assert POISON not in reason + installation.failures(batch)
        assert sorted(chunks(installation, batch)).count((ChunkState.FAILED.value, 1)) == 1
        assert [state for state, _ in chunks(installation, batch)].count(ChunkState.FAILED.value) == 1

        installation.settle()
        assert installation.again(batch).state is BatchState.FAILED
        told = installation.events(batch)
        assert told.count(["accepted", "erased", "settled"]) == 999
        assert told[617] == ["accepted"]
        mend()
    assert installation.erase(batch).state is BatchState.ERASED
    assert installation.events(batch)[617] == ["accepted", "erased"]
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED
    assert crowd.messages(inspector) == []


def test_what_nobody_looked_at_since_is_unknown_and_not_nothing(
    installation: Installation, inspector: StoreInspector, capsys: pytest.CaptureFixture[str]
) -> None:
    crowd = make_crowd(inspector, 2)
    batch = installation.plan(crowd.csv)
    with poisoned(inspector, [crowd.ids[1]]):
        installation.erase(batch)
        told = report(installation.workspace, batch, as_json=False)
    assert told["collections"]["main.messages"] == {
        "found": 2,
        "due": None,
        "retained": None,
        "newer": None,
        "ambiguous": None,
        "unread": 0,
    }
    assert batch_schemas.Batch.model_validate(told).collections["main.messages"].due is None
    said = " ".join(capsys.readouterr().out.split())
    assert "│ main.messages │ 2 │ ? │ ? │ ? │" in said
    assert "?: not known, since somebody of whom this was found has not been verified" in said
    installation.erase(batch)
    told = report(installation.workspace, batch, as_json=False)
    messages = told["collections"]["main.messages"]
    assert messages == {"found": 2, "due": 0, "retained": 0, "newer": 0, "ambiguous": 0, "unread": 0}
    assert "?" not in capsys.readouterr().out


@pytest.mark.heavy
def test_several_poison_items_are_all_found(installation: Installation, inspector: StoreInspector) -> None:
    crowd = make_crowd(inspector, 60)
    batch = installation.plan(crowd.csv)
    bad = [crowd.ids[0], crowd.ids[1], crowd.ids[2], crowd.ids[40]]
    with poisoned(inspector, bad):
        assert installation.erase(batch).state is BatchState.FAILED
        assert installation.outcomes(batch) == {"erased": 56, "failed": 4}
        assert crowd.messages(inspector) == bad


@pytest.mark.heavy
def test_a_trouble_of_the_whole_store_is_not_searched_for_a_person(
    installation: Installation, inspector: StoreInspector
) -> None:
    crowd = make_crowd(inspector, 200)
    batch = installation.plan(crowd.csv)

    def revoke() -> None:
        inspector.sql("REVOKE DELETE ON public.messages FROM expunge_app")

    main, calls = counted(before_call(installation.workspace.stores["main"], "erase", revoke), "erase")  # type: ignore[arg-type]
    try:
        ended = installation.erase(batch, installation.with_stores({"main": main}))  # type: ignore[dict-item]
    finally:
        inspector.sql("GRANT DELETE ON public.messages TO expunge_app")
    assert ended.state is BatchState.FAILED
    assert len(calls) <= 2 * 8 + 3
    assert "permission denied (SQLSTATE 42501). Grant the right that `expunge check` names." in installation.failures(
        batch
    )
    assert "no single person is the reason" in installation.failures(batch)
    assert installation.outcomes(batch).keys() <= {"open", "failed"}
    assert {state for state, _ in chunks(installation, batch)} == {ChunkState.FAILED.value}
    assert installation.erase(batch).state is BatchState.ERASED
    assert installation.outcomes(batch) == {"erased": 200}
    assert crowd.messages(inspector) == []


class _Killed(BaseException):
    """The process is gone: nothing of its own handles this."""


def dying(inner: StoreConnector, call: int) -> FaultyConnector:
    """A connector in whose so-many-th erasing call the process ends."""
    left = [call]

    def erase(*arguments: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            raise _Killed
        return inner.erase(*arguments)

    return FaultyConnector(inner, erase=erase)


@pytest.mark.heavy
@pytest.mark.parametrize("failures", [1, 4])
def test_killed_while_searching(
    installation: Installation, inspector: StoreInspector, fork_server: ForkServer, tmp_path: Path, failures: int
) -> None:
    """The real command, killed by SIGKILL in the middle of a search, and typed again."""
    crowd = make_crowd(inspector, 200)
    batch = installation.plan(crowd.csv)
    cli = CliRunner(tmp_path, installation.calltrack.environment(installation.home), fork_server)
    command = ["erase", batch.uid, "--confirm", batch.plan_digest]

    def so_far() -> bool:
        with reading(installation.workspace.ledger) as connection:
            return (connection.scalar(sa.select(sa.func.max(tables.bisection.c.failures))) or 0) >= failures

    with poisoned(inspector, [crowd.ids[77]]):
        first = cli.start(*command)
        wait_until(so_far)
        first.kill()
        assert first.wait() == -signal.SIGKILL
        again = cli.run(*command)
        assert again.code == 1, again.output
        assert installation.outcomes(batch) == {"erased": 199, "failed": 1}
        assert crowd.messages(inspector) == [crowd.ids[77]]
        assert sorted(map(tuple, installation.events(batch))) == [("accepted",), *[("accepted", "erased")] * 199]


def refusing(inner: StoreConnector, verb: str, person: int, *, until: list[bool]) -> FaultyConnector:
    """A connector that refuses one verb for whole calls in which one person is."""

    def call(subjects: Any, *rest: Any) -> Any:
        if until[0] and any(key.value == str(person) for one in subjects for key in one.keys):
            raise TerminalError("store main: refused for a test.")
        return getattr(inner, verb)(subjects, *rest)

    return FaultyConnector(inner, **{verb: call})


@pytest.mark.parametrize("call", range(1, 8))
def test_a_search_that_is_cut_short_goes_on(installation: Installation, inspector: StoreInspector, call: int) -> None:
    """Wherever in the search the process is gone: what is in the ledger is enough to go on, and nobody is lost."""
    crowd = make_crowd(inspector, 16)
    batch = installation.plan(crowd.csv)
    main = installation.workspace.stores["main"]
    with poisoned(inspector, [crowd.ids[5]]):
        with pytest.raises(_Killed):
            installation.erase(batch, installation.with_stores({"main": dying(main, call)}))  # type: ignore[dict-item]
        assert installation.erase(batch).state is BatchState.FAILED
        assert installation.outcomes(batch) == {"erased": 15, "failed": 1}
        assert crowd.messages(inspector) == [crowd.ids[5]]
        assert installation.events(batch).count(["accepted", "erased"]) == 15
        assert sum(people for _, people in chunks(installation, batch)) == 16


@pytest.mark.parametrize(("verb", "step"), [("resolve", "resolve"), ("count", "recount"), ("verify", "verify:main")])
def test_other_steps_find_their_poison_too(
    installation: Installation, inspector: StoreInspector, verb: str, step: str
) -> None:
    crowd = make_crowd(inspector, 16)
    batch = installation.plan(crowd.csv)
    broken = [True]
    refuses = refusing(installation.workspace.stores["main"], verb, crowd.ids[11], until=broken)
    workspace = installation.with_stores({"main": refuses})  # type: ignore[dict-item]
    assert installation.erase(batch, workspace).state is BatchState.FAILED
    assert installation.outcomes(batch) == {"erased": 15, "failed": 1}
    assert list(installation.reasons(batch)) == [f"{step}: store main: refused for a test."]
    assert crowd.messages(inspector) == ([] if verb == "verify" else [crowd.ids[11]])
    broken[0] = False
    assert installation.erase(batch, workspace).state is BatchState.ERASED
    assert installation.outcomes(batch) == {"erased": 16}


def test_a_record_in_the_way_is_waited_for_once_and_is_poison_then(
    installation: Installation, inspector: StoreInspector
) -> None:
    crowd = make_crowd(inspector, 16)
    batch = installation.plan(crowd.csv)
    main = installation.workspace.stores["main"]

    def erase(subjects: Any, *rest: Any) -> Any:
        if any(key.value == str(crowd.ids[11]) for one in subjects for key in one.keys):
            raise StillReferencedError("store main: a record is in the way for a test.")
        return main.erase(subjects, *rest)

    counting, calls = counted(FaultyConnector(main, erase=erase), "erase")  # type: ignore[arg-type]
    assert installation.erase(batch, installation.with_stores({"main": counting})).state is BatchState.FAILED  # type: ignore[dict-item]
    assert installation.outcomes(batch) == {"erased": 15, "failed": 1}
    assert list(installation.reasons(batch)) == ["erase:main: store main: a record is in the way for a test."]
    assert calls[:2] == [16, 16]
    assert len(calls) <= 2 * (2 * 4 + 1)
    assert installation.erase(batch).state is BatchState.ERASED
    assert installation.outcomes(batch) == {"erased": 16}


@pytest.mark.heavy
def test_poison_at_settling_time(installation: Installation, inspector: StoreInspector) -> None:
    """Who was erased stays erased in what was said; the chunk says that one of them could not be looked at again."""
    crowd = make_crowd(inspector, 8)
    batch = installation.plan(crowd.csv)
    assert installation.erase(batch).state is BatchState.ERASED
    inspector.sql("INSERT INTO messages (user_id, body) SELECT unnest(%s::bigint[]), 'late'", list(crowd.ids))
    with poisoned(inspector, [crowd.ids[3]]):
        installation.settle()
        assert installation.again(batch).state is BatchState.FAILED
        assert installation.outcomes(batch) == {"erased": 8}
        assert installation.events(batch).count(["accepted", "erased", "re-erased", "settled"]) == 7
        assert crowd.messages(inspector) == [crowd.ids[3]]
    assert installation.erase(batch).state is BatchState.SETTLED
    assert installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]] * 8


def test_a_neighbour_does_not_stop_the_clock(inspector: StoreInspector, tmp_path: Path) -> None:
    """Each chunk has its own clock: while one is failed, the others settle, and their identifiers are destroyed."""
    crowd = make_crowd(inspector, 3)
    with fresh_installation(
        inspector.calltrack, tmp_path / "expunge", chunk_size=1, settling=timedelta(hours=1)
    ) as installation:
        batch = installation.plan(crowd.csv)
        with poisoned(inspector, [crowd.ids[1]]):
            assert installation.erase(batch).state is BatchState.FAILED
        assert settling_time.start_due(installation.workspace) == 0
        with installation.workspace.ledger.begin() as connection:
            first = connection.scalar(sa.select(sa.func.min(tables.chunk.c.id)))
            assert connection.scalar(sa.select(sa.func.count(tables.chunk.c.settle_at))) == 2
            connection.execute(
                sa.update(tables.chunk).where(tables.chunk.c.id == first).values(settle_at="2026-01-01T00:00:00Z")
            )
        installation.settle()
        assert chunks(installation, batch) == [("done", 1), ("failed", 1), ("waiting", 1)]
        assert installation.again(batch).state is BatchState.FAILED
        assert installation.events(batch) == [["accepted", "erased", "settled"], ["accepted"], ["accepted", "erased"]]
        with reading(installation.workspace.ledger) as connection:
            wrapped = connection.scalars(sa.select(tables.item.c.wrapped_key).order_by(tables.item.c.id)).all()
        assert [one is None for one in wrapped] == [True, False, False]
        assert installation.erase(batch).state is BatchState.ERASED


@pytest.mark.parametrize(
    ("people", "failures", "passes", "expected"),
    [(1000, 20, 0, False), (1000, 21, 0, True), (1000, 39, 1, False), (1000, 40, 1, True), (4, 3, 0, False)],
)
def test_when_it_fails_everywhere(people: int, failures: int, passes: int, *, expected: bool) -> None:
    assert poison_isolation.is_store_failure(people, failures, passes) is expected


def test_the_order_of_a_search() -> None:
    """Small pieces first; when a single person has failed and nobody passed, large ones; whole chunks last."""
    assert (
        poison_isolation.queue_priority(5, 1000, 5, 0)
        < poison_isolation.queue_priority(4, 1000, 5, 0)
        < poison_isolation.queue_priority(0, None, None, None)
    )
    assert (
        poison_isolation.queue_priority(1, 1000, 11, 0)
        < poison_isolation.queue_priority(9, 1000, 11, 0)
        < poison_isolation.queue_priority(0, None, None, None)
    )
    assert poison_isolation.queue_priority(9, 1000, 30, 1) < poison_isolation.queue_priority(1, 1000, 30, 1)
