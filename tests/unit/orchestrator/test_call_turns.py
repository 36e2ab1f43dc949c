"""Turns: of calls that come at once a few of a caller are at work, and a few callers of an address are looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_network

import pytest

from expunge_orchestrator.api.call_slots import LINE, TURNS, TURNS_OF_ADDRESS, AddressTurns, CallTurns
from expunge_orchestrator.api.connection_limits import ConnectionLimits
from expunge_orchestrator.api.problems import ProblemError

PROXY, VISITOR, OTHER = "192.0.2.1", "192.0.2.2", "192.0.2.3"


class Calls:
    """Calls that have their turn until they are let go on."""

    def __init__(self, turn: Callable[..., AbstractAsyncContextManager[None]]) -> None:
        self._turn = turn
        self.at_work: list[str] = []
        self.ended = 0
        self._go_on = asyncio.Event()

    async def call(self, *who: str) -> None:
        async with self._turn(*who):
            self.at_work.append("+".join(who))
            await self._go_on.wait()
            self.ended += 1

    def go_on(self) -> None:
        self._go_on.set()


class Transport(asyncio.Transport):
    """A connection; whether it was ended."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_callers_of_one_address_wait_for_each_other_and_nobody_else_does() -> None:
    async def scene() -> None:
        calls = Calls(AddressTurns((ip_network(PROXY),)).taken)
        async with asyncio.TaskGroup() as group:
            for who, number in ((VISITOR, 60), (OTHER, 1), (PROXY, 10)):
                for _ in range(number):
                    group.create_task(calls.call(who))
            await _settled()
            assert calls.at_work == [*[VISITOR] * TURNS_OF_ADDRESS, OTHER, *[PROXY] * 10]
            calls.go_on()
        assert calls.ended == 71

    asyncio.run(scene())


@pytest.mark.parametrize("told", ["unknown", "_hidden", "unix:", ""])
def test_an_address_that_cannot_be_read_is_no_proxy(told: str) -> None:
    """As a proxy may say for whom it calls (RFC 7239, 6), or as of a connection that was reset at once."""

    async def scene() -> None:
        calls = Calls(AddressTurns((ip_network(PROXY),)).taken)
        async with asyncio.TaskGroup() as group:
            for who in (told, told, "another", VISITOR):
                group.create_task(calls.call(who))
            await _settled()
            assert calls.at_work == [told, told, VISITOR], "those that cannot be read are counted together"
            calls.go_on()

    asyncio.run(scene())
    limits = ConnectionLimits(3, 1, (ip_network(PROXY),))
    first, second, proxy = (Transport() for _ in range(3))
    assert [limits.admit(first, told), limits.admit(proxy, PROXY), limits.admit(second, told)] == [True] * 3
    assert (first.aborted, second.aborted, proxy.aborted) == (True, False, False)


def test_a_line_is_bounded() -> None:
    """Whoever calls and goes away would leave any number of calls, with their bodies, in the line."""

    async def scene() -> None:
        calls = Calls(CallTurns().taken)
        async with asyncio.TaskGroup() as group:
            for _ in range(TURNS + LINE):
                group.create_task(calls.call(VISITOR))
            await _settled()
            with pytest.raises(ProblemError) as refused:
                await calls.call(VISITOR)
            assert (refused.value.status, refused.value.slug) == (429, "too-many-calls")
            group.create_task(calls.call(OTHER))
            await _settled()
            assert OTHER in calls.at_work
            calls.go_on()
        assert calls.ended == TURNS + LINE + 1

    asyncio.run(scene())


def test_who_calls_for_several_waits_in_the_line_of_each() -> None:
    """Else an agency has as many lines as there are sets of its clients."""

    async def scene() -> None:
        calls = Calls(CallTurns(2).taken)
        async with asyncio.TaskGroup() as group:
            for who in ("a", "ab", "b", "ab", "abc", "c"):
                group.create_task(calls.call(*who))
            await _settled()
            assert calls.at_work == ["a", "a+b", "b", "c"]
            calls.go_on()
        assert calls.ended == 6

    asyncio.run(scene())


def test_who_waits_keeps_nobody_else_waiting() -> None:
    """A call for two clients, one of which calls too often, takes no place of the other one's, and goes on in order."""

    async def scene() -> None:
        turns, order = CallTurns(1), list[str]()
        over = {who: asyncio.Event() for who in ("a", "b", "ab", "second b", "second a")}

        async def call(who: str, *clients: str) -> None:
            async with turns.taken(*clients):
                order.append(who)
                await over[who].wait()

        async with asyncio.TaskGroup() as group:
            group.create_task(call("b", "b"))
            await _settled()
            group.create_task(call("ab", "a", "b"))
            await _settled()
            group.create_task(call("a", "a"))
            group.create_task(call("second b", "b"))
            group.create_task(call("second a", "a"))
            await _settled()
            assert order == ["b", "a"], "a has a place, whoever waits for b"
            over["a"].set()
            await _settled()
            assert order == ["b", "a", "second a"]
            over["second a"].set()
            over["b"].set()
            await _settled()
            assert order[3:] == ["ab"], "it came before the second b"
            over["ab"].set()
            over["second b"].set()
        assert order[4:] == ["second b"]

    asyncio.run(scene())


@pytest.mark.parametrize("given", [False, True], ids=["it waits", "it has just got its turn"])
def test_a_call_that_is_given_up_takes_no_turn_with_it(*, given: bool) -> None:
    async def scene() -> None:
        turns = CallTurns(1)
        first, second = asyncio.Event(), asyncio.Event()

        async def call(over: asyncio.Event) -> None:
            async with turns.taken("a", "b"):
                await over.wait()

        holder = asyncio.create_task(call(first))
        waiting = asyncio.create_task(call(second))
        await _settled()
        if given:
            first.set()
            await holder
        waiting.cancel()
        first.set()
        await asyncio.gather(holder, waiting, return_exceptions=True)
        assert waiting.cancelled()
        second.set()
        await asyncio.wait_for(call(second), 20)
        assert not turns._lines
        assert not turns._at_work

    asyncio.run(scene())
