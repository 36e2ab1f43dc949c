"""Row owners: whose a row is, by the keys in it and in the rows above it, whatever led there (ADR 18).

Bob's order that goes to Ann's address is Bob's, and so is a line of it. A comment of Bob's below Ann's post is both
theirs: it goes when both go. `t` is a row that was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from psycopg import sql

from expunge_connectors.postgres.mapping.bound_links import BoundLink
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql import held_values
from expunge_connectors.postgres.sql.fragments import FALSE, TRUE, and_, column, not_, or_
from expunge_connectors.postgres.sql.named_people import Question, Who, kinds
from expunge_connectors.postgres.sql.row_conditions import old_enough, older
from expunge_connectors.postgres.sql.subject_search import Search


def requested(  # noqa: PLR0913 - one question with its circumstances
    search: Search,
    mapped: BoundTable,
    link: BoundLink,
    alias: str,
    since: sql.Composable | None = None,
    *,
    number: sql.Composable | None = None,
) -> sql.Composable:
    """A row found through this link belongs to the request; otherwise it is newer, or another's.

    Args:
        search: Its staged keys are of everybody who goes.
        mapped: The collection.
        link: What it was found through.
        alias: The row.
        since: When the claim began on the value that led there; None: no row is too old.
        number: The subject's, of whom every key is known; None: there may be some yet to be learnt from the row.
    """
    old = _old(search, mapped, link, alias)
    return and_(old, *map(not_, _others(search, link, alias, since, number)))


def unclear(  # noqa: PLR0913 - one question with its circumstances
    search: Search,
    mapped: BoundTable,
    link: BoundLink,
    alias: str,
    since: sql.Composable | None = None,
    *,
    number: sql.Composable | None = None,
) -> sql.Composable:
    """A row found through this link is of an age with the request, and another's."""
    others = list(_others(search, link, alias, since, number))
    return and_(_old(search, mapped, link, alias), or_(*others)) if others else FALSE


def anothers(search: Search, mapped: BoundTable, alias: str, found: BoundLink | None = None) -> sql.Composable:
    """What the row tells is somebody else's who does not go, though the row may go with others; FALSE: of no row.

    Whose it is its own keys say, and the rows above it only where none stands in it. What a row of two people of one
    kind tells is both's; where they are of two kinds (a customer, and who served them) it is the one's who goes.

    Args:
        search: Its staged keys are of everybody who goes.
        mapped: The collection.
        alias: The row.
        found: By this link, and it is requested; None: any may have led there.
    """
    if not (mapped.passing_on or mapped.tells) or (found is not None and found.lookup_only):
        return FALSE  # what a shareable value finds agrees or disagrees, and leads nowhere
    return Question(search, Who.OTHER, kinds(mapped.naming), whole=True).of_row(mapped, alias, found)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of a row found through a link.

    Attributes:
        asked: See `requested`.
        unclear: See `unclear`.
        beside: What stands behind the tables joined, for these two to speak of.
    """

    asked: sql.Composable
    unclear: sql.Composable
    beside: sql.Composable = field(default_factory=lambda: sql.SQL(""))


def judged(  # noqa: PLR0913 - one question with its circumstances
    search: Search,
    mapped: BoundTable,
    link: BoundLink,
    alias: str,
    since: sql.Composable | None = None,
    *,
    number: sql.Composable,
) -> Judged:
    """Both, decided once for each row where people have to be looked up for it (OFFSET 0 is a fence)."""
    if not link.values:
        asked = requested(search, mapped, link, alias, since, number=number)
        return Judged(asked, unclear(search, mapped, link, alias, since, number=number))
    old, others = _old(search, mapped, link, alias), or_(*_others(search, link, alias, since, number))
    theirs = column("whose", "others")
    return Judged(
        and_(old, sql.SQL("NOT {}").format(theirs)),
        and_(old, theirs),
        sql.SQL(" CROSS JOIN LATERAL (SELECT ({}) IS TRUE AS others OFFSET 0) AS whose").format(others),
    )


def _old(search: Search, mapped: BoundTable, link: BoundLink, alias: str) -> sql.Composable:
    return TRUE if link.sure else old_enough(mapped, alias, search.cutoff)


def _others(
    search: Search, link: BoundLink, alias: str, since: sql.Composable | None, number: sql.Composable | None
) -> Iterator[sql.Composable]:
    """What makes it another's: it says so, or was there before this person had the value.

    A value leads to no row that names anybody: that person's own key leads there too. By a key it is the request's
    unless it names somebody else of the same kind as well; where the row above names people of several kinds, and goes
    with one of another kind, the others have no say. Nor if it names nobody itself, and a value in it is somebody
    else's. A row that is a person is not this one's if it has another key than theirs of a kind of which theirs is
    known: the row of their customer's number was handed to somebody else.
    """
    for one in link.told_by:
        yield Question(search, Who.ANYBODY, one.persons).asked_of(one, alias)
    for one in link.beside:
        other = Question(search, Who.OTHER, one.persons & link.found).asked_of(one, alias)
        going = Question(search, Who.GOING, link.persons - one.persons).asked_of(link, alias)
        if other is not FALSE:
            yield other if going is FALSE else and_(other, not_(going))
    yield from held_values.of_others(search, link, alias)
    for one in () if number is None else link.of_one_row:
        yield Question(search, Who.OTHER, one.person_keys - link.person_keys, number=number).asked_of(one, alias)
    if since is not None:
        yield older(link, alias, since)
