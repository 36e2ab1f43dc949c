"""E-mail files: one RFC 5322 message per file, in a directory from which the mail system sends.

The address is sealed in the ledger and stands nowhere else of ours. The directory is the mail system's: whoever reads
it reads addresses; it is to be emptied by sending, and belongs into no backup.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from expunge_config.datamap import Operator
from expunge_orchestrator.ledger import requests
from expunge_orchestrator.ledger import statements as ledger_statements
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.notifications import email_text, letter_facts
from expunge_orchestrator.notifications.events import Event
from expunge_orchestrator.notifications.webhook_sender import NotDeliveredError
from expunge_orchestrator.workspace import Workspace
from expunge_reports import dsse
from expunge_reports import statement as statements


def usable(contact: str) -> bool:
    """Whether letters can be sent there: one e-mail address, and nothing that a header could be broken with."""
    if not contact.isascii() or not contact.isprintable() or any(one in contact for one in ' ,;<>"()'):
        return False
    try:
        address = Address(addr_spec=contact)
    except (MessageError, ValueError, IndexError):
        return False
    return bool(address.username) and bool(address.domain)


def write(  # noqa: PLR0913, PLR0917 - what is to be told, of whom, to where
    workspace: Workspace, uid: str, request_id: int, event: Event, payload: Mapping[str, Any], at: datetime
) -> None:
    """Write the file of a letter, whole or not at all. Written once more, it has the same name and Message-ID.

    Raises:
        NotDeliveredError: The settings name no directory any more, it cannot be written, or the address is destroyed.
    """
    directory = workspace.settings.api.letters
    if directory is None:
        raise NotDeliveredError("the settings name no directory for letters any more")
    with reading(workspace.ledger) as connection:
        wanted = requests.by_id(connection, request_id)
        series = requests.series_of(connection, wanted)
        issued = [] if series is None else ledger_statements.of_series(connection, series)
    if wanted.contact_key is None or wanted.sealed_contact is None:
        raise NotDeliveredError("the address was destroyed")
    seal = ItemCipher(workspace.keys.wrapping)
    (contact,) = seal.open(wanted.contact_key, Sealed.CONTACT, wanted.uid, wanted.sealed_contact)
    facts = letter_facts.of_series([statements.parse(dsse.payload_of(one.envelope)) for one in issued])
    said = email_text.body(workspace.data_map, wanted, event, payload["data"].get("outcome"), facts)
    message = compose(workspace.data_map.operator, event, said, uid, contact.value, at)
    try:
        _put(directory, f"{uid}.eml", message.as_bytes(policy=SMTP))
    except OSError as error:
        raise NotDeliveredError(f"the directory for letters cannot be written ({type(error).__name__})") from None


def compose(  # noqa: PLR0913, PLR0917 - the parts of a letter
    operator: Operator, event: Event, said: str, uid: str, contact: str, at: datetime
) -> EmailMessage:
    """The letter. The person is not named in it."""
    sender = operator.contact if usable(operator.contact) else f"expunge@{operator.log_origin.partition('/')[0]}"
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(operator.name, addr_spec=sender)
    message["To"] = Address(addr_spec=contact)
    message["Date"] = at
    message["Message-ID"] = f"<{uid}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is answered to
    message["Subject"] = email_text.SUBJECTS[event]
    message.set_content(said)
    return message


def _put(directory: Path, name: str, data: bytes) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = directory / f".{name}.part"  # mail systems leave names with a dot alone
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(directory / name)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
