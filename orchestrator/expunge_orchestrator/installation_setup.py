"""Installation setup: creates the keys, the empty log and the trust file that auditors pin; opens the log."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from expunge_config import regular_files
from expunge_config.datamap import Operator
from expunge_config.settings import Settings
from expunge_orchestrator.errors import KeysError, LedgerBusyError
from expunge_reports import dsse, trust
from expunge_reports import keys as key_files
from expunge_reports.errors import LogBusyError, LogError, ReportError
from expunge_reports.keys import KeyRing
from expunge_reports.log import signed_note
from expunge_reports.log.durable_files import make_private
from expunge_reports.log.transparency_log import Log, LogWriter

TRUST_FILE = "trust.json"
_PUT_BACK = f"Put {key_files.RECEIPT_FILE} and {TRUST_FILE} back beside the other keys, as they belong together."
_NO_LOG = "`expunge keys init` makes the log; EXPUNGE_LOG_DIR says where."


def initialise(settings: Settings, operator: Operator, at: datetime) -> Path:
    """Make keys, log and trust file, for nobody but the user whatever the umask; returns the trust file's path.

    Raises:
        KeysError: There are keys or a log already, or the places cannot be written.
    """
    try:
        make_private(settings.home)
        ring = key_files.generate(settings.keys)
        LogWriter.create(settings.log, operator.log_origin, ring.log).close()
    except (ReportError, OSError) as error:
        what = str(error) if isinstance(error, ReportError) else f"The keys cannot be made ({error.strerror})."
        raise KeysError(what, remedy="Choose other places with EXPUNGE_HOME, or keep the keys you have.") from None
    path = settings.keys / TRUST_FILE
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(trust.encode(build_trust(ring, operator, at)))
    return path


def build_trust(ring: KeyRing, operator: Operator, at: datetime) -> trust.Trust:
    """What an auditor needs to know: the operator's receipt key and log key. No witness yet: unanchored."""
    verifier = signed_note.log_key(operator.log_origin, ring.log.public_key())
    return trust.single_key(operator.name, ring.receipt.public_key(), at, verifier)


def require_trusted(settings: Settings, ring: KeyRing, at: datetime) -> None:
    """Make sure that the trust file beside the keys believes what the receipt key signs now.

    Otherwise no receipt could ever show what is done: a statement is signed once. Where there is no such file, exports
    and auditors are told.

    Raises:
        KeysError: It does not have the receipt key, or not at this time; or it cannot be used.
    """
    try:
        trusted = trust.parse(regular_files.read(settings.keys / TRUST_FILE))
    except OSError:
        return
    except ReportError as error:
        raise KeysError(f"{TRUST_FILE}: {error}", remedy=_PUT_BACK) from None
    key = trusted.receipt_keys.get(dsse.key_id(ring.receipt.public_key()))
    if key is None:
        raise KeysError(f"The trust file ({TRUST_FILE}) does not have the receipt key.", remedy=_PUT_BACK)
    if at < key.valid_from or (key.valid_until is not None and key.valid_until < at):
        raise KeysError(
            f"The trust file ({TRUST_FILE}) does not believe the receipt key at the time that the clock here shows.",
            remedy="Set the clock; or put the key in its place that is used now, and name it in the trust file.",
        )


def read_log(settings: Settings, operator: Operator, ring: KeyRing) -> Log:
    """The log as it stands now, for reading; nobody has to wait for its writer.

    Raises:
        KeysError: There is no log yet, or it belongs to other keys.
    """
    try:
        return Log.open(settings.log, signed_note.log_key(operator.log_origin, ring.log.public_key()))
    except LogError as error:
        raise KeysError(str(error), remedy=_NO_LOG) from None


def open_log(settings: Settings, operator: Operator, ring: KeyRing) -> LogWriter:
    """The log, for appending.

    Raises:
        KeysError: There is no log yet, or it belongs to other keys.
        LedgerBusyError: Another process is writing to it.
    """
    try:
        return LogWriter.open(settings.log, operator.log_origin, ring.log)
    except LogBusyError:
        raise LedgerBusyError(remedy="Wait for it: `expunge status` shows how far it is.") from None
    except LogError as error:
        raise KeysError(str(error), remedy=_NO_LOG) from None
