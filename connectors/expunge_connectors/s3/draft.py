"""`map draft` of an account's buckets: shapes of names, as prefixes where a directory is a person's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from expunge_connectors.draft import DraftCollection, StoreDraft
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyspace.template_inference import (
    Definitions,
    Shapes,
    guess,
    numbered,
    unexplained,
    why_not_a_template,
)
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.unmapped_identifiers import sample

_DIRECTORY = re.compile(r"^((?:[^/{}]+/)*\{[a-z]+\}/).+$", re.DOTALL)


def draft(service: Service, names: int, known: Sequence[StoreDraft]) -> StoreDraft:
    """Look at a sample of the names of every bucket, and propose."""
    identities: Definitions = {}
    collections: list[DraftCollection] = []
    notes: list[str] = []
    for bucket in [str(one["Name"]) for one in service.must(None, "list_buckets").get("Buckets", [])]:
        try:
            shapes = _directories(Shapes.of(sample(service, bucket, names)))
        except TerminalError:
            notes.append(f"bucket {bucket} cannot be listed: what is there is unknown.")
            continue
        if not shapes.size:
            notes.append(f"bucket {bucket} is empty.")
        for shape, count in sorted(shapes.counts.items()):
            found = guess(shape, known)
            if found is None:
                continue
            identities[found.identity] = found.definition
            questions = found.questions(count, shapes.size)
            where = "prefix" if shape.endswith("/") else "key"
            questions[where] = questions.pop("")
            entries = {"bucket": bucket, where: found.template, **found.entries()}
            entries.pop("undated", None)  # objects have a date
            questions.pop("undated", None)
            collections.append(DraftCollection(found.name, entries, questions))
        notes += [
            f"{bucket}/{shape} ({count} of {shapes.size} names looked at): {why_not_a_template(shape)}; where"
            ' a table holds the names, let it yield them, and write key: "{<that identity>}".'
            for shape, count in unexplained(shapes, known)
        ]
    return StoreDraft(service.name, "s3", identities, numbered(collections), {}, tuple(notes))


def _directories(shapes: Shapes) -> Shapes:
    """Shapes below a directory that is named by an identifier are one: its prefix."""
    found = Shapes(size=shapes.size)
    for shape, count in shapes.counts.items():
        match = _DIRECTORY.match(shape)
        short = shape if match is None or "{text}" in match.group(1) else match.group(1)
        found.counts[short] = found.counts.get(short, 0) + count
    return found
