"""Backup copies in the data map: where they are kept, or that there are none."""

from __future__ import annotations

from expunge_config.datamap.base import Model, Name, Text

LEDGER = "ledger"
"""What backup places call Expunge's own ledger; no store has this name."""


class BackupSpec(Model):
    """Where copies of a store's data are kept. `of` names the store that is copied, or says `ledger`."""

    of: Name


class NoBackups(Model):
    """That no backup copies are made, of one store or of all: a decision that somebody stands by.

    Attributes:
        none: Why there are none.
    """

    none: Text
    approved_by: Text
