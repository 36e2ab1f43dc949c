"""`map draft`: joins the connectors' drafts into one YAML data map with every open question in its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import yaml

from expunge_config.datamap.identities import PersonCollection, merged_by
from expunge_config.errors import ConfigError, UsageError
from expunge_config.settings import Settings
from expunge_connectors.draft import (
    ANCHOR,
    COMPANY,
    PERSONAL,
    Draftable,
    DraftCollection,
    StoreDraft,
    alike,
    set_apart,
)
from expunge_connectors.registry import Registry
from expunge_orchestrator.workspace import connection_settings

_BY_SCHEME = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "redis": "redis",
    "rediss": "redis",
    "valkey": "redis",
    "valkeys": "redis",
    "unix": "redis",
}
_OPEN = {
    "undated": "nothing says for sure when a row was made: `erase` takes rows found by an e-mail address or phone"
    " number at any age, `keep` none of them, so that a request by such alone finds nobody"
}
_ORDER = {"postgres": 0, "s3": 1, "redis": 2}

_HEAD = """\
# A DRAFT, made from what is there. Nothing in it is a decision: read every line, correct it, and answer the questions.
# A line with a question is refused by every command until its comment is taken away. Nothing is declared a log here.
expunge: 1

operator:
  name:        # DECIDE: who runs Expunge, and stands on receipts?
  contact:     # DECIDE: an address for questions
  log_origin:  # DECIDE: a host name of yours that names the log of receipts, e.g. receipts.example.org
"""
_TYPES = f"""\
data_types:
  {PERSONAL}:
    purpose: Run the service  # DECIDE: what is the data for? Split the type where purposes differ
    categories: [contact details]
    rule: {{start: relationship_ended, period: P30D}}  # DECIDE: from when on, for how long?
    on_request: delete
  {ANCHOR}:
    purpose: Keep attached what must stay, to a row that no longer says who it was
    categories: [contact details]
    rule: {{start: relationship_ended, period: P30D}}
    on_request: tombstone
  # A type that a law says to keep:
  # invoices:
  #   purpose: Bookkeeping
  #   categories: [name, purchases]
  #   rule: {{start: transaction_ended, period: P10Y}}
  #   on_request: retain
  #   ground: The law and its section
"""
_BACKUPS = """
backups:
  none:         # DECIDE: where are copies of these stores kept? Declare each place; only if there are none, say why
  approved_by:  # DECIDE: who stands by that?"""


def draft_stores(
    settings: Settings, registry: Registry, wanted: Mapping[str, str | None], rows: int
) -> list[StoreDraft]:
    """Ask each store for a draft, databases first: caches and buckets use their identities.

    Args:
        settings: How to reach them.
        registry: The installed connectors.
        wanted: Name -> connector, or None to judge by the settings; empty: every store that has settings.
        rows: Size of samples.

    Raises:
        ConfigError: There are no settings for a store, or they cannot be used.
        UsageError: A connector is not installed, or cannot draft.
        ConnectorError: A store cannot be asked.
    """
    names = wanted or dict.fromkeys(settings.stores)
    if not names:
        raise ConfigError(
            "There are no settings of any store.",
            remedy="Say how to reach it, e.g. EXPUNGE_STORES__MAIN__URL=postgresql://…",
        )
    missing = sorted(names.keys() - settings.stores.keys())
    if missing:
        raise ConfigError(
            f"There are no settings for {', '.join(missing)}.",
            remedy=f"Say how to reach it: EXPUNGE_STORES__{missing[0].upper()}__…",
        )
    kinds = {name: kind or infer_connector(settings, name) for name, kind in names.items()}
    drafts: list[StoreDraft] = []
    for name in sorted(kinds, key=lambda one: _ORDER.get(kinds[one], 1)):
        if kinds[name] not in registry.stores:
            raise UsageError(
                f"No connector {kinds[name]} is installed.", remedy=f"Installed are {', '.join(registry.stores)}."
            )
        store_type: object = registry.stores[kinds[name]]
        if not isinstance(store_type, Draftable):
            raise UsageError(f"The connector {kinds[name]} cannot draft a map.", remedy="Write this part by hand.")
        model = registry.stores[kinds[name]].connection
        drafts.append(store_type.draft(name, connection_settings(settings, name, model), rows, drafts))
        drafts = set_apart(drafts)
    return drafts


def infer_connector(settings: Settings, name: str) -> str:
    """The connector that a store's settings are for: by the scheme of its url; without one, S3.

    Raises:
        UsageError: The scheme says nothing.
    """
    url = settings.stores[name].get("url")
    if url is None:
        return "s3"
    kind = _BY_SCHEME.get(url.get_secret_value().partition(":")[0].lower())
    if kind is None:
        raise UsageError(
            f"The url of {name} does not say which connector it is for.",
            remedy=f"Name it: --store {name}=<connector>.",
        )
    return kind


def render_yaml(drafts: Sequence[StoreDraft]) -> str:
    """The drafts as one data map in YAML."""
    return "\n".join(
        ["\n".join(part) for part in (_lines(_HEAD), _controllers(drafts), _identities(drafts), _lines(_TYPES))]
        + ["stores:", *("\n".join(_store(one)) for one in drafts), _BACKUPS]
    )


def questions(drafts: Sequence[StoreDraft]) -> int:
    """How many lines are to be decided."""
    return render_yaml(drafts).count("# DECIDE:")


def _lines(text: str) -> Iterator[str]:
    yield from text.splitlines()
    yield ""


def _controllers(drafts: Sequence[StoreDraft]) -> Iterator[str]:
    yield "controllers:"
    yield f"  {COMPANY}: {{name: The company}}  # DECIDE: its name"
    for name, explanation in {key: value for one in drafts for key, value in one.members.items()}.items():
        yield f"  {name}: {{name: {_flow(f'A {name}')}, many: true}}  # DECIDE: {explanation}; or no controller at all?"
    yield ""


def _identities(drafts: Sequence[StoreDraft]) -> Iterator[str]:
    yield "identities:"
    merged = {key: value for one in reversed(drafts) for key, value in one.identities.items()}
    people = list(_people(drafts))
    for name, definition in sorted(merged.items(), key=lambda item: (_rank(item[1]), item[0])):
        yield f"  {name}: {_flow(definition)}{_question_of(name, definition, people)}"
    yield from _merging(drafts)
    if not merged:
        yield "  # DECIDE: how are people known? E.g. user_id: {kind: person, normaliser: integer/2}"
    yield ""


def _question_of(name: str, definition: Mapping[str, object], people: Sequence[PersonCollection]) -> str:
    if _rank(definition) != _REUSABLE:
        return "  # DECIDE: is a value never given to another one?"
    if there := merged_by(name, people):
        return (
            f"  # DECIDE: {_comment(' and '.join(there))} are persons of different kinds: is whoever has one value in"
            " both the same human, and goes in both? Then add `same_person: {reason, approved_by}`; else leave it out"
            " of all of them but one"
        )
    return ""


def _people(drafts: Sequence[StoreDraft]) -> Iterator[PersonCollection]:
    for draft in drafts:
        for one in draft.collections:
            person, links, told = (one.entries.get(key) for key in ("person", "found_by", "yields"))
            if isinstance(person, str) and isinstance(links, list) and isinstance(told, dict):
                found_by = {str(link["identity"]) for link in links if "identity" in link}
                controller = str(one.entries.get("owner"))
                yield PersonCollection(f"{draft.store}.{one.name}", person, controller, found_by, set(told))


def _merging(drafts: Sequence[StoreDraft]) -> Iterator[str]:
    """Ask of persons whose tables are called alike whether they are the same people."""
    for found in alike(drafts).values():
        if len(found) > 1:
            places = " and ".join(f"{draft.persons[name].table} in {draft.store} ({name})" for draft, name in found)
            yield (
                f"  # DECIDE: {_comment(places)}: is one value the same person in all of them? They stay apart where"
                " each counts by itself; else give them one identity, with `same_person: {reason, approved_by}`"
            )


_REUSABLE = 1


def _rank(definition: Mapping[str, object]) -> int:
    return {"person": 0, "reusable": _REUSABLE}.get(str(definition.get("kind")), 2)


def _store(draft: StoreDraft) -> Iterator[str]:
    yield f"  {draft.store}:"
    yield f"    connector: {draft.connector}"
    yield "    collections:"
    if not draft.collections:
        yield "      # DECIDE: nothing was found that leads to a person"
    for one in draft.collections:
        yield from _collection(one)
    if draft.notes:
        yield "    # Left out:"
        yield from (f"    # - {_comment(note)}" for note in draft.notes)
    yield from (f"    # DECIDE: {_comment(question)}" for question in draft.questions)
    yield ""


def _collection(draft: DraftCollection) -> Iterator[str]:
    for note in draft.notes:
        yield f"      # {_comment(note)}"
    yield f"      {_flow(draft.name)}:"
    for key, value in draft.entries.items():
        question = draft.questions.get(key)
        asked = f"  # DECIDE: {_comment(question)}" if question is not None else ""
        if value is None:
            open_ = _OPEN.get(key, "what stands here?")
            yield f"        {key}:{asked or f'  # DECIDE: {open_}'}"
        elif isinstance(value, list) and value:
            yield f"        {key}:{asked}"
            yield from (f"          - {_flow(item)}" for item in value)
        else:
            yield f"        {key}: {_flow(value)}{asked}"
    for line in draft.later:
        yield f"        # {line}"


def _flow(value: object) -> str:
    """A value in one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _comment(text: str | None) -> str:
    """A note in one line: names of tables may hold anything."""
    return " ".join("".join(one if one.isprintable() else " " for one in text or "").split())
