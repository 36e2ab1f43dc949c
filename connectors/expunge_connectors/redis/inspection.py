"""`check`: compares the data map with a live Redis or Valkey server. Read-only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity
from expunge_connectors.errors import RightMissingError, TerminalError
from expunge_connectors.keyspace.nested_names import nested
from expunge_connectors.keyspace.template_rules import overlaps
from expunge_connectors.keyspace.unnormalised_names import unknown_spellings
from expunge_connectors.redis import acl
from expunge_connectors.redis.client import PipelineClient
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.spec import RedisSpec

_LOGS = {
    "slowlog-log-slower-than": "the slow log",
    "commandlog-execution-slower-than": "the command log (slow)",
    "commandlog-request-larger-than": "the command log (large requests)",
}


def findings(conversation: PipelineClient, data_map: DataMap, spec: RedisSpec) -> Sequence[Finding]:
    """All findings about one store.

    Raises:
        ConnectorError: The server does not answer or refuses the login.
    """
    notes = _Notes(conversation.store)
    try:
        conversation.one("PING")
    except RightMissingError:
        return [_unable(conversation, notes, spec)]
    named = ((name, keys, keys.namespace) for name, keys in spec.collections.items())
    return [
        *_server(conversation, notes, spec),
        *_recorders(conversation, notes),
        *_rights(conversation, notes, data_map, spec),
        *overlaps(conversation.store, data_map, spec.namings()),
        *nested(conversation.store, data_map, spec.namings(), spec.undivided),
        *unknown_spellings(conversation.store, data_map, named),
    ]


def _sentinel(conversation: PipelineClient, notes: _Notes, spec: RedisSpec) -> Iterator[Finding]:
    try:
        there = conversation.one("GET", SENTINEL)
    except RightMissingError:
        yield _unable(conversation, notes, spec)
        return
    except TerminalError:
        there = None  # something else stands under that name
    if there is None:
        yield notes(
            Severity.ERROR,
            "redis-no-sentinel",
            "The server carries no sentinel, so it cannot be told from another one.",
            "Make sure that this is the right server, then run `expunge adopt`.",
        )


def _unable(conversation: PipelineClient, notes: _Notes, spec: RedisSpec) -> Finding:
    """Of a user who may not even look which server this is; nor log in, where that selects a database."""
    user = conversation.client.connection_pool.connection_kwargs.get("username") or "default"
    return notes(
        Severity.ERROR,
        "redis-rights-missing",
        "The user may not log in to this database, or not look which server this is: nothing else can be asked.",
        acl.remedy(user, spec),
    )


class _Notes:
    """Makes findings of one store."""

    def __init__(self, store: str) -> None:
        self._store = store

    def __call__(
        self, severity: Severity, code: str, message: str, remedy: str, collection: str | None = None
    ) -> Finding:
        return Finding(severity, code, self._store, collection, message, remedy)

    def unknown(self, what: str, command: str) -> Finding:
        return self(
            Severity.INFO,
            "redis-unknown",
            f"It is not known {what}: the user may not run {command}.",
            f"Allow {command} (read-only), or look at the server yourself.",
        )


def _allowed(conversation: PipelineClient, *words: str) -> Any:  # noqa: ANN401 - each command has its own type of answer
    """The answer, or None where the user may not ask (or the server does not know the command)."""
    try:
        return conversation.one(*words)
    except TerminalError:
        return None


def _server(conversation: PipelineClient, notes: _Notes, spec: RedisSpec) -> Iterator[Finding]:
    info = _allowed(conversation, "INFO")
    if info is None:
        yield notes.unknown("whether this is a cluster, a replica, or has replicas", "INFO")
    else:
        if str(info.get("cluster_enabled", 0)) == "1":
            yield notes(
                Severity.ERROR,
                "redis-cluster",
                "The server runs in cluster mode, which this connector does not support: keys are spread over nodes.",
                "Use a connector for clusters; nothing can be erased here.",
            )
            return  # a cluster may refuse every further question
        if str(info.get("role", "master")) != "master":
            yield notes(
                Severity.ERROR,
                "redis-replica",
                "The server is a replica: it takes no writes and may lag.",
                "Give the URL of the primary.",
            )
        if int(info.get("connected_slaves", 0)):
            yield notes(
                Severity.INFO,
                "redis-has-replicas",
                f"{info['connected_slaves']} replica(s) follow this server later; verification asks the primary.",
                "Check that the replicas keep up; their own snapshots are copies.",
            )
        if str(info.get("aof_enabled", 0)) == "1" or int(info.get("rdb_last_save_time", 0)) > 0:
            yield notes(
                Severity.INFO,
                "redis-files",
                "The server writes AOF or RDB files: they hold removed keys until the next rewrite or snapshot.",
                "Have BGREWRITEAOF and BGSAVE run regularly, and declare where RDB files are copied to.",
            )
    yield from _sentinel(conversation, notes, spec)
    others = _other_databases(conversation, info or {})
    if others:
        yield notes(
            Severity.INFO,
            "redis-other-databases",
            f"The server's databases {', '.join(others)} hold keys too; this store is one database.",
            "Make each that holds data about people a store of its own in the map.",
        )
    policy = _setting(conversation, "maxmemory-policy")
    if policy is None:
        yield notes.unknown("whether keys are evicted under memory pressure", "CONFIG GET")
    elif policy != "noeviction":
        yield notes(
            Severity.INFO,
            "redis-evicts",
            f"Under memory pressure keys vanish by themselves (maxmemory-policy {policy}), index sets too.",
            "Do not let the only way to a person's keys be an index set in a server that evicts.",
        )


def _other_databases(conversation: PipelineClient, info: Mapping[str, Any]) -> list[str]:
    ours = f"db{conversation.client.get_connection_kwargs().get('db', 0)}"
    numbers = sorted(int(name.removeprefix("db")) for name in info if re.fullmatch(r"db\d+", name) and name != ours)
    return [str(number) for number in numbers]


def _setting(conversation: PipelineClient, name: str) -> str | None:
    """A setting; None where it may not be read; empty where the server does not have it."""
    answer = _allowed(conversation, "CONFIG GET", name)
    if answer is None:
        return None
    pairs = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
    value = next(iter(pairs.values()), b"")
    return value.decode() if isinstance(value, bytes) else str(value)


def _recorders(conversation: PipelineClient, notes: _Notes) -> Iterator[Finding]:
    for setting, what in _LOGS.items():
        value = _setting(conversation, setting)
        if value is None:
            yield notes.unknown(f"whether {what} records commands with their keys", "CONFIG GET")
            break
        if value and not value.startswith("-"):
            yield notes(
                Severity.WARNING,
                "redis-slowlog",
                f"Commands can be recorded with their keys in {what} ({setting} {value}).",
                f"Set {setting} to -1, or keep keys free of direct identifiers.",
            )
    events = _setting(conversation, "notify-keyspace-events")
    if events:
        yield notes(
            Severity.WARNING,
            "redis-keyspace-events",
            "Keyspace notifications publish the names of removed keys to every subscriber.",
            "Set notify-keyspace-events to the empty string, or make sure that no subscriber records them.",
        )
    clients = _allowed(conversation, "CLIENT LIST")
    if clients is None:
        yield notes.unknown("whether somebody runs MONITOR", "CLIENT LIST")
    elif any(isinstance(one, dict) and one.get("cmd") == "monitor" for one in clients):
        yield notes(
            Severity.WARNING,
            "redis-monitor",
            "A client runs MONITOR and sees every command with its keys.",
            "End it, or make sure that it records nothing.",
        )


def _rights(conversation: PipelineClient, notes: _Notes, data_map: DataMap, spec: RedisSpec) -> Iterator[Finding]:
    """Ask with ACL DRYRUN, on invented keys, for every command that the connector uses, and for some that it must not.

    ACL DRYRUN carries nothing out.
    """
    user = _allowed(conversation, "ACL WHOAMI")
    dry = None if user is None else _allowed(conversation, "ACL DRYRUN", acl.text(user), "PING")
    if user is None or dry is None:
        yield notes.unknown("whether the user has the rights it needs, and no more", "ACL WHOAMI and ACL DRYRUN")
        return
    me = acl.text(user)
    grant = acl.remedy(me, spec)
    for name, keys in spec.collections.items():
        if keys.log is not None:
            yield from _may_write_log(conversation, notes, me, name, acl.sample(keys, data_map))
        elif (lacking := acl.refused(conversation, me, name, keys, data_map)) is not None:
            why = f" The keys of `{keys.key}` are out of its reach." if lacking.keys else ""
            yield notes(
                Severity.ERROR,
                "redis-rights-missing",
                f"The user may not run {', '.join(lacking.commands)} on these keys.{why}",
                grant,
                name,
            )
    lacks = [words[0] for words in acl.keyless(spec) if acl.acl_dryrun(conversation, None, me, words) is not None]
    if lacks:
        yield notes(Severity.ERROR, "redis-rights-missing", f"The user may not run {', '.join(lacks)}.", grant)
    many = [" ".join(words[:2]) if words[0] in {"CONFIG", "ACL"} else words[0] for words in acl.NEVER
            if acl.acl_dryrun(conversation, None, me, words) is None]  # fmt: skip
    if acl.acl_dryrun(conversation, None, me, ("GET", f"expunge:{acl.INVENTED}")) is None:
        many.append("GET on keys that the map does not declare")
    if many:
        yield notes(
            Severity.WARNING,
            "redis-rights-many",
            f"The user may run {', '.join(many)}, and so more than it needs.",
            f"Give Expunge a user of its own. {grant}",
        )


def _may_write_log(conversation: PipelineClient, notes: _Notes, user: str, name: str, key: str) -> Iterator[Finding]:
    if acl.acl_dryrun(conversation, name, user, ("UNLINK", key)) is None:
        yield notes(
            Severity.WARNING,
            "redis-rights-log",
            "The user may remove keys of this log; nothing but the map keeps it from them.",
            "Leave the log's keys out of the user's key patterns.",
            name,
        )
