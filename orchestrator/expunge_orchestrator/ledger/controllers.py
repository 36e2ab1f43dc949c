"""Controllers in the ledger: which rows are of which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from expunge_connectors.contract import Scope


def within(
    controller: sa.ColumnElement[Any], member: sa.ColumnElement[Any], scopes: Sequence[Scope]
) -> sa.ColumnElement[bool]:
    """Rows of these controllers; a kind of controllers covers its members."""
    return sa.or_(
        sa.false(),
        *(
            controller == scope.controller
            if scope.member is None
            else sa.and_(controller == scope.controller, member == scope.member)
            for scope in scopes
        ),
    )
