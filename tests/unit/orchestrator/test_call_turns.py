"""Turns: of calls that come at once a few of a caller are at work, and a few callers of an address are looked up."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_network
from math import inf

import pytest

from expunge_orchestrator.api.call_slots import LINE, TURNS, TURNS_OF_ADDRESS, TURNS_OF_CLIENT, AddressTurns, CallTurns
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


def test_who_waits_keeps_one_place_in_the_line_of_each() -> None:
    """A call for two clients, one of which is busy, takes one place of the other one's, and goes on in order."""

    async def scene() -> None:
        turns, order = CallTurns(2), list[str]()
        over = {who: asyncio.Event() for who in ("b", "b2", "ab", "abc", "a", "a2", "b3", "a3")}

        async def call(who: str) -> None:
            async with turns.taken(*who.strip("123")):
                order.append(who)
                await over[who].wait()

        async with asyncio.TaskGroup() as group:
            for who in over:
                group.create_task(call(who))
            await _settled()
            assert order == ["b", "b2", "a"], "one place of a is kept, for the first that waits"
            over["a"].set()
            await _settled()
            assert order[3:] == ["a2"], "a goes on with the other one"
            over["b"].set()
            await _settled()
            assert order[4:] == ["ab"], "it came before the third b"
            over["ab"].set()
            await _settled()
            assert order[5:] == ["abc"], "and has come to be the first"
            for one in over.values():
                one.set()
        assert order[6:] == ["b3", "a3"]
        assert not turns._lines
        assert not turns._at_work

    asyncio.run(scene())


@pytest.mark.parametrize("busy", ["a", "ab"])
def test_a_call_for_clients_that_are_all_busy_begins_in_its_order(busy: str) -> None:
    """They never have a place each in the same moment, unless one is kept."""

    async def scene() -> None:
        turns, over = CallTurns(TURNS_OF_CLIENT), False
        ends = {client: asyncio.Semaphore(0) for client in busy}

        async def calls(client: str) -> None:
            while not over:
                async with turns.taken(client):
                    await ends[client].acquire()

        async with asyncio.TaskGroup() as group:
            for client in 3 * TURNS_OF_CLIENT * busy:
                group.create_task(calls(client))
            await _settled()
            both = Calls(turns.taken)
            group.create_task(both.call("a", "b"))
            for _ in range(2 * TURNS_OF_CLIENT + 1):  # as many as wait before it, and one
                for client in busy:
                    ends[client].release()
                    await _settled()
            begun = list(both.at_work)
            over = True
            both.go_on()
            for client in 3 * TURNS_OF_CLIENT * busy:
                ends[client].release()
        assert begun == ["a+b"]

    asyncio.run(scene())


def test_every_call_gets_its_turn_whatever_clients_they_have_in_common() -> None:
    """Sets of clients drawn at random, some given up on the way: nothing is left, and nobody waits for ever."""
    drawn = random.Random(37)

    async def scene() -> None:
        turns, most = CallTurns(2, inf), Counter[str]()
        clients = "abcdef"

        async def call() -> None:
            whose = drawn.sample(clients, drawn.choice([1, 1, 2, 3, 6]))
            async with turns.taken(*whose):
                most.update(whose)
                try:
                    assert max(most.values()) <= 2
                    for _ in range(drawn.randrange(4)):
                        await asyncio.sleep(0)
                finally:  # it may be given up while it is at work
                    most.subtract(whose)

        calls = [asyncio.create_task(call()) for _ in range(2000)]
        given_up = drawn.sample(calls, 200)
        for one in given_up:
            for _ in range(drawn.randrange(5)):
                await asyncio.sleep(0)
            one.cancel()
        ended = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)
        assert {type(one) for one in ended} <= {type(None), asyncio.CancelledError}
        assert not turns._lines
        assert not turns._at_work

    asyncio.run(scene())


def test_a_place_is_no_longer_kept_for_a_call_that_is_given_up() -> None:
    async def scene() -> None:
        calls = Calls(CallTurns(1).taken)
        async with asyncio.TaskGroup() as group:
            _, both, _ = (group.create_task(calls.call(*who)) for who in ("b", "ab", "a"))
            await _settled()
            assert calls.at_work == ["b"]
            both.cancel()
            await _settled()
            assert calls.at_work == ["b", "a"]
            calls.go_on()

    asyncio.run(scene())


@pytest.mark.parametrize("when", ["it waits", "its turn comes", "it has just got its turn"])
def test_a_call_that_is_given_up_takes_no_turn_with_it(when: str) -> None:
    async def scene() -> None:
        turns = CallTurns(1)
        first, second = asyncio.Event(), asyncio.Event()

        async def call(over: asyncio.Event) -> None:
            async with turns.taken("a", "b"):
                await over.wait()

        holder = asyncio.create_task(call(first))
        waiting = asyncio.create_task(call(second))
        await _settled()
        if when != "it waits":
            first.set()
        if when == "it has just got its turn":
            await holder
        waiting.cancel()
        first.set()
        ended = await asyncio.gather(holder, waiting, return_exceptions=True)
        assert [type(one) for one in ended] == [type(None), asyncio.CancelledError]
        second.set()
        await asyncio.wait_for(call(second), 20)
        assert not turns._lines
        assert not turns._at_work

    asyncio.run(scene())
