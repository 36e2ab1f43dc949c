"""Unmapped holds: holds that name what the data map or the stores do not have, and so hold nothing (ADR 6)."""

from __future__ import annotations

from collections.abc import Mapping

from expunge_config.datamap import DataMap
from expunge_config.errors import InputError
from expunge_config.settings import Settings
from expunge_connectors.contract import Finding, Scope, Severity, StoreConnector
from expunge_connectors.errors import ConnectorError, UnknownMemberError
from expunge_orchestrator import store_calls
from expunge_orchestrator.clock import now
from expunge_orchestrator.errors import LedgerError
from expunge_orchestrator.holds import legal_holds
from expunge_orchestrator.holds.legal_holds import Hold
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger.database import open_read_only
from expunge_orchestrator.rules.scope import collections_in, types_of
from expunge_orchestrator.subjects import renamed_identities

_IDENTITY = "an identity"


def findings(connection: Transaction, data_map: DataMap) -> list[Finding]:
    """One error for each kind of name that is missing.

    Not which name and not of which hold: a hold that may not be told is told apart from no other. `expunge holds list`
    says it to those who may see holds.
    """
    missing = {kind for one in legal_holds.in_force(connection) for kind in _missing(one, data_map)}
    return [
        Finding(
            Severity.ERROR,
            "hold-unmapped",
            "ledger",
            None,
            f"A hold or an exemption in force names {kind} that the data map does not have"
            f"{' or reads by another normaliser' if kind == _IDENTITY else ''}: it would hold nothing.",
            "Give it its name (and its normaliser) in the map again; or place the hold anew under the new name and lift"
            " the old one: `expunge holds list`.",
        )
        for kind in sorted(missing)
    ]


def names(hold: Hold, data_map: DataMap) -> list[str]:
    """What a hold names that the map does not have, or reads otherwise."""
    return sorted({name for missing in _missing(hold, data_map).values() for name in missing})


def _missing(hold: Hold, data_map: DataMap) -> dict[str, set[str]]:
    read = {name: identity.normaliser for name, identity in data_map.identities.items()}
    named = (
        ("a data type", hold.data_type, data_map.data_types),
        ("a controller", hold.controller, data_map.controllers),
    )
    missing = {
        **{kind: {name} for kind, name, known in named if name is not None and name not in known},
        _IDENTITY: {name for name, normaliser in hold.identities.items() if read.get(name) != normaliser},
    }
    return {kind: names for kind, names in missing.items() if names}


def ledger_findings(settings: Settings, data_map: DataMap) -> list[Finding]:
    """All that the ledger names, for `check`, which only looks: it makes no ledger, and an older one stays as it is."""
    try:
        with open_read_only(settings.ledger) as connection:
            if connection is None:
                return []
            return [*findings(connection, data_map), *renamed_identities.findings(connection, data_map)]
    except LedgerError:
        return [
            Finding(
                Severity.INFO,
                "ledger-unread",
                "ledger",
                None,
                "The ledger cannot be read, or another version of Expunge wrote it: whether a hold in force names what"
                " the data map does not have is unknown.",
                "Nothing, before an upgrade: the first command that works with it migrates it. Otherwise check"
                " EXPUNGE_LEDGER_URL and EXPUNGE_HOME.",
            )
        ]


def require_effective(data_type: str | None, controller: str | None, data_map: DataMap) -> None:
    """Refuse a hold on a data type of which the controller has nothing.

    Raises:
        InputError: It would be in force and hold nothing.
    """
    if data_type is None or controller is None:
        return
    known = types_of(Scope(controller), data_map)
    if data_type not in known:
        raise InputError(
            f"{controller} has no records of this data type: the hold would hold nothing.",
            remedy=f"Data types of {controller} are {', '.join(sorted(known))}; or leave the controller out.",
        )


def require_member(
    scope: Scope, data_map: DataMap, stores: Mapping[str, StoreConnector], at_once: int
) -> tuple[str, ...]:
    """Refuse a hold on a member whom no request can be for as it is spelled; each store is asked as a plan asks it.

    Returns:
        The stores that could not be asked: a hold has to be placed while a store is down, too.

    Raises:
        UnknownMemberError: A plan for that member is refused in the same words.
    """
    if scope.member is None:
        return ()

    def asked(name: str) -> bool:
        store = stores[name]
        try:
            store_calls.relations(store, scope)
            store.count([], scope, now())
        except UnknownMemberError:
            raise
        except ConnectorError:
            return False
        return True

    answers = store_calls.gather(collections_in(scope, data_map), asked, at_once)
    return tuple(sorted(name for name, answered in answers.items() if not answered))
