"""View model of the receipt page: statements and cited documents, sorted and typed for the templates."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from expunge_reports import consistency
from expunge_reports.forms import form_reader, shared_documents
from expunge_reports.forms.bodies import Collection, IdentityEvidence, Store
from expunge_reports.forms.form_reader import Members
from expunge_reports.forms.shared_documents import AnyDocument, BackupCopies, Deadlines, Document, Plan
from expunge_reports.page import glossary
from expunge_reports.statement import Statement
from expunge_reports.verify import statement_text
from expunge_reports.verify.verdict import Verdict

_REQUEST: Final = frozenset({"controller", "dataTypes", "receivedAt", "receivedAtIs", "identityEvidence", "context"})
"""Members of the first body that the section on the request shows."""

_ELSEWHERE: Final = frozenset({"context", "controller", "dataMap"})
"""Members of any other body that the technical details show."""


@dataclass(frozen=True, slots=True)
class StatementView:
    """A statement in words.

    Attributes:
        statement: as it was verified.
        event: what happened.
        limited: the data types that the request was limited to, None if it was not.
        still_open: what is owed.
        searched: what a search that knows no map found; None if nothing is said of one.
        levels: names of stores by the level that they reached.
        stores: what happened in each; None if the body says nothing or has another form.
        further: members that no part of the page knows.
    """

    statement: Statement
    event: str
    limited: Sequence[str] | None
    still_open: str
    searched: str | None
    levels: Mapping[str, Sequence[str]]
    stores: Sequence[Store] | None
    further: Members

    @property
    def lines(self) -> Sequence[Collection]:
        """The collections of all stores."""
        return [line for store in self.stores or () for line in store.collections]


@dataclass(frozen=True)
class ReceiptView:
    """An authentic receipt. Documents stand in the order of the last statements that cite them, by digest (hex).

    Attributes:
        statements: at least one.
        evidence: how the controller knows that it is the person; None if nothing is stated or it has another form.
        plan: the last one.
        plans: every one.
        other_types: data types of places that no store of the plan has, of each plan.
        deadlines: the last ones; those before are among `others`.
        copies: what the last statement that speaks of backup copies cites.
        earlier_copies: what it replaced.
        others: what no other part of the page shows.
    """

    statements: Sequence[StatementView]
    evidence: IdentityEvidence | None
    plan: Plan | None
    plans: Mapping[str, Plan]
    other_types: Mapping[str, Mapping[str, str]]
    deadlines: Deadlines | None
    copies: BackupCopies | None
    earlier_copies: Mapping[str, BackupCopies]
    others: Mapping[str, object]

    @cached_property
    def touched(self) -> AbstractSet[str]:
        """Names of the stores of the plan."""
        return frozenset() if self.plan is None else {store.store for store in self.plan.stores}


def receipt_view(verdict: Verdict, shared: Mapping[str, object]) -> ReceiptView:
    """Return the view of an authentic receipt.

    Args:
        verdict: an authentic one.
        shared: the documents that its statements cite, by digest (hex).
    """
    cited = _in_order(verdict.statements, shared)
    known = {
        digest: document for digest, one in cited.items() if (document := shared_documents.document(one)) is not None
    }
    plans, copies, deadlines = _only(Plan, known), _only(BackupCopies, known), _only(Deadlines, known)
    latest = next(reversed(copies), None)
    shown = {*plans, *copies, next(reversed(deadlines), None)}
    evidence = form_reader.read(IdentityEvidence, verdict.statements[0].body.get("identityEvidence"))
    return ReceiptView(
        statements=[_statement(one) for one in verdict.statements],
        evidence=None if evidence is None or evidence.further else evidence,
        plan=_last(plans),
        plans=plans,
        other_types={digest: _other_types(one) for digest, one in plans.items()},
        deadlines=_last(deadlines),
        copies=_last(copies),
        earlier_copies={digest: one for digest, one in copies.items() if digest != latest},
        others={digest: one for digest, one in cited.items() if digest not in shown},
    )


def _other_types(plan: Plan) -> Mapping[str, str]:
    planned = {f"{store.store}.{name}" for store in plan.stores for name in store.collections}
    return {place: name for place, name in plan.data_types.items() if place not in planned}


def _in_order(statements: Sequence[Statement], shared: Mapping[str, object]) -> dict[str, object]:
    cited: dict[str, object] = {}
    for current in statements:
        for digest in current.context:
            cited.pop(digest, None)
            cited[digest] = shared[digest]
    return cited


def _only(form: type[AnyDocument], known: Mapping[str, Document]) -> dict[str, AnyDocument]:
    return {digest: one for digest, one in known.items() if isinstance(one, form)}


def _last(documents: dict[str, AnyDocument]) -> AnyDocument | None:
    return next(reversed(documents.values()), None)


def _statement(current: Statement) -> StatementView:
    limited = statement_text.limited_to(current)
    known = _REQUEST if current.seq == 0 else glossary.BODY_MEMBERS.keys() | _ELSEWHERE
    further = {member: value for member, value in current.body.items() if member not in known}
    # The outcome of a whole request is its event again; any other is said.
    if current.seq and further.get("outcome") == current.event:
        del further["outcome"]
    searched = statement_text.blind_search(current)
    # What the sentence says as a whole is not shown again; a list of places is, and whatever else it does not say.
    if searched not in {None, statement_text.UNKNOWN_SEARCH} and not statement_text.says_more(further["blindSearch"]):
        del further["blindSearch"]
    stores = form_reader.read(tuple[Store, ...], further["stores"]) if "stores" in further else None
    levels: dict[str, list[str]] = {}
    if stores is not None and current.seq:
        del further["stores"]
        for store in stores:
            if store.level is not None:
                levels.setdefault(store.level, []).append(store.store)
        if unknown := [{"store": store.store, **store.further} for store in stores if store.further]:
            further["stores"] = unknown
    return StatementView(
        statement=current,
        event=glossary.event(
            current.event,
            limited=limited is not None,
            goes_on=statement_text.continued_in(current) is not None,
            nothing_went=stores is not None
            and consistency.nothing_went(line for store in stores for line in store.collections),
        ),
        limited=limited,
        still_open=glossary.still_open(current),
        searched=searched,
        levels=levels,
        stores=stores,
        further=further,
    )
