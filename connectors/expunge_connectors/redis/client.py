"""Redis client: bounded pipelines, a pinned connection for SCAN, retries, translated errors.

Every command that a connector sends is safe to repeat: reads, and removals of exactly named keys, members and fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis import exceptions as redis_errors
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from tenacity.wait import wait_base

from expunge_connectors.contract import Heartbeat, no_beat
from expunge_connectors.errors import AnswerLostError, TerminalError
from expunge_connectors.redis.errors import translated
from expunge_connectors.redis.spec import RedisConnection
from expunge_connectors.retry import with_retries

BATCH = 1000
RAW = ("XRANGE", "XREVRANGE")
"""Commands whose answers are taken as the server sends them: the driver would make a dictionary of an entry of a
stream, and forget a field that stands twice in it."""

Word = str | bytes | int


class Values(list[Any]):
    """A list of what keys are called or hold. `repr` hides it: it turns up in tracebacks."""

    def __repr__(self) -> str:
        return f"<{len(self)} values>"


class ByValue(dict[Any, Any]):
    """Something found by what a key is called or holds. `repr` hides it: it turns up in tracebacks."""

    def __repr__(self) -> str:
        return f"<{len(self)} values>"


@dataclass(frozen=True, slots=True)
class Command:
    """One command, and the collection that an error is to name."""

    collection: str | None
    words: tuple[Word, ...] = field(repr=False)


Heard = Callable[[Sequence[tuple[Command, Any]]], None]
"""Called with commands and their answers, of every attempt and before anything is raised: an answer that was lost is
`LOST`, and a command that the server refused is absent."""
LOST = object()


def new_client(store: str, connection: RedisConnection) -> Redis:
    """A client as all of ours are; nothing is contacted.

    Raises:
        TerminalError: The URL cannot be read.
    """
    try:
        client = Redis.from_url(
            connection.url.get_secret_value(),
            decode_responses=False,
            socket_timeout=connection.timeout_seconds,
            socket_connect_timeout=connection.timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            # Three questions at every connect that nobody here needs answered: half the price of a connection.
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
    except ValueError:
        raise TerminalError(
            f"Store {store}: its URL cannot be read.", remedy="Give redis://user:password@host:port/database."
        ) from None
    client.get_connection_kwargs()["decode_responses"] = False  # what a URL says would outweigh what is said above
    for command in RAW:
        client.response_callbacks.pop(command, None)
    return client


def _not_listening(_answered: Sequence[tuple[Command, object]]) -> None:
    """A `Heard` for reads."""


@dataclass(frozen=True, slots=True)
class PipelineClient:
    """Commands to one client.

    Attributes:
        store: Name of the store, for errors.
        beat: Called after every pipeline.
    """

    store: str
    client: Redis
    wait: wait_base
    beat: Heartbeat = no_beat

    def ask(self, commands: Iterable[Command], heard: Heard = _not_listening) -> Values:
        """The answers in the order of the commands, which are sent at most `BATCH` at a time.

        Raises:
            TransientError: The server did not answer, also after some more attempts.
            TerminalError: It refused a command; names that command's collection.
        """
        commands = list(commands)
        answers = Values()
        for start in range(0, len(commands), BATCH):
            batch = commands[start : start + BATCH]
            answers.extend(with_retries(self.wait)(self._send, batch, heard))
            self.beat()
        return answers

    def one(self, *words: Word) -> Any:  # noqa: ANN401 - each command has its own type of answer
        """The answer to a single command."""
        return self.ask([Command(None, words)])[0]

    def _send(self, batch: Sequence[Command], heard: Heard) -> list[Any]:
        try:
            with self.client.pipeline(transaction=False) as pipeline:
                for command in batch:
                    pipeline.execute_command(*command.words)  # type: ignore[no-untyped-call]
                answers = Values(pipeline.execute(raise_on_error=False))
        except (redis_errors.RedisError, UnicodeError) as error:
            ours = translated(self.store, _one_name(batch), error)
            if isinstance(ours, AnswerLostError):
                heard([(command, LOST) for command in batch])
            raise ours from None
        heard([one for one in zip(batch, answers, strict=True) if not isinstance(one[1], Exception)])
        refused = next(
            (
                translated(self.store, command.collection, answer)
                for command, answer in zip(batch, answers, strict=True)
                if isinstance(answer, Exception)
            ),
            None,
        )
        if refused is not None:
            del answers  # they hold members and messages: a traceback with local variables would show them
            raise refused
        return answers


def _one_name(batch: Sequence[Command]) -> str | None:
    names = {command.collection for command in batch}
    return names.pop() if len(names) == 1 else None


@dataclass(frozen=True, slots=True)
class PinnedClient(PipelineClient):
    """Commands one after the other on one connection, none of them repeated: each rests on the ones before it."""

    line: AbstractConnection = field(kw_only=True)

    def ask(self, commands: Iterable[Command], heard: Heard = _not_listening) -> Values:
        """As `PipelineClient.ask`, but the first failure ends it, and answers are as the server sends them."""
        answers = Values()
        for command in commands:
            try:
                self.send(command)
                answers.append(self.receive(command.collection))
            except AnswerLostError:
                heard([(command, LOST)])
                raise
            heard([(command, answers[-1])])
        return answers

    def send(self, command: Command) -> None:
        """Send a command whose answer is taken later: the server works on it in the meantime."""
        try:
            self.line.send_command(*command.words)  # type: ignore[no-untyped-call]
        except (redis_errors.RedisError, UnicodeError, OSError) as error:
            raise translated(self.store, command.collection, error) from None

    def receive(self, collection: str | None = None) -> Any:  # noqa: ANN401 - each command has its own type of answer
        """The answer to the earliest command that has none yet."""
        try:
            return self.line.read_response()
        except (redis_errors.RedisError, OSError) as error:
            raise translated(self.store, collection, error) from None
