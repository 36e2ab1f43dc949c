"""Ledger check: is it behind its log, are these its keys, what the data map does not have or means otherwise by now.

A hold on such a name holds nothing (ADR 6). And kept under a name of an identity are the hashes of a person's values,
since when one was theirs, whose it is as two people said, and what an ended request left: under another name, or read
by another normaliser, none of it is found, and nobody would be told (ADR 18).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence

from expunge_config.datamap import DataMap, others_read_alike
from expunge_config.settings import Settings
from expunge_connectors.contract import Finding, Severity
from expunge_orchestrator.clock import now
from expunge_orchestrator.errors import RECONCILE, KeysError, LedgerBehindError, LedgerError
from expunge_orchestrator.ledger import Ledger, Transaction, holds, known_keys, statements
from expunge_orchestrator.ledger.database import open_read_only, reading
from expunge_orchestrator.ledger.entered_identities import entered
from expunge_orchestrator.rules.effective_holds import Hold
from expunge_reports import keys as key_files
from expunge_reports.errors import ReportError
from expunge_reports.keys import KeyRing
from expunge_reports.log.transparency_log import Log

_PUT_BACK = "Point EXPUNGE_KEYS_DIR at this ledger's keys, or put the files back from their own backup."

_IDENTITY = "an identity"
_KEPT = (
    "what is kept of them (holds, since when a number is theirs, whose a value is, what an ended request left, what is"
    " at work) would not be found"
)


def require_log_in_sync(ledger: Ledger, log: Log) -> None:
    """Hold a ledger against its log before anything is written.

    The log may have grown since it was opened, or the ledger since the log was: neither is an error. What the log holds
    and no statement of the ledger is, is one.

    Raises:
        LedgerBehindError: The log holds statements that this ledger does not know: the ledger was restored.
    """
    with reading(ledger) as connection:
        known = statements.how_many_logged(connection)
        leaves = statements.unlogged_leaves(connection)
        unknown = [index for index in range(known, log.size) if log.leaf(index) not in leaves]
        if not all(statements.is_noted(connection, index) for index in unknown):
            raise LedgerBehindError(remedy=RECONCILE)


def require_own_keys(ledger: Ledger, ring: KeyRing) -> None:
    """Make sure that these are the keys under which this ledger tags and seals; a new ledger is told them.

    Under another key no hold would be found that a person is under, no request, and nothing that is kept of anybody;
    and nobody could be shown which of the receipts so far is theirs.

    Raises:
        KeysError: One is another ledger's.
    """
    own = _fingerprints(ring)
    with reading(ledger) as connection:
        known = known_keys.known(connection)
    if not own.keys() <= known.keys():
        with ledger.begin() as connection:
            known_keys.remember(connection, own)
            known = known_keys.known(connection)
    if foreign := _foreign(known, own):
        raise KeysError(_of_another_ledger(foreign), remedy=_PUT_BACK)


def _fingerprints(ring: KeyRing) -> dict[str, bytes]:
    """File -> what the key in it is known by: its HMAC of a text, from which nobody learns the key."""
    secrets = {
        key_files.SUPPRESSION_FILE: ring.suppression,
        key_files.LOOKUP_FILE: ring.lookup,
        key_files.WRAPPING_FILE: ring.wrapping,
        key_files.OPENING_FILE: ring.opening,
    }
    return {
        name: hmac.digest(secret, f"expunge-known-key/1\x00{name}".encode(), "sha256")
        for name, secret in secrets.items()
    }


def _foreign(known: Mapping[str, bytes], own: Mapping[str, bytes]) -> list[str]:
    return sorted(name for name, fingerprint in own.items() if known.get(name, fingerprint) != fingerprint)


def _of_another_ledger(files: Sequence[str]) -> str:
    return (
        f"Not this ledger's: {', '.join(files)}. What it keeps of people, holds too, would not be found, or no opening"
        " of its receipts be made."
    )


def findings(connection: Transaction, data_map: DataMap) -> list[Finding]:
    """Errors: a hold in force names what is missing, or what is kept of people does."""
    return [
        *_unmapped_holds(connection, data_map),
        *_holds_read_alike(connection, data_map),
        *_renamed_identities(connection, data_map),
    ]


def ledger_findings(settings: Settings, data_map: DataMap) -> list[Finding]:
    """All that the ledger names, for `check`, which only looks: it makes no ledger, and an older one stays as it is."""
    try:
        with open_read_only(settings.ledger) as connection:
            if connection is None:
                return []
            return [*_keys_of_another_ledger(connection, settings), *findings(connection, data_map)]
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


def _keys_of_another_ledger(connection: Transaction, settings: Settings) -> Iterator[Finding]:
    try:
        own = _fingerprints(key_files.load(settings.keys))
    except ReportError:  # not there, or not to be read: every command that needs them says so
        return
    if foreign := _foreign(known_keys.known(connection), own):
        yield Finding(Severity.ERROR, "keys-of-another-ledger", "keys", None, _of_another_ledger(foreign), _PUT_BACK)


def unmapped_names(hold: Hold, data_map: DataMap) -> list[str]:
    """What a hold names that the map does not have, or reads otherwise."""
    return sorted({name for missing in _missing(hold, data_map).values() for name in missing})


def names_read_alike(hold: Hold, data_map: DataMap) -> list[str]:
    """Identities that the map reads, since the hold was placed, in a place where it reads one by which it holds."""
    alike = {other for name in hold.identities for other in others_read_alike(data_map, name)}
    known = {name for name in alike if hold.read_alike.get(name) == data_map.identities[name].normaliser}
    return sorted(alike - hold.identities.keys() - known)


def _holds_read_alike(connection: Transaction, data_map: DataMap) -> Iterator[Finding]:
    if any(names_read_alike(one, data_map) for one in holds.in_force(connection, now().date(), None)):
        yield Finding(
            Severity.ERROR,
            "hold-read-alike",
            "ledger",
            None,
            "A hold or an exemption in force names people by an identity, and the data map reads the same place by"
            " another one since: a request by that one would pass it by.",
            "Place the hold anew, by the same values, and lift the old one: `expunge holds list` says which.",
        )


def _unmapped_holds(connection: Transaction, data_map: DataMap) -> Iterator[Finding]:
    """One error for each kind of name that is missing.

    Not which name and not of which hold: a hold that may not be told is told apart from no other. `expunge holds list`
    says it to those who may see holds.
    """
    missing = {kind for one in holds.in_force(connection, now().date(), None) for kind in _missing(one, data_map)}
    for kind in sorted(missing):
        yield Finding(
            Severity.ERROR,
            "hold-unmapped",
            "ledger",
            None,
            f"A hold or an exemption in force names {kind} that the data map does not have"
            f"{' or reads by another normaliser' if kind == _IDENTITY else ''}: it would hold nothing.",
            "Give it its name (and its normaliser) in the map again; or place the hold anew under the new name and lift"
            " the old one: `expunge holds list`.",
        )


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


def _renamed_identities(connection: Transaction, data_map: DataMap) -> Iterator[Finding]:
    """One error for all names that are missing, and one for all that are read otherwise."""
    known = entered(connection)
    if gone := sorted(known.keys() - data_map.identities.keys()):
        yield Finding(
            Severity.ERROR,
            "identity-renamed",
            "ledger",
            None,
            f"The ledger knows people by {', '.join(gone)}, which the data map does not have: {_KEPT}.",
            "Give the identity its name again: a name is for good. Where nothing is found by it any more, declare it"
            " all the same.",
        )
    read = {name: identity.normaliser for name, identity in data_map.identities.items()}
    for name in sorted(known.keys() & read.keys()):
        if read[name] != known[name]:
            yield Finding(
                Severity.ERROR,
                "normaliser-changed",
                "ledger",
                None,
                f"The ledger knows people by {name} as {known[name]} reads it, and the data map reads it by"
                f" {read[name]}: {_KEPT}.",
                f"Give {name} its normaliser again: it is for good. Declare another identity with {read[name]} and let"
                " records be found by both.",
            )
