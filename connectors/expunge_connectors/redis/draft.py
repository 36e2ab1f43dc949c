"""`map draft` of a live keyspace: shapes of names by SCAN, types by TYPE. No value is read.

A user with the rights that `expunge check` prescribes may ask for the types of mapped keys alone: others stay open.
"""

from __future__ import annotations

from collections.abc import Sequence

from expunge_connectors.draft import DraftCollection, StoreDraft
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyspace.identifier_patterns import identifiers
from expunge_connectors.keyspace.template_inference import (
    Definitions,
    Shapes,
    guess,
    numbered,
    unexplained,
    why_not_a_template,
)
from expunge_connectors.redis import acl
from expunge_connectors.redis.client import Command, PipelineClient
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.unmapped_identifiers import sample


def draft(conversation: PipelineClient, names: int, known: Sequence[StoreDraft]) -> StoreDraft:
    """Look at a sample of the names, and propose.

    Raises:
        TerminalError: The user may not list names.
        TransientError: The server does not answer.
    """
    shapes = _shapes(conversation, names)
    order = sorted(shapes.counts)
    types = dict(zip(order, _types(conversation, [shapes.examples[shape] for shape in order]), strict=True))
    identities: Definitions = {}
    collections: list[DraftCollection] = []
    for shape in order:
        found = guess(shape, known)
        if found is None:
            continue
        identities[found.identity] = found.definition
        questions = found.questions(shapes.counts[shape], shapes.size)
        questions["key"] = questions.pop("")
        if types[shape] is None:
            questions["type"] = "of which type are they? The user may not run TYPE on them"
        elif types[shape] == "set":
            questions["type"] = "if its members name further keys, add `yields: <identity>`"
        entries = {"key": found.template, "type": types[shape], **found.entries()}
        collections.append(DraftCollection(found.name, entries, questions))
    notes = tuple(
        f"{shape} ({types[shape] or 'of a type that the user may not read'},"
        f" {count} of {shapes.size} names looked at): {why_not_a_template(shape)}"
        + ("." if identifiers(shape) else "; of a shared key, its members or fields may be people's.")
        for shape, count in unexplained(shapes, known)
    )
    return StoreDraft(conversation.store, "redis", identities, numbered(collections), {}, notes)


def _shapes(conversation: PipelineClient, names: int) -> Shapes:
    try:
        return Shapes.of(name for name in sample(conversation, names) if name != SENTINEL)
    except TerminalError:
        raise TerminalError(
            f"Store {conversation.store}: the user may not run SCAN (or may not log in), so no names are seen.",
            remedy="Draft as an administrator, or give the user for as long: ACL SETUSER … +scan +type %R~*",
        ) from None


def _types(conversation: PipelineClient, names: Sequence[str]) -> list[str | None]:
    """What TYPE says of each name; None where the user may not ask."""
    commands = [Command(None, ("TYPE", name)) for name in names]
    try:
        return [acl.text(answer) for answer in conversation.ask(commands)]
    except TerminalError:
        if len(names) == 1:
            return [None]
    middle = len(names) // 2
    return [*_types(conversation, names[:middle]), *_types(conversation, names[middle:])]
