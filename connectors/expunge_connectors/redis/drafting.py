"""A draft of the map for a live keyspace: shapes of names by SCAN, types by TYPE. No value is read."""

from __future__ import annotations

from collections.abc import Sequence

from expunge_connectors.drafting import DraftCollection, StoreDraft
from expunge_connectors.keydrafts import Definitions, Shapes, guess, numbered, unguessed
from expunge_connectors.redis.conversation import Command, Conversation
from expunge_connectors.redis.records import SENTINEL
from expunge_connectors.redis.sweep import sample


def draft(conversation: Conversation, names: int, known: Sequence[StoreDraft]) -> StoreDraft:
    """Look at a sample of the names, and propose."""
    shapes = Shapes.of(name for name in sample(conversation, names) if name != SENTINEL)
    order = sorted(shapes.counts)
    answers = conversation.ask([Command(None, ("TYPE", shapes.examples[shape])) for shape in order])
    types = {
        shape: answer.decode() if isinstance(answer, bytes) else str(answer)
        for shape, answer in zip(order, answers, strict=True)
    }
    identities: Definitions = {}
    collections: list[DraftCollection] = []
    for shape in order:
        found = guess(shape, known)
        if found is None:
            continue
        identities[found.identity] = found.definition
        questions = found.questions(shapes.counts[shape], shapes.size)
        questions["key"] = questions.pop("")
        if types[shape] == "set":
            questions["type"] = "if its members name further keys, add `yields: <identity>`"
        entries = {"key": found.template, "type": types[shape], **found.entries()}
        collections.append(DraftCollection(found.name, entries, questions))
    notes = tuple(
        f"{shape} ({types[shape]}, {count} of {shapes.size} names looked at): a template has exactly one identifier"
        + ("; of a shared key, its members or fields may be people's." if "{" not in shape else ".")
        for shape, count in unguessed(shapes, known)
    )
    return StoreDraft(conversation.store, "redis", identities, numbered(collections), {}, notes)
